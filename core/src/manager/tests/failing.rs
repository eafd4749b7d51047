//! Attempts that fail: by whose fault, where and when the task is tried again, and which workers are set aside.

use super::*;

fn full() -> Cause {
    let error = OsError { kind: OsErrorKind::NoSpace, text: "No space left on device".into() };
    Cause::Scratch { path: PathBytes::from("/scratch"), error }
}

#[test]
fn a_program_that_fails_is_tried_four_times() {
    let mut stage = Stage::new();
    let (worker, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 1, 0);
    for number in 0..3 {
        let attempt = stage.launched[number];
        let again = format!("Worker Launch map-00000-1-{}", number + 1);
        let acknowledged = format!("Worker Acknowledged map-00000-1-{number} false");
        assert_eq!(
            stage.failed(worker, attempt, program_failed()),
            ["append AttemptFailed".into(), acknowledged, again]
        );
    }
    let last = stage.launched[3];
    assert_eq!(
        stage.failed(worker, last, program_failed()),
        [
            "append AttemptFailed",
            "append JobFailing",
            "file remove STAGING",
            "Worker Acknowledged map-00000-1-3 false"
        ]
    );
    stage.answer(FileAnswer::Done);
    assert_eq!(stage.settle(), ["Client Ended ProgramFailed", "Worker DropJob { job: JobId(1) }"]);
}

#[test]
fn who_follows_a_job_is_told_once_of_an_attempt_that_failed() {
    let mut stage = Stage::new();
    let (worker, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 1, 0);
    let attempt = stage.last_launched();
    stage.failed(worker, attempt, full());
    let said: Vec<_> = (0..5).flat_map(|_| stage.wait(SECOND_US / 5)).collect();
    let told: Vec<_> = said.iter().filter(|line| line.starts_with("Client AttemptFailed")).collect();
    assert_eq!(told, ["Client AttemptFailed Scratch"], "{said:?}");
}

#[test]
fn how_often_a_program_failed_outlives_the_manager() {
    let mut stage = Stage::new();
    let (worker, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 1, 0);
    for number in 0..2 {
        let attempt = stage.launched[number];
        stage.failed(worker, attempt, program_failed());
    }
    let [.., third] = stage.launched[..] else { panic!("it was launched") };
    let (mut stage, _) = stage.next_life();
    stage.settle();
    let worker = stage.connect(Role::Worker);
    stage.register(worker, 1, 1);
    let told = |failure| InventoryEntry::Ended(third, AttemptResult::Failed(Failure::new(failure).into()));
    let entries = vec![told(program_failed()), told(program_failed())];
    stage.say(worker, &FromWorker::Inventory { entries, jobs: vec![JobId(1)], last: true });
    stage.settle();
    stage.heartbeat(worker, 1);
    let said = pass(&mut stage, &[worker], 10);
    let again = "Worker Launch map-00000-2-0".into();
    assert!(said.contains(&(10, again)), "one that is told twice counts once: {said:?}");
    let [last] = stage.launched[..] else { panic!("it was launched once") };
    let said = stage.failed(worker, last, program_failed());
    assert_eq!(said[..2], ["append AttemptFailed", "append JobFailing"], "it is the fourth");
}

#[test]
fn a_task_that_a_worker_failed_goes_to_another_even_if_it_must_wait() {
    let mut stage = Stage::new();
    let (first, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 2, 0);
    let second = stage.worker(2, 1);
    assert_eq!(stage.heartbeat(second, 1), ["heartbeat 1 answered", "Worker Launch map-00001-1-0"]);
    let (map, other) = (stage.launched[0], stage.launched[1]);
    assert_eq!(stage.failed(first, map, full()), ["Worker Acknowledged map-00000-1-0 false"]);
    assert!(
        pass(&mut stage, &[first, second], 5).is_empty(),
        "the first may try again, the second has not tried"
    );
    assert_eq!(
        stage.ended(second, other),
        ["append TaskWon", "Worker Acknowledged map-00001-1-0 true", "Worker Launch map-00000-1-1"]
    );
}

