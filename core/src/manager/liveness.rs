//! Who is there and who is gone: connections that open and close, heartbeats, leases, grace, and the Manager's own end.
//!
//! A worker is lost when its lease ran out, or when it did not dial again within a grace after its connection closed, or
//! when it said goodbye. No safety depends on any of these clocks: a worker that was taken for lost wrongly finds out when
//! it speaks again (Google paper, 3.3, "Worker Failure").

use super::peers::Who;
use super::registry::Link;
use super::{Effect, Manager};
use crate::failure::Cause;
use crate::ids::{ConnectionId, Incarnation, JobId, TaskId};
use crate::limits::{CONNECTIONS_MAX, GRACE_US, HANDSHAKE_US};
use crate::machine::{Action, NetworkAction};
use crate::probe::probe;
use crate::wire::message::{Heartbeat, HeartbeatAnswer, Role, ToClient, ToWorker};
use crate::wire::{Incoming, Violation, datagram};
use alloc::vec::Vec;
use core::net::SocketAddr;

/// Why the Manager wants to be woken.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ManagerTimer {
    /// A peer took too long over its handshake, over saying what it wants after it, or over what it wants next.
    Handshake(ConnectionId),
    /// A worker may have been silent for a lease.
    Lease(Incarnation),
    /// A worker whose connection closed has not dialled again.
    Grace(Incarnation),
    /// A task may be tried again by a worker that failed it by its own doing.
    Retry(JobId, TaskId, Incarnation),
    /// A worker that was set aside has rested.
    LetIn(Incarnation),
    /// Attempts that take too long may have to be backed up.
    Backups,
    /// Watchers are to be told how their jobs go.
    Progress,
    /// Workers have had time to come back after the Manager did.
    Recovered,
}

/// The Manager's end, once it is wanted.
#[derive(Debug)]
pub(super) struct Stopping {
    /// Clients that asked for it; workers are stopped as well if there is one.
    pub clients: Vec<ConnectionId>,
    /// Jobs that are cancelled by it.
    pub jobs_cancelled: u32,
    /// Whether everyone was told and nothing is left to do.
    pub is_told: bool,
    /// Whether jobs are left to the next life: whatever comes after that is for it.
    pub leaves_jobs: bool,
}

/// Why a worker is struck off.
#[derive(Copy, Clone, Debug)]
pub(super) enum Departure {
    /// It said so.
    Goodbye,
    /// Its lease ran out.
    Silent,
    /// Its lease ran out, and no heartbeat of it ever came.
    NeverHeard,
    /// It did not come back within the grace after its connection closed.
    Cut,
}

impl Manager {
    pub(super) fn accepted(&mut self, connection: ConnectionId, peer: SocketAddr) {
        self.peers.accept(connection, peer, &self.config.cluster);
        if self.peers.count() > CONNECTIONS_MAX {
            tracing::warn!(%peer, "connection refused: {CONNECTIONS_MAX} are open already");
            let action = self.peers.close(connection, None);
            return self.act(action);
        }
        self.timers.set(ManagerTimer::Handshake(connection), self.now.after(HANDSHAKE_US));
    }

    pub(super) fn received(&mut self, connection: ConnectionId, bytes: &[u8]) {
        let Some(peer) = self.peers.get_mut(connection).filter(|peer| !peer.is_closing) else { return };
        peer.connection.receive(bytes);
        while let Some(peer) = self.peers.get_mut(connection).filter(|peer| !peer.is_closing) {
            let who = peer.who;
            let outcome = match peer.connection.poll() {
                Ok(None) => break,
                Err(violation) => Err(violation),
                Ok(Some(Incoming::Established(role))) => {
                    peer.who = match role {
                        Role::Worker => Who::Worker(None),
                        Role::Client => Who::Client,
                        Role::Fetcher => unreachable!("the handshake refuses what is not served"),
                    };
                    self.act(Some(NetworkAction::Transmit { connection }));
                    Ok(())
                }
                Ok(Some(incoming)) => match who {
                    Who::Stranger => Err(Violation::OutOfPlace("a message before the handshake")),
                    Who::Worker(None) => {
                        incoming.message().and_then(|message| self.stranger_spoke(connection, message))
                    }
                    Who::Worker(Some(incarnation)) => incoming
                        .message()
                        .and_then(|message| self.worker_spoke(incarnation, connection, message)),
                    Who::Client => incoming.message().map(|message| self.client_spoke(connection, message)),
                },
            };
            if let Err(violation) = outcome {
                probe!("the Manager is told what makes no sense");
                let action = self.peers.close(connection, Some(&violation));
                self.act(action);
                self.unlink(connection);
            }
        }
    }

