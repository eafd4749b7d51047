//! The Manager's journal: owns its files, byte for byte, as the disk keeps them through every death, and what of them each
//! life has made durable.
//!
//! A file is written as `net` writes it: a snapshot alone into a new one, after which older ones are removed; other records
//! in groups. A death in the middle of a write leaves any part of the group, with what lies between perhaps never written.

use crate::stream::Stream;
use std::collections::{BTreeMap, VecDeque};
use windrow_core::ids::Sequence;
use windrow_core::manager::jobs::Jobs;
use windrow_core::manager::journal::{Record, format};
use windrow_core::wire::frame;

/// The directory that outlives every Manager.
#[derive(Debug, Default)]
pub struct JournalDisk {
    files: BTreeMap<u64, File>,
    last: u64,
    lives: Vec<Vec<Record>>,
}

/// What a life has still to write.
#[derive(Debug)]
pub struct JournalWriter {
    file: u64,
    waiting: VecDeque<Entry>,
    /// How many of those that wait are being written.
    writing: usize,
    durable: Sequence,
}

#[derive(Debug)]
struct File {
    bytes: Vec<u8>,
    /// Which life wrote it.
    life: usize,
    /// Records in it that became durable while that life could see it.
    durable: usize,
}

#[derive(Debug)]
struct Entry {
    sequence: Sequence,
    bytes: Vec<u8>,
    is_snapshot: bool,
}

impl JournalDisk {
    /// What a Manager that starts now reads, and the writer for its own life.
    ///
    /// # Panics
    /// If what is there cannot be read: nothing here is ever damaged that was durable.
    pub fn begin_life(&mut self) -> (Jobs, JournalWriter) {
        let found = self.files.values_mut().rev().find_map(|file| {
            let folded = format::fold(&file.bytes).expect("what was durable is as it was written");
            folded.map(|folded| (folded.jobs, file))
        });
        let jobs = match found {
            Some((jobs, file)) => {
                // What was being written when its life ended counts where all of it is there.
                let records = format::read(&file.bytes).expect("it was just read").records;
                assert!(records.len() >= file.durable, "what was durable is found again");
                let durable = std::mem::replace(&mut file.durable, records.len());
                self.lives[file.life].extend(records.into_iter().skip(durable));
                jobs
            }
            None => {
                assert!(self.lives.iter().all(Vec::is_empty), "what was durable is found again");
                Jobs::default()
            }
        };
        self.lives.push(Vec::new());
        let durable = Sequence(0);
        (jobs, JournalWriter { file: 0, waiting: VecDeque::new(), writing: 0, durable })
    }

    /// The records that became durable, of each life, in order.
    pub fn lives(&self) -> &[Vec<Record>] {
        &self.lives
    }
}

impl JournalWriter {
    /// Takes a record to be written; `is_snapshot` if it begins a new file.
    pub fn append(&mut self, sequence: Sequence, bytes: Vec<u8>, is_snapshot: bool) {
        let before = self.waiting.back().map_or(self.durable, |entry| entry.sequence);
        assert_eq!(sequence.0, before.0 + 1, "a record is out of order");
        self.waiting.push_back(Entry { sequence, bytes, is_snapshot });
    }

    /// Begins to write what waits, unless it is at it; whether it did.
    pub fn begin_writing(&mut self) -> bool {
        if self.writing > 0 || self.waiting.is_empty() {
            return false;
        }
        let records = self.waiting.iter().take_while(|entry| !entry.is_snapshot).count();
        self.writing = records.max(1);
        true
    }

    /// What is being written becomes durable; the last of it.
    pub fn finish_writing(&mut self, disk: &mut JournalDisk) -> Sequence {
        let bytes = self.group(disk);
        let file = disk.files.get_mut(&self.file).expect("a journal begins with a snapshot");
        file.bytes.extend(bytes);
        file.durable += self.writing;
        let life = disk.lives.last_mut().expect("a life begins before it writes");
        for entry in self.waiting.drain(..self.writing) {
            life.push(
                frame::decode_unbounded(&entry.bytes).expect("what a Manager appends can be read back"),
            );
            self.durable = entry.sequence;
        }
        self.writing = 0;
        let current = self.file;
        disk.files.retain(|number, _| *number >= current);
        self.durable
    }

