//! A map attempt against exact lists of what it asks for: in which order things are opened, spawned, killed, synced.

mod leaving_out;

use super::*;
use crate::failure::{ExitStatus, Failure, OsError, OsErrorKind};
use crate::ids::{AttemptId, Epoch, JobId, TaskId};
use crate::job::{CommandLine, FileIdentity, PathBytes, Split};
use crate::limits::STDERR_TAIL_BYTES;
use crate::worker::attempt::{AttemptSetting, Program};
use crate::worker::disk::DiskReply;
use alloc::format;
use alloc::string::String;

const IDENTITY: FileIdentity = FileIdentity { inode: 5, size_bytes: 9, modified_ns: 1 };
const NONCE: u64 = 77;

pub(crate) fn setting(role: ProgramRole) -> AttemptSetting {
    let attempt = AttemptId { job: JobId(1), task: TaskId::Map(0), epoch: Epoch(1), number: 0 };
    let command = CommandLine { words: Vec::from([PathBytes::from("prog")]) };
    let program = Program { role, command, directory: PathBytes::from("/"), environment: Vec::new() };
    AttemptSetting {
        attempt,
        program,
        nonce_path: PathBytes::from("/staging/nonce"),
        nonce: NONCE,
        scratch: PathBytes::from("/scratch"),
        output: PathBytes::from("/staging/map-0"),
        sort_bytes: 1 << 20,
        sync: true,
        task_timeout_us: 0,
    }
}

fn attempt(reducers: u32) -> MapAttempt {
    attempt_with(setting(ProgramRole::Mapper), reducers)
}

fn attempt_with(setting: AttemptSetting, reducers: u32) -> MapAttempt {
    MapAttempt::new(MapWork { setting, ..work(reducers) })
}

fn work(reducers: u32) -> MapWork {
    MapWork {
        setting: setting(ProgramRole::Mapper),
        input: InputFile { path: PathBytes::from("/in"), identity: IDENTITY },
        split: Split { input: 0, offset: 0, length_bytes: 9 },
        holes: Vec::new(),
        quarantine: PathBytes::from("/staging/quarantine"),
        trial: None,
        reducers,
    }
}

/// What a machine asks for, a line each.
pub(crate) fn drain(machine: &mut impl AttemptMachine) -> Vec<String> {
    let mut lines = Vec::new();
    while let Some(output) = machine.poll_output() {
        machine.check_invariants();
        lines.push(match output {
            AttemptOutput::Disk(request) => describe(&request),
            AttemptOutput::Spawn(program) => format!("spawn {}", program.role),
            AttemptOutput::CloseStdin => "close stdin".into(),
            AttemptOutput::KillGroup => "kill group".into(),
            AttemptOutput::Look => "look".into(),
            AttemptOutput::Progress(_) => continue,
            AttemptOutput::Ended(Ok(_)) => "ended well".into(),
            AttemptOutput::Ended(Err(failure)) => {
                let cause = format!("{:?}", failure.cause);
                let end = cause.find(|c: char| !c.is_alphanumeric()).unwrap_or(cause.len());
                format!("ended {}", &cause[..end])
            }
        });
    }
    lines
}

fn describe(request: &DiskRequest) -> String {
    match request {
        DiskRequest::Open { path, .. } => format!("open {path}"),
        DiskRequest::Create { path, .. } => format!("create {path}"),
        DiskRequest::Read { offset, .. } => format!("read at {offset}"),
        DiskRequest::Write { offset, .. } => format!("write at {offset}"),
        DiskRequest::Inspect { .. } => "inspect".into(),
        DiskRequest::Sync { .. } => "sync".into(),
        DiskRequest::Close { .. } => "close".into(),
        DiskRequest::Remove { path } => format!("remove {path}"),
        DiskRequest::CreateDirectory { path } => format!("mkdir {path}"),
        DiskRequest::RemoveTree { path } => format!("remove all of {path}"),
        DiskRequest::SyncDirectory { path } => format!("sync directory {path}"),
    }
}

pub(crate) fn give(machine: &mut impl AttemptMachine, input: AttemptInput) -> Vec<String> {
    machine.handle_input(input, Time::ZERO);
    drain(machine)
}

