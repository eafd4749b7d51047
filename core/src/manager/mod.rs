//! The Manager: takes jobs, deals their tasks to workers, and makes their output visible. This file owns what it is told,
//! what it asks for, and the table of contents; each part decides its own and the machine pushes what they return.

pub mod files;

use crate::ids::{Epoch, OperationId, Sequence};
use crate::machine::{Action, Event};
use alloc::string::String;
use alloc::vec::Vec;
use files::{FileAnswer, FileRequest};
use serde::{Deserialize, Serialize};

/// How a Manager is set up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagerConfig {
    /// The cluster's name; peers of another are refused.
    pub cluster: String,
    /// This life of the Manager, greater than all before on the same work directory.
    pub epoch: Epoch,
    /// How often workers send heartbeats.
    pub heartbeat_us: u64,
    /// For how long a silent worker still counts as alive.
    pub lease_us: u64,
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
    /// Stop: cancel what runs, tell everyone, and end.
    Stop,
}

/// What the Manager asks for, apart from the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ManagerRequest {
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