    /// The Manager dies: of what is being written any part may be there.
    pub fn tear(&mut self, disk: &mut JournalDisk, stream: &mut Stream) {
        // Nothing of it, all of it, a part, or, since a disk writes in any order, its end and not all before.
        let (is_cut, has_hole) = match stream.below(5) {
            0 => return,
            1 => (false, false),
            2 => (true, false),
            3 => (true, true),
            _ => (false, true),
        };
        if self.writing == 0 {
            return;
        }
        let mut bytes = self.group(disk);
        if is_cut {
            bytes.truncate(stream.between(0, bytes.len() as u64) as usize);
        }
        if has_hole && !bytes.is_empty() {
            let from = stream.below(bytes.len() as u64) as usize;
            let length = stream.between(1, (bytes.len() - from) as u64) as usize;
            bytes[from..from + length].fill(0);
        }
        let file = disk.files.get_mut(&self.file).expect("a journal begins with a snapshot");
        file.bytes.extend(bytes);
    }

    /// The bytes of what is being written; a new file if it is a snapshot.
    fn group(&mut self, disk: &mut JournalDisk) -> Vec<u8> {
        let mut bytes = Vec::new();
        for entry in self.waiting.iter().take(self.writing) {
            if entry.is_snapshot {
                disk.last += 1;
                self.file = disk.last;
                let life = disk.lives.len() - 1;
                disk.files.insert(self.file, File { bytes: Vec::new(), life, durable: 0 });
                bytes.extend(format::file_header());
            }
            format::append_record(entry.sequence, self.durable, &entry.bytes, &mut bytes);
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use windrow_core::ids::Epoch;

    fn append(writer: &mut JournalWriter, sequence: u64, record: &Record) {
        let is_snapshot = matches!(record, Record::Snapshot(_));
        writer.append(Sequence(sequence), frame::encode(record), is_snapshot);
    }

    /// A life that has written its snapshot and its epoch, and is writing more.
    fn life(disk: &mut JournalDisk, epoch: u64) -> JournalWriter {
        let (jobs, mut writer) = disk.begin_life();
        append(&mut writer, 1, &Record::Snapshot(jobs.into()));
        append(&mut writer, 2, &Record::EpochBegan { epoch: Epoch(epoch) });
        for _ in 0..2 {
            assert!(writer.begin_writing());
            writer.finish_writing(disk);
        }
        append(&mut writer, 3, &Record::EpochBegan { epoch: Epoch(epoch + 1) });
        append(&mut writer, 4, &Record::EpochBegan { epoch: Epoch(epoch + 2) });
        assert!(writer.begin_writing());
        writer
    }

    #[test]
    fn what_is_durable_outlives_the_manager_and_what_was_being_written_may() {
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let (mut disk, mut stream) = (JournalDisk::default(), Stream::new(seed, "journal"));
            life(&mut disk, 1).tear(&mut disk, &mut stream);
            let (jobs, _) = disk.begin_life();
            seen.insert(jobs.epoch().0);
        }
        assert_eq!(seen, [1, 2, 3].into(), "nothing, a part, or all of the last group");
    }

    #[test]
    fn a_new_file_takes_over_when_it_is_durable() {
        for seed in 0..200 {
            let (mut disk, mut stream) = (JournalDisk::default(), Stream::new(seed, "journal"));
            life(&mut disk, 1).finish_writing(&mut disk);
            let (jobs, mut writer) = disk.begin_life();
            assert_eq!(jobs.epoch(), Epoch(3));
            append(&mut writer, 1, &Record::Snapshot(jobs.into()));
            assert!(writer.begin_writing());
            writer.tear(&mut disk, &mut stream);
            assert_eq!(disk.begin_life().0.epoch(), Epoch(3), "the older file or the new one");
        }
        let mut disk = JournalDisk::default();
        life(&mut disk, 1);
        life(&mut disk, 5);
        assert_eq!(disk.files.len(), 1);
    }
}
