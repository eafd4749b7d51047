//! How connections end: owns who learns of it, when, and with what words; orderly, by a reset, or never.

use super::connection::{EndState, Side};
use super::{Delivery, Farewell, Network, Occurrence, error};
use crate::names::{Actor, ProcessId};
use crate::schedule::Schedule;
use windrow_core::failure::{OsError, OsErrorKind};
use windrow_core::ids::ConnectionId;
use windrow_core::machine::NetworkEvent;

impl Network {
    /// Closes an end in good order: what it wrote still arrives, what is written to it is read and thrown
    /// away.
    pub fn close<E: From<Occurrence>>(
        &mut self,
        actor: Actor,
        name: ConnectionId,
        schedule: &mut Schedule<E>,
    ) {
        let Some(&(id, side)) = self.names.get(&(actor, name)) else { return };
        let connection = self.connection(id);
        match connection.end(side).state {
            EndState::Closing | EndState::Over => return,
            EndState::Dialling | EndState::Open => connection.end_mut(side).state = EndState::Closing,
        }
        let here = actor.process.host;
        let own_us = self.delay_us(here, here);
        schedule.after(own_us, Occurrence::Closed(id, side));
        self.finish(id, side.other(), Farewell::Close, schedule);
    }

    /// Ends everything of a process that is no more; its peers learn of it as `farewell` says.
    pub fn end_process<E: From<Occurrence>>(
        &mut self,
        process: ProcessId,
        farewell: Farewell,
        schedule: &mut Schedule<E>,
    ) {
        self.listeners.retain(|_, actor| actor.process != process);
        self.datagram_ports.retain(|_, actor| actor.process != process);
        self.accepted.retain(|actor, _| actor.process != process);
        if farewell == Farewell::Silence {
            self.darken(process.host);
        }
        let own: Vec<(u64, Side)> = self
            .names
            .iter()
            .filter(|((actor, _), _)| actor.process == process)
            .map(|(_, own)| *own)
            .collect();
        self.names.retain(|(actor, _), _| actor.process != process);
        for (id, side) in own {
            let connection = self.connection(id);
            let was_closing = connection.end(side).state == EndState::Closing;
            connection.end_mut(side).state = EndState::Over;
            if farewell == Farewell::Silence {
                connection.pipe(side).dead |= !was_closing;
            } else if !was_closing {
                self.finish(id, side.other(), farewell, schedule);
            }
            self.forget_if_over(id);
        }
    }

    /// An end learns from across that the connection is over.
    pub(super) fn finished<E: From<Occurrence>>(
        &mut self,
        id: u64,
        side: Side,
        error: Option<OsError>,
        schedule: &mut Schedule<E>,
    ) -> Option<(Actor, Delivery)> {
        let connection = self.connections.get_mut(&id)?;
        let state = connection.end(side).state;
        if state == EndState::Over || (state == EndState::Dialling && side == Side::Acceptor) {
            return None;
        }
        if error.is_some() || state == EndState::Closing {
            return Some(self.tell_end(id, side, error));
        }
        if connection.pipe(side).dead {
            return None;
        }
        let last = connection.pipe(side).last.max(schedule.now().after(1));
        let arrived = connection.pipe(side).arrived;
        if state == EndState::Dialling || connection.awaits_bytes(side) {
            schedule.at(last, Occurrence::Finish(id, side, None));
            return None;
        }
        if arrived > 0 {
            schedule.after(0, Occurrence::Finish(id, side, None));
            return self.deliver(id, side, arrived, schedule);
        }
        Some(self.tell_end(id, side, None))
    }

    /// An end that closed is told that it is done with.
    pub(super) fn closed(&mut self, id: u64, side: Side) -> Option<(Actor, Delivery)> {
        let state = self.connections.get(&id)?.end(side).state;
        (state == EndState::Closing).then(|| self.tell_end(id, side, None))
    }

    /// The system of an end gives up sending again, unless all was acknowledged since. Whoever is across is
    /// not told.
    pub(super) fn give_up(
        &mut self,
        id: u64,
        side: Side,
        schedule: &Schedule<impl Sized>,
    ) -> Option<(Actor, Delivery)> {
        if !self.connections.contains_key(&id) || !self.is_held_for_too_long(id, side, schedule.now()) {
            return None;
        }
        let connection = self.connection(id);
        connection.kill();
        let timeout = error(OsErrorKind::TimedOut, "connection timed out");
        (connection.end(side).state != EndState::Over).then(|| self.tell_end(id, side, Some(timeout)))
    }

    fn tell_end(&mut self, id: u64, side: Side, error: Option<OsError>) -> (Actor, Delivery) {
        let end = self.connections[&id].end(side);
        let (actor, connection) = (end.actor, end.name);
        let event = match (end.state, error) {
            (EndState::Dialling, Some(error)) => NetworkEvent::DialFailed { connection, error },
            (_, error) => NetworkEvent::Closed { connection, error },
        };
        self.end(id, side);
        (actor, Delivery::Event(event))
    }

    /// Lets an end learn that the connection is over: in order behind what was written to it, or at once.
    pub(super) fn finish<E: From<Occurrence>>(
        &mut self,
        id: u64,
        side: Side,
        farewell: Farewell,
        schedule: &mut Schedule<E>,
    ) {
        let (from, to) = self.connections[&id].edge(side);
        let time = schedule.now().after(self.delay_us(from, to));
        let pipe = self.connection(id).pipe(side);
        let (time, error) = match farewell {
            Farewell::Close => (time.max(pipe.last), None),
            Farewell::Reset => (time, Some(error(OsErrorKind::Other, "connection reset by peer"))),
            Farewell::Silence => return,
        };
        if !pipe.dead {
            schedule.at(time, Occurrence::Finish(id, side, error));
        }
    }

    /// Answers what an end wrote to somebody who has forgotten the connection.
    pub(super) fn refuse_bytes<E: From<Occurrence>>(
        &mut self,
        id: u64,
        writer: Side,
        schedule: &mut Schedule<E>,
    ) {
        let (from, to) = self.connections[&id].edge(writer);
        let reset = error(OsErrorKind::Other, "connection reset by peer");
        let delay_us = self.delay_us(from, to);
        schedule.after(delay_us, Occurrence::Finish(id, writer, Some(reset)));
    }

    pub(super) fn end(&mut self, id: u64, side: Side) {
        let end = self.connection(id).end_mut(side);
        end.state = EndState::Over;
        let name = (end.actor, end.name);
        self.names.remove(&name);
        self.forget_if_over(id);
    }

    pub(super) fn forget_if_over(&mut self, id: u64) {
        if self.connections[&id].is_over() {
            self.connections.remove(&id);
            if let Some(tap) = &mut self.tap {
                tap.leave(id);
            }
        }
    }
}
