//! What clients ask once: jobs, workers, logs, and the two orders that are answered by a report, to kill and to drain.
//!
//! Reads what the Manager knows and words nothing. Whatever is told waits for the journal, as everything does.

use super::Manager;
use super::execution::AttemptStage;
use super::jobs::{Job, Phase};
use super::registry::{Link, Worker};
use crate::failure::{Cause, Failure};
use crate::ids::{ConnectionId, Incarnation, JobId, TaskId};
use crate::job::{JobReport, TaskCount};
use crate::limits::{
    ATTEMPTS_LISTED_MAX, FAILURE_TEXT_BYTES_MAX, HOST_BYTES_SHOWN, JOBS_LISTED_MAX, LOG_BYTES_MAX,
    NAMES_TOLD_MAX, WORKERS_LISTED_MAX,
};
use crate::probe::probe;
use crate::report::{
    Answer, AttemptState, AttemptSummary, JobDetail, JobList, JobLogs, JobState, JobSummary, Question,
    WorkerList, WorkerNumber, WorkerState, WorkerSummary,
};
use crate::wire::frame;
use crate::wire::message::ToClient;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

impl Manager {
    pub(super) fn asked(&mut self, connection: ConnectionId, question: Question) {
        let answer = match question {
            Question::Jobs => Ok(Answer::Jobs(self.list_jobs())),
            Question::Job { job } => self.job_detail(job).map(|job| Answer::Job(Box::new(job))),
            Question::Kill { job } => self.kill_job(job).map(Answer::Killed),
            Question::Logs { job, task } => self.job_logs(job, task).map(Answer::Logs),
            Question::Workers => Ok(Answer::Workers(self.list_workers())),
            Question::Drain { worker, is_undone } => self.drain(&worker, is_undone).map(Answer::Drained),
        };
        let message = match answer {
            Ok(answer) => ToClient::Answer(answer),
            Err(cause) => ToClient::Refused(Failure::new(cause)),
        };
        self.tell_client(connection, message);
    }

    /// That a job is not there, or not any more, and which are.
    pub(super) fn unknown(&self, job: JobId) -> Cause {
        probe!("a job is asked for that nobody knows");
        let mut known: Vec<JobId> = self.jobs.all_ids().rev().take(NAMES_TOLD_MAX).collect();
        known.sort_unstable();
        let others = self.jobs.all_ids().count().saturating_sub(known.len()) as u32;
        Cause::UnknownJob { job, known, others }
    }

    fn list_jobs(&self) -> JobList {
        let active = self.jobs.all_active().map(|(id, job)| self.active_summary(id, job));
        let ended = self.jobs.all_ended().rev().map(ended_summary);
        let jobs: Vec<JobSummary> = active.rev().chain(ended).take(JOBS_LISTED_MAX).collect();
        let left_out = self.jobs.all_ids().count().saturating_sub(jobs.len()) as u32;
        JobList { jobs, left_out }
    }

    fn job_summary(&self, job: JobId) -> Result<JobSummary, Cause> {
        match (self.jobs.active(job), self.jobs.ended(job)) {
            (Some(active), _) => Ok(self.active_summary(job, active)),
            (None, Some(report)) => Ok(ended_summary(report)),
            (None, None) => Err(self.unknown(job)),
        }
    }

    fn active_summary(&self, id: JobId, job: &Job) -> JobSummary {
        let execution = &self.executions[&id];
        let progress = self.progress_of(id, execution);
        JobSummary {
            job: id,
            name: job.specification.name.clone(),
            state: self.state_of(id, job),
            is_over: false,
            priority: Some(job.specification.priority),
            maps: progress.maps,
            reduces: progress.reduces,
            attempts_failed: execution.attempts_failed,
            accepted_at: job.accepted_at,
            elapsed_us: self.wall_time().since_us(job.accepted_at),
        }
    }

    fn state_of(&self, id: JobId, job: &Job) -> JobState {
        match job.phase {
            Phase::Accepted => JobState::Planning,
            Phase::Running if self.attempts.shares.slots(id) > 0 => JobState::Running,
            Phase::Running => JobState::Waiting,
            Phase::Committing | Phase::Publishing => JobState::Committing,
            Phase::Failing => given_up(job.failure.as_ref()),
        }
    }

    fn job_detail(&self, id: JobId) -> Result<JobDetail, Cause> {
        let summary = self.job_summary(id)?;
        let (Some(job), Some(execution)) = (self.jobs.active(id), self.executions.get(&id)) else {
            let report = self.jobs.ended(id).expect("what is summed up and not active has ended");
            return Ok(JobDetail {
                summary,
                output: report.output.clone(),
                mapper: None,
                reducer: None,
                input_bytes: 0,
                counters: report.counters,
                attempts: Vec::new(),
                attempts_left_out: 0,
                failure: report.failure.clone(),
            });
        };
        let command = |command: &crate::job::CommandLine| cut(&command.to_string(), FAILURE_TEXT_BYTES_MAX);
        let attempts = self.attempt_summaries(id);
        Ok(JobDetail {
            summary,
            output: job.specification.output.clone(),
            mapper: Some(command(&job.specification.mapper)),
            reducer: job.specification.reducer.as_ref().map(command),
            input_bytes: execution.input_bytes,
            counters: self.progress_of(id, execution).counters,
            attempts_left_out: (self.attempts.of_job(id).count() - attempts.len()) as u32,
            attempts,
            failure: job.failure.clone(),
        })
    }

