//! Permissions: owns what of a file system the cluster has no right to.

use super::{FileSystem, error};
use windrow_core::failure::{OsError, OsErrorKind};
use windrow_core::job::PathBytes;

impl FileSystem {
    /// Lets nobody open this file, or make anything in this directory.
    pub fn forbid(&mut self, path: PathBytes) {
        self.forbidden.insert(path.0);
    }

    /// Refuses what is forbidden.
    pub(super) fn is_allowed(&self, path: &PathBytes) -> Result<(), OsError> {
        if self.forbidden.contains(&path.0) { Err(error(OsErrorKind::PermissionDenied)) } else { Ok(()) }
    }
}
