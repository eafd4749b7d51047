//! The world: owns the processes of a scenario and what they live in, and runs events until all is over.
//!
//! A run: cluster and clients start and faults strike; the core of the cluster is healed; every client hears how its job
//! ended; then all is healed, the world settles and is looked at; then a client shuts the cluster down, whoever missed it is
//! told to stop, and nothing may be left.

mod attempt;
mod client;
mod environment;
mod faults;
mod happening;
mod journal;
mod judging;
mod machines;
mod manager;
mod operators;
mod start;
mod storage;
mod stranger;
mod triggers;
mod worker;

pub use faults::Struck;
pub use machines::{CoreMachines, Machines};

use crate::checker::history::job_of;
use crate::checker::{self, Due, Heard, History, Violation};
use crate::disk::FileSystem;
use crate::names::{Host, ProcessId};
use crate::network::{Farewell, Network};
use crate::operators::Operator;
use crate::scenario::{Pace, Scenario, Trigger};
use crate::schedule::Schedule;
use crate::show::{Observer, Sight};
use crate::stream::Stream;
use crate::trace::{Trace, Transcript};
use client::ClientProcess;
use environment::{Computer, Cue, Environment, Event, ManagerOccurrence};
use journal::JournalDisk;
use manager::ManagerProcess;
use std::collections::{BTreeMap, BTreeSet};
use storage::shared_storage;
use stranger::Stranger;
use triggers::Triggers;
use windrow_core::client::{ClientReport, ClientTask};
use windrow_core::job::JobReport;
use windrow_core::limits::FETCHER_IDLE_US;
use windrow_core::time::{SECOND_US, Time};
use windrow_core::worker::WorkerInput;
use worker::WorkerProcess;

/// How long after the core is healed every job must have ended, where nobody is slow.
const LIVENESS_US: u64 = 600 * SECOND_US;
/// How long by anybody's clock, beyond two leases, the world is left alone before it is looked at: longer than anyone waits
/// for a peer that died in silence.
const SETTLE_US: u64 = FETCHER_IDLE_US + 5 * SECOND_US;
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

/// Who watches a run, and sees what; it changes nothing.
#[derive(Default)]
pub struct Watch {
    /// Takes every step of every machine as a line.
    pub transcript: Option<Transcript>,
    /// Takes what can be drawn.
    pub observer: Option<Observer>,
}

/// A world.
pub struct World<M: Machines> {
    scenario: Scenario,
    environment: Environment,
    processes: BTreeMap<ProcessId, Process<M>>,
    lives: BTreeMap<Host, u32>,
    /// Events of stopped processes, in the order in which they are to come.
    paused: BTreeMap<Host, Vec<Event>>,
    /// Hosts whose process was told to stop, and after how long they start another.
    returning: BTreeMap<Host, u64>,
    /// Who speaks to the cluster and does not belong to it.
    strangers: BTreeMap<ProcessId, Stranger>,
    /// How many of their acts operators have done, by their clients.
    acts: BTreeMap<u16, u32>,
    /// Clients that have not heard their end.
    awaited: BTreeSet<Host>,
    history: History,
    due: Due,
    /// How many records of the last journal were looked at.
    records_seen: usize,
    triggers: Triggers,
    struck: Vec<Struck>,
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
    pub faults: Vec<Struck>,
    /// Changes of disks by each host: what a crash can be planned at.
    pub writes: BTreeMap<Host, u64>,
    /// Messages taken, by kind, where messages were known.
    pub messages: BTreeMap<crate::network::MessageKind, u64>,
    /// What every client told its user.
    pub heard: Vec<Heard>,
    /// The marks of rare branches that machines came by.
    pub probes: BTreeSet<&'static str>,
    /// What should never be, and was.
    pub violations: Vec<Violation>,
}

impl Outcome {
    /// How jobs ended, as each client that heard of it did.
    pub fn job_reports(&self) -> impl Iterator<Item = &JobReport> {
        self.heard.iter().filter_map(|heard| checker::end_of(&heard.reports))
    }
}

