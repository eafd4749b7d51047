//! Attempts are performed as their contract says, whatever the pipes and the disk do: shown with a toy that copies.

use super::super::attempt::{News, Performance, Performer};
use super::super::environment::{Environment, Event};
use super::super::{SECOND_US, World};
use super::toys::Sound;
use super::{Watch, scenario};
use crate::names::{Host, ProcessId};
use crate::node::Clock;
use crate::process::UserFunction;
use crate::stream::Stream;
use std::collections::VecDeque;
use windrow_core::failure::{Cause, Failure};
use windrow_core::ids::{AttemptId, Epoch, FileId, JobId, TaskId};
use windrow_core::job::{Counters, ProgramRole};
use windrow_core::machine::Machine;
use windrow_core::time::Time;
use windrow_core::worker::attempt::{AttemptInput, AttemptMachine, AttemptOutput, AttemptSuccess, Program};
use windrow_core::worker::disk::{DiskReply, DiskRequest, DiskUser};

/// Copies bytes through a program into a file.
struct Copier {
    function: UserFunction,
    stdin: Vec<u8>,
    stdout: Vec<u8>,
    ends: u32,
    failed: bool,
    writing: bool,
    outputs: VecDeque<AttemptOutput>,
}

const FILE: FileId = FileId(1);

impl Machine for Copier {
    type Input = AttemptInput;
    type Output = AttemptOutput;
    type Timer = ();

    fn handle_input(&mut self, input: AttemptInput, _now: Time) {
        match input {
            AttemptInput::Start => {
                let request = DiskRequest::Create { file: FILE, path: "/scratch/copy".into() };
                self.outputs.push_back(AttemptOutput::Disk(request));
            }
            AttemptInput::Disk(Ok(DiskReply::Opened(_))) => {
                let program = Program {
                    role: ProgramRole::Mapper,
                    command: self.function.command(),
                    directory: "/".into(),
                    environment: Vec::new(),
                };
                self.outputs.push_back(AttemptOutput::Spawn(program));
            }
            AttemptInput::Disk(Ok(DiskReply::Done)) if self.writing => {
                self.writing = false;
                self.outputs.push_back(AttemptOutput::Disk(DiskRequest::Close { file: FILE }));
            }
            AttemptInput::Disk(Ok(DiskReply::Done)) => {
                let success = AttemptSuccess { counters: Counters::default(), map_output: None };
                let result = if self.failed { Err(Failure::new(Cause::Killed)) } else { Ok(success) };
                self.outputs.push_back(AttemptOutput::Ended(result));
            }
            AttemptInput::Disk(Err(error)) => panic!("{error:?}"),
            AttemptInput::Spawned => {}
            AttemptInput::SpawnFailed(error) => panic!("{error:?}"),
            AttemptInput::Exited { status, .. } => {
                self.failed |= !status.is_success();
                self.end_of_one();
            }
            AttemptInput::Looked(found) => panic!("nobody asked: {found:?}"),
            AttemptInput::StdinRefused => {
                self.failed = true;
                self.stdin.clear();
            }
            AttemptInput::StdoutClosed | AttemptInput::StderrClosed => self.end_of_one(),
            AttemptInput::Kill => {
                self.failed = true;
                self.outputs.push_back(AttemptOutput::KillGroup);
            }
        }
    }

    fn handle_timeout(&mut self, _now: Time) {}

    fn poll_output(&mut self) -> Option<AttemptOutput> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<(Time, ())> {
        None
    }

    fn check_invariants(&self) {}
}

impl Copier {
    fn end_of_one(&mut self) {
        self.ends += 1;
        if self.ends == 3 {
            self.failed |= !self.stdin.is_empty();
            self.writing = true;
            self.outputs.push_back(AttemptOutput::Disk(DiskRequest::Write { file: FILE, offset: 0 }));
        }
    }
}

