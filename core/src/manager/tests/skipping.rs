//! Bad records: when they are sought, on what, and what becomes of what is found.

use super::*;
use crate::failure::{Excerpt, InputRange};
use crate::job::ByteRange;
use crate::wire::message::TaskOrder;
use alloc::boxed::Box;

const BAD: u64 = 13;

/// A stage with a job of one map over 32 records of two bytes each, and its worker and client.
fn stage(max_skipped_records: u32) -> (Stage, ConnectionId) {
    let mut stage = Stage::new();
    let (worker, client) = worker_and_client(&mut stage, 1);
    let specification = JobSpecification { max_skipped_records, split_bytes: 64, ..specification(0) };
    stage.say(client, &FromClient::Submit { key: SubmissionKey(9), specification });
    stage.planned(64);
    (stage, worker)
}

/// The records that the last attempt was to be given, by number, and whether it is a trial.
fn given(stage: &Stage) -> (Vec<u64>, bool) {
    let order = stage.ordered.clone().expect("something was launched");
    let TaskOrder::Map { split, holes, trial, .. } = order.task else { panic!("it is a map") };
    let ByteRange { offset, length_bytes } =
        trial.unwrap_or(ByteRange { offset: split.offset, length_bytes: split.length_bytes });
    let is_given = |record: &u64| {
        let at = 2 * record;
        (offset..offset + length_bytes).contains(&at) && !holes.iter().any(|hole| hole.offset == at)
    };
    ((0..32).filter(is_given).collect(), trial.is_some())
}

/// Plays the program of the last attempt: it fails on bad records. Returns what was done, and whether that was a trial.
fn play(stage: &mut Stage, worker: ConnectionId, bad: &[u64]) -> (Vec<String>, bool) {
    let (records, is_trial) = given(stage);
    let attempt = stage.last_launched();
    let place = records.iter().position(|record| bad.contains(record));
    let failure = place.map(|place| {
        let (first, last) = (records[0], records[place]);
        let input = InputRange {
            path: PathBytes::from("/in"),
            offset: 2 * first,
            length_bytes: 2 * (last + 1 - first),
        };
        let excerpt =
            is_trial.then(|| Excerpt { records: place as u64 + 1, beginning: b"x\n".to_vec() }.into());
        Box::new(Failure { input: Some(input), excerpt, ..Failure::new(program_failed()) })
    });
    let result = match (failure, is_trial) {
        (failure, true) => AttemptResult::Tried(failure),
        (Some(failure), false) => AttemptResult::Failed(failure),
        (None, false) => {
            let left_out = 32 - records.len() as u32;
            AttemptResult::Succeeded(Success { left_out, ..Success::default() })
        }
    };
    let mut lines = stage.say(worker, &FromWorker::Ended { attempt, result });
    lines.extend(stage.settle());
    (lines, is_trial)
}

/// Plays until something else comes of it than another attempt; returns the last that was done and how many were trials.
fn play_on(stage: &mut Stage, worker: ConnectionId, bad: &[u64]) -> (Vec<String>, u32) {
    let mut trials = 0;
    for _ in 0..200 {
        let (lines, is_trial) = play(stage, worker, bad);
        trials += u32::from(is_trial);
        let is_plain = |line: &String| {
            line.starts_with("Worker") || line == "append AttemptFailed" || line == "begin the journal"
        };
        if !lines.iter().all(is_plain) {
            return (lines, trials);
        }
    }
    panic!("the search has no end");
}

fn report(stage: &mut Stage) -> JobReport {
    while stage.report.is_none() {
        stage.answer(FileAnswer::Done);
        stage.settle();
    }
    stage.report.clone().expect("it ended")
}

fn range(record: u64) -> InputRange {
    InputRange { path: PathBytes::from("/in"), offset: 2 * record, length_bytes: 2 }
}

#[test]
fn a_job_that_bears_no_bad_record_fails_with_it() {
    let (mut stage, worker) = stage(0);
    let (lines, trials) = play_on(&mut stage, worker, &[BAD]);
    assert_eq!(lines[0], "append JobFailing");
    assert!(trials > 3 && trials <= 16, "{trials} trials");
    let JobReport { failure, skipped, attempts_failed, .. } = report(&mut stage);
    let failure = failure.expect("it failed");
    assert_eq!((failure.input, failure.excerpt.map(|it| it.records)), (Some(range(BAD)), Some(1)));
    assert_eq!((failure.attempts_failed, attempts_failed), (4, 4), "trials are no attempts to do the task");
    assert_eq!((failure.host, skipped), (Some("host1".into()), vec![]));
}

