//! A worker's control machine against exact lists of what it does. This file owns the stage on which the test plays its
//! Manager.

mod ending;
mod running;
mod session;
mod told;

use super::*;
use crate::data::digest::OutputDigest;
use crate::data::run::Segment;
use crate::failure::{Cause, Failure};
use crate::ids::{Epoch, Partition, SessionId, TaskId};
use crate::job::{CommandLine, FileIdentity, InputFile, JobSpecification, Split, Staging};
use crate::machine::NetworkAction;
use crate::time::SECOND_US;
use crate::wire::message::{
    FromWorker, Heartbeat, HeartbeatAnswer, InventoryEntry, JobOrder, LaunchOrder, Role, TaskOrder, ToWorker,
};
use crate::wire::{Connection, Incoming, datagram};
use crate::worker::attempt::MapOutput;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};
use serde::Serialize;

const MANAGER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7077);

struct Stage {
    worker: Worker,
    now: Time,
    connection: Option<(ConnectionId, Connection)>,
    sequence: u64,
    /// What the last attempt was started with.
    started: Option<Work>,
    /// The last that the shuffle was told.
    commanded: Option<ShuffleCommand>,
}

impl Stage {
    fn new(slots: u32) -> Stage {
        let config = WorkerConfig {
            cluster: "c".into(),
            manager: MANAGER,
            incarnation: Incarnation(4),
            host: "h".into(),
            slots,
            shuffle_address: None,
            sort_bytes: 1 << 20,
            scratch: PathBytes::from("/scratch"),
            seed: 1,
        };
        let worker = Worker::new(config);
        Stage { worker, now: Time::ZERO, connection: None, sequence: 0, started: None, commanded: None }
    }

    fn give(&mut self, event: WorkerEvent) -> Vec<String> {
        self.worker.handle_input(event, self.now);
        self.drain()
    }

    fn local(&mut self, input: WorkerInput) -> Vec<String> {
        self.give(Event::Local(input))
    }

    fn wake(&mut self) -> Vec<String> {
        self.now = self.worker.poll_timeout().expect("it waits for something").0;
        self.worker.handle_timeout(self.now);
        self.drain()
    }

    fn say<M: Serialize>(&mut self, message: &M) -> Vec<String> {
        let (id, connection) = self.connection.as_mut().unwrap();
        let id = *id;
        connection.send(message).unwrap();
        let bytes = connection.unsent().to_vec();
        connection.sent(bytes.len());
        self.worker.receive(id, &bytes, self.now);
        self.drain()
    }

    /// Dials, greets and registers; what the worker says after its registration.
    fn register(&mut self, number: u64) -> Vec<String> {
        assert_eq!(self.wake(), ["dial"]);
        let id = ConnectionId::dialled(number);
        self.connection = Some((id, Connection::accept("c", &[Role::Worker])));
        assert_eq!(
            self.give(Event::Network(NetworkEvent::Connected { connection: id, local: MANAGER })),
            ["hello"]
        );
        let welcome = self.connection.as_mut().unwrap().1.unsent().to_vec();
        self.connection.as_mut().unwrap().1.sent(welcome.len());
        self.worker.receive(id, &welcome, self.now);
        assert_eq!(self.drain(), ["Register"]);
        let (session, epoch) = (SessionId(number), Epoch(1));
        self.say(&ToWorker::Registered {
            session,
            epoch,
            heartbeat_us: 2 * SECOND_US,
            lease_us: 10 * SECOND_US,
        })
    }

    fn answer_heartbeat(&mut self, session: u64) -> Vec<String> {
        let answer =
            HeartbeatAnswer { session: SessionId(session), epoch: Epoch(1), sequence: self.sequence };
        self.give(Event::Network(NetworkEvent::Datagram { from: MANAGER, bytes: datagram::encode(&answer) }))
    }

    fn close(&mut self) -> Vec<String> {
        let (connection, _) = self.connection.take().unwrap();
        self.give(Event::Network(NetworkEvent::Closed { connection, error: None }))
    }

