//! What both kinds of attempt have in common: one disk request at a time, the program's life, the first failure, the end.
//!
//! Knows nothing of splits or runs. Invariant: `Ended` is given once, when no request is under way and no program is left.

#[cfg(test)]
mod tests;

use super::attempt::{Activity, AttemptInput, AttemptOutput, AttemptSetting, AttemptSuccess};
use super::disk::{DiskReply, DiskRequest};
use super::program::{Exit, ProgramLife};
use super::silence::Silence;
use crate::failure::{Cause, Excerpt, Failure, InputRange, OsError, OsErrorKind};
use crate::ids::{AttemptId, FileId};
use crate::job::{Counters, Encoding, InputFile, PathBytes};
use crate::limits::PROGRESS_US;
use crate::probe::probe;
use crate::time::Time;
use alloc::boxed::Box;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::string::ToString;

/// What a disk request is for: what its failure means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To see that this worker sees the staging directory.
    Nonce,
    /// To read the split's file.
    Input(InputFile),
    /// To write or read the attempt's own files.
    Scratch(PathBytes),
    /// To read a map's run: if that fails the map is made again.
    Run(AttemptId),
    /// To write the job's output.
    Output(PathBytes),
    /// To clean up; a failure changes nothing.
    Cleaning,
}

/// The common part of an attempt.
#[derive(Debug)]
pub(super) struct AttemptBase {
    pub setting: AttemptSetting,
    pub program: ProgramLife,
    pub counters: Counters,
    silence: Silence,
    stdin_is_closed: bool,
    row: VecDeque<(DiskRequest, Purpose)>,
    under_way: Option<(DiskRequest, Purpose)>,
    open: BTreeSet<FileId>,
    last_file: u64,
    failure: Option<Failure>,
    is_ended: bool,
    progress_told_at: Time,
    now: Time,
    outputs: VecDeque<AttemptOutput>,
}

/// The file that holds the nonce while it is looked at.
const NONCE: FileId = FileId(0);

impl AttemptBase {
    pub fn new(setting: AttemptSetting) -> AttemptBase {
        AttemptBase {
            silence: Silence::new(setting.task_timeout_us),
            stdin_is_closed: false,
            setting,
            program: ProgramLife::new(),
            counters: Counters::default(),
            row: VecDeque::new(),
            under_way: None,
            open: BTreeSet::new(),
            last_file: NONCE.0,
            failure: None,
            is_ended: false,
            progress_told_at: Time::ZERO,
            now: Time::ZERO,
            outputs: VecDeque::new(),
        }
    }

    /// Begins: looks for the nonce and makes the attempt's directory.
    pub fn start(&mut self) {
        let tmp = self.setting.scratch.join("tmp");
        let nonce_path = self.setting.nonce_path.clone();
        let open = DiskRequest::Open { file: NONCE, path: nonce_path, encoding: Encoding::Plain };
        self.ask_later(open, Purpose::Nonce);
        self.ask_later(DiskRequest::Read { file: NONCE, offset: 0, length_bytes: 8 }, Purpose::Nonce);
        self.ask_later(DiskRequest::Close { file: NONCE }, Purpose::Nonce);
        self.ask_later(DiskRequest::CreateDirectory { path: tmp.clone() }, Purpose::Scratch(tmp));
    }

    /// A name for a file that is to be opened.
    pub fn new_file(&mut self) -> FileId {
        self.last_file += 1;
        FileId(self.last_file)
    }

    /// Puts a request at the end of the row.
    pub fn ask_later(&mut self, request: DiskRequest, purpose: Purpose) {
        self.row.push_back((request, purpose));
    }

    /// Asks for something at once; nothing else may be under way.
    pub fn ask(&mut self, request: DiskRequest, purpose: Purpose) {
        assert!(self.is_idle(), "one disk request at a time");
        self.ask_later(request, purpose);
        self.ask_next();
    }

