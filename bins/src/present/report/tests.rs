use super::*;
use windrow_core::failure::{Cause, Failure};
use windrow_core::ids::{Epoch, Incarnation, JobId, TaskId};
use windrow_core::job::{Counters, Priority};
use windrow_core::report::{AttemptSummary, WorkerNumber};
use windrow_core::time::WallTime;

fn summary(job: u64, state: JobState, is_over: bool) -> JobSummary {
    JobSummary {
        job: JobId(job),
        name: "words".into(),
        state,
        is_over,
        priority: (!is_over).then_some(Priority::High),
        maps: TaskCount { total: 10, running: 2, done: 3 },
        reduces: TaskCount { total: 4, running: 0, done: 0 },
        attempts_failed: 1,
        accepted_at: WallTime::from_us(1_764_600_000_250_000),
        elapsed_us: 61_500_000,
    }
}

pub fn jobs() -> Answer {
    let jobs = vec![summary(12, JobState::Running, false), summary(9, JobState::Killed, true)];
    Answer::Jobs(JobList { jobs, left_out: 7 })
}

pub fn detail() -> Answer {
    let attempt = AttemptId { job: JobId(12), task: TaskId::Map(7), epoch: Epoch(1), number: 2 };
    Answer::Job(Box::new(JobDetail {
        summary: summary(12, JobState::Running, false),
        output: "/data/out".into(),
        mapper: Some("./map.py -v".into()),
        reducer: Some("./sum.py".into()),
        input_bytes: 4096,
        counters: Counters::default(),
        attempts: vec![AttemptSummary {
            attempt,
            worker: WorkerNumber(Incarnation(0xAB)),
            host: "alpha".into(),
            state: AttemptState::Running,
            runs_gathered: 0,
            counters: Counters { map_input_records: 5, ..Counters::default() },
        }],
        attempts_left_out: 0,
        failure: None,
    }))
}

pub fn logs() -> Answer {
    let attempt = AttemptId { job: JobId(12), task: TaskId::Map(7), epoch: Epoch(1), number: 0 };
    let failure = Failure {
        attempt: Some(attempt),
        host: Some("alpha".into()),
        stderr_tail: b"Traceback\x1b[31m\n\tValueError\n\n".to_vec(),
        ..Failure::new(Cause::WorkerLost)
    };
    Answer::Logs(JobLogs { job: JobId(12), failures: vec![failure], left_out: 3 })
}

pub fn workers() -> Answer {
    let worker = |number, host: &str, state| WorkerSummary {
        worker: WorkerNumber(Incarnation(number)),
        host: host.into(),
        state,
        slots: 4,
        running: 1,
        gathering: 2,
        silent_us: 250_000,
    };
    let workers =
        vec![worker(0xAB, "alpha", WorkerState::Draining), worker(0xCD, "beta", WorkerState::Serving)];
    Answer::Workers(WorkerList { workers, left_out: 0 })
}

fn shown(of: &Answer) -> String {
    anstream::adapter::strip_str(&answer(of)).to_string()
}

#[test]
fn jobs_are_a_table() {
    assert_eq!(
        shown(&jobs()),
        "JOB  NAME   STATE    PRIORITY  MAPS              REDUCES  FAILED  TIME\n\
         12   words  running  high      3/10 (2 running)  0/4      1       1m 1s\n\
         9    words  killed             10                4        1       1m 1s\n\
         and 7 more\n"
    );
    assert_eq!(shown(&Answer::Jobs(JobList { jobs: vec![], left_out: 0 })), "there is no job\n");
}

#[test]
fn a_job_is_told_with_its_attempts() {
    let text = shown(&detail());
    assert!(
        text.starts_with(
            "job 12 `words`: running\n  accepted      2025-12-01T14:40:00Z\n  time          1m 1s\n"
        ),
        "{text}"
    );
    let attempts = "\n\
         TASK   ATTEMPT  STATE    HOST   WORKER            INPUT\n\
         map 7  1.2      running  alpha  00000000000000ab  5 records\n";
    assert!(text.ends_with(attempts), "{text}");
}

#[test]
fn logs_show_all_that_is_kept_and_no_order_to_a_terminal() {
    assert_eq!(
        shown(&logs()),
        "3 earlier are left out; name a task to see its own\n\
         ==> map 7, attempt 1.0 on alpha: the worker was lost\n\
         Traceback\\u{1b}[31m\n\tValueError\n"
    );
}

#[test]
fn workers_are_a_table() {
    assert_eq!(
        shown(&workers()),
        "WORKER            HOST   STATE     SLOTS  GATHERING  HEARD\n\
         00000000000000ab  alpha  draining  1/4    2          250 ms ago\n\
         00000000000000cd  beta   serving   1/4    2          250 ms ago\n"
    );
}

#[test]
fn a_kill_tells_what_the_job_is_now() {
    let told = |state, is_over| shown(&Answer::Killed(summary(3, state, is_over)));
    assert_eq!(told(JobState::Killed, false), "job 3 is killed; its tasks are being ended\n");
    assert_eq!(told(JobState::Killed, true), "job 3 is killed\n");
    assert_eq!(told(JobState::Succeeded, true), "job 3 `words`: succeeded\n");
}
