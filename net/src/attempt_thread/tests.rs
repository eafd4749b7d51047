use super::*;
use crate::guard::GuardHandle;
use crate::spawner::Spawner;
use crossbeam_channel::{Receiver, unbounded};
use windrow_core::failure::{Cause, ExitStatus, OsErrorKind};
use windrow_core::ids::{Epoch, FileId, JobId, TaskId};
use windrow_core::job::{CommandLine, Encoding, PathBytes, ProgramRole};
use windrow_core::machine::Machine;
use windrow_core::time::{SECOND_US, Time};
use windrow_core::worker::disk::{DiskAnswer, DiskReply, DiskRequest, DiskUser};

const ATTEMPT: AttemptId = AttemptId { job: JobId(1), task: TaskId::Map(0), epoch: Epoch(1), number: 0 };

/// What a toy attempt saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    exit: Option<(ExitStatus, u64)>,
    written: usize,
    spawn_error: Option<(OsErrorKind, String)>,
    killed: bool,
    timed_out: bool,
    disk: Vec<DiskAnswer>,
    read: Vec<u8>,
}

/// Feeds a program and collects what it prints; kills its group when it ended, and gives up on open pipes after a while.
struct Toy {
    program: Program,
    stdin: Vec<u8>,
    outputs: VecDeque<AttemptOutput>,
    seen: Seen,
    stdin_closed: bool,
    open_pipes: u32,
    drain_until: Option<Time>,
    /// Stop reading stdout after so many bytes until the program ended.
    stdout_limit: usize,
    /// Asked for one after the other before the program starts.
    disk: VecDeque<DiskRequest>,
    tell: crossbeam_channel::Sender<Seen>,
}

impl Toy {
    fn next_step(&mut self) {
        if let Some(request) = self.disk.pop_front() {
            self.outputs.push_back(AttemptOutput::Disk(request));
        } else {
            self.outputs.push_back(AttemptOutput::Spawn(self.program.clone()));
        }
    }

    fn feed(&mut self) {
        if self.stdin.is_empty() && !self.stdin_closed {
            self.stdin_closed = true;
            self.outputs.push_back(AttemptOutput::CloseStdin);
        }
    }

    fn end(&mut self) {
        self.tell.send(self.seen.clone()).unwrap();
        self.outputs.push_back(AttemptOutput::Ended(Err(Failure::new(Cause::Killed))));
    }

    fn end_if_over(&mut self) {
        if self.seen.exit.is_some() && self.open_pipes == 0 {
            self.end();
        }
    }
}

impl Machine for Toy {
    type Input = AttemptInput;
    type Output = AttemptOutput;
    type Timer = ();

    fn handle_input(&mut self, input: AttemptInput, now: Time) {
        match input {
            AttemptInput::Start => self.next_step(),
            AttemptInput::Disk(answer) => {
                self.seen.disk.push(answer);
                self.next_step();
            }
            AttemptInput::Spawned => {
                self.open_pipes = 2;
                self.feed();
            }
            AttemptInput::SpawnFailed(error) => {
                self.seen.spawn_error = Some((error.kind, error.text));
                self.end();
            }
            AttemptInput::Exited { status, unread_bytes, printed_bytes: _ } => {
                assert!(self.seen.exit.is_none(), "a program ends once");
                self.seen.exit = Some((status, unread_bytes));
                self.stdin.clear();
                self.drain_until = Some(now.after(SECOND_US / 5));
                self.outputs.push_back(AttemptOutput::KillGroup);
                self.end_if_over();
            }
            AttemptInput::StdinRefused => panic!("our own end of the pipe keeps it open"),
            AttemptInput::Looked(found) => panic!("nobody asked: {found:?}"),
            AttemptInput::StdoutClosed | AttemptInput::StderrClosed => {
                self.open_pipes -= 1;
                self.end_if_over();
            }
            AttemptInput::Kill => {
                self.seen.killed = true;
                self.outputs.push_back(AttemptOutput::KillGroup);
            }
        }
    }

