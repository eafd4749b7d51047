//! Workers that come, fail, fall silent and come back.

use super::*;

#[test]
fn a_worker_that_was_never_heard_gets_no_task() {
    let mut stage = Stage::new();
    let worker = stage.worker(1, 1);
    let client = stage.connect(Role::Client);
    let lines = stage.job(client, 1, 0);
    assert!(lines.iter().all(|line| !line.contains("Launch")), "{lines:?}");
    assert_eq!(stage.heartbeat(worker, 1), ["heartbeat 1 answered", "Worker Launch map-00000-1-0"]);
}

#[test]
fn who_says_nothing_after_the_handshake_is_not_kept() {
    let mut stage = Stage::new();
    stage.connect(Role::Client);
    stage.connect(Role::Worker);
    assert_eq!(stage.wait(10 * SECOND_US), ["close", "close"]);
}

#[test]
fn a_report_of_a_run_that_nobody_gathers_changes_nothing() {
    let mut stage = Stage::new();
    let (worker, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 1, 1);
    let (map, reduce) = (stage.launched[0], stage.launched[1]);
    stage.ended(worker, map);
    stage.say(worker, &FromWorker::Gathered { attempt: reduce });
    let cause = Cause::RunUnfetchable { map, reason: "x".into() };
    assert!(stage.say(worker, &FromWorker::Unfetchable { attempt: reduce, map, cause }).is_empty());
}

#[test]
fn a_silent_worker_is_lost_and_its_finished_maps_run_elsewhere() {
    let mut stage = Stage::new();
    let (first, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 2, 1);
    let (map, reduce) = (stage.launched[0], stage.launched[1]);
    assert_eq!((map.file_stem(), reduce.file_stem()), ("map-00000-1-0".into(), "reduce-00000-1-0".into()));
    stage.ended(first, map);
    let second = stage.worker(2, 2);
    stage.now = stage.now.after(9 * SECOND_US);
    stage.heartbeat(second, 1);
    let lines = stage.wait(2 * SECOND_US);
    let backup = "Worker Launch map-00001-1-1";
    assert_eq!(lines, ["close", "append OutputRevoked", "Client Progress Running", backup], "{lines:?}");
    let lines = stage.settle();
    assert!(lines.contains(&"Worker Launch map-00000-1-1".into()), "{lines:?}");
    assert!(lines.contains(&"Worker Launch reduce-00000-1-1".into()), "{lines:?}");
}

#[test]
fn a_closed_connection_has_a_grace() {
    let mut stage = Stage::new();
    let (first, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 1, 0);
    let map = stage.launched[0];
    assert!(stage.close(first).is_empty());
    let again = stage.connect(Role::Worker);
    stage.register(again, 1, 1);
    let entries = vec![InventoryEntry::Running(map)];
    let lines = stage.say(again, &FromWorker::Inventory { entries, jobs: vec![], last: true });
    assert_eq!(lines.len(), 1);
    assert!(lines[0].contains("Keep"), "{lines:?}");
    stage.heartbeat(again, 1);
    assert!(stage.wait(2 * SECOND_US).iter().all(|line| line.contains("Progress")), "it is not lost");
    assert_eq!(stage.ended(again, map)[0], "append TaskWon");
}

#[test]
fn a_worker_that_does_not_dial_again_is_lost_after_the_grace() {
    let mut stage = Stage::new();
    let (first, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 1, 0);
    let second = stage.worker(2, 1);
    stage.heartbeat(second, 1);
    stage.close(first);
    let lines = stage.wait(SECOND_US);
    assert!(lines.contains(&"Worker Launch map-00000-1-1".into()), "{lines:?}");
}

#[test]
fn what_an_inventory_does_not_name_is_lost() {
    let mut stage = Stage::new();
    let (first, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 1, 0);
    stage.close(first);
    let again = stage.connect(Role::Worker);
    stage.register(again, 1, 1);
    stage.say(again, &FromWorker::Inventory { entries: vec![], jobs: vec![], last: true });
    assert_eq!(stage.heartbeat(again, 1), ["heartbeat 1 answered", "Worker Launch map-00000-1-1"]);
}

#[test]
fn heartbeats_of_another_life_of_the_manager_change_nothing() {
    let mut stage = Stage::new();
    let worker = stage.worker(1, 1);
    let late = Heartbeat { session: stage.sessions[&worker], epoch: Epoch(7), sequence: 900, running: 0 };
    let bytes = datagram::encode(&late);
    assert!(stage.give(Event::Network(NetworkEvent::Datagram { from: ADDRESS, bytes })).is_empty());
    stage.now = stage.now.after(9 * SECOND_US);
    assert_eq!(stage.heartbeat(worker, 1), ["heartbeat 1 answered"]);
    assert!(stage.wait(SECOND_US).is_empty(), "its own first heartbeat renewed the lease");
}

#[test]
fn late_and_doubled_heartbeats_change_nothing() {
    let mut stage = Stage::new();
    let worker = stage.worker(1, 1);
    stage.heartbeat(worker, 5);
    stage.now = stage.now.after(9 * SECOND_US);
    assert_eq!(stage.heartbeat(worker, 5), ["heartbeat 5 answered"]);
    assert_eq!(stage.heartbeat(worker, 4), ["heartbeat 4 answered"]);
    assert_eq!(stage.wait(SECOND_US), ["close"], "only a new heartbeat renews the lease");
}

#[test]
fn a_run_that_cannot_be_fetched_makes_its_map_run_again() {
    let mut stage = Stage::new();
    let (worker, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 1, 1);
    let (map, reduce) = (stage.launched[0], stage.launched[1]);
    stage.ended(worker, map);
    stage.say(worker, &FromWorker::PullOutputs { job: JobId(1), cursor: 1 });
    let cause = Cause::RunUnfetchable { map, reason: "x".into() };
    assert_eq!(
        stage.say(worker, &FromWorker::Unfetchable { attempt: reduce, map, cause }),
        ["append OutputRevoked"]
    );
    assert_eq!(stage.persist(), ["Worker Outputs from 1: [(0, false)]", "Worker Launch map-00000-1-1"]);
}

#[test]
fn a_map_whose_run_cannot_be_fetched_runs_elsewhere() {
    let mut stage = Stage::new();
    let (first, client) = worker_and_client(&mut stage, 2);
    stage.job(client, 1, 1);
    let second = stage.worker(2, 1);
    stage.heartbeat(second, 1);
    let (map, reduce) = (stage.launched[0], stage.launched[1]);
    stage.ended(first, map);
    let cause = Cause::RunUnfetchable { map, reason: "x".into() };
    stage.say(first, &FromWorker::Unfetchable { attempt: reduce, map, cause });
    stage.persist();
    let again = stage.launched[2];
    let said = stage.ended(second, again);
    assert!(said.iter().any(|line| line == "append TaskWon"), "{said:?}");
    let [_, holder] = [first, second].map(|worker| stage.failed(worker, again, Cause::Killed));
    assert_eq!(holder, ["Worker Acknowledged map-00000-1-1 false"]);
}
