//! Fetching runs from other workers: owns one connection for each of them and what is wanted of it.
//!
//! A few fetches are under way at once; every block is checked as it comes. A peer that cannot be reached, breaks off, or
//! owes a run and falls silent is tried again with back-off for a bounded time, which begins anew only with an answer
//! that came whole; then its runs count as unfetchable and their maps run again
//! (Google paper, 3.3: reducers are told, and read from the worker that made the output anew).
//!
//! ```text
//! Idle ─wanted─▶ Dialling ─▶ Greeting ─▶ Open ─nothing left─▶ (closed)
//!  ▲ timer         └─failed or closed──┴───┘
//! Waiting ◀────────────────────┘
//! ```

use super::machine::{DiskJob, Shuffle, ShuffleTimer};
use crate::backoff::Backoff;
use crate::data::run::RunVerifier;
use crate::data::run::Segment;
use crate::failure::{Cause, OsError};
use crate::ids::{AttemptId, ConnectionId, FileId, Partition};
use crate::limits::{FETCH_PATIENCE_US, FETCH_SILENCE_US, FETCHES_PER_PEER, HANDSHAKE_US};
use crate::machine::NetworkAction;
use crate::probe::probe;
use crate::time::Time;
use crate::wire::message::{FetchAnswer, FetchRequest, Role};
use crate::wire::{Connection, Incoming, Violation};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;

/// The workers that runs are fetched from.
#[derive(Debug, Default)]
pub(super) struct Peers {
    all: BTreeMap<SocketAddr, Peer>,
    by_connection: BTreeMap<ConnectionId, SocketAddr>,
    /// Connections that are closed here but not over.
    closing: BTreeMap<ConnectionId, Connection>,
    dialled: u64,
}

#[derive(Debug, Default)]
struct Peer {
    link: Link,
    wanted: VecDeque<Want>,
    under_way: VecDeque<Fetch>,
    backoff: Backoff,
    /// Since when nothing came whole, and something failed.
    failing_since: Option<Time>,
}

#[derive(Debug, Default)]
enum Link {
    #[default]
    Idle,
    Waiting,
    Dialling(ConnectionId),
    Greeting(ConnectionId, Connection),
    Open(ConnectionId, Connection),
}

/// A run that is wanted of a peer.
#[derive(Copy, Clone, Debug)]
pub(super) struct Want {
    pub attempt: AttemptId,
    pub map: AttemptId,
    pub partition: Partition,
    /// Times it came corrupt.
    pub tries: u32,
    /// Its place in the attempt's file, from the first time it began to come; kept for the next.
    pub place: Option<(FileId, Segment)>,
}

/// A run that was asked for.
#[derive(Debug)]
struct Fetch {
    want: Want,
    arriving: Option<Arriving>,
}

/// A run that is coming.
#[derive(Debug)]
struct Arriving {
    verifier: RunVerifier,
    /// Whether all of it so far went to its place: not if it was not wanted, or is corrupt; then the rest only comes.
    is_kept: bool,
    is_corrupt: bool,
    received_bytes: u64,
    length_bytes: u64,
}

/// What a frame led to.
enum Outcome {
    Nothing,
    Start(u64),
    Piece(Vec<u8>),
    NotHere,
    Unreadable(String),
}

impl Link {
    fn connection_mut(&mut self) -> Option<&mut Connection> {
        match self {
            Link::Greeting(_, connection) | Link::Open(_, connection) => Some(connection),
            Link::Idle | Link::Waiting | Link::Dialling(_) => None,
        }
    }
}

impl Peer {
    /// The first fetch under way is over, and was answered to its end: the peer serves.
    fn answered(&mut self) {
        self.under_way.pop_front();
        self.failing_since = None;
        self.backoff.reset();
    }
}

impl Peers {
    pub fn unsent(&self, id: ConnectionId) -> Option<&[u8]> {
        if let Some(connection) = self.closing.get(&id) {
            return Some(connection.unsent());
        }
        match &self.all.get(self.by_connection.get(&id)?)?.link {
            Link::Greeting(_, connection) | Link::Open(_, connection) => Some(connection.unsent()),
            Link::Idle | Link::Waiting | Link::Dialling(_) => None,
        }
    }

    pub fn sent(&mut self, id: ConnectionId, count: usize) {
        if let Some(connection) = self.closing.get_mut(&id) {
            return connection.sent(count);
        }
        let peer = self.by_connection.get(&id).and_then(|address| self.all.get_mut(address));
        if let Some(connection) = peer.and_then(|peer| peer.link.connection_mut()) {
            connection.sent(count);
        }
    }

