//! One stream connection: owns its two ends, the bytes under way between them, and how much may be under way.

use super::host_of;
use crate::names::{Actor, Host};
use std::collections::VecDeque;
use std::net::SocketAddr;
use windrow_core::ids::ConnectionId;
use windrow_core::time::Time;

/// Which end.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// Who dialled.
    Dialler,
    /// Who was dialled.
    Acceptor,
}

impl Side {
    pub(super) const BOTH: [Side; 2] = [Side::Dialler, Side::Acceptor];

    /// The end across.
    pub fn other(self) -> Side {
        match self {
            Side::Dialler => Side::Acceptor,
            Side::Acceptor => Side::Dialler,
        }
    }
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum EndState {
    /// The dialler waits for its answer, or the dial has not arrived.
    Dialling,
    Open,
    /// It closed and was not told so yet.
    Closing,
    /// It was told, or its process is gone.
    Over,
}

#[derive(Debug)]
pub(super) struct End {
    pub actor: Actor,
    pub name: ConnectionId,
    pub address: SocketAddr,
    pub state: EndState,
}

/// Bytes on their way to one end.
#[derive(Debug, Default)]
pub(super) struct Pipe {
    under_way: VecDeque<u8>,
    /// How many of them have arrived and were not taken.
    pub arrived: usize,
    /// How many bytes were taken without the writer having heard of it.
    pub unacknowledged: usize,
    /// When the last of them arrives.
    pub last: Time,
    /// The writer has more, for which there was no room.
    pub writer_waits: bool,
    /// The writer is about to write.
    pub writer_woken: bool,
    /// Whoever should receive has forgotten the connection: what arrives is answered with a reset.
    pub dead: bool,
    /// Of the bytes that are written next, one bit is to be flipped: this one, counted around them.
    pub flip: Option<u64>,
}

impl Pipe {
    fn push(&mut self, bytes: &[u8]) {
        let start = self.under_way.len();
        self.under_way.extend(bytes);
        if let Some(number) = self.flip.take_if(|_| !bytes.is_empty()) {
            self.flip_bit(start, number);
        }
    }

    /// Flips a bit of the bytes under way behind the first `start`, of which there are some.
    pub fn flip_bit(&mut self, start: usize, number: u64) {
        let bit = number % (8 * (self.under_way.len() - start) as u64);
        self.under_way[start + (bit / 8) as usize] ^= 1 << (bit % 8);
    }
}

#[derive(Debug)]
pub(super) struct Connection {
    dialler: End,
    acceptor: End,
    to_dialler: Pipe,
    to_acceptor: Pipe,
    window_bytes: usize,
}

impl Connection {
    pub fn dialled(
        actor: Actor,
        name: ConnectionId,
        local: SocketAddr,
        to: SocketAddr,
        window_bytes: usize,
    ) -> Connection {
        let end = |address| End { actor, name, address, state: EndState::Dialling };
        Connection {
            dialler: end(local),
            acceptor: end(to),
            to_dialler: Pipe::default(),
            to_acceptor: Pipe::default(),
            window_bytes,
        }
    }

    /// The dial arrived; what the acceptor writes arrives no earlier than the answer.
    pub fn accept(&mut self, actor: Actor, name: ConnectionId, answered: Time) {
        (self.acceptor.actor, self.acceptor.name, self.acceptor.state) = (actor, name, EndState::Open);
        self.to_dialler.last = answered;
    }

    pub fn end(&self, side: Side) -> &End {
        match side {
            Side::Dialler => &self.dialler,
            Side::Acceptor => &self.acceptor,
        }
    }

    pub fn end_mut(&mut self, side: Side) -> &mut End {
        match side {
            Side::Dialler => &mut self.dialler,
            Side::Acceptor => &mut self.acceptor,
        }
    }

    /// From which host to which goes what is sent towards an end.
    pub fn edge(&self, towards: Side) -> (Host, Host) {
        (host_of(self.end(towards.other()).address), host_of(self.end(towards).address))
    }

    pub fn pipe(&mut self, towards: Side) -> &mut Pipe {
        match towards {
            Side::Dialler => &mut self.to_dialler,
            Side::Acceptor => &mut self.to_acceptor,
        }
    }

    fn pipe_ref(&self, towards: Side) -> &Pipe {
        match towards {
            Side::Dialler => &self.to_dialler,
            Side::Acceptor => &self.to_acceptor,
        }
    }

    /// Bytes that can be written towards an end now.
    pub fn room(&self, towards: Side) -> usize {
        let pipe = self.pipe_ref(towards);
        self.window_bytes - pipe.under_way.len() - pipe.unacknowledged
    }

    /// Whether bytes were written towards an end that it has not taken.
    pub fn has_under_way(&self, towards: Side) -> bool {
        !self.pipe_ref(towards).under_way.is_empty()
    }

    /// Whether some of them have not arrived.
    pub fn awaits_bytes(&self, side: Side) -> bool {
        self.pipe_ref(side).under_way.len() > self.pipe_ref(side).arrived
    }

    /// Puts bytes on their way that arrive at `time` or behind those before them; gives when.
    pub fn send(&mut self, towards: Side, bytes: &[u8], time: Time) -> Time {
        let pipe = self.pipe(towards);
        pipe.push(bytes);
        pipe.last = pipe.last.max(time);
        pipe.last
    }

    /// Takes bytes that arrived at an end; they are still to be acknowledged.
    pub fn take(&mut self, side: Side, count: usize) -> Vec<u8> {
        let pipe = self.pipe(side);
        pipe.arrived -= count;
        pipe.unacknowledged += count;
        pipe.under_way.drain(..count).collect()
    }

    /// Nothing passes any more, either way.
    pub fn kill(&mut self) {
        (self.to_dialler.dead, self.to_acceptor.dead) = (true, true);
    }

    pub fn is_open(&self) -> bool {
        self.dialler.state == EndState::Open && self.acceptor.state == EndState::Open
    }

    pub fn is_over(&self) -> bool {
        self.dialler.state == EndState::Over && self.acceptor.state == EndState::Over
    }
}
