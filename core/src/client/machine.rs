//! The client's machine: dialling, the one request, and following it.
//!
//! A connection that breaks is dialled again; the submission is repeated under its key, so that the job is one, whatever
//! was heard of it. Invariant: the last report is given once, and then nothing is asked for any more.
//!
//! ```text
//! New ─Start─▶ Waiting ─timer─▶ Dialling ─▶ Greeting ─▶ Open ─last report─▶ Over
//!                 ▲──────failed or closed────┴──────────┘
//! ```

#[cfg(test)]
mod tests;

use super::{ClientAction, ClientConfig, ClientEvent, ClientInput, ClientReport, ClientTask};
use crate::backoff::Backoff;
use crate::failure::{Cause, Failure, OsError, PeerKind};
use crate::ids::{ConnectionId, JobId};
use crate::limits::HANDSHAKE_US;
use crate::machine::{Action, Event, Machine, NetworkAction, NetworkEvent, Node};
use crate::time::Time;
use crate::timers::Timers;
use crate::wire::message::{FromClient, Role, ToClient};
use crate::wire::{Connection, Incoming, Violation};
use alloc::collections::VecDeque;
use alloc::string::{String, ToString};
use rand_chacha::ChaCha12Rng;
use rand_core::SeedableRng;

/// Follows one request.
#[derive(Debug)]
pub struct Client {
    config: ClientConfig,
    random: ChaCha12Rng,
    now: Time,
    timers: Timers<ClientTimer>,
    link: Link,
    closing: Option<(ConnectionId, Connection)>,
    backoff: Backoff,
    dialled: u64,
    job: Option<JobId>,
    is_cancelled: bool,
    failing_since: Option<Time>,
    was_reported_waiting: bool,
    actions: VecDeque<ClientAction>,
}

/// Why a client wants to be woken.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClientTimer {
    /// To dial the Manager.
    Dial,
    /// The Manager took too long over its welcome.
    Handshake,
}

#[derive(Debug, Default)]
enum Link {
    New,
    #[default]
    Waiting,
    Dialling(ConnectionId),
    Greeting(ConnectionId, Connection),
    Open(ConnectionId, Connection),
    Over,
}

impl Client {
    /// A client that begins with its `Start`.
    pub fn new(config: ClientConfig) -> Client {
        Client {
            random: ChaCha12Rng::seed_from_u64(config.seed),
            now: Time::ZERO,
            timers: Timers::default(),
            link: Link::New,
            closing: None,
            backoff: Backoff::default(),
            dialled: 0,
            job: None,
            is_cancelled: false,
            failing_since: None,
            was_reported_waiting: false,
            actions: VecDeque::new(),
            config,
        }
    }

    fn report(&mut self, report: ClientReport) {
        self.actions.push_back(Action::Local(report));
    }

    /// Gives the last report and ends.
    fn conclude(&mut self, report: ClientReport) {
        if let Link::Over = self.link {
            return;
        }
        self.hang_up();
        self.link = Link::Over;
        self.timers.cancel(ClientTimer::Dial);
        self.timers.cancel(ClientTimer::Handshake);
        self.report(report);
    }

    fn hang_up(&mut self) {
        match core::mem::take(&mut self.link) {
            Link::Greeting(id, connection) | Link::Open(id, connection) => {
                self.closing = Some((id, connection));
                self.actions.push_back(Action::Network(NetworkAction::Close { connection: id }));
            }
            Link::New | Link::Waiting | Link::Dialling(_) => {}
            Link::Over => self.link = Link::Over,
        }
    }

    fn dial(&mut self) {
        self.dialled += 1;
        let connection = ConnectionId::dialled(self.dialled);
        self.link = Link::Dialling(connection);
        self.timers.set(ClientTimer::Handshake, self.now.after(HANDSHAKE_US.min(self.config.patience_us)));
        self.actions.push_back(Action::Network(NetworkAction::Dial { connection, to: self.config.manager }));
    }

