//! Promises about jobs: what their users find, and what they are told.

use super::due::Expected;
use super::excuse;
use super::replaced::{self, shows_the_old_output};
use super::{Evidence, Heard, Violation, due, ends, lost_the_manager};
use crate::process::UserFunction;
use crate::scenario::FaultKind;
use crate::workload::{HOME, JobSetting};
use std::collections::BTreeSet;
use windrow_core::client::ClientReport;
use windrow_core::failure::Failure;
use windrow_core::ids::JobId;
use windrow_core::job::PathBytes;

/// Who finds an output may trust it, whenever he looks and whatever he was told: it is whole, and what the job means, byte
/// for byte. (Exactly one attempt of each task is in it, or none.)
pub fn what_is_visible_is_whole_and_right(evidence: &Evidence<'_>, job: usize) -> Option<Violation> {
    let (setting, shared) = (&evidence.scenario.jobs[job], evidence.shared);
    if !is_visible(evidence, job) || excuse::for_a_torn_output(evidence, job).is_some() {
        return None;
    }
    let wrong = |detail: String| {
        Some(Violation::new("what is visible is whole and right", format!("{}: {detail}", setting.output)))
    };
    let expected: Vec<_> = evidence.due.of(job).iter().flatten().collect();
    let Some(last) = expected.last() else {
        return wrong("it is there, and the job cannot succeed".into());
    };
    let mut names: Vec<PathBytes> = shared.tree(&setting.output);
    let success = setting.output.join("_SUCCESS");
    if shared.contents(&success) != Ok(b"") {
        return wrong("no _SUCCESS, or one with contents".into());
    }
    let quarantine = setting.output.join("_quarantine");
    let is_quarantined = |name: &PathBytes| *name == quarantine || name.0.starts_with(&quarantine.join("").0);
    let aside: Vec<PathBytes> = names.extract_if(.., |name| is_quarantined(name)).collect();
    names.retain(|name| *name != success);
    let parts = if setting.reducers == 0 { names.len() as u32 } else { setting.reducers };
    let due: Vec<PathBytes> = (0..parts).map(|part| setting.output.join(format!("part-{part:05}"))).collect();
    if names != due {
        return wrong(format!("{names:?} instead of {due:?}"));
    }
    if aside.len() == 1 {
        return wrong("a quarantine with nothing in it".into());
    }
    let aside: Vec<&[u8]> = aside.iter().filter_map(|name| shared.contents(name).ok()).collect();
    let aside = aside.concat();
    let contents: Vec<&[u8]> = due.iter().filter_map(|name| shared.contents(name).ok()).collect();
    let whole = [contents.concat()];
    let found: Vec<&[u8]> = if setting.reducers == 0 { vec![&whole[0]] } else { contents };
    let comparable =
        |parts: &[&[u8]]| -> Vec<Vec<u8>> { parts.iter().map(|part| comparable(setting, part)).collect() };
    let found = comparable(&found);
    let is_that_of = |expected: &&Expected| {
        let parts: Vec<&[u8]> = expected.parts.iter().map(Vec::as_slice).collect();
        let bad: Vec<&[u8]> = expected.bad.iter().map(|bad| bad.bytes.as_slice()).collect();
        found == comparable(&parts) && aside == bad.concat()
    };
    if expected.iter().any(is_that_of) {
        return None;
    }
    let last = comparable(&last.parts.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let different = found.iter().zip(&last).enumerate().find(|(_, (found, expected))| found != expected);
    wrong(match different {
        Some((part, (found, expected))) => format!("part {part}: {}", difference(found, expected)),
        None if found.len() == last.len() => format!("{:?} was put aside", aside.escape_ascii().to_string()),
        None => "parts are missing".into(),
    })
}

/// Who does not know that his mapper is not deterministic never gets an output that is mixed of two of its executions: what
/// reduces have read of a map is what one attempt of it printed.
pub fn an_output_is_that_of_one_execution(evidence: &Evidence<'_>, job: usize) -> Option<Violation> {
    let setting = &evidence.scenario.jobs[job];
    let is_told = setting.mapper == UserFunction::Unstable && !setting.accepts_nondeterminism;
    if !is_told || !is_visible(evidence, job) || excuse::for_a_torn_output(evidence, job).is_some() {
        return None;
    }
    let maps = super::journal::maps_of(evidence, job)?;
    let parts = evidence.shared.tree(&setting.output);
    let salts: BTreeSet<&[u8]> = parts
        .iter()
        .filter_map(|part| evidence.shared.contents(part).ok())
        .flat_map(|part| part.split(|byte| *byte == b'\n'))
        .filter_map(|line| line.rsplit(|byte| *byte == b'\t').next().filter(|salt| !salt.is_empty()))
        .collect();
    let detail = format!("{}: {} executions of {maps} maps are in it", setting.output, salts.len());
    (salts.len() > maps).then(|| Violation::new("an output is that of one execution", detail))
}

/// Who is told that his job succeeded finds its output.
pub fn who_hears_of_success_finds_the_output(evidence: &Evidence<'_>, job: usize) -> Option<Violation> {
    let setting = &evidence.scenario.jobs[job];
    let report = ends(evidence, job).find(|report| report.failure.is_none())?;
    let torn = excuse::for_a_torn_output(evidence, job).is_some();
    (!torn && !is_visible(evidence, job)).then(|| {
        let detail = format!("{} succeeded, and {} is not there", report.name, setting.output);
        Violation::new("who hears of success finds the output", detail)
    })
}

/// Who submits a job that can succeed sees it succeed: a worker's death or the network's whims never fail it.
pub fn failures_are_the_programs_own(evidence: &Evidence<'_>, job: usize) -> Option<Violation> {
    let of_job = ends(evidence, job).filter_map(|report| report.failure.as_ref());
    let refused = refusals(evidence, job).filter_map(|(heard, report, failure)| {
        let gave_up = lost_the_manager(report) && excuse::for_giving_up(evidence, job, heard).is_some();
        (!gave_up).then_some(failure)
    });
    let failure =
        of_job.chain(refused).find(|failure| excuse::for_failure(evidence, job, &failure.cause).is_none())?;
    let name = &evidence.scenario.jobs[job].output;
    Some(Violation::new("failures are the programs' own", format!("{name}: {failure:?}")))
}

/// Who writes a program that computes for long, or waits for its worker, does not see it given up as if it were silent.
pub fn only_who_is_silent_is_given_up_for_it(evidence: &Evidence<'_>) -> Option<Violation> {
    let functions = evidence.scenario.jobs.iter().flat_map(|job| [Some(&job.mapper), job.reducer.as_ref()]);
    let silent: Vec<String> = functions
        .flatten()
        .filter(|function| function.fault() == Some(FaultKind::ProgramHangs))
        .map(|function| function.command().to_string())
        .collect();
    let wronged = evidence.given_up.iter().find(|command| !silent.contains(command))?;
    Some(Violation::new("only who is silent is given up for it", format!("`{wronged}` was not")))
}

/// Who finds an output directory may trust it: a job that failed, or was given up, leaves none.
pub fn a_failed_job_shows_nothing(evidence: &Evidence<'_>, job: usize) -> Option<Violation> {
    let output = &evidence.scenario.jobs[job].output;
    let failed = ends(evidence, job).any(|report| match &report.failure {
        Some(failure) => !matches!(failure.cause, windrow_core::failure::Cause::OutputNotSynced { .. }),
        None => false,
    });
    (failed && is_visible(evidence, job))
        .then(|| Violation::new("a failed job shows nothing", format!("{output} is there")))
}

/// Who asks for what cannot be done is never told that it was.
pub fn a_mistake_is_not_glossed_over(evidence: &Evidence<'_>, job: usize) -> Option<Violation> {
    let mistake = evidence.scenario.jobs[job].mistake?;
    let report = ends(evidence, job).find(|report| report.failure.is_none())?;
    let detail = format!("{} succeeded in spite of {mistake:?}", report.name);
    Some(Violation::new("a mistake is not glossed over", detail))
}

/// Who submits a job again, because he does not know whether it arrived, has it run once.
pub fn one_key_is_one_job(evidence: &Evidence<'_>, job: usize) -> Option<Violation> {
    let accepted: BTreeSet<JobId> = evidence
        .history
        .of_job(job, evidence.scenario)
        .flat_map(|heard| &heard.reports)
        .filter_map(|report| match report {
            ClientReport::Accepted(job) => Some(*job),
            ClientReport::Waiting(_)
            | ClientReport::Progress(_)
            | ClientReport::AttemptFailed(_)
            | ClientReport::Ended(_)
            | ClientReport::Left(_)
            | ClientReport::Answered(_)
            | ClientReport::ShutDown { .. }
            | ClientReport::Failed(_) => None,
        })
        .collect();
    (accepted.len() > 1).then(|| {
        let detail = format!("{} became jobs {accepted:?}", evidence.scenario.jobs[job].output);
        Violation::new("one key is one job", detail)
    })
}

/// Who has heard how a job ended never hears otherwise, whoever asks, and how often.
pub fn an_end_is_final(evidence: &Evidence<'_>, job: usize) -> Option<Violation> {
    let mut ends = ends(evidence, job);
    let first = ends.next()?;
    let other = ends.find(|report| *report != first)?;
    Some(Violation::new("an end is final", format!("{first:?}, then {other:?}")))
}

/// Who submits a job is told how it ended, and its number before.
pub fn every_user_hears_the_end(evidence: &Evidence<'_>, job: usize) -> Option<Violation> {
    let setting = &evidence.scenario.jobs[job];
    let untold = evidence.history.of_job(job, evidence.scenario).find(|heard| {
        let accepted = heard.reports.iter().any(|report| matches!(report, ClientReport::Accepted(_)));
        let told = match heard.reports.last() {
            // Who comes back to wait for his job knows its number.
            Some(ClientReport::Ended(_)) => accepted || setting.attention.wait_after_us.is_some(),
            Some(ClientReport::Left(_)) => comes_back(evidence, heard.client),
            Some(ClientReport::Failed(_)) => true,
            Some(
                ClientReport::Waiting(_)
                | ClientReport::Accepted(_)
                | ClientReport::Progress(_)
                | ClientReport::Answered(_)
                | ClientReport::AttemptFailed(_)
                | ClientReport::ShutDown { .. },
            )
            | None => false,
        };
        heard.over.is_none() || (!told && !crashed(evidence, heard.client))
    });
    let nobody = evidence.history.of_job(job, evidence.scenario).next().is_none();
    (nobody || untold.is_some()).then(|| {
        let last = untold.map(|heard| (heard.client, heard.reports.last()));
        Violation::new("every user hears the end", format!("{} hears last: {last:?}", setting.output))
    })
}

/// Who hears of a failure can read it: a first line that stands alone, then indented ones that say where and what to do,
/// and nothing that a terminal would take for an order.
pub fn a_failure_can_be_read(evidence: &Evidence<'_>, job: usize) -> Option<Violation> {
    let of_jobs = ends(evidence, job).filter_map(|report| report.failure.as_ref());
    let told = evidence.history.of_job(job, evidence.scenario).flat_map(|heard| &heard.reports);
    let while_waiting = told.filter_map(|report| match report {
        ClientReport::Waiting(failure) => Some(failure),
        ClientReport::Accepted(_)
        | ClientReport::Progress(_)
        | ClientReport::AttemptFailed(_)
        | ClientReport::Ended(_)
        | ClientReport::Left(_)
        | ClientReport::Answered(_)
        | ClientReport::ShutDown { .. }
        | ClientReport::Failed(_) => None,
    });
    let texts = of_jobs
        .chain(refusals(evidence, job).map(|(_, _, failure)| failure))
        .chain(while_waiting)
        .map(ToString::to_string);
    let unreadable = texts.into_iter().find(|text| {
        let mut lines = text.split('\n');
        let stands_alone =
            lines.next().is_some_and(|first| first.starts_with(|it: char| !it.is_whitespace()));
        let is_plain = !text.chars().any(|character| character.is_control() && character != '\n');
        !(stands_alone && is_plain && lines.all(|line| line.starts_with("  ")))
    })?;
    Some(Violation::new("a failure can be read", format!("{unreadable:?}")))
}

/// Who owns the storage keeps it clean: no staging directory outlives its job, and no input changes.
pub fn nothing_is_left_beside_the_output(evidence: &Evidence<'_>) -> Option<Violation> {
    let Evidence { scenario, shared, .. } = evidence;
    let root = PathBytes::from("/shared");
    let kept = replaced::kept(evidence);
    let in_the_way: Vec<_> = scenario.jobs.iter().flat_map(JobSetting::stands_there).collect();
    let known = |path: &PathBytes| {
        let below = |directory: &PathBytes| path == directory || path.0.starts_with(&directory.join("").0);
        scenario.jobs.iter().any(|job| {
            let input = job.files.iter().any(|file| file.path == *path || below(&file.path));
            let directory =
                job.files.first().map_or(job.inputs.first().cloned(), |file| Some(file.path.split_name()?.0));
            input || below(&job.output) || directory.as_ref() == Some(path)
        }) || path.0 == HOME.as_bytes()
            || kept.iter().any(|kept| path == kept || path.0.starts_with(&kept.join("").0))
            || in_the_way.iter().any(|file| file.path == *path || file.path.0.starts_with(&path.join("").0))
    };
    let strange: Vec<PathBytes> = shared.tree(&root).into_iter().filter(|path| !known(path)).collect();
    let inputs = evidence.history.inputs.iter().filter_map(|versions| versions.last()).flatten();
    let changed = inputs
        .filter(|file| shared.contents(&file.path) != Ok(&file.stored()))
        .chain(in_the_way.iter().filter(|file| shared.contents(&file.path) != Ok(&file.bytes)))
        .map(|file| &file.path)
        .next();
    (!strange.is_empty() || changed.is_some())
        .then(|| Violation::new("nothing is left beside the output", format!("{strange:?}, {changed:?}")))
}

/// Whether a client was killed: its user heard no end by no fault of anybody.
fn crashed(evidence: &Evidence<'_>, client: crate::names::ProcessId) -> bool {
    let kinds = [FaultKind::CrashClient, FaultKind::Blackout];
    kinds.iter().any(|kind| evidence.struck.contains(kind)) && comes_back(evidence, client)
}

/// Whether another client was started in the place of this one.
fn comes_back(evidence: &Evidence<'_>, client: crate::names::ProcessId) -> bool {
    let mut heard = evidence.history.heard.iter();
    heard.any(|later| later.client.host == client.host && later.client.life > client.life)
}

/// What clients of a job failed by, without hearing how it ended.
fn refusals<'a>(
    evidence: &Evidence<'a>,
    job: usize,
) -> impl Iterator<Item = (&'a Heard, &'a ClientReport, &'a Failure)> {
    evidence.history.of_job(job, evidence.scenario).filter_map(|heard| match heard.reports.last() {
        Some(report @ ClientReport::Failed(failure)) => Some((heard, report, failure)),
        Some(
            ClientReport::Waiting(_)
            | ClientReport::Accepted(_)
            | ClientReport::Progress(_)
            | ClientReport::AttemptFailed(_)
            | ClientReport::Ended(_)
            | ClientReport::Left(_)
            | ClientReport::Answered(_)
            | ClientReport::ShutDown { .. },
        )
        | None => None,
    })
}

