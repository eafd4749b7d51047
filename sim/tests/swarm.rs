//! A swarm of seeds through core's machines, on all cores. A failing seed prints the one line that replays it.
//!
//! `WINDROW_SEEDS` (how many) and `WINDROW_FROM` (the first) choose another swarm; `windrow sim` runs larger ones.

use sim::scenario::Scenario;
use sim::swarm::Tally;
use sim::world::{Outcome, Watch};
use std::io::Write;
use std::panic::catch_unwind;
use std::thread;

/// Seeds of a swarm, unless told otherwise: as many as it takes to come by every rare branch.
const SEEDS: u64 = 6_000;

#[expect(clippy::disallowed_methods, reason = "a person chooses the seeds of a test; a run never reads this")]
fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

#[expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the swarm's pace is told, not tested"
)]
fn milliseconds_of<T>(work: impl FnOnce() -> T) -> (T, u128) {
    let start = std::time::Instant::now();
    let result = work();
    (result, start.elapsed().as_millis().max(1))
}

/// Runs a seed; a panic of a machine becomes a failure like any other.
fn judge(seed: u64) -> Result<Outcome, String> {
    catch_unwind(|| sim::run(Scenario::from_seed(seed), Watch::default())).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").into()
    })
}

/// Every `threads`-th of the seeds.
fn share(seeds: std::ops::Range<u64>, thread: u64, threads: u64) -> Tally {
    let mut tally = Tally::default();
    for seed in seeds.skip(thread as usize).step_by(threads as usize) {
        tally.merge(Tally::of(seed, &judge(seed), 0));
    }
    tally
}

#[test]
fn a_swarm_of_seeds_finds_nothing_and_misses_nothing() {
    let (from, seeds) = (variable("WINDROW_FROM").unwrap_or(0), variable("WINDROW_SEEDS").unwrap_or(SEEDS));
    let threads = thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    let (tally, elapsed_ms) = milliseconds_of(|| {
        thread::scope(|scope| {
            let shares: Vec<_> = (0..threads)
                .map(|thread| scope.spawn(move || share(from..from + seeds, thread, threads)))
                .collect();
            let mut tally = Tally::default();
            for share in shares {
                tally.merge(share.join().expect("a share catches the panics of its seeds"));
            }
            tally
        })
    });
    let faults: u64 = tally.faults.values().sum();
    let Tally { events, jobs_succeeded, jobs_failed, simulated_us, .. } = tally;
    let pace = u128::from(seeds) * 1_000 / elapsed_ms;
    let (simulated_s, failures) = (simulated_us / 1_000_000, tally.failures.len());
    // Said even where the output of tests that pass is kept back.
    writeln!(
        std::io::stdout(),
        "{faults} faults, {jobs_succeeded} jobs succeeded, {jobs_failed} failed as they had to\n\
         {events} events in {simulated_s} simulated s\n\
         {seeds} seeds, {failures} failures, {pace} seeds/s"
    )
    .expect("somebody reads it");
    let failures: Vec<String> = tally
        .failures
        .iter()
        .map(|failure| {
            let sim::swarm::Failure { seed, invariant, detail, .. } = failure;
            format!("windrow sim --seed {seed} --transcript\n  {invariant}: {detail}")
        })
        .collect();
    assert!(failures.is_empty(), "{} of {seeds} seeds fail:\n{}", failures.len(), failures.join("\n"));
    if seeds >= SEEDS {
        let missed: Vec<&str> = tally.missed().collect();
        assert!(
            missed.is_empty(),
            "no seed came by {missed:?}: make it happen more often, or say why it cannot"
        );
    }
}
