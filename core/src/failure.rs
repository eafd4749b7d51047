//! What failed, where, and what to do about it: owns the one type in which every failure reaches a person.
//!
//! Whoever notices a failure fills in what it knows; nothing is rendered before [`Failure`]'s `Display`, which is the
//! one place that words it. Never carries an `io::Error`: outcomes of system calls arrive as [`OsError`].

mod blame;
mod text;

pub use blame::Fault;

use crate::ids::{AttemptId, JobId};
use crate::job::{PathBytes, ProgramRole};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// The outcome of a system call that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OsError {
    /// What kind of failure it is, as far as anyone decides by it.
    pub kind: OsErrorKind,
    /// The system's own words.
    pub text: String,
}

/// Kinds of system failure that lead to different decisions or different advice.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum OsErrorKind {
    /// ENOENT.
    NotFound,
    /// EEXIST or ENOTEMPTY.
    Exists,
    /// EACCES or EPERM, EROFS.
    PermissionDenied,
    /// ENOTDIR.
    NotADirectory,
    /// EISDIR.
    IsADirectory,
    /// ENOSPC or EDQUOT.
    NoSpace,
    /// ECONNREFUSED.
    ConnectionRefused,
    /// EADDRINUSE.
    AddressInUse,
    /// ETIMEDOUT.
    TimedOut,
    /// The bytes read are not what they should be (a broken gzip stream).
    InvalidData,
    /// ENOEXEC.
    NotExecutable,
    /// What is there is no file that says how long it is: a pipe, a device, a file in /proc.
    NotAFile,
    /// Anything else.
    Other,
}

/// How a program ended.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExitStatus {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl ExitStatus {
    /// Whether the program says that all went well.
    pub fn is_success(self) -> bool {
        self == ExitStatus::Code(0)
    }
}

/// A failure, with all that is known about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What happened.
    pub cause: Cause,
    /// To which job.
    pub job: Option<(JobId, String)>,
    /// In which attempt of which task.
    pub attempt: Option<AttemptId>,
    /// How many attempts of the task had failed by then, this one included; zero where it does not matter.
    pub attempts_failed: u32,
    /// On which host.
    pub host: Option<String>,
    /// On which part of the input: of its split, what a mapper was given by then.
    pub input: Option<InputRange>,
    /// What is in that part, where it was tried by itself.
    pub excerpt: Option<Box<Excerpt>>,
    /// The end of what the program wrote to stderr.
    #[serde(with = "serde_bytes")]
    pub stderr_tail: Vec<u8>,
}

/// A byte range of an input file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputRange {
    /// The file.
    pub path: PathBytes,
    /// Where the range begins.
    pub offset: u64,
    /// How long it is.
    pub length_bytes: u64,
}