    fn handle_timeout(&mut self, now: Time) {
        if self.drain_until.is_some_and(|until| until <= now) {
            self.drain_until = None;
            self.seen.timed_out = true;
            self.end();
        }
    }

    fn poll_output(&mut self) -> Option<AttemptOutput> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<(Time, ())> {
        self.drain_until.map(|until| (until, ()))
    }

    fn check_invariants(&self) {}
}

impl DiskUser for Toy {
    fn push_read(&mut self, bytes: &[u8], _now: Time) {
        self.seen.read.extend_from_slice(bytes);
        self.next_step();
    }

    fn outgoing(&self) -> &[u8] {
        b"to the disk"
    }
}

impl AttemptMachine for Toy {
    fn stdin(&self) -> &[u8] {
        &self.stdin
    }

    fn stdin_written(&mut self, count: usize, _now: Time) {
        self.stdin.drain(..count);
        self.seen.written += count;
        self.feed();
    }

    fn wants_stdout(&self) -> bool {
        self.seen.stdout.len() < self.stdout_limit || self.seen.exit.is_some()
    }

    fn push_stdout(&mut self, bytes: &[u8], _now: Time) {
        assert!(self.wants_stdout());
        self.seen.stdout.extend_from_slice(bytes);
    }

    fn push_stderr(&mut self, bytes: &[u8], _now: Time) {
        self.seen.stderr.extend_from_slice(bytes);
    }
}

fn program(words: &[&str]) -> Program {
    Program {
        role: ProgramRole::Mapper,
        command: CommandLine { words: words.iter().map(|word| PathBytes::from(*word)).collect() },
        directory: "/".into(),
        environment: vec![],
    }
}

struct Run {
    toy: Toy,
    seen: Receiver<Seen>,
}

fn toy(program: Program, stdin: &[u8]) -> Run {
    let (tell, seen) = unbounded();
    let toy = Toy {
        program,
        stdin: stdin.to_vec(),
        outputs: VecDeque::new(),
        seen: Seen::default(),
        stdin_closed: false,
        open_pipes: 0,
        drain_until: None,
        stdout_limit: usize::MAX,
        disk: VecDeque::new(),
        tell,
    };
    Run { toy, seen }
}

impl Run {
    fn start(self, spawner: &Spawner) -> (AttemptThread, Receiver<Seen>) {
        let thread = AttemptThread::start(ATTEMPT, self.toy, spawner.handle(), |_| {}).unwrap();
        (thread, self.seen)
    }

    fn finish(self) -> Seen {
        let spawner = Spawner::start(GuardHandle::default()).unwrap();
        let (thread, seen) = self.start(&spawner);
        thread.join();
        seen.try_recv().expect("the attempt ended")
    }
}

#[test]
fn cat_gives_back_what_it_was_fed() {
    let text: Vec<u8> = (0..1_000_000_u32).flat_map(|number| number.to_le_bytes()).collect();
    let seen = toy(program(&["cat"]), &text).finish();
    assert!(seen.stdout == text);
    assert_eq!(seen.exit, Some((ExitStatus::Code(0), 0)));
    assert_eq!(seen.written, text.len());
    assert!(!seen.timed_out);
}

#[test]
fn exit_codes_signals_and_stderr_arrive() {
    assert_eq!(toy(program(&["false"]), b"").finish().exit, Some((ExitStatus::Code(1), 0)));
    assert_eq!(
        toy(program(&["sh", "-c", "kill -9 $$"]), b"").finish().exit,
        Some((ExitStatus::Signal(9), 0))
    );
    let seen = toy(program(&["sh", "-c", "echo oh dear >&2; exit 7"]), b"").finish();
    assert_eq!((seen.stderr, seen.exit), (b"oh dear\n".to_vec(), Some((ExitStatus::Code(7), 0))));
}

