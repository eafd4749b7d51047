//! What must hold: owns every promise that a run is judged by, each a function with a sentence that says whom it protects.
//!
//! Knows the scenario, the storage, the journal and what users were told; never a machine's insides. An exception to a
//! promise is an excuse: it has a name, and the fault that gives it must have struck.

mod due;
mod excuse;
pub mod history;
mod job;
mod journal;
mod operators;
mod replaced;
mod rest;
mod skipped;

pub use due::Due;
pub use excuse::Excuse;
pub use history::{Heard, History};
pub use journal::{each_life_goes_on_where_the_last_one_ended, what_is_said_is_durable};
pub use operators::Drained;
pub use replaced::shows_the_old_output;
pub use rest::WorkerAtRest;

use crate::disk::FileSystem;
use crate::scenario::{FaultKind, Scenario};
use std::collections::BTreeSet;
use std::fmt;
use windrow_core::client::ClientReport;
use windrow_core::failure::Cause;
use windrow_core::job::JobReport;
use windrow_core::manager::journal::Record;
use windrow_core::wire;

/// A run comes to its end within its bounds: nobody waits, or works, for ever.
pub const EVERY_RUN_ENDS: &str = "every run ends";
/// A machine never finds itself in a state that must not be: it would rather die than go on with it.
pub const NO_MACHINE_PANICS: &str = "no machine panics";

/// Who reads a log reads lines, whatever users, programs and strangers have put into them: each entry is one, and nothing in
/// it is an order to a terminal.
pub const A_LOG_CAN_BE_READ: &str = "a log can be read";

/// Something that should never be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What should hold.
    pub invariant: &'static str,
    /// What was found instead.
    pub detail: String,
}

impl Violation {
    /// A violation.
    pub fn new(invariant: &'static str, detail: String) -> Violation {
        Violation { invariant, detail }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.detail)
    }
}

/// All that a judgement looks at.
#[derive(Copy, Clone, Debug)]
pub struct Evidence<'a> {
    /// What was to happen.
    pub scenario: &'a Scenario,
    /// What users were told, and when Managers died.
    pub history: &'a History,
    /// Which kinds of fault have struck.
    pub struck: &'a BTreeSet<FaultKind>,
    /// Whether the shared storage itself has failed.
    pub storage_failed: bool,
    /// Whether the scratch of the capable worker has failed.
    pub capable_scratch_failed: bool,
    /// Programs that were given up because they were silent, by their command lines.
    pub given_up: &'a [String],
    /// What the outputs that can be seen are due to be.
    pub due: &'a Due,
    /// The storage that all see.
    pub shared: &'a FileSystem,
    /// Records that became durable: of each life of the Manager, in order.
    pub journal: &'a [Vec<Record>],
}

/// Judges a Manager's journal, and what lies on the storage, once all but the first `seen` of its records became durable.
pub fn when_records_are_durable(evidence: &Evidence<'_>, seen: usize) -> Vec<Violation> {
    journal::what_is_won_is_durable(evidence, seen).into_iter().collect()
}

/// Judges an output at the moment at which it is seen first.
pub fn when_an_output_appears(evidence: &Evidence<'_>, job: usize) -> Vec<Violation> {
    let mut violations = Vec::new();
    violations.extend(job::what_is_visible_is_whole_and_right(evidence, job));
    violations.extend(job::an_output_is_that_of_one_execution(evidence, job));
    violations.extend(journal::an_output_is_decided_before_it_shows(evidence, job));
    violations
}

/// Judges a moment at which nothing stands where the output goes of a job that replaces another.
pub fn while_an_output_is_missing(evidence: &Evidence<'_>, job: usize) -> Vec<Violation> {
    replaced::who_looks_finds_the_old_output_or_the_new(evidence, job).into_iter().collect()
}

/// Judges a world in which every client has heard how its job ended, and which was left alone for a while since.
pub fn at_rest(
    evidence: &Evidence<'_>,
    workers: &[WorkerAtRest],
    manager_connections: usize,
) -> Vec<Violation> {
    let mut violations = Vec::new();
    for job in 0..evidence.scenario.jobs.len() {
        violations.extend(job::what_is_visible_is_whole_and_right(evidence, job));
        violations.extend(job::who_hears_of_success_finds_the_output(evidence, job));
        violations.extend(job::failures_are_the_programs_own(evidence, job));
        violations.extend(job::a_failed_job_shows_nothing(evidence, job));
        violations.extend(replaced::who_looks_finds_the_old_output_or_the_new(evidence, job));
        violations.extend(replaced::a_failed_job_leaves_what_was_there(evidence, job));
        violations.extend(job::a_mistake_is_not_glossed_over(evidence, job));
        violations.extend(job::one_key_is_one_job(evidence, job));
        violations.extend(job::an_end_is_final(evidence, job));
        violations.extend(job::a_failure_can_be_read(evidence, job));
        violations.extend(operators::a_kill_is_what_it_is_said_to_be(evidence, job));
        violations.extend(operators::a_key_that_is_taken_is_refused(evidence, job));
        violations.extend(skipped::what_is_left_out_is_named(evidence, job));
        violations.extend(skipped::only_bad_records_are_blamed(evidence, job));
    }
    violations.extend(operators::a_drained_worker_gets_nothing_new(evidence));
    violations.extend(operators::who_asks_is_answered(evidence));
    violations.extend(job::only_who_is_silent_is_given_up_for_it(evidence));
    violations.extend(job::nothing_is_left_beside_the_output(evidence));
    for worker in workers {
        violations.extend(rest::no_attempt_outlives_its_job(worker));
        violations.extend(rest::scratch_is_given_back(worker));
        violations.extend(rest::nobody_stays_connected_for_nothing(worker));
    }
    violations.extend(rest::the_manager_keeps_only_its_workers_connections(workers, manager_connections));
    violations
}

/// Judges the end: `left` are processes that did not stop, `open` ends of connections that were never told.
pub fn at_the_end(evidence: &Evidence<'_>, left: &[String], open: &[String]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for job in 0..evidence.scenario.jobs.len() {
        violations.extend(job::every_user_hears_the_end(evidence, job));
    }
    violations.extend(rest::shutdown_stops_everyone(evidence, left, open));
    violations
}

/// Whether a client's last word is that it lost the Manager, never found it, or did not understand it in the end.
pub(crate) fn lost_the_manager(report: &ClientReport) -> bool {
    let ClientReport::Failed(failure) = report else { return false };
    let passing = [wire::Violation::Checksum, wire::Violation::HandshakeTimeout].map(|it| it.to_string());
    match &failure.cause {
        Cause::ConnectionLost { .. } | Cause::Unreachable { .. } => true,
        cause => matches!(cause, Cause::NotWindrow { violation, .. } if passing.contains(violation)),
    }
}

/// How a job ended, as each of its users heard it who did.
fn ends<'a>(evidence: &Evidence<'a>, job: usize) -> impl Iterator<Item = &'a JobReport> {
    evidence.history.of_job(job, evidence.scenario).filter_map(|heard| end_of(&heard.reports))
}

/// How a job ended, as its user heard it.
pub(crate) fn end_of(reports: &[ClientReport]) -> Option<&JobReport> {
    reports.iter().find_map(|report| match report {
        ClientReport::Ended(report) => Some(report),
        ClientReport::Waiting(_)
        | ClientReport::Accepted(_)
        | ClientReport::Progress(_)
        | ClientReport::Left(_)
        | ClientReport::Answered(_)
        | ClientReport::AttemptFailed(_)
        | ClientReport::ShutDown { .. }
        | ClientReport::Failed(_) => None,
    })
}
