//! What workers say: registration, inventory, ends of attempts, runs that cannot be had, map outputs that are wanted.
//!
//! There is one way back from a cut connection, an expired lease or a pause: hello, then the inventory, each entry of
//! which is kept or dropped; what the Manager believed to be there and is not named counts as lost.

use super::Manager;
use super::ManagerTimer;
use super::execution::AttemptStage;
use super::liveness::Departure;
use super::peers::Who;
use super::registry::{Link, Registration};
use crate::failure::{Cause, Failure};
use crate::ids::{AttemptId, ConnectionId, Incarnation, JobId, TaskId};
use crate::limits::{INVENTORY_ENTRIES_MAX, PAGE_ENTRIES, SHUFFLE_FAILURES_PER_TASK};
use crate::probe::probe;
use crate::wire::Violation;
use crate::wire::message::{FromWorker, InventoryEntry, OutputEntry, ToWorker, Verdict};
use alloc::vec::Vec;

impl Manager {
    /// A worker's first message in a connection.
    pub(super) fn stranger_spoke(
        &mut self,
        connection: ConnectionId,
        message: FromWorker,
    ) -> Result<(), Violation> {
        let FromWorker::Register { incarnation, host, slots, shuffle_address } = message else {
            return Err(Violation::OutOfPlace("a worker registers first"));
        };
        self.timers.cancel(ManagerTimer::Handshake(connection));
        if slots == 0 {
            return Err(Violation::OutOfPlace("a worker has slots"));
        }
        let lease_until = self.now.after(self.config.lease_us);
        let registration =
            Registration { host, slots, shuffle_address, connection, registered_at: self.now, lease_until };
        let (session, before) = self.registry.register(incarnation, registration);
        if let Some(old) = before.and_then(Link::connection) {
            probe!("a worker registers over its old connection");
            let action = self.peers.close(old, None);
            self.act(action);
        }
        self.peers.get_mut(connection).expect("it speaks on this connection").who =
            Who::Worker(Some(incarnation));
        self.timers.cancel(ManagerTimer::Grace(incarnation));
        self.timers.set(ManagerTimer::Lease(incarnation), lease_until);
        self.inventories.insert(incarnation, Vec::new());
        for execution in self.executions.values_mut() {
            execution.pulls.remove(&incarnation);
        }
        self.tell_worker(
            connection,
            ToWorker::Registered {
                session,
                epoch: self.config.epoch,
                heartbeat_us: self.config.heartbeat_us,
                lease_us: self.config.lease_us,
            },
        );
        Ok(())
    }

    pub(super) fn worker_spoke(
        &mut self,
        incarnation: Incarnation,
        connection: ConnectionId,
        message: FromWorker,
    ) -> Result<(), Violation> {
        let link = self.registry.get(incarnation).map(|worker| worker.link);
        if link.and_then(Link::connection) != Some(connection) {
            probe!("a worker speaks on a connection that it has replaced");
            // What it says on a connection that it has replaced, it will say again on the new one.
            return Ok(());
        }
        match message {
            FromWorker::Register { .. } => {
                return Err(Violation::OutOfPlace("a worker registers once a connection"));
            }
            FromWorker::Inventory { entries, jobs, last } => {
                if link != Some(Link::Telling(connection)) {
                    return Err(Violation::OutOfPlace("an inventory after its last page"));
                }
                self.inventory_told(incarnation, connection, entries, last)?;
                for job in
                    jobs.into_iter().filter(|job| !self.executions.contains_key(job)).collect::<Vec<_>>()
                {
                    self.tell_worker(connection, ToWorker::DropJob { job });
                }
            }
            FromWorker::Gathered { attempt } => self.gathered(incarnation, attempt),
            FromWorker::PullOutputs { job, cursor } => {
                self.outputs_pulled(incarnation, connection, job, cursor)
            }
            FromWorker::Unfetchable { attempt, map, cause } => {
                self.unfetchable(incarnation, attempt, map, cause)
            }
            FromWorker::Progress { attempts } => {
                for progress in attempts {
                    self.attempts.progress(progress.attempt, progress.runs_gathered, progress.counters);
                }
            }
            FromWorker::Ended { attempt, result } => {
                self.attempt_ended(incarnation, connection, attempt, result)
            }
            FromWorker::Goodbye => self.lose_worker(incarnation, Departure::Goodbye),
        }
        Ok(())
    }

    fn inventory_told(
        &mut self,
        incarnation: Incarnation,
        connection: ConnectionId,
        entries: Vec<InventoryEntry>,
        last: bool,
    ) -> Result<(), Violation> {
        let told = self.inventories.entry(incarnation).or_default();
        told.extend(entries.iter().map(InventoryEntry::attempt));
        if told.len() > INVENTORY_ENTRIES_MAX {
            return Err(Violation::OutOfPlace("an inventory without end"));
        }
        let mut verdicts = Vec::new();
        for entry in entries {
            let id = entry.attempt();
            let verdict = match entry {
                InventoryEntry::Ended(_, result) => {
                    probe!("an end is told again in an inventory");
                    self.attempt_ended(incarnation, connection, id, result);
                    continue;
                }
                InventoryEntry::Holding(_) => {
                    let job = self.jobs.active(id.job);
                    let counts =
                        job.and_then(|job| job.winner(id.task)).is_some_and(|winner| winner.attempt == id);
                    if counts {
                        probe!("an output is kept through a registration");
                        self.locate_again(incarnation, id);
                        Verdict::Keep
                    } else {
                        probe!("an output that nobody wants is dropped");
                        Verdict::Drop
                    }
                }
                InventoryEntry::Gathering(_) => {
                    self.judge_attempt(incarnation, connection, id, AttemptStage::Gathering)
                }
                InventoryEntry::Gathered(_) => {
                    self.judge_attempt(incarnation, connection, id, AttemptStage::Gathered)
                }
                InventoryEntry::Running(_) => {
                    self.judge_attempt(incarnation, connection, id, AttemptStage::Running)
                }
            };
            verdicts.push((id, verdict));
        }
        self.tell_worker(connection, ToWorker::Verdicts(verdicts));
        if last {
            self.inventory_complete(incarnation, connection);
        }
        Ok(())
    }

