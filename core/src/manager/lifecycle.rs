//! A job from acceptance to end: how answers of the file system, results of attempts, failures and cancellation move it.
//!
//! The order is the one drawn at [`Stage`](super::execution::Stage). Invariant: the journal records that a job commits
//! before the first of its files takes its final name; from then on nothing cancels it.

use super::commit::{Errand, Progress};
use super::execution::Stage;
use super::files::{FileAnswer, FileRequest};
use super::journal::Record;
use super::tasks::Tasks;
use super::{Effect, Manager};
use crate::failure::{Cause, Failure};
use crate::ids::{JobId, OperationId, TaskId};
use crate::job::{InputFile, JobReport};
use crate::limits::{SPECIFICATION_BYTES_MAX, STDERR_TAIL_BYTES};
use crate::probe::probe;
use crate::wire::frame;
use crate::wire::message::{ToClient, ToWorker};
use alloc::vec::Vec;

impl Manager {
    /// Asks for the next step of the job's errand.
    pub(super) fn ask_files(&mut self, job: JobId) {
        let operation = self.next_operation();
        let execution = self.executions.get_mut(&job).expect("only an active job has errands");
        let (Stage::Preparing(errand)
        | Stage::Committing(errand)
        | Stage::Publishing(errand)
        | Stage::Cleaning(errand)) = &mut execution.stage
        else {
            unreachable!("a job in this stage has no errand")
        };
        let request = errand.ask(operation);
        self.operations.insert(operation, job);
        self.journal.hold(Effect::File(operation, request));
    }

    /// Asks for something of which the answer changes nothing.
    pub(super) fn ask_file(&mut self, job: JobId, request: FileRequest) {
        let operation = self.next_operation();
        self.operations.insert(operation, job);
        self.journal.hold(Effect::File(operation, request));
    }

    fn next_operation(&mut self) -> OperationId {
        self.last_operation += 1;
        OperationId(self.last_operation)
    }

    pub(super) fn file_answered(&mut self, operation: OperationId, answer: FileAnswer) {
        let Some(job) = self.operations.remove(&operation) else { return };
        let Some(execution) = self.executions.get_mut(&job) else { return };
        match &mut execution.stage {
            Stage::Preparing(errand) if errand.is_waiting_for(operation) => match errand.answer(answer) {
                Progress::Next => self.ask_files(job),
                Progress::Done(inputs) => self.planned(job, inputs),
                Progress::NotSupported => unreachable!("nothing is exchanged"),
                Progress::Failed(cause) => {
                    probe!("preparing fails");
                    self.fail_job(job, cause);
                }
            },
            Stage::Committing(errand) if errand.is_waiting_for(operation) => match errand.answer(answer) {
                Progress::Next => self.ask_files(job),
                Progress::Done(_) => {
                    let replacing = errand.replaceable();
                    self.record(Record::JobPublishing { job, replacing });
                    self.put_in_place(job);
                }
                Progress::NotSupported => unreachable!("nothing is exchanged"),
                Progress::Failed(cause) => {
                    probe!("committing fails");
                    self.begin_failing(job, Failure::new(cause));
                }
            },
            Stage::Publishing(errand) if errand.is_waiting_for(operation) => match errand.answer(answer) {
                Progress::Next => self.ask_files(job),
                Progress::Done(_) => self.begin_ending(job),
                Progress::NotSupported => {
                    probe!("what is replaced cannot be exchanged");
                    self.displace(job);
                }
                Progress::Failed(cause) => {
                    probe!("publishing fails");
                    self.begin_failing(job, Failure::new(cause));
                }
            },
            Stage::Cleaning(errand) if errand.is_waiting_for(operation) => match errand.answer(answer) {
                Progress::Next => self.ask_files(job),
                Progress::Done(_) => self.end(job),
                Progress::NotSupported => unreachable!("nothing is exchanged"),
                Progress::Failed(cause) => {
                    tracing::warn!(%job, "staging could not be removed: {cause}");
                    self.end(job);
                }
            },
            // The job failed while its preparation was under way: its staging may be removed only now.
            Stage::Ending => {
                probe!("a job fails while its preparation is under way");
                self.continue_ending(job);
            }
            Stage::Preparing(_)
            | Stage::Running
            | Stage::Committing(_)
            | Stage::Publishing(_)
            | Stage::Cleaning(_) => {}
        }
    }

    fn planned(&mut self, job: JobId, inputs: Vec<InputFile>) {
        let specification = &self.jobs.active(job).expect("the job is active").specification;
        let reducers = specification.reducers;
        let plan = self.expect_output_of_its_own(job);
        let plan = match plan.and_then(|()| super::plan::plan(inputs, specification.split_bytes)) {
            Ok(plan) => plan,
            Err(cause) => {
                self.fail_job(job, cause);
                return;
            }
        };
        let execution = self.executions.get_mut(&job).expect("the job is active");
        execution.input_bytes = plan.inputs.iter().map(|input| input.identity.size_bytes).sum();
        execution.maps = Tasks::all_waiting(plan.splits.len() as u32);
        execution.reduces = Tasks::all_waiting(reducers);
        execution.stage = Stage::Running;
        execution.maps_done_at = plan.splits.is_empty().then_some(self.now);
        tracing::info!(%job, maps = plan.splits.len(), reduces = reducers, "job planned");
        self.record(Record::JobPlanned { job, plan });
        self.watch_for_stragglers();
        self.commit_if_won(job);
    }

