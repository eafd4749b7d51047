//! What a world is made of: owns the scenario as plain data: cluster, workload, and what goes wrong.
//!
//! A run is a pure function of its scenario. Scenarios come from a seed ([`draw`]), from a text ([`text`]) or from tests.
//! Invariant, kept by [`Scenario::check`]: what a scenario names is there, and the core of the cluster is healed in the end,
//! so that every job has an outcome that the reference can tell.

mod check;
pub mod draw;
pub mod fault;
pub mod text;

pub use check::Nonsense;
pub use fault::{DiskName, Fault, FaultKind, InputChange, Moment, PlannedFault, Trigger};

use crate::names::Host;
use crate::network::NetworkSetting;
use crate::node::Clock;
use crate::operators::{Attention, DrainSetting, Operator};
use crate::process::UserFunction;
use crate::stream::Span;
use crate::workload::{JobSetting, PATIENCE_US};
use serde::{Deserialize, Serialize};

/// How fast a host is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pace {
    /// What a request to a disk takes.
    pub disk: Span,
    /// What appending to the journal and syncing it takes.
    pub journal: Span,
    /// What it takes a process to turn to the next thing, and a word to pass between its threads.
    pub turn: Span,
    /// What a step of a user's program takes.
    pub program: Span,
}

/// The Manager's host and process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManagerSetting {
    /// When it starts.
    pub start_us: u64,
    /// How fast its host is.
    pub pace: Pace,
    /// What its clock shows.
    pub clock: Clock,
    /// How often workers send heartbeats.
    pub heartbeat_us: u64,
    /// For how long a silent worker still counts as alive.
    pub lease_us: u64,
    /// The least bytes of records after which the journal begins anew.
    pub snapshot_after_bytes: u64,
    /// Whether its end by a signal leaves jobs to its next life.
    pub keeps_jobs: bool,
}

/// A worker's host and process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerSetting {
    /// When it starts.
    pub start_us: u64,
    /// How fast its host is.
    pub pace: Pace,
    /// What its clock shows.
    pub clock: Clock,
    /// Attempts executed at the same time.
    pub slots: u32,
    /// Memory for sorting of each slot.
    pub sort_bytes: usize,
}

/// A world to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What every stream of the run is derived from.
    pub seed: u64,
    /// The network.
    pub network: NetworkSetting,
    /// The Manager.
    pub manager: ManagerSetting,
    /// Whether the storage that all see can exchange one directory for another in one step.
    #[serde(default = "yes")]
    pub can_exchange: bool,
    /// The workers; at least one.
    pub workers: Vec<WorkerSetting>,
    /// The jobs, each with a client of its own.
    pub jobs: Vec<JobSetting>,
    /// The worker that is healed with the Manager; one of the workers.
    pub capable: u16,
    /// When the Manager, the capable worker and the clients are healed of all that lasts, and what has not struck by then
    /// never will. All others are left in their failure until every user has heard how his job ended.
    pub heal_us: u64,
    /// Workers that are drained.
    #[serde(default)]
    pub drains: Vec<DrainSetting>,
    /// What goes wrong, in no particular order.
    pub faults: Vec<PlannedFault>,
}

const fn yes() -> bool {
    true
}

impl Scenario {
    /// Clients of the scenario: one for each job, who shuts down, one for each job that is submitted again, and operators.
    pub fn clients(&self) -> u16 {
        self.client_of(Operator::Drainer(self.drains.len()))
    }

    /// The host of a stranger, by number: those of nobody else.
    pub fn stranger(&self, number: u16) -> Host {
        Host::Client(self.clients() + number)
    }

    /// How many times as slow somebody is that is never healed while jobs run.
    pub fn slowest(&self) -> u32 {
        let factor = |planned: &PlannedFault| match planned.fault {
            Fault::Slow { times, .. } => times,
            _ => 1,
        };
        self.faults.iter().map(factor).max().unwrap_or(1)
    }

    /// How long it takes, in the world's time, until so much has passed by everybody's clock.
    pub fn at_the_most_us(&self, us: u64) -> u64 {
        let clocks = self.workers.iter().map(|worker| worker.clock).chain([self.manager.clock]);
        clocks.map(|clock| clock.takes_us(us)).max().unwrap_or(us)
    }

    /// Whether it has this host.
    pub fn has(&self, host: Host) -> bool {
        match host {
            Host::Manager => true,
            Host::Worker(index) => usize::from(index) < self.workers.len(),
            Host::Client(index) => index < self.clients(),
        }
    }

    /// The kinds that are no events and that it has: properties of its clocks, programs and users.
    pub fn properties(&self) -> Vec<FaultKind> {
        let properties = FaultKind::ALL.iter().copied().filter(|kind| !kind.is_event());
        properties.filter(|kind| self.clone().without(*kind) != *self).collect()
    }

    /// The same without all that is of this kind.
    #[must_use]
    pub fn without(mut self, kind: FaultKind) -> Scenario {
        self.faults.retain(|planned| planned.fault.kind() != kind);
        match kind {
            FaultKind::Drift => {
                self.manager.clock.drift_ppm = 0;
                self.workers.iter_mut().for_each(|worker| worker.clock.drift_ppm = 0);
            }
            FaultKind::Cancel => self.jobs.iter_mut().for_each(|job| {
                if !job.never_ends() {
                    job.cancel_after_us = None;
                }
            }),
            FaultKind::SubmitTwice => self.jobs.iter_mut().for_each(|job| job.again_after_us = None),
            FaultKind::Mistake => self.jobs.iter_mut().for_each(|job| job.mistake = None),
            FaultKind::Impatience => self.jobs.iter_mut().for_each(|job| job.patience_us = PATIENCE_US),
            FaultKind::ProgramFails | FaultKind::ProgramHangs | FaultKind::ProgramUnstable => {
                for job in &mut self.jobs {
                    for function in job.reducer.iter_mut().chain([&mut job.mapper]) {
                        if function.fault() == Some(kind) {
                            *function = UserFunction::Identity;
                        }
                    }
                }
            }
            FaultKind::Operators => {
                self.drains.clear();
                self.jobs.iter_mut().for_each(|job| job.attention = Attention::default());
            }
            event => assert!(event.is_event(), "there is nothing left of {event}"),
        }
        self
    }
}
