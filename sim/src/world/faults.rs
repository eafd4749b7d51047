//! How faults strike, and how they are lifted and healed: owns what each does to the world. Says what it found to strike,
//! for the trace and the report.

use super::environment::{Cue, Environment, Event, ManagerOccurrence};
use super::{Machines, Process, World};
use crate::disk::FileSystem;
use crate::names::{Host, ProcessId};
use crate::network::{Farewell, Weather};
use crate::scenario::{DiskName, Fault, FaultKind, InputChange};
use crate::stream::Stream;
use windrow_core::job::PathBytes;
use windrow_core::time::Time;
use windrow_core::worker::WorkerInput;

/// A fault that found something to strike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Struck {
    /// When, in the world's time.
    pub at: Time,
    /// Of which kind.
    pub kind: FaultKind,
    /// What happened to whom.
    pub text: String,
}

impl<M: Machines> World<M> {
    pub(super) fn strike(&mut self, index: usize) {
        let fault = self.scenario.faults[index].fault.clone();
        let Some(text) = self.strike_with(&fault) else { return };
        if fault.is_lifted()
            && let Some(us) = fault.lasts_us()
        {
            self.environment.schedule.after(us, Event::Cue(Cue::Lift(index)));
        }
        let now = self.environment.now();
        self.environment.trace.remark(now, &text);
        self.environment.see_fault(fault.hosts().first().copied(), &text);
        self.struck.push(Struck { at: now, kind: fault.kind(), text });
    }

    fn strike_with(&mut self, fault: &Fault) -> Option<String> {
        let Environment { network, schedule, .. } = &mut self.environment;
        let stream = &mut self.fault_stream;
        match fault {
            Fault::Crash { host, farewell, back_after_us } => {
                let process = self.crash(*host, *farewell)?;
                if let Some(us) = back_after_us {
                    self.start_later(*host, *us);
                }
                Some(format!("{process} crashes ({farewell:?})"))
            }
            Fault::Stop { worker, back_after_us } => {
                let process = self.process_on(Host::Worker(*worker))?;
                self.environment.schedule.after(0, Event::Worker(process, WorkerInput::Stop));
                self.returning.insert(process.host, *back_after_us);
                Some(format!("{process} is told to stop"))
            }
            Fault::Blackout { unsynced, back_after_us } => {
                let hosts: Vec<Host> = self.processes.keys().map(|process| process.host).collect();
                for host in &hosts {
                    self.crash(*host, Farewell::Silence);
                }
                for host in hosts {
                    self.start_later(host, *back_after_us);
                }
                self.environment.shared.crash(*unsynced, &mut self.fault_stream);
                Some(format!("the power fails: {unsynced:?}"))
            }
            Fault::Pause { host, .. } => {
                let process = self.process_on(*host)?;
                self.paused.entry(*host).or_default();
                Some(format!("{process} is stopped"))
            }
            Fault::Slow { host, times, .. } => {
                self.environment.computer(*host).slowed = *times;
                Some(format!("{host} is {times} times as slow"))
            }
            Fault::Cut { from, to, .. } => {
                network.cut(*from, *to);
                Some(format!("nothing gets from {from} to {to}"))
            }
            Fault::Trickle { from, to, bytes_per_ms, .. } => {
                network.slow(*from, *to, Some(*bytes_per_ms));
                Some(format!("{bytes_per_ms} bytes a millisecond get from {from} to {to}"))
            }
            Fault::ResetConnection { of } => {
                let (one, other) = network.reset_one(*of, stream, schedule)?;
                Some(format!("the connection of {one} and {other} is reset"))
            }
            Fault::HalfOpen => {
                let (one, other) = network.forget_one(stream)?;
                Some(format!("{one} has forgotten its connection with {other}"))
            }
            Fault::FlipOnWire => {
                let (one, other) = network.flip_one(stream)?;
                Some(format!("a bit is flipped between {one} and {other}"))
            }
            Fault::Weather { weather, .. } => {
                network.weather = *weather;
                Some(format!("{weather:?}"))
            }
            Fault::DiskFull { disk, after_bytes, makes_files, for_us: _ } => {
                let system = self.environment.disk(*disk);
                let files = if *makes_files {
                    system.limit_room_of_contents(*after_bytes);
                    ", and files without any"
                } else {
                    system.limit_room(Some(*after_bytes));
                    ""
                };
                Some(format!("{disk} takes {after_bytes} more bytes{files}"))
            }
            Fault::SyncFails { disk, times } => {
                self.environment.disk(*disk).fail_syncs(*times);
                Some(format!("{disk} fails to sync {times} times"))
            }
            Fault::ReadFails { disk, times } => {
                self.environment.disk(*disk).fail_reads(*times);
                Some(format!("{disk} fails to read {times} times"))
            }
            Fault::Rot { worker } => {
                let scratch = &mut self.environment.computer(Host::Worker(*worker)).scratch;
                let (path, offset) = scratch.rot(&PathBytes::from("/"), stream)?;
                Some(format!("a bit of byte {offset} of {path} on worker {worker} is flipped"))
            }
            Fault::LoseFile { worker } => {
                let scratch = &mut self.environment.computer(Host::Worker(*worker)).scratch;
                let path = scratch.lose(&PathBytes::from("/"), stream)?;
                Some(format!("{path} on worker {worker} is lost"))
            }
            Fault::StopManager { back_after_us } => {
                let process = self.process_on(Host::Manager)?;
                self.environment.schedule.after(0, Event::Manager(process, ManagerOccurrence::Stop));
                self.returning.insert(process.host, *back_after_us);
                self.history.manager_stopped(self.environment.schedule.now());
                Some(format!("{process} is told to stop"))
            }
            Fault::Stranger { host, says } => Some(self.let_a_stranger_speak(*host, *says)),
            Fault::LoseMount { worker, instead, back_after_us } => {
                let host = Host::Worker(*worker);
                if self.crash(host, Farewell::Silence).is_some() {
                    self.start_later(host, *back_after_us);
                }
                let computer = self.environment.computer(host);
                (computer.other, computer.instead) = (FileSystem::default(), Some(*instead));
                Some(format!("{host} comes up without the shared storage: {instead:?} is there"))
            }
            Fault::ChangeInput { job, change } => self.change_input(usize::from(*job), *change),
            Fault::Echo { worker, every_us } => {
                network.echo(Host::Worker(*worker), Host::Manager, *every_us);
                Some(format!("the last datagram of worker {worker} comes round every {every_us} us"))
            }
        }
    }

