//! The shuffle on a disk in memory, its peers played by the tests: the host that all of them share.

mod exchange;
mod fetching;
mod serving;

use super::{
    MapLocation, Shuffle, ShuffleCommand, ShuffleConfig, ShuffleInput, ShuffleReport, ShuffleRequest,
};
use crate::data::digest::OutputDigest;
use crate::data::record::Record;
use crate::data::run::RunWriter;
use crate::data::run::Segment;
use crate::failure::{OsError, OsErrorKind};
use crate::ids::{AttemptId, ConnectionId, Epoch, FileId, Incarnation, JobId, Partition, TaskId};
use crate::job::{FileIdentity, PathBytes};
use crate::machine::{Action, Event, Machine, NetworkAction, NetworkEvent, Node};
use crate::time::Time;
use crate::worker::attempt::{MapOutput, RunLocation};
use crate::worker::disk::{DiskReply, DiskRequest, DiskUser};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9);
const IDENTITY: FileIdentity = FileIdentity { inode: 1, size_bytes: 0, modified_ns: 0 };

/// A shuffle and its disk.
struct Host {
    shuffle: Shuffle,
    now: Time,
    files: BTreeMap<Vec<u8>, Vec<u8>>,
    open: BTreeMap<FileId, Vec<u8>>,
    /// Where every file begins to be unreadable.
    unreadable_from: u64,
    /// Whether the disk keeps what it is asked to itself.
    is_disk_held: bool,
    held: Option<DiskRequest>,
    reports: Vec<ShuffleReport>,
    /// What was asked of the network.
    asked: Vec<NetworkAction>,
}

impl Host {
    fn new(incarnation: u64) -> Host {
        let config = ShuffleConfig { cluster: "c".into(), incarnation: Incarnation(incarnation), seed: 1 };
        Host {
            shuffle: Shuffle::new(config),
            now: Time::ZERO,
            files: BTreeMap::new(),
            open: BTreeMap::new(),
            unreadable_from: u64::MAX,
            is_disk_held: false,
            held: None,
            reports: Vec::new(),
            asked: Vec::new(),
        }
    }

    fn command(&mut self, command: ShuffleCommand) {
        self.shuffle.handle_input(Event::Local(ShuffleInput::Command(command)), self.now);
        self.perform();
    }

    fn network(&mut self, event: NetworkEvent) {
        self.shuffle.handle_input(Event::Network(event), self.now);
        self.perform();
    }

    /// Lets the time come for which the shuffle waits, if it waits for any.
    fn wake(&mut self) {
        if let Some((at, _)) = self.shuffle.poll_timeout() {
            self.now = self.now.max(at);
            self.shuffle.handle_timeout(self.now);
            self.perform();
        }
    }

    /// Performs what is asked of the disk, and keeps the rest.
    fn perform(&mut self) {
        while let Some(action) = self.shuffle.poll_output() {
            self.shuffle.check_invariants();
            match action {
                Action::Network(action) => self.asked.push(action),
                Action::Local(ShuffleRequest::Report(ShuffleReport::Progress { .. })) => {}
                Action::Local(ShuffleRequest::Report(report)) => self.reports.push(report),
                Action::Local(ShuffleRequest::Disk(request)) if self.is_disk_held => {
                    assert!(
                        self.held.replace(request).is_none(),
                        "the disk is asked for one thing at a time"
                    );
                }
                Action::Local(ShuffleRequest::Disk(request)) => self.disk(request),
            }
        }
    }

    /// Lets the disk do what it was asked meanwhile, and go on.
    fn release_disk(&mut self) {
        self.is_disk_held = false;
        if let Some(request) = self.held.take() {
            self.disk(request);
            self.perform();
        }
    }

    fn disk(&mut self, request: DiskRequest) {
        let reply = match request {
            DiskRequest::Open { file, path, .. } | DiskRequest::Create { file, path } => {
                self.files.entry(path.0.clone()).or_default();
                assert!(self.open.insert(file, path.0).is_none(), "a name is given once");
                Ok(DiskReply::Opened(IDENTITY))
            }
            DiskRequest::Read { offset, .. } if offset >= self.unreadable_from => {
                Err(OsError { kind: OsErrorKind::Other, text: "Input/output error".into() })
            }
            DiskRequest::Read { file, offset, length_bytes } => {
                let bytes = self.files[&self.open[&file]][offset as usize..].to_vec();
                return self.shuffle.push_read(&bytes[..length_bytes.min(bytes.len())], self.now);
            }
            DiskRequest::Write { file, offset } => {
                let contents = self.files.get_mut(&self.open[&file]).unwrap();
                let bytes = self.shuffle.outgoing();
                contents.resize(contents.len().max(offset as usize + bytes.len()), 0);
                contents[offset as usize..][..bytes.len()].copy_from_slice(bytes);
                Ok(DiskReply::Done)
            }
            DiskRequest::Close { file } => {
                self.open.remove(&file).expect("what is closed was open");
                Ok(DiskReply::Done)
            }
            DiskRequest::RemoveTree { path } => {
                self.files.retain(|name, _| !name.starts_with(&path.0));
                Ok(DiskReply::Done)
            }
            DiskRequest::CreateDirectory { .. } => Ok(DiskReply::Done),
            DiskRequest::Inspect { .. }
            | DiskRequest::Sync { .. }
            | DiskRequest::Remove { .. }
            | DiskRequest::SyncDirectory { .. } => unreachable!("a shuffle never asks for it"),
        };
        self.shuffle.handle_input(Event::Local(ShuffleInput::Disk(reply)), self.now);
    }

    fn unsent(&mut self, id: ConnectionId) -> Vec<u8> {
        let bytes = self.shuffle.unsent(id).to_vec();
        self.shuffle.sent(id, bytes.len(), self.now);
        self.perform();
        bytes
    }

    fn receive(&mut self, id: ConnectionId, bytes: &[u8], cut: usize) {
        for piece in bytes.chunks(cut) {
            self.shuffle.receive(id, piece, self.now);
            self.perform();
        }
    }

    fn dialled(&mut self) -> Option<ConnectionId> {
        self.asked.drain(..).find_map(|action| match action {
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
    let location = Some(MapLocation { map, holder: Incarnation(holder), address: Some(ADDRESS) });
    ShuffleCommand::Locate { job: map.job, map_index: map.task.index(), location }
}

fn lose(map_index: u32) -> ShuffleCommand {
    ShuffleCommand::Locate { job: JobId(1), map_index, location: None }
}

/// A run of these lines.
fn run_of(lines: &[String]) -> (Vec<u8>, Segment) {
    let mut writer = RunWriter::new();
    lines.iter().for_each(|line| writer.push(Record::parse_line(line.as_bytes())));
    let segment = writer.finish();
    (writer.outgoing().to_vec(), segment)
}

/// Lines that hardly compress: their run is longer than two reads.
fn many_lines() -> Vec<String> {
    (0..90_000_u32).map(|n| format!("{:08x}", n.wrapping_mul(2_654_435_761))).collect()
}

/// Puts a map output of one run on a host's disk and offers it.
fn offer(host: &mut Host, map: AttemptId, lines: &[String]) -> Vec<u8> {
    let (bytes, segment) = run_of(lines);
    let path = PathBytes(format!("/scratch/{}", map.file_stem()).into_bytes());
    host.files.insert(path.0.clone(), bytes.clone());
    host.command(ShuffleCommand::Offer {
        map,
        output: MapOutput { path, segments: Vec::from([segment]), digest: OutputDigest::default() },
    });
    bytes
}
