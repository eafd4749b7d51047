//! What is said: owns every message between Manager, worker, client and shuffle peers.
//!
//! No recursive types, no zero-sized elements: a bounded frame decodes into bounded memory (wire/frame.rs). One enum
//! for each direction, so that a machine can be exhaustive about what it may hear.

use crate::data::digest::OutputDigest;
use crate::failure::{Cause, Failure};
use crate::ids::{AttemptId, Epoch, Incarnation, JobId, Partition, SessionId, SubmissionKey};
use crate::job::{Counters, InputFile, JobProgress, JobReport, JobSpecification, Split, Staging};
use crate::worker::shuffle::MapLocation;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;
use serde::{Deserialize, Serialize};

/// The first frame from whoever dialled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The cluster it means to talk to.
    pub cluster: String,
    /// What it wants to be.
    pub role: Role,
}

/// What a dialling peer wants to be.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// Executes tasks.
    Worker,
    /// Submits jobs.
    Client,
    /// Fetches runs.
    Fetcher,
}

/// The answer to [`Hello`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HelloAnswer {
    /// Go on.
    Welcome,
    /// This is another cluster; its name.
    OtherCluster(String),
    /// Nobody here serves that role.
    NotServed,
}

/// From a worker to the Manager.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromWorker {
    /// The first message of a session, answered by [`ToWorker::Registered`].
    Register {
        /// Which worker process.
        incarnation: Incarnation,
        /// What people call its machine.
        host: String,
        /// Attempts it executes at the same time.
        slots: u32,
        /// Where its runs can be fetched; `None` if nowhere but on itself.
        shuffle_address: Option<SocketAddr>,
    },
    /// A page of what the worker has, sent after registration; answered by [`ToWorker::Verdicts`].
    Inventory {
        /// Attempts and map outputs.
        entries: Vec<InventoryEntry>,
        /// Jobs of which it has anything at all; those that are over are dropped.
        jobs: Vec<JobId>,
        /// Whether this is the last page.
        last: bool,
    },
    /// A reduce attempt has all its runs and waits for a slot.
    Gathered {
        /// Which.
        attempt: AttemptId,
    },
    /// Map outputs beyond `cursor` are wanted; answered once there are some.
    PullOutputs {
        /// Of which job.
        job: JobId,
        /// How many entries of its log the worker has.
        cursor: u64,
    },
    /// A run cannot be had.
    Unfetchable {
        /// The reduce attempt that wants it.
        attempt: AttemptId,
        /// The attempt that made it.
        map: AttemptId,
        /// Why.
        cause: Cause,
    },
    /// How far attempts are.
    Progress {
        /// Each with its figures and the runs it has gathered.
        attempts: Vec<AttemptProgress>,
    },
    /// An attempt ended; sent again until acknowledged.
    Ended {
        /// Which.
        attempt: AttemptId,
        /// How.
        result: AttemptResult,
    },
    /// The worker stops; its tasks may run elsewhere at once.
    Goodbye,
}

/// One thing that a worker has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InventoryEntry {
    /// An attempt that gathers its runs.
    Gathering(AttemptId),
    /// A reduce attempt that waits for a slot.
    Gathered(AttemptId),
    /// An attempt that holds a slot.
    Running(AttemptId),
    /// An attempt that ended and was not acknowledged.
    Ended(AttemptId, AttemptResult),
    /// A map output that was acknowledged.
    Holding(AttemptId),
}

impl InventoryEntry {
    /// Which attempt it is about.
    pub fn attempt(&self) -> AttemptId {
        match self {
            InventoryEntry::Gathering(attempt)
            | InventoryEntry::Gathered(attempt)
            | InventoryEntry::Running(attempt)
            | InventoryEntry::Ended(attempt, _)
            | InventoryEntry::Holding(attempt) => *attempt,
        }
    }
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttemptResult {
    /// Well; its output is where it was told to put it, or on its worker.
    Succeeded(Success),
    /// Not well.
    Failed(Box<Failure>),
}

/// What an attempt that ended well amounts to.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Success {
    /// Its figures.
    pub counters: Counters,
    /// Of a map with reducers: what it printed.
    pub digest: OutputDigest,
}

/// How far one attempt is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptProgress {
    /// Which.
    pub attempt: AttemptId,
    /// Runs of it that are on its worker.
    pub runs_gathered: u32,
    /// Its figures so far.
    pub counters: Counters,
}

