//! Attempts played to their end: answers, failures and kills come in any order, and whatever comes the attempt ends once,
//! holds nothing, and its output is the whole of it or not claimed at all.

use crate::data::merge::{Merge, Step};
use crate::data::partition::partition_of;
use crate::data::record::Record;
use crate::failure::{ExitStatus, Failure, OsError, OsErrorKind};
use crate::ids::{AttemptId, Epoch, FileId, JobId, Partition, TaskId};
use crate::job::{CommandLine, FileIdentity, InputFile, PathBytes, ProgramRole, Split};
use crate::limits::DRAIN_US;
use crate::machine::Machine;
use crate::time::Time;
use crate::worker::attempt::{
    AttemptInput, AttemptMachine, AttemptOutput, AttemptSetting, AttemptSuccess, MapOutput, MapWork, Program,
    ReduceWork, RunLocation,
};
use crate::worker::disk::{DiskReply, DiskRequest};
use crate::worker::map_attempt::MapAttempt;
use crate::worker::reduce_attempt::ReduceAttempt;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use alloc::{format, vec};
use proptest::prelude::*;
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};

type Files = BTreeMap<PathBytes, Vec<u8>>;
type Ended = Result<AttemptSuccess, Failure>;

/// What may happen to an attempt besides what it asks for, in thousandths of each occasion.
#[derive(Copy, Clone, Debug, Default)]
struct Chances {
    disk_fails: u64,
    spawn_fails: u64,
    program_fails: u64,
    killed: u64,
    /// How long each disk request takes at the most.
    disk_us: u64,
}

/// The program of an attempt: prints what it reads.
#[derive(Debug, Default)]
struct Copier {
    is_running: bool,
    stdin_is_closed: bool,
    stdin: Vec<u8>,
    stdout: Vec<u8>,
    stdout_is_closed: bool,
    stderr_is_closed: bool,
    is_group_killed: bool,
}

/// An attempt whose disk and program are played by the test.
struct Play<M> {
    machine: M,
    random: ChaCha12Rng,
    chances: Chances,
    now: Time,
    files: Files,
    open: BTreeMap<FileId, PathBytes>,
    asked: Option<DiskRequest>,
    spawning: bool,
    program: Option<Copier>,
    is_killed: bool,
    ended: Option<Ended>,
}

/// What can happen next.
#[derive(Copy, Clone, Debug)]
enum Next {
    Disk,
    Spawn,
    Feed,
    Print,
    Exit,
    CloseStdout,
    CloseStderr,
    Kill,
    Wait,
}

impl<M: AttemptMachine> Play<M> {
    fn new(machine: M, files: Files, chances: Chances, seed: u64) -> Play<M> {
        Play {
            machine,
            random: ChaCha12Rng::seed_from_u64(seed),
            chances,
            now: Time::ZERO,
            files,
            open: BTreeMap::new(),
            asked: None,
            spawning: false,
            program: None,
            is_killed: false,
            ended: None,
        }
    }

    fn happens(&mut self, thousandths: u64) -> bool {
        self.random.next_u64() % 1_000 < thousandths
    }

    /// Plays it to its end.
    fn run(mut self) -> (Ended, Files) {
        self.machine.handle_input(AttemptInput::Start, self.now);
        for _ in 0..1_000_000 {
            self.drain();
            if let Some(ended) = self.ended.take() {
                self.check_end();
                return (ended, self.files);
            }
            let next = self.choose();
            self.happen(next);
        }
        panic!("the attempt never ends: asked {:?}, program {:?}", self.asked, self.program);
    }

