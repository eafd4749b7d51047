//! Promises about the journal: what leaves the Manager is durable before, and what is durable can be read.

use super::{Evidence, Violation, excuse};
use windrow_core::client::ClientReport;
use windrow_core::ids::TaskId;
use windrow_core::job::Staging;
use windrow_core::manager::jobs::Jobs;
use windrow_core::manager::journal::Record;

/// Who is told that his job is accepted, or how it ended, can rely on it: the journal has it, whatever dies next.
pub fn what_is_said_is_durable(report: &ClientReport, journal: &[Vec<Record>]) -> Option<Violation> {
    let mut records = journal.iter().flatten();
    let durable = match report {
        ClientReport::Accepted(accepted) => {
            records.any(|record| matches!(record, Record::JobAccepted { job, .. } if job == accepted))
        }
        ClientReport::Ended(ended) => {
            records.any(|record| matches!(record, Record::JobEnded { report } if report == ended))
        }
        ClientReport::Waiting(_)
        | ClientReport::Progress(_)
        | ClientReport::ShutDown { .. }
        | ClientReport::Failed(_) => true,
    };
    (!durable).then(|| Violation::new("what is said is durable", format!("{report:?} is not in the journal")))
}

/// Who restarts a Manager has it find out what was decided: an output shows only after the journal says that it shall.
pub fn an_output_is_decided_before_it_shows(evidence: &Evidence<'_>, job: usize) -> Option<Violation> {
    let output = &evidence.scenario.jobs[job].output;
    let decided = evidence.journal.iter().any(|life| {
        life.iter().any(|record| match record {
            Record::JobCommitting { job: committing } => life.iter().any(|record| {
                matches!(record, Record::JobAccepted { job, specification, .. }
                    if job == committing && specification.output == *output)
            }),
            Record::EpochBegan { .. }
            | Record::JobAccepted { .. }
            | Record::JobPlanned { .. }
            | Record::TaskWon { .. }
            | Record::OutputRevoked { .. }
            | Record::JobEnded { .. } => false,
        })
    });
    (!decided).then(|| {
        let detail = format!("{output} is there, and nothing in the journal says so");
        Violation::new("an output is decided before it shows", detail)
    })
}

/// Who asks for an output that is synced never has a task done twice for a loss of power: the part of a task that is won is
/// there for good, and so is its name.
pub fn what_is_won_is_durable(evidence: &Evidence<'_>, seen: usize) -> Option<Violation> {
    let life = evidence.journal.last()?;
    if excuse::for_a_part_that_is_not_durable(evidence).is_some() {
        return None;
    }
    life[seen..].iter().find_map(|record| {
        let Record::TaskWon { attempt, .. } = record else { return None };
        let (specification, nonce) = life.iter().find_map(|record| match record {
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

/// Who restarts a Manager has it fold what it wrote: the records of a life make sense in their order. (A record that does
/// not is found by an assertion of the fold.)
pub fn what_a_journal_holds_makes_sense(life: &[Record]) {
    let mut jobs = Jobs::default();
    for record in life {
        jobs.apply(record.clone());
    }
}
