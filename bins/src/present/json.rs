//! What `--json` prints: owns its fields, which programs rely on. New ones may come; none goes or changes its meaning.
//!
//! Text that is no UTF-8 (paths, stderr) has U+FFFD in place of what is not.

use super::Outcome;
use super::summary::system_time;
use serde::Serialize;
use windrow_core::failure::{Cause, Failure, InputRange};
use windrow_core::job::Counters;
use windrow_core::time::WallTime;

#[derive(Serialize)]
struct OutcomeJson<'a> {
    /// `succeeded`, `failed`, or, of a job that goes on and is not followed any more, `accepted`.
    status: &'static str,
    /// What the command ends with.
    exit_code: u8,
    /// The job's number; null, as all of a job's fields, if there was none.
    job: Option<u64>,
    name: Option<&'a str>,
    /// The output directory, absolute; null if it was printed.
    output: Option<String>,
    maps: Option<u32>,
    reduces: Option<u32>,
    attempts_failed: Option<u32>,
    attempts_backed_up: Option<u32>,
    maps_remade_differently: Option<u32>,
    skipped_records: Option<Vec<InputJson>>,
    /// In RFC 3339.
    accepted_at: Option<String>,
    elapsed_seconds: Option<f64>,
    counters: Option<Counters>,
    failure: Option<FailureJson<'a>>,
}

#[derive(Serialize)]
pub struct FailureJson<'a> {
    /// What happened, in a sentence.
    message: String,
    /// The same as one of a fixed set of names.
    kind: &'static str,
    job: Option<u64>,
    /// As in `map 3`.
    task: Option<String>,
    /// Epoch and number, as in `1.0`.
    attempt: Option<String>,
    /// How many attempts of the task had failed.
    attempts_failed: u32,
    host: Option<&'a str>,
    input: Option<InputJson>,
    /// Null unless that was found to be the smallest part that fails.
    excerpt: Option<ExcerptJson>,
    /// The end of what the program wrote there.
    stderr: String,
    /// What to do.
    remedy: Option<String>,
    /// All of it, as a person reads it.
    text: String,
}

#[derive(Serialize)]
struct InputJson {
    path: String,
    offset: u64,
    length_bytes: u64,
}

#[derive(Serialize)]
struct ExcerptJson {
    records: u64,
    beginning: String,
}

/// A moment in RFC 3339, to the millisecond.
pub fn moment(at: WallTime) -> String {
    humantime::format_rfc3339_millis(system_time(at)).to_string()
}

/// The object for an outcome, on one line.
pub fn outcome(outcome: &Outcome) -> String {
    let exit = outcome.exit();
    let report = outcome.report.as_ref();
    // One that was accepted, of which nothing more was heard.
    let job = outcome.failure().and_then(|failure| failure.job.as_ref());
    let object = OutcomeJson {
        status: status(outcome),
        exit_code: exit.code(),
        job: report
            .map(|report| report.job.0)
            .or(outcome.left.map(|job| job.0))
            .or(job.map(|(job, _)| job.0)),
        name: report.map(|report| report.name.as_str()).or(job.map(|(_, name)| name.as_str())),
        output: report.filter(|_| !outcome.is_printed).map(|report| report.output.to_string()),
        maps: report.map(|report| report.maps),
        reduces: report.map(|report| report.reduces),
        attempts_failed: report.map(|report| report.attempts_failed),
        attempts_backed_up: report.map(|report| report.attempts_backed_up),
        maps_remade_differently: report.map(|report| report.maps_remade_differently),
        skipped_records: report.map(|report| report.skipped.iter().map(input_json).collect()),
        accepted_at: report.map(|report| moment(report.accepted_at)),
        elapsed_seconds: report.map(|report| report.elapsed_us as f64 / 1e6),
        counters: report.map(|report| report.counters),
        failure: outcome.failure().map(failure_json),
    };
    serde_json::to_string(&object).expect("strings, numbers and nulls make JSON")
}

