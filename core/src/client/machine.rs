//! The client's machine: dialling, the one request, and following it.
//!
//! A connection that breaks, or on which nothing is heard for too long, is dialled again. Until it is accepted, the
//! submission is repeated under its key, so that the job is one; from then on the job is watched. A submission that may
//! have arrived is cancelled at the Manager, never only forgotten here; a job that is only watched goes on. Invariant: the last report is given once, and
//! then nothing is asked for any more.
//!
//! ```text
//! New ─Start─▶ Following (dialled, told, dialled again: wire/dialled.rs) ─last report─▶ Over
//! ```

#[cfg(test)]
mod tests;

use super::{ClientAction, ClientConfig, ClientEvent, ClientInput, ClientReport, ClientTask};
use crate::backoff::Backoff;
use crate::failure::{Cause, Failure, OsError, OsErrorKind, PeerKind};
use crate::ids::{ConnectionId, JobId};
use crate::limits::MANAGER_SILENCE_US;
use crate::machine::{Action, Event, Machine, NetworkAction, NetworkEvent, Node};
use crate::probe::probe;
use crate::time::Time;
use crate::timers::Timers;
use crate::wire::message::{FromClient, Role, ToClient};
use crate::wire::{Dialled, Incoming, Violation};
use alloc::collections::VecDeque;
use alloc::string::String;
use rand_chacha::ChaCha12Rng;
use rand_core::SeedableRng;

