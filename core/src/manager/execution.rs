//! Who executes what: owns the volatile side of an active job, which a restart learns again from the workers.
//!
//! Knows where map outputs lie as a log that workers pull by cursor, and how far the job's files are; which tasks wait is in
//! [`super::tasks`]. Invariant: a task either waits, or has an attempt under way, or has a winner in [`super::jobs`].

use super::commit::Errand;
use super::search::Search;
use super::shares::Shares;
use super::tasks::Tasks;
use crate::failure::Failure;
use crate::ids::{AttemptId, ConnectionId, Epoch, Incarnation, JobId, TaskId};
use crate::job::Counters;
use crate::time::Time;
use crate::wire::message::OutputEntry;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

/// The volatile side of one active job.
#[derive(Debug)]
pub struct Execution {
    /// Where it is.
    pub stage: Stage,
    /// Its map tasks.
    pub maps: Tasks,
    /// Its reduce tasks.
    pub reduces: Tasks,
    /// Where map outputs lie and which were lost, in the order in which that became known.
    pub outputs: Vec<OutputEntry>,
    /// Maps whose output lies somewhere by that.
    pub located: BTreeSet<u32>,
    /// Workers that wait for entries of it from their cursor on.
    pub pulls: BTreeMap<Incarnation, u64>,
    /// Workers that do not see the staging directory.
    pub excluded: BTreeSet<Incarnation>,
    /// Clients that are told how it goes.
    pub watchers: BTreeSet<ConnectionId>,
    /// Attempts that failed, for whatever reason.
    pub attempts_failed: u32,
    /// Failed attempts of earlier lives of the Manager that were told of in this one.
    pub ends_of_earlier_lives: BTreeSet<AttemptId>,
    /// Second attempts that were launched beside the first.
    pub backups: u32,
    /// When the last of its maps was won, while all are.
    pub maps_done_at: Option<Time>,
    /// The last failure that is not told yet.
    pub news: Option<Failure>,
    /// Its size, once planned.
    pub input_bytes: u64,
    /// Maps of which the part is sought on which they fail.
    pub searches: BTreeMap<u32, Search>,
    /// Figures of its winners.
    pub won: Counters,
    /// Whether it was taken up from the journal, and workers have not had time to come back.
    pub is_recovering: bool,
}

/// Where an active job is, more finely than the journal knows.
///
/// ```text
/// Preparing ─▶ Running ─▶ Committing ─▶ Publishing ─▶ Ending ─no attempt left─▶ Cleaning ─▶ (ended)
///     └───────────┴───────────┴─────failed─────┴─────────▶┘
/// ```
#[derive(Debug)]
pub enum Stage {
    /// Its output is looked for, its inputs are listed, its staging directory is made.
    Preparing(Errand),
    /// Its tasks are executed.
    Running,
    /// Its output is put together.
    Committing(Errand),
    /// Its output is put in place.
    Publishing(Errand),
    /// It is published or failed; its attempts are being ended.
    Ending,
    /// Nothing of it runs; its staging directory is being removed.
    Cleaning(Errand),
}

impl Execution {
    /// A job at this stage, of which nothing runs yet.
    pub fn new(stage: Stage) -> Execution {
        Execution {
            stage,
            maps: Tasks::default(),
            reduces: Tasks::default(),
            outputs: Vec::new(),
            located: BTreeSet::new(),
            pulls: BTreeMap::new(),
            excluded: BTreeSet::new(),
            watchers: BTreeSet::new(),
            attempts_failed: 0,
            ends_of_earlier_lives: BTreeSet::new(),
            backups: 0,
            maps_done_at: None,
            news: None,
            searches: BTreeMap::new(),
            input_bytes: 0,
            won: Counters::default(),
            is_recovering: false,
        }
    }

    /// The tasks of `task`'s kind, and its index among them.
    pub fn tasks_of(&mut self, task: TaskId) -> (&mut Tasks, u32) {
        match task {
            TaskId::Map(index) => (&mut self.maps, index),
            TaskId::Reduce(index) => (&mut self.reduces, index),
        }
    }

    /// The tasks of `task`'s kind.
    pub fn tasks(&self, task: TaskId) -> &Tasks {
        match task {
            TaskId::Map(_) => &self.maps,
            TaskId::Reduce(_) => &self.reduces,
        }
    }

    /// Whether tasks of it may be launched.
    pub fn is_running(&self) -> bool {
        matches!(self.stage, Stage::Running)
    }
}

/// All attempts under way, of all jobs.
#[derive(Debug, Default)]
pub struct Attempts {
    all: BTreeMap<AttemptId, Attempt>,
    by_holder: BTreeMap<Incarnation, BTreeSet<AttemptId>>,
    /// Those that wait for a slot, by job and worker.
    gathered: BTreeSet<(JobId, Incarnation, AttemptId)>,
    /// What of the cluster their jobs have.
    pub shares: Shares,
}

/// One attempt under way.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The worker that executes it.
    pub holder: Incarnation,
    /// How far it is.
    pub stage: AttemptStage,
    /// When it was launched, or adopted.
    pub launched_at: Time,
    /// Whether it was told to end.
    pub is_killed: bool,
    /// Runs that it has gathered.
    pub runs_gathered: u32,
    /// Its figures so far.
    pub counters: Counters,
}

/// How far an attempt is.
///
/// ```text
/// map:    Running ─▶ (ended)
/// reduce: Gathering ─▶ Gathered ─slot─▶ Running ─▶ (ended)
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum AttemptStage {
    /// It collects runs and holds no slot.
    Gathering,
    /// It has all its runs and waits for a slot.
    Gathered,
    /// It holds a slot.
    Running,
}

