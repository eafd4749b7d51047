//! Fetching from a peer that answers badly, or not at all; the test plays it.

use super::*;
use crate::failure::Cause;
use crate::limits::{FETCH_PATIENCE_US, FETCH_SILENCE_US};
use crate::time::SECOND_US;
use crate::wire::message::{FetchAnswer, FetchRequest, Role};
use crate::wire::{Connection, Incoming};

const HOUR_US: u64 = 3_600 * SECOND_US;

/// A host that wants the run of one map, and the peer that has it.
struct Stage {
    host: Host,
    peer: Option<(ConnectionId, Connection)>,
    dials: u32,
    asked: Vec<FetchRequest>,
}

impl Stage {
    fn new() -> Stage {
        let mut stage = Stage { host: Host::new(2), peer: None, dials: 0, asked: Vec::new() };
        stage.command(gather(1));
        stage.command(locate(map(0, 0), 1));
        stage
    }

    /// A host that has asked its peer for the run.
    fn asking() -> Stage {
        let mut stage = Stage::new();
        assert_eq!(stage.welcome(), 1);
        stage
    }

    fn command(&mut self, command: ShuffleCommand) {
        self.host.command(command);
        self.settle();
    }

    /// Does what the host asked of the network.
    fn settle(&mut self) {
        while !self.host.asked.is_empty() {
            match self.host.asked.remove(0) {
                NetworkAction::Dial { connection, .. } => {
                    self.dials += 1;
                    self.peer = Some((connection, Connection::accept("c", &[Role::Fetcher])));
                }
                NetworkAction::Close { connection } => {
                    self.host.network(NetworkEvent::Closed { connection, error: None });
                }
                NetworkAction::Transmit { connection } => {
                    let bytes = self.host.unsent(connection);
                    if let Some((_, peer)) = self.peer.as_mut().filter(|(id, _)| *id == connection) {
                        peer.receive(&bytes);
                        while let Some(incoming) = peer.poll().expect("it speaks well") {
                            if let Incoming::Message(_) = incoming {
                                self.asked.push(incoming.message().expect("a request"));
                            }
                        }
                        self.flush();
                    }
                }
                NetworkAction::SendDatagram { .. } => unreachable!("a shuffle sends none"),
            }
        }
    }

    fn flush(&mut self) {
        let (id, peer) = self.peer.as_mut().expect("there is a peer");
        let (id, bytes) = (*id, peer.unsent().to_vec());
        peer.sent(bytes.len());
        self.host.receive(id, &bytes, usize::MAX);
    }

    /// Lets the connection that was asked for stand; how many runs the peer is then asked for.
    fn welcome(&mut self) -> usize {
        self.asked.clear();
        let id = self.peer.as_ref().expect("it dialled").0;
        self.host.network(NetworkEvent::Connected { connection: id, local: ADDRESS });
        self.settle();
        self.asked.len()
    }

    fn answer(&mut self, answer: &FetchAnswer) {
        self.peer.as_mut().expect("there is a peer").1.send(answer).expect("it fits");
        self.flush();
        self.settle();
    }

    fn send(&mut self, bytes: &[u8]) {
        self.peer.as_mut().expect("there is a peer").1.send_raw(bytes);
        self.flush();
        self.settle();
    }

    fn break_off(&mut self) {
        let connection = self.peer.as_ref().expect("there is a peer").0;
        self.host.network(NetworkEvent::Closed { connection, error: None });
        self.settle();
    }

    /// Wakes the host as often as it wants within that time, or until it dials.
    fn wait(&mut self, us: u64) {
        let (until, dials) = (self.host.now.after(us), self.dials);
        while self.host.shuffle.poll_timeout().is_some_and(|(at, _)| at <= until) {
            self.host.wake();
            self.settle();
            if self.dials > dials {
                return;
            }
        }
        self.host.now = until;
    }

    fn is_given_up(&self) -> bool {
        self.host.reports.iter().any(|report| matches!(report, ShuffleReport::Unfetchable { .. }))
    }
}

