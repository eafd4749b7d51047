//! Connections that were given up: what comes late, and what may still go.

use super::*;
use crate::ids::JobId;
use crate::time::SECOND_US;
use crate::wire::message::FromClient;
use core::net::{IpAddr, Ipv4Addr};

const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7077);

fn id(number: u64) -> ConnectionId {
    ConnectionId::dialled(number)
}

/// Dials and greets; the peer's end, which has read the hello and said its welcome.
fn greet(dialled: &mut Dialled, number: u64) -> Connection {
    dialled.dial(id(number), PEER, Time::ZERO);
    let action = dialled.connected(id(number), "c", Role::Client);
    assert_eq!(action, NetworkAction::Transmit { connection: id(number) });
    let mut peer = Connection::accept("c", &[Role::Client]);
    let hello = dialled.unsent(id(number));
    peer.receive(hello);
    let count = hello.len();
    dialled.sent(id(number), count);
    assert_eq!(peer.poll(), Ok(Some(Incoming::Established(Role::Client))));
    peer
}

fn open(dialled: &mut Dialled, number: u64) -> Connection {
    let mut peer = greet(dialled, number);
    assert!(!dialled.is_open());
    dialled.receive(id(number), peer.unsent());
    peer.sent(peer.unsent().len());
    assert_eq!(dialled.poll(id(number)), Ok(Some(Incoming::Welcome)));
    assert!(dialled.is_open());
    peer
}

#[test]
fn a_dial_names_its_moment_and_is_closed_if_it_comes_after_it_was_given_up() {
    let mut dialled = Dialled::default();
    let now = Time::from_us(3 * SECOND_US);
    let action = NetworkAction::Dial { connection: id(1), to: PEER };
    assert_eq!(dialled.dial(id(1), PEER, now), (action, now.after(HANDSHAKE_US)));
    assert_eq!(dialled.hang_up(), None, "there is nothing to be closed yet");
    dialled.dial(id(2), PEER, now);
    assert_eq!(dialled.connected(id(1), "c", Role::Client), NetworkAction::Close { connection: id(1) });
    assert!(!dialled.ended(id(1)));
    assert!(dialled.is_current(id(2)));
    assert!(dialled.ended(id(2)));
    assert!(dialled.is_idle());
}

#[test]
fn what_is_unsent_on_each_connection_that_was_given_up_may_still_go() {
    let mut dialled = Dialled::default();
    for number in 1..=2 {
        let mut peer = open(&mut dialled, number);
        let message = FromClient::Cancel { job: JobId(number) };
        dialled.open_mut().expect("it is open").1.send(&message).unwrap();
        assert_eq!(dialled.hang_up(), Some(NetworkAction::Close { connection: id(number) }));
        peer.receive(dialled.unsent(id(number)));
        assert_eq!(peer.poll().unwrap().expect("it came").message(), Ok(message));
    }
    for number in 1..=2 {
        let count = dialled.unsent(id(number)).len();
        assert!(count > 0);
        dialled.sent(id(number), count);
        assert!(dialled.unsent(id(number)).is_empty());
        assert!(!dialled.ended(id(number)), "it was given up before");
    }
}

#[test]
fn nothing_comes_from_a_connection_that_was_given_up() {
    let mut dialled = Dialled::default();
    let peer = greet(&mut dialled, 1);
    dialled.hang_up();
    dialled.receive(id(1), peer.unsent());
    assert_eq!(dialled.poll(id(1)), Ok(None));
    assert!(dialled.is_idle());
    open(&mut dialled, 2);
    dialled.receive(id(1), b"what comes late");
    assert_eq!(dialled.poll(id(1)), Ok(None));
    assert_eq!(dialled.poll(id(2)), Ok(None));
}
