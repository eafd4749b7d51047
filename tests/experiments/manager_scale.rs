//! What a Manager costs with 200,000 maps and 5,000 partitions on 100 workers of 16 slots: decisions a second, bytes of state
//! a task, and how long its journal takes to be read again. `cargo bench -p bins --bench manager_scale`.
//!
//! The machine is the real one; workers, file system and journal are played in memory, without processes or sockets, and
//! without delay, so that what is measured is the Manager and the encoding of what it says and hears.

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;
use windrow_core::ids::{
    AttemptId, ConnectionId, Epoch, Incarnation, JobId, OperationId, Sequence, SubmissionKey, TaskId,
};
use windrow_core::job::{CommandLine, FileIdentity, InputFile, JobSpecification, PathBytes};
use windrow_core::machine::{Action, Event, Machine, NetworkAction, NetworkEvent, Node};
use windrow_core::manager::files::{FileAnswer, FileRequest, Occupant};
use windrow_core::manager::jobs::Jobs;
use windrow_core::manager::journal::format;
use windrow_core::manager::{Manager, ManagerConfig, ManagerInput, ManagerRequest};
use windrow_core::time::{SECOND_US, Time, WallTime};
use windrow_core::wire::message::{
    AttemptResult, FromClient, FromWorker, Heartbeat, Role, Success, TaskOrder, ToWorker,
};
use windrow_core::wire::{Connection, Incoming, datagram};

const MAPS: u64 = 200_000;
const PARTITIONS: u32 = 5_000;
const WORKERS: u64 = 100;
const SLOTS: u32 = 16;
const SPLIT_BYTES: u64 = 64 << 20;
const ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9);

struct Peer {
    connection: Connection,
    /// Entries of the job's log of outputs that it has.
    cursor: u64,
    pulls: bool,
}

struct World {
    manager: Manager,
    now: Time,
    peers: BTreeMap<ConnectionId, Peer>,
    journal: Vec<u8>,
    appended: Sequence,
    persisted: Sequence,
    files: VecDeque<(OperationId, FileAnswer)>,
    /// Maps under way, the first to be launched first.
    maps: VecDeque<(ConnectionId, AttemptId)>,
    /// Reduces that gather, and those that hold a slot.
    gathering: Vec<(ConnectionId, AttemptId)>,
    reducing: VecDeque<(ConnectionId, AttemptId)>,
    decisions: u64,
    messages: u64,
}

impl World {
    fn new(epoch: u64, jobs: Jobs) -> World {
        let config = ManagerConfig {
            cluster: "c".into(),
            epoch: Epoch(epoch),
            begins_at: WallTime::default(),
            heartbeat_us: 2 * SECOND_US,
            lease_us: 10 * SECOND_US,
            worker_patience_us: 60 * SECOND_US,
            keeps_jobs: false,
            snapshot_after_bytes: u64::MAX,
            seed: epoch,
        };
        World {
            manager: Manager::new(config, jobs, Time::ZERO),
            now: Time::ZERO,
            peers: BTreeMap::new(),
            journal: format::file_header().to_vec(),
            appended: Sequence(0),
            persisted: Sequence(0),
            files: VecDeque::new(),
            maps: VecDeque::new(),
            gathering: Vec::new(),
            reducing: VecDeque::new(),
            decisions: 0,
            messages: 0,
        }
    }

    /// Performs what the Manager wants, and tells it that the journal has all of it, until it wants nothing more.
    fn settle(&mut self) {
        loop {
            while let Some(action) = self.manager.poll_output() {
                self.perform(action);
            }
            for id in self.peers.keys().copied().collect::<Vec<_>>() {
                self.hear(id);
            }
            let more = self.files.pop_front();
            if let Some((operation, answer)) = more {
                self.give(Event::Local(ManagerInput::File(operation, answer)));
            }
            if self.appended > self.persisted {
                self.persisted = self.appended;
                self.give(Event::Local(ManagerInput::Persisted(self.appended)));
            } else if self.files.is_empty() {
                return;
            }
        }
    }

    fn give(&mut self, event: Event<ManagerInput>) {
        self.manager.handle_input(event, self.now);
        while let Some(action) = self.manager.poll_output() {
            self.perform(action);
        }
    }

