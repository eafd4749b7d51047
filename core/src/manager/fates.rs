//! What becomes of attempts: the ends they report, those that are lost with their workers, those that are not wanted any
//! more, and the map outputs that are taken back (Google paper, 3.3). What follows from a failure is in
//! [`failures`](super::failures).
//!
//! A task has one winner at a time.

use super::Manager;
use super::backup;
use super::execution::{AttemptStage, Execution};
use super::journal::Record;
use crate::failure::Cause;
use crate::ids::{AttemptId, ConnectionId, Incarnation, JobId, TaskId};
use crate::probe::probe;
use crate::time::Time;
use crate::wire::message::{AttemptResult, OutputEntry, Success, ToWorker};
use crate::worker::shuffle::MapLocation;
use alloc::vec::Vec;

impl Manager {
    pub(super) fn attempt_ended(
        &mut self,
        holder: Incarnation,
        connection: ConnectionId,
        id: AttemptId,
        result: AttemptResult,
    ) {
        let is_known = self.attempts.get(id).is_some_and(|attempt| attempt.holder == holder);
        let launched_at = self.attempts.get(id).filter(|_| is_known).map(|attempt| attempt.launched_at);
        // How long one of an earlier life took is not known.
        let launched_at = launched_at.filter(|_| id.epoch == self.config.epoch);
        if is_known {
            self.forget_attempt(id);
        }
        let counts = match result {
            AttemptResult::Succeeded(success) => {
                if id.epoch <= self.config.epoch && self.is_wanted(id.job, id.task) {
                    if !is_known {
                        probe!("a success of an attempt given up for lost counts");
                    }
                    self.task_won(id, holder, success, launched_at);
                }
                let job = self.jobs.active(id.job);
                let counts =
                    job.and_then(|job| job.winner(id.task)).is_some_and(|winner| winner.attempt == id);
                if counts {
                    self.locate_again(holder, id);
                }
                counts
            }
            AttemptResult::Failed(failure) => {
                // One of an earlier life may be told of only now: that life never heard of it, or was not believed.
                let is_news = id.epoch < self.config.epoch
                    && self.jobs.active(id.job).is_some_and(|job| !job.has_failed(id))
                    && self.executions.get_mut(&id.job).is_some_and(|it| it.ends_of_earlier_lives.insert(id));
                if is_known || is_news {
                    self.attempt_failed(id, holder, *failure);
                }
                false
            }
            AttemptResult::Tried(failure) => {
                if is_known {
                    self.trial_ended(id, holder, failure.map(|failure| *failure));
                } else {
                    probe!("a trial ends that nobody waits for");
                }
                false
            }
        };
        self.tell_worker(connection, ToWorker::Acknowledged { attempt: id, counts });
        self.continue_ending(id.job);
    }

    fn task_won(&mut self, id: AttemptId, holder: Incarnation, success: Success, launched_at: Option<Time>) {
        let Success { counters, digest, left_out } = success;
        if self.is_remade_differently(id, holder, digest) {
            return;
        }
        self.record(Record::TaskWon { attempt: id, holder, counters, digest, left_out });
        let others: Vec<_> = self.attempts.of_task(id.job, id.task).map(|(other, _)| other).collect();
        for other in others {
            probe!("an attempt is overtaken by another of its task");
            self.kill_attempt(other);
        }
        let now = self.now;
        let execution = self.executions.get_mut(&id.job).expect("a wanted task's job is executed");
        let began = launched_at.and_then(|launched_at| backup::began(execution, id.task, launched_at));
        execution.won.add(&counters);
        if let TaskId::Map(index) = id.task {
            execution.searches.remove(&index);
        }
        let (tasks, index) = execution.tasks_of(id.task);
        tasks.waiting.remove(&index);
        tasks.done += 1;
        if let Some(began) = began {
            tasks.durations.add(now.since_us(began));
        }
        let mut failed_elsewhere = tasks.won(index);
        failed_elsewhere.retain(|worker| *worker != holder);
        if execution.maps.done == execution.maps.total {
            execution.maps_done_at.get_or_insert(now);
        }
        self.did_better(holder, &failed_elsewhere);
        if let TaskId::Map(map_index) = id.task
            && self.jobs.active(id.job).is_some_and(|job| !job.is_map_only())
        {
            let address = self.registry.get(holder).and_then(|worker| worker.shuffle_address);
            let location = Some(MapLocation { map: id, holder, address });
            self.push_output(id.job, OutputEntry { map_index, location });
        }
        self.commit_if_won(id.job);
    }

