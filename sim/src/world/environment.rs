//! What processes live in: owns time, network, storage and the trace, everything of a world but the processes.

use super::journal::JournalDisk;
use crate::disk::{FileSystem, Instead, OpenFiles, Volumes};
use crate::names::{Actor, Host, ProcessId};
use crate::network::{Delivery, Network, Occurrence};
use crate::node::Driven;
use crate::scenario::{Moment, Pace};
use crate::schedule::Schedule;
use crate::show::{Observer, Sight};
use crate::stream::{Span, Stream};
use crate::trace::Trace;
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Debug;
use windrow_core::client::ClientInput;
use windrow_core::ids::{AttemptId, ConnectionId};
use windrow_core::machine::{Action, Event as MachineEvent, Machine, NetworkAction, Node};
use windrow_core::time::Time;
use windrow_core::worker::WorkerInput;
use windrow_core::worker::disk::DiskRequest;
use windrow_core::worker::shuffle::ShuffleCommand;

/// Something that happens in a world.
#[derive(Debug)]
pub enum Event {
    /// To the network.
    Network(Occurrence),
    /// A machine's deadline, as far as the world knows.
    Wake(Actor),
    /// To the world as a whole.
    Cue(Cue),
    /// To the Manager's process.
    Manager(ProcessId, ManagerOccurrence),
    /// To a worker's control machine.
    Worker(ProcessId, WorkerInput),
    /// To a worker's shuffle.
    Shuffle(ProcessId, ShuffleOccurrence),
    /// To an attempt.
    Attempt(ProcessId, AttemptId, AttemptOccurrence),
    /// To a client.
    Client(ProcessId, ClientInput),
}

/// What the world itself does.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Cue {
    /// Start the Manager.
    StartManager,
    /// Start a worker, again or for the first time.
    StartWorker(u16),
    /// Start a client, for the first time or again.
    StartClient(u16),
    /// Let a fault strike, by index.
    Fault(usize),
    /// A fault that lasted has passed, by index.
    Lift(usize),
    /// Heal the core of the cluster.
    Heal,
    /// All is over and has settled: look, then shut down.
    Settled,
    /// Tell whoever still runs to stop.
    Terminate,
}

/// What happens in a Manager's process.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum ManagerOccurrence {
    /// The first of its requests to the file system is done.
    FileDone,
    /// What it appended by the time the writing began is durable.
    JournalSynced,
    /// It is told to stop.
    Stop,
}

/// What happens to a shuffle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShuffleOccurrence {
    /// A word of its control machine arrives.
    Command(ShuffleCommand),
    /// Its disk request is done.
    DiskDone,
}

/// What happens to an attempt.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum AttemptOccurrence {
    /// Whoever performs for it turns to what is ready.
    Turn,
    /// Its disk request is done.
    DiskDone,
    /// Its program was started, or could not be.
    Spawned,
    /// Its program does a little.
    ProgramStep,
    /// Its program is looked at.
    Look,
}

impl Event {
    /// Which process it happens to, unless it is the world's or the network's own.
    pub fn process(&self, network: &Network) -> Option<ProcessId> {
        match self {
            Event::Cue(_) => None,
            Event::Network(occurrence) => network.recipient(occurrence).map(|actor| actor.process),
            Event::Wake(actor) => Some(actor.process),
            Event::Manager(process, _)
            | Event::Worker(process, _)
            | Event::Shuffle(process, _)
            | Event::Attempt(process, ..)
            | Event::Client(process, _) => Some(*process),
        }
    }
}

impl From<Occurrence> for Event {
    fn from(occurrence: Occurrence) -> Event {
        Event::Network(occurrence)
    }
}

/// A computer.
#[derive(Debug)]
pub struct Computer {
    /// Its own disk.
    pub scratch: FileSystem,
    /// What it sees in place of the shared storage, as long as it does.
    pub other: FileSystem,
    /// As what.
    pub instead: Option<Instead>,
    /// What its disk draws from.
    pub disk: Stream,
    /// What its processes draw from.
    pub processor: Stream,
    /// How fast it is.
    pub pace: Pace,
    /// So many times as slow as that.
    pub slowed: u32,
}

