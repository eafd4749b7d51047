//! The world itself, populated with toys: a cluster that agrees on nothing but when to stop.

mod attempt;
mod toys;

use super::*;
use crate::process::UserFunction;
use std::sync::mpsc;
use toys::{Leaky, Sound};

/// A scenario of a seed whose jobs can only fail, as toys have them fail.
fn scenario(seed: u64) -> Scenario {
    let mut scenario = Scenario::from_seed(seed);
    for job in &mut scenario.jobs {
        (job.reducer, job.reducers) = (Some(UserFunction::Missing), 1);
    }
    scenario
}

#[test]
fn toys_come_to_an_end_under_every_fault_and_the_checker_is_content() {
    let mut struck = 0;
    for seed in 0..150 {
        let outcome = World::<Sound>::new(scenario(seed), None).run();
        assert_eq!(outcome.violations, [], "seed {seed}");
        struck += outcome.faults.len();
    }
    assert!(struck > 100, "only {struck} faults");
}

#[test]
fn a_run_is_a_pure_function_of_its_scenario() {
    for seed in 0..30 {
        let run = || World::<Sound>::new(scenario(seed), None).run();
        assert_eq!(run(), run(), "seed {seed}");
    }
    let hash = |seed| World::<Sound>::new(scenario(seed), None).run().trace_hash;
    assert_ne!(hash(1), hash(2));
}

#[test]
fn a_transcript_tells_every_step_and_changes_nothing() {
    let (sender, lines) = mpsc::channel();
    let transcript: Transcript =
        Box::new(move |line: &str| sender.send(line.to_string()).expect("it is read"));
    let told = World::<Sound>::new(scenario(3), Some(transcript)).run();
    let silent = World::<Sound>::new(scenario(3), None).run();
    assert_eq!(told, silent);
    assert!(lines.iter().count() as u64 > told.steps);
}

#[test]
fn who_never_stops_is_found() {
    let outcome = World::<Leaky>::new(scenario(0), None).run();
    let found: Vec<&str> = outcome.violations.iter().map(|violation| violation.invariant).collect();
    assert_eq!(found, ["shutdown stops everyone"]);
}
