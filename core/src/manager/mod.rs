//! The Manager: takes jobs, deals their tasks to workers, and makes their output visible. This file owns what it is told,
//! what it asks for, and the table of contents; each part decides its own and the machine pushes what they return.

mod backup;
mod clients;
mod commit;
mod drain;
mod durations;
mod execution;
mod failed_attempts;
mod failures;
mod fates;
pub mod files;
mod invariants;
pub mod jobs;
pub mod journal;
mod lifecycle;
mod liveness;
mod peers;
mod plan;
mod recovery;
mod registry;
pub mod replace;
mod reports;
mod schedule;
mod search;
mod sessions;
mod shares;
mod skipping;
mod standing;
mod tasks;

#[cfg(test)]
mod tests;

use crate::ids::{AttemptId, ConnectionId, Epoch, Incarnation, JobId, OperationId, Sequence};
use crate::machine::{Action, Event, Machine, NetworkAction, NetworkEvent, Node};
use crate::probe::probe;
use crate::time::{Time, WallTime};
use crate::timers::Timers;
use crate::wire::message::{ToClient, ToWorker};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use execution::{Attempts, Execution};
use failed_attempts::FailedAttempts;
use files::{FileAnswer, FileRequest};
use jobs::Jobs;
use journal::{Journal, Record};
pub use liveness::ManagerTimer;
use liveness::Stopping;
use peers::Peers;
use rand_chacha::ChaCha12Rng;
use rand_core::SeedableRng;
use registry::Registry;
use serde::{Deserialize, Serialize};

/// How a Manager is set up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagerConfig {
    /// The cluster's name; peers of another are refused.
    pub cluster: String,
    /// This life of the Manager, greater than all before on the same work directory.
    pub epoch: Epoch,
    /// When this life begins.
    pub begins_at: WallTime,
    /// How often workers send heartbeats.
    pub heartbeat_us: u64,
    /// For how long a silent worker still counts as alive.
    pub lease_us: u64,
    /// For how long all workers that are there may fail a task by their own doing before its job is given up.
    pub worker_patience_us: u64,
    /// Whether another life will read its journal: then its own end leaves jobs to that.
    pub keeps_jobs: bool,
    /// The least bytes of records after which the journal begins anew with a snapshot.
    pub snapshot_after_bytes: u64,
    /// Draws nonces.
    pub seed: u64,
}

/// What the Manager is told, apart from the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ManagerInput {
    /// Every record of the journal up to this one is durable.
    Persisted(Sequence),
    /// The answer to a request to the file system.
    File(OperationId, FileAnswer),
    /// Stop: leave jobs to the next life, or, where there is none, cancel what runs and tell everyone; and end.
    Stop,
}

/// What the Manager asks for, apart from the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ManagerRequest {
    /// Begin the journal anew with this record, a snapshot: once it is durable, nothing before it is needed. It is written
    /// alone. Answered as `Append`.
    BeginJournal {
        /// Its place.
        sequence: Sequence,
        /// The record.
        #[serde(with = "serde_bytes")]
        record: Vec<u8>,
    },
    /// Append a record to the journal; answered by `Persisted`, for this or a later one.
    Append {
        /// Its place; each is the one before plus one.
        sequence: Sequence,
        /// The record.
        #[serde(with = "serde_bytes")]
        record: Vec<u8>,
    },
    /// Something on the file system, to be done in the order asked; answered.
    File(OperationId, FileRequest),
    /// It is over: the last output.
    Stopped,
}

/// What a Manager is fed.
pub type ManagerEvent = Event<ManagerInput>;
/// What a Manager wants done.
pub type ManagerAction = Action<ManagerRequest>;

/// The Manager's machine.
#[derive(Debug)]
pub struct Manager {
    config: ManagerConfig,
    random: ChaCha12Rng,
    /// When this life began, and the present.
    begun: Time,
    now: Time,
    peers: Peers,
    registry: Registry,
    jobs: Jobs,
    executions: BTreeMap<JobId, Execution>,
    attempts: Attempts,
    failed_attempts: FailedAttempts,
    inventories: BTreeMap<Incarnation, Vec<AttemptId>>,
    journal: Journal<Effect>,
    timers: Timers<ManagerTimer>,
    operations: BTreeMap<OperationId, JobId>,
    last_operation: u64,
    stopping: Option<Stopping>,
    actions: VecDeque<ManagerAction>,
}

/// Something decided that must wait for the journal.
#[derive(Debug)]
enum Effect {
    ToWorker(ConnectionId, ToWorker),
    ToClient(ConnectionId, Box<ToClient>),
    Close(ConnectionId),
    File(OperationId, FileRequest),
    Stopped,
}

impl Manager {
    /// A Manager at the beginning of its epoch, which goes on with `jobs`: what the journal of the life before amounts to.
    pub fn new(config: ManagerConfig, jobs: Jobs, now: Time) -> Manager {
        let mut manager = Manager {
            random: ChaCha12Rng::seed_from_u64(config.seed),
            begun: now,
            now,
            peers: Peers::default(),
            registry: Registry::default(),
            jobs,
            executions: BTreeMap::new(),
            attempts: Attempts::default(),
            failed_attempts: FailedAttempts::default(),
            inventories: BTreeMap::new(),
            journal: Journal::default(),
            timers: Timers::default(),
            operations: BTreeMap::new(),
            last_operation: 0,
            stopping: None,
            actions: VecDeque::new(),
            config,
        };
        manager.begin_journal();
        manager.record(Record::EpochBegan { epoch: manager.config.epoch });
        manager.recover();
        manager.settle();
        manager
    }

