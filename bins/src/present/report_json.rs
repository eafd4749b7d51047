//! What `--json` prints of a cluster: owns the fields of jobs, workers and attempts, which programs rely on. New ones may
//! come; none goes or changes its meaning.

use super::json::{FailureJson, failure_json, moment};
use super::report::{attempt_state, worker_state};
use serde::Serialize;
use windrow_core::job::{Counters, TaskCount};
use windrow_core::report::{Answer, AttemptSummary, JobDetail, JobState, JobSummary, WorkerSummary};

#[derive(Serialize)]
#[serde(untagged)]
enum AnswerJson<'a> {
    Jobs { jobs: Vec<JobJson<'a>>, left_out: u32 },
    Job(Box<DetailJson<'a>>),
    Killed(JobJson<'a>),
    Logs { job: u64, attempts: Vec<FailureJson<'a>>, left_out: u32 },
    Workers { workers: Vec<WorkerJson<'a>>, left_out: u32 },
    Drained(WorkerJson<'a>),
}

#[derive(Serialize)]
struct JobJson<'a> {
    /// The job's number.
    job: u64,
    name: &'a str,
    /// `planning`, `waiting`, `running`, `committing`, `succeeded`, `killed` or `failed`.
    state: &'static str,
    /// Whether it has ended: else, if it is killed or failed, its tasks are still being ended.
    is_over: bool,
    /// `low`, `normal` or `high`; null once it is over.
    priority: Option<&'static str>,
    maps: TasksJson,
    reduces: TasksJson,
    attempts_failed: u32,
    /// In RFC 3339.
    accepted_at: String,
    elapsed_seconds: f64,
}

#[derive(Serialize)]
struct TasksJson {
    total: u32,
    /// Attempts that hold slots.
    running: u32,
    done: u32,
}

#[derive(Serialize)]
struct DetailJson<'a> {
    #[serde(flatten)]
    summary: JobJson<'a>,
    output: String,
    /// Null, as the reducer and the input, once it is over.
    mapper: Option<&'a str>,
    reducer: Option<&'a str>,
    input_bytes: Option<u64>,
    counters: Counters,
    attempts: Vec<AttemptJson<'a>>,
    attempts_left_out: u32,
    failure: Option<FailureJson<'a>>,
}

#[derive(Serialize)]
struct AttemptJson<'a> {
    /// As in `map 3`.
    task: String,
    /// Epoch and number, as in `1.0`.
    attempt: String,
    /// `gathering`, `gathered`, `running` or `ending`.
    state: &'static str,
    worker: String,
    host: &'a str,
    runs_gathered: u32,
    counters: Counters,
}

#[derive(Serialize)]
struct WorkerJson<'a> {
    /// Its number, hexadecimal.
    worker: String,
    host: &'a str,
    /// `joining`, `serving`, `silent`, `draining` or `drained`.
    state: &'static str,
    slots: u32,
    running: u32,
    gathering: u32,
    silent_seconds: f64,
}

/// The object for an answer, on one line.
pub fn answer(answer: &Answer) -> String {
    let object = match answer {
        Answer::Jobs(list) => {
            AnswerJson::Jobs { jobs: list.jobs.iter().map(job_json).collect(), left_out: list.left_out }
        }
        Answer::Job(detail) => AnswerJson::Job(Box::new(detail_json(detail))),
        Answer::Killed(summary) => AnswerJson::Killed(job_json(summary)),
        Answer::Logs(logs) => AnswerJson::Logs {
            job: logs.job.0,
            attempts: logs.failures.iter().map(failure_json).collect(),
            left_out: logs.left_out,
        },
        Answer::Workers(list) => AnswerJson::Workers {
            workers: list.workers.iter().map(worker_json).collect(),
            left_out: list.left_out,
        },
        Answer::Drained(worker) => AnswerJson::Drained(worker_json(worker)),
    };
    serde_json::to_string(&object).expect("strings, numbers and nulls make JSON")
}

fn job_json(job: &JobSummary) -> JobJson<'_> {
    let tasks = |TaskCount { total, running, done }| TasksJson { total, running, done };
    JobJson {
        job: job.job.0,
        name: &job.name,
        state: state(job.state),
        is_over: job.is_over,
        priority: job.priority.map(|priority| priority.name()),
        maps: tasks(job.maps),
        reduces: tasks(job.reduces),
        attempts_failed: job.attempts_failed,
        accepted_at: moment(job.accepted_at),
        elapsed_seconds: job.elapsed_us as f64 / 1e6,
    }
}

