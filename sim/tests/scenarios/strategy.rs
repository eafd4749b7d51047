//! Scenarios at random: owns the strategy of clusters and puts the parts together, so that they make sense.

use proptest::collection::vec;
use proptest::prelude::*;
use sim::network::NetworkSetting;
use sim::node::Clock;
use sim::scenario::{ManagerSetting, Pace, PlannedFault, Scenario, WorkerSetting};
use sim::stream::Span;
use std::fmt;
use windrow_core::time::{MILLISECOND_US, SECOND_US};

use crate::faults::planned_faults;
use crate::jobs::{apart, jobs};

/// Workers of a scenario at the most.
pub const WORKERS_MAX: u16 = 3;
/// Jobs of a scenario at the most.
pub const JOBS_MAX: u16 = 2;

/// A scenario that is shown as what can be run again.
#[derive(Clone)]
pub struct Case(pub Scenario);

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_text())
    }
}

/// Small scenarios with faults of every kind and every trigger.
pub fn scenarios() -> impl Strategy<Value = Case> {
    let workers = (vec(worker(), 1..=usize::from(WORKERS_MAX)), 0..WORKERS_MAX);
    let cluster = (network(), manager(), workers, any::<bool>());
    let load =
        (vec(jobs(), 0..=usize::from(JOBS_MAX)), vec(planned_faults(), 0..9), SECOND_US..8 * SECOND_US);
    (any::<u64>(), cluster, load).prop_map(|(seed, cluster, (jobs, faults, heal_us))| {
        let (network, manager, (workers, capable), can_exchange) = cluster;
        let capable = capable % workers.len() as u16;
        let jobs = jobs.into_iter().enumerate().map(|(index, job)| apart(job, index)).collect();
        let quiet = Scenario {
            seed,
            network,
            manager,
            can_exchange,
            workers,
            jobs,
            capable,
            heal_us,
            drains: Vec::new(),
            faults: Vec::new(),
        };
        let faults = faults.into_iter().filter(|fault| makes_sense_in(fault, &quiet)).collect();
        Case(Scenario { faults, ..quiet })
    })
}

/// Whether all that a fault names is there.
fn makes_sense_in(fault: &PlannedFault, quiet: &Scenario) -> bool {
    Scenario { faults: vec![fault.clone()], ..quiet.clone() }.check().is_ok()
}

/// A time within the first moments, in which a cluster starts and its jobs are submitted.
pub fn beginning_us() -> impl Strategy<Value = u64> {
    0_u64..500 * MILLISECOND_US
}

/// As likely short as long.
pub fn duration_us() -> impl Strategy<Value = u64> {
    prop_oneof![
        1 => 0_u64..2 * MILLISECOND_US,
        1 => 0_u64..100 * MILLISECOND_US,
        2 => 0_u64..SECOND_US,
        1 => 0_u64..8 * SECOND_US,
    ]
}

fn network() -> impl Strategy<Value = NetworkSetting> {
    // An answer fits into a window: whoever stops writes what is unsent only as far as it goes.
    (span(1, 20_000), span(0, 10_000), 64_u64..5_000, 0_u64..200_000).prop_map(
        |(latency, jitter, least, more)| NetworkSetting {
            latency,
            jitter,
            window_bytes: (least, least + more),
        },
    )
}

fn manager() -> impl Strategy<Value = ManagerSetting> {
    let rhythm = (100..2_000_u64, 2_500..6_000_u64);
    (beginning_us(), pace(), clock(), rhythm, 8_u32..20).prop_map(
        |(start_us, pace, clock, (heartbeat_ms, lease), magnitude)| {
            let heartbeat_us = heartbeat_ms * MILLISECOND_US;
            let (lease_us, snapshot_after_bytes) = (heartbeat_us * lease / 1_000, 1 << magnitude);
            ManagerSetting {
                start_us,
                pace,
                clock,
                heartbeat_us,
                lease_us,
                snapshot_after_bytes,
                keeps_jobs: magnitude % 4 > 0,
            }
        },
    )
}

fn worker() -> impl Strategy<Value = WorkerSetting> {
    (beginning_us(), pace(), clock(), 1_u32..4, 100_usize..100_000).prop_map(
        |(start_us, pace, clock, slots, sort_bytes)| WorkerSetting {
            start_us,
            pace,
            clock,
            slots,
            sort_bytes,
        },
    )
}

fn pace() -> impl Strategy<Value = Pace> {
    (span(0, 20_000), span(0, 50_000), span(0, 1_000), span(0, 50_000))
        .prop_map(|(disk, journal, turn, program)| Pace { disk, journal, turn, program })
}

fn clock() -> impl Strategy<Value = Clock> {
    let drift_ppm = prop_oneof![Just(0), -200_000_i64..200_000];
    (0..1_000_000 * SECOND_US, drift_ppm).prop_map(|(ahead_us, drift_ppm)| Clock { ahead_us, drift_ppm })
}

fn span(least_us: u64, most_us: u64) -> impl Strategy<Value = Span> {
    (least_us..=most_us, least_us..=most_us)
        .prop_map(|(one, other)| Span { least_us: one.min(other), most_us: one.max(other) })
}