    pub fn check_invariants(&self) {
        for (address, peer) in &self.all {
            assert!(peer.under_way.len() <= FETCHES_PER_PEER, "fetches from {address} are bounded");
            let is_open = matches!(peer.link, Link::Open(..));
            assert!(is_open || peer.under_way.is_empty(), "fetches are under way on open connections only");
        }
    }
}

impl Shuffle {
    /// Wants a run of a peer.
    pub(super) fn want(&mut self, address: SocketAddr, want: Want) {
        let peer = self.peers.all.entry(address).or_default();
        if peer.wanted.is_empty() && peer.under_way.is_empty() {
            peer.failing_since = None;
        }
        peer.wanted.push_back(want);
        match peer.link {
            Link::Idle => self.dial(address),
            Link::Open(..) => self.ask_peer(address),
            Link::Waiting | Link::Dialling(_) | Link::Greeting(..) => {}
        }
    }

    /// Dials a peer again, if anything is still wanted of it.
    pub(super) fn dial_again(&mut self, address: SocketAddr) {
        if let Some(peer) = self.peers.all.get_mut(&address) {
            peer.link = Link::Idle;
        }
        self.forget_unwanted(address);
        self.dial(address);
    }

    fn dial(&mut self, address: SocketAddr) {
        let Some(peer) = self.peers.all.get_mut(&address) else { return };
        self.peers.dialled += 1;
        let connection = ConnectionId::dialled(self.peers.dialled);
        peer.link = Link::Dialling(connection);
        self.peers.by_connection.insert(connection, address);
        self.timers.set(ShuffleTimer::Handshake(connection), self.now.after(HANDSHAKE_US));
        self.act(NetworkAction::Dial { connection, to: address });
    }

    pub(super) fn connected(&mut self, id: ConnectionId) {
        let peer = self.peers.by_connection.get(&id).and_then(|address| self.peers.all.get_mut(address));
        let Some(peer) = peer else { return self.act(NetworkAction::Close { connection: id }) };
        peer.link = Link::Greeting(id, Connection::dial(&self.config.cluster, Role::Fetcher));
        self.act(NetworkAction::Transmit { connection: id });
    }

    pub(super) fn handshake_late(&mut self, id: ConnectionId) {
        if self.serving.is_serving(id) {
            return self.fetcher_late(id);
        }
        probe!("a peer does not finish its handshake");
        self.break_off(id, "it did not finish its handshake in time".into());
    }

    pub(super) fn silent(&mut self, id: ConnectionId) {
        if self.serving.is_serving(id) {
            return self.fetcher_silent(id);
        }
        probe!("a peer falls silent over a run");
        self.break_off(id, "it fell silent".into());
    }

    /// Counts a peer's silence while it owes something.
    fn watch(&mut self, address: SocketAddr) {
        let Some(Peer { link: Link::Open(id, _), under_way, .. }) = self.peers.all.get(&address) else {
            return;
        };
        if under_way.is_empty() {
            self.timers.cancel(ShuffleTimer::Silent(*id));
        } else {
            self.timers.set_if_idle(ShuffleTimer::Silent(*id), self.now.after(FETCH_SILENCE_US));
        }
    }

    /// Gives up a connection; what was under way on it is wanted again.
    fn break_off(&mut self, id: ConnectionId, reason: String) {
        let Some(address) = self.peers.by_connection.remove(&id) else { return };
        let Some(peer) = self.peers.all.get_mut(&address) else { return };
        match core::mem::take(&mut peer.link) {
            Link::Greeting(_, connection) | Link::Open(_, connection) => {
                self.peers.closing.insert(id, connection);
                self.act(NetworkAction::Close { connection: id });
            }
            Link::Idle | Link::Waiting | Link::Dialling(_) => {}
        }
        self.peer_failed(address, id, reason);
    }

    /// A connection that was dialled here is over.
    pub(super) fn fetch_closed(&mut self, id: ConnectionId, error: Option<OsError>) {
        self.peers.closing.remove(&id);
        let Some(address) = self.peers.by_connection.remove(&id) else { return };
        let reason = error.map_or_else(|| "the connection was closed".into(), |error| error.text);
        self.peer_failed(address, id, reason);
    }

    fn peer_failed(&mut self, address: SocketAddr, id: ConnectionId, reason: String) {
        self.timers.cancel(ShuffleTimer::Handshake(id));
        self.timers.cancel(ShuffleTimer::Silent(id));
        let Some(peer) = self.peers.all.get_mut(&address) else { return };
        peer.link = Link::Idle;
        let interrupted: Vec<Want> = peer.under_way.drain(..).map(|fetch| fetch.want).collect();
        if !interrupted.is_empty() {
            probe!("a fetch is interrupted");
        }
        for want in interrupted.into_iter().rev() {
            peer.wanted.push_front(want);
        }
        let since = *peer.failing_since.get_or_insert(self.now);
        if self.now.since_us(since) >= FETCH_PATIENCE_US {
            probe!("a peer is given up");
            let wanted = core::mem::take(&mut peer.wanted);
            peer.failing_since = None;
            peer.backoff.reset();
            for want in wanted {
                self.unfetchable(
                    want.attempt,
                    want.map,
                    format!("its worker at {address} cannot be reached: {reason}"),
                );
            }
        }
        self.forget_unwanted(address);
        let Some(peer) = self.peers.all.get_mut(&address) else { return };
        let pause_us = peer.backoff.next_us(&mut self.random);
        peer.link = Link::Waiting;
        self.timers.set(ShuffleTimer::Dial(address), self.now.after(pause_us));
    }