#[test]
fn bad_records_are_left_out_one_after_the_other_and_put_aside() {
    let (mut stage, worker) = stage(2);
    for _ in 0..2 {
        let (lines, _) = play_on(&mut stage, worker, &[BAD, 20]);
        assert_eq!(lines[0], "append RecordSkipped");
        assert!(lines.last().is_some_and(|line| line.starts_with("Worker Launch")), "{lines:?}");
    }
    let (lines, trials) = play_on(&mut stage, worker, &[BAD, 20]);
    assert_eq!((&lines[0], &lines[1], trials), (&"append TaskWon".into(), &"append JobCommitting".into(), 0));
    let mut done = Vec::new();
    while stage.report.is_none() {
        done.extend(stage.answer(FileAnswer::Done));
        done.extend(stage.settle());
    }
    let quarantine: Vec<_> = done.iter().filter(|line| line.contains("quarantine")).collect();
    assert_eq!(quarantine.len(), 3, "made, filled, synced: {done:?}");
    let winner = stage.last_launched().file_stem();
    assert!(quarantine[1].contains(&format!("{winner}-quarantine")), "{quarantine:?}");
    let JobReport { failure, skipped, .. } = report(&mut stage);
    assert_eq!((failure, skipped), (None, vec![range(BAD), range(20)]));
}

#[test]
fn a_job_with_more_bad_records_than_it_bears_fails_and_names_those_it_has_found() {
    let (mut stage, worker) = stage(1);
    assert_eq!(play_on(&mut stage, worker, &[BAD, 20]).0[0], "append RecordSkipped");
    assert_eq!(play_on(&mut stage, worker, &[BAD, 20]).0[0], "append JobFailing");
    let JobReport { failure, skipped, .. } = report(&mut stage);
    assert_eq!(failure.and_then(|failure| failure.input), Some(range(20)));
    assert_eq!(skipped, [range(BAD)]);
}

#[test]
fn a_failure_of_the_worker_in_a_trial_says_nothing_of_the_input() {
    let (mut stage, worker) = stage(1);
    for _ in 0..6 {
        play(&mut stage, worker, &[BAD]);
    }
    assert!(given(&stage).1, "a trial is under way");
    let before = given(&stage);
    let attempt = stage.last_launched();
    let error = OsError { kind: OsErrorKind::NoSpace, text: "full".into() };
    let full = Failure::new(Cause::Scratch { path: PathBytes::from("/scratch"), error });
    stage.say(worker, &FromWorker::Ended { attempt, result: AttemptResult::Tried(Some(full.into())) });
    stage.settle();
    stage.wait(SECOND_US);
    assert_ne!(attempt, stage.last_launched());
    assert_eq!(given(&stage), before, "the same is tried again");
    assert_eq!(play_on(&mut stage, worker, &[BAD]).0[0], "append RecordSkipped");
}

#[test]
fn what_was_found_outlives_the_manager_and_a_search_begins_anew() {
    let (mut stage, worker) = stage(2);
    play_on(&mut stage, worker, &[BAD, 20]);
    for _ in 0..6 {
        play(&mut stage, worker, &[BAD, 20]);
    }
    assert!(given(&stage).1, "a trial is under way");
    let trial = stage.last_launched();
    let (mut stage, _) = stage.next_life();
    stage.settle();
    let worker = stage.connect(Role::Worker);
    stage.register(worker, 1, 1);
    let entries = vec![InventoryEntry::Ended(trial, AttemptResult::Tried(None))];
    stage.say(worker, &FromWorker::Inventory { entries, jobs: vec![JobId(1)], last: true });
    stage.settle();
    for sequence in 1..=10 {
        stage.heartbeat(worker, sequence);
        stage.wait(SECOND_US);
    }
    let (records, is_trial) = given(&stage);
    assert!(!is_trial && records.len() == 31 && !records.contains(&BAD), "{records:?}");
    assert_eq!(play_on(&mut stage, worker, &[BAD, 20]).0[0], "append RecordSkipped");
    assert_eq!(play_on(&mut stage, worker, &[BAD, 20]).0[0], "append TaskWon");
}

