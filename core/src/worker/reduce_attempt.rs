//! One reduce attempt: merges the runs of all maps into the reducer's stdin and keeps what it prints as a part of the
//! job's output.
//!
//! ```text
//! Opening ─▶ Narrowing (merge neighbouring runs while they are too many) ─▶ Running ─▶ Finishing ─▶ Closing ─▶ (ended)
//!    └───────────────any failure────────────────────┴──▶ program gone ─▶ all closed and removed ─▶ (ended)
//! ```
//!
//! Google paper, 3.1, steps 5 and 6. All runs are on this worker when it begins. Never holds a partition in memory.

#[cfg(test)]
mod tests;

use super::attempt::{AttemptInput, AttemptMachine, AttemptOutput, AttemptSuccess, ReduceWork, RunLocation};
use super::base::{AttemptBase, Purpose};
use super::collect::corrupt_scratch;
use super::disk::{DiskRequest, DiskUser};
use super::merging::{MergeStep, OpenMerge};
use super::output_file::OutputFile;
use super::run_file::RunFile;
use crate::data::merge::merge_width;
use crate::data::run::Segment;
use crate::failure::Cause;
use crate::ids::AttemptId;
use crate::job::PathBytes;
use crate::limits::READ_BYTES;
use crate::machine::Machine;
use crate::time::Time;
use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

/// Executes one reduce task.
#[derive(Debug)]
pub struct ReduceAttempt {
    base: AttemptBase,
    runs: Vec<Run>,
    narrowed: u32,
    merge: Option<OpenMerge>,
    merge_is_done: bool,
    last_key: Vec<u8>,
    stdin: Vec<u8>,
    stdin_written: usize,
    output: OutputFile,
    stage: Stage,
}

/// A run to be merged: of one map, or of several that were merged here.
#[derive(Debug)]
struct Run {
    map: Option<AttemptId>,
    path: PathBytes,
    segment: Segment,
}

#[derive(Debug)]
enum Stage {
    New,
    Opening,
    Narrowing { target: Box<RunFile>, first: usize, count: usize },
    Running,
    Finishing,
    Closing,
}

impl ReduceAttempt {
    /// An attempt that begins with its `Start`.
    pub fn new(work: ReduceWork) -> ReduceAttempt {
        let ReduceWork { setting, runs, fetched_bytes } = work;
        let mut base = AttemptBase::new(setting);
        base.counters.fetched_bytes = fetched_bytes;
        let output = OutputFile::new(base.new_file(), base.setting.output.clone(), base.setting.sync);
        let runs = runs
            .into_iter()
            .filter(|run| run.segment.length_bytes > 0)
            .map(|RunLocation { map, path, segment }| Run { map: Some(map), path, segment })
            .collect();
        ReduceAttempt {
            base,
            runs,
            narrowed: 0,
            merge: None,
            merge_is_done: false,
            last_key: Vec::new(),
            stdin: Vec::new(),
            stdin_written: 0,
            output,
            stage: Stage::New,
        }
    }

    /// Goes on as far as it can.
    fn advance(&mut self, now: Time) {
        (self.base.counters.output_bytes, self.base.counters.output_records) = self.output.pushed();
        self.base.tell_progress(now);
        while !self.base.has_failed() && !self.base.ask_next() {
            match &mut self.stage {
                Stage::New => return,
                Stage::Opening => self.narrow_or_run(),
                Stage::Narrowing { target, .. } => {
                    if let Some(request) = target.next_request() {
                        let path = target.path().clone();
                        self.base.ask(request, Purpose::Scratch(path));
                    } else if target.is_closed() {
                        self.narrowed();
                    } else {
                        self.fill_narrower();
                    }
                }
                Stage::Running => {
                    if !self.run() {
                        return;
                    }
                }
                Stage::Finishing => {
                    self.output.advance(&mut self.base);
                    if self.output.is_safe() {
                        let path = self.base.setting.scratch.clone();
                        self.base.ask_later(DiskRequest::RemoveTree { path }, Purpose::Cleaning);
                        self.stage = Stage::Closing;
                    }
                }
                Stage::Closing => {
                    if !self.base.is_ended() {
                        self.base.succeed(AttemptSuccess { counters: self.base.counters, map_output: None });
                    }
                    return;
                }
            }
        }
        self.base.continue_failing();
    }

