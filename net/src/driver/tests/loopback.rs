//! A toy node over real sockets: TCP and UDP on loopback, and pairs.

use super::*;
use crate::in_process::InProcessDialler;
use crate::stream::{NO_ADDRESS, TcpDialler};
use crate::thread;
use crossbeam_channel::Receiver;
use mio::net::{UdpSocket, UnixDatagram};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::JoinHandle;
use windrow_core::failure::OsErrorKind;

/// A driver on a thread of its own.
struct Running {
    mailbox: Mailbox<Order>,
    told: Receiver<Told>,
    thread: JoinHandle<Result<(), Failure>>,
}

struct Prepared {
    mailbox: Mailbox<Order>,
    told: Receiver<Told>,
    driver: Driver<Toy, Watcher>,
}

fn driver(manner: Manner, dialler: Box<dyn Dialler>) -> Prepared {
    let (sender, told) = crossbeam_channel::unbounded();
    let events = EventLoop::open().unwrap();
    let mailbox = events.mailbox().clone();
    Prepared {
        mailbox,
        told,
        driver: Driver::new(events, Toy::new(manner), Watcher(sender), dialler).unwrap(),
    }
}

fn run(prepared: Prepared) -> Running {
    let Prepared { mailbox, told, driver } = prepared;
    Running { mailbox, told, thread: thread::spawn("toy", || driver.run()).unwrap() }
}

fn listening(manner: Manner) -> (Running, SocketAddr) {
    let listener = TcpListener::bind(NO_ADDRESS).unwrap();
    let address = listener.local_addr().unwrap();
    let mut prepared = driver(manner, Box::new(TcpDialler));
    prepared.driver.listen(listener).unwrap();
    (run(prepared), address)
}

impl Running {
    fn event(&self) -> NetworkEvent {
        match self.told.recv().expect("the driver runs") {
            Told::Event(event) => event,
            Told::Heard(connection, bytes) => panic!("{} bytes on {connection}", bytes.len()),
        }
    }

    fn hear(&self, on: ConnectionId, count: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while all.len() < count {
            match self.told.recv().expect("the driver runs") {
                Told::Heard(connection, bytes) if connection == on => all.extend_from_slice(&bytes),
                told => panic!("{told:?}"),
            }
        }
        all
    }

    fn end(self) {
        self.mailbox.send(Order::End);
        assert_eq!(self.thread.join().unwrap(), Ok(()));
    }
}

const DIALLED: ConnectionId = ConnectionId::dialled(1);

/// Dials, sends more than any socket takes at once, hears it back, closes.
fn converse(client: &Running, to: SocketAddr) {
    client.mailbox.send(Order::Dial { number: 1, to });
    assert!(matches!(client.event(), NetworkEvent::Connected { connection: DIALLED, .. }));
    let text: Vec<u8> = (0..6_000_000_u32).map(|number| (number / 7) as u8).collect();
    client.mailbox.send(Order::Say(DIALLED, text.clone()));
    assert!(client.hear(DIALLED, text.len()) == text);
    client.mailbox.send(Order::Close(DIALLED));
    assert_eq!(client.event(), NetworkEvent::Closed { connection: DIALLED, error: None });
}

#[test]
fn an_echo_over_tcp() {
    let (server, address) = listening(Manner::Echo);
    let client = run(driver(Manner::Listen, Box::new(TcpDialler)));
    converse(&client, address);
    assert!(matches!(server.event(), NetworkEvent::Accepted { .. }));
    client.end();
    server.end();
}

#[test]
fn an_echo_over_a_socket_pair() {
    let server = run(driver(Manner::Echo, Box::new(TcpDialler)));
    let client = run(driver(Manner::Listen, Box::new(InProcessDialler::new(server.mailbox.clone()))));
    converse(&client, NO_ADDRESS);
    server.end();
    client.mailbox.send(Order::Dial { number: 2, to: NO_ADDRESS });
    let NetworkEvent::DialFailed { connection, error } = client.event() else { panic!("nobody is there") };
    assert_eq!((connection, error.kind), (ConnectionId::dialled(2), OsErrorKind::ConnectionRefused));
    client.end();
}

