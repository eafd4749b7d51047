//! What a person reads of a cluster: tables of jobs, workers and attempts, and what failed attempts wrote. Pure text of the
//! reports that the Manager answers with; the same reports as JSON are in `report_json`.

use super::summary::{duration, figures, system_time};
use super::table::{Table, plain};
use super::text;
use std::time::Duration;
use windrow_core::ids::AttemptId;
use windrow_core::job::TaskCount;
use windrow_core::report::{
    Answer, AttemptState, JobDetail, JobList, JobLogs, JobState, JobSummary, WorkerList, WorkerState,
    WorkerSummary,
};

/// An answer as it is shown.
pub fn answer(answer: &Answer) -> String {
    match answer {
        Answer::Jobs(list) => jobs(list),
        Answer::Job(detail) => job(detail),
        Answer::Killed(summary) => killed(summary),
        Answer::Logs(of) => logs(of),
        Answer::Workers(list) => workers(list),
        Answer::Drained(worker) => drained(worker),
    }
}

fn jobs(list: &JobList) -> String {
    if list.jobs.is_empty() {
        return "there is no job\n".into();
    }
    let mut table = Table::new(["JOB", "NAME", "STATE", "PRIORITY", "MAPS", "REDUCES", "FAILED", "TIME"]);
    for job in &list.jobs {
        let priority = job.priority.map_or("", |priority| priority.name());
        table.row([
            job.job.to_string(),
            job.name.clone(),
            state(job).into(),
            priority.into(),
            tasks(job, job.maps),
            tasks(job, job.reduces),
            job.attempts_failed.to_string(),
            duration(Duration::from_micros(job.elapsed_us)),
        ]);
    }
    table.render() + &more(list.left_out)
}

fn job(detail: &JobDetail) -> String {
    let JobDetail { summary, output, mapper, reducer, input_bytes, counters, attempts, failure, .. } = detail;
    let elapsed = duration(Duration::from_micros(summary.elapsed_us));
    let mut lines = vec![format!("job {} `{}`: {}", summary.job, plain(&summary.name), state(summary))];
    let mut row = |name: &str, text: &str| lines.push(format!("  {name:<14}{}", plain(text)));
    row("accepted", &humantime::format_rfc3339_seconds(system_time(summary.accepted_at)).to_string());
    row("time", &elapsed);
    if let Some(priority) = summary.priority {
        row("priority", priority.name());
    }
    row("maps", &tasks(summary, summary.maps));
    if summary.reduces.total > 0 {
        row("reduces", &tasks(summary, summary.reduces));
    }
    if summary.attempts_failed > 0 {
        row("failed", &text::counted(summary.attempts_failed.into(), "attempt"));
    }
    if *input_bytes > 0 {
        row("input", &text::size(*input_bytes));
    }
    for (name, command) in [("mapper", mapper), ("reducer", reducer)] {
        if let Some(command) = command {
            row(name, command);
        }
    }
    row("output", &output.to_string());
    lines.extend(figures(counters, summary.reduces.total > 0));
    let mut text = lines.join("\n") + "\n";
    if !attempts.is_empty() {
        let mut table = Table::new(["TASK", "ATTEMPT", "STATE", "HOST", "WORKER", "INPUT"]);
        for attempt in attempts {
            let input = match attempt.state {
                AttemptState::Gathering | AttemptState::Gathered => {
                    text::counted(attempt.runs_gathered.into(), "run")
                }
                AttemptState::Running | AttemptState::Ending => {
                    let counters = &attempt.counters;
                    let records = counters.map_input_records + counters.reduce_input_records;
                    text::counted(records, "record")
                }
            };
            table.row([
                attempt.attempt.task.to_string(),
                number(&attempt.attempt),
                attempt_state(attempt.state).into(),
                attempt.host.clone(),
                attempt.worker.to_string(),
                input,
            ]);
        }
        text += &format!("\n{}{}", table.render(), more(detail.attempts_left_out));
    }
    if let Some(failure) = failure {
        text += &format!("\n{failure}\n");
    }
    text
}

fn killed(summary: &JobSummary) -> String {
    let job = summary.job;
    match (summary.state, summary.is_over) {
        (JobState::Killed, true) => format!("job {job} is killed\n"),
        (JobState::Killed, false) => format!("job {job} is killed; its tasks are being ended\n"),
        _ => format!("job {job} `{}`: {}\n", plain(&summary.name), state(summary)),
    }
}

