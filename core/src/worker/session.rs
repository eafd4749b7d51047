//! A worker's conversation with its Manager: dialling, registering, heartbeats both ways, and the end.
//!
//! Whatever breaks it (a cut, a lease without an answer, a new Manager), the way back is the same: dial with back-off,
//! hello, register, inventory. What is executed or held here lives on meanwhile.
//!
//! ```text
//! Idle ─timer─▶ dialled (wire/dialled.rs) ─welcome─▶ open ─Register, Registered─▶ registered
//!  ▲                  └─────────failed, closed, or silent for a lease──┴──────────────┘
//!  └──────────────────────────────────────────┘
//! ```

use super::{Worker, WorkerNotice, WorkerRequest};
use crate::backoff::Backoff;
use crate::failure::{Cause, Failure, OsError, PeerKind};
use crate::ids::{ConnectionId, Epoch, SessionId};
use crate::limits::FIRST_HEARTBEAT_US;
use crate::machine::{Action, NetworkAction};
use crate::probe::probe;
use crate::time::Time;
use crate::wire::message::{FromWorker, Heartbeat, HeartbeatAnswer, Role, ToWorker};
use crate::wire::{Dialled, Incoming, Violation, datagram};
use alloc::string::ToString;

/// Why a worker wants to be woken.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WorkerTimer {
    /// To dial the Manager.
    Dial,
    /// The Manager took too long over its welcome.
    Handshake,
    /// To send a heartbeat.
    Heartbeat,
    /// The Manager may have been silent for a lease.
    Lease,
    /// To tell how far attempts are.
    Progress,
}

/// The state of the conversation.
#[derive(Debug, Default)]
pub(super) struct Session {
    link: Dialled,
    dialled: u64,
    backoff: Backoff,
    was_unreachable: bool,
    registered: Option<Registered>,
    /// The life of the Manager that registered it last.
    epoch: Option<Epoch>,
}

/// What the Manager answered to the registration in the present connection.
#[derive(Copy, Clone, Debug)]
struct Registered {
    session: SessionId,
    epoch: Epoch,
    heartbeat_us: u64,
    lease_us: u64,
    sequence: u64,
    is_answered: bool,
}

impl Session {
    pub(super) fn unsent(&self, connection: ConnectionId) -> &[u8] {
        self.link.unsent(connection)
    }

    pub(super) fn sent(&mut self, connection: ConnectionId, count: usize) {
        self.link.sent(connection, count);
    }
}

impl Worker {
    pub(super) fn timer_fired(&mut self, timer: WorkerTimer) {
        match timer {
            WorkerTimer::Dial => self.dial(),
            WorkerTimer::Handshake => {
                probe!("a worker waits in vain for a welcome");
                self.hang_up();
            }
            WorkerTimer::Heartbeat => self.send_heartbeat(),
            WorkerTimer::Lease => {
                if self.session.registered.is_some_and(|registered| !registered.is_answered) {
                    self.request(WorkerRequest::Notice(WorkerNotice::Unheard));
                }
                tracing::warn!("the Manager has been silent for a lease; dialling again");
                probe!("the Manager is silent for a lease");
                self.hang_up();
            }
            WorkerTimer::Progress => self.tell_progress(),
        }
    }

    fn dial(&mut self) {
        if self.is_stopping {
            return;
        }
        self.session.dialled += 1;
        let id = ConnectionId::dialled(self.session.dialled);
        let (action, welcome_until) = self.session.link.dial(id, self.config.manager, self.now);
        self.timers.set(WorkerTimer::Handshake, welcome_until);
        self.actions.push_back(Action::Network(action));
    }

    pub(super) fn connected(&mut self, id: ConnectionId) {
        let action = self.session.link.connected(id, &self.config.cluster, Role::Worker);
        self.actions.push_back(Action::Network(action));
    }

    pub(super) fn dial_failed(&mut self, id: ConnectionId, error: OsError) {
        if !self.session.link.ended(id) {
            return;
        }
        let address = self.config.manager.to_string();
        self.notice_unreachable(Cause::Unreachable { address, whom: PeerKind::Manager, error });
        self.dial_later();
    }

    /// Says once, until the next registration, that there is none.
    fn notice_unreachable(&mut self, cause: Cause) {
        if !core::mem::replace(&mut self.session.was_unreachable, true) {
            self.request(WorkerRequest::Notice(WorkerNotice::Unreachable(Failure::new(cause))));
        }
    }

    pub(super) fn closed(&mut self, id: ConnectionId) {
        if self.session.link.ended(id) {
            self.dial_later();
        }
    }

    /// Gives up the present connection, whatever state it is in, and dials again later.
    fn hang_up(&mut self) {
        if self.session.link.is_idle() {
            return;
        }
        self.actions.extend(self.session.link.hang_up().map(Action::Network));
        self.dial_later();
    }

    fn dial_later(&mut self) {
        self.session.registered = None;
        self.timers.cancel(WorkerTimer::Handshake);
        self.timers.cancel(WorkerTimer::Heartbeat);
        self.timers.cancel(WorkerTimer::Lease);
        if !self.is_stopping {
            let pause_us = self.session.backoff.next_us(&mut self.random);
            self.timers.set(WorkerTimer::Dial, self.now.after(pause_us));
        }
    }

