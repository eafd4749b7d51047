//! What clients ask once, and what they are told; what is killed; keys that come again.

use super::*;
use crate::limits::{NAMES_TOLD_MAX, REPORTS_KEPT, REPORTS_KEPT_US};
use crate::report::{AttemptState, JobDetail, JobState, JobSummary, Question, WorkerState};

/// Asks; the answer comes at once where everything is durable.
fn ask(stage: &mut Stage, question: Question) -> Answer {
    let client = stage.connect(Role::Client);
    let lines = stage.say(client, &FromClient::Ask(question));
    assert!(matches!(&lines[..], [line] if line.starts_with("Client Answer")), "{lines:?}");
    stage.answer.take().expect("it was answered")
}

fn refused(stage: &mut Stage, question: Question) -> Cause {
    let client = stage.connect(Role::Client);
    assert_eq!(stage.say(client, &FromClient::Ask(question)), ["Client Refused"]);
    stage.refusal.take().expect("it was refused").cause
}

fn jobs(stage: &mut Stage) -> Vec<JobSummary> {
    let Answer::Jobs(list) = ask(stage, Question::Jobs) else { panic!("jobs were asked for") };
    assert_eq!(list.left_out, 0);
    list.jobs
}

fn job(stage: &mut Stage, job: u64) -> JobDetail {
    let Answer::Job(detail) = ask(stage, Question::Job { job: JobId(job) }) else {
        panic!("a job was asked for")
    };
    *detail
}

fn states(stage: &mut Stage) -> Vec<(u64, JobState, bool)> {
    jobs(stage).iter().map(|job| (job.job.0, job.state, job.is_over)).collect()
}

#[test]
fn a_job_is_told_of_through_all_its_life() {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    stage.submit(client, 1);
    stage.settle();
    assert_eq!(states(&mut stage), [(1, JobState::Planning, false)]);
    for answer in [FileAnswer::Found(false), FileAnswer::Listed(Ok(inputs(1)))] {
        stage.answer(answer);
    }
    for _ in 0..4 {
        stage.answer(FileAnswer::Done);
    }
    stage.settle();
    assert_eq!(states(&mut stage), [(1, JobState::Waiting, false)]);
    let worker = stage.worker(1, 1);
    stage.heartbeat(worker, 1);
    assert_eq!(states(&mut stage), [(1, JobState::Running, false)]);
    let detail = job(&mut stage, 1);
    let attempts: Vec<_> =
        detail.attempts.iter().map(|it| (it.attempt.task, it.host.as_str(), it.state)).collect();
    let (map, reduce) = (TaskId::Map(0), TaskId::Reduce(0));
    assert_eq!(attempts, [(map, "host1", AttemptState::Running), (reduce, "host1", AttemptState::Gathering)]);
    assert_eq!((detail.mapper.as_deref(), detail.reducer.as_deref()), (Some("m"), Some("r")));
    assert_eq!((detail.summary.maps.running, detail.summary.reduces.running), (1, 0));
    stage.ended(worker, stage.launched_of(TaskId::Map)[0]);
    let attempt = stage.launched_of(TaskId::Reduce)[0];
    stage.say(worker, &FromWorker::Gathered { attempt });
    stage.ended(worker, attempt);
    assert_eq!(states(&mut stage), [(1, JobState::Committing, false)]);
    while !stage.operations.is_empty() {
        stage.answer(FileAnswer::Done);
        stage.settle();
    }
    assert_eq!(states(&mut stage), [(1, JobState::Succeeded, true)]);
    let summary = job(&mut stage, 1).summary;
    assert_eq!((summary.maps.done, summary.reduces.done, summary.priority), (1, 1, None));
}

#[test]
fn a_kill_is_acknowledged_once_it_is_durable_and_means_the_same_again() {
    let mut stage = Stage::new();
    let (worker, submitter) = worker_and_client(&mut stage, 1);
    stage.job(submitter, 1, 0);
    let killer = stage.connect(Role::Client);
    let kill = FromClient::Ask(Question::Kill { job: JobId(1) });
    assert_eq!(stage.say(killer, &kill), ["append JobFailing"], "nothing is said yet");
    assert_eq!(stage.settle(), ["Worker Kill map-00000-1-0", "Client Answer Killed"]);
    assert_eq!(stage.say(killer, &kill), ["Client Answer Killed"]);
    assert_eq!(states(&mut stage), [(1, JobState::Killed, false)]);
    stage.failed(worker, stage.launched[0], Cause::Killed);
    stage.answer(FileAnswer::Done);
    let lines = stage.settle();
    assert!(lines.contains(&"Client Ended Cancelled".into()), "who submitted it hears of it: {lines:?}");
    assert_eq!(stage.say(killer, &kill), ["Client Answer Killed"]);
    assert_eq!(states(&mut stage), [(1, JobState::Killed, true)]);
}

