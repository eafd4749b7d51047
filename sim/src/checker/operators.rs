//! Promises to those who look after a cluster: that what they are told is so, and that what they order is done.

use super::{Evidence, Heard, Violation, end_of};
use crate::names::{Host, ProcessId};
use crate::operators::Operator;
use windrow_core::client::ClientReport;
use windrow_core::failure::Cause;
use windrow_core::report::{Answer, JobState};

/// A worker of which somebody was told that it is drained, and nobody has asked for anything else since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drained {
    /// The worker's process.
    pub worker: ProcessId,
    /// Attempts that it had been ordered to execute by then, and had not reported.
    pub running: u32,
    /// Attempts that it had begun by then.
    pub begun: u32,
    /// Attempts that it has begun since.
    pub begun_since: u32,
}

/// Who drains a worker has it empty in the end: it begins nothing more but what was ordered before, which may be on its way.
pub fn a_drained_worker_gets_nothing_new(evidence: &Evidence<'_>) -> Option<Violation> {
    let busy = evidence.history.drained.iter().find(|drained| drained.begun_since > drained.running)?;
    let Drained { worker, running, begun_since, .. } = busy;
    let detail =
        format!("{worker} had {running} attempts when it was drained, and has begun {begun_since} since");
    Some(Violation::new("a drained worker gets nothing new", detail))
}

/// Who kills a job, and is told that it is killed, has nobody ever told otherwise; and who is told that it is too late finds
/// that it was.
pub fn a_kill_is_what_it_is_said_to_be(evidence: &Evidence<'_>, job: usize) -> Option<Violation> {
    let said = of(evidence, Operator::Killer(job)).find_map(|heard| match heard.reports.last() {
        Some(ClientReport::Answered(Answer::Killed(summary))) => Some(summary.state),
        _ => None,
    })?;
    let of_job = evidence.history.of_job(job, evidence.scenario);
    let wrong = of_job.filter_map(|heard| end_of(&heard.reports)).find(|report| {
        let cause = report.failure.as_ref().map(|failure| &failure.cause);
        let is_killed = matches!(cause, Some(Cause::Cancelled));
        match said {
            JobState::Killed => !is_killed,
            JobState::Succeeded => cause.is_some(),
            JobState::Committing => is_killed,
            JobState::Failed => cause.is_none() || is_killed,
            JobState::Planning | JobState::Waiting | JobState::Running => true,
        }
    })?;
    let detail = format!("the killer was told {said:?}, its user {:?}", wrong.failure);
    Some(Violation::new("a kill is what it is said to be", detail))
}

/// Who uses a key that is taken is told so: two jobs never share one.
pub fn a_key_that_is_taken_is_refused(evidence: &Evidence<'_>, job: usize) -> Option<Violation> {
    let accepted = evidence.history.accepted[job];
    let wrong = of(evidence, Operator::KeyUser(job)).filter(|heard| heard.over.is_some()).find(|heard| {
        let cause = match heard.reports.last() {
            Some(ClientReport::Failed(failure)) => Some(&failure.cause),
            _ => None,
        };
        let is_refused = matches!(cause, Some(Cause::KeyTaken { job }) if Some(*job) == accepted);
        !is_refused && !has_come_back(evidence, heard)
    })?;
    Some(Violation::new("a key that is taken is refused", format!("{:?}", wrong.reports.last())))
}

/// Who asks is answered; only a worker that is not there, or is there twice, cannot be drained.
pub fn who_asks_is_answered(evidence: &Evidence<'_>) -> Option<Violation> {
    let wrong = evidence.history.heard.iter().find(|heard| {
        let Host::Client(client) = heard.client.host else { return false };
        let answered = match (evidence.scenario.operator(client), heard.reports.last()) {
            (None | Some(Operator::KeyUser(_)), _) | (_, Some(ClientReport::Answered(_))) => true,
            (Some(Operator::Drainer(_)), Some(ClientReport::Failed(failure))) => {
                matches!(failure.cause, Cause::UnknownWorker { .. })
            }
            (Some(_), _) => false,
        };
        !answered && !has_come_back(evidence, heard)
    })?;
    Some(Violation::new(
        "who asks is answered",
        format!("{} hears last: {:?}", wrong.client, wrong.reports.last()),
    ))
}

fn of<'a>(evidence: &Evidence<'a>, operator: Operator) -> impl Iterator<Item = &'a Heard> {
    let host = Host::Client(evidence.scenario.client_of(operator));
    evidence.history.heard.iter().filter(move |heard| heard.client.host == host)
}

/// Whether a client was killed by a loss of power and another asked again.
fn has_come_back(evidence: &Evidence<'_>, heard: &Heard) -> bool {
    let later =
        |other: &Heard| other.client.host == heard.client.host && other.client.life > heard.client.life;
    evidence.history.heard.iter().any(later)
}
