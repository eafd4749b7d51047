//! A client of the Manager: hands in one request and follows it to its end. This file owns what it is told and what it
//! tells; the machine dials again with back-off, submits by key until it is accepted, and watches until the job ended; or it
//! asks until it is answered.

mod machine;

pub use machine::{Client, ClientTimer};

use crate::failure::Failure;
use crate::ids::{JobId, SubmissionKey};
use crate::job::{JobProgress, JobReport, JobSpecification};
use crate::machine::{Action, Event};
use crate::report::{Answer, Question};
use alloc::string::String;
use core::net::SocketAddr;
use serde::{Deserialize, Serialize};

/// How a client is set up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientConfig {
    /// The cluster's name.
    pub cluster: String,
    /// Where the Manager listens.
    pub manager: SocketAddr,
    /// The Manager's address as the user wrote it, for messages.
    pub manager_name: String,
    /// For how long an absent Manager is tried again.
    pub patience_us: u64,
    /// For how long an absent Manager is tried again that has the client's job, which it goes on with when it is back.
    pub job_patience_us: u64,
    /// What is wanted of it.
    pub task: ClientTask,
    /// Draws the jitter of dialling again.
    pub seed: u64,
}

/// What a client wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientTask {
    /// Run a job and follow it.
    Submit {
        /// Drawn at random.
        key: SubmissionKey,
        /// The job.
        specification: JobSpecification,
        /// Whether it is left to itself once it is accepted.
        is_detached: bool,
    },
    /// Follow a job that somebody submitted.
    Watch {
        /// Which.
        job: JobId,
    },
    /// Have a question answered.
    Ask(Question),
    /// Stop the Manager and its workers.
    Shutdown,
}

/// What a client is told, apart from the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientInput {
    /// Connect and begin. The first input, once.
    Start,
    /// The user does not want the job any more, or to wait for it where he only watches.
    Cancel,
}

/// What a client tells its user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientReport {
    /// The Manager is not there (yet); it is tried again.
    Waiting(Failure),
    /// The job is durable.
    Accepted(JobId),
    /// How it goes.
    Progress(JobProgress),
    /// An attempt failed, and its task is tried again; of many in a short time, the last.
    AttemptFailed(Failure),
    /// It ended, well or not: the last report.
    Ended(JobReport),
    /// It goes on, and is not followed any more: the last report.
    Left(JobId),
    /// The answer to a question: the last report.
    Answered(Answer),
    /// The Manager stops, and so many jobs were cancelled by it: the last report.
    ShutDown {
        /// Jobs that were running.
        jobs_cancelled: u32,
    },
    /// The request failed before there was a job to report of, or the Manager is lost: the last report.
    Failed(Failure),
}

impl ClientReport {
    /// Whether nothing comes after it.
    pub fn is_last(&self) -> bool {
        match self {
            ClientReport::Waiting(_)
            | ClientReport::Accepted(_)
            | ClientReport::Progress(_)
            | ClientReport::AttemptFailed(_) => false,
            ClientReport::Ended(_)
            | ClientReport::Left(_)
            | ClientReport::Answered(_)
            | ClientReport::ShutDown { .. }
            | ClientReport::Failed(_) => true,
        }
    }
}

/// What a client is fed.
pub type ClientEvent = Event<ClientInput>;
/// What a client wants done: network, and reports.
pub type ClientAction = Action<ClientReport>;