    pub(super) fn received(&mut self, id: ConnectionId, bytes: &[u8]) {
        self.session.link.receive(id, bytes);
        loop {
            let outcome = match self.session.link.poll(id) {
                Ok(None) => return,
                Err(violation) => Err(violation),
                Ok(Some(Incoming::Welcome)) => {
                    self.register();
                    Ok(())
                }
                Ok(Some(incoming)) => incoming.message().and_then(|message| self.manager_spoke(message)),
            };
            if let Err(violation) = outcome {
                self.violated(violation);
            }
        }
    }

    fn violated(&mut self, violation: Violation) {
        let (was_registered, is_final) = (self.is_registered(), violation.is_final());
        if !is_final {
            tracing::warn!("the Manager broke the protocol: {violation}");
            probe!("a worker is told what makes no sense");
        }
        self.hang_up();
        let address = self.config.manager.to_string();
        let cause = violation.into_cause(address, &self.config.cluster);
        if is_final {
            self.request(WorkerRequest::Notice(WorkerNotice::Refused(Failure::new(cause))));
            self.stop(false);
        } else if !was_registered {
            self.notice_unreachable(cause);
        }
    }

    fn register(&mut self) {
        let message = FromWorker::Register {
            incarnation: self.config.incarnation,
            host: self.config.host.clone(),
            slots: self.config.slots,
            shuffle_address: self.config.shuffle_address,
        };
        self.tell_manager(&message);
    }

    /// Takes note of the registration; the inventory goes out next.
    pub(super) fn registered(
        &mut self,
        session: SessionId,
        epoch: Epoch,
        heartbeat_us: u64,
        lease_us: u64,
    ) -> Result<(), Violation> {
        if heartbeat_us == 0 || lease_us == 0 {
            return Err(Violation::OutOfPlace("heartbeats and leases take time"));
        }
        if self.is_registered() {
            return Err(Violation::OutOfPlace("a registration that was not asked for"));
        }
        self.timers.cancel(WorkerTimer::Handshake);
        self.session.backoff.reset();
        self.session.was_unreachable = false;
        if self.session.epoch.replace(epoch).is_some_and(|before| before != epoch) {
            probe!("the Manager is in another life");
            self.pull_from_the_beginning();
        }
        self.session.registered =
            Some(Registered { session, epoch, heartbeat_us, lease_us, sequence: 0, is_answered: false });
        self.timers.set(WorkerTimer::Lease, self.now.after(lease_us));
        self.send_heartbeat();
        self.request(WorkerRequest::Notice(WorkerNotice::Registered));
        self.tell_inventory();
        Ok(())
    }

    /// Whether the Manager has answered the registration in this connection.
    pub(super) fn is_registered(&self) -> bool {
        self.session.registered.is_some()
    }

    /// Sends a message if there is somebody to hear it; whatever must not be lost is told again after registration.
    pub(super) fn tell_manager(&mut self, message: &FromWorker) {
        let Some((id, connection)) = self.session.link.open_mut() else { return };
        connection.send(message).expect("what a worker says fits a frame");
        if connection.is_overfull() {
            return self.hang_up();
        }
        self.actions.push_back(Action::Network(NetworkAction::Transmit { connection: id }));
    }

    fn send_heartbeat(&mut self) {
        let running = self.attempts.running();
        let Some(registered) = &mut self.session.registered else { return };
        registered.sequence += 1;
        let heartbeat = Heartbeat {
            session: registered.session,
            epoch: registered.epoch,
            sequence: registered.sequence,
            running,
        };
        let pause_us = if registered.is_answered {
            registered.heartbeat_us
        } else {
            registered.heartbeat_us.min(FIRST_HEARTBEAT_US)
        };
        self.timers.set(WorkerTimer::Heartbeat, self.now.after(pause_us));
        let bytes = datagram::encode(&heartbeat);
        self.actions
            .push_back(Action::Network(NetworkAction::SendDatagram { to: self.config.manager, bytes }));
    }

    pub(super) fn datagram(&mut self, bytes: &[u8]) {
        let Some(answer) = datagram::decode::<HeartbeatAnswer>(bytes) else { return };
        let Some(registered) = &mut self.session.registered else { return };
        if answer.session != registered.session
            || answer.epoch != registered.epoch
            || answer.sequence > registered.sequence
        {
            probe!("an answer to a heartbeat is of another session");
            return;
        }
        registered.is_answered = true;
        let lease_until: Time = self.now.after(registered.lease_us);
        self.timers.set(WorkerTimer::Lease, lease_until);
    }

    /// Ends all that runs here and leaves; `says_goodbye` unless the Manager asked for it.
    pub(super) fn stop(&mut self, says_goodbye: bool) {
        if self.is_stopping {
            return;
        }
        self.is_stopping = true;
        self.timers.cancel(WorkerTimer::Dial);
        if says_goodbye && self.is_registered() {
            self.tell_manager(&FromWorker::Goodbye);
        }
        self.drop_everything();
    }

    /// Once nothing runs any more, closes the conversation and ends.
    pub(super) fn continue_stopping(&mut self) {
        if !self.is_stopping || self.is_stopped || !self.attempts.is_idle() {
            return;
        }
        self.is_stopped = true;
        self.hang_up();
        self.timers.cancel(WorkerTimer::Progress);
        self.request(WorkerRequest::Stopped);
    }

    fn manager_spoke(&mut self, message: ToWorker) -> Result<(), Violation> {
        if let ToWorker::Registered { session, epoch, heartbeat_us, lease_us } = message {
            return self.registered(session, epoch, heartbeat_us, lease_us);
        }
        if !self.is_registered() {
            return Err(Violation::OutOfPlace("an order before the registration"));
        }
        self.ordered(message)
    }
}
