//! How much a job matters beside others.

use serde::{Deserialize, Serialize};

/// A job's weight where slots are shared (Hadoop: `mapreduce.job.priority`, here a share and no strict order: no job waits
/// for ever, whatever the others are).
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Priority {
    /// A quarter of what a normal job gets.
    Low,
    /// As other jobs.
    #[default]
    Normal,
    /// Four times what a normal job gets.
    High,
}

impl Priority {
    /// The greatest weight there is.
    pub const WEIGHT_MAX: u64 = 16;

    /// Each, the least first.
    pub const ALL: [Priority; 3] = [Priority::Low, Priority::Normal, Priority::High];

    /// Its part of what is shared, beside the weights of others; divides [`Priority::WEIGHT_MAX`].
    pub const fn weight(self) -> u64 {
        match self {
            Priority::Low => 1,
            Priority::Normal => 4,
            Priority::High => Priority::WEIGHT_MAX,
        }
    }

    /// As a user writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Priority::Low => "low",
            Priority::Normal => "normal",
            Priority::High => "high",
        }
    }
}
