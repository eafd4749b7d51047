//! The names of things: owns every id as a newtype, so that no two can be confused.
//!
//! An [`AttemptId`] never repeats, whatever dies: it carries the Manager's epoch.

use core::fmt;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(
    /// A job, numbered by the Manager that accepted it.
    JobId(u64)
);
id!(
    /// One life of a Manager; fences the messages of an earlier one.
    Epoch(u64)
);
id!(
    /// One registration of a worker; a worker that dials again gets another.
    SessionId(u64)
);
id!(
    /// One life of a worker process, drawn at random when it starts.
    Incarnation(u64)
);
id!(
    /// One reducer's share of the keys; equal to the index of its reduce task.
    Partition(u32)
);
id!(
    /// The place of a record in the journal; the first is 1.
    Sequence(u64)
);
id!(
    /// An open file of one attempt (or of the shuffle), named by the machine that had it opened.
    FileId(u64)
);
id!(
    /// One request of the Manager to its file system.
    OperationId(u64)
);
id!(
    /// A submission, drawn by the client: the same key twice is the same job.
    SubmissionKey(u64)
);

impl SubmissionKey {
    /// The key that a user named.
    pub fn named(name: &str) -> SubmissionKey {
        SubmissionKey(xxh3_64(name.as_bytes()))
    }
}

/// A stream connection, as one machine and its driver call it.
///
/// Connections that were dialled are named by the machine, accepted ones by the driver: the two
/// never meet, for they differ in their lowest bit.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ConnectionId(u64);

impl ConnectionId {
    /// The `number`-th connection that the driver accepted.
    pub const fn accepted(number: u64) -> ConnectionId {
        ConnectionId(number << 1)
    }

    /// The `number`-th connection that the machine dialled.
    pub const fn dialled(number: u64) -> ConnectionId {
        ConnectionId(number << 1 | 1)
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A task of a job: one split to map or one partition to reduce, by index.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TaskId {
    /// The map of the split with this index.
    Map(u32),
    /// The reduce of the partition with this index.
    Reduce(u32),
}

impl TaskId {
    /// Its place among the tasks of its kind.
    pub const fn index(self) -> u32 {
        match self {
            TaskId::Map(index) | TaskId::Reduce(index) => index,
        }
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TaskId::Map(index) => write!(f, "map {index}"),
            TaskId::Reduce(index) => write!(f, "reduce {index}"),
        }
    }
}

/// One execution of a task on one worker. Ordered so that a task's attempts are neighbours.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AttemptId {
    /// The job.
    pub job: JobId,
    /// The task.
    pub task: TaskId,
    /// The epoch of the Manager that launched it.
    pub epoch: Epoch,
    /// Counts the task's attempts within the epoch, from 0.
    pub number: u32,
}

impl AttemptId {
    /// The least of all ids of a job's attempts.
    pub const fn first_of(job: JobId) -> AttemptId {
        AttemptId { job, task: TaskId::Map(0), epoch: Epoch(0), number: 0 }
    }

    /// A name fit for a file: letters, digits and hyphens, different for every attempt of the job.
    pub fn file_stem(&self) -> alloc::string::String {
        let AttemptId { task, epoch, number, .. } = self;
        match task {
            TaskId::Map(index) => alloc::format!("map-{index:05}-{epoch}-{number}"),
            TaskId::Reduce(index) => alloc::format!("reduce-{index:05}-{epoch}-{number}"),
        }
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AttemptId { job, task, epoch, number } = self;
        write!(f, "job {job}, {task}, attempt {epoch}.{number}")
    }
}