/// What is in a part of an input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excerpt {
    /// How many records.
    pub records: u64,
    /// How they begin: as much as is shown of them.
    #[serde(with = "serde_bytes")]
    pub beginning: Vec<u8>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// An input names no file.
    InputNotFound {
        /// The input as it was given.
        path: PathBytes,
    },
    /// An input could not be read.
    InputUnreadable {
        /// The file.
        path: PathBytes,
        /// Why.
        error: OsError,
    },
    /// An input is not what it was when the job was planned.
    InputChanged {
        /// The file.
        path: PathBytes,
    },
    /// The plan would have more splits than a job may have.
    TooManySplits {
        /// How many it would have.
        splits: u64,
    },
    /// The output is there already.
    OutputExists {
        /// The output.
        path: PathBytes,
    },
    /// Something beside or below the output could not be written.
    OutputUnwritable {
        /// What could not be written.
        path: PathBytes,
        /// Why.
        error: OsError,
    },
    /// The output is in place, whole, but the directory that holds it could not be synced.
    OutputNotSynced {
        /// The output.
        path: PathBytes,
        /// Why not.
        error: OsError,
        /// Where the output that it has replaced is kept, if there was one.
        kept: Option<PathBytes>,
    },
    /// What is there is not replaced by the output.
    OutputNotReplaceable {
        /// The output.
        path: PathBytes,
        /// Why not.
        why: Unreplaceable,
    },
    /// The output that was there has made room for another that could not take its place, and could not be put back.
    OutputDisplaced {
        /// The output.
        path: PathBytes,
        /// Where what was there is kept.
        kept: PathBytes,
        /// Why it could not be put back.
        error: OsError,
    },
    /// The worker does not see the job's staging directory: the output is not on storage it shares.
    OutputNotShared {
        /// The staging directory.
        path: PathBytes,
    },
    /// The worker could not look whether it sees the job's staging directory.
    StagingUnreadable {
        /// What could not be read.
        path: PathBytes,
        /// Why.
        error: OsError,
    },
    /// A file of the worker's scratch could not be written or read.
    Scratch {
        /// The file.
        path: PathBytes,
        /// Why.
        error: OsError,
    },
    /// A program could not be started.
    ProgramNotStarted {
        /// Mapper or reducer.
        role: ProgramRole,
        /// The program's name as it was given.
        program: PathBytes,
        /// Where it was to start.
        directory: PathBytes,
        /// Why not.
        error: OsError,
    },
    /// A program ended with something else than success.
    ProgramFailed {
        /// Mapper or reducer.
        role: ProgramRole,
        /// Its command line.
        command: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// A program ended well but left input unread.
    ProgramStoppedReading {
        /// Mapper or reducer.
        role: ProgramRole,
        /// Its command line.
        command: String,
        /// Bytes it was to read and did not.
        unread_bytes: u64,
    },
    /// A program neither read, wrote nor computed for as long as its job allows.
    ProgramSilent {
        /// Mapper or reducer.
        role: ProgramRole,
        /// Its command line.
        command: String,
        /// For how long nothing was read, written or computed.
        silent_us: u64,
        /// What processor time it had used by then, with its children.
        cpu_us: u64,
        /// What lay in its stdin's pipe, unread.
        unread_bytes: u64,
    },
    /// A program's pipe could not be read or written.
    ProgramPipe {
        /// Mapper or reducer.
        role: ProgramRole,
        /// Why.
        error: OsError,
    },
    /// A program printed a line longer than a record may be.
    RecordTooLong {
        /// Mapper or reducer.
        role: ProgramRole,
        /// The longest line allowed.
        limit_bytes: u64,
    },
    /// A map output does not have the bytes that were written.
    RunCorrupt {
        /// The attempt that wrote it.
        map: AttemptId,
    },
    /// A map output could not be fetched.
    RunUnfetchable {
        /// The attempt that wrote it.
        map: AttemptId,
        /// Why.
        reason: String,
    },
    /// A map whose output was lost printed something else when it ran again, after reduces may have read the first.
    MapNotDeterministic {
        /// Where it ran first, if that is known.
        first_host: Option<String>,
        /// Where it ran again, if that is known.
        second_host: Option<String>,
    },
    /// The worker of an attempt is gone.
    WorkerLost,
    /// The attempt was no longer wanted.
    Killed,
    /// The user cancelled the job.
    Cancelled,
    /// The Manager was told to stop.
    ManagerStopped,
    /// Nobody answers at an address.
    Unreachable {
        /// The address as it was given.
        address: String,
        /// What was looked for there.
        whom: PeerKind,
        /// Why.
        error: OsError,
    },
    /// The connection to the Manager was lost and could not be had again.
    ConnectionLost {
        /// The Manager's address.
        address: String,
    },
    /// An address cannot be listened on.
    CannotListen {
        /// The address as it was given.
        address: String,
        /// Why.
        error: OsError,
    },
    /// Something answers at an address that does not speak Windrow's protocol, or breaks it.
    NotWindrow {
        /// The address.
        address: String,
        /// What was wrong with what it said.
        violation: String,
    },
    /// The peer speaks another version of the protocol.
    OtherVersion {
        /// The address.
        address: String,
        /// Its version.
        theirs: u32,
        /// This program's version.
        ours: u32,
    },
    /// The peer belongs to another cluster.
    OtherCluster {
        /// The address.
        address: String,
        /// The name of its cluster.
        theirs: String,
        /// The name that was asked for.
        ours: String,
    },
    /// A job or an option says something that cannot be done.
    Invalid {
        /// What, in a sentence without a full stop.
        what: String,
        /// What to do, likewise.
        remedy: String,
    },
    /// There is no such job, or it is forgotten.
    UnknownJob {
        /// Which was meant.
        job: JobId,
        /// Some that there are, in order.
        known: Vec<JobId>,
        /// How many more there are.
        others: u32,
    },
    /// No worker is called so, or several are.
    UnknownWorker {
        /// What was given.
        worker: String,
        /// Some that there are, each by its host and number.
        known: Vec<String>,
        /// How many more there are.
        others: u32,
    },
    /// A job was submitted before under the same key, and is another.
    KeyTaken {
        /// Which it is.
        job: JobId,
    },
    /// The directory in which a server keeps its files cannot be used.
    WorkDirectory {
        /// The directory.
        path: PathBytes,
        /// Why not.
        error: OsError,
    },
    /// The work directory belongs to a Manager that is running.
    WorkDirectoryTaken {
        /// The directory.
        path: PathBytes,
    },
    /// What was given as an address of this machine is none.
    NoAddress {
        /// The address as it was given.
        address: String,
        /// Why not: [`OsErrorKind::InvalidData`] if it is not even written like one.
        error: OsError,
    },
    /// The journal of an earlier life of the Manager cannot be believed.
    JournalDamaged {
        /// The file.
        path: PathBytes,
        /// What is wrong with it.
        damage: String,
    },
    /// The Manager's journal cannot be written.
    Journal {
        /// The file.
        path: PathBytes,
        /// Why not.
        error: OsError,
    },
}