    fn drain(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(action) = self.worker.poll_output() {
            self.worker.check_invariants();
            match action {
                Action::Network(NetworkAction::Dial { .. }) => lines.push("dial".into()),
                Action::Network(NetworkAction::Close { .. }) => lines.push("close".into()),
                Action::Network(NetworkAction::SendDatagram { bytes, .. }) => {
                    let heartbeat: Heartbeat = datagram::decode(&bytes).unwrap();
                    self.sequence = heartbeat.sequence;
                    lines.push(format!("heartbeat {} running {}", heartbeat.sequence, heartbeat.running));
                }
                Action::Network(NetworkAction::Transmit { connection }) => self.pull(connection, &mut lines),
                Action::Local(request) => lines.push(match request {
                    WorkerRequest::Start(attempt, work) => {
                        self.started = Some(*work);
                        format!("start {}", attempt.file_stem())
                    }
                    WorkerRequest::Kill(attempt) => format!("kill {}", attempt.file_stem()),
                    WorkerRequest::Shuffle(command) => {
                        let line = first_word(&format!("shuffle {command:?}"));
                        self.commanded = Some(command);
                        line
                    }
                    WorkerRequest::Notice(notice) => first_word(&format!("notice {notice:?}")),
                    WorkerRequest::Stopped => "stopped".into(),
                }),
            }
        }
        lines
    }

    fn pull(&mut self, id: ConnectionId, lines: &mut Vec<String>) {
        let bytes = self.worker.unsent(id).to_vec();
        self.worker.sent(id, bytes.len(), self.now);
        let Some((_, connection)) = &mut self.connection else { return };
        connection.receive(&bytes);
        while let Some(incoming) = connection.poll().unwrap() {
            lines.push(match incoming {
                Incoming::Established(_) => "hello".into(),
                incoming => match incoming.message().unwrap() {
                    FromWorker::Inventory { entries, .. } => {
                        let entries: Vec<_> = entries.iter().map(describe).collect();
                        format!("Inventory [{}]", entries.join(", "))
                    }
                    FromWorker::Ended { attempt, .. } => format!("Ended {}", attempt.file_stem()),
                    FromWorker::PullOutputs { cursor, .. } => format!("PullOutputs {cursor}"),
                    message @ (FromWorker::Register { .. }
                    | FromWorker::Gathered { .. }
                    | FromWorker::Unfetchable { .. }
                    | FromWorker::Progress { .. }
                    | FromWorker::Goodbye) => {
                        let text = format!("{message:?}");
                        text.split(|c: char| !c.is_alphanumeric()).next().unwrap().into()
                    }
                },
            });
        }
    }
}

/// `kind Word` of what begins so.
fn first_word(text: &str) -> String {
    let (kind, rest) = text.split_once(' ').unwrap();
    format!("{kind} {}", rest.split(|c: char| !c.is_alphanumeric()).next().unwrap())
}

fn describe(entry: &InventoryEntry) -> String {
    let kind = match entry {
        InventoryEntry::Gathering(_) => "gathering",
        InventoryEntry::Gathered(_) => "gathered",
        InventoryEntry::Running(_) => "running",
        InventoryEntry::Ended(..) => "ended",
        InventoryEntry::Holding(_) => "holding",
    };
    format!("{kind} {}", entry.attempt().file_stem())
}

fn attempt(task: TaskId) -> AttemptId {
    AttemptId { job: JobId(1), task, epoch: Epoch(1), number: 0 }
}

fn launch(task: TaskId) -> ToWorker {
    launch_of_job(task, 1)
}

fn launch_of_job(task: TaskId, reducers: u32) -> ToWorker {
    let command = |word: &str| CommandLine { words: Vec::from([PathBytes::from(word)]) };
    let output = PathBytes::from("/data/out");
    let specification = JobSpecification {
        name: "n".into(),
        inputs: Vec::new(),
        output: output.clone(),
        mapper: command("m"),
        reducer: (reducers > 0).then(|| command("r")),
        reducers,
        split_bytes: 1,
        directory: PathBytes::from("/home/ada"),
        environment: Vec::from([(PathBytes::from("LANG"), PathBytes::from("C"))]),
        sync: true,
        ..JobSpecification::default()
    };
    let identity = FileIdentity { inode: 1, size_bytes: 1, modified_ns: 1 };
    let order = match task {
        TaskId::Map(_) => TaskOrder::Map {
            input: InputFile { path: PathBytes::from("/in"), identity },
            split: Split { input: 0, offset: 0, length_bytes: 1 },
            holes: Vec::new(),
            trial: None,
        },
        TaskId::Reduce(index) => TaskOrder::Reduce { partition: Partition(index), maps: 1 },
    };
    let job = JobOrder { specification, staging: Staging::beside(&output, 9), nonce: 9 };
    ToWorker::Launch(LaunchOrder { attempt: attempt(task), job, task: order }.into())
}

fn success() -> AttemptSuccess {
    let segments = Vec::from([Segment::default()]);
    let map_output =
        Some(MapOutput { path: PathBytes::from("/scratch/x"), segments, digest: OutputDigest(5) });
    AttemptSuccess { counters: Counters::default(), map_output }
}

const MAP: TaskId = TaskId::Map(0);
const REDUCE: TaskId = TaskId::Reduce(0);