    pub(super) fn closed(&mut self, connection: ConnectionId) {
        self.timers.cancel(ManagerTimer::Handshake(connection));
        self.unlink(connection);
        self.peers.remove(connection);
        for execution in self.executions.values_mut() {
            execution.watchers.remove(&connection);
        }
    }

    /// Takes note that a worker cannot be spoken to over this connection any more.
    pub(super) fn unlink(&mut self, connection: ConnectionId) {
        let Some(Who::Worker(Some(incarnation))) = self.peers.get(connection).map(|peer| peer.who) else {
            return;
        };
        let Some(worker) = self.registry.get(incarnation) else { return };
        if worker.link.connection() != Some(connection) {
            return;
        }
        tracing::info!(worker = %worker.host, "connection closed; waiting for it to dial again");
        self.registry.update(incarnation, |worker| worker.link = Link::Broken);
        self.timers.set(ManagerTimer::Grace(incarnation), self.now.after(GRACE_US));
        for execution in self.executions.values_mut() {
            execution.pulls.remove(&incarnation);
        }
    }

    pub(super) fn datagram(&mut self, from: SocketAddr, bytes: &[u8]) {
        let Some(heartbeat) = datagram::decode::<Heartbeat>(bytes) else { return };
        if heartbeat.epoch != self.config.epoch {
            probe!("a heartbeat is of another epoch");
            return;
        }
        let Some(incarnation) = self.registry.with_session(heartbeat.session) else {
            probe!("a heartbeat is of a session that is over");
            return;
        };
        let lease_until = self.now.after(self.config.lease_us);
        let mut is_first = false;
        self.registry.update(incarnation, |worker| {
            if heartbeat.sequence > worker.sequence {
                worker.sequence = heartbeat.sequence;
                worker.lease_until = lease_until;
                is_first = !worker.heard;
                worker.heard = true;
            } else {
                probe!("a heartbeat comes late, or twice");
            }
        });
        if is_first && let Some(worker) = self.registry.get(incarnation) {
            tracing::info!(worker = %worker.host, slots = worker.slots, "worker joined");
        }
        let answer = HeartbeatAnswer {
            session: heartbeat.session,
            epoch: self.config.epoch,
            sequence: heartbeat.sequence,
        };
        let bytes = datagram::encode(&answer);
        // Passes by what is held for the journal: it says that the Manager lives, nothing that a record would change.
        self.actions.push_back(Action::Network(NetworkAction::SendDatagram { to: from, bytes }));
    }

    pub(super) fn timer_fired(&mut self, timer: ManagerTimer) {
        match timer {
            ManagerTimer::Handshake(connection) => {
                let who = self.peers.get(connection).map(|peer| peer.who);
                match who {
                    Some(Who::Client) => probe!("a client that says nothing is hung up on"),
                    Some(Who::Worker(_)) => probe!("a worker that does not register is hung up on"),
                    Some(Who::Stranger) => probe!("a stranger is hung up on"),
                    None => {}
                }
                let late = Violation::HandshakeTimeout;
                let action = self.peers.close(connection, (who == Some(Who::Stranger)).then_some(&late));
                self.act(action);
            }
            ManagerTimer::Lease(incarnation) => {
                let Some(worker) = self.registry.get(incarnation) else { return };
                if worker.lease_until > self.now {
                    let at = worker.lease_until;
                    self.timers.set(timer, at);
                } else if worker.heard {
                    self.lose_worker(incarnation, Departure::Silent);
                } else {
                    tracing::warn!(worker = %worker.host, "registered, but no heartbeat came: is the UDP port blocked?");
                    self.lose_worker(incarnation, Departure::NeverHeard);
                }
            }
            ManagerTimer::Grace(incarnation) => {
                if self.registry.get(incarnation).is_some_and(|worker| worker.link == Link::Broken) {
                    self.lose_worker(incarnation, Departure::Cut);
                }
            }
            // What waits is dealt after every input.
            ManagerTimer::Retry(..) => probe!("a task is tried again where it failed"),
            ManagerTimer::LetIn(worker) => self.let_in(worker),
            ManagerTimer::Backups => self.back_up_stragglers(),
            ManagerTimer::Progress => self.tell_progress(),
            ManagerTimer::Recovered => self.recovered(),
        }
    }