pub(crate) fn opened(machine: &mut impl AttemptMachine) -> Vec<String> {
    give(machine, AttemptInput::Disk(Ok(DiskReply::Opened(IDENTITY))))
}

pub(crate) fn done(machine: &mut impl AttemptMachine) -> Vec<String> {
    give(machine, AttemptInput::Disk(Ok(DiskReply::Done)))
}

pub(crate) fn read(machine: &mut impl AttemptMachine, bytes: &[u8]) -> Vec<String> {
    machine.push_read(bytes, Time::ZERO);
    drain(machine)
}

/// Up to the program's start.
pub(crate) fn spawning(machine: &mut impl AttemptMachine) {
    assert_eq!(give(machine, AttemptInput::Start), ["open /staging/nonce"]);
    assert_eq!(opened(machine), ["read at 0"]);
    assert_eq!(read(machine, &NONCE.to_le_bytes()), ["close"]);
    assert_eq!(done(machine), ["mkdir /scratch/tmp"], "nothing is made before the nonce was seen");
}

/// A map whose program runs and was fed all of its input.
fn fed(reducers: u32) -> MapAttempt {
    feed(attempt(reducers), reducers)
}

fn feed(mut map: MapAttempt, reducers: u32) -> MapAttempt {
    spawning(&mut map);
    assert_eq!(done(&mut map), ["open /in"]);
    assert_eq!(opened(&mut map), ["spawn mapper"]);
    let mut lines = give(&mut map, AttemptInput::Spawned);
    if reducers == 0 {
        assert_eq!(lines, ["create /staging/map-0"]);
        lines = opened(&mut map);
    }
    assert_eq!(lines, ["read at 0"]);
    assert_eq!(read(&mut map, b"b 2\na 1\nc"), [""; 0]);
    assert_eq!(map.stdin(), b"b 2\na 1\nc");
    map.stdin_written(4, Time::ZERO);
    assert_eq!(map.stdin(), b"a 1\nc");
    map.stdin_written(5, Time::ZERO);
    assert_eq!(drain(&mut map), ["read at 9"]);
    assert_eq!(read(&mut map, b""), ["close stdin"]);
    map
}

fn exit(map: &mut MapAttempt, status: ExitStatus, unread_bytes: u64) -> Vec<String> {
    let mut lines = give(map, AttemptInput::Exited { status, unread_bytes, printed_bytes: 0 });
    lines.extend(give(map, AttemptInput::StdoutClosed));
    lines.extend(give(map, AttemptInput::StderrClosed));
    lines
}

#[test]
fn a_map_with_reducers_leaves_one_file_of_runs() {
    let mut map = fed(2);
    map.push_stdout(b"b\t2\na\t1\nc", Time::ZERO);
    assert_eq!(
        exit(&mut map, ExitStatus::Code(0), 0),
        ["kill group", "inspect"],
        "leader, group, pipes, then files"
    );
    assert_eq!(opened(&mut map), ["close"]);
    assert_eq!(done(&mut map), ["create /scratch/output.run"]);
    assert_eq!(opened(&mut map), ["write at 0"]);
    assert!(!map.outgoing().is_empty());
    assert_eq!(done(&mut map), ["close"]);
    assert_eq!(done(&mut map), ["remove all of /scratch/tmp"]);
    map.handle_input(AttemptInput::Disk(Ok(DiskReply::Done)), Time::ZERO);
    let Some(AttemptOutput::Ended(Ok(success))) = map.poll_output() else { panic!("it ends well") };
    let output = success.map_output.expect("a map with reducers leaves runs");
    assert_eq!((output.path, output.segments.len()), (PathBytes::from("/scratch/output.run"), 2));
    assert_eq!((success.counters.map_input_records, success.counters.map_output_records), (3, 3));
}

