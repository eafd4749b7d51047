//! Promises about the journal: what leaves the Manager is durable before, and what is durable can be read.

use super::{Evidence, Violation, excuse};
use windrow_core::client::ClientReport;
use windrow_core::ids::{JobId, TaskId};
use windrow_core::job::Staging;
use windrow_core::manager::jobs::Jobs;
use windrow_core::manager::journal::Record;
use windrow_core::report::{Answer, JobState, JobSummary, WorkerState};

/// Who is told that his job is accepted, how it ended, or that what he ordered is done, can rely on it: the journal has it, whatever dies next.
pub fn what_is_said_is_durable(report: &ClientReport, journal: &[Vec<Record>]) -> Option<Violation> {
    let mut records = journal.iter().flatten();
    let durable = match report {
        ClientReport::Accepted(accepted) => {
            records.any(|record| matches!(record, Record::JobAccepted { job, .. } if job == accepted))
        }
        ClientReport::Ended(ended) => {
            records.any(|record| matches!(record, Record::JobEnded { report } if report == ended))
        }
        ClientReport::Answered(answer) => is_answer_durable(answer, journal),
        ClientReport::Waiting(_)
        | ClientReport::Progress(_)
        | ClientReport::Left(_)
        | ClientReport::AttemptFailed(_)
        | ClientReport::ShutDown { .. }
        | ClientReport::Failed(_) => true,
    };
    (!durable).then(|| Violation::new("what is said is durable", format!("{report:?} is not in the journal")))
}

/// Whether what an answer tells of ends, kills and drains is in the journal.
fn is_answer_durable(answer: &Answer, journal: &[Vec<Record>]) -> bool {
    let has = |is_it: &dyn Fn(&Record) -> bool| journal.iter().flatten().any(is_it);
    let of_job = |summary: &JobSummary| {
        let given_up = matches!(summary.state, JobState::Killed | JobState::Failed);
        let is_failing =
            |record: &Record| matches!(record, Record::JobFailing { job, .. } if *job == summary.job);
        let is_end =
            |record: &Record| matches!(record, Record::JobEnded { report } if report.job == summary.job);
        (!given_up || has(&is_failing)) && (!summary.is_over || has(&is_end))
    };
    match answer {
        Answer::Jobs(list) => list.jobs.iter().all(of_job),
        Answer::Job(detail) => of_job(&detail.summary),
        Answer::Killed(summary) => of_job(summary),
        Answer::Drained(told) if matches!(told.state, WorkerState::Draining | WorkerState::Drained) => {
            has(&|record| matches!(record, Record::DrainBegan { worker } if *worker == told.worker.0))
        }
        Answer::Drained(_) | Answer::Logs(_) | Answer::Workers(_) => true,
    }
}

/// What a job was accepted as, if it was.
pub(super) fn accepted_as(evidence: &Evidence<'_>, job: usize) -> Option<JobId> {
    let output = &evidence.scenario.jobs[job].output;
    evidence.journal.iter().flatten().find_map(|record| match record {
        Record::JobAccepted { job, specification, .. } if specification.output == *output => Some(*job),
        _ => None,
    })
}

/// How many maps a job was divided into, if it was.
pub(super) fn maps_of(evidence: &Evidence<'_>, job: usize) -> Option<usize> {
    let accepted = accepted_as(evidence, job)?;
    evidence.journal.iter().flatten().find_map(|record| match record {
        Record::JobPlanned { job, plan } if *job == accepted => Some(plan.splits.len()),
        _ => None,
    })
}

/// Who restarts a Manager has it find out what was decided: an output shows only after the journal says that it shall.
pub fn an_output_is_decided_before_it_shows(evidence: &Evidence<'_>, job: usize) -> Option<Violation> {
    let output = &evidence.scenario.jobs[job].output;
    let accepted = accepted_as(evidence, job);
    let is_decision =
        |record: &Record| matches!(record, Record::JobPublishing { job, .. } if Some(*job) == accepted);
    let decided = evidence.journal.iter().flatten().any(is_decision);
    (!decided).then(|| {
        let detail = format!("{output} is there, and nothing in the journal says so");
        Violation::new("an output is decided before it shows", detail)
    })
}

/// Who asks for an output that is synced never has a task done twice for a loss of power: the part of a task that is won is
/// there for good, and so is its name.
pub fn what_is_won_is_durable(evidence: &Evidence<'_>, seen: usize) -> Option<Violation> {
    if excuse::for_a_part_that_is_not_durable(evidence).is_some() {
        return None;
    }
    evidence.journal.iter().flatten().skip(seen).find_map(|record| {
        let Record::TaskWon { attempt, .. } = record else { return None };
        let (specification, nonce) = evidence.journal.iter().flatten().find_map(|record| match record {
            Record::JobAccepted { job, nonce, specification, .. } if *job == attempt.job => {
                Some((specification, *nonce))
            }
            _ => None,
        })?;
        let has_part = matches!(attempt.task, TaskId::Reduce(_)) || specification.reducers == 0;
        let part = Staging::beside(&specification.output, nonce).output_of(attempt);
        (specification.sync && has_part && !evidence.shared.is_durable(&part))
            .then(|| Violation::new("what is won is durable", format!("{part} is not")))
    })
}

/// Who restarts a Manager has it go on where the last one was: the records of a life make sense in their order, and what they
/// amount to is what a snapshot says and what the next life begins with. (A record that makes no sense is found by an assertion of the fold.)
pub fn each_life_goes_on_where_the_last_one_ended(lives: &[Vec<Record>]) -> Option<Violation> {
    let mut jobs = Jobs::default();
    for (number, life) in lives.iter().enumerate() {
        for record in life {
            if let Record::Snapshot(snapshot) = record
                && **snapshot != jobs
            {
                let detail = format!("life {number} takes {snapshot:?} for {jobs:?}");
                return Some(Violation::new("each life goes on where the last one ended", detail));
            }
            jobs.apply(record.clone());
        }
    }
    None
}
