//! One stream connection and the table of all: owns what phase each is in, what it may be ready for, and who waits.
//!
//! Readiness is edge-triggered: `may_read` and `may_write` stay set until the socket said `WouldBlock`, and a connection
//! that was stopped by its budget waits in a list. Never calls a machine; the driver does.
//!
//! Invariant: a connection has a name, by which its machine knows it, until it lingers or is removed.

use crate::os_error::os_error;
use crate::stream::Stream;
use mio::{Interest, Registry, Token};
use std::collections::{HashMap, VecDeque};
use std::io;
use windrow_core::failure::OsError;
use windrow_core::ids::ConnectionId;
use windrow_core::time::{SECOND_US, Time};

/// For how long a connection that was closed here is still read and discarded: closing with unread bytes would reset
/// it, and with it destroy what the peer has not read yet.
const LINGER_US: u64 = SECOND_US;

/// Where a connection is in its life.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Dialled; does not stand yet.
    Dialling(ConnectionId),
    /// Stands.
    Open(ConnectionId),
    /// Over for its machine; what still arrives is discarded.
    Lingering,
}

/// What reading gave.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ReadStep {
    /// So many bytes.
    Bytes(usize),
    /// Nothing for now.
    Empty,
    /// The end; an error unless the peer closed in good order.
    End(Option<OsError>),
}

/// What writing gave.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum WriteStep {
    /// So many bytes went out.
    Bytes(usize),
    /// The socket takes no more for now, or for ever: then reading tells the end.
    Full,
}

/// One connection.
pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    phase: Phase,
    may_read: bool,
    may_write: bool,
    waits_to_read: bool,
    waits_to_write: bool,
    /// Why writing failed. What the peer said before is still read, for it may tell more.
    broken: Option<OsError>,
}

