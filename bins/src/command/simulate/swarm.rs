//! A swarm at work: owns the threads that run seeds, and hands what came of each on in the order of seeds, so that the
//! number of threads changes nothing but the pace.

use super::runs;
use sim::scenario::FaultKind;
use sim::swarm::Tally;
use sim::world::Watch;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

/// What came of one seed.
pub struct Ran {
    /// Which.
    pub seed: u64,
    /// The hash of its run, unless a panic ended it.
    pub trace_hash: Option<u64>,
    /// It alone, counted.
    pub tally: Tally,
}

/// Keeps further seeds from being begun.
#[derive(Clone)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Lets the seeds that run now be the last.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Seeds to run.
pub struct Seeds {
    seeds: Range<u64>,
    without: Vec<FaultKind>,
    threads: u32,
    stopped: Stop,
}

impl Seeds {
    /// To run `seeds`, without some kinds of fault, on so many threads.
    pub fn new(seeds: Range<u64>, without: Vec<FaultKind>, threads: u32) -> Seeds {
        Seeds { seeds, without, threads, stopped: Stop(Arc::default()) }
    }

    /// A way to stop them, from any thread.
    pub fn stop_handle(&self) -> Stop {
        self.stopped.clone()
    }

    /// Runs them, and tells `take` of each in order, on this thread, for as long as it wants more.
    pub fn run(self, mut take: impl FnMut(Ran) -> bool) {
        let Seeds { seeds: Range { start, end }, without, threads, stopped } = self;
        let threads = u64::from(threads).min(end - start);
        let next = AtomicU64::new(start);
        let (sender, receiver) = mpsc::channel();
        thread::scope(|scope| {
            for _ in 0..threads {
                let (sender, next, without, stopped) = (sender.clone(), &next, &without, &stopped);
                scope.spawn(move || {
                    while !stopped.0.load(Ordering::Relaxed) {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= end || sender.send(ran(seed, without)).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(sender);
            let mut early = BTreeMap::new();
            let mut due = start;
            for ran in receiver {
                early.insert(ran.seed, ran);
                while let Some(ran) = early.remove(&due) {
                    due += 1;
                    if !take(ran) {
                        stopped.stop();
                        return;
                    }
                }
            }
            assert!(early.is_empty(), "every seed that was begun has ended");
        });
    }
}

fn ran(seed: u64, without: &[FaultKind]) -> Ran {
    let begun = Instant::now();
    let scenario = runs::scenario(seed, without);
    let properties = scenario.properties();
    let result = runs::run(scenario, Watch::default()).map_err(|panic| panic.to_string());
    let wall_us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
    let trace_hash = result.as_ref().ok().map(|outcome| outcome.trace_hash);
    let mut tally = Tally::of(seed, &result, wall_us);
    tally.faults.extend(properties.into_iter().map(|kind| (kind, 1)));
    Ran { seed, trace_hash, tally }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(threads: u32, mut wants_more: impl FnMut(u64) -> bool) -> Vec<(u64, Option<u64>)> {
        let mut seen = Vec::new();
        Seeds::new(5..17, Vec::new(), threads).run(|ran| {
            seen.push((ran.seed, ran.trace_hash));
            wants_more(ran.seed)
        });
        seen
    }

    #[test]
    fn seeds_come_in_order_whatever_the_threads() {
        let alone = seen(1, |_| true);
        assert_eq!(alone.iter().map(|(seed, _)| *seed).collect::<Vec<_>>(), (5..17).collect::<Vec<_>>());
        assert_eq!(seen(3, |_| true), alone);
        assert_eq!(seen(100, |_| true), alone);
        assert_eq!(seen(3, |seed| seed < 8), alone[..4]);
    }

    #[test]
    fn a_stop_ends_with_what_runs() {
        let seeds = Seeds::new(0..u64::MAX, Vec::new(), 2);
        let stop = seeds.stop_handle();
        let mut count = 0;
        seeds.run(|ran| {
            assert_eq!(ran.seed, count);
            count += 1;
            stop.stop();
            true
        });
        assert!(count >= 1);
    }
}
