//! Second attempts of tasks that take far longer than others.

use super::*;

/// Three workers of one slot and a job of three maps, of which all but the first map are done after a second.
fn all_but_one_done(specification: JobSpecification) -> (Stage, [ConnectionId; 3]) {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    let workers = [1, 2, 3].map(|incarnation| joined(&mut stage, incarnation, 1));
    stage.say(client, &FromClient::Submit { key: SubmissionKey(9), specification });
    stage.planned(3 * SPLIT_BYTES);
    pass(&mut stage, &workers, 1);
    let launched = stage.launched_of(TaskId::Map);
    for attempt in &launched[1..] {
        let holder = stage.holder(*attempt);
        stage.ended(workers[holder], *attempt);
    }
    (stage, workers)
}

const SPLIT_BYTES: u64 = 100;

fn map_only() -> JobSpecification {
    JobSpecification { split_bytes: SPLIT_BYTES, ..specification(0) }
}

fn launches(said: &[(u64, String)]) -> Vec<&str> {
    said.iter().map(|(_, line)| line.as_str()).filter(|line| line.starts_with("Worker Launch")).collect()
}

#[test]
fn a_straggler_is_backed_up_and_the_first_to_end_counts() {
    for backup_wins in [true, false] {
        let (mut stage, workers) = all_but_one_done(map_only());
        let straggler = stage.launched[0];
        let slow = workers[stage.holder(straggler)];
        let said = pass(&mut stage, &workers, 5);
        assert_eq!(launches(&said), ["Worker Launch map-00000-1-1"], "once: {said:?}");
        let backup = stage.last_launched();
        let fast = workers[stage.holder(backup)];
        assert_ne!(slow, fast);
        let (winner, first, loser, second) =
            if backup_wins { (fast, backup, slow, straggler) } else { (slow, straggler, fast, backup) };
        let said = stage.ended(winner, first);
        assert!(said.contains(&"append TaskWon".into()), "{said:?}");
        assert!(said.contains(&format!("Worker Kill {}", second.file_stem())), "{said:?}");
        let said = stage.failed(loser, second, Cause::Killed);
        assert_eq!(said, [format!("Worker Acknowledged {} false", second.file_stem())]);
    }
}

#[test]
fn what_has_side_effects_is_never_backed_up() {
    let (mut stage, workers) = all_but_one_done(JobSpecification { has_side_effects: true, ..map_only() });
    let said = pass(&mut stage, &workers, 60);
    assert_eq!(launches(&said), [""; 0]);
}

#[test]
fn what_is_nearly_done_is_not_backed_up() {
    let (mut stage, workers) = all_but_one_done(map_only());
    let straggler = stage.launched[0];
    let slow = workers[stage.holder(straggler)];
    let at = |map_input_bytes| {
        let counters = Counters { map_input_bytes, ..Counters::default() };
        FromWorker::Progress {
            attempts: vec![AttemptProgress { attempt: straggler, runs_gathered: 0, counters }],
        }
    };
    stage.say(slow, &at(SPLIT_BYTES - 1));
    assert_eq!(launches(&pass(&mut stage, &workers, 5)), [""; 0]);
    stage.say(slow, &at(1));
    assert_eq!(launches(&pass(&mut stage, &workers, 5)), ["Worker Launch map-00000-1-1"]);
}

#[test]
fn nothing_is_backed_up_before_others_have_shown_what_is_usual() {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    let workers = [1, 2, 3].map(|incarnation| joined(&mut stage, incarnation, 1));
    stage.say(client, &FromClient::Submit { key: SubmissionKey(9), specification: map_only() });
    stage.planned(2 * SPLIT_BYTES);
    assert_eq!(launches(&pass(&mut stage, &workers, 100)), [""; 0]);
}

#[test]
fn a_backup_takes_no_slot_from_a_task_that_waits() {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    let workers = [1, 2].map(|incarnation| joined(&mut stage, incarnation, 1));
    stage.say(client, &FromClient::Submit { key: SubmissionKey(9), specification: map_only() });
    stage.planned(6 * SPLIT_BYTES);
    let straggler = stage.launched[0];
    for number in 1..6 {
        let said = pass(&mut stage, &workers, 1);
        assert_eq!(launches(&said), [""; 0], "{number}");
        let attempt = stage.launched[number];
        let holder = workers[stage.holder(attempt)];
        stage.ended(holder, attempt);
    }
    assert_eq!(launches(&pass(&mut stage, &workers, 1)), ["Worker Launch map-00000-1-1"]);
    assert_ne!(stage.holder(straggler), stage.holder(stage.last_launched()));
}