#[test]
fn what_a_program_left_in_its_stdin_is_counted() {
    let seen = toy(program(&["true"]), b"never read\n").finish();
    assert_eq!(seen.exit, Some((ExitStatus::Code(0), seen.written as u64)));
    // The bytes were given before the shell waited for the line, for `read` takes one byte at a time.
    let seen = toy(program(&["sh", "-c", "read line; echo $line"]), b"one\ntwo\nthree\n").finish();
    assert_eq!((seen.stdout, seen.exit), (b"one\n".to_vec(), Some((ExitStatus::Code(0), 10))));
}

#[test]
fn a_program_that_reads_nothing_does_not_block_its_feeder() {
    let text = vec![b'x'; 8 << 20];
    let seen = toy(program(&["sh", "-c", "echo done"]), &text).finish();
    assert_eq!(seen.stdout, b"done\n");
    assert_eq!(seen.exit, Some((ExitStatus::Code(0), seen.written as u64)));
    assert!(seen.written < text.len());
}

#[test]
fn a_grandchild_that_keeps_the_pipe_dies_with_the_group() {
    let seen = toy(program(&["sh", "-c", "sleep 1000 & echo started"]), b"").finish();
    assert_eq!((seen.stdout.as_slice(), seen.timed_out), (&b"started\n"[..], false));
}

#[test]
fn a_grandchild_that_never_stops_writing_does_not_hide_the_end() {
    let seen = toy(program(&["sh", "-c", "yes & yes >&2 & exit 3"]), b"").finish();
    assert_eq!(seen.exit.map(|(status, _)| status), Some(ExitStatus::Code(3)));
    assert!(!seen.timed_out);
}

#[test]
fn a_process_that_left_the_group_holds_nobody_up() {
    // The shell goes on when the inner one has left the group and handed back the shell's own pipe.
    let script = "exec 3>&1; word=$(setsid sh -c 'echo away; exec sleep 5 >&3' &); echo $word";
    let seen = toy(program(&["sh", "-c", script]), b"").finish();
    assert_eq!(seen.stdout, b"away\n");
    assert_eq!(seen.exit, Some((ExitStatus::Code(0), 0)));
    assert!(seen.timed_out);
}

#[test]
fn a_kill_ends_a_program_that_would_run_for_ever() {
    let spawner = Spawner::start(GuardHandle::default()).unwrap();
    let (thread, seen) = toy(program(&["sleep", "1000"]), b"").start(&spawner);
    thread.kill();
    thread.join();
    let seen = seen.try_recv().unwrap();
    assert_eq!((seen.killed, seen.exit), (true, Some((ExitStatus::Signal(9), 0))));
}

#[test]
fn stdout_is_left_alone_while_it_is_not_wanted() {
    let text = vec![b'x'; 100_000];
    let mut run = toy(program(&["cat"]), &text);
    run.toy.stdout_limit = 1;
    let seen = run.finish();
    assert!(seen.stdout == text);
}

#[test]
fn word_by_word_output_arrives_whole() {
    let script = "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do echo $i; done";
    let seen = toy(program(&["sh", "-c", script]), b"").finish();
    assert_eq!(seen.stdout, (1..=20).flat_map(|i| format!("{i}\n").into_bytes()).collect::<Vec<_>>());
}

#[test]
fn a_program_that_cannot_start_says_why() {
    let failed = |program| toy(program, b"").finish().spawn_error.unwrap();
    assert_eq!(failed(program(&["there-is-no-such-program"])).0, OsErrorKind::NotFound);
    assert_eq!(failed(program(&["/etc/passwd"])).0, OsErrorKind::PermissionDenied);

    let mut elsewhere = program(&["cat"]);
    elsewhere.directory = "/there/is/no/such/directory".into();
    let (kind, text) = failed(elsewhere);
    assert_eq!(kind, OsErrorKind::NotADirectory);
    assert!(text.contains("/there/is/no/such/directory"), "{text}");

    let directory = tempfile::tempdir().unwrap();
    script(directory.path(), "lost", "#!/there/is/no/interpreter\n");
    let mut lost = program(&["./lost"]);
    lost.directory = crate::path::path_bytes(directory.path());
    let (kind, text) = failed(lost);
    assert_eq!(kind, OsErrorKind::NotFound);
    assert!(text.contains("interpreter"), "{text}");
}

