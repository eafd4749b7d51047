//! The clocks: owns how the operating system's monotonic time becomes a machine's [`Time`], and its calendar a
//! [`WallTime`].
//!
//! Each clock counts from its own beginning. The calendar is asked once in a Manager's life.

use std::time::{Duration, Instant, SystemTime};
use windrow_core::time::{Time, WallTime};

/// The time of day; the beginning of 1970 where the host believes that it is earlier.
pub fn wall_time() -> WallTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    WallTime::from_us(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}

/// A monotonic clock that counts from when it was made.
#[derive(Clone, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that begins now.
    pub fn start() -> Clock {
        Clock { start: Instant::now() }
    }

    /// The time now.
    pub fn now(&self) -> Time {
        let elapsed_us = self.start.elapsed().as_micros();
        Time::from_us(u64::try_from(elapsed_us).expect("a process does not run for half a million years"))
    }

    /// How long it is until `moment`; nothing if that is past.
    pub fn until(&self, moment: Time) -> Duration {
        Duration::from_micros(moment.since_us(self.now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_goes_back_and_knows_the_past() {
        let clock = Clock::start();
        let first = clock.now();
        assert!(clock.now() >= first);
        assert_eq!(clock.until(first), Duration::ZERO);
        assert!(clock.until(clock.now().after(60_000_000)) > Duration::from_secs(50));
    }
}
