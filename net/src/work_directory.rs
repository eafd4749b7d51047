//! The Manager's work directory: owns its lock, and from which number the next epoch follows.
//!
//! Two Managers on one directory would write one journal: the second is refused. The lock goes with the process,
//! however that ends.

use crate::os_error::os_error;
use crate::path::path_bytes;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use windrow_core::failure::{Cause, Failure};
use windrow_core::ids::Epoch;

const LOCK_NAME: &str = "manager.lock";
const JOURNAL_PREFIX: &[u8] = b"journal-";

/// A work directory that is this Manager's alone.
#[derive(Debug)]
pub struct WorkDirectory {
    path: PathBuf,
    _lock: File,
}

impl WorkDirectory {
    /// Makes the directory if it is not there, and takes it.
    pub fn take(path: &Path) -> Result<WorkDirectory, Failure> {
        let lock = fs::create_dir_all(path)
            .and_then(|()| {
                File::options().create(true).truncate(false).write(true).open(path.join(LOCK_NAME))
            })
            .map_err(|error| unusable(path, &error))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(WorkDirectory { path: path.to_owned(), _lock: lock }),
            Err(Errno::WOULDBLOCK) => Err(Failure::new(Cause::WorkDirectoryTaken { path: path_bytes(path) })),
            Err(error) => Err(unusable(path, &error.into())),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file that holds the journal of a life.
    pub fn journal_path(&self, epoch: Epoch) -> PathBuf {
        self.path.join(format!("journal-{epoch}"))
    }

    /// The epoch of a life that begins now: one more than the greatest of which there is a journal.
    pub fn next_epoch(&self) -> Result<Epoch, Failure> {
        self.greatest_epoch()
            .map(|greatest| Epoch(greatest + 1))
            .map_err(|error| unusable(&self.path, &error))
    }

    fn greatest_epoch(&self) -> io::Result<u64> {
        let mut greatest = 0;
        for entry in fs::read_dir(&self.path)? {
            let name = entry?.file_name();
            let number =
                name.as_bytes().strip_prefix(JOURNAL_PREFIX).and_then(|digits| str::from_utf8(digits).ok());
            greatest = greatest.max(number.and_then(|digits| digits.parse().ok()).unwrap_or(0));
        }
        Ok(greatest)
    }
}

/// A work directory that cannot be used.
pub(crate) fn unusable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Cause::WorkDirectory { path: path_bytes(path), error: os_error(error) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_manager_is_refused_until_the_first_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("made/for/it");
        let first = WorkDirectory::take(&path).unwrap();
        let refusal = WorkDirectory::take(&path).unwrap_err();
        assert!(
            matches!(&refusal.cause, Cause::WorkDirectoryTaken { path: named } if *named == path_bytes(&path)),
            "{refusal:?}"
        );
        drop(first);
        WorkDirectory::take(&path).unwrap();
    }

    #[test]
    fn epochs_only_grow() {
        let directory = tempfile::tempdir().unwrap();
        let work = WorkDirectory::take(directory.path()).unwrap();
        assert_eq!(work.next_epoch().unwrap(), Epoch(1));
        for name in ["journal-9", "journal-10", "journal-x", "other-77"] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        assert_eq!(work.next_epoch().unwrap(), Epoch(11));
        assert_eq!(work.journal_path(Epoch(11)), directory.path().join("journal-11"));
    }

    #[test]
    fn a_file_is_no_work_directory() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let failure = WorkDirectory::take(file.path()).unwrap_err();
        assert!(matches!(failure.cause, Cause::WorkDirectory { .. }));
    }
}
