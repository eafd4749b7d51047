//! Draining: a worker that is to be stopped finishes what it runs, is given nothing new, and serves its map outputs until
//! no job needs them.
//!
//! Lasts as long as the worker's process, through restarts of the Manager, unless it is undone. What only gathers goes
//! elsewhere at once: it would keep the worker until the last map of its job.

use super::Manager;
use super::execution::AttemptStage;
use super::journal::Record;
use crate::failure::Cause;
use crate::ids::{Incarnation, TaskId};
use crate::limits::NAMES_TOLD_MAX;
use crate::probe::probe;
use crate::report::{WorkerNumber, WorkerSummary};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Digits of a worker's number that stand for it, at least.
const NUMBER_DIGITS_MIN: usize = 4;

impl Manager {
    /// Begins to drain a worker, or ends it.
    pub(super) fn drain(&mut self, name: &str, is_undone: bool) -> Result<WorkerSummary, Cause> {
        let worker = self.worker_called(name)?;
        let registered = self.registry.get(worker).expect("it was found");
        if registered.is_draining == is_undone {
            let host = &registered.host;
            // Of very many drains the oldest are not durable any more.
            let is_durable = self.jobs.is_draining(worker);
            if is_undone {
                probe!("a drain is undone");
                tracing::info!(worker = %host, "serving again");
                if is_durable {
                    self.record(Record::DrainEnded { worker });
                }
            } else {
                probe!("a worker is drained");
                tracing::info!(worker = %host, "draining");
                self.record(Record::DrainBegan { worker });
            }
            self.registry.update(worker, |worker| worker.is_draining = !is_undone);
            if !is_undone {
                self.move_what_gathers(worker);
                for job in self.executions.keys().copied().collect::<Vec<_>>() {
                    self.fail_if_seen_by_nobody(job);
                }
            }
        }
        Ok(self.worker_summary(worker))
    }

    fn move_what_gathers(&mut self, worker: Incarnation) {
        for id in self.attempts.of_holder(worker) {
            let attempt = self.attempts.get(id).expect("it is executed there");
            if attempt.stage != AttemptStage::Running && !attempt.is_killed {
                probe!("what a drained worker gathers goes elsewhere");
                self.kill_attempt(id);
                self.wait_again(id);
            }
        }
    }

    /// A worker has said goodbye: its process will not come back, drained or not.
    pub(super) fn forget_drain(&mut self, worker: Incarnation) {
        if self.jobs.is_draining(worker) {
            probe!("a drained worker leaves");
            self.record(Record::DrainEnded { worker });
        }
    }

    /// Whether a worker that is drained can be stopped at no loss to anybody.
    pub(super) fn is_needed(&self, worker: Incarnation) -> bool {
        let holds_for = |winner: &super::jobs::Winner| {
            winner.holder == worker && matches!(winner.attempt.task, TaskId::Map(_))
        };
        let mut shuffling = self.jobs.all_active().filter(|(_, job)| !job.is_map_only());
        !self.attempts.of_holder(worker).is_empty() || shuffling.any(|(_, job)| job.winners().any(holds_for))
    }

    /// The one worker that a user calls so.
    fn worker_called(&self, name: &str) -> Result<Incarnation, Cause> {
        let number = |worker| WorkerNumber(worker).to_string();
        let named: Vec<Incarnation> =
            self.registry.all().filter(|(_, worker)| worker.host == name).map(|(worker, _)| worker).collect();
        let is_beginning = name.len() >= NUMBER_DIGITS_MIN;
        let numbered: Vec<Incarnation> = self
            .registry
            .all()
            .map(|(worker, _)| worker)
            .filter(|worker| is_beginning && number(*worker).starts_with(name))
            .collect();
        match (&named[..], &numbered[..]) {
            ([worker], _) | ([], [worker]) => Ok(*worker),
            _ => {
                let all = self.registry.all().map(|(worker, of)| {
                    format!("{} ({})", super::reports::shortened(&of.host), number(worker))
                });
                let mut known: Vec<String> = all.collect();
                known.sort_unstable();
                let others = known.len().saturating_sub(NAMES_TOLD_MAX) as u32;
                known.truncate(NAMES_TOLD_MAX);
                Err(Cause::UnknownWorker { worker: super::reports::shortened(name), known, others })
            }
        }
    }
}
