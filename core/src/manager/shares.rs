//! How jobs share the cluster: owns what each has of it, and the order in which they come to more.
//!
//! Knows neither tasks nor workers. The next slot goes to the job that holds fewest for its weight; of those that hold
//! equally many, to the one whose turn is first, by start-time fair queuing: each slot moves a job's next turn on by as
//! much as its weight is small, and a job that joins lines up behind those that are there. So no job gets a second slot
//! while another that could use one has none, jobs alternate by their weights where there are fewer slots than jobs, and
//! none waits for ever, however many come after it.

use super::execution::AttemptStage;
use crate::ids::JobId;
use crate::job::Priority;
use alloc::collections::BTreeMap;

/// What every active job has.
#[derive(Debug, Default)]
pub struct Shares {
    all: BTreeMap<JobId, Share>,
    /// The sum of all weights.
    weights: u64,
    /// The turn at which a slot was taken last.
    turn: u64,
}

/// What one job has.
#[derive(Copy, Clone, Debug)]
struct Share {
    weight: u64,
    slots: u32,
    gathering: u32,
    /// When it may take its next slot, beside others that hold equally many.
    turn: u64,
}

/// The place of a job in the order in which something is dealt; the least comes first.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    load: u64,
    turn: u64,
    /// Which job.
    pub job: JobId,
}

impl Share {
    /// How far its turn moves on by a slot, or its load grows by one.
    fn step(self) -> u64 {
        Priority::WEIGHT_MAX / self.weight
    }
}

impl Shares {
    /// A job takes part.
    pub fn join(&mut self, job: JobId, priority: Priority) {
        let mut share = Share { weight: priority.weight(), slots: 0, gathering: 0, turn: 0 };
        share.turn = self.turn + share.step();
        self.weights += share.weight;
        assert!(self.all.insert(job, share).is_none(), "a job joins once");
    }

    /// A job is over.
    pub fn leave(&mut self, job: JobId) {
        let share = self.all.remove(&job).expect("only a job that takes part leaves");
        assert_eq!((share.slots, share.gathering), (0, 0), "who leaves has given everything back");
        self.weights -= share.weight;
    }

    /// An attempt of a job comes to this stage.
    pub fn begin(&mut self, job: JobId, stage: AttemptStage) {
        let now = self.turn;
        let share = self.share(job);
        match stage {
            AttemptStage::Gathering | AttemptStage::Gathered => share.gathering += 1,
            AttemptStage::Running => {
                share.slots += 1;
                let begun = share.turn.max(now);
                share.turn = begun + share.step();
                self.turn = begun;
            }
        }
    }

    /// An attempt of a job leaves this stage.
    pub fn end(&mut self, job: JobId, stage: AttemptStage) {
        let share = self.share(job);
        match stage {
            AttemptStage::Gathering | AttemptStage::Gathered => share.gathering -= 1,
            AttemptStage::Running => share.slots -= 1,
        }
    }

    /// The place of a job among those that want a slot.
    pub fn slot_rank(&self, job: JobId) -> Rank {
        let share = self.all[&job];
        Rank { load: u64::from(share.slots) * share.step(), turn: share.turn, job }
    }

    /// The place of a job among those that want to gather.
    pub fn gathering_rank(&self, job: JobId) -> Rank {
        let share = self.all[&job];
        Rank { load: u64::from(share.gathering) * share.step(), turn: 0, job }
    }

    /// A job's part of `room`, at least one.
    pub fn part(&self, job: JobId, room: u64) -> u64 {
        (room * self.all[&job].weight / self.weights).max(1)
    }

    /// Reduces for which a job gathers.
    pub fn gathering(&self, job: JobId) -> u64 {
        self.all[&job].gathering.into()
    }

    /// Slots that a job holds.
    pub fn slots(&self, job: JobId) -> u32 {
        self.all[&job].slots
    }

    fn share(&mut self, job: JobId) -> &mut Share {
        self.all.get_mut(&job).expect("only a job that takes part has or gives anything")
    }

    /// Panics where they are not what these attempts, all there are, have.
    pub fn check_invariants(&self, attempts: impl Iterator<Item = (JobId, AttemptStage)>) {
        let mut counted: BTreeMap<JobId, (u32, u32)> = BTreeMap::new();
        for (job, stage) in attempts {
            let (slots, gathering) = counted.entry(job).or_default();
            match stage {
                AttemptStage::Gathering | AttemptStage::Gathered => *gathering += 1,
                AttemptStage::Running => *slots += 1,
            }
        }
        for (job, share) in &self.all {
            let counted = counted.remove(job).unwrap_or_default();
            assert_eq!(counted, (share.slots, share.gathering), "attempts account for what job {job} has");
        }
        assert!(counted.is_empty(), "no job has anything that does not take part: {counted:?}");
        let weights: u64 = self.all.values().map(|share| share.weight).sum();
        assert_eq!(weights, self.weights, "the weights add up");
    }
}

#[cfg(test)]
mod tests;
