//! The driver: owns the loop that joins a [`Node`] to its sockets, its mailbox and the clock.
//!
//! Its whole duty is that of `windrow_core::machine`: each event goes to the machine, its outputs are drained and
//! performed before the next, and between events it sleeps. No socket gets more than a fixed budget in one turn; what a
//! budget stopped stays in a list. Never touches a file: a [`Performer`] may, where its thread is meant to.
//!
//! Every connection ends with exactly one `Closed` or `DialFailed`.

#[cfg(test)]
mod tests;

use crate::clock::Clock;
use crate::connection::{Connections, Phase, ReadStep, WriteStep};
use crate::datagram::{DatagramSocket, Received};
use crate::mailbox::{Inbox, Mail, Mailbox};
use crate::os_error::os_error;
use crate::stream::{Dialler, Stream};
use crate::thread::AbortOnPanic;
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token, Waker};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::time::Duration;
use windrow_core::failure::Failure;
use windrow_core::ids::ConnectionId;
use windrow_core::limits::{CONNECTIONS_MAX, READ_BYTES};
use windrow_core::machine::{Action, Event, NetworkAction, NetworkEvent, Node};
use windrow_core::time::{MILLISECOND_US, Time};

const MAIL: Token = Token(0);
const LISTENER: Token = Token(1);
const DATAGRAMS: Token = Token(2);
const FIRST_CONNECTION: usize = 3;

/// Bytes read from one connection in one turn before the others are looked at.
const READ_BUDGET_BYTES: usize = 4 * READ_BYTES;
/// Bytes written to one connection in one turn.
const WRITE_BUDGET_BYTES: usize = 4 * READ_BYTES;
/// Letters taken in one turn.
const MAIL_BUDGET: usize = 1_024;
/// Datagrams taken in one turn.
const DATAGRAM_BUDGET: usize = 1_024;
/// Connections accepted in one turn.
const ACCEPT_BUDGET: usize = 64;
/// How long accepting rests after it failed, as it does where file descriptors have run out.
const ACCEPT_PAUSE_US: u64 = 100 * MILLISECOND_US;

/// Performs what a node asks for apart from the network.
pub trait Performer<N: Node> {
    /// Performs a request, or begins to. Answers go through the driver's mailbox or wait for [`Performer::answer`].
    /// `Break` ends the driver once the node's outputs are drained.
    fn perform(&mut self, node: &N, request: N::Request) -> ControlFlow<Result<(), Failure>>;

    /// Gives the node one answer that waits here, if there is any, and tells whether there was.
    fn answer(&mut self, node: &mut N, now: Time) -> bool {
        let _ = (node, now);
        false
    }
}

/// A node with all that it needs to run.
pub struct Driver<N: Node, P> {
    node: N,
    performer: P,
    clock: Clock,
    poll: Poll,
    inbox: Inbox<N::Local>,
    listener: Option<Listener>,
    datagrams: Option<DatagramSocket>,
    may_receive: bool,
    dialler: Box<dyn Dialler>,
    connections: Connections,
    /// What performing an action led to; its turn comes when the outputs are drained.
    waiting: VecDeque<Waiting>,
    buffer: Vec<u8>,
    outcome: Option<Result<(), Failure>>,
}

/// Something to be done between two inputs.
enum Waiting {
    Tell(NetworkEvent),
    Close(ConnectionId),
}

struct Listener {
    socket: TcpListener,
    may_accept: bool,
    paused_until: Option<Time>,
}

/// Where a driver sleeps and is woken; made before the driver, for its performer may need the mailbox.
pub struct EventLoop<L> {
    poll: Poll,
    inbox: Inbox<L>,
    mailbox: Mailbox<L>,
}

impl<L> EventLoop<L> {
    /// One of the system's event queues, with a mailbox.
    pub fn open() -> io::Result<EventLoop<L>> {
        let poll = Poll::new()?;
        let (mailbox, inbox) = Inbox::new(Waker::new(poll.registry(), MAIL)?);
        Ok(EventLoop { poll, inbox, mailbox })
    }