    fn drain(&mut self) {
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
                AttemptOutput::Progress(_) => {}
                AttemptOutput::Ended(result) => self.ended = Some(result),
            }
        }
    }

    fn choose(&mut self) -> Next {
        let mut possible = Vec::new();
        if self.asked.is_some() {
            possible.push(Next::Disk);
        }
        if self.spawning {
            possible.push(Next::Spawn);
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

    fn happen(&mut self, next: Next) {
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
    fn answer(&mut self) {
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

    fn perform(&mut self, request: DiskRequest) -> Performed {
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
    fn check_end(&mut self) {
        assert!(self.chances.disk_fails > 0 || self.open.is_empty(), "files are left open: {:?}", self.open);
        assert!(self.asked.is_none() && !self.spawning, "nothing is under way");
        assert!(self.program.as_ref().is_none_or(|program| !program.is_running), "no program is left");
        assert!(self.machine.poll_timeout().is_none(), "nothing is waited for");
    }
}

enum Performed {
    Reply(DiskReply),
    Bytes(Vec<u8>),
}

fn error() -> OsError {
    OsError { kind: OsErrorKind::Other, text: "drawn".into() }
}

fn identity(contents: &[u8]) -> FileIdentity {
    FileIdentity { inode: 1, size_bytes: contents.len() as u64, modified_ns: 1 }
}

const NONCE: u64 = 7;
const PARTITIONS: u32 = 2;

fn setting(task: TaskId, number: u32) -> AttemptSetting {
    let attempt = AttemptId { job: JobId(1), task, epoch: Epoch(1), number };
    let role = match task {
        TaskId::Map(_) => ProgramRole::Mapper,
        TaskId::Reduce(_) => ProgramRole::Reducer,
    };
    let command = CommandLine { words: vec![PathBytes::from("copy")] };
    AttemptSetting {
        attempt,
        program: Program { role, command, directory: PathBytes::from("/"), environment: Vec::new() },
        nonce_path: PathBytes::from("/staging/nonce"),
        nonce: NONCE,
        scratch: PathBytes::from("/scratch").join(attempt.file_stem()),
        output: PathBytes::from("/staging").join(attempt.file_stem()),
        sort_bytes: 1 << 20,
        sync: true,
    }
}

fn map_work(task: u32, input: &[u8], reducers: u32) -> MapWork {
    MapWork {
        setting: setting(TaskId::Map(task), 0),
        input: InputFile { path: PathBytes::from("/in"), identity: identity(input) },
        split: Split { input: 0, offset: 0, length_bytes: input.len() as u64 },
        reducers,
    }
}

fn files_with(input: &[u8]) -> Files {
    let nonce = (PathBytes::from("/staging/nonce"), NONCE.to_le_bytes().to_vec());
    Files::from([nonce, (PathBytes::from("/in"), input.to_vec())])
}

/// So many lines with few keys, each with its number, so that order shows.
fn lines(count: u32, width: usize) -> Vec<u8> {
    let mut text = Vec::new();
    for number in 0..count {
        text.extend_from_slice(format!("key{}\t{number:0width$}\n", number % 17).as_bytes());
    }
    text
}

/// What the run of a partition must hold: a stable sort of its lines by their keys.
fn sorted(text: &[u8], partition: Partition) -> Vec<u8> {
    let mut records: Vec<_> = text
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(Record::parse_line)
        .filter(|record| partition_of(record.key, PARTITIONS) == partition)
        .collect();
    records.sort_by_key(|record| record.key);
    let mut sorted = Vec::new();
    records.iter().for_each(|record| record.append_line(&mut sorted));
    sorted
}

fn read_run(files: &Files, output: &MapOutput, partition: Partition) -> Vec<u8> {
    let file = &files[&output.path];
    let mut merge = Merge::new(vec![output.segment(partition)]);
    let mut text = Vec::new();
    loop {
        match merge.step() {
            Step::Read { source, offset, length_bytes } => {
                let rest = &file[offset as usize..];
                merge.push_read(source, &rest[..length_bytes.min(rest.len())]);
            }
            Step::Record(record) => record.append_line(&mut text),
            Step::Done => return text,
            Step::Corrupt { .. } => panic!("the run is corrupt"),
        }
    }
}

/// Checks what a map left. A removal that failed is left to the removal of the job.
fn check_map(ended: Ended, files: &Files, input: &[u8], disk_may_fail: bool) -> Option<MapOutput> {
    let scratch = b"/scratch/";
    let Ok(success) = ended else {
        return None;
    };
    let output = success.map_output.expect("a map with reducers has runs");
    for partition in (0..PARTITIONS).map(Partition) {
        assert!(
            read_run(files, &output, partition) == sorted(input, partition),
            "the output is not the input"
        );
    }
    if !disk_may_fail {
        let own = files.keys().filter(|path| path.0.starts_with(scratch)).count();
        assert_eq!(own, 1, "its one file of runs is all that a map leaves: {:?}", files.keys());
    }
    Some(output)
}

fn chances(kind: u64) -> Chances {
    let none = Chances::default();
    match kind % 4 {
        0 => none,
        1 => Chances { killed: 20, ..none },
        2 => Chances { disk_fails: 20, spawn_fails: 50, ..none },
        _ => Chances { disk_fails: 5, spawn_fails: 10, program_fails: 5, killed: 5, ..none },
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn a_map_ends_once_and_holds_nothing(seed: u64, kind: u64, count in 0u32..3_000, width in 1usize..2_000) {
        let input = lines(count, width);
        let play = Play::new(
            MapAttempt::new(map_work(0, &input, PARTITIONS)), files_with(&input), chances(kind), seed,
        );
        let (ended, files) = play.run();
        if kind % 4 == 0 {
            prop_assert!(ended.is_ok(), "nothing failed it: {ended:?}");
        }
        check_map(ended, &files, &input, chances(kind).disk_fails > 0);
    }

    #[test]
    fn a_map_without_reducers_prints_its_part(seed: u64, kind: u64, count in 0u32..3_000) {
        let input = lines(count, 300);
        let play =
            Play::new(MapAttempt::new(map_work(0, &input, 0)), files_with(&input), chances(kind), seed);
        let (ended, files) = play.run();
        if ended.is_ok() {
            prop_assert!(files[&setting(TaskId::Map(0), 0).output] == input, "the part is not the input");
        }
    }

    #[test]
    fn a_reduce_ends_once_and_holds_nothing(seed: u64, kind: u64, maps in 0u32..20, count in 0u32..200) {
        let mut files = files_with(&[]);
        let (mut runs, mut all) = (Vec::new(), Vec::new());
        for map in 0..maps {
            let input = lines(count, 1 + map as usize);
            files.insert(PathBytes::from("/in"), input.clone());
            let machine = MapAttempt::new(map_work(map, &input, PARTITIONS));
            let (ended, after) = Play::new(machine, files, Chances::default(), seed).run();
            files = after;
            let output = ended.unwrap().map_output.unwrap();
            let map = setting(TaskId::Map(map), 0).attempt;
            let segment = output.segment(Partition(1));
            runs.push(RunLocation { map, path: output.path, segment });
            all.extend_from_slice(&input);
        }
        let setting = setting(TaskId::Reduce(1), 0);
        let output = setting.output.clone();
        let machine = ReduceAttempt::new(ReduceWork { setting, runs, fetched_bytes: 0 });
        let (ended, files) = Play::new(machine, files, chances(kind), seed).run();
        if kind % 4 == 0 {
            prop_assert!(ended.is_ok(), "nothing failed it: {ended:?}");
        }
        if ended.is_ok() {
            prop_assert!(files[&output] == sorted(&all, Partition(1)), "the part is not the sorted input");
        }
    }
}

#[test]
fn a_kill_that_comes_after_the_end_changes_nothing() {
    let input = lines(10, 1);
    let machine = MapAttempt::new(map_work(0, &input, PARTITIONS));
    let mut play = Play::new(machine, files_with(&input), Chances::default(), 1);
    play.machine.handle_input(AttemptInput::Start, play.now);
    play.drain();
    while play.ended.is_none() {
        let next = play.choose();
        play.happen(next);
        play.drain();
    }
    play.machine.handle_input(AttemptInput::Kill, play.now);
    assert_eq!(play.machine.poll_output(), None);
}

/// The end of a program's output is still in its pipe while a slow disk takes a spill.
#[test]
fn what_a_program_printed_before_its_end_is_not_lost_to_a_slow_disk() {
    let input = lines(3_000, 1_000);
    for seed in 0..50 {
        let chances = Chances { disk_us: 4 * DRAIN_US, ..Chances::default() };
        let machine = MapAttempt::new(map_work(0, &input, PARTITIONS));
        let (ended, files) = Play::new(machine, files_with(&input), chances, seed).run();
        assert!(check_map(ended, &files, &input, false).is_some(), "only the disk was slow");
    }
}
