//! A reduce attempt against exact lists of what it asks for, on runs made by the writer of runs.

use super::*;
use crate::data::record::Record;
use crate::data::run::RunWriter;
use crate::failure::{ExitStatus, OsError, OsErrorKind};
use crate::ids::{Epoch, JobId, TaskId};
use crate::job::ProgramRole;
use crate::worker::map_attempt::tests::{done, drain, give, opened, read, setting, spawning};
use alloc::string::String;

fn run_of(lines: &[&str]) -> Vec<u8> {
    let mut writer = RunWriter::new();
    for line in lines {
        writer.push(Record::parse_line(line.as_bytes()));
    }
    writer.finish();
    writer.outgoing().to_vec()
}

fn location(map: u32, length_bytes: usize) -> RunLocation {
    let map = AttemptId { job: JobId(1), task: TaskId::Map(map), epoch: Epoch(1), number: 0 };
    let segment = Segment { offset: 0, length_bytes: length_bytes as u64 };
    RunLocation { map, path: PathBytes(format!("/runs/{}", map.file_stem()).into_bytes()), segment }
}

fn attempt(runs: Vec<RunLocation>) -> ReduceAttempt {
    ReduceAttempt::new(ReduceWork { setting: setting(ProgramRole::Reducer), runs, fetched_bytes: 0 })
}

fn running(runs: Vec<RunLocation>) -> ReduceAttempt {
    let mut reduce = attempt(runs);
    spawning(&mut reduce);
    assert_eq!(done(&mut reduce), ["spawn reducer", "create /staging/map-0"]);
    assert_eq!(give(&mut reduce, AttemptInput::Spawned), [""; 0]);
    reduce
}

#[test]
fn runs_are_merged_into_stdin_and_the_output_is_made_safe() {
    let (first, second) = (run_of(&["a\t1", "c"]), run_of(&["a\t2", "b\t3"]));
    let mut reduce = attempt(Vec::from([location(0, first.len()), location(1, second.len())]));
    spawning(&mut reduce);
    assert_eq!(done(&mut reduce), ["spawn reducer", "create /staging/map-0"]);
    assert_eq!(give(&mut reduce, AttemptInput::Spawned), [""; 0]);
    assert_eq!(opened(&mut reduce), ["open /runs/map-00000-1-0"]);
    assert_eq!(opened(&mut reduce), ["open /runs/map-00001-1-0"]);
    assert_eq!(opened(&mut reduce), ["read at 0"]);
    assert_eq!(read(&mut reduce, &first), ["read at 0"]);
    assert_eq!(read(&mut reduce, &second), ["close"]);
    assert_eq!(done(&mut reduce), [""; 0]);
    assert_eq!(reduce.stdin(), b"a\t1\na\t2\nb\t3\nc\n", "equal keys keep the order of their maps");
    let length = reduce.stdin().len();
    reduce.stdin_written(length, Time::ZERO);
    assert_eq!(drain(&mut reduce), ["close"]);
    assert_eq!(done(&mut reduce), ["close stdin"]);
    reduce.push_stdout(b"out\n", Time::ZERO);
    give(
        &mut reduce,
        AttemptInput::Exited { status: ExitStatus::Code(0), unread_bytes: 0, printed_bytes: 0 },
    );
    assert_eq!(give(&mut reduce, AttemptInput::StdoutClosed), ["kill group"]);
    assert_eq!(give(&mut reduce, AttemptInput::StderrClosed), ["write at 0"]);
    assert_eq!(done(&mut reduce), ["sync"]);
    assert_eq!(done(&mut reduce), ["close"]);
    assert_eq!(done(&mut reduce), ["sync directory /staging"]);
    assert_eq!(done(&mut reduce), ["remove all of /scratch"]);
    reduce.handle_input(AttemptInput::Disk(Ok(crate::worker::disk::DiskReply::Done)), Time::ZERO);
    let Some(AttemptOutput::Ended(Ok(success))) = reduce.poll_output() else { panic!("it ends well") };
    let counters = success.counters;
    assert_eq!(
        (counters.reduce_input_records, counters.reduce_input_groups, counters.output_records),
        (4, 3, 1)
    );
}

