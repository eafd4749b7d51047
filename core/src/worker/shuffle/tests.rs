//! The shuffle against peers that answer badly, or not at all.

use super::{
    MapLocation, Shuffle, ShuffleCommand, ShuffleConfig, ShuffleInput, ShuffleReport, ShuffleRequest,
};
use crate::ids::{AttemptId, ConnectionId, Epoch, FileId, Incarnation, JobId, Partition, TaskId};
use crate::job::{FileIdentity, PathBytes};
use crate::limits::FETCH_PATIENCE_US;
use crate::machine::{Action, Event, Machine, NetworkAction, NetworkEvent, Node};
use crate::time::{SECOND_US, Time};
use crate::wire::message::{FetchAnswer, FetchRequest, Role};
use crate::wire::{Connection, Incoming};
use crate::worker::disk::{DiskReply, DiskRequest};
use alloc::vec::Vec;
use core::net::{Ipv4Addr, SocketAddr};

const ADDRESS: SocketAddr = SocketAddr::new(core::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9);

fn attempt(task: TaskId) -> AttemptId {
    AttemptId { job: JobId(1), task, epoch: Epoch(1), number: 0 }
}

/// A shuffle that wants one run of a peer whom the test plays, on a disk that does all at once.
struct Stage {
    shuffle: Shuffle,
    now: Time,
    peer: Option<(ConnectionId, Connection)>,
    written_bytes: u64,
    dials: u32,
    reports: Vec<ShuffleReport>,
}

impl Stage {
    fn new() -> Stage {
        let config = ShuffleConfig { cluster: "c".into(), incarnation: Incarnation(1), seed: 1 };
        let mut stage = Stage {
            shuffle: Shuffle::new(config),
            now: Time::ZERO,
            peer: None,
            written_bytes: 0,
            dials: 0,
            reports: Vec::new(),
        };
        let reduce = attempt(TaskId::Reduce(0));
        let directory = PathBytes::from("/scratch/reduce");
        stage.command(ShuffleCommand::Gather {
            attempt: reduce,
            partition: Partition(0),
            maps: 1,
            directory,
        });
        let location =
            MapLocation { map: attempt(TaskId::Map(0)), holder: Incarnation(2), address: Some(ADDRESS) };
        stage.command(ShuffleCommand::Locate { job: JobId(1), map_index: 0, location: Some(location) });
        stage
    }

    fn command(&mut self, command: ShuffleCommand) {
        self.shuffle.handle_input(Event::Local(ShuffleInput::Command(command)), self.now);
        self.drain();
    }

