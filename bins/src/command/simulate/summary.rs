//! What runs came to, in words and as JSON: pure functions of tallies and outcomes.

use super::runs::Panic;
use super::smallest::Smallest;
use serde_json::{Value, json};
use sim::checker::NO_MACHINE_PANICS;
use sim::probes::ALL;
use sim::scenario::{FaultKind, Scenario};
use sim::swarm::{Cost, Failure, Tally};
use sim::world::{Outcome, Struck};
use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

/// From so many seeds on, a swarm should have come by every rare branch: those that it missed are named.
const MISSED_NAMED_SEEDS: u64 = 6_000;

/// The command that runs a seed again and shows all of it.
pub fn replay(seed: u64, without: &[FaultKind]) -> String {
    format!("windrow sim --seed {seed}{} --transcript", left_out(without))
}

fn left_out(without: &[FaultKind]) -> String {
    without.iter().map(|kind| format!(" --without {kind}")).collect()
}

/// The command that runs the scenario in a file and shows all of it.
pub fn replay_of_file(path: &Path, without: &[FaultKind]) -> String {
    let without = left_out(without);
    let path = shell_words::quote(&String::from_utf8_lossy(path.as_os_str().as_bytes())).into_owned();
    format!("windrow sim --scenario {path}{without} --transcript")
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
        line("faults", &counts(&tally.faults, FaultKind::is_event)),
        line("seeds with", &counts(&tally.faults, |kind| !kind.is_event())),
        line("probes", &format!("{} of {} rare branches", tally.probes.len(), ALL.len())),
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
    let first = tally.failures.first().map(|failure| failure.seed);
    let smallest = smallest.map(|it| {
        json!({
            "seed": first, "scenario": it.scenario.to_string_lossy(),
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

/// What came of one run of a scenario, by its name.
pub fn of_run(name: &str, scenario: &Scenario, result: &Result<Outcome, Panic>) -> String {
    let mut lines = Vec::new();
    if let Ok(outcome) = result {
        let Outcome { elapsed_us, events, steps, trace_hash, faults, .. } = outcome;
        lines.extend(faults.iter().map(|struck| format!("fault: {}", struck.text)));
        lines.extend(not_struck(scenario, faults));
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

/// The planned faults that had not struck when all jobs had ended, or found nothing to strike.
fn not_struck(scenario: &Scenario, struck: &[Struck]) -> Option<String> {
    let mut left: Vec<FaultKind> = scenario.faults.iter().map(|planned| planned.fault.kind()).collect();
    let planned = left.len();
    for Struck { kind, .. } in struck {
        left.iter().position(|other| other == kind).map(|index| left.remove(index));
    }
    let names: Vec<&str> = left.iter().map(|kind| kind.name()).collect();
    let count = names.len();
    (count > 0).then(|| format!("{count} of {planned} planned faults did not strike: {}", names.join(", ")))
}

/// The rare branches that no seed came by: by name where they should have.
fn missed(tally: &Tally) -> String {
    let missed: Vec<&str> = tally.missed().collect();
    match missed.len() {
        0 => String::new(),
        _ if tally.seeds >= MISSED_NAMED_SEEDS => missed.join(", "),
        count => format!("{count} of {} rare branches; more seeds come by more", ALL.len()),
    }
}

fn line(name: &str, text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{name:<12} {text}") }
}

fn counts(counts: &BTreeMap<FaultKind, u64>, is_wanted: impl Fn(FaultKind) -> bool) -> String {
    let wanted = counts.iter().filter(|(kind, _)| is_wanted(**kind));
    let counts: Vec<String> = wanted.map(|(kind, count)| format!("{count} {kind}")).collect();
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
    use sim::scenario::{Fault, FaultKind, PlannedFault, Trigger};
    use windrow_core::time::Time;

    fn tally() -> Tally {
        Tally {
            seeds: 500,
            failures: vec![Failure {
                seed: 7,
                invariant: "a promise".into(),
                detail: "left: 1\n right: 2".into(),
                others: 2,
            }],
            faults: BTreeMap::from([
                (FaultKind::CrashWorker, 3),
                (FaultKind::Reset, 1),
                (FaultKind::Drift, 7),
            ]),
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
        assert_eq!(
            replay_of_file(Path::new("a b.ron"), &[]),
            "windrow sim --scenario 'a b.ron' --transcript"
        );
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
        let expected = "\
faults       3 crash-worker, 1 reset
seeds with   7 drift
probes       HIT of ALL rare branches
missed       MISSED
jobs         600 succeeded, 40 failed
world        9 simulated s (3 in a second), 1000 events, 2000 steps
most events  seed 4 (900)
slowest      seed 4 (2 ms), seed 5 (1 ms)
500 seeds, 1 failures, 166 seeds/s";
        let missed: Vec<&str> = tally().missed().collect();
        let count = format!("{} of ALL rare branches; more seeds come by more", missed.len());
        let expected = expected.replace("MISSED", &count).replace("HIT", &(ALL.len() - 2).to_string());
        assert_eq!(summary, expected.replace("ALL", &ALL.len().to_string()));
        let enough = of_swarm(&Tally { seeds: 6_000, ..tally() }, Duration::from_secs(3));
        assert!(enough.contains(&format!("\nmissed       {}\n", missed.join(", "))), "{enough}");
        assert_eq!(
            of_swarm(&Tally::default(), Duration::ZERO).lines().last(),
            Some("0 seeds, 0 failures, 0 seeds/s")
        );
    }

    #[test]
    fn json_has_the_failures_with_their_replay() {
        let smallest = Smallest {
            name: "seed 7".into(),
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
        assert_eq!((&json["shrunk"]["scenario"], &json["shrunk"]["seed"]), (&"x/y.ron".into(), &7.into()));
        assert_eq!(super::json(&tally(), &[], None, Duration::ZERO)["shrunk"], Value::Null);
    }

    #[test]
    fn a_run_without_a_broken_promise_says_so() {
        let scenario = Scenario::from_seed(1);
        let outcome = super::super::runs::run(scenario.clone(), sim::world::Watch::default());
        assert!(of_run("this", &scenario, &outcome).ends_with("\nthis: every promise was kept"));
    }

    #[test]
    fn faults_that_did_not_strike_are_told() {
        let mut scenario = Scenario::from_seed(1);
        let planned = |fault| PlannedFault { trigger: Trigger::At { us: 0 }, fault };
        scenario.faults =
            vec![planned(Fault::HalfOpen), planned(Fault::FlipOnWire), planned(Fault::HalfOpen)];
        let struck = Struck { at: Time::ZERO, kind: FaultKind::HalfOpen, text: String::new() };
        let told = not_struck(&scenario, std::slice::from_ref(&struck));
        assert_eq!(told.as_deref(), Some("2 of 3 planned faults did not strike: flip-on-wire, half-open"));
        scenario.faults.truncate(1);
        assert_eq!(not_struck(&scenario, &[struck]), None);
    }
}