fn status(outcome: &Outcome) -> &'static str {
    if outcome.failure().is_some() {
        "failed"
    } else if outcome.left.is_some() {
        "accepted"
    } else {
        "succeeded"
    }
}

/// A failure with its fields.
pub fn failure_json(failure: &Failure) -> FailureJson<'_> {
    let Failure { cause, job, attempt, attempts_failed, host, input, excerpt, stderr_tail } = failure;
    FailureJson {
        message: cause.to_string(),
        kind: kind(cause),
        job: job.as_ref().map(|(job, _)| job.0).or(attempt.map(|attempt| attempt.job.0)),
        task: attempt.map(|attempt| attempt.task.to_string()),
        attempt: attempt.map(|attempt| format!("{}.{}", attempt.epoch, attempt.number)),
        attempts_failed: *attempts_failed,
        host: host.as_deref(),
        input: input.as_ref().map(input_json),
        excerpt: excerpt.as_ref().map(|excerpt| ExcerptJson {
            records: excerpt.records,
            beginning: String::from_utf8_lossy(&excerpt.beginning).into_owned(),
        }),
        stderr: String::from_utf8_lossy(stderr_tail).into_owned(),
        remedy: failure.remedy(),
        text: failure.to_string(),
    }
}

fn input_json(input: &InputRange) -> InputJson {
    let InputRange { path, offset, length_bytes } = input;
    InputJson { path: path.to_string(), offset: *offset, length_bytes: *length_bytes }
}

fn kind(cause: &Cause) -> &'static str {
    match cause {
        Cause::InputNotFound { .. } => "input_not_found",
        Cause::InputUnreadable { .. } => "input_unreadable",
        Cause::InputChanged { .. } => "input_changed",
        Cause::MapNotDeterministic { .. } => "map_not_deterministic",
        Cause::TooManySplits { .. } => "too_many_splits",
        Cause::OutputExists { .. } => "output_exists",
        Cause::OutputUnwritable { .. } => "output_unwritable",
        Cause::OutputNotSynced { .. } => "output_not_synced",
        Cause::OutputNotReplaceable { .. } => "output_not_replaceable",
        Cause::OutputDisplaced { .. } => "output_displaced",
        Cause::OutputNotShared { .. } => "output_not_shared",
        Cause::StagingUnreadable { .. } => "staging_unreadable",
        Cause::Scratch { .. } | Cause::WorkDirectory { .. } => "work_directory",
        Cause::WorkDirectoryTaken { .. } => "work_directory_taken",
        Cause::Journal { .. } => "journal",
        Cause::JournalDamaged { .. } => "journal_damaged",
        Cause::ProgramNotStarted { .. } => "program_not_started",
        Cause::ProgramFailed { .. } => "program_failed",
        Cause::ProgramStoppedReading { .. } => "program_stopped_reading",
        Cause::ProgramSilent { .. } => "program_silent",
        Cause::ProgramPipe { .. } => "program_pipe",
        Cause::RecordTooLong { .. } => "record_too_long",
        Cause::RunCorrupt { .. } => "run_corrupt",
        Cause::RunUnfetchable { .. } => "run_unfetchable",
        Cause::WorkerLost => "worker_lost",
        Cause::Killed => "killed",
        Cause::Cancelled => "cancelled",
        Cause::ManagerStopped => "manager_stopped",
        Cause::Unreachable { .. } => "unreachable",
        Cause::ConnectionLost { .. } => "connection_lost",
        Cause::CannotListen { .. } => "cannot_listen",
        Cause::NoAddress { .. } => "no_address",
        Cause::NotWindrow { .. } => "not_windrow",
        Cause::OtherVersion { .. } => "other_version",
        Cause::OtherCluster { .. } => "other_cluster",
        Cause::UnknownJob { .. } => "unknown_job",
        Cause::UnknownWorker { .. } => "unknown_worker",
        Cause::KeyTaken { .. } => "key_taken",
        Cause::Invalid { .. } => "invalid",
    }
}

