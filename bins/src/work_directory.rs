//! Where a process keeps its own files: owns the choice between a directory the user named and a private temporary one,
//! which is removed at the end, by a guard if need be, and by the next start beside it where that died, too.
//!
//! A private directory holds a file that is locked as long as its process lives: so leftovers are told from neighbours, and from
//! what only happens to be called like them.

use crate::failures::bytes;
use net::GuardHandle;
use net::os_error::os_error;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use windrow_core::failure::{Cause, Failure};

/// What private directories are called, and the locked file in each.
const PREFIX: &str = "windrow-";
const LOCK_NAME: &str = "windrow.lock";

/// A directory that is there, by its absolute path.
#[derive(Debug)]
pub enum WorkDirectory {
    /// The user's: stays.
    Named(PathBuf),
    /// Ours: goes when this is dropped.
    Private(TempDir, File),
}

impl WorkDirectory {
    /// For a server: the directory that was named, made if it is missing; else a private one.
    pub fn of_server(named: Option<&Path>, guard: &GuardHandle) -> Result<WorkDirectory, Failure> {
        match named {
            Some(path) => made(path).map(WorkDirectory::Named),
            None => private().map(|directory| WorkDirectory::guarded(directory, guard)),
        }
    }

    /// For a `run`: always a private one, in the directory that was named (made if it is missing) or where temporary
    /// files go.
    pub fn of_run(named: Option<&Path>, guard: &GuardHandle) -> Result<WorkDirectory, Failure> {
        match named {
            Some(path) => private_in(&made(path)?).map_err(|error| failure(path, &error)),
            None => private(),
        }
        .map(|directory| WorkDirectory::guarded(directory, guard))
    }

    fn guarded((directory, lock): (TempDir, File), guard: &GuardHandle) -> WorkDirectory {
        guard.remove_at_death(directory.path());
        WorkDirectory::Private(directory, lock)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        match self {
            WorkDirectory::Named(path) => path,
            WorkDirectory::Private(directory, _) => directory.path(),
        }
    }
}

fn failure(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Cause::WorkDirectory { path: bytes(path), error: os_error(error) })
}

fn made(path: &Path) -> Result<PathBuf, Failure> {
    let failed = |error| failure(path, &error);
    let path = std::path::absolute(path).map_err(failed)?;
    fs::create_dir_all(&path).map_err(failed)?;
    Ok(path)
}

/// Where temporary files go: an empty `TMPDIR` is none.
fn private() -> Result<(TempDir, File), Failure> {
    let Some(parent) = std::env::var_os("TMPDIR").filter(|path| !path.is_empty()) else {
        let parent = Path::new("/tmp");
        return private_in(parent).map_err(|error| failure(parent, &error));
    };
    let parent = PathBuf::from(parent);
    private_in(&parent).map_err(|error| {
        let mut error = os_error(&fs::read_dir(&parent).err().unwrap_or(error));
        error.text += " (TMPDIR names it)";
        Failure::new(Cause::WorkDirectory { path: bytes(&parent), error })
    })
}

fn private_in(parent: &Path) -> io::Result<(TempDir, File)> {
    let parent = std::path::absolute(parent)?;
    clear_leftovers(&parent);
    let owner_only = fs::Permissions::from_mode(0o700);
    let directory = tempfile::Builder::new().prefix(PREFIX).permissions(owner_only).tempdir_in(parent)?;
    // It has its name only once it is locked: nobody may take it for a dead one's in between.
    let being_made = directory.path().join("being-made");
    let lock = File::create_new(&being_made)?;
    lock.try_lock()?;
    fs::rename(being_made, directory.path().join(LOCK_NAME))?;
    Ok((directory, lock))
}

/// Removes the private directories of processes that are dead. What cannot be looked at or removed is somebody else's.
fn clear_leftovers(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let is_one = entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes())
            && entry.file_type().is_ok_and(|kind| kind.is_dir());
        let lock = is_one.then(|| File::open(entry.path().join(LOCK_NAME)).ok()).flatten();
        if lock.is_some_and(|lock| lock.try_lock().is_ok()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_directory_is_made_and_stays() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("a/b");
        let directory = WorkDirectory::of_server(Some(&path), &GuardHandle::default()).unwrap();
        assert_eq!(directory.path(), path);
        drop(directory);
        assert!(path.is_dir());
    }

    #[test]
    fn a_run_works_in_private_and_leaves_nothing() {
        let base = tempfile::tempdir().unwrap();
        let directory = WorkDirectory::of_run(Some(base.path()), &GuardHandle::default()).unwrap();
        let path = directory.path().to_path_buf();
        assert_eq!(path.parent(), Some(base.path()));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        fs::write(path.join("x"), "x").unwrap();
        drop(directory);
        assert!(!path.exists() && base.path().exists());
    }

    #[test]
    fn what_the_dead_left_goes_and_what_the_living_have_stays() {
        let base = tempfile::tempdir().unwrap();
        let start = || WorkDirectory::of_run(Some(base.path()), &GuardHandle::default()).unwrap();
        let neighbour = start();
        for (name, file) in [("windrow-dead", LOCK_NAME), ("windrow-data", "x"), ("other", LOCK_NAME)] {
            fs::create_dir(base.path().join(name)).unwrap();
            fs::write(base.path().join(name).join(file), "").unwrap();
        }
        let ours = start();
        let is_there = |name: &str| base.path().join(name).exists();
        assert!(!is_there("windrow-dead"));
        assert!(is_there("windrow-data") && is_there("other"));
        assert!(neighbour.path().exists() && ours.path().exists());
    }

    #[test]
    fn what_cannot_be_made_is_named() {
        let base = tempfile::tempdir().unwrap();
        let file = base.path().join("file");
        fs::write(&file, "").unwrap();
        let failure =
            WorkDirectory::of_server(Some(&file.join("below")), &GuardHandle::default()).unwrap_err();
        assert!(failure.to_string().contains("file/below"), "{failure}");
        assert!(failure.to_string().contains("give a --work-dir"), "{failure}");
    }
}
