//! The world: owns the processes of a scenario and what they live in, and runs events until all is over.
//!
//! A run: cluster and clients start, faults strike, every client hears how its job ended; then the world settles and is
//! looked at; then a client shuts the cluster down, whoever missed it is told to stop, and nothing may be left.

mod attempt;
mod client;
mod environment;
mod faults;
mod machines;
mod manager;
mod start;
mod worker;

pub use machines::{CoreMachines, Machines};

use crate::checker::{self, Violation, WorkerAtRest};
use crate::disk::FileSystem;
use crate::names::{Host, Part, ProcessId};
use crate::network::{Delivery, Farewell, Network};
use crate::scenario::{Pace, Scenario};
use crate::schedule::Schedule;
use crate::stream::Stream;
use crate::trace::{Trace, Transcript};
use crate::workload::HOME;
use client::ClientProcess;
use environment::{Computer, Cue, Environment, Event, ManagerOccurrence};
use manager::ManagerProcess;
use std::collections::BTreeMap;
use windrow_core::client::{ClientInput, ClientReport, ClientTask};
use windrow_core::ids::SubmissionKey;
use windrow_core::job::{JobReport, PathBytes};
use windrow_core::time::{SECOND_US, Time};
use windrow_core::worker::WorkerInput;
use worker::WorkerProcess;

/// How long after the last fault every job must have ended.
const LIVENESS_US: u64 = 600 * SECOND_US;
/// How long, beyond two leases, the world is left alone before it is looked at.
const SETTLE_US: u64 = 30 * SECOND_US;
/// How long whoever misses the shutdown may go on.
const TERMINATE_US: u64 = 20 * SECOND_US;
/// Events of a run at the most: beyond it somebody does something for ever.
const EVENTS_MAX: u64 = 20_000_000;

enum Process<M: Machines> {
    Manager(ManagerProcess<M::Manager>),
    Worker(Box<WorkerProcess<M>>),
    Client(ClientProcess<M::Client>),
}

/// How far a run is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// Jobs run, or are to come.
    Working,
    /// Every client has heard how its job ended.
    Settling,
    /// The cluster is being shut down.
    ShuttingDown,
    /// Whoever still runs was told to stop.
    Terminating,
}

/// A world.
pub struct World<M: Machines> {
    scenario: Scenario,
    environment: Environment,
    processes: BTreeMap<ProcessId, Process<M>>,
    lives: BTreeMap<Host, u32>,
    reports: Vec<Vec<ClientReport>>,
    faults_struck: Vec<String>,
    fault_stream: Stream,
    phase: Phase,
    deadline: Time,
    violations: Vec<Violation>,
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The chained hash of all that happened.
    pub trace_hash: u64,
    /// What passed in the world.
    pub elapsed_us: u64,
    /// How many events happened.
    pub events: u64,
    /// How many steps machines took.
    pub steps: u64,
    /// The faults that found something to strike, in order.
    pub faults: Vec<String>,
    /// What every client told its user.
    pub reports: Vec<Vec<ClientReport>>,
    /// What should never be, and was.
    pub violations: Vec<Violation>,
}

impl Outcome {
    /// How the jobs ended whose clients heard of it.
    pub fn job_reports(&self) -> impl Iterator<Item = &JobReport> {
        self.reports.iter().filter_map(|reports| checker::end_of(reports))
    }
}

impl<M: Machines> World<M> {
    /// The world of a scenario, before anything has happened.
    pub fn new(scenario: Scenario, transcript: Option<Transcript>) -> World<M> {
        let seed = scenario.seed;
        let mut environment = Environment {
            schedule: Schedule::default(),
            network: Network::new(seed, scenario.network.clone()),
            shared: shared_storage(&scenario),
            computers: BTreeMap::new(),
            trace: Trace::new(transcript),
        };
        let mut cues = vec![(scenario.manager.start_us, Cue::StartManager)];
        environment.add_computer(seed, Host::Manager, &scenario.manager.pace);
        for (index, worker) in (0..).zip(&scenario.workers) {
            environment.add_computer(seed, Host::Worker(index), &worker.pace);
            cues.push((worker.start_us, Cue::StartWorker(index)));
        }
        for (index, job) in (0..).zip(&scenario.jobs) {
            environment.add_computer(seed, Host::Client(index), &scenario.manager.pace);
            cues.push((job.submit_us, Cue::StartClient(index)));
        }
        environment.add_computer(seed, Host::Client(scenario.jobs.len() as u16), &scenario.manager.pace);
        for (index, planned) in scenario.faults.iter().enumerate() {
            cues.push((planned.at_us, Cue::Fault(index)));
        }
        for (at_us, cue) in cues {
            environment.schedule.at(Time::from_us(at_us), Event::Cue(cue));
        }
        World {
            environment,
            processes: BTreeMap::new(),
            lives: BTreeMap::new(),
            reports: vec![Vec::new(); scenario.jobs.len() + 1],
            faults_struck: Vec::new(),
            fault_stream: Stream::new(seed, "what faults strike"),
            phase: Phase::Working,
            deadline: Time::from_us(scenario.faults_end_us() + LIVENESS_US),
            violations: Vec::new(),
            scenario,
        }
    }

