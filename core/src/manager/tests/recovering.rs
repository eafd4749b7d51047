//! A Manager that comes back: what it goes on with, what it learns again, what it waits for.

use super::*;
use crate::limits::PROGRESS_US;

/// A job of two maps and one reduce of which the first map is won; the Manager dies.
fn died_half_way() -> (Stage, AttemptId, AttemptId) {
    let mut stage = Stage::new();
    let (worker, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 2, 1);
    let [first] = stage.launched_of(TaskId::Map)[..] else { panic!("one slot") };
    stage.ended(worker, first);
    let second = stage.launched_of(TaskId::Map)[1];
    let (stage, lines) = stage.next_life();
    assert_eq!(lines, ["begin the journal", "append EpochBegan"]);
    (stage, first, second)
}

/// The worker is back, and tells what it has.
fn back(stage: &mut Stage, incarnation: u64, entries: Vec<InventoryEntry>) -> (ConnectionId, Vec<String>) {
    stage.persist();
    let worker = stage.connect(Role::Worker);
    stage.register(worker, incarnation, 1);
    let mut lines = stage.say(worker, &FromWorker::Inventory { entries, jobs: vec![JobId(1)], last: true });
    lines.extend(stage.settle());
    lines.extend(stage.heartbeat(worker, 1));
    (worker, lines)
}

/// The verdicts on an inventory, in order: whether each thing is kept.
fn kept(lines: &[String]) -> Vec<bool> {
    let verdicts =
        lines.iter().find(|line| line.starts_with("Worker Verdicts")).expect("an inventory is judged");
    let words = verdicts.split(", ").map(|word| word.trim_end_matches([')', ']']));
    words.filter(|word| ["Keep", "Drop"].contains(word)).map(|word| word == "Keep").collect()
}

#[test]
fn what_runs_and_what_is_held_is_kept() {
    let (mut stage, first, second) = died_half_way();
    let reduce = AttemptId { task: TaskId::Reduce(0), ..first };
    let entries = vec![
        InventoryEntry::Holding(first),
        InventoryEntry::Running(second),
        InventoryEntry::Gathering(reduce),
    ];
    let (worker, lines) = back(&mut stage, 1, entries);
    assert_eq!(kept(&lines), [true, true, true]);
    let pulled = stage.say(worker, &FromWorker::PullOutputs { job: JobId(1), cursor: 0 });
    assert_eq!(pulled, ["Worker Outputs from 0: [(0, true)]"], "where the first lies is known again");
    stage.ended(worker, second);
    assert_eq!(stage.say(worker, &FromWorker::Gathered { attempt: reduce }), ["Worker Run reduce-00000-1-0"]);
    let lines = stage.ended(worker, reduce);
    assert!(lines.contains(&"append JobCommitting".into()), "{lines:?}");
    assert!(stage.launched.is_empty(), "nothing was launched again");
}

#[test]
fn an_end_that_was_not_acknowledged_counts_in_the_next_life() {
    let (mut stage, _, second) = died_half_way();
    let ended = InventoryEntry::Ended(second, AttemptResult::Succeeded(Success::default()));
    let (_, lines) = back(&mut stage, 1, vec![ended]);
    assert!(lines.contains(&"Worker Acknowledged map-00001-1-0 true".into()), "{lines:?}");
}

#[test]
fn what_nobody_tells_of_waits_until_all_had_time_to_come_back() {
    let (mut stage, first, _) = died_half_way();
    let (worker, _) = back(&mut stage, 1, vec![InventoryEntry::Holding(first)]);
    assert!(stage.launched.is_empty(), "another worker may be at it");
    stage.heartbeat(worker, 2);
    stage.wait(9 * SECOND_US);
    stage.heartbeat(worker, 3);
    assert!(stage.launched.is_empty());
    stage.wait(SECOND_US);
    let [map, reduce] = stage.launched[..] else { panic!("{:?}", stage.launched) };
    assert_eq!((map.task, map.epoch), (TaskId::Map(1), Epoch(2)));
    assert_eq!(reduce.task, TaskId::Reduce(0));
}

#[test]
fn an_output_whose_holder_does_not_come_back_is_made_again() {
    let (mut stage, first, _) = died_half_way();
    let (worker, _) = back(&mut stage, 2, vec![]);
    stage.heartbeat(worker, 2);
    stage.wait(9 * SECOND_US);
    stage.heartbeat(worker, 3);
    let mut lines = stage.wait(SECOND_US);
    lines.extend(stage.settle());
    assert_eq!(lines[0], "append OutputRevoked");
    assert!(stage.launched.iter().any(|id| id.task == first.task), "{:?}", stage.launched);
}

#[test]
fn of_two_attempts_of_one_task_the_first_that_is_told_is_adopted() {
    let (mut stage, _, second) = died_half_way();
    back(&mut stage, 1, vec![InventoryEntry::Running(second)]);
    let other = AttemptId { number: 7, ..second };
    let (worker, lines) = back(&mut stage, 2, vec![InventoryEntry::Running(other)]);
    let killed = format!("Worker Kill {}", other.file_stem());
    assert!(lines.contains(&killed), "it may write where the job cleans up: {lines:?}");
    assert_eq!(
        stage.failed(worker, other, Cause::Killed),
        [format!("Worker Acknowledged {} false", other.file_stem())]
    );
}

#[test]
fn more_than_its_slots_take_is_not_adopted() {
    let (mut stage, first, second) = died_half_way();
    let entries =
        vec![InventoryEntry::Running(second), InventoryEntry::Running(AttemptId { number: 3, ..first })];
    let (_, lines) = back(&mut stage, 1, entries);
    assert_eq!(kept(&lines), [true, false]);
}