fn script(directory: &std::path::Path, name: &str, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::create_dir_all(directory).unwrap();
    std::fs::write(directory.join(name), text).unwrap();
    std::fs::set_permissions(directory.join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn programs_are_found_from_their_directory_and_from_the_path_of_the_job() {
    let directory = tempfile::tempdir().unwrap();
    script(&directory.path().join("tools"), "hello", "#!/bin/sh\necho $0 $GREETING $PWD\n");
    let directory = directory.path().canonicalize().unwrap();
    let mut relative = program(&["tools/hello"]);
    relative.directory = crate::path::path_bytes(&directory);
    relative.environment = vec![("GREETING".into(), "good day".into())];
    let expected = format!("tools/hello good day {}\n", directory.display());
    assert_eq!(toy(relative, b"").finish().stdout, expected.into_bytes());

    let mut bare = program(&["hello"]);
    let tools = directory.join("tools").display().to_string();
    bare.environment = vec![("PATH".into(), format!("{tools}:/usr/bin:/bin").as_str().into())];
    assert_eq!(toy(bare, b"").finish().stdout, format!("{tools}/hello /\n").into_bytes());
}

#[test]
fn programs_get_signals_as_they_expect_them() {
    // Rust programs ignore SIGPIPE: a shell pipeline under one would otherwise see errors instead of a quiet end.
    let seen = toy(program(&["sh", "-c", "grep -E '^Sig(Ign|Blk)' /proc/self/status"]), b"").finish();
    let text = String::from_utf8(seen.stdout).unwrap();
    let mask = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap()
    };
    assert_eq!(mask("SigBlk"), 0);
    assert_eq!(mask("SigIgn") & (1 << (13 - 1)), 0);
}

#[test]
fn disk_requests_come_first_and_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let path = crate::path::path_bytes(&directory.path().join("file"));
    let file = FileId(3);
    let mut run = toy(program(&["true"]), b"");
    run.toy.disk = VecDeque::from([
        DiskRequest::Open { file, path: path.clone(), encoding: Encoding::Plain },
        DiskRequest::Create { file, path: path.clone() },
        DiskRequest::Write { file, offset: 0 },
        DiskRequest::Read { file, offset: 3, length_bytes: 100 },
        DiskRequest::Close { file },
    ]);
    let seen = run.finish();
    assert_eq!(seen.read, b"the disk");
    let kinds: Vec<_> = seen.disk.iter().map(|answer| answer.as_ref().map_err(|error| error.kind)).collect();
    assert!(
        matches!(
            kinds[..],
            [Err(OsErrorKind::NotFound), Ok(DiskReply::Opened(_)), Ok(DiskReply::Done), Ok(DiskReply::Done)]
        ),
        "{kinds:?}"
    );
    assert_eq!(seen.exit, Some((ExitStatus::Code(0), 0)));
}

#[test]
fn the_last_report_comes_when_nothing_is_left() {
    let spawner = Spawner::start(GuardHandle::default()).unwrap();
    let (sender, reports) = unbounded();
    let run = toy(program(&["sh", "-c", "echo $$"]), b"");
    let thread = AttemptThread::start(ATTEMPT, run.toy, spawner.handle(), move |report| {
        sender.send(report).unwrap();
    })
    .unwrap();
    let report = reports.recv().unwrap();
    assert_eq!(report, AttemptReport::Ended(Err(Failure::new(Cause::Killed))));
    let pid = String::from_utf8(run.seen.try_recv().unwrap().stdout).unwrap();
    assert!(!std::path::Path::new("/proc").join(pid.trim()).exists(), "the program was reaped");
    thread.join();
    assert!(reports.try_recv().is_err());
}