#[test]
fn a_job_that_is_being_committed_is_not_killed() {
    let mut stage = Stage::new();
    let (worker, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 1, 0);
    stage.ended(worker, stage.launched[0]);
    let Answer::Killed(summary) = ask(&mut stage, Question::Kill { job: JobId(1) }) else {
        panic!("a kill was asked for")
    };
    assert_eq!(summary.state, JobState::Committing);
}

#[test]
fn who_asks_for_what_is_not_there_is_told_what_is() {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    let known = |known: &[u64], others| Cause::UnknownJob {
        job: JobId(99),
        known: known.iter().copied().map(JobId).collect(),
        others,
    };
    let (of, task) = (JobId(99), None);
    assert_eq!(refused(&mut stage, Question::Job { job: of }), known(&[], 0));
    let many = NAMES_TOLD_MAX as u64 + 2;
    for number in 1..=many {
        let key = SubmissionKey(number);
        stage.say(client, &FromClient::Submit { key, specification: specification(0) });
    }
    stage.settle();
    let last: Vec<u64> = (3..=many).collect();
    for question in [Question::Job { job: of }, Question::Kill { job: of }, Question::Logs { job: of, task }]
    {
        assert_eq!(refused(&mut stage, question), known(&last, 2));
    }
    let worker = || Question::Drain { worker: "none".into(), is_undone: false };
    let unknown = |known: Vec<String>| Cause::UnknownWorker { worker: "none".into(), known, others: 0 };
    assert_eq!(refused(&mut stage, worker()), unknown(vec![]));
    stage.worker(0xAB, 1);
    assert_eq!(refused(&mut stage, worker()), unknown(vec!["host171 (00000000000000ab)".into()]));
}

#[test]
fn a_key_that_comes_with_another_job_is_refused_as_long_as_the_first_is_known() {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    let submit =
        |reducers| FromClient::Submit { key: SubmissionKey(5), specification: specification(reducers) };
    stage.say(client, &submit(0));
    stage.settle();
    assert_eq!(stage.say(client, &submit(0)), ["Client Accepted"]);
    assert_eq!(stage.say(client, &submit(1)), ["Client Refused"]);
    stage.output_exists();
    assert_eq!(stage.say(client, &submit(0)), ["Client Accepted", "Client Ended OutputExists"]);
    assert_eq!(stage.say(client, &submit(1)), ["Client Refused"]);
    assert_eq!(stage.refusal.take().map(|it| it.cause), Some(Cause::KeyTaken { job: JobId(1) }));
    let (mut stage, _) = stage.next_life();
    stage.settle();
    let client = stage.connect(Role::Client);
    assert_eq!(stage.say(client, &submit(1)), ["Client Refused"]);
}

#[test]
fn a_jobs_time_runs_on_through_the_lives_of_managers_and_stands_still_at_its_end() {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    stage.submit(client, 1);
    stage.settle();
    stage.wait(5 * SECOND_US);
    let before = jobs(&mut stage)[0].clone();
    assert_eq!(before.elapsed_us, 5 * SECOND_US);
    let (mut stage, _) = stage.next_life();
    stage.settle();
    let after = jobs(&mut stage)[0].clone();
    assert_eq!((after.accepted_at, after.elapsed_us), (before.accepted_at, 6 * SECOND_US));
    stage.output_exists();
    let (mut stage, _) = stage.next_life();
    stage.settle();
    stage.wait(60 * SECOND_US);
    let ended = jobs(&mut stage)[0].clone();
    assert_eq!((ended.is_over, ended.accepted_at), (true, before.accepted_at));
    assert_eq!(ended.elapsed_us, 6 * SECOND_US);
}

