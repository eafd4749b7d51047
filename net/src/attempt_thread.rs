//! Executing an attempt: owns the thread that performs what one [`AttemptMachine`] asks, and the program it runs.
//!
//! Order of preference, as the machine's contract has it: requests, one at a time; then a kill; then the program's
//! pipes. When the machine is over, the program is reaped and every file closed before anybody is told.

use crate::child::{Child, OutputPipe, register};
use crate::clock::Clock;
use crate::disk::{Disk, Performed};
use crate::os_error::os_error;
use crate::spawner::SpawnerHandle;
use crate::thread;
use mio::{Events, Interest, Poll, Token, Waker};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use windrow_core::failure::Failure;
use windrow_core::ids::AttemptId;
use windrow_core::job::Counters;
use windrow_core::limits::READ_BYTES;
use windrow_core::worker::attempt::{AttemptInput, AttemptMachine, AttemptOutput, AttemptSuccess, Program};

const KILL: Token = Token(0);
const STDIN: Token = Token(1);
const STDOUT: Token = Token(2);
const STDERR: Token = Token(3);
const EXIT: Token = Token(4);

/// A read that gave less than this was made too early.
const SMALL_READ_BYTES: usize = 16 << 10;
/// After so many small reads in a row the program is taken for one that writes word by word.
const SMALL_READS: u32 = 8;
/// How long such a program's pipe is left to fill, so that not every word of it costs two switches.
const FILL_PAUSE: Duration = Duration::from_millis(1);

/// Pieces taken from the program before its descriptors are looked at again.
const PIECES_BETWEEN_LOOKS: u32 = 32;

/// What an attempt tells while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptReport {
    /// How far it is.
    Progress(Counters),
    /// It is over; nothing of it runs or is open.
    Ended(Result<AttemptSuccess, Failure>),
}

/// An attempt under way.
#[derive(Debug)]
pub struct AttemptThread {
    kill: Arc<KillSwitch>,
    thread: JoinHandle<()>,
}

#[derive(Debug)]
struct KillSwitch {
    waker: Waker,
    thrown: AtomicBool,
}

impl AttemptThread {
    /// Begins to execute an attempt. `report` is called on the attempt's thread; the last call says `Ended`.
    pub fn start<M: AttemptMachine + Send + 'static>(
        attempt: AttemptId,
        machine: M,
        spawner: SpawnerHandle,
        report: impl FnMut(AttemptReport) + Send + 'static,
    ) -> io::Result<AttemptThread> {
        let poll = Poll::new()?;
        let kill = Arc::new(KillSwitch {
            waker: Waker::new(poll.registry(), KILL)?,
            thrown: AtomicBool::new(false),
        });
        let executor = Executor {
            machine,
            clock: Clock::start(),
            poll,
            disk: Disk::default(),
            spawner,
            kill: Some(kill.clone()),
            child: None,
            ready: Ready::default(),
            answers: VecDeque::new(),
            buffer: vec![0; READ_BYTES],
            small_reads: 0,
            pieces: 0,
            turn: 0,
            report,
        };
        let thread = thread::spawn(format!("{attempt}"), || executor.run())?;
        Ok(AttemptThread { kill, thread })
    }

    /// Gives the attempt its `Kill`, unless it is over.
    pub fn kill(&self) {
        self.kill.thrown.store(true, Ordering::SeqCst);
        if let Err(error) = self.kill.waker.wake() {
            panic!("an attempt cannot be woken: {error}");
        }
    }

    /// Whether the thread has ended.
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for the thread's end.
    pub fn join(self) {
        // A panic there has ended the process.
        let _ = self.thread.join();
    }
}

/// What the program's descriptors were last seen ready for; edge-triggered, so cleared only by `WouldBlock`.
#[derive(Debug, Default)]
struct Ready {
    stdin: bool,
    stdout: bool,
    stderr: bool,
    exit: bool,
}

struct Executor<M, R> {
    machine: M,
    clock: Clock,
    poll: Poll,
    disk: Disk,
    spawner: SpawnerHandle,
    /// Gone once the machine was told.
    kill: Option<Arc<KillSwitch>>,
    child: Option<Child>,
    ready: Ready,
    /// What requests led to; told once the outputs are drained.
    answers: VecDeque<AttemptInput>,
    buffer: Vec<u8>,
    small_reads: u32,
    /// Pieces taken since the descriptors were last looked at.
    pieces: u32,
    /// Which pipe had its turn last.
    turn: u8,
    report: R,
}

/// Whether the machine is over.
type Ended = Option<Result<AttemptSuccess, Failure>>;

