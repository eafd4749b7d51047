//! Serving a fetcher that asks for nothing, or takes nothing; the test plays it.

use super::*;
use crate::limits::{CONNECTIONS_MAX, FETCHER_IDLE_US, FETCHES_PER_PEER, HANDSHAKE_US};
use crate::wire::message::{FetchAnswer, FetchRequest, Role};
use crate::wire::{Connection, Incoming};

const ID: ConnectionId = ConnectionId::accepted(1);

/// A host that serves, and a fetcher.
struct Stage {
    host: Host,
    fetcher: Connection,
}

impl Stage {
    /// A host that offers one map's run to a fetcher who has greeted it.
    fn new() -> Stage {
        let mut stage = Stage { host: Host::new(1), fetcher: Connection::dial("c", Role::Fetcher) };
        offer(&mut stage.host, map(0, 0), &many_lines());
        stage.host.network(NetworkEvent::Accepted { connection: ID, peer: ADDRESS });
        stage.flush();
        let welcome = stage.host.unsent(ID);
        stage.fetcher.receive(&welcome);
        assert!(matches!(stage.fetcher.poll(), Ok(Some(Incoming::Welcome))));
        stage
    }

    fn flush(&mut self) {
        let bytes = self.fetcher.unsent().to_vec();
        self.fetcher.sent(bytes.len());
        self.host.receive(ID, &bytes, usize::MAX);
    }

    fn ask(&mut self, map: AttemptId) {
        self.fetcher.send(&FetchRequest { map, partition: Partition(0) }).expect("it fits");
        self.flush();
    }

    fn is_closed(&self) -> bool {
        self.host.asked.contains(&NetworkAction::Close { connection: ID })
    }

    /// Lets time pass; whether the connection is closed then.
    fn is_closed_after(&mut self, us: u64) -> bool {
        let until = self.host.now.after(us);
        while self.host.shuffle.poll_timeout().is_some_and(|(at, _)| at <= until) && !self.is_closed() {
            self.host.wake();
        }
        self.host.now = until;
        self.is_closed()
    }
}

#[test]
fn a_fetcher_that_greets_and_asks_for_nothing_is_closed() {
    let mut stage = Stage::new();
    assert!(!stage.is_closed_after(HANDSHAKE_US - 1));
    assert!(stage.is_closed_after(1));
    stage.host.network(NetworkEvent::Closed { connection: ID, error: None });
    assert_eq!(stage.host.shuffle.poll_timeout(), None);
}

#[test]
fn a_fetcher_that_asks_for_nothing_more_is_closed_after_a_while() {
    let mut stage = Stage::new();
    for _ in 0..3 {
        stage.ask(map(1, 0));
        let answer = stage.host.unsent(ID);
        stage.fetcher.receive(&answer);
        let incoming = stage.fetcher.poll().unwrap().unwrap();
        assert_eq!(incoming.message(), Ok(FetchAnswer::NotHere));
        assert!(!stage.is_closed_after(FETCHER_IDLE_US - 1), "it asked not long ago");
    }
    assert!(stage.is_closed_after(1));
    stage.host.network(NetworkEvent::Closed { connection: ID, error: None });
    assert_eq!(stage.host.shuffle.poll_timeout(), None);
}

#[test]
fn a_fetcher_is_served_as_long_as_it_takes_a_little_and_no_longer() {
    let mut stage = Stage::new();
    stage.ask(map(0, 0));
    for _ in 0..5 {
        assert!(!stage.is_closed_after(FETCHER_IDLE_US - 1), "it took something not long ago");
        assert!(stage.host.shuffle.unsent(ID).len() > 1);
        stage.host.shuffle.sent(ID, 1, stage.host.now);
        stage.host.perform();
    }
    assert!(stage.is_closed_after(FETCHER_IDLE_US));
    stage.host.network(NetworkEvent::Closed { connection: ID, error: None });
    assert!(stage.host.open.is_empty(), "its file is closed");
}

/// The disk owes the next piece, not the fetcher.
#[test]
fn a_fetcher_is_not_closed_for_a_slow_disk() {
    let mut stage = Stage::new();
    stage.host.is_disk_held = true;
    stage.ask(map(0, 0));
    assert!(!stage.is_closed_after(5 * FETCHER_IDLE_US));
    stage.host.release_disk();
    assert!(!stage.host.unsent(ID).is_empty());
    assert!(stage.is_closed_after(2 * FETCHER_IDLE_US));
}

