//! One map attempt: feeds a split to the mapper and turns what it prints into one file of runs, or, in a job without
//! reducers, into a file of the job's output.
//!
//! ```text
//! Opening ─▶ Running (feed, collect, spill) ─program gone─▶ Finishing ─▶ Closing ─▶ (ended)
//!    └───────────────any failure─────────────────┴──▶ program gone ─▶ all closed and removed ─▶ (ended)
//! ```
//!
//! Google paper, 3.1, steps 3 and 4. The input's identity is checked when it is opened and again after the last byte
//! was fed: a file that changed meanwhile is no input of this job.
//!
//! Records that are left out go to a file of their own, which is safe before the attempt ends well. A trial keeps nothing;
//! where it fails it reads the record under way to its end, so that what it names is whole records.

#[cfg(test)]
pub(crate) mod tests;

use super::attempt::{AttemptInput, AttemptMachine, AttemptOutput, AttemptSuccess, MapOutput, MapWork};
use super::base::{AttemptBase, Purpose};
use super::collect::Collector;
use super::discard::Discard;
use super::disk::{DiskRequest, DiskUser};
use super::output_file::OutputFile;
use crate::data::feed::{Feed, Piece};
use crate::data::sort::LineTooLong;
use crate::failure::{Cause, Excerpt, InputRange};
use crate::ids::FileId;
use crate::job::{ByteRange, Encoding, InputFile, ProgramRole};
use crate::limits::{EXCERPT_BYTES, READ_BYTES, RECORD_BYTES_MAX};
use crate::machine::Machine;
use crate::time::Time;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Executes one map task.
#[derive(Debug)]
pub struct MapAttempt {
    base: AttemptBase,
    input: InputFile,
    /// What it was told to map, as its failure names it where it was given nothing yet.
    range: ByteRange,
    input_file: FileId,
    feed: Feed,
    stdin: Vec<u8>,
    stdin_written: usize,
    sink: Sink,
    /// Takes the records that are left out, if there are any.
    quarantine: Option<OutputFile>,
    /// Of a trial: how what it is fed begins.
    excerpt: Option<Vec<u8>>,
    stage: Stage,
}

/// Where what the mapper prints goes.
#[derive(Debug)]
enum Sink {
    Runs(Box<Collector>),
    Output(OutputFile),
    Nothing(Discard),
}

#[derive(Debug)]
enum Stage {
    New,
    Opening,
    Running,
    Finishing,
    Closing(Option<MapOutput>),
}

impl MapAttempt {
    /// An attempt that begins with its `Start`.
    pub fn new(work: MapWork) -> MapAttempt {
        let MapWork { setting, input, split, holes, quarantine, trial, reducers } = work;
        let encoding = Encoding::of_path(&input.path);
        let range = trial.unwrap_or(split.range(encoding));
        let mut base = AttemptBase::new(setting);
        let input_file = base.new_file();
        let sync = base.setting.sync;
        let sink = if trial.is_some() {
            Sink::Nothing(Discard::new(reducers > 0))
        } else if reducers == 0 {
            Sink::Output(OutputFile::new(base.new_file(), base.setting.output.clone(), sync))
        } else {
            Sink::Runs(Box::new(Collector::new(
                reducers,
                base.setting.sort_bytes,
                base.setting.scratch.clone(),
            )))
        };
        let is_quarantined = trial.is_none() && !holes.is_empty();
        let quarantine = is_quarantined.then(|| OutputFile::new(base.new_file(), quarantine, sync));
        let range_told = match encoding {
            // How long it is, decoded, nobody knows.
            Encoding::Gzip if trial.is_none() => ByteRange { offset: 0, length_bytes: 0 },
            Encoding::Gzip | Encoding::Plain => range,
        };
        MapAttempt {
            base,
            input,
            range: range_told,
            input_file,
            feed: Feed::new(encoding, range, holes),
            stdin: Vec::new(),
            stdin_written: 0,
            sink,
            quarantine,
            excerpt: trial.map(|_| Vec::new()),
            stage: Stage::New,
        }
    }

    /// Goes on as far as it can.
    fn advance(&mut self, now: Time) {
        self.count();
        self.base.tell_progress(now);
        if self.base.has_failed() {
            if self.reads_on() {
                return;
            }
            let ByteRange { offset, length_bytes } = self.feed.fed().unwrap_or(self.range);
            let input = InputRange { path: self.input.path.clone(), offset, length_bytes };
            let records = self.feed.records();
            let excerpt = self.excerpt.clone().filter(|_| self.feed.fed().is_some());
            self.base.note_input(input, excerpt.map(|beginning| Excerpt { records, beginning }.into()));
            return self.base.continue_failing();
        }
        if self.base.is_ended() || self.base.ask_next() {
            return;
        }
        match &mut self.stage {
            Stage::New => {}
            Stage::Opening => {
                self.stage = Stage::Running;
                self.base.spawn();
            }
            Stage::Running => self.run(now),
            Stage::Finishing => self.finish(now),
            Stage::Closing(output) => {
                let map_output = output.take();
                self.base.succeed(AttemptSuccess { counters: self.base.counters, map_output });
            }
        }
    }

