//! Plays an attempt to its end: a disk in memory and a program that copies, with answers, failures and kills in any order.

use super::*;

pub(super) type Files = BTreeMap<PathBytes, Vec<u8>>;
pub(super) type Ended = Result<AttemptSuccess, Failure>;

/// What may happen to an attempt besides what it asks for, in thousandths of each occasion.
#[derive(Copy, Clone, Debug, Default)]
pub(super) struct Chances {
    pub(super) disk_fails: u64,
    pub(super) spawn_fails: u64,
    pub(super) program_fails: u64,
    pub(super) killed: u64,
    /// How long each disk request takes at the most.
    pub(super) disk_us: u64,
}

/// The program of an attempt: prints what it reads.
#[derive(Debug, Default)]
pub(super) struct Copier {
    pub(super) is_running: bool,
    pub(super) stdin_is_closed: bool,
    pub(super) stdin: Vec<u8>,
    pub(super) stdout: Vec<u8>,
    pub(super) stdout_is_closed: bool,
    pub(super) stderr_is_closed: bool,
    pub(super) is_group_killed: bool,
}

/// An attempt whose disk and program are played by the test.
pub(super) struct Play<M> {
    pub(super) machine: M,
    pub(super) random: ChaCha12Rng,
    pub(super) chances: Chances,
    pub(super) now: Time,
    pub(super) files: Files,
    pub(super) open: BTreeMap<FileId, PathBytes>,
    pub(super) asked: Option<DiskRequest>,
    pub(super) spawning: bool,
    pub(super) looks: bool,
    pub(super) program: Option<Copier>,
    pub(super) is_killed: bool,
    pub(super) ended: Option<Ended>,
    /// Bytes written to all files together.
    pub(super) written_bytes: u64,
}

/// What can happen next.
#[derive(Copy, Clone, Debug)]
pub(super) enum Next {
    Disk,
    Spawn,
    Look,
    Feed,
    Print,
    Exit,
    CloseStdout,
    CloseStderr,
    Kill,
    Wait,
}

impl<M: AttemptMachine> Play<M> {
    pub(super) fn new(machine: M, files: Files, chances: Chances, seed: u64) -> Play<M> {
        Play {
            machine,
            random: ChaCha12Rng::seed_from_u64(seed),
            chances,
            now: Time::ZERO,
            files,
            open: BTreeMap::new(),
            asked: None,
            spawning: false,
            looks: false,
            program: None,
            is_killed: false,
            ended: None,
            written_bytes: 0,
        }
    }

    pub(super) fn happens(&mut self, thousandths: u64) -> bool {
        self.random.next_u64() % 1_000 < thousandths
    }

    /// Plays it to its end.
    pub(super) fn run(mut self) -> (Ended, Files) {
        self.play();
        (self.ended.expect("it was played to its end"), self.files)
    }

    /// Plays it to its end, and leaves all to be looked at.
    pub(super) fn play(&mut self) {
        self.machine.handle_input(AttemptInput::Start, self.now);
        for _ in 0..1_000_000 {
            self.drain();
            if self.ended.is_some() {
                return self.check_end();
            }
            let next = self.choose();
            self.happen(next);
        }
        panic!("the attempt never ends: asked {:?}, program {:?}", self.asked, self.program);
    }

