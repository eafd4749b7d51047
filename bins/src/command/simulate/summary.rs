//! What runs came to, in words and as JSON: pure functions of tallies and outcomes.

use super::runs::Panic;
use super::smallest::Smallest;
use serde_json::{Value, json};
use sim::checker::NO_MACHINE_PANICS;
use sim::probes::ALL;
use sim::scenario::{FaultKind, Scenario};
use sim::swarm::{Cost, Failure, Tally};
use sim::world::Outcome;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

/// Missed branches that are named, at the most.
const MISSED_NAMED_MAX: usize = 8;

/// The command that runs a seed again and shows all of it.
pub fn replay(seed: u64, without: &[FaultKind]) -> String {
    let without: String = without.iter().map(|kind| format!(" --without {kind}")).collect();
    format!("windrow sim --seed {seed}{without} --transcript")
}

/// The command that runs the scenario in a file and shows all of it.
pub fn replay_of_file(path: &Path) -> String {
    let path = shell_words::quote(&String::from_utf8_lossy(path.as_os_str().as_bytes())).into_owned();
    format!("windrow sim --scenario {path} --transcript")
}

/// A seed that failed: why, and below it how to see more.
pub fn failure(failure: &Failure, without: &[FaultKind]) -> String {
    let Failure { seed, invariant, detail, others } = failure;
    let others = if *others > 0 { format!(" (and {others} more)") } else { String::new() };
    let broken = on_one_line(invariant, detail);
    format!("seed {seed}: {broken}{others}\n  {}", replay(*seed, without))
}

/// How much there is to take in of a scenario.
pub fn shape(scenario: &Scenario) -> String {
    let counted = |count: usize, thing: &str| match count {
        1 => format!("1 {thing}"),
        count => format!("{count} {thing}s"),
    };
    let files = scenario.jobs.iter().flat_map(|job| &job.files);
    let lines: usize = files.map(|file| file.bytes.split_inclusive(|byte| *byte == b'\n').count()).sum();
    [
        counted(scenario.faults.len(), "fault"),
        counted(scenario.jobs.len(), "job"),
        counted(scenario.workers.len(), "worker"),
        counted(lines, "line") + " of input",
    ]
    .join(", ")
}