    /// The connection came to nothing, or to an end: tries again for as long as there is patience.
    fn try_again(&mut self, error: Option<OsError>) {
        self.timers.cancel(ClientTimer::Handshake);
        self.link = Link::Waiting;
        let since = *self.failing_since.get_or_insert(self.now);
        let address = self.config.manager_name.clone();
        let cause = match error {
            Some(error) => Cause::Unreachable { address, whom: PeerKind::Manager, error },
            None => Cause::ConnectionLost { address },
        };
        let failure = Failure::new(cause);
        if self.is_cancelled && self.job.is_none() {
            return self.conclude(ClientReport::Failed(Failure::new(Cause::Cancelled)));
        }
        let pause_us = self.backoff.next_us(&mut self.random);
        if self.now.after(pause_us).since_us(since) > self.config.patience_us {
            return self.conclude(ClientReport::Failed(failure));
        }
        if !self.was_reported_waiting {
            self.was_reported_waiting = true;
            self.report(ClientReport::Waiting(failure));
        }
        self.timers.set(ClientTimer::Dial, self.now.after(pause_us));
    }

    fn tell(&mut self, message: &FromClient) {
        let Link::Open(id, connection) = &mut self.link else { return };
        let id = *id;
        if connection.send(message).is_ok() {
            return self.actions.push_back(Action::Network(NetworkAction::Transmit { connection: id }));
        }
        let cause = Cause::Invalid {
            what: String::from("the job's description is too long to be sent"),
            remedy: String::from("name directories or patterns in place of so many single inputs"),
        };
        self.conclude(ClientReport::Failed(Failure::new(cause)));
    }

    fn ask(&mut self) {
        let message = match (&self.config.task, self.job) {
            (ClientTask::Submit { .. }, Some(job)) => FromClient::Watch { job },
            (ClientTask::Submit { key, specification }, None) => {
                FromClient::Submit { key: *key, specification: specification.clone() }
            }
            (ClientTask::Shutdown, _) => FromClient::Shutdown,
        };
        self.tell(&message);
        if let (Some(job), true) = (self.job, self.is_cancelled) {
            self.tell(&FromClient::Cancel { job });
        }
    }

    fn cancel(&mut self) {
        self.is_cancelled = true;
        match (self.job, &self.link) {
            (Some(job), _) => self.tell(&FromClient::Cancel { job }),
            // Whether the submission arrived is not known: the answer to it will be followed by the cancellation.
            (None, Link::Open(..)) => {}
            (None, Link::New | Link::Waiting | Link::Dialling(_) | Link::Greeting(..) | Link::Over) => {
                self.conclude(ClientReport::Failed(Failure::new(Cause::Cancelled)));
            }
        }
    }

    fn manager_spoke(&mut self, message: ToClient) {
        self.failing_since = None;
        self.was_reported_waiting = false;
        match message {
            ToClient::Accepted { job } => {
                if self.job.replace(job).is_none() {
                    self.report(ClientReport::Accepted(job));
                }
                if self.is_cancelled {
                    self.tell(&FromClient::Cancel { job });
                }
            }
            ToClient::Progress(progress) => self.report(ClientReport::Progress(progress)),
            ToClient::Ended(report) => self.conclude(ClientReport::Ended(report)),
            ToClient::UnknownJob { job: _ } => {
                let address = self.config.manager_name.clone();
                self.conclude(ClientReport::Failed(Failure::new(Cause::ConnectionLost { address })));
            }
            ToClient::Refused(failure) => self.conclude(ClientReport::Failed(failure)),
            ToClient::ShuttingDown { jobs_cancelled } => {
                self.conclude(ClientReport::ShutDown { jobs_cancelled })
            }
        }
    }

    fn violated(&mut self, violation: Violation) {
        let address = self.config.manager_name.to_string();
        let cause = violation.into_cause(address, &self.config.cluster);
        self.conclude(ClientReport::Failed(Failure::new(cause)));
    }

    fn connection_mut(&mut self, wanted: ConnectionId) -> Option<&mut Connection> {
        match &mut self.link {
            Link::Greeting(id, connection) | Link::Open(id, connection) if *id == wanted => Some(connection),
            Link::New
            | Link::Waiting
            | Link::Dialling(_)
            | Link::Greeting(..)
            | Link::Open(..)
            | Link::Over => {
                self.closing.as_mut().filter(|(id, _)| *id == wanted).map(|(_, connection)| connection)
            }
        }
    }

