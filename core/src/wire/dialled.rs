//! One connection at a time that a machine dials: owns its stages, and what is still unsent on those it gave up.
//!
//! It decides nothing: when to dial, for how long to try again and what is said are its machine's. Each operation gives
//! back what the network shall do. Invariant: a connection is the present one or is being closed, never both, and bytes
//! come from the present one alone.
//!
//! ```text
//! Idle ─dial─▶ Dialling ─connected─▶ Greeting ─welcome─▶ Open
//!  ▲               └──────ended, or hung up───┴───────────┘
//!  └───────────────────────────┘
//! ```

#[cfg(test)]
mod tests;

use super::message::Role;
use super::{Connection, Incoming, Violation};
use crate::ids::ConnectionId;
use crate::limits::HANDSHAKE_US;
use crate::machine::NetworkAction;
use crate::time::Time;
use alloc::collections::BTreeMap;
use core::net::SocketAddr;

/// The present connection to a peer, and those to it that are not over yet.
#[derive(Debug, Default)]
pub struct Dialled {
    stage: Stage,
    closing: BTreeMap<ConnectionId, Connection>,
}

#[derive(Debug, Default)]
enum Stage {
    #[default]
    Idle,
    Dialling(ConnectionId),
    Greeting(ConnectionId, Connection),
    Open(ConnectionId, Connection),
}

impl Stage {
    fn id(&self) -> Option<ConnectionId> {
        match self {
            Stage::Idle => None,
            Stage::Dialling(id) | Stage::Greeting(id, _) | Stage::Open(id, _) => Some(*id),
        }
    }

    fn connection(&self) -> Option<&Connection> {
        match self {
            Stage::Greeting(_, connection) | Stage::Open(_, connection) => Some(connection),
            Stage::Idle | Stage::Dialling(_) => None,
        }
    }

    fn connection_mut(&mut self) -> Option<&mut Connection> {
        match self {
            Stage::Greeting(_, connection) | Stage::Open(_, connection) => Some(connection),
            Stage::Idle | Stage::Dialling(_) => None,
        }
    }
}

impl Dialled {
    /// Dials under a name that was never used. Gives the moment by which the peer must have said its welcome;
    /// to hang up then is its machine's part.
    pub fn dial(&mut self, id: ConnectionId, to: SocketAddr, now: Time) -> (NetworkAction, Time) {
        assert!(self.is_idle(), "one connection at a time");
        self.stage = Stage::Dialling(id);
        (NetworkAction::Dial { connection: id, to }, now.after(HANDSHAKE_US))
    }

    /// A connection stands: greets on it, or closes it if it was given up while it was being dialled.
    pub fn connected(&mut self, id: ConnectionId, cluster: &str, role: Role) -> NetworkAction {
        if !self.is_current(id) {
            return NetworkAction::Close { connection: id };
        }
        self.stage = Stage::Greeting(id, Connection::dial(cluster, role));
        NetworkAction::Transmit { connection: id }
    }

    /// A connection is over, or came to nothing. Returns whether it was the present one.
    pub fn ended(&mut self, id: ConnectionId) -> bool {
        self.closing.remove(&id);
        let was_current = self.is_current(id);
        if was_current {
            self.stage = Stage::Idle;
        }
        was_current
    }

    /// Gives up the present connection in whatever stage it is. `None` if there is nothing to be closed (yet).
    pub fn hang_up(&mut self) -> Option<NetworkAction> {
        match core::mem::take(&mut self.stage) {
            Stage::Idle | Stage::Dialling(_) => None,
            Stage::Greeting(id, connection) | Stage::Open(id, connection) => {
                self.closing.insert(id, connection);
                Some(NetworkAction::Close { connection: id })
            }
        }
    }

    /// Whether there is no connection, nor one on its way.
    pub fn is_idle(&self) -> bool {
        self.stage.id().is_none()
    }

    /// Whether the connection stands but the peer has not said its welcome.
    pub fn is_greeting(&self) -> bool {
        matches!(self.stage, Stage::Greeting(..))
    }

    /// Whether this is the present connection.
    pub fn is_current(&self, id: ConnectionId) -> bool {
        self.stage.id() == Some(id)
    }

    /// The present connection, once the peer has said its welcome.
    pub fn open_mut(&mut self) -> Option<(ConnectionId, &mut Connection)> {
        match &mut self.stage {
            Stage::Open(id, connection) => Some((*id, connection)),
            Stage::Idle | Stage::Dialling(_) | Stage::Greeting(..) => None,
        }
    }

    /// Whether the peer has said its welcome.
    pub fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open(..))
    }

    /// Takes bytes from the peer; those of a connection that was given up are dropped.
    pub fn receive(&mut self, id: ConnectionId, bytes: &[u8]) {
        if self.is_current(id)
            && let Some(connection) = self.stage.connection_mut()
        {
            connection.receive(bytes);
        }
    }

    /// The next thing that came on this connection; `None` if more bytes are needed, or if it was given up meanwhile.
    ///
    /// # Errors
    /// What the peer did; to hang up is its machine's part.
    pub fn poll(&mut self, id: ConnectionId) -> Result<Option<Incoming<'_>>, Violation> {
        if !self.is_current(id) {
            return Ok(None);
        }
        if let Stage::Greeting(_, connection) = &mut self.stage {
            if connection.poll()?.is_none() {
                return Ok(None);
            }
            let Stage::Greeting(id, connection) = core::mem::take(&mut self.stage) else { unreachable!() };
            self.stage = Stage::Open(id, connection);
            return Ok(Some(Incoming::Welcome));
        }
        self.stage.connection_mut().map_or(Ok(None), Connection::poll)
    }

    /// The bytes to be written next on this connection, present or being closed.
    pub fn unsent(&self, id: ConnectionId) -> &[u8] {
        let connection = if self.is_current(id) { self.stage.connection() } else { self.closing.get(&id) };
        connection.map_or(&[], Connection::unsent)
    }

    /// Tells that the first `count` of them were written.
    pub fn sent(&mut self, id: ConnectionId, count: usize) {
        let connection =
            if self.is_current(id) { self.stage.connection_mut() } else { self.closing.get_mut(&id) };
        if let Some(connection) = connection {
            connection.sent(count);
        }
    }
}