    pub(super) fn fetch_received(&mut self, id: ConnectionId, bytes: &[u8]) {
        let Some(address) = self.peers.by_connection.get(&id).copied() else { return };
        let peer = self.peers.all.get_mut(&address).expect("a connection leads to its peer");
        let Some(connection) = peer.link.connection_mut() else { return };
        connection.receive(bytes);
        self.timers.cancel(ShuffleTimer::Silent(id));
        loop {
            let Some(peer) = self.peers.all.get_mut(&address) else { return };
            let Some(connection) = peer.link.connection_mut() else { return };
            let outcome = match connection.poll() {
                Ok(None) => return self.watch(address),
                Ok(Some(Incoming::Welcome)) => {
                    peer.link = match core::mem::take(&mut peer.link) {
                        Link::Greeting(id, connection) => Link::Open(id, connection),
                        link @ (Link::Idle | Link::Waiting | Link::Dialling(_) | Link::Open(..)) => link,
                    };
                    self.timers.cancel(ShuffleTimer::Handshake(id));
                    self.ask_peer(address);
                    Ok(Outcome::Nothing)
                }
                Ok(Some(Incoming::Raw(bytes))) => Ok(Outcome::Piece(bytes.to_vec())),
                Ok(Some(incoming)) => incoming.message().map(|answer| match answer {
                    FetchAnswer::Run { length_bytes } => Outcome::Start(length_bytes),
                    FetchAnswer::NotHere => Outcome::NotHere,
                    FetchAnswer::Unreadable { reason } => Outcome::Unreadable(reason),
                }),
                Err(violation) => Err(violation),
            };
            let outcome = outcome.and_then(|outcome| match outcome {
                Outcome::Nothing => Ok(()),
                Outcome::Start(length_bytes) => self.run_starts(address, length_bytes),
                Outcome::Piece(bytes) => self.piece_came(address, bytes),
                Outcome::NotHere => {
                    self.run_refused(address, "its worker does not have it any more".into(), false)
                }
                Outcome::Unreadable(reason) => {
                    self.run_refused(address, format!("its worker cannot read it: {reason}"), true)
                }
            });
            if let Err(violation) = outcome {
                tracing::warn!(peer = %address, "fetching broken off: {violation}");
                probe!("a peer sends what makes no sense");
                return self.break_off(id, format!("{violation}"));
            }
        }
    }

    /// Asks for as many of the wanted runs as may be under way.
    fn ask_peer(&mut self, address: SocketAddr) {
        let Some(peer) = self.peers.all.get_mut(&address) else { return };
        let Link::Open(id, connection) = &mut peer.link else { return };
        let id = *id;
        while peer.under_way.len() < FETCHES_PER_PEER
            && let Some(want) = peer.wanted.pop_front()
        {
            if !self.gatherings.want(&want) {
                continue;
            }
            let request = FetchRequest { map: want.map, partition: want.partition };
            connection.send(&request).expect("a request fits a frame");
            peer.under_way.push_back(Fetch { want, arriving: None });
        }
        if !peer.wanted.is_empty() {
            probe!("more runs are wanted of a peer than may be under way");
        }
        self.act(NetworkAction::Transmit { connection: id });
        self.watch(address);
    }

    fn run_starts(&mut self, address: SocketAddr, length_bytes: u64) -> Result<(), Violation> {
        let peer = self.peers.all.get_mut(&address).expect("it answers");
        let fetch = peer.under_way.front().filter(|fetch| fetch.arriving.is_none());
        let Some(mut want) = fetch.map(|fetch| fetch.want) else {
            return Err(Violation::OutOfPlace("a run that was not asked for"));
        };
        if length_bytes == 0 {
            peer.answered();
            self.run_came(want.attempt, want.map, Segment::default());
            self.ask_peer(address);
            return Ok(());
        }
        let is_kept = self.gatherings.want(&want);
        if !is_kept {
            probe!("a run comes that nobody wants any more");
        }
        if is_kept && want.place.is_none_or(|(_, segment)| segment.length_bytes != length_bytes) {
            want.place = self.make_place(want.attempt, length_bytes);
        }
        let peer = self.peers.all.get_mut(&address).expect("it answers");
        let fetch = peer.under_way.front_mut().expect("it was asked for");
        let verifier = RunVerifier::new();
        *fetch = Fetch {
            want,
            arriving: Some(Arriving {
                verifier,
                is_kept,
                is_corrupt: false,
                received_bytes: 0,
                length_bytes,
            }),
        };
        Ok(())
    }