fn state(state: JobState) -> &'static str {
    match state {
        JobState::Planning => "planning",
        JobState::Waiting => "waiting",
        JobState::Running => "running",
        JobState::Committing => "committing",
        JobState::Succeeded => "succeeded",
        JobState::Killed => "killed",
        JobState::Failed => "failed",
    }
}

fn detail_json(detail: &JobDetail) -> DetailJson<'_> {
    DetailJson {
        summary: job_json(&detail.summary),
        output: detail.output.to_string(),
        mapper: detail.mapper.as_deref(),
        reducer: detail.reducer.as_deref(),
        input_bytes: (!detail.summary.is_over).then_some(detail.input_bytes),
        counters: detail.counters,
        attempts: detail.attempts.iter().map(attempt_json).collect(),
        attempts_left_out: detail.attempts_left_out,
        failure: detail.failure.as_ref().map(failure_json),
    }
}

fn attempt_json(of: &AttemptSummary) -> AttemptJson<'_> {
    AttemptJson {
        task: of.attempt.task.to_string(),
        attempt: format!("{}.{}", of.attempt.epoch, of.attempt.number),
        state: attempt_state(of.state),
        worker: of.worker.to_string(),
        host: &of.host,
        runs_gathered: of.runs_gathered,
        counters: of.counters,
    }
}

fn worker_json(worker: &WorkerSummary) -> WorkerJson<'_> {
    WorkerJson {
        worker: worker.worker.to_string(),
        host: &worker.host,
        state: worker_state(worker.state),
        slots: worker.slots,
        running: worker.running,
        gathering: worker.gathering,
        silent_seconds: worker.silent_us as f64 / 1e6,
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::{detail, jobs, logs, workers};
    use super::*;
    use serde_json::{Value, json};

    fn object(of: &Answer) -> Value {
        let text = answer(of);
        assert!(!text.contains('\n'));
        serde_json::from_str(&text).expect("it is JSON")
    }

    #[test]
    fn jobs_have_their_fields() {
        let object = object(&jobs());
        assert_eq!(object["left_out"], 7);
        assert_eq!(
            object["jobs"][0],
            json!({
                "job": 12, "name": "words", "state": "running", "is_over": false, "priority": "high",
                "maps": {"total": 10, "running": 2, "done": 3}, "reduces": {"total": 4, "running": 0, "done": 0},
                "attempts_failed": 1, "accepted_at": "2025-12-01T14:40:00.250Z", "elapsed_seconds": 61.5
            })
        );
        assert_eq!(object["jobs"][1]["state"], "killed");
    }

    #[test]
    fn workers_have_their_fields() {
        assert_eq!(
            object(&workers())["workers"][0],
            json!({
                "worker": "00000000000000ab", "host": "alpha", "state": "draining", "slots": 4, "running": 1,
                "gathering": 2, "silent_seconds": 0.25
            })
        );
    }

    #[test]
    fn the_documentation_has_every_field() {
        let text = include_str!("../../../docs/json.md");
        for answer in [jobs(), detail(), logs(), workers()] {
            let mut values = vec![object(&answer)];
            while let Some(value) = values.pop() {
                match value {
                    Value::Object(fields) => {
                        for (field, value) in fields {
                            assert!(text.contains(&format!("`{field}`")), "docs/json.md lacks {field}");
                            if field != "counters" {
                                values.push(value);
                            }
                        }
                    }
                    Value::Array(items) => values.extend(items),
                    Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
                }
            }
        }
    }
}
