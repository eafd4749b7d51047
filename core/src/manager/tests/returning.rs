//! Workers that register, tell what they have, and how each of it is judged.

use super::*;
use crate::limits::{CONNECTIONS_MAX, PAGE_ENTRIES};
use crate::manager::execution::AttemptStage;
use crate::wire::message::OutputEntry;

/// A worker whose reduce is so far, and what else it executes.
fn worker_with_reduce(at: AttemptStage) -> (Stage, ConnectionId, AttemptId, Vec<InventoryEntry>) {
    let mut stage = Stage::new();
    let (worker, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 1, 1);
    let (map, reduce) = (stage.launched_of(TaskId::Map)[0], stage.launched_of(TaskId::Reduce)[0]);
    stage.ended(worker, map);
    let mut others = vec![InventoryEntry::Holding(map)];
    match at {
        AttemptStage::Gathering => {}
        AttemptStage::Gathered => {
            let other = stage.connect(Role::Client);
            stage.job(other, 1, 0);
            others.push(InventoryEntry::Running(stage.launched_of(TaskId::Map)[1]));
            stage.say(worker, &FromWorker::Gathered { attempt: reduce });
        }
        AttemptStage::Running => {
            stage.say(worker, &FromWorker::Gathered { attempt: reduce });
        }
    }
    assert_eq!(stage.manager.attempts.get(reduce).map(|attempt| attempt.stage), Some(at));
    (stage, worker, reduce, others)
}

fn told(at: AttemptStage, id: AttemptId) -> InventoryEntry {
    match at {
        AttemptStage::Gathering => InventoryEntry::Gathering(id),
        AttemptStage::Gathered => InventoryEntry::Gathered(id),
        AttemptStage::Running => InventoryEntry::Running(id),
    }
}

#[test]
fn an_attempt_is_kept_where_its_worker_can_go_on_with_it() {
    use AttemptStage::{Gathered, Gathering, Running};
    let cases = [
        (Gathering, Gathering, true, false),
        (Gathering, Gathered, true, true),
        (Gathering, Running, false, false),
        (Gathered, Gathering, false, false),
        (Gathered, Gathered, true, false),
        (Gathered, Running, false, false),
        (Running, Gathering, false, false),
        // The message that gave it its slot was lost.
        (Running, Gathered, true, true),
        (Running, Running, true, false),
    ];
    for (known, said, is_kept, is_given_its_slot) in cases {
        let (mut stage, worker, reduce, mut entries) = worker_with_reduce(known);
        stage.close(worker);
        let again = stage.connect(Role::Worker);
        stage.register(again, 1, 1);
        entries.push(told(said, reduce));
        let mut lines = stage.say(again, &FromWorker::Inventory { entries, jobs: vec![], last: true });
        lines.extend(stage.heartbeat(again, 1));
        let case = format!("known as {known:?}, told as {said:?}: {lines:?}");
        assert_eq!(stage.manager.attempts.get(reduce).is_some(), is_kept, "{case}");
        assert_eq!(lines.iter().any(|line| line.contains("Drop")), !is_kept, "{case}");
        assert_eq!(lines.contains(&"Worker Run reduce-00000-1-0".into()), is_given_its_slot, "{case}");
    }
}

#[test]
fn an_output_is_kept_while_it_counts_and_revoked_when_it_is_not_named() {
    for is_named in [true, false] {
        let (mut stage, worker, reduce, entries) = worker_with_reduce(AttemptStage::Gathering);
        stage.close(worker);
        let again = stage.connect(Role::Worker);
        stage.register(again, 1, 1);
        let unknown = AttemptId { number: 9, ..reduce };
        let first_page = if is_named { entries } else { vec![] };
        let mut lines =
            stage.say(again, &FromWorker::Inventory { entries: first_page, jobs: vec![], last: false });
        let entries = vec![InventoryEntry::Gathering(reduce), InventoryEntry::Holding(unknown)];
        let jobs = vec![JobId(1), JobId(8)];
        lines.extend(stage.say(again, &FromWorker::Inventory { entries, jobs, last: true }));
        assert_eq!(lines.contains(&"append OutputRevoked".into()), !is_named, "{lines:?}");
        let text = lines.join("\n");
        assert_eq!(text.matches("Drop)").count(), 1, "what nobody knows is dropped: {text}");
        lines.extend(stage.settle());
        assert!(lines.contains(&"Worker DropJob { job: JobId(8) }".into()), "{lines:?}");
        assert!(!lines.contains(&"Worker DropJob { job: JobId(1) }".into()), "{lines:?}");
    }
}

#[test]
fn who_speaks_out_of_place_is_hung_up_on() {
    let register = |slots| FromWorker::Register {
        incarnation: Incarnation(7),
        host: "h".into(),
        slots,
        shuffle_address: None,
    };
    let inventory = || FromWorker::Inventory { entries: vec![], jobs: vec![], last: true };
    let mut stage = Stage::new();
    let stranger = stage.connect(Role::Worker);
    assert_eq!(stage.say(stranger, &FromWorker::Goodbye), ["close"], "a worker registers first");
    let stranger = stage.connect(Role::Worker);
    assert_eq!(stage.say(stranger, &register(0)), ["close"], "a worker has slots");
    let worker = stage.worker(1, 1);
    assert_eq!(stage.say(worker, &register(1)), ["close"], "a worker registers once");
    let worker = stage.worker(2, 1);
    assert_eq!(stage.say(worker, &inventory()), ["close"], "an inventory has one last page");
}