#[test]
fn a_trial_of_an_earlier_life_that_runs_on_decides_nothing() {
    let (mut stage, worker) = stage(2);
    for _ in 0..5 {
        play(&mut stage, worker, &[BAD]);
    }
    let trial = stage.last_launched();
    assert!(given(&stage).1);
    let (mut stage, _) = stage.next_life();
    stage.settle();
    let worker = stage.connect(Role::Worker);
    stage.register(worker, 1, 1);
    let entries = vec![InventoryEntry::Running(trial)];
    stage.say(worker, &FromWorker::Inventory { entries, jobs: vec![JobId(1)], last: true });
    stage.settle();
    for sequence in 1..=10 {
        stage.heartbeat(worker, sequence);
        stage.wait(SECOND_US);
    }
    assert!(stage.launched.is_empty(), "it has the task's place");
    stage.say(worker, &FromWorker::Ended { attempt: trial, result: AttemptResult::Tried(None) });
    let lines = stage.settle();
    assert!(lines.iter().all(|line| !line.starts_with("append")), "{lines:?}");
    assert!(!given(&stage).1, "the task is tried again");
}

#[test]
fn a_winner_that_knew_of_no_bad_record_has_put_none_aside() {
    let (mut stage, worker) = stage(1);
    assert_eq!(play_on(&mut stage, worker, &[BAD]).0[0], "append RecordSkipped");
    let attempt = stage.last_launched();
    let result = AttemptResult::Succeeded(Success::default());
    let mut done = stage.say(worker, &FromWorker::Ended { attempt, result });
    done.extend(stage.settle());
    assert_eq!(report(&mut stage).skipped, []);
    assert!(!done.iter().any(|line| line.contains("quarantine")));
}

#[test]
fn a_search_bears_no_more_failures_of_another_kind_than_a_task_does() {
    let (mut stage, worker) = stage(1);
    while !play(&mut stage, worker, &[BAD]).1 {}
    let error = OsError { kind: OsErrorKind::Other, text: "Broken pipe".into() };
    let broken = Cause::ProgramPipe { role: ProgramRole::Mapper, error };
    let mut trials = 0;
    while stage.manager.jobs.active(JobId(1)).is_some_and(|job| job.failure.is_none()) {
        let (attempt, failure) = (stage.last_launched(), Some(Failure::new(broken.clone()).into()));
        stage.say(worker, &FromWorker::Ended { attempt, result: AttemptResult::Tried(failure) });
        stage.settle();
        trials += 1;
        assert!(trials < 20, "the search has no end");
    }
    assert_eq!(trials, 4);
}

#[test]
fn a_worker_is_not_blamed_for_a_record_that_was_bad_everywhere() {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    let workers = [1, 2].map(|incarnation| joined(&mut stage, incarnation, 1));
    let specification = JobSpecification { max_skipped_records: 1, split_bytes: 64, ..specification(0) };
    stage.say(client, &FromClient::Submit { key: SubmissionKey(9), specification });
    stage.planned(64);
    let mut is_won = false;
    while !is_won {
        let holder = workers[stage.holder(stage.last_launched())];
        is_won = play(&mut stage, holder, &[BAD]).0.iter().any(|line| line == "append TaskWon");
    }
    for worker in [1, 2] {
        let standing = &stage.manager.registry.get(Incarnation(worker)).unwrap().standing;
        assert_eq!(standing.failures_in_a_row(), 0, "worker {worker}");
    }
}

#[test]
fn what_a_mapper_hangs_on_is_sought_only_where_records_may_be_left_out() {
    for (max_skipped_records, is_sought) in [(0, false), (1, true)] {
        let (mut stage, worker) = stage(max_skipped_records);
        let input = InputRange { path: PathBytes::from("/in"), offset: 0, length_bytes: 64 };
        let (role, command, silent_us) = (ProgramRole::Mapper, "m".into(), SECOND_US);
        let cause = Cause::ProgramSilent { role, command, silent_us, cpu_us: 0, unread_bytes: 0 };
        for _ in 0..4 {
            let attempt = stage.last_launched();
            let failure = Failure { input: Some(input.clone()), ..Failure::new(cause.clone()) };
            stage.say(worker, &FromWorker::Ended { attempt, result: AttemptResult::Failed(failure.into()) });
            stage.settle();
        }
        let has_failed = stage.manager.jobs.active(JobId(1)).is_some_and(|job| job.failure.is_some());
        assert_eq!((has_failed, given(&stage).1), (!is_sought, is_sought));
    }
}
