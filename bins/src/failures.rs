//! Failures that the command notices by itself: owns their making, never their wording.

use net::os_error::os_error;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use windrow_core::failure::{Cause, Failure};
use windrow_core::job::PathBytes;

/// An option, or several together, that make no sense: what, and what to do, each without a full stop.
pub fn invalid(what: impl Into<String>, remedy: impl Into<String>) -> Failure {
    Failure::new(Cause::Invalid { what: what.into(), remedy: remedy.into() })
}

/// Something in the work directory that cannot be used.
pub fn work_directory(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Cause::Scratch { path: bytes(path), error: os_error(error) })
}

/// A file that cannot be written.
pub fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Cause::OutputUnwritable { path: bytes(path), error: os_error(error) })
}

/// A path or a word as core carries it.
pub fn bytes(text: impl AsRef<OsStr>) -> PathBytes {
    PathBytes(text.as_ref().as_bytes().to_vec())
}
