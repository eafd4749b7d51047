//! Scenarios that no seed draws: every parameter on its own, within what makes sense; proptest shrinks one that fails to
//! what the failure needs, and prints it as a text.
//!
//! `PROPTEST_CASES` chooses how many, `PROPTEST_RNG_SEED` which.

mod faults;
mod jobs;
mod strategy;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::RngSeed;
use proptest::test_runner::TestRunner;
use sim::scenario::{FaultKind, Scenario};
use sim::world::{Outcome, Watch};
use std::collections::BTreeSet;
use std::panic::catch_unwind;
use strategy::scenarios;

/// Always the same cases, unless others are asked for; those that fail are printed, not kept in files.
fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        max_shrink_iters: 3_000,
        ..ProptestConfig::default()
    }
}

/// Runs a scenario; a panic of a machine becomes words, so that the case is told without a backtrace for each step of
/// its shrinking.
fn run(scenario: &Scenario) -> Result<Outcome, String> {
    catch_unwind(|| sim::run(scenario.clone(), Watch::default())).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_string()
    })
}

proptest! {
    #![proptest_config(config(1_000))]
    #[test]
    fn what_is_printed_is_read_back(case in scenarios()) {
        let text = case.0.to_text();
        prop_assert_eq!(Scenario::from_text(&text), Ok(case.0));
    }
}

proptest! {
    #![proptest_config(config(150))]
    #[test]
    fn a_scenario_that_makes_sense_breaks_no_promise_and_gives_one_run(case in scenarios()) {
        prop_assert_eq!(case.0.check(), Ok(()));
        let once = run(&case.0);
        let found = match &once {
            Ok(outcome) => outcome.violations.first().map(ToString::to_string),
            Err(panic) => Some(format!("panicked: {panic}")),
        };
        prop_assert_eq!(found, None);
        prop_assert_eq!(once, run(&case.0));
    }
}

#[test]
fn faults_of_every_kind_strike() {
    let event = |kind: &&FaultKind| match kind {
        FaultKind::Drift
        | FaultKind::ProgramFails
        | FaultKind::ProgramHangs
        | FaultKind::ProgramUnstable
        | FaultKind::Cancel
        | FaultKind::SubmitTwice
        | FaultKind::Impatience => false,
        FaultKind::CrashWorker
        | FaultKind::StopWorker
        | FaultKind::CrashManager
        | FaultKind::CrashClient
        | FaultKind::Blackout
        | FaultKind::Pause
        | FaultKind::Slow
        | FaultKind::Cut
        | FaultKind::Trickle
        | FaultKind::Reset
        | FaultKind::HalfOpen
        | FaultKind::FlipOnWire
        | FaultKind::Weather
        | FaultKind::DiskFull
        | FaultKind::SyncFails
        | FaultKind::ReadFails
        | FaultKind::Rot
        | FaultKind::LoseFile
        | FaultKind::OtherStorage
        | FaultKind::ChangeInput
        | FaultKind::Echo => true,
    };
    let mut missing: BTreeSet<FaultKind> =
        FaultKind::ALL.iter().copied().filter(|kind| event(&kind)).collect();
    let (mut runner, strategy) = (TestRunner::new(config(1)), scenarios());
    for _ in 0..1_000 {
        let case = strategy.new_tree(&mut runner).expect("nothing is rejected").current();
        for struck in run(&case.0).expect("no machine panics").faults {
            missing.remove(&struck.kind);
        }
        if missing.is_empty() {
            return;
        }
    }
    panic!("{missing:?} found nothing to strike");
}
