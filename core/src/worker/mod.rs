//! A Worker: executes attempts and keeps map outputs for others. This file owns what its control machine is told, what it
//! asks for, and the table of contents; each part decides its own and the machine pushes what they return.

pub mod attempt;
mod attempts;
mod base;
mod collect;
mod discard;
pub mod disk;
mod inventory;
pub mod map_attempt;
mod merging;
mod orders;
mod output_file;
mod program;
pub mod reduce_attempt;
mod reported;
mod run_file;
mod session;
pub mod shuffle;
mod silence;

#[cfg(test)]
mod tests;

use crate::failure::Failure;
use crate::ids::{AttemptId, ConnectionId, Incarnation, JobId};
use crate::job::{Counters, PathBytes};
use crate::machine::{Action, Event, Machine, NetworkEvent, Node};
use crate::time::Time;
use crate::timers::Timers;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use attempt::{AttemptSuccess, Work};
use attempts::LocalAttempts;
use core::net::SocketAddr;
use orders::LocalJob;
use rand_chacha::ChaCha12Rng;
use rand_core::SeedableRng;
use serde::{Deserialize, Serialize};
use session::Session;
pub use session::WorkerTimer;
use shuffle::{ShuffleCommand, ShuffleReport};

/// How a worker is set up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerConfig {
    /// The cluster's name.
    pub cluster: String,
    /// Where the Manager listens: stream connections and datagrams both.
    pub manager: SocketAddr,
    /// This life of the process, drawn at random.
    pub incarnation: Incarnation,
    /// What people call this machine.
    pub host: String,
    /// Attempts executed at the same time.
    pub slots: u32,
    /// Where others fetch runs; `None` if nobody can.
    pub shuffle_address: Option<SocketAddr>,
    /// Memory for sorting and merging of each slot.
    pub sort_bytes: usize,
    /// An empty directory of this incarnation.
    pub scratch: PathBytes,
    /// Draws the jitter of dialling again.
    pub seed: u64,
}

/// What a worker is told, apart from the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WorkerInput {
    /// By an attempt: how far it is.
    Progress(AttemptId, Counters),
    /// By an attempt: it is over. The last of it.
    Ended(AttemptId, Result<AttemptSuccess, Failure>),
    /// By the shuffle.
    Shuffle(ShuffleReport),
    /// Stop: end what runs and leave.
    Stop,
}

/// What a worker asks for, apart from the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WorkerRequest {
    /// Execute an attempt; `Ended` follows.
    Start(AttemptId, Box<Work>),
    /// Give an attempt its `Kill`; `Ended` follows, if it has not come yet.
    Kill(AttemptId),
    /// Tell the shuffle.
    Shuffle(ShuffleCommand),
    /// Say this once to whoever watches the worker.
    Notice(WorkerNotice),
    /// It is over, no attempt runs: the last output.
    Stopped,
}

/// What a person who watches a worker wants to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WorkerNotice {
    /// The Manager takes it for one of its own.
    Registered,
    /// The Manager cannot be reached; it is tried again.
    Unreachable(Failure),
    /// The Manager refuses it, and would always: `Stopped` follows.
    Refused(Failure),
    /// The Manager has not answered any heartbeat: is its UDP port blocked?
    Unheard,
    /// The scratch directory of a job is gone.
    JobDropped(PathBytes),
}

/// What a worker is fed.
pub type WorkerEvent = Event<WorkerInput>;
/// What a worker wants done.
pub type WorkerAction = Action<WorkerRequest>;

/// The worker's control machine.
#[derive(Debug)]
pub struct Worker {
    config: WorkerConfig,
    random: ChaCha12Rng,
    now: Time,
    timers: Timers<WorkerTimer>,
    session: Session,
    attempts: LocalAttempts,
    jobs: BTreeMap<JobId, LocalJob>,
    is_stopping: bool,
    is_stopped: bool,
    actions: VecDeque<WorkerAction>,
}

impl Worker {
    /// A worker that dials its Manager as soon as it is told the time.
    pub fn new(config: WorkerConfig) -> Worker {
        let mut timers = Timers::default();
        timers.set(WorkerTimer::Dial, Time::ZERO);
        Worker {
            random: ChaCha12Rng::seed_from_u64(config.seed),
            now: Time::ZERO,
            timers,
            session: Session::default(),
            attempts: LocalAttempts::new(config.slots),
            jobs: BTreeMap::new(),
            is_stopping: false,
            is_stopped: false,
            actions: VecDeque::new(),
            config,
        }
    }

    fn request(&mut self, request: WorkerRequest) {
        self.actions.push_back(Action::Local(request));
    }

    fn settle(&mut self) {
        self.start_queued();
        self.forget_dropped_jobs();
        self.continue_stopping();
    }
}

impl Machine for Worker {
    type Input = WorkerEvent;
    type Output = WorkerAction;
    type Timer = WorkerTimer;

    fn handle_input(&mut self, input: WorkerEvent, now: Time) {
        self.now = now;
        match input {
            Event::Network(NetworkEvent::Accepted { .. }) => {
                unreachable!("nobody dials a worker's control machine")
            }
            Event::Network(NetworkEvent::Connected { connection, local: _ }) => self.connected(connection),
            Event::Network(NetworkEvent::DialFailed { connection, error }) => {
                self.dial_failed(connection, error)
            }
            Event::Network(NetworkEvent::Closed { connection, error: _ }) => self.closed(connection),
            Event::Network(NetworkEvent::Datagram { from: _, bytes }) => self.datagram(&bytes),
            Event::Local(WorkerInput::Progress(attempt, counters)) => {
                self.attempt_progressed(attempt, counters)
            }
            Event::Local(WorkerInput::Ended(attempt, result)) => self.attempt_ended(attempt, result),
            Event::Local(WorkerInput::Shuffle(report)) => self.shuffle_reported(report),
            Event::Local(WorkerInput::Stop) => self.stop(true),
        }
        self.settle();
    }

    fn handle_timeout(&mut self, now: Time) {
        self.now = now;
        while let Some(timer) = self.timers.pop_due(now) {
            self.timer_fired(timer);
        }
        self.settle();
    }

    fn poll_output(&mut self) -> Option<WorkerAction> {
        self.actions.pop_front()
    }

    fn poll_timeout(&self) -> Option<(Time, WorkerTimer)> {
        self.timers.next()
    }

    fn check_invariants(&self) {
        self.attempts.check_invariants();
        for (id, _) in self.attempts.all() {
            assert!(self.jobs.contains_key(&id.job), "{id} belongs to a job that is known here");
        }
    }
}

impl Node for Worker {
    type Local = WorkerInput;
    type Request = WorkerRequest;

    fn receive(&mut self, connection: ConnectionId, bytes: &[u8], now: Time) {
        self.now = now;
        self.received(connection, bytes);
        self.settle();
    }

    fn unsent(&self, connection: ConnectionId) -> &[u8] {
        self.session.unsent(connection)
    }

    fn sent(&mut self, connection: ConnectionId, count: usize, now: Time) {
        self.now = now;
        self.session.sent(connection, count);
    }
}
