//! Two shuffles, one serving and one gathering, on disks in memory; and one alone against exact lists of what it does.

use super::*;
use crate::data::record::Record;
use crate::data::run::RunWriter;
use crate::failure::{Cause, OsErrorKind};
use crate::ids::{Epoch, Incarnation, Partition, TaskId};
use crate::job::FileIdentity;
use crate::limits::{FETCH_PATIENCE_US, READ_BYTES};
use crate::machine::NetworkAction;
use crate::worker::attempt::{RunLocation, Segment};
use alloc::format;
use alloc::string::String;
use core::net::{IpAddr, Ipv4Addr};
use proptest::prelude::*;

const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9);
const IDENTITY: FileIdentity = FileIdentity { inode: 1, size_bytes: 0, modified_ns: 0 };

/// A shuffle and its disk.
struct Host {
    shuffle: Shuffle,
    files: BTreeMap<Vec<u8>, Vec<u8>>,
    open: BTreeMap<FileId, Vec<u8>>,
    reports: Vec<ShuffleReport>,
    network: Vec<NetworkAction>,
}

impl Host {
    fn new(incarnation: u64) -> Host {
        let config = ShuffleConfig { cluster: "c".into(), incarnation: Incarnation(incarnation), seed: 1 };
        let (files, open) = (BTreeMap::new(), BTreeMap::new());
        Host { shuffle: Shuffle::new(config), files, open, reports: Vec::new(), network: Vec::new() }
    }

    fn give(&mut self, event: Event<ShuffleInput>, now: Time) {
        self.shuffle.handle_input(event, now);
        self.perform(now);
    }

    fn command(&mut self, command: ShuffleCommand) {
        self.give(Event::Local(ShuffleInput::Command(command)), Time::ZERO);
    }

    /// Performs what is asked of the disk, and keeps the rest.
    fn perform(&mut self, now: Time) {
        while let Some(action) = self.shuffle.poll_output() {
            self.shuffle.check_invariants();
            match action {
                Action::Network(action) => self.network.push(action),
                Action::Local(ShuffleRequest::Report(ShuffleReport::Progress { .. })) => {}
                Action::Local(ShuffleRequest::Report(report)) => self.reports.push(report),
                Action::Local(ShuffleRequest::Disk(request)) => self.disk(request, now),
            }
        }
    }

    fn disk(&mut self, request: DiskRequest, now: Time) {
        let reply = match request {
            DiskRequest::Open { file, path, .. } | DiskRequest::Create { file, path } => {
                self.files.entry(path.0.clone()).or_default();
                assert!(self.open.insert(file, path.0).is_none(), "a name is given once");
                DiskReply::Opened(IDENTITY)
            }
            DiskRequest::Read { file, offset, length_bytes } => {
                let bytes = self.files[&self.open[&file]][offset as usize..].to_vec();
                return self.shuffle.push_read(&bytes[..length_bytes.min(bytes.len())], now);
            }
            DiskRequest::Write { file, offset } => {
                let contents = self.files.get_mut(&self.open[&file]).unwrap();
                let bytes = self.shuffle.outgoing();
                contents.resize(contents.len().max(offset as usize + bytes.len()), 0);
                contents[offset as usize..][..bytes.len()].copy_from_slice(bytes);
                DiskReply::Done
            }
            DiskRequest::Close { file } => {
                self.open.remove(&file).expect("what is closed was open");
                DiskReply::Done
            }
            DiskRequest::RemoveTree { path } => {
                self.files.retain(|name, _| !name.starts_with(&path.0));
                DiskReply::Done
            }
            DiskRequest::CreateDirectory { .. } => DiskReply::Done,
            DiskRequest::Inspect { .. }
            | DiskRequest::Sync { .. }
            | DiskRequest::Remove { .. }
            | DiskRequest::SyncDirectory { .. } => unreachable!("a shuffle never asks for it"),
        };
        self.shuffle.handle_input(Event::Local(ShuffleInput::Disk(Ok(reply))), now);
    }

    fn unsent(&mut self, id: ConnectionId) -> Vec<u8> {
        let bytes = self.shuffle.unsent(id).to_vec();
        self.shuffle.sent(id, bytes.len(), Time::ZERO);
        self.perform(Time::ZERO);
        bytes
    }

