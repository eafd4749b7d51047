//! Moving runs from mappers to reducers: owns the worker's shuffle port and its fetches from other workers.
//!
//! A [`Node`](crate::machine::Node) of its own beside the worker's control machine, on a thread that may touch files.
//! It serves runs of this worker's map outputs, fetches those of others into one file for each reduce attempt, checks
//! every block on the way, and says when all runs of an attempt are on this worker. Runs that lie here already are
//! never moved.

mod fetch;
mod gather;
mod machine;
mod serve;

#[cfg(test)]
mod tests;

pub use machine::{Shuffle, ShuffleTimer};

use super::attempt::{MapOutput, RunLocation};
use super::disk::{DiskAnswer, DiskRequest};
use crate::failure::Cause;
use crate::ids::{AttemptId, Incarnation, JobId, Partition};
use crate::job::PathBytes;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;
use serde::{Deserialize, Serialize};

/// How a shuffle is set up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShuffleConfig {
    /// The cluster; peers of another are refused.
    pub cluster: String,
    /// The worker it belongs to.
    pub incarnation: Incarnation,
    /// Draws the jitter of retries.
    pub seed: u64,
}

/// What the shuffle is told, apart from the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ShuffleInput {
    /// By the worker's control machine.
    Command(ShuffleCommand),
    /// The answer to its disk request, unless bytes were pushed for it.
    Disk(DiskAnswer),
}

/// What the shuffle asks for, apart from the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ShuffleRequest {
    /// Something on the disk; answered before the next is asked.
    Disk(DiskRequest),
    /// To be handed to the worker's control machine.
    Report(ShuffleReport),
}

/// From the worker's control machine to its shuffle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ShuffleCommand {
    /// This worker holds the output of a map attempt: serve it.
    Offer {
        /// Which.
        map: AttemptId,
        /// Where.
        output: MapOutput,
    },
    /// Collect one run of each of `maps` maps for a reduce attempt.
    Gather {
        /// For which attempt.
        attempt: AttemptId,
        /// Which run of each map.
        partition: Partition,
        /// How many maps the job has.
        maps: u32,
        /// The directory to make, and the file in it to fetch into.
        directory: PathBytes,
    },
    /// Where the output of a map lies now; replaces what was said of the map before.
    Locate {
        /// Of which job.
        job: JobId,
        /// The index of the map task; it stands for itself where there is no location.
        map_index: u32,
        /// Where; `None` if it is lost, to be made anew.
        location: Option<MapLocation>,
    },
    /// The gathering is not wanted any more, or its attempt ended: forget it, its file included.
    Abandon {
        /// For which attempt.
        attempt: AttemptId,
    },
    /// The job is over: forget all of it. Its files are removed.
    Forget {
        /// Which.
        job: JobId,
        /// Its directory in this worker's scratch.
        directory: PathBytes,
    },
    /// A map output that nobody wants.
    Withdraw {
        /// Which.
        map: AttemptId,
        /// The attempt's directory.
        directory: PathBytes,
    },
}

/// Where a map output lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapLocation {
    /// The attempt that made it.
    pub map: AttemptId,
    /// The worker that holds it.
    pub holder: Incarnation,
    /// That worker's shuffle address; `None` if it takes no connections.
    pub address: Option<SocketAddr>,
}

/// From the shuffle to the worker's control machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ShuffleReport {
    /// So many runs of a reduce attempt are here by now.
    Progress {
        /// Of which attempt.
        attempt: AttemptId,
        /// How many.
        runs: u32,
    },
    /// All runs of a reduce attempt are here and checked.
    Gathered {
        /// Of which attempt.
        attempt: AttemptId,
        /// Where, in the order of the map tasks.
        runs: Vec<RunLocation>,
        /// Bytes that came over the network for it.
        fetched_bytes: u64,
    },
    /// A run cannot be had: its map must run again, or its holder be found.
    Unfetchable {
        /// The reduce attempt that wants it.
        attempt: AttemptId,
        /// The attempt that made it.
        map: AttemptId,
        /// Why.
        cause: Cause,
    },
    /// This worker's disk failed a gathering, which is thereby abandoned.
    Failed {
        /// Which.
        attempt: AttemptId,
        /// Why.
        cause: Cause,
    },
    /// A job's directory is gone.
    Forgotten {
        /// Which job's.
        job: JobId,
    },
}