#[test]
fn a_client_that_asks_again_hears_of_its_job() {
    let (mut stage, _, _) = died_half_way();
    stage.persist();
    let client = stage.connect(Role::Client);
    assert_eq!(stage.say(client, &FromClient::Watch { job: JobId(1) }), [""; 0]);
    let lines = stage.wait(PROGRESS_US);
    assert_eq!(lines, ["Client Progress Running"]);
    let progress = stage.progress.expect("it was told");
    assert_eq!((progress.maps.total, progress.maps.done, progress.reduces.total), (2, 1, 1));
}

/// A job of one map that is won, whose output the Manager has begun to put in place; it dies after so many answers.
fn died_committing(answers: usize) -> Vec<String> {
    let mut stage = Stage::new();
    let (worker, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 1, 0);
    let map = stage.launched[0];
    stage.ended(worker, map);
    for _ in 0..answers {
        stage.answer(FileAnswer::Done);
        stage.settle();
    }
    let (mut stage, _) = stage.next_life();
    let mut lines = stage.persist();
    while !stage.operations.is_empty() {
        lines.extend(stage.answer(FileAnswer::Done));
        lines.extend(stage.persist());
    }
    lines.extend(stage.wait(10 * SECOND_US));
    while !stage.operations.is_empty() {
        lines.extend(stage.answer(FileAnswer::Done));
        lines.extend(stage.persist());
    }
    lines
}

#[test]
fn a_commit_is_taken_up_where_the_journal_left_it() {
    let publishing = ["file rename output out", "file sync data"];
    let publishing_again = ["file rename output out again", "file sync data"];
    let ending = ["file remove STAGING", "append JobEnded"];
    let committing = [
        "file mkdir output",
        "file rename map-00000-1-0 part-00000 again",
        "file write _SUCCESS",
        "file sync output",
        "file sync STAGING",
        "append JobPublishing",
    ];
    for answers in 0..5 {
        let expected = [&committing[..], &publishing, &ending].concat();
        assert_eq!(died_committing(answers), expected, "{answers} answers");
    }
    for answers in 5..8 {
        assert_eq!(died_committing(answers), [publishing_again, ending].concat(), "{answers} answers");
    }
}

#[test]
fn a_job_that_was_given_up_stays_so() {
    let mut stage = Stage::new();
    let (worker, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 1, 0);
    let map = stage.launched[0];
    stage.say(client, &FromClient::Cancel { job: JobId(1) });
    stage.settle();
    let _ = worker;
    let (mut stage, _) = stage.next_life();
    let (worker, lines) = back(&mut stage, 1, vec![InventoryEntry::Running(map)]);
    assert!(lines.contains(&"Worker Kill map-00000-1-0".into()), "{lines:?}");
    stage.wait(9 * SECOND_US);
    stage.heartbeat(worker, 2);
    assert!(!stage.wait(SECOND_US).contains(&"file remove STAGING".into()), "it may still write there");
    let lines = stage.failed(worker, map, Cause::Killed);
    assert!(lines.contains(&"file remove STAGING".into()), "{lines:?}");
    stage.answer(FileAnswer::Done);
    let client = stage.connect(Role::Client);
    stage.settle();
    assert_eq!(stage.say(client, &FromClient::Watch { job: JobId(1) }), ["Client Ended Cancelled"]);
}

#[test]
fn a_job_that_had_only_been_accepted_is_prepared() {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    stage.submit(client, 1);
    stage.settle();
    stage.answer(FileAnswer::Found(false));
    let (mut stage, _) = stage.next_life();
    assert_eq!(stage.persist(), ["file find out"]);
    let client = stage.connect(Role::Client);
    assert_eq!(
        stage.say(client, &FromClient::Submit { key: SubmissionKey(1), specification: specification(1) }),
        ["Client Accepted"],
        "the same key is the same job"
    );
    back(&mut stage, 1, vec![]);
    stage.answer(FileAnswer::Found(false));
    stage.answer(FileAnswer::Listed(Ok(inputs(1))));
    for _ in 0..4 {
        stage.answer(FileAnswer::Done);
    }
    stage.settle();
    assert_eq!(stage.launched_of(TaskId::Map).len(), 1, "nobody can be at it, so nobody is waited for");
    let other = stage.connect(Role::Client);
    stage.submit(other, 1);
    stage.settle();
    assert!(stage.manager.jobs.active(JobId(2)).is_some(), "numbers go on");
}

#[test]
fn the_journal_begins_anew_when_it_is_long_and_amounts_to_the_same() {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    let mut begun = 0;
    for key in 1..40 {
        let mut lines = stage
            .say(client, &FromClient::Submit { key: SubmissionKey(key), specification: specification(0) });
        lines.extend(stage.settle());
        lines.extend(stage.answer(FileAnswer::Found(true)));
        lines.extend(stage.settle());
        lines.extend(stage.answer(FileAnswer::Done));
        lines.extend(stage.settle());
        begun += lines.iter().filter(|line| *line == "begin the journal").count();
    }
    assert!((2..20).contains(&begun), "{begun} times");
    let records = stage.journal.len();
    assert!(records < 80, "{records} records are kept");
    let (stage, _) = stage.next_life();
    assert!(stage.manager.jobs.ended(JobId(39)).is_some());
}

#[test]
fn what_the_power_brought_back_of_jobs_that_ended_is_removed_again() {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    stage.submit(client, 0);
    stage.settle();
    stage.answer(FileAnswer::Found(true));
    stage.settle();
    stage.answer(FileAnswer::Done);
    stage.settle();
    let (mut stage, _) = stage.next_life();
    assert_eq!(stage.persist(), ["file remove STAGING"]);
    assert_eq!(stage.answer(FileAnswer::Done), [""; 0]);
}
