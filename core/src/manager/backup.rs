//! Backup attempts: owns which tasks are executed a second time, on another worker, because the first attempt takes far
//! longer than others took (Google paper, 3.6). The first to end well counts, the other is killed.
//!
//! What is backed up is what would last longest, by the estimate of LATE (Zaharia et al., OSDI 2008): the time left is that
//! so far, times what is left, over what is done. Invariant: a task has two attempts at the most, and a second one only while
//! no task of its kind waits; so nothing that was not begun yet is held up.

use super::durations::Durations;
use super::execution::{Attempt, AttemptStage, Execution};
use super::{Manager, ManagerTimer};
use crate::ids::{AttemptId, Incarnation, JobId, TaskId};
use crate::limits::{
    BACKUP_AFTER_US, BACKUP_CHECK_US, BACKUPS_ALWAYS, BACKUPS_PER_HUNDRED, FETCHING_PER_SLOT,
};
use crate::probe::probe;
use crate::time::Time;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

/// An attempt that takes longer than it should.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Straggler {
    left_us: u64,
    id: AttemptId,
    holder: Incarnation,
}

impl Manager {
    /// Looks for stragglers from now on, as long as there are jobs.
    pub(super) fn watch_for_stragglers(&mut self) {
        self.timers.set_if_idle(ManagerTimer::Backups, self.now.after(BACKUP_CHECK_US));
    }

    /// Has a second attempt made of tasks that take far longer than usual.
    pub(super) fn back_up_stragglers(&mut self) {
        for job in self.executions.keys().copied().collect::<Vec<_>>() {
            self.watch_for_stragglers();
            self.back_up(job, TaskId::Map);
            self.back_up(job, TaskId::Reduce);
        }
    }

    fn back_up(&mut self, job: JobId, kind: fn(u32) -> TaskId) {
        let mut room = self.room_for_backups(job, kind);
        let stragglers = if room > 0 { self.stragglers(job, kind) } else { Vec::new() };
        let slow: BTreeSet<Incarnation> = stragglers.iter().map(|straggler| straggler.holder).collect();
        for Straggler { id, .. } in stragglers.into_iter().rev() {
            if room == 0 {
                return;
            }
            let Some(worker) = self.worker_for_backup(id, &slow) else { continue };
            probe!("a straggler is backed up");
            room -= 1;
            let execution = self.executions.get_mut(&job).expect("it is executed");
            execution.backups += 1;
            let backup = execution.tasks_of(id.task).0.back_up(job, id.task, self.config.epoch);
            tracing::info!(straggler = %id, %backup, "backed up: it takes longer than others took");
            match id.task {
                TaskId::Map(_) => {
                    self.registry.take_slot(worker);
                    self.launch(backup, worker, AttemptStage::Running);
                }
                TaskId::Reduce(_) => {
                    self.registry.begin_gathering(worker);
                    self.launch(backup, worker, AttemptStage::Gathering);
                }
            }
        }
    }

    /// How many more tasks may be backed up now.
    fn room_for_backups(&self, job: JobId, kind: fn(u32) -> TaskId) -> u32 {
        let execution = &self.executions[&job];
        let tasks = execution.tasks(kind(0));
        let may = execution.is_running()
            && !execution.is_recovering
            && self.stopping.is_none()
            && tasks.waiting.is_empty()
            && tasks.done < tasks.total
            && !self.jobs.active(job).is_some_and(|durable| durable.specification.has_side_effects);
        if !may {
            return 0;
        }
        let under_way = self.live(job, kind).count() as u32;
        let backups = under_way.saturating_sub(tasks.total - tasks.done);
        (under_way * BACKUPS_PER_HUNDRED / 100).max(BACKUPS_ALWAYS).saturating_sub(backups)
    }