    fn attempt_summaries(&self, job: JobId) -> Vec<AttemptSummary> {
        let host =
            |worker| self.registry.get(worker).map(|worker| shortened(&worker.host)).unwrap_or_default();
        let summary = |(id, attempt): (_, &super::execution::Attempt)| AttemptSummary {
            attempt: id,
            worker: WorkerNumber(attempt.holder),
            host: host(attempt.holder),
            state: match attempt.stage {
                _ if attempt.is_killed => AttemptState::Ending,
                AttemptStage::Gathering => AttemptState::Gathering,
                AttemptStage::Gathered => AttemptState::Gathered,
                AttemptStage::Running => AttemptState::Running,
            },
            runs_gathered: attempt.runs_gathered,
            counters: attempt.counters,
        };
        self.attempts.of_job(job).take(ATTEMPTS_LISTED_MAX).map(summary).collect()
    }

    /// Ends a job without output, if that is still possible; what it is then.
    fn kill_job(&mut self, job: JobId) -> Result<JobSummary, Cause> {
        if self.fail_job(job, Cause::Cancelled) {
            probe!("a job is killed");
        } else {
            probe!("a kill comes too late, or twice");
        }
        self.job_summary(job)
    }

    fn job_logs(&self, job: JobId, task: Option<TaskId>) -> Result<JobLogs, Cause> {
        self.job_summary(job)?;
        let kept = || self.failed_attempts.of(job, task);
        // What ended the job is known when a restart has forgotten all else.
        let ended = self.jobs.ended(job).and_then(|report| report.failure.as_ref());
        let ended = ended.or_else(|| self.jobs.active(job)?.failure.as_ref());
        let is_kept = |failure: &&Failure| kept().any(|kept| kept.attempt == failure.attempt);
        let of_task = |failure: &&Failure| {
            failure.attempt.is_some_and(|attempt| task.is_none_or(|task| task == attempt.task))
        };
        let last = ended.filter(of_task).filter(|failure| !is_kept(failure));
        let mut bytes = 0;
        let fits = |failure: &&Failure| {
            bytes += frame::encode(failure).len();
            bytes <= LOG_BYTES_MAX
        };
        let mut failures: Vec<Failure> = last.into_iter().chain(kept()).take_while(fits).cloned().collect();
        let left_out = (last.into_iter().chain(kept()).count() - failures.len()) as u32;
        failures.reverse();
        Ok(JobLogs { job, failures, left_out })
    }

    fn list_workers(&self) -> WorkerList {
        let mut workers: Vec<WorkerSummary> =
            self.registry.all().map(|(id, _)| self.worker_summary(id)).collect();
        workers.sort_by(|one, other| (&one.host, one.worker).cmp(&(&other.host, other.worker)));
        let left_out = workers.len().saturating_sub(WORKERS_LISTED_MAX) as u32;
        workers.truncate(WORKERS_LISTED_MAX);
        WorkerList { workers, left_out }
    }

    /// A worker that is registered, in a line.
    pub(super) fn worker_summary(&self, id: Incarnation) -> WorkerSummary {
        let worker = self.registry.get(id).expect("the worker is registered");
        let heard_until = worker.lease_until.since_us(self.now);
        WorkerSummary {
            worker: WorkerNumber(id),
            host: shortened(&worker.host),
            state: self.worker_state(id, worker),
            slots: worker.slots,
            running: worker.slots_used(),
            gathering: worker.gathering(),
            silent_us: self.config.lease_us.saturating_sub(heard_until),
        }
    }

    fn worker_state(&self, id: Incarnation, worker: &Worker) -> WorkerState {
        let is_silent = worker.lease_until.since_us(self.now) < self.config.lease_us / 2;
        match worker.link {
            _ if worker.is_draining && self.is_needed(id) => WorkerState::Draining,
            _ if worker.is_draining => WorkerState::Drained,
            Link::Broken => WorkerState::Silent,
            Link::Telling(_) | Link::Open(_) if is_silent => WorkerState::Silent,
            Link::Open(_) if worker.heard => WorkerState::Serving,
            Link::Telling(_) | Link::Open(_) => WorkerState::Joining,
        }
    }
}

fn ended_summary(report: &JobReport) -> JobSummary {
    let state = match &report.failure {
        None => JobState::Succeeded,
        failure => given_up(failure.as_ref()),
    };
    let count =
        |total| TaskCount { total, running: 0, done: if state == JobState::Succeeded { total } else { 0 } };
    JobSummary {
        job: report.job,
        name: report.name.clone(),
        state,
        is_over: true,
        priority: None,
        maps: count(report.maps),
        reduces: count(report.reduces),
        attempts_failed: report.attempts_failed,
        accepted_at: report.accepted_at,
        elapsed_us: report.elapsed_us,
    }
}

fn given_up(failure: Option<&Failure>) -> JobState {
    match failure.map(|failure| &failure.cause) {
        Some(Cause::Cancelled) => JobState::Killed,
        Some(_) | None => JobState::Failed,
    }
}

/// A host as it is told: one that calls itself by more than a screen is not.
pub(super) fn shortened(host: &str) -> String {
    cut(host, HOST_BYTES_SHOWN)
}

fn cut(text: &str, bytes: usize) -> String {
    text[..text.floor_char_boundary(bytes)].into()
}
