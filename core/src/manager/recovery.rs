//! A Manager's return: what the journal does not tell, it learns again from the workers.
//!
//! Every job goes on where its records end. What runs, and where map outputs lie, workers tell in their inventories; until
//! they have had time to come back, what is not won is not given out anew, and what is won is not taken back. Attempts of an
//! earlier epoch live on only where they are adopted here (Google paper, 3.3, "Master Failure", without its abort).

use super::commit::Errand;
use super::execution::{AttemptStage, Execution, Stage};
use super::files::FileRequest;
use super::jobs::{Job, Phase};
use super::tasks::Tasks;
use super::{Manager, ManagerTimer};
use crate::ids::{AttemptId, ConnectionId, Incarnation, JobId, TaskId};
use crate::job::Staging;
use crate::limits::DIAL_BACKOFF_US;
use crate::probe::probe;
use crate::time::Time;
use crate::wire::message::{OutputEntry, ToWorker, Verdict};
use crate::worker::shuffle::MapLocation;
use alloc::vec::Vec;

impl Execution {
    /// A job of an earlier life.
    fn recovered(job: &Job, now: Time) -> Execution {
        let stage = match job.phase {
            Phase::Accepted => Stage::Preparing(Errand::prepare(job)),
            Phase::Running => Stage::Running,
            Phase::Committing => Stage::Committing(Errand::commit(job, true)),
            Phase::Publishing => Stage::Publishing(Errand::publish(job, true)),
            Phase::Failing => Stage::Ending,
        };
        let is_running = matches!(stage, Stage::Running);
        let tasks = |kind: fn(u32) -> TaskId, total: u32| {
            let mut tasks = Tasks::all_waiting(total);
            tasks.waiting.retain(|index| is_running && job.winner(kind(*index)).is_none());
            tasks.done = (0..tasks.total).filter(|index| job.winner(kind(*index)).is_some()).count() as u32;
            tasks.done_before = tasks.done;
            tasks
        };
        let is_planned = job.has_task(TaskId::Reduce(0));
        Execution {
            maps: tasks(TaskId::Map, job.plan.splits.len() as u32),
            reduces: tasks(TaskId::Reduce, if is_planned { job.specification.reducers } else { 0 }),
            input_bytes: job.plan.inputs.iter().map(|input| input.identity.size_bytes).sum(),
            won: job.counters(),
            maps_done_at: (is_planned && job.are_maps_won()).then_some(now),
            // Of a job without a plan nobody has anything.
            is_recovering: job.phase != Phase::Accepted,
            ..Execution::new(stage)
        }
    }
}

impl Manager {
    /// Takes up the jobs of the life before.
    pub(super) fn recover(&mut self) {
        for (job, durable) in self.jobs.all_active() {
            self.executions.insert(job, Execution::recovered(durable, self.now));
            self.attempts.shares.join(job, durable.specification.priority);
        }
        if !self.executions.is_empty() {
            self.take_up_jobs();
        }
        let stagings: Vec<_> = self.jobs.ended_stagings().collect();
        for (job, Staging(path)) in stagings {
            self.ask_file(job, FileRequest::RemoveTree { path });
        }
    }

    fn take_up_jobs(&mut self) {
        tracing::info!(jobs = self.executions.len(), "jobs taken up from the journal");
        self.watch_for_stragglers();
        for job in self.executions.keys().copied().collect::<Vec<_>>() {
            match self.executions[&job].stage {
                Stage::Preparing(_) | Stage::Committing(_) | Stage::Publishing(_) => self.ask_files(job),
                Stage::Running => self.commit_if_won(job),
                Stage::Ending | Stage::Cleaning(_) => {}
            }
        }
        // A worker that noticed its Manager's death dials again after no longer than this; the lease is for the others.
        let (_, longest_pause_us) = DIAL_BACKOFF_US;
        self.timers
            .set(ManagerTimer::Recovered, self.now.after(self.config.lease_us.max(2 * longest_pause_us)));
    }

    /// Whoever was going to come back has: what nobody told of is lost.
    pub(super) fn recovered(&mut self) {
        for job in self.executions.keys().copied().collect::<Vec<_>>() {
            let execution = self.executions.get_mut(&job).expect("it was there");
            if core::mem::take(&mut execution.is_recovering) {
                self.revoke_lost_outputs(job);
                self.continue_ending(job);
            }
        }
    }

    /// Judges an attempt that a worker tells of and that was not launched in this life: one whose task waits is adopted.
    pub(super) fn adopt(
        &mut self,
        holder: Incarnation,
        connection: ConnectionId,
        id: AttemptId,
        stage: AttemptStage,
    ) -> Verdict {
        let has_room = self.registry.get(holder).is_some_and(|worker| worker.free_slots() > 0);
        let (runs, is_of_another_life) = (stage == AttemptStage::Running, id.epoch < self.config.epoch);
        if !runs && self.jobs.is_draining(holder) {
            return Verdict::Drop;
        }
        let has_failed = self.jobs.active(id.job).is_some_and(|job| job.has_failed(id));
        if !is_of_another_life || has_failed || self.attempts.get(id).is_some() || (runs && !has_room) {
            probe!("an attempt that is not known is dropped");
            return Verdict::Drop;
        }
        let Some(execution) = self.executions.get_mut(&id.job) else {
            probe!("an attempt of a job that is over is dropped");
            return Verdict::Drop;
        };
        let (tasks, index) = execution.tasks_of(id.task);
        if tasks.waiting.remove(&index) {
            probe!("an attempt of an earlier life is adopted");
            self.enter(holder, id, stage);
            return Verdict::Keep;
        }
        if runs {
            probe!("an attempt of an earlier life is killed");
            // It may be writing into the staging directory, which is not removed under it.
            self.enter(holder, id, stage);
            self.attempts.mark_killed(id);
            self.tell_worker(connection, ToWorker::Kill { attempt: id });
            return Verdict::Keep;
        }
        Verdict::Drop
    }

    fn enter(&mut self, holder: Incarnation, id: AttemptId, stage: AttemptStage) {
        match stage {
            AttemptStage::Running => self.registry.take_slot(holder),
            AttemptStage::Gathering | AttemptStage::Gathered => self.registry.begin_gathering(holder),
        }
        self.attempts.insert(id, holder, stage, self.now);
        if stage == AttemptStage::Gathered {
            self.attempts.set_stage(id, stage);
        }
    }

    /// Enters where the output of a map lies that was won in an earlier life, if nobody has told of it yet.
    pub(super) fn locate_again(&mut self, holder: Incarnation, map: AttemptId) {
        let TaskId::Map(map_index) = map.task else { return };
        let is_located = |job: JobId| {
            self.executions.get(&job).is_none_or(|execution| execution.located.contains(&map_index))
        };
        if map.epoch < self.config.epoch && !is_located(map.job) {
            probe!("an output of an earlier life is found again");
            let address = self.registry.get(holder).and_then(|worker| worker.shuffle_address);
            let location = Some(MapLocation { map, holder, address });
            self.push_output(map.job, OutputEntry { map_index, location });
        }
    }
}
