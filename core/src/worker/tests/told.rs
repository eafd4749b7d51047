//! What a Manager is told of attempts: again after a new registration, together, and in short.

use super::*;
use crate::failure::ExitStatus;
use crate::job::ProgramRole;
use crate::limits::{
    FAILURE_TEXT_BYTES_MAX, FRAME_BYTES_MAX, INVENTORY_PAGE_BYTES, INVENTORY_PAGE_ENTRIES, PROGRESS_US,
    STDERR_TAIL_BYTES,
};
use crate::wire::message::AttemptResult;
use crate::worker::attempts::LocalStage;

#[test]
fn what_ended_while_nobody_listened_is_told_in_the_inventory_until_it_is_acknowledged() {
    let mut stage = Stage::new(2);
    stage.register(1);
    stage.say(&launch(MAP));
    stage.say(&launch(REDUCE));
    assert!(stage.close().is_empty());
    assert_eq!(stage.local(WorkerInput::Ended(attempt(MAP), Ok(success()))), ["shuffle Offer"]);
    assert_eq!(
        stage.register(2),
        [
            "heartbeat 1 running 0",
            "notice Registered",
            "Inventory [ended map-00000-1-0, gathering reduce-00000-1-0]",
            "PullOutputs 0"
        ]
    );
    stage.say(&ToWorker::Acknowledged { attempt: attempt(MAP), counts: true });
    stage.close();
    assert_eq!(stage.register(3)[2], "Inventory [gathering reduce-00000-1-0, holding map-00000-1-0]");
}

#[test]
fn a_run_that_cannot_be_had_is_told_again_after_a_new_registration() {
    let mut stage = Stage::new(1);
    stage.register(1);
    stage.say(&launch(REDUCE));
    let cause = Cause::RunUnfetchable { map: attempt(MAP), reason: "x".into() };
    let report = ShuffleReport::Unfetchable { attempt: attempt(REDUCE), map: attempt(MAP), cause };
    assert_eq!(stage.local(WorkerInput::Shuffle(report)), ["Unfetchable"]);
    stage.close();
    let lines = stage.register(2);
    assert_eq!(lines[lines.len() - 2..], ["PullOutputs 0", "Unfetchable"]);
}

#[test]
fn news_of_attempts_are_told_together_after_a_while() {
    let mut stage = Stage::new(2);
    stage.register(1);
    stage.say(&launch(MAP));
    stage.say(&launch(REDUCE));
    let begin = stage.now;
    assert!(stage.local(WorkerInput::Progress(attempt(MAP), Counters::default())).is_empty());
    stage.now = stage.now.after(PROGRESS_US / 2);
    let report = ShuffleReport::Progress { attempt: attempt(REDUCE), runs: 1 };
    assert!(stage.local(WorkerInput::Shuffle(report)).is_empty());
    assert!(stage.wake().contains(&"Progress".into()));
    assert_eq!(stage.now.since_us(begin), PROGRESS_US);
    let lines: Vec<_> = (0..3).flat_map(|_| stage.wake()).collect();
    assert!(!lines.contains(&"Progress".into()), "there is no other news: {lines:?}");
}

#[test]
fn an_inventory_of_many_attempts_is_cut_into_full_pages() {
    let count = INVENTORY_PAGE_ENTRIES as u32 + 1;
    let mut stage = Stage::new(count);
    stage.register(1);
    for index in 0..count {
        stage.say(&launch(TaskId::Map(index)));
    }
    stage.close();
    let pages: Vec<_> = stage.register(2)[2..].iter().map(|page| page.matches("running").count()).collect();
    assert_eq!(pages, [INVENTORY_PAGE_ENTRIES, 1]);
}

fn long_failure() -> Failure {
    let command = "ä".repeat(FRAME_BYTES_MAX);
    let status = ExitStatus::Code(1);
    let mut failure = Failure::new(Cause::ProgramFailed { role: ProgramRole::Mapper, command, status });
    failure.stderr_tail = vec![b'e'; STDERR_TAIL_BYTES];
    failure
}

#[test]
fn a_failure_of_a_long_command_is_told_in_short() {
    let mut stage = Stage::new(1);
    stage.register(1);
    stage.say(&launch(MAP));
    assert_eq!(stage.local(WorkerInput::Ended(attempt(MAP), Err(long_failure()))), ["Ended map-00000-1-0"]);
    let LocalStage::Ended(AttemptResult::Failed(failure)) =
        &stage.worker.attempts.get_mut(attempt(MAP)).unwrap().stage
    else {
        unreachable!("it failed")
    };
    let Cause::ProgramFailed { command, .. } = &failure.cause else { unreachable!("a program failed") };
    assert!(command.len() <= FAILURE_TEXT_BYTES_MAX && command.ends_with("ä…"));
    assert_eq!(failure.stderr_tail.len(), STDERR_TAIL_BYTES);
}

#[test]
fn what_a_peer_said_of_a_run_is_told_in_short() {
    let mut stage = Stage::new(1);
    stage.register(1);
    stage.say(&launch(REDUCE));
    let cause = Cause::RunUnfetchable { map: attempt(MAP), reason: "x".repeat(FRAME_BYTES_MAX) };
    let report =
        ShuffleReport::Unfetchable { attempt: attempt(REDUCE), map: attempt(MAP), cause: cause.clone() };
    assert_eq!(stage.local(WorkerInput::Shuffle(report)), ["Unfetchable"]);
    let report = ShuffleReport::Failed { attempt: attempt(REDUCE), cause };
    assert_eq!(stage.local(WorkerInput::Shuffle(report)), ["Ended reduce-00000-1-0"]);
}

#[test]
fn an_inventory_of_many_long_failures_is_cut_into_pages() {
    let maps: Vec<_> = (0..128).map(TaskId::Map).collect();
    let mut stage = Stage::new(128);
    stage.register(1);
    for map in &maps {
        stage.say(&launch(*map));
    }
    stage.close();
    for map in &maps {
        assert!(stage.local(WorkerInput::Ended(attempt(*map), Err(long_failure()))).is_empty());
    }
    let line = |maps: &[TaskId]| {
        let entries: Vec<_> = maps.iter().map(|map| format!("ended {}", attempt(*map).file_stem())).collect();
        format!("Inventory [{}]", entries.join(", "))
    };
    let per_page = INVENTORY_PAGE_BYTES / (FAILURE_TEXT_BYTES_MAX + STDERR_TAIL_BYTES + 32);
    assert_eq!(stage.register(2)[2..], [line(&maps[..per_page]), line(&maps[per_page..])]);
}
