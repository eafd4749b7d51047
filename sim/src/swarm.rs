//! What many runs came to: owns the tally of a swarm. Knows no clock and no thread: who runs the seeds tells what each
//! took. Invariant: the order in which tallies are put together changes nothing.

use crate::checker::NO_MACHINE_PANICS;
use crate::probes::ALL;
use crate::scenario::FaultKind;
use crate::world::Outcome;
use std::collections::BTreeMap;

/// How many of the slowest seeds are kept.
const SLOWEST: usize = 5;

/// A seed whose run broke a promise.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Failure {
    /// Which.
    pub seed: u64,
    /// What should hold; the first found broken.
    pub invariant: String,
    /// What was found instead.
    pub detail: String,
    /// How many more were found broken.
    pub others: usize,
}

/// What a seed took.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cost {
    /// How much: events, or microseconds.
    pub amount: u64,
    /// Which seed.
    pub seed: u64,
}

/// What the seeds of a swarm, or of a part of it, came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many seeds ran.
    pub seeds: u64,
    /// Those that broke a promise, by seed.
    pub failures: Vec<Failure>,
    /// How often each kind of fault found something to strike.
    pub faults: BTreeMap<FaultKind, u64>,
    /// In how many seeds each probe was hit.
    pub probes: BTreeMap<String, u64>,
    /// The seeds with most events, most first. Seeds that panicked do not count.
    pub slowest_by_events: Vec<Cost>,
    /// The seeds that took longest, in microseconds, longest first.
    pub slowest_by_wall: Vec<Cost>,
    /// What passed in the worlds, all together.
    pub simulated_us: u64,
    /// Events that happened.
    pub events: u64,
    /// Steps that machines took.
    pub steps: u64,
    /// Jobs that ended well.
    pub jobs_succeeded: u64,
    /// Jobs that failed, as they had to where their seed is no failure.
    pub jobs_failed: u64,
}

impl Tally {
    /// The tally of one seed: what came of its run, or what the panic said that ended it, and how long it took.
    pub fn of(seed: u64, result: &Result<Outcome, String>, wall_us: u64) -> Tally {
        let mut tally = Tally {
            seeds: 1,
            slowest_by_wall: vec![Cost { amount: wall_us, seed }],
            failures: failure(seed, result).into_iter().collect(),
            ..Tally::default()
        };
        let Ok(outcome) = result else { return tally };
        for struck in &outcome.faults {
            *tally.faults.entry(struck.kind).or_default() += 1;
        }
        tally.add_probes(outcome.probes.iter().copied());
        tally.slowest_by_events = vec![Cost { amount: outcome.events, seed }];
        tally.simulated_us = outcome.elapsed_us;
        tally.events = outcome.events;
        tally.steps = outcome.steps;
        for report in outcome.job_reports() {
            match report.failure {
                None => tally.jobs_succeeded += 1,
                Some(_) => tally.jobs_failed += 1,
            }
        }
        tally
    }

    fn add_probes<'a>(&mut self, probes: impl IntoIterator<Item = &'a str>) {
        for probe in probes {
            *self.probes.entry(probe.into()).or_default() += 1;
        }
    }

    /// The marks that no seed came by and should have, by name.
    pub fn missed(&self) -> impl Iterator<Item = &'static str> {
        let due = ALL.iter().filter(|probe| probe.out_of_reach.is_none());
        due.map(|probe| probe.name).filter(|name| !self.probes.contains_key(*name))
    }

    /// Adds what other seeds came to.
    pub fn merge(&mut self, other: Tally) {
        let Tally {
            seeds,
            failures,
            faults,
            probes,
            slowest_by_events,
            slowest_by_wall,
            simulated_us,
            events,
            steps,
            jobs_succeeded,
            jobs_failed,
        } = other;
        self.seeds += seeds;
        if !failures.is_empty() {
            self.failures.extend(failures);
            self.failures.sort();
        }
        add_counts(&mut self.faults, faults);
        add_counts(&mut self.probes, probes);
        keep_slowest(&mut self.slowest_by_events, slowest_by_events);
        keep_slowest(&mut self.slowest_by_wall, slowest_by_wall);
        self.simulated_us += simulated_us;
        self.events += events;
        self.steps += steps;
        self.jobs_succeeded += jobs_succeeded;
        self.jobs_failed += jobs_failed;
    }
}