/// What a swarm came to; the last line is made for programs.
pub fn of_swarm(tally: &Tally, elapsed: Duration) -> String {
    let ms = milliseconds(elapsed);
    let mut lines = vec![
        line("faults", &counts(&tally.faults)),
        line("probes", &counts(&tally.probes)),
        line("missed", &missed(tally)),
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
pub fn json(tally: &Tally, without: &[FaultKind], smallest: Option<&Smallest>, elapsed: Duration) -> Value {
    let failures = tally.failures.iter().map(|failure| {
        let Failure { seed, invariant, detail, others } = failure;
        let replay = replay(*seed, without);
        json!({ "seed": seed, "invariant": invariant, "detail": detail, "others": others, "replay": replay })
    });
    let smallest = smallest.map(|it| {
        json!({
            "seed": it.seed, "scenario": it.scenario.to_string_lossy(),
            "transcript": it.transcript.to_string_lossy(), "diagram": it.diagram.to_string_lossy(),
            "replay": it.replay(),
        })
    });
    let faults: BTreeMap<&str, u64> =
        tally.faults.iter().map(|(kind, count)| (kind.name(), *count)).collect();
    json!({
        "seeds": tally.seeds,
        "seeds_per_second": per_second(tally.seeds, milliseconds(elapsed)),
        "failures": failures.collect::<Vec<_>>(),
        "shrunk": smallest,
        "faults": faults,
        "probes": tally.probes,
        "jobs_succeeded": tally.jobs_succeeded,
        "jobs_failed": tally.jobs_failed,
        "simulated_seconds": tally.simulated_us / 1_000_000,
        "events": tally.events,
        "steps": tally.steps,
    })
}

/// What came of one run, by its name.
pub fn of_run(name: &str, result: &Result<Outcome, Panic>) -> String {
    let mut lines = Vec::new();
    if let Ok(outcome) = result {
        let Outcome { elapsed_us, events, steps, trace_hash, faults, .. } = outcome;
        lines.extend(faults.iter().map(|struck| format!("fault: {}", struck.text)));
        lines.extend(outcome.job_reports().map(|report| match &report.failure {
            None => format!("job {} succeeded", report.job),
            Some(failure) => format!("job {} failed: {}", report.job, failure.cause),
        }));
        let (s, us) = (elapsed_us / 1_000_000, elapsed_us % 1_000_000);
        lines
            .push(format!("{s}.{us:06} simulated s, {events} events, {steps} steps, hash {trace_hash:016x}"));
    }
    let broken = broken_promises(result);
    if broken.is_empty() {
        lines.push(format!("{name}: every promise was kept"));
    }
    lines.extend(broken.into_iter().map(|broken| format!("{name}: {broken}")));
    lines.join("\n")
}

/// The promises that a run broke, a line each.
pub fn broken_promises(result: &Result<Outcome, Panic>) -> Vec<String> {
    match result {
        Ok(outcome) => outcome.violations.iter().map(|it| on_one_line(it.invariant, &it.detail)).collect(),
        Err(panic) => vec![on_one_line(NO_MACHINE_PANICS, &panic.to_string())],
    }
}

/// The rare branches that no seed came by: by name where they are few.
fn missed(tally: &Tally) -> String {
    let missed: Vec<&str> = tally.missed().collect();
    match missed.len() {
        0 => String::new(),
        few if few <= MISSED_NAMED_MAX => missed.join(", "),
        many => format!("{many} of {} rare branches; more seeds come by more", ALL.len()),
    }
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

/// A broken promise, whatever the detail.
fn on_one_line(invariant: &str, detail: &str) -> String {
    let detail = detail.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    format!("{invariant}: {detail}")
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
            probes: ALL.iter().skip(2).map(|probe| (probe.name.into(), 1)).collect(),
        }
    }

    #[test]
    fn a_failure_is_told_with_the_command_that_replays_it() {
        assert_eq!(
            failure(&tally().failures[0], &[]),
            "seed 7: a promise: left: 1 right: 2 (and 2 more)\n  windrow sim --seed 7 --transcript"
        );
        let without = [FaultKind::Reset, FaultKind::Rot];
        let replay =
            format!("windrow sim --seed 7 --without {} --without {} --transcript", without[0], without[1]);
        assert_eq!(
            failure(&tally().failures[0], &without).lines().last().map(str::trim),
            Some(replay.as_str())
        );
    }

    #[test]
    fn a_file_is_named_as_a_shell_reads_it() {
        assert_eq!(replay_of_file(Path::new("a b.ron")), "windrow sim --scenario 'a b.ron' --transcript");
    }

    #[test]
    fn a_scenario_is_told_by_what_there_is_to_take_in() {
        let mut scenario = Scenario::from_seed(1);
        scenario.faults.clear();
        scenario.workers.truncate(1);
        scenario.jobs.clear();
        assert_eq!(shape(&scenario), "0 faults, 0 jobs, 1 worker, 0 lines of input");
    }

    #[test]
    fn the_summary_ends_with_the_line_for_programs() {
        let summary = of_swarm(&tally(), Duration::from_secs(3));
        let lines: Vec<&str> = summary.lines().filter(|line| !line.starts_with("probes")).collect();
        let expected = "\
faults       3 crash-worker, 1 reset
missed       MISSED
jobs         600 succeeded, 40 failed
world        9 simulated s (3 in a second), 1000 events, 2000 steps
most events  seed 4 (900)
slowest      seed 4 (2 ms), seed 5 (1 ms)
500 seeds, 1 failures, 166 seeds/s";
        let missed: Vec<&str> = tally().missed().collect();
        assert_eq!(lines.join("\n"), expected.replace("MISSED", &missed.join(", ")));
        assert_eq!(
            of_swarm(&Tally::default(), Duration::ZERO).lines().last(),
            Some("0 seeds, 0 failures, 0 seeds/s")
        );
    }

    #[test]
    fn json_has_the_failures_with_their_replay() {
        let smallest = Smallest {
            seed: 7,
            what: String::new(),
            runs: 3,
            scenario: "x/y.ron".into(),
            transcript: "x/y.txt".into(),
            diagram: "x/y.html".into(),
        };
        let json = json(&tally(), &[], Some(&smallest), Duration::from_secs(1));
        assert_eq!((&json["seeds"], &json["seeds_per_second"]), (&500.into(), &500.into()));
        assert_eq!(json["failures"][0]["replay"], "windrow sim --seed 7 --transcript");
        assert_eq!(json["faults"]["crash-worker"], 3);
        assert_eq!(json["shrunk"]["scenario"], "x/y.ron");
        assert_eq!(super::json(&tally(), &[], None, Duration::ZERO)["shrunk"], Value::Null);
    }

    #[test]
    fn a_run_without_a_broken_promise_says_so() {
        let outcome = super::super::runs::run(Scenario::from_seed(1), sim::world::Watch::default());
        assert!(of_run("this", &outcome).ends_with("\nthis: every promise was kept"));
    }
}
