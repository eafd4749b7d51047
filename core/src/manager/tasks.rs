//! The tasks of a job: owns which of one kind wait for a worker, and how they fared on whom.
//!
//! Never knows what executes them. How often a program failed is durable, and so in [`super::jobs`]; what is here a restart
//! forgets. A task with which nothing ever went wrong costs an entry in a set while it waits, and no more.

use super::durations::Durations;
use super::standing::doubled;
use crate::ids::{AttemptId, Epoch, Incarnation, JobId, TaskId};
use crate::limits::TASK_REST_US;
use crate::time::Time;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

/// The tasks of one kind.
#[derive(Debug, Default)]
pub struct Tasks {
    /// How many there are.
    pub total: u32,
    /// How many have a winner.
    pub done: u32,
    /// How many had one before this life of the Manager.
    pub done_before: u32,
    /// Those that wait for a worker.
    pub waiting: BTreeSet<u32>,
    /// How long those took that were executed in this life of the Manager.
    pub durations: Durations,
    launched: BTreeMap<u32, u32>,
    troubles: BTreeMap<u32, Trouble>,
}

/// What is remembered of a task with which something went wrong.
#[derive(Debug, Default)]
pub struct Trouble {
    /// Failures that were a worker's own doing.
    pub by_workers: u32,
    /// When the first of them was.
    pub by_workers_since: Time,
    /// Failures for map outputs that could not be had.
    pub by_shuffle: u32,
    on: BTreeMap<Incarnation, Trial>,
}

/// How a task fared on one worker.
#[derive(Copy, Clone, Debug, Default)]
struct Trial {
    /// How often it failed there, or left there what could not be had.
    times: u32,
    /// How often that was the worker's own doing.
    by_worker: u32,
    /// Whether it ever was the program's.
    by_program: bool,
    /// When the worker may try it again.
    retry_at: Time,
}

impl Trouble {
    /// How often it failed on a worker.
    pub fn times_on(&self, worker: Incarnation) -> u32 {
        self.on.get(&worker).map_or(0, |trial| trial.times)
    }

    /// Whether a worker may try it now.
    pub fn may_try(&self, worker: Incarnation, now: Time) -> bool {
        self.on.get(&worker).is_none_or(|trial| trial.retry_at <= now)
    }
}

impl Tasks {
    /// So many tasks, all waiting.
    pub fn all_waiting(total: u32) -> Tasks {
        Tasks { total, waiting: (0..total).collect(), ..Tasks::default() }
    }

    /// Takes a waiting task and names its next attempt.
    pub fn launch(&mut self, job: JobId, task: TaskId, epoch: Epoch) -> AttemptId {
        let index = task.index();
        assert!(self.waiting.remove(&index), "only a waiting task is launched");
        self.next_attempt(job, task, epoch)
    }

    /// Names a second attempt of a task that is being executed.
    pub fn back_up(&mut self, job: JobId, task: TaskId, epoch: Epoch) -> AttemptId {
        assert!(!self.waiting.contains(&task.index()), "only what is executed is backed up");
        self.next_attempt(job, task, epoch)
    }

    fn next_attempt(&mut self, job: JobId, task: TaskId, epoch: Epoch) -> AttemptId {
        let index = task.index();
        let number = self.launched.entry(index).or_insert(0);
        let attempt = AttemptId { job, task, epoch, number: *number };
        *number += 1;
        attempt
    }

    /// What is remembered of a task; `None` if nothing went wrong with it.
    pub fn trouble(&self, index: u32) -> Option<&Trouble> {
        self.troubles.get(&index)
    }

    /// Lets a task rather be executed by another worker than this one: its program failed there, or what it left there cannot
    /// be had.
    pub fn avoid(&mut self, index: u32, worker: Incarnation, by_program: bool) {
        let trial = self.troubles.entry(index).or_default().on.entry(worker).or_default();
        trial.times += 1;
        trial.by_program |= by_program;
    }

    /// A task is won: what workers failed of it is forgotten. Returns those on which its program had failed.
    pub fn won(&mut self, index: u32) -> Vec<Incarnation> {
        let Some(trouble) = self.troubles.get_mut(&index) else { return Vec::new() };
        trouble.by_workers = 0;
        let failed_there = |(worker, trial): (&Incarnation, &mut Trial)| {
            core::mem::take(&mut trial.by_program).then_some(*worker)
        };
        trouble.on.iter_mut().filter_map(failed_there).collect()
    }

    /// What a task's program failed on was not the workers' doing.
    pub fn forgive_program(&mut self, index: u32) {
        for trial in self.troubles.get_mut(&index).into_iter().flat_map(|trouble| trouble.on.values_mut()) {
            trial.by_program = false;
        }
    }

    /// Counts a failure that is the worker's own doing; returns when that worker may try again.
    pub fn failed_by_worker(&mut self, index: u32, worker: Incarnation, now: Time) -> Time {
        let trouble = self.troubles.entry(index).or_default();
        if trouble.by_workers == 0 {
            trouble.by_workers_since = now;
        }
        trouble.by_workers += 1;
        let trial = trouble.on.entry(worker).or_default();
        trial.retry_at = now.after(doubled(TASK_REST_US, trial.by_worker));
        trial.by_worker += 1;
        trial.times += 1;
        trial.retry_at
    }

    /// Counts a failure for a map output that cannot be had; returns how many there were.
    pub fn failed_by_shuffle(&mut self, index: u32) -> u32 {
        let trouble = self.troubles.entry(index).or_default();
        trouble.by_shuffle += 1;
        trouble.by_shuffle
    }
}
