//! Who gets which task: owns the choice, and what a launch order says.
//!
//! A map takes a free slot of the worker that has most. A reduce is sent, without a slot, to the worker that gathers least,
//! and takes a slot there once its runs are on that worker, before any new map of its job does; so that a lost map can
//! always run again. Which job is next, is for [`super::shares`] to say; no job is passed over for one that comes later
//! but where nothing of it could be executed now.

use super::Manager;
use super::execution::{AttemptStage, Execution};
use super::jobs::Job;
use super::shares::{Rank, Shares};
use super::tasks::Tasks;
use crate::ids::{AttemptId, Incarnation, JobId, Partition, TaskId};
use crate::job::ByteRange;
use crate::limits::FETCHING_PER_SLOT;
use crate::wire::message::{JobOrder, LaunchOrder, TaskOrder, ToWorker};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

impl Manager {
    pub(super) fn schedule(&mut self) {
        if self.stopping.is_some() || self.executions.is_empty() {
            return;
        }
        let has_slots = self.registry.with_free_slots().next().is_some();
        if has_slots || self.registry.aside_with_free_slots().next().is_some() {
            let jobs = self.jobs_that(|job, execution| {
                self.attempts.has_gathered(job) || may_launch(execution, &execution.maps)
            });
            let give = |manager: &mut Manager, job| manager.run_gathered(job) || manager.launch_map(job);
            self.deal(jobs, Shares::slot_rank, give);
        }
        let jobs = self.jobs_that(|_, execution| may_launch(execution, &execution.reduces));
        self.deal(jobs, Shares::gathering_rank, Manager::launch_reduce);
    }

    fn jobs_that(&self, want: impl Fn(JobId, &Execution) -> bool) -> Vec<JobId> {
        let jobs = self.executions.iter().filter(|(job, execution)| want(**job, execution));
        jobs.map(|(job, _)| *job).collect()
    }

    /// Gives, one at a time and each to the job whose rank is least, until nobody can use more. Each decision takes time in
    /// the logarithm of the number of jobs.
    fn deal(
        &mut self,
        jobs: Vec<JobId>,
        rank: fn(&Shares, JobId) -> Rank,
        give: fn(&mut Manager, JobId) -> bool,
    ) {
        let ranked = jobs.into_iter().map(|job| rank(&self.attempts.shares, job));
        let mut contenders: BTreeSet<Rank> = ranked.collect();
        while let Some(Rank { job, .. }) = contenders.pop_first() {
            if give(self, job) {
                contenders.insert(rank(&self.attempts.shares, job));
            }
        }
    }

    /// Gives a reduce of a job, which has its runs, a slot of the worker that it has them on.
    fn run_gathered(&mut self, job: JobId) -> bool {
        if !self.attempts.has_gathered(job) {
            return false;
        }
        let holders = || self.registry.with_free_slots().chain(self.registry.aside_with_free_slots());
        let gathered = |holder| Some((holder, self.attempts.first_gathered(job, holder)?));
        let choice = holders().find_map(gathered);
        let Some((holder, attempt)) = choice else { return false };
        let connection = self.registry.get(holder).and_then(|worker| worker.link.connection());
        self.attempts.set_stage(attempt, AttemptStage::Running);
        self.registry.end_gathering(holder);
        self.registry.take_slot(holder);
        self.tell_worker(
            connection.expect("free slots are of workers that are linked"),
            ToWorker::Run { attempt },
        );
        true
    }

    fn launch_map(&mut self, job: JobId) -> bool {
        let execution = &self.executions[&job];
        if !may_launch(execution, &execution.maps) {
            return false;
        }
        let choice = self.choose(execution, &execution.maps, || self.registry.with_free_slots());
        let Some((index, worker)) = choice else { return false };
        let execution = self.executions.get_mut(&job).expect("the job is active");
        let attempt = execution.maps.launch(job, TaskId::Map(index), self.config.epoch);
        self.registry.take_slot(worker);
        self.launch(attempt, worker, AttemptStage::Running);
        true
    }

    fn launch_reduce(&mut self, job: JobId) -> bool {
        let (shares, room_of) = (&self.attempts.shares, |slots: u64| slots * u64::from(FETCHING_PER_SLOT));
        let is_short = shares.gathering(job) < shares.part(job, room_of(self.registry.slots()));
        let worker = |worker| self.registry.get(worker).expect("the order names registered workers");
        let has_room =
            |id: &Incarnation| u64::from(worker(*id).gathering()) < room_of(worker(*id).slots.into());
        // Others may have filled all room before this job came. It has its part of it all the same, on each worker.
        let is_due = |id: &Incarnation| {
            self.attempts.gathering_on(*id, job) < shares.part(job, room_of(worker(*id).slots.into()))
        };
        let candidates = || {
            let may = self.registry.by_gathering().take_while(|id| is_short || has_room(id));
            may.filter(|id| has_room(id) || is_due(id))
        };
        let execution = &self.executions[&job];
        if !may_launch(execution, &execution.reduces) {
            return false;
        }
        let choice = self.choose(execution, &execution.reduces, candidates);
        let Some((index, worker)) = choice else { return false };
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
        let trial = self.next_trial(attempt);
        let order = launch_order(self.jobs.active(attempt.job).expect("the job is active"), attempt, trial);
        self.tell_worker(connection, ToWorker::Launch(order.into()));
    }
}

/// Whether any of these tasks of a job is to be launched.
fn may_launch(execution: &Execution, tasks: &Tasks) -> bool {
    execution.is_running() && !execution.is_recovering && !tasks.waiting.is_empty()
}

fn launch_order(job: &Job, attempt: AttemptId, trial: Option<ByteRange>) -> LaunchOrder {
    let specification = job.specification.without_inputs();
    let task = match attempt.task {
        TaskId::Map(index) => {
            let split = job.plan.splits[index as usize];
            let (input, holes) = (job.plan.inputs[split.input as usize].clone(), job.holes(index));
            TaskOrder::Map { input, split, holes, trial }
        }
        TaskId::Reduce(index) => {
            TaskOrder::Reduce { partition: Partition(index), maps: job.plan.splits.len() as u32 }
        }
    };
    LaunchOrder { attempt, job: JobOrder { specification, staging: job.staging(), nonce: job.nonce }, task }
}
