//! What a run leaves to judge it by: owns what every client told its user and when, when Managers died, and when outputs
//! were seen first. Judges nothing.

use super::Drained;
use crate::names::{Host, ProcessId};
use crate::scenario::Scenario;
use crate::workload::InputText;
use std::collections::BTreeSet;
use windrow_core::client::ClientReport;
use windrow_core::ids::JobId;
use windrow_core::time::Time;

/// A client's life, as its user saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Which process.
    pub client: ProcessId,
    /// When it began.
    pub began: Time,
    /// When it told last that it had heard of the Manager, but for its end.
    pub news: Option<Time>,
    /// When it was over; `None` as long as it runs.
    pub over: Option<Time>,
    /// What it told, in order.
    pub reports: Vec<ClientReport>,
}

/// All that is known of a run.
#[derive(Debug, Default)]
pub struct History {
    /// Every client's life, in the order of their beginnings.
    pub heard: Vec<Heard>,
    /// When a Manager was told to stop.
    pub manager_stops: Vec<Time>,
    /// When the capable worker was registered first.
    pub capable_registered: Option<Time>,
    /// What the files of each job's input held, from the beginning and after each change, by index.
    pub inputs: Vec<Vec<Vec<InputText>>>,
    /// What each job was accepted as, by index, once a client of it has heard so.
    pub accepted: Vec<Option<JobId>>,
    /// Workers that are drained, as somebody was told.
    pub drained: Vec<Drained>,
    /// Hosts whose worker somebody wants to serve again. When that is heard of is open from then on.
    pub undrained: BTreeSet<Host>,
    /// When each job's output was first seen, by index.
    pub output_seen: Vec<Option<Time>>,
}

impl History {
    /// Nothing has happened yet.
    pub fn new(scenario: &Scenario) -> History {
        let inputs = scenario.jobs.iter().map(|job| vec![job.files.clone()]).collect();
        let jobs = scenario.jobs.len();
        let (output_seen, accepted) = (vec![None; jobs], vec![None; jobs]);
        History { inputs, output_seen, accepted, ..History::default() }
    }

    /// A Manager is told to stop.
    pub fn manager_stopped(&mut self, now: Time) {
        self.manager_stops.push(now);
    }

    /// The lives of the clients of a job.
    pub fn of_job(&self, job: usize, scenario: &Scenario) -> impl Iterator<Item = &Heard> {
        self.heard.iter().filter(move |heard| job_of(heard.client, scenario) == Some(job))
    }

    /// The last word of the client that shuts the cluster down.
    pub fn shutdown(&self, scenario: &Scenario) -> Option<&ClientReport> {
        let last = self.heard.last()?;
        (job_of(last.client, scenario).is_none()).then(|| last.reports.last()).flatten()
    }
}

/// The job that a client is for; `None` for the one that shuts down, and for operators.
pub fn job_of(client: ProcessId, scenario: &Scenario) -> Option<usize> {
    let Host::Client(index) = client.host else { panic!("{client} is no client") };
    let (index, jobs) = (usize::from(index), scenario.jobs.len());
    match index.cmp(&jobs) {
        std::cmp::Ordering::Less => Some(index),
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Greater => Some(index - jobs - 1).filter(|job| *job < jobs),
    }
}