/// A peer whose machine lost its power, or behind a cut cable: nothing comes, and no reset either.
#[test]
fn a_holder_that_falls_silent_is_dialled_again_and_its_run_given_up_in_the_end() {
    let mut stage = Stage::asking();
    stage.answer(&FetchAnswer::Run { length_bytes: 1_000 });
    for _ in 0..10 {
        let dials = stage.dials;
        stage.wait(HOUR_US);
        if stage.is_given_up() {
            return;
        }
        assert_eq!(stage.dials, dials + 1, "a silent peer is waited for without end");
        assert_eq!(stage.welcome(), 1);
    }
    panic!("a peer that is always silent is dialled without end");
}

#[test]
fn a_holder_that_is_slow_is_waited_for_and_so_is_one_that_owes_nothing() {
    let mut stage = Stage::asking();
    stage.answer(&FetchAnswer::Run { length_bytes: 1_000 });
    for _ in 0..10 {
        stage.wait(FETCH_SILENCE_US - 1);
        stage.send(&[0]);
    }
    stage.command(lose(0));
    stage.send(&[0; 990]);
    stage.wait(HOUR_US);
    assert_eq!(stage.dials, 1);
}

/// A holder whose process dies over the run, each time: it announces it and breaks off.
#[test]
fn a_run_is_given_up_when_its_holder_breaks_off_in_the_middle_each_time() {
    let mut stage = Stage::new();
    while stage.host.now.as_us() < 6 * FETCH_PATIENCE_US && !stage.is_given_up() {
        assert_eq!(stage.welcome(), 1);
        stage.answer(&FetchAnswer::Run { length_bytes: 1_000 });
        stage.break_off();
        stage.wait(SECOND_US * 3);
    }
    assert!(stage.is_given_up(), "tried {} times, and without end", stage.dials);
    assert!(stage.dials < 30, "with pauses that grow: {} dials", stage.dials);
}

#[test]
fn a_run_that_is_fetched_again_is_given_no_more_room() {
    let mut stage = Stage::new();
    let (bytes, Segment { length_bytes, .. }) = run_of(&["a".into(), "b".into()]);
    for _ in 0..3 {
        assert_eq!(stage.welcome(), 1);
        stage.answer(&FetchAnswer::Run { length_bytes });
        stage.send(&bytes[..10]);
        stage.break_off();
        stage.wait(HOUR_US);
    }
    assert_eq!(stage.welcome(), 1);
    // Once it comes whole and corrupt.
    stage.answer(&FetchAnswer::Run { length_bytes });
    stage.send(&alloc::vec![0; bytes.len()]);
    stage.answer(&FetchAnswer::Run { length_bytes });
    stage.send(&bytes);
    assert!(matches!(stage.host.reports[..], [ShuffleReport::Gathered { .. }]), "{:?}", stage.host.reports);
    assert_eq!(stage.host.files[&b"/scratch/reduce/fetched.runs"[..]], bytes);
}

/// A peer that denies having a run which it has begun to send.
#[test]
fn a_run_that_is_denied_in_its_middle_is_asked_for_again() {
    let mut stage = Stage::asking();
    stage.answer(&FetchAnswer::Run { length_bytes: 1_000 });
    stage.answer(&FetchAnswer::NotHere);
    stage.wait(HOUR_US);
    assert_eq!(stage.dials, 2, "the connection is spoilt");
    assert_eq!(stage.welcome(), 1);
}

#[test]
fn a_run_that_cannot_be_read_to_its_end_is_given_up_and_the_connection_goes_on() {
    let mut stage = Stage::asking();
    stage.answer(&FetchAnswer::Run { length_bytes: 1_000 });
    stage.send(&[0; 10]);
    stage.answer(&FetchAnswer::Unreadable { reason: "no".into() });
    let reason = "its worker cannot read it: no".into();
    let cause = Cause::RunUnfetchable { map: map(0, 0), reason };
    let report = ShuffleReport::Unfetchable { attempt: reduce(), map: map(0, 0), cause };
    assert_eq!(stage.host.reports, [report]);
    stage.asked.clear();
    stage.command(locate(map(0, 1), 1));
    assert_eq!(stage.asked, [FetchRequest { map: map(0, 1), partition: Partition(0) }]);
}

