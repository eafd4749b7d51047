//! The network: owns every stream connection and every datagram under way, and what happens to them.
//!
//! Bytes of a connection arrive in order, cut and joined anywhere, after a delay of their link; datagrams as
//! the weather says. `edge.rs` owns what is cut, `damage.rs` the faults of single connections. Only `tap.rs`
//! reads what passes, and it changes nothing. Invariant: each end of a connection is told of its end at most
//! once, and exactly once as long as its process lives and the other has not forgotten the connection
//! ([`Farewell::Silence`], [`Network::forget_one`], a time-out).

mod connection;
mod damage;
mod datagram;
mod dialling;
mod edge;
mod ending;
mod message_kind;
mod tap;
mod transfer;

pub use datagram::{Datagram, Weather};
pub use message_kind::{MessageKind, UnknownKind};
pub use tap::Heard;

use crate::names::{Actor, Host};
use crate::schedule::Schedule;
use crate::stream::{Span, Stream};
use connection::{Connection, EndState, Side};
use edge::{Held, Obstacle};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use tap::Tap;
use windrow_core::failure::{OsError, OsErrorKind};
use windrow_core::ids::ConnectionId;
use windrow_core::machine::NetworkEvent;
use windrow_core::time::Time;

/// How a network is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkSetting {
    /// How long anything takes from one host to another, before what its link adds.
    pub latency: Span,
    /// What a link adds for each thing.
    pub jitter: Span,
    /// Bytes that one direction of a connection holds, between these bounds.
    pub window_bytes: (u64, u64),
}

/// How the peers of a process learn that it died.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Farewell {
    /// Its system closes its connections in good order.
    Close,
    /// Its system resets them.
    Reset,
    /// Not at all, until something is sent to its host and that answers again.
    Silence,
}

/// Something that happens on the network.
#[derive(Clone, Debug)]
pub enum Occurrence {
    /// A dial arrives at the address.
    Knock(u64),
    /// The dialler learns what came of it.
    Answer(u64, Result<(), OsError>),
    /// A dial that was held back is given up, if it is still unanswered.
    DialTimeout(u64),
    /// An end may write.
    Writable(u64, Side),
    /// So many more bytes arrive at an end.
    Arrive(u64, Side, usize),
    /// An end reads of what has arrived.
    Readable(u64, Side),
    /// Whoever writes to an end learns that it has taken so many bytes.
    Acknowledge(u64, Side, usize),
    /// An end learns from across that the connection is over.
    Finish(u64, Side, Option<OsError>),
    /// An end that closed is done with.
    Closed(u64, Side),
    /// An end that sent what was held back gives up, if it still is.
    GiveUp(u64, Side),
    /// A datagram arrives.
    Datagram(Box<Datagram>),
}

impl Occurrence {
    /// Which connection it is sent on, and towards which end, unless it happens at one place.
    fn towards(&self) -> Option<(u64, Side)> {
        match *self {
            Occurrence::Knock(id) => Some((id, Side::Acceptor)),
            Occurrence::Answer(id, _) => Some((id, Side::Dialler)),
            Occurrence::Arrive(id, side, _) | Occurrence::Finish(id, side, _) => Some((id, side)),
            Occurrence::Acknowledge(id, side, _) => Some((id, side.other())),
            Occurrence::DialTimeout(_)
            | Occurrence::Writable(..)
            | Occurrence::Readable(..)
            | Occurrence::Closed(..)
            | Occurrence::GiveUp(..)
            | Occurrence::Datagram(_) => None,
        }
    }
}

/// What a machine is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// An event.
    Event(NetworkEvent),
    /// Bytes.
    Bytes(ConnectionId, Vec<u8>),
    /// It may write what it has; nothing for the machine itself.
    Writable(ConnectionId),
}

/// The network of a world.
#[derive(Debug)]
pub struct Network {
    seed: u64,
    setting: NetworkSetting,
    /// What becomes of datagrams now.
    pub weather: Weather,
    links: BTreeMap<(Host, Host), Link>,
    listeners: BTreeMap<SocketAddr, Actor>,
    datagram_ports: BTreeMap<SocketAddr, Actor>,
    obstacles: BTreeMap<Obstacle, Vec<Held>>,
    /// Hosts between which the weather is fair.
    sheltered: BTreeSet<Host>,
    connections: BTreeMap<u64, Connection>,
    names: BTreeMap<(Actor, ConnectionId), (u64, Side)>,
    accepted: BTreeMap<Actor, u64>,
    next: u64,
    tap: Option<Tap>,
}

#[derive(Debug)]
struct Link {
    stream: Stream,
    latency_us: u64,
    /// How fast bytes leave, if it is slow.
    bytes_per_ms: Option<u64>,
    /// When all that was to leave slowly has left.
    free: Time,
    /// Datagrams that can be delivered again.
    delivered: VecDeque<Datagram>,
    /// How long it takes the last datagram to go round, if it does.
    echo_us: Option<u64>,
    /// When the newest datagram that arrived was sent.
    newest: Time,
}

fn error(kind: OsErrorKind, text: &str) -> OsError {
    OsError { kind, text: text.into() }
}

impl Network {
    /// A network without anyone.
    pub fn new(seed: u64, setting: NetworkSetting) -> Network {
        Network {
            seed,
            setting,
            weather: Weather::FAIR,
            links: BTreeMap::new(),
            listeners: BTreeMap::new(),
            datagram_ports: BTreeMap::new(),
            obstacles: BTreeMap::new(),
            sheltered: BTreeSet::new(),
            connections: BTreeMap::new(),
            names: BTreeMap::new(),
            accepted: BTreeMap::new(),
            next: 0,
            tap: None,
        }
    }

