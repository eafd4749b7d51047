//! Promises about outputs that replace others: whoever looks finds the old one or the new one, whole.

use super::{Evidence, Violation, ends, excuse, journal};
use crate::disk::FileSystem;
use crate::workload::{InputText, JobSetting};
use windrow_core::failure::Cause;
use windrow_core::job::{PathBytes, Staging};
use windrow_core::manager::journal::Record;

/// Whether what stands where a job's output is to go is what stood there when the world began, whole.
pub fn shows_the_old_output(setting: &JobSetting, shared: &FileSystem) -> bool {
    setting.old_output().is_some_and(|files| has_the_old_output(setting, &files, &setting.output, shared))
}

/// Whether a job's old output is, whole, in some place.
fn has_the_old_output(
    setting: &JobSetting,
    files: &[InputText],
    place: &PathBytes,
    shared: &FileSystem,
) -> bool {
    let (own, is_there) = (setting.output.0.len(), shared.exists(place));
    let found = shared.tree(place);
    let found = found.iter().filter_map(|path| Some((&path.0[place.0.len()..], shared.contents(path).ok()?)));
    is_there && found.eq(files.iter().map(|file| (&file.path.0[own..], file.bytes.as_slice())))
}

/// Who reads an output that a job replaces finds the old one or the new one, at any moment; where the storage cannot
/// exchange them, for a moment none, and then the old one is beside it.
pub fn who_looks_finds_the_old_output_or_the_new(evidence: &Evidence<'_>, job: usize) -> Option<Violation> {
    let setting = &evidence.scenario.jobs[job];
    let files = setting.old_output()?;
    let is_missing = !evidence.shared.exists(&setting.output);
    if !is_missing || excuse::for_a_torn_output(evidence, job).is_some() {
        return None;
    }
    let staging = staging_of(evidence, job);
    let is_aside = staging
        .as_ref()
        .is_some_and(|staging| has_the_old_output(setting, &files, &staging.displaced(), evidence.shared));
    let is_allowed = is_aside && !evidence.scenario.can_exchange && is_displaced(evidence, job);
    (!is_allowed).then(|| {
        let detail = format!("{}: neither is there (aside: {is_aside})", setting.output);
        Violation::new("who looks finds the old output or the new", detail)
    })
}

/// Who has an output replaced by a job that fails still has it, in its place or where he is told that it is.
pub fn a_failed_job_leaves_what_was_there(evidence: &Evidence<'_>, job: usize) -> Option<Violation> {
    let setting = &evidence.scenario.jobs[job];
    let files = setting.old_output()?;
    let failure = ends(evidence, job).find_map(|report| report.failure.as_ref())?;
    if excuse::for_a_torn_output(evidence, job).is_some() {
        return None;
    }
    let place = match &failure.cause {
        // The new one is in its place.
        Cause::OutputNotSynced { kept: None, .. } => return None,
        cause => cause.kept().unwrap_or(&setting.output),
    };
    (!has_the_old_output(setting, &files, place, evidence.shared)).then(|| {
        let detail = format!("{place} does not hold it: {failure:?}");
        Violation::new("a failed job leaves what was there", detail)
    })
}

/// Directories in which something is kept that users were told of.
pub fn kept(evidence: &Evidence<'_>) -> Vec<PathBytes> {
    let jobs = 0..evidence.scenario.jobs.len();
    let failures = jobs.flat_map(|job| ends(evidence, job)).filter_map(|report| report.failure.as_ref());
    failures.filter_map(|failure| Some(failure.cause.kept()?.split_name()?.0)).collect()
}

fn staging_of(evidence: &Evidence<'_>, job: usize) -> Option<Staging> {
    let accepted = journal::accepted_as(evidence, job)?;
    evidence.journal.iter().flatten().find_map(|record| match record {
        Record::JobAccepted { job, nonce, specification, .. } if *job == accepted => {
            Some(Staging::beside(&specification.output, *nonce))
        }
        _ => None,
    })
}

/// Whether the journal says that the old output may be aside.
fn is_displaced(evidence: &Evidence<'_>, job: usize) -> bool {
    let accepted = journal::accepted_as(evidence, job);
    let is_it = |record: &Record| matches!(record, Record::JobDisplacing { job } if Some(*job) == accepted);
    evidence.journal.iter().flatten().any(is_it)
}
