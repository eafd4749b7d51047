//! Serving runs to other workers: owns the connections of fetchers and what is being sent on each.
//!
//! One run at a time for each connection, in the order asked, read in pieces as the peer takes them: a slow peer costs a
//! bounded buffer and nobody else's time. One that asks for nothing, or takes nothing, is closed after a while.

use super::machine::{DiskJob, Shuffle, ShuffleTimer};
use crate::data::run::Segment;
use crate::failure::OsError;
use crate::ids::{ConnectionId, FileId};
use crate::limits::{CHUNK_BYTES, CONNECTIONS_MAX, FETCHER_IDLE_US, FETCHES_PER_PEER, HANDSHAKE_US};
use crate::machine::NetworkAction;
use crate::probe::probe;
use crate::wire::message::{FetchAnswer, FetchRequest, Role};
use crate::wire::{Connection, Incoming, Violation};
use alloc::collections::{BTreeMap, VecDeque};
use core::net::SocketAddr;

/// The connections of those who fetch here.
#[derive(Debug, Default)]
pub(super) struct Serving {
    all: BTreeMap<ConnectionId, Served>,
}

#[derive(Debug)]
struct Served {
    connection: Connection,
    peer: SocketAddr,
    requests: VecDeque<FetchRequest>,
    sending: Option<Sending>,
    /// Whether it ever asked for a run: until then its handshake's time runs.
    has_asked: bool,
    is_closing: bool,
}

/// A run on its way.
#[derive(Debug)]
struct Sending {
    file: FileId,
    rest: Segment,
    is_reading: bool,
}

impl Serving {
    pub fn is_serving(&self, id: ConnectionId) -> bool {
        self.all.contains_key(&id)
    }

    pub fn unsent(&self, id: ConnectionId) -> Option<&[u8]> {
        self.all.get(&id).map(|served| served.connection.unsent())
    }
}

impl Shuffle {
    pub(super) fn accepted(&mut self, id: ConnectionId, peer: SocketAddr) {
        let connection = Connection::accept(&self.config.cluster, &[Role::Fetcher]);
        let (requests, sending) = (VecDeque::new(), None);
        let served = Served { connection, peer, requests, sending, has_asked: false, is_closing: false };
        self.serving.all.insert(id, served);
        self.timers.set(ShuffleTimer::Handshake(id), self.now.after(HANDSHAKE_US));
        if self.serving.all.len() > CONNECTIONS_MAX {
            self.close_served(id, None);
        }
    }

    pub(super) fn serving_closed(&mut self, id: ConnectionId) {
        let Some(served) = self.serving.all.remove(&id) else { return };
        self.timers.cancel(ShuffleTimer::Handshake(id));
        self.timers.cancel(ShuffleTimer::Silent(id));
        if let Some(Sending { file, is_reading: false, .. }) = served.sending {
            self.ask(DiskJob::Close { file });
        }
    }

    /// It did not greet, or greeted and asked for nothing.
    pub(super) fn fetcher_late(&mut self, id: ConnectionId) {
        let has_greeted = self.serving.all.get(&id).is_some_and(|served| served.connection.is_open());
        probe!("a fetcher asks for nothing");
        self.close_served(id, (!has_greeted).then_some(&Violation::HandshakeTimeout));
    }

    pub(super) fn close_served(&mut self, id: ConnectionId, violation: Option<&Violation>) {
        let Some(served) = self.serving.all.get_mut(&id).filter(|served| !served.is_closing) else { return };
        served.is_closing = true;
        if let Some(violation) = violation {
            tracing::warn!(peer = %served.peer, "connection to the shuffle port closed: {violation}");
        }
        self.act(NetworkAction::Close { connection: id });
    }

    pub(super) fn serving_received(&mut self, id: ConnectionId, bytes: &[u8]) {
        let Some(served) = self.serving.all.get_mut(&id) else { return };
        served.connection.receive(bytes);
        let outcome = loop {
            match served.connection.poll() {
                Ok(None) => break Ok(()),
                Ok(Some(Incoming::Established(_))) => {}
                Ok(Some(incoming)) => match incoming.message::<FetchRequest>() {
                    Ok(_) if served.requests.len() >= 4 * FETCHES_PER_PEER => {
                        break Err(Violation::OutOfPlace("more fetches than a peer asks for at once"));
                    }
                    Ok(request) => {
                        served.requests.push_back(request);
                        served.has_asked = true;
                    }
                    Err(violation) => break Err(violation),
                },
                Err(violation) => break Err(violation),
            }
        };
        self.fetcher_lives(id);
        self.act(NetworkAction::Transmit { connection: id });
        match outcome {
            Ok(()) => self.serve_next(id),
            Err(violation) => self.close_served(id, Some(&violation)),
        }
    }

    /// Takes note that a byte came or went: from the first request on, that is what keeps a connection.
    fn fetcher_lives(&mut self, id: ConnectionId) {
        if self.serving.all.get(&id).is_some_and(|served| served.has_asked) {
            self.timers.cancel(ShuffleTimer::Handshake(id));
            self.timers.set(ShuffleTimer::Silent(id), self.now.after(FETCHER_IDLE_US));
        }
    }