    /// Whether a trial that has failed still reads the record under way.
    fn reads_on(&mut self) -> bool {
        if self.excerpt.is_none() || !matches!(self.stage, Stage::Running) {
            return false;
        }
        self.feed.end_with_record();
        let wants_more = self.feed.next_read().is_some();
        if wants_more && self.base.is_idle() {
            self.read_input();
        }
        wants_more
    }

    fn run(&mut self, now: Time) {
        if let Err(LineTooLong) = self.drain_sink() {
            return self.line_too_long(now);
        }
        if self.base.has_failed() {
            return self.advance(now);
        }
        let takes_more = self.drain_quarantine();
        if !self.base.is_idle() {
            return;
        }
        if self.unwritten().is_empty() && self.feed.next_read().is_some() {
            assert!(takes_more, "what is left out is written before more is read");
            return self.read_input();
        }
        if self.base.program.is_running() && self.unwritten().is_empty() {
            self.base.close_stdin();
        }
        if let Some(exit) = self.base.program.exit() {
            let unread_bytes = exit.unread_bytes + self.unwritten().len() as u64;
            if unread_bytes > 0 {
                self.base.stopped_reading(unread_bytes);
                return self.advance(now);
            }
            self.stage = Stage::Finishing;
            let purpose = Purpose::Input(self.input.clone());
            self.base.ask_later(DiskRequest::Inspect { file: self.input_file }, purpose.clone());
            self.base.ask_later(DiskRequest::Close { file: self.input_file }, purpose);
            let finished = match &mut self.sink {
                Sink::Runs(collector) => collector.finish(),
                Sink::Output(output) => {
                    output.complete();
                    Ok(())
                }
                Sink::Nothing(_) => Ok(()),
            };
            match finished {
                Ok(()) => self.advance(now),
                Err(LineTooLong) => self.line_too_long(now),
            }
        }
    }

    /// What the program has not been given of what was read for it.
    fn unwritten(&self) -> &[u8] {
        &self.stdin[self.stdin_written..]
    }

    fn read_input(&mut self) {
        let Some(offset) = self.feed.next_read() else { return };
        let request = DiskRequest::Read { file: self.input_file, offset, length_bytes: READ_BYTES };
        self.base.ask(request, Purpose::Input(self.input.clone()));
    }

    /// Takes what was read of the input; of an attempt that has failed only what it names.
    fn take_input(&mut self, bytes: &[u8]) {
        let is_wanted = !self.base.has_failed();
        assert!(!is_wanted || self.unwritten().is_empty(), "more is read once all was written");
        self.stdin.clear();
        self.stdin_written = 0;
        if self.feed.next_read().is_none() {
            return;
        }
        let MapAttempt { feed, stdin, quarantine, excerpt, .. } = self;
        let mut left_out = Vec::new();
        feed.push(bytes, |piece| match piece {
            Piece::Fed(bytes) => {
                if let Some(excerpt) = excerpt {
                    let missing = EXCERPT_BYTES - excerpt.len();
                    excerpt.extend_from_slice(&bytes[..bytes.len().min(missing)]);
                }
                if is_wanted {
                    stdin.extend_from_slice(bytes);
                }
            }
            Piece::LeftOut(bytes) => left_out.extend_from_slice(bytes),
        });
        if let Some(quarantine) = quarantine.as_mut().filter(|_| is_wanted && !left_out.is_empty()) {
            quarantine.push(&left_out);
        }
    }

    /// Writes out what must be before more can be collected.
    fn drain_sink(&mut self) -> Result<Option<MapOutput>, LineTooLong> {
        match &mut self.sink {
            Sink::Runs(collector) => collector.advance(&mut self.base),
            Sink::Output(output) => {
                output.advance(&mut self.base);
                Ok(None)
            }
            Sink::Nothing(_) => Ok(None),
        }
    }

    /// Writes out what was left out, and all of it once the input has ended; whether more can be taken.
    fn drain_quarantine(&mut self) -> bool {
        let Some(quarantine) = &mut self.quarantine else { return true };
        if self.feed.next_read().is_none() && quarantine.is_open() {
            quarantine.complete();
        }
        quarantine.advance(&mut self.base);
        quarantine.wants_more()
    }

