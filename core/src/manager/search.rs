//! The search for what a mapper fails on: owns which part of a split is tried next, and what the trials show (Google paper,
//! 4.6, for programs that know nothing of it).
//!
//! Parts are ranges of bytes, of which each holds the records that begin in it: so nothing here knows what a record is. A
//! part that fails is halved until neither half fails, or one record is left; what is found must fail again and again before
//! it is believed. Never knows workers, nor what follows from what it finds. A failure of another kind than the one whose
//! reason is sought counts as none: rather nothing is found than the wrong record.
//!
//! ```text
//! Nothing ─well─▶ First ─well─▶ Second ─well─▶ Confirm ─failed, so many times─▶ (found)
//!    │              └──failed──▶ ◀──failed──┘     │
//!    └─failed─▶ (no record is to blame) ◀──well───┘
//! ```

use crate::failure::{Failure, InputRange};
use crate::ids::AttemptId;
use crate::job::ByteRange;
use crate::limits::{ATTEMPTS_PER_TASK, CONFIRMATIONS};
use alloc::boxed::Box;

/// One search, from a task's last failure on.
#[derive(Debug)]
pub struct Search {
    /// The failure whose reason is sought.
    reason: Failure,
    /// The smallest range so far at which the program failed.
    failing: ByteRange,
    step: Step,
    /// The trial under way.
    trial: Option<AttemptId>,
    /// Failures meanwhile that say nothing of the input.
    unrelated: u32,
}

/// What is tried.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Step {
    /// No record at all: where that fails, no record is to blame.
    Nothing,
    /// The first half of what fails.
    First,
    /// The second half.
    Second,
    /// What was found, which has failed so often since.
    Confirm(u32),
}

/// What a trial leads to.
#[derive(Debug, PartialEq, Eq)]
pub enum Finding {
    /// Another trial.
    GoOn,
    /// No part of the input is to blame, or none that fails every time: the failure stays as it was.
    NoneToBlame(Box<Failure>),
    /// The program fails on this part, and on no part of it: the failure says so, with what is in it.
    Found(Box<Failure>),
}

impl Search {
    /// A search for the reason of a failure; `None` if no record can be the reason.
    pub fn begin(reason: Failure) -> Option<Search> {
        let InputRange { offset, length_bytes, .. } = reason.input.as_ref()?;
        // A range that ends nowhere is none.
        offset.checked_add(*length_bytes)?;
        let failing = ByteRange { offset: *offset, length_bytes: *length_bytes };
        let is_sought = reason.cause.may_be_of_a_record() && failing.length_bytes > 0;
        is_sought.then_some(Search { reason, failing, step: Step::Nothing, trial: None, unrelated: 0 })
    }

    /// Counts a failure of the program that says nothing of the input. Returns whether the search goes on all the same: it bears
    /// no more of them than a task does.
    pub fn bears_unrelated_failure(&mut self) -> bool {
        self.unrelated += 1;
        self.unrelated < ATTEMPTS_PER_TASK
    }

    /// The part that is tried by the next attempt, which is this.
    pub fn launch(&mut self, trial: AttemptId) -> ByteRange {
        self.trial = Some(trial);
        self.range()
    }

    /// Whether this is the trial under way.
    pub fn is_trial(&self, attempt: AttemptId) -> bool {
        self.trial == Some(attempt)
    }

    fn range(&self) -> ByteRange {
        let ByteRange { offset, length_bytes } = self.failing;
        let half = length_bytes / 2;
        match self.step {
            Step::Nothing => ByteRange { offset, length_bytes: 0 },
            Step::First => ByteRange { offset, length_bytes: half },
            Step::Second => ByteRange { offset: offset + half, length_bytes: length_bytes - half },
            Step::Confirm(_) => self.failing,
        }
    }

    /// Takes how the trial under way ended.
    pub fn tried(&mut self, failure: Option<Failure>) -> Finding {
        assert!(self.trial.take().is_some(), "a trial was under way");
        match (self.step, failure) {
            (Step::Nothing, Some(_)) => self.none_to_blame(),
            (_, Some(failure)) if self.reason.cause.is_alike(&failure.cause) => self.failed(failure),
            (_, Some(_) | None) => self.went_well(),
        }
    }

    fn went_well(&mut self) -> Finding {
        match self.step {
            Step::Nothing => self.halve(),
            Step::First => self.step = Step::Second,
            Step::Second => self.step = Step::Confirm(0),
            Step::Confirm(_) => return self.none_to_blame(),
        }
        Finding::GoOn
    }

    fn failed(&mut self, failure: Failure) -> Finding {
        let tried = self.range();
        // What was not given to the program is not to blame. The last record may end beyond the range in which it begins.
        let given = failure.input.as_ref().map_or(0..0, |InputRange { offset, length_bytes, .. }| {
            tried.offset.max(*offset)..tried.end().min(offset.saturating_add(*length_bytes))
        });
        if given.is_empty() {
            // It fails on nothing now, and did not before.
            return self.none_to_blame();
        }
        self.failing = ByteRange { offset: given.start, length_bytes: given.end - given.start };
        let is_one_record = failure.is_of_one_record();
        match self.step {
            Step::Nothing => unreachable!("a failure on nothing ends the search"),
            Step::First | Step::Second if is_one_record => self.step = Step::Confirm(0),
            Step::First | Step::Second => self.halve(),
            Step::Confirm(times) if times + 1 < CONFIRMATIONS => self.step = Step::Confirm(times + 1),
            Step::Confirm(_) => {
                let Failure { job, attempt, attempts_failed, .. } = &self.reason;
                let (job, attempt, attempts_failed) = (job.clone(), *attempt, *attempts_failed);
                return Finding::Found(Box::new(Failure { job, attempt, attempts_failed, ..failure }));
            }
        }
        Finding::GoOn
    }

    fn halve(&mut self) {
        self.step = if self.failing.length_bytes > 1 { Step::First } else { Step::Confirm(0) };
    }

    fn none_to_blame(&self) -> Finding {
        Finding::NoneToBlame(Box::new(self.reason.clone()))
    }
}

#[cfg(test)]
mod tests;