#[test]
fn of_many_stragglers_the_one_that_will_last_longest_is_backed_up_and_few_at_once() {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    let workers = [1, 2, 3, 4, 5, 6, 7].map(|incarnation| joined(&mut stage, incarnation, 1));
    stage.say(client, &FromClient::Submit { key: SubmissionKey(9), specification: map_only() });
    stage.planned(7 * SPLIT_BYTES);
    pass(&mut stage, &workers, 1);
    let launched = stage.launched.clone();
    for attempt in &launched[..4] {
        let holder = workers[stage.holder(*attempt)];
        stage.ended(holder, *attempt);
    }
    for (attempt, map_input_bytes) in [(launched[4], 1), (launched[5], SPLIT_BYTES / 4), (launched[6], 2)] {
        let counters = Counters { map_input_bytes, ..Counters::default() };
        let attempts = vec![AttemptProgress { attempt, runs_gathered: 0, counters }];
        let holder = workers[stage.holder(attempt)];
        stage.say(holder, &FromWorker::Progress { attempts });
    }
    let said = pass(&mut stage, &workers, 60);
    let longest = ["Worker Launch map-00004-1-1", "Worker Launch map-00006-1-1"];
    assert_eq!(launches(&said), longest, "two at once are the most where three run");
}

#[test]
fn a_reduce_is_backed_up_from_when_all_maps_are_done() {
    let (mut stage, workers) =
        all_but_one_done(JobSpecification { split_bytes: SPLIT_BYTES, ..specification(3) });
    let map = stage.launched_of(TaskId::Map)[0];
    let holder = workers[stage.holder(map)];
    stage.ended(holder, map);
    let reduces = stage.launched_of(TaskId::Reduce);
    for reduce in &reduces {
        let holder = workers[stage.holder(*reduce)];
        stage.say(holder, &FromWorker::Gathered { attempt: *reduce });
    }
    pass(&mut stage, &workers, 1);
    for reduce in &reduces[1..] {
        let holder = workers[stage.holder(*reduce)];
        stage.ended(holder, *reduce);
    }
    let said = pass(&mut stage, &workers, 5);
    assert_eq!(launches(&said), [format!("Worker Launch reduce-{:05}-1-1", reduces[0].task.index())]);
}

#[test]
fn a_task_whose_first_attempt_is_lost_has_its_backup() {
    let (mut stage, workers) = all_but_one_done(map_only());
    let slow = workers[stage.holder(stage.launched[0])];
    pass(&mut stage, &workers, 5);
    let backup = stage.last_launched();
    let said = stage.say(slow, &FromWorker::Goodbye);
    assert!(said.iter().all(|line| !line.starts_with("Worker Launch")), "{said:?}");
    let holder = workers[stage.holder(backup)];
    assert_eq!(stage.ended(holder, backup)[0], "append TaskWon");
}

#[test]
fn what_is_usual_is_learnt_anew_by_the_next_life() {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    let worker = joined(&mut stage, 1, 1);
    stage.say(client, &FromClient::Submit { key: SubmissionKey(9), specification: map_only() });
    stage.planned(8 * SPLIT_BYTES);
    for _ in 0..5 {
        let last = stage.last_launched();
        stage.ended(worker, last);
    }
    let (mut stage, _) = stage.next_life();
    stage.settle();
    let workers = [11, 12, 13].map(|incarnation| joined(&mut stage, incarnation, 1));
    pass(&mut stage, &workers, 10);
    let launched = stage.launched.clone();
    assert_eq!(launched.len(), 3, "what was not won");
    for attempt in &launched[1..] {
        let holder = workers[stage.holder(*attempt) - 10];
        stage.ended(holder, *attempt);
    }
    let said = pass(&mut stage, &workers, 5);
    assert_eq!(launches(&said), [format!("Worker Launch map-{:05}-2-1", launched[0].task.index())]);
}