fn logs(logs: &JobLogs) -> String {
    if logs.failures.is_empty() {
        return format!("no failure of an attempt is known of job {}\n", logs.job);
    }
    let mut text = String::new();
    if logs.left_out > 0 {
        text += &format!("{} earlier are left out; name a task to see its own\n", logs.left_out);
    }
    for failure in &logs.failures {
        let attempt = failure.attempt.as_ref();
        let which = attempt.map(|it| format!("{}, attempt {}", it.task, number(it))).unwrap_or_default();
        let host = failure.host.as_deref().map(|host| format!(" on {}", plain(host))).unwrap_or_default();
        text += &format!("==> {which}{host}: {}\n", failure.cause);
        let stderr = plain(&String::from_utf8_lossy(&failure.stderr_tail));
        text += stderr.trim_end();
        text += if stderr.trim_end().is_empty() { "(it wrote nothing to stderr)\n" } else { "\n" };
    }
    text
}

fn workers(list: &WorkerList) -> String {
    if list.workers.is_empty() {
        return "there is no worker\n".into();
    }
    let mut table = Table::new(["WORKER", "HOST", "STATE", "SLOTS", "GATHERING", "HEARD"]);
    for worker in &list.workers {
        table.row([
            worker.worker.to_string(),
            worker.host.clone(),
            worker_state(worker.state).into(),
            format!("{}/{}", worker.running, worker.slots),
            worker.gathering.to_string(),
            format!("{} ago", duration(Duration::from_micros(worker.silent_us))),
        ]);
    }
    table.render() + &more(list.left_out)
}

fn drained(worker: &WorkerSummary) -> String {
    let name = format!("worker {} on {}", worker.worker, plain(&worker.host));
    match worker.state {
        WorkerState::Drained => {
            format!("{name} is drained: nobody needs anything of it, it can be stopped\n")
        }
        WorkerState::Draining => format!(
            "{name} is given nothing new; {} still run there, and it serves what jobs need of it: \
             `windrow workers` tells when it is drained\n",
            text::counted(worker.running.into(), "task"),
        ),
        WorkerState::Joining | WorkerState::Serving | WorkerState::Silent => {
            format!("{name} is given tasks again\n")
        }
    }
}

fn more(left_out: u32) -> String {
    if left_out > 0 { format!("and {left_out} more\n") } else { String::new() }
}

/// A job's state in words.
pub fn state(job: &JobSummary) -> &'static str {
    match (job.state, job.is_over) {
        (JobState::Planning, _) => "planning",
        (JobState::Waiting, _) => "waiting",
        (JobState::Running, _) => "running",
        (JobState::Committing, _) => "committing",
        (JobState::Succeeded, _) => "succeeded",
        (JobState::Killed, true) => "killed",
        (JobState::Killed, false) => "being killed",
        (JobState::Failed, true) => "failed",
        (JobState::Failed, false) => "failing",
    }
}

/// `3/10`, `3/10 (2 running)`; of a job that failed only how many there were.
fn tasks(job: &JobSummary, count: TaskCount) -> String {
    let TaskCount { total, running, done } = count;
    match (job.state, running) {
        (JobState::Failed | JobState::Killed, _) if job.is_over => total.to_string(),
        (_, 0) => format!("{done}/{total}"),
        (_, running) => format!("{done}/{total} ({running} running)"),
    }
}

/// A worker's state in a word.
pub fn worker_state(state: WorkerState) -> &'static str {
    match state {
        WorkerState::Joining => "joining",
        WorkerState::Serving => "serving",
        WorkerState::Silent => "silent",
        WorkerState::Draining => "draining",
        WorkerState::Drained => "drained",
    }
}

/// An attempt's state in a word.
pub fn attempt_state(state: AttemptState) -> &'static str {
    match state {
        AttemptState::Gathering => "gathering",
        AttemptState::Gathered => "gathered",
        AttemptState::Running => "running",
        AttemptState::Ending => "ending",
    }
}

/// An attempt's place among those of its task: epoch and number.
fn number(attempt: &AttemptId) -> String {
    format!("{}.{}", attempt.epoch, attempt.number)
}

#[cfg(test)]
pub(super) mod tests;