impl<M: Machines> World<M> {
    /// The world of a scenario, before anything has happened.
    ///
    /// # Panics
    /// If the scenario makes no sense.
    pub fn new(scenario: Scenario, watch: Watch) -> World<M> {
        scenario.check().expect("a world is made of a scenario that makes sense");
        let seed = scenario.seed;
        let triggers = Triggers::new(&scenario);
        let mut environment = Environment {
            schedule: Schedule::default(),
            network: Network::new(seed, scenario.network.clone()),
            shared: shared_storage(&scenario),
            computers: BTreeMap::new(),
            trace: Trace::new(watch.transcript),
            journal: JournalDisk::default(),
            given_up: Vec::new(),
            observer: watch.observer,
        };
        if triggers.need_messages() || environment.observer.is_some() {
            environment.network.tap();
        }
        let jobs = scenario.jobs.len() as u16;
        let mut awaited = BTreeSet::new();
        let mut cues = vec![(scenario.manager.start_us, Cue::StartManager), (scenario.heal_us, Cue::Heal)];
        environment.add_computer(seed, Host::Manager, &scenario.manager.pace);
        for (index, worker) in (0..).zip(&scenario.workers) {
            environment.add_computer(seed, Host::Worker(index), &worker.pace);
            cues.push((worker.start_us, Cue::StartWorker(index)));
        }
        for (index, job) in (0..).zip(&scenario.jobs) {
            let again = job.again_after_us.map(|us| (jobs + 1 + index, job.submit_us + us));
            for (client, start_us) in [(index, job.submit_us)].into_iter().chain(again) {
                awaited.insert(Host::Client(client));
                cues.push((start_us, Cue::StartClient(client)));
            }
        }
        for (index, drain) in scenario.drains.iter().enumerate() {
            let client = scenario.client_of(Operator::Drainer(index));
            awaited.insert(Host::Client(client));
            cues.push((drain.at_us, Cue::StartClient(client)));
        }
        for client in 0..scenario.clients() {
            environment.add_computer(seed, Host::Client(client), &scenario.manager.pace);
        }
        for (index, planned) in scenario.faults.iter().enumerate() {
            if let Trigger::At { us } = planned.trigger {
                cues.push((us, Cue::Fault(index)));
            }
        }
        for (at_us, cue) in cues {
            environment.schedule.at(Time::from_us(at_us), Event::Cue(cue));
        }
        let slowest = scenario.slowest();
        World {
            environment,
            processes: BTreeMap::new(),
            lives: BTreeMap::new(),
            paused: BTreeMap::new(),
            returning: BTreeMap::new(),
            strangers: BTreeMap::new(),
            acts: BTreeMap::new(),
            awaited,
            due: Due::default(),
            history: History::new(&scenario),
            records_seen: 0,
            triggers,
            struck: Vec::new(),
            fault_stream: faults::stream(seed),
            phase: Phase::Working,
            deadline: Time::from_us(scenario.heal_us + LIVENESS_US * u64::from(slowest)),
            violations: Vec::new(),
            scenario,
        }
    }

