//! Who gets which task: owns the choice, and what a launch order says.
//!
//! A map takes a free slot of the worker that has most. A reduce is sent, without a slot, to the worker that gathers least,
//! and takes a slot there once its runs are on that worker, before any new map does; so that a lost map can always run
//! again. Jobs are served first in, first out.

use super::Manager;
use super::execution::{AttemptStage, Execution};
use super::jobs::Job;
use super::tasks::Tasks;
use crate::ids::{AttemptId, Incarnation, JobId, Partition, TaskId};
use crate::limits::FETCHING_PER_SLOT;
use crate::wire::message::{JobOrder, LaunchOrder, TaskOrder, ToWorker};
use alloc::vec::Vec;

impl Manager {
    pub(super) fn schedule(&mut self) {
        if self.stopping.is_some() || self.executions.is_empty() {
            return;
        }
        self.give_slots_to_gathered();
        let ready = self.executions.iter().filter(|(_, execution)| !execution.is_recovering);
        for job in ready.map(|(job, _)| *job).collect::<Vec<_>>() {
            while self.launch_map(job) {}
            while self.launch_reduce(job) {}
        }
    }

    fn give_slots_to_gathered(&mut self) {
        for holder in self.attempts.holders_of_gathered() {
            while let Some(attempt) = self.attempts.first_gathered(holder) {
                let worker = self.registry.get(holder).expect("attempts are executed by registered workers");
                let Some(connection) = worker.link.connection().filter(|_| worker.free_slots() > 0) else {
                    break;
                };
                self.attempts.set_stage(attempt, AttemptStage::Running);
                self.registry.end_gathering(holder);
                self.registry.take_slot(holder);
                self.tell_worker(connection, ToWorker::Run { attempt });
            }
        }
    }

    fn launch_map(&mut self, job: JobId) -> bool {
        let execution = &self.executions[&job];
        let choice = self.choose(execution, &execution.maps, || self.registry.with_free_slots());
        let Some((index, worker)) = choice.filter(|_| execution.is_running()) else { return false };
        let execution = self.executions.get_mut(&job).expect("the job is active");
        let attempt = execution.maps.launch(job, TaskId::Map(index), self.config.epoch);
        self.registry.take_slot(worker);
        self.launch(attempt, worker, AttemptStage::Running);
        true
    }

    fn launch_reduce(&mut self, job: JobId) -> bool {
        let has_room = |worker: &Incarnation| {
            let worker = self.registry.get(*worker).expect("the order names registered workers");
            worker.gathering() < worker.slots.saturating_mul(FETCHING_PER_SLOT)
        };
        let execution = &self.executions[&job];
        let choice =
            self.choose(execution, &execution.reduces, || self.registry.by_gathering().take_while(has_room));
        let Some((index, worker)) = choice.filter(|_| execution.is_running()) else { return false };
        let execution = self.executions.get_mut(&job).expect("the job is active");
        let attempt = execution.reduces.launch(job, TaskId::Reduce(index), self.config.epoch);
        self.registry.begin_gathering(worker);
        self.launch(attempt, worker, AttemptStage::Gathering);
        true
    }

    /// The first waiting task for which one of the candidates will do: one of those workers that failed it least often, even
    /// if it must wait for them, or until they may try again. So it comes round to each of them, whatever is broken about the
    /// others.
    fn choose<C: Iterator<Item = Incarnation>>(
        &self,
        execution: &Execution,
        tasks: &Tasks,
        candidates: impl Fn() -> C,
    ) -> Option<(u32, Incarnation)> {
        let may_execute = |worker: &Incarnation| !execution.excluded.contains(worker);
        let first = candidates().find(may_execute)?;
        tasks.waiting.iter().copied().find_map(|index| {
            let Some(trouble) = tasks.trouble(index) else { return Some((index, first)) };
            let times = |worker: Incarnation| trouble.times_on(worker);
            let fewest = self.registry.by_gathering().filter(may_execute).map(times).min()?;
            let is_next = |worker: &Incarnation| {
                may_execute(worker) && times(*worker) == fewest && trouble.may_try(*worker, self.now)
            };
            let worker = candidates().find(is_next)?;
            Some((index, worker))
        })
    }

    pub(super) fn launch(&mut self, attempt: AttemptId, worker: Incarnation, stage: AttemptStage) {
        self.attempts.insert(attempt, worker, stage, self.now);
        let connection = self.registry.get(worker).and_then(|worker| worker.link.connection());
        let connection = connection.expect("tasks go to workers that are linked");
        let order = launch_order(self.jobs.active(attempt.job).expect("the job is active"), attempt);
        self.tell_worker(connection, ToWorker::Launch(order.into()));
    }
}

fn launch_order(job: &Job, attempt: AttemptId) -> LaunchOrder {
    let specification = job.specification.without_inputs();
    let task = match attempt.task {
        TaskId::Map(index) => {
            let split = job.plan.splits[index as usize];
            TaskOrder::Map { input: job.plan.inputs[split.input as usize].clone(), split }
        }
        TaskId::Reduce(index) => {
            TaskOrder::Reduce { partition: Partition(index), maps: job.plan.splits.len() as u32 }
        }
    };
    LaunchOrder { attempt, job: JobOrder { specification, staging: job.staging(), nonce: job.nonce }, task }
}