    /// Starts the reducer if the runs can be merged at once; otherwise makes them fewer, neighbours first.
    fn narrow_or_run(&mut self) {
        let width = merge_width(self.base.setting.sort_bytes);
        let count = self.runs.len();
        if count <= width {
            self.stage = Stage::Running;
            return self.base.spawn();
        }
        let merged = (count - width + 1).min(width);
        let first = self.cheapest_neighbours(merged);
        self.narrowed += 1;
        let path = self.base.setting.scratch.join(format!("merge-{}.run", self.narrowed));
        let target = Box::new(RunFile::new(self.base.new_file(), path));
        self.stage = Stage::Narrowing { target, first, count: merged };
    }

    /// Where the `count` neighbouring runs begin that are shortest together.
    fn cheapest_neighbours(&self, count: usize) -> usize {
        let length = |index: usize| self.runs[index].segment.length_bytes;
        let mut bytes: u64 = (0..count).map(length).sum();
        let mut cheapest = (bytes, 0);
        for first in 1..=self.runs.len() - count {
            bytes = bytes + length(first + count - 1) - length(first - 1);
            cheapest = cheapest.min((bytes, first));
        }
        cheapest.1
    }

    fn open_merge(base: &mut AttemptBase, runs: &[Run]) -> OpenMerge {
        let runs: Vec<_> = runs.iter().map(|run| (run.path.clone(), run.segment)).collect();
        OpenMerge::new(&runs, || base.new_file())
    }

    fn fill_narrower(&mut self) {
        let Stage::Narrowing { target, first, count } = &mut self.stage else {
            unreachable!("it is narrowing")
        };
        let sources = &self.runs[*first..*first + *count];
        let base = &mut self.base;
        let merge = self.merge.get_or_insert_with(|| Self::open_merge(base, sources));
        loop {
            match merge.step() {
                MergeStep::Record(record) => {
                    target.push(record);
                    if target.is_full() {
                        return;
                    }
                }
                MergeStep::Ask(request, source) => return self.base.ask(request, purpose(&sources[source])),
                MergeStep::Corrupt(source) => return self.base.fail(corrupt(&sources[source])),
                MergeStep::Done => break,
            }
        }
        if let Some((request, source)) = merge.close_next() {
            return self.base.ask(request, purpose(&sources[source]));
        }
        self.merge = None;
        target.finish_run();
        target.complete();
    }

    fn narrowed(&mut self) {
        let stage = core::mem::replace(&mut self.stage, Stage::Opening);
        let Stage::Narrowing { target, first, count } = stage else { unreachable!("it was narrowing") };
        let (path, segments, bytes) = target.into_parts();
        self.base.counters.spilled_bytes += bytes;
        let run = Run { map: None, path, segment: segments[0] };
        for old in self.runs.splice(first..first + count, [run]) {
            if old.map.is_none() {
                self.base.ask_later(DiskRequest::Remove { path: old.path }, Purpose::Cleaning);
            }
        }
    }

    /// Feeds the reducer and keeps what it prints. Returns whether there is more to be done at once.
    fn run(&mut self) -> bool {
        self.output.advance(&mut self.base);
        if !self.base.is_idle() {
            return true;
        }
        if self.unwritten().is_empty() && !self.merge_is_done {
            self.fill_stdin();
            return true;
        }
        if self.unwritten().is_empty() && self.base.program.is_running() {
            self.base.close_stdin();
        }
        let Some(exit) = self.base.program.exit() else { return false };
        let unread_bytes = exit.unread_bytes + self.unwritten().len() as u64;
        if unread_bytes > 0 {
            self.base.stopped_reading(unread_bytes);
        } else {
            self.output.complete();
            self.stage = Stage::Finishing;
        }
        true
    }

    /// What the program has not been given of what was merged for it.
    fn unwritten(&self) -> &[u8] {
        &self.stdin[self.stdin_written..]
    }

    fn fill_stdin(&mut self) {
        self.stdin.clear();
        self.stdin_written = 0;
        let base = &mut self.base;
        let merge = self.merge.get_or_insert_with(|| Self::open_merge(base, &self.runs));
        loop {
            match merge.step() {
                MergeStep::Record(record) => {
                    let counters = &mut self.base.counters;
                    if counters.reduce_input_records == 0 || record.key != self.last_key {
                        counters.reduce_input_groups += 1;
                        self.last_key.clear();
                        self.last_key.extend_from_slice(record.key);
                    }
                    counters.reduce_input_records += 1;
                    record.append_line(&mut self.stdin);
                    if self.stdin.len() >= READ_BYTES {
                        return;
                    }
                }
                MergeStep::Ask(request, source) => {
                    return self.base.ask(request, purpose(&self.runs[source]));
                }
                MergeStep::Corrupt(source) => return self.base.fail(corrupt(&self.runs[source])),
                MergeStep::Done => break,
            }
        }
        match merge.close_next() {
            Some((request, source)) => self.base.ask(request, purpose(&self.runs[source])),
            None => self.merge_is_done = true,
        }
    }
}

