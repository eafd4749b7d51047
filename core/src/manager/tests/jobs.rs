//! A job from submission to end: what is asked of the file system, said to the client, and recorded.

use super::*;
use crate::limits::{HANDSHAKE_US, REPORTS_KEPT};

#[test]
fn a_job_from_submission_to_published_output() {
    let mut stage = Stage::new();
    let (worker, client) = worker_and_client(&mut stage, 2);
    assert_eq!(stage.submit(client, 1), ["append JobAccepted"], "nothing is said before the job is durable");
    assert_eq!(stage.persist(), ["Client Accepted", "file find out"]);
    assert_eq!(stage.answer(FileAnswer::Found(false)), ["file list"]);
    assert_eq!(stage.answer(FileAnswer::Listed(Ok(inputs(2)))), ["file mkdir STAGING"]);
    assert_eq!(stage.answer(FileAnswer::Done), ["file write nonce"]);
    assert_eq!(stage.answer(FileAnswer::Done), ["file sync STAGING"]);
    assert_eq!(
        stage.answer(FileAnswer::Done),
        ["file sync data"],
        "a part's name is safe only below a safe name"
    );
    assert_eq!(
        stage.answer(FileAnswer::Done),
        ["append JobPlanned"],
        "the plan is durable before the first launch"
    );
    assert_eq!(
        stage.persist(),
        ["Worker Launch map-00000-1-0", "Worker Launch map-00001-1-0", "Worker Launch reduce-00000-1-0"]
    );
    let [first, second, reduce] = stage.launched[..] else { panic!("three attempts") };
    assert!(stage.say(worker, &FromWorker::PullOutputs { job: JobId(1), cursor: 0 }).is_empty());
    let result = AttemptResult::Succeeded(Success::default());
    let said = stage.say(worker, &FromWorker::Ended { attempt: second, result });
    assert_eq!(said, ["append TaskWon"], "an end is acknowledged when it is durable");
    assert_eq!(
        stage.persist(),
        ["Worker Outputs from 0: [(1, true)]", "Worker Acknowledged map-00001-1-0 true"]
    );
    assert_eq!(stage.ended(worker, first), ["append TaskWon", "Worker Acknowledged map-00000-1-0 true"]);
    assert_eq!(
        stage.say(worker, &FromWorker::PullOutputs { job: JobId(1), cursor: 1 }),
        ["Worker Outputs from 1: [(0, true)]"]
    );
    assert_eq!(stage.say(worker, &FromWorker::Gathered { attempt: reduce }), ["Worker Run reduce-00000-1-0"]);
    assert_eq!(
        stage.ended(worker, reduce),
        [
            "append TaskWon",
            "append JobCommitting",
            "file mkdir output",
            "Worker Acknowledged reduce-00000-1-0 true"
        ]
    );
    assert_eq!(stage.answer(FileAnswer::Done), ["file rename reduce-00000-1-0 part-00000"]);
    assert_eq!(stage.answer(FileAnswer::Done), ["file write _SUCCESS"]);
    assert_eq!(stage.answer(FileAnswer::Done), ["file sync output"]);
    assert_eq!(stage.answer(FileAnswer::Done), ["file sync STAGING"]);
    assert_eq!(stage.answer(FileAnswer::Done), ["append JobPublishing"]);
    assert_eq!(stage.persist(), ["file rename output out"]);
    assert_eq!(stage.answer(FileAnswer::Done), ["file sync data"]);
    assert_eq!(stage.answer(FileAnswer::Done), ["file remove STAGING"]);
    assert_eq!(stage.answer(FileAnswer::Done), ["append JobEnded"]);
    assert_eq!(stage.persist(), ["Client Ended well", "Worker DropJob { job: JobId(1) }"]);
}

#[test]
fn a_client_that_heard_the_end_and_stays_silent_is_hung_up_on() {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    stage.submit(client, 1);
    stage.settle();
    assert_eq!(stage.output_exists(), ["Client Ended OutputExists"]);
    assert_eq!(stage.wait(HANDSHAKE_US - 1), [""; 0]);
    assert_eq!(stage.wait(1), ["close"]);
}

#[test]
fn a_client_that_asks_for_more_after_the_end_is_kept_until_it_heard_that_too() {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    stage.submit(client, 1);
    stage.settle();
    stage.output_exists();
    stage.wait(HANDSHAKE_US - 1);
    assert_eq!(stage.say(client, &FromClient::Watch { job: JobId(1) }), ["Client Ended OutputExists"]);
    assert_eq!(stage.wait(HANDSHAKE_US - 1), [""; 0]);
    assert_eq!(stage.wait(1), ["close"]);
}

#[test]
fn a_map_only_job_publishes_what_the_mappers_printed() {
    let mut stage = Stage::new();
    let (worker, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 2, 0);
    let first = stage.launched[0];
    assert_eq!(
        stage.ended(worker, first),
        ["append TaskWon", "Worker Acknowledged map-00000-1-0 true", "Worker Launch map-00001-1-0"]
    );
    let second = stage.launched[1];
    stage.ended(worker, second);
    assert_eq!(stage.answer(FileAnswer::Done), ["file rename map-00000-1-0 part-00000"]);
    assert_eq!(stage.answer(FileAnswer::Done), ["file rename map-00001-1-0 part-00001"]);
}

