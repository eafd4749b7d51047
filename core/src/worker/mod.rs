//! A Worker: executes attempts and keeps map outputs for others. This file owns what its control machine is told, what it
//! asks for, and the table of contents; each part decides its own and the machine pushes what they return.

pub mod attempt;
pub mod disk;
pub mod shuffle;

use crate::ids::{AttemptId, Incarnation};
use crate::job::{Counters, PathBytes};
use crate::machine::{Action, Event};
use crate::failure::Failure;
use alloc::boxed::Box;
use alloc::string::String;
use attempt::{AttemptSuccess, Work};
use core::net::SocketAddr;
use serde::{Deserialize, Serialize};
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
