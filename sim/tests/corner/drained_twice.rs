//! Two operators drain the same worker and one of them undoes it, each before, while and after their Manager is away: the
//! other may hear that it is drained when the order to let it serve again is on the way already.

use crate::smallest;
use sim::operators::DrainSetting;
use sim::scenario::{Fault, PlannedFault, Scenario, Trigger};
use sim::world::Watch;
use windrow_core::time::MILLISECOND_US;

/// Between two moments that are tried.
const STEP_US: u64 = 100 * MILLISECOND_US;
/// When the Manager is told to stop, as the job is submitted, and for how long it is away.
const STOP_US: u64 = 600 * MILLISECOND_US;
const AWAY_US: u64 = 2_000 * MILLISECOND_US;

fn scenario(drained_us: u64, undone_after_us: u64) -> Scenario {
    let drain = |at_us, undone_after_us| DrainSetting { at_us, worker: 1, undone_after_us };
    let fault = Fault::StopManager { back_after_us: AWAY_US };
    let mut scenario = Scenario {
        drains: vec![drain(drained_us, None), drain(0, Some(undone_after_us))],
        faults: vec![PlannedFault { trigger: Trigger::At { us: STOP_US }, fault }],
        ..smallest::scenario(2)
    };
    scenario.jobs[0].submit_us = STOP_US;
    scenario
}

#[test]
fn a_drain_that_is_being_undone_binds_nobody() {
    for drained in 0..20 {
        for undone in 0..20 {
            let outcome = sim::run(scenario(drained * STEP_US, undone * STEP_US), Watch::default());
            assert_eq!(outcome.violations, [], "drained {drained}, undone {undone}");
        }
    }
}
