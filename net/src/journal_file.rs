//! The journal's file: owns its format, and the thread that appends and syncs.
//!
//! One file for each life of the Manager. It begins with [`MAGIC`] and [`FORMAT_VERSION`]; each record is its length,
//! its checksum (CRC-32 of all that follows and of the length), its sequence number and its payload, integers in
//! little-endian. Records that arrive while one sync runs share the next. A failed write or sync is fatal: what the
//! file holds then is unknown until another life reads it.

use crate::os_error::{cannot_start, os_error};
use crate::path::path_bytes;
use crate::thread;
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use windrow_core::failure::{Cause, Failure};
use windrow_core::ids::Sequence;

/// The first bytes of a journal.
pub const MAGIC: [u8; 8] = *b"WINDROWJ";
/// The version of the format, which follows the magic.
pub const FORMAT_VERSION: u32 = 1;
/// Bytes of a record before its payload.
pub const RECORD_HEADER_BYTES: usize = 16;

/// Records are gathered for one write up to about so many bytes.
const GROUP_BYTES: usize = 4 << 20;

/// What a journal tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JournalReport {
    /// Every record up to this one is durable.
    Persisted(Sequence),
    /// The journal cannot be written; the process must end.
    Failed(Failure),
}

/// A journal being written; dropping it waits until all was.
#[derive(Debug)]
pub struct JournalFile {
    records: Option<Sender<(Sequence, Vec<u8>)>>,
    thread: Option<JoinHandle<()>>,
}

impl JournalFile {
    /// Makes the file, which must not be there, and starts the thread. `report` is called on it.
    pub fn create(
        path: PathBuf,
        report: impl FnMut(JournalReport) + Send + 'static,
    ) -> Result<JournalFile, Failure> {
        let file = begin_file(&path).map_err(|error| unwritable(&path, &error))?;
        let (records, receiver) = unbounded();
        let writer = Writer { path, file, group: Vec::new(), report };
        let thread = thread::spawn("journal", move || writer.run(&receiver))
            .map_err(|error| cannot_start("the journal's thread", &error))?;
        Ok(JournalFile { records: Some(records), thread: Some(thread) })
    }

    /// Appends a record; its report follows, unless the journal failed before.
    pub fn append(&self, sequence: Sequence, record: Vec<u8>) {
        let records = self.records.as_ref().expect("the journal is open until it is dropped");
        // A journal that failed has said so, once.
        let _ = records.send((sequence, record));
    }
}

impl Drop for JournalFile {
    fn drop(&mut self) {
        self.records = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The file with its first bytes, durable, its name included.
fn begin_file(path: &Path) -> io::Result<File> {
    let mut file = File::options().append(true).create_new(true).open(path)?;
    file.write_all(&[&MAGIC[..], &FORMAT_VERSION.to_le_bytes()].concat())?;
    file.sync_all()?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()?;
    Ok(file)
}

struct Writer<R> {
    path: PathBuf,
    file: File,
    group: Vec<u8>,
    report: R,
}

impl<R: FnMut(JournalReport)> Writer<R> {
    fn run(mut self, records: &Receiver<(Sequence, Vec<u8>)>) {
        while let Ok((mut last, record)) = records.recv() {
            self.group.clear();
            encode_record(last, &record, &mut self.group);
            while self.group.len() < GROUP_BYTES
                && let Ok((sequence, record)) = records.try_recv()
            {
                assert_eq!(sequence.0, last.0 + 1, "the journal has a gap");
                last = sequence;
                encode_record(sequence, &record, &mut self.group);
            }
            let written = self.file.write_all(&self.group).and_then(|()| self.file.sync_data());
            match written {
                Ok(()) => (self.report)(JournalReport::Persisted(last)),
                Err(error) => {
                    (self.report)(JournalReport::Failed(unwritable(&self.path, &error)));
                    return;
                }
            }
        }
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Cause::Journal { path: path_bytes(path), error: os_error(error) })
}

/// Puts a record, as the file holds it, at the end of `to`.
fn encode_record(sequence: Sequence, payload: &[u8], to: &mut Vec<u8>) {
    let length = u32::try_from(payload.len()).expect("a record is far smaller than 4 GiB");
    to.extend_from_slice(&length.to_le_bytes());
    to.extend_from_slice(&checksum(length, sequence, payload).to_le_bytes());
    to.extend_from_slice(&sequence.0.to_le_bytes());
    to.extend_from_slice(payload);
}

fn checksum(length: u32, sequence: Sequence, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length.to_le_bytes());
    hasher.update(&sequence.0.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

#[cfg(test)]
mod tests;
