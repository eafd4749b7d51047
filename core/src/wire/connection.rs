//! One stream, from its first byte: owns the handshake, the buffers of both directions, and what may come when.
//!
//! Bytes go in cut anywhere, whole messages come out; messages go in, bytes come out as the socket takes them. It never
//! closes anything: a [`Violation`] is for its machine to act upon.
//!
//! ```text
//!  dialler:  Preamble ──theirs is right──▶ Answer ──Welcome──▶ Open
//!  acceptor: Preamble ──theirs is right──▶ Hello ──ours, served──▶ Open
//!  any state ──violation──▶ Broken (what comes is dropped; what is unsent may still go)
//! ```
//!
//! Either side sends magic and version before anything else, so that versions that share nothing else can tell.

use super::frame::{self, Frame, FrameKind, TooLong};
use super::message::{Hello, HelloAnswer, Role};
use super::{MAGIC, PROTOCOL_VERSION, Violation, preamble};
use crate::limits::UNSENT_BYTES_MAX;
use alloc::string::String;
use alloc::vec::Vec;
use serde::Serialize;
use serde::de::DeserializeOwned;

const PREAMBLE_BYTES: usize = 12;

/// Both directions of one stream.
#[derive(Debug)]
pub struct Connection {
    side: Side,
    state: State,
    cluster: String,
    inbound: Vec<u8>,
    consumed: usize,
    outbound: Vec<u8>,
    written: usize,
}

#[derive(Copy, Clone, Debug)]
enum Side {
    Dialler,
    Acceptor { serves: &'static [Role] },
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum State {
    Preamble,
    Hello,
    Answer,
    Open,
    Broken,
}

/// What came on a connection.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// The handshake that was begun here is done.
    Welcome,
    /// The handshake that a peer began is done; what it wants to be.
    Established(Role),
    /// One message, encoded: [`frame::decode`] it.
    Message(&'a [u8]),
    /// A piece of bulk data.
    Raw(&'a [u8]),
}

impl Incoming<'_> {
    /// The message, where raw data has no place.
    pub fn message<M: DeserializeOwned>(&self) -> Result<M, Violation> {
        match self {
            Incoming::Message(payload) => frame::decode(payload),
            Incoming::Raw(_) => Err(Violation::FrameKind),
            Incoming::Welcome | Incoming::Established(_) => Err(Violation::OutOfPlace("a second handshake")),
        }
    }
}

impl Connection {
    /// The end that dialled; its hello is ready to be sent.
    pub fn dial(cluster: &str, role: Role) -> Connection {
        let mut connection = Connection::new(Side::Dialler, cluster);
        connection.append_preamble();
        let hello = Hello { cluster: cluster.into(), role };
        frame::append_message(&mut connection.outbound, &hello).expect("a cluster's name is short");
        connection
    }

    /// The end that was dialled.
    pub fn accept(cluster: &str, serves: &'static [Role]) -> Connection {
        Connection::new(Side::Acceptor { serves }, cluster)
    }

    fn new(side: Side, cluster: &str) -> Connection {
        Connection {
            side,
            state: State::Preamble,
            cluster: cluster.into(),
            inbound: Vec::new(),
            consumed: 0,
            outbound: Vec::new(),
            written: 0,
        }
    }

    /// Whether the handshake is done and nothing was violated.
    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Takes bytes from the peer.
    pub fn receive(&mut self, bytes: &[u8]) {
        if self.state == State::Broken {
            return;
        }
        if self.consumed == self.inbound.len() {
            self.inbound.clear();
        } else if self.consumed > 0 {
            self.inbound.drain(..self.consumed);
        }
        self.consumed = 0;
        self.inbound.extend_from_slice(bytes);
    }

    /// The next thing that came, `None` if more bytes are needed. After a violation there is nothing more.
    pub fn poll(&mut self) -> Result<Option<Incoming<'_>>, Violation> {
        match self.state {
            State::Broken => return Ok(None),
            State::Open => {}
            State::Preamble | State::Hello | State::Answer => return self.poll_handshake(),
        }
        let parsed = frame::parse(&self.inbound[self.consumed..]);
        match parsed {
            Ok(None) => Ok(None),
            Err(violation) => {
                self.state = State::Broken;
                Err(violation)
            }
            Ok(Some(Frame { kind, payload, length_bytes })) => {
                let end = self.consumed + length_bytes;
                let start = end - payload.len();
                self.consumed = end;
                let payload = &self.inbound[start..end];
                Ok(Some(match kind {
                    FrameKind::Message => Incoming::Message(payload),
                    FrameKind::Raw => Incoming::Raw(payload),
                }))
            }
        }
    }

    fn poll_handshake(&mut self) -> Result<Option<Incoming<'_>>, Violation> {
        let outcome = self.step_handshake();
        if outcome.is_err() {
            self.state = State::Broken;
        }
        outcome
    }