    /// Commits a job whose every deciding task has a winner.
    pub(super) fn commit_if_won(&mut self, job: JobId) {
        let Some(durable) = self.jobs.active(job) else { return };
        let execution = self.executions.get_mut(&job).expect("an active job is executed");
        if !execution.is_running() || !durable.is_won() {
            return;
        }
        execution.stage = Stage::Committing(Errand::commit(durable, false));
        self.record(Record::JobCommitting { job });
        self.kill_attempts(job);
        self.ask_files(job);
    }

    /// Puts what was put together in its place, in the way that the journal says.
    pub(super) fn put_in_place(&mut self, job: JobId) {
        let errand = Errand::publish(self.jobs.active(job).expect("the job is active"), false);
        self.executions.get_mut(&job).expect("the job is active").stage = Stage::Publishing(errand);
        self.ask_files(job);
    }

    /// Ends a job without output. Returns whether that was still possible.
    pub(super) fn fail_job(&mut self, job: JobId, cause: Cause) -> bool {
        self.fail_job_with(job, Failure::new(cause))
    }

    pub(super) fn fail_job_with(&mut self, job: JobId, failure: Failure) -> bool {
        let Some(execution) = self.executions.get_mut(&job) else { return false };
        match execution.stage {
            Stage::Preparing(_) | Stage::Running => {}
            Stage::Committing(_) | Stage::Publishing(_) | Stage::Ending | Stage::Cleaning(_) => return false,
        }
        execution.maps.waiting.clear();
        execution.reduces.waiting.clear();
        self.begin_failing(job, failure);
        true
    }

    fn begin_failing(&mut self, job: JobId, failure: Failure) {
        let failure = self.complete(failure, job);
        self.record(Record::JobFailing { job, failure });
        self.begin_ending(job);
    }

    fn begin_ending(&mut self, job: JobId) {
        self.executions.get_mut(&job).expect("the job is active").stage = Stage::Ending;
        self.kill_attempts(job);
        self.continue_ending(job);
    }

    /// Says of a failure which job it ended.
    fn complete(&self, mut failure: Failure, job: JobId) -> Failure {
        let tail = failure.stderr_tail.len().saturating_sub(STDERR_TAIL_BYTES);
        failure.stderr_tail.drain(..tail);
        if frame::encode(&failure).len() > SPECIFICATION_BYTES_MAX {
            let what = "the failure cannot be told, for it is too long".into();
            let remedy = "look into the logs of the workers".into();
            failure = Failure { attempt: failure.attempt, ..Failure::new(Cause::Invalid { what, remedy }) };
        }
        match self.jobs.active(job) {
            Some(durable) => failure.of_job(job, &durable.specification.name),
            None => failure,
        }
    }

    fn kill_attempts(&mut self, job: JobId) {
        let attempts: Vec<_> = self.attempts.of_job(job).map(|(id, _)| id).collect();
        for attempt in attempts {
            self.kill_attempt(attempt);
        }
    }

    /// Cleans up after a job once none of its attempts can write into its staging directory any more,
    /// and no step of its preparation is under way.
    pub(super) fn continue_ending(&mut self, job: JobId) {
        let is_asking = self.operations.values().any(|asking| *asking == job);
        if is_asking || self.attempts.of_job(job).next().is_some() {
            probe!("a job waits for its attempts to end");
            return;
        }
        let Some(execution) = self.executions.get_mut(&job).filter(|execution| !execution.is_recovering)
        else {
            return;
        };
        if let Stage::Ending = execution.stage {
            let durable = self.jobs.active(job).expect("the job is active");
            if durable.keeps_staging() {
                return self.end(job);
            }
            execution.stage = Stage::Cleaning(Errand::clean(durable));
            self.ask_files(job);
        }
    }

    fn end(&mut self, job: JobId) {
        assert!(self.attempts.of_job(job).next().is_none(), "a job ends when nothing of it runs");
        let execution = self.executions.remove(&job).expect("the job is active");
        self.attempts.shares.leave(job);
        let durable = self.jobs.active(job).expect("the job is active");
        let report = JobReport {
            job,
            name: durable.specification.name.clone(),
            output: durable.specification.output.clone(),
            failure: durable.failure.clone(),
            maps: execution.maps.total,
            reduces: execution.reduces.total,
            attempts_failed: execution.attempts_failed,
            attempts_backed_up: execution.backups,
            maps_remade_differently: durable.remade_differently,
            skipped: durable.skipped(),
            counters: durable.counters(),
            accepted_at: durable.accepted_at,
            elapsed_us: self.wall_time().since_us(durable.accepted_at),
        };
        match &report.failure {
            None => tracing::info!(%job, elapsed_us = report.elapsed_us, "job succeeded"),
            Some(failure) => tracing::warn!(%job, "job failed: {}", failure.cause),
        }
        self.record(Record::JobEnded { report: report.clone() });
        for watcher in execution.watchers {
            self.tell_client(watcher, ToClient::Ended(report.clone()));
        }
        let links: Vec<_> = self.registry.all().filter_map(|(_, worker)| worker.link.connection()).collect();
        for connection in links {
            self.tell_worker(connection, ToWorker::DropJob { job });
        }
    }

    /// Whether a task is still to be won.
    pub(super) fn is_wanted(&self, job: JobId, task: TaskId) -> bool {
        self.executions.get(&job).is_some_and(|execution| execution.is_running())
            && self
                .jobs
                .active(job)
                .is_some_and(|durable| durable.has_task(task) && durable.winner(task).is_none())
    }
}
