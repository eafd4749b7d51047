//! The journal's files: owns the thread that appends and syncs, and when a file gives way to the next.
//!
//! How bytes stand in a file is core's (`manager/journal/format.rs`). A file begins with a snapshot, which is durable, with the
//! file's name, before anything follows it and before the files that it replaces are removed. Records that arrive while one
//! sync runs share the next. A failed write or sync is fatal: what the file holds then is unknown until another life
//! reads it.

use crate::os_error::{cannot_start, os_error};
use crate::path::path_bytes;
use crate::thread;
use crate::work_directory::Journals;
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use windrow_core::failure::{Cause, Failure};
use windrow_core::ids::Sequence;
use windrow_core::manager::journal::format;

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

/// What it is given.
#[derive(Debug)]
enum Entry {
    /// The first record of a new file.
    Snapshot(Sequence, Vec<u8>),
    /// Another record.
    Record(Sequence, Vec<u8>),
}

/// A journal being written; dropping it waits until all was.
#[derive(Debug)]
pub struct JournalWriter {
    entries: Option<Sender<Entry>>,
    thread: Option<JoinHandle<()>>,
}

impl JournalWriter {
    /// Starts the thread. `report` is called on it.
    pub fn start(
        journals: Journals,
        report: impl FnMut(JournalReport) + Send + 'static,
    ) -> Result<JournalWriter, Failure> {
        let (entries, receiver) = unbounded();
        let writer = Writer { journals, current: None, durable: Sequence(0), group: Vec::new(), report };
        let thread = thread::spawn("journal", move || writer.run(&receiver))
            .map_err(|error| cannot_start("the journal's thread", &error))?;
        Ok(JournalWriter { entries: Some(entries), thread: Some(thread) })
    }

    /// Begins a new file with a snapshot; its report follows, unless the journal failed before.
    pub fn begin(&self, sequence: Sequence, snapshot: Vec<u8>) {
        self.give(Entry::Snapshot(sequence, snapshot));
    }

    /// Appends a record; its report follows, unless the journal failed before.
    pub fn append(&self, sequence: Sequence, record: Vec<u8>) {
        self.give(Entry::Record(sequence, record));
    }

    fn give(&self, entry: Entry) {
        let entries = self.entries.as_ref().expect("the journal is open until it is dropped");
        // A journal that failed has said so, once.
        let _ = entries.send(entry);
    }
}

impl Drop for JournalWriter {
    fn drop(&mut self) {
        self.entries = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Writer<R> {
    journals: Journals,
    current: Option<(PathBuf, File)>,
    /// All records up to this one are durable.
    durable: Sequence,
    group: Vec<u8>,
    report: R,
}

impl<R: FnMut(JournalReport)> Writer<R> {
    fn run(mut self, entries: &Receiver<Entry>) {
        let mut next = None;
        while let Some(entry) = next.take().or_else(|| entries.recv().ok()) {
            let written = match entry {
                Entry::Snapshot(sequence, snapshot) => self.begin_file(sequence, &snapshot),
                Entry::Record(sequence, record) => {
                    next = self.gather(sequence, &record, entries);
                    self.write_group()
                }
            };
            match written {
                Ok(()) => (self.report)(JournalReport::Persisted(self.durable)),
                Err(failure) => return (self.report)(JournalReport::Failed(failure)),
            }
        }
    }

    /// Gathers a record and those that wait behind it; the first entry that does not belong to them.
    fn gather(&mut self, first: Sequence, record: &[u8], entries: &Receiver<Entry>) -> Option<Entry> {
        self.group.clear();
        let (durable, mut last) = (self.durable, first);
        format::append_record(first, durable, record, &mut self.group);
        let mut next = None;
        while self.group.len() < GROUP_BYTES
            && let Ok(entry) = entries.try_recv()
        {
            match entry {
                Entry::Record(sequence, record) => {
                    assert_eq!(sequence.0, last.0 + 1, "the journal has a gap");
                    last = sequence;
                    format::append_record(sequence, durable, &record, &mut self.group);
                }
                snapshot @ Entry::Snapshot(..) => {
                    next = Some(snapshot);
                    break;
                }
            }
        }
        self.durable = last;
        next
    }

    fn write_group(&mut self) -> Result<(), Failure> {
        let (path, file) = self.current.as_mut().expect("a journal begins with a snapshot");
        file.write_all(&self.group).and_then(|()| file.sync_data()).map_err(|error| unwritable(path, &error))
    }

    fn begin_file(&mut self, sequence: Sequence, snapshot: &[u8]) -> Result<(), Failure> {
        let number = self.journals.take_number();
        let path = self.journals.path_of(number);
        let mut bytes = format::file_header().to_vec();
        format::append_record(sequence, self.durable, snapshot, &mut bytes);
        let file = write_file(&path, &bytes).map_err(|error| unwritable(&path, &error))?;
        self.current = Some((path, file));
        self.durable = sequence;
        self.journals.remove_before(number);
        Ok(())
    }
}

/// A new file with these bytes, durable, its name included.
fn write_file(path: &Path, bytes: &[u8]) -> io::Result<File> {
    let mut file = File::options().append(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()?;
    Ok(file)
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Cause::Journal { path: path_bytes(path), error: os_error(error) })
}

#[cfg(test)]
mod tests;