    /// Reads the messages of all connections dialled from now on, and of all datagrams, for
    /// [`Network::heard`].
    pub fn tap(&mut self) {
        self.tap.get_or_insert_default();
    }

    /// The messages that what was told last completes, if the network is tapped.
    pub fn heard(&mut self) -> Vec<Heard> {
        self.tap.as_mut().map(Tap::heard).unwrap_or_default()
    }

    /// Lets something happen; gives what is to be told, and to whom.
    pub fn happen<E: From<Occurrence>>(
        &mut self,
        occurrence: Occurrence,
        schedule: &mut Schedule<E>,
    ) -> Option<(Actor, Delivery)> {
        match self.pass(occurrence, schedule)? {
            Occurrence::Knock(id) => self.knock(id, schedule),
            Occurrence::Answer(id, answer) => self.answer(id, answer, schedule),
            Occurrence::DialTimeout(id) => self.give_up_dial(id),
            Occurrence::Writable(id, side) => {
                let connection = self.connections.get_mut(&id)?;
                connection.pipe(side.other()).writer_woken = false;
                let end = connection.end(side);
                (end.state == EndState::Open).then_some((end.actor, Delivery::Writable(end.name)))
            }
            Occurrence::Arrive(id, side, count) => self.arrive(id, side, count, schedule),
            Occurrence::Readable(id, side) => self.read(id, side, schedule),
            Occurrence::Acknowledge(id, side, count) => {
                self.acknowledged(id, side, count, schedule);
                None
            }
            Occurrence::Finish(id, side, error) => self.finished(id, side, error, schedule),
            Occurrence::Closed(id, side) => self.closed(id, side),
            Occurrence::GiveUp(id, side) => self.give_up(id, side, schedule),
            Occurrence::Datagram(datagram) => self.deliver_datagram(*datagram, schedule),
        }
    }

    /// Whose machine might be told of an occurrence if it happened now. For a process that does not run now
    /// it can be kept, in order, and happen later; but it must not be dropped.
    pub fn recipient(&self, occurrence: &Occurrence) -> Option<Actor> {
        if self.obstacle(occurrence).is_some() {
            return None;
        }
        match *occurrence {
            Occurrence::Knock(id) => self.dialled(id),
            Occurrence::Answer(id, _) | Occurrence::DialTimeout(id) => self.living(id, Side::Dialler),
            Occurrence::Writable(id, side)
            | Occurrence::Arrive(id, side, _)
            | Occurrence::Readable(id, side)
            | Occurrence::Finish(id, side, _)
            | Occurrence::Closed(id, side)
            | Occurrence::GiveUp(id, side) => self.living(id, side),
            Occurrence::Acknowledge(..) => None,
            Occurrence::Datagram(ref datagram) => self.datagram_ports.get(&datagram.to).copied(),
        }
    }

    /// The ends of connections that were not told of their end, for the checker.
    pub fn open_ends(&self) -> impl Iterator<Item = (Actor, ConnectionId)> {
        self.names.keys().copied()
    }

    fn connection(&mut self, id: u64) -> &mut Connection {
        self.connections.get_mut(&id).expect("a connection is kept until both its ends are over")
    }

    /// Whose an end is, if it can still be told anything.
    fn living(&self, id: u64, side: Side) -> Option<Actor> {
        let end = self.connections.get(&id)?.end(side);
        let lives = match end.state {
            EndState::Dialling => side == Side::Dialler,
            EndState::Open | EndState::Closing => true,
            EndState::Over => false,
        };
        lives.then_some(end.actor)
    }

    /// Along which edge an occurrence goes, unless it happens at one place or comes too late for anybody.
    fn edge(&self, occurrence: &Occurrence) -> Option<(Host, Host)> {
        if let Occurrence::Datagram(datagram) = occurrence {
            return Some((host_of(datagram.from), host_of(datagram.to)));
        }
        let (id, side) = occurrence.towards()?;
        Some(self.connections.get(&id)?.edge(side))
    }

    fn link(&mut self, from: Host, to: Host) -> &mut Link {
        let (seed, latency) = (self.seed, self.setting.latency);
        self.links.entry((from, to)).or_insert_with(|| {
            let mut stream = Stream::new(seed, &format!("link {from} > {to}"));
            let latency_us = stream.span_us(latency);
            Link {
                stream,
                latency_us,
                bytes_per_ms: None,
                free: Time::ZERO,
                delivered: VecDeque::new(),
                echo_us: None,
                newest: Time::ZERO,
            }
        })
    }

    fn delay_us(&mut self, from: Host, to: Host) -> u64 {
        let jitter = self.setting.jitter;
        let link = self.link(from, to);
        let jitter_us = link.stream.span_us(jitter);
        if from == to { jitter_us } else { link.latency_us + jitter_us }
    }
}

/// The host an address belongs to.
fn host_of(address: SocketAddr) -> Host {
    let SocketAddr::V4(address) = address else { panic!("{address} is of no host") };
    let [_, kind, high, low] = address.ip().octets();
    let index = u16::from_be_bytes([high, low]);
    match kind {
        0 => Host::Manager,
        1 => Host::Worker(index),
        _ => Host::Client(index),
    }
}

#[cfg(test)]
mod tests;