    fn receive(&mut self, id: ConnectionId, bytes: &[u8], cut: usize) {
        for piece in bytes.chunks(cut) {
            self.shuffle.receive(id, piece, Time::ZERO);
            self.perform(Time::ZERO);
        }
    }

    fn dialled(&mut self) -> Option<ConnectionId> {
        self.network.drain(..).find_map(|action| match action {
            NetworkAction::Dial { connection, .. } => Some(connection),
            NetworkAction::Transmit { .. }
            | NetworkAction::Close { .. }
            | NetworkAction::SendDatagram { .. } => None,
        })
    }
}

fn map(index: u32, number: u32) -> AttemptId {
    AttemptId { job: JobId(1), task: TaskId::Map(index), epoch: Epoch(1), number }
}

fn reduce() -> AttemptId {
    AttemptId { job: JobId(1), task: TaskId::Reduce(0), epoch: Epoch(1), number: 0 }
}

fn gather(maps: u32) -> ShuffleCommand {
    let directory = PathBytes::from("/scratch/reduce");
    ShuffleCommand::Gather { attempt: reduce(), partition: Partition(0), maps, directory }
}

fn locate(map: AttemptId, holder: u64) -> ShuffleCommand {
    let TaskId::Map(map_index) = map.task else { unreachable!() };
    let location = Some(MapLocation { map, holder: Incarnation(holder), address: Some(ADDRESS) });
    ShuffleCommand::Locate { job: JobId(1), map_index, location }
}

/// Puts a map output of one run on a host's disk and offers it.
fn offer(host: &mut Host, map: AttemptId, lines: &[String]) -> Vec<u8> {
    let mut writer = RunWriter::new();
    lines.iter().for_each(|line| writer.push(Record::parse_line(line.as_bytes())));
    let segment = writer.finish();
    let path = PathBytes(format!("/scratch/{}", map.file_stem()).into_bytes());
    host.files.insert(path.0.clone(), writer.outgoing().to_vec());
    host.command(ShuffleCommand::Offer { map, output: MapOutput { path, segments: Vec::from([segment]) } });
    writer.outgoing().to_vec()
}

/// Carries bytes both ways until nothing more comes.
fn converse(server: &mut Host, client: &mut Host, dialled: ConnectionId, cut: usize) {
    let accepted = ConnectionId::accepted(1);
    server.give(Event::Network(NetworkEvent::Accepted { connection: accepted, peer: ADDRESS }), Time::ZERO);
    client.give(Event::Network(NetworkEvent::Connected { connection: dialled, local: ADDRESS }), Time::ZERO);
    loop {
        let (asked, given) = (client.unsent(dialled), server.unsent(accepted));
        if asked.is_empty() && given.is_empty() {
            return;
        }
        server.receive(accepted, &asked, cut);
        client.receive(dialled, &given, cut);
    }
}

proptest! {
    #[test]
    fn what_is_gathered_is_what_was_offered(
        runs in prop::collection::vec(prop::collection::vec("[a-c]{0,3}", 0..200), 1..12),
        local in any::<u16>(),
        cut in 1_usize..5_000,
    ) {
        let (mut server, mut client) = (Host::new(1), Host::new(2));
        client.command(gather(runs.len() as u32));
        let mut expected = Vec::new();
        for (index, lines) in runs.iter().enumerate() {
            let is_local = local >> index & 1 == 1;
            let map = map(index as u32, 0);
            expected.push(offer(if is_local { &mut client } else { &mut server }, map, lines));
            client.command(locate(map, if is_local { 2 } else { 1 }));
        }
        if let Some(dialled) = client.dialled() {
            converse(&mut server, &mut client, dialled, cut);
        }
        let [ShuffleReport::Gathered { runs: gathered, .. }] = &client.reports[..] else {
            return Err(TestCaseError::fail(format!("{:?}", client.reports)));
        };
        for (RunLocation { path, segment, .. }, expected) in gathered.iter().zip(&expected) {
            let Segment { offset, length_bytes } = *segment;
            let empty = Vec::new();
            let file = client.files.get(&path.0).unwrap_or(&empty);
            prop_assert_eq!(&file[offset as usize..][..length_bytes as usize], &expected[..]);
        }
        prop_assert_eq!(gathered.len(), runs.len());
        prop_assert!(client.open.is_empty() && server.open.is_empty(), "every file is closed");
    }
}