/// Whether an output of the job can be seen.
fn is_visible(evidence: &Evidence<'_>, job: usize) -> bool {
    let setting = &evidence.scenario.jobs[job];
    let is_there = !setting.output_is_taken() && evidence.shared.exists(&setting.output);
    is_there && !shows_the_old_output(setting, evidence.shared)
}

/// Whether a program of the job fails by itself, or might.
pub(super) fn may_fail(evidence: &Evidence<'_>, job: usize) -> bool {
    let (job, versions) = (&evidence.scenario.jobs[job], &evidence.history.inputs[job]);
    let any_input = versions.iter().flatten().any(|file| !file.bytes.is_empty());
    let of = |function: &UserFunction| match function {
        UserFunction::Flaky { .. } | UserFunction::Missing | UserFunction::Unstartable { .. } => true,
        UserFunction::Abandon { .. } => any_input,
        UserFunction::Hang { .. } => job.task_timeout_us > 0,
        UserFunction::FailOn { .. } | UserFunction::Quit { .. } => {
            versions.iter().any(|files| due::output_of(job, files).is_none())
        }
        UserFunction::Identity
        | UserFunction::CountWords
        | UserFunction::Multiply { .. }
        | UserFunction::Sum
        | UserFunction::KeyByFirstByte
        | UserFunction::Daemon { .. }
        | UserFunction::Ponder { .. }
        | UserFunction::Nap { .. }
        | UserFunction::Unstable => false,
    };
    of(&job.mapper) || job.reducer.as_ref().is_some_and(of)
}

/// What two right outputs of a job have in common: all of it, unless its mapper is not deterministic.
fn comparable(job: &JobSetting, output: &[u8]) -> Vec<u8> {
    if job.mapper != UserFunction::Unstable {
        return output.to_vec();
    }
    let line = |line: &[u8]| {
        let drawn = line.iter().rposition(|byte| *byte == b'\t').map_or(line.len(), |tab| tab + 1);
        [&line[..drawn], b"?\n"].concat()
    };
    output.split_inclusive(|byte| *byte == b'\n').flat_map(line).collect()
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