/// Why something that stands where an output is to go is not replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unreplaceable {
    /// It is no directory, but a file, say, or a link.
    NoDirectory,
    /// Something is mounted on it.
    Mount,
    /// It does not say that it is a whole output of a job, and is not empty.
    NoOutput,
    /// There is something in it that no job has put there.
    Holds {
        /// Any such thing, by its path from there.
        stranger: PathBytes,
    },
    /// The job reads what is in it.
    HoldsInput {
        /// The input.
        input: PathBytes,
    },
    /// Another job is to have the same output.
    IsOf {
        /// Which.
        job: JobId,
    },
    /// It came there while what it stands in place of was being replaced.
    IsNew,
}

/// Whom an address was to belong to.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PeerKind {
    /// The Manager.
    Manager,
    /// A worker's shuffle port.
    Worker,
}

impl Cause {
    /// Where something is kept that is its user's to look after: the only copy of it, perhaps.
    pub fn kept(&self) -> Option<&PathBytes> {
        match self {
            Cause::OutputDisplaced { kept, .. } | Cause::OutputNotSynced { kept: Some(kept), .. } => {
                Some(kept)
            }
            _ => None,
        }
    }
}

impl Failure {
    /// Whether it was found to be that of one record by itself.
    pub fn is_of_one_record(&self) -> bool {
        self.excerpt.as_ref().is_some_and(|excerpt| excerpt.records == 1)
    }

    /// A failure of which only the cause is known.
    pub fn new(cause: Cause) -> Failure {
        Failure {
            cause,
            job: None,
            attempt: None,
            attempts_failed: 0,
            host: None,
            input: None,
            excerpt: None,
            stderr_tail: Vec::new(),
        }
    }

    /// The same, told of a job.
    #[must_use]
    pub fn of_job(mut self, job: JobId, name: &str) -> Failure {
        self.job = Some((job, name.into()));
        self
    }
}
