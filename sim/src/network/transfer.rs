//! Bytes on their way: owns when they leave, how they are cut and joined, and when they arrive.

use super::connection::{EndState, Side};
use super::{Delivery, Network, Occurrence, host_of};
use crate::names::Actor;
use crate::schedule::Schedule;
use crate::stream::Ratio;
use windrow_core::ids::ConnectionId;

impl Network {
    /// Lets an end write soon.
    pub fn transmit<E: From<Occurrence>>(
        &mut self,
        actor: Actor,
        name: ConnectionId,
        schedule: &mut Schedule<E>,
    ) {
        if let Some(&(id, side)) = self.names.get(&(actor, name)) {
            self.wake_writer(id, side, schedule);
        }
    }

    /// Takes bytes that an end writes: as many as the connection takes now, or fewer. Gives their number.
    pub fn write<E: From<Occurrence>>(
        &mut self,
        actor: Actor,
        name: ConnectionId,
        unsent: &[u8],
        schedule: &mut Schedule<E>,
    ) -> usize {
        let Some(&(id, side)) = self.names.get(&(actor, name)) else { return 0 };
        let connection = &self.connections[&id];
        let towards = connection.end(side.other()).address;
        let room = connection.room(side.other());
        if connection.end(side).state != EndState::Open || unsent.is_empty() {
            return 0;
        }
        let delay_us = self.delay_us(actor.process.host, host_of(towards));
        let count = match unsent.len().min(room) {
            0 => 0,
            most => self.link(actor.process.host, host_of(towards)).stream.portion(most),
        };
        let time = schedule.now().after(delay_us);
        let arrival = self.connection(id).send(side.other(), &unsent[..count], time);
        if let Some(arrival) = arrival.filter(|_| count > 0) {
            schedule.at(arrival, Occurrence::Arrive(id, side.other(), count));
        }
        if count < unsent.len() && count < room {
            self.wake_writer(id, side, schedule);
        } else {
            self.connection(id).pipe(side.other()).writer_waits = count < unsent.len();
        }
        if self.connections[&id].writes_to_nobody(side) {
            self.end_unheard(id, side, schedule);
        }
        count
    }

    pub(super) fn arrive<E: From<Occurrence>>(
        &mut self,
        id: u64,
        side: Side,
        count: usize,
        schedule: &mut Schedule<E>,
    ) -> Option<(Actor, Delivery)> {
        let connection = self.connections.get_mut(&id)?;
        let (here, there) =
            (host_of(connection.end(side).address), host_of(connection.end(side.other()).address));
        let pipe = connection.pipe(side);
        pipe.arrived += count;
        if connection.end(side).state != EndState::Open || connection.pipe(side).arrived == 0 {
            return None;
        }
        let arrived = connection.pipe(side).arrived;
        let hold_us = self.delay_us(there, here);
        let stream = &mut self.link(there, here).stream;
        let taken = if stream.chance(Ratio::one_in(8)) { 0 } else { stream.portion(arrived) };
        if taken < arrived {
            schedule.after(hold_us, Occurrence::Arrive(id, side, 0));
        }
        self.deliver(id, side, taken, schedule)
    }

    pub(super) fn deliver<E: From<Occurrence>>(
        &mut self,
        id: u64,
        side: Side,
        count: usize,
        schedule: &mut Schedule<E>,
    ) -> Option<(Actor, Delivery)> {
        if count == 0 {
            return None;
        }
        let bytes = self.connection(id).take(side, count);
        if self.connection(id).pipe(side).writer_waits {
            self.wake_writer(id, side.other(), schedule);
        }
        let end = self.connections[&id].end(side);
        Some((end.actor, Delivery::Bytes(end.name, bytes)))
    }

    pub(super) fn wake_writer<E: From<Occurrence>>(
        &mut self,
        id: u64,
        side: Side,
        schedule: &mut Schedule<E>,
    ) {
        let connection = &self.connections[&id];
        let (here, there) =
            (host_of(connection.end(side).address), host_of(connection.end(side.other()).address));
        let pipe = self.connection(id).pipe(side.other());
        if pipe.writer_woken {
            return;
        }
        (pipe.writer_woken, pipe.writer_waits) = (true, false);
        let stream = &mut self.link(here, there).stream;
        let delay_us = if stream.chance(Ratio::one_in(2)) { 0 } else { stream.below(200) };
        schedule.after(delay_us, Occurrence::Writable(id, side));
    }
}