    fn finish(&mut self, now: Time) {
        match self.drain_sink() {
            Err(LineTooLong) => return self.line_too_long(now),
            Ok(Some(output)) => self.remove_tmp(Some(output)),
            Ok(None) => {
                let is_over = match &self.sink {
                    Sink::Output(output) => output.is_safe(),
                    Sink::Nothing(_) => self.base.is_idle(),
                    Sink::Runs(_) => false,
                };
                if is_over {
                    self.remove_tmp(None);
                }
            }
        }
        // What was spilled may not hold what was written: nothing else would come to end the attempt.
        if self.base.has_failed() || (self.base.is_idle() && matches!(self.stage, Stage::Closing(_))) {
            self.advance(now);
        }
    }

    /// Removes what is not kept: the program's temporary files, or all of the attempt's if its output is the job's.
    fn remove_tmp(&mut self, output: Option<MapOutput>) {
        let scratch = &self.base.setting.scratch;
        let path = if output.is_some() { scratch.join("tmp") } else { scratch.clone() };
        self.base.ask_later(DiskRequest::RemoveTree { path }, Purpose::Cleaning);
        self.base.ask_next();
        self.stage = Stage::Closing(output);
    }

    fn line_too_long(&mut self, now: Time) {
        self.base
            .fail(Cause::RecordTooLong { role: ProgramRole::Mapper, limit_bytes: RECORD_BYTES_MAX as u64 });
        self.advance(now);
    }

    fn count(&mut self) {
        let counters = &mut self.base.counters;
        counters.map_input_bytes = self.feed.bytes();
        counters.map_input_records = self.feed.records();
        match &self.sink {
            Sink::Runs(collector) => {
                (counters.map_output_bytes, counters.map_output_records) = collector.pushed();
            }
            Sink::Output(output) => {
                (counters.map_output_bytes, counters.map_output_records) = output.pushed();
                (counters.output_bytes, counters.output_records) = output.pushed();
            }
            Sink::Nothing(_) => {}
        }
    }
}

impl Machine for MapAttempt {
    type Input = AttemptInput;
    type Output = AttemptOutput;
    type Timer = ();

    fn handle_input(&mut self, input: AttemptInput, now: Time) {
        self.base.note_time(now);
        match input {
            AttemptInput::Start => {
                self.stage = Stage::Opening;
                self.base.start();
                let (path, encoding) = (self.input.path.clone(), Encoding::of_path(&self.input.path));
                let request = DiskRequest::Open { file: self.input_file, path, encoding };
                self.base.ask_later(request, Purpose::Input(self.input.clone()));
            }
            AttemptInput::Disk(answer) => {
                let is_of_input = self.base.file_under_way() == Some(self.input_file);
                if answer.is_err() && is_of_input && self.base.has_failed() {
                    // Nothing more can be had of the record under way.
                    self.feed.end();
                }
                if let Some(request) = self.base.answered(answer) {
                    if let Some(quarantine) = &mut self.quarantine {
                        quarantine.done(&request);
                    }
                    match &mut self.sink {
                        Sink::Runs(collector) => {
                            if request.file() != Some(self.input_file) {
                                collector.done(&request);
                            }
                        }
                        Sink::Output(output) => output.done(&request),
                        Sink::Nothing(_) => {}
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

impl DiskUser for MapAttempt {
    fn push_read(&mut self, bytes: &[u8], now: Time) {
        if let Some(request) = self.base.read_answered(bytes) {
            if request.file() == Some(self.input_file) {
                self.take_input(bytes);
            } else if let Sink::Runs(collector) = &mut self.sink
                && !self.base.has_failed()
            {
                collector.push_read(bytes);
            }
        }
        self.advance(now);
    }

    fn outgoing(&self) -> &[u8] {
        let is_under_way = |quarantine: &&OutputFile| self.base.file_under_way() == Some(quarantine.file());
        match (&self.sink, self.quarantine.as_ref().filter(is_under_way)) {
            (_, Some(quarantine)) => quarantine.outgoing(),
            (Sink::Runs(collector), None) => collector.outgoing(),
            (Sink::Output(output), None) => output.outgoing(),
            (Sink::Nothing(_), None) => &[],
        }
    }
}

impl AttemptMachine for MapAttempt {
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
        if self.base.has_failed() {
            return true;
        }
        match &self.sink {
            Sink::Runs(collector) => collector.wants_more(),
            Sink::Output(output) => output.wants_more(),
            Sink::Nothing(_) => true,
        }
    }

    fn push_stdout(&mut self, bytes: &[u8], now: Time) {
        self.base.heard(bytes.len(), now);
        if !self.base.has_failed() {
            let pushed = match &mut self.sink {
                Sink::Runs(collector) => collector.push(bytes),
                Sink::Output(output) => {
                    output.push(bytes);
                    Ok(())
                }
                Sink::Nothing(discard) => discard.push(bytes),
            };
            if let Err(LineTooLong) = pushed {
                return self.line_too_long(now);
            }
        }
        self.advance(now);
    }

    fn push_stderr(&mut self, bytes: &[u8], now: Time) {
        self.base.complained(bytes, now);
    }
}