#[test]
fn jobs_that_ended_long_ago_are_forgotten_when_another_ends() {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    let end = |stage: &mut Stage, number: u64| {
        let key = SubmissionKey(1_000 + number);
        stage.say(client, &FromClient::Submit { key, specification: specification(0) });
        stage.settle();
        stage.output_exists();
    };
    end(&mut stage, 0);
    stage.now = stage.now.after(REPORTS_KEPT_US / 2);
    end(&mut stage, 1);
    stage.now = stage.now.after(REPORTS_KEPT_US / 2 + SECOND_US);
    let known = |stage: &Stage| -> Vec<bool> {
        (1..=3).map(|number| stage.manager.jobs.ended(JobId(number)).is_some()).collect()
    };
    assert_eq!(known(&stage), [true, true, false]);
    end(&mut stage, 2);
    assert_eq!(known(&stage), [false, true, true]);
    assert_eq!(stage.manager.jobs.with_key(SubmissionKey(1_000)), None, "nor is its key known");
}

#[test]
fn jobs_that_have_ended_are_forgotten_after_so_many_others() {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    for number in 0..=REPORTS_KEPT as u64 {
        let key = SubmissionKey(1_000 + number);
        stage.say(client, &FromClient::Submit { key, specification: specification(0) });
        stage.settle();
        stage.output_exists();
    }
    let Cause::UnknownJob { known, others, .. } = refused(&mut stage, Question::Job { job: JobId(1) }) else {
        panic!("it is forgotten")
    };
    assert_eq!((known.len(), others as usize), (NAMES_TOLD_MAX, REPORTS_KEPT - NAMES_TOLD_MAX));
    let key = SubmissionKey(1_000);
    assert_eq!(
        stage.say(client, &FromClient::Submit { key, specification: specification(1) }),
        ["append JobAccepted"],
        "and so is its key"
    );
}

#[test]
fn the_ends_of_stderr_of_failed_attempts_are_told() {
    let mut stage = Stage::new();
    let (worker, client) = worker_and_client(&mut stage, 2);
    stage.job(client, 2, 0);
    let fail = |stage: &mut Stage, number: usize, text: &str| {
        let attempt = stage.launched[number];
        let failure = Failure { stderr_tail: text.into(), ..Failure::new(program_failed()) };
        let result = AttemptResult::Failed(failure.into());
        stage.say(worker, &FromWorker::Ended { attempt, result });
        stage.settle();
    };
    fail(&mut stage, 0, "one");
    fail(&mut stage, 1, "two");
    fail(&mut stage, 2, "three");
    let mut logs = |task| {
        let Answer::Logs(logs) = ask(&mut stage, Question::Logs { job: JobId(1), task }) else {
            panic!("logs were asked for")
        };
        assert_eq!(logs.left_out, 0);
        let text = |failure: &Failure| String::from_utf8(failure.stderr_tail.clone()).expect("it is text");
        logs.failures.iter().map(text).collect::<Vec<_>>()
    };
    assert_eq!(logs(None), ["one", "two", "three"]);
    let first = logs(Some(TaskId::Map(0)));
    assert_eq!(first.len() + logs(Some(TaskId::Map(1))).len(), 3);
    assert_eq!(logs(Some(TaskId::Map(7))), [""; 0]);
}

#[test]
fn what_ended_a_job_is_told_after_a_restart_too() {
    let mut stage = Stage::new();
    let (worker, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 1, 0);
    for number in 0..4 {
        stage.failed(worker, stage.launched[number], program_failed());
    }
    let (mut stage, _) = stage.next_life();
    stage.settle();
    let Answer::Logs(logs) = ask(&mut stage, Question::Logs { job: JobId(1), task: None }) else {
        panic!("logs were asked for")
    };
    assert_eq!(logs.failures.len(), 1);
    assert_eq!(logs.failures[0].cause, program_failed());
}

#[test]
fn workers_are_told_by_host_with_what_they_do() {
    let mut stage = Stage::new();
    let (_, client) = worker_and_client(&mut stage, 2);
    let cut = stage.worker(3, 1);
    stage.worker(2, 1);
    stage.heartbeat(cut, 1);
    stage.job(client, 1, 1);
    stage.close(cut);
    stage.wait(SECOND_US / 2);
    let Answer::Workers(list) = ask(&mut stage, Question::Workers) else { panic!("workers were asked for") };
    let told: Vec<_> = list
        .workers
        .iter()
        .map(|it| (it.host.as_str(), it.state, it.slots, it.running, it.gathering, it.silent_us))
        .collect();
    let half = SECOND_US / 2;
    assert_eq!(
        told,
        [
            ("host1", WorkerState::Serving, 2, 1, 1, half),
            ("host2", WorkerState::Joining, 1, 0, 0, half),
            ("host3", WorkerState::Silent, 1, 0, 0, half),
        ]
    );
}