    /// The time of day. Within a life it never goes back, whatever becomes of the host's calendar.
    fn wall_time(&self) -> WallTime {
        self.config.begins_at.after(self.now.since_us(self.begun))
    }

    /// Lets all that is known be the beginning of the journal.
    fn begin_journal(&mut self) {
        let (sequence, record) = self.journal.append(&Record::Snapshot(self.jobs.clone().into()));
        self.actions.push_back(Action::Local(ManagerRequest::BeginJournal { sequence, record }));
    }

    /// Appends a record and applies it. What is decided from here on waits for it.
    fn record(&mut self, record: Record) {
        let (sequence, bytes) = self.journal.append(&record);
        self.jobs.apply(record);
        self.actions.push_back(Action::Local(ManagerRequest::Append { sequence, record: bytes }));
    }

    fn tell_worker(&mut self, connection: ConnectionId, message: ToWorker) {
        self.journal.hold(Effect::ToWorker(connection, message));
    }

    fn tell_client(&mut self, connection: ConnectionId, message: ToClient) {
        self.journal.hold(Effect::ToClient(connection, message.into()));
    }

    /// Does what was decided after every input: tasks are dealt, and what need not wait for the journal leaves.
    fn settle(&mut self) {
        self.judge_workers();
        self.schedule();
        self.continue_stopping();
        if self.journal.is_long(self.config.snapshot_after_bytes) {
            probe!("the journal begins anew");
            self.begin_journal();
        }
        while let Some(effect) = self.journal.release() {
            match effect {
                Effect::ToWorker(connection, message) => {
                    let action = self.peers.send(connection, &message);
                    self.act(action);
                }
                Effect::ToClient(connection, message) => {
                    let action = self.peers.send(connection, &message);
                    self.act(action);
                    self.client_told(connection, &message);
                }
                Effect::Close(connection) => {
                    let action = self.peers.close(connection, None);
                    self.act(action);
                }
                Effect::File(operation, request) => {
                    self.actions.push_back(Action::Local(ManagerRequest::File(operation, request)));
                }
                Effect::Stopped => self.actions.push_back(Action::Local(ManagerRequest::Stopped)),
            }
        }
    }

    /// Whether all that comes is for the next life.
    fn has_left(&self) -> bool {
        self.stopping.as_ref().is_some_and(|stopping| stopping.leaves_jobs)
    }

    fn act(&mut self, action: Option<NetworkAction>) {
        self.actions.extend(action.map(Action::Network));
    }
}

impl Machine for Manager {
    type Input = ManagerEvent;
    type Output = ManagerAction;
    type Timer = ManagerTimer;

    fn handle_input(&mut self, input: ManagerEvent, now: Time) {
        self.now = now;
        if self.has_left() && !matches!(input, Event::Local(ManagerInput::Persisted(_))) {
            return;
        }
        match input {
            Event::Network(NetworkEvent::Accepted { connection, peer }) => self.accepted(connection, peer),
            Event::Network(NetworkEvent::Connected { .. } | NetworkEvent::DialFailed { .. }) => {
                unreachable!("the Manager dials nobody")
            }
            Event::Network(NetworkEvent::Closed { connection, error: _ }) => self.closed(connection),
            Event::Network(NetworkEvent::Datagram { from, bytes }) => self.datagram(from, &bytes),
            Event::Local(ManagerInput::Persisted(sequence)) => self.journal.persisted(sequence),
            Event::Local(ManagerInput::File(operation, answer)) => self.file_answered(operation, answer),
            Event::Local(ManagerInput::Stop) => self.stop(),
        }
        self.settle();
    }

    fn handle_timeout(&mut self, now: Time) {
        self.now = now;
        if self.has_left() {
            return;
        }
        while let Some(timer) = self.timers.pop_due(now) {
            self.timer_fired(timer);
        }
        self.settle();
    }

    fn poll_output(&mut self) -> Option<ManagerAction> {
        self.actions.pop_front()
    }

    fn poll_timeout(&self) -> Option<(Time, ManagerTimer)> {
        self.timers.next().filter(|_| !self.has_left())
    }

    fn check_invariants(&self) {
        self.check();
    }
}

impl Node for Manager {
    type Local = ManagerInput;
    type Request = ManagerRequest;

    fn receive(&mut self, connection: ConnectionId, bytes: &[u8], now: Time) {
        self.now = now;
        if self.has_left() {
            return;
        }
        self.received(connection, bytes);
        self.settle();
    }

    fn unsent(&self, connection: ConnectionId) -> &[u8] {
        self.peers.get(connection).map_or(&[], |peer| peer.connection.unsent())
    }

    fn sent(&mut self, connection: ConnectionId, count: usize, now: Time) {
        self.now = now;
        if let Some(peer) = self.peers.get_mut(connection) {
            peer.connection.sent(count);
        }
    }
}