    /// Runs to the end, or to where it should have come.
    pub fn run(mut self) -> Outcome {
        let mut events = 0;
        if self.awaited.is_empty() {
            self.all_have_heard();
        }
        while let Some(event) = self.environment.schedule.pop() {
            events += 1;
            let now = self.environment.now();
            if now > self.deadline || events > EVENTS_MAX {
                let detail = format!("{:?} at {} us after {events} events", self.phase, now.as_us());
                self.violations.push(Violation::new(checker::EVERY_RUN_ENDS, detail));
                break;
            }
            self.happen(event);
            if !self.violations.is_empty() || self.phase == Phase::Terminating && self.processes.is_empty() {
                break;
            }
        }
        if self.violations.is_empty() {
            self.judge_the_end();
        }
        Outcome {
            trace_hash: self.environment.trace.hash(),
            elapsed_us: self.environment.now().as_us(),
            events,
            steps: self.environment.trace.steps(),
            faults: self.struck,
            writes: self.triggers.writes().clone(),
            messages: self.triggers.messages().clone(),
            heard: self.history.heard,
            probes: BTreeSet::new(),
            violations: self.violations,
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
                self.client_over(process, &client);
                if let Some(us) = self.comes_back_us(process, &client) {
                    self.start_user_later(process.host, us);
                } else {
                    self.awaited.remove(&process.host);
                    self.client_ended(process);
                }
            }
            Some(Process::Worker(worker)) => {
                let scratch = worker.scratch().clone();
                worker.vanish(&mut self.environment);
                let removed = self.environment.computer(process.host).scratch.remove_tree(&scratch);
                removed.expect("a worker that stops removes its scratch");
                if let Some(us) = self.returning.remove(&process.host) {
                    self.start_later(process.host, us);
                }
            }
            Some(Process::Manager(_)) => {
                if let Some(us) = self.returning.remove(&process.host) {
                    self.start_later(process.host, us);
                }
            }
            None => {}
        }
    }

    fn end_process(&mut self, process: ProcessId, farewell: Farewell) -> Option<Process<M>> {
        let Environment { network, schedule, trace, .. } = &mut self.environment;
        let (at, how) = (schedule.now(), format!("{farewell:?}"));
        trace.remark(at, &format!("{process} is no more ({how})"));
        network.end_process(process, farewell, schedule);
        self.environment.see(|| Sight::Ended { at, process, how });
        self.processes.remove(&process)
    }

    /// Keeps what a client told its user.
    fn client_over(&mut self, process: ProcessId, client: &ClientProcess<M::Client>) {
        let heard = self.history.heard.iter_mut().find(|heard| heard.client == process);
        let heard = heard.expect("a client that is over had begun");
        heard.reports = client.reports().to_vec();
        heard.over = Some(self.environment.schedule.now());
        heard.news = client.news();
    }

    /// A client was killed; its user comes back, and submits the same job under the same key.
    fn client_crashed(&mut self, process: ProcessId, client: &ClientProcess<M::Client>) {
        self.client_over(process, client);
        self.start_user_later(process.host, SECOND_US);
    }

    /// How long after a client is over its user starts another, if he does: an operator who has more to ask, a user who has left
    /// his job, and one whose client has lost its patience earlier than others would have.
    fn comes_back_us(&mut self, process: ProcessId, client: &ClientProcess<M::Client>) -> Option<u64> {
        let Host::Client(index) = process.host else { panic!("{process} has no user") };
        if let Some(operator) = self.scenario.operator(index) {
            return self.next_act_us(index, operator);
        }
        let job = &self.scenario.jobs[job_of(process, &self.scenario)?];
        let last = client.last_report()?;
        if let ClientReport::Left(_) = last {
            return job.attention.wait_after_us;
        }
        (checker::lost_the_manager(last) && job.is_impatient()).then_some(SECOND_US)
    }

    fn start_user_later(&mut self, host: Host, after_us: u64) {
        let Host::Client(index) = host else { panic!("{host} has no user") };
        self.environment.schedule.after(after_us, Event::Cue(Cue::StartClient(index)));
    }

    fn client_ended(&mut self, client: ProcessId) {
        match self.phase {
            Phase::Working if self.awaited.is_empty() => self.all_have_heard(),
            Phase::ShuttingDown if job_of(client, &self.scenario).is_none() => {
                self.go_on_to(Phase::Terminating, Cue::Terminate, TERMINATE_US);
            }
            Phase::Working | Phase::Settling | Phase::ShuttingDown | Phase::Terminating => {}
        }
    }

    fn all_have_heard(&mut self) {
        self.heal_core();
        self.heal_all();
        let settle_us = self.scenario.at_the_most_us(2 * self.scenario.manager.lease_us + SETTLE_US);
        self.go_on_to(Phase::Settling, Cue::Settled, settle_us);
    }

    fn go_on_to(&mut self, phase: Phase, cue: Cue, after_us: u64) {
        self.phase = phase;
        self.deadline = self.environment.now().after(after_us + LIVENESS_US);
        self.environment.schedule.after(after_us, Event::Cue(cue));
    }

    fn cue(&mut self, cue: Cue) {
        match cue {
            Cue::StartManager => self.start_manager(),
            Cue::StartWorker(index) => self.start_worker(index),
            Cue::StartClient(index) => self.start_user(index),
            Cue::Fault(index) => {
                if self.phase == Phase::Working && self.environment.now().as_us() <= self.scenario.heal_us {
                    self.strike(index);
                }
            }
            Cue::Lift(index) => self.lift(index),
            Cue::Heal => {
                if self.phase == Phase::Working {
                    self.heal_core();
                }
            }
            Cue::Settled => {
                self.judge_the_rest();
                self.send_strangers_away();
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
}

impl Environment {
    fn add_computer(&mut self, seed: u64, host: Host, pace: &Pace) {
        let computer = Computer {
            scratch: FileSystem::default(),
            other: FileSystem::default(),
            instead: None,
            disk: Stream::new(seed, &format!("disk of {host}")),
            processor: Stream::new(seed, &format!("processor of {host}")),
            pace: pace.clone(),
            slowed: 1,
        };
        self.computers.insert(host, computer);
    }
}

#[cfg(test)]
mod tests;
