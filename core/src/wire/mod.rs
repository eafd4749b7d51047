//! The wire: what Manager, worker, client and shuffle peers say to each other, and how it becomes bytes.
//!
//! [`message`] owns the words, [`frame`] the bytes of one message, [`connection`] the life of a stream from its handshake
//! on, [`dialled`] the stages of one that is dialled again and again, [`datagram`] the heartbeats. The codec is behind [`frame`] and [`datagram`] alone, so that it can be exchanged.

pub mod connection;
pub mod datagram;
pub mod dialled;
pub mod frame;
pub mod message;

#[cfg(test)]
mod tests;

pub use connection::{Connection, Incoming};
pub use dialled::Dialled;

use crate::failure::Cause;
use alloc::string::{String, ToString};
use core::fmt;

/// First bytes of every stream and every datagram.
pub const MAGIC: [u8; 8] = *b"WINDROW\n";

/// The version of all that is said; peers of different versions refuse each other.
pub const PROTOCOL_VERSION: u32 = 5;

/// What either side of a stream sends before all else: the magic, the version (u16), and its complement (u16), so that a
/// damaged version is not taken for another one.
pub const fn preamble(version: u32) -> [u8; 12] {
    let [m0, m1, m2, m3, m4, m5, m6, m7] = MAGIC;
    let [low, high, _, _] = version.to_le_bytes();
    [m0, m1, m2, m3, m4, m5, m6, m7, low, high, !low, !high]
}

/// What a peer did that ends its connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// Its first bytes are not Windrow's.
    Magic,
    /// It speaks another version.
    Version {
        /// Which.
        theirs: u32,
    },
    /// It belongs to another cluster.
    OtherCluster {
        /// Its name.
        theirs: String,
    },
    /// It wants to be what nobody here serves, or is not what was asked for.
    RoleNotServed,
    /// A frame announces more than a frame may hold.
    FrameTooLong {
        /// What it announces.
        length_bytes: u64,
    },
    /// A frame of a kind that does not exist, or not here.
    FrameKind,
    /// A frame's bytes do not have their checksum.
    Checksum,
    /// A frame holds something else than one whole message.
    Undecodable,
    /// A message that has no place in this state of the conversation.
    OutOfPlace(&'static str),
    /// It does not read what is sent to it.
    NotReading,
    /// It did not finish its handshake in time.
    HandshakeTimeout,
}

impl Violation {
    /// Whether dialling again would meet the same: the peer is another program, version or cluster, or another role.
    /// All others may be the doing of one damaged byte.
    pub fn is_final(&self) -> bool {
        match self {
            Violation::Magic
            | Violation::Version { .. }
            | Violation::OtherCluster { .. }
            | Violation::RoleNotServed => true,
            Violation::FrameTooLong { .. }
            | Violation::FrameKind
            | Violation::Checksum
            | Violation::Undecodable
            | Violation::OutOfPlace(_)
            | Violation::NotReading
            | Violation::HandshakeTimeout => false,
        }
    }

    /// What a user is told of it, where the peer at `address` was dialled for `cluster`.
    pub fn into_cause(self, address: String, cluster: &str) -> Cause {
        match self {
            Violation::Version { theirs } => Cause::OtherVersion { address, theirs, ours: PROTOCOL_VERSION },
            Violation::OtherCluster { theirs } => {
                Cause::OtherCluster { address, theirs, ours: cluster.into() }
            }
            Violation::Magic
            | Violation::RoleNotServed
            | Violation::FrameTooLong { .. }
            | Violation::FrameKind
            | Violation::Checksum
            | Violation::Undecodable
            | Violation::OutOfPlace(_)
            | Violation::NotReading
            | Violation::HandshakeTimeout => Cause::NotWindrow { address, violation: self.to_string() },
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Violation::Magic => f.write_str("its first bytes are not those of Windrow's protocol"),
            Violation::Version { theirs } => {
                write!(f, "it speaks protocol version {theirs}, this is version {PROTOCOL_VERSION}")
            }
            Violation::OtherCluster { theirs } => write!(f, "it belongs to cluster `{theirs}`"),
            Violation::RoleNotServed => f.write_str("what it asks for is not served here"),
            Violation::FrameTooLong { length_bytes } => write!(f, "a frame announces {length_bytes} bytes"),
            Violation::FrameKind => f.write_str("a frame is of an unknown kind"),
            Violation::Checksum => f.write_str("a frame does not have its checksum"),
            Violation::Undecodable => f.write_str("a frame does not hold one whole message"),
            Violation::OutOfPlace(what) => write!(f, "a message is out of place: {what}"),
            Violation::NotReading => f.write_str("it does not read what is sent to it"),
            Violation::HandshakeTimeout => f.write_str("it did not finish its handshake in time"),
        }
    }
}
