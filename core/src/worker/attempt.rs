//! The contract of an attempt: what a machine that executes one task asks of the operating system, and what it is told.
//!
//! [`MapAttempt`](super::map_attempt::MapAttempt) and [`ReduceAttempt`](super::reduce_attempt::ReduceAttempt) decide
//! what is spawned, spilled, merged, synced and killed, and in which order. `net` performs on a thread of the attempt,
//! `sim` on simulated pipes and disks. At most one program runs in an attempt.

use super::disk::{DiskAnswer, DiskRequest, DiskUser};
use crate::data::digest::OutputDigest;
use crate::data::run::Segment;
use crate::failure::{ExitStatus, Failure, OsError};
use crate::ids::{AttemptId, Partition};
use crate::job::{ByteRange, CommandLine, Counters, InputFile, PathBytes, ProgramRole, Split};
use crate::machine::Machine;
use crate::time::Time;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// A machine that executes one attempt.
///
/// The performer keeps this order of preference: requests first, one at a time; then a kill; then the program's pipes,
/// stdout only while [`AttemptMachine::wants_stdout`].
pub trait AttemptMachine: Machine<Input = AttemptInput, Output = AttemptOutput> + DiskUser {
    /// The bytes to be written next to the program's stdin; empty if there are none now.
    fn stdin(&self) -> &[u8];

    /// Tells that the first `count` bytes of [`AttemptMachine::stdin`] were written.
    fn stdin_written(&mut self, count: usize, now: Time);

    /// Whether the program's stdout may be read now.
    fn wants_stdout(&self) -> bool;

    /// Takes bytes that the program wrote to stdout, cut anywhere. Only while [`AttemptMachine::wants_stdout`].
    fn push_stdout(&mut self, bytes: &[u8], now: Time);

    /// Takes bytes that the program wrote to stderr, cut anywhere. At any time.
    fn push_stderr(&mut self, bytes: &[u8], now: Time);
}

/// What an attempt is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttemptInput {
    /// Go. The first input, once.
    Start,
    /// The answer to its request, unless bytes were pushed for it.
    Disk(DiskAnswer),
    /// The program runs.
    Spawned,
    /// The program could not be started; there is no program.
    SpawnFailed(OsError),
    /// The program ended and was reaped.
    Exited {
        /// How it ended.
        status: ExitStatus,
        /// What lies in its stdin's pipe, written but never read.
        unread_bytes: u64,
        /// What lies in its stdout's pipe, printed but not pushed yet.
        printed_bytes: u64,
    },
    /// The program closed its stdin; no more can be written. It may still run.
    StdinRefused,
    /// Nobody holds the program's stdout any more; all of it was pushed.
    StdoutClosed,
    /// Likewise its stderr.
    StderrClosed,
    /// What a look at the program found.
    Looked(Activity),
    /// Stop as soon as possible and clean up.
    Kill,
}

/// What an attempt wants done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttemptOutput {
    /// Something on the disk; answered.
    Disk(DiskRequest),
    /// Start the program; answered by `Spawned` or `SpawnFailed`.
    Spawn(Program),
    /// Close the program's stdin: it has had all.
    CloseStdin,
    /// Kill the program's whole process group; `Exited` follows if it has not come yet. Repeating it is harmless.
    KillGroup,
    /// Look at the program; answered by `Looked`, at any time, unless the attempt is over before.
    Look,
    /// Tell whoever waits how far it is.
    Progress(Counters),
    /// It is over: the last output. No file is open and no process runs.
    Ended(Result<AttemptSuccess, Failure>),
}

/// What is seen of a program that runs: its signs of life between two looks.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// Processor time that its process group has used; `None` where that cannot be seen.
    pub cpu_us: Option<u64>,
    /// What lies in its stdin's pipe, written but not read yet.
    pub unread_bytes: u64,
    /// What lies in its stdout's pipe, printed but not pushed yet.
    pub printed_bytes: u64,
}

/// A program to be started, in a process group of its own, with pipes for stdin, stdout and stderr.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Mapper or reducer.
    pub role: ProgramRole,
    /// What to start; a first word without a slash is looked for in PATH, any other from `directory`.
    pub command: CommandLine,
    /// Where it starts.
    pub directory: PathBytes,
    /// Set over the worker's own environment.
    pub environment: Vec<(PathBytes, PathBytes)>,
}

/// What is common to the attempts of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptSetting {
    /// Which attempt this is.
    pub attempt: AttemptId,
    /// The program to run.
    pub program: Program,
    /// A file that holds `nonce` if this worker sees the job's staging directory.
    pub nonce_path: PathBytes,
    /// What it holds.
    pub nonce: u64,
    /// Where the attempt's own files go: a directory that it makes, inside the worker's scratch.
    pub scratch: PathBytes,
    /// The file to make if the attempt writes output of the job: in the staging directory, never there before.
    pub output: PathBytes,
    /// Memory for sorting and merging.
    pub sort_bytes: usize,
    /// Whether the output is synced.
    pub sync: bool,
    /// For how long the program may neither read, write nor compute; 0 for ever.
    pub task_timeout_us: u64,
}

/// A map attempt to be executed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapWork {
    /// What is common.
    pub setting: AttemptSetting,
    /// The file it reads.
    pub input: InputFile,
    /// The part of it.
    pub split: Split,
    /// Records of it that are left out, in order.
    pub holes: Vec<ByteRange>,
    /// The file to make for them, if there are any: in the staging directory, never there before.
    pub quarantine: PathBytes,
    /// Where this is only a trial of what the mapper does with a part of the split: that part. Nothing is kept of it.
    pub trial: Option<ByteRange>,
    /// Number of partitions; with 0 what the mapper prints is the job's output.
    pub reducers: u32,
}

/// A reduce attempt whose runs are all on this worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReduceWork {
    /// What is common.
    pub setting: AttemptSetting,
    /// One run of every map task, in their order.
    pub runs: Vec<RunLocation>,
    /// What fetching them took, to be counted with the rest.
    pub fetched_bytes: u64,
}

/// Either kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Work {
    /// Executed by [`MapAttempt`](super::map_attempt::MapAttempt).
    Map(MapWork),
    /// Executed by [`ReduceAttempt`](super::reduce_attempt::ReduceAttempt).
    Reduce(ReduceWork),
}

/// A run on this worker's disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLocation {
    /// The attempt that made it.
    pub map: AttemptId,
    /// The file that holds it.
    pub path: PathBytes,
    /// Which part of the file.
    pub segment: Segment,
}

/// What an attempt leaves behind that ended well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptSuccess {
    /// Its figures.
    pub counters: Counters,
    /// Of a map with reducers: where its runs are. Otherwise its output is the file that it was told to make.
    pub map_output: Option<MapOutput>,
}

/// The sorted output of a map attempt, on its worker's disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapOutput {
    /// The file that holds all its runs.
    pub path: PathBytes,
    /// The run of each [`Partition`], by index.
    pub segments: Vec<Segment>,
    /// What is in it.
    pub digest: OutputDigest,
}

impl MapOutput {
    /// Where the run of `partition` is.
    pub fn segment(&self, partition: Partition) -> Segment {
        self.segments[partition.0 as usize]
    }
}
