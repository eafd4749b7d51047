//! Promises about a cluster at rest and at its end: nothing of a job is left, nobody waits, everyone stops.

use super::{Evidence, Violation};
use crate::names::ProcessId;
use windrow_core::client::ClientReport;
use windrow_core::ids::AttemptId;
use windrow_core::job::PathBytes;

/// A worker after all jobs ended and time has passed.
#[derive(Clone, Debug)]
pub struct WorkerAtRest {
    /// Which.
    pub worker: ProcessId,
    /// The attempts that it still performs.
    pub attempts: Vec<AttemptId>,
    /// What lies in its scratch.
    pub files: Vec<PathBytes>,
    /// Connections that its shuffle has open.
    pub shuffle_connections: usize,
}

/// Who lends a machine has it back: nothing of a job runs once the job is over.
pub fn no_attempt_outlives_its_job(worker: &WorkerAtRest) -> Option<Violation> {
    let WorkerAtRest { worker, attempts, .. } = worker;
    (!attempts.is_empty())
        .then(|| Violation::new("no attempt outlives its job", format!("{worker} performs {attempts:?}")))
}

/// Who lends a disk has it back: a worker keeps no file of a job that is over.
pub fn scratch_is_given_back(worker: &WorkerAtRest) -> Option<Violation> {
    let WorkerAtRest { worker, files, .. } = worker;
    (!files.is_empty()).then(|| Violation::new("scratch is given back", format!("{worker} keeps {files:?}")))
}

/// Who runs many jobs does not run out of connections: workers that fetch nothing hang up, and who serves somebody that died
/// in silence does so after a while.
pub fn nobody_stays_connected_for_nothing(worker: &WorkerAtRest) -> Option<Violation> {
    let WorkerAtRest { worker, shuffle_connections, .. } = worker;
    (*shuffle_connections > 0).then(|| {
        let detail = format!("the shuffle of {worker} has {shuffle_connections} connections");
        Violation::new("nobody stays connected for nothing", detail)
    })
}

/// Who keeps a Manager up for months does not see it run out of connections: at rest it has no more than its workers'.
pub fn the_manager_keeps_only_its_workers_connections(
    workers: &[WorkerAtRest],
    connections: usize,
) -> Option<Violation> {
    let most = workers.len();
    (connections > most).then(|| {
        let detail = format!("{connections} connections, and {most} workers run");
        Violation::new("the Manager keeps only its workers' connections", detail)
    })
}

/// Who shuts a cluster down finds nothing running: every process stops, and closes what it opened.
pub fn shutdown_stops_everyone(
    evidence: &Evidence<'_>,
    left: &[String],
    open: &[String],
) -> Option<Violation> {
    let said = evidence.history.shutdown(evidence.scenario);
    let stopped = matches!(said, Some(ClientReport::ShutDown { jobs_cancelled: 0 }));
    (!stopped || !left.is_empty() || !open.is_empty()).then(|| {
        Violation::new("shutdown stops everyone", format!("told {said:?}; running {left:?}; open {open:?}"))
    })
}