#[test]
fn a_task_that_the_only_worker_failed_goes_to_it_again_after_ever_longer_pauses_and_not_for_ever() {
    let mut stage = Stage::new();
    let (worker, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 1, 0);
    for (number, pause_s) in [1, 2, 4, 8, 16, 30].into_iter().enumerate() {
        let attempt = stage.launched[number];
        assert_eq!(
            stage.failed(worker, attempt, full()),
            [format!("Worker Acknowledged map-00000-1-{number} false")]
        );
        let again = format!("Worker Launch map-00000-1-{}", number + 1);
        assert_eq!(pass(&mut stage, &[worker], pause_s), [(pause_s, again)]);
    }
    let last = stage.launched[6];
    assert_eq!(stage.failed(worker, last, full())[0], "append JobFailing", "a minute has passed");
    assert_eq!(stage.launched.len(), 7);
    stage.answer(FileAnswer::Done);
    assert_eq!(stage.settle(), ["Client Ended Scratch", "Worker DropJob { job: JobId(1) }"]);
    assert_eq!(
        stage.report.and_then(|report| report.failure).map(|failure| failure.attempts_failed),
        Some(7)
    );
}

#[test]
fn workers_that_cannot_do_a_task_never_fail_it_while_there_is_another() {
    let mut stage = Stage::new();
    let (first, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 1, 0);
    for pause_s in [1, 2, 4, 8, 16, 30] {
        let last = stage.last_launched();
        stage.failed(first, last, full());
        pass(&mut stage, &[first], pause_s);
    }
    let second = joined(&mut stage, 2, 1);
    let last = stage.last_launched();
    assert_eq!(
        stage.failed(first, last, full()),
        ["Worker Acknowledged map-00000-1-6 false", "Worker Launch map-00000-1-7"]
    );
    let last = stage.last_launched();
    assert_eq!(stage.ended(second, last)[0], "append TaskWon");
}

#[test]
fn a_task_that_everyone_failed_comes_round_to_each() {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    let workers: Vec<_> = (1..=3).map(|incarnation| joined(&mut stage, incarnation, 1)).collect();
    stage.job(client, 1, 0);
    let mut failed = [0; 3];
    for _ in 0..9 {
        let last = stage.last_launched();
        let holder = stage.manager.attempts.get(last).expect("it is under way").holder;
        let index = holder.0 as usize - 1;
        failed[index] += 1;
        stage.failed(workers[index], last, full());
        pass(&mut stage, &workers, 4);
    }
    assert_eq!(failed, [3, 3, 3]);
}

#[test]
fn a_worker_on_which_many_tasks_fail_is_set_aside_and_let_in_again() {
    let mut stage = Stage::new();
    let (first, client) = worker_and_client(&mut stage, 3);
    stage.job(client, 7, 0);
    let second = joined(&mut stage, 2, 1);
    // What it was given before it had failed three fails, too.
    for number in [0, 1, 2, 4, 5] {
        let attempt = stage.launched[number];
        stage.failed(first, attempt, full());
    }
    assert_eq!(stage.launched.len(), 6, "the second is busy, the first is given nothing");
    assert!(pass(&mut stage, &[first, second], 9).is_empty());
    let let_in = pass(&mut stage, &[first, second], 1);
    assert_eq!(let_in, [(1, "Worker Launch map-00006-1-0".into())], "it is the one that it has not failed");
    let on_probation = stage.last_launched();
    stage.failed(first, on_probation, full());
    let is_aside = |stage: &Stage| stage.manager.registry.get(Incarnation(1)).unwrap().standing.is_aside();
    assert!(is_aside(&stage), "one more was enough");
    pass(&mut stage, &[first, second], 19);
    assert!(is_aside(&stage), "for longer");
    pass(&mut stage, &[first, second], 1);
    assert!(!is_aside(&stage));
}

#[test]
fn who_was_set_aside_is_let_in_when_nobody_else_is_left() {
    let mut stage = Stage::new();
    let (first, client) = worker_and_client(&mut stage, 3);
    stage.job(client, 6, 0);
    let second = joined(&mut stage, 2, 1);
    for number in [0, 1, 2, 4, 5] {
        let attempt = stage.launched[number];
        stage.failed(first, attempt, full());
    }
    let said = stage.say(second, &FromWorker::Goodbye);
    let launches = said.iter().filter(|line| line.starts_with("Worker Launch")).count();
    assert_eq!(launches, 1, "the others it failed a moment ago: {said:?}");
}

