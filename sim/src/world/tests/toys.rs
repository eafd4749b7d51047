//! Toys: a Manager that fails every job once that is durable, workers that come and go, clients that ask once.
//!
//! A byte is a message: `J` asks for a job, `E` ends it, `S` asks for the shutdown, `B` says that it happens.

use super::super::Machines;
use std::collections::{BTreeMap, VecDeque};
use windrow_core::client::{ClientConfig, ClientInput, ClientReport, ClientTask};
use windrow_core::failure::{Cause, Failure, OsError, OsErrorKind};
use windrow_core::ids::{ConnectionId, Epoch, Sequence};
use windrow_core::job::ProgramRole;
use windrow_core::machine::{Action, Event, Machine, NetworkAction, NetworkEvent, Node};
use windrow_core::manager::jobs::Jobs;
use windrow_core::manager::journal::Record;
use windrow_core::manager::{ManagerConfig, ManagerInput, ManagerRequest};
use windrow_core::time::Time;
use windrow_core::wire::frame;
use windrow_core::worker::attempt::{AttemptInput, AttemptMachine, AttemptOutput, MapWork, ReduceWork};
use windrow_core::worker::disk::DiskUser;
use windrow_core::worker::shuffle::{ShuffleConfig, ShuffleInput, ShuffleRequest};
use windrow_core::worker::{WorkerConfig, WorkerInput, WorkerRequest};

/// What toys have in common: connections, outputs, a deadline.
pub struct Wires<R> {
    unsent: BTreeMap<ConnectionId, Vec<u8>>,
    outputs: VecDeque<Action<R>>,
    wakes: Option<Time>,
    dialled: u64,
}

impl<R> Default for Wires<R> {
    fn default() -> Wires<R> {
        Wires { unsent: BTreeMap::new(), outputs: VecDeque::new(), wakes: None, dialled: 0 }
    }
}

impl<R> Wires<R> {
    fn dial(&mut self, to: std::net::SocketAddr) {
        self.dialled += 1;
        let connection = ConnectionId::dialled(self.dialled);
        self.unsent.insert(connection, Vec::new());
        self.outputs.push_back(Action::Network(NetworkAction::Dial { connection, to }));
    }

    fn say(&mut self, connection: ConnectionId, byte: u8) {
        if let Some(unsent) = self.unsent.get_mut(&connection) {
            unsent.push(byte);
            self.outputs.push_back(Action::Network(NetworkAction::Transmit { connection }));
        }
    }

    fn close_all(&mut self) {
        for connection in self.unsent.keys() {
            self.outputs.push_back(Action::Network(NetworkAction::Close { connection: *connection }));
        }
    }
}

/// What a toy does of its own; the rest is the same for all.
pub trait Toy {
    type Local;
    type Request;
    fn wires(&self) -> &Wires<Self::Request>;
    fn wires_mut(&mut self) -> &mut Wires<Self::Request>;
    fn local(&mut self, input: Self::Local, now: Time);
    fn up(&mut self, connection: ConnectionId, now: Time);
    fn down(&mut self, connection: ConnectionId, now: Time);
    fn hear(&mut self, connection: ConnectionId, byte: u8, now: Time);
    fn timeout(&mut self, now: Time);
}

/// A toy as a machine.
pub struct Toyed<T>(T);

impl<T: Toy> Machine for Toyed<T> {
    type Input = Event<T::Local>;
    type Output = Action<T::Request>;
    type Timer = ();

    fn handle_input(&mut self, input: Event<T::Local>, now: Time) {
        match input {
            Event::Local(input) => self.0.local(input, now),
            Event::Network(NetworkEvent::Accepted { connection, .. }) => {
                self.0.wires_mut().unsent.insert(connection, Vec::new());
                self.0.up(connection, now);
            }
            Event::Network(NetworkEvent::Connected { connection, .. }) => self.0.up(connection, now),
            Event::Network(
                NetworkEvent::DialFailed { connection, .. } | NetworkEvent::Closed { connection, .. },
            ) => {
                self.0.wires_mut().unsent.remove(&connection).expect("a connection ends once");
                self.0.down(connection, now);
            }
            Event::Network(NetworkEvent::Datagram { .. }) => {}
        }
    }