#[test]
fn nobody_listening_is_a_failed_dial() {
    // A port that was ours a moment ago: nobody else listens on it yet.
    let address = TcpListener::bind(NO_ADDRESS).unwrap().local_addr().unwrap();
    let client = run(driver(Manner::Listen, Box::new(TcpDialler)));
    client.mailbox.send(Order::Dial { number: 1, to: address });
    let NetworkEvent::DialFailed { connection: DIALLED, error } = client.event() else {
        panic!("nobody is there")
    };
    assert_eq!(error.kind, OsErrorKind::ConnectionRefused);
    client.end();
}

#[test]
fn a_refusal_reaches_a_peer_that_is_still_talking() {
    let (server, address) = listening(Manner::Refuse);
    let mut stream = TcpStream::connect(address).unwrap();
    // More than the node reads before it closes: without lingering, a reset would destroy the answer.
    stream.write_all(&vec![7; 1 << 20]).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"no");
    drop(stream);
    server.end();
}

#[test]
fn a_peer_that_vanishes_is_told_once() {
    let (server, address) = listening(Manner::Listen);
    drop(TcpStream::connect(address).unwrap());
    let NetworkEvent::Accepted { connection, .. } = server.event() else { panic!("somebody dialled") };
    assert_eq!(server.event(), NetworkEvent::Closed { connection, error: None });
    server.end();
}

#[test]
fn datagrams_over_udp_and_over_a_pair() {
    let sockets = [UdpSocket::bind(NO_ADDRESS).unwrap(), UdpSocket::bind(NO_ADDRESS).unwrap()];
    let addresses = sockets.each_ref().map(|socket| socket.local_addr().unwrap());
    exchange_datagrams(sockets.map(DatagramSocket::Udp), addresses);

    let (left, right) = UnixDatagram::pair().unwrap();
    exchange_datagrams([left, right].map(DatagramSocket::Pair), [NO_ADDRESS; 2]);
}

fn exchange_datagrams(sockets: [DatagramSocket; 2], [left_address, right_address]: [SocketAddr; 2]) {
    let [left, right] = sockets.map(|socket| {
        let mut prepared = driver(Manner::Listen, Box::new(TcpDialler));
        prepared.driver.use_datagrams(socket).unwrap();
        run(prepared)
    });
    left.mailbox.send(Order::SendDatagram(right_address, b"ping".to_vec()));
    assert_eq!(right.event(), NetworkEvent::Datagram { from: left_address, bytes: b"ping".to_vec() });
    right.mailbox.send(Order::SendDatagram(left_address, b"pong".to_vec()));
    assert_eq!(left.event(), NetworkEvent::Datagram { from: right_address, bytes: b"pong".to_vec() });
    left.end();
    right.end();
}

#[test]
fn a_timer_wakes_the_node() {
    let (sender, _told) = crossbeam_channel::unbounded();
    let mut toy = Toy::new(Manner::Listen);
    toy.heartbeat = Some(Time::from_us(5_000));
    let events = EventLoop::open().unwrap();
    let driver = Driver::new(events, toy, Watcher(sender), Box::new(TcpDialler)).unwrap();
    assert_eq!(driver.run(), Ok(()), "the toy ends when its timer fires");
}

#[test]
fn a_fatal_letter_ends_the_driver() {
    let failure = Failure::new(windrow_core::failure::Cause::WorkerLost);
    let node = run(driver(Manner::Listen, Box::new(TcpDialler)));
    node.mailbox.deliver(Mail::End(Err(failure.clone()))).unwrap();
    assert_eq!(node.thread.join().unwrap(), Err(failure));
}