    /// Asks for the next request in the row; `false` if there is none and none is under way.
    pub fn ask_next(&mut self) -> bool {
        if self.under_way.is_some() {
            return true;
        }
        let Some((request, purpose)) = self.row.pop_front() else { return false };
        self.outputs.push_back(AttemptOutput::Disk(request.clone()));
        self.under_way = Some((request, purpose));
        true
    }

    /// Whether no disk request is under way or in the row.
    pub fn is_idle(&self) -> bool {
        self.under_way.is_none() && self.row.is_empty()
    }

    /// The open file that the request under way is about.
    pub fn file_under_way(&self) -> Option<FileId> {
        self.under_way.as_ref().and_then(|(request, _)| request.file())
    }

    /// Takes the answer to the request under way; the request, if it was done and nothing failed by it.
    pub fn answered(&mut self, answer: Result<DiskReply, OsError>) -> Option<DiskRequest> {
        let (request, purpose) = self.under_way.take().expect("an answer is to a request under way");
        match answer {
            Ok(reply) => {
                self.note_done(&request);
                if let (DiskReply::Opened(identity), Purpose::Input(input)) = (reply, &purpose)
                    && identity != input.identity
                {
                    let path = input.path.clone();
                    self.fail(Cause::InputChanged { path });
                    return None;
                }
                (!self.has_failed()).then_some(request)
            }
            Err(error) => {
                self.refused(purpose, error);
                None
            }
        }
    }

    /// Takes the bytes that answer the read under way; the request, unless the bytes were the nonce's, or the attempt
    /// has failed meanwhile.
    pub fn read_answered(&mut self, bytes: &[u8]) -> Option<DiskRequest> {
        let (request, purpose) = self.under_way.take().expect("bytes are pushed for a read under way");
        assert!(matches!(request, DiskRequest::Read { .. }), "bytes are pushed for a read");
        if purpose != Purpose::Nonce {
            return Some(request);
        }
        if bytes != self.setting.nonce.to_le_bytes() {
            self.fail_not_shared();
        }
        None
    }

    fn note_done(&mut self, request: &DiskRequest) {
        match request {
            DiskRequest::Open { file, .. } | DiskRequest::Create { file, .. } => {
                self.open.insert(*file);
            }
            DiskRequest::Close { file } => {
                self.open.remove(file);
            }
            DiskRequest::Read { .. }
            | DiskRequest::Write { .. }
            | DiskRequest::Inspect { .. }
            | DiskRequest::Sync { .. }
            | DiskRequest::Remove { .. }
            | DiskRequest::CreateDirectory { .. }
            | DiskRequest::RemoveTree { .. }
            | DiskRequest::SyncDirectory { .. } => {}
        }
    }

    fn refused(&mut self, purpose: Purpose, error: OsError) {
        match purpose {
            Purpose::Nonce => self.fail_nonce(error),
            Purpose::Input(InputFile { path, .. }) => self.fail(Cause::InputUnreadable { path, error }),
            Purpose::Scratch(path) => {
                probe!("scratch refuses");
                self.fail(Cause::Scratch { path, error });
            }
            Purpose::Run(map) => {
                probe!("a run on the same worker cannot be read");
                self.fail(Cause::RunCorrupt { map });
            }
            Purpose::Output(path) => {
                probe!("the output refuses");
                self.fail(Cause::OutputUnwritable { path, error });
            }
            Purpose::Cleaning => {}
        }
    }

    /// Where the nonce is not to be seen, the storage is not shared; any other error may pass, and says nothing of that.
    fn fail_nonce(&mut self, error: OsError) {
        match error.kind {
            OsErrorKind::NotFound | OsErrorKind::NotADirectory | OsErrorKind::PermissionDenied => {
                self.fail_not_shared();
            }
            OsErrorKind::Exists
            | OsErrorKind::IsADirectory
            | OsErrorKind::NoSpace
            | OsErrorKind::ConnectionRefused
            | OsErrorKind::AddressInUse
            | OsErrorKind::TimedOut
            | OsErrorKind::InvalidData
            | OsErrorKind::NotExecutable
            | OsErrorKind::NotAFile
            | OsErrorKind::Other => {
                probe!("the nonce cannot be read");
                let path = self.setting.nonce_path.clone();
                self.fail(Cause::StagingUnreadable { path, error });
            }
        }
    }