#[cfg(test)]
mod tests {
    use super::super::text::tests::report;
    use super::*;
    use serde_json::{Value, json};
    use windrow_core::failure::{Excerpt, ExitStatus};
    use windrow_core::ids::{AttemptId, Epoch, JobId, TaskId};
    use windrow_core::job::ProgramRole;

    #[test]
    fn the_documentation_has_every_kind_and_field() {
        let (source, text) = (include_str!("json.rs"), include_str!("../../../docs/json.md"));
        let code = source.split("#[cfg(test)]").next().unwrap();
        let kinds: Vec<&str> = code.lines().filter_map(|line| line.split("=> \"").nth(1)).collect();
        assert!(kinds.len() > 25, "{kinds:?}");
        for kind in kinds {
            let kind = kind.trim_end_matches("\",");
            assert!(text.contains(&format!("\n| `{kind}` |")), "docs/json.md lacks {kind}");
        }
        let object = object(&Outcome::from(Failure::new(Cause::Cancelled)));
        let fields = |of: &Value| of.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        for field in fields(&object).into_iter().chain(fields(&object["failure"])) {
            assert!(text.contains(&format!("`{field}`")), "docs/json.md lacks {field}");
        }
    }

    fn object(of: &Outcome) -> Value {
        let text = outcome(of);
        assert!(!text.contains('\n'));
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_success_has_the_figures() {
        assert_eq!(
            object(&Outcome { report: Some(report()), ..Outcome::default() }),
            json!({
                "status": "succeeded", "exit_code": 0, "job": 1, "name": "word count", "output": "/data/out",
                "maps": 10, "reduces": 4, "attempts_failed": 0, "attempts_backed_up": 0, "maps_remade_differently": 0,
                "skipped_records": [], "accepted_at": "2025-12-01T14:40:00.250Z", "elapsed_seconds": 3.214,
                "counters": {
                    "map_input_bytes": 5_242_880, "map_input_records": 1_234_567,
                    "map_output_bytes": 3_145_728, "map_output_records": 2_000,
                    "spilled_bytes": 0, "fetched_bytes": 1_048_576,
                    "reduce_input_records": 2_000, "reduce_input_groups": 30,
                    "output_bytes": 512, "output_records": 30,
                },
                "failure": null,
            })
        );
    }

    #[test]
    fn a_failed_task_is_told_in_fields() {
        let cause = Cause::ProgramFailed {
            role: ProgramRole::Mapper,
            command: "./map.py".into(),
            status: ExitStatus::Code(1),
        };
        let failure = Failure {
            cause,
            job: Some((JobId(1), "word count".into())),
            attempt: Some(AttemptId { job: JobId(1), task: TaskId::Map(3), epoch: Epoch(1), number: 2 }),
            attempts_failed: 4,
            host: Some("alpha".into()),
            input: Some(InputRange { path: "/in".into(), offset: 0, length_bytes: 10 }),
            excerpt: Some(Excerpt { records: 2, beginning: b"a\n\xff".to_vec() }.into()),
            stderr_tail: b"bad \xff\n".to_vec(),
        };
        let text = failure.to_string();
        let object = object(&Outcome::from(failure));
        assert_eq!((&object["status"], &object["exit_code"]), (&json!("failed"), &json!(1)));
        assert_eq!(object["counters"], Value::Null);
        assert_eq!(
            object["failure"],
            json!({
                "message": "mapper `./map.py` ended with exit code 1", "kind": "program_failed",
                "job": 1, "task": "map 3", "attempt": "1.2", "attempts_failed": 4, "host": "alpha",
                "input": {"path": "/in", "offset": 0, "length_bytes": 10},
                "excerpt": {"records": 2, "beginning": "a\n\u{fffd}"},
                "stderr": "bad \u{fffd}\n", "remedy": "run it by hand: head -c 10 /in | ./map.py", "text": text,
            })
        );
    }
}
