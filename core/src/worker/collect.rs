//! A mapper's output on its way to the reducers: owns the sort buffer, the spills, and their merge into one file of runs.
//!
//! ```text
//! Collecting ─buffer full─▶ Spilling ─▶ Collecting
//!     └─end of output─▶ Spilling ─one spill─▶ Done
//!                           └─several─▶ Merging (adjacent ones first, if they are many) ─▶ Done
//! ```
//!
//! Adjacent spills are merged in their order, so that equal keys keep the order in which the mapper printed them.

use super::attempt::MapOutput;
use super::base::{AttemptBase, Purpose};
use super::disk::DiskRequest;
use super::merging::{MergeStep, OpenMerge};
use super::run_file::RunFile;
use crate::data::merge::merge_width;
use crate::data::run::Segment;
use crate::data::sort::{LineTooLong, Pressure, SortBuffer};
use crate::job::PathBytes;
use crate::probe::probe;
use alloc::format;
use alloc::vec::Vec;

/// All that a mapper printed, until it is one file.
#[derive(Debug)]
pub(super) struct Collector {
    partitions: u32,
    sort_bytes: usize,
    scratch: PathBytes,
    buffer: SortBuffer,
    is_full: bool,
    is_finished: bool,
    spills: Vec<Spill>,
    spills_made: u32,
    pushed: (u64, u64),
    state: State,
}

#[derive(Debug)]
enum State {
    Collecting,
    Spilling { target: RunFile, next: usize },
    Merging { target: RunFile, merge: Option<OpenMerge>, sources: usize },
    Done,
}

#[derive(Debug)]
struct Spill {
    path: PathBytes,
    segments: Vec<Segment>,
}

impl Collector {
    pub fn new(partitions: u32, sort_bytes: usize, scratch: PathBytes) -> Collector {
        Collector {
            partitions,
            sort_bytes,
            scratch,
            buffer: SortBuffer::new(sort_bytes, partitions),
            is_full: false,
            is_finished: false,
            spills: Vec::new(),
            spills_made: 0,
            pushed: (0, 0),
            state: State::Collecting,
        }
    }

    /// Whether more of the mapper's output can be taken now.
    pub fn wants_more(&self) -> bool {
        matches!(self.state, State::Collecting) && !self.is_full && !self.is_finished
    }

    pub fn push(&mut self, bytes: &[u8]) -> Result<(), LineTooLong> {
        assert!(self.wants_more(), "output is pushed while it is wanted");
        self.is_full = self.buffer.push(bytes)? == Pressure::Full;
        self.pushed = (self.buffer.pushed_bytes(), self.buffer.pushed_records());
        Ok(())
    }

    /// Takes note that the mapper's output has ended.
    pub fn finish(&mut self) -> Result<(), LineTooLong> {
        self.is_finished = true;
        self.is_full = self.buffer.finish()? == Pressure::Full;
        self.pushed = (self.buffer.pushed_bytes(), self.buffer.pushed_records());
        Ok(())
    }

    /// Bytes and records that the mapper printed so far.
    pub fn pushed(&self) -> (u64, u64) {
        self.pushed
    }

    pub fn outgoing(&self) -> &[u8] {
        match &self.state {
            State::Spilling { target, .. } | State::Merging { target, .. } => target.outgoing(),
            State::Collecting | State::Done => &[],
        }
    }

    /// Takes the bytes that were read for the merge.
    pub fn push_read(&mut self, bytes: &[u8]) {
        let State::Merging { merge: Some(merge), .. } = &mut self.state else {
            unreachable!("only a merge reads what was spilled")
        };
        merge.push_read(bytes);
    }

    /// Takes note that a request for it was done.
    pub fn done(&mut self, request: &DiskRequest) {
        match (&mut self.state, request) {
            (State::Merging { merge: Some(merge), .. }, DiskRequest::Open { .. }) => merge.opened(),
            (State::Merging { target, .. }, DiskRequest::Close { .. }) if !target.is_open() => target.done(),
            (State::Merging { .. }, DiskRequest::Close { .. } | DiskRequest::Remove { .. }) => {}
            (State::Spilling { target, .. } | State::Merging { target, .. }, _) => target.done(),
            (State::Collecting | State::Done, _) => {}
        }
    }

    /// Goes on as far as it can and asks for what it needs; the output, once there is one file of it.
    pub fn advance(&mut self, base: &mut AttemptBase) -> Result<Option<MapOutput>, LineTooLong> {
        while base.is_idle() && !base.has_failed() {
            match &mut self.state {
                State::Collecting if self.is_full || self.is_finished => self.begin_spill(base),
                State::Collecting | State::Done => return Ok(None),
                State::Spilling { target, next } => {
                    if let Some(request) = target.next_request() {
                        ask_scratch(base, request, target.path());
                    } else if target.is_closed() {
                        if let Some(output) = self.spilled(base)? {
                            return Ok(Some(output));
                        }
                    } else {
                        fill_from_buffer(target, next, &self.buffer, self.partitions);
                    }
                }
                State::Merging { target, .. } => {
                    if let Some(request) = target.next_request() {
                        ask_scratch(base, request, target.path());
                    } else if target.is_closed() {
                        if let Some(output) = self.merged(base) {
                            return Ok(Some(output));
                        }
                    } else {
                        self.fill_from_merge(base);
                    }
                }
            }
        }
        Ok(None)
    }

