//! The durable state: owns every job, and which workers are drained, as the fold of the journal's records, and nothing that a
//! restart would lose.
//!
//! Changes only by [`Jobs::apply`]. Who executes what at the moment is not here but in `execution`.
//!
//! ```text
//! JobAccepted ─▶ Accepted ─JobPlanned─▶ Running ─JobCommitting─▶ Committing ─JobPublishing─▶ Publishing ─JobEnded─▶ (report)
//!                    └─────JobFailing─────┴──────────────────────────┴───────▶ Failing ◀────────┘    └─JobEnded─▶ (report)
//! ```
//!
//! `TaskWon`, `AttemptFailed`, `RecordSkipped` and `OutputRevoked` come only while Running, `JobDisplacing` while
//! Publishing.

use super::journal::Record;
use super::replace::Replacing;
use crate::data::digest::OutputDigest;
use crate::failure::{Failure, InputRange};
use crate::ids::{AttemptId, Epoch, Incarnation, JobId, SubmissionKey, TaskId};
use crate::job::{ByteRange, Counters, JobReport, JobSpecification, Plan, Staging};
use crate::limits::{DRAINS_KEPT, REPORTS_KEPT, REPORTS_KEPT_US};
use crate::time::WallTime;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// All jobs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jobs {
    active: BTreeMap<JobId, Job>,
    ended: BTreeMap<JobId, Ended>,
    /// Ended jobs, the first to end first.
    ended_order: VecDeque<JobId>,
    by_key: BTreeMap<SubmissionKey, JobId>,
    /// Workers that are drained, the first to be so first.
    draining: VecDeque<Incarnation>,
    last: u64,
    epoch: Epoch,
}

/// What is remembered of a job that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Ended {
    key: SubmissionKey,
    /// Of its specification.
    digest: u64,
    nonce: u64,
    report: JobReport,
}

/// A job that has not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The client's key for it.
    pub key: SubmissionKey,
    /// Tells its staging directory from any other.
    pub nonce: u64,
    /// When it was accepted.
    pub accepted_at: WallTime,
    /// What was asked for.
    pub specification: JobSpecification,
    /// What it reads; empty until planned.
    pub plan: Plan,
    /// Where it is in its life.
    pub phase: Phase,
    /// Why it was given up, once it was.
    pub failure: Option<Failure>,
    map_winners: Winners,
    reduce_winners: Winners,
    /// Attempts that failed by the program's own doing.
    failed: BTreeMap<TaskId, BTreeSet<AttemptId>>,
    /// Records that are left out of maps' splits.
    skipped: BTreeMap<u32, Skipped>,
    /// Outputs that were lost, the last of each map.
    revoked: BTreeMap<u32, Revoked>,
    /// Maps that printed something else when they ran again.
    pub remade_differently: u32,
    /// What its output takes the place of, once that is decided.
    pub replacing: Option<Replacing>,
}

/// The winners of all tasks of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Winners {
    all: Vec<Option<Winner>>,
    won: usize,
}

/// Where an active job is in its life.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// It has no plan yet.
    Accepted,
    /// Its tasks are to be executed.
    Running,
    /// All tasks have winners; their files are being put together.
    Committing,
    /// All is together, and is being put in its place, or was.
    Publishing,
    /// It was given up, and is being cleaned up after.
    Failing,
}

/// The attempt that counts for a task.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Winner {
    /// Which.
    pub attempt: AttemptId,
    /// Where it was executed; a map's output lies there.
    pub holder: Incarnation,
    /// Its figures.
    pub counters: Counters,
    /// Of a map with reducers: what it printed.
    pub digest: OutputDigest,
}

/// Records that are left out of a map's split.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Skipped {
    /// In the order in which they were found.
    holes: Vec<ByteRange>,
    /// Failures by the program's own doing before the last of them was found.
    failures_before: u32,
    /// The last attempt that won, and of how many it knew: it left these out, and has put them aside.
    put_aside: Option<(AttemptId, u32)>,
}

/// A map's output that was lost: reduces may have read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revoked {
    /// What it was.
    pub digest: OutputDigest,
    /// Where it was made, if that is known.
    pub host: Option<String>,
}

impl Default for Jobs {
    /// No job was ever accepted, and no Manager lived.
    fn default() -> Jobs {
        Jobs {
            active: BTreeMap::new(),
            ended: BTreeMap::new(),
            ended_order: VecDeque::new(),
            by_key: BTreeMap::new(),
            draining: VecDeque::new(),
            last: 0,
            epoch: Epoch(0),
        }
    }
}

