//! What the Manager remembers: owns the records, their order, and what waits until they are durable.
//!
//! Whatever the Manager decides after a record was appended leaves it only once that record is durable: the rule is
//! kept for every effect alike, so that nothing can reflect a state that a crash would undo. Appends themselves and
//! answers to heartbeats, which reflect no durable state, pass by. Never knows what a file is; recovery folds the same
//! records (Google paper, 3.3, "Master failure", taken further: the state is nothing but the fold).

pub mod format;

use super::files::DirectoryIdentity;
use super::jobs::Jobs;
use crate::data::digest::OutputDigest;
use crate::failure::Failure;
use crate::ids::{AttemptId, Epoch, Incarnation, JobId, Sequence, SubmissionKey};
use crate::job::{ByteRange, Counters, JobReport, JobSpecification, Plan};
use crate::probe::probe;
use crate::time::WallTime;
use crate::wire::frame;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// A change of the Manager's durable state; the state is the fold of all of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// All that was before, folded.
    Snapshot(Box<Jobs>),
    /// A Manager began its life.
    EpochBegan {
        /// Its epoch.
        epoch: Epoch,
    },
    /// A job was accepted.
    JobAccepted {
        /// Its number.
        job: JobId,
        /// The client's key for it.
        key: SubmissionKey,
        /// Tells its staging directory from any other.
        nonce: u64,
        /// When.
        at: WallTime,
        /// What was asked for.
        specification: JobSpecification,
    },
    /// A job's inputs were listed and divided.
    JobPlanned {
        /// Which.
        job: JobId,
        /// Into what.
        plan: Plan,
    },
    /// An attempt is the one that counts for its task.
    TaskWon {
        /// Which.
        attempt: AttemptId,
        /// The worker that executed it.
        holder: Incarnation,
        /// Its figures.
        counters: Counters,
        /// Of a map with reducers: what it printed.
        digest: OutputDigest,
        /// Of a map: how many records it has left out, the first that were found.
        left_out: u32,
    },
    /// An attempt failed by its program's own doing, which only so many of a task may.
    AttemptFailed {
        /// Which.
        attempt: AttemptId,
    },
    /// A record was found on which the mapper fails; from here on it is left out of its split.
    RecordSkipped {
        /// Of which job.
        job: JobId,
        /// Of which map.
        map_index: u32,
        /// Where it is in the map's file, decoded.
        hole: ByteRange,
    },
    /// A map's output is lost; the task has no winner any more.
    OutputRevoked {
        /// The attempt that was its winner.
        attempt: AttemptId,
        /// Where it was executed, if that is known.
        host: Option<String>,
    },
    /// All tasks are won; from here on the job can only be published or fail at it.
    JobCommitting {
        /// Which.
        job: JobId,
    },
    /// The winners' files are all in the directory that becomes the output; from here on it may be in its place.
    JobPublishing {
        /// Which.
        job: JobId,
        /// The directory that is there and that it is exchanged for, if there is one.
        replacing: Option<DirectoryIdentity>,
    },
    /// The file system cannot exchange: from here on what is to be replaced may be in staging, and its place empty.
    JobDisplacing {
        /// Which.
        job: JobId,
    },
    /// A job is given up; from here on it can only be cleaned up after.
    JobFailing {
        /// Which.
        job: JobId,
        /// Why.
        failure: Failure,
    },
    /// A job ended for good.
    JobEnded {
        /// How.
        report: JobReport,
    },
    /// A worker is given nothing new any more.
    DrainBegan {
        /// Which.
        worker: Incarnation,
    },
    /// A worker is given tasks again, or has gone for good.
    DrainEnded {
        /// Which.
        worker: Incarnation,
    },
}

/// The order of records and of what waits for them. `E` is an effect on the world.
#[derive(Debug)]
pub struct Journal<E> {
    appended: Sequence,
    persisted: Sequence,
    held: VecDeque<(Sequence, E)>,
    /// Bytes of the last snapshot, and of records since.
    snapshot_bytes: u64,
    tail_bytes: u64,
}

impl<E> Default for Journal<E> {
    fn default() -> Journal<E> {
        Journal {
            appended: Sequence(0),
            persisted: Sequence(0),
            held: VecDeque::new(),
            snapshot_bytes: 0,
            tail_bytes: 0,
        }
    }
}

impl<E> Journal<E> {
    /// Gives a record its place; returns both for the journal's file.
    pub fn append(&mut self, record: &Record) -> (Sequence, Vec<u8>) {
        self.appended = Sequence(self.appended.0 + 1);
        let bytes = frame::encode(record);
        match record {
            Record::Snapshot(_) => (self.snapshot_bytes, self.tail_bytes) = (bytes.len() as u64, 0),
            Record::EpochBegan { .. }
            | Record::JobAccepted { .. }
            | Record::JobPlanned { .. }
            | Record::TaskWon { .. }
            | Record::AttemptFailed { .. }
            | Record::RecordSkipped { .. }
            | Record::OutputRevoked { .. }
            | Record::JobCommitting { .. }
            | Record::JobPublishing { .. }
            | Record::JobDisplacing { .. }
            | Record::JobFailing { .. }
            | Record::JobEnded { .. }
            | Record::DrainBegan { .. }
            | Record::DrainEnded { .. } => self.tail_bytes += bytes.len() as u64,
        }
        (self.appended, bytes)
    }

    /// Whether so much was recorded since the last snapshot, at least `least_bytes`, that another pays: reading the journal
    /// never takes much longer than reading what it amounts to.
    pub fn is_long(&self, least_bytes: u64) -> bool {
        self.tail_bytes > least_bytes.max(2 * self.snapshot_bytes)
    }

    /// Takes note that all records up to `sequence` are durable.
    pub fn persisted(&mut self, sequence: Sequence) {
        assert!(sequence <= self.appended, "nothing is durable that was not appended");
        assert!(sequence >= self.persisted, "what is durable stays so");
        self.persisted = sequence;
    }

    /// Holds an effect until all records appended so far are durable.
    pub fn hold(&mut self, effect: E) {
        self.held.push_back((self.appended, effect));
    }

    /// The next effect that need not wait any more, in the order in which they were decided.
    pub fn release(&mut self) -> Option<E> {
        let (sequence, _) = self.held.front()?;
        if *sequence > self.persisted {
            probe!("an effect waits for its record");
            return None;
        }
        self.held.pop_front().map(|(_, effect)| effect)
    }

    /// How many effects wait.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Panics where an effect is held out of order.
    pub fn check_invariants(&self) {
        let mut last = Sequence(0);
        for (sequence, _) in &self.held {
            assert!(
                *sequence >= last && *sequence <= self.appended,
                "effects wait in order, for records that exist"
            );
            last = *sequence;
        }
    }
}
