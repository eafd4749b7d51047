//! Promises about records that are left out: a job names just those on which its mapper fails, and has put their bytes aside.

use super::due::Expected;
use super::{Evidence, Violation, end_of, excuse};
use crate::process::UserFunction;
use std::collections::BTreeSet;
use windrow_core::failure::{Failure, InputRange};
use windrow_core::job::{JobReport, PathBytes};

/// Who has bad records left out is told of each, and of no other: an output lacks nothing that its job's report does not name.
pub fn what_is_left_out_is_named(evidence: &Evidence<'_>, job: usize) -> Option<Violation> {
    let report = ends(evidence, job).find(|report| report.failure.is_none())?;
    let names = |expected: &Expected| expected.bad.iter().map(|bad| bad.range.clone()).collect::<Vec<_>>();
    let due: Vec<Vec<InputRange>> = evidence.due.of(job).iter().flatten().map(names).collect();
    let is_excused = excuse::for_a_torn_output(evidence, job).is_some() || may_be_unlucky(evidence, job);
    (!is_excused && !due.contains(&report.skipped)).then(|| {
        let detail = format!("{}: {:?} instead of {due:?}", report.name, report.skipped);
        Violation::new("what is left out is named", detail)
    })
}

/// Who is shown a record that is to blame finds it bad: a job never blames, nor leaves out, one on which its mapper does well.
pub fn only_bad_records_are_blamed(evidence: &Evidence<'_>, job: usize) -> Option<Violation> {
    let setting = &evidence.scenario.jobs[job];
    if may_be_unlucky(evidence, job) {
        return None;
    }
    let versions = &evidence.history.inputs[job];
    let bad: BTreeSet<(PathBytes, u64, u64)> = versions
        .iter()
        .flat_map(|files| super::due::bad_records(setting, files))
        .map(|bad| key(&bad.range))
        .collect();
    let blamed = |failure: &Failure| failure.input.clone().filter(|_| failure.is_of_one_record());
    let named = ends(evidence, job)
        .flat_map(|report| report.skipped.iter().cloned().chain(report.failure.as_ref().and_then(blamed)));
    let good = named.into_iter().find(|range| !bad.contains(&key(range)))?;
    Some(Violation::new("only bad records are blamed", format!("{}: {good}", setting.output)))
}

fn key(range: &InputRange) -> (PathBytes, u64, u64) {
    (range.path.clone(), range.offset, range.length_bytes)
}

/// Whether a record may be taken for bad by bad luck: with a program that fails at random, however often it is tried.
fn may_be_unlucky(evidence: &Evidence<'_>, job: usize) -> bool {
    matches!(evidence.scenario.jobs[job].mapper, UserFunction::Flaky { .. })
}

fn ends<'a>(evidence: &Evidence<'a>, job: usize) -> impl Iterator<Item = &'a JobReport> {
    evidence.history.of_job(job, evidence.scenario).filter_map(|heard| end_of(&heard.reports))
}