#[test]
fn who_registers_again_on_a_new_connection_is_heard_on_that_alone() {
    let mut stage = Stage::new();
    let (worker, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 1, 0);
    let map = stage.launched[0];
    let again = stage.connect(Role::Worker);
    let register = FromWorker::Register {
        incarnation: Incarnation(1),
        host: "h".into(),
        slots: 1,
        shuffle_address: None,
    };
    assert_eq!(stage.say(again, &register), ["close", "Worker Registered"], "the old connection is given up");
    assert!(stage.ended(worker, map).is_empty(), "what it says there it says again on the new one");
    let result = AttemptResult::Succeeded(Success::default());
    let entries = vec![InventoryEntry::Ended(map, result)];
    let lines = stage.say(again, &FromWorker::Inventory { entries, jobs: vec![], last: true });
    assert_eq!(lines[0], "append TaskWon");
}

#[test]
fn a_heartbeat_of_a_session_that_is_over_is_not_answered() {
    let mut stage = Stage::new();
    let worker = stage.worker(1, 1);
    stage.say(worker, &FromWorker::Goodbye);
    assert!(stage.heartbeat(worker, 1).is_empty());
}

#[test]
fn the_log_of_outputs_is_told_in_pages_and_then_waited_for() {
    let (mut stage, worker, reduce, _) = worker_with_reduce(AttemptStage::Gathering);
    let execution = stage.manager.executions.get_mut(&reduce.job).expect("it runs");
    execution.outputs =
        (0..=PAGE_ENTRIES as u32).map(|map_index| OutputEntry { map_index, location: None }).collect();
    let mut pull = |cursor| stage.say(worker, &FromWorker::PullOutputs { job: JobId(1), cursor });
    let first = pull(0);
    assert!(first[0].starts_with("Worker Outputs from 0: [(0, false)"), "{first:?}");
    assert_eq!(first[0].matches("false").count(), PAGE_ENTRIES);
    assert_eq!(pull(PAGE_ENTRIES as u64), [format!("Worker Outputs from {0}: [({0}, false)]", PAGE_ENTRIES)]);
    assert!(pull(PAGE_ENTRIES as u64 + 1).is_empty());
    assert!(pull(u64::MAX).is_empty(), "it claims to know more than there is");
}

#[test]
fn no_more_connections_are_kept_than_is_allowed() {
    let mut stage = Stage::new();
    let mut accept = |number: usize| {
        let connection = ConnectionId::accepted(number as u64);
        stage.give(Event::Network(NetworkEvent::Accepted { connection, peer: ADDRESS }))
    };
    for number in 1..=CONNECTIONS_MAX {
        assert!(accept(number).is_empty());
    }
    assert_eq!(accept(CONNECTIONS_MAX + 1), ["close"]);
}

#[test]
fn a_manager_that_stops_refuses_jobs_and_says_how_many_it_cancelled() {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    stage.submit(client, 0);
    stage.settle();
    let other = stage.connect(Role::Client);
    stage.submit(other, 0);
    stage.settle();
    stage.give(Event::Local(ManagerInput::Stop));
    assert_eq!(stage.manager.stopping.as_ref().map(|stopping| stopping.jobs_cancelled), Some(2));
    let late = stage.connect(Role::Client);
    stage.settle();
    assert_eq!(stage.submit(late, 0), ["Client Refused"]);
    assert_eq!(stage.refusal.as_ref().map(|failure| &failure.cause), Some(&Cause::ManagerStopped));
}

#[test]
fn a_manager_whose_journal_is_kept_leaves_its_jobs_to_the_next_life() {
    let mut stage = Stage::new();
    stage.manager.config.keeps_jobs = true;
    let (worker, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 1, 0);
    let map = stage.launched[0];
    assert_eq!(stage.give(Event::Local(ManagerInput::Stop)), ["close", "close", "stopped"]);
    assert!(stage.give(Event::Local(ManagerInput::Stop)).is_empty(), "once is enough");
    assert!(stage.say(worker, &FromWorker::Goodbye).is_empty(), "nobody is heard any more");
    let (mut stage, _) = stage.next_life();
    stage.settle();
    let worker = stage.connect(Role::Worker);
    stage.register(worker, 1, 1);
    let entries = vec![InventoryEntry::Running(map)];
    let said = stage.say(worker, &FromWorker::Inventory { entries, jobs: vec![JobId(1)], last: true });
    assert!(said[0].contains("Keep"), "{said:?}");
    stage.heartbeat(worker, 1);
    assert_eq!(stage.ended(worker, map)[0], "append TaskWon");
}

#[test]
fn an_end_that_is_told_twice_counts_once() {
    let mut stage = Stage::new();
    let (worker, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 2, 0);
    let first = stage.launched[0];
    stage.ended(worker, first);
    assert_eq!(stage.ended(worker, first), ["Worker Acknowledged map-00000-1-0 true"]);
    let other = AttemptId { number: 5, ..first };
    assert_eq!(stage.ended(worker, other), ["Worker Acknowledged map-00000-1-5 false"]);
}
