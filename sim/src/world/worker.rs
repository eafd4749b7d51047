//! A worker's process: owns its control machine, its shuffle, its attempts, and what passes between their threads.

use super::attempt::{News, Performance, Performer};
use super::environment::{AttemptOccurrence, Channel, Environment, Event, ShuffleOccurrence};
use super::machines::Machines;
use crate::disk::{OpenFiles, Performed, is_durable_write};
use crate::names::{Actor, Part, ProcessId};
use crate::network::Delivery;
use crate::node::{Clock, Driven};
use crate::scenario::Moment;
use std::collections::BTreeMap;
use windrow_core::failure::{Cause, Failure};
use windrow_core::ids::AttemptId;
use windrow_core::job::PathBytes;
use windrow_core::time::Time;
use windrow_core::worker::attempt::Work;
use windrow_core::worker::disk::{DiskRequest, DiskUser};
use windrow_core::worker::shuffle::{ShuffleConfig, ShuffleInput, ShuffleRequest};
use windrow_core::worker::{WorkerConfig, WorkerInput, WorkerNotice, WorkerRequest};

/// A worker that runs.
pub struct WorkerProcess<M: Machines> {
    process: ProcessId,
    clock: Clock,
    control: Driven<M::Worker>,
    shuffle: Driven<M::Shuffle>,
    shuffle_files: OpenFiles,
    shuffle_asks: Option<DiskRequest>,
    attempts: BTreeMap<AttemptId, Box<dyn Performance>>,
    to_control: Channel,
    to_shuffle: Channel,
    scratch: PathBytes,
    slots: u32,
    begun: u32,
    registered: bool,
    over: bool,
}

impl<M: Machines> WorkerProcess<M> {
    /// Starts a process, whose scratch is emptied first.
    pub fn start(
        process: ProcessId,
        clock: Clock,
        config: WorkerConfig,
        shuffle: ShuffleConfig,
        environment: &mut Environment,
    ) -> WorkerProcess<M> {
        let (host, slots) = (process.host, config.slots);
        let scratch = config.scratch.clone();
        let disk = &mut environment.computer(host).scratch;
        disk.remove_tree(&scratch)
            .and_then(|()| disk.create_directories(&scratch))
            .expect("scratch can be made");
        let (control_actor, shuffle_actor) = (process.actor(Part::Control), process.actor(Part::Shuffle));
        environment.network.bind_datagrams(host.control_address(), control_actor);
        environment.network.listen(host.shuffle_address(), shuffle_actor, &mut environment.schedule);
        let mut worker = WorkerProcess {
            process,
            clock,
            control: Driven::new(control_actor, clock, M::worker(config)),
            shuffle: Driven::new(shuffle_actor, clock, M::shuffle(shuffle)),
            shuffle_files: OpenFiles::default(),
            shuffle_asks: None,
            attempts: BTreeMap::new(),
            to_control: Channel::default(),
            to_shuffle: Channel::default(),
            scratch,
            slots,
            begun: 0,
            registered: false,
            over: false,
        };
        let actions = worker.control.begin(environment.now(), &mut environment.trace);
        let requests = environment.perform(&mut worker.control, actions);
        worker.serve(requests, environment);
        let actions = worker.shuffle.begin(environment.now(), &mut environment.trace);
        let requests = environment.perform(&mut worker.shuffle, actions);
        worker.serve_shuffle(requests, environment);
        worker
    }

    /// Attempts that it has begun.
    pub fn begun(&self) -> u32 {
        self.begun
    }

    /// Whether it has stopped.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Whether a Manager has taken it for one of its own.
    pub fn is_registered(&self) -> bool {
        self.registered
    }

    /// Where its own files are.
    pub fn scratch(&self) -> &PathBytes {
        &self.scratch
    }

    /// The attempts that are performed now.
    pub fn attempts(&self) -> impl Iterator<Item = AttemptId> {
        self.attempts.keys().copied()
    }

    /// Gives its control machine an input.
    pub fn input(&mut self, input: WorkerInput, environment: &mut Environment) {
        let requests = environment.input(&mut self.control, input);
        self.serve(requests, environment);
    }