    /// Where other threads leave what the node is to be told.
    pub fn mailbox(&self) -> &Mailbox<L> {
        &self.mailbox
    }
}

impl<N: Node, P: Performer<N>> Driver<N, P> {
    /// A driver without listener and datagrams.
    pub fn new(
        events: EventLoop<N::Local>,
        node: N,
        performer: P,
        dialler: Box<dyn Dialler>,
    ) -> io::Result<Self> {
        let EventLoop { poll, inbox, .. } = events;
        let connections = Connections::new(poll.registry().try_clone()?, FIRST_CONNECTION);
        Ok(Driver {
            node,
            performer,
            clock: Clock::start(),
            poll,
            inbox,
            listener: None,
            datagrams: None,
            may_receive: false,
            dialler,
            connections,
            waiting: VecDeque::new(),
            buffer: vec![0; READ_BYTES],
            outcome: None,
        })
    }

    /// Takes connections from this listener, which must be non-blocking.
    pub fn listen(&mut self, mut socket: TcpListener) -> io::Result<()> {
        self.poll.registry().register(&mut socket, LISTENER, Interest::READABLE)?;
        self.listener = Some(Listener { socket, may_accept: false, paused_until: None });
        Ok(())
    }

    /// Sends and receives datagrams through this socket.
    pub(crate) fn use_datagrams(&mut self, mut socket: DatagramSocket) -> io::Result<()> {
        socket.register(self.poll.registry(), DATAGRAMS)?;
        self.datagrams = Some(socket);
        Ok(())
    }

    /// Runs until the performer or a letter ends it; then waits, a second at the most, until peers have read what was
    /// said to them last.
    pub fn run(mut self) -> Result<(), Failure> {
        let _guard = AbortOnPanic;
        let mut events = Events::with_capacity(256);
        self.settle();
        while self.outcome.is_none() {
            self.sleep(&mut events, self.timeout());
            self.turn();
        }
        self.connections.remove_named();
        while let Some(deadline) = self.connections.lingering_until() {
            let is_busy = self.connections.reading() > 0;
            self.sleep(&mut events, Some(if is_busy { Duration::ZERO } else { self.clock.until(deadline) }));
            self.read_connections();
            self.connections.end_lingering(self.clock.now());
        }
        self.outcome.take().expect("the loop ends with an outcome")
    }