/// The order in which things pass between two threads of a process.
#[derive(Debug, Default)]
pub struct Channel {
    last: Time,
}

/// Everything of a world but its processes.
pub struct Environment {
    /// What is to happen.
    pub schedule: Schedule<Event>,
    /// The network.
    pub network: Network,
    /// The storage that all see.
    pub shared: FileSystem,
    /// The computers.
    pub computers: BTreeMap<Host, Computer>,
    /// What happened.
    pub trace: Trace,
    /// The Manager's journal.
    pub journal: JournalDisk,
    /// Programs that were given up because they were silent, by their command lines.
    pub given_up: Vec<String>,
    /// Who is shown what happens.
    pub observer: Option<Observer>,
}

impl Environment {
    /// The time.
    pub fn now(&self) -> Time {
        self.schedule.now()
    }

    /// Does what was asked of a disk, or a part of it, for a process that dies before it is told.
    pub fn do_unheard(
        &mut self,
        host: Host,
        files: &mut OpenFiles,
        request: &DiskRequest,
        outgoing: &[u8],
        moment: Moment,
    ) {
        let now = self.now();
        let computer = self.computers.get_mut(&host).expect("every host has a computer");
        let Computer { scratch, other, instead, .. } = computer;
        let volumes = Volumes { shared: &mut self.shared, other, instead: *instead, scratch };
        if moment == Moment::During {
            files.perform_partly(request, outgoing, volumes, now, &mut computer.disk);
        } else {
            // Nobody is there any more to be told of an error.
            let _ = files.perform(request, outgoing, volumes, now);
        }
    }

    /// Marks something on a process's line, for whoever watches.
    pub fn mark(&mut self, process: ProcessId, text: impl FnOnce() -> String) {
        let at = self.now();
        self.see(|| Sight::Mark { at, process, text: text() });
    }

    /// Shows a fault to whoever watches.
    pub fn see_fault(&mut self, host: Option<Host>, text: &str) {
        let at = self.now();
        self.see(|| Sight::Fault { at, host, text: text.into() });
    }

    /// Shows something to whoever watches.
    pub fn see(&mut self, sight: impl FnOnce() -> Sight) {
        if let Some(observer) = &mut self.observer {
            observer(sight());
        }
    }

    /// A computer.
    pub fn computer(&mut self, host: Host) -> &mut Computer {
        self.computers.get_mut(&host).expect("every host has a computer")
    }

    /// How long something takes on a computer, by its processor.
    pub fn processor_us(&mut self, host: Host, what: impl FnOnce(&Pace) -> Span) -> u64 {
        let computer = self.computer(host);
        computer.processor.span_us(what(&computer.pace)) * u64::from(computer.slowed)
    }

    /// How long something takes on a computer, by its disk.
    pub fn disk_us(&mut self, host: Host, what: impl FnOnce(&Pace) -> Span) -> u64 {
        let computer = self.computer(host);
        computer.disk.span_us(what(&computer.pace)) * u64::from(computer.slowed)
    }

