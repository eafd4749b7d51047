//! A worker's scratch: owns the directory of one incarnation, and clears what dead ones left behind.
//!
//! The directory is locked for as long as its worker lives, so leftovers are told from neighbours by their locks.

use crate::guard::GuardHandle;
use crate::path::path_bytes;
use crate::work_directory::unusable;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use windrow_core::failure::Failure;
use windrow_core::ids::Incarnation;
use windrow_core::job::PathBytes;

const PREFIX: &str = "worker-";

/// A private directory; it is removed when this is dropped.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    _lock: File,
}

impl Scratch {
    /// Makes an empty directory in `work_directory`, which is made if it is missing, and clears what dead workers left
    /// there.
    pub fn create(
        work_directory: &Path,
        incarnation: Incarnation,
        guard: &GuardHandle,
    ) -> Result<Scratch, Failure> {
        create(work_directory, incarnation, guard).map_err(|error| unusable(work_directory, &error))
    }

    /// Where it is, from the root.
    pub fn path(&self) -> PathBytes {
        path_bytes(&self.path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "the worker's scratch could not be removed");
        }
    }
}

fn create(work_directory: &Path, incarnation: Incarnation, guard: &GuardHandle) -> io::Result<Scratch> {
    fs::create_dir_all(work_directory)?;
    let work_directory = work_directory.canonicalize()?;
    // Held while one's own is made and locked: nobody may take it for a leftover in between.
    let door = File::open(&work_directory)?;
    flock(&door, FlockOperation::LockExclusive)?;
    clear_leftovers(&work_directory)?;
    let path = work_directory.join(format!("{PREFIX}{:016x}", incarnation.0));
    guard.remove_at_death(&path);
    DirBuilder::new().mode(0o700).create(&path)?;
    let lock = File::open(&path)?;
    flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
    Ok(Scratch { path, _lock: lock })
}

fn clear_leftovers(work_directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(work_directory)? {
        let entry = entry?;
        if !entry.file_name().as_bytes().starts_with(PREFIX.as_bytes()) || !entry.file_type()?.is_dir() {
            continue;
        }
        let lock = match File::open(entry.path()) {
            Ok(lock) => lock,
            // Its worker removes it at this moment.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                tracing::info!(path = %entry.path().display(), "removing what a dead worker left behind");
                match fs::remove_dir_all(entry.path()) {
                    // Its guard is at it, too.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    result => result?,
                }
            }
            Err(Errno::WOULDBLOCK) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::as_path;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn leftovers_go_and_neighbours_stay() {
        let directory = tempfile::tempdir().unwrap();
        let work = directory.path().join("work");
        let neighbour = Scratch::create(&work, Incarnation(1), &GuardHandle::default()).unwrap();
        fs::create_dir_all(work.join("worker-000000000000dead/job-1")).unwrap();
        fs::create_dir(work.join("something else")).unwrap();
        let ours = Scratch::create(&work, Incarnation(2), &GuardHandle::default()).unwrap();
        assert!(!work.join("worker-000000000000dead").exists());
        assert!(work.join("something else").exists());
        for scratch in [&neighbour, &ours] {
            let mode = fs::metadata(as_path(&scratch.path())).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700);
        }
        let path = ours.path();
        fs::write(as_path(&path.join("run")), "x").unwrap();
        drop(ours);
        assert!(!as_path(&path).exists() && as_path(&neighbour.path()).exists());
    }
}