fn failure(seed: u64, result: &Result<Outcome, String>) -> Option<Failure> {
    match result {
        Ok(outcome) => {
            let (first, others) = outcome.violations.split_first()?;
            let (invariant, detail) = (first.invariant.into(), first.detail.clone());
            Some(Failure { seed, invariant, detail, others: others.len() })
        }
        Err(panic) => {
            Some(Failure { seed, invariant: NO_MACHINE_PANICS.into(), detail: panic.clone(), others: 0 })
        }
    }
}

fn add_counts<K: Ord>(counts: &mut BTreeMap<K, u64>, others: BTreeMap<K, u64>) {
    for (name, count) in others {
        *counts.entry(name).or_default() += count;
    }
}

fn keep_slowest(slowest: &mut Vec<Cost>, others: Vec<Cost>) {
    slowest.extend(others);
    slowest.sort_by(|one, other| other.amount.cmp(&one.amount).then(one.seed.cmp(&other.seed)));
    slowest.truncate(SLOWEST);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::Violation;
    use crate::world::Struck;
    use std::collections::BTreeSet;
    use windrow_core::time::Time;

    fn outcome(events: u64, faults: &[FaultKind], violations: Vec<Violation>) -> Outcome {
        let struck = |kind: &FaultKind| Struck { at: Time::ZERO, kind: *kind, text: kind.to_string() };
        Outcome {
            trace_hash: 0,
            elapsed_us: 1_000 * events,
            events,
            steps: 2 * events,
            faults: faults.iter().map(struck).collect(),
            writes: BTreeMap::new(),
            messages: BTreeMap::new(),
            heard: Vec::new(),
            probes: BTreeSet::new(),
            violations,
        }
    }

    fn part(seeds: std::ops::Range<u64>) -> Tally {
        let mut tally = Tally::default();
        for seed in seeds {
            let violations = vec![Violation::new("a promise", "broken".into()); (seed % 3) as usize];
            let result = match seed % 4 {
                0 => Err(format!("at seed {seed}")),
                _ => Ok(outcome(100 * (seed % 7), &[FaultKind::Cut], violations)),
            };
            let mut one = Tally::of(seed, &result, 1_000 - seed);
            one.add_probes(["a rare branch"]);
            tally.merge(one);
        }
        tally
    }

    #[test]
    fn a_seed_is_counted_with_all_that_came_of_it() {
        let broken = |detail: &str| Violation::new("a promise", detail.into());
        let result = Ok(outcome(
            7,
            &[FaultKind::CrashWorker, FaultKind::CrashWorker, FaultKind::Weather],
            vec![broken("first"), broken("second")],
        ));
        let tally = Tally::of(5, &result, 90);
        assert_eq!((tally.seeds, tally.events, tally.steps, tally.simulated_us), (1, 7, 14, 7_000));
        let failure = Failure { seed: 5, invariant: "a promise".into(), detail: "first".into(), others: 1 };
        assert_eq!(tally.failures, [failure]);
        assert_eq!(tally.faults, BTreeMap::from([(FaultKind::CrashWorker, 2), (FaultKind::Weather, 1)]));
        assert_eq!(tally.slowest_by_wall, [Cost { amount: 90, seed: 5 }]);
    }

    #[test]
    fn a_panic_is_a_failure() {
        let tally = Tally::of(3, &Err("it must not be".into()), 1);
        assert_eq!((tally.seeds, tally.events), (1, 0));
        assert_eq!(tally.failures[0].invariant, NO_MACHINE_PANICS);
        assert_eq!(tally.failures[0].detail, "it must not be");
        assert!(tally.slowest_by_events.is_empty());
    }

    #[test]
    fn the_order_of_parts_changes_nothing() {
        let whole = part(0..40);
        let mut backwards = part(25..40);
        backwards.merge(part(10..25));
        backwards.merge(part(0..10));
        assert_eq!(backwards, whole);
        assert_eq!(whole.seeds, 40);
        assert_eq!(whole.probes["a rare branch"], 40);
        assert_eq!(whole.slowest_by_wall.iter().map(|cost| cost.seed).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        assert!(whole.failures.is_sorted_by_key(|failure| failure.seed));
    }
}