#[test]
fn a_program_that_fails_on_one_worker_and_does_well_on_another_counts_against_the_one() {
    let mut stage = Stage::new();
    let (first, client) = worker_and_client(&mut stage, 3);
    stage.job(client, 5, 0);
    let second = joined(&mut stage, 2, 1);
    let [a, b, c, other] = stage.launched[..] else { panic!("all slots are in use") };
    for attempt in [a, b, c] {
        stage.failed(first, attempt, program_failed());
    }
    assert!(
        !stage.manager.registry.get(Incarnation(1)).unwrap().standing.is_aside(),
        "it may be the program"
    );
    stage.ended(second, other);
    for _ in 0..3 {
        let last = stage.last_launched();
        stage.ended(second, last);
    }
    assert!(stage.manager.registry.get(Incarnation(1)).unwrap().standing.is_aside(), "it is the worker");
}

#[test]
fn the_only_worker_is_never_set_aside() {
    let mut stage = Stage::new();
    let (worker, client) = worker_and_client(&mut stage, 3);
    stage.job(client, 6, 0);
    for number in 0..3 {
        let attempt = stage.launched[number];
        stage.failed(worker, attempt, full());
    }
    assert_eq!(stage.launched.len(), 6, "it tries the other tasks at once");
}

#[test]
fn a_job_fails_when_only_workers_are_left_that_do_not_see_its_staging() {
    let mut stage = Stage::new();
    let (first, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 1, 0);
    let second = stage.worker(2, 1);
    stage.heartbeat(second, 1);
    let path = PathBytes::from("/data/.out");
    stage.failed(first, stage.launched[0], Cause::OutputNotShared { path });
    assert_eq!(stage.launched.len(), 2, "the other may see it");
    stage.say(second, &FromWorker::Goodbye);
    stage.settle();
    stage.answer(FileAnswer::Done);
    let said = stage.settle();
    assert!(said.iter().any(|line| line == "Client Ended OutputNotShared"), "{said:?}");
}

/// A map that is won on the first worker, lost with it, and printed anew on the second.
fn remade(accepts_nondeterminism: bool, digests: [u64; 2]) -> (Stage, ConnectionId, Vec<String>) {
    let mut stage = Stage::new();
    let (first, client) = worker_and_client(&mut stage, 1);
    let specification = JobSpecification { accepts_nondeterminism, ..specification(1) };
    stage.say(client, &FromClient::Submit { key: SubmissionKey(9), specification });
    stage.planned(1);
    let map = stage.launched[0];
    stage.printed(first, map, digests[0]);
    let second = joined(&mut stage, 2, 1);
    stage.say(first, &FromWorker::Goodbye);
    stage.settle();
    let again = *stage.launched.iter().rev().find(|id| id.task == map.task).expect("it runs again");
    assert_ne!(map, again);
    let said = stage.printed(second, again, digests[1]);
    (stage, second, said)
}

#[test]
fn a_map_that_prints_something_else_when_it_runs_again_fails_its_job() {
    let (_, _, said) = remade(false, [7, 7]);
    assert!(said.contains(&"append TaskWon".into()), "{said:?}");
    let (mut stage, second, said) = remade(false, [7, 8]);
    assert!(
        said.contains(&"append JobFailing".into()) && !said.contains(&"append TaskWon".into()),
        "{said:?}"
    );
    let reduce = *stage.launched.last().expect("the reduce was launched");
    stage.failed(second, reduce, Cause::Killed);
    stage.answer(FileAnswer::Done);
    stage.settle();
    let failure = stage.report.and_then(|report| report.failure).expect("it failed");
    let (first_host, second_host) = (Some("host1".into()), Some("host2".into()));
    assert_eq!(failure.cause, Cause::MapNotDeterministic { first_host, second_host });
}

#[test]
fn what_a_map_prints_when_it_runs_again_is_taken_if_the_user_says_so() {
    let (stage, _, said) = remade(true, [7, 8]);
    assert!(said.contains(&"append TaskWon".into()), "{said:?}");
    assert_eq!(stage.manager.jobs.active(JobId(1)).unwrap().remade_differently, 1);
}

