//! Paths: owns the way between [`PathBytes`] and [`Path`]. On Unix both are the same bytes.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use windrow_core::job::PathBytes;

/// The same path, for the standard library.
pub fn as_path(path: &PathBytes) -> &Path {
    Path::new(std::ffi::OsStr::from_bytes(&path.0))
}

/// The same path, for the machines.
pub fn path_bytes(path: &Path) -> PathBytes {
    PathBytes(path.as_os_str().as_bytes().to_vec())
}
