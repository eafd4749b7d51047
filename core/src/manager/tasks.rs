//! The tasks of a job: owns which of one kind wait for a worker, how often each failed, by whose fault, and on whom.
//!
//! Never knows what executes them. A task that nothing ever went wrong with costs an entry in a set while it waits, and no
//! more.

use crate::failure::Fault;
use crate::ids::{AttemptId, Epoch, Incarnation, JobId, TaskId};
use alloc::collections::{BTreeMap, BTreeSet};

/// The tasks of one kind.
#[derive(Debug, Default)]
pub struct Tasks {
    /// How many there are.
    pub total: u32,
    /// How many have a winner.
    pub done: u32,
    /// Those that wait for a worker.
    pub waiting: BTreeSet<u32>,
    launched: BTreeMap<u32, u32>,
    failed_on: BTreeMap<u32, BTreeMap<Incarnation, u32>>,
    failures: BTreeMap<u32, Failures>,
}

/// How often a task failed, by whose fault.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// The program's.
    pub program: u32,
    /// A worker's.
    pub worker: u32,
    /// The shuffle's.
    pub shuffle: u32,
}

impl Failures {
    /// All of them.
    pub fn total(self) -> u32 {
        self.program + self.worker + self.shuffle
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
        let number = self.launched.entry(index).or_insert(0);
        let attempt = AttemptId { job, task, epoch, number: *number };
        *number += 1;
        attempt
    }

    /// Lets a task rather be executed by another worker than this one, which failed it.
    pub fn avoid(&mut self, index: u32, worker: Incarnation) {
        *self.failed_on.entry(index).or_default().entry(worker).or_default() += 1;
    }

    /// The workers that failed a task, and how often; `None` if nobody did.
    pub fn failed_on(&self, index: u32) -> Option<&BTreeMap<Incarnation, u32>> {
        self.failed_on.get(&index)
    }

    /// Counts a failure of a task; returns all of its failures.
    pub fn count_failure(&mut self, index: u32, fault: Fault) -> Failures {
        let failures = self.failures.entry(index).or_default();
        match fault {
            Fault::Program | Fault::Job => failures.program += 1,
            Fault::Worker => failures.worker += 1,
            Fault::Shuffle => failures.shuffle += 1,
            Fault::Nobody => {}
        }
        *failures
    }
}
