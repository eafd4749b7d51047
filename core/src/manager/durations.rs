//! How long the tasks of one kind took: owns their distribution, in little space, and what is usual.

use alloc::collections::BTreeMap;

/// How often which duration was seen, to an eighth.
#[derive(Clone, Debug, Default)]
pub struct Durations {
    classes: BTreeMap<u32, u32>,
    count: u32,
}

impl Durations {
    /// Adds one, in microseconds.
    pub fn add(&mut self, us: u64) {
        *self.classes.entry(class(us)).or_default() += 1;
        self.count += 1;
    }

    /// How many there are.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// One that half of them do not exceed, in microseconds, to an eighth; `None` if there are none.
    pub fn median_us(&self) -> Option<u64> {
        let mut below = 0;
        self.classes.iter().find_map(|(class, count)| {
            below += count;
            (2 * below >= self.count).then(|| end_of(*class))
        })
    }
}

/// Eight classes for each doubling.
fn class(us: u64) -> u32 {
    let us = us.max(8);
    let magnitude = us.ilog2();
    let eighth = (us >> (magnitude - 3)) & 7;
    magnitude * 8 + eighth as u32
}

/// The greatest duration of a class.
fn end_of(class: u32) -> u64 {
    let (magnitude, eighth) = (class / 8, u64::from(class % 8));
    ((9 + eighth) << (magnitude - 3)).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_holds_what_it_ends_with_and_is_an_eighth_wide() {
        for us in [8, 9, 15, 16, 17, 1_000, 1_023, 1_024, 999_999, 1 << 40, (1 << 41) - 1] {
            let end = end_of(class(us));
            assert!(us <= end && end - us <= us / 8, "{us}: {end}");
            assert_eq!(class(end), class(us));
            assert_eq!(class(end + 1), class(us) + 1);
        }
        assert_eq!(class(0), class(8));
    }

    #[test]
    fn the_median_is_what_half_of_them_do_not_exceed() {
        let mut durations = Durations::default();
        assert_eq!(durations.median_us(), None);
        for us in [1_000, 2_000, 3_000, 900_000] {
            durations.add(us);
        }
        let median_us = durations.median_us().unwrap();
        assert!((2_000..2_250).contains(&median_us), "{median_us}");
        assert_eq!(durations.count(), 4);
    }
}