    /// Takes what the network has for it.
    pub fn deliver(&mut self, part: Part, delivery: Delivery, environment: &mut Environment) {
        match part {
            Part::Control => {
                let requests = environment.deliver(&mut self.control, delivery);
                self.serve(requests, environment);
            }
            Part::Shuffle => {
                let requests = environment.deliver(&mut self.shuffle, delivery);
                self.serve_shuffle(requests, environment);
            }
            Part::Attempt(attempt) => panic!("{attempt} has no network"),
        }
    }

    /// Wakes one of its machines, if it was promised.
    pub fn wake(&mut self, part: Part, environment: &mut Environment) {
        match part {
            Part::Control => {
                let requests = environment.wake(&mut self.control);
                self.serve(requests, environment);
            }
            Part::Shuffle => {
                let requests = environment.wake(&mut self.shuffle);
                self.serve_shuffle(requests, environment);
            }
            Part::Attempt(attempt) => {
                let news = self.attempts.get_mut(&attempt).map(|performer| performer.wake(environment));
                self.hear(attempt, news.unwrap_or_default(), environment);
            }
        }
    }

    /// Lets something happen to an attempt, if it is still performed.
    pub fn attempt(
        &mut self,
        attempt: AttemptId,
        occurrence: AttemptOccurrence,
        environment: &mut Environment,
    ) {
        let news = self.attempts.get_mut(&attempt).map(|performer| performer.happen(occurrence, environment));
        self.hear(attempt, news.unwrap_or_default(), environment);
    }

    /// Lets something happen to its shuffle.
    pub fn shuffle(&mut self, occurrence: ShuffleOccurrence, environment: &mut Environment) {
        let requests = match occurrence {
            ShuffleOccurrence::Command(command) => {
                environment.input(&mut self.shuffle, ShuffleInput::Command(command))
            }
            ShuffleOccurrence::DiskDone => {
                let request = self.shuffle_asks.take().expect("a request is done after it was asked");
                let (now, outgoing) = (environment.now(), self.shuffle.machine().outgoing());
                let volumes = environment.volumes(self.process.host);
                match self.shuffle_files.perform(&request, outgoing, volumes, now) {
                    Ok(Performed::Bytes(bytes)) => {
                        let actions = self.shuffle.read(&bytes, now, &mut environment.trace);
                        environment.perform(&mut self.shuffle, actions)
                    }
                    Ok(Performed::Answer(reply)) => {
                        environment.input(&mut self.shuffle, ShuffleInput::Disk(Ok(reply)))
                    }
                    Err(error) => environment.input(&mut self.shuffle, ShuffleInput::Disk(Err(error))),
                }
            }
        };
        self.serve_shuffle(requests, environment);
    }

    /// Whether what is about to be done for an attempt changes a disk.
    pub fn attempt_writes(&self, attempt: AttemptId, occurrence: AttemptOccurrence) -> bool {
        self.attempts.get(&attempt).is_some_and(|performer| performer.writes(occurrence))
    }

    /// Whether what is about to be done for its shuffle changes a disk.
    pub fn shuffle_writes(&self, occurrence: &ShuffleOccurrence) -> bool {
        match occurrence {
            ShuffleOccurrence::Command(_) => false,
            ShuffleOccurrence::DiskDone => self.shuffle_asks.as_ref().is_some_and(is_durable_write),
        }
    }

    /// Does what an attempt asked for, or a part of it, and dies before that is told.
    pub fn attempt_unheard(&mut self, attempt: AttemptId, moment: Moment, environment: &mut Environment) {
        if let Some(performer) = self.attempts.get_mut(&attempt) {
            performer.do_unheard(moment, environment);
        }
    }

    /// Does what the shuffle asked for, or a part of it, and dies before that is told.
    pub fn shuffle_unheard(&mut self, moment: Moment, environment: &mut Environment) {
        if let Some(request) = self.shuffle_asks.take() {
            let outgoing = self.shuffle.machine().outgoing();
            environment.do_unheard(self.process.host, &mut self.shuffle_files, &request, outgoing, moment);
        }
    }

