//! A toy node over scripted streams, socket pairs and loopback.

mod loopback;
mod scripted;

use super::*;
use std::collections::BTreeMap;
use windrow_core::machine::Machine;

/// What a [`Toy`] is to do with what it hears.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Manner {
    /// Only keep it.
    Listen,
    /// Say it back.
    Echo,
    /// Answer with one word and close.
    Refuse,
}

/// Orders from outside, and what a toy tells when it is asked to.
#[derive(Debug)]
enum Order {
    Dial { number: u64, to: SocketAddr },
    Say(ConnectionId, Vec<u8>),
    Close(ConnectionId),
    SendDatagram(SocketAddr, Vec<u8>),
    End,
}

/// What a toy tells whoever watches it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    Event(NetworkEvent),
    Heard(ConnectionId, Vec<u8>),
}

/// Keeps the contract's accounts: no word about a connection that is over, or that never was.
#[derive(Debug)]
struct Toy {
    manner: Manner,
    outputs: VecDeque<Action<Told>>,
    unsent: BTreeMap<ConnectionId, VecDeque<u8>>,
    drained: bool,
    heartbeat: Option<Time>,
}

/// The end of a toy, as a request.
fn end() -> Told {
    Told::Event(NetworkEvent::Datagram { from: crate::stream::NO_ADDRESS, bytes: b"end".to_vec() })
}

impl Toy {
    fn new(manner: Manner) -> Toy {
        Toy { manner, outputs: VecDeque::new(), unsent: BTreeMap::new(), drained: true, heartbeat: None }
    }

    fn begin_input(&mut self) {
        assert!(self.outputs.is_empty(), "an input before the outputs of the last were drained");
    }

    fn say(&mut self, connection: ConnectionId, bytes: &[u8]) {
        self.unsent.get_mut(&connection).expect("it stands").extend(bytes);
        self.outputs.push_back(Action::Network(NetworkAction::Transmit { connection }));
    }
}

impl Machine for Toy {
    type Input = Event<Order>;
    type Output = Action<Told>;
    type Timer = ();

    fn handle_input(&mut self, input: Event<Order>, _now: Time) {
        self.begin_input();
        let event = match input {
            Event::Network(event) => event,
            Event::Local(order) => {
                match order {
                    Order::Dial { number, to } => {
                        let connection = ConnectionId::dialled(number);
                        self.outputs.push_back(Action::Network(NetworkAction::Dial { connection, to }));
                    }
                    Order::Say(connection, bytes) => self.say(connection, &bytes),
                    Order::Close(connection) => {
                        self.outputs.push_back(Action::Network(NetworkAction::Close { connection }));
                    }
                    Order::SendDatagram(to, bytes) => {
                        self.outputs.push_back(Action::Network(NetworkAction::SendDatagram { to, bytes }));
                    }
                    Order::End => self.outputs.push_back(Action::Local(end())),
                }
                return;
            }
        };
        match &event {
            NetworkEvent::Accepted { connection, .. } | NetworkEvent::Connected { connection, .. } => {
                let before = self.unsent.insert(*connection, VecDeque::new());
                assert!(before.is_none(), "{connection} began twice");
            }
            NetworkEvent::Closed { connection, .. } => {
                self.unsent.remove(connection);
            }
            NetworkEvent::DialFailed { connection, .. } => assert!(!self.unsent.contains_key(connection)),
            NetworkEvent::Datagram { .. } => {}
        }
        self.outputs.push_back(Action::Local(Told::Event(event)));
    }

    fn handle_timeout(&mut self, now: Time) {
        self.begin_input();
        if self.heartbeat.is_some_and(|at| at <= now) {
            self.heartbeat = None;
            self.outputs.push_back(Action::Local(end()));
        }
    }

    fn poll_output(&mut self) -> Option<Action<Told>> {
        let output = self.outputs.pop_front();
        self.drained = output.is_none();
        output
    }

    fn poll_timeout(&self) -> Option<(Time, ())> {
        self.heartbeat.map(|at| (at, ()))
    }

    fn check_invariants(&self) {
        assert!(self.drained);
    }
}

impl Node for Toy {
    type Local = Order;
    type Request = Told;

    fn receive(&mut self, connection: ConnectionId, bytes: &[u8], _now: Time) {
        self.begin_input();
        assert!(self.unsent.contains_key(&connection), "bytes on {connection}, which is over");
        assert!(!bytes.is_empty());
        self.outputs.push_back(Action::Local(Told::Heard(connection, bytes.to_vec())));
        match self.manner {
            Manner::Listen => {}
            Manner::Echo => self.say(connection, bytes),
            Manner::Refuse => {
                self.say(connection, b"no");
                self.outputs.push_back(Action::Network(NetworkAction::Close { connection }));
            }
        }
    }

    fn unsent(&self, connection: ConnectionId) -> &[u8] {
        self.unsent.get(&connection).map_or(&[], |bytes| bytes.as_slices().0)
    }

    fn sent(&mut self, connection: ConnectionId, count: usize, _now: Time) {
        self.begin_input();
        self.unsent.get_mut(&connection).expect("it stands").drain(..count);
    }
}

/// Passes on what its toy tells.
struct Watcher(crossbeam_channel::Sender<Told>);

impl Performer<Toy> for Watcher {
    fn perform(&mut self, _node: &Toy, told: Told) -> ControlFlow<Result<(), Failure>> {
        if told == end() {
            return ControlFlow::Break(Ok(()));
        }
        let _ = self.0.send(told);
        ControlFlow::Continue(())
    }
}

/// All that was heard on a connection among what was told.
fn heard(told: &[Told], on: ConnectionId) -> Vec<u8> {
    let pieces = told.iter().filter_map(|told| match told {
        Told::Heard(connection, bytes) if *connection == on => Some(bytes.as_slice()),
        Told::Heard(..) | Told::Event(_) => None,
    });
    pieces.collect::<Vec<_>>().concat()
}
