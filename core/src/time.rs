//! A machine's own time: owns the type [`Time`], fed from outside with every event.
//!
//! Never read from a clock here. Only differences mean anything; two machines' times are not comparable.

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
