//! Who gets which task, and what is said of it.

use super::*;
use crate::ids::Partition;
use crate::job::{Split, Staging};
use crate::limits::{ATTEMPTS_PER_TASK, FETCHING_PER_SLOT};
use crate::wire::message::{JobOrder, TaskOrder};

/// A worker that may be given tasks.
fn ready(stage: &mut Stage, incarnation: u64, slots: u32) -> ConnectionId {
    let worker = stage.worker(incarnation, slots);
    stage.heartbeat(worker, 1);
    worker
}

/// Which worker an attempt was sent to.
fn holder(stage: &Stage, attempt: AttemptId) -> u64 {
    stage.manager.attempts.get(attempt).expect("it is under way").holder.0
}

#[test]
fn an_order_says_all_that_a_worker_needs_to_know() {
    let mut stage = Stage::new();
    let (worker, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 2, 2);
    let nonce = stage.manager.jobs.active(JobId(1)).expect("it runs").nonce;
    let order = |attempt, task| LaunchOrder {
        attempt,
        job: JobOrder {
            specification: JobSpecification { inputs: vec![], ..specification(2) },
            staging: Staging::beside(&PathBytes::from("/data/out"), nonce),
            nonce,
        },
        task,
    };
    let reduce = stage.launched_of(TaskId::Reduce)[1];
    let task = TaskOrder::Reduce { partition: Partition(1), maps: 2 };
    assert_eq!(stage.ordered, Some(order(reduce, task)));

    let first = stage.launched_of(TaskId::Map)[0];
    stage.ended(worker, first);
    let second = stage.launched_of(TaskId::Map)[1];
    let split = Split { input: 0, offset: 1, length_bytes: 1 };
    let task = TaskOrder::Map { input: inputs(2).remove(0), split, holes: vec![], trial: None };
    assert_eq!(stage.ordered, Some(order(second, task)));
}

#[test]
fn a_map_goes_to_the_worker_with_the_most_free_slots() {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    ready(&mut stage, 1, 1);
    ready(&mut stage, 2, 3);
    stage.job(client, 5, 0);
    let maps = stage.launched_of(TaskId::Map);
    let holders: Vec<_> = maps.iter().map(|attempt| holder(&stage, *attempt)).collect();
    assert_eq!(holders, [2, 2, 2, 1], "and no slot is used twice");
}

#[test]
fn a_reduce_goes_to_the_worker_that_gathers_least_for_its_slots() {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    ready(&mut stage, 1, 1);
    ready(&mut stage, 2, 2);
    stage.job(client, 1, 3 * FETCHING_PER_SLOT + 1);
    let reduces = stage.launched_of(TaskId::Reduce);
    let holders: Vec<_> = reduces.iter().map(|attempt| holder(&stage, *attempt)).collect();
    assert_eq!(holders, [1, 2, 2, 1, 2, 2], "no more of them gather than the slots can soon take");
}

#[test]
fn a_reduce_that_has_its_runs_takes_a_slot_before_any_new_map() {
    let mut stage = Stage::new();
    let (worker, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 1, 2);
    let map = stage.launched_of(TaskId::Map)[0];
    let other = stage.connect(Role::Client);
    stage.job(other, 1, 0);
    let reduces = stage.launched_of(TaskId::Reduce);
    stage.ended(worker, map);
    let second_map = stage.launched_of(TaskId::Map)[1];
    for reduce in &reduces {
        assert!(
            stage.say(worker, &FromWorker::Gathered { attempt: *reduce }).is_empty(),
            "the slot is taken"
        );
    }
    let third = stage.connect(Role::Client);
    stage.job(third, 1, 0);
    let lines = stage.ended(worker, second_map);
    assert!(lines.contains(&"Worker Run reduce-00000-1-0".into()), "{lines:?}");
    assert_eq!(stage.launched_of(TaskId::Map).len(), 2, "the map of the third job waits");
    let lines = stage.ended(worker, reduces[0]);
    assert!(lines.contains(&"Worker Run reduce-00001-1-0".into()), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("Launch")), "{lines:?}");
    let lines = stage.ended(worker, reduces[1]);
    assert!(lines.contains(&"Worker Launch map-00000-1-0".into()), "{lines:?}");
}

#[test]
fn what_a_worker_says_of_the_attempts_of_another_changes_nothing() {
    let mut stage = Stage::new();
    let (_, client) = worker_and_client(&mut stage, 2);
    let other = stage.worker(2, 1);
    stage.job(client, 1, 1);
    let (map, reduce) = (stage.launched_of(TaskId::Map)[0], stage.launched_of(TaskId::Reduce)[0]);
    assert!(stage.say(other, &FromWorker::Gathered { attempt: reduce }).is_empty());
    let cause = Cause::RunUnfetchable { map, reason: "x".into() };
    assert!(stage.say(other, &FromWorker::Unfetchable { attempt: reduce, map, cause }).is_empty());
    assert_eq!(
        stage.failed(other, map, program_failed()),
        ["Worker Acknowledged map-00000-1-0 false"],
        "its failure does not count either"
    );
    stage.heartbeat(other, 1);
    assert_eq!(stage.launched.len(), 2, "nothing is launched again");
}

