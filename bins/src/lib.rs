//! The `windrow` command.