    fn handle_timeout(&mut self, now: Time) {
        if self.0.wires().wakes.is_some_and(|wakes| wakes <= now) {
            self.0.wires_mut().wakes = None;
            self.0.timeout(now);
        }
    }

    fn poll_output(&mut self) -> Option<Action<T::Request>> {
        self.0.wires_mut().outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<(Time, ())> {
        self.0.wires().wakes.map(|wakes| (wakes, ()))
    }

    fn check_invariants(&self) {}
}

impl<T: Toy> Node for Toyed<T> {
    type Local = T::Local;
    type Request = T::Request;

    fn receive(&mut self, connection: ConnectionId, bytes: &[u8], now: Time) {
        for byte in bytes {
            self.0.hear(connection, *byte, now);
        }
    }

    fn unsent(&self, connection: ConnectionId) -> &[u8] {
        self.0.wires().unsent.get(&connection).map_or(&[], Vec::as_slice)
    }

    fn sent(&mut self, connection: ConnectionId, count: usize, _now: Time) {
        if let Some(unsent) = self.0.wires_mut().unsent.get_mut(&connection) {
            unsent.drain(..count);
        }
    }
}

#[derive(Default)]
pub struct ToyManager {
    wires: Wires<ManagerRequest>,
    /// What the life before has left.
    jobs: Jobs,
    appended: u64,
    asking: BTreeMap<u64, ConnectionId>,
    stops: bool,
    leaks: bool,
}

impl ToyManager {
    fn stop_if_alone(&mut self) {
        if self.stops && self.wires.unsent.is_empty() && !self.leaks {
            self.stops = false;
            self.wires.outputs.push_back(Action::Local(ManagerRequest::Stopped));
        }
    }
}

impl Toy for ToyManager {
    type Local = ManagerInput;
    type Request = ManagerRequest;

    fn wires(&self) -> &Wires<ManagerRequest> {
        &self.wires
    }

    fn wires_mut(&mut self) -> &mut Wires<ManagerRequest> {
        &mut self.wires
    }

    fn local(&mut self, input: ManagerInput, _now: Time) {
        match input {
            ManagerInput::Persisted(Sequence(sequence)) => {
                let later = self.asking.split_off(&(sequence + 1));
                for connection in std::mem::replace(&mut self.asking, later).into_values() {
                    self.wires.say(connection, b'E');
                }
            }
            ManagerInput::File(..) => panic!("nothing was asked"),
            ManagerInput::Stop => {
                self.stops = true;
                self.wires.close_all();
                self.stop_if_alone();
            }
        }
    }

    fn up(&mut self, connection: ConnectionId, _now: Time) {
        if self.stops {
            self.wires.outputs.push_back(Action::Network(NetworkAction::Close { connection }));
        }
    }

    fn down(&mut self, _connection: ConnectionId, _now: Time) {
        self.stop_if_alone();
    }

    fn hear(&mut self, connection: ConnectionId, byte: u8, _now: Time) {
        if byte == b'J' {
            self.appended += 1;
            self.asking.insert(self.appended, connection);
            let sequence = Sequence(self.appended);
            let request = if self.appended == 1 {
                let record = frame::encode(&Record::Snapshot(self.jobs.clone().into()));
                ManagerRequest::BeginJournal { sequence, record }
            } else {
                let record =
                    frame::encode(&Record::EpochBegan { epoch: Epoch(self.jobs.epoch().0 + self.appended) });
                ManagerRequest::Append { sequence, record }
            };
            self.wires.outputs.push_back(Action::Local(request));
        } else {
            self.stops = true;
            let all: Vec<ConnectionId> = self.wires.unsent.keys().copied().collect();
            for connection in all {
                self.wires.say(connection, b'B');
            }
            self.wires.close_all();
        }
    }

