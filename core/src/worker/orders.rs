//! What the Manager orders, and what attempts and the shuffle report back.
//!
//! A map starts at once; a reduce first gathers its runs without a slot. What ended is reported until it is acknowledged.
//! A job's log of map outputs is pulled once for all of its reduces here, and each entry handed to the shuffle.

use super::attempt::{AttemptSetting, AttemptSuccess, MapWork, Program, ReduceWork, Work};
use super::attempts::{LocalAttempt, LocalStage};
use super::reported::{bound_cause, bound_failure};
use super::shuffle::{ShuffleCommand, ShuffleReport};
use super::{Worker, WorkerNotice, WorkerRequest};
use crate::data::digest::OutputDigest;
use crate::failure::{Cause, Failure};
use crate::ids::{AttemptId, JobId};
use crate::job::{Counters, PathBytes, ProgramRole};
use crate::probe::probe;
use crate::wire::Violation;
use crate::wire::message::{
    AttemptResult, FromWorker, LaunchOrder, OutputEntry, Success, TaskOrder, ToWorker,
};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;

/// What a worker knows of a job.
#[derive(Debug)]
pub(super) struct LocalJob {
    directory: PathBytes,
    cursor: Option<u64>,
    /// The maps whose runs cannot be had, and why, for each reduce attempt that gathers.
    unfetchable: BTreeMap<AttemptId, BTreeMap<AttemptId, Cause>>,
    is_dropped: bool,
}

impl Worker {
    pub(super) fn ordered(&mut self, message: ToWorker) -> Result<(), Violation> {
        match message {
            ToWorker::Registered { .. } => return Err(Violation::OutOfPlace("a second registration")),
            ToWorker::Verdicts(verdicts) => self.judged(verdicts),
            ToWorker::Launch(order) => self.launch(*order),
            ToWorker::Run { attempt } => self.run_gathered(attempt),
            ToWorker::Kill { attempt } => self.kill(attempt),
            ToWorker::Outputs { job, start, entries } => self.outputs_told(job, start, entries),
            ToWorker::Acknowledged { attempt, counts } => self.acknowledged(attempt, counts),
            ToWorker::DropJob { job } => self.drop_job(job),
            ToWorker::Stop => self.stop(false),
        }
        Ok(())
    }

    fn launch(&mut self, order: LaunchOrder) {
        if self.is_stopping {
            return;
        }
        let id = order.attempt;
        let directory = self.config.scratch.join(format!("job-{}", id.job));
        let job = self.jobs.entry(id.job).or_insert_with(|| LocalJob {
            directory,
            cursor: None,
            unfetchable: BTreeMap::new(),
            is_dropped: false,
        });
        let directory = job.directory.join(id.file_stem());
        match order.task.clone() {
            TaskOrder::Map { input, split, holes, trial } => {
                let setting = self.setting(&order, ProgramRole::Mapper, directory);
                let reducers = order.job.specification.reducers;
                let quarantine = order.job.staging.quarantine_of(&id);
                if self.attempts.insert(order, LocalStage::Queued) {
                    let work = MapWork { setting, input, split, holes, quarantine, trial, reducers };
                    self.attempts.enqueue(id, Work::Map(work));
                }
            }
            TaskOrder::Reduce { partition, maps } => {
                let is_first = job.cursor.is_none();
                let cursor = *job.cursor.get_or_insert(0);
                if self.attempts.insert(order, LocalStage::Gathering) {
                    self.command(ShuffleCommand::Gather { attempt: id, partition, maps, directory });
                }
                if is_first {
                    self.tell_manager(&FromWorker::PullOutputs { job: id.job, cursor });
                }
            }
        }
    }

    fn setting(&self, order: &LaunchOrder, role: ProgramRole, directory: PathBytes) -> AttemptSetting {
        let specification = &order.job.specification;
        let command = match role {
            ProgramRole::Mapper => specification.mapper.clone(),
            ProgramRole::Reducer => specification.reducer.clone().expect("a job with reduces has a reducer"),
        };
        let mut environment = Vec::from([(PathBytes::from("TMPDIR"), directory.join("tmp"))]);
        environment.extend(specification.environment.iter().cloned());
        AttemptSetting {
            attempt: order.attempt,
            program: Program { role, command, directory: specification.directory.clone(), environment },
            nonce_path: order.job.staging.nonce_path(),
            nonce: order.job.nonce,
            scratch: directory,
            output: order.job.staging.output_of(&order.attempt),
            sort_bytes: self.config.sort_bytes,
            sync: specification.sync,
            task_timeout_us: specification.task_timeout_us,
        }
    }

