//! Faults that strike one open connection, which a stream picks: a reset, a forgotten state, a flipped bit.

use super::connection::{Connection, Side};
use super::{Farewell, Network, Occurrence};
use crate::names::{Actor, Host};
use crate::schedule::Schedule;
use crate::stream::Stream;

impl Network {
    /// Resets a connection, one of `of` if that is given: either end learns of it in its own time. Gives its two ends.
    pub fn reset_one<E: From<Occurrence>>(
        &mut self,
        of: Option<Host>,
        stream: &mut Stream,
        schedule: &mut Schedule<E>,
    ) -> Option<(Actor, Actor)> {
        let id = self.pick_open(of, stream)?;
        for side in Side::BOTH {
            self.finish(id, side, Farewell::Reset, schedule);
        }
        Some(self.actors(id))
    }

    /// Lets whoever is on the way forget a connection, as a translator of addresses does in time: nothing
    /// passes any more and nobody is told. Whoever writes is answered with a reset; who only reads never
    /// learns. Gives its two ends.
    pub fn forget_one(&mut self, stream: &mut Stream) -> Option<(Actor, Actor)> {
        let id = self.pick_open(None, stream)?;
        self.connection(id).kill();
        Some(self.actors(id))
    }

    /// Flips a bit of the bytes that a connection has under way, or else of those that are written to it
    /// next. Gives its two ends.
    pub fn flip_one(&mut self, stream: &mut Stream) -> Option<(Actor, Actor)> {
        let id = self.pick_open(None, stream)?;
        let connection = self.connection(id);
        let busy: Vec<Side> = Side::BOTH.into_iter().filter(|side| connection.has_under_way(*side)).collect();
        let number = stream.number();
        if busy.is_empty() {
            connection.pipe(*stream.pick(&Side::BOTH)).flip = Some(number);
        } else {
            connection.pipe(*stream.pick(&busy)).flip_bit(0, number);
        }
        if let Some(tap) = &mut self.tap {
            tap.leave(id);
        }
        Some(self.actors(id))
    }

    fn pick_open(&self, of: Option<Host>, stream: &mut Stream) -> Option<u64> {
        let is_of = |connection: &Connection, host| {
            Side::BOTH.into_iter().any(|side| connection.end(side).actor.process.host == host)
        };
        let open = self
            .connections
            .iter()
            .filter(|(_, connection)| connection.is_open() && of.is_none_or(|host| is_of(connection, host)));
        let open: Vec<u64> = open.map(|(id, _)| *id).collect();
        (!open.is_empty()).then(|| *stream.pick(&open))
    }

    fn actors(&self, id: u64) -> (Actor, Actor) {
        let connection = &self.connections[&id];
        (connection.end(Side::Dialler).actor, connection.end(Side::Acceptor).actor)
    }
}
