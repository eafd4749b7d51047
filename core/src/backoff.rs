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

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use rand_core::SeedableRng;

    #[test]
    fn pauses_double_up_to_the_greatest_and_begin_again_with_the_first() {
        let mut random = ChaCha12Rng::seed_from_u64(1);
        let mut backoff = Backoff::default();
        for _ in 0..2 {
            for step_us in [50_000, 100_000, 200_000, 400_000, 800_000, 1_600_000, 2_000_000, 2_000_000] {
                let pause_us = backoff.next_us(&mut random);
                assert!((step_us / 2..=step_us).contains(&pause_us), "{pause_us} of {step_us}");
            }
            backoff.reset();
        }
    }

    #[test]
    fn those_that_lost_the_same_peer_come_back_at_different_moments() {
        let first_us = |seed| Backoff::default().next_us(&mut ChaCha12Rng::seed_from_u64(seed));
        let mut pauses_us: Vec<u64> = (0..100).map(first_us).collect();
        pauses_us.sort_unstable();
        pauses_us.dedup();
        assert!(pauses_us.len() > 95, "only {} different pauses", pauses_us.len());
        assert!(pauses_us[0] < 26_000 && pauses_us[pauses_us.len() - 1] > 49_000, "{pauses_us:?}");
    }
}