    /// Runs to the end, or to where it should have come.
    pub fn run(mut self) -> Outcome {
        let mut events = 0;
        while let Some(event) = self.environment.schedule.pop() {
            events += 1;
            let now = self.environment.now();
            if now > self.deadline || events > EVENTS_MAX {
                let detail = format!("{:?} at {} us after {events} events", self.phase, now.as_us());
                self.violations.push(Violation::new(checker::EVERY_RUN_ENDS, detail));
                break;
            }
            self.happen(event);
            if self.phase == Phase::Terminating && self.processes.is_empty() {
                break;
            }
        }
        let left: Vec<String> = self.processes.keys().map(ToString::to_string).collect();
        let open: Vec<String> =
            self.environment.network.open_ends().map(|(actor, name)| format!("{actor}: {name}")).collect();
        self.violations.extend(checker::at_the_end(&self.scenario, &self.reports, &left, &open));
        Outcome {
            trace_hash: self.environment.trace.hash(),
            elapsed_us: self.environment.now().as_us(),
            events,
            steps: self.environment.trace.steps(),
            faults: self.faults_struck,
            reports: self.reports,
            violations: self.violations,
        }
    }

    fn happen(&mut self, event: Event) {
        let process = match event {
            Event::Cue(cue) => return self.cue(cue),
            Event::Network(occurrence) => {
                let Environment { network, schedule, .. } = &mut self.environment;
                let Some((actor, delivery)) = network.happen(occurrence, schedule) else { return };
                self.deliver(actor.process, actor.part, delivery);
                actor.process
            }
            Event::Wake(actor) => {
                match self.processes.get_mut(&actor.process) {
                    Some(Process::Manager(manager)) => manager.wake(&mut self.environment),
                    Some(Process::Worker(worker)) => worker.wake(actor.part, &mut self.environment),
                    Some(Process::Client(client)) => client.wake(&mut self.environment),
                    None => {}
                }
                actor.process
            }
            Event::Manager(process, occurrence) => {
                if let Some(Process::Manager(manager)) = self.processes.get_mut(&process) {
                    manager.happen(occurrence, &mut self.environment);
                }
                process
            }
            Event::Worker(process, input) => {
                if let Some(worker) = self.worker(process) {
                    worker.0.input(input, worker.1);
                }
                process
            }
            Event::Shuffle(process, occurrence) => {
                if let Some(worker) = self.worker(process) {
                    worker.0.shuffle(occurrence, worker.1);
                }
                process
            }
            Event::Attempt(process, attempt, occurrence) => {
                if let Some(worker) = self.worker(process) {
                    worker.0.attempt(attempt, occurrence, worker.1);
                }
                process
            }
            Event::Client(process, input) => {
                if let Some(Process::Client(client)) = self.processes.get_mut(&process) {
                    client.input(input, &mut self.environment);
                }
                process
            }
        };
        self.reap(process);
    }

    fn worker(&mut self, process: ProcessId) -> Option<(&mut WorkerProcess<M>, &mut Environment)> {
        match self.processes.get_mut(&process) {
            Some(Process::Worker(worker)) => Some((worker, &mut self.environment)),
            Some(Process::Manager(_) | Process::Client(_)) | None => None,
        }
    }

    fn deliver(&mut self, process: ProcessId, part: Part, delivery: Delivery) {
        match self.processes.get_mut(&process) {
            Some(Process::Manager(manager)) => manager.deliver(delivery, &mut self.environment),
            Some(Process::Worker(worker)) => worker.deliver(part, delivery, &mut self.environment),
            Some(Process::Client(client)) => client.deliver(delivery, &mut self.environment),
            None => panic!("the network delivers to {process}, which is no more"),
        }
    }

    /// Buries a process that has stopped by itself.
    fn reap(&mut self, process: ProcessId) {
        let over = match self.processes.get(&process) {
            Some(Process::Manager(manager)) => manager.is_over(),
            Some(Process::Worker(worker)) => worker.is_over(),
            Some(Process::Client(client)) => client.last_report().is_some(),
            None => false,
        };
        if !over {
            return;
        }
        match self.end_process(process, Farewell::Close) {
            Some(Process::Client(client)) => {
                let Host::Client(index) = process.host else { panic!("{process} is no client") };
                self.reports[usize::from(index)] = client.reports().to_vec();
                self.client_ended();
            }
            Some(Process::Worker(worker)) => {
                let scratch = worker.scratch().clone();
                worker.vanish(&mut self.environment);
                let removed = self.environment.computer(process.host).scratch.remove_tree(&scratch);
                removed.expect("a worker that stops removes its scratch");
            }
            Some(Process::Manager(_)) | None => {}
        }
    }