#[test]
fn a_map_without_reducers_syncs_file_then_directory() {
    let mut map = fed(0);
    map.push_stdout(b"x\n", Time::ZERO);
    assert_eq!(exit(&mut map, ExitStatus::Code(0), 0), ["kill group", "inspect"]);
    assert_eq!(opened(&mut map), ["close"]);
    assert_eq!(done(&mut map), ["write at 0"]);
    assert_eq!(map.outgoing(), b"x\n");
    assert_eq!(done(&mut map), ["sync"]);
    assert_eq!(done(&mut map), ["close"]);
    assert_eq!(done(&mut map), ["sync directory /staging"]);
    assert_eq!(done(&mut map), ["remove all of /scratch"]);
    assert_eq!(done(&mut map), ["ended well"]);
}

#[test]
fn a_program_that_fails_leaves_nothing_and_the_end_of_its_stderr() {
    let mut map = fed(1);
    map.push_stderr(b"Traceback", Time::ZERO);
    let lines = exit(&mut map, ExitStatus::Code(3), 0);
    assert_eq!(lines, ["kill group", "close"]);
    assert_eq!(done(&mut map), ["remove all of /scratch"]);
    map.handle_input(AttemptInput::Disk(Ok(DiskReply::Done)), Time::ZERO);
    let Some(AttemptOutput::Ended(Err(Failure { cause, stderr_tail, input, .. }))) = map.poll_output() else {
        panic!("it fails")
    };
    let expected = Cause::ProgramFailed {
        role: ProgramRole::Mapper,
        command: "prog".into(),
        status: ExitStatus::Code(3),
    };
    assert_eq!((cause, &stderr_tail[..]), (expected, &b"Traceback"[..]));
    assert_eq!(input.expect("the failure names its input").length_bytes, 9);
}

#[test]
fn bytes_left_in_the_pipe_fail_a_program_that_says_all_is_well() {
    let mut map = fed(1);
    assert_eq!(exit(&mut map, ExitStatus::Code(0), 4), ["kill group", "close"]);
    done(&mut map);
    assert_eq!(done(&mut map), ["ended ProgramStoppedReading"]);
}

#[test]
fn a_kill_waits_for_the_program_to_be_gone() {
    let mut map = fed(1);
    assert_eq!(give(&mut map, AttemptInput::Kill), ["kill group"]);
    assert!(map.wants_stdout(), "what it still prints is read and dropped");
    map.push_stdout(b"late", Time::ZERO);
    assert_eq!(exit(&mut map, ExitStatus::Signal(9), 0), ["kill group", "close"]);
    assert_eq!(done(&mut map), ["remove all of /scratch"]);
    assert_eq!(done(&mut map), ["ended Killed"]);
}

#[test]
fn a_kill_before_the_program_runs_kills_it_once_it_does() {
    let mut map = attempt(1);
    spawning(&mut map);
    done(&mut map);
    opened(&mut map);
    assert_eq!(give(&mut map, AttemptInput::Kill), [""; 0]);
    assert_eq!(give(&mut map, AttemptInput::Spawned), ["kill group"]);
}

#[test]
fn pipes_that_stay_open_are_waited_for_only_so_long() {
    let mut map = fed(1);
    give(&mut map, AttemptInput::Exited { status: ExitStatus::Code(0), unread_bytes: 0, printed_bytes: 0 });
    let (at, ()) = map.poll_timeout().expect("it waits for what its children print");
    map.handle_timeout(Time::from_us(at.as_us() - 1));
    assert!(map.poll_output().is_none(), "told the time before, it does nothing");
    map.handle_timeout(at);
    assert_eq!(drain(&mut map), ["kill group"]);
    let (at, ()) = map.poll_timeout().expect("it waits for the pipes");
    map.handle_timeout(at);
    assert_eq!(drain(&mut map), ["inspect"]);
}

#[test]
fn what_its_children_print_after_the_programs_end_counts() {
    let mut map = fed(1);
    assert_eq!(
        give(
            &mut map,
            AttemptInput::Exited { status: ExitStatus::Code(0), unread_bytes: 0, printed_bytes: 2 }
        ),
        [""; 0]
    );
    assert_eq!(map.poll_timeout(), None, "what is there is read first, however long that takes");
    map.push_stdout(b"a\n", Time::ZERO);
    let (at, ()) = map.poll_timeout().expect("then silence is waited for");
    map.push_stdout(b"b\n", Time::from_us(at.as_us() - 1));
    assert!(map.poll_timeout().expect("and again").0 > at);
    assert_eq!(give(&mut map, AttemptInput::StdoutClosed), ["kill group"]);
    assert_eq!(map.base.counters.map_output_records, 2);
}

