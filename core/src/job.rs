//! What a job is: owns the user's specification, the plan made of it, and the figures reported about it.
//!
//! Plain data. The plan depends on the specification and the input alone, never on workers or slots.

mod priority;

pub use priority::Priority;

use crate::failure::{Failure, InputRange};
use crate::ids::{AttemptId, JobId};
use crate::shown::Quoted;
use crate::time::WallTime;
use crate::wire::frame;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// A path or a word of a command line: any bytes, as Unix has it.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PathBytes(#[serde(with = "serde_bytes")] pub Vec<u8>);

impl PathBytes {
    /// The path of `name` inside this directory.
    #[must_use]
    pub fn join(&self, name: impl AsRef<[u8]>) -> PathBytes {
        let mut path = self.0.clone();
        if path.last() != Some(&b'/') {
            path.push(b'/');
        }
        path.extend_from_slice(name.as_ref());
        PathBytes(path)
    }

    /// The directory that holds this path, and its name in there; `None` for the root.
    pub fn split_name(&self) -> Option<(PathBytes, &[u8])> {
        let path = self.0.strip_suffix(b"/").unwrap_or(&self.0);
        let slash = path.iter().rposition(|byte| *byte == b'/')?;
        let (directory, name) = (&path[..slash.max(1)], &path[slash + 1..]);
        (!name.is_empty()).then(|| (PathBytes(directory.to_vec()), name))
    }
}

impl From<&str> for PathBytes {
    fn from(text: &str) -> PathBytes {
        PathBytes(text.as_bytes().to_vec())
    }
}

impl fmt::Display for PathBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        String::from_utf8_lossy(&self.0).fmt(f)
    }
}

impl fmt::Debug for PathBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

/// A program with its arguments; at least one word, but where it is still to be filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandLine {
    /// The program, then its arguments.
    pub words: Vec<PathBytes>,
}

/// As one would type it in a shell.
impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, word) in self.words.iter().enumerate() {
            let gap = if index == 0 { "" } else { " " };
            write!(f, "{gap}{}", Quoted(word))?;
        }
        Ok(())
    }
}

/// Which of a job's programs.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProgramRole {
    /// Reads splits, prints records.
    Mapper,
    /// Reads sorted records, prints output.
    Reducer,
}

impl fmt::Display for ProgramRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ProgramRole::Mapper => "mapper",
            ProgramRole::Reducer => "reducer",
        })
    }
}

/// What a user asks for. All paths are absolute. By default nothing in particular: what a job needs is to be filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobSpecification {
    /// What the user calls it.
    pub name: String,
    /// Files, directories and glob patterns, in the user's order; what is named twice is read twice.
    pub inputs: Vec<PathBytes>,
    /// The directory to be made.
    pub output: PathBytes,
    /// Reads each split on stdin.
    pub mapper: CommandLine,
    /// Reads each partition on stdin; present exactly if `reducers` is not 0.
    pub reducer: Option<CommandLine>,
    /// Number of partitions (Hadoop: `mapreduce.job.reduces`); with 0 the mappers' output is the job's.
    pub reducers: u32,
    /// Bytes of input to a split at the most, where a file can be split.
    pub split_bytes: u64,
    /// Where the programs start.
    pub directory: PathBytes,
    /// Added to the worker's environment for the programs.
    pub environment: Vec<(PathBytes, PathBytes)>,
    /// Whether a map may print something else when it runs again after its output was lost, so that the job's output may be
    /// put together of both.
    pub accepts_nondeterminism: bool,
    /// How many records may be set aside on which the mapper fails (Hadoop: `mapreduce.map.skip.maxrecords`).
    pub max_skipped_records: u32,
    /// Whether its programs do more than print, so that a task may never be executed twice at once.
    pub has_side_effects: bool,
    /// Whether output files and directories are synced before the job counts as done.
    pub sync: bool,
    /// Whether an output that is there is replaced, which takes `sync`: what was safe does not make room for what is
    /// not.
    pub overwrites: bool,
    /// Its weight beside other jobs.
    pub priority: Priority,
    /// For how long a program may neither read, write nor use the processor before its attempt is given up (Hadoop:
    /// `mapreduce.task.timeout`); 0 for ever.
    pub task_timeout_us: u64,
}

/// A job's staging directory: a hidden sibling of its output, of this job alone, in which only the Manager deletes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Staging(pub PathBytes);

