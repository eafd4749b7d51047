//! Swarms of seeds through core's machines. A failing seed prints the one line that replays it.
//!
//! `WINDROW_SEEDS` (how many) and `WINDROW_FROM` (the first) choose another swarm, `WINDROW_SEED` the seed to replay.

use sim::scenario::Scenario;
use sim::world::{Outcome, Watch};
use std::panic::catch_unwind;

/// Seeds of a swarm, unless told otherwise.
const SEEDS: u64 = 400;

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
fn milliseconds_of(work: impl FnOnce()) -> u128 {
    let start = std::time::Instant::now();
    work();
    start.elapsed().as_millis().max(1)
}

/// Runs a seed; a panic of a machine becomes a violation like any other.
fn judge(seed: u64) -> Result<Outcome, String> {
    let replay = format!("WINDROW_SEED={seed} cargo test -p sim --test swarm replay -- --nocapture");
    match catch_unwind(|| sim::run(Scenario::from_seed(seed), Watch::default())) {
        Ok(outcome) if outcome.violations.is_empty() => Ok(outcome),
        Ok(outcome) => Err(format!("{replay}\n  {}", outcome.violations[0])),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic");
            Err(format!("{replay}\n  panicked: {text}"))
        }
    }
}

#[test]
fn a_swarm_of_seeds_finds_nothing() {
    let (from, seeds) = (variable("WINDROW_FROM").unwrap_or(0), variable("WINDROW_SEEDS").unwrap_or(SEEDS));
    let mut failures = Vec::new();
    let (mut events, mut simulated_s, mut faults, mut succeeded, mut failed) = (0, 0, 0, 0, 0);
    let elapsed_ms = milliseconds_of(|| {
        for seed in from..from + seeds {
            match judge(seed) {
                Ok(outcome) => {
                    events += outcome.events;
                    simulated_s += outcome.elapsed_us / 1_000_000;
                    faults += outcome.faults.len();
                    let ended = outcome.job_reports().map(|report| report.failure.is_none());
                    let (well, badly): (Vec<bool>, Vec<bool>) = ended.partition(|well| *well);
                    succeeded += well.len();
                    failed += badly.len();
                }
                Err(failure) => failures.push(failure),
            }
        }
    });
    let pace = u128::from(seeds) * 1_000 / elapsed_ms;
    println!(
        "{faults} faults, {succeeded} jobs succeeded, {failed} failed as they had to, {events} events, {simulated_s} simulated s"
    );
    println!("{seeds} seeds, {} failures, {pace} seeds/s", failures.len());
    assert!(failures.is_empty(), "{} of {seeds} seeds fail:\n{}", failures.len(), failures.join("\n"));
    assert!(seeds < SEEDS || (faults > 100 && succeeded > 100 && failed > 10), "the swarm is too tame");
}

/// Tells everything that happens in the world of `WINDROW_SEED`; without it there is nothing to replay.
#[test]
fn replay() {
    let Some(seed) = variable("WINDROW_SEED") else { return };
    println!("{:#?}", Scenario::from_seed(seed).faults);
    let transcript: Option<sim::trace::Transcript> = Some(Box::new(|line| println!("{line}")));
    let outcome = sim::run(Scenario::from_seed(seed), Watch { transcript, observer: None });
    for report in outcome.job_reports() {
        println!("{report:#?}");
    }
    println!("trace hash {:016x}", outcome.trace_hash);
    let violations: Vec<String> = outcome.violations.iter().map(ToString::to_string).collect();
    assert!(violations.is_empty(), "seed {seed}:\n{}", violations.join("\n"));
}