#[test]
fn a_failure_of_long_ago_does_not_count_against_what_is_wanted_now() {
    let mut stage = Stage::asking();
    stage.break_off();
    stage.wait(HOUR_US);
    stage.command(lose(0));
    assert_eq!(stage.welcome(), 0, "it is not wanted any more");
    stage.wait(HOUR_US);
    stage.asked.clear();
    stage.command(locate(map(0, 1), 1));
    assert_eq!(stage.asked.len(), 1);
    stage.break_off();
    assert!(!stage.is_given_up(), "it failed once");
}

#[test]
fn a_peer_of_which_nothing_is_wanted_any_more_is_not_dialled_again() {
    let mut stage = Stage::asking();
    stage.break_off();
    stage.command(lose(0));
    stage.wait(HOUR_US);
    assert_eq!(stage.dials, 1);
}

/// The file is still being made when the last run turns out to lie here.
#[test]
fn a_file_that_is_made_when_all_is_here_is_closed_once() {
    let mut stage = Stage::asking();
    stage.host.is_disk_held = true;
    stage.answer(&FetchAnswer::Run { length_bytes: 1_000 });
    stage.command(lose(0));
    offer(&mut stage.host, map(0, 1), &["a".into()]);
    stage.command(locate(map(0, 1), 2));
    stage.host.release_disk();
    assert!(matches!(stage.host.reports[..], [ShuffleReport::Gathered { .. }]), "{:?}", stage.host.reports);
    assert!(stage.host.open.is_empty(), "it is closed");
}

#[test]
fn a_file_that_is_made_for_an_abandoned_gathering_is_closed_once() {
    let mut stage = Stage::asking();
    stage.host.is_disk_held = true;
    stage.answer(&FetchAnswer::Run { length_bytes: 1_000 });
    stage.command(ShuffleCommand::Abandon { attempt: reduce() });
    stage.host.release_disk();
    assert!(stage.host.open.is_empty(), "it is closed");
}

/// Its holder was taken for lost, and is back: what came meanwhile was not kept.
#[test]
fn a_run_that_was_not_wanted_for_a_while_is_not_used_with_a_hole_in_it() {
    let mut stage = Stage::asking();
    let (bytes, Segment { length_bytes, .. }) = run_of(&["a".into(), "b".into()]);
    stage.answer(&FetchAnswer::Run { length_bytes });
    stage.command(lose(0));
    stage.send(&bytes[..10]);
    stage.command(locate(map(0, 0), 1));
    stage.send(&bytes[10..]);
    assert_eq!(stage.host.reports, [], "a part of it is missing");
    stage.answer(&FetchAnswer::Run { length_bytes });
    stage.send(&bytes);
    let [ShuffleReport::Gathered { runs, .. }] = &stage.host.reports[..] else {
        panic!("{:?}", stage.host.reports);
    };
    let file = &stage.host.files[&runs[0].path.0];
    assert_eq!(file[runs[0].segment.offset as usize..][..bytes.len()], bytes);
}

#[test]
fn a_gathering_that_is_abandoned_leaves_the_others_their_peers() {
    let mut stage = Stage::asking();
    let attempt = AttemptId { task: TaskId::Reduce(1), ..reduce() };
    let directory = PathBytes::from("/scratch/other");
    stage.command(ShuffleCommand::Gather { attempt, partition: Partition(0), maps: 1, directory });
    stage.command(ShuffleCommand::Abandon { attempt });
    let (bytes, Segment { length_bytes, .. }) = run_of(&["a".into()]);
    stage.answer(&FetchAnswer::Run { length_bytes });
    stage.send(&bytes);
    let [ShuffleReport::Gathered { attempt, .. }] = stage.host.reports[..] else {
        panic!("{:?}", stage.host.reports)
    };
    assert_eq!(attempt, reduce());
    assert_eq!(stage.dials, 1);
}