impl Connection {
    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> ReadStep {
        if !self.may_read && self.broken.is_none() {
            return ReadStep::Empty;
        }
        loop {
            return match self.stream.read(buffer) {
                Ok(0) => ReadStep::End(self.broken.take()),
                Ok(count) => ReadStep::Bytes(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => match self.broken.take() {
                    Some(broken) => ReadStep::End(Some(broken)),
                    None => {
                        self.may_read = false;
                        ReadStep::Empty
                    }
                },
                Err(error) => ReadStep::End(Some(os_error(&error))),
            };
        }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> WriteStep {
        assert!(!bytes.is_empty(), "a connection is given nothing to write");
        if !self.may_write || self.broken.is_some() {
            return WriteStep::Full;
        }
        loop {
            return match self.stream.write(bytes) {
                Ok(0) => self.break_off(&io::ErrorKind::WriteZero.into()),
                Ok(count) => WriteStep::Bytes(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.may_write = false;
                    WriteStep::Full
                }
                Err(error) => self.break_off(&error),
            };
        }
    }

    fn break_off(&mut self, error: &io::Error) -> WriteStep {
        self.broken = Some(os_error(error));
        WriteStep::Full
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    /// Whether dialling came to something; [`Phase::Open`] from then on.
    pub(crate) fn finish_dialling(&mut self) -> io::Result<Option<std::net::SocketAddr>> {
        let Phase::Dialling(name) = self.phase else { panic!("{:?} is not being dialled", self.phase) };
        let local = self.stream.dialled()?;
        match local {
            Some(_) => self.phase = Phase::Open(name),
            None => self.may_write = false,
        }
        Ok(local)
    }
}

/// All connections of a driver.
pub(crate) struct Connections {
    registry: Registry,
    table: HashMap<Token, Connection>,
    names: HashMap<ConnectionId, Token>,
    /// Tokens are never used twice, so an event that comes late meets nobody.
    next_token: usize,
    accepted: u64,
    to_read: VecDeque<Token>,
    to_write: VecDeque<Token>,
    /// Lingering ones with the time of their end, which all have the same distance.
    lingering: VecDeque<(Time, Token)>,
}

impl Connections {
    /// An empty table whose tokens begin at `first_token`.
    pub(crate) fn new(registry: Registry, first_token: usize) -> Connections {
        Connections {
            registry,
            table: HashMap::new(),
            names: HashMap::new(),
            next_token: first_token,
            accepted: 0,
            to_read: VecDeque::new(),
            to_write: VecDeque::new(),
            lingering: VecDeque::new(),
        }
    }

    /// Takes a stream that somebody else dialled, and gives it a name.
    pub(crate) fn add_accepted(&mut self, stream: Box<dyn Stream>) -> io::Result<ConnectionId> {
        let name = ConnectionId::accepted(self.accepted);
        self.add(stream, Phase::Open(name), name)?;
        self.accepted += 1;
        Ok(name)
    }

    /// Takes a stream that is being dialled under a name of the machine's.
    pub(crate) fn add_dialled(&mut self, stream: Box<dyn Stream>, name: ConnectionId) -> io::Result<()> {
        self.add(stream, Phase::Dialling(name), name)
    }

    fn add(&mut self, mut stream: Box<dyn Stream>, phase: Phase, name: ConnectionId) -> io::Result<()> {
        assert!(!self.names.contains_key(&name), "connection {name} is there already");
        let token = Token(self.next_token);
        self.registry.register(&mut *stream, token, Interest::READABLE | Interest::WRITABLE)?;
        self.next_token += 1;
        // A new socket announces what it is ready for; until then nothing is known.
        let connection = Connection {
            stream,
            phase,
            may_read: false,
            may_write: matches!(phase, Phase::Open(_)),
            waits_to_read: false,
            waits_to_write: false,
            broken: None,
        };
        self.table.insert(token, connection);
        self.names.insert(name, token);
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    pub(crate) fn get_mut(&mut self, token: Token) -> Option<&mut Connection> {
        self.table.get_mut(&token)
    }

    pub(crate) fn token(&self, name: ConnectionId) -> Option<Token> {
        self.names.get(&name).copied()
    }

    /// Takes note of what a socket says it is ready for.
    pub(crate) fn ready(&mut self, token: Token, readable: bool, writable: bool) {
        let Some(connection) = self.table.get_mut(&token) else { return };
        connection.may_read |= readable;
        connection.may_write |= writable;
        if readable {
            self.wait_to_read(token);
        }
        if writable {
            self.wait_to_write(token);
        }
    }

    pub(crate) fn wait_to_read(&mut self, token: Token) {
        let connection = self.table.get_mut(&token).expect("only a connection that is there may wait");
        if !std::mem::replace(&mut connection.waits_to_read, true) {
            self.to_read.push_back(token);
        }
    }

    pub(crate) fn wait_to_write(&mut self, token: Token) {
        let connection = self.table.get_mut(&token).expect("only a connection that is there may wait");
        if !std::mem::replace(&mut connection.waits_to_write, true) {
            self.to_write.push_back(token);
        }
    }

    /// How many wait to be read.
    pub(crate) fn reading(&self) -> usize {
        self.to_read.len()
    }

    /// How many wait to be written.
    pub(crate) fn writing(&self) -> usize {
        self.to_write.len()
    }

    pub(crate) fn next_to_read(&mut self) -> Option<Token> {
        let token = self.to_read.pop_front()?;
        if let Some(connection) = self.table.get_mut(&token) {
            connection.waits_to_read = false;
        }
        Some(token)
    }

    pub(crate) fn next_to_write(&mut self) -> Option<Token> {
        let token = self.to_write.pop_front()?;
        if let Some(connection) = self.table.get_mut(&token) {
            connection.waits_to_write = false;
        }
        Some(token)
    }

    /// Ends a connection for its machine, and the write side for the peer.
    pub(crate) fn linger(&mut self, token: Token, now: Time) {
        let connection = self.table.get_mut(&token).expect("only a connection that is there lingers");
        let Phase::Open(name) = connection.phase else { panic!("{:?} lingers", connection.phase) };
        if connection.broken.is_some() || connection.stream.shutdown_write().is_err() {
            self.remove(token);
            return;
        }
        connection.phase = Phase::Lingering;
        self.names.remove(&name);
        self.lingering.push_back((now.after(LINGER_US), token));
        self.wait_to_read(token);
    }

    /// Closes the socket.
    pub(crate) fn remove(&mut self, token: Token) {
        let mut connection = self.table.remove(&token).expect("only a connection that is there is removed");
        match connection.phase {
            Phase::Dialling(name) | Phase::Open(name) => {
                self.names.remove(&name);
            }
            Phase::Lingering => {}
        }
        if let Err(error) = self.registry.deregister(&mut *connection.stream) {
            tracing::debug!(%error, "a socket could not be deregistered");
        }
    }

    /// Closes those that lingered long enough.
    pub(crate) fn end_lingering(&mut self, now: Time) {
        while let Some((deadline, token)) = self.lingering.front().copied() {
            let is_over = match self.table.get(&token) {
                None => true,
                Some(_) if deadline <= now => {
                    self.remove(token);
                    true
                }
                Some(_) => false,
            };
            if !is_over {
                return;
            }
            self.lingering.pop_front();
        }
    }

    /// When the next lingering one is to be closed at the latest.
    pub(crate) fn lingering_until(&self) -> Option<Time> {
        self.lingering.front().map(|(deadline, _)| *deadline)
    }

    /// Closes all but the lingering ones.
    pub(crate) fn remove_named(&mut self) {
        let tokens: Vec<Token> = self.names.values().copied().collect();
        for token in tokens {
            self.remove(token);
        }
    }
}