impl DiskUser for Copier {
    fn push_read(&mut self, _bytes: &[u8], _now: Time) {
        panic!("nothing is read")
    }

    fn outgoing(&self) -> &[u8] {
        &self.stdout
    }
}

impl AttemptMachine for Copier {
    fn stdin(&self) -> &[u8] {
        &self.stdin
    }

    fn stdin_written(&mut self, count: usize, _now: Time) {
        self.stdin.drain(..count);
        if self.stdin.is_empty() {
            self.outputs.push_back(AttemptOutput::CloseStdin);
        }
    }

    fn wants_stdout(&self) -> bool {
        true
    }

    fn push_stdout(&mut self, bytes: &[u8], _now: Time) {
        self.stdout.extend(bytes);
    }

    fn push_stderr(&mut self, _bytes: &[u8], _now: Time) {}
}

/// Copies `input` through a program; kills it after so many events, if at all. Gives how it ended and what it wrote.
fn copy(
    function: UserFunction,
    input: &[u8],
    seed: u64,
    kill_after: Option<u32>,
) -> (Result<AttemptSuccess, Failure>, Vec<u8>) {
    let mut environment: Environment = World::<Sound>::new(scenario(seed), Watch::default()).environment;
    while environment.schedule.pop().is_some() {}
    let process = ProcessId { host: Host::Worker(0), life: 0 };
    environment
        .computer(process.host)
        .scratch
        .create_directories(&"/scratch".into())
        .expect("it can be made");
    let attempt = AttemptId { job: JobId(1), task: TaskId::Map(0), epoch: Epoch(1), number: 0 };
    let (stdin, stdout) = (input.to_vec(), Vec::new());
    let (ends, failed, writing) = (0, false, false);
    let copier = Copier { function, stdin, stdout, ends, failed, writing, outputs: VecDeque::new() };
    let mut performer = Performer::new(process, attempt, Clock { ahead_us: SECOND_US, drift_ppm: 0 }, copier);
    let mut news = performer.start(&mut environment);
    for count in 0.. {
        if kill_after == Some(count) {
            performer.kill(&mut environment);
        }
        match environment.schedule.pop() {
            Some(Event::Attempt(_, _, occurrence)) => {
                news.extend(performer.happen(occurrence, &mut environment))
            }
            Some(other) => panic!("{other:?}"),
            None => panic!("it came to no end"),
        }
        if let Some(News::Ended(result)) = news.pop() {
            let copied = environment.computer(process.host).scratch.contents(&"/scratch/copy".into());
            return (result, copied.expect("it was made").to_vec());
        }
    }
    unreachable!("the loop has no end of its own")
}

fn prepare(seed: u64, length: usize) -> Vec<u8> {
    let mut stream = Stream::new(seed, "bytes");
    (0..length).map(|_| stream.number() as u8).collect()
}

#[test]
fn all_bytes_pass_through_a_program_whatever_the_pieces() {
    for seed in 0..40 {
        let input = prepare(seed, 3_000);
        let (result, copied) = copy(UserFunction::Identity, &input, seed, None);
        assert!(result.is_ok());
        assert!(copied == input, "seed {seed}");
    }
}

#[test]
fn a_kill_at_any_moment_ends_it_once() {
    let mut killed = 0;
    for seed in 0..8 {
        let input = prepare(seed, 3_000);
        for after in 0..30 {
            let (result, copied) = copy(UserFunction::Identity, &input, seed, Some(after));
            killed += u32::from(result.is_err());
            assert!(result.is_err() || copied == input);
        }
    }
    assert!(killed > 100, "{killed}");
}

#[test]
fn a_program_that_stops_reading_refuses_its_stdin() {
    let refused = (0..40).filter(|seed| {
        copy(UserFunction::Abandon { bytes: 10 }, &prepare(*seed, 100_000), *seed, None).0.is_err()
    });
    assert_eq!(refused.count(), 40);
}
