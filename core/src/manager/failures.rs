//! What follows from a failed attempt: owns who is to blame, whether the task is tried again, where and when, and which
//! workers are set aside.
//!
//! Only the program's own failures count against a task's attempts, and these are durable. A worker's own doing never ends a
//! job as long as another worker is there that has not failed the task, nor before a person had time to mend it; a map output
//! that cannot be had is made again, so many times (Google paper, 3.3).

use super::jobs::Revoked;
use super::journal::Record;
use super::{Manager, ManagerTimer};
use crate::data::digest::OutputDigest;
use crate::failure::{Cause, Failure, Fault};
use crate::ids::{AttemptId, Incarnation, JobId, TaskId};
use crate::limits::{ATTEMPTS_PER_TASK, SHUFFLE_FAILURES_PER_TASK};
use crate::probe::probe;
use alloc::string::String;

impl Manager {
    pub(super) fn attempt_failed(&mut self, id: AttemptId, holder: Incarnation, mut failure: Failure) {
        let fault = failure.cause.fault();
        if fault == Fault::Nobody || !self.is_wanted(id.job, id.task) {
            probe!("a failure matters to nobody");
            return self.wait_again(id);
        }
        tracing::warn!(attempt = %id, "attempt failed: {}", failure.cause);
        failure.attempt = Some(id);
        failure.host = self.registry.get(holder).map(|worker| worker.host.clone());
        let execution = self.executions.get_mut(&id.job).expect("a wanted task's job is executed");
        execution.attempts_failed += 1;
        let is_final = match fault {
            Fault::Job => {
                failure.attempts_failed = self.failures_of(id) + 1;
                true
            }
            Fault::Program => self.failed_by_program(id, holder, &mut failure),
            Fault::Worker => self.failed_by_worker(id, holder, &mut failure),
            Fault::Shuffle => self.failed_by_shuffle(id, &mut failure),
            Fault::Nobody => false,
        };
        self.failed_attempts.keep(failure.clone());
        if is_final {
            probe!("a task fails for good");
            self.fail_job_with(id.job, failure);
        } else {
            self.executions.get_mut(&id.job).expect("it is executed").news = Some(failure);
            self.wait_again(id);
        }
    }

    fn failed_by_program(&mut self, id: AttemptId, holder: Incarnation, failure: &mut Failure) -> bool {
        self.record(Record::AttemptFailed { attempt: id });
        let (tasks, index) = self.executions.get_mut(&id.job).expect("it is executed").tasks_of(id.task);
        tasks.avoid(index, holder, true);
        failure.attempts_failed = self.failures_of(id);
        let job = self.jobs.active(id.job).expect("the job is active");
        job.program_failures(id.task) >= ATTEMPTS_PER_TASK && !self.begin_search(id, failure)
    }

    fn failed_by_worker(&mut self, id: AttemptId, holder: Incarnation, failure: &mut Failure) -> bool {
        let (job, task, now) = (id.job, id.task, self.now);
        let execution = self.executions.get_mut(&job).expect("it is executed");
        let (tasks, index) = execution.tasks_of(task);
        let retry_at = tasks.failed_by_worker(index, holder, now);
        self.timers.set(ManagerTimer::Retry(job, task, holder), retry_at);
        failure.attempts_failed = self.failures_of(id);
        if let Cause::OutputNotShared { .. } = failure.cause {
            probe!("a worker does not see the staging directory");
            let execution = self.executions.get_mut(&job).expect("it is executed");
            execution.excluded.insert(holder);
            self.move_away(job, holder);
        } else {
            self.count_against(holder);
        }
        self.is_seen_by_nobody(job) || self.is_failed_by_everybody(job, task)
    }

    /// Whether every worker that is there has failed a task, again and again, for longer than is borne.
    fn is_failed_by_everybody(&self, job: JobId, task: TaskId) -> bool {
        let execution = &self.executions[&job];
        let Some(trouble) = execution.tasks(task).trouble(task.index()) else { return false };
        let has_failed_it =
            |worker: Incarnation| execution.excluded.contains(&worker) || trouble.times_on(worker) > 0;
        trouble.by_workers >= ATTEMPTS_PER_TASK
            && self.now.since_us(trouble.by_workers_since) >= self.config.worker_patience_us
            && self.registry.is_true_of_all_serving(has_failed_it)
    }

    fn failed_by_shuffle(&mut self, id: AttemptId, failure: &mut Failure) -> bool {
        probe!("a reduce meets a corrupt run on its own worker");
        let (tasks, index) = self.executions.get_mut(&id.job).expect("it is executed").tasks_of(id.task);
        let times = tasks.failed_by_shuffle(index);
        failure.attempts_failed = self.failures_of(id);
        if let Cause::RunCorrupt { map } | Cause::RunUnfetchable { map, .. } = failure.cause {
            self.revoke_bad_output(map);
        }
        times >= SHUFFLE_FAILURES_PER_TASK
    }

