//! What clients want: submissions, watching, cancelling, shutting down, and how they are told how their jobs go. What they
//! ask once is in `reports`.
//!
//! A job is accepted once for each key, and acknowledged only when it is durable.

use super::commit::Errand;
use super::execution::{AttemptStage, Execution, Stage};
use super::journal::Record;
use super::{Manager, ManagerTimer};
use crate::failure::{Cause, Failure};
use crate::ids::{ConnectionId, Incarnation, JobId, SubmissionKey, TaskId};
use crate::job::{JobPhase, JobProgress, JobSpecification, TaskCount};
use crate::limits::{
    HANDSHAKE_US, HELD_EFFECTS_USUAL, NAME_BYTES_MAX, PATH_BYTES_MAX, PROGRESS_US, REDUCERS_MAX,
    SKIPPED_RECORDS_MAX, SPECIFICATION_BYTES_MAX, TASK_TIMEOUT_US_MIN,
};
use crate::probe::probe;
use crate::wire::frame;
use crate::wire::message::{FromClient, ToClient};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use rand_core::Rng;

impl Manager {
    pub(super) fn client_spoke(&mut self, connection: ConnectionId, message: FromClient) {
        self.timers.cancel(ManagerTimer::Handshake(connection));
        match message {
            FromClient::Submit { key, specification } => self.submit(connection, key, specification),
            FromClient::Watch { job } => self.watch(connection, job),
            FromClient::Cancel { job } => {
                if self.fail_job(job, Cause::Cancelled) {
                    probe!("a job is cancelled");
                } else if self.jobs.active(job).is_none() {
                    self.watch(connection, job);
                } else {
                    probe!("a cancellation comes too late");
                }
            }
            FromClient::Ask(question) => self.asked(connection, question),
            FromClient::Shutdown => self.begin_stopping(Some(connection)),
        }
    }

    fn submit(&mut self, connection: ConnectionId, key: SubmissionKey, specification: JobSpecification) {
        if let Some(job) = self.jobs.with_key(key) {
            if !self.jobs.is_of(job, &specification) {
                probe!("a key comes with another job");
                let taken = Failure::new(Cause::KeyTaken { job });
                return self.tell_client(connection, ToClient::Refused(taken));
            }
            probe!("a key comes twice");
            self.tell_client(connection, ToClient::Accepted { job });
            return self.watch(connection, job);
        }
        if let Err(cause) = validate(&specification) {
            return self.tell_client(connection, ToClient::Refused(Failure::new(cause)));
        }
        if self.stopping.is_some() {
            return self.tell_client(connection, ToClient::Refused(Failure::new(Cause::ManagerStopped)));
        }
        let job = self.jobs.next_id();
        tracing::info!(%job, name = %specification.name, output = %specification.output, "job accepted");
        let (nonce, priority) = (self.random.next_u64(), specification.priority);
        self.record(Record::JobAccepted { job, key, nonce, at: self.wall_time(), specification });
        let preparation = Errand::prepare(self.jobs.active(job).expect("it was just accepted"));
        self.executions.insert(job, Execution::new(Stage::Preparing(preparation)));
        self.attempts.shares.join(job, priority);
        self.tell_client(connection, ToClient::Accepted { job });
        self.watch(connection, job);
        self.ask_files(job);
    }

    fn watch(&mut self, connection: ConnectionId, job: JobId) {
        if let Some(execution) = self.executions.get_mut(&job) {
            execution.watchers.insert(connection);
            self.timers.set_if_idle(ManagerTimer::Progress, self.now.after(PROGRESS_US));
        } else if let Some(report) = self.jobs.ended(job) {
            probe!("who asks late hears the end");
            let report = report.clone();
            self.tell_client(connection, ToClient::Ended(report));
        } else {
            let unknown = Failure::new(self.unknown(job));
            self.tell_client(connection, ToClient::Refused(unknown));
        }
    }

    /// Takes note of what a client was told. One that was told the last of what it asked for is to ask for more or hang up:
    /// a client that died in silence would stay for ever.
    pub(super) fn client_told(&mut self, connection: ConnectionId, message: &ToClient) {
        let is_last = match message {
            ToClient::Ended(_) | ToClient::Answer(_) | ToClient::Refused(_) => true,
            ToClient::Accepted { .. }
            | ToClient::Progress(_)
            | ToClient::AttemptFailed(_)
            | ToClient::ShuttingDown { .. } => false,
        };
        let follows = self.executions.values().any(|execution| execution.watchers.contains(&connection));
        if is_last && !follows && self.peers.get(connection).is_some_and(|peer| !peer.is_closing) {
            self.timers.set(ManagerTimer::Handshake(connection), self.now.after(HANDSHAKE_US));
        }
    }

    /// Tells each watcher how its job goes, and comes back as long as there are any.
    pub(super) fn tell_progress(&mut self) {
        if self.journal.held() > HELD_EFFECTS_USUAL {
            // The journal's disk hangs: news would only pile up behind it.
            return self.timers.set(ManagerTimer::Progress, self.now.after(PROGRESS_US));
        }
        let mut news = Vec::new();
        for (job, execution) in &self.executions {
            if !execution.watchers.is_empty() {
                let failed = execution.news.clone().map(ToClient::AttemptFailed);
                let progress = ToClient::Progress(self.progress_of(*job, execution));
                for message in failed.into_iter().chain([progress]) {
                    news.extend(execution.watchers.iter().map(|watcher| (*watcher, message.clone())));
                }
            }
        }
        for execution in self.executions.values_mut() {
            execution.news = None;
        }
        if !news.is_empty() {
            self.timers.set(ManagerTimer::Progress, self.now.after(PROGRESS_US));
        }
        for (watcher, message) in news {
            self.tell_client(watcher, message);
        }
    }