impl<M: AttemptMachine, R: FnMut(AttemptReport)> Executor<M, R> {
    fn run(mut self) {
        self.machine.handle_input(AttemptInput::Start, self.clock.now());
        let result = self.execute();
        assert_eq!(self.disk.open_files(), 0, "an attempt ended with open files");
        let Executor { child, mut report, machine, .. } = self;
        // The program goes first, then what the machine holds: who hears of the end may count on either.
        drop(child);
        drop(machine);
        report(AttemptReport::Ended(result));
    }

    fn execute(&mut self) -> Result<AttemptSuccess, Failure> {
        let mut events = Events::with_capacity(8);
        loop {
            if let Some(result) = self.settle() {
                return result;
            }
            if self.take_kill() || self.take_timeout() {
                continue;
            }
            // A program that never pauses must not keep its own end from being seen.
            if self.pieces < PIECES_BETWEEN_LOOKS && self.take_from_program() {
                self.pieces += 1;
                continue;
            }
            self.look(&mut events);
        }
    }

    /// Drains the machine's outputs, performs them, and gives it the answers, until it is content or over.
    fn settle(&mut self) -> Ended {
        loop {
            while let Some(output) = self.machine.poll_output() {
                if let AttemptOutput::Ended(result) = output {
                    return Some(result);
                }
                self.perform(output);
            }
            let now = self.clock.now();
            if let Some(answer) = self.answers.pop_front() {
                self.machine.handle_input(answer, now);
                continue;
            }
            match self.disk.take_outcome() {
                Some(Performed::Answered(answer)) => {
                    self.machine.handle_input(AttemptInput::Disk(answer), now)
                }
                Some(Performed::Read(bytes)) => self.machine.push_read(bytes, now),
                None => return None,
            }
        }
    }

    fn perform(&mut self, output: AttemptOutput) {
        match output {
            AttemptOutput::Disk(request) => self.disk.perform(request, &self.machine),
            AttemptOutput::Spawn(program) => self.spawn(program),
            AttemptOutput::CloseStdin => {
                if let Some(child) = &mut self.child {
                    child.close_stdin();
                    self.ready.stdin = false;
                }
            }
            AttemptOutput::KillGroup => {
                if let Some(child) = &self.child {
                    child.kill_group();
                }
            }
            AttemptOutput::Look => {
                if let Some(child) = &self.child {
                    let found = child.activity().expect("a child and its pipes tell how they are");
                    self.answers.push_back(AttemptInput::Looked(found));
                }
            }
            AttemptOutput::Progress(counters) => (self.report)(AttemptReport::Progress(counters)),
            AttemptOutput::Ended(_) => unreachable!("the end is taken before"),
        }
    }

    fn spawn(&mut self, program: Program) {
        assert!(self.child.is_none(), "a second program in one attempt");
        let spawned = self.spawner.spawn(program).and_then(|child| {
            self.watch(&child).map_err(|error| os_error(&error))?;
            Ok(child)
        });
        match spawned {
            Ok(child) => {
                self.child = Some(child);
                self.answers.push_back(AttemptInput::Spawned);
            }
            Err(error) => self.answers.push_back(AttemptInput::SpawnFailed(error)),
        }
    }

    fn watch(&self, child: &Child) -> io::Result<()> {
        let registry = self.poll.registry();
        if let Some(stdin) = child.stdin() {
            register(registry, stdin, STDIN, Interest::WRITABLE)?;
        }
        for (pipe, token) in [(OutputPipe::Stdout, STDOUT), (OutputPipe::Stderr, STDERR)] {
            if let Some(output) = child.output(pipe) {
                register(registry, output, token, Interest::READABLE)?;
            }
        }
        register(registry, child.pidfd(), EXIT, Interest::READABLE)
    }

    fn take_kill(&mut self) -> bool {
        if !self.kill.as_ref().is_some_and(|kill| kill.thrown.load(Ordering::SeqCst)) {
            return false;
        }
        self.kill = None;
        self.machine.handle_input(AttemptInput::Kill, self.clock.now());
        true
    }

    fn take_timeout(&mut self) -> bool {
        let now = self.clock.now();
        if self.machine.poll_timeout().is_none_or(|(deadline, _)| deadline > now) {
            return false;
        }
        self.machine.handle_timeout(now);
        true
    }