    /// How many attempts of a task have failed, by whose fault ever.
    fn failures_of(&self, id: AttemptId) -> u32 {
        let by_program = self.jobs.active(id.job).map_or(0, |job| job.program_failures(id.task));
        let trouble = self.executions[&id.job].tasks(id.task).trouble(id.task.index());
        by_program + trouble.map_or(0, |trouble| trouble.by_workers + trouble.by_shuffle)
    }

    /// Whether a map that ran again printed something else than when reduces may have read it. Then its job fails, unless its
    /// user takes whatever comes.
    pub(super) fn is_remade_differently(
        &mut self,
        id: AttemptId,
        holder: Incarnation,
        digest: OutputDigest,
    ) -> bool {
        let job = self.jobs.active(id.job).expect("a wanted task's job is active");
        let Some(Revoked { host: first_host, .. }) = job.differs_from(id.task, digest) else { return false };
        let second_host: Option<String> = self.registry.host(holder).map(Into::into);
        let first_host = first_host.clone();
        let mut failure = Failure::new(Cause::MapNotDeterministic { first_host, second_host });
        failure.attempt = Some(id);
        if job.specification.accepts_nondeterminism {
            probe!("a map that printed something else is accepted");
            tracing::warn!(attempt = %id, "{}", failure.cause);
            return false;
        }
        probe!("a map prints something else when it runs again");
        self.fail_job_with(id.job, failure);
        true
    }

    /// Ends what a worker executes of a job, so that others do it: what it gathers it could not put in place.
    fn move_away(&mut self, job: JobId, holder: Incarnation) {
        let mut there = self.attempts.of_holder(holder);
        there.retain(|attempt| attempt.job == job);
        for attempt in there {
            self.kill_attempt(attempt);
            self.wait_again(attempt);
        }
    }

    /// Whether every worker that is there, and not only to be drained, was found not to see the job's staging directory.
    pub(super) fn is_seen_by_nobody(&self, job: JobId) -> bool {
        let excluded = &self.executions[&job].excluded;
        self.registry.is_true_of_all_serving(|worker| excluded.contains(&worker))
    }

    /// Fails a job when the last worker is gone that might have seen its staging directory, and others are left.
    pub(super) fn fail_if_seen_by_nobody(&mut self, job: JobId) {
        if self.is_seen_by_nobody(job) {
            probe!("only workers are left that do not see the staging directory");
            let path = self.jobs.active(job).expect("the job is active").staging().0;
            self.fail_job(job, Cause::OutputNotShared { path });
        }
    }

    /// Takes note that a worker did a task well, and that the program failed at the same task on others.
    pub(super) fn did_better(&mut self, winner: Incarnation, others: &[Incarnation]) {
        self.registry.update(winner, |worker| worker.standing.succeeded());
        for worker in others {
            self.count_against(*worker);
        }
    }

    fn count_against(&mut self, worker: Incarnation) {
        self.registry.update(worker, |worker| worker.standing.failed());
    }

    /// Sets workers aside on which many tasks failed, unless nobody else is there; and lets them in again if so.
    pub(super) fn judge_workers(&mut self) {
        while let Some(worker) =
            self.registry.first_that_can_be_spared().filter(|it| self.is_spared_by_all(*it))
        {
            probe!("a worker is set aside");
            let mut until = self.now;
            self.registry.update(worker, |worker| until = worker.standing.set_aside(self.now));
            self.timers.set(ManagerTimer::LetIn(worker), until);
            let rest_us = until.since_us(self.now);
            tracing::warn!(
                worker = self.registry.host(worker),
                rest_us,
                "set aside: tasks fail on it one after another"
            );
        }
        for worker in self.registry.aside_and_needed() {
            probe!("a worker is let in again, for nobody else is left");
            self.let_in(worker);
        }
    }

    /// Whether each job has another worker that sees its staging directory.
    fn is_spared_by_all(&self, worker: Incarnation) -> bool {
        let mut particular = self.executions.values().filter(|execution| !execution.excluded.is_empty());
        particular.all(|execution| {
            self.registry.by_gathering().any(|it| it != worker && !execution.excluded.contains(&it))
        })
    }

    /// Gives tasks again to a worker that was set aside.
    pub(super) fn let_in(&mut self, worker: Incarnation) {
        self.timers.cancel(ManagerTimer::LetIn(worker));
        self.registry.update(worker, |worker| worker.standing.let_in());
        tracing::info!(worker = self.registry.host(worker), "let in again");
    }
}