    /// When one of its machines wants to be woken and was not, if there is such a machine.
    pub fn overdue(&self, now: Time) -> Option<Actor> {
        let machines = [
            (self.control.actor(), self.control.is_overdue(now)),
            (self.shuffle.actor(), self.shuffle.is_overdue(now)),
        ];
        machines.into_iter().find(|(_, overdue)| *overdue).map(|(actor, _)| actor)
    }

    /// Everything in the process is gone; what it had open is closed by its system.
    pub fn vanish(mut self, environment: &mut Environment) {
        for performer in self.attempts.values_mut() {
            performer.vanish(environment);
        }
        environment.close_files(self.process.host, &mut self.shuffle_files);
    }

    fn serve(&mut self, requests: Vec<WorkerRequest>, environment: &mut Environment) {
        for request in requests {
            assert!(!self.over, "{} asks for {request:?} after its end", self.process);
            match request {
                WorkerRequest::Start(attempt, work) => self.start_attempt(attempt, *work, environment),
                WorkerRequest::Kill(attempt) => {
                    if let Some(performer) = self.attempts.get_mut(&attempt) {
                        performer.kill(environment);
                    }
                }
                WorkerRequest::Shuffle(command) => {
                    let event = Event::Shuffle(self.process, ShuffleOccurrence::Command(command));
                    environment.pass(self.process.host, &mut self.to_shuffle, event);
                }
                WorkerRequest::Notice(notice) => self.registered |= notice == WorkerNotice::Registered,
                WorkerRequest::Stopped => {
                    assert!(self.attempts.is_empty(), "{} stops and attempts run", self.process);
                    self.over = true;
                    environment.flush(&mut self.control);
                    environment.flush(&mut self.shuffle);
                }
            }
        }
    }

    fn serve_shuffle(&mut self, requests: Vec<ShuffleRequest>, environment: &mut Environment) {
        let host = self.process.host;
        for request in requests {
            match request {
                ShuffleRequest::Disk(request) => {
                    let under_way = &self.shuffle_asks;
                    assert!(under_way.is_none(), "{request:?} while {under_way:?} is under way");
                    self.shuffle_asks = Some(request);
                    let delay_us = environment.disk_us(host, |pace| pace.disk);
                    let done = Event::Shuffle(self.process, ShuffleOccurrence::DiskDone);
                    environment.schedule.after(delay_us, done);
                }
                ShuffleRequest::Report(report) => {
                    let event = Event::Worker(self.process, WorkerInput::Shuffle(report));
                    environment.pass(host, &mut self.to_control, event);
                }
            }
        }
    }

    fn start_attempt(&mut self, attempt: AttemptId, work: Work, environment: &mut Environment) {
        let mut performer: Box<dyn Performance> = match work {
            Work::Map(work) => Box::new(Performer::new(self.process, attempt, self.clock, M::map(work))),
            Work::Reduce(work) => {
                Box::new(Performer::new(self.process, attempt, self.clock, M::reduce(work)))
            }
        };
        environment.mark(self.process, || format!("{attempt} starts"));
        self.begun += 1;
        let news = performer.start(environment);
        assert!(self.attempts.insert(attempt, performer).is_none(), "{attempt} is started twice");
        let (slots, attempts) = (self.slots, self.attempts.len());
        assert!(attempts <= slots as usize, "{}: {attempts} attempts in {slots} slots", self.process);
        self.hear(attempt, news, environment);
    }

    fn hear(&mut self, attempt: AttemptId, news: Vec<News>, environment: &mut Environment) {
        for news in news {
            let input = match news {
                News::Progress(counters) => WorkerInput::Progress(attempt, counters),
                News::Ended(result) => {
                    let end = if result.is_ok() { "succeeds" } else { "fails" };
                    environment.mark(self.process, || format!("{attempt} {end}"));
                    self.attempts.remove(&attempt);
                    if let Err(Failure { cause: Cause::ProgramSilent { command, .. }, .. }) = &result {
                        environment.given_up.push(command.clone());
                    }
                    WorkerInput::Ended(attempt, result)
                }
            };
            environment.pass(self.process.host, &mut self.to_control, Event::Worker(self.process, input));
        }
    }
}
