//! Bytes on their way: owns when they leave, how they are cut and joined, when they arrive, and what
//! acknowledges them.

use super::connection::{EndState, Side};
use super::{Delivery, Network, Occurrence};
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
        let towards = side.other();
        let room = connection.room(towards);
        if connection.end(side).state != EndState::Open || unsent.is_empty() {
            return 0;
        }
        let (here, there) = connection.edge(towards);
        let delay_us = self.delay_us(here, there);
        let Network { links, connections, .. } = self;
        let link = links.get_mut(&(here, there)).expect("it has a delay");
        let connection = connections.get_mut(&id).expect("it is open");
        let count = match unsent.len().min(room) {
            0 => 0,
            most => link.stream.portion(most),
        };
        for (bytes, leaves) in link.pieces(&unsent[..count], schedule.now()) {
            let arrives = connection.send(towards, bytes, leaves.after(delay_us));
            schedule.at(arrives, Occurrence::Arrive(id, towards, bytes.len()));
        }
        if let Some(tap) = &mut self.tap {
            tap.overhear(id, side, &unsent[..count], schedule.now());
        }
        if count < unsent.len() && count < room {
            self.wake_writer(id, side, schedule);
        } else {
            self.connection(id).pipe(towards).writer_waits = count < unsent.len();
        }
        count
    }

    /// More bytes arrive at an end.
    pub(super) fn arrive<E: From<Occurrence>>(
        &mut self,
        id: u64,
        side: Side,
        count: usize,
        schedule: &mut Schedule<E>,
    ) -> Option<(Actor, Delivery)> {
        let connection = self.connections.get_mut(&id)?;
        let pipe = connection.pipe(side);
        if pipe.dead {
            self.refuse_bytes(id, side.other(), schedule);
            return None;
        }
        pipe.arrived += count;
        match connection.end(side).state {
            EndState::Open => self.read(id, side, schedule),
            EndState::Dialling => None,
            EndState::Closing | EndState::Over => {
                let arrived = connection.pipe(side).arrived;
                self.take(id, side, arrived, schedule);
                None
            }
        }
    }

    /// An end reads some of what has arrived.
    pub(super) fn read<E: From<Occurrence>>(
        &mut self,
        id: u64,
        side: Side,
        schedule: &mut Schedule<E>,
    ) -> Option<(Actor, Delivery)> {
        let connection = self.connections.get_mut(&id)?;
        let arrived = connection.pipe(side).arrived;
        if connection.end(side).state != EndState::Open || arrived == 0 {
            return None;
        }
        let (there, here) = connection.edge(side);
        let hold_us = self.delay_us(there, here);
        let stream = &mut self.link(there, here).stream;
        let taken = if stream.chance(Ratio::one_in(8)) { 0 } else { stream.portion(arrived) };
        if taken < arrived {
            schedule.after(hold_us, Occurrence::Readable(id, side));
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
        let bytes = self.take(id, side, count, schedule);
        let (end, across) = (self.connections[&id].end(side), self.connections[&id].end(side.other()));
        if let Some(tap) = &mut self.tap {
            tap.hear(id, across.actor, (side, end.actor), count, schedule.now());
        }
        Some((end.actor, Delivery::Bytes(end.name, bytes)))
    }

    /// Takes bytes that have arrived at an end, and acknowledges them.
    fn take<E: From<Occurrence>>(
        &mut self,
        id: u64,
        side: Side,
        count: usize,
        schedule: &mut Schedule<E>,
    ) -> Vec<u8> {
        let bytes = self.connection(id).take(side, count);
        if self.pass(Occurrence::Acknowledge(id, side, count), schedule).is_some() {
            self.acknowledged(id, side, count, schedule);
        }
        bytes
    }

    /// The writer hears that bytes were taken across.
    pub(super) fn acknowledged<E: From<Occurrence>>(
        &mut self,
        id: u64,
        side: Side,
        count: usize,
        schedule: &mut Schedule<E>,
    ) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let pipe = connection.pipe(side);
        pipe.unacknowledged -= count;
        if pipe.writer_waits {
            self.wake_writer(id, side.other(), schedule);
        }
    }

    fn wake_writer<E: From<Occurrence>>(&mut self, id: u64, side: Side, schedule: &mut Schedule<E>) {
        let connection = self.connection(id);
        let (here, there) = connection.edge(side.other());
        let pipe = connection.pipe(side.other());
        if pipe.writer_woken {
            return;
        }
        (pipe.writer_woken, pipe.writer_waits) = (true, false);
        let stream = &mut self.link(here, there).stream;
        let delay_us = if stream.chance(Ratio::one_in(2)) { 0 } else { stream.below(200) };
        schedule.after(delay_us, Occurrence::Writable(id, side));
    }
}