    /// Starts what has waited for a slot.
    pub(super) fn start_queued(&mut self) {
        while let Some((id, work)) = self.attempts.start_next() {
            self.request(WorkerRequest::Start(id, work));
        }
    }

    fn run_gathered(&mut self, id: AttemptId) {
        let Some(attempt) = self.attempts.get_mut(id) else { return };
        let LocalStage::Gathered { runs, fetched_bytes } = &mut attempt.stage else { return };
        let (runs, fetched_bytes) = (core::mem::take(runs), *fetched_bytes);
        let order = attempt.order.clone();
        let directory = self.jobs[&id.job].directory.join(id.file_stem());
        let setting = self.setting(&order, ProgramRole::Reducer, directory);
        self.attempts.enqueue(id, Work::Reduce(ReduceWork { setting, runs, fetched_bytes }));
    }

    fn kill(&mut self, id: AttemptId) {
        let Some(attempt) = self.attempts.get_mut(id) else { return };
        match &attempt.stage {
            LocalStage::Gathering | LocalStage::Gathered { .. } | LocalStage::Queued => {
                probe!("an attempt is killed before it runs");
                if let TaskOrder::Reduce { .. } = attempt.order.task {
                    self.abandon(id);
                }
                self.report_end(id, AttemptResult::Failed(Failure::new(Cause::Killed).into()));
            }
            LocalStage::Running => {
                probe!("an attempt is killed while it runs");
                self.request(WorkerRequest::Kill(id));
            }
            LocalStage::Ended(_) => probe!("a kill comes after the end"),
        }
    }

    pub(super) fn attempt_progressed(&mut self, id: AttemptId, counters: Counters) {
        if let Some(attempt) = self.attempts.get_mut(id) {
            attempt.counters = counters;
            self.note_news(id);
        }
    }

    pub(super) fn attempt_ended(&mut self, id: AttemptId, result: Result<AttemptSuccess, Failure>) {
        let Some(attempt) = self.attempts.get_mut(id) else { return };
        let is_dropped = attempt.is_dropped;
        let (is_trial, left_out) = (attempt.order.task.is_trial(), attempt.order.task.left_out());
        let directory = self.jobs[&id.job].directory.join(id.file_stem());
        if let TaskOrder::Reduce { .. } = attempt.order.task {
            self.abandon(id);
        }
        let result = match result {
            Ok(_) if is_trial => AttemptResult::Tried(None),
            Err(failure) if is_trial => AttemptResult::Tried(Some(bound_failure(failure).into())),
            Ok(AttemptSuccess { counters, map_output }) => {
                let digest = map_output.as_ref().map_or(OutputDigest::default(), |output| output.digest);
                if let Some(output) = map_output {
                    if is_dropped {
                        probe!("an output is made that nobody wants");
                        self.command(ShuffleCommand::Withdraw { map: id, directory });
                    } else {
                        // Before anyone can hear of it: whoever asks for its runs finds them.
                        self.command(ShuffleCommand::Offer { map: id, output });
                    }
                }
                AttemptResult::Succeeded(Success { counters, digest, left_out })
            }
            Err(failure) => AttemptResult::Failed(bound_failure(failure).into()),
        };
        if is_dropped {
            self.attempts.remove(id);
        } else {
            self.report_end(id, result);
        }
    }

    fn acknowledged(&mut self, id: AttemptId, counts: bool) {
        if !self.attempts.get_mut(id).is_some_and(|attempt| matches!(attempt.stage, LocalStage::Ended(_))) {
            return;
        }
        let attempt = self.attempts.remove(id).expect("it is here");
        let has_output = matches!(attempt.stage, LocalStage::Ended(AttemptResult::Succeeded(_)))
            && matches!(attempt.order.task, TaskOrder::Map { .. })
            && attempt.order.job.specification.reducers > 0;
        if has_output {
            self.attempts.hold(id, self.jobs[&id.job].directory.join(id.file_stem()));
            if !counts {
                probe!("an output does not count");
                self.drop_output(id);
            }
        }
    }

    /// Ends an attempt of which nobody wants to hear.
    pub(super) fn drop_attempt(&mut self, id: AttemptId) {
        let Some(attempt) = self.attempts.get_mut(id) else { return };
        attempt.is_dropped = true;
        let is_reduce = matches!(attempt.order.task, TaskOrder::Reduce { .. });
        match attempt.stage {
            LocalStage::Running => {
                probe!("an attempt is dropped while it runs");
                return self.request(WorkerRequest::Kill(id));
            }
            LocalStage::Ended(AttemptResult::Succeeded(_)) if !is_reduce => {
                let directory = self.jobs[&id.job].directory.join(id.file_stem());
                self.command(ShuffleCommand::Withdraw { map: id, directory });
            }
            LocalStage::Gathering
            | LocalStage::Gathered { .. }
            | LocalStage::Queued
            | LocalStage::Ended(_) => {
                if is_reduce {
                    self.abandon(id);
                }
            }
        }
        self.attempts.remove(id);
    }