    fn perform(&mut self, action: Action<ManagerRequest>) {
        match action {
            Action::Local(
                ManagerRequest::Append { sequence, record }
                | ManagerRequest::BeginJournal { sequence, record },
            ) => {
                format::append_record(sequence, Sequence(sequence.0 - 1), &record, &mut self.journal);
                self.appended = sequence;
            }
            Action::Local(ManagerRequest::File(operation, request)) => {
                let answer = match request {
                    FileRequest::ListInputs { .. } => FileAnswer::Listed(Ok(vec![input()])),
                    FileRequest::Find { .. } => FileAnswer::Found(false),
                    FileRequest::Inspect { .. } => FileAnswer::Occupied(Occupant::Nothing),
                    _ => FileAnswer::Done,
                };
                self.files.push_back((operation, answer));
            }
            Action::Local(ManagerRequest::Stopped) => {}
            Action::Network(NetworkAction::Close { connection, .. }) => {
                panic!("the Manager closes {connection:?}")
            }
            Action::Network(_) => {}
        }
    }

    fn connect(&mut self, number: u64, role: Role) -> ConnectionId {
        let id = ConnectionId::accepted(number);
        self.give(Event::Network(NetworkEvent::Accepted { connection: id, peer: ADDRESS }));
        self.peers.insert(id, Peer { connection: Connection::dial("c", role), cursor: 0, pulls: false });
        self.hear(id);
        id
    }

    fn say(&mut self, id: ConnectionId, message: &impl serde::Serialize) {
        let connection = &mut self.peers.get_mut(&id).expect("it is connected").connection;
        connection.send(message).expect("it fits a frame");
        self.hear(id);
    }

    /// Moves bytes both ways, and has a worker do at once what it is told.
    fn hear(&mut self, id: ConnectionId) {
        loop {
            let peer = self.peers.get_mut(&id).expect("it is connected");
            let said = peer.connection.unsent().to_vec();
            peer.connection.sent(said.len());
            if !said.is_empty() {
                self.manager.receive(id, &said, self.now);
                while let Some(action) = self.manager.poll_output() {
                    self.perform(action);
                }
            }
            let bytes = self.manager.unsent(id).to_vec();
            self.manager.sent(id, bytes.len(), self.now);
            if bytes.is_empty() {
                return;
            }
            let peer = self.peers.get_mut(&id).expect("it is connected");
            peer.connection.receive(&bytes);
            let mut told = Vec::new();
            while let Some(incoming) = peer.connection.poll().expect("the Manager makes sense") {
                if let Incoming::Welcome = incoming {
                    continue;
                }
                if id != ConnectionId::accepted(0) {
                    told.push(incoming.message::<ToWorker>().expect("it is for a worker"));
                }
            }
            for message in told {
                self.told(id, message);
            }
        }
    }

    fn told(&mut self, id: ConnectionId, message: ToWorker) {
        self.messages += 1;
        match message {
            ToWorker::Registered { session, epoch, .. } => {
                let heartbeat = Heartbeat { session, epoch, sequence: 1, running: 0 };
                let bytes = datagram::encode(&heartbeat);
                self.give(Event::Network(NetworkEvent::Datagram { from: ADDRESS, bytes }));
            }
            ToWorker::Launch(order) => {
                self.decisions += 1;
                match order.task {
                    TaskOrder::Map { .. } => self.maps.push_back((id, order.attempt)),
                    TaskOrder::Reduce { .. } => {
                        self.gathering.push((id, order.attempt));
                        self.pull(id, order.attempt.job);
                    }
                }
            }
            ToWorker::Run { attempt } => {
                self.decisions += 1;
                self.reducing.push_back((id, attempt));
            }
            ToWorker::Outputs { job, start, entries } => {
                let peer = self.peers.get_mut(&id).expect("it is connected");
                assert_eq!(peer.cursor, start, "the log has no gaps");
                peer.cursor += entries.len() as u64;
                peer.pulls = false;
                self.pull(id, job);
            }
            ToWorker::Verdicts(_)
            | ToWorker::Kill { .. }
            | ToWorker::Acknowledged { .. }
            | ToWorker::DropJob { .. }
            | ToWorker::Stop => {}
        }
    }

    fn pull(&mut self, id: ConnectionId, job: JobId) {
        let peer = self.peers.get_mut(&id).expect("it is connected");
        if !std::mem::replace(&mut peer.pulls, true) {
            let cursor = peer.cursor;
            peer.connection.send(&FromWorker::PullOutputs { job, cursor }).expect("it fits");
        }
    }

