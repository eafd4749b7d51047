//! The Manager's work directory: owns its lock, and which of the journals in it counts.
//!
//! Two Managers on one directory would write one journal: the second is refused. The lock goes with the process,
//! however that ends. The last file with a whole snapshot counts, and each life begins another.

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
use windrow_core::manager::jobs::Jobs;
use windrow_core::manager::journal::format::{self, Folded};

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

    /// The journals in it.
    ///
    /// # Errors
    /// [`Cause::WorkDirectory`] where it cannot be read.
    pub fn journals(&self) -> Result<Journals, Failure> {
        Journals::find(&self.path).map_err(|error| unusable(&self.path, &error))
    }
}

/// The journals of a work directory, numbered: the files `journal-1`, `journal-2` and so on.
#[derive(Debug)]
pub struct Journals {
    directory: PathBuf,
    /// In order.
    numbers: Vec<u64>,
    next: u64,
}

/// What the lives before have left.
#[derive(Debug)]
pub struct Recovered {
    /// What their records amount to.
    pub jobs: Jobs,
    /// How many records were read.
    pub records: usize,
    /// Bytes at the end that were being written when the last life ended, and are cut off.
    pub torn_bytes: usize,
}

impl Journals {
    fn find(directory: &Path) -> io::Result<Journals> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(directory)? {
            let name = entry?.file_name();
            let number =
                name.as_bytes().strip_prefix(JOURNAL_PREFIX).and_then(|digits| str::from_utf8(digits).ok());
            numbers.extend(number.and_then(|digits| digits.parse::<u64>().ok()));
        }
        numbers.sort_unstable();
        let next = numbers.last().map_or(1, |last| last + 1);
        Ok(Journals { directory: directory.to_owned(), numbers, next })
    }

    /// The epoch of a life that begins now: greater than all before, for each has a file of its own.
    pub fn next_epoch(&self) -> Epoch {
        Epoch(self.next)
    }

    /// Reads the last file that counts.
    ///
    /// # Errors
    /// [`Cause::JournalDamaged`] where it is not as it was left.
    pub fn recover(&self) -> Result<Recovered, Failure> {
        for number in self.numbers.iter().rev() {
            let path = self.path_of(*number);
            let bytes = fs::read(&path).map_err(|error| unusable(&path, &error))?;
            match format::fold(&bytes) {
                Ok(Some(Folded { jobs, records, torn_bytes })) => {
                    return Ok(Recovered { jobs, records, torn_bytes });
                }
                // Its life ended while it was being made: the one before was to be kept until then.
                Ok(None) => {}
                Err(damage) => return Err(damaged(&path, damage.to_string())),
            }
        }
        match self.numbers[..] {
            [] | [1] => Ok(Recovered { jobs: Jobs::default(), records: 0, torn_bytes: 0 }),
            [first, ..] => Err(damaged(&self.path_of(first), "it holds nothing, and no other does".into())),
        }
    }

    /// Where a file lies.
    pub(crate) fn path_of(&self, number: u64) -> PathBuf {
        self.directory.join(format!("journal-{number}"))
    }

    /// A number for a new file.
    pub(crate) fn take_number(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        self.numbers.push(number);
        number
    }

    /// Removes the files before this one.
    pub(crate) fn remove_before(&mut self, number: u64) {
        let (old, kept) = self.numbers.iter().partition::<Vec<u64>, _>(|old| **old < number);
        self.numbers = kept;
        for old in old {
            let path = self.path_of(old);
            if let Err(error) = fs::remove_file(&path) {
                tracing::warn!(path = %path.display(), "a journal that is not needed any more stays: {error}");
            }
        }
    }
}

fn damaged(path: &Path, damage: String) -> Failure {
    Failure::new(Cause::JournalDamaged { path: path_bytes(path), damage })
}

/// A work directory that cannot be used.
pub(crate) fn unusable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Cause::WorkDirectory { path: path_bytes(path), error: os_error(error) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use windrow_core::ids::Sequence;
    use windrow_core::manager::journal::Record;
    use windrow_core::wire::frame;

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

    /// A journal's file with a snapshot, and so many records of new lives.
    fn file(lives: u64) -> Vec<u8> {
        let mut bytes = format::file_header().to_vec();
        let snapshot = Record::Snapshot(Jobs::default().into());
        format::append_record(Sequence(1), Sequence(0), &frame::encode(&snapshot), &mut bytes);
        for epoch in 1..=lives {
            let record = frame::encode(&Record::EpochBegan { epoch: Epoch(epoch) });
            format::append_record(Sequence(epoch + 1), Sequence(epoch), &record, &mut bytes);
        }
        bytes
    }

    fn recovered(files: &[(&str, &[u8])]) -> Result<(Epoch, usize, usize, Epoch), Failure> {
        let directory = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            fs::write(directory.path().join(name), bytes).unwrap();
        }
        let journals = WorkDirectory::take(directory.path()).unwrap().journals().unwrap();
        let Recovered { jobs, records, torn_bytes } = journals.recover()?;
        Ok((jobs.epoch(), records, torn_bytes, journals.next_epoch()))
    }

    #[test]
    fn epochs_only_grow_and_the_last_file_counts() {
        assert_eq!(recovered(&[]).unwrap(), (Epoch(0), 0, 0, Epoch(1)));
        let (old, new) = (file(9), file(3));
        let files: [(&str, &[u8]); 4] =
            [("journal-9", &old), ("journal-10", &new), ("journal-x", b""), ("other-77", b"")];
        assert_eq!(recovered(&files).unwrap(), (Epoch(3), 4, 0, Epoch(11)));
    }

    #[test]
    fn a_file_that_was_being_made_gives_way_to_the_one_before() {
        let (old, new) = (file(9), file(0));
        for length in 0..new.len() {
            let files: [(&str, &[u8]); 2] = [("journal-9", &old), ("journal-10", &new[..length])];
            assert_eq!(recovered(&files).unwrap(), (Epoch(9), 10, 0, Epoch(11)), "{length} bytes");
        }
        assert_eq!(recovered(&[("journal-1", &new[..5])]).unwrap(), (Epoch(0), 0, 0, Epoch(2)));
    }

    #[test]
    fn what_was_not_durable_is_cut_off_and_what_was_is_missed() {
        let whole = file(3);
        assert_eq!(recovered(&[("journal-1", &whole[..whole.len() - 1])]).unwrap().0, Epoch(2));
        let mut flipped = whole.clone();
        flipped[format::FILE_HEADER_BYTES + format::RECORD_HEADER_BYTES] ^= 1;
        for (files, words) in [
            ([("journal-1", &flipped[..])], "byte 12 is damaged"),
            ([("journal-2", &whole[..3])], "no other does"),
            ([("journal-2", &b"#!/bin/sh\necho"[..])], "does not begin as a journal"),
        ] {
            let failure = recovered(&files).unwrap_err();
            assert!(
                matches!(&failure.cause, Cause::JournalDamaged { damage, .. } if damage.contains(words)),
                "{failure}"
            );
        }
    }

    #[test]
    fn a_file_is_no_work_directory() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let failure = WorkDirectory::take(file.path()).unwrap_err();
        assert!(matches!(failure.cause, Cause::WorkDirectory { .. }));
    }
}
