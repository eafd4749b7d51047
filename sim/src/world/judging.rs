//! Where a run is looked at: gathers what the checker judges by, at the moments at which it judges.

use super::environment::Environment;
use super::{Machines, Process, World};
use crate::checker::history::job_of;
use crate::checker::{self, Evidence, Violation, WorkerAtRest};
use crate::names::{Host, Part, ProcessId};
use crate::scenario::{DiskName, Fault};

/// A machine that is not woken when it wanted to be hangs, and nobody knows why.
const NO_TIMER_IS_DUE: &str = "no timer is due at rest";

impl<M: Machines> World<M> {
    fn judge(&mut self, look: impl FnOnce(&Evidence<'_>) -> Vec<Violation>) {
        let struck = self.struck.iter().map(|struck| struck.kind).collect();
        let storage_failed = self.has_failed(|disk| disk == DiskName::Shared);
        let capable = DiskName::Scratch(self.scenario.capable);
        for (job, setting) in self.scenario.jobs.iter().enumerate() {
            if !setting.output_is_taken() && self.environment.shared.exists(&setting.output) {
                self.due.compute(job, setting, &self.history.inputs[job]);
            }
        }
        let evidence = Evidence {
            scenario: &self.scenario,
            history: &self.history,
            struck: &struck,
            storage_failed,
            capable_scratch_failed: self.has_failed(|disk| disk == capable),
            given_up: &self.environment.given_up,
            due: &self.due,
            shared: &self.environment.shared,
            journal: self.environment.journal.lives(),
        };
        let found = look(&evidence);
        self.violations.extend(found);
    }

    /// Whether a fault of such a disk has struck.
    fn has_failed(&self, which: impl Fn(DiskName) -> bool) -> bool {
        let has_struck = |fault: &Fault| self.struck.iter().any(|struck| struck.kind == fault.kind());
        self.scenario
            .faults
            .iter()
            .any(|planned| planned.fault.refusing_disk().is_some_and(&which) && has_struck(&planned.fault))
    }

    /// After something happened to a process: looks at what it told its user, and at outputs that were not there before.
    pub(super) fn look(&mut self, process: ProcessId) {
        match process.host {
            Host::Client(_) => {
                let Some(Process::Client(client)) = self.processes.get_mut(&process) else { return };
                let journal = self.environment.journal.lives();
                let said = client.new_reports().to_vec();
                let lies = said.iter().filter_map(|said| checker::what_is_said_is_durable(said, journal));
                self.violations.extend(lies);
                match job_of(process, &self.scenario) {
                    Some(job) => self.accepted(job, &said),
                    None => self.drain_told(&said),
                }
            }
            Host::Manager => {
                let records = self.environment.journal.lives().iter().map(Vec::len).sum();
                let seen = std::mem::replace(&mut self.records_seen, records);
                if records != seen {
                    self.judge(|evidence| checker::when_records_are_durable(evidence, seen));
                }
                for job in 0..self.scenario.jobs.len() {
                    let setting = &self.scenario.jobs[job];
                    let is_seen = self.history.output_seen[job].is_some() || setting.output_is_taken();
                    let shared = &self.environment.shared;
                    if !shared.exists(&setting.output) {
                        if setting.old_output().is_some() {
                            self.judge(|evidence| checker::while_an_output_is_missing(evidence, job));
                        }
                    } else if !is_seen && !checker::shows_the_old_output(setting, shared) {
                        self.history.output_seen[job] = Some(self.environment.now());
                        self.judge(|evidence| checker::when_an_output_appears(evidence, job));
                    }
                }
            }
            Host::Worker(index) => {
                self.count_begun(process);
                if index == self.scenario.capable && self.history.capable_registered.is_none() {
                    let Some(Process::Worker(worker)) = self.processes.get(&process) else { return };
                    self.history.capable_registered = worker.is_registered().then(|| self.environment.now());
                }
            }
        }
    }

    /// Every client has heard its end, and time has passed.
    pub(super) fn judge_the_rest(&mut self) {
        let (now, mut workers, mut overdue) = (self.environment.now(), Vec::new(), Vec::new());
        let Environment { network, computers, .. } = &self.environment;
        for (process, running) in &self.processes {
            match running {
                Process::Worker(worker) => {
                    overdue.extend(worker.overdue(now));
                    workers.push(WorkerAtRest {
                        worker: *process,
                        attempts: worker.attempts().collect(),
                        files: computers[&process.host].scratch.tree(worker.scratch()),
                        shuffle_connections: {
                            let shuffle = process.actor(Part::Shuffle);
                            network.open_ends().filter(|(actor, _)| *actor == shuffle).count()
                        },
                    });
                }
                Process::Manager(manager) => overdue.extend(manager.overdue(now)),
                Process::Client(_) => {}
            }
        }
        let managers = network.open_ends().filter(|(actor, _)| actor.process.host == Host::Manager).count();
        if !overdue.is_empty() {
            self.violations.push(Violation::new(NO_TIMER_IS_DUE, format!("{overdue:?}")));
        }
        self.judge(|evidence| checker::at_rest(evidence, &workers, managers));
    }

    /// All is over.
    pub(super) fn judge_the_end(&mut self) {
        let left: Vec<String> = self.processes.keys().map(ToString::to_string).collect();
        let open: Vec<String> =
            self.environment.network.open_ends().map(|(actor, name)| format!("{actor}: {name}")).collect();
        let lives = self.environment.journal.lives();
        self.violations.extend(checker::each_life_goes_on_where_the_last_one_ended(lives));
        self.judge(|evidence| checker::at_the_end(evidence, &left, &open));
    }
}
