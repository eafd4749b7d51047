//! Users' programs: owns a running program and its pipes. It reads and writes in pieces of any size, blocks where a pipe
//! is full or empty, and ends by itself or is killed; what it computes is a [`UserFunction`].

mod function;

pub use function::{Computation, UserFunction};

use crate::stream::{Ratio, Stream};
use std::collections::VecDeque;
use windrow_core::failure::ExitStatus;

/// SIGKILL.
const KILLED: ExitStatus = ExitStatus::Signal(9);

/// A pipe with two ends, one of them the program's.
#[derive(Debug)]
struct Pipe {
    bytes: VecDeque<u8>,
    capacity: usize,
    /// The program holds its end.
    held: bool,
}

impl Pipe {
    fn new(capacity: usize) -> Pipe {
        Pipe { bytes: VecDeque::new(), capacity, held: true }
    }

    fn room(&self) -> usize {
        self.capacity - self.bytes.len()
    }
}

/// What a step of a program led to.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Life {
    /// It goes on.
    Runs,
    /// It computes for so long before it goes on.
    Computes {
        /// For how long.
        us: u64,
    },
    /// It sleeps for so long before it goes on.
    Sleeps {
        /// For how long.
        us: u64,
    },
    /// It waits for a pipe.
    Blocked,
    /// It ended.
    Ended,
}

/// What reading a pipe gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pulled {
    /// Bytes, at least one.
    Bytes(Vec<u8>),
    /// Nothing now.
    Nothing,
    /// Nobody can write any more, and all was read.
    Closed,
}

/// What outlives the program that started it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Daemon {
    /// Until the group is killed.
    InTheGroup,
    /// As long as it likes.
    OnItsOwn,
}

/// A program that was started.
#[derive(Debug)]
pub struct RunningProgram {
    computation: Computation,
    unread_limit: u64,
    /// It never ends by itself.
    hangs: bool,
    /// What it does before it takes its first input, or its end.
    pause: Option<Life>,
    /// What it has started holds its pipes when it is gone.
    daemon: Option<Daemon>,
    stdin: Pipe,
    stdin_closed: bool,
    stdout: Pipe,
    stderr: Pipe,
    printed: VecDeque<u8>,
    ending: Option<ExitStatus>,
    status: Option<ExitStatus>,
}

impl RunningProgram {
    /// Starts a program whose pipes hold `capacity` bytes each.
    pub fn start(function: UserFunction, capacity: usize) -> RunningProgram {
        assert!(capacity > 0, "a pipe holds something");
        let daemon = match function {
            UserFunction::Daemon { escapes: true } => Some(Daemon::OnItsOwn),
            UserFunction::Daemon { escapes: false } => Some(Daemon::InTheGroup),
            _ => None,
        };
        RunningProgram {
            unread_limit: function.reads_bytes_max(),
            hangs: matches!(function, UserFunction::Hang { .. }),
            pause: match function {
                UserFunction::Ponder { us } => Some(Life::Computes { us }),
                UserFunction::Nap { us } => Some(Life::Sleeps { us }),
                _ => None,
            },
            daemon,
            computation: Computation::new(function),
            stdin: Pipe::new(capacity),
            stdin_closed: false,
            stdout: Pipe::new(capacity),
            stderr: Pipe::new(capacity),
            printed: VecDeque::new(),
            ending: None,
            status: None,
        }
    }

    /// Lets the program do a little.
    pub fn step(&mut self, stream: &mut Stream) -> Life {
        if self.status.is_some() {
            return Life::Ended;
        }
        if !self.printed.is_empty() {
            let count = self.printed.len().min(self.stdout.room());
            if count == 0 {
                return Life::Blocked;
            }
            let count = stream.portion(count);
            self.stdout.bytes.extend(self.printed.drain(..count));
            return Life::Runs;
        }
        if let Some(status) = self.ending {
            self.end(status);
            return Life::Ended;
        }
        self.read(stream)
    }

    /// Ends the program and its group at once.
    pub fn kill(&mut self) {
        self.daemon.take_if(|daemon| *daemon == Daemon::InTheGroup);
        self.end(self.status.unwrap_or(KILLED));
    }

    /// How it ended, once it has, and what lies unread in its stdin.
    pub fn exited(&self) -> Option<(ExitStatus, u64)> {
        self.status.map(|status| (status, self.unread_bytes()))
    }

    /// Bytes that it printed and that were not pulled yet.
    pub fn printed_bytes(&self) -> u64 {
        self.stdout.bytes.len() as u64
    }

    /// What lies in its stdin.
    pub fn unread_bytes(&self) -> u64 {
        self.stdin.bytes.len() as u64
    }

    /// Bytes that its stdin takes now; `None` once it reads no more.
    pub fn stdin_room(&self) -> Option<usize> {
        self.stdin.held.then(|| self.stdin.room())
    }

    /// Writes to its stdin no more than [`RunningProgram::stdin_room`].
    pub fn write_stdin(&mut self, bytes: &[u8]) {
        assert!(!self.stdin_closed, "stdin was closed and is written");
        assert!(self.stdin_room().is_some_and(|room| bytes.len() <= room), "stdin takes less");
        self.stdin.bytes.extend(bytes);
    }