    fn piece_came(&mut self, address: SocketAddr, bytes: Vec<u8>) -> Result<(), Violation> {
        let peer = self.peers.all.get_mut(&address).expect("it sends");
        let Some(Fetch { want, arriving: Some(arriving) }) = peer.under_way.front_mut() else {
            return Err(Violation::OutOfPlace("a piece of a run that was not asked for"));
        };
        let mut want = *want;
        let offset = arriving.received_bytes;
        arriving.received_bytes += bytes.len() as u64;
        if arriving.received_bytes > arriving.length_bytes {
            return Err(Violation::OutOfPlace("more of a run than was announced"));
        }
        let is_last = arriving.received_bytes == arriving.length_bytes;
        let mut is_right = arriving.verifier.push(&bytes).is_ok();
        if is_last {
            is_right = is_right && arriving.verifier.finish().is_ok();
        }
        let is_wanted = self.gatherings.want(&want);
        arriving.is_corrupt |= !is_right;
        arriving.is_kept &= is_wanted && is_right;
        let (place, is_corrupt) = (want.place.filter(|_| arriving.is_kept), arriving.is_corrupt);
        if is_last {
            peer.answered();
        }
        if let Some((file, segment)) = place {
            let completes = is_last.then_some((want.map, segment));
            let (attempt, offset) = (want.attempt, segment.offset + offset);
            self.ask(DiskJob::WriteGathering { attempt, file, offset, bytes, completes });
            if is_last {
                self.run_came(want.attempt, want.map, segment);
            }
        } else if is_last && is_corrupt && is_wanted {
            want.tries += 1;
            if want.tries < 2 {
                probe!("a run comes corrupt");
                self.want(address, want);
            } else {
                probe!("a run comes corrupt again");
                self.cannot_have(want.attempt, want.map, Cause::RunCorrupt { map: want.map });
            }
        }
        if is_last {
            self.ask_peer(address);
        }
        Ok(())
    }

    /// A run does not come, or not to its end where that may happen.
    fn run_refused(
        &mut self,
        address: SocketAddr,
        reason: String,
        may_have_begun: bool,
    ) -> Result<(), Violation> {
        let peer = self.peers.all.get_mut(&address).expect("it answers");
        let fetch = peer.under_way.front().filter(|fetch| may_have_begun || fetch.arriving.is_none());
        let Some(want) = fetch.map(|fetch| fetch.want) else {
            return Err(Violation::OutOfPlace("a refusal of nothing"));
        };
        peer.answered();
        probe!("a peer refuses a run");
        if self.gatherings.want(&want) {
            self.unfetchable(want.attempt, want.map, reason);
        }
        self.ask_peer(address);
        Ok(())
    }

    /// Forgets what a peer was to send for an attempt.
    pub(super) fn forget_wants(&mut self, attempt: AttemptId) {
        for peer in self.peers.all.values_mut() {
            peer.wanted.retain(|want| want.attempt != attempt);
        }
    }

    fn forget_unwanted(&mut self, address: SocketAddr) {
        let Some(peer) = self.peers.all.get_mut(&address) else { return };
        peer.wanted.retain(|want| self.gatherings.want(want));
        let is_idle = matches!(peer.link, Link::Idle);
        if is_idle && peer.wanted.is_empty() {
            self.peers.all.remove(&address);
        }
    }

    /// Closes the connections on which nothing is wanted any more, once nothing is being gathered.
    pub(super) fn close_idle_peers(&mut self) {
        if !self.gatherings.is_idle() {
            return;
        }
        for (address, peer) in core::mem::take(&mut self.peers.all) {
            self.timers.cancel(ShuffleTimer::Dial(address));
            match peer.link {
                Link::Idle | Link::Waiting => {}
                Link::Dialling(id) => {
                    self.timers.cancel(ShuffleTimer::Handshake(id));
                    self.peers.by_connection.remove(&id);
                }
                Link::Greeting(id, connection) | Link::Open(id, connection) => {
                    self.timers.cancel(ShuffleTimer::Handshake(id));
                    self.timers.cancel(ShuffleTimer::Silent(id));
                    self.peers.by_connection.remove(&id);
                    self.peers.closing.insert(id, connection);
                    self.act(NetworkAction::Close { connection: id });
                }
            }
        }
    }
}
