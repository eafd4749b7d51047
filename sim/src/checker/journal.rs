//! Promises about the journal: what leaves the Manager is durable before, and what is durable can be read.

use super::{Evidence, Violation};
use windrow_core::client::ClientReport;
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

/// Who restarts a Manager has it fold what it wrote: the records of a life make sense in their order. (A record that does
/// not is found by an assertion of the fold.)
pub fn what_a_journal_holds_makes_sense(life: &[Record]) {
    let mut jobs = Jobs::default();
    for record in life {
        jobs.apply(record.clone());
    }
}