/// From the Manager to a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToWorker {
    /// The answer to [`FromWorker::Register`].
    Registered {
        /// The session's number; heartbeats carry it.
        session: SessionId,
        /// The Manager's epoch.
        epoch: Epoch,
        /// How often to send a heartbeat.
        heartbeat_us: u64,
        /// For how long silence is borne, either way.
        lease_us: u64,
    },
    /// What to do with the entries of an inventory page, in their order.
    Verdicts(Vec<(AttemptId, Verdict)>),
    /// Execute a task: a map at once (it has a slot), a reduce as far as gathering its runs.
    Launch(Box<LaunchOrder>),
    /// A gathered reduce attempt has its slot: run.
    Run {
        /// Which.
        attempt: AttemptId,
    },
    /// An attempt is not wanted any more; it ends as `Killed`, or as it already has.
    Kill {
        /// Which.
        attempt: AttemptId,
    },
    /// Entries of a job's log of map outputs.
    Outputs {
        /// Of which job.
        job: JobId,
        /// The place of the first entry in the log.
        start: u64,
        /// Later ones replace earlier ones of the same map.
        entries: Vec<OutputEntry>,
    },
    /// The end of an attempt is durable; forget it, but keep a map's output where it `counts`.
    Acknowledged {
        /// Which.
        attempt: AttemptId,
        /// Whether its output is the one that counts.
        counts: bool,
    },
    /// A job is over; remove all that belongs to it.
    DropJob {
        /// Which.
        job: JobId,
    },
    /// The cluster shuts down: stop.
    Stop,
}

/// What becomes of one thing that a worker has.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// Go on with it.
    Keep,
    /// Nobody needs it: end it, remove it.
    Drop,
}

/// An entry of a job's log of map outputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputEntry {
    /// The index of the map task.
    pub map_index: u32,
    /// Where its output lies; `None` if it was lost.
    pub location: Option<MapLocation>,
}

/// A task to be executed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchOrder {
    /// The attempt.
    pub attempt: AttemptId,
    /// What the attempts of the job have in common.
    pub job: JobOrder,
    /// The task.
    pub task: TaskOrder,
}

/// What a worker must know of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobOrder {
    /// What the user asked for.
    pub specification: JobSpecification,
    /// The job's staging directory.
    pub staging: Staging,
    /// What the nonce file in it holds.
    pub nonce: u64,
}

/// What a worker must know of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaskOrder {
    /// Map a split.
    Map {
        /// The file.
        input: InputFile,
        /// The part of it.
        split: Split,
    },
    /// Reduce a partition.
    Reduce {
        /// Which.
        partition: Partition,
        /// How many maps the job has.
        maps: u32,
    },
}

/// From a client to the Manager.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromClient {
    /// Run a job and tell how it goes. The same key again means the same job.
    Submit {
        /// Drawn by the client.
        key: SubmissionKey,
        /// The job.
        specification: JobSpecification,
    },
    /// Tell how a job goes.
    Watch {
        /// Which.
        job: JobId,
    },
    /// End a job without output.
    Cancel {
        /// Which.
        job: JobId,
    },
    /// Stop the Manager and its workers.
    Shutdown,
}

/// From the Manager to a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToClient {
    /// The job is durable: it will be run whatever happens.
    Accepted {
        /// Its number.
        job: JobId,
    },
    /// How a watched job goes.
    Progress(JobProgress),
    /// An attempt of a watched job failed, and its task is tried again; of many in a short time, the last.
    AttemptFailed(Failure),
    /// A watched job ended.
    Ended(JobReport),
    /// There is no such job.
    UnknownJob {
        /// Which.
        job: JobId,
    },
    /// The request cannot be served.
    Refused(Failure),
    /// The Manager stops; so many jobs were running.
    ShuttingDown {
        /// Jobs that were cancelled by it.
        jobs_cancelled: u32,
    },
}

/// From a reduce's worker to a map's, on a shuffle connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchRequest {
    /// The attempt that made the run.
    pub map: AttemptId,
    /// Which of its runs.
    pub partition: Partition,
}

/// The answer to [`FetchRequest`], in the order of the requests of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FetchAnswer {
    /// The run follows in raw frames, so many bytes in all.
    Run {
        /// Bytes of the run.
        length_bytes: u64,
    },
    /// There is no such run here.
    NotHere,
    /// The run cannot be read.
    Unreadable {
        /// Why.
        reason: String,
    },
}

/// A heartbeat of a worker, in a datagram.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// The session.
    pub session: SessionId,
    /// The epoch of the Manager that gave it; another's sessions have the same numbers.
    pub epoch: Epoch,
    /// Counts the session's heartbeats, from 1.
    pub sequence: u64,
    /// Attempts that hold slots.
    pub running: u32,
}

/// The Manager's answer to a [`Heartbeat`].
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeartbeatAnswer {
    /// The heartbeat's session.
    pub session: SessionId,
    /// The Manager's epoch.
    pub epoch: Epoch,
    /// The heartbeat's number.
    pub sequence: u64,
}