#[test]
fn an_attempt_of_a_later_life_of_the_manager_does_not_count() {
    let mut stage = Stage::new();
    let (worker, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 1, 0);
    let late = AttemptId { epoch: Epoch(2), ..stage.launched[0] };
    assert_eq!(stage.ended(worker, late), ["Worker Acknowledged map-00000-2-0 false"]);
}

#[test]
fn ending_one_job_leaves_the_others_alone() {
    let mut stage = Stage::new();
    let (_, first) = worker_and_client(&mut stage, 2);
    stage.job(first, 1, 0);
    let second = stage.connect(Role::Client);
    stage.job(second, 1, 0);
    stage.say(first, &FromClient::Cancel { job: JobId(1) });
    assert_eq!(stage.settle(), ["Worker Kill map-00000-1-0"]);
    assert_eq!(stage.manager.attempts.of_job(JobId(2)).filter(|(_, attempt)| !attempt.is_killed).count(), 1);
}

#[test]
fn a_lost_output_is_made_again_only_if_a_reduce_still_needs_it() {
    for has_its_runs in [true, false] {
        let mut stage = Stage::new();
        let client = stage.connect(Role::Client);
        // The map goes to the second worker, which has more free slots; of two that gather nothing the reduce goes to the first.
        let gathering = ready(&mut stage, 1, 1);
        let mapping = ready(&mut stage, 2, 2);
        stage.job(client, 1, 1);
        let (map, reduce) = (stage.launched_of(TaskId::Map)[0], stage.launched_of(TaskId::Reduce)[0]);
        assert_eq!((holder(&stage, map), holder(&stage, reduce)), (2, 1));
        stage.ended(mapping, map);
        if has_its_runs {
            stage.say(gathering, &FromWorker::Gathered { attempt: reduce });
        }
        let mut lines = stage.say(mapping, &FromWorker::Goodbye);
        lines.extend(stage.settle());
        assert_eq!(lines.contains(&"append OutputRevoked".into()), !has_its_runs, "{lines:?}");
    }
}

#[test]
fn workers_that_do_not_see_the_staging_directory_get_no_more_of_the_job() {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    let first = ready(&mut stage, 1, 2);
    stage.job(client, 3, 0);
    let path = PathBytes::from("/data/.out");
    let second = ready(&mut stage, 2, 1);
    let [seen_by_first, _, third] = stage.launched[..] else { panic!("{:?}", stage.launched) };
    assert_eq!(holder(&stage, third), 2);
    stage.failed(first, seen_by_first, Cause::OutputNotShared { path });
    assert_eq!(stage.launched.len(), 3, "it has a free slot, and gets nothing");
    stage.ended(second, third);
    let [.., again] = stage.launched[..] else { panic!("it was launched") };
    assert_eq!((again.task, holder(&stage, again)), (seen_by_first.task, 2));
}

#[test]
fn what_a_worker_gathers_that_does_not_see_the_staging_directory_goes_elsewhere() {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    let first = ready(&mut stage, 1, 1);
    stage.job(client, 1, 1);
    let (map, reduce) = (stage.launched_of(TaskId::Map)[0], stage.launched_of(TaskId::Reduce)[0]);
    ready(&mut stage, 2, 1);
    let path = PathBytes::from("/data/.out");
    let lines = stage.failed(first, map, Cause::OutputNotShared { path });
    assert!(lines.contains(&"Worker Kill reduce-00000-1-0".into()), "{lines:?}");
    let [_, moved] = stage.launched_of(TaskId::Reduce)[..] else { panic!("it is launched again: {lines:?}") };
    assert_eq!((moved.task, holder(&stage, moved)), (reduce.task, 2));
}

#[test]
fn a_program_has_as_many_attempts_whoever_executes_them() {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    let workers: Vec<_> = (1..=6).map(|incarnation| ready(&mut stage, incarnation, 1)).collect();
    stage.job(client, 1, 0);
    let mut lines = Vec::new();
    for number in 0..ATTEMPTS_PER_TASK as usize {
        assert!(!lines.contains(&"file remove STAGING".into()), "{lines:?}");
        let attempt = stage.launched[number];
        let worker = workers[holder(&stage, attempt) as usize - 1];
        lines = stage.failed(worker, attempt, program_failed());
    }
    assert!(lines.contains(&"file remove STAGING".into()), "{lines:?}");
}
