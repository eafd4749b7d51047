//! What follows from a search for a bad record: owns when one begins, what becomes of its trials, and whether the record that
//! it finds is left out of its split or ends the job.
//!
//! How a search proceeds is in [`search`](super::search). What was found is durable; a search itself is not, and begins anew
//! with the task's next failure after a restart.

use super::Manager;
use super::journal::Record;
use super::search::{Finding, Search};
use crate::failure::{Cause, Failure};
use crate::ids::{AttemptId, Incarnation, TaskId};
use crate::job::ByteRange;
use crate::probe::probe;

impl Manager {
    /// Begins to seek the part of a map's split on which its program fails, unless no part can be to blame, or goes on with
    /// that. `false` if nothing is sought, or not any more.
    pub(super) fn begin_search(&mut self, id: AttemptId, failure: &Failure) -> bool {
        let TaskId::Map(index) = id.task else { return false };
        if !self.may_be_sought(id, failure) {
            return false;
        }
        let execution = self.executions.get_mut(&id.job).expect("a wanted task's job is executed");
        if let Some(search) = execution.searches.get_mut(&index) {
            return failure.cause.may_be_of_a_record() || search.bears_unrelated_failure();
        }
        let Some(search) = Search::begin(failure.clone()) else { return false };
        probe!("a bad record is sought");
        tracing::info!(attempt = %id, "the part of the input is sought on which the mapper fails");
        execution.searches.insert(index, search);
        true
    }

    /// Whether to seek what a program is silent about, which takes as long as its time-out again and again, is worth its while.
    fn may_be_sought(&self, id: AttemptId, failure: &Failure) -> bool {
        let Cause::ProgramSilent { .. } = failure.cause else { return true };
        self.jobs.active(id.job).is_some_and(|job| job.specification.max_skipped_records > 0)
    }

    /// The part that an attempt is to try, if what its task fails on is being sought.
    pub(super) fn next_trial(&mut self, id: AttemptId) -> Option<ByteRange> {
        let TaskId::Map(index) = id.task else { return None };
        let search = self.executions.get_mut(&id.job)?.searches.get_mut(&index)?;
        Some(search.launch(id))
    }

    pub(super) fn trial_ended(&mut self, id: AttemptId, holder: Incarnation, failure: Option<Failure>) {
        let TaskId::Map(index) = id.task else { return };
        if !self.is_wanted(id.job, id.task) {
            return;
        }
        if let Some(failure) = failure.as_ref().filter(|failure| !failure.cause.may_be_of_a_record()) {
            // It says nothing of the input.
            return self.attempt_failed(id, holder, Failure { excerpt: None, ..failure.clone() });
        }
        let execution = self.executions.get_mut(&id.job).expect("a wanted task's job is executed");
        let Some(search) = execution.searches.get_mut(&index).filter(|search| search.is_trial(id)) else {
            // It is one of an earlier life that was adopted.
            return self.wait_again(id);
        };
        let host = self.registry.host(holder).map(Into::into);
        let failure = failure.map(|failure| Failure { host, ..failure });
        match search.tried(failure) {
            Finding::GoOn => self.wait_again(id),
            Finding::NoneToBlame(failure) => {
                probe!("no record is to blame");
                self.fail_job_with(id.job, *failure);
            }
            Finding::Found(failure) => self.found(id, index, *failure),
        }
    }

    /// Leaves out what a map fails on, if that is one record and its user bears so many; otherwise fails the job with it.
    fn found(&mut self, id: AttemptId, map_index: u32, failure: Failure) {
        let job = self.jobs.active(id.job).expect("a wanted task's job is active");
        let is_borne = job.skipped_count() < job.specification.max_skipped_records;
        let hole = one_record(&failure).filter(|hole| job.may_be_left_out(map_index, *hole));
        let Some(hole) = hole.filter(|_| is_borne) else {
            if is_borne {
                probe!("several records fail together and none alone");
            } else {
                probe!("a bad record ends its job");
            }
            self.fail_job_with(id.job, failure);
            return;
        };
        probe!("a record is left out");
        tracing::warn!(attempt = %id, "a record is left out: bytes {} to {}", hole.offset, hole.end());
        self.record(Record::RecordSkipped { job: id.job, map_index, hole });
        let execution = self.executions.get_mut(&id.job).expect("a wanted task's job is executed");
        execution.searches.remove(&map_index);
        execution.maps.forgive_program(map_index);
        self.wait_again(id);
    }
}

/// The record that a failure names, if it is one.
fn one_record(failure: &Failure) -> Option<ByteRange> {
    let input = failure.input.as_ref().filter(|_| failure.is_of_one_record())?;
    Some(ByteRange { offset: input.offset, length_bytes: input.length_bytes })
}
