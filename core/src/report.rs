//! What may be asked about a cluster, and what is told: owns the questions, the answers and every report in them.
//!
//! Plain data, bounded: a list that would be longer says how many it leaves out. A report is what the Manager knew when it
//! was asked; it is told once all that it rests on is durable.

use crate::failure::Failure;
use crate::ids::{AttemptId, Incarnation, JobId, TaskId};
use crate::job::{Counters, PathBytes, Priority, TaskCount};
use crate::time::WallTime;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use serde::{Deserialize, Serialize};

/// What a client asks, to be answered once. Asked again, as after a connection was lost, it means the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Question {
    /// Which jobs there are.
    Jobs,
    /// How one of them is.
    Job {
        /// Which.
        job: JobId,
    },
    /// End a job without output, whoever submitted it.
    Kill {
        /// Which.
        job: JobId,
    },
    /// What failed attempts wrote to stderr.
    Logs {
        /// Of which job.
        job: JobId,
        /// Of which of its tasks; `None` for all.
        task: Option<TaskId>,
    },
    /// Which workers there are.
    Workers,
    /// Give a worker nothing new, or give it tasks again.
    Drain {
        /// Its host, or its number or the beginning of that, as [`WorkerNumber`] shows it.
        worker: String,
        /// Whether it is to be given tasks again.
        is_undone: bool,
    },
}

/// The answer to a [`Question`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// The jobs.
    Jobs(JobList),
    /// A job.
    Job(Box<JobDetail>),
    /// What became of a job that was to be killed: it is killed, or it was over or past that.
    Killed(JobSummary),
    /// What failed attempts wrote.
    Logs(JobLogs),
    /// The workers.
    Workers(WorkerList),
    /// A worker that is drained, or is no more.
    Drained(WorkerSummary),
}

/// Jobs, those that have not ended first, then the last to be submitted first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobList {
    /// Some of them, or all.
    pub jobs: Vec<JobSummary>,
    /// How many are left out.
    pub left_out: u32,
}

/// A job in a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobSummary {
    /// Which.
    pub job: JobId,
    /// What its user calls it.
    pub name: String,
    /// Where it is in its life.
    pub state: JobState,
    /// Whether it has ended: nothing of it runs or lies about.
    pub is_over: bool,
    /// Its weight; `None` once it is over.
    pub priority: Option<Priority>,
    /// Its maps. Of a job that failed none counts as done.
    pub maps: TaskCount,
    /// Its reduces.
    pub reduces: TaskCount,
    /// Attempts that failed.
    pub attempts_failed: u32,
    /// When it was accepted.
    pub accepted_at: WallTime,
    /// Since then, or from then to its end.
    pub elapsed_us: u64,
}

/// Where a job is in its life, for whoever looks at it.
///
/// ```text
/// Planning ─▶ Waiting ⇄ Running ─▶ Committing ─▶ Succeeded
///     └──────────┴─────────┴───────────┴────▶ Killed, Failed
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobState {
    /// Its inputs are being listed.
    Planning,
    /// Its tasks wait: for workers, for slots, or for each other.
    Waiting,
    /// It holds slots.
    Running,
    /// Its output is being put in place; it cannot be killed any more.
    Committing,
    /// Its output is in place.
    Succeeded,
    /// Its user, or another, did not want it any more.
    Killed,
    /// It could not be done.
    Failed,
}

/// A job in full.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobDetail {
    /// The job in a line.
    pub summary: JobSummary,
    /// Where its output is, or goes.
    pub output: PathBytes,
    /// The mapper's command line, cut where it is long; `None` once the job is over.
    pub mapper: Option<String>,
    /// The reducer's, likewise.
    pub reducer: Option<String>,
    /// Bytes of its input; 0 until it is planned, and once it is over.
    pub input_bytes: u64,
    /// Figures of what counts, and of what is under way.
    pub counters: Counters,
    /// Its attempts under way.
    pub attempts: Vec<AttemptSummary>,
    /// How many of them are left out.
    pub attempts_left_out: u32,
    /// Why it was given up, if it was.
    pub failure: Option<Failure>,
}

/// An attempt in a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptSummary {
    /// Which.
    pub attempt: AttemptId,
    /// The worker that executes it.
    pub worker: WorkerNumber,
    /// What people call that worker's machine.
    pub host: String,
    /// How far it is.
    pub state: AttemptState,
    /// Runs that it has gathered.
    pub runs_gathered: u32,
    /// Its figures so far.
    pub counters: Counters,
}

/// How far an attempt is.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttemptState {
    /// It collects runs and holds no slot.
    Gathering,
    /// It has all its runs and waits for a slot.
    Gathered,
    /// It holds a slot.
    Running,
    /// It was told to end.
    Ending,
}

/// What failed attempts of a job told, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobLogs {
    /// Which job.
    pub job: JobId,
    /// Each with the end of its program's stderr.
    pub failures: Vec<Failure>,
    /// How many that are kept are left out.
    pub left_out: u32,
}

/// Workers, by host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerList {
    /// Some of them, or all.
    pub workers: Vec<WorkerSummary>,
    /// How many are left out.
    pub left_out: u32,
}

/// A worker in a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerSummary {
    /// Which.
    pub worker: WorkerNumber,
    /// What people call its machine.
    pub host: String,
    /// Whether it is given tasks.
    pub state: WorkerState,
    /// Attempts that it executes at the same time.
    pub slots: u32,
    /// Attempts that hold slots.
    pub running: u32,
    /// Reduce attempts that gather runs there, or wait for a slot.
    pub gathering: u32,
    /// How long it has not been heard.
    pub silent_us: u64,
}

/// Whether a worker is given tasks.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WorkerState {
    /// It has registered; its first heartbeat has not come yet.
    Joining,
    /// It is.
    Serving,
    /// It has not been heard for half a lease, or its connection is cut.
    Silent,
    /// It is not; it still executes something, or holds map outputs that a job needs.
    Draining,
    /// It is not, and can be stopped: nobody needs anything of it.
    Drained,
}

/// A worker's number as people see and write it: the incarnation, in hexadecimal digits.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WorkerNumber(pub Incarnation);

impl fmt::Display for WorkerNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0.0)
    }
}