#[test]
fn what_a_map_printed_in_an_earlier_life_is_compared() {
    let mut stage = Stage::new();
    let (first, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 1, 1);
    let map = stage.launched[0];
    stage.printed(first, map, 7);
    let (mut stage, _) = stage.next_life();
    stage.settle();
    let second = joined(&mut stage, 2, 1);
    pass(&mut stage, &[second], 10);
    stage.settle();
    let again = *stage.launched.iter().find(|id| id.task == map.task).expect("its holder did not come back");
    let said = stage.printed(second, again, 8);
    assert!(said.contains(&"append JobFailing".into()), "{said:?}");
}

#[test]
fn one_failure_counts_once_against_a_worker_however_often_the_map_is_made_again() {
    let mut stage = Stage::new();
    let (first, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 1, 1);
    let map = stage.launched[0];
    stage.failed(first, map, program_failed());
    let second = joined(&mut stage, 2, 1);
    let failures = |stage: &Stage| {
        stage.manager.registry.get(Incarnation(1)).expect("it is there").standing.failures_in_a_row()
    };
    let mut attempt = stage.last_launched();
    if stage.holder(attempt) == 0 {
        stage.failed(first, attempt, program_failed());
        attempt = stage.last_launched();
    }
    stage.ended(second, attempt);
    assert_eq!(failures(&stage), 1);
    let third = joined(&mut stage, 3, 1);
    stage.say(second, &FromWorker::Goodbye);
    stage.settle();
    let again = stage.launched.iter().rev().copied().find(|id| id.task == map.task).expect("it runs again");
    assert_eq!(stage.holder(again), 2, "where it has not failed");
    stage.ended(third, again);
    assert_eq!(failures(&stage), 1);
}

#[test]
fn patience_begins_anew_once_a_task_was_done() {
    let mut stage = Stage::new();
    let (first, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 1, 1);
    for pause_s in [1, 2, 4] {
        let attempt = stage.launched_of(TaskId::Map).pop().expect("the map was launched");
        stage.failed(first, attempt, full());
        pass(&mut stage, &[first], pause_s);
    }
    let map = stage.launched_of(TaskId::Map).pop().expect("the map was launched");
    stage.ended(first, map);
    pass(&mut stage, &[first], 120);
    let second = joined(&mut stage, 2, 1);
    stage.say(first, &FromWorker::Goodbye);
    stage.settle();
    let again = stage.launched_of(TaskId::Map).pop().expect("it runs again");
    let said = stage.failed(second, again, full());
    assert!(!said.contains(&"append JobFailing".into()), "{said:?}");
}

#[test]
fn what_has_failed_for_good_is_not_adopted_and_a_failure_is_heard_once() {
    for cause in [program_failed(), full()] {
        let mut stage = Stage::new();
        let (worker, client) = worker_and_client(&mut stage, 1);
        stage.job(client, 1, 0);
        let attempt = stage.last_launched();
        if cause == program_failed() {
            stage.failed(worker, attempt, cause.clone());
        }
        let (mut stage, _) = stage.next_life();
        stage.settle();
        let worker = stage.connect(Role::Worker);
        stage.register(worker, 1, 1);
        let ended =
            || InventoryEntry::Ended(attempt, AttemptResult::Failed(Failure::new(cause.clone()).into()));
        let entries = match cause {
            Cause::ProgramFailed { .. } => vec![InventoryEntry::Running(attempt), ended()],
            _ => vec![ended(), ended(), ended()],
        };
        stage.say(worker, &FromWorker::Inventory { entries, jobs: vec![JobId(1)], last: true });
        stage.settle();
        let execution = &stage.manager.executions[&JobId(1)];
        let by_workers = execution.maps.trouble(0).map_or(0, |trouble| trouble.by_workers);
        assert_eq!(by_workers, u32::from(cause == full()));
        assert_eq!(
            stage.manager.jobs.active(JobId(1)).unwrap().program_failures(TaskId::Map(0)),
            u32::from(cause != full())
        );
    }
}
