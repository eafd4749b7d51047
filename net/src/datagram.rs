//! Datagrams: owns the socket they pass through, UDP or one end of a pair.
//!
//! A datagram may be lost at any time, so every failure to send one is a loss and no more.

use mio::net::{UdpSocket, UnixDatagram};
use mio::{Interest, Registry, Token};
use std::io;
use std::net::SocketAddr;
use windrow_core::limits::DATAGRAM_BYTES_MAX;

use crate::stream::NO_ADDRESS;

/// A non-blocking datagram socket.
#[derive(Debug)]
pub(crate) enum DatagramSocket {
    /// To and from anywhere.
    Udp(UdpSocket),
    /// One end of a pair; the other is the only peer.
    Pair(UnixDatagram),
}

impl DatagramSocket {
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match self {
            DatagramSocket::Udp(socket) => registry.register(socket, token, Interest::READABLE),
            DatagramSocket::Pair(socket) => registry.register(socket, token, Interest::READABLE),
        }
    }

    /// Sends a datagram, or loses it.
    pub(crate) fn send(&self, to: SocketAddr, bytes: &[u8]) {
        let sent = match self {
            DatagramSocket::Udp(socket) => socket.send_to(bytes, to),
            DatagramSocket::Pair(socket) => socket.send(bytes),
        };
        if let Err(error) = sent {
            tracing::debug!(%to, %error, "a datagram was lost on its way out");
        }
    }

    /// The next datagram: from where, and its bytes. One longer than a datagram may be is dropped.
    pub(crate) fn receive(&self) -> Received {
        // One byte more than allowed tells a datagram that is too long from one that just fits.
        let mut buffer = [0; DATAGRAM_BYTES_MAX + 1];
        let received = match self {
            DatagramSocket::Udp(socket) => socket.recv_from(&mut buffer),
            DatagramSocket::Pair(socket) => socket.recv(&mut buffer).map(|count| (count, NO_ADDRESS)),
        };
        match received {
            Ok((count, from)) if count <= DATAGRAM_BYTES_MAX => {
                Received::Datagram(from, buffer[..count].to_vec())
            }
            Ok(_) => Received::Nothing,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Received::Empty,
            Err(error) => {
                tracing::debug!(%error, "a datagram was lost on its way in");
                Received::Nothing
            }
        }
    }
}

/// What a look at the socket gave.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// A datagram.
    Datagram(SocketAddr, Vec<u8>),
    /// Something that counts for nothing; there may be more.
    Nothing,
    /// No more for now.
    Empty,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_long_a_datagram_is_dropped_and_the_next_arrives() {
        let (left, right) = UnixDatagram::pair().unwrap();
        let (left, right) = (DatagramSocket::Pair(left), DatagramSocket::Pair(right));
        left.send(NO_ADDRESS, &[7; DATAGRAM_BYTES_MAX + 500]);
        left.send(NO_ADDRESS, &[8; DATAGRAM_BYTES_MAX]);
        assert_eq!(right.receive(), Received::Nothing);
        assert_eq!(right.receive(), Received::Datagram(NO_ADDRESS, vec![8; DATAGRAM_BYTES_MAX]));
        assert_eq!(right.receive(), Received::Empty);
    }
}