#[test]
fn what_was_not_given_to_a_program_before_its_end_was_not_read() {
    let mut map = attempt(1);
    spawning(&mut map);
    done(&mut map);
    opened(&mut map);
    give(&mut map, AttemptInput::Spawned);
    read(&mut map, b"b 2\na 1\nc");
    give(&mut map, AttemptInput::Exited { status: ExitStatus::Code(0), unread_bytes: 0, printed_bytes: 0 });
    assert!(map.stdin().is_empty(), "the pipe has room, but nobody reads it");
    give(&mut map, AttemptInput::StdoutClosed);
    assert_eq!(give(&mut map, AttemptInput::StderrClosed), ["close"]);
    done(&mut map);
    assert_eq!(done(&mut map), ["ended ProgramStoppedReading"]);
}

#[test]
fn a_staging_directory_that_is_not_seen_is_said_before_anything_is_made() {
    let mut map = attempt(1);
    give(&mut map, AttemptInput::Start);
    let error = OsError { kind: OsErrorKind::NotFound, text: "No such file or directory".into() };
    assert_eq!(give(&mut map, AttemptInput::Disk(Err(error))), ["remove all of /scratch"]);
    assert_eq!(done(&mut map), ["ended OutputNotShared"]);
    let mut map = attempt(1);
    give(&mut map, AttemptInput::Start);
    opened(&mut map);
    assert_eq!(read(&mut map, b"another!"), ["close"]);
    done(&mut map);
    assert_eq!(done(&mut map), ["ended OutputNotShared"]);
}

#[test]
fn a_nonce_that_cannot_be_read_just_now_does_not_mean_another_storage() {
    let error = || OsError { kind: OsErrorKind::Other, text: "Input/output error".into() };
    let mut map = attempt(1);
    give(&mut map, AttemptInput::Start);
    assert_eq!(give(&mut map, AttemptInput::Disk(Err(error()))), ["remove all of /scratch"]);
    assert_eq!(done(&mut map), ["ended StagingUnreadable"]);
    let mut map = attempt(1);
    give(&mut map, AttemptInput::Start);
    opened(&mut map);
    assert_eq!(give(&mut map, AttemptInput::Disk(Err(error()))), ["close"]);
    done(&mut map);
    assert_eq!(done(&mut map), ["ended StagingUnreadable"]);
}

#[test]
fn an_input_that_changed_is_no_input_of_the_job() {
    let mut map = fed(1);
    exit(&mut map, ExitStatus::Code(0), 0);
    let changed = FileIdentity { modified_ns: 2, ..IDENTITY };
    let lines = give(&mut map, AttemptInput::Disk(Ok(DiskReply::Opened(changed))));
    assert_eq!(lines, ["close"]);
    done(&mut map);
    assert_eq!(done(&mut map), ["ended InputChanged"]);
}

/// A map that has written two spills, and closes its input as its program has ended.
fn spilled_twice() -> MapAttempt {
    let mut map = fed(1);
    let line = [b'x'; 1 << 10];
    let mut pushed = 0;
    let mut spills = 0;
    let mut lines = Vec::new();
    while spills < 2 {
        while map.wants_stdout() {
            let mut bytes = format!("{pushed:06}").into_bytes();
            bytes.extend_from_slice(&line);
            bytes.push(b'\n');
            map.push_stdout(&bytes, Time::ZERO);
            pushed += 1;
            lines.extend(drain(&mut map));
        }
        assert_eq!(lines, [format!("create /scratch/spill-{}.run", spills + 1)]);
        lines.clear();
        spills += 1;
        let mut more = opened(&mut map);
        while !map.wants_stdout() {
            assert!(more[0].starts_with("write") || more[0] == "close", "{more:?}");
            more = done(&mut map);
        }
        lines.extend(more);
    }
    assert_eq!(exit(&mut map, ExitStatus::Code(0), 0), ["kill group", "inspect"]);
    assert_eq!(opened(&mut map), ["close"]);
    map
}