    /// Closes a connection on which nothing comes or goes, unless it waits for this worker's disk.
    pub(super) fn fetcher_silent(&mut self, id: ConnectionId) {
        let Some(served) = self.serving.all.get(&id) else { return };
        if served.sending.as_ref().is_some_and(|sending| sending.is_reading) {
            return self.fetcher_lives(id);
        }
        probe!("a fetcher is silent for too long");
        self.close_served(id, None);
    }

    /// Begins with the next run that was asked for, if none is on its way.
    fn serve_next(&mut self, id: ConnectionId) {
        loop {
            let Some(served) = self.serving.all.get_mut(&id).filter(|served| !served.is_closing) else {
                return;
            };
            if served.sending.is_some() {
                return;
            }
            let Some(request) = served.requests.pop_front() else { return };
            let offer = self.offers.get(&request.map);
            let segment = offer.and_then(|output| output.segments.get(request.partition.0 as usize));
            match (offer, segment) {
                (Some(output), Some(segment)) if segment.length_bytes > 0 => {
                    let (path, rest) = (output.path.clone(), *segment);
                    let file = self.new_file();
                    let served = self.serving.all.get_mut(&id).expect("it is being served");
                    served.sending = Some(Sending { file, rest, is_reading: true });
                    return self.ask(DiskJob::OpenServed { connection: id, file, path });
                }
                (Some(_), Some(_)) => self.answer(id, &FetchAnswer::Run { length_bytes: 0 }),
                (_, _) => {
                    probe!("a run is asked for that is not here");
                    self.answer(id, &FetchAnswer::NotHere);
                }
            }
        }
    }

    fn answer(&mut self, id: ConnectionId, answer: &FetchAnswer) {
        let Some(served) = self.serving.all.get_mut(&id) else { return };
        served.connection.send(answer).expect("an answer fits a frame");
        self.act(NetworkAction::Transmit { connection: id });
    }

    pub(super) fn served_opened(&mut self, id: ConnectionId, file: FileId) {
        let sending = self.serving.all.get_mut(&id).and_then(|served| served.sending.as_mut());
        let Some(sending) = sending.filter(|sending| sending.file == file) else {
            return self.ask(DiskJob::Close { file });
        };
        sending.is_reading = false;
        let length_bytes = sending.rest.length_bytes;
        self.answer(id, &FetchAnswer::Run { length_bytes });
        self.read_on(id);
    }

    /// Reads the next piece if the peer has taken the ones before.
    fn read_on(&mut self, id: ConnectionId) {
        let Some(served) = self.serving.all.get_mut(&id).filter(|served| !served.is_closing) else { return };
        let Some(sending) = served.sending.as_mut().filter(|sending| !sending.is_reading) else { return };
        if served.connection.unsent().len() >= CHUNK_BYTES {
            return;
        }
        sending.is_reading = true;
        let length_bytes = sending.rest.length_bytes.min(CHUNK_BYTES as u64) as usize;
        let (file, offset) = (sending.file, sending.rest.offset);
        self.ask(DiskJob::ReadServed { connection: id, file, offset, length_bytes });
    }

    pub(super) fn served_read(&mut self, id: ConnectionId, file: FileId, bytes: &[u8], asked_bytes: usize) {
        let sending = self.serving.all.get_mut(&id).and_then(|served| served.sending.as_mut());
        if sending.is_none_or(|sending| sending.file != file) {
            return self.ask(DiskJob::Close { file });
        }
        if bytes.len() < asked_bytes {
            let text = "the file is shorter than the run in it".into();
            let error = OsError { kind: crate::failure::OsErrorKind::InvalidData, text };
            return self.served_failed(id, error, Some(file));
        }
        let served = self.serving.all.get_mut(&id).expect("it is being served");
        served.connection.send_raw(bytes);
        let sending = served.sending.as_mut().expect("it is being sent");
        sending.is_reading = false;
        sending.rest.offset += bytes.len() as u64;
        sending.rest.length_bytes -= bytes.len() as u64;
        let is_done = sending.rest.length_bytes == 0;
        if is_done {
            served.sending = None;
            self.ask(DiskJob::Close { file });
        }
        self.act(NetworkAction::Transmit { connection: id });
        if is_done { self.serve_next(id) } else { self.read_on(id) }
    }

    /// A run that cannot be read, or not on: the answer to its request, or comes in the place of its next piece.
    pub(super) fn served_failed(&mut self, id: ConnectionId, error: OsError, file: Option<FileId>) {
        if let Some(file) = file {
            self.ask(DiskJob::Close { file });
        }
        let Some(served) = self.serving.all.get_mut(&id) else { return };
        served.sending = None;
        tracing::warn!(peer = %served.peer, error = %error.text, "a run cannot be read");
        probe!("a run that is asked for cannot be read");
        self.answer(id, &FetchAnswer::Unreadable { reason: error.text });
        self.serve_next(id);
    }

    pub(super) fn served_sent(&mut self, id: ConnectionId, count: usize) {
        if let Some(served) = self.serving.all.get_mut(&id) {
            served.connection.sent(count);
        }
        if count > 0 {
            self.fetcher_lives(id);
        }
        self.read_on(id);
    }
}