impl Jobs {
    /// Applies one record: the only way in which anything here changes.
    pub fn apply(&mut self, record: Record) {
        match record {
            Record::Snapshot(jobs) => *self = *jobs,
            Record::EpochBegan { epoch } => {
                assert!(epoch > self.epoch, "each life has an epoch beyond all before");
                self.epoch = epoch;
            }
            Record::JobAccepted { job, key, nonce, at, specification } => {
                assert!(job.0 > self.last, "job numbers only grow");
                self.last = job.0;
                self.by_key.insert(key, job);
                self.active.insert(
                    job,
                    Job {
                        key,
                        nonce,
                        accepted_at: at,
                        specification,
                        plan: Plan::default(),
                        phase: Phase::Accepted,
                        failure: None,
                        map_winners: Winners::default(),
                        reduce_winners: Winners::default(),
                        failed: BTreeMap::new(),
                        skipped: BTreeMap::new(),
                        revoked: BTreeMap::new(),
                        remade_differently: 0,
                        replacing: None,
                    },
                );
            }
            Record::JobPlanned { job, plan } => {
                let job = self.active_mut(job);
                assert_eq!(job.phase, Phase::Accepted, "a job is planned once");
                job.map_winners = Winners::none(plan.splits.len());
                job.reduce_winners = Winners::none(job.specification.reducers as usize);
                job.plan = plan;
                job.phase = Phase::Running;
            }
            Record::TaskWon { attempt, holder, counters, digest, left_out } => {
                let job = self.active_mut(attempt.job);
                assert_eq!(job.phase, Phase::Running, "tasks are won while their job runs");
                job.remade_differently += u32::from(job.differs_from(attempt.task, digest).is_some());
                if let TaskId::Map(index) = attempt.task
                    && let Some(skipped) = job.skipped.get_mut(&index)
                {
                    let left_out = left_out.min(skipped.holes.len() as u32);
                    skipped.put_aside = (left_out > 0).then_some((attempt, left_out));
                }
                job.winners_mut(attempt.task).win(Winner { attempt, holder, counters, digest });
            }
            Record::AttemptFailed { attempt } => {
                let job = self.active_mut(attempt.job);
                assert_eq!(job.phase, Phase::Running, "attempts count as failed while their job runs");
                let is_new = job.failed.entry(attempt.task).or_default().insert(attempt);
                assert!(is_new, "an attempt fails once");
            }
            Record::RecordSkipped { job, map_index, hole } => {
                let job = self.active_mut(job);
                assert_eq!(job.phase, Phase::Running, "records are set aside while their job runs");
                assert!(job.may_be_left_out(map_index, hole), "what is left out is another record each time");
                let failures_before = job.failed.get(&TaskId::Map(map_index)).map_or(0, BTreeSet::len) as u32;
                let skipped = job.skipped.entry(map_index).or_default();
                skipped.holes.push(hole);
                skipped.failures_before = failures_before;
            }
            Record::OutputRevoked { attempt, host } => {
                let job = self.active_mut(attempt.job);
                assert_eq!(job.phase, Phase::Running, "outputs are revoked while their job runs");
                let Winner { digest, .. } = job.winners_mut(attempt.task).revoke(attempt);
                job.revoked.insert(attempt.task.index(), Revoked { digest, host });
            }
            Record::JobCommitting { job } => {
                let job = self.active_mut(job);
                assert_eq!(job.phase, Phase::Running, "a job commits once");
                assert!(job.is_won(), "a job commits when every deciding task is won");
                job.phase = Phase::Committing;
            }
            Record::JobPublishing { job, replacing } => {
                let job = self.active_mut(job);
                assert_eq!(job.phase, Phase::Committing, "a job publishes what was put together");
                job.phase = Phase::Publishing;
                job.replacing = replacing.map(Replacing::by_exchange);
            }
            Record::JobDisplacing { job } => {
                let job = self.active_mut(job);
                assert_eq!(job.phase, Phase::Publishing, "only what is to be replaced is displaced");
                job.replacing.as_mut().expect("there is something to replace").displace();
            }
            Record::JobFailing { job, failure } => {
                let job = self.active_mut(job);
                assert_ne!(job.phase, Phase::Failing, "a job is given up once");
                job.phase = Phase::Failing;
                job.failure = Some(failure);
            }
            Record::JobEnded { report } => {
                let Job { key, nonce, phase, failure, specification, .. } =
                    self.active.remove(&report.job).expect("only an active job ends");
                assert!(matches!(phase, Phase::Publishing | Phase::Failing), "a job's end is decided before");
                assert_eq!(failure, report.failure, "a job ends as was decided");
                let (digest, now) = (specification.digest(), report.ended_at());
                self.ended_order.push_back(report.job);
                self.ended.insert(report.job, Ended { key, digest, nonce, report });
                self.forget_the_oldest(now);
            }
            Record::DrainBegan { worker } => {
                assert!(!self.is_draining(worker), "a worker is drained once");
                self.draining.push_back(worker);
                if self.draining.len() > DRAINS_KEPT {
                    self.draining.pop_front();
                }
            }
            Record::DrainEnded { worker } => {
                assert!(self.is_draining(worker), "only a drained worker is given tasks again");
                self.draining.retain(|draining| *draining != worker);
            }
        }
    }