#[test]
fn output_beyond_the_budget_is_spilled_and_merged() {
    let mut map = spilled_twice();
    assert_eq!(done(&mut map), ["create /scratch/spill-3.run"], "what is in memory is the last spill");
}

#[test]
fn a_map_without_reducers_that_need_not_sync_does_not() {
    let mut map = feed(attempt_with(AttemptSetting { sync: false, ..setting(ProgramRole::Mapper) }, 0), 0);
    map.push_stdout(b"x\n", Time::ZERO);
    exit(&mut map, ExitStatus::Code(0), 0);
    opened(&mut map);
    assert_eq!(done(&mut map), ["write at 0"]);
    assert_eq!(done(&mut map), ["close"]);
    assert_eq!(done(&mut map), ["remove all of /scratch"]);
    assert_eq!(done(&mut map), ["ended well"]);
}

#[test]
fn output_without_reducers_is_written_in_large_pieces_and_counted() {
    let mut map = fed(0);
    let half = [b'x'; READ_BYTES / 2];
    map.push_stdout(&half, Time::ZERO);
    assert!(drain(&mut map).is_empty() && map.wants_stdout(), "there is room for more");
    map.push_stdout(&half, Time::ZERO);
    assert_eq!(drain(&mut map), ["write at 0"]);
    assert!(!map.wants_stdout(), "what is being written stays as it is");
    assert_eq!(map.outgoing().len(), READ_BYTES);
    assert!(done(&mut map).is_empty() && map.wants_stdout());
    map.push_stdout(b"\ny", Time::ZERO);
    assert_eq!(exit(&mut map, ExitStatus::Code(0), 0), ["kill group", "inspect"]);
    opened(&mut map);
    assert_eq!(done(&mut map), [format!("write at {READ_BYTES}")]);
    assert_eq!(map.outgoing(), b"\ny");
    let counters = map.base.counters;
    assert_eq!((counters.output_bytes, counters.output_records), (READ_BYTES as u64 + 2, 2));
    assert_eq!((counters.map_output_bytes, counters.map_output_records), (READ_BYTES as u64 + 2, 2));
}

#[test]
fn of_a_long_stderr_the_end_is_kept() {
    let mut map = fed(1);
    map.push_stderr(&[b'a'; STDERR_TAIL_BYTES], Time::ZERO);
    map.push_stderr(b"bc", Time::ZERO);
    let mut expected = [b'a'; STDERR_TAIL_BYTES];
    expected[STDERR_TAIL_BYTES - 2..].copy_from_slice(b"bc");
    assert_eq!(map.base.program.stderr_tail(), expected);
    map.push_stderr(&[[b'd'; STDERR_TAIL_BYTES], [b'e'; STDERR_TAIL_BYTES]].concat(), Time::ZERO);
    assert_eq!(map.base.program.stderr_tail(), [b'e'; STDERR_TAIL_BYTES]);
}

#[test]
fn a_kill_after_the_program_ended_well_kills_what_it_left_running_once() {
    let mut map = fed(1);
    give(&mut map, AttemptInput::Exited { status: ExitStatus::Code(0), unread_bytes: 0, printed_bytes: 0 });
    assert_eq!(give(&mut map, AttemptInput::Kill), ["kill group"]);
    assert_eq!(give(&mut map, AttemptInput::Kill), [""; 0]);
}

#[test]
fn a_spill_that_does_not_hold_what_was_written_ends_the_attempt() {
    let mut map = spilled_twice();
    let mut lines = done(&mut map);
    while !lines[0].starts_with("read") {
        let is_opening = lines[0].starts_with("create") || lines[0].starts_with("open");
        lines = if is_opening { opened(&mut map) } else { done(&mut map) };
    }
    let mut lines = read(&mut map, &[0xFF; 100]);
    while lines[0] == "close" {
        lines = done(&mut map);
    }
    assert_eq!(lines, ["remove all of /scratch"]);
    assert_eq!(done(&mut map), ["ended Scratch"]);
}