    fn fail_not_shared(&mut self) {
        let path =
            self.setting.nonce_path.split_name().map_or(self.setting.nonce_path.clone(), |(path, _)| path);
        self.fail(Cause::OutputNotShared { path });
    }

    /// Ends the attempt for this reason, unless it has one already; the program is killed.
    pub fn fail(&mut self, cause: Cause) {
        if self.failure.is_none() && !self.is_ended {
            self.failure = Some(Failure::new(cause));
            self.row.clear();
            self.silence.end();
        }
        if self.program.not_wanted(self.now) {
            self.outputs.push_back(AttemptOutput::KillGroup);
        }
    }

    /// Takes note that nobody holds the program's stdout any more.
    fn stdout_closed(&mut self) {
        if self.program.stdout_closed(self.now) {
            self.outputs.push_back(AttemptOutput::KillGroup);
        }
    }

    /// Takes note of the time, as every event brings it.
    pub fn note_time(&mut self, now: Time) {
        self.now = now;
    }

    /// When something is to be done that nothing else brings.
    pub fn deadline(&self) -> Option<Time> {
        self.program.deadline().into_iter().chain(self.silence.deadline()).min()
    }

    /// Lets pipes that have been silent for long enough count as such, and has a silent program looked at.
    pub fn time_is(&mut self, now: Time) {
        self.now = now;
        if self.program.time_passed(now) {
            self.outputs.push_back(AttemptOutput::KillGroup);
        }
        if self.silence.time_passed(now) {
            self.outputs.push_back(AttemptOutput::Look);
        }
    }

    /// Takes note that so much was written to the program's stdin.
    pub fn fed(&mut self, count: usize, now: Time) {
        if count > 0 {
            self.silence.passed(now);
        }
    }

    /// Takes note that so much of the program's stdout was read.
    pub fn heard(&mut self, count: usize, now: Time) {
        self.now = now;
        self.program.heard(count, now);
        self.silence.passed(now);
    }

    /// Keeps the end of what the program wrote to stderr.
    pub fn complained(&mut self, bytes: &[u8], now: Time) {
        self.program.push_stderr(bytes);
        self.silence.passed(now);
    }

    /// Takes what a look at the program found: one that was silent for too long is killed.
    fn looked(&mut self, found: Activity) {
        let is_owed = found.unread_bytes == 0 && !self.stdin_is_closed;
        let Some(silent_us) = self.silence.looked(found, is_owed, self.now) else { return };
        probe!("a program is silent for too long");
        let program = &self.setting.program;
        self.fail(Cause::ProgramSilent {
            role: program.role,
            command: program.command.to_string(),
            silent_us,
            cpu_us: found.cpu_us.unwrap_or(0),
            unread_bytes: found.unread_bytes,
        });
    }

    pub fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// Takes what happens to the program, or that it is not wanted any more.
    pub fn program_event(&mut self, event: AttemptInput) {
        match event {
            AttemptInput::Spawned => self.spawned(),
            AttemptInput::SpawnFailed(error) => self.spawn_failed(error),
            AttemptInput::Exited { status, unread_bytes, printed_bytes } => {
                self.exited(Exit { status, unread_bytes }, printed_bytes);
            }
            AttemptInput::StdinRefused => {}
            AttemptInput::StdoutClosed => self.stdout_closed(),
            AttemptInput::StderrClosed => self.program.stderr_closed(),
            AttemptInput::Looked(found) => self.looked(found),
            AttemptInput::Kill => self.fail(Cause::Killed),
            AttemptInput::Start | AttemptInput::Disk(_) => {
                unreachable!("each kind of attempt takes these itself")
            }
        }
    }

    /// Starts the program.
    pub fn spawn(&mut self) {
        self.program.spawning();
        self.outputs.push_back(AttemptOutput::Spawn(self.setting.program.clone()));
    }

