//! What is left of attempts that failed: owns the last of their failures, each with the end of its program's stderr.
//!
//! For people who look for a reason; decides nothing, and a restart forgets it. Bounded for each job, so that one job's
//! failures do not drive out another's, and for all of them.

use crate::failure::Failure;
use crate::ids::{JobId, TaskId};
use crate::limits::{FAILED_ATTEMPTS_KEPT, FAILED_ATTEMPTS_KEPT_OF_JOB};
use alloc::collections::VecDeque;

/// The last failures of all jobs, the oldest first.
#[derive(Debug, Default)]
pub struct FailedAttempts(VecDeque<Failure>);

impl FailedAttempts {
    /// Keeps a failure, and drops the oldest where it is one too many.
    pub fn keep(&mut self, failure: Failure) {
        let job = job_of(&failure);
        self.0.push_back(failure);
        if self.0.iter().filter(|kept| job_of(kept) == job).count() > FAILED_ATTEMPTS_KEPT_OF_JOB {
            let oldest = self.0.iter().position(|kept| job_of(kept) == job);
            self.0.remove(oldest.expect("it was counted"));
        }
        if self.0.len() > FAILED_ATTEMPTS_KEPT {
            self.0.pop_front();
        }
    }

    /// The failures of a job, or of one of its tasks, the last first.
    pub fn of(&self, job: JobId, task: Option<TaskId>) -> impl Iterator<Item = &Failure> {
        let is_meant = move |failure: &&Failure| {
            let attempt = failure.attempt;
            attempt.is_some_and(|attempt| attempt.job == job && task.is_none_or(|task| task == attempt.task))
        };
        self.0.iter().rev().filter(is_meant)
    }
}

fn job_of(failure: &Failure) -> Option<JobId> {
    failure.attempt.map(|attempt| attempt.job)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Cause;
    use crate::ids::{AttemptId, Epoch};

    fn failed(job: u64, index: u32) -> Failure {
        let attempt = AttemptId { job: JobId(job), task: TaskId::Map(index), epoch: Epoch(1), number: 0 };
        Failure { attempt: Some(attempt), ..Failure::new(Cause::WorkerLost) }
    }

    #[test]
    fn each_job_keeps_its_last_failures_whatever_others_do() {
        let mut kept = FailedAttempts::default();
        kept.keep(failed(1, 0));
        for index in 0..FAILED_ATTEMPTS_KEPT_OF_JOB as u32 + 5 {
            kept.keep(failed(2, index));
        }
        assert_eq!(kept.of(JobId(1), None).count(), 1);
        assert_eq!(kept.of(JobId(2), None).count(), FAILED_ATTEMPTS_KEPT_OF_JOB);
        assert_eq!(kept.of(JobId(2), Some(TaskId::Map(4))).count(), 0, "the oldest went first");
        assert_eq!(kept.of(JobId(2), Some(TaskId::Map(5))).count(), 1);
        for job in 3..3 + FAILED_ATTEMPTS_KEPT as u64 {
            kept.keep(failed(job, 0));
        }
        assert_eq!(kept.of(JobId(1), None).count(), 0);
        assert_eq!(kept.0.len(), FAILED_ATTEMPTS_KEPT);
    }
}
