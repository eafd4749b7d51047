//! What must hold: owns every promise to the user that a run is judged by, each a function with a sentence that says whom
//! it protects. Knows the scenario, the storage and what users were told; never a machine's insides.

use crate::disk::FileSystem;
use crate::names::ProcessId;
use crate::process::UserFunction;
use crate::reference::map_reduce;
use crate::scenario::Scenario;
use crate::workload::JobSetting;
use std::fmt;
use windrow_core::client::ClientReport;
use windrow_core::failure::{Cause, Fault};
use windrow_core::ids::AttemptId;
use windrow_core::job::{JobReport, PathBytes};

/// A run comes to its end within its bounds: nobody waits, or works, for ever.
pub const EVERY_RUN_ENDS: &str = "every run ends";

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

/// What a job may come to.
struct Expectation {
    /// Its parts, or, without reducers, what they are put together; `None` if it cannot succeed.
    output: Option<Vec<Vec<u8>>>,
    /// Whether it may fail by its programs' doing.
    may_fail: bool,
}

/// Judges a world in which every client has heard how its job ended, and which was left alone for a while since.
pub fn at_rest(
    scenario: &Scenario,
    reports: &[Vec<ClientReport>],
    shared: &FileSystem,
    workers: &[WorkerAtRest],
) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (job, reports) in scenario.jobs.iter().zip(reports) {
        violations.extend(output_is_the_references(job, reports, shared));
        violations.extend(failures_are_the_programs_own(job, reports));
        violations.extend(a_failed_job_shows_nothing(job, reports, shared));
    }
    violations.extend(nothing_is_left_beside_the_output(scenario, shared));
    for worker in workers {
        violations.extend(no_attempt_outlives_its_job(worker));
        violations.extend(scratch_is_given_back(worker));
        // Who serves somebody that died in silence cannot know that it did.
        if !scenario.has_silence() {
            violations.extend(nobody_stays_connected_for_nothing(worker));
        }
    }
    violations
}

/// Judges the end: `left` are processes that did not stop, `open` ends of connections that were never told.
pub fn at_the_end(
    scenario: &Scenario,
    reports: &[Vec<ClientReport>],
    left: &[String],
    open: &[String],
) -> Vec<Violation> {
    let mut violations = Vec::new();
    violations.extend(every_user_hears_the_end(scenario, reports));
    violations.extend(shutdown_stops_everyone(reports, left, open));
    violations
}

/// Who reads a job's output gets what the job means, byte for byte, whatever happened on the way.
fn output_is_the_references(
    job: &JobSetting,
    reports: &[ClientReport],
    shared: &FileSystem,
) -> Option<Violation> {
    let report = end_of(reports).filter(|report| report.failure.is_none())?;
    let wrong = |detail: String| Some(Violation::new("output is the reference's", detail));
    let Some(expected) = expectation(job).output else {
        return wrong(format!("{} succeeded and cannot", report.name));
    };
    let mut names: Vec<PathBytes> = shared.tree(&job.output);
    let success = job.output.join("_SUCCESS");
    if shared.contents(&success) != Ok(b"") {
        return wrong(format!("{}: no _SUCCESS, or one with contents", report.name));
    }
    names.retain(|name| *name != success);
    let parts = if job.reducers == 0 { report.maps } else { job.reducers };
    let due: Vec<PathBytes> = (0..parts).map(|part| job.output.join(format!("part-{part:05}"))).collect();
    if names != due {
        return wrong(format!("{}: {names:?} instead of {due:?}", report.name));
    }
    let contents: Vec<&[u8]> = due.iter().filter_map(|name| shared.contents(name).ok()).collect();
    let whole = [contents.concat()];
    let found: Vec<&[u8]> = if job.reducers == 0 { vec![&whole[0]] } else { contents };
    for (part, (found, expected)) in found.iter().zip(&expected).enumerate() {
        if found != expected {
            return wrong(format!("{}, part {part}: {}", report.name, difference(found, expected)));
        }
    }
    (found.len() != expected.len())
        .then(|| Violation::new("output is the reference's", "parts are missing".into()))
}

/// Who submits a job that can succeed sees it succeed: a worker's death or the network's whims never fail it.
fn failures_are_the_programs_own(job: &JobSetting, reports: &[ClientReport]) -> Option<Violation> {
    let report = end_of(reports)?;
    let failure = report.failure.as_ref()?;
    let cancelled = failure.cause == Cause::Cancelled && job.cancel_after_us.is_some();
    let by_program = expectation(job).may_fail && failure.cause.fault() == Fault::Program;
    (!cancelled && !by_program)
        .then(|| Violation::new("failures are the programs' own", format!("{}: {failure:?}", report.name)))
}

/// Who finds an output directory may trust it: a job that failed, or was given up, leaves none.
fn a_failed_job_shows_nothing(
    job: &JobSetting,
    reports: &[ClientReport],
    shared: &FileSystem,
) -> Option<Violation> {
    let failed = end_of(reports).is_some_and(|report| report.failure.is_some()) || given_up(job, reports);
    (failed && shared.exists(&job.output))
        .then(|| Violation::new("a failed job shows nothing", format!("{} is there", job.output)))
}