    /// Gives up an attempt that will never report.
    pub(super) fn attempt_lost(&mut self, id: AttemptId, cause: Cause) {
        tracing::info!(attempt = %id, "attempt lost: {cause}");
        probe!("an attempt is lost");
        self.forget_attempt(id);
        if let Some(execution) = self.executions.get_mut(&id.job) {
            execution.attempts_failed += 1;
        }
        self.wait_again(id);
        self.continue_ending(id.job);
    }

    /// Lets an attempt's task wait for another, unless it has one or needs none.
    pub(super) fn wait_again(&mut self, id: AttemptId) {
        let is_executed = self.attempts.of_task(id.job, id.task).any(|(_, attempt)| !attempt.is_killed);
        if is_executed || !self.is_wanted(id.job, id.task) {
            return;
        }
        let execution = self.executions.get_mut(&id.job).expect("a wanted task's job is executed");
        let (tasks, index) = execution.tasks_of(id.task);
        tasks.waiting.insert(index);
        if let TaskId::Reduce(_) = id.task {
            self.revoke_lost_outputs(id.job);
        }
    }

    /// Strikes an attempt off and gives back what it held.
    pub(super) fn forget_attempt(&mut self, id: AttemptId) {
        let Some(attempt) = self.attempts.remove(id) else { return };
        match attempt.stage {
            AttemptStage::Running => self.registry.free_slot(attempt.holder),
            AttemptStage::Gathering | AttemptStage::Gathered => self.registry.end_gathering(attempt.holder),
        }
    }

    /// Tells the worker of an attempt that it is not wanted; its slot is free when it says that it ended.
    pub(super) fn kill_attempt(&mut self, id: AttemptId) {
        let Some(attempt) = self.attempts.get(id).filter(|attempt| !attempt.is_killed) else { return };
        let connection = self.registry.get(attempt.holder).and_then(|worker| worker.link.connection());
        self.attempts.mark_killed(id);
        match connection {
            Some(connection) => self.tell_worker(connection, ToWorker::Kill { attempt: id }),
            None => probe!("an attempt is killed while its worker is away"),
        }
    }

    /// Takes back a map's output that is lost, so that the map runs again. Returns whether it counted.
    pub(super) fn revoke_output(&mut self, map: AttemptId) -> bool {
        let TaskId::Map(map_index) = map.task else { return false };
        let is_running = self.executions.get(&map.job).is_some_and(|execution| execution.is_running());
        let winner = self.jobs.active(map.job).and_then(|job| job.winner(map.task)).copied();
        let Some(winner) = winner.filter(|winner| is_running && winner.attempt == map) else { return false };
        let host = self.registry.host(winner.holder).map(Into::into);
        self.record(Record::OutputRevoked { attempt: map, host });
        let execution = self.executions.get_mut(&map.job).expect("it runs");
        execution.won.subtract(&winner.counters);
        execution.maps.done -= 1;
        execution.maps_done_at = None;
        execution.maps.waiting.insert(map_index);
        self.push_output(map.job, OutputEntry { map_index, location: None });
        true
    }

    /// Takes back a map's output that its holder does not give, or not as it was: the map runs elsewhere if it can.
    /// Returns whether it counted.
    pub(super) fn revoke_bad_output(&mut self, map: AttemptId) -> bool {
        let holder =
            self.jobs.active(map.job).and_then(|job| job.winner(map.task)).map(|winner| winner.holder);
        let counted = self.revoke_output(map);
        if let (true, Some(holder), Some(execution)) = (counted, holder, self.executions.get_mut(&map.job)) {
            let (tasks, index) = execution.tasks_of(map.task);
            tasks.avoid(index, holder, false);
        }
        counted
    }

    /// Takes back the map outputs on workers that are gone, if a reduce still has to gather runs.
    pub(super) fn revoke_lost_outputs(&mut self, job: JobId) {
        let Some(durable) = self.jobs.active(job).filter(|durable| !durable.is_map_only()) else { return };
        let is_settled = |execution: &&Execution| execution.is_running() && !execution.is_recovering;
        let Some(execution) = self.executions.get(&job).filter(is_settled) else { return };
        let needs_runs = |index: u32| {
            let task = TaskId::Reduce(index);
            let has_runs = |stage| matches!(stage, AttemptStage::Gathered | AttemptStage::Running);
            durable.winner(task).is_none()
                && !self
                    .attempts
                    .of_task(job, task)
                    .any(|(_, attempt)| has_runs(attempt.stage) && !attempt.is_killed)
        };
        if !(0..execution.reduces.total).any(needs_runs) {
            return;
        }
        let lost: Vec<AttemptId> = durable
            .winners()
            .filter(|winner| matches!(winner.attempt.task, TaskId::Map(_)))
            .filter(|winner| self.registry.get(winner.holder).is_none())
            .map(|winner| winner.attempt)
            .collect();
        for map in lost {
            probe!("an output is revoked with its worker");
            self.revoke_output(map);
        }
    }
}