    fn begin_spill(&mut self, base: &mut AttemptBase) {
        self.buffer.sort();
        let name = self.next_name(self.is_finished && self.spills.is_empty() && !self.is_full);
        let target = RunFile::new(base.new_file(), name);
        // The first may turn out to be all there is.
        let target = if self.spills.is_empty() { target.with_digest() } else { target };
        self.state = State::Spilling { target, next: 0 };
    }

    /// The name of the file that comes next.
    fn next_name(&mut self, is_last: bool) -> PathBytes {
        if is_last {
            return self.scratch.join("output.run");
        }
        self.spills_made += 1;
        self.scratch.join(format!("spill-{}.run", self.spills_made))
    }

    fn spilled(&mut self, base: &mut AttemptBase) -> Result<Option<MapOutput>, LineTooLong> {
        let State::Spilling { target, .. } = core::mem::replace(&mut self.state, State::Collecting) else {
            unreachable!("it was spilling")
        };
        let digest = self.spills.is_empty().then(|| target.digest());
        let (path, segments, bytes) = target.into_parts();
        self.is_full = self.buffer.clear()? == Pressure::Full;
        let is_last = self.is_finished && self.buffer.is_empty() && !self.is_full;
        if let Some(digest) = digest.filter(|_| is_last) {
            self.state = State::Done;
            return Ok(Some(MapOutput { path, segments, digest }));
        }
        probe!("output is spilled");
        base.counters.spilled_bytes += bytes;
        self.spills.push(Spill { path, segments });
        if is_last {
            self.begin_merge(base);
        }
        Ok(None)
    }

    /// Merges all spills, or, if they are too many at once, as many of the first as leave the right number.
    fn begin_merge(&mut self, base: &mut AttemptBase) {
        self.buffer = SortBuffer::new(0, self.partitions);
        let width = merge_width(self.sort_bytes);
        let count = self.spills.len();
        let sources = if count <= width { count } else { (count - width + 1).min(width) };
        let name = self.next_name(sources == count);
        let target = RunFile::new(base.new_file(), name);
        let target = if sources == count { target.with_digest() } else { target };
        self.state = State::Merging { target, merge: None, sources };
    }

    fn fill_from_merge(&mut self, base: &mut AttemptBase) {
        let State::Merging { target, merge, sources } = &mut self.state else {
            unreachable!("it is merging")
        };
        let run_index = target.run_index();
        if run_index == self.partitions as usize {
            return target.complete();
        }
        let spills = &self.spills[..*sources];
        let merge = merge.get_or_insert_with(|| {
            let runs: Vec<_> =
                spills.iter().map(|spill| (spill.path.clone(), spill.segments[run_index])).collect();
            OpenMerge::new(&runs, || base.new_file())
        });
        loop {
            match merge.step() {
                MergeStep::Record(record) => {
                    target.push(record);
                    if target.is_full() {
                        return;
                    }
                }
                MergeStep::Ask(request, source) => return ask_scratch(base, request, &spills[source].path),
                MergeStep::Corrupt(source) => {
                    probe!("a spill is corrupt");
                    let path = spills[source].path.clone();
                    return base.fail(corrupt_scratch(path));
                }
                MergeStep::Done => break,
            }
        }
        if let Some((request, source)) = merge.close_next() {
            return ask_scratch(base, request, &spills[source].path);
        }
        target.finish_run();
        let State::Merging { merge, .. } = &mut self.state else { unreachable!("it is merging") };
        *merge = None;
    }

    fn merged(&mut self, base: &mut AttemptBase) -> Option<MapOutput> {
        let State::Merging { target, sources, .. } = core::mem::replace(&mut self.state, State::Done) else {
            unreachable!("it was merging")
        };
        let digest = (sources == self.spills.len()).then(|| target.digest());
        let (path, segments, bytes) = target.into_parts();
        for spill in self.spills.drain(..sources) {
            base.ask_later(DiskRequest::Remove { path: spill.path }, Purpose::Cleaning);
        }
        base.ask_next();
        if let Some(digest) = digest {
            return Some(MapOutput { path, segments, digest });
        }
        probe!("spills are merged in more than one pass");
        base.counters.spilled_bytes += bytes;
        self.spills.insert(0, Spill { path, segments });
        self.begin_merge(base);
        None
    }
}

fn ask_scratch(base: &mut AttemptBase, request: DiskRequest, path: &PathBytes) {
    base.ask(request, Purpose::Scratch(path.clone()));
}

/// What is said of a file of this attempt that does not hold what was written to it.
pub(super) fn corrupt_scratch(path: PathBytes) -> crate::failure::Cause {
    let text = "it does not hold what was written to it".into();
    let error = crate::failure::OsError { kind: crate::failure::OsErrorKind::InvalidData, text };
    crate::failure::Cause::Scratch { path, error }
}

fn fill_from_buffer(target: &mut RunFile, next: &mut usize, buffer: &SortBuffer, partitions: u32) {
    for (partition, record) in buffer.records_from(*next) {
        while target.run_index() < partition.0 as usize {
            target.finish_run();
        }
        target.push(record);
        *next += 1;
        if target.is_full() {
            return;
        }
    }
    while target.run_index() < partitions as usize {
        target.finish_run();
    }
    target.complete();
}