    /// Closes its stdin.
    pub fn close_stdin(&mut self) {
        self.stdin_closed = true;
    }

    /// What reading its stdout gives, now.
    pub fn pull_stdout(&mut self, stream: &mut Stream) -> Pulled {
        pull(&mut self.stdout, stream)
    }

    /// What reading its stderr gives, now.
    pub fn pull_stderr(&mut self, stream: &mut Stream) -> Pulled {
        pull(&mut self.stderr, stream)
    }

    /// Whether reading its stdout gives something, its end included.
    pub fn stdout_readable(&self) -> bool {
        !self.stdout.held || !self.stdout.bytes.is_empty()
    }

    /// Whether reading its stderr gives something, its end included.
    pub fn stderr_readable(&self) -> bool {
        !self.stderr.held || !self.stderr.bytes.is_empty()
    }

    fn read(&mut self, stream: &mut Stream) -> Life {
        let mut output = Vec::new();
        let readable = self.stdin.bytes.len().min(usize::try_from(self.unread_limit).unwrap_or(usize::MAX));
        let result = if self.hangs && (self.unread_limit == 0 || (readable == 0 && self.stdin_closed)) {
            return Life::Blocked;
        } else if let Some(pause) = self.pause.take_if(|_| readable > 0 || self.stdin_closed) {
            return pause;
        } else if self.unread_limit == 0 {
            self.ending = Some(ExitStatus::Code(0));
            Ok(())
        } else if readable > 0 {
            let count = stream.portion(readable);
            self.unread_limit -= count as u64;
            let input: Vec<u8> = self.stdin.bytes.drain(..count).collect();
            self.computation.feed(&input, &mut output, stream)
        } else if self.stdin_closed {
            self.ending = Some(ExitStatus::Code(0));
            self.computation.end(&mut output, stream)
        } else {
            return Life::Blocked;
        };
        self.printed.extend(output);
        if let Err(status) = result {
            self.ending = Some(status);
            // In colours and with a trace of calls, as many programs complain, and not in UTF-8.
            let calls = (0..25).map(|call| format!("  called from {call}\n")).collect::<String>();
            let mut complaint = format!("{calls}\x1b[31msimulated program\x1b[0m: {status:?} ").into_bytes();
            complaint.extend(b"\xff\n");
            let skipped = complaint.len().saturating_sub(self.stderr.room());
            self.stderr.bytes.extend(&complaint[skipped..]);
        }
        Life::Runs
    }

    fn end(&mut self, status: ExitStatus) {
        self.status = Some(status);
        let held = self.daemon.is_some();
        (self.stdin.held, self.stdout.held, self.stderr.held) = (false, held, held);
    }
}

fn pull(pipe: &mut Pipe, stream: &mut Stream) -> Pulled {
    if !pipe.bytes.is_empty() {
        let count = stream.portion(pipe.bytes.len());
        Pulled::Bytes(pipe.bytes.drain(..count).collect())
    } else if pipe.held {
        Pulled::Nothing
    } else {
        Pulled::Closed
    }
}