impl Staging {
    /// The staging directory for an output; `nonce` tells it from that of any other job.
    ///
    /// # Panics
    /// If the output has no name, as the root directory.
    pub fn beside(output: &PathBytes, nonce: u64) -> Staging {
        let (parent, name) = output.split_name().expect("an output was checked to have a name");
        let mut hidden = Vec::from(b".");
        hidden.extend_from_slice(name);
        hidden.extend_from_slice(alloc::format!(".windrow-{nonce:016x}").as_bytes());
        Staging(parent.join(hidden))
    }

    /// The file whose contents prove to a worker that it sees this directory.
    pub fn nonce_path(&self) -> PathBytes {
        self.0.join("nonce")
    }

    /// Where an attempt's output goes.
    pub fn output_of(&self, attempt: &AttemptId) -> PathBytes {
        self.0.join(attempt.file_stem())
    }

    /// Where an attempt puts the records that are left out of its split.
    pub fn quarantine_of(&self, attempt: &AttemptId) -> PathBytes {
        let mut name = attempt.file_stem();
        name.push_str("-quarantine");
        self.0.join(name)
    }

    /// The directory that becomes the output; where it was exchanged for one that was there, that one.
    pub fn whole(&self) -> PathBytes {
        self.0.join("output")
    }

    /// Where an output that was there waits for the new one to be in its place, if they cannot be exchanged.
    pub fn displaced(&self) -> PathBytes {
        self.0.join("displaced")
    }
}

impl JobSpecification {
    /// Tells it from another that came under the same key.
    pub fn digest(&self) -> u64 {
        xxh3_64(&frame::encode(self))
    }

    /// The same without its inputs, which may be many: what a single task needs to know.
    #[must_use]
    pub fn without_inputs(&self) -> JobSpecification {
        JobSpecification {
            name: self.name.clone(),
            inputs: Vec::new(),
            output: self.output.clone(),
            mapper: self.mapper.clone(),
            reducer: self.reducer.clone(),
            reducers: self.reducers,
            split_bytes: self.split_bytes,
            directory: self.directory.clone(),
            environment: self.environment.clone(),
            accepts_nondeterminism: self.accepts_nondeterminism,
            max_skipped_records: self.max_skipped_records,
            has_side_effects: self.has_side_effects,
            sync: self.sync,
            overwrites: self.overwrites,
            priority: self.priority,
            task_timeout_us: self.task_timeout_us,
        }
    }
}

/// What a file was when it was looked at.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileIdentity {
    /// The inode's number.
    pub inode: u64,
    /// Its length.
    pub size_bytes: u64,
    /// When it was last modified, in nanoseconds of the file system's clock.
    pub modified_ns: i64,
}

/// How a file's bytes are to be read.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encoding {
    /// As they stand; the file can be split.
    Plain,
    /// Through gunzip; the file is one split.
    Gzip,
}

impl Split {
    /// The records of it: those that begin in this range of the file's decoded bytes.
    pub fn range(&self, encoding: Encoding) -> ByteRange {
        match encoding {
            Encoding::Plain => ByteRange { offset: self.offset, length_bytes: self.length_bytes },
            Encoding::Gzip => ByteRange { offset: 0, length_bytes: u64::MAX },
        }
    }
}

impl Encoding {
    /// The encoding that a file's suffix declares.
    pub fn of_path(path: &PathBytes) -> Encoding {
        if path.0.ends_with(b".gz") { Encoding::Gzip } else { Encoding::Plain }
    }
}

/// One file of the input, as planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputFile {
    /// Where it is.
    pub path: PathBytes,
    /// What it was when the job was planned.
    pub identity: FileIdentity,
}

/// A byte range of one input file, the unit of a map task.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// Index of the file in [`Plan::inputs`].
    pub input: u32,
    /// Where the range begins.
    pub offset: u64,
    /// How long it is; of an encoded file, all its encoded bytes.
    pub length_bytes: u64,
}

/// Part of a file, or of what it is decoded to.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ByteRange {
    /// Where it begins.
    pub offset: u64,
    /// How long it is.
    pub length_bytes: u64,
}

impl ByteRange {
    /// Where it ends.
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.length_bytes)
    }
}

/// What a job reads and how it is divided. Made once, durable before the first launch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Every file, in the order in which it is read.
    pub inputs: Vec<InputFile>,
    /// The splits, in the order of their map tasks.
    pub splits: Vec<Split>,
}

