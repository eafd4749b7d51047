//! What clients are told: figures while a job runs and when it has ended, and why a job is refused.

use super::*;
use crate::job::{JobPhase, TaskCount};
use crate::limits::{
    HELD_EFFECTS_USUAL, NAME_BYTES_MAX, PATH_BYTES_MAX, PROGRESS_US, REDUCERS_MAX, SHUFFLE_FAILURES_PER_TASK,
    SKIPPED_RECORDS_MAX, SPECIFICATION_BYTES_MAX, STDERR_TAIL_BYTES, UNHEARD_US,
};
use crate::wire::message::AttemptProgress;

fn read(bytes: u64) -> Counters {
    Counters { map_input_bytes: bytes, ..Counters::default() }
}

fn succeeded(attempt: AttemptId, bytes: u64) -> FromWorker {
    FromWorker::Ended {
        attempt,
        result: AttemptResult::Succeeded(Success { counters: read(bytes), ..Success::default() }),
    }
}

#[test]
fn progress_counts_what_is_done_and_what_is_under_way() {
    let mut stage = Stage::new();
    let (worker, client) = worker_and_client(&mut stage, 2);
    stage.job(client, 3, 2);
    let [first, second, reduce, _] = stage.launched[..] else { panic!("{:?}", stage.launched) };
    stage.say(worker, &succeeded(first, 100));
    stage.settle();
    let under_way =
        |attempt, runs_gathered, bytes| AttemptProgress { attempt, runs_gathered, counters: read(bytes) };
    let attempts = vec![under_way(second, 0, 20), under_way(reduce, 1, 3)];
    stage.say(worker, &FromWorker::Progress { attempts });
    stage.wait(SECOND_US);
    let mut expected = JobProgress {
        job: JobId(1),
        phase: JobPhase::Running,
        workers: 1,
        workers_unheard: 0,
        maps: TaskCount { total: 3, running: 2, done: 1 },
        runs_fetched: 1,
        reduces: TaskCount { total: 2, running: 0, done: 0 },
        input_bytes: 3,
        counters: read(123),
        attempts_failed: 0,
        searches: 0,
    };
    assert_eq!(stage.progress, Some(expected));

    let third = stage.launched[4];
    stage.say(worker, &succeeded(second, 20));
    stage.say(worker, &succeeded(third, 1));
    stage.say(worker, &FromWorker::Gathered { attempt: reduce });
    let attempts = vec![under_way(reduce, 3, 3)];
    stage.say(worker, &FromWorker::Progress { attempts });
    stage.settle();
    stage.wait(SECOND_US);
    expected.maps = TaskCount { total: 3, running: 0, done: 3 };
    expected.runs_fetched = 3;
    expected.reduces.running = 1;
    expected.counters = read(124);
    assert_eq!(stage.progress, Some(expected));

    stage.say(worker, &succeeded(reduce, 5));
    stage.settle();
    stage.wait(SECOND_US);
    expected.reduces = TaskCount { total: 2, running: 0, done: 1 };
    expected.counters = read(126);
    assert_eq!(stage.progress, Some(expected), "all runs of what is done are fetched");
}

#[test]
fn a_worker_that_is_not_heard_is_spoken_of_after_a_while() {
    let mut stage = Stage::new();
    let worker = stage.worker(1, 1);
    let client = stage.connect(Role::Client);
    stage.job(client, 1, 0);
    let told = |stage: &mut Stage, us| {
        stage.wait(us);
        stage.progress.map(|progress| (progress.workers, progress.workers_unheard))
    };
    assert_eq!(told(&mut stage, UNHEARD_US - 1), Some((0, 0)));
    assert_eq!(told(&mut stage, SECOND_US), Some((0, 1)));
    stage.heartbeat(worker, 1);
    assert_eq!(told(&mut stage, SECOND_US), Some((1, 0)));
}

