//! The contract of a machine: what a driver may ask of one and what it must do for it.
//!
//! A [`Machine`] takes inputs and the time, and gives outputs and a deadline. A [`Node`] is a machine that has
//! stream connections and datagrams as well. The driver's whole duty:
//!
//! 1. Give each event to the machine, with the time.
//! 2. Drain [`Machine::poll_output`] to `None` and perform what comes, in order.
//! 3. Sleep until the next event or [`Machine::poll_timeout`], then [`Machine::handle_timeout`].
//!
//! A driver needs to know no rule of order: whatever must wait for something is held inside the machine.
//! Bulk data never passes through inputs or outputs: bytes pass as borrowed slices.

use crate::failure::OsError;
use crate::ids::ConnectionId;
use crate::time::Time;
use alloc::vec::Vec;
use core::net::SocketAddr;
use serde::{Deserialize, Serialize};

/// A state machine that decides and does nothing.
pub trait Machine {
    /// What happens to it.
    type Input;
    /// What it wants done.
    type Output;
    /// Why it wants to be woken.
    type Timer;

    /// Takes an event. Total: every input is answered in every state.
    fn handle_input(&mut self, input: Self::Input, now: Time);

    /// Tells the time. A call before the deadline does nothing.
    fn handle_timeout(&mut self, now: Time);

    /// The next thing to do; `None` once there is nothing left.
    fn poll_output(&mut self) -> Option<Self::Output>;

    /// When to call [`Machine::handle_timeout`], and what for.
    fn poll_timeout(&self) -> Option<(Time, Self::Timer)>;

    /// Panics where the machine's state contradicts itself. Cheap enough to run after every input in `sim`.
    fn check_invariants(&self);
}

/// A machine with connections: `L` are its inputs from, `A` its requests to everything that is not the network.
///
/// Every connection ends with exactly one [`NetworkEvent::Closed`] or [`NetworkEvent::DialFailed`],
/// also one that the machine itself closed.
pub trait Node: Machine<Input = Event<Self::Local>, Output = Action<Self::Request>> {
    /// Events that are not the network's.
    type Local;
    /// Actions that are not the network's.
    type Request;

    /// Takes bytes that arrived on a connection, in order, cut anywhere.
    fn receive(&mut self, connection: ConnectionId, bytes: &[u8], now: Time);

    /// The bytes to be written next on a connection; empty if there are none.
    fn unsent(&self, connection: ConnectionId) -> &[u8];

    /// Tells that the first `count` bytes of [`Node::unsent`] were written.
    fn sent(&mut self, connection: ConnectionId, count: usize, now: Time);
}

/// What happens to a [`Node`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event<L> {
    /// On the network.
    Network(NetworkEvent),
    /// Anywhere else.
    Local(L),
}

/// What a [`Node`] wants done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action<R> {
    /// On the network.
    Network(NetworkAction),
    /// Anywhere else.
    Local(R),
}

/// What the network tells a [`Node`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NetworkEvent {
    /// A peer dialled this node.
    Accepted {
        /// The name the driver gave it.
        connection: ConnectionId,
        /// Where the peer is.
        peer: SocketAddr,
    },
    /// A connection that the machine asked for stands.
    Connected {
        /// Which.
        connection: ConnectionId,
        /// This end's address.
        local: SocketAddr,
    },
    /// A connection that the machine asked for came to nothing, and is over.
    DialFailed {
        /// Which.
        connection: ConnectionId,
        /// Why.
        error: OsError,
    },
    /// A connection is over; no byte comes or goes any more.
    Closed {
        /// Which.
        connection: ConnectionId,
        /// Why, unless one of the two sides closed it in good order.
        error: Option<OsError>,
    },
    /// A datagram arrived.
    Datagram {
        /// From where.
        from: SocketAddr,
        /// What.
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
    },
}

/// What a [`Node`] asks of the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NetworkAction {
    /// Open a connection; answered by `Connected` or `DialFailed`.
    Dial {
        /// The name it shall have.
        connection: ConnectionId,
        /// Where to.
        to: SocketAddr,
    },
    /// There are bytes in [`Node::unsent`]: write them as the connection takes them.
    Transmit {
        /// Where.
        connection: ConnectionId,
    },
    /// Write what is unsent as far as the peer takes it now, then close; answered by `Closed`.
    Close {
        /// Which.
        connection: ConnectionId,
    },
    /// Send a datagram, or lose it.
    SendDatagram {
        /// Where to.
        to: SocketAddr,
        /// What.
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
    },
}