    fn timeout(&mut self, _now: Time) {}
}

pub struct ToyWorker {
    config: WorkerConfig,
    wires: Wires<WorkerRequest>,
    stops: bool,
}

impl Toy for ToyWorker {
    type Local = WorkerInput;
    type Request = WorkerRequest;

    fn wires(&self) -> &Wires<WorkerRequest> {
        &self.wires
    }

    fn wires_mut(&mut self) -> &mut Wires<WorkerRequest> {
        &mut self.wires
    }

    fn local(&mut self, input: WorkerInput, now: Time) {
        assert_eq!(input, WorkerInput::Stop);
        self.stops = true;
        self.wires.close_all();
        if self.wires.unsent.is_empty() {
            self.down(ConnectionId::dialled(0), now);
        }
    }

    fn up(&mut self, _connection: ConnectionId, now: Time) {
        self.timeout(now);
    }

    fn down(&mut self, _connection: ConnectionId, now: Time) {
        if self.stops {
            self.wires.wakes = None;
            self.wires.outputs.push_back(Action::Local(WorkerRequest::Stopped));
        } else {
            self.wires.wakes = Some(now.after(100_000));
        }
    }

    fn hear(&mut self, connection: ConnectionId, byte: u8, _now: Time) {
        assert_eq!(byte, b'B');
        self.stops = true;
        self.wires.outputs.push_back(Action::Network(NetworkAction::Close { connection }));
    }

    fn timeout(&mut self, now: Time) {
        if self.wires.unsent.is_empty() {
            self.wires.dial(self.config.manager);
        }
        let heartbeat = NetworkAction::SendDatagram { to: self.config.manager, bytes: vec![1, 2, 3] };
        self.wires.outputs.push_back(Action::Network(heartbeat));
        self.wires.wakes = Some(now.after(300_000));
    }
}

pub struct ToyClient {
    config: ClientConfig,
    wires: Wires<ClientReport>,
}

impl Toy for ToyClient {
    type Local = ClientInput;
    type Request = ClientReport;

    fn wires(&self) -> &Wires<ClientReport> {
        &self.wires
    }

    fn wires_mut(&mut self) -> &mut Wires<ClientReport> {
        &mut self.wires
    }

    fn local(&mut self, input: ClientInput, _now: Time) {
        match input {
            ClientInput::Start => self.wires.dial(self.config.manager),
            ClientInput::Cancel => {}
        }
    }

    fn up(&mut self, connection: ConnectionId, now: Time) {
        let asks = match self.config.task {
            ClientTask::Submit { .. } => b'J',
            ClientTask::Shutdown => b'S',
            ClientTask::Watch { .. } | ClientTask::Ask(_) => unreachable!("toys are asked nothing"),
        };
        self.wires.say(connection, asks);
        // The Manager's host may die in silence: ask again.
        self.wires.wakes = Some(now.after(5_000_000));
    }

    fn down(&mut self, _connection: ConnectionId, now: Time) {
        self.wires.wakes = Some(now.after(50_000));
    }

    fn hear(&mut self, _connection: ConnectionId, byte: u8, _now: Time) {
        self.wires.wakes = None;
        let reports = match &self.config.task {
            ClientTask::Submit { specification, .. } => {
                assert_eq!(byte, b'E');
                let error = OsError { kind: OsErrorKind::NotFound, text: String::new() };
                let cause = Cause::ProgramNotStarted {
                    role: ProgramRole::Reducer,
                    program: "no-such-program".into(),
                    directory: specification.directory.clone(),
                    error,
                };
                vec![ClientReport::Failed(Failure::new(cause))]
            }
            ClientTask::Shutdown => vec![ClientReport::ShutDown { jobs_cancelled: 0 }],
            ClientTask::Watch { .. } | ClientTask::Ask(_) => unreachable!("toys are asked nothing"),
        };
        self.wires.outputs.extend(reports.into_iter().map(Action::Local));
    }

