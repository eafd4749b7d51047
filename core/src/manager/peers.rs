//! Everyone who is connected to the Manager: owns the connections, who is at their other end, and for how long a
//! handshake may last.
//!
//! Knows nothing of jobs. Invariant: a peer is named here from `Accepted` to `Closed`.

use crate::ids::{ConnectionId, Incarnation};
use crate::machine::NetworkAction;
use crate::wire::message::Role;
use crate::wire::{Connection, Violation};
use alloc::collections::BTreeMap;
use core::net::SocketAddr;
use serde::Serialize;

/// All connections.
#[derive(Debug, Default)]
pub struct Peers {
    all: BTreeMap<ConnectionId, Peer>,
}

/// One connection.
#[derive(Debug)]
pub struct Peer {
    /// Its bytes.
    pub connection: Connection,
    /// Where it comes from.
    pub address: SocketAddr,
    /// Who is at its other end.
    pub who: Who,
    /// Whether it is being closed: nothing more is taken from it.
    pub is_closing: bool,
}

/// Who is at the other end.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// It has not said yet.
    Stranger,
    /// A worker; its incarnation, once it registered.
    Worker(Option<Incarnation>),
    /// A client.
    Client,
}

impl Peers {
    /// Takes a new connection.
    pub fn accept(&mut self, id: ConnectionId, address: SocketAddr, cluster: &str) {
        let connection = Connection::accept(cluster, &[Role::Worker, Role::Client]);
        let peer = Peer { connection, address, who: Who::Stranger, is_closing: false };
        assert!(self.all.insert(id, peer).is_none(), "a driver names each connection once");
    }

    /// A connection.
    pub fn get(&self, id: ConnectionId) -> Option<&Peer> {
        self.all.get(&id)
    }

    /// A connection, to be changed.
    pub fn get_mut(&mut self, id: ConnectionId) -> Option<&mut Peer> {
        self.all.get_mut(&id)
    }

    /// Forgets a connection that is over.
    pub fn remove(&mut self, id: ConnectionId) -> Option<Peer> {
        self.all.remove(&id)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.all.len()
    }

    /// All of them.
    pub fn ids(&self) -> impl Iterator<Item = ConnectionId> {
        self.all.keys().copied()
    }

    /// Queues a message; what to do on the network for it. A peer that is gone or going is sent nothing.
    pub fn send<M: Serialize>(&mut self, id: ConnectionId, message: &M) -> Option<NetworkAction> {
        let peer = self.all.get_mut(&id)?;
        if peer.is_closing {
            return None;
        }
        if peer.connection.send(message).is_err() {
            // What is repeated to a peer is bounded where it comes in; this is the second line.
            tracing::error!(peer = %peer.address, "a message is too long for a frame; the connection is closed");
            return self.close(id, None);
        }
        if peer.connection.is_overfull() {
            return self.close(id, Some(&Violation::NotReading));
        }
        Some(NetworkAction::Transmit { connection: id })
    }

    /// Closes a connection, because of a violation or in good order; what to do on the network for it.
    pub fn close(&mut self, id: ConnectionId, violation: Option<&Violation>) -> Option<NetworkAction> {
        let peer = self.all.get_mut(&id)?;
        if peer.is_closing {
            return None;
        }
        peer.is_closing = true;
        if let Some(violation) = violation {
            tracing::warn!(peer = %peer.address, "connection closed: {violation}");
        }
        Some(NetworkAction::Close { connection: id })
    }
}
