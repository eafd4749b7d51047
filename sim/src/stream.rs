//! Randomness: owns [`Stream`], a generator for each thing that draws, and the integer ratios and spans it draws from.
//!
//! Every link, disk, process and workload draws from a stream of its own, derived from (seed, name): one more draw
//! in one place shifts nothing anywhere else.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

/// A generator that belongs to one thing of the world.
#[derive(Clone, Debug)]
pub struct Stream(ChaCha8Rng);

/// How often something happens: `numerator` times in `denominator`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ratio {
    /// So many times.
    pub numerator: u32,
    /// In so many; not zero.
    pub denominator: u32,
}

impl Ratio {
    /// Never.
    pub const NEVER: Ratio = Ratio { numerator: 0, denominator: 1 };

    /// Once in `denominator` times.
    pub const fn one_in(denominator: u32) -> Ratio {
        Ratio { numerator: 1, denominator }
    }
}

/// How long something takes: between two bounds, both included.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// At the least, in microseconds.
    pub least_us: u64,
    /// At the most, in microseconds.
    pub most_us: u64,
}

impl Stream {
    /// The stream of the thing called `name` in the world of `seed`.
    pub fn new(seed: u64, name: &str) -> Stream {
        let mut key = [0; 32];
        let (head, tail) = key.split_at_mut(8);
        head.copy_from_slice(&seed.to_le_bytes());
        for (index, part) in tail.chunks_exact_mut(8).enumerate() {
            let hash = crate::trace::chain(index as u64 + 1, name.as_bytes());
            part.copy_from_slice(&hash.to_le_bytes());
        }
        Stream(ChaCha8Rng::from_seed(key))
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `bound`, which is not zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "nothing is below zero");
        let wide = u128::from(self.0.next_u64()) * u128::from(bound);
        (wide >> 64) as u64
    }

    /// A number from `least` to `most`, both included.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        assert!(least <= most, "{least} > {most}");
        least + self.below(most - least + 1)
    }

    /// Whether it happens this time.
    pub fn chance(&mut self, ratio: Ratio) -> bool {
        ratio.numerator > 0 && self.below(u64::from(ratio.denominator)) < u64::from(ratio.numerator)
    }

    /// One of `items`, of which there is at least one.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }

    /// How long it takes this time, in microseconds.
    pub fn span_us(&mut self, span: Span) -> u64 {
        self.between(span.least_us, span.most_us)
    }

    /// How many of `count` things, at least one of them: all of them mostly, any number otherwise.
    pub fn portion(&mut self, count: usize) -> usize {
        if count > 1 && self.chance(Ratio::one_in(4)) {
            self.between(1, count as u64) as usize
        } else {
            count
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_seed_and_by_name_and_repeat() {
        let draw = |seed, name| Stream::new(seed, name).number();
        assert_eq!(draw(1, "disk 1"), draw(1, "disk 1"));
        assert_ne!(draw(1, "disk 1"), draw(2, "disk 1"));
        assert_ne!(draw(1, "disk 1"), draw(1, "disk 2"));
    }

    #[test]
    fn draws_stay_in_their_bounds_and_reach_them() {
        let mut stream = Stream::new(7, "bounds");
        let drawn: Vec<u64> = (0..1_000).map(|_| stream.between(3, 5)).collect();
        for number in 3..=5 {
            assert!(drawn.contains(&number));
        }
        assert!(drawn.iter().all(|number| (3..=5).contains(number)));
        assert!((0..1_000).all(|_| !stream.chance(Ratio::NEVER)));
        assert!((0..1_000).all(|_| (1..=9).contains(&stream.portion(9))));
    }
}
