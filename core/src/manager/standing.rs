//! How far a worker is trusted: owns the count of what failed there and when it may be given tasks again.
//!
//! Only what is the worker's own doing counts: what it says itself to be, and what failed there and did well elsewhere
//! (Hadoop: `mapreduce.job.maxtaskfailures.per.tracker`, but for all jobs at once, and for a time). Never knows tasks.
//!
//! ```text
//! Trusted ──as many failures in a row as are borne──▶ Aside ──its rest is over, or nobody else is left──▶ Trusted
//! ```
//!
//! Who was set aside and fails once more, without a success between, is so again, for twice as long.

use crate::limits::{FAILURES_IN_A_ROW, WORKER_REST_US};
use crate::time::Time;

/// How far one worker is trusted.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    failures_in_a_row: u32,
    times_set_aside: u32,
    aside: bool,
}

impl Standing {
    /// Whether it is given no tasks for now.
    pub fn is_aside(&self) -> bool {
        self.aside
    }

    /// How many tasks failed on it since it did one well.
    #[cfg(test)]
    pub fn failures_in_a_row(&self) -> u32 {
        self.failures_in_a_row
    }

    /// Whether so much failed that it ought to be set aside.
    pub fn is_doubtful(&self) -> bool {
        !self.aside && self.failures_in_a_row >= FAILURES_IN_A_ROW
    }

    /// Counts a failure that is its own doing.
    pub fn failed(&mut self) {
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
    }

    /// Forgives all: it did something well.
    pub fn succeeded(&mut self) {
        self.failures_in_a_row = 0;
        self.times_set_aside = 0;
    }

    /// Sets it aside; returns when it may be let in again.
    pub fn set_aside(&mut self, now: Time) -> Time {
        assert!(self.is_doubtful(), "only who fails is set aside");
        let rest_us = doubled(WORKER_REST_US, self.times_set_aside);
        self.times_set_aside += 1;
        self.aside = true;
        now.after(rest_us)
    }

    /// Lets it in again, on probation.
    pub fn let_in(&mut self) {
        if self.aside {
            self.aside = false;
            self.failures_in_a_row = FAILURES_IN_A_ROW - 1;
        }
    }
}

/// A pause that began with the first of these and has doubled so many times, up to the second.
pub fn doubled((first_us, longest_us): (u64, u64), times: u32) -> u64 {
    first_us.saturating_mul(u64::checked_shl(1, times).unwrap_or(u64::MAX)).min(longest_us)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::SECOND_US;

    #[test]
    fn who_fails_often_enough_in_a_row_is_set_aside_for_ever_longer() {
        let mut standing = Standing::default();
        standing.failed();
        standing.failed();
        standing.succeeded();
        standing.failed();
        standing.failed();
        assert!(!standing.is_doubtful(), "a success lies between");
        standing.failed();
        for rest_s in [10, 20, 40, 80, 120, 120] {
            assert!(standing.is_doubtful());
            assert_eq!(standing.set_aside(Time::ZERO), Time::from_us(rest_s * SECOND_US));
            assert!(standing.is_aside() && !standing.is_doubtful());
            standing.failed();
            standing.let_in();
            assert!(!standing.is_aside() && !standing.is_doubtful(), "what failed meanwhile is done with");
            standing.failed();
        }
        standing.succeeded();
        assert!(!standing.is_doubtful());
        (0..FAILURES_IN_A_ROW).for_each(|_| standing.failed());
        assert_eq!(standing.set_aside(Time::ZERO), Time::from_us(10 * SECOND_US), "all is forgiven");
    }

    #[test]
    fn a_pause_doubles_up_to_the_longest() {
        let pauses: alloc::vec::Vec<_> =
            [0, 1, 4, 5, 63, 64, 1_000].map(|times| doubled((1, 30), times)).into();
        assert_eq!(pauses, [1, 2, 16, 30, 30, 30, 30]);
    }
}