/// Who owns the storage keeps it clean: no staging directory outlives its job, and no input changes.
fn nothing_is_left_beside_the_output(scenario: &Scenario, shared: &FileSystem) -> Option<Violation> {
    let root = PathBytes::from("/shared");
    let known = |path: &PathBytes| {
        let below = |directory: &PathBytes| path == directory || path.0.starts_with(&directory.join("").0);
        scenario.jobs.iter().any(|job| {
            let input = job.files.iter().any(|file| file.path == *path || below(&file.path));
            let directory =
                job.files.first().map_or(job.inputs.first().cloned(), |file| Some(file.path.split_name()?.0));
            input || below(&job.output) || directory.as_ref() == Some(path)
        }) || path.0 == crate::workload::HOME.as_bytes()
    };
    let strange: Vec<PathBytes> = shared.tree(&root).into_iter().filter(|path| !known(path)).collect();
    let changed = scenario
        .jobs
        .iter()
        .flat_map(|job| &job.files)
        .find(|file| shared.contents(&file.path) != Ok(&file.bytes));
    (!strange.is_empty() || changed.is_some())
        .then(|| Violation::new("nothing is left beside the output", format!("{strange:?}, {changed:?}")))
}

/// Who lends a machine has it back: nothing of a job runs once the job is over.
fn no_attempt_outlives_its_job(worker: &WorkerAtRest) -> Option<Violation> {
    let WorkerAtRest { worker, attempts, .. } = worker;
    (!attempts.is_empty())
        .then(|| Violation::new("no attempt outlives its job", format!("{worker} performs {attempts:?}")))
}

/// Who lends a disk has it back: a worker keeps no file of a job that is over.
fn scratch_is_given_back(worker: &WorkerAtRest) -> Option<Violation> {
    let WorkerAtRest { worker, files, .. } = worker;
    (!files.is_empty()).then(|| Violation::new("scratch is given back", format!("{worker} keeps {files:?}")))
}

/// Who runs many jobs does not run out of connections: workers that fetch nothing hang up.
fn nobody_stays_connected_for_nothing(worker: &WorkerAtRest) -> Option<Violation> {
    let WorkerAtRest { worker, shuffle_connections, .. } = worker;
    (*shuffle_connections > 0).then(|| {
        let detail = format!("the shuffle of {worker} has {shuffle_connections} connections");
        Violation::new("nobody stays connected for nothing", detail)
    })
}

/// Who submits a job is told how it ended, and its number before.
fn every_user_hears_the_end(scenario: &Scenario, reports: &[Vec<ClientReport>]) -> Vec<Violation> {
    let untold = |(job, reports): (&JobSetting, &Vec<ClientReport>)| {
        let accepted = reports.iter().any(|report| matches!(report, ClientReport::Accepted(_)));
        (!given_up(job, reports) && (end_of(reports).is_none() || !accepted)).then(|| {
            let last = reports.last();
            Violation::new("every user hears the end", format!("{} hears last: {last:?}", job.output))
        })
    };
    scenario.jobs.iter().zip(reports).filter_map(untold).collect()
}

/// Who shuts a cluster down finds nothing running: every process stops, and closes what it opened.
fn shutdown_stops_everyone(
    reports: &[Vec<ClientReport>],
    left: &[String],
    open: &[String],
) -> Option<Violation> {
    let said = reports.last().and_then(|reports| reports.last());
    let stopped = matches!(said, Some(ClientReport::ShutDown { jobs_cancelled: 0 }));
    (!stopped || !left.is_empty() || !open.is_empty()).then(|| {
        Violation::new("shutdown stops everyone", format!("told {said:?}; running {left:?}; open {open:?}"))
    })
}

/// How a job ended, as its user heard it.
pub(crate) fn end_of(reports: &[ClientReport]) -> Option<&JobReport> {
    reports.iter().find_map(|report| match report {
        ClientReport::Ended(report) => Some(report),
        ClientReport::Waiting(_)
        | ClientReport::Accepted(_)
        | ClientReport::Progress(_)
        | ClientReport::ShutDown { .. }
        | ClientReport::Failed(_) => None,
    })
}

/// Whether the user gave the job up before he was told of its number.
fn given_up(job: &JobSetting, reports: &[ClientReport]) -> bool {
    let failed = reports.last().and_then(|last| match last {
        ClientReport::Failed(failure) => Some(&failure.cause),
        ClientReport::Waiting(_)
        | ClientReport::Accepted(_)
        | ClientReport::Progress(_)
        | ClientReport::Ended(_)
        | ClientReport::ShutDown { .. } => None,
    });
    job.cancel_after_us.is_some() && failed == Some(&Cause::Cancelled)
}

fn expectation(job: &JobSetting) -> Expectation {
    let inputs: Vec<&[u8]> = job.files.iter().map(|file| file.bytes.as_slice()).collect();
    let reducer = job.reducer.as_ref();
    if reducer == Some(&UserFunction::Missing) {
        return Expectation { output: None, may_fail: true };
    }
    let flaky = |function: &UserFunction| matches!(function, UserFunction::Flaky { .. });
    let mut may_fail = flaky(&job.mapper) || reducer.is_some_and(flaky);
    if let UserFunction::Abandon { bytes } = job.mapper {
        let mut records = inputs.iter().flat_map(|input| input.split_inclusive(|byte| *byte == b'\n'));
        may_fail |= inputs.iter().any(|input| !input.is_empty());
        if records.any(|record| record.len() as u64 > bytes) {
            return Expectation { output: None, may_fail };
        }
    }
    let output = map_reduce(&inputs, &job.mapper, reducer, job.reducers).ok();
    may_fail |= output.is_none();
    Expectation { output, may_fail }
}

fn difference(found: &[u8], expected: &[u8]) -> String {
    let at = found.iter().zip(expected).take_while(|(one, other)| one == other).count();
    let around =
        |bytes: &[u8]| bytes[at.saturating_sub(20)..bytes.len().min(at + 40)].escape_ascii().to_string();
    let (found_bytes, expected_bytes) = (found.len(), expected.len());
    format!(
        "byte {at}: \"{}\" instead of \"{}\" ({found_bytes} B, {expected_bytes} B due)",
        around(found),
        around(expected)
    )
}