/// Follows one request.
#[derive(Debug)]
pub struct Client {
    config: ClientConfig,
    random: ChaCha12Rng,
    now: Time,
    timers: Timers<ClientTimer>,
    stage: Stage,
    link: Dialled,
    dialled: u64,
    backoff: Backoff,
    was_welcomed: bool,
    may_be_submitted: bool,
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
    /// The Manager has said nothing for too long.
    Silence,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Stage {
    New,
    Following,
    Over,
}

impl Client {
    /// A client that begins with its `Start`.
    pub fn new(config: ClientConfig) -> Client {
        Client {
            random: ChaCha12Rng::seed_from_u64(config.seed),
            now: Time::ZERO,
            timers: Timers::default(),
            stage: Stage::New,
            link: Dialled::default(),
            dialled: 0,
            backoff: Backoff::default(),
            was_welcomed: false,
            may_be_submitted: false,
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
        if self.stage == Stage::Over {
            return;
        }
        self.hang_up();
        self.stage = Stage::Over;
        self.timers.cancel(ClientTimer::Dial);
        self.report(report);
    }

    fn hang_up(&mut self) {
        self.stop_waiting();
        self.actions.extend(self.link.hang_up().map(Action::Network));
    }

    fn dial(&mut self) {
        self.dialled += 1;
        let id = ConnectionId::dialled(self.dialled);
        let (action, welcome_until) = self.link.dial(id, self.config.manager, self.now);
        let patient_until = self.now.after(self.patience_us());
        self.timers.set(ClientTimer::Handshake, welcome_until.min(patient_until));
        self.actions.push_back(Action::Network(action));
    }

    fn stop_waiting(&mut self) {
        self.timers.cancel(ClientTimer::Handshake);
        self.timers.cancel(ClientTimer::Silence);
    }

    /// The connection came to nothing, or to an end: tries again for as long as there is patience.
    fn try_again(&mut self, cause: Cause) {
        self.stop_waiting();
        let since = *self.failing_since.get_or_insert(self.now);
        let failure = self.of_job(Failure::new(cause));
        if self.is_cancelled && !self.may_be_submitted {
            probe!("a connection fails after its client gave up");
            return self.conclude(ClientReport::Failed(Failure::new(Cause::Cancelled)));
        }
        probe!("a client tries again");
        let left_us = self.patience_us().saturating_sub(self.now.since_us(since));
        if left_us == 0 {
            return self.conclude(ClientReport::Failed(failure));
        }
        // The last try comes when patience ends, not a pause before.
        let pause_us = self.backoff.next_us(&mut self.random).min(left_us);
        if !self.was_reported_waiting {
            self.was_reported_waiting = true;
            self.report(ClientReport::Waiting(failure));
        }
        self.timers.set(ClientTimer::Dial, self.now.after(pause_us));
    }

    /// For how long a Manager may be away: longer where there is a job, which it goes on with once it is back, unless its user
    /// has given it up.
    fn patience_us(&self) -> u64 {
        if self.is_cancelled {
            return self.config.patience_us;
        }
        match (&self.config.task, self.job) {
            (ClientTask::Watch { .. }, _) if !self.was_welcomed => self.config.patience_us,
            (ClientTask::Watch { .. }, _) | (ClientTask::Submit { .. }, Some(_)) => {
                self.config.job_patience_us
            }
            (ClientTask::Submit { .. }, None) | (ClientTask::Ask(_) | ClientTask::Shutdown, _) => {
                self.config.patience_us
            }
        }
    }

    /// A failure, told of the job that was submitted, once it is known.
    fn of_job(&self, failure: Failure) -> Failure {
        match (&self.config.task, self.job) {
            (ClientTask::Submit { specification, .. }, Some(job)) => failure.of_job(job, &specification.name),
            (
                ClientTask::Submit { .. }
                | ClientTask::Watch { .. }
                | ClientTask::Ask(_)
                | ClientTask::Shutdown,
                _,
            ) => failure,
        }
    }

    /// No welcome came in time: of what was a Manager before, or of what may never have been one.
    fn not_welcomed(&self) -> Cause {
        if self.was_welcomed {
            return self.lost();
        }
        if self.link.is_greeting() {
            let address = self.config.manager_name.clone();
            return Violation::HandshakeTimeout.into_cause(address, &self.config.cluster);
        }
        let text = String::from("the connection was not made in time");
        self.unreachable(OsError { kind: OsErrorKind::TimedOut, text })
    }

    fn lost(&self) -> Cause {
        Cause::ConnectionLost { address: self.config.manager_name.clone() }
    }

    fn unreachable(&self, error: OsError) -> Cause {
        Cause::Unreachable { address: self.config.manager_name.clone(), whom: PeerKind::Manager, error }
    }

    fn tell(&mut self, message: &FromClient) {
        let Some((id, connection)) = self.link.open_mut() else { return };
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
        let message = match (&self.config.task, &self.job) {
            (ClientTask::Submit { .. }, Some(job)) | (ClientTask::Watch { job }, _) => {
                FromClient::Watch { job: *job }
            }
            (ClientTask::Ask(question), _) => FromClient::Ask(question.clone()),
            (ClientTask::Submit { key, specification, is_detached: _ }, None) => {
                self.may_be_submitted = true;
                FromClient::Submit { key: *key, specification: specification.clone() }
            }
            (ClientTask::Shutdown, _) => FromClient::Shutdown,
        };
        self.tell(&message);
        if let (Some(job), true) = (self.job, self.is_cancelled) {
            self.tell(&FromClient::Cancel { job });
        }
    }

    /// From its welcome to the last report the Manager owes an answer, or the progress of a job.
    fn expect_news(&mut self) {
        self.timers.set(ClientTimer::Silence, self.now.after(MANAGER_SILENCE_US));
    }

    fn cancel(&mut self) {
        if let ClientTask::Watch { job } = self.config.task {
            return self.conclude(ClientReport::Left(job));
        }
        self.is_cancelled = true;
        if let Some(job) = self.job {
            return self.tell(&FromClient::Cancel { job });
        }
        // Whether a submission arrived is not known: the answer to it will be followed by the cancellation.
        if !self.may_be_submitted && !self.link.is_open() {
            probe!("a client gives up before it has submitted");
            self.conclude(ClientReport::Failed(Failure::new(Cause::Cancelled)));
        }
    }

    fn manager_spoke(&mut self, message: ToClient) {
        self.failing_since = None;
        self.was_reported_waiting = false;
        self.expect_news();
        match message {
            ToClient::Accepted { job } => {
                if self.job.replace(job).is_none() {
                    self.report(ClientReport::Accepted(job));
                }
                if self.is_cancelled {
                    probe!("a client cancels what it did not know to be accepted");
                    self.tell(&FromClient::Cancel { job });
                } else if let ClientTask::Submit { is_detached: true, .. } = self.config.task {
                    self.conclude(ClientReport::Left(job));
                }
            }
            ToClient::Progress(progress) => self.report(ClientReport::Progress(progress)),
            ToClient::AttemptFailed(failure) => self.report(ClientReport::AttemptFailed(failure)),
            ToClient::Ended(report) => self.conclude(ClientReport::Ended(report)),
            ToClient::Answer(answer) => self.conclude(ClientReport::Answered(answer)),
            ToClient::Refused(failure) => self.conclude(ClientReport::Failed(failure)),
            ToClient::ShuttingDown { jobs_cancelled } => {
                self.conclude(ClientReport::ShutDown { jobs_cancelled })
            }
        }
    }

    fn violated(&mut self, violation: Violation) {
        let is_final = violation.is_final();
        let cause = violation.into_cause(self.config.manager_name.clone(), &self.config.cluster);
        if is_final {
            return self.conclude(ClientReport::Failed(Failure::new(cause)));
        }
        probe!("a client is told what makes no sense");
        self.hang_up();
        self.try_again(cause);
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
                let action = self.link.connected(connection, &self.config.cluster, Role::Client);
                self.actions.push_back(Action::Network(action));
            }
            Event::Network(NetworkEvent::DialFailed { connection, error }) => {
                if self.link.ended(connection) {
                    self.try_again(self.unreachable(error));
                }
            }
            Event::Network(NetworkEvent::Closed { connection, error }) => {
                if self.link.ended(connection) {
                    self.try_again(error.map_or_else(|| self.lost(), |error| self.unreachable(error)));
                }
            }
            Event::Network(NetworkEvent::Datagram { .. }) => {}
            Event::Local(ClientInput::Start) => {
                if self.stage == Stage::New {
                    self.stage = Stage::Following;
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
                    let cause = self.not_welcomed();
                    self.hang_up();
                    self.try_again(cause);
                }
                ClientTimer::Silence => {
                    probe!("a client hears nothing for too long");
                    self.hang_up();
                    self.try_again(self.lost());
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
        if self.stage == Stage::Over {
            assert!(self.link.is_idle(), "nobody is spoken to after the last report");
            assert!(self.timers.next().is_none(), "nothing is waited for after the last report");
        }
    }
}

impl Node for Client {
    type Local = ClientInput;
    type Request = ClientReport;

    fn receive(&mut self, id: ConnectionId, bytes: &[u8], now: Time) {
        self.now = now;
        self.link.receive(id, bytes);
        loop {
            match self.link.poll(id) {
                Ok(None) => return,
                Err(violation) => self.violated(violation),
                Ok(Some(Incoming::Welcome)) => {
                    self.timers.cancel(ClientTimer::Handshake);
                    self.was_welcomed = true;
                    self.backoff.reset();
                    self.expect_news();
                    self.ask();
                }
                Ok(Some(incoming)) => match incoming.message() {
                    Ok(message) => self.manager_spoke(message),
                    Err(violation) => self.violated(violation),
                },
            }
        }
    }

    fn unsent(&self, id: ConnectionId) -> &[u8] {
        self.link.unsent(id)
    }

    fn sent(&mut self, id: ConnectionId, count: usize, now: Time) {
        self.now = now;
        self.link.sent(id, count);
    }
}
