//! One event: owns whom it happens to, what it sets off, and how much of it is done for a process that dies in its middle.

use super::environment::{Environment, Event, ShuffleOccurrence};
use super::worker::WorkerProcess;
use super::{Machines, Process, World};
use crate::names::{Part, ProcessId};
use crate::network::Delivery;
use crate::scenario::Moment;

impl<M: Machines> World<M> {
    /// Lets an event happen, and what it sets off.
    pub(super) fn happen(&mut self, event: Event) {
        for fault in self.triggers.event() {
            self.strike(fault);
        }
        let process = event.process(&self.environment.network);
        if let Some(held) = process.and_then(|process| self.paused.get_mut(&process.host)) {
            return held.push(event);
        }
        let mut after = Vec::new();
        if let Some(process) = process.filter(|_| self.writes(&event)) {
            for (fault, moment) in self.triggers.write(process.host) {
                let kills = self.scenario.faults[fault].fault.kills(process.host);
                match moment {
                    Moment::Before => self.strike(fault),
                    Moment::During | Moment::After if kills => {
                        self.do_unheard(&event, moment);
                        self.strike(fault);
                    }
                    Moment::During | Moment::After => after.push(fault),
                }
            }
        }
        self.perform(event, &mut after);
        for fault in after {
            self.strike(fault);
        }
        if let Some(process) = process {
            self.look(process);
            self.reap(process);
        }
    }

    fn perform(&mut self, event: Event, after: &mut Vec<usize>) {
        match event {
            Event::Cue(cue) => self.cue(cue),
            Event::Network(occurrence) => {
                let Environment { network, schedule, .. } = &mut self.environment;
                let delivery = network.happen(occurrence, schedule);
                let heard = network.heard();
                for message in heard {
                    for (fault, moment) in self.triggers.message(message.kind) {
                        match moment {
                            Moment::Before | Moment::During => self.strike(fault),
                            Moment::After => after.push(fault),
                        }
                    }
                    self.environment.see(|| message.into());
                }
                if let Some((actor, delivery)) = delivery {
                    self.deliver(actor.process, actor.part, delivery);
                }
            }
            Event::Wake(actor) => match self.processes.get_mut(&actor.process) {
                Some(Process::Manager(manager)) => manager.wake(&mut self.environment),
                Some(Process::Worker(worker)) => worker.wake(actor.part, &mut self.environment),
                Some(Process::Client(client)) => client.wake(&mut self.environment),
                None => {}
            },
            Event::Manager(process, occurrence) => {
                if let Some(Process::Manager(manager)) = self.processes.get_mut(&process) {
                    manager.happen(occurrence, &mut self.environment);
                }
            }
            Event::Worker(process, input) => {
                if let Some(worker) = self.worker(process) {
                    worker.0.input(input, worker.1);
                }
            }
            Event::Shuffle(process, occurrence) => {
                if let Some(worker) = self.worker(process) {
                    worker.0.shuffle(occurrence, worker.1);
                }
            }
            Event::Attempt(process, attempt, occurrence) => {
                if let Some(worker) = self.worker(process) {
                    worker.0.attempt(attempt, occurrence, worker.1);
                }
            }
            Event::Client(process, input) => {
                if let Some(Process::Client(client)) = self.processes.get_mut(&process) {
                    client.input(input, &mut self.environment);
                }
            }
        }
    }

    /// Whether an event is that a process's disk does something that lasts.
    fn writes(&self, event: &Event) -> bool {
        match event {
            Event::Manager(process, occurrence) => match self.processes.get(process) {
                Some(Process::Manager(manager)) => manager.writes(*occurrence),
                Some(Process::Worker(_) | Process::Client(_)) | None => false,
            },
            Event::Shuffle(process, occurrence) => match self.processes.get(process) {
                Some(Process::Worker(worker)) => worker.shuffle_writes(occurrence),
                Some(Process::Manager(_) | Process::Client(_)) | None => false,
            },
            Event::Attempt(process, attempt, occurrence) => match self.processes.get(process) {
                Some(Process::Worker(worker)) => worker.attempt_writes(*attempt, *occurrence),
                Some(Process::Manager(_) | Process::Client(_)) | None => false,
            },
            Event::Cue(_) | Event::Network(_) | Event::Wake(_) | Event::Worker(..) | Event::Client(..) => {
                false
            }
        }
    }

    /// Lets a disk do what is asked of it, or a part of that, for a process that dies before it is told.
    fn do_unheard(&mut self, event: &Event, moment: Moment) {
        let environment = &mut self.environment;
        match event {
            Event::Manager(process, occurrence) => {
                if let Some(Process::Manager(manager)) = self.processes.get_mut(process) {
                    manager.do_unheard(*occurrence, moment, environment);
                }
            }
            Event::Shuffle(process, ShuffleOccurrence::DiskDone) => {
                if let Some(Process::Worker(worker)) = self.processes.get_mut(process) {
                    worker.shuffle_unheard(moment, environment);
                }
            }
            Event::Attempt(process, attempt, _) => {
                if let Some(Process::Worker(worker)) = self.processes.get_mut(process) {
                    worker.attempt_unheard(*attempt, moment, environment);
                }
            }
            Event::Cue(_)
            | Event::Network(_)
            | Event::Wake(_)
            | Event::Worker(..)
            | Event::Shuffle(_, ShuffleOccurrence::Command(_))
            | Event::Client(..) => unreachable!("it changes no disk"),
        }
    }

    fn worker(&mut self, process: ProcessId) -> Option<(&mut WorkerProcess<M>, &mut Environment)> {
        match self.processes.get_mut(&process) {
            Some(Process::Worker(worker)) => Some((worker, &mut self.environment)),
            Some(Process::Manager(_) | Process::Client(_)) | None => None,
        }
    }

    /// Hands over what the network has, unless a fault has just ended whom it is for.
    fn deliver(&mut self, process: ProcessId, part: Part, delivery: Delivery) {
        match self.processes.get_mut(&process) {
            Some(Process::Manager(manager)) => manager.deliver(delivery, &mut self.environment),
            Some(Process::Worker(worker)) => worker.deliver(part, delivery, &mut self.environment),
            Some(Process::Client(client)) => client.deliver(delivery, &mut self.environment),
            None => self.stranger_hears(process, delivery),
        }
    }
}