    pub(super) fn drain(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            self.machine.check_invariants();
            assert!(self.ended.is_none(), "something came after the end: {output:?}");
            match output {
                AttemptOutput::Disk(request) => {
                    assert!(self.asked.replace(request).is_none(), "one request at a time");
                }
                AttemptOutput::Spawn(_) => {
                    assert!(!self.spawning && self.program.is_none(), "one program");
                    self.spawning = true;
                }
                AttemptOutput::CloseStdin => {
                    self.program.as_mut().expect("it was started").stdin_is_closed = true
                }
                AttemptOutput::KillGroup => {
                    self.program.as_mut().expect("it was started").is_group_killed = true
                }
                AttemptOutput::Look => {
                    assert!(!core::mem::replace(&mut self.looks, true), "one look at a time")
                }
                AttemptOutput::Progress(_) => {}
                AttemptOutput::Ended(result) => self.ended = Some(result),
            }
        }
    }

    pub(super) fn choose(&mut self) -> Next {
        let mut possible = Vec::new();
        if self.asked.is_some() {
            possible.push(Next::Disk);
        }
        if self.spawning {
            possible.push(Next::Spawn);
        }
        if self.looks {
            possible.push(Next::Look);
        }
        if let Some(program) = &self.program {
            if program.is_running && !self.machine.stdin().is_empty() && !program.stdin_is_closed {
                possible.push(Next::Feed);
            }
            if !program.stdout.is_empty() && self.machine.wants_stdout() {
                possible.push(Next::Print);
            }
            let is_done = program.stdin_is_closed && program.stdin.is_empty();
            if program.is_running && (is_done || program.is_group_killed) {
                possible.push(Next::Exit);
            }
            if !program.is_running && program.stdout.is_empty() && !program.stdout_is_closed {
                possible.push(Next::CloseStdout);
            }
            if !program.is_running && !program.stderr_is_closed {
                possible.push(Next::CloseStderr);
            }
        }
        if !self.is_killed && self.happens(self.chances.killed) {
            return Next::Kill;
        }
        if self.program.as_ref().is_some_and(|program| program.is_running)
            && self.happens(self.chances.program_fails)
        {
            return Next::Exit;
        }
        if possible.is_empty() {
            return Next::Wait;
        }
        possible[(self.random.next_u64() % possible.len() as u64) as usize]
    }

    pub(super) fn happen(&mut self, next: Next) {
        match next {
            Next::Disk => self.answer(),
            Next::Spawn => {
                self.spawning = false;
                if self.happens(self.chances.spawn_fails) {
                    self.machine.handle_input(AttemptInput::SpawnFailed(error()), self.now);
                } else {
                    self.program = Some(Copier { is_running: true, ..Copier::default() });
                    self.machine.handle_input(AttemptInput::Spawned, self.now);
                }
            }
            Next::Feed => {
                let room = 1 + (self.random.next_u64() % 100_000) as usize;
                let count = self.machine.stdin().len().min(room);
                let bytes = self.machine.stdin()[..count].to_vec();
                self.program.as_mut().expect("it runs").stdout.extend_from_slice(&bytes);
                self.machine.stdin_written(count, self.now);
            }
            Next::Print => {
                let room = 1 + (self.random.next_u64() % 100_000) as usize;
                let program = self.program.as_mut().expect("it prints");
                let count = program.stdout.len().min(room);
                let bytes: Vec<u8> = program.stdout.drain(..count).collect();
                self.machine.push_stdout(&bytes, self.now);
            }
            Next::Exit => {
                let program = self.program.as_mut().expect("it runs");
                program.is_running = false;
                let is_well = program.stdin_is_closed && !program.is_group_killed;
                let status = if is_well { ExitStatus::Code(0) } else { ExitStatus::Code(3) };
                let printed_bytes = program.stdout.len() as u64;
                let exited = AttemptInput::Exited { status, unread_bytes: 0, printed_bytes };
                self.machine.handle_input(exited, self.now);
            }
            Next::Look => {
                self.looks = false;
                let program = self.program.as_ref().expect("a program is looked at");
                let (unread_bytes, printed_bytes) = (program.stdin.len() as u64, program.stdout.len() as u64);
                let found = Activity { cpu_us: Some(0), unread_bytes, printed_bytes };
                self.machine.handle_input(AttemptInput::Looked(found), self.now);
            }
            Next::CloseStdout => {
                self.program.as_mut().expect("it was started").stdout_is_closed = true;
                self.machine.handle_input(AttemptInput::StdoutClosed, self.now);
            }
            Next::CloseStderr => {
                self.program.as_mut().expect("it was started").stderr_is_closed = true;
                self.machine.handle_input(AttemptInput::StderrClosed, self.now);
            }
            Next::Kill => {
                self.is_killed = true;
                self.machine.handle_input(AttemptInput::Kill, self.now);
            }
            Next::Wait => {
                let (at, _) = self.machine.poll_timeout().expect("something can happen, or is waited for");
                self.now = self.now.max(at);
                self.machine.handle_timeout(self.now);
            }
        }
    }

    /// Performs the request, in its own time, as a disk does.
    pub(super) fn answer(&mut self) {
        if self.chances.disk_us > 0 {
            self.now = self.now.after(self.random.next_u64() % self.chances.disk_us);
        }
        let request = self.asked.take().expect("something was asked");
        if self.happens(self.chances.disk_fails) {
            self.machine.handle_input(AttemptInput::Disk(Err(error())), self.now);
        } else {
            match self.perform(request) {
                Performed::Reply(reply) => self.machine.handle_input(AttemptInput::Disk(Ok(reply)), self.now),
                Performed::Bytes(bytes) => self.machine.push_read(&bytes, self.now),
            }
        }
        self.drain();
        if self.machine.poll_timeout().is_some_and(|(at, _)| at <= self.now) {
            self.machine.handle_timeout(self.now);
        }
    }

    pub(super) fn perform(&mut self, request: DiskRequest) -> Performed {
        let done = Performed::Reply(DiskReply::Done);
        match request {
            DiskRequest::Open { file, path, .. } => {
                let contents = self.files.get(&path).unwrap_or_else(|| panic!("{path} is not there"));
                let reply = Performed::Reply(DiskReply::Opened(identity(contents)));
                assert!(self.open.insert(file, path).is_none(), "a file is opened once");
                reply
            }
            DiskRequest::Create { file, path } => {
                assert!(self.files.insert(path.clone(), Vec::new()).is_none(), "{path} was there");
                assert!(self.open.insert(file, path).is_none(), "a file is opened once");
                Performed::Reply(DiskReply::Opened(identity(&[])))
            }
            DiskRequest::Read { file, offset, length_bytes } => {
                let contents = &self.files[&self.open[&file]];
                let rest = contents.get(offset as usize..).unwrap_or_default();
                Performed::Bytes(rest[..length_bytes.min(rest.len())].to_vec())
            }
            DiskRequest::Write { file, offset } => {
                let contents = self.files.get_mut(&self.open[&file]).expect("an open file is there");
                assert_eq!(contents.len() as u64, offset, "files are written from front to back");
                contents.extend_from_slice(self.machine.outgoing());
                self.written_bytes += self.machine.outgoing().len() as u64;
                done
            }
            DiskRequest::Inspect { file } => {
                Performed::Reply(DiskReply::Opened(identity(&self.files[&self.open[&file]])))
            }
            DiskRequest::Sync { file } => {
                assert!(self.open.contains_key(&file), "an open file is synced");
                done
            }
            DiskRequest::Close { file } => {
                assert!(self.open.remove(&file).is_some(), "an open file is closed");
                done
            }
            DiskRequest::Remove { path } => {
                self.files.remove(&path);
                done
            }
            DiskRequest::RemoveTree { path } => {
                let inside = format!("{path}/");
                self.files.retain(|name, _| !name.0.starts_with(inside.as_bytes()));
                done
            }
            DiskRequest::CreateDirectory { .. } | DiskRequest::SyncDirectory { .. } => done,
        }
    }

    /// Nothing may be left of an attempt that ended, save what could not be closed because the disk failed at it.
    pub(super) fn check_end(&mut self) {
        assert!(self.chances.disk_fails > 0 || self.open.is_empty(), "files are left open: {:?}", self.open);
        assert!(self.asked.is_none() && !self.spawning, "nothing is under way");
        assert!(self.program.as_ref().is_none_or(|program| !program.is_running), "no program is left");
        assert!(self.machine.poll_timeout().is_none(), "nothing is waited for");
    }
}

pub(super) enum Performed {
    Reply(DiskReply),
    Bytes(Vec<u8>),
}

pub(super) fn error() -> OsError {
    OsError { kind: OsErrorKind::Other, text: "drawn".into() }
}

pub(super) fn identity(contents: &[u8]) -> FileIdentity {
    FileIdentity { inode: 1, size_bytes: contents.len() as u64, modified_ns: 1 }
}
