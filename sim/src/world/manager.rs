//! The Manager's process: owns its machine, its journal and its requests to the shared storage, done in order.

use super::environment::{Environment, Event, ManagerOccurrence};
use super::journal::JournalWriter;
use crate::disk::{is_durable_file_request, perform_file_request, perform_file_request_partly};
use crate::names::{Actor, Part, ProcessId};
use crate::network::Delivery;
use crate::node::{Clock, Driven};
use crate::scenario::Moment;
use std::collections::VecDeque;
use windrow_core::ids::OperationId;
use windrow_core::machine::Node;
use windrow_core::manager::files::FileRequest;
use windrow_core::manager::{ManagerInput, ManagerRequest};
use windrow_core::time::Time;

/// A Manager that runs.
#[derive(Debug)]
pub struct ManagerProcess<M> {
    process: ProcessId,
    driven: Driven<M>,
    journal: JournalWriter,
    operations: VecDeque<(OperationId, FileRequest)>,
    over: bool,
}

impl<M: Node<Local = ManagerInput, Request = ManagerRequest>> ManagerProcess<M> {
    /// Starts a process around a machine.
    pub fn start(
        process: ProcessId,
        clock: Clock,
        machine: M,
        journal: JournalWriter,
        environment: &mut Environment,
    ) -> ManagerProcess<M> {
        let actor = process.actor(Part::Control);
        let address = process.host.control_address();
        environment.network.listen(address, actor, &mut environment.schedule);
        environment.network.bind_datagrams(address, actor);
        let mut manager = ManagerProcess {
            process,
            driven: Driven::new(actor, clock, machine),
            journal,
            operations: VecDeque::new(),
            over: false,
        };
        let actions = manager.driven.begin(environment.now(), &mut environment.trace);
        let requests = environment.perform(&mut manager.driven, actions);
        manager.serve(requests, environment);
        manager
    }

    /// Whether it has stopped.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Takes what the network has for it.
    pub fn deliver(&mut self, delivery: Delivery, environment: &mut Environment) {
        let requests = environment.deliver(&mut self.driven, delivery);
        self.serve(requests, environment);
    }

    /// Wakes its machine, if it was promised.
    pub fn wake(&mut self, environment: &mut Environment) {
        let requests = environment.wake(&mut self.driven);
        self.serve(requests, environment);
    }

    /// Lets something happen to it.
    pub fn happen(&mut self, occurrence: ManagerOccurrence, environment: &mut Environment) {
        let input = match occurrence {
            ManagerOccurrence::Stop => ManagerInput::Stop,
            ManagerOccurrence::JournalSynced => {
                ManagerInput::Persisted(self.journal.finish_writing(&mut environment.journal))
            }
            ManagerOccurrence::FileDone => {
                let (operation, request) =
                    self.operations.pop_front().expect("it is done after it was asked");
                if !self.operations.is_empty() {
                    self.ask_file(environment);
                }
                let now = environment.now();
                ManagerInput::File(operation, perform_file_request(&mut environment.shared, &request, now))
            }
        };
        let requests = environment.input(&mut self.driven, input);
        self.serve(requests, environment);
    }

    /// Its machine, if that wants to have been woken by now and was not.
    pub fn overdue(&self, now: Time) -> Option<Actor> {
        self.driven.is_overdue(now).then(|| self.driven.actor())
    }

    /// Whether what is about to be done changes a disk.
    pub fn writes(&self, occurrence: ManagerOccurrence) -> bool {
        match occurrence {
            ManagerOccurrence::Stop => false,
            ManagerOccurrence::JournalSynced => true,
            ManagerOccurrence::FileDone => {
                self.operations.front().is_some_and(|(_, request)| is_durable_file_request(request))
            }
        }
    }

    /// Does what was asked for, or a part of it, and dies before it is told.
    pub fn do_unheard(
        &mut self,
        occurrence: ManagerOccurrence,
        moment: Moment,
        environment: &mut Environment,
    ) {
        let now = environment.now();
        match occurrence {
            ManagerOccurrence::Stop => {}
            ManagerOccurrence::JournalSynced => {
                if moment == Moment::After {
                    self.journal.finish_writing(&mut environment.journal);
                }
            }
            ManagerOccurrence::FileDone => {
                let Some((_, request)) = self.operations.pop_front() else { return };
                if moment == Moment::During {
                    let Environment { shared, computers, .. } = environment;
                    let stream = &mut computers.get_mut(&self.process.host).expect("a computer").disk;
                    perform_file_request_partly(shared, &request, now, stream);
                } else {
                    perform_file_request(&mut environment.shared, &request, now);
                }
            }
        }
    }

    /// It dies; what it was writing may be there or not.
    pub fn vanish(mut self, environment: &mut Environment) {
        let Environment { journal, computers, .. } = environment;
        let computer = computers.get_mut(&self.process.host).expect("every host has a computer");
        self.journal.tear(journal, &mut computer.disk);
    }

    fn serve(&mut self, requests: Vec<ManagerRequest>, environment: &mut Environment) {
        for request in requests {
            assert!(!self.over, "the Manager asks for something after its end");
            match request {
                ManagerRequest::BeginJournal { sequence, record } => {
                    self.journal.append(sequence, record, true);
                }
                ManagerRequest::Append { sequence, record } => self.journal.append(sequence, record, false),
                ManagerRequest::File(operation, request) => {
                    self.operations.push_back((operation, request));
                    if self.operations.len() == 1 {
                        self.ask_file(environment);
                    }
                }
                ManagerRequest::Stopped => {
                    self.over = true;
                    environment.flush(&mut self.driven);
                }
            }
        }
        if self.journal.begin_writing() {
            let delay_us = environment.disk_us(self.process.host, |pace| pace.journal);
            let synced = Event::Manager(self.process, ManagerOccurrence::JournalSynced);
            environment.schedule.after(delay_us, synced);
        }
    }

    fn ask_file(&mut self, environment: &mut Environment) {
        let delay_us = environment.disk_us(self.process.host, |pace| pace.disk);
        environment.schedule.after(delay_us, Event::Manager(self.process, ManagerOccurrence::FileDone));
    }
}
