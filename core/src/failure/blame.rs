//! Who or what is to blame for a failure: owns what the Manager decides by, of each cause.

use super::Cause;
use crate::job::ProgramRole;
use serde::{Deserialize, Serialize};

/// Whose fault a failed attempt is (design.md, Attempts): only the program's own count against its task.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fault {
    /// The user's program, or what it was told to read: counts, and ends the job after too many.
    Program,
    /// The job as a whole; no other attempt can do better.
    Job,
    /// The worker; the task runs elsewhere.
    Worker,
    /// A map output that cannot be had; the map runs again.
    Shuffle,
    /// Nobody's: the attempt was not wanted any more.
    Nobody,
}

impl Cause {
    /// Whether a record that a mapper reads may be to blame.
    pub fn may_be_of_a_record(&self) -> bool {
        matches!(
            self,
            Cause::ProgramFailed { role: ProgramRole::Mapper, .. }
                | Cause::ProgramStoppedReading { role: ProgramRole::Mapper, .. }
                | Cause::RecordTooLong { role: ProgramRole::Mapper, .. }
                | Cause::ProgramSilent { role: ProgramRole::Mapper, .. }
        )
    }

    /// Whether a program failed in the same way, on whatever part of its input.
    pub fn is_alike(&self, other: &Cause) -> bool {
        match (self, other) {
            (Cause::ProgramFailed { status: one, .. }, Cause::ProgramFailed { status: other, .. }) => {
                one == other
            }
            (one, other) => core::mem::discriminant(one) == core::mem::discriminant(other),
        }
    }

    /// Whose fault it is, where it ended an attempt.
    pub fn fault(&self) -> Fault {
        match self {
            Cause::ProgramNotStarted { .. }
            | Cause::ProgramFailed { .. }
            | Cause::ProgramStoppedReading { .. }
            | Cause::ProgramSilent { .. }
            | Cause::ProgramPipe { .. }
            | Cause::RecordTooLong { .. }
            | Cause::InputUnreadable { .. } => Fault::Program,
            Cause::InputNotFound { .. }
            | Cause::InputChanged { .. }
            | Cause::TooManySplits { .. }
            | Cause::MapNotDeterministic { .. }
            | Cause::OutputExists { .. }
            | Cause::OutputUnwritable { .. }
            | Cause::OutputNotSynced { .. }
            | Cause::OutputNotReplaceable { .. }
            | Cause::OutputDisplaced { .. }
            | Cause::Cancelled
            | Cause::ManagerStopped
            | Cause::UnknownJob { .. }
            | Cause::UnknownWorker { .. }
            | Cause::KeyTaken { .. }
            | Cause::WorkDirectory { .. }
            | Cause::WorkDirectoryTaken { .. }
            | Cause::Journal { .. }
            | Cause::JournalDamaged { .. }
            | Cause::Invalid { .. } => Fault::Job,
            Cause::OutputNotShared { .. }
            | Cause::StagingUnreadable { .. }
            | Cause::Scratch { .. }
            | Cause::WorkerLost
            | Cause::Unreachable { .. }
            | Cause::ConnectionLost { .. }
            | Cause::CannotListen { .. }
            | Cause::NoAddress { .. }
            | Cause::NotWindrow { .. }
            | Cause::OtherVersion { .. }
            | Cause::OtherCluster { .. } => Fault::Worker,
            Cause::RunCorrupt { .. } | Cause::RunUnfetchable { .. } => Fault::Shuffle,
            Cause::Killed => Fault::Nobody,
        }
    }
}