    /// Strikes a worker off: what it executed or held, others must do or make again.
    pub(super) fn lose_worker(&mut self, incarnation: Incarnation, departure: Departure) {
        let Some(worker) = self.registry.remove(incarnation) else { return };
        match departure {
            Departure::Goodbye => {
                probe!("a worker says goodbye");
                self.forget_drain(incarnation);
                tracing::info!(worker = %worker.host, "worker left");
            }
            Departure::Silent => {
                probe!("a lease runs out");
                tracing::warn!(worker = %worker.host, "worker lost: no heartbeat came for a lease")
            }
            Departure::NeverHeard => {
                probe!("a worker is never heard");
                tracing::warn!(worker = %worker.host, "worker lost: no heartbeat ever came")
            }
            Departure::Cut => {
                probe!("a grace runs out");
                tracing::warn!(worker = %worker.host, "worker lost: it did not dial again after its connection closed");
            }
        }
        self.timers.cancel(ManagerTimer::Lease(incarnation));
        self.timers.cancel(ManagerTimer::Grace(incarnation));
        self.timers.cancel(ManagerTimer::LetIn(incarnation));
        if let Some(connection) = worker.link.connection() {
            let action = self.peers.close(connection, None);
            self.act(action);
        }
        self.inventories.remove(&incarnation);
        for attempt in self.attempts.of_holder(incarnation) {
            self.attempt_lost(attempt, Cause::WorkerLost);
        }
        for execution in self.executions.values_mut() {
            execution.pulls.remove(&incarnation);
        }
        for job in self.executions.keys().copied().collect::<Vec<_>>() {
            self.revoke_lost_outputs(job);
            self.fail_if_seen_by_nobody(job);
        }
    }

    /// Ends the Manager by signal.
    pub(super) fn stop(&mut self) {
        match &self.stopping {
            Some(stopping) if stopping.is_told => {}
            None if self.config.keeps_jobs => self.leave_jobs(),
            Some(_) | None => self.begin_stopping(None),
        }
    }

    /// Ends with no word: to workers and clients it is as if the Manager had died, and they find the next life by themselves.
    fn leave_jobs(&mut self) {
        if !self.executions.is_empty() {
            probe!("a Manager leaves jobs to its next life");
        }
        tracing::info!(
            jobs = self.executions.len(),
            "stopping; jobs go on once a Manager is started here again"
        );
        self.stopping =
            Some(Stopping { clients: Vec::new(), jobs_cancelled: 0, is_told: true, leaves_jobs: true });
        self.hang_up_on_all();
    }

    /// Ends the Manager and all jobs, for a client that is told what that did or because nothing is kept.
    pub(super) fn begin_stopping(&mut self, client: Option<ConnectionId>) {
        if self.stopping.is_none() {
            self.stopping =
                Some(Stopping { clients: Vec::new(), jobs_cancelled: 0, is_told: false, leaves_jobs: false });
            tracing::info!(jobs = self.executions.len(), "stopping");
        }
        let mut cancelled = 0;
        for job in self.executions.keys().copied().collect::<Vec<_>>() {
            cancelled += u32::from(self.fail_job(job, Cause::ManagerStopped));
        }
        if let Some(stopping) = &mut self.stopping {
            stopping.clients.extend(client);
            stopping.jobs_cancelled += cancelled;
        }
    }

    /// Once nothing is left to do, tells everyone and ends.
    pub(super) fn continue_stopping(&mut self) {
        let Some(stopping) = &mut self.stopping else { return };
        if stopping.is_told || !self.executions.is_empty() {
            return;
        }
        stopping.is_told = true;
        let jobs_cancelled = stopping.jobs_cancelled;
        let clients = core::mem::take(&mut stopping.clients);
        if !clients.is_empty() {
            let links: Vec<_> =
                self.registry.all().filter_map(|(_, worker)| worker.link.connection()).collect();
            for connection in links {
                self.tell_worker(connection, ToWorker::Stop);
            }
        }
        for client in clients {
            self.tell_client(client, ToClient::ShuttingDown { jobs_cancelled });
        }
        self.hang_up_on_all();
    }

    fn hang_up_on_all(&mut self) {
        for connection in self.peers.ids().collect::<Vec<_>>() {
            self.journal.hold(Effect::Close(connection));
        }
        self.journal.hold(Effect::Stopped);
    }
}