    fn timeout(&mut self, _now: Time) {
        self.wires.close_all();
        self.wires.dial(self.config.manager);
    }
}

#[derive(Default)]
pub struct ToyShuffle(Wires<ShuffleRequest>);

impl Toy for ToyShuffle {
    type Local = ShuffleInput;
    type Request = ShuffleRequest;

    fn wires(&self) -> &Wires<ShuffleRequest> {
        &self.0
    }

    fn wires_mut(&mut self) -> &mut Wires<ShuffleRequest> {
        &mut self.0
    }

    fn local(&mut self, _input: ShuffleInput, _now: Time) {}
    fn up(&mut self, _connection: ConnectionId, _now: Time) {}
    fn down(&mut self, _connection: ConnectionId, _now: Time) {}
    fn hear(&mut self, _connection: ConnectionId, _byte: u8, _now: Time) {}
    fn timeout(&mut self, _now: Time) {}
}

impl DiskUser for Toyed<ToyShuffle> {
    fn push_read(&mut self, _bytes: &[u8], _now: Time) {}

    fn outgoing(&self) -> &[u8] {
        &[]
    }
}

/// An attempt that nobody starts.
pub enum Never {}

impl Machine for Never {
    type Input = AttemptInput;
    type Output = AttemptOutput;
    type Timer = ();

    fn handle_input(&mut self, _input: AttemptInput, _now: Time) {}
    fn handle_timeout(&mut self, _now: Time) {}

    fn poll_output(&mut self) -> Option<AttemptOutput> {
        match *self {}
    }

    fn poll_timeout(&self) -> Option<(Time, ())> {
        match *self {}
    }

    fn check_invariants(&self) {}
}

impl DiskUser for Never {
    fn push_read(&mut self, _bytes: &[u8], _now: Time) {}

    fn outgoing(&self) -> &[u8] {
        match *self {}
    }
}

impl AttemptMachine for Never {
    fn stdin(&self) -> &[u8] {
        match *self {}
    }

    fn stdin_written(&mut self, _count: usize, _now: Time) {}

    fn wants_stdout(&self) -> bool {
        match *self {}
    }

    fn push_stdout(&mut self, _bytes: &[u8], _now: Time) {}
    fn push_stderr(&mut self, _bytes: &[u8], _now: Time) {}
}

macro_rules! toys {
    ($(#[$doc:meta])* $name:ident, $leaks:literal) => {
        $(#[$doc])*
        pub struct $name;

        impl Machines for $name {
            type Manager = Toyed<ToyManager>;
            type Worker = Toyed<ToyWorker>;
            type Shuffle = Toyed<ToyShuffle>;
            type Client = Toyed<ToyClient>;
            type Map = Never;
            type Reduce = Never;

            fn manager(_config: ManagerConfig, jobs: Jobs, _now: Time) -> Toyed<ToyManager> {
                Toyed(ToyManager { jobs, leaks: $leaks, ..ToyManager::default() })
            }

            fn worker(config: WorkerConfig) -> Toyed<ToyWorker> {
                let wires = Wires { wakes: Some(Time::ZERO), ..Wires::default() };
                Toyed(ToyWorker { config, wires, stops: false })
            }

            fn shuffle(_config: ShuffleConfig) -> Toyed<ToyShuffle> {
                Toyed(ToyShuffle::default())
            }

            fn client(config: ClientConfig) -> Toyed<ToyClient> {
                Toyed(ToyClient { config, wires: Wires::default() })
            }

            fn map(_work: MapWork) -> Never {
                panic!("toys launch nothing")
            }

            fn reduce(_work: ReduceWork) -> Never {
                panic!("toys launch nothing")
            }
        }
    };
}

toys!(
    /// Toys that do what they should.
    Sound,
    false
);
toys!(
    /// Toys whose Manager never stops.
    Leaky,
    true
);
