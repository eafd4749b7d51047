//! How connections begin: owns who listens where, the way of a dial to its listener, and of the answer back.

use super::connection::{Connection, EndState, Side};
use super::{Delivery, Network, Occurrence, error, host_of};
use crate::names::Actor;
use crate::schedule::Schedule;
use std::net::SocketAddr;
use windrow_core::failure::{OsError, OsErrorKind};
use windrow_core::ids::ConnectionId;
use windrow_core::machine::NetworkEvent;

impl Network {
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
        if let Some(tap) = &mut self.tap {
            tap.follow(id);
        }
        let delay_us = self.delay_us(actor.process.host, host_of(to));
        schedule.after(delay_us, Occurrence::Knock(id));
    }

    /// Who would be told of a dial that arrives now.
    pub(super) fn dialled(&self, id: u64) -> Option<Actor> {
        let connection = self.connections.get(&id)?;
        let abandoned = connection.end(Side::Dialler).state != EndState::Dialling;
        self.listeners.get(&connection.end(Side::Acceptor).address).copied().filter(|_| !abandoned)
    }

    pub(super) fn knock<E: From<Occurrence>>(
        &mut self,
        id: u64,
        schedule: &mut Schedule<E>,
    ) -> Option<(Actor, Delivery)> {
        let connection = self.connections.get(&id)?;
        let peer = connection.end(Side::Dialler).address;
        let address = connection.end(Side::Acceptor).address;
        let back_us = self.delay_us(host_of(address), host_of(peer));
        let Some(actor) = self.dialled(id) else {
            let refused = error(OsErrorKind::ConnectionRefused, "connection refused");
            schedule.after(back_us, Occurrence::Answer(id, Err(refused)));
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

    pub(super) fn answer<E: From<Occurrence>>(
        &mut self,
        id: u64,
        answer: Result<(), OsError>,
        schedule: &mut Schedule<E>,
    ) -> Option<(Actor, Delivery)> {
        let connection = self.connections.get_mut(&id)?;
        let end = connection.end_mut(Side::Dialler);
        if end.state != EndState::Dialling {
            return None;
        }
        let (actor, name, local) = (end.actor, end.name, end.address);
        let event = match answer {
            Ok(()) => {
                end.state = EndState::Open;
                if connection.pipe(Side::Dialler).arrived > 0 {
                    schedule.after(0, Occurrence::Readable(id, Side::Dialler));
                }
                NetworkEvent::Connected { connection: name, local }
            }
            Err(error) => {
                self.end(id, Side::Dialler);
                NetworkEvent::DialFailed { connection: name, error }
            }
        };
        Some((actor, Delivery::Event(event)))
    }

    /// A dial that was held back is given up, unless it has been answered since. Whoever accepted it is not
    /// told.
    pub(super) fn give_up_dial(&mut self, id: u64) -> Option<(Actor, Delivery)> {
        let connection = self.connections.get_mut(&id)?;
        if connection.end(Side::Acceptor).state == EndState::Dialling {
            connection.end_mut(Side::Acceptor).state = EndState::Over;
        }
        let end = connection.end(Side::Dialler);
        if end.state != EndState::Dialling {
            self.forget_if_over(id);
            return None;
        }
        let (actor, name) = (end.actor, end.name);
        connection.kill();
        self.end(id, Side::Dialler);
        let error = error(OsErrorKind::TimedOut, "connection timed out");
        Some((actor, Delivery::Event(NetworkEvent::DialFailed { connection: name, error })))
    }
}
