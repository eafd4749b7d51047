//! The world itself, populated with toys: a cluster that agrees on nothing but when to stop.

mod attempt;
mod toys;

use super::*;
use crate::process::UserFunction;
use crate::scenario::Fault;
use crate::scenario::FaultKind;
use std::sync::mpsc;
use toys::{Leaky, Sound};

/// A scenario of a seed whose jobs can only fail, as toys have them fail, without what toys cannot bear: they have no
/// checksums, look for no sign of life, and answer no questions.
fn scenario(seed: u64) -> Scenario {
    let frail = [
        FaultKind::FlipOnWire,
        FaultKind::HalfOpen,
        FaultKind::Blackout,
        FaultKind::OtherStorage,
        FaultKind::Stranger,
        FaultKind::Operators,
    ];
    let mut scenario = frail.into_iter().fold(Scenario::from_seed(seed), Scenario::without);
    for planned in &mut scenario.faults {
        if let Fault::Crash { farewell, .. } = &mut planned.fault {
            *farewell = Farewell::Close;
        }
    }
    for job in &mut scenario.jobs {
        (job.reducer, job.reducers) = (Some(UserFunction::Missing), 1);
    }
    scenario
}

#[test]
fn toys_come_to_an_end_under_every_fault_and_the_checker_is_content() {
    let mut struck = 0;
    for seed in 0..300 {
        let outcome = World::<Sound>::new(scenario(seed), Watch::default()).run();
        assert_eq!(outcome.violations, [], "seed {seed}");
        struck += outcome.faults.len();
    }
    assert!(struck > 100, "only {struck} faults");
}

#[test]
fn a_run_is_a_pure_function_of_its_scenario() {
    for seed in 0..30 {
        let run = || World::<Sound>::new(scenario(seed), Watch::default()).run();
        assert_eq!(run(), run(), "seed {seed}");
    }
    let hash = |seed| World::<Sound>::new(scenario(seed), Watch::default()).run().trace_hash;
    assert_ne!(hash(1), hash(2));
}

#[test]
fn a_transcript_tells_every_step_and_changes_nothing() {
    let (sender, lines) = mpsc::channel();
    let transcript: Transcript =
        Box::new(move |line: &str| sender.send(line.to_string()).expect("it is read"));
    let told = World::<Sound>::new(scenario(3), Watch { transcript: Some(transcript), observer: None }).run();
    let silent = World::<Sound>::new(scenario(3), Watch::default()).run();
    assert_eq!(told, silent);
    assert!(lines.iter().count() as u64 > told.steps);
}

#[test]
fn who_never_stops_is_found() {
    let outcome = World::<Leaky>::new(scenario(0), Watch::default()).run();
    let found: Vec<&str> = outcome.violations.iter().map(|violation| violation.invariant).collect();
    assert_eq!(found, ["shutdown stops everyone"]);
}