    fn end_process(&mut self, process: ProcessId, farewell: Farewell) -> Option<Process<M>> {
        let Environment { network, schedule, trace, .. } = &mut self.environment;
        trace.remark(schedule.now(), &format!("{process} is no more ({farewell:?})"));
        network.end_process(process, farewell, schedule);
        self.processes.remove(&process)
    }

    fn client_ended(&mut self) {
        let jobs = self.scenario.jobs.len();
        let (next_phase, cue, after_us) = match self.phase {
            Phase::Working if self.reports[..jobs].iter().all(|reports| !reports.is_empty()) => {
                let faults_left_us =
                    Time::from_us(self.scenario.faults_end_us()).since_us(self.environment.now());
                let settle_us = faults_left_us + 2 * self.scenario.manager.lease_us + SETTLE_US;
                (Phase::Settling, Cue::Settled, settle_us)
            }
            Phase::ShuttingDown => (Phase::Terminating, Cue::Terminate, TERMINATE_US),
            Phase::Working | Phase::Settling | Phase::Terminating => return,
        };
        self.phase = next_phase;
        self.deadline = self.environment.now().after(after_us + LIVENESS_US);
        self.environment.schedule.after(after_us, Event::Cue(cue));
    }

    fn cue(&mut self, cue: Cue) {
        match cue {
            Cue::StartManager => self.start_manager(),
            Cue::StartWorker(index) => self.start_worker(index),
            Cue::StartClient(index) => {
                let job = &self.scenario.jobs[usize::from(index)];
                let (specification, cancel_after_us) = (job.specification(), job.cancel_after_us);
                let key = SubmissionKey(self.draw(&format!("submission of client {index}")));
                let process = self.start_client(index, ClientTask::Submit { key, specification });
                if let Some(us) = cancel_after_us {
                    self.environment.schedule.after(us, Event::Client(process, ClientInput::Cancel));
                }
            }
            Cue::Fault(index) => self.strike(index),
            Cue::Settled => {
                self.look_at_rest();
                self.phase = Phase::ShuttingDown;
                self.start_client(self.scenario.jobs.len() as u16, ClientTask::Shutdown);
            }
            Cue::Terminate => self.terminate(),
        }
    }

    fn terminate(&mut self) {
        let left: Vec<ProcessId> = self.processes.keys().copied().collect();
        for process in left {
            let event = match process.host {
                Host::Manager => Event::Manager(process, ManagerOccurrence::Stop),
                Host::Worker(_) => Event::Worker(process, WorkerInput::Stop),
                Host::Client(_) => continue,
            };
            self.environment.schedule.after(0, event);
        }
    }

    fn look_at_rest(&mut self) {
        let mut workers = Vec::new();
        for (process, running) in &self.processes {
            if let Process::Worker(worker) = running {
                let scratch = &self.environment.computers[&process.host].scratch;
                workers.push(WorkerAtRest {
                    worker: *process,
                    attempts: worker.attempts().collect(),
                    files: scratch.tree(worker.scratch()),
                    shuffle_connections: {
                        let shuffle = process.actor(Part::Shuffle);
                        self.environment.network.open_ends().filter(|(actor, _)| *actor == shuffle).count()
                    },
                });
            }
        }
        let found = checker::at_rest(&self.scenario, &self.reports, &self.environment.shared, &workers);
        self.violations.extend(found);
    }
}

impl Environment {
    fn add_computer(&mut self, seed: u64, host: Host, pace: &Pace) {
        let computer = Computer {
            scratch: FileSystem::default(),
            disk: Stream::new(seed, &format!("disk of {host}")),
            processor: Stream::new(seed, &format!("processor of {host}")),
            pace: pace.clone(),
        };
        self.computers.insert(host, computer);
    }
}

/// The storage that all see, as it is before the world begins.
fn shared_storage(scenario: &Scenario) -> FileSystem {
    let mut shared = FileSystem::default();
    let mut directories = vec![PathBytes::from(HOME)];
    let jobs = &scenario.jobs;
    directories
        .extend(jobs.iter().filter_map(|job| job.inputs.first()?.split_name().map(|(parent, _)| parent)));
    directories
        .extend(jobs.iter().flat_map(|job| &job.files).filter_map(|file| Some(file.path.split_name()?.0)));
    directories.extend(jobs.iter().filter(|job| job.files.is_empty()).flat_map(|job| job.inputs.clone()));
    for directory in directories {
        shared.create_directories(&directory).expect("inputs are apart from each other");
    }
    for file in jobs.iter().flat_map(|job| &job.files) {
        shared.write_file(&file.path, &file.bytes, Time::ZERO).expect("its directory is there");
    }
    shared
}

#[cfg(test)]
mod tests;
