//! The tap: owns what it takes to know which messages pass. It follows what every connection is written,
//! reads frames and messages out of it, and tells each when its last byte is delivered.
//!
//! Changes nothing that passes. Of a connection whose bytes it cannot read, or whose bytes were changed, it
//! says no more.

use super::connection::Side;
use super::datagram::Datagram;
use super::message_kind::{Message, MessageKind};
use crate::names::{Actor, Host};
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Debug;
use windrow_core::time::Time;
use windrow_core::wire::frame::{self, Frame, FrameKind};
use windrow_core::wire::message::{
    FetchAnswer, FetchRequest, FromClient, FromWorker, Heartbeat, HeartbeatAnswer, Hello, HelloAnswer, Role,
    ToClient, ToWorker,
};
use windrow_core::wire::{PROTOCOL_VERSION, datagram, preamble};

/// A message that is about to be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Whose it is.
    pub from: Actor,
    /// Whom it is delivered to.
    pub to: Actor,
    /// Which it is.
    pub kind: MessageKind,
    /// When its first byte was sent.
    pub sent: Time,
    /// When its last byte is delivered.
    pub arrived: Time,
    /// What it says, for people.
    pub text: String,
}

/// What was read on the network.
#[derive(Debug, Default)]
pub(super) struct Tap {
    followed: BTreeMap<u64, Followed>,
    heard: Vec<Heard>,
}

#[derive(Debug, Default)]
struct Followed {
    role: Option<Role>,
    by_dialler: Direction,
    by_acceptor: Direction,
}

/// What one end writes.
#[derive(Debug, Default)]
struct Direction {
    /// Its preamble and its part of the handshake were read.
    introduced: bool,
    greeted: bool,
    /// What was written behind the last whole frame.
    unread: Vec<u8>,
    /// When the first of it was written.
    begun: Time,
    /// Bytes in all that were read, and that were delivered.
    read: u64,
    delivered: u64,
    messages: VecDeque<Passing>,
}

#[derive(Debug)]
struct Passing {
    /// Behind so many bytes of its direction it is complete.
    end: u64,
    kind: MessageKind,
    sent: Time,
    text: String,
}

/// What the tap cannot read.
struct Unreadable;

impl Tap {
    /// The messages that were delivered since this was asked last.
    pub fn heard(&mut self) -> Vec<Heard> {
        std::mem::take(&mut self.heard)
    }

    /// A connection begins.
    pub fn follow(&mut self, id: u64) {
        self.followed.insert(id, Followed::default());
    }

    /// A connection is over, or cannot be read any more.
    pub fn leave(&mut self, id: u64) {
        self.followed.remove(&id);
    }

    /// An end writes.
    pub fn overhear(&mut self, id: u64, writer: Side, bytes: &[u8], now: Time) {
        let Some(followed) = self.followed.get_mut(&id) else { return };
        if followed.read(writer, bytes, now).is_err() {
            self.leave(id);
        }
    }

    /// So many bytes are about to be delivered to an end.
    pub fn hear(&mut self, id: u64, from: Actor, (side, to): (Side, Actor), count: usize, now: Time) {
        let Some(followed) = self.followed.get_mut(&id) else { return };
        let direction = followed.direction(side.other());
        direction.delivered += count as u64;
        while let Some(passing) = direction.messages.pop_front_if(|next| next.end <= direction.delivered) {
            let Passing { kind, sent, text, .. } = passing;
            self.heard.push(Heard { from, to, kind, sent, arrived: now, text });
        }
    }

    /// A datagram is about to be delivered.
    pub fn hear_datagram(&mut self, datagram: &Datagram, to: Actor, now: Time) {
        let message = match to.process.host {
            Host::Manager => datagram::decode::<Heartbeat>(&datagram.bytes).map(describe),
            Host::Worker(_) | Host::Client(_) => {
                datagram::decode::<HeartbeatAnswer>(&datagram.bytes).map(describe)
            }
        };
        if let Some((kind, text)) = message {
            self.heard.push(Heard {
                from: datagram.sender,
                to,
                kind,
                sent: datagram.sent,
                arrived: now,
                text,
            });
        }
    }
}

impl Followed {
    fn direction(&mut self, writer: Side) -> &mut Direction {
        match writer {
            Side::Dialler => &mut self.by_dialler,
            Side::Acceptor => &mut self.by_acceptor,
        }
    }

    fn read(&mut self, writer: Side, bytes: &[u8], now: Time) -> Result<(), Unreadable> {
        let mut direction = std::mem::take(self.direction(writer));
        if direction.unread.is_empty() {
            direction.begun = now;
        }
        direction.unread.extend(bytes);
        if direction.introduced || direction.introduce()? {
            while let Some(Frame { kind, payload, length_bytes }) =
                frame::parse(&direction.unread).map_err(|_| Unreadable)?
            {
                let (kind, text) = match kind {
                    FrameKind::Message => self.message(writer, direction.greeted, payload)?,
                    FrameKind::Raw => (MessageKind::RAW, format!("{} bytes", payload.len())),
                };
                direction.greeted = true;
                direction.advance(length_bytes);
                let (end, sent) = (direction.read, direction.begun);
                direction.messages.push_back(Passing { end, kind, sent, text });
                direction.begun = now;
            }
        }
        *self.direction(writer) = direction;
        Ok(())
    }

    fn message(
        &mut self,
        writer: Side,
        greeted: bool,
        payload: &[u8],
    ) -> Result<(MessageKind, String), Unreadable> {
        match (writer, greeted, self.role) {
            (Side::Dialler, false, _) => {
                let hello: Hello = frame::decode(payload).map_err(|_| Unreadable)?;
                self.role = Some(hello.role);
                Ok(describe(hello))
            }
            (Side::Acceptor, false, _) => decode::<HelloAnswer>(payload),
            (Side::Dialler, true, Some(Role::Worker)) => decode::<FromWorker>(payload),
            (Side::Acceptor, true, Some(Role::Worker)) => decode::<ToWorker>(payload),
            (Side::Dialler, true, Some(Role::Client)) => decode::<FromClient>(payload),
            (Side::Acceptor, true, Some(Role::Client)) => decode::<ToClient>(payload),
            (Side::Dialler, true, Some(Role::Fetcher)) => decode::<FetchRequest>(payload),
            (Side::Acceptor, true, Some(Role::Fetcher)) => decode::<FetchAnswer>(payload),
            (Side::Dialler | Side::Acceptor, true, None) => Err(Unreadable),
        }
    }
}

impl Direction {
    /// Reads the preamble; whether it is all there.
    fn introduce(&mut self) -> Result<bool, Unreadable> {
        let preamble = preamble(PROTOCOL_VERSION);
        let seen = self.unread.len().min(preamble.len());
        if self.unread[..seen] != preamble[..seen] {
            return Err(Unreadable);
        }
        self.introduced = seen == preamble.len();
        if self.introduced {
            self.advance(seen);
        }
        Ok(self.introduced)
    }

    fn advance(&mut self, count: usize) {
        self.unread.drain(..count);
        self.read += count as u64;
    }
}

fn decode<M: DeserializeOwned + Message + Debug>(
    payload: &[u8],
) -> Result<(MessageKind, String), Unreadable> {
    frame::decode::<M>(payload).map(describe).map_err(|_| Unreadable)
}

fn describe<M: Message + Debug>(message: M) -> (MessageKind, String) {
    (message.kind(), format!("{message:?}"))
}