/// What it means if a run cannot be read.
fn purpose(run: &Run) -> Purpose {
    match run.map {
        Some(map) => Purpose::Run(map),
        None => Purpose::Scratch(run.path.clone()),
    }
}

/// What is said of a run that is not what was written: a map's is made again, one merged here is this disk's fault.
fn corrupt(run: &Run) -> Cause {
    match run.map {
        Some(map) => Cause::RunCorrupt { map },
        None => corrupt_scratch(run.path.clone()),
    }
}

impl Machine for ReduceAttempt {
    type Input = AttemptInput;
    type Output = AttemptOutput;
    type Timer = ();

    fn handle_input(&mut self, input: AttemptInput, now: Time) {
        self.base.note_time(now);
        match input {
            AttemptInput::Start => {
                self.stage = Stage::Opening;
                self.base.start();
            }
            AttemptInput::Disk(answer) => {
                if let Some(request) = self.base.answered(answer) {
                    self.output.done(&request);
                    match (&mut self.stage, &request, &mut self.merge) {
                        (_, DiskRequest::Open { .. }, Some(merge)) => merge.opened(),
                        (Stage::Narrowing { target, .. }, _, None) => target.done(),
                        (Stage::Narrowing { target, .. }, DiskRequest::Write { .. }, Some(_)) => {
                            target.done()
                        }
                        (_, _, _) => {}
                    }
                }
            }
            AttemptInput::Spawned
            | AttemptInput::SpawnFailed(_)
            | AttemptInput::Exited { .. }
            | AttemptInput::StdinRefused
            | AttemptInput::StdoutClosed
            | AttemptInput::StderrClosed
            | AttemptInput::Looked(_)
            | AttemptInput::Kill => self.base.program_event(input),
        }
        self.advance(now);
    }

    fn handle_timeout(&mut self, now: Time) {
        if self.base.deadline().is_some_and(|deadline| deadline <= now) {
            self.base.time_is(now);
            self.advance(now);
        }
    }

    fn poll_output(&mut self) -> Option<AttemptOutput> {
        self.base.poll_output()
    }

    fn poll_timeout(&self) -> Option<(Time, ())> {
        self.base.deadline().map(|at| (at, ()))
    }

    fn check_invariants(&self) {
        self.base.check_invariants();
    }
}

impl DiskUser for ReduceAttempt {
    fn push_read(&mut self, bytes: &[u8], now: Time) {
        if self.base.read_answered(bytes).is_some()
            && !self.base.has_failed()
            && let Some(merge) = &mut self.merge
        {
            merge.push_read(bytes);
        }
        self.advance(now);
    }

    fn outgoing(&self) -> &[u8] {
        match &self.stage {
            Stage::Narrowing { target, .. } => target.outgoing(),
            Stage::New | Stage::Opening | Stage::Running | Stage::Finishing | Stage::Closing => {
                self.output.outgoing()
            }
        }
    }
}

impl AttemptMachine for ReduceAttempt {
    fn stdin(&self) -> &[u8] {
        // What a program that has ended is still given would count as read.
        if self.base.program.is_running() { self.unwritten() } else { &[] }
    }

    fn stdin_written(&mut self, count: usize, now: Time) {
        self.base.fed(count, now);
        self.stdin_written += count;
        assert!(self.stdin_written <= self.stdin.len(), "no more is written than there is");
        self.advance(now);
    }

    fn wants_stdout(&self) -> bool {
        self.base.has_failed() || self.output.wants_more()
    }

    fn push_stdout(&mut self, bytes: &[u8], now: Time) {
        self.base.heard(bytes.len(), now);
        if !self.base.has_failed() {
            self.output.push(bytes);
        }
        self.advance(now);
    }

    fn push_stderr(&mut self, bytes: &[u8], now: Time) {
        self.base.complained(bytes, now);
    }
}