    pub(super) fn progress_of(&self, job: JobId, execution: &Execution) -> JobProgress {
        let workers_unheard = self.registry.count_unheard(self.now);
        let is_of_use = |worker: &Incarnation| !execution.excluded.contains(worker);
        let workers = self.registry.by_gathering().filter(is_of_use).count() as u32;
        let count =
            |tasks: &super::tasks::Tasks| TaskCount { total: tasks.total, running: 0, done: tasks.done };
        let is_given_up = self.jobs.active(job).is_some_and(|durable| durable.failure.is_some());
        let mut progress = JobProgress {
            job,
            phase: match execution.stage {
                Stage::Preparing(_) => JobPhase::Planning,
                Stage::Running => JobPhase::Running,
                Stage::Ending | Stage::Cleaning(_) if is_given_up => JobPhase::Running,
                Stage::Committing(_) | Stage::Publishing(_) | Stage::Ending | Stage::Cleaning(_) => {
                    JobPhase::Committing
                }
            },
            workers,
            workers_unheard,
            maps: count(&execution.maps),
            runs_fetched: u64::from(execution.reduces.done) * u64::from(execution.maps.total),
            reduces: count(&execution.reduces),
            input_bytes: execution.input_bytes,
            counters: execution.won,
            attempts_failed: execution.attempts_failed,
            searches: execution.searches.len() as u32,
        };
        for (id, attempt) in self.attempts.of_job(job) {
            match id.task {
                TaskId::Map(_) => progress.maps.running += 1,
                TaskId::Reduce(_) => {
                    progress.reduces.running += u32::from(attempt.stage == AttemptStage::Running)
                }
            }
            progress.runs_fetched += u64::from(attempt.runs_gathered);
            progress.counters.add(&attempt.counters);
        }
        progress
    }
}

/// What no client of ours would send, but another might.
fn validate(specification: &JobSpecification) -> Result<(), Cause> {
    let invalid =
        |what: &str, remedy: &str| Cause::Invalid { what: String::from(what), remedy: String::from(remedy) };
    let JobSpecification { name, inputs, output, mapper, reducer, reducers, split_bytes, directory, .. } =
        specification;
    let max_skipped_records = specification.max_skipped_records;
    let paths = inputs.iter().chain([output, directory]);
    for path in paths {
        if !path.0.starts_with(b"/") || path.0.contains(&0) {
            return Err(invalid(&format!("`{path}` is not an absolute path"), "name it from the root"));
        }
    }
    if output.split_name().is_none() {
        return Err(invalid("the output is the root directory", "name a directory that does not exist yet"));
    }
    if let Some(path) = inputs.iter().chain([output, directory]).find(|path| path.0.len() > PATH_BYTES_MAX) {
        let what = format!("a path of {} bytes is longer than any file's", path.0.len());
        return Err(invalid(&what, "name it in fewer bytes"));
    }
    if name.len() > NAME_BYTES_MAX {
        let remedy = format!("use {NAME_BYTES_MAX} bytes at the most");
        return Err(invalid(&format!("a name of {} bytes is too long", name.len()), &remedy));
    }
    let bytes = frame::encode(&specification.without_inputs()).len();
    if bytes > SPECIFICATION_BYTES_MAX {
        return Err(invalid(
            &format!("the programs' command lines and environment take {bytes} bytes"),
            &format!("use {SPECIFICATION_BYTES_MAX} at the most; put long lists into files"),
        ));
    }
    if inputs.is_empty() {
        return Err(invalid("the job has no input", "name at least one"));
    }
    if mapper.words.is_empty() || reducer.as_ref().is_some_and(|command| command.words.is_empty()) {
        return Err(invalid("a program has no name", "give its command line"));
    }
    if reducer.is_some() != (*reducers > 0) {
        return Err(invalid("a job has a reducer exactly if it has partitions", "give both or neither"));
    }
    if *reducers > REDUCERS_MAX {
        return Err(invalid(
            &format!("{reducers} reducers are more than a job may have"),
            &format!("use {REDUCERS_MAX} at the most"),
        ));
    }
    if max_skipped_records > SKIPPED_RECORDS_MAX {
        return Err(invalid(
            &format!("{max_skipped_records} records are more than a job may set aside"),
            &format!("use {SKIPPED_RECORDS_MAX} at the most; have the mapper bear what is wrong in more"),
        ));
    }
    if specification.overwrites && !specification.sync {
        return Err(invalid(
            "an output that is not synced cannot replace one that is safe",
            "have it synced",
        ));
    }
    if *split_bytes == 0 {
        return Err(invalid("splits cannot be of no bytes", "give a split size of at least 1 byte"));
    }
    if (1..TASK_TIMEOUT_US_MIN).contains(&specification.task_timeout_us) {
        return Err(invalid(
            "a task timeout of less than a second is too short",
            "give 1s or more, or 0 for none",
        ));
    }
    Ok(())
}
