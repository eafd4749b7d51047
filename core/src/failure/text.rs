//! How a failure reads to a person: what happened, to which job, task and file, and what to do.
//!
//! The one place that words failures.
