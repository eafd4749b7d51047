//! What touches the operating system.
