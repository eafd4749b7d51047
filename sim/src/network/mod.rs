//! The network: owns who listens where, every stream connection and every datagram under way.
//!
//! Bytes of a connection arrive in order, cut and joined anywhere, after a delay of its link; datagrams are lost, doubled
//! and overtaken as the weather says. Never reads what passes. Invariant: each end of a connection is told of its
//! end exactly once, as long as its process lives.

mod connection;
mod ending;
mod transfer;

use crate::names::{Actor, Host};
use crate::schedule::Schedule;
use crate::stream::{Ratio, Span, Stream};
use connection::{Connection, EndState, Side};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use windrow_core::failure::{OsError, OsErrorKind};
use windrow_core::ids::ConnectionId;
use windrow_core::machine::NetworkEvent;
use windrow_core::time::SECOND_US;

/// After how long a host that does not answer is given up by whoever dials it.
const DIAL_TIMEOUT_US: u64 = 20 * SECOND_US;
/// Bytes of a datagram at the most (RFC 768, less the headers).
const DATAGRAM_BYTES_MAX: usize = 65_507;

/// How a network is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkSetting {
    /// How long anything takes from one host to another, before what its link adds.
    pub latency: Span,
    /// What a link adds for each thing.
    pub jitter: Span,
    /// Bytes that one direction of a connection holds, between these bounds.
    pub window_bytes: (u64, u64),
}

/// What becomes of datagrams.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weather {
    /// Lost.
    pub dropped: Ratio,
    /// Arriving twice.
    pub doubled: Ratio,
    /// Late enough to be overtaken.
    pub late: Ratio,
    /// By how much late.
    pub lateness: Span,
}

impl Weather {
    /// Every datagram arrives once, in time.
    pub const FAIR: Weather = Weather {
        dropped: Ratio::NEVER,
        doubled: Ratio::NEVER,
        late: Ratio::NEVER,
        lateness: Span { least_us: 0, most_us: 0 },
    };
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
    /// An end may write.
    Writable(u64, Side),
    /// So many more bytes arrive at an end.
    Arrive(u64, Side, usize),
    /// An end learns that the connection is over.
    Finish(u64, Side, Option<OsError>),
    /// A datagram arrives at an address, from another, with these bytes.
    #[allow(missing_docs)]
    Datagram { from: SocketAddr, to: SocketAddr, bytes: Vec<u8> },
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
    dark: BTreeSet<Host>,
    connections: BTreeMap<u64, Connection>,
    names: BTreeMap<(Actor, ConnectionId), (u64, Side)>,
    accepted: BTreeMap<Actor, u64>,
    next: u64,
}

