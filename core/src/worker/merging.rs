//! Reading runs back from this worker's disk in one order: owns which files are open for a merge and where each source is.
//!
//! Files that hold several of the runs are opened once. Asks for one thing at a time; never writes.

use super::disk::DiskRequest;
use crate::data::merge::{Merge, Step};
use crate::data::record::Record;
use crate::data::run::Segment;
use crate::ids::FileId;
use crate::job::{Encoding, PathBytes};
use alloc::vec::Vec;

/// A merge and its files.
#[derive(Debug)]
pub(super) struct OpenMerge {
    files: Vec<OpenFile>,
    opened: usize,
    closed: usize,
    sources: Vec<usize>,
    merge: Merge,
    reading: Option<usize>,
}

#[derive(Debug)]
struct OpenFile {
    file: FileId,
    path: PathBytes,
    first_source: usize,
}

/// What a merge comes to next.
#[derive(Debug)]
pub(super) enum MergeStep<'a> {
    /// Something on the disk must be done first, for the source with this index.
    Ask(DiskRequest, usize),
    /// The next record.
    Record(Record<'a>),
    /// There are no more; the files are still open.
    Done,
    /// This source is not the run that was written.
    Corrupt(usize),
}

impl OpenMerge {
    /// A merge of these runs, in this order; files get their names from `new_file`.
    pub fn new(runs: &[(PathBytes, Segment)], mut new_file: impl FnMut() -> FileId) -> OpenMerge {
        let mut files: Vec<OpenFile> = Vec::new();
        let mut sources = Vec::with_capacity(runs.len());
        for (first_source, (path, segment)) in runs.iter().enumerate() {
            if segment.length_bytes == 0 {
                sources.push(usize::MAX);
                continue;
            }
            // Runs of one file are neighbours as a rule; where they are not, a file is opened twice, which does no harm.
            if files.last().is_none_or(|last| last.path != *path) {
                files.push(OpenFile { file: new_file(), path: path.clone(), first_source });
            }
            sources.push(files.len() - 1);
        }
        let merge = Merge::new(runs.iter().map(|(_, segment)| *segment).collect());
        OpenMerge { files, opened: 0, closed: 0, sources, merge, reading: None }
    }

    /// Goes on to the next record, or to what is needed before.
    pub fn step(&mut self) -> MergeStep<'_> {
        if let Some(OpenFile { file, path, first_source }) = self.files.get(self.opened) {
            let request = DiskRequest::Open { file: *file, path: path.clone(), encoding: Encoding::Plain };
            return MergeStep::Ask(request, *first_source);
        }
        match self.merge.step() {
            Step::Read { source, offset, length_bytes } => {
                self.reading = Some(source);
                let file = self.files[self.sources[source]].file;
                MergeStep::Ask(DiskRequest::Read { file, offset, length_bytes }, source)
            }
            Step::Record(record) => MergeStep::Record(record),
            Step::Done => MergeStep::Done,
            Step::Corrupt { source } => MergeStep::Corrupt(source),
        }
    }

    /// Takes note that the file that was asked for is open.
    pub fn opened(&mut self) {
        self.opened += 1;
    }

    /// Takes the bytes that were asked for.
    pub fn push_read(&mut self, bytes: &[u8]) {
        let source = self.reading.take().expect("a read was asked for");
        self.merge.push_read(source, bytes);
    }

    /// The next file to be closed, once there are no more records, and a source that was in it.
    pub fn close_next(&mut self) -> Option<(DiskRequest, usize)> {
        let OpenFile { file, first_source, .. } = self.files.get(self.closed)?;
        self.closed += 1;
        Some((DiskRequest::Close { file: *file }, *first_source))
    }
}