    fn change_input(&mut self, job: usize, change: InputChange) -> Option<String> {
        let Environment { shared, schedule, .. } = &mut self.environment;
        let versions = &mut self.history.inputs[job];
        let mut files = versions.last().expect("a job begins with inputs").clone();
        let count = files.len() as u64;
        let file = &mut files[(count > 0).then(|| self.fault_stream.below(count) as usize)?];
        file.bytes = change.contents(&file.bytes);
        let in_place = change != InputChange::Replaced;
        shared.change(&file.path, &file.stored(), in_place, schedule.now()).expect("an input is there");
        let text = format!("{} is changed: {change:?}", file.path);
        versions.push(files);
        Some(text)
    }

    /// Ends the process on a host, whatever it is at.
    pub(super) fn crash(&mut self, host: Host, farewell: Farewell) -> Option<ProcessId> {
        let process = self.process_on(host)?;
        match self.end_process(process, farewell) {
            Some(Process::Worker(worker)) => worker.vanish(&mut self.environment),
            Some(Process::Manager(manager)) => manager.vanish(&mut self.environment),
            Some(Process::Client(client)) => self.client_crashed(process, &client),
            None => {}
        }
        self.resume(host);
        Some(process)
    }

    pub(super) fn process_on(&self, host: Host) -> Option<ProcessId> {
        self.processes.keys().find(|process| process.host == host).copied()
    }

    pub(super) fn start_later(&mut self, host: Host, after_us: u64) {
        let cue = match host {
            Host::Manager => Cue::StartManager,
            Host::Worker(index) => Cue::StartWorker(index),
            // Users come back by themselves.
            Host::Client(_) => return,
        };
        self.environment.schedule.after(after_us, Event::Cue(cue));
    }

    /// A stopped process goes on: what came for it meanwhile comes now.
    pub(super) fn resume(&mut self, host: Host) {
        for event in self.paused.remove(&host).unwrap_or_default() {
            self.environment.schedule.after(0, event);
        }
    }

    /// What lasted has passed.
    pub(super) fn lift(&mut self, index: usize) {
        let Environment { network, schedule, .. } = &mut self.environment;
        match self.scenario.faults[index].fault {
            Fault::Pause { host, .. } => self.resume(host),
            Fault::Slow { host, .. } => self.environment.computer(host).slowed = 1,
            Fault::Cut { from, to, .. } => network.mend(from, to, schedule),
            Fault::Trickle { from, to, .. } => network.slow(from, to, None),
            Fault::Weather { .. } => network.weather = Weather::FAIR,
            Fault::DiskFull { disk, .. } => self.environment.disk(disk).limit_room(None),
            ref blow => unreachable!("{blow:?} is not lifted"),
        }
    }

    /// Heals the Manager, the capable worker and the clients, and all between them; the others stay as they are.
    pub(super) fn heal_core(&mut self) {
        let capable = Host::Worker(self.scenario.capable);
        let clients = (0..self.scenario.clients()).map(Host::Client);
        self.heal(clients.chain([Host::Manager, capable]).collect());
        self.start_manager();
        self.start_worker(self.scenario.capable);
    }

    /// Heals all that lives; who is dead stays so.
    pub(super) fn heal_all(&mut self) {
        self.heal(self.environment.computers.keys().copied().collect());
    }

    fn heal(&mut self, hosts: Vec<Host>) {
        let now = self.environment.now();
        self.environment.trace.remark(now, &format!("{} hosts are healed", hosts.len()));
        self.triggers.disarm();
        for host in &hosts {
            self.resume(*host);
            let computer = self.environment.computer(*host);
            (computer.slowed, computer.instead) = (1, None);
            computer.scratch.heal();
        }
        self.environment.shared.heal();
        let Environment { network, schedule, .. } = &mut self.environment;
        network.shelter(&hosts, schedule);
    }
}

impl Environment {
    fn disk(&mut self, disk: DiskName) -> &mut crate::disk::FileSystem {
        match disk {
            DiskName::Shared => &mut self.shared,
            DiskName::Scratch(worker) => &mut self.computer(Host::Worker(worker)).scratch,
        }
    }
}

/// What faults draw from to choose what they strike.
pub(super) fn stream(seed: u64) -> Stream {
    Stream::new(seed, "what faults strike")
}
