//! A part of the job's output being written: owns the staged file from its creation until it is safe.
//!
//! What a program prints stands in it as it was printed. The file is safe when it, and then its directory, are synced,
//! where the job syncs, and closed (design.md, Commit).

use super::base::{AttemptBase, Purpose};
use super::disk::DiskRequest;
use crate::ids::FileId;
use crate::job::PathBytes;
use crate::limits::READ_BYTES;
use alloc::vec::Vec;

/// A staged file.
#[derive(Debug)]
pub(super) struct OutputFile {
    file: FileId,
    path: PathBytes,
    sync: bool,
    outgoing: Vec<u8>,
    written_bytes: u64,
    newlines: u64,
    ends_mid_line: bool,
    stage: Stage,
}

/// ```text
/// New ─created─▶ Open ─complete, all written─▶ Synced ─▶ Closed ─▶ Safe
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Stage {
    New,
    Open,
    Complete,
    Synced,
    Closed,
    Safe,
}

impl OutputFile {
    pub fn new(file: FileId, path: PathBytes, sync: bool) -> OutputFile {
        OutputFile {
            file,
            path,
            sync,
            outgoing: Vec::new(),
            written_bytes: 0,
            newlines: 0,
            ends_mid_line: false,
            stage: Stage::New,
        }
    }

    /// The open file.
    pub fn file(&self) -> FileId {
        self.file
    }

    /// Whether it takes what is pushed, now or later.
    pub fn is_open(&self) -> bool {
        self.stage == Stage::Open
    }

    /// Whether more can be taken now. What is being written stays as it is until it was.
    pub fn wants_more(&self) -> bool {
        matches!(self.stage, Stage::New | Stage::Open) && self.outgoing.len() < READ_BYTES
    }

    pub fn push(&mut self, bytes: &[u8]) {
        assert!(self.wants_more(), "output is pushed while it is wanted");
        self.outgoing.extend_from_slice(bytes);
        self.newlines += memchr::memchr_iter(b'\n', bytes).count() as u64;
        self.ends_mid_line = bytes.last().map_or(self.ends_mid_line, |last| *last != b'\n');
    }

    /// Takes note that nothing more comes.
    pub fn complete(&mut self) {
        assert_eq!(self.stage, Stage::Open, "a file is completed once");
        self.stage = Stage::Complete;
    }

    /// Bytes and lines so far.
    pub fn pushed(&self) -> (u64, u64) {
        let lines = self.newlines + u64::from(self.ends_mid_line);
        (self.written_bytes + self.outgoing.len() as u64, lines)
    }

    pub fn is_safe(&self) -> bool {
        self.stage == Stage::Safe
    }

    pub fn outgoing(&self) -> &[u8] {
        &self.outgoing
    }

    /// Asks for what is needed now, if anything.
    pub fn advance(&mut self, base: &mut AttemptBase) {
        if !base.is_idle() || base.has_failed() {
            return;
        }
        let (file, path) = (self.file, self.path.clone());
        let request = match self.stage {
            Stage::New => DiskRequest::Create { file, path: path.clone() },
            Stage::Open if self.outgoing.len() < READ_BYTES => return,
            Stage::Open => DiskRequest::Write { file, offset: self.written_bytes },
            Stage::Complete if !self.outgoing.is_empty() => {
                DiskRequest::Write { file, offset: self.written_bytes }
            }
            Stage::Complete if self.sync => DiskRequest::Sync { file },
            Stage::Complete | Stage::Synced => DiskRequest::Close { file },
            Stage::Closed if self.sync => {
                let directory = path.split_name().map_or(path.clone(), |(directory, _)| directory);
                DiskRequest::SyncDirectory { path: directory }
            }
            Stage::Closed | Stage::Safe => {
                self.stage = Stage::Safe;
                return;
            }
        };
        base.ask(request, Purpose::Output(path));
    }

    /// Takes note that a request for it was done; others are none of its business.
    pub fn done(&mut self, request: &DiskRequest) {
        self.stage = match (self.stage, request) {
            (Stage::New, DiskRequest::Create { file, .. }) if *file == self.file => Stage::Open,
            (Stage::Open | Stage::Complete, DiskRequest::Write { file, .. }) if *file == self.file => {
                self.written_bytes += self.outgoing.len() as u64;
                self.outgoing.clear();
                self.stage
            }
            (Stage::Complete, DiskRequest::Sync { file }) if *file == self.file => Stage::Synced,
            (Stage::Complete | Stage::Synced, DiskRequest::Close { file }) if *file == self.file => {
                Stage::Closed
            }
            (Stage::Closed, DiskRequest::SyncDirectory { .. }) => Stage::Safe,
            (stage, _) => stage,
        };
    }
}