#[test]
fn the_report_of_a_failed_job_names_where_it_failed_and_counts_the_failures() {
    let mut stage = Stage::new();
    let (worker, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 2, 0);
    let won = stage.launched[0];
    stage.say(worker, &succeeded(won, 7));
    stage.settle();
    for number in 1..=4 {
        stage.now = stage.now.after(SECOND_US);
        let attempt = stage.launched[number];
        stage.failed(worker, attempt, program_failed());
    }
    stage.answer(FileAnswer::Done);
    stage.settle();
    let failure = Failure {
        attempt: Some(stage.launched[4]),
        attempts_failed: 4,
        host: Some("host1".into()),
        ..Failure::new(program_failed()).of_job(JobId(1), "n")
    };
    let report = JobReport {
        job: JobId(1),
        name: "n".into(),
        output: PathBytes::from("/data/out"),
        failure: Some(failure),
        maps: 2,
        reduces: 0,
        attempts_failed: 4,
        attempts_backed_up: 0,
        maps_remade_differently: 0,
        skipped: Vec::new(),
        counters: read(7),
        accepted_at: WallTime::from_us(1_000_000 * SECOND_US),
        elapsed_us: 4 * SECOND_US,
    };
    assert_eq!(stage.report, Some(report));
}

#[test]
fn a_lost_output_takes_its_figures_with_it() {
    let mut stage = Stage::new();
    let (worker, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 2, 1);
    let (map, reduce) = (stage.launched[0], stage.launched[1]);
    stage.say(worker, &succeeded(map, 100));
    stage.settle();
    let cause = Cause::RunUnfetchable { map, reason: "x".into() };
    stage.say(worker, &FromWorker::Unfetchable { attempt: reduce, map, cause });
    stage.settle();
    stage.wait(SECOND_US);
    let progress = stage.progress.expect("it is told");
    assert_eq!((progress.maps.done, progress.counters), (0, read(0)));
}

#[test]
fn a_map_whose_runs_can_never_be_had_ends_the_job_after_a_bounded_number_of_times() {
    for is_corrupt in [false, true] {
        let mut stage = Stage::new();
        let (worker, client) = worker_and_client(&mut stage, 1);
        stage.job(client, 1, 1);
        let mut lines = Vec::new();
        for _ in 0..SHUFFLE_FAILURES_PER_TASK {
            assert!(!lines.contains(&"file remove STAGING".into()), "{lines:?}");
            let map = stage.launched_of(TaskId::Map).pop().expect("it was launched");
            let reduce = stage.launched_of(TaskId::Reduce).pop().expect("it was launched");
            stage.ended(worker, map);
            lines = if is_corrupt {
                stage.say(worker, &FromWorker::Gathered { attempt: reduce });
                stage.failed(worker, reduce, Cause::RunCorrupt { map })
            } else {
                let cause = Cause::RunUnfetchable { map, reason: "x".into() };
                let mut lines = stage.say(worker, &FromWorker::Unfetchable { attempt: reduce, map, cause });
                lines.extend(stage.settle());
                lines
            };
        }
        let is_ending = |line: &String| line == "file remove STAGING" || line.starts_with("Worker Kill");
        assert!(lines.iter().any(is_ending), "{lines:?}");
    }
}

/// A specification that is right, but for this change; why it is refused, if it is.
fn refused(change: impl FnOnce(&mut JobSpecification)) -> Option<String> {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    let mut specification = specification(1);
    change(&mut specification);
    stage.say(client, &FromClient::Submit { key: SubmissionKey(1), specification });
    stage.refusal.map(|failure| format!("{}", failure.cause))
}

#[test]
fn what_is_just_within_the_bounds_is_accepted() {
    let path = |bytes: usize| PathBytes::from(format!("/{}", "p".repeat(bytes - 1)).as_str());
    assert_eq!(refused(|_| {}), None);
    assert_eq!(refused(|job| job.name = "n".repeat(NAME_BYTES_MAX)), None);
    assert_eq!(refused(|job| job.reducers = REDUCERS_MAX), None);
    assert_eq!(refused(|job| job.inputs = vec![path(PATH_BYTES_MAX)]), None);
    assert_eq!(refused(|job| job.output = PathBytes::from("/out")), None);
    assert_eq!(
        refused(|job| {
            job.mapper.words.push(PathBytes::default());
            let rest = SPECIFICATION_BYTES_MAX - frame::encode(&job.without_inputs()).len() - 4;
            job.mapper.words[1] = PathBytes(vec![b'w'; rest]);
            assert_eq!(frame::encode(&job.without_inputs()).len(), SPECIFICATION_BYTES_MAX);
        }),
        None
    );
}

