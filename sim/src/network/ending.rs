//! How connections end: owns who learns of it, when, and with what words; orderly, by a reset, or never.

use super::connection::{EndState, Side};
use super::{Delivery, Farewell, Network, Occurrence, error, host_of};
use crate::names::{Actor, Host, ProcessId};
use crate::schedule::Schedule;
use crate::stream::Stream;
use windrow_core::failure::{OsError, OsErrorKind};
use windrow_core::ids::ConnectionId;
use windrow_core::machine::NetworkEvent;
use windrow_core::time::SECOND_US;

/// After how long bytes that nobody acknowledges end a connection.
const RETRANSMISSION_TIMEOUT_US: u64 = 900 * SECOND_US;

impl Network {
    /// Closes an end in good order: what it wrote still arrives, what is written to it is read and thrown away.
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
        schedule.after(own_us, Occurrence::Finish(id, side, None));
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
            self.dark.insert(process.host);
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
                connection.silent |= !was_closing;
            } else if !was_closing {
                self.finish(id, side.other(), farewell, schedule);
            }
            self.forget_if_over(id);
        }
    }

    /// Resets a connection that `stream` picks: either end learns of it in its own time. Gives its two ends.
    pub fn reset_one<E: From<Occurrence>>(
        &mut self,
        stream: &mut Stream,
        schedule: &mut Schedule<E>,
    ) -> Option<(Actor, Actor)> {
        let open: Vec<u64> = self
            .connections
            .iter()
            .filter(|(_, connection)| connection.is_open())
            .map(|(id, _)| *id)
            .collect();
        let id = (!open.is_empty()).then(|| *stream.pick(&open))?;
        self.finish(id, Side::Dialler, Farewell::Reset, schedule);
        self.finish(id, Side::Acceptor, Farewell::Reset, schedule);
        let connection = &self.connections[&id];
        Some((connection.end(Side::Dialler).actor, connection.end(Side::Acceptor).actor))
    }

    pub(super) fn finished<E: From<Occurrence>>(
        &mut self,
        id: u64,
        side: Side,
        error: Option<OsError>,
        schedule: &mut Schedule<E>,
    ) -> Option<(Actor, Delivery)> {
        let connection = self.connections.get_mut(&id)?;
        let (state, arrived) = (connection.end(side).state, connection.pipe(side).arrived);
        let (actor, name) = (connection.end(side).actor, connection.end(side).name);
        if state == EndState::Over || (state == EndState::Dialling && side == Side::Acceptor) {
            return None;
        }
        if error.is_none() && state == EndState::Open && arrived > 0 {
            schedule.after(0, Occurrence::Finish(id, side, None));
            return self.deliver(id, side, arrived, schedule);
        }
        self.end(id, side);
        let event = match (state, error) {
            (EndState::Dialling, Some(error)) => NetworkEvent::DialFailed { connection: name, error },
            (_, error) => NetworkEvent::Closed { connection: name, error },
        };
        Some((actor, Delivery::Event(event)))
    }

    /// Lets an end learn that the connection is over: in order behind what was written to it, or at once.
    pub(super) fn finish<E: From<Occurrence>>(
        &mut self,
        id: u64,
        side: Side,
        farewell: Farewell,
        schedule: &mut Schedule<E>,
    ) {
        let connection = &self.connections[&id];
        let (here, there) =
            (host_of(connection.end(side).address), host_of(connection.end(side.other()).address));
        let time = schedule.now().after(self.delay_us(there, here));
        match farewell {
            Farewell::Close => {
                let time = time.max(self.connection(id).pipe(side).last);
                schedule.at(time, Occurrence::Finish(id, side, None));
            }
            Farewell::Reset => {
                let reset = error(OsErrorKind::Other, "connection reset by peer");
                schedule.at(time, Occurrence::Finish(id, side, Some(reset)));
            }
            Farewell::Silence => {}
        }
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
        }
    }

    /// Bytes written to a host that is gone: it resets once it is back, or the system gives up in the end.
    pub(super) fn end_unheard<E: From<Occurrence>>(
        &mut self,
        id: u64,
        side: Side,
        schedule: &mut Schedule<E>,
    ) {
        let there = host_of(self.connections[&id].end(side.other()).address);
        if !self.dark.contains(&there) {
            self.connection(id).silent = false;
            self.finish(id, side, Farewell::Reset, schedule);
        } else if !self.connection(id).given_up {
            self.connection(id).given_up = true;
            let timeout = Some(error(OsErrorKind::TimedOut, "connection timed out"));
            schedule.after(RETRANSMISSION_TIMEOUT_US, Occurrence::Finish(id, side, timeout));
        }
    }

    /// A host answers again: whoever has unacknowledged bytes for it is reset.
    pub(super) fn lighten<E: From<Occurrence>>(&mut self, host: Host, schedule: &mut Schedule<E>) {
        if !self.dark.remove(&host) {
            return;
        }
        let waiting: Vec<(u64, Side)> =
            self.connections.iter().filter_map(|(id, c)| c.unheard_writer(host).map(|s| (*id, s))).collect();
        for (id, side) in waiting {
            self.end_unheard(id, side, schedule);
        }
    }
}