    /// Removes a map output that nobody wants.
    pub(super) fn drop_output(&mut self, map: AttemptId) {
        if let Some(directory) = self.attempts.release(map) {
            self.command(ShuffleCommand::Withdraw { map, directory });
        }
    }

    fn drop_job(&mut self, job: JobId) {
        let attempts: Vec<_> = self.attempts.all().map(|(id, _)| id).filter(|id| id.job == job).collect();
        for id in attempts {
            self.drop_attempt(id);
        }
        let outputs: Vec<_> = self.attempts.all_held().filter(|id| id.job == job).collect();
        for id in outputs {
            self.attempts.release(id);
        }
        if let Some(job) = self.jobs.get_mut(&job) {
            job.is_dropped = true;
        }
    }

    pub(super) fn drop_everything(&mut self) {
        for job in self.jobs.keys().copied().collect::<Vec<_>>() {
            self.drop_job(job);
        }
    }

    /// Removes the files of dropped jobs once none of their attempts can write any more.
    pub(super) fn forget_dropped_jobs(&mut self) {
        let is_over = |id: &JobId| !self.attempts.all().any(|(attempt, _)| attempt.job == *id);
        let over: Vec<_> =
            self.jobs.iter().filter(|(id, job)| job.is_dropped && is_over(id)).map(|(id, _)| *id).collect();
        for job in over {
            let LocalJob { directory, .. } = self.jobs.remove(&job).expect("it is here");
            self.command(ShuffleCommand::Forget { job, directory });
        }
    }

    fn outputs_told(&mut self, job: JobId, start: u64, entries: Vec<OutputEntry>) {
        let Some(local) = self.jobs.get_mut(&job).filter(|local| !local.is_dropped) else { return };
        let Some(cursor) = local.cursor else { return };
        if start > cursor {
            probe!("a page of outputs is missing");
            // A page is missing: ask again from where this worker is.
            return self.tell_manager(&FromWorker::PullOutputs { job, cursor });
        }
        let known = (cursor - start) as usize;
        if known > 0 {
            probe!("a page of outputs comes twice");
        }
        let cursor = cursor.max(start + entries.len() as u64);
        local.cursor = Some(cursor);
        for entry in entries.into_iter().skip(known) {
            let OutputEntry { map_index, location } = entry;
            let local = self.jobs.get_mut(&job).expect("it is here");
            for lacking in local.unfetchable.values_mut() {
                lacking.retain(|map, _| map.task.index() != map_index);
            }
            self.command(ShuffleCommand::Locate { job, map_index, location });
        }
        self.tell_manager(&FromWorker::PullOutputs { job, cursor });
    }

    /// Has every job's log of map outputs told anew: another life of the Manager keeps another.
    pub(super) fn pull_from_the_beginning(&mut self) {
        for local in self.jobs.values_mut() {
            local.cursor = local.cursor.map(|_| 0);
        }
    }

    /// Asks again, after a registration, for what was being waited for.
    pub(super) fn resume_pulling(&mut self) {
        let mut messages = Vec::new();
        for (job, local) in self.jobs.iter().filter(|(_, local)| !local.is_dropped) {
            messages.extend(local.cursor.map(|cursor| FromWorker::PullOutputs { job: *job, cursor }));
            for (attempt, lacking) in &local.unfetchable {
                messages.extend(lacking.iter().map(|(map, cause)| {
                    let (attempt, map, cause) = (*attempt, *map, cause.clone());
                    FromWorker::Unfetchable { attempt, map, cause }
                }));
            }
        }
        for message in messages {
            self.tell_manager(&message);
        }
    }

