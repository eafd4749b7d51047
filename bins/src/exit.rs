//! Exit codes: owns the one table of them, printed in the help and used by every subcommand.

use std::fmt::Write;
use windrow_core::failure::{Cause, Failure, OsError, OsErrorKind};

/// How the command ends.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All went well.
    Success,
    /// The job failed, or the arguments make no sense.
    Failed,
    /// What was to be read is not there or cannot be read.
    BadInput,
    /// An address, directory, cluster or version is not what it must be.
    BadConfiguration,
    /// The output is there already.
    OutputExists,
    /// A disk or a network failed.
    Io,
    /// Someone did not want to wait for the end.
    Interrupted,
}

impl Exit {
    /// All of them, by code.
    pub const ALL: [Exit; 7] = [
        Exit::Success,
        Exit::Failed,
        Exit::BadInput,
        Exit::BadConfiguration,
        Exit::OutputExists,
        Exit::Io,
        Exit::Interrupted,
    ];

    /// What the caller of the command sees.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// What it means, for the help.
    pub const fn meaning(self) -> &'static str {
        match self {
            Exit::Success => "success; a server was told to stop and did",
            Exit::Failed => "the job failed, a simulated world broke a promise, or bad arguments",
            Exit::BadInput => "bad input: not there, not readable, changed meanwhile",
            Exit::BadConfiguration => "bad configuration: address, port, directory, cluster, version",
            Exit::OutputExists => "the output exists already, and is not replaced",
            Exit::Io => "input/output or network failed",
            Exit::Interrupted => "interrupted: the job was killed, or Ctrl-C or SIGTERM ended a command",
        }
    }
}

impl From<&Failure> for Exit {
    fn from(failure: &Failure) -> Exit {
        match &failure.cause {
            Cause::ProgramNotStarted { .. }
            | Cause::MapNotDeterministic { .. }
            | Cause::ProgramFailed { .. }
            | Cause::ProgramStoppedReading { .. }
            | Cause::ProgramSilent { .. }
            | Cause::RecordTooLong { .. }
            | Cause::Killed
            | Cause::UnknownJob { .. }
            | Cause::UnknownWorker { .. }
            | Cause::KeyTaken { .. }
            | Cause::Invalid { .. } => Exit::Failed,
            Cause::InputNotFound { .. }
            | Cause::InputUnreadable { .. }
            | Cause::InputChanged { .. }
            | Cause::TooManySplits { .. } => Exit::BadInput,
            Cause::OutputNotSynced { .. }
            | Cause::OutputDisplaced { .. }
            | Cause::WorkDirectory { error: OsError { kind: OsErrorKind::NoSpace, text: _ }, .. } => Exit::Io,
            Cause::OutputUnwritable { error, .. }
            | Cause::StagingUnreadable { error, .. }
            | Cause::Scratch { error, .. } => of_directory(error.kind),
            Cause::OutputNotShared { .. }
            | Cause::Unreachable { .. }
            | Cause::CannotListen { .. }
            | Cause::NoAddress { .. }
            | Cause::WorkDirectory { .. }
            | Cause::WorkDirectoryTaken { .. }
            | Cause::NotWindrow { .. }
            | Cause::OtherVersion { .. }
            | Cause::OtherCluster { .. } => Exit::BadConfiguration,
            Cause::OutputExists { .. } | Cause::OutputNotReplaceable { .. } => Exit::OutputExists,
            Cause::ProgramPipe { .. }
            | Cause::RunCorrupt { .. }
            | Cause::RunUnfetchable { .. }
            | Cause::Journal { .. }
            | Cause::JournalDamaged { .. }
            | Cause::WorkerLost
            | Cause::ManagerStopped
            | Cause::ConnectionLost { .. } => Exit::Io,
            Cause::Cancelled => Exit::Interrupted,
        }
    }
}

/// A directory that cannot be what it was named for is bad configuration; one whose storage fails is not.
fn of_directory(error: OsErrorKind) -> Exit {
    match error {
        OsErrorKind::NotFound
        | OsErrorKind::Exists
        | OsErrorKind::PermissionDenied
        | OsErrorKind::NotADirectory
        | OsErrorKind::IsADirectory
        | OsErrorKind::NotAFile => Exit::BadConfiguration,
        OsErrorKind::NoSpace
        | OsErrorKind::ConnectionRefused
        | OsErrorKind::AddressInUse
        | OsErrorKind::TimedOut
        | OsErrorKind::InvalidData
        | OsErrorKind::NotExecutable
        | OsErrorKind::Other => Exit::Io,
    }
}

/// The table as it stands in the help.
pub fn help() -> String {
    let mut text = String::from("Exit codes:");
    for exit in Exit::ALL {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n  {}  {}", exit.code(), exit.meaning());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use windrow_core::failure::PeerKind;

    #[test]
    fn codes_count_from_zero() {
        let codes: Vec<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(help().lines().count(), 1 + Exit::ALL.len());
    }

    #[test]
    fn failures_have_the_documented_codes() {
        let os = |kind| OsError { kind, text: String::new() };
        let path = || "/x".into();
        let code = |cause| Exit::from(&Failure::new(cause)).code();
        assert_eq!(code(Cause::Invalid { what: String::new(), remedy: String::new() }), 1);
        assert_eq!(code(Cause::InputNotFound { path: path() }), 2);
        let address = || String::from("h:1");
        let refused = os(OsErrorKind::ConnectionRefused);
        assert_eq!(
            code(Cause::Unreachable { address: address(), whom: PeerKind::Manager, error: refused }),
            3
        );
        assert_eq!(code(Cause::CannotListen { address: address(), error: os(OsErrorKind::AddressInUse) }), 3);
        assert_eq!(code(Cause::OutputExists { path: path() }), 4);
        assert_eq!(code(Cause::Scratch { path: path(), error: os(OsErrorKind::NoSpace) }), 5);
        assert_eq!(code(Cause::Scratch { path: path(), error: os(OsErrorKind::PermissionDenied) }), 3);
        assert_eq!(code(Cause::OutputUnwritable { path: path(), error: os(OsErrorKind::NotFound) }), 3);
        assert_eq!(code(Cause::ConnectionLost { address: address() }), 5);
        assert_eq!(code(Cause::WorkDirectory { path: path(), error: os(OsErrorKind::Other) }), 3);
        assert_eq!(code(Cause::WorkDirectoryTaken { path: path() }), 3);
        assert_eq!(code(Cause::Journal { path: path(), error: os(OsErrorKind::NoSpace) }), 5);
        assert_eq!(code(Cause::Cancelled), 6);
    }
}