#[test]
fn a_run_longer_than_a_chunk_comes_whole_through_a_peer_that_takes_little_at_a_time() {
    let (mut server, mut client) = (Host::new(1), Host::new(2));
    let lines: Vec<String> =
        (0..90_000_u32).map(|n| format!("{:08x}", n.wrapping_mul(2_654_435_761))).collect();
    let bytes = offer(&mut server, map(0, 0), &lines);
    assert!(bytes.len() > 2 * READ_BYTES);
    client.command(gather(1));
    client.command(locate(map(0, 0), 1));
    let dialled = client.dialled().unwrap();
    converse(&mut server, &mut client, dialled, 1_000);
    assert_eq!(client.files[&b"/scratch/reduce/fetched.runs"[..]], bytes);
}

#[test]
fn a_run_that_comes_corrupt_twice_is_said_to_be_so() {
    let (mut server, mut client) = (Host::new(1), Host::new(2));
    offer(&mut server, map(0, 0), &["a".into()]);
    server.files.values_mut().for_each(|bytes| bytes[20] ^= 1);
    client.command(gather(1));
    client.command(locate(map(0, 0), 1));
    let dialled = client.dialled().unwrap();
    converse(&mut server, &mut client, dialled, 100);
    let cause = Cause::RunCorrupt { map: map(0, 0) };
    assert_eq!(client.reports, [ShuffleReport::Unfetchable { attempt: reduce(), map: map(0, 0), cause }]);
}

#[test]
fn a_run_that_its_worker_does_not_have_is_wanted_of_the_next() {
    let (mut server, mut client) = (Host::new(1), Host::new(2));
    client.command(gather(1));
    client.command(locate(map(0, 0), 1));
    let dialled = client.dialled().unwrap();
    converse(&mut server, &mut client, dialled, 100);
    assert!(matches!(client.reports[..], [ShuffleReport::Unfetchable { .. }]));
    offer(&mut client, map(0, 1), &["a".into()]);
    client.command(locate(map(0, 1), 2));
    assert!(matches!(client.reports[1..], [ShuffleReport::Gathered { .. }]), "{:?}", client.reports);
}

#[test]
fn a_lost_output_that_was_made_anew_is_fetched_from_where_it_lies_now() {
    let mut client = Host::new(2);
    client.command(gather(1));
    client.command(locate(map(0, 0), 1));
    assert!(client.dialled().is_some(), "the first holder is dialled, and never answers");
    client.command(ShuffleCommand::Locate { job: JobId(1), map_index: 0, location: None });
    offer(&mut client, map(0, 1), &["a".into()]);
    client.command(locate(map(0, 1), 2));
    assert!(matches!(client.reports[..], [ShuffleReport::Gathered { .. }]), "{:?}", client.reports);
}

#[test]
fn a_peer_that_cannot_be_reached_is_tried_for_a_bounded_time() {
    let mut client = Host::new(2);
    client.command(gather(1));
    client.command(locate(map(0, 0), 1));
    let mut now = Time::ZERO;
    while client.reports.is_empty() {
        assert!(now.as_us() < 2 * FETCH_PATIENCE_US, "patience is bounded");
        if let Some(connection) = client.dialled() {
            let error = OsError { kind: OsErrorKind::ConnectionRefused, text: "Connection refused".into() };
            client.give(Event::Network(NetworkEvent::DialFailed { connection, error }), now);
        }
        if let Some((at, _)) = client.shuffle.poll_timeout() {
            now = at;
            client.shuffle.handle_timeout(now);
            client.perform(now);
        }
    }
    assert!(matches!(client.reports[..], [ShuffleReport::Unfetchable { .. }]));
    assert!(now.as_us() >= FETCH_PATIENCE_US, "and it is not given up before");
}

#[test]
fn an_abandoned_gathering_leaves_nothing() {
    let (mut server, mut client) = (Host::new(1), Host::new(2));
    offer(&mut server, map(0, 0), &["a".into()]);
    client.command(gather(2));
    client.command(locate(map(0, 0), 1));
    let dialled = client.dialled().unwrap();
    converse(&mut server, &mut client, dialled, 100);
    assert!(client.files.contains_key(&b"/scratch/reduce/fetched.runs"[..]));
    client.command(ShuffleCommand::Abandon { attempt: reduce() });
    assert!(client.files.is_empty() && client.open.is_empty());
    assert!(client.network.contains(&NetworkAction::Close { connection: dialled }), "idle peers are left");
    assert_eq!(client.shuffle.poll_timeout(), None);
}