    /// Takes note that the program runs; it is killed at once if the attempt has failed meanwhile.
    fn spawned(&mut self) {
        self.program.spawned();
        if self.has_failed() {
            probe!("an attempt fails while its program is being started");
            self.outputs.push_back(AttemptOutput::KillGroup);
        } else {
            self.silence.begin(self.now);
        }
    }

    fn spawn_failed(&mut self, error: OsError) {
        self.program.not_spawned();
        let program = &self.setting.program;
        let (role, directory) = (program.role, program.directory.clone());
        let program = program.command.words.first().cloned().unwrap_or_default();
        self.fail(Cause::ProgramNotStarted { role, program, directory, error });
    }

    /// Takes note of the program's end.
    fn exited(&mut self, exit: Exit, printed_bytes: u64) {
        self.silence.end();
        if self.program.exited(exit, printed_bytes, self.now) {
            self.outputs.push_back(AttemptOutput::KillGroup);
        }
        let Exit { status, .. } = exit;
        if !status.is_success() {
            let program = &self.setting.program;
            self.fail(Cause::ProgramFailed {
                role: program.role,
                command: program.command.to_string(),
                status,
            });
        }
    }

    /// Tells the program, once, that it has had all.
    pub fn close_stdin(&mut self) {
        if !core::mem::replace(&mut self.stdin_is_closed, true) {
            self.outputs.push_back(AttemptOutput::CloseStdin);
        }
    }

    /// Fails the attempt for input that the program did not read.
    pub fn stopped_reading(&mut self, unread_bytes: u64) {
        let program = &self.setting.program;
        let (role, command) = (program.role, program.command.to_string());
        self.fail(Cause::ProgramStoppedReading { role, command, unread_bytes });
    }

    /// Tells how far it is, from time to time.
    pub fn tell_progress(&mut self, now: Time) {
        if !self.is_ended && now.since_us(self.progress_told_at) >= PROGRESS_US {
            self.progress_told_at = now;
            self.outputs.push_back(AttemptOutput::Progress(self.counters));
        }
    }

    /// Once the attempt failed: closes and removes all, then ends. To be called whenever nothing is under way.
    pub fn continue_failing(&mut self) {
        if self.is_ended || !self.has_failed() || self.under_way.is_some() || !self.program.is_gone() {
            return;
        }
        if let Some(file) = self.open.pop_first() {
            return self.ask(DiskRequest::Close { file }, Purpose::Cleaning);
        }
        let scratch = self.setting.scratch.clone();
        if !scratch.0.is_empty() {
            self.setting.scratch = PathBytes::default();
            return self.ask(DiskRequest::RemoveTree { path: scratch }, Purpose::Cleaning);
        }
        let mut failure = self.failure.clone().expect("it has failed");
        failure.stderr_tail = self.program.stderr_tail().to_vec();
        self.end(Err(failure));
    }

    /// Ends the attempt well; all its files are closed.
    pub fn succeed(&mut self, success: AttemptSuccess) {
        assert!(self.open.is_empty() && self.is_idle(), "an attempt that ended holds nothing");
        self.end(Ok(success));
    }

    fn end(&mut self, result: Result<AttemptSuccess, Failure>) {
        assert!(!self.is_ended && self.program.is_gone(), "an attempt ends once, after its program");
        self.is_ended = true;
        self.outputs.push_back(AttemptOutput::Ended(result));
    }

    pub fn is_ended(&self) -> bool {
        self.is_ended
    }

    pub fn poll_output(&mut self) -> Option<AttemptOutput> {
        self.outputs.pop_front()
    }

    /// Names the part of the input that the attempt worked on, for its failure, and what is in it.
    pub fn note_input(&mut self, input: InputRange, excerpt: Option<Box<Excerpt>>) {
        if let Some(failure) = self.failure.as_mut().filter(|failure| failure.input.is_none()) {
            (failure.input, failure.excerpt) = (Some(input), excerpt);
        }
    }

    pub fn check_invariants(&self) {
        if self.is_ended {
            assert!(
                self.program.is_gone() && self.under_way.is_none(),
                "nothing is left of an attempt that ended"
            );
        }
    }
}