#[test]
fn an_output_that_is_there_fails_the_job_before_anything_is_made() {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    stage.submit(client, 1);
    assert_eq!(stage.settle(), ["Client Accepted", "file find out"]);
    assert_eq!(stage.answer(FileAnswer::Found(true)), ["append JobFailing"]);
    assert_eq!(stage.persist(), ["file remove STAGING"], "once it is durable that it is given up");
    assert_eq!(stage.answer(FileAnswer::Done), ["append JobEnded"]);
    assert_eq!(stage.persist(), ["Client Ended OutputExists"]);
}

/// How a job ends whose output is put in place as far as so many steps, for the next one fails like this.
fn publishing_fails(steps: u32, kind: OsErrorKind, text: &str) -> Vec<String> {
    let mut stage = Stage::new();
    let (worker, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 1, 0);
    let map = stage.launched[0];
    stage.ended(worker, map);
    for _ in 0..steps {
        stage.answer(FileAnswer::Done);
        stage.settle();
    }
    let error = OsError { kind, text: text.into() };
    assert_eq!(stage.answer(FileAnswer::Failed(error)), ["append JobFailing"]);
    assert_eq!(stage.persist(), ["file remove STAGING"]);
    stage.answer(FileAnswer::Done);
    stage.settle()
}

#[test]
fn an_output_that_appears_meanwhile_is_not_replaced() {
    let lines = publishing_fails(5, OsErrorKind::Exists, "File exists");
    assert_eq!(lines, ["Client Ended OutputExists", "Worker DropJob { job: JobId(1) }"]);
}

#[test]
fn an_output_that_is_in_place_but_not_synced_is_said_to_be_so() {
    let lines = publishing_fails(6, OsErrorKind::Other, "Input/output error");
    assert_eq!(lines[0], "Client Ended OutputNotSynced");
}

#[test]
fn the_same_key_is_the_same_job() {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    stage.submit(client, 1);
    stage.settle();
    assert_eq!(stage.submit(client, 1), ["Client Accepted"]);
    let other = stage.connect(Role::Client);
    assert_eq!(stage.submit(other, 1), ["append JobAccepted"]);
}

#[test]
fn cancelling_waits_until_nothing_of_the_job_runs() {
    let mut stage = Stage::new();
    let (worker, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 1, 0);
    let map = stage.launched[0];
    assert_eq!(stage.say(client, &FromClient::Cancel { job: JobId(1) }), ["append JobFailing"]);
    assert_eq!(stage.persist(), ["Worker Kill map-00000-1-0"]);
    assert_eq!(
        stage.failed(worker, map, Cause::Killed),
        ["Worker Acknowledged map-00000-1-0 false", "file remove STAGING"]
    );
    stage.answer(FileAnswer::Done);
    assert_eq!(stage.settle(), ["Client Ended Cancelled", "Worker DropJob { job: JobId(1) }"]);
}

#[test]
fn a_job_that_commits_is_not_cancelled() {
    let mut stage = Stage::new();
    let (worker, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 1, 0);
    let map = stage.launched[0];
    stage.ended(worker, map);
    assert!(stage.say(client, &FromClient::Cancel { job: JobId(1) }).is_empty());
    for _ in 0..7 {
        stage.answer(FileAnswer::Done);
        stage.settle();
    }
    stage.answer(FileAnswer::Done);
    assert_eq!(stage.settle(), ["Client Ended well", "Worker DropJob { job: JobId(1) }"]);
}

#[test]
fn shutting_down_cancels_cleans_and_tells_everyone() {
    let mut stage = Stage::new();
    let (worker, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 1, 0);
    let map = stage.launched[0];
    let operator = stage.connect(Role::Client);
    assert_eq!(stage.say(operator, &FromClient::Shutdown), ["append JobFailing"]);
    assert_eq!(stage.persist(), ["Worker Kill map-00000-1-0"]);
    stage.failed(worker, map, Cause::Killed);
    stage.answer(FileAnswer::Done);
    assert_eq!(
        stage.settle(),
        [
            "Client Ended ManagerStopped",
            "Worker DropJob { job: JobId(1) }",
            "Worker Stop",
            "Client ShuttingDown",
            "close",
            "close",
            "close",
            "stopped"
        ]
    );
}

#[test]
fn a_job_that_makes_no_sense_is_refused() {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    let mut wrong = specification(1);
    wrong.reducer = None;
    assert_eq!(
        stage.say(client, &FromClient::Submit { key: SubmissionKey(1), specification: wrong }),
        ["Client Refused"]
    );
}