    /// Takes one thing from the program: its end, or a piece of one of its pipes in turn.
    fn take_from_program(&mut self) -> bool {
        if self.take_exit() {
            return true;
        }
        for _ in 0..3 {
            self.turn = (self.turn + 1) % 3;
            let taken = match self.turn {
                0 => self.read_stderr(),
                1 => self.read_stdout(),
                _ => self.write_stdin(),
            };
            if taken {
                return true;
            }
        }
        false
    }

    fn read_stderr(&mut self) -> bool {
        if !self.ready.stderr {
            return false;
        }
        match self.read(OutputPipe::Stderr) {
            Some(Ok(count)) => self.machine.push_stderr(&self.buffer[..count], self.clock.now()),
            Some(Err(closed)) => self.machine.handle_input(closed, self.clock.now()),
            None => {
                self.ready.stderr = false;
                return false;
            }
        }
        true
    }

    fn read_stdout(&mut self) -> bool {
        if !self.ready.stdout || !self.machine.wants_stdout() {
            return false;
        }
        match self.read(OutputPipe::Stdout) {
            Some(Ok(count)) => {
                self.small_reads = if count < SMALL_READ_BYTES { self.small_reads + 1 } else { 0 };
                self.machine.push_stdout(&self.buffer[..count], self.clock.now());
            }
            Some(Err(closed)) => self.machine.handle_input(closed, self.clock.now()),
            None => {
                self.ready.stdout = false;
                return false;
            }
        }
        true
    }

    /// What an output pipe gives: bytes, its end, or nothing for now.
    fn read(&mut self, pipe: OutputPipe) -> Option<Result<usize, AttemptInput>> {
        let child = self.child.as_mut().expect("only a program's pipes are read");
        let count = loop {
            let mut output = child.output(pipe).expect("only an open pipe is ready");
            match output.read(&mut self.buffer) {
                Ok(count) => break count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => panic!("a program's {pipe:?} cannot be read: {error}"),
            }
        };
        if count > 0 {
            return Some(Ok(count));
        }
        child.close_output(pipe);
        Some(Err(match pipe {
            OutputPipe::Stdout => {
                self.ready.stdout = false;
                AttemptInput::StdoutClosed
            }
            OutputPipe::Stderr => {
                self.ready.stderr = false;
                AttemptInput::StderrClosed
            }
        }))
    }

    fn write_stdin(&mut self) -> bool {
        if !self.ready.stdin || self.machine.stdin().is_empty() {
            return false;
        }
        let child = self.child.as_mut().expect("only a program's stdin is written");
        let mut stdin = child.stdin().expect("only an open pipe is ready");
        match stdin.write(self.machine.stdin()) {
            Ok(count) => self.machine.stdin_written(count, self.clock.now()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.ready.stdin = false;
                return false;
            }
            Err(error) => {
                tracing::debug!(%error, "a program takes no more input");
                self.ready.stdin = false;
                self.machine.handle_input(AttemptInput::StdinRefused, self.clock.now());
            }
        }
        true
    }

    fn take_exit(&mut self) -> bool {
        if !std::mem::take(&mut self.ready.exit) {
            return false;
        }
        let child = self.child.as_ref().expect("only a program ends");
        let status = child.try_exit_status().expect("a child can be waited for");
        // Readiness may be spurious; the next is awaited.
        let Some(status) = status else { return false };
        let unread_bytes = child.unread_bytes().expect("a pipe tells what it holds");
        let printed_bytes = child.printed_bytes().expect("a pipe tells what it holds");
        let exited = AttemptInput::Exited { status, unread_bytes, printed_bytes };
        self.machine.handle_input(exited, self.clock.now());
        true
    }

    /// Takes note of what is ready; waits for it where nothing was.
    fn look(&mut self, events: &mut Events) {
        let is_busy = std::mem::take(&mut self.pieces) >= PIECES_BETWEEN_LOOKS;
        let timeout = if is_busy {
            Some(Duration::ZERO)
        } else {
            self.machine.poll_timeout().map(|(deadline, _)| self.clock.until(deadline))
        };
        if !is_busy && self.small_reads >= SMALL_READS {
            self.small_reads = 0;
            std::thread::sleep(FILL_PAUSE);
        }
        match self.poll.poll(events, timeout) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return,
            Err(error) => panic!("waiting for a program failed: {error}"),
        }
        let Some(child) = &self.child else { return };
        for event in events.iter() {
            match event.token() {
                STDIN => self.ready.stdin = child.stdin().is_some(),
                STDOUT => self.ready.stdout = child.output(OutputPipe::Stdout).is_some(),
                STDERR => self.ready.stderr = child.output(OutputPipe::Stderr).is_some(),
                EXIT => self.ready.exit = true,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