    fn step_handshake(&mut self) -> Result<Option<Incoming<'static>>, Violation> {
        if self.state == State::Preamble {
            if !self.take_preamble()? {
                return Ok(None);
            }
            self.state = match self.side {
                Side::Dialler => State::Answer,
                Side::Acceptor { .. } => State::Hello,
            };
        }
        let Some(Frame { kind, payload, length_bytes }) = frame::parse(&self.inbound[self.consumed..])?
        else {
            return Ok(None);
        };
        if kind != FrameKind::Message {
            return Err(Violation::FrameKind);
        }
        match self.side {
            Side::Dialler => {
                let answer: HelloAnswer = frame::decode(payload)?;
                self.consumed += length_bytes;
                match answer {
                    HelloAnswer::Welcome => {}
                    HelloAnswer::OtherCluster(theirs) => return Err(Violation::OtherCluster { theirs }),
                    HelloAnswer::NotServed => return Err(Violation::RoleNotServed),
                }
                self.state = State::Open;
                Ok(Some(Incoming::Welcome))
            }
            Side::Acceptor { serves } => {
                let hello: Hello = frame::decode(payload)?;
                self.consumed += length_bytes;
                let answer = if hello.cluster != self.cluster {
                    HelloAnswer::OtherCluster(self.cluster.clone())
                } else if !serves.contains(&hello.role) {
                    HelloAnswer::NotServed
                } else {
                    HelloAnswer::Welcome
                };
                frame::append_message(&mut self.outbound, &answer).expect("a cluster's name is short");
                match answer {
                    HelloAnswer::Welcome => {
                        self.state = State::Open;
                        Ok(Some(Incoming::Established(hello.role)))
                    }
                    HelloAnswer::OtherCluster(_) => Err(Violation::OtherCluster { theirs: hello.cluster }),
                    HelloAnswer::NotServed => Err(Violation::RoleNotServed),
                }
            }
        }
    }

    /// Takes the peer's preamble once it is there. The acceptor answers with its own even if it is the wrong one,
    /// so that the peer can tell its user what it met.
    fn take_preamble(&mut self) -> Result<bool, Violation> {
        let bytes = &self.inbound[self.consumed..];
        let (magic, version) = bytes.split_at(bytes.len().min(MAGIC.len()));
        let wrong_bits: u32 =
            magic.iter().zip(MAGIC).map(|(theirs, ours)| (theirs ^ ours).count_ones()).sum();
        if wrong_bits == 0 && bytes.len() < PREAMBLE_BYTES {
            return Ok(false);
        }
        let theirs = match (wrong_bits, version) {
            (0, [v0, v1, w0, w1, ..]) if [*w0, *w1] == [!v0, !v1] => {
                Ok(u32::from(u16::from_le_bytes([*v0, *v1])))
            }
            // One of ours, damaged on its way: dialling again will do.
            (0 | 1, _) => Err(Violation::Checksum),
            (2.., _) => Err(Violation::Magic),
        };
        if let Side::Acceptor { .. } = self.side {
            self.append_preamble();
        }
        match theirs? {
            PROTOCOL_VERSION => {
                self.consumed += PREAMBLE_BYTES;
                Ok(true)
            }
            theirs => Err(Violation::Version { theirs }),
        }
    }

    fn append_preamble(&mut self) {
        self.outbound.extend_from_slice(&preamble(PROTOCOL_VERSION));
    }

    /// Queues a message.
    ///
    /// # Errors
    /// The message is too long for a frame. A peer that does not read is told by [`Connection::is_overfull`].
    pub fn send<M: Serialize>(&mut self, message: &M) -> Result<(), TooLong> {
        if self.state == State::Broken {
            return Ok(());
        }
        frame::append_message(&mut self.outbound, message)
    }

    /// Queues a piece of bulk data.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        if self.state != State::Broken {
            frame::append_raw(&mut self.outbound, bytes);
        }
    }

    /// Whether more is unsent than a peer that reads would leave.
    pub fn is_overfull(&self) -> bool {
        self.outbound.len() - self.written > UNSENT_BYTES_MAX
    }

    /// The bytes to be written next.
    pub fn unsent(&self) -> &[u8] {
        &self.outbound[self.written..]
    }

    /// Tells that the first `count` of them were written.
    pub fn sent(&mut self, count: usize) {
        self.written += count;
        assert!(self.written <= self.outbound.len(), "no more is written than there is");
        if self.written == self.outbound.len() {
            self.outbound.clear();
            self.written = 0;
        } else if self.written > self.outbound.len() / 2 {
            self.outbound.drain(..self.written);
            self.written = 0;
        }
    }
}