#[test]
fn a_job_with_a_long_name_ends_and_the_manager_lives() {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    let specification = JobSpecification { name: "n".repeat(3 << 20), ..specification(0) };
    stage.say(client, &FromClient::Submit { key: SubmissionKey(1), specification });
    stage.settle();
    // Either it is refused at once, or it is told how it ended; the name stands in the report and in its failure.
    if !stage.operations.is_empty() {
        let lines = stage.output_exists();
        assert!(lines.contains(&"Client Ended OutputExists".into()), "{lines:?}");
    }
}

#[test]
fn a_task_order_of_a_job_with_a_large_environment_can_be_sent() {
    let mut stage = Stage::new();
    let (_, client) = worker_and_client(&mut stage, 1);
    let environment = vec![(PathBytes::from("A"), PathBytes(vec![b'a'; (4 << 20) - 200]))];
    let specification = JobSpecification { environment, ..specification(0) };
    stage.say(client, &FromClient::Submit { key: SubmissionKey(1), specification });
    stage.settle();
    if !stage.operations.is_empty() {
        for answer in [
            FileAnswer::Found(false),
            FileAnswer::Listed(Ok(vec![InputFile {
                path: PathBytes(vec![b'/'; 300]),
                ..inputs(1).remove(0)
            }])),
            FileAnswer::Done,
            FileAnswer::Done,
            FileAnswer::Done,
            FileAnswer::Done,
        ] {
            stage.answer(answer);
        }
        stage.settle();
    }
}

#[test]
fn the_report_of_a_job_that_outlives_a_thousand_others_is_kept() {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    let mut run = |key: u64, is_left: bool| {
        stage.say(client, &FromClient::Submit { key: SubmissionKey(key), specification: specification(0) });
        stage.settle();
        if is_left {
            return stage.operations.remove(0);
        }
        let operation = stage.operations[0];
        stage.output_exists();
        operation
    };
    let first = run(1, true);
    for key in 2..1_003 {
        run(key, false);
    }
    stage.operations.push(first);
    let lines = stage.output_exists();
    assert!(lines.contains(&"Client Ended OutputExists".into()), "{lines:?}");
    assert_eq!(stage.say(client, &FromClient::Watch { job: JobId(1) }), ["Client Ended OutputExists"]);
}

#[test]
fn staging_is_removed_only_when_no_attempt_can_write_into_it_any_more() {
    let mut stage = Stage::new();
    let (slow, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 1, 0);
    let [first] = stage.launched[..] else { panic!("one attempt") };
    // The worker is taken for lost while it writes; another executes the task too, and the first one wins after all.
    stage.close(slow);
    stage.wait(SECOND_US);
    let other = stage.worker(2, 1);
    stage.heartbeat(other, 1);
    stage.settle();
    let [_, second] = stage.launched[..] else { panic!("another attempt") };
    let back = stage.connect(Role::Worker);
    stage.register(back, 1, 1);
    let entries = vec![InventoryEntry::Ended(first, AttemptResult::Succeeded(Success::default()))];
    let mut lines = stage.say(back, &FromWorker::Inventory { entries, jobs: vec![], last: true });
    lines.extend(stage.settle());
    assert!(lines.contains(&format!("Worker Kill {}", second.file_stem())), "{lines:?}");
    let mut lines = Vec::new();
    while !stage.operations.is_empty() {
        lines.extend(stage.answer(FileAnswer::Done));
        lines.extend(stage.settle());
    }
    assert!(
        !lines.contains(&"file remove STAGING".into()),
        "the attempt that was killed has not said that it ended: {lines:?}"
    );
}

#[test]
fn the_last_reports_are_kept_and_their_keys_with_them() {
    let mut jobs = crate::manager::jobs::Jobs::default();
    let key = |number: u64| SubmissionKey(number);
    let end = |jobs: &mut crate::manager::jobs::Jobs, number: u64| {
        let (job, specification) = (JobId(number), specification(0));
        let (name, output) = (specification.name.clone(), specification.output.clone());
        jobs.apply(Record::JobAccepted {
            job,
            key: key(number),
            nonce: 1,
            at: WallTime::default(),
            specification,
        });
        let failure = Failure::new(Cause::Cancelled);
        let report = JobReport {
            job,
            name,
            output,
            failure: Some(failure.clone()),
            maps: 0,
            reduces: 0,
            attempts_failed: 0,
            attempts_backed_up: 0,
            maps_remade_differently: 0,
            skipped: Vec::new(),
            counters: Counters::default(),
            accepted_at: WallTime::default(),
            elapsed_us: 0,
        };
        jobs.apply(Record::JobFailing { job, failure });
        jobs.apply(Record::JobEnded { report });
    };
    let kept = REPORTS_KEPT as u64;
    (1..=kept).for_each(|number| end(&mut jobs, number));
    assert!(jobs.ended(JobId(1)).is_some());
    assert_eq!(jobs.with_key(key(1)), Some(JobId(1)));
    end(&mut jobs, kept + 1);
    assert!(jobs.ended(JobId(1)).is_none() && jobs.ended(JobId(2)).is_some());
    assert_eq!((jobs.with_key(key(1)), jobs.with_key(key(2))), (None, Some(JobId(2))));
}