    fn network(&mut self, event: NetworkEvent) {
        self.shuffle.handle_input(Event::Network(event), self.now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(action) = self.shuffle.poll_output() {
            self.shuffle.check_invariants();
            match action {
                Action::Local(ShuffleRequest::Disk(request)) => {
                    let reply = match request {
                        DiskRequest::Create { file: FileId(_), .. } => {
                            DiskReply::Opened(FileIdentity { inode: 1, size_bytes: 0, modified_ns: 0 })
                        }
                        DiskRequest::Write { .. } => {
                            self.written_bytes +=
                                crate::worker::disk::DiskUser::outgoing(&self.shuffle).len() as u64;
                            DiskReply::Done
                        }
                        _ => DiskReply::Done,
                    };
                    self.shuffle.handle_input(Event::Local(ShuffleInput::Disk(Ok(reply))), self.now);
                }
                Action::Local(ShuffleRequest::Report(report)) => self.reports.push(report),
                Action::Network(NetworkAction::Dial { connection, .. }) => {
                    self.dials += 1;
                    self.peer = Some((connection, Connection::accept("c", &[Role::Fetcher])));
                }
                Action::Network(NetworkAction::Close { connection }) => {
                    self.network(NetworkEvent::Closed { connection, error: None });
                }
                Action::Network(_) => {}
            }
        }
    }

    /// Lets the connection that was asked for stand; how many runs the peer is then asked for.
    fn welcome(&mut self) -> usize {
        let (id, _) = *self.peer.as_ref().map(|(id, _)| (*id, ())).as_ref().expect("it dialled");
        let local = ADDRESS;
        self.network(NetworkEvent::Connected { connection: id, local });
        let mut asked = 0;
        for _ in 0..2 {
            let bytes = self.shuffle.unsent(id).to_vec();
            self.shuffle.sent(id, bytes.len(), self.now);
            let (_, peer) = self.peer.as_mut().expect("it is there");
            peer.receive(&bytes);
            while let Some(incoming) = peer.poll().expect("it speaks well") {
                if let Incoming::Message(_) = incoming {
                    let _: FetchRequest = incoming.message().expect("a request");
                    asked += 1;
                }
            }
            self.answer();
        }
        asked
    }

    fn answer(&mut self) {
        let (id, peer) = self.peer.as_mut().expect("it is there");
        let (id, bytes) = (*id, peer.unsent().to_vec());
        peer.sent(bytes.len());
        self.shuffle.receive(id, &bytes, self.now);
        self.drain();
    }

    /// Wakes the shuffle as often as it wants within that time.
    fn wait(&mut self, us: u64) {
        let until = self.now.after(us);
        while let Some((at, _)) = self.shuffle.poll_timeout().filter(|(at, _)| *at <= until) {
            let is_dialled = self.dials;
            self.now = self.now.max(at);
            self.shuffle.handle_timeout(self.now);
            self.drain();
            if self.dials > is_dialled {
                return;
            }
        }
        self.now = until;
    }

    fn is_given_up(&self) -> bool {
        self.reports.iter().any(|report| matches!(report, ShuffleReport::Unfetchable { .. }))
    }
}

/// A peer whose machine lost its power, or behind a cut cable: nothing comes, and no reset either.
#[test]
fn a_run_is_given_up_when_its_holder_falls_silent() {
    let mut stage = Stage::new();
    assert_eq!(stage.welcome(), 1);
    for _ in 0..100 {
        stage.wait(SECOND_US);
    }
    assert!(stage.is_given_up() || stage.dials > 1, "a silent peer is waited for without end");
}

/// A holder whose disk cannot read the middle of the run: it announces it, begins, and breaks off, each time.
#[test]
fn a_run_is_given_up_when_its_holder_breaks_off_in_the_middle_each_time() {
    let mut stage = Stage::new();
    let began = stage.now;
    while stage.now.since_us(began) < 6 * FETCH_PATIENCE_US && !stage.is_given_up() {
        let dials = stage.dials;
        assert_eq!(stage.welcome(), 1);
        let (id, peer) = stage.peer.as_mut().expect("it is there");
        let id = *id;
        peer.send(&FetchAnswer::Run { length_bytes: 1_000 }).expect("it fits");
        stage.answer();
        stage.network(NetworkEvent::Closed { connection: id, error: None });
        while stage.dials == dials && !stage.is_given_up() {
            stage.wait(SECOND_US);
        }
    }
    assert!(stage.is_given_up(), "tried {} times in a minute, and without end", stage.dials);
}

/// A peer that refuses a run which it has begun to send.
#[test]
fn a_run_that_is_refused_in_the_middle_is_still_wanted() {
    let mut stage = Stage::new();
    assert_eq!(stage.welcome(), 1);
    let (_, peer) = stage.peer.as_mut().expect("it is there");
    peer.send(&FetchAnswer::Run { length_bytes: 1_000 }).expect("it fits");
    peer.send(&FetchAnswer::NotHere).expect("it fits");
    stage.answer();
    for _ in 0..100 {
        stage.wait(SECOND_US);
        if stage.is_given_up() {
            return;
        }
        if stage.dials > 1 {
            assert_eq!(stage.welcome(), 1, "what was under way is asked for again");
            return;
        }
    }
    panic!("nothing is asked for any more");
}