    /// The file systems that a host sees.
    pub fn volumes(&mut self, host: Host) -> Volumes<'_> {
        let computer = self.computers.get_mut(&host).expect("every host has a computer");
        let Computer { scratch, other, instead, .. } = computer;
        Volumes { shared: &mut self.shared, other, instead: *instead, scratch }
    }

    /// Closes what a machine left open.
    pub fn close_files(&mut self, host: Host, files: &mut OpenFiles) {
        files.close_all(self.volumes(host));
    }

    /// Passes something on to another thread of a process, in order.
    pub fn pass(&mut self, host: Host, channel: &mut Channel, event: Event) {
        let delay_us = self.processor_us(host, |pace| pace.turn);
        channel.last = channel.last.max(self.now().after(delay_us));
        self.schedule.at(channel.last, event);
    }

    /// Promises a machine to wake it at its deadline.
    pub fn promise<M: Machine>(&mut self, driven: &mut Driven<M>)
    where
        M::Input: Serialize + Debug,
        M::Output: Serialize + Debug,
    {
        if let Some(time) = driven.next_wake() {
            self.schedule.at(time, Event::Wake(driven.actor()));
        }
    }

    /// Performs what a node wants done on the network, and gives the rest, in order.
    pub fn perform<N: Node>(&mut self, driven: &mut Driven<N>, actions: Vec<N::Output>) -> Vec<N::Request>
    where
        N::Input: Serialize + Debug,
        N::Output: Serialize + Debug,
    {
        let actor = driven.actor();
        let mut actions = VecDeque::from(actions);
        let mut requests = Vec::new();
        while let Some(action) = actions.pop_front() {
            match action {
                Action::Local(request) => requests.push(request),
                Action::Network(NetworkAction::Dial { connection, to }) => {
                    self.network.dial(actor, connection, to, &mut self.schedule);
                }
                Action::Network(NetworkAction::Transmit { connection }) => {
                    self.network.transmit(actor, connection, &mut self.schedule);
                }
                Action::Network(NetworkAction::Close { connection }) => {
                    actions.extend(self.write_what_goes(driven, connection));
                    self.network.close(actor, connection, &mut self.schedule);
                }
                Action::Network(NetworkAction::SendDatagram { to, bytes }) => {
                    self.network.send_datagram(actor, to, &bytes, &mut self.schedule);
                }
            }
        }
        self.promise(driven);
        requests
    }

    /// Gives a node an input and performs what it wants done on the network; gives the rest.
    pub fn input<N: Node>(&mut self, driven: &mut Driven<N>, input: N::Local) -> Vec<N::Request>
    where
        N::Input: Serialize + Debug,
        N::Output: Serialize + Debug,
    {
        let actions = driven.input(MachineEvent::Local(input), self.now(), &mut self.trace);
        self.perform(driven, actions)
    }

    /// Tells a node what the network has for it, and performs what it wants done there; gives the rest.
    pub fn deliver<N: Node>(&mut self, driven: &mut Driven<N>, delivery: Delivery) -> Vec<N::Request>
    where
        N::Input: Serialize + Debug,
        N::Output: Serialize + Debug,
    {
        let (now, actor) = (self.now(), driven.actor());
        let actions = match delivery {
            Delivery::Event(event) => driven.input(MachineEvent::Network(event), now, &mut self.trace),
            Delivery::Bytes(connection, bytes) => driven.receive(connection, &bytes, now, &mut self.trace),
            Delivery::Writable(connection) => {
                let count =
                    self.network.write(actor, connection, driven.unsent(connection), &mut self.schedule);
                if count == 0 {
                    return Vec::new();
                }
                driven.sent(connection, count, now, &mut self.trace)
            }
        };
        self.perform(driven, actions)
    }

    /// Wakes a node, if it was promised; gives what it wants done elsewhere than on the network.
    pub fn wake<N: Node>(&mut self, driven: &mut Driven<N>) -> Vec<N::Request>
    where
        N::Input: Serialize + Debug,
        N::Output: Serialize + Debug,
    {
        let actions = driven.wake(self.now(), &mut self.trace);
        self.perform(driven, actions)
    }

    /// Lets a process that ends in good order write what it still has, as far as its connections take it.
    pub fn flush<N: Node>(&mut self, driven: &mut Driven<N>)
    where
        N::Input: Serialize + Debug,
        N::Output: Serialize + Debug,
    {
        let own: Vec<_> = self.network.open_ends().filter(|(actor, _)| *actor == driven.actor()).collect();
        for (_, connection) in own {
            self.write_what_goes(driven, connection);
        }
    }

    /// Writes what is unsent until the connection takes no more.
    fn write_what_goes<N: Node>(&mut self, driven: &mut Driven<N>, connection: ConnectionId) -> Vec<N::Output>
    where
        N::Input: Serialize + Debug,
        N::Output: Serialize + Debug,
    {
        let (actor, now, mut outputs) = (driven.actor(), self.now(), Vec::new());
        loop {
            match self.network.write(actor, connection, driven.unsent(connection), &mut self.schedule) {
                0 => return outputs,
                count => outputs.extend(driven.sent(connection, count, now, &mut self.trace)),
            }
        }
    }
}
