//! Workers that are drained: what they finish, what they are spared, and when they are said to be done.

use super::*;
use crate::report::{Question, WorkerState};

fn ready(stage: &mut Stage, incarnation: u64, slots: u32) -> ConnectionId {
    let worker = stage.worker(incarnation, slots);
    stage.heartbeat(worker, 1);
    worker
}

/// Drains a worker, or undoes it; what is done for it, and how the worker is then.
fn drain(stage: &mut Stage, worker: &str, is_undone: bool) -> (Vec<String>, WorkerState) {
    let client = stage.connect(Role::Client);
    let mut lines = stage.say(client, &FromClient::Ask(Question::Drain { worker: worker.into(), is_undone }));
    lines.extend(stage.settle());
    let Some(Answer::Drained(summary)) = stage.answer.take() else { panic!("{lines:?}") };
    (lines, summary.state)
}

fn state(stage: &mut Stage, host: &str) -> WorkerState {
    let client = stage.connect(Role::Client);
    stage.say(client, &FromClient::Ask(Question::Workers));
    let Some(Answer::Workers(list)) = stage.answer.take() else { panic!("workers were asked for") };
    list.workers.into_iter().find(|worker| worker.host == host).expect("it is there").state
}

fn holders(stage: &Stage) -> Vec<u64> {
    let holder = |id: &AttemptId| stage.manager.attempts.get(*id).map(|attempt| attempt.holder.0);
    stage.launched.iter().filter_map(holder).collect()
}

#[test]
fn a_drained_worker_finishes_what_runs_and_gets_nothing_new() {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    let worker = ready(&mut stage, 1, 1);
    stage.job(client, 3, 0);
    let (lines, told) = drain(&mut stage, "host1", false);
    assert_eq!(lines, ["append DrainBegan", "Client Answer Drained"], "it is said when it is durable");
    assert_eq!(told, WorkerState::Draining);
    stage.ended(worker, stage.launched[0]);
    assert_eq!(stage.launched.len(), 1);
    assert_eq!(state(&mut stage, "host1"), WorkerState::Drained);
    let (lines, told) = drain(&mut stage, "host1", false);
    assert_eq!((&lines[..], told), (&[String::from("Client Answer Drained")][..], WorkerState::Drained));
    ready(&mut stage, 2, 1);
    assert_eq!(holders(&stage), [2]);
    let (lines, told) = drain(&mut stage, "host1", true);
    assert_eq!(told, WorkerState::Serving);
    assert!(lines.contains(&"append DrainEnded".into()), "{lines:?}");
    assert_eq!(holders(&stage), [2, 1]);
}

#[test]
fn what_a_drained_worker_only_gathers_goes_elsewhere_and_its_outputs_stay() {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    let first = ready(&mut stage, 1, 1);
    stage.job(client, 1, 1);
    let (map, reduce) = (stage.launched_of(TaskId::Map)[0], stage.launched_of(TaskId::Reduce)[0]);
    stage.ended(first, map);
    let second = ready(&mut stage, 2, 1);
    let (lines, told) = drain(&mut stage, "host1", false);
    assert!(lines.contains(&"Worker Kill reduce-00000-1-0".into()), "{lines:?}");
    assert!(lines.contains(&"Worker Launch reduce-00000-1-1".into()), "{lines:?}");
    assert!(!lines.contains(&"append OutputRevoked".into()), "{lines:?}");
    assert_eq!(told, WorkerState::Draining);
    stage.failed(first, reduce, Cause::Killed);
    assert_eq!(state(&mut stage, "host1"), WorkerState::Draining, "it holds what a reduce needs");
    let again = stage.launched_of(TaskId::Reduce)[1];
    stage.say(second, &FromWorker::Gathered { attempt: again });
    stage.ended(second, again);
    while !stage.operations.is_empty() {
        stage.answer(FileAnswer::Done);
        stage.settle();
    }
    assert_eq!(state(&mut stage, "host1"), WorkerState::Drained);
}

#[test]
fn a_drain_outlives_connections_and_managers_and_ends_with_the_process() {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    let worker = ready(&mut stage, 1, 1);
    drain(&mut stage, "0000000000000001", false);
    stage.close(worker);
    stage.job(client, 1, 0);
    ready(&mut stage, 1, 1);
    assert!(stage.launched.is_empty());
    let (mut stage, _) = stage.next_life();
    stage.settle();
    let worker = ready(&mut stage, 1, 1);
    stage.wait(9 * SECOND_US);
    stage.heartbeat(worker, 2);
    stage.wait(SECOND_US);
    assert!(stage.launched.is_empty());
    let mut lines = stage.say(worker, &FromWorker::Goodbye);
    lines.extend(stage.settle());
    assert!(lines.contains(&"append DrainEnded".into()), "{lines:?}");
    ready(&mut stage, 2, 1);
    assert_eq!(holders(&stage), [2]);
}

#[test]
fn a_manager_that_returns_does_not_let_a_drained_worker_gather() {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    ready(&mut stage, 1, 1);
    stage.job(client, 1, 1);
    let reduce = stage.launched_of(TaskId::Reduce)[0];
    drain(&mut stage, "host1", false);
    let (mut stage, _) = stage.next_life();
    stage.settle();
    let worker = stage.connect(Role::Worker);
    stage.register(worker, 1, 1);
    let entries = vec![InventoryEntry::Gathering(reduce)];
    let lines = stage.say(worker, &FromWorker::Inventory { entries, jobs: vec![], last: true });
    assert!(lines.iter().any(|line| line.contains("Drop")), "{lines:?}");
}

#[test]
fn a_worker_is_called_by_its_host_or_by_the_beginning_of_its_number() {
    let mut stage = Stage::new();
    ready(&mut stage, 0x1234_5678_0000_0000, 1);
    ready(&mut stage, 0x1234_9999_0000_0000, 1);
    for (name, is_one) in
        [("12345", true), ("1234", false), ("123", false), ("host1311768464867721216", true)]
    {
        let client = stage.connect(Role::Client);
        let question = Question::Drain { worker: name.into(), is_undone: true };
        let lines = stage.say(client, &FromClient::Ask(question));
        assert_eq!(lines == ["Client Answer Drained"], is_one, "{name}: {lines:?}");
    }
}

#[test]
fn a_job_does_not_wait_for_a_drained_worker_where_all_others_do_not_see_its_staging_directory() {
    for is_drained_first in [true, false] {
        let mut stage = Stage::new();
        let client = stage.connect(Role::Client);
        let first = ready(&mut stage, 1, 1);
        stage.job(client, 1, 0);
        ready(&mut stage, 2, 1);
        // Nothing of it sees the directory, neither where it was sent first nor elsewhere.
        let mut lines = if is_drained_first { drain(&mut stage, "host2", false).0 } else { Vec::new() };
        let path = PathBytes::from("/data/.out");
        lines.extend(stage.failed(first, stage.launched[0], Cause::OutputNotShared { path }));
        if !is_drained_first {
            assert_eq!(holders(&stage), [2], "it is tried elsewhere");
            lines.extend(drain(&mut stage, "host2", false).0);
        }
        assert!(lines.contains(&"append JobFailing".into()), "{lines:?}");
    }
}
