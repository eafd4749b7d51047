//! One process of a test: owns how it is started, heard, signalled and awaited. It does not outlive the test.

use super::DEADLINE;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::io::{BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Instant;

/// A process that was started, with all that it says.
pub struct Process {
    name: String,
    child: Child,
    handle: OwnedFd,
    lines: Receiver<(Stream, Vec<u8>)>,
    /// What it has said so far.
    pub heard: Finished,
}

#[derive(Clone, Copy, PartialEq)]
enum Stream {
    Stdout,
    Stderr,
}

/// What a process left.
#[derive(Clone, Debug, Default)]
pub struct Finished {
    /// How it ended; `None` as long as it has not.
    pub status: Option<ExitStatus>,
    /// All it printed.
    pub stdout: Vec<u8>,
    /// All it said.
    pub stderr: String,
}

impl Finished {
    /// Panics unless the process ended well.
    #[track_caller]
    pub fn expect_success(self) -> Finished {
        assert!(self.status.is_some_and(|status| status.success()), "{self}");
        self
    }

    /// Panics unless the process exited with `code` and its stderr has each of `words` in it.
    #[track_caller]
    pub fn expect_failure(self, code: i32, words: &[&str]) -> Finished {
        assert_eq!(self.status.and_then(|status| status.code()), Some(code), "{self}");
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is not in: {self}");
        }
        self
    }
}

impl std::fmt::Display for Finished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let printed = String::from_utf8_lossy(&self.stdout[..self.stdout.len().min(2_000)]);
        write!(f, "status: {:?}\nstdout: {printed}\nstderr: {}", self.status, self.stderr)
    }
}

impl Process {
    /// Starts a command, listening to both of its streams.
    pub fn start(command: &mut Command) -> Process {
        let name = format!("{:?}", command.get_args().collect::<Vec<_>>());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let handle = pidfd_open(Pid::from_child(&child), PidfdFlags::empty()).unwrap();
        let (sender, lines) = channel();
        listen(Stream::Stdout, child.stdout.take().unwrap(), sender.clone());
        listen(Stream::Stderr, child.stderr.take().unwrap(), sender);
        Process { name, child, handle, lines, heard: Finished::default() }
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Awaits a line, on either stream, that has `words` in it, and gives it.
    #[track_caller]
    pub fn await_line(&mut self, words: &str) -> String {
        let end = Instant::now() + DEADLINE;
        loop {
            let line = match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(said) => self.hear(said),
                Err(reason) => panic!("{} never said {words:?} ({reason}): {}", self.name, self.heard),
            };
            if line.contains(words) {
                return line;
            }
        }
    }

    fn hear(&mut self, (stream, line): (Stream, Vec<u8>)) -> String {
        let text = String::from_utf8_lossy(&line).trim_end().to_string();
        match stream {
            Stream::Stdout => self.heard.stdout.extend(line),
            Stream::Stderr => self.heard.stderr.push_str(&String::from_utf8_lossy(&line)),
        }
        text
    }

    /// Sends a signal, unless the process has ended.
    pub fn signal(&self, signal: Signal) {
        let _ = pidfd_send_signal(&self.handle, signal);
    }

    /// Ends it with no chance to do anything about it.
    pub fn kill(mut self) {
        self.kill_and_wait();
    }

    /// Likewise, of one that is to be replaced.
    pub fn kill_and_wait(&mut self) {
        self.signal(Signal::KILL);
        self.child.wait().unwrap();
    }

    /// Has it end in good order, and waits for that.
    #[track_caller]
    pub fn stop_and_wait(&mut self) {
        self.signal(Signal::TERM);
        assert!(self.child.wait().unwrap().success(), "{}: {}", self.name, self.heard);
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Awaits its end.
    #[track_caller]
    pub fn finish(mut self) -> Finished {
        let end = Instant::now() + DEADLINE;
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(said) => drop(self.hear(said)),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("{} does not end: {}", self.name, self.heard),
            }
        }
        let patience = Timespec { tv_sec: 10, tv_nsec: 0 };
        let ended = poll(&mut [PollFd::new(&self.handle, PollFlags::IN)], Some(&patience)).unwrap();
        assert!(ended > 0, "{} closed its streams but does not end: {}", self.name, self.heard);
        self.heard.status = Some(self.child.wait().unwrap());
        self.heard.clone()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.has_ended() {
            self.signal(Signal::KILL);
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            while let Ok(said) = self.lines.try_recv() {
                self.hear(said);
            }
            eprintln!("---- {}\n{}", self.name, self.heard);
        }
    }
}

fn listen(stream: Stream, from: impl Read + Send + 'static, to: Sender<(Stream, Vec<u8>)>) {
    std::thread::spawn(move || {
        let mut reader = BufReader::new(from);
        let mut line = Vec::new();
        while matches!(reader.read_until(b'\n', &mut line), Ok(1..)) {
            // The test may have stopped listening; the process must not stop for that.
            let _ = to.send((stream, std::mem::take(&mut line)));
        }
    });
}
