//! The durable state: owns every job as the fold of the journal's records, and nothing that a restart would lose.
//!
//! Changes only by [`Jobs::apply`]. Who executes what at the moment is not here but in `execution`.
//!
//! ```text
//! JobAccepted ─▶ Accepted ─JobPlanned─▶ Running ─JobCommitting─▶ Committing ─JobEnded─▶ (report)
//!                    └──────JobEnded──────┴── TaskWon, OutputRevoked ──┘ (only while Running)
//! ```

use super::journal::Record;
use crate::ids::{AttemptId, Incarnation, JobId, SubmissionKey, TaskId};
use crate::job::{Counters, JobReport, JobSpecification, Plan, Staging};
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

/// Ended jobs whose report is kept.
const REPORTS_KEPT: usize = 1_000;

/// All jobs.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Jobs {
    active: BTreeMap<JobId, Job>,
    ended: BTreeMap<JobId, JobReport>,
    by_key: BTreeMap<SubmissionKey, JobId>,
    last: u64,
}

/// A job that has not ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Job {
    /// The client's key for it.
    pub key: SubmissionKey,
    /// Tells its staging directory from any other.
    pub nonce: u64,
    /// What was asked for.
    pub specification: JobSpecification,
    /// What it reads; empty until planned.
    pub plan: Plan,
    /// Where it is in its life.
    pub phase: Phase,
    map_winners: Vec<Option<Winner>>,
    reduce_winners: Vec<Option<Winner>>,
}

/// Where an active job is in its life.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It has no plan yet.
    Accepted,
    /// Its tasks are to be executed.
    Running,
    /// All tasks have winners.
    Committing,
}

/// The attempt that counts for a task.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Winner {
    /// Which.
    pub attempt: AttemptId,
    /// Where it was executed; a map's output lies there.
    pub holder: Incarnation,
    /// Its figures.
    pub counters: Counters,
}

impl Jobs {
    /// Applies one record: the only way in which anything here changes.
    pub fn apply(&mut self, record: Record) {
        match record {
            Record::EpochBegan { epoch: _ } => {}
            Record::JobAccepted { job, key, nonce, specification } => {
                assert!(job.0 > self.last, "job numbers only grow");
                self.last = job.0;
                self.by_key.insert(key, job);
                self.active.insert(
                    job,
                    Job {
                        key,
                        nonce,
                        specification,
                        plan: Plan::default(),
                        phase: Phase::Accepted,
                        map_winners: Vec::new(),
                        reduce_winners: Vec::new(),
                    },
                );
            }
            Record::JobPlanned { job, plan } => {
                let job = self.active_mut(job);
                assert_eq!(job.phase, Phase::Accepted, "a job is planned once");
                job.map_winners = vec![None; plan.splits.len()];
                job.reduce_winners = vec![None; job.specification.reducers as usize];
                job.plan = plan;
                job.phase = Phase::Running;
            }
            Record::TaskWon { attempt, holder, counters } => {
                let job = self.active_mut(attempt.job);
                assert_eq!(job.phase, Phase::Running, "tasks are won while their job runs");
                let slot = job.winner_mut(attempt.task);
                assert!(slot.is_none(), "a task has one winner");
                *slot = Some(Winner { attempt, holder, counters });
            }
            Record::OutputRevoked { attempt } => {
                let job = self.active_mut(attempt.job);
                assert_eq!(job.phase, Phase::Running, "outputs are revoked while their job runs");
                let slot = job.winner_mut(attempt.task);
                assert!(slot.is_some_and(|winner| winner.attempt == attempt), "only a winner is revoked");
                *slot = None;
            }
            Record::JobCommitting { job } => {
                let job = self.active_mut(job);
                assert_eq!(job.phase, Phase::Running, "a job commits once");
                assert!(job.is_won(), "a job commits when every deciding task is won");
                job.phase = Phase::Committing;
            }
            Record::JobEnded { report } => {
                self.active.remove(&report.job).expect("only an active job ends");
                self.ended.insert(report.job, report);
                if self.ended.len() > REPORTS_KEPT
                    && let Some((job, _)) = self.ended.pop_first()
                {
                    self.by_key.retain(|_, keyed| *keyed != job);
                }
            }
        }
    }

    fn active_mut(&mut self, job: JobId) -> &mut Job {
        self.active.get_mut(&job).expect("the record is about an active job")
    }

    /// The number of the next job.
    pub fn next_id(&self) -> JobId {
        JobId(self.last + 1)
    }

    /// The job that was submitted under this key.
    pub fn with_key(&self, key: SubmissionKey) -> Option<JobId> {
        self.by_key.get(&key).copied()
    }

    /// A job that has not ended.
    pub fn active(&self, job: JobId) -> Option<&Job> {
        self.active.get(&job)
    }

    /// A job that has ended, if it is still remembered.
    pub fn ended(&self, job: JobId) -> Option<&JobReport> {
        self.ended.get(&job)
    }

    /// All jobs that have not ended, oldest first.
    pub fn all_active(&self) -> impl Iterator<Item = (JobId, &Job)> {
        self.active.iter().map(|(id, job)| (*id, job))
    }
}

impl Job {
    /// The attempt that counts for a task, if there is one.
    pub fn winner(&self, task: TaskId) -> Option<&Winner> {
        match task {
            TaskId::Map(index) => self.map_winners.get(index as usize)?.as_ref(),
            TaskId::Reduce(index) => self.reduce_winners.get(index as usize)?.as_ref(),
        }
    }

    fn winner_mut(&mut self, task: TaskId) -> &mut Option<Winner> {
        match task {
            TaskId::Map(index) => &mut self.map_winners[index as usize],
            TaskId::Reduce(index) => &mut self.reduce_winners[index as usize],
        }
    }

    /// Every winner, maps first.
    pub fn winners(&self) -> impl Iterator<Item = &Winner> {
        self.map_winners.iter().chain(&self.reduce_winners).flatten()
    }

    /// Whether the job has this task.
    pub fn has_task(&self, task: TaskId) -> bool {
        match task {
            TaskId::Map(index) => (index as usize) < self.map_winners.len(),
            TaskId::Reduce(index) => (index as usize) < self.reduce_winners.len(),
        }
    }

    /// Whether every task whose output is the job's has a winner.
    pub fn is_won(&self) -> bool {
        self.phase == Phase::Running && self.deciding_winners().iter().all(Option::is_some)
    }

    /// The attempts whose files are the job's output, in the order of its parts.
    pub fn deciding_attempts(&self) -> impl Iterator<Item = AttemptId> {
        self.deciding_winners().iter().flatten().map(|winner| winner.attempt)
    }

    fn deciding_winners(&self) -> &[Option<Winner>] {
        if self.is_map_only() { &self.map_winners } else { &self.reduce_winners }
    }

    /// Whether the mappers' output is the job's.
    pub fn is_map_only(&self) -> bool {
        self.specification.reducers == 0
    }

    /// The directory of all that is not published yet.
    pub fn staging(&self) -> Staging {
        Staging::beside(&self.specification.output, self.nonce)
    }

    /// Sum of the winners' figures.
    pub fn counters(&self) -> Counters {
        let mut sum = Counters::default();
        for winner in self.winners() {
            sum.add(&winner.counters);
        }
        sum
    }
}