    /// Forgets of the jobs that ended those that are too many, or too old.
    fn forget_the_oldest(&mut self, now: WallTime) {
        while let Some(oldest) = self.ended_order.front() {
            let Ended { key, report, .. } = &self.ended[oldest];
            let is_old = now.since_us(report.ended_at()) > REPORTS_KEPT_US;
            if self.ended_order.len() <= REPORTS_KEPT && !is_old {
                return;
            }
            self.by_key.remove(key);
            self.ended.remove(oldest);
            self.ended_order.pop_front();
        }
    }

    fn active_mut(&mut self, job: JobId) -> &mut Job {
        self.active.get_mut(&job).expect("the record is about an active job")
    }

    /// The last life that is in it.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The number of the next job.
    pub fn next_id(&self) -> JobId {
        JobId(self.last + 1)
    }

    /// The job that was submitted under this key.
    pub fn with_key(&self, key: SubmissionKey) -> Option<JobId> {
        self.by_key.get(&key).copied()
    }

    /// Whether a job, which is known, is of this specification.
    pub fn is_of(&self, job: JobId, specification: &JobSpecification) -> bool {
        match (self.active.get(&job), self.ended.get(&job)) {
            (Some(active), _) => active.specification == *specification,
            (None, Some(ended)) => ended.digest == specification.digest(),
            (None, None) => unreachable!("a job that has a key is known"),
        }
    }

    /// Whether a worker is drained.
    pub fn is_draining(&self, worker: Incarnation) -> bool {
        self.draining.contains(&worker)
    }

    /// A job that has not ended.
    pub fn active(&self, job: JobId) -> Option<&Job> {
        self.active.get(&job)
    }

    /// A job that has ended, if it is still remembered.
    pub fn ended(&self, job: JobId) -> Option<&JobReport> {
        self.ended.get(&job).map(|ended| &ended.report)
    }

    /// The staging directories of jobs that have ended: they were removed, but the power may have failed since.
    pub fn ended_stagings(&self) -> impl Iterator<Item = (JobId, Staging)> {
        let removed = self.ended.iter().filter(|(_, ended)| !keeps_staging(ended.report.failure.as_ref()));
        removed.map(|(id, ended)| (*id, Staging::beside(&ended.report.output, ended.nonce)))
    }

    /// All jobs that are known, in the order of their numbers.
    pub fn all_ids(&self) -> impl DoubleEndedIterator<Item = JobId> {
        let all: BTreeSet<JobId> = self.active.keys().chain(self.ended.keys()).copied().collect();
        all.into_iter()
    }

    /// How all jobs ended that have and are remembered, oldest first.
    pub fn all_ended(&self) -> impl DoubleEndedIterator<Item = &JobReport> {
        self.ended.values().map(|ended| &ended.report)
    }

    /// All jobs that have not ended, oldest first.
    pub fn all_active(&self) -> impl DoubleEndedIterator<Item = (JobId, &Job)> {
        self.active.iter().map(|(id, job)| (*id, job))
    }
}

impl Winners {
    fn none(tasks: usize) -> Winners {
        Winners { all: vec![None; tasks], won: 0 }
    }

    fn win(&mut self, winner: Winner) {
        let slot = &mut self.all[winner.attempt.task.index() as usize];
        assert!(slot.is_none(), "a task has one winner");
        *slot = Some(winner);
        self.won += 1;
    }

    fn revoke(&mut self, attempt: AttemptId) -> Winner {
        let slot = &mut self.all[attempt.task.index() as usize];
        self.won -= 1;
        slot.take().filter(|winner| winner.attempt == attempt).expect("only a winner is revoked")
    }
}

impl Job {
    /// The attempt that counts for a task, if there is one.
    pub fn winner(&self, task: TaskId) -> Option<&Winner> {
        match task {
            TaskId::Map(index) => self.map_winners.all.get(index as usize)?.as_ref(),
            TaskId::Reduce(index) => self.reduce_winners.all.get(index as usize)?.as_ref(),
        }
    }

    fn winners_mut(&mut self, task: TaskId) -> &mut Winners {
        match task {
            TaskId::Map(_) => &mut self.map_winners,
            TaskId::Reduce(_) => &mut self.reduce_winners,
        }
    }

