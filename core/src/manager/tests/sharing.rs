//! Several jobs at once: whose tasks come to the slots.

use super::*;
use crate::limits::FETCHING_PER_SLOT;

fn ready(stage: &mut Stage, incarnation: u64, slots: u32) -> ConnectionId {
    let worker = stage.worker(incarnation, slots);
    stage.heartbeat(worker, 1);
    worker
}

/// A job of so many maps of one byte and of this priority, from a client of its own.
fn prioritized(stage: &mut Stage, maps: u64, reducers: u32, priority: Priority) {
    let client = stage.connect(Role::Client);
    stage.prepare(client, JobSpecification { priority, ..super::specification(reducers) }, maps);
}

fn normal(stage: &mut Stage, maps: u64, reducers: u32) {
    prioritized(stage, maps, reducers, Priority::Normal);
}

/// Attempts that hold slots, of each job in the order in which they were submitted.
fn held(stage: &Stage) -> Vec<u32> {
    stage.manager.executions.keys().map(|job| stage.manager.attempts.shares.slots(*job)).collect()
}

/// Which jobs the last so many launches were for.
fn last_launched(stage: &Stage, count: usize) -> Vec<u64> {
    let launched = &stage.launched[stage.launched.len() - count..];
    launched.iter().map(|attempt| attempt.job.0).collect()
}

#[test]
fn a_small_job_does_not_wait_behind_a_large_one() {
    let mut stage = Stage::new();
    let worker = ready(&mut stage, 1, 2);
    normal(&mut stage, 9, 0);
    normal(&mut stage, 1, 0);
    assert_eq!(held(&stage), [2, 0]);
    stage.ended(worker, stage.launched[0]);
    assert_eq!(held(&stage), [1, 1], "the first slot that is free is the small job's");
}

#[test]
fn jobs_alternate_where_there_is_one_slot() {
    let mut stage = Stage::new();
    let worker = ready(&mut stage, 1, 1);
    normal(&mut stage, 9, 0);
    normal(&mut stage, 9, 0);
    for _ in 0..5 {
        let last = *stage.launched.last().expect("something runs");
        stage.ended(worker, last);
    }
    assert_eq!(
        last_launched(&stage, 6),
        [1, 1, 2, 1, 2, 1],
        "the second job came when the first had had its turn"
    );
}

#[test]
fn a_worker_that_joins_is_shared_by_weight() {
    let mut stage = Stage::new();
    for priority in Priority::ALL {
        prioritized(&mut stage, 40, 0, priority);
    }
    ready(&mut stage, 1, 21);
    assert_eq!(held(&stage), [1, 4, 16]);
    ready(&mut stage, 2, 21);
    assert_eq!(held(&stage), [2, 8, 32]);
    ready(&mut stage, 3, 21);
    assert_eq!(held(&stage), [5, 18, 40], "what the last job cannot use goes to the others");
}

#[test]
fn a_job_that_came_later_gathers_beside_one_that_has_filled_all_room() {
    let mut stage = Stage::new();
    ready(&mut stage, 1, 2);
    let room = 2 * FETCHING_PER_SLOT;
    normal(&mut stage, 9, 50);
    let gathering = |stage: &Stage, job| {
        let of_job = stage.manager.attempts.of_job(JobId(job));
        of_job.filter(|(id, _)| matches!(id.task, TaskId::Reduce(_))).count() as u32
    };
    assert_eq!(gathering(&stage, 1), room);
    normal(&mut stage, 9, 50);
    assert_eq!([1, 2].map(|job| gathering(&stage, job)), [room, room / 2]);
    prioritized(&mut stage, 9, 50, Priority::Low);
    assert_eq!([1, 2, 3].map(|job| gathering(&stage, job)), [room, room / 2, 1]);
}

#[test]
fn a_reduce_comes_before_a_map_of_its_job_and_not_of_another() {
    let mut stage = Stage::new();
    let worker = ready(&mut stage, 1, 2);
    normal(&mut stage, 2, 1);
    let maps = stage.launched_of(TaskId::Map);
    let reduce = stage.launched_of(TaskId::Reduce)[0];
    stage.ended(worker, maps[0]);
    normal(&mut stage, 9, 0);
    // The first job holds a slot, and so does the second.
    stage.say(worker, &FromWorker::Gathered { attempt: reduce });
    assert_eq!(held(&stage), [1, 1]);
    let second = *stage.launched.last().expect("it runs");
    let lines = stage.ended(worker, second);
    assert!(lines.contains(&"Worker Launch map-00001-1-0".into()), "{lines:?}");
    let lines = stage.ended(worker, maps[1]);
    assert!(lines.contains(&"Worker Run reduce-00000-1-0".into()), "{lines:?}");
}