    /// Attempts that last far longer than is usual and have no backup, the one that will last longest last.
    fn stragglers(&self, job: JobId, kind: fn(u32) -> TaskId) -> Vec<Straggler> {
        let execution = &self.executions[&job];
        let tasks = execution.tasks(kind(0));
        let Some(usual_us) = usual_us(&tasks.durations, tasks.total - tasks.done_before) else {
            return Vec::new();
        };
        let lasts_long = |(id, attempt): (AttemptId, &Attempt)| {
            let began = began(execution, id.task, attempt.launched_at)?;
            let so_far_us = self.now.since_us(began);
            let left_us = self.left_us(id, attempt, so_far_us);
            let is_tried_out =
                matches!(id.task, TaskId::Map(index) if execution.searches.contains_key(&index));
            let is_alone =
                self.attempts.of_task(job, id.task).filter(|(_, attempt)| !attempt.is_killed).count() == 1;
            let is_long = so_far_us >= BACKUP_AFTER_US && 2 * so_far_us > 3 * usual_us && left_us > usual_us;
            (is_alone && is_long && !is_tried_out).then_some(Straggler {
                left_us,
                id,
                holder: attempt.holder,
            })
        };
        let mut stragglers: Vec<_> = self.live(job, kind).filter_map(lasts_long).collect();
        stragglers.sort_unstable();
        stragglers
    }

    /// How long an attempt will still take, as far as that can be told.
    fn left_us(&self, id: AttemptId, attempt: &Attempt, so_far_us: u64) -> u64 {
        let durable = self.jobs.active(id.job).expect("the job is active");
        let (done, whole) = match id.task {
            TaskId::Map(index) => {
                (attempt.counters.map_input_bytes, durable.plan.splits[index as usize].length_bytes)
            }
            TaskId::Reduce(_) => (0, 0),
        };
        if done == 0 || done >= whole {
            // Of what has only begun, or has read all, nothing is known but that it lasts: as long again.
            return so_far_us;
        }
        let left = u128::from(so_far_us) * u128::from(whole - done) / u128::from(done);
        u64::try_from(left).unwrap_or(u64::MAX)
    }

    /// Who may execute a task a second time: not whom it is slow on, nor who failed it.
    fn worker_for_backup(&self, id: AttemptId, slow: &BTreeSet<Incarnation>) -> Option<Incarnation> {
        let execution = &self.executions[&id.job];
        let trouble = execution.tasks(id.task).trouble(id.task.index());
        let may = |worker: &Incarnation| {
            !slow.contains(worker)
                && !execution.excluded.contains(worker)
                && trouble.is_none_or(|trouble| trouble.times_on(*worker) == 0)
        };
        let has_room = |worker: &Incarnation| {
            let worker = self.registry.get(*worker).expect("the order names registered workers");
            worker.gathering() < worker.slots.saturating_mul(FETCHING_PER_SLOT)
        };
        match id.task {
            TaskId::Map(_) => self.registry.with_free_slots().find(may),
            TaskId::Reduce(_) => {
                self.registry.with_free_slots().find(|worker| may(worker) && has_room(worker))
            }
        }
    }

    fn live(&self, job: JobId, kind: fn(u32) -> TaskId) -> impl Iterator<Item = (AttemptId, &Attempt)> {
        let is_of_kind = move |id: AttemptId| kind(id.task.index()) == id.task;
        self.attempts.of_job(job).filter(move |(id, attempt)| is_of_kind(*id) && !attempt.is_killed)
    }
}

/// When an attempt could begin: a reduce not before all maps are done; `None` if they are not.
pub(super) fn began(execution: &Execution, task: TaskId, launched_at: Time) -> Option<Time> {
    match task {
        TaskId::Map(_) => Some(launched_at),
        TaskId::Reduce(_) => execution.maps_done_at.map(|done_at| done_at.max(launched_at)),
    }
}

/// How long a task of a kind usually takes, once half of so many have shown it.
fn usual_us(durations: &Durations, total: u32) -> Option<u64> {
    durations.median_us().filter(|_| 2 * durations.count() >= total)
}