    /// How many attempts of a task failed by the program's own doing, since the last record was left out of its split.
    pub fn program_failures(&self, task: TaskId) -> u32 {
        let all = self.failed.get(&task).map_or(0, |attempts| attempts.len() as u32);
        let before = match task {
            TaskId::Map(index) => self.skipped.get(&index).map_or(0, |skipped| skipped.failures_before),
            TaskId::Reduce(_) => 0,
        };
        all - before
    }

    /// The records that are left out of a map's split, in order.
    pub fn holes(&self, map_index: u32) -> Vec<ByteRange> {
        let mut holes = self.skipped.get(&map_index).map_or(Vec::new(), |skipped| skipped.holes.clone());
        holes.sort_unstable();
        holes
    }

    /// How many records are left out of splits.
    pub fn skipped_count(&self) -> u32 {
        self.skipped.values().map(|skipped| skipped.holes.len() as u32).sum()
    }

    /// Whether a range may be left out of a map's split: it has bytes, and none of them is left out already.
    pub fn may_be_left_out(&self, map_index: u32, hole: ByteRange) -> bool {
        let is_apart = |other: &ByteRange| other.end() <= hole.offset || hole.end() <= other.offset;
        hole.length_bytes > 0 && self.holes(map_index).iter().all(is_apart)
    }

    /// Each record that is left out, in the order of the maps: of a job that was given up all that were found, of another those
    /// that its output lacks.
    pub fn skipped(&self) -> Vec<InputRange> {
        let mut ranges = Vec::new();
        for (map_index, skipped) in &self.skipped {
            let path = &self.plan.inputs[self.plan.splits[*map_index as usize].input as usize].path;
            let lacking = skipped.put_aside.map_or(0, |(_, left_out)| left_out as usize);
            let known = if self.failure.is_some() { skipped.holes.len() } else { lacking };
            let mut holes = skipped.holes[..known].to_vec();
            holes.sort_unstable();
            ranges.extend(holes.into_iter().map(|ByteRange { offset, length_bytes }| InputRange {
                path: path.clone(),
                offset,
                length_bytes,
            }));
        }
        ranges
    }

    /// Maps out of whose splits records are left, with the attempt that has put them aside.
    pub fn quarantined(&self) -> impl Iterator<Item = (u32, AttemptId)> {
        self.skipped.iter().filter_map(|(map_index, skipped)| Some((*map_index, skipped.put_aside?.0)))
    }

    /// Whether this attempt is one of those that failed so.
    pub fn has_failed(&self, attempt: AttemptId) -> bool {
        self.failed.get(&attempt.task).is_some_and(|attempts| attempts.contains(&attempt))
    }

    /// The output of a map that was lost, if it was another than this.
    pub fn differs_from(&self, task: TaskId, digest: OutputDigest) -> Option<&Revoked> {
        let TaskId::Map(index) = task else { return None };
        self.revoked.get(&index).filter(|revoked| revoked.digest != digest)
    }

    /// Every winner, maps first.
    pub fn winners(&self) -> impl Iterator<Item = &Winner> {
        self.map_winners.all.iter().chain(&self.reduce_winners.all).flatten()
    }

    /// Whether the job has this task.
    pub fn has_task(&self, task: TaskId) -> bool {
        match task {
            TaskId::Map(index) => (index as usize) < self.map_winners.all.len(),
            TaskId::Reduce(index) => (index as usize) < self.reduce_winners.all.len(),
        }
    }

    /// Whether every task whose output is the job's has a winner.
    pub fn is_won(&self) -> bool {
        self.phase == Phase::Running && self.deciding_winners().won == self.deciding_winners().all.len()
    }

    /// Whether every map has a winner.
    pub fn are_maps_won(&self) -> bool {
        self.map_winners.won == self.map_winners.all.len()
    }

    /// The attempts whose files are the job's output, in the order of its parts.
    pub fn deciding_attempts(&self) -> impl Iterator<Item = AttemptId> {
        self.deciding_winners().all.iter().flatten().map(|winner| winner.attempt)
    }

    fn deciding_winners(&self) -> &Winners {
        if self.is_map_only() { &self.map_winners } else { &self.reduce_winners }
    }

    /// Whether the mappers' output is the job's.
    pub fn is_map_only(&self) -> bool {
        self.specification.reducers == 0
    }

    /// Whether its staging directory is not to be removed at its end.
    pub fn keeps_staging(&self) -> bool {
        keeps_staging(self.failure.as_ref())
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

/// Whether a failure says that something of its user's lies in staging.
fn keeps_staging(failure: Option<&Failure>) -> bool {
    failure.is_some_and(|failure| failure.cause.kept().is_some())
}