    fn end(&mut self, (id, attempt): (ConnectionId, AttemptId)) {
        let result = AttemptResult::Succeeded(Success::default());
        self.say(id, &FromWorker::Ended { attempt, result });
    }
}

fn input() -> InputFile {
    let identity = FileIdentity { inode: 1, size_bytes: MAPS * SPLIT_BYTES, modified_ns: 1 };
    InputFile { path: PathBytes::from("/data/in"), identity }
}

fn specification() -> JobSpecification {
    let command = |word: &str| CommandLine { words: vec![PathBytes::from(word)] };
    JobSpecification {
        name: "scale".into(),
        inputs: vec![PathBytes::from("/data/in")],
        output: PathBytes::from("/data/out"),
        mapper: command("m"),
        reducer: Some(command("r")),
        reducers: PARTITIONS,
        split_bytes: SPLIT_BYTES,
        directory: PathBytes::from("/"),
        sync: true,
        ..JobSpecification::default()
    }
}

/// Memory of this process, in bytes.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux tells it");
    statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).expect("in pages") * 4096
}

fn main() {
    let before_bytes = resident_bytes();
    let mut world = World::new(1, Jobs::default());
    world.settle();
    let client = world.connect(0, Role::Client);
    for number in 1..=WORKERS {
        let id = world.connect(number, Role::Worker);
        let (incarnation, host) = (Incarnation(number), format!("worker-{number}"));
        world.say(
            id,
            &FromWorker::Register { incarnation, host, slots: SLOTS, shuffle_address: Some(ADDRESS) },
        );
        world.settle();
        world.say(id, &FromWorker::Inventory { entries: vec![], jobs: vec![], last: true });
        world.settle();
    }
    let began = Instant::now();
    world.say(client, &FromClient::Submit { key: SubmissionKey(1), specification: specification() });
    world.settle();
    println!("planned: {MAPS} maps, {PARTITIONS} reduces in {:.2} s", began.elapsed().as_secs_f64());
    let planned_bytes = resident_bytes();
    let maps = Instant::now();
    let mut won = 0;
    while !world.maps.is_empty() {
        // As many as end within one sync of the journal.
        for _ in 0..SLOTS * 4 {
            let Some(map) = world.maps.pop_front() else { break };
            assert!(matches!(map.1.task, TaskId::Map(_)));
            world.end(map);
            won += 1;
        }
        world.settle();
    }
    assert_eq!(won, MAPS, "all maps are won");
    let map_seconds = maps.elapsed().as_secs_f64();
    println!("maps: {:.0} won a second, {} messages to workers", MAPS as f64 / map_seconds, world.messages);
    let maps_bytes = resident_bytes();
    let folding = Instant::now();
    let folded = format::fold(&world.journal).expect("it is whole").expect("it begins with a snapshot");
    println!(
        "journal: {:.1} MB, {} records, read and folded in {:.2} s",
        world.journal.len() as f64 / 1e6,
        folded.records,
        folding.elapsed().as_secs_f64()
    );
    let restarting = Instant::now();
    let next = World::new(2, folded.jobs.clone());
    println!("next life: begun in {:.2} s", restarting.elapsed().as_secs_f64());
    drop((next, folded));
    let reduces = Instant::now();
    let mut reduced = 0;
    while reduced < PARTITIONS {
        for (id, attempt) in std::mem::take(&mut world.gathering) {
            world.say(id, &FromWorker::Gathered { attempt });
        }
        world.settle();
        while let Some(reduce) = world.reducing.pop_front() {
            world.end(reduce);
            reduced += 1;
        }
        world.settle();
    }
    let reduce_seconds = reduces.elapsed().as_secs_f64();
    println!("reduces: {:.0} won a second", f64::from(PARTITIONS) / reduce_seconds);
    println!(
        "decisions: {} in {:.1} s, {:.0} a second",
        world.decisions,
        map_seconds + reduce_seconds,
        world.decisions as f64 / (map_seconds + reduce_seconds)
    );
    let tasks = MAPS + u64::from(PARTITIONS);
    println!(
        "memory: {} bytes a task once planned, {} once all maps are won (journal and played peers included)",
        (planned_bytes - before_bytes) / tasks,
        (maps_bytes - before_bytes) / tasks
    );
}