/// Figures of an attempt, a task or a job; they add up.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Bytes that mappers were fed.
    pub map_input_bytes: u64,
    /// Lines that mappers were fed.
    pub map_input_records: u64,
    /// Bytes that mappers printed.
    pub map_output_bytes: u64,
    /// Lines that mappers printed.
    pub map_output_records: u64,
    /// Bytes written to runs before the last merge, on either side.
    pub spilled_bytes: u64,
    /// Bytes of runs fetched from another worker.
    pub fetched_bytes: u64,
    /// Lines that reducers were fed.
    pub reduce_input_records: u64,
    /// Different keys among them.
    pub reduce_input_groups: u64,
    /// Bytes of the job's output.
    pub output_bytes: u64,
    /// Lines of the job's output.
    pub output_records: u64,
}

impl Counters {
    /// Adds `other` to each figure.
    pub fn add(&mut self, other: &Counters) {
        self.map_input_bytes += other.map_input_bytes;
        self.map_input_records += other.map_input_records;
        self.map_output_bytes += other.map_output_bytes;
        self.map_output_records += other.map_output_records;
        self.spilled_bytes += other.spilled_bytes;
        self.fetched_bytes += other.fetched_bytes;
        self.reduce_input_records += other.reduce_input_records;
        self.reduce_input_groups += other.reduce_input_groups;
        self.output_bytes += other.output_bytes;
        self.output_records += other.output_records;
    }
}

impl Counters {
    /// Takes `other`, which was added before, away from each figure.
    pub fn subtract(&mut self, other: &Counters) {
        self.map_input_bytes -= other.map_input_bytes;
        self.map_input_records -= other.map_input_records;
        self.map_output_bytes -= other.map_output_bytes;
        self.map_output_records -= other.map_output_records;
        self.spilled_bytes -= other.spilled_bytes;
        self.fetched_bytes -= other.fetched_bytes;
        self.reduce_input_records -= other.reduce_input_records;
        self.reduce_input_groups -= other.reduce_input_groups;
        self.output_bytes -= other.output_bytes;
        self.output_records -= other.output_records;
    }
}

/// Where a job is in its life, for whoever watches it.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobPhase {
    /// Its inputs are being listed.
    Planning,
    /// Its tasks run, or wait for workers.
    Running,
    /// Its output is being put in place.
    Committing,
    /// It ended.
    Ended,
}

/// How many of a job's tasks of one kind are where.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskCount {
    /// All of them.
    pub total: u32,
    /// Attempts that hold slots.
    pub running: u32,
    /// Ended well.
    pub done: u32,
}

/// How far a job is.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobProgress {
    /// Which job.
    pub job: JobId,
    /// Where it is in its life.
    pub phase: JobPhase,
    /// Workers that may be given tasks.
    pub workers: u32,
    /// Workers that registered some time ago but whose heartbeats do not arrive.
    pub workers_unheard: u32,
    /// Its maps.
    pub maps: TaskCount,
    /// Runs that reduces have at hand, of all they need: maps × reducers.
    pub runs_fetched: u64,
    /// Its reduces.
    pub reduces: TaskCount,
    /// Bytes of its input.
    pub input_bytes: u64,
    /// Figures of finished tasks and of attempts under way.
    pub counters: Counters,
    /// Attempts that failed so far, for whatever reason.
    pub attempts_failed: u32,
    /// Maps of which the part is sought on which they fail.
    pub searches: u32,
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobReport {
    /// Which job.
    pub job: JobId,
    /// Its name.
    pub name: String,
    /// Where its output is.
    pub output: PathBytes,
    /// What went wrong; `None` if it succeeded.
    pub failure: Option<Failure>,
    /// Map tasks it had.
    pub maps: u32,
    /// Reduce tasks it had.
    pub reduces: u32,
    /// Attempts that failed on the way, for whatever reason.
    pub attempts_failed: u32,
    /// Second attempts that were made of tasks because the first took far longer than others.
    pub attempts_backed_up: u32,
    /// Maps that printed something else when they ran again, which the user has accepted.
    pub maps_remade_differently: u32,
    /// Records that were set aside, in the order of their maps.
    pub skipped: Vec<InputRange>,
    /// Figures of the attempts that count.
    pub counters: Counters,
    /// When it was accepted.
    pub accepted_at: WallTime,
    /// From then to its end.
    pub elapsed_us: u64,
}

impl JobReport {
    /// When it ended.
    pub fn ended_at(&self) -> WallTime {
        self.accepted_at.after(self.elapsed_us)
    }
}

#[cfg(test)]
mod tests;
