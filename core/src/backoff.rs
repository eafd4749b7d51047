//! How long to wait before dialling again: owns the growth and its jitter, so that many who lost the same peer do not
//! come back all at once.

use crate::limits::DIAL_BACKOFF_US;
use rand_chacha::ChaCha12Rng;
use rand_core::Rng;

/// Pauses that double, with jitter, up to a bound.
#[derive(Copy, Clone, Debug)]
pub struct Backoff {
    next_us: u64,
}

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff { next_us: DIAL_BACKOFF_US.0 }
    }
}

impl Backoff {
    /// The next pause: between a half and the whole of the present step.
    pub fn next_us(&mut self, random: &mut ChaCha12Rng) -> u64 {
        let step_us = self.next_us;
        self.next_us = (step_us * 2).min(DIAL_BACKOFF_US.1);
        step_us / 2 + random.next_u64() % (step_us / 2 + 1)
    }

    /// Begins again with the shortest pause.
    pub fn reset(&mut self) {
        *self = Backoff::default();
    }
}