    pub(super) fn shuffle_reported(&mut self, report: ShuffleReport) {
        match report {
            ShuffleReport::Progress { attempt, runs } => {
                if let Some(local) = self.attempts.get_mut(attempt) {
                    local.runs_gathered = runs;
                    self.note_news(attempt);
                }
            }
            ShuffleReport::Gathered { attempt, runs, fetched_bytes } => {
                let Some(local) = self.attempts.get_mut(attempt) else { return };
                if let LocalStage::Gathering = local.stage {
                    local.runs_gathered = runs.len() as u32;
                    local.counters.fetched_bytes = fetched_bytes;
                    local.stage = LocalStage::Gathered { runs, fetched_bytes };
                    self.tell_manager(&FromWorker::Gathered { attempt });
                }
            }
            ShuffleReport::Unfetchable { attempt, map, mut cause } => {
                bound_cause(&mut cause);
                if !self.attempts.get_mut(attempt).is_some_and(|local| is_gathering(local)) {
                    return;
                }
                let job = self.jobs.get_mut(&attempt.job).expect("an attempt belongs to a job");
                job.unfetchable.entry(attempt).or_default().insert(map, cause.clone());
                self.tell_manager(&FromWorker::Unfetchable { attempt, map, cause });
            }
            ShuffleReport::Failed { attempt, mut cause } => {
                probe!("a gathering fails");
                bound_cause(&mut cause);
                if self.attempts.get_mut(attempt).is_some_and(|local| is_gathering(local)) {
                    self.forget_lacking(attempt);
                    self.report_end(attempt, AttemptResult::Failed(Failure::new(cause).into()));
                }
            }
            ShuffleReport::Forgotten { job } => {
                let directory = self.config.scratch.join(format!("job-{job}"));
                self.request(WorkerRequest::Notice(WorkerNotice::JobDropped(directory)));
            }
        }
    }

    /// Ends what is gathered for a reduce attempt, and what is told of it.
    fn abandon(&mut self, id: AttemptId) {
        self.forget_lacking(id);
        self.command(ShuffleCommand::Abandon { attempt: id });
    }

    fn forget_lacking(&mut self, id: AttemptId) {
        if let Some(job) = self.jobs.get_mut(&id.job) {
            job.unfetchable.remove(&id);
        }
    }

    fn command(&mut self, command: ShuffleCommand) {
        self.request(WorkerRequest::Shuffle(command));
    }
}

fn is_gathering(attempt: &LocalAttempt) -> bool {
    matches!(attempt.stage, LocalStage::Gathering) && !attempt.is_dropped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Epoch, Incarnation, Partition, TaskId};
    use crate::job::{CommandLine, JobSpecification, Staging};
    use crate::wire::message::JobOrder;
    use crate::worker::WorkerConfig;
    use core::net::{IpAddr, Ipv4Addr, SocketAddr};

    fn attempt(task: TaskId) -> AttemptId {
        AttemptId { job: JobId(1), task, epoch: Epoch(1), number: 0 }
    }

    /// A worker with two reduces that cannot have the run of one map.
    fn lacking() -> Worker {
        let mut worker = Worker::new(WorkerConfig {
            cluster: "c".into(),
            manager: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9),
            incarnation: Incarnation(1),
            host: "h".into(),
            slots: 1,
            shuffle_address: None,
            sort_bytes: 1,
            scratch: PathBytes::from("/scratch"),
            seed: 1,
        });
        let specification = JobSpecification {
            name: "n".into(),
            inputs: Vec::new(),
            output: PathBytes::from("/out"),
            mapper: CommandLine { words: Vec::new() },
            reducer: Some(CommandLine { words: Vec::new() }),
            reducers: 2,
            split_bytes: 1,
            directory: PathBytes::from("/"),
            sync: true,
            ..JobSpecification::default()
        };
        for index in 0..2 {
            let job = JobOrder {
                specification: specification.clone(),
                staging: Staging::beside(&PathBytes::from("/out"), 1),
                nonce: 1,
            };
            let task = TaskOrder::Reduce { partition: Partition(index), maps: 1 };
            worker.launch(LaunchOrder { attempt: attempt(TaskId::Reduce(index)), job, task });
            worker.shuffle_reported(lacks(index));
        }
        worker
    }

    fn lacks(reduce: u32) -> ShuffleReport {
        let map = attempt(TaskId::Map(0));
        let cause = Cause::RunCorrupt { map };
        ShuffleReport::Unfetchable { attempt: attempt(TaskId::Reduce(reduce)), map, cause }
    }

    fn lacking_reduces(worker: &Worker) -> Vec<AttemptId> {
        worker.jobs[&JobId(1)].unfetchable.keys().copied().collect()
    }

    #[test]
    fn what_a_reduce_lacked_is_forgotten_with_it_and_only_with_it() {
        let [first, second] = [0, 1].map(|index| attempt(TaskId::Reduce(index)));
        assert_eq!(lacking_reduces(&lacking()), [first, second]);
        for is_killed in [true, false] {
            let mut worker = lacking();
            if is_killed {
                worker.kill(second)
            } else {
                worker.drop_attempt(second)
            }
            assert_eq!(lacking_reduces(&worker), [first]);
            worker.shuffle_reported(lacks(1));
            assert_eq!(lacking_reduces(&worker), [first], "a report that comes late is of nobody");
        }
    }
}