    /// Waits for the next event or deadline, and takes note of what is ready.
    fn sleep(&mut self, events: &mut Events, timeout: Option<Duration>) {
        match self.poll.poll(events, timeout) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return,
            Err(error) => panic!("waiting for sockets failed: {error}"),
        }
        for event in events.iter() {
            let readable = event.is_readable() || event.is_read_closed() || event.is_error();
            let writable = event.is_writable() || event.is_write_closed() || event.is_error();
            match event.token() {
                MAIL => self.inbox.woken(),
                LISTENER => {
                    if let Some(listener) = &mut self.listener {
                        listener.may_accept = true;
                    }
                }
                DATAGRAMS => self.may_receive = true,
                token => self.connections.ready(token, readable, writable),
            }
        }
    }

    fn timeout(&self) -> Option<Duration> {
        let accepts = self.listener.as_ref().is_some_and(|listener| {
            listener.may_accept && listener.paused_until.is_none() && self.connections.len() < CONNECTIONS_MAX
        });
        let is_busy = self.inbox.may_hold_mail()
            || self.may_receive
            || accepts
            || self.connections.reading() > 0
            || self.connections.writing() > 0;
        if is_busy {
            return Some(Duration::ZERO);
        }
        let timer = self.node.poll_timeout().map(|(deadline, _)| deadline).filter(|_| self.outcome.is_none());
        let pause = self.listener.as_ref().and_then(|listener| listener.paused_until);
        let lingering = self.connections.lingering_until();
        let deadline = [timer, pause, lingering].into_iter().flatten().min()?;
        Some(self.clock.until(deadline))
    }

    /// Gives everything that is ready its share.
    fn turn(&mut self) {
        self.take_mail();
        self.receive_datagrams();
        self.accept();
        self.read_connections();
        self.write_connections();
        let now = self.clock.now();
        self.connections.end_lingering(now);
        if self.node.poll_timeout().is_some_and(|(deadline, _)| deadline <= now) {
            self.node.handle_timeout(now);
            self.settle();
        }
    }

    /// Drains the node's outputs, performs them, and gives it what they led to, until it is content.
    fn settle(&mut self) {
        loop {
            while let Some(action) = self.node.poll_output() {
                match action {
                    Action::Network(action) => self.perform(action),
                    Action::Local(request) => {
                        if let ControlFlow::Break(outcome) = self.performer.perform(&self.node, request) {
                            self.outcome.get_or_insert(outcome);
                        }
                    }
                }
            }
            let now = self.clock.now();
            match self.waiting.pop_front() {
                Some(Waiting::Tell(event)) => self.node.handle_input(Event::Network(event), now),
                Some(Waiting::Close(name)) => self.close(name, now),
                None => {
                    if !self.performer.answer(&mut self.node, now) {
                        if cfg!(debug_assertions) {
                            self.node.check_invariants();
                        }
                        return;
                    }
                }
            }
        }
    }

    fn perform(&mut self, action: NetworkAction) {
        match action {
            NetworkAction::Dial { connection, to } => {
                let dialled = self.dialler.dial(to);
                if let Err(error) =
                    dialled.and_then(|stream| self.connections.add_dialled(stream, connection))
                {
                    let error = os_error(&error);
                    self.waiting.push_back(Waiting::Tell(NetworkEvent::DialFailed { connection, error }));
                }
            }
            NetworkAction::Transmit { connection } => {
                // Its end may have happened while the machine spoke: then it hears of it next.
                if let Some(token) = self.connections.token(connection) {
                    self.connections.wait_to_write(token);
                }
            }
            NetworkAction::Close { connection } => self.waiting.push_back(Waiting::Close(connection)),
            NetworkAction::SendDatagram { to, bytes } => {
                if let Some(socket) = &self.datagrams {
                    socket.send(to, &bytes);
                }
            }
        }
    }

    /// Writes what the peer takes now, a piece for each call; with nothing left, or no room for it, the connection is
    /// over for the node.
    fn close(&mut self, name: ConnectionId, now: Time) {
        let Some(token) = self.connections.token(name) else { return };
        let connection = self.connections.get_mut(token).expect("a name has its connection");
        match connection.phase() {
            Phase::Dialling(_) => self.connections.remove(token),
            Phase::Open(_) => {
                let unsent = self.node.unsent(name);
                if !unsent.is_empty()
                    && let WriteStep::Bytes(count) = connection.write(unsent)
                {
                    self.node.sent(name, count, now);
                    self.waiting.push_front(Waiting::Close(name));
                    return;
                }
                self.connections.linger(token, now);
            }
            Phase::Lingering => unreachable!("a lingering connection has no name"),
        }
        self.waiting.push_front(Waiting::Tell(NetworkEvent::Closed { connection: name, error: None }));
    }

    fn tell(&mut self, event: NetworkEvent) {
        self.node.handle_input(Event::Network(event), self.clock.now());
        self.settle();
    }

    fn take_mail(&mut self) {
        for _ in 0..MAIL_BUDGET {
            match self.inbox.take() {
                Some(Mail::Local(local)) => {
                    self.node.handle_input(Event::Local(local), self.clock.now());
                    self.settle();
                }
                Some(Mail::Stream(stream, peer)) => self.take_stream(stream, peer),
                Some(Mail::End(outcome)) => {
                    self.outcome.get_or_insert(outcome);
                }
                None => return,
            }
        }
    }

    fn receive_datagrams(&mut self) {
        for _ in 0..DATAGRAM_BUDGET {
            let Some(socket) = self.datagrams.as_ref().filter(|_| self.may_receive) else { return };
            match socket.receive() {
                Received::Datagram(from, bytes) => self.tell(NetworkEvent::Datagram { from, bytes }),
                Received::Nothing => {}
                Received::Empty => self.may_receive = false,
            }
        }
    }

    fn accept(&mut self) {
        for _ in 0..ACCEPT_BUDGET {
            let Some(listener) = &mut self.listener else { return };
            if listener.paused_until.is_some_and(|until| until <= self.clock.now()) {
                listener.paused_until = None;
            }
            let may_accept = listener.may_accept && listener.paused_until.is_none();
            if !may_accept || self.connections.len() >= CONNECTIONS_MAX {
                return;
            }
            match listener.socket.accept() {
                Ok((stream, peer)) => {
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%peer, %error, "a connection was gone before it was accepted");
                        continue;
                    }
                    self.take_stream(Box::new(stream), peer);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => listener.may_accept = false,
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted
                    ) => {}
                Err(error) => {
                    tracing::warn!(%error, "connections cannot be accepted; trying again shortly");
                    listener.paused_until = Some(self.clock.now().after(ACCEPT_PAUSE_US));
                }
            }
        }
    }

    fn take_stream(&mut self, stream: Box<dyn Stream>, peer: SocketAddr) {
        match self.connections.add_accepted(stream) {
            Ok(connection) => self.tell(NetworkEvent::Accepted { connection, peer }),
            Err(error) => tracing::warn!(%peer, %error, "a connection could not be taken"),
        }
    }

    fn read_connections(&mut self) {
        for _ in 0..self.connections.reading() {
            if let Some(token) = self.connections.next_to_read() {
                self.read_connection(token);
            }
        }
    }

    fn read_connection(&mut self, token: Token) {
        let mut read_bytes = 0;
        // Looked up anew for each piece: what a piece says may end the connection.
        while let Some(connection) = self.connections.get_mut(token) {
            if let Phase::Dialling(_) = connection.phase() {
                return;
            }
            if read_bytes >= READ_BUDGET_BYTES {
                self.connections.wait_to_read(token);
                return;
            }
            match (connection.read(&mut self.buffer), connection.phase()) {
                (ReadStep::Empty, _) => return,
                (ReadStep::Bytes(count), Phase::Open(name)) => {
                    read_bytes += count;
                    self.node.receive(name, &self.buffer[..count], self.clock.now());
                    self.settle();
                }
                (ReadStep::Bytes(count), Phase::Lingering | Phase::Dialling(_)) => read_bytes += count,
                (ReadStep::End(error), Phase::Open(connection)) => {
                    self.connections.remove(token);
                    self.tell(NetworkEvent::Closed { connection, error });
                }
                (ReadStep::End(_), Phase::Lingering | Phase::Dialling(_)) => self.connections.remove(token),
            }
        }
    }

    fn write_connections(&mut self) {
        for _ in 0..self.connections.writing() {
            if let Some(token) = self.connections.next_to_write() {
                self.write_connection(token);
            }
        }
    }

    fn write_connection(&mut self, token: Token) {
        let mut written_bytes = 0;
        while let Some(connection) = self.connections.get_mut(token) {
            let name = match connection.phase() {
                Phase::Dialling(name) => match connection.finish_dialling() {
                    Ok(None) => return,
                    Ok(Some(local)) => {
                        // What arrived meanwhile was left alone.
                        self.connections.wait_to_read(token);
                        self.tell(NetworkEvent::Connected { connection: name, local });
                        continue;
                    }
                    Err(error) => {
                        self.connections.remove(token);
                        self.tell(NetworkEvent::DialFailed { connection: name, error: os_error(&error) });
                        return;
                    }
                },
                Phase::Open(name) => name,
                Phase::Lingering => return,
            };
            let unsent = self.node.unsent(name);
            if unsent.is_empty() {
                return;
            }
            if written_bytes >= WRITE_BUDGET_BYTES {
                self.connections.wait_to_write(token);
                return;
            }
            match connection.write(unsent) {
                WriteStep::Bytes(count) => {
                    written_bytes += count;
                    self.node.sent(name, count, self.clock.now());
                    self.settle();
                }
                WriteStep::Full => {
                    if connection.is_broken() {
                        self.connections.wait_to_read(token);
                    }
                    return;
                }
            }
        }
    }
}