#[derive(Debug)]
struct Link {
    stream: Stream,
    latency_us: u64,
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
            dark: BTreeSet::new(),
            connections: BTreeMap::new(),
            names: BTreeMap::new(),
            accepted: BTreeMap::new(),
            next: 0,
        }
    }

    /// Lets `actor` be dialled at `address`.
    pub fn listen<E: From<Occurrence>>(
        &mut self,
        address: SocketAddr,
        actor: Actor,
        schedule: &mut Schedule<E>,
    ) {
        assert!(self.listeners.insert(address, actor).is_none(), "{address} is in use");
        self.lighten(actor.process.host, schedule);
    }

    /// Lets datagrams to `address` reach `actor`, and its own come from there.
    pub fn bind_datagrams(&mut self, address: SocketAddr, actor: Actor) {
        assert!(self.datagram_ports.insert(address, actor).is_none(), "{address} is in use");
    }

    /// Opens a connection for `actor`, which calls it `name`.
    pub fn dial<E: From<Occurrence>>(
        &mut self,
        actor: Actor,
        name: ConnectionId,
        to: SocketAddr,
        schedule: &mut Schedule<E>,
    ) {
        let id = self.next;
        self.next += 1;
        let (least, most) = self.setting.window_bytes;
        let window = self.link(actor.process.host, host_of(to)).stream.between(least, most) as usize;
        let local = actor.process.host.address(32_768 + (id % 28_000) as u16);
        self.connections.insert(id, Connection::dialled(actor, name, local, to, window));
        let clash = self.names.insert((actor, name), (id, Side::Dialler));
        assert!(clash.is_none(), "{actor} dials with a name in use, {name}");
        let delay_us = self.delay_us(actor.process.host, host_of(to));
        schedule.after(delay_us, Occurrence::Knock(id));
    }

    /// Sends a datagram from `actor`'s port, or loses it.
    pub fn send_datagram<E: From<Occurrence>>(
        &mut self,
        actor: Actor,
        to: SocketAddr,
        bytes: &[u8],
        schedule: &mut Schedule<E>,
    ) {
        assert!(bytes.len() <= DATAGRAM_BYTES_MAX, "a datagram of {} bytes", bytes.len());
        let from = self.datagram_ports.iter().find(|(_, owner)| **owner == actor);
        let from = *from.expect("a datagram comes from a port").0;
        let (here, there, weather) = (actor.process.host, host_of(to), self.weather);
        let copies = {
            let stream = &mut self.link(here, there).stream;
            if stream.chance(weather.dropped) {
                0
            } else if stream.chance(weather.doubled) {
                2
            } else {
                1
            }
        };
        for _ in 0..copies {
            let mut delay_us = self.delay_us(here, there);
            let stream = &mut self.link(here, there).stream;
            if stream.chance(weather.late) {
                delay_us += stream.span_us(weather.lateness);
            }
            schedule.after(delay_us, Occurrence::Datagram { from, to, bytes: bytes.to_vec() });
        }
    }

    /// Lets something happen; gives what is to be told, and to whom.
    pub fn happen<E: From<Occurrence>>(
        &mut self,
        occurrence: Occurrence,
        schedule: &mut Schedule<E>,
    ) -> Option<(Actor, Delivery)> {
        match occurrence {
            Occurrence::Knock(id) => self.knock(id, schedule),
            Occurrence::Answer(id, answer) => self.answer(id, answer),
            Occurrence::Writable(id, side) => {
                let connection = self.connections.get_mut(&id)?;
                connection.pipe(side.other()).writer_woken = false;
                let end = connection.end(side);
                (end.state == EndState::Open).then_some((end.actor, Delivery::Writable(end.name)))
            }
            Occurrence::Arrive(id, side, count) => self.arrive(id, side, count, schedule),
            Occurrence::Finish(id, side, error) => self.finished(id, side, error, schedule),
            Occurrence::Datagram { from, to, bytes } => {
                let actor = *self.datagram_ports.get(&to)?;
                Some((actor, Delivery::Event(NetworkEvent::Datagram { from, bytes })))
            }
        }
    }

    /// The ends of connections that were not told of their end, for the checker.
    pub fn open_ends(&self) -> impl Iterator<Item = (Actor, ConnectionId)> {
        self.names.keys().copied()
    }

    fn knock<E: From<Occurrence>>(
        &mut self,
        id: u64,
        schedule: &mut Schedule<E>,
    ) -> Option<(Actor, Delivery)> {
        let connection = &self.connections[&id];
        let (dialler, address) = (connection.end(Side::Dialler), connection.end(Side::Acceptor).address);
        let (here, peer, abandoned) =
            (dialler.actor.process.host, dialler.address, dialler.state != EndState::Dialling);
        let back_us = self.delay_us(host_of(address), here);
        let Some(actor) = self.listeners.get(&address).copied().filter(|_| !abandoned) else {
            let answer = if self.dark.contains(&host_of(address)) {
                (DIAL_TIMEOUT_US, error(OsErrorKind::TimedOut, "connection timed out"))
            } else {
                (back_us, error(OsErrorKind::ConnectionRefused, "connection refused"))
            };
            schedule.after(answer.0, Occurrence::Answer(id, Err(answer.1)));
            self.connection(id).end_mut(Side::Acceptor).state = EndState::Over;
            self.forget_if_over(id);
            return None;
        };
        let number = self.accepted.entry(actor).or_insert(0);
        let name = ConnectionId::accepted(*number);
        *number += 1;
        let answered = schedule.now().after(back_us);
        self.connection(id).accept(actor, name, answered);
        self.names.insert((actor, name), (id, Side::Acceptor));
        schedule.at(answered, Occurrence::Answer(id, Ok(())));
        Some((actor, Delivery::Event(NetworkEvent::Accepted { connection: name, peer })))
    }

    fn answer(&mut self, id: u64, answer: Result<(), OsError>) -> Option<(Actor, Delivery)> {
        let end = self.connections.get_mut(&id)?.end_mut(Side::Dialler);
        if end.state != EndState::Dialling {
            return None;
        }
        let (actor, connection, local) = (end.actor, end.name, end.address);
        let event = match answer {
            Ok(()) => {
                end.state = EndState::Open;
                NetworkEvent::Connected { connection, local }
            }
            Err(error) => {
                self.end(id, Side::Dialler);
                NetworkEvent::DialFailed { connection, error }
            }
        };
        Some((actor, Delivery::Event(event)))
    }

    fn connection(&mut self, id: u64) -> &mut Connection {
        self.connections.get_mut(&id).expect("a connection is kept until both its ends are over")
    }

    fn link(&mut self, from: Host, to: Host) -> &mut Link {
        let (seed, latency) = (self.seed, self.setting.latency);
        self.links.entry((from, to)).or_insert_with(|| {
            let mut stream = Stream::new(seed, &format!("link {from} > {to}"));
            let latency_us = stream.span_us(latency);
            Link { stream, latency_us }
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