    fn judge_attempt(
        &mut self,
        incarnation: Incarnation,
        connection: ConnectionId,
        id: AttemptId,
        told: AttemptStage,
    ) -> Verdict {
        let Some(attempt) = self.attempts.get(id).filter(|attempt| attempt.holder == incarnation) else {
            return self.adopt(incarnation, connection, id, told);
        };
        if attempt.is_killed {
            probe!("a kill reaches its worker by an inventory");
            self.forget_attempt(id);
            self.continue_ending(id.job);
            return Verdict::Drop;
        }
        match (attempt.stage, told) {
            (AttemptStage::Gathering, AttemptStage::Gathered) => {
                probe!("a reduce has gathered while its worker was away");
                self.attempts.set_stage(id, AttemptStage::Gathered)
            }
            // It was given its slot by a message that was lost.
            (AttemptStage::Running, AttemptStage::Gathered) => {
                probe!("an order to run was lost");
                self.tell_worker(connection, ToWorker::Run { attempt: id });
            }
            (AttemptStage::Gathering, AttemptStage::Gathering)
            | (AttemptStage::Gathered, AttemptStage::Gathered)
            | (AttemptStage::Running, AttemptStage::Running) => {}
            (AttemptStage::Gathering | AttemptStage::Gathered, AttemptStage::Running)
            | (AttemptStage::Gathered | AttemptStage::Running, AttemptStage::Gathering) => {
                probe!("a worker is behind what the Manager knows");
                self.attempt_lost(id, Cause::WorkerLost);
                return Verdict::Drop;
            }
        }
        Verdict::Keep
    }

    fn inventory_complete(&mut self, incarnation: Incarnation, connection: ConnectionId) {
        let mut told = self.inventories.remove(&incarnation).unwrap_or_default();
        told.sort_unstable();
        for id in self.attempts.of_holder(incarnation) {
            if told.binary_search(&id).is_err() {
                probe!("an order to launch was lost");
                self.attempt_lost(id, Cause::WorkerLost);
            }
        }
        let missing: Vec<AttemptId> = self
            .jobs
            .all_active()
            .filter(|(_, job)| !job.is_map_only())
            .flat_map(|(_, job)| job.winners())
            .filter(|winner| winner.holder == incarnation && matches!(winner.attempt.task, TaskId::Map(_)))
            .map(|winner| winner.attempt)
            .filter(|id| told.binary_search(id).is_err())
            .collect();
        for map in missing {
            probe!("an output is missing from an inventory");
            self.revoke_output(map);
        }
        self.registry.update(incarnation, |worker| worker.link = Link::Open(connection));
    }

    fn gathered(&mut self, incarnation: Incarnation, id: AttemptId) {
        let is_gathering = self.attempts.get(id).is_some_and(|attempt| {
            attempt.holder == incarnation && attempt.stage == AttemptStage::Gathering && !attempt.is_killed
        });
        if is_gathering {
            self.attempts.set_stage(id, AttemptStage::Gathered);
        }
    }

    fn outputs_pulled(
        &mut self,
        incarnation: Incarnation,
        connection: ConnectionId,
        job: JobId,
        cursor: u64,
    ) {
        let Some(execution) = self.executions.get_mut(&job) else { return };
        let start = cursor.min(execution.outputs.len() as u64);
        let entries: Vec<_> =
            execution.outputs[start as usize..].iter().take(PAGE_ENTRIES).cloned().collect();
        if entries.is_empty() {
            execution.pulls.insert(incarnation, start);
        } else {
            self.tell_worker(connection, ToWorker::Outputs { job, start, entries });
        }
    }

    pub(super) fn push_output(&mut self, job: JobId, entry: OutputEntry) {
        let Some(execution) = self.executions.get_mut(&job) else { return };
        match entry.location {
            Some(_) => execution.located.insert(entry.map_index),
            None => execution.located.remove(&entry.map_index),
        };
        execution.outputs.push(entry);
        for (incarnation, cursor) in core::mem::take(&mut execution.pulls) {
            if let Some(connection) =
                self.registry.get(incarnation).and_then(|worker| worker.link.connection())
            {
                self.outputs_pulled(incarnation, connection, job, cursor);
            }
        }
    }

    fn unfetchable(&mut self, incarnation: Incarnation, attempt: AttemptId, map: AttemptId, cause: Cause) {
        let is_gathering = self.attempts.get(attempt).is_some_and(|under_way| {
            under_way.holder == incarnation
                && under_way.stage == AttemptStage::Gathering
                && !under_way.is_killed
        });
        if !is_gathering {
            return;
        }
        tracing::warn!(%attempt, "a run cannot be had: {cause}");
        probe!("a run cannot be had");
        if !self.revoke_bad_output(map) {
            return;
        }
        let Some(execution) = self.executions.get_mut(&map.job) else { return };
        let (tasks, index) = execution.tasks_of(map.task);
        if tasks.failed_by_shuffle(index) >= SHUFFLE_FAILURES_PER_TASK {
            probe!("the runs of a map cannot be had for good");
            let mut failure = Failure::new(cause);
            failure.attempt = Some(map);
            self.fail_job_with(map.job, failure);
        }
    }
}