/// Bytes that a pipe holds: mostly few, so that programs block often.
pub fn pipe_capacity(stream: &mut Stream) -> usize {
    if stream.chance(Ratio::one_in(4)) { 65_536 } else { stream.between(16, 4_096) as usize }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use windrow_core::failure::OsErrorKind;

    /// Feeds `input` through pipes of `capacity` bytes and gives all that was printed, how it ended and what was left.
    fn run(function: UserFunction, input: &[u8], capacity: usize, seed: u64) -> (Vec<u8>, ExitStatus, u64) {
        let mut stream = Stream::new(seed, "program");
        let mut program = RunningProgram::start(function, capacity);
        let (mut input, mut output) = (input, Vec::new());
        loop {
            let room = program.stdin_room().unwrap_or(0).min(input.len());
            program.write_stdin_if_room(&input[..room]);
            input = &input[room..];
            if input.is_empty() {
                program.close_stdin();
            }
            let life = program.step(&mut stream);
            if stream.chance(Ratio::one_in(3)) || life == Life::Blocked {
                while let Pulled::Bytes(bytes) = program.pull_stdout(&mut stream) {
                    output.extend(bytes);
                }
            }
            if let Some((status, unread)) = program.exited() {
                while let Pulled::Bytes(bytes) = program.pull_stdout(&mut stream) {
                    output.extend(bytes);
                }
                assert_eq!(program.pull_stdout(&mut stream), Pulled::Closed);
                return (output, status, unread + input.len() as u64);
            }
        }
    }

    impl RunningProgram {
        fn write_stdin_if_room(&mut self, bytes: &[u8]) {
            if !bytes.is_empty() {
                self.write_stdin(bytes);
            }
        }
    }

    proptest! {
        #[test]
        fn what_a_program_prints_does_not_depend_on_its_pipes(
            input in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\t'), any::<u8>()], 0..200),
            capacity in 1_usize..300,
            seed: u64,
        ) {
            for function in [UserFunction::Identity, UserFunction::CountWords, UserFunction::KeyByFirstByte] {
                let whole = run(function.clone(), &input, 100_000, 0);
                prop_assert_eq!((whole.1, whole.2), (ExitStatus::Code(0), 0));
                prop_assert_eq!(run(function, &input, capacity, seed), whole);
            }
        }
    }

    #[test]
    fn programs_print_what_their_functions_say() {
        let printed = |function, input| run(function, input, 7, 1).0;
        assert_eq!(printed(UserFunction::Identity, b"a\n\nb"), b"a\n\nb");
        assert_eq!(printed(UserFunction::CountWords, b"a b\n a"), b"a\t1\nb\t1\na\t1\n");
        assert_eq!(printed(UserFunction::Sum, b"a\t1\na\t2\nb\t3\n"), b"a\t3\nb\t3\n");
        assert_eq!(printed(UserFunction::KeyByFirstByte, b"xy\nz"), b"x\txy\nz\tz\n");
    }

    #[test]
    fn programs_fail_and_stop_reading_as_told() {
        let fail_on = UserFunction::FailOn { word: "bad".into() };
        let (output, status, _) = run(fail_on, b"good\nbad\ngood\n", 3, 1);
        assert_eq!((output.as_slice(), status), (&b"good\n"[..], ExitStatus::Code(3)));
        let (output, status, unread) = run(UserFunction::Abandon { bytes: 4 }, b"0123456789", 100, 1);
        assert_eq!((output.as_slice(), status, unread), (&b""[..], ExitStatus::Code(0), 6));
    }

    #[test]
    fn a_program_that_hangs_ends_only_when_it_is_killed() {
        let mut stream = Stream::new(1, "program");
        let mut program = RunningProgram::start(UserFunction::Hang { bytes: 3 }, 100);
        program.write_stdin(b"0123456789");
        program.close_stdin();
        while program.step(&mut stream) == Life::Runs {}
        assert_eq!(program.exited(), None);
        program.kill();
        assert_eq!(program.exited(), Some((ExitStatus::Signal(9), 7)));
    }

    #[test]
    fn a_program_pauses_once_before_its_first_input() {
        for (function, pause) in [
            (UserFunction::Ponder { us: 5 }, Life::Computes { us: 5 }),
            (UserFunction::Nap { us: 6 }, Life::Sleeps { us: 6 }),
        ] {
            let mut stream = Stream::new(1, "program");
            let mut program = RunningProgram::start(function, 100);
            assert_eq!(program.step(&mut stream), Life::Blocked);
            program.write_stdin(b"a");
            program.close_stdin();
            assert_eq!(program.step(&mut stream), pause);
            while program.step(&mut stream) == Life::Runs {}
            assert_eq!(program.exited(), Some((ExitStatus::Code(0), 0)));
            assert_eq!(program.pull_stdout(&mut stream), Pulled::Bytes(b"a".to_vec()));
        }
    }

    #[test]
    fn what_a_program_has_started_holds_its_pipes() {
        for escapes in [false, true] {
            let mut stream = Stream::new(1, "program");
            let mut program = RunningProgram::start(UserFunction::Daemon { escapes }, 100);
            program.close_stdin();
            while program.step(&mut stream) == Life::Runs {}
            assert_eq!(program.exited(), Some((ExitStatus::Code(0), 0)));
            assert_eq!(program.pull_stdout(&mut stream), Pulled::Nothing);
            program.kill();
            assert_eq!(program.exited(), Some((ExitStatus::Code(0), 0)));
            let left = if escapes { Pulled::Nothing } else { Pulled::Closed };
            assert_eq!(program.pull_stdout(&mut stream), left);
        }
    }

    #[test]
    fn a_command_line_names_its_function() {
        let functions = [
            UserFunction::Identity,
            UserFunction::CountWords,
            UserFunction::Multiply { times: 3 },
            UserFunction::Sum,
            UserFunction::KeyByFirstByte,
            UserFunction::FailOn { word: "bad".into() },
            UserFunction::Abandon { bytes: 4 },
            UserFunction::Flaky { ratio: Ratio::one_in(9) },
            UserFunction::Hang { bytes: 7 },
            UserFunction::Ponder { us: 8 },
            UserFunction::Nap { us: 9 },
            UserFunction::Unstable,
            UserFunction::Daemon { escapes: false },
            UserFunction::Daemon { escapes: true },
            UserFunction::Quit { status: ExitStatus::Code(1) },
            UserFunction::Quit { status: ExitStatus::Code(127) },
            UserFunction::Quit { status: ExitStatus::Signal(9) },
        ];
        for function in functions {
            assert_eq!(UserFunction::of_command(&function.command()), Some(function));
        }
        for function in [UserFunction::Missing, UserFunction::Unstartable { why: OsErrorKind::NotExecutable }]
        {
            assert_eq!(UserFunction::of_command(&function.command()), None);
        }
    }
}
