//! Time: owns a machine's own, [`Time`], fed from outside with every event, and the calendar's, [`WallTime`].
//!
//! Never read from a clock here. Of a machine's own time only differences mean anything; two machines' times are not
//! comparable.

use serde::{Deserialize, Serialize};

/// One millisecond in the unit of [`Time`].
pub const MILLISECOND_US: u64 = 1_000;
/// One second in the unit of [`Time`].
pub const SECOND_US: u64 = 1_000_000;

/// Microseconds since some fixed moment of the machine that is told this time.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Time(u64);

impl Time {
    /// The beginning.
    pub const ZERO: Time = Time(0);

    /// The moment `us` microseconds after the beginning.
    pub const fn from_us(us: u64) -> Time {
        Time(us)
    }

    /// Microseconds since the beginning.
    pub const fn as_us(self) -> u64 {
        self.0
    }

    /// The moment `us` microseconds after this one.
    #[must_use]
    pub const fn after(self, us: u64) -> Time {
        Time(self.0.saturating_add(us))
    }

    /// Microseconds since `earlier`; zero where that lies in the future.
    pub const fn since_us(self, earlier: Time) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Microseconds since the beginning of 1970 (UTC), as the calendar of the Manager's host has it.
///
/// It outlives a process, and may jump from one life to the next. People are told it, and what is remembered of jobs that
/// ended grows old by it; nothing else may depend on it.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WallTime(u64);

impl WallTime {
    /// The moment `us` microseconds after the beginning of 1970.
    pub const fn from_us(us: u64) -> WallTime {
        WallTime(us)
    }

    /// Microseconds since the beginning of 1970.
    pub const fn as_us(self) -> u64 {
        self.0
    }

    /// The moment `us` microseconds after this one.
    #[must_use]
    pub const fn after(self, us: u64) -> WallTime {
        WallTime(self.0.saturating_add(us))
    }

    /// Microseconds since `earlier`; zero where that lies in the future, for the calendar was set back.
    pub const fn since_us(self, earlier: WallTime) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_calendar_that_was_set_back_gives_no_time_and_no_panic() {
        let noon = WallTime::from_us(12 * 3_600 * SECOND_US);
        assert_eq!(noon.after(SECOND_US).since_us(noon), SECOND_US);
        assert_eq!(noon.since_us(noon.after(SECOND_US)), 0);
        assert_eq!(WallTime::from_us(u64::MAX).after(1).as_us(), u64::MAX);
    }
}
