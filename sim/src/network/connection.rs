//! One stream connection: owns its two ends and the bytes under way between them.

use crate::names::{Actor, Host};
use std::collections::VecDeque;
use std::net::SocketAddr;
use windrow_core::ids::ConnectionId;
use windrow_core::time::Time;

/// Which end.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Side {
    /// Who dialled.
    Dialler,
    /// Who was dialled.
    Acceptor,
}

impl Side {
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
    /// When the last of them arrives.
    pub last: Time,
    /// The writer has more, for which there was no room.
    pub writer_waits: bool,
    /// The writer is about to write.
    pub writer_woken: bool,
}

#[derive(Debug)]
pub(super) struct Connection {
    dialler: End,
    acceptor: End,
    to_dialler: Pipe,
    to_acceptor: Pipe,
    window_bytes: usize,
    /// One end is gone and the other does not know.
    pub silent: bool,
    /// The system of the end that does not know will give up.
    pub given_up: bool,
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
            silent: false,
            given_up: false,
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

    pub fn pipe(&mut self, towards: Side) -> &mut Pipe {
        match towards {
            Side::Dialler => &mut self.to_dialler,
            Side::Acceptor => &mut self.to_acceptor,
        }
    }

    /// Bytes that can be written towards an end now.
    pub fn room(&self, towards: Side) -> usize {
        let pipe = if towards == Side::Dialler { &self.to_dialler } else { &self.to_acceptor };
        self.window_bytes - pipe.under_way.len()
    }

    /// Whether bytes are on their way to an end.
    pub fn holds_bytes(&self, towards: Side) -> bool {
        self.room(towards) < self.window_bytes
    }

    /// Puts bytes on their way; gives when they arrive, unless the end that they go to takes none any more.
    pub fn send(&mut self, towards: Side, bytes: &[u8], time: Time) -> Option<Time> {
        let (listens, silent) =
            (matches!(self.end(towards).state, EndState::Open | EndState::Dialling), self.silent);
        let pipe = self.pipe(towards);
        if !listens && !silent {
            return None;
        }
        pipe.under_way.extend(bytes);
        if silent {
            return None;
        }
        pipe.last = pipe.last.max(time);
        Some(pipe.last)
    }

    /// Takes bytes that arrived at an end.
    pub fn take(&mut self, side: Side, count: usize) -> Vec<u8> {
        let pipe = self.pipe(side);
        pipe.arrived -= count;
        pipe.under_way.drain(..count).collect()
    }

    pub fn is_open(&self) -> bool {
        self.dialler.state == EndState::Open && self.acceptor.state == EndState::Open
    }

    pub fn is_over(&self) -> bool {
        self.dialler.state == EndState::Over && self.acceptor.state == EndState::Over
    }

    /// Whether what `side` writes reaches nobody, and it does not know.
    pub fn writes_to_nobody(&self, side: Side) -> bool {
        self.silent && self.end(side.other()).state == EndState::Over
    }

    /// The end that has written to a silent `host`.
    pub fn unheard_writer(&self, host: Host) -> Option<Side> {
        [Side::Dialler, Side::Acceptor].into_iter().find(|side| {
            self.writes_to_nobody(*side)
                && self.end(side.other()).actor.process.host == host
                && self.holds_bytes(side.other())
        })
    }
}
