//! A world in a box: core's machines in a simulated cluster, a pure function of a scenario.
//!
//! A [`scenario`] is plain data, drawn from a seed. A [`world`] runs it on a simulated [`network`], [`disk`]s and
//! users' programs ([`process`]); real bytes flow. The [`checker`] judges the run against the [`reference`](mod@reference),
//! the [`trace`] hashes all that happened: the same scenario gives the same hash, always and everywhere.
//!
//! Start reading at [`world`]. Knows core and nothing of `net`.
#![forbid(unsafe_code)]
#![deny(clippy::float_arithmetic)]

pub mod checker;
pub mod disk;
pub mod names;
pub mod network;
pub mod node;
pub mod operators;
pub mod probes;
pub mod process;
pub mod reference;
pub mod scenario;
pub mod schedule;
pub mod show;
pub mod shrink;
pub mod stranger;
pub mod stream;
pub mod swarm;
pub mod trace;
pub mod workload;
pub mod world;

use checker::{A_LOG_CAN_BE_READ, Violation};
use scenario::Scenario;
use world::{CoreMachines, Outcome, Watch, World};

/// Runs the world of a scenario with core's machines; whoever watches changes nothing.
///
/// # Panics
/// If a machine or the world finds itself in a state that must not be, or the scenario makes no sense.
pub fn run(scenario: Scenario, watch: Watch) -> Outcome {
    let world = World::<CoreMachines>::new(scenario, watch);
    let (mut outcome, heard) = probes::heard_while(|| world.run());
    outcome.violations.extend(heard.unreadable.map(|line| Violation::new(A_LOG_CAN_BE_READ, line)));
    Outcome { probes: heard.marks, ..outcome }
}