impl Stage {
    /// What the fetcher is told until nothing more comes: answers, and how many bytes of runs.
    fn answers(&mut self) -> (Vec<FetchAnswer>, usize) {
        let (mut answers, mut bytes) = (Vec::new(), 0);
        loop {
            let unsent = self.host.unsent(ID);
            if unsent.is_empty() {
                return (answers, bytes);
            }
            self.fetcher.receive(&unsent);
            while let Some(incoming) = self.fetcher.poll().expect("it speaks well") {
                match incoming {
                    Incoming::Raw(piece) => bytes += piece.len(),
                    Incoming::Welcome | Incoming::Established(_) | Incoming::Message(_) => {
                        answers.push(incoming.message().expect("an answer"));
                    }
                }
            }
        }
    }
}

#[test]
fn what_was_asked_for_is_answered_in_its_order() {
    let mut stage = Stage::new();
    let bytes = offer(&mut stage.host, map(1, 0), &["a".into()]);
    offer(&mut stage.host, map(2, 0), &[]);
    stage.host.is_disk_held = true;
    for index in [1, 2, 3, 1] {
        stage.ask(map(index, 0));
    }
    stage.host.release_disk();
    let run = |length: usize| FetchAnswer::Run { length_bytes: length as u64 };
    let expected = Vec::from([run(bytes.len()), run(0), FetchAnswer::NotHere, run(bytes.len())]);
    assert_eq!(stage.answers(), (expected, 2 * bytes.len()));
    assert!(stage.host.open.is_empty(), "every file is closed");
}

#[test]
fn a_partition_that_an_output_does_not_have_is_not_here() {
    let mut stage = Stage::new();
    stage.fetcher.send(&FetchRequest { map: map(0, 0), partition: Partition(1) }).expect("it fits");
    stage.flush();
    assert_eq!(stage.answers(), (Vec::from([FetchAnswer::NotHere]), 0));
}

#[test]
fn a_file_that_is_shorter_than_its_run_is_unreadable_and_the_next_is_served() {
    let mut stage = Stage::new();
    let bytes = offer(&mut stage.host, map(1, 0), &["a".into()]);
    let path = format!("/scratch/{}", map(0, 0).file_stem()).into_bytes();
    let whole = stage.host.files[&path].len();
    stage.host.files.get_mut(&path).expect("it was offered").pop();
    stage.ask(map(0, 0));
    stage.ask(map(1, 0));
    let (answers, sent) = stage.answers();
    let [FetchAnswer::Run { length_bytes }, FetchAnswer::Unreadable { reason }, FetchAnswer::Run { .. }] =
        &answers[..]
    else {
        panic!("{answers:?}")
    };
    assert_eq!(*length_bytes, whole as u64);
    assert_eq!(reason, "the file is shorter than the run in it");
    assert!((bytes.len()..whole).contains(&sent), "of the short one the pieces that are whole came");
    assert!(stage.host.open.is_empty(), "every file is closed");
}

#[test]
fn a_fetcher_that_asks_for_more_and_more_at_once_is_closed() {
    let mut stage = Stage::new();
    stage.host.is_disk_held = true;
    for _ in 0..=4 * FETCHES_PER_PEER {
        stage.ask(map(0, 0));
    }
    assert!(!stage.is_closed(), "one is being served, and so many wait");
    stage.ask(map(0, 0));
    assert!(stage.is_closed());
}

#[test]
fn no_more_fetchers_are_served_than_a_worker_keeps_connections() {
    let mut host = Host::new(1);
    let accepted = |number: usize| ConnectionId::accepted(number as u64);
    for number in 1..=CONNECTIONS_MAX {
        host.network(NetworkEvent::Accepted { connection: accepted(number), peer: ADDRESS });
    }
    assert_eq!(host.asked, []);
    let connection = accepted(CONNECTIONS_MAX + 1);
    host.network(NetworkEvent::Accepted { connection, peer: ADDRESS });
    assert_eq!(host.asked, [NetworkAction::Close { connection }]);
}