    fn is_current(&self, wanted: ConnectionId) -> bool {
        match &self.link {
            Link::Dialling(id) | Link::Greeting(id, _) | Link::Open(id, _) => *id == wanted,
            Link::New | Link::Waiting | Link::Over => false,
        }
    }
}

impl Machine for Client {
    type Input = ClientEvent;
    type Output = ClientAction;
    type Timer = ClientTimer;

    fn handle_input(&mut self, input: ClientEvent, now: Time) {
        self.now = now;
        match input {
            Event::Network(NetworkEvent::Accepted { .. }) => unreachable!("nobody dials a client"),
            Event::Network(NetworkEvent::Connected { connection, local: _ }) => {
                if self.is_current(connection) {
                    let greeting = Connection::dial(&self.config.cluster, Role::Client);
                    self.link = Link::Greeting(connection, greeting);
                    self.actions.push_back(Action::Network(NetworkAction::Transmit { connection }));
                } else {
                    self.actions.push_back(Action::Network(NetworkAction::Close { connection }));
                }
            }
            Event::Network(NetworkEvent::DialFailed { connection, error }) => {
                if self.is_current(connection) {
                    self.try_again(Some(error));
                }
            }
            Event::Network(NetworkEvent::Closed { connection, error }) => {
                if self.closing.as_ref().is_some_and(|(id, _)| *id == connection) {
                    self.closing = None;
                }
                if self.is_current(connection) {
                    self.try_again(error);
                }
            }
            Event::Network(NetworkEvent::Datagram { .. }) => {}
            Event::Local(ClientInput::Start) => {
                if let Link::New = self.link {
                    self.dial();
                }
            }
            Event::Local(ClientInput::Cancel) => self.cancel(),
        }
    }

    fn handle_timeout(&mut self, now: Time) {
        self.now = now;
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                ClientTimer::Dial => self.dial(),
                ClientTimer::Handshake => {
                    self.hang_up();
                    self.try_again(None);
                }
            }
        }
    }

    fn poll_output(&mut self) -> Option<ClientAction> {
        self.actions.pop_front()
    }

    fn poll_timeout(&self) -> Option<(Time, ClientTimer)> {
        self.timers.next()
    }

    fn check_invariants(&self) {
        if let Link::Over = self.link {
            assert!(self.timers.next().is_none(), "nothing is waited for after the last report");
        }
    }
}

impl Node for Client {
    type Local = ClientInput;
    type Request = ClientReport;

    fn receive(&mut self, id: ConnectionId, bytes: &[u8], now: Time) {
        self.now = now;
        if !self.is_current(id) {
            return;
        }
        if let Some(connection) = self.connection_mut(id) {
            connection.receive(bytes);
        }
        while self.is_current(id)
            && let Some(connection) = self.connection_mut(id)
        {
            match connection.poll() {
                Ok(None) => return,
                Err(violation) => self.violated(violation),
                Ok(Some(Incoming::Welcome)) => {
                    self.timers.cancel(ClientTimer::Handshake);
                    self.backoff.reset();
                    self.link = match core::mem::take(&mut self.link) {
                        Link::Greeting(id, connection) => Link::Open(id, connection),
                        link @ (Link::New
                        | Link::Waiting
                        | Link::Dialling(_)
                        | Link::Open(..)
                        | Link::Over) => link,
                    };
                    self.ask();
                }
                Ok(Some(incoming)) => match incoming.message() {
                    Ok(message) => self.manager_spoke(message),
                    Err(violation) => self.violated(violation),
                },
            }
        }
    }

    fn unsent(&self, wanted: ConnectionId) -> &[u8] {
        match &self.link {
            Link::Greeting(id, connection) | Link::Open(id, connection) if *id == wanted => {
                connection.unsent()
            }
            Link::New
            | Link::Waiting
            | Link::Dialling(_)
            | Link::Greeting(..)
            | Link::Open(..)
            | Link::Over => match &self.closing {
                Some((id, connection)) if *id == wanted => connection.unsent(),
                Some(_) | None => &[],
            },
        }
    }

    fn sent(&mut self, id: ConnectionId, count: usize, now: Time) {
        self.now = now;
        if let Some(connection) = self.connection_mut(id) {
            connection.sent(count);
        }
    }
}