impl Attempts {
    /// Enters a new attempt.
    pub fn insert(&mut self, id: AttemptId, holder: Incarnation, stage: AttemptStage, launched_at: Time) {
        let attempt = Attempt {
            holder,
            stage,
            launched_at,
            is_killed: false,
            runs_gathered: 0,
            counters: Counters::default(),
        };
        assert!(self.all.insert(id, attempt).is_none(), "an attempt's id never repeats");
        self.by_holder.entry(holder).or_default().insert(id);
        self.shares.begin(id.job, stage);
    }

    /// Strikes an attempt off.
    pub fn remove(&mut self, id: AttemptId) -> Option<Attempt> {
        let attempt = self.all.remove(&id)?;
        remove_from(&mut self.by_holder, attempt.holder, id);
        self.gathered.remove(&(id.job, attempt.holder, id));
        self.shares.end(id.job, attempt.stage);
        Some(attempt)
    }

    /// An attempt under way.
    pub fn get(&self, id: AttemptId) -> Option<&Attempt> {
        self.all.get(&id)
    }

    /// Notes how far an attempt is.
    pub fn progress(&mut self, id: AttemptId, runs_gathered: u32, counters: Counters) {
        if let Some(attempt) = self.all.get_mut(&id) {
            attempt.runs_gathered = runs_gathered;
            attempt.counters = counters;
        }
    }

    /// Notes that an attempt was told to end.
    pub fn mark_killed(&mut self, id: AttemptId) {
        if let Some(attempt) = self.all.get_mut(&id) {
            attempt.is_killed = true;
            self.gathered.remove(&(id.job, attempt.holder, id));
        }
    }

    /// Moves an attempt on.
    pub fn set_stage(&mut self, id: AttemptId, stage: AttemptStage) {
        let attempt = self.all.get_mut(&id).expect("the attempt is under way");
        let before = core::mem::replace(&mut attempt.stage, stage);
        match stage {
            AttemptStage::Gathered => self.gathered.insert((id.job, attempt.holder, id)),
            AttemptStage::Gathering | AttemptStage::Running => {
                self.gathered.remove(&(id.job, attempt.holder, id))
            }
        };
        self.shares.end(id.job, before);
        self.shares.begin(id.job, stage);
    }

    /// Whether any attempt of a job waits for a slot.
    pub fn has_gathered(&self, job: JobId) -> bool {
        let least = (job, Incarnation(0), AttemptId::first_of(job));
        self.gathered.range(least..).next().is_some_and(|(of, ..)| *of == job)
    }

    /// The oldest attempt of a job that waits for a slot of this worker.
    pub fn first_gathered(&self, job: JobId, holder: Incarnation) -> Option<AttemptId> {
        let (of, on, id) = self.gathered.range((job, holder, AttemptId::first_of(job))..).next()?;
        (*of == job && *on == holder).then_some(*id)
    }

    /// How many attempts of a job gather on a worker, or have gathered there.
    pub fn gathering_on(&self, holder: Incarnation, job: JobId) -> u64 {
        let there = self.by_holder.get(&holder).into_iter();
        let of_job =
            there.flat_map(|ids| ids.range(AttemptId::first_of(job)..)).take_while(|id| id.job == job);
        of_job.filter(|id| self.all[id].stage != AttemptStage::Running).count() as u64
    }

    /// The attempts of a worker.
    pub fn of_holder(&self, holder: Incarnation) -> Vec<AttemptId> {
        self.by_holder.get(&holder).into_iter().flatten().copied().collect()
    }

    /// The attempts of a job.
    pub fn of_job(&self, job: JobId) -> impl Iterator<Item = (AttemptId, &Attempt)> {
        self.range(AttemptId::first_of(job)).take_while(move |(id, _)| id.job == job)
    }

    /// The attempts of a task.
    pub fn of_task(&self, job: JobId, task: TaskId) -> impl Iterator<Item = (AttemptId, &Attempt)> {
        self.range(AttemptId { job, task, epoch: Epoch(0), number: 0 })
            .take_while(move |(id, _)| id.job == job && id.task == task)
    }

    /// All attempts.
    pub fn all(&self) -> impl Iterator<Item = (AttemptId, &Attempt)> {
        self.all.iter().map(|(id, attempt)| (*id, attempt))
    }

    fn range(&self, from: AttemptId) -> impl Iterator<Item = (AttemptId, &Attempt)> {
        self.all.range(from..).map(|(id, attempt)| (*id, attempt))
    }

    /// Panics where the tables disagree.
    pub fn check_invariants(&self) {
        let indexed: usize = self.by_holder.values().map(BTreeSet::len).sum();
        assert_eq!(indexed, self.all.len(), "each attempt is indexed once");
        for (_, holder, id) in &self.gathered {
            let attempt = &self.all[id];
            assert!(
                attempt.stage == AttemptStage::Gathered && attempt.holder == *holder && !attempt.is_killed,
                "what waits for a slot was gathered there and is wanted"
            );
        }
        self.shares.check_invariants(self.all.iter().map(|(id, attempt)| (id.job, attempt.stage)));
    }
}

fn remove_from(index: &mut BTreeMap<Incarnation, BTreeSet<AttemptId>>, holder: Incarnation, id: AttemptId) {
    if let Some(ids) = index.get_mut(&holder) {
        ids.remove(&id);
        if ids.is_empty() {
            index.remove(&holder);
        }
    }
}
