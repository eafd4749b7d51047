//! What runs came to, in words and as JSON: pure functions of tallies and outcomes.

use serde_json::{Value, json};
use sim::checker::NO_MACHINE_PANICS;
use sim::swarm::{Cost, Failure, Tally};
use sim::world::Outcome;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

/// The command that runs a seed again and shows all of it.
pub fn replay(seed: u64) -> String {
    format!("windrow sim --seed {seed} --transcript")
}

/// A seed that failed: why, and below it how to see more.
pub fn failure(failure: &Failure) -> String {
    let Failure { seed, invariant, detail, others } = failure;
    let others = if *others > 0 { format!(" (and {others} more)") } else { String::new() };
    format!("{}{others}\n  {}", broken(*seed, invariant, detail), replay(*seed))
}

/// What a swarm came to; the last line is made for programs.
pub fn of_swarm(tally: &Tally, elapsed: Duration) -> String {
    let ms = milliseconds(elapsed);
    let mut lines = vec![
        line("faults", &counts(&tally.faults)),
        line("probes", &counts(&tally.probes)),
        line("jobs", &format!("{} succeeded, {} failed", tally.jobs_succeeded, tally.jobs_failed)),
        line(
            "world",
            &format!(
                "{} simulated s ({} in a second), {} events, {} steps",
                tally.simulated_us / 1_000_000,
                per_second(tally.simulated_us / 1_000_000, ms),
                tally.events,
                tally.steps
            ),
        ),
        line("most events", &costs(&tally.slowest_by_events, |events| events.to_string())),
        line("slowest", &costs(&tally.slowest_by_wall, |us| format!("{} ms", us.div_ceil(1_000)))),
    ];
    let failures = tally.failures.len();
    lines.push(format!(
        "{} seeds, {failures} failures, {} seeds/s",
        tally.seeds,
        per_second(tally.seeds, ms)
    ));
    lines.retain(|line| !line.is_empty());
    lines.join("\n")
}

/// The same for programs.
pub fn json(tally: &Tally, elapsed: Duration) -> Value {
    let failures = tally.failures.iter().map(|failure| {
        let Failure { seed, invariant, detail, others } = failure;
        json!({
            "seed": seed, "invariant": invariant, "detail": detail, "others": others, "replay": replay(*seed)
        })
    });
    let faults: BTreeMap<&str, u64> =
        tally.faults.iter().map(|(kind, count)| (kind.name(), *count)).collect();
    json!({
        "seeds": tally.seeds,
        "seeds_per_second": per_second(tally.seeds, milliseconds(elapsed)),
        "failures": failures.collect::<Vec<_>>(),
        "faults": faults,
        "probes": tally.probes,
        "jobs_succeeded": tally.jobs_succeeded,
        "jobs_failed": tally.jobs_failed,
        "simulated_seconds": tally.simulated_us / 1_000_000,
        "events": tally.events,
        "steps": tally.steps,
    })
}

/// What came of one seed.
pub fn of_run(seed: u64, result: &Result<Outcome, String>) -> String {
    let outcome = match result {
        Ok(outcome) => outcome,
        Err(panic) => return broken(seed, NO_MACHINE_PANICS, panic),
    };
    let Outcome { elapsed_us, events, steps, trace_hash, faults, violations, .. } = outcome;
    let mut lines: Vec<String> = faults.iter().map(|struck| format!("fault: {}", struck.text)).collect();
    lines.extend(outcome.job_reports().map(|report| match &report.failure {
        None => format!("job {} succeeded", report.job),
        Some(failure) => format!("job {} failed: {}", report.job, failure.cause),
    }));
    let (s, us) = (elapsed_us / 1_000_000, elapsed_us % 1_000_000);
    lines.push(format!("{s}.{us:06} simulated s, {events} events, {steps} steps, hash {trace_hash:016x}"));
    lines.extend(violations.iter().map(|it| broken(seed, it.invariant, &it.detail)));
    if violations.is_empty() {
        lines.push(format!("seed {seed}: every promise was kept"));
    }
    lines.join("\n")
}

fn line(name: &str, text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{name:<12} {text}") }
}

fn counts<K: Display>(counts: &BTreeMap<K, u64>) -> String {
    let counts: Vec<String> = counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
    counts.join(", ")
}

fn costs(costs: &[Cost], amount: impl Fn(u64) -> String) -> String {
    let costs: Vec<String> =
        costs.iter().map(|cost| format!("seed {} ({})", cost.seed, amount(cost.amount))).collect();
    costs.join(", ")
}

/// On one line, whatever the detail.
fn broken(seed: u64, invariant: &str, detail: &str) -> String {
    let detail = detail.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    format!("seed {seed}: {invariant}: {detail}")
}

fn milliseconds(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1)
}

fn per_second(count: u64, ms: u64) -> u64 {
    u64::try_from(u128::from(count) * 1_000 / u128::from(ms)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim::scenario::FaultKind;

    fn tally() -> Tally {
        Tally {
            seeds: 500,
            failures: vec![Failure {
                seed: 7,
                invariant: "a promise".into(),
                detail: "left: 1\n right: 2".into(),
                others: 2,
            }],
            faults: BTreeMap::from([(FaultKind::CrashWorker, 3), (FaultKind::Reset, 1)]),
            slowest_by_events: vec![Cost { amount: 900, seed: 4 }],
            slowest_by_wall: vec![Cost { amount: 1_500, seed: 4 }, Cost { amount: 10, seed: 5 }],
            simulated_us: 9_000_000,
            events: 1_000,
            steps: 2_000,
            jobs_succeeded: 600,
            jobs_failed: 40,
            ..Tally::default()
        }
    }

    #[test]
    fn a_failure_is_told_with_the_command_that_replays_it() {
        assert_eq!(
            failure(&tally().failures[0]),
            "seed 7: a promise: left: 1 right: 2 (and 2 more)\n  windrow sim --seed 7 --transcript"
        );
    }

    #[test]
    fn the_summary_ends_with_the_line_for_programs() {
        let expected = "\
faults       3 crash-worker, 1 reset
jobs         600 succeeded, 40 failed
world        9 simulated s (3 in a second), 1000 events, 2000 steps
most events  seed 4 (900)
slowest      seed 4 (2 ms), seed 5 (1 ms)
500 seeds, 1 failures, 166 seeds/s";
        assert_eq!(of_swarm(&tally(), Duration::from_secs(3)), expected);
        assert_eq!(
            of_swarm(&Tally::default(), Duration::ZERO).lines().last(),
            Some("0 seeds, 0 failures, 0 seeds/s")
        );
    }

    #[test]
    fn json_has_the_failures_with_their_replay() {
        let json = json(&tally(), Duration::from_secs(1));
        assert_eq!((&json["seeds"], &json["seeds_per_second"]), (&500.into(), &500.into()));
        assert_eq!(json["failures"][0]["replay"], "windrow sim --seed 7 --transcript");
        assert_eq!(json["faults"]["crash-worker"], 3);
    }

    #[test]
    fn a_panic_is_told_as_a_broken_promise() {
        assert_eq!(
            of_run(3, &Err("no\nway (x.rs:1:1)".into())),
            "seed 3: no machine panics: no way (x.rs:1:1)"
        );
    }
}
