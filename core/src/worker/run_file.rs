//! A file of runs being written: owns its name, how much of it is on the disk, and where each run in it lies.
//!
//! Asks for one thing at a time: to be made, to be written to, to be closed.

use super::disk::DiskRequest;
use crate::data::digest::{Digester, OutputDigest};
use crate::data::record::Record;
use crate::data::run::RunWriter;
use crate::data::run::Segment;
use crate::ids::FileId;
use crate::job::PathBytes;
use crate::limits::READ_BYTES;
use alloc::vec::Vec;

/// A file of runs, one after the other.
#[derive(Debug)]
pub(super) struct RunFile {
    file: FileId,
    path: PathBytes,
    writer: RunWriter,
    written_bytes: u64,
    segments: Vec<Segment>,
    /// Where it is wanted.
    digester: Option<Digester>,
    stage: Stage,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Stage {
    New,
    Open,
    Complete,
    Closed,
}

impl RunFile {
    pub fn new(file: FileId, path: PathBytes) -> RunFile {
        let (writer, segments) = (RunWriter::new(), Vec::new());
        RunFile { file, path, writer, written_bytes: 0, segments, digester: None, stage: Stage::New }
    }

    /// The same, of which will be asked what it holds.
    pub fn with_digest(self) -> RunFile {
        RunFile { digester: Some(Digester::default()), ..self }
    }

    pub fn path(&self) -> &PathBytes {
        &self.path
    }

    /// How many runs are complete: the index of the one that records go to now.
    pub fn run_index(&self) -> usize {
        self.segments.len()
    }

    pub fn push(&mut self, record: Record<'_>) {
        if let Some(digester) = &mut self.digester {
            digester.push(record);
        }
        self.writer.push(record);
    }

    /// Completes the present run.
    pub fn finish_run(&mut self) {
        if let Some(digester) = &mut self.digester {
            digester.end_partition();
        }
        self.segments.push(self.writer.finish());
    }

    /// Tells that no more runs follow.
    pub fn complete(&mut self) {
        assert_eq!(self.stage, Stage::Open, "a file is completed once it is open");
        self.stage = Stage::Complete;
    }

    /// Whether enough is there to be written before more is pushed.
    pub fn is_full(&self) -> bool {
        self.writer.outgoing().len() >= READ_BYTES
    }

    /// What must be done on the disk before more is pushed; `None` while nothing need be.
    pub fn next_request(&self) -> Option<DiskRequest> {
        let (file, offset) = (self.file, self.written_bytes);
        match self.stage {
            Stage::New => Some(DiskRequest::Create { file, path: self.path.clone() }),
            Stage::Open if self.is_full() => Some(DiskRequest::Write { file, offset }),
            Stage::Open => None,
            Stage::Complete if !self.writer.outgoing().is_empty() => {
                Some(DiskRequest::Write { file, offset })
            }
            Stage::Complete => Some(DiskRequest::Close { file }),
            Stage::Closed => None,
        }
    }

    /// Takes note that [`RunFile::next_request`] was done.
    pub fn done(&mut self) {
        match self.stage {
            Stage::New => self.stage = Stage::Open,
            Stage::Complete if self.writer.outgoing().is_empty() => self.stage = Stage::Closed,
            Stage::Open | Stage::Complete => {
                self.written_bytes += self.writer.outgoing().len() as u64;
                self.writer.clear_outgoing();
            }
            Stage::Closed => unreachable!("nothing is asked for a closed file"),
        }
    }

    pub fn is_open(&self) -> bool {
        self.stage == Stage::Open
    }

    pub fn is_closed(&self) -> bool {
        self.stage == Stage::Closed
    }

    pub fn outgoing(&self) -> &[u8] {
        self.writer.outgoing()
    }

    /// What was put into its runs.
    ///
    /// # Panics
    /// If it was not made for that.
    pub fn digest(&self) -> OutputDigest {
        self.digester.as_ref().expect("it was made with a digest").finish()
    }

    /// The name, the runs and the size of the closed file.
    pub fn into_parts(self) -> (PathBytes, Vec<Segment>, u64) {
        assert_eq!(self.stage, Stage::Closed, "a file is used once it is closed");
        (self.path, self.segments, self.written_bytes)
    }
}