#[test]
fn what_is_beyond_the_bounds_is_refused_by_name() {
    let long = |bytes: usize| PathBytes::from(format!("/{}", "p".repeat(bytes)).as_str());
    let refusals = [
        (refused(|job| job.inputs = vec![PathBytes::from("in")]), "`in` is not an absolute path"),
        (refused(|job| job.output = PathBytes::from("out")), "`out` is not an absolute path"),
        (refused(|job| job.directory = PathBytes::default()), "`` is not an absolute path"),
        (refused(|job| job.output = PathBytes::from("/a\0b")), "`/a\\u{0}b` is not an absolute path"),
        (refused(|job| job.output = PathBytes::from("/")), "the output is the root directory"),
        (
            refused(|job| job.directory = long(PATH_BYTES_MAX)),
            "a path of 65537 bytes is longer than any file's",
        ),
        (refused(|job| job.name = "n".repeat(NAME_BYTES_MAX + 1)), "a name of 1025 bytes is too long"),
        (
            refused(|job| job.environment = vec![(PathBytes::from("A"), long(SPECIFICATION_BYTES_MAX))]),
            "the programs' command lines and environment take 1048616 bytes",
        ),
        (refused(|job| job.inputs.clear()), "the job has no input"),
        (refused(|job| job.mapper.words.clear()), "a program has no name"),
        (refused(|job| job.reducer = Some(CommandLine { words: vec![] })), "a program has no name"),
        (refused(|job| job.reducer = None), "a job has a reducer exactly if it has partitions"),
        (refused(|job| job.reducers = 0), "a job has a reducer exactly if it has partitions"),
        (refused(|job| job.reducers = REDUCERS_MAX + 1), "100001 reducers are more than a job may have"),
        (
            refused(|job| job.max_skipped_records = SKIPPED_RECORDS_MAX + 1),
            "501 records are more than a job may set aside",
        ),
        (refused(|job| job.split_bytes = 0), "splits cannot be of no bytes"),
        (refused(|job| job.task_timeout_us = 999_999), "a task timeout of less than a second is too short"),
    ];
    for (refusal, expected) in refusals {
        assert_eq!(refusal.as_deref(), Some(expected));
    }
}

#[test]
fn an_unknown_job_is_said_to_be_unknown_whether_it_is_watched_or_cancelled() {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    assert_eq!(stage.say(client, &FromClient::Watch { job: JobId(7) }), ["Client Refused"]);
    assert_eq!(stage.say(client, &FromClient::Cancel { job: JobId(7) }), ["Client Refused"]);
}

#[test]
fn a_failure_that_is_too_long_to_be_told_is_told_in_short() {
    let mut stage = Stage::new();
    let (worker, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 1, 0);
    let attempt = stage.launched[0];
    stage.failed(
        worker,
        attempt,
        Cause::InputChanged { path: PathBytes(vec![b'p'; SPECIFICATION_BYTES_MAX]) },
    );
    stage.answer(FileAnswer::Done);
    stage.settle();
    let failure = stage.report.and_then(|report| report.failure).expect("it failed");
    assert!(matches!(failure.cause, Cause::Invalid { .. }), "{}", failure.cause);
    assert_eq!((failure.attempt, failure.job), (Some(attempt), Some((JobId(1), "n".into()))));
}

#[test]
fn of_a_long_stderr_the_end_is_told() {
    let mut stage = Stage::new();
    let (worker, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 1, 0);
    let mut failure = Failure::new(Cause::InputChanged { path: PathBytes::from("/in") });
    failure.stderr_tail = [&[b'a'; STDERR_TAIL_BYTES][..], b"bc"].concat();
    let result = AttemptResult::Failed(failure.into());
    stage.say(worker, &FromWorker::Ended { attempt: stage.launched[0], result });
    stage.settle();
    stage.answer(FileAnswer::Done);
    stage.settle();
    let tail = stage.report.and_then(|report| report.failure).expect("it failed").stderr_tail;
    assert_eq!((tail.len(), &tail[tail.len() - 3..]), (STDERR_TAIL_BYTES, &b"abc"[..]));
}

#[test]
fn news_does_not_pile_up_behind_a_journal_that_hangs() {
    let mut stage = Stage::new();
    let watchers = [0; 7].map(|_| stage.connect(Role::Client));
    for watcher in watchers {
        let submit = FromClient::Submit { key: SubmissionKey(1), specification: specification(0) };
        stage.say(watcher, &submit);
        stage.settle();
    }
    let other = stage.connect(Role::Client);
    stage.submit(other, 0);
    for _ in 0..HELD_EFFECTS_USUAL {
        stage.wait(PROGRESS_US);
    }
    let held = stage.manager.journal.held();
    assert!((HELD_EFFECTS_USUAL..HELD_EFFECTS_USUAL + 20).contains(&held), "{held} effects are held");
}
