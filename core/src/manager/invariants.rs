//! What must be true of the Manager between any two inputs.

use super::Manager;
use super::execution::{AttemptStage, Stage};
use super::jobs::Phase;
use crate::ids::TaskId;
use alloc::collections::BTreeMap;

impl Manager {
    pub(super) fn check(&self) {
        self.journal.check_invariants();
        self.registry.check_invariants();
        self.attempts.check_invariants();
        self.check_slots();
        self.check_jobs();
    }

    /// A worker's slots are those of its attempts.
    fn check_slots(&self) {
        let mut used: BTreeMap<_, (u32, u32)> = BTreeMap::new();
        for (id, attempt) in self.attempts.all() {
            assert!(
                self.registry.get(attempt.holder).is_some(),
                "{id} is executed by a worker that is registered"
            );
            assert!(self.executions.contains_key(&id.job), "{id} belongs to an active job");
            let (slots, gathering) = used.entry(attempt.holder).or_default();
            match attempt.stage {
                AttemptStage::Running => *slots += 1,
                AttemptStage::Gathering | AttemptStage::Gathered => *gathering += 1,
            }
        }
        for (incarnation, worker) in self.registry.all() {
            let counted = used.get(&incarnation).copied().unwrap_or_default();
            assert_eq!(
                counted,
                (worker.slots_used(), worker.gathering()),
                "attempts account for what is used"
            );
            assert!(worker.slots_used() <= worker.slots, "no more attempts run than there are slots");
        }
    }

    /// A task waits, is executed, or is won; exactly one of them.
    fn check_jobs(&self) {
        assert_eq!(self.executions.len(), self.jobs.all_active().count(), "every active job is executed");
        for (id, job) in self.jobs.all_active() {
            let execution = &self.executions[&id];
            match execution.stage {
                Stage::Preparing(_) => assert_eq!(job.phase, Phase::Accepted),
                Stage::Committing(_) => assert_eq!(job.phase, Phase::Committing),
                Stage::Publishing(_) => assert_eq!(job.phase, Phase::Publishing),
                Stage::Ending | Stage::Cleaning(_) => {
                    assert!(matches!(job.phase, Phase::Publishing | Phase::Failing), "its end is decided");
                }
                Stage::Running => {
                    assert_eq!(job.phase, Phase::Running);
                    let maps = (0..execution.maps.total).map(TaskId::Map);
                    for task in maps.chain((0..execution.reduces.total).map(TaskId::Reduce)) {
                        let (tasks, index) = match task {
                            TaskId::Map(index) => (&execution.maps, index),
                            TaskId::Reduce(index) => (&execution.reduces, index),
                        };
                        let is_waiting = tasks.waiting.contains(&index);
                        let is_executed =
                            self.attempts.of_task(id, task).any(|(_, attempt)| !attempt.is_killed);
                        let live = self.attempts.of_task(id, task).filter(|(_, attempt)| !attempt.is_killed);
                        assert!(live.count() <= 2, "an attempt has one backup at the most");
                        let is_won = job.winner(task).is_some();
                        let states = [is_waiting, is_executed, is_won];
                        assert_eq!(
                            states.iter().filter(|is| **is).count(),
                            1,
                            "job {id}, {task}: {states:?}"
                        );
                    }
                    let won = |kind: fn(u32) -> TaskId, total| {
                        (0..total).filter(|index| job.winner(kind(*index)).is_some()).count() as u32
                    };
                    assert_eq!(won(TaskId::Map, execution.maps.total), execution.maps.done);
                    assert_eq!(won(TaskId::Reduce, execution.reduces.total), execution.reduces.done);
                }
            }
        }
    }
}