#[test]
fn a_corrupt_run_is_the_fault_of_its_map() {
    let mut bytes = run_of(&["a\t1"]);
    bytes[20] ^= 1;
    let mut reduce = attempt(Vec::from([location(0, bytes.len())]));
    spawning(&mut reduce);
    done(&mut reduce);
    give(&mut reduce, AttemptInput::Spawned);
    opened(&mut reduce);
    opened(&mut reduce);
    assert_eq!(read(&mut reduce, &bytes), ["kill group"]);
    give(
        &mut reduce,
        AttemptInput::Exited { status: ExitStatus::Signal(9), unread_bytes: 0, printed_bytes: 0 },
    );
    give(&mut reduce, AttemptInput::StdoutClosed);
    assert_eq!(give(&mut reduce, AttemptInput::StderrClosed), ["close"]);
    assert_eq!(done(&mut reduce), ["close"]);
    assert_eq!(done(&mut reduce), ["remove all of /scratch"]);
    assert_eq!(done(&mut reduce), ["ended RunCorrupt"]);
}

#[test]
fn a_run_that_is_gone_is_made_again() {
    let mut reduce = attempt(Vec::from([location(0, 9)]));
    spawning(&mut reduce);
    done(&mut reduce);
    give(&mut reduce, AttemptInput::Spawned);
    opened(&mut reduce);
    let error = OsError { kind: OsErrorKind::NotFound, text: String::from("No such file or directory") };
    assert_eq!(give(&mut reduce, AttemptInput::Disk(Err(error))), ["kill group"]);
}

#[test]
fn a_reduce_without_records_runs_its_program_all_the_same() {
    let mut reduce = running(Vec::new());
    assert_eq!(opened(&mut reduce), ["close stdin"]);
}

#[test]
fn too_many_runs_are_merged_in_neighbouring_groups_before_the_program_starts() {
    let run = run_of(&["a\t1"]);
    let width = merge_width(1 << 20);
    let count = width as u32 + 3;
    let mut reduce = attempt((0..count).map(|map| location(map, run.len())).collect());
    spawning(&mut reduce);
    assert_eq!(done(&mut reduce), ["create /scratch/merge-1.run"]);
    let mut lines = opened(&mut reduce);
    let (mut opens, mut written_bytes) = (0, 0);
    while lines != ["spawn reducer", "create /staging/map-0"] {
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines = match lines[0].split(' ').next() {
            Some("open") => {
                opens += 1;
                opened(&mut reduce)
            }
            Some("read") => read(&mut reduce, &run),
            Some("write") => {
                written_bytes += reduce.outgoing().len() as u64;
                done(&mut reduce)
            }
            Some("close" | "remove") => done(&mut reduce),
            other => panic!("{other:?}"),
        };
    }
    assert_eq!(opens, 4, "just as many as leave what can be merged at once");
    assert_eq!(reduce.base.counters.spilled_bytes, written_bytes);
}

#[test]
fn the_neighbours_that_are_shortest_together_are_merged_first() {
    let first = |lengths: &[usize], count| {
        let runs = lengths.iter().zip(0..).map(|(length, map)| location(map, *length)).collect();
        attempt(runs).cheapest_neighbours(count)
    };
    assert_eq!(first(&[5, 1, 9, 2, 2, 7], 2), 3);
    assert_eq!(first(&[5, 1, 9, 2, 2, 7], 3), 3);
    assert_eq!(first(&[9, 9, 1, 1], 2), 2, "at the end");
    assert_eq!(first(&[1, 1, 9, 9], 2), 0, "at the beginning");
    assert_eq!(first(&[3, 3, 3], 2), 0, "the first of those that are equal");
    assert_eq!(first(&[3, 3, 3], 3), 0);
}

#[test]
fn a_reducer_that_fails_is_reported_with_the_end_of_its_stderr() {
    let mut reduce = running(Vec::new());
    opened(&mut reduce);
    reduce.push_stderr(b"Traceback", Time::ZERO);
    give(
        &mut reduce,
        AttemptInput::Exited { status: ExitStatus::Code(1), unread_bytes: 0, printed_bytes: 0 },
    );
    give(&mut reduce, AttemptInput::StdoutClosed);
    assert_eq!(give(&mut reduce, AttemptInput::StderrClosed), ["close"]);
    assert_eq!(done(&mut reduce), ["remove all of /scratch"]);
    reduce.handle_input(AttemptInput::Disk(Ok(crate::worker::disk::DiskReply::Done)), Time::ZERO);
    let Some(AttemptOutput::Ended(Err(failure))) = reduce.poll_output() else { panic!("it fails") };
    assert_eq!(failure.stderr_tail, b"Traceback");
    assert!(matches!(failure.cause, Cause::ProgramFailed { role: ProgramRole::Reducer, .. }));
}
