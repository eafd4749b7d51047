//! The Manager against exact lists of what it does, in the manner of a transcript: one line for each action.

use super::files::{FileAnswer, FileRequest};
use super::journal::Record;
use super::{Manager, ManagerConfig, ManagerInput, ManagerRequest};
use crate::failure::{Cause, ExitStatus, Failure, OsError, OsErrorKind};
use crate::ids::{AttemptId, ConnectionId, Epoch, Incarnation, JobId, Sequence, SessionId, SubmissionKey};
use crate::job::{CommandLine, Counters, FileIdentity, InputFile, JobSpecification, PathBytes, ProgramRole};
use crate::machine::{Action, Event, Machine, NetworkAction, NetworkEvent, Node};
use crate::time::{SECOND_US, Time};
use crate::wire::message::{
    AttemptResult, FromClient, FromWorker, Heartbeat, HeartbeatAnswer, InventoryEntry, Role, ToClient,
    ToWorker,
};
use crate::wire::{Connection, Incoming, datagram, frame};
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use alloc::{format, vec};
use core::net::{Ipv4Addr, SocketAddr};
use serde::Serialize;

const ADDRESS: SocketAddr = SocketAddr::new(core::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9);

/// A Manager whose peers, disk and journal are played by the test.
struct Stage {
    manager: Manager,
    now: Time,
    peers: BTreeMap<ConnectionId, (Connection, Role)>,
    accepted: u64,
    appended: Sequence,
    operations: Vec<crate::ids::OperationId>,
    sessions: BTreeMap<ConnectionId, SessionId>,
    launched: Vec<AttemptId>,
}

impl Stage {
    fn new() -> Stage {
        let config = ManagerConfig {
            cluster: "c".into(),
            epoch: Epoch(3),
            heartbeat_us: 2 * SECOND_US,
            lease_us: 10 * SECOND_US,
            seed: 1,
        };
        let mut stage = Stage {
            manager: Manager::new(config),
            now: Time::ZERO,
            peers: BTreeMap::new(),
            accepted: 0,
            appended: Sequence(0),
            operations: Vec::new(),
            sessions: BTreeMap::new(),
            launched: Vec::new(),
        };
        assert_eq!(stage.drain(), ["append EpochBegan"]);
        assert!(stage.persist().is_empty());
        stage
    }

    fn give(&mut self, event: Event<ManagerInput>) -> Vec<String> {
        self.manager.handle_input(event, self.now);
        self.drain()
    }

    fn persist(&mut self) -> Vec<String> {
        self.give(Event::Local(ManagerInput::Persisted(self.appended)))
    }

    /// Everything durable, again and again until nothing more comes of it.
    fn settle(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let more = self.persist();
            if more.is_empty() {
                return lines;
            }
            lines.extend(more);
        }
    }

    fn answer(&mut self, answer: FileAnswer) -> Vec<String> {
        let operation = self.operations.remove(0);
        self.give(Event::Local(ManagerInput::File(operation, answer)))
    }

    fn wait(&mut self, us: u64) -> Vec<String> {
        self.now = self.now.after(us);
        self.manager.handle_timeout(self.now);
        self.drain()
    }

    fn connect(&mut self, role: Role) -> ConnectionId {
        self.accepted += 1;
        let id = ConnectionId::accepted(self.accepted);
        assert!(
            self.give(Event::Network(NetworkEvent::Accepted { connection: id, peer: ADDRESS })).is_empty()
        );
        let mut connection = Connection::dial("c", role);
        let hello = connection.unsent().to_vec();
        connection.sent(hello.len());
        self.peers.insert(id, (connection, role));
        self.manager.receive(id, &hello, self.now);
        assert_eq!(self.drain(), [format!("{role:?} welcome")]);
        id
    }

    fn say<M: Serialize>(&mut self, id: ConnectionId, message: &M) -> Vec<String> {
        let mut bytes = Vec::new();
        frame::append_message(&mut bytes, message).unwrap();
        self.manager.receive(id, &bytes, self.now);
        self.drain()
    }

    fn heartbeat(&mut self, id: ConnectionId, sequence: u64) -> Vec<String> {
        let session = self.sessions[&id];
        let bytes = datagram::encode(&Heartbeat { session, sequence, running: 0 });
        self.give(Event::Network(NetworkEvent::Datagram { from: ADDRESS, bytes }))
    }

    fn close(&mut self, id: ConnectionId) -> Vec<String> {
        self.give(Event::Network(NetworkEvent::Closed { connection: id, error: None }))
    }

    /// A worker that is registered, has told an empty inventory, and was heard.
    fn worker(&mut self, incarnation: u64, slots: u32) -> ConnectionId {
        let id = self.connect(Role::Worker);
        self.register(id, incarnation, slots);
        assert_eq!(
            self.say(id, &FromWorker::Inventory { entries: vec![], jobs: vec![], last: true }),
            ["Worker Verdicts([])"]
        );
        id
    }

    fn register(&mut self, id: ConnectionId, incarnation: u64, slots: u32) {
        let (incarnation, host) = (Incarnation(incarnation), format!("host{incarnation}"));
        let register = FromWorker::Register { incarnation, host, slots, shuffle_address: Some(ADDRESS) };
        assert_eq!(self.say(id, &register), ["Worker Registered"]);
    }

    fn submit(&mut self, id: ConnectionId, reducers: u32) -> Vec<String> {
        let key = SubmissionKey(self.accepted);
        self.say(id, &FromClient::Submit { key, specification: specification(reducers) })
    }

    /// A job of so many one-byte splits whose tasks may be launched.
    fn job(&mut self, client: ConnectionId, maps: u64, reducers: u32) -> Vec<String> {
        let mut lines = self.submit(client, reducers);
        lines.extend(self.settle());
        for answer in [
            FileAnswer::Found(false),
            FileAnswer::Listed(Ok(inputs(maps))),
            FileAnswer::Done,
            FileAnswer::Done,
        ] {
            lines.extend(self.answer(answer));
        }
        lines.extend(self.settle());
        lines
    }

    fn ended(&mut self, id: ConnectionId, attempt: AttemptId) -> Vec<String> {
        let result = AttemptResult::Succeeded(Counters::default());
        let mut lines = self.say(id, &FromWorker::Ended { attempt, result });
        lines.extend(self.settle());
        lines
    }

    fn failed(&mut self, id: ConnectionId, attempt: AttemptId, cause: Cause) -> Vec<String> {
        let result = AttemptResult::Failed(Failure::new(cause).into());
        let mut lines = self.say(id, &FromWorker::Ended { attempt, result });
        lines.extend(self.settle());
        lines
    }

    /// What the Manager does, a line each.
    fn drain(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(action) = self.manager.poll_output() {
            self.manager.check_invariants();
            match action {
                Action::Local(ManagerRequest::Append { sequence, record }) => {
                    assert_eq!(sequence.0, self.appended.0 + 1, "records follow one another");
                    self.appended = sequence;
                    let record: Record = frame::decode(&record).unwrap();
                    lines.push(format!("append {}", first_word(&format!("{record:?}"))));
                }
                Action::Local(ManagerRequest::File(operation, request)) => {
                    self.operations.push(operation);
                    lines.push(describe_file(&request));
                }
                Action::Local(ManagerRequest::Stopped) => lines.push("stopped".into()),
                Action::Network(NetworkAction::Transmit { connection }) => self.pull(connection, &mut lines),
                Action::Network(NetworkAction::Close { connection }) => {
                    self.pull(connection, &mut lines);
                    lines.push("close".into());
                }
                Action::Network(NetworkAction::SendDatagram { bytes, .. }) => {
                    let answer: HeartbeatAnswer = datagram::decode(&bytes).unwrap();
                    lines.push(format!("heartbeat {} answered", answer.sequence));
                }
                Action::Network(NetworkAction::Dial { .. }) => unreachable!("the Manager dials nobody"),
            }
        }
        lines
    }

    fn pull(&mut self, id: ConnectionId, lines: &mut Vec<String>) {
        let bytes = self.manager.unsent(id).to_vec();
        self.manager.sent(id, bytes.len(), self.now);
        let Some((connection, role)) = self.peers.get_mut(&id) else { return };
        connection.receive(&bytes);
        while let Some(incoming) = connection.poll().unwrap() {
            let said = match (&incoming, *role) {
                (Incoming::Welcome, _) => "welcome".into(),
                (_, Role::Worker) => match incoming.message().unwrap() {
                    ToWorker::Registered { session, .. } => {
                        self.sessions.insert(id, session);
                        "Registered".into()
                    }
                    ToWorker::Launch(order) => {
                        self.launched.push(order.attempt);
                        format!("Launch {}", order.attempt.file_stem())
                    }
                    ToWorker::Run { attempt } => format!("Run {}", attempt.file_stem()),
                    ToWorker::Kill { attempt } => format!("Kill {}", attempt.file_stem()),
                    ToWorker::Acknowledged { attempt, counts } => {
                        format!("Acknowledged {} {counts}", attempt.file_stem())
                    }
                    ToWorker::Outputs { start, entries, .. } => {
                        let there: Vec<_> =
                            entries.iter().map(|e| (e.map_index, e.location.is_some())).collect();
                        format!("Outputs from {start}: {there:?}")
                    }
                    message @ (ToWorker::Verdicts(_) | ToWorker::DropJob { .. } | ToWorker::Stop) => {
                        format!("{message:?}")
                    }
                },
                (_, _) => match incoming.message().unwrap() {
                    ToClient::Ended(report) => {
                        format!(
                            "Ended {}",
                            report.failure.map_or("well".into(), |f| first_word(&format!("{:?}", f.cause)))
                        )
                    }
                    ToClient::Progress(progress) => format!("Progress {:?}", progress.phase),
                    message @ (ToClient::Accepted { .. }
                    | ToClient::UnknownJob { .. }
                    | ToClient::Refused(_)
                    | ToClient::ShuttingDown { .. }) => first_word(&format!("{message:?}")),
                },
            };
            lines.push(format!("{role:?} {said}"));
        }
    }
}

fn first_word(text: &str) -> String {
    text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().into()
}

fn describe_file(request: &FileRequest) -> String {
    let end = |path: &PathBytes| {
        let text = format!("{path}");
        let name = text.rsplit('/').next().unwrap_or_default();
        let is_staging = name.starts_with(".out.windrow-");
        if is_staging { "STAGING".into() } else { String::from(name) }
    };
    match request {
        FileRequest::ListInputs { .. } => "file list".into(),
        FileRequest::Find { path } => format!("file find {}", end(path)),
        FileRequest::CreateDirectory { path } => format!("file mkdir {}", end(path)),
        FileRequest::WriteFile { path, .. } => format!("file write {}", end(path)),
        FileRequest::Rename { from, to } => format!("file rename {} {}", end(from), end(to)),
        FileRequest::SyncDirectory { path } => format!("file sync {}", end(path)),
        FileRequest::RemoveTree { path } => format!("file remove {}", end(path)),
    }
}

fn specification(reducers: u32) -> JobSpecification {
    let command = |word: &str| CommandLine { words: vec![PathBytes::from(word)] };
    JobSpecification {
        name: "n".into(),
        inputs: vec![PathBytes::from("/in")],
        output: PathBytes::from("/data/out"),
        mapper: command("m"),
        reducer: (reducers > 0).then(|| command("r")),
        reducers,
        split_bytes: 1,
        directory: PathBytes::from("/"),
        environment: vec![],
        sync: true,
    }
}

fn inputs(bytes: u64) -> Vec<InputFile> {
    let identity = FileIdentity { inode: 1, size_bytes: bytes, modified_ns: 1 };
    vec![InputFile { path: PathBytes::from("/in"), identity }]
}

fn program_failed() -> Cause {
    Cause::ProgramFailed { role: ProgramRole::Mapper, command: "m".into(), status: ExitStatus::Code(3) }
}

fn worker_and_client(stage: &mut Stage, slots: u32) -> (ConnectionId, ConnectionId) {
    let worker = stage.worker(1, slots);
    assert_eq!(stage.heartbeat(worker, 1), ["heartbeat 1 answered"]);
    (worker, stage.connect(Role::Client))
}

#[test]
fn a_job_from_submission_to_published_output() {
    let mut stage = Stage::new();
    let (worker, client) = worker_and_client(&mut stage, 2);
    assert_eq!(stage.submit(client, 1), ["append JobAccepted"], "nothing is said before the job is durable");
    assert_eq!(stage.persist(), ["Client Accepted", "file find out"]);
    assert_eq!(stage.answer(FileAnswer::Found(false)), ["file list"]);
    assert_eq!(stage.answer(FileAnswer::Listed(Ok(inputs(2)))), ["file mkdir STAGING"]);
    assert_eq!(stage.answer(FileAnswer::Done), ["file write nonce"]);
    assert_eq!(
        stage.answer(FileAnswer::Done),
        ["append JobPlanned"],
        "the plan is durable before the first launch"
    );
    assert_eq!(
        stage.persist(),
        ["Worker Launch map-00000-3-0", "Worker Launch map-00001-3-0", "Worker Launch reduce-00000-3-0"]
    );
    let [first, second, reduce] = stage.launched[..] else { panic!("three attempts") };
    assert!(stage.say(worker, &FromWorker::PullOutputs { job: JobId(1), cursor: 0 }).is_empty());
    let result = AttemptResult::Succeeded(Counters::default());
    let said = stage.say(worker, &FromWorker::Ended { attempt: second, result });
    assert_eq!(said, ["append TaskWon"], "an end is acknowledged when it is durable");
    assert_eq!(
        stage.persist(),
        ["Worker Outputs from 0: [(1, true)]", "Worker Acknowledged map-00001-3-0 true"]
    );
    assert_eq!(stage.ended(worker, first), ["append TaskWon", "Worker Acknowledged map-00000-3-0 true"]);
    assert_eq!(
        stage.say(worker, &FromWorker::PullOutputs { job: JobId(1), cursor: 1 }),
        ["Worker Outputs from 1: [(0, true)]"]
    );
    assert_eq!(stage.say(worker, &FromWorker::Gathered { attempt: reduce }), ["Worker Run reduce-00000-3-0"]);
    assert_eq!(
        stage.ended(worker, reduce),
        [
            "append TaskWon",
            "append JobCommitting",
            "file mkdir output",
            "Worker Acknowledged reduce-00000-3-0 true"
        ]
    );
    assert_eq!(stage.answer(FileAnswer::Done), ["file rename reduce-00000-3-0 part-00000"]);
    assert_eq!(stage.answer(FileAnswer::Done), ["file write _SUCCESS"]);
    assert_eq!(stage.answer(FileAnswer::Done), ["file sync output"]);
    assert_eq!(stage.answer(FileAnswer::Done), ["file rename output out"]);
    assert_eq!(stage.answer(FileAnswer::Done), ["file sync data"]);
    assert_eq!(stage.answer(FileAnswer::Done), ["file remove STAGING"]);
    assert_eq!(stage.answer(FileAnswer::Done), ["append JobEnded"]);
    assert_eq!(stage.persist(), ["Client Ended well", "Worker DropJob { job: JobId(1) }"]);
}

#[test]
fn a_map_only_job_publishes_what_the_mappers_printed() {
    let mut stage = Stage::new();
    let (worker, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 2, 0);
    let first = stage.launched[0];
    assert_eq!(
        stage.ended(worker, first),
        ["append TaskWon", "Worker Acknowledged map-00000-3-0 true", "Worker Launch map-00001-3-0"]
    );
    let second = stage.launched[1];
    stage.ended(worker, second);
    assert_eq!(stage.answer(FileAnswer::Done), ["file rename map-00000-3-0 part-00000"]);
    assert_eq!(stage.answer(FileAnswer::Done), ["file rename map-00001-3-0 part-00001"]);
}

#[test]
fn an_output_that_is_there_fails_the_job_before_anything_is_made() {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    stage.submit(client, 1);
    assert_eq!(stage.settle(), ["Client Accepted", "file find out"]);
    assert_eq!(stage.answer(FileAnswer::Found(true)), ["file remove STAGING"]);
    assert_eq!(stage.answer(FileAnswer::Done), ["append JobEnded"]);
    assert_eq!(stage.persist(), ["Client Ended OutputExists"]);
}

#[test]
fn an_output_that_appears_meanwhile_is_not_replaced() {
    let mut stage = Stage::new();
    let (worker, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 1, 0);
    let map = stage.launched[0];
    stage.ended(worker, map);
    for _ in 0..4 {
        stage.answer(FileAnswer::Done);
    }
    let error = OsError { kind: OsErrorKind::Exists, text: "File exists".into() };
    assert_eq!(stage.answer(FileAnswer::Failed(error)), ["file remove STAGING"]);
    stage.answer(FileAnswer::Done);
    assert_eq!(stage.settle(), ["Client Ended OutputExists", "Worker DropJob { job: JobId(1) }"]);
}

#[test]
fn the_same_key_is_the_same_job() {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    stage.submit(client, 1);
    stage.settle();
    assert_eq!(stage.submit(client, 1), ["Client Accepted"]);
    let other = stage.connect(Role::Client);
    assert_eq!(stage.submit(other, 1), ["append JobAccepted"]);
}

#[test]
fn a_worker_that_was_never_heard_gets_no_task() {
    let mut stage = Stage::new();
    let worker = stage.worker(1, 1);
    let client = stage.connect(Role::Client);
    let lines = stage.job(client, 1, 0);
    assert!(lines.iter().all(|line| !line.contains("Launch")), "{lines:?}");
    assert_eq!(stage.heartbeat(worker, 1), ["heartbeat 1 answered", "Worker Launch map-00000-3-0"]);
}

#[test]
fn a_program_that_fails_is_tried_four_times() {
    let mut stage = Stage::new();
    let (worker, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 1, 0);
    for number in 0..3 {
        let attempt = stage.launched[number];
        let again = format!("Worker Launch map-00000-3-{}", number + 1);
        let acknowledged = format!("Worker Acknowledged map-00000-3-{number} false");
        assert_eq!(stage.failed(worker, attempt, program_failed()), [acknowledged, again]);
    }
    let last = stage.launched[3];
    assert_eq!(
        stage.failed(worker, last, program_failed()),
        ["file remove STAGING", "Worker Acknowledged map-00000-3-3 false"]
    );
    stage.answer(FileAnswer::Done);
    assert_eq!(stage.settle(), ["Client Ended ProgramFailed", "Worker DropJob { job: JobId(1) }"]);
}

#[test]
fn a_task_that_a_worker_failed_goes_to_another_even_if_it_must_wait() {
    let mut stage = Stage::new();
    let (first, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 2, 0);
    let second = stage.worker(2, 1);
    assert_eq!(stage.heartbeat(second, 1), ["heartbeat 1 answered", "Worker Launch map-00001-3-0"]);
    let (map, other) = (stage.launched[0], stage.launched[1]);
    let error = OsError { kind: OsErrorKind::NoSpace, text: "No space left on device".into() };
    let full = Cause::Scratch { path: PathBytes::from("/scratch"), error };
    assert_eq!(stage.failed(first, map, full), ["Worker Acknowledged map-00000-3-0 false"]);
    assert_eq!(
        stage.ended(second, other),
        ["append TaskWon", "Worker Acknowledged map-00001-3-0 true", "Worker Launch map-00000-3-1"]
    );
}

#[test]
fn a_task_that_the_only_worker_failed_goes_to_it_again() {
    let mut stage = Stage::new();
    let (worker, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 1, 0);
    for number in 0..4 {
        let error = OsError { kind: OsErrorKind::NoSpace, text: "No space left on device".into() };
        let full = Cause::Scratch { path: PathBytes::from("/scratch"), error };
        let attempt = stage.launched[number];
        stage.failed(worker, attempt, full);
    }
    assert_eq!(stage.launched.len(), 4);
    stage.answer(FileAnswer::Done);
    assert_eq!(stage.settle(), ["Client Ended Scratch", "Worker DropJob { job: JobId(1) }"]);
}

#[test]
fn cancelling_waits_until_nothing_of_the_job_runs() {
    let mut stage = Stage::new();
    let (worker, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 1, 0);
    let map = stage.launched[0];
    assert_eq!(stage.say(client, &FromClient::Cancel { job: JobId(1) }), ["Worker Kill map-00000-3-0"]);
    assert_eq!(
        stage.failed(worker, map, Cause::Killed),
        ["Worker Acknowledged map-00000-3-0 false", "file remove STAGING"]
    );
    stage.answer(FileAnswer::Done);
    assert_eq!(stage.settle(), ["Client Ended Cancelled", "Worker DropJob { job: JobId(1) }"]);
}

#[test]
fn a_job_that_commits_is_not_cancelled() {
    let mut stage = Stage::new();
    let (worker, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 1, 0);
    let map = stage.launched[0];
    stage.ended(worker, map);
    assert!(stage.say(client, &FromClient::Cancel { job: JobId(1) }).is_empty());
    for _ in 0..7 {
        stage.answer(FileAnswer::Done);
    }
    assert_eq!(stage.settle(), ["Client Ended well", "Worker DropJob { job: JobId(1) }"]);
}

#[test]
fn a_silent_worker_is_lost_and_its_finished_maps_run_elsewhere() {
    let mut stage = Stage::new();
    let (first, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 2, 1);
    let (map, reduce) = (stage.launched[0], stage.launched[1]);
    assert_eq!((map.file_stem(), reduce.file_stem()), ("map-00000-3-0".into(), "reduce-00000-3-0".into()));
    stage.ended(first, map);
    let second = stage.worker(2, 1);
    stage.now = stage.now.after(9 * SECOND_US);
    stage.heartbeat(second, 1);
    let lines = stage.wait(2 * SECOND_US);
    assert_eq!(lines, ["close", "append OutputRevoked", "Client Progress Running"], "{lines:?}");
    let lines = stage.settle();
    assert!(lines.contains(&"Worker Launch map-00000-3-1".into()), "{lines:?}");
    assert!(lines.contains(&"Worker Launch reduce-00000-3-1".into()), "{lines:?}");
}

#[test]
fn a_closed_connection_has_a_grace() {
    let mut stage = Stage::new();
    let (first, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 1, 0);
    let map = stage.launched[0];
    assert!(stage.close(first).is_empty());
    let again = stage.connect(Role::Worker);
    stage.register(again, 1, 1);
    let entries = vec![InventoryEntry::Running(map)];
    let lines = stage.say(again, &FromWorker::Inventory { entries, jobs: vec![], last: true });
    assert_eq!(lines.len(), 1);
    assert!(lines[0].contains("Keep"), "{lines:?}");
    stage.heartbeat(again, 1);
    assert!(stage.wait(2 * SECOND_US).iter().all(|line| line.contains("Progress")), "it is not lost");
    assert_eq!(stage.ended(again, map)[0], "append TaskWon");
}

#[test]
fn a_worker_that_does_not_dial_again_is_lost_after_the_grace() {
    let mut stage = Stage::new();
    let (first, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 1, 0);
    let second = stage.worker(2, 1);
    stage.heartbeat(second, 1);
    stage.close(first);
    let lines = stage.wait(SECOND_US);
    assert!(lines.contains(&"Worker Launch map-00000-3-1".into()), "{lines:?}");
}

#[test]
fn what_an_inventory_does_not_name_is_lost() {
    let mut stage = Stage::new();
    let (first, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 1, 0);
    stage.close(first);
    let again = stage.connect(Role::Worker);
    stage.register(again, 1, 1);
    stage.say(again, &FromWorker::Inventory { entries: vec![], jobs: vec![], last: true });
    assert_eq!(stage.heartbeat(again, 1), ["heartbeat 1 answered", "Worker Launch map-00000-3-1"]);
}

#[test]
fn late_and_doubled_heartbeats_change_nothing() {
    let mut stage = Stage::new();
    let (worker, _) = worker_and_client(&mut stage, 1);
    stage.heartbeat(worker, 5);
    stage.now = stage.now.after(9 * SECOND_US);
    assert_eq!(stage.heartbeat(worker, 5), ["heartbeat 5 answered"]);
    assert_eq!(stage.heartbeat(worker, 4), ["heartbeat 4 answered"]);
    assert_eq!(stage.wait(SECOND_US), ["close"], "only a new heartbeat renews the lease");
}

#[test]
fn a_run_that_cannot_be_fetched_makes_its_map_run_again() {
    let mut stage = Stage::new();
    let (worker, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 1, 1);
    let (map, reduce) = (stage.launched[0], stage.launched[1]);
    stage.ended(worker, map);
    stage.say(worker, &FromWorker::PullOutputs { job: JobId(1), cursor: 1 });
    let cause = Cause::RunUnfetchable { map, reason: "x".into() };
    assert_eq!(
        stage.say(worker, &FromWorker::Unfetchable { attempt: reduce, map, cause }),
        ["append OutputRevoked"]
    );
    assert_eq!(stage.persist(), ["Worker Outputs from 1: [(0, false)]", "Worker Launch map-00000-3-1"]);
}

#[test]
fn shutting_down_cancels_cleans_and_tells_everyone() {
    let mut stage = Stage::new();
    let (worker, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 1, 0);
    let map = stage.launched[0];
    let operator = stage.connect(Role::Client);
    assert_eq!(stage.say(operator, &FromClient::Shutdown), ["Worker Kill map-00000-3-0"]);
    stage.failed(worker, map, Cause::Killed);
    stage.answer(FileAnswer::Done);
    assert_eq!(
        stage.settle(),
        [
            "Client Ended ManagerStopped",
            "Worker DropJob { job: JobId(1) }",
            "Worker Stop",
            "Client ShuttingDown",
            "close",
            "close",
            "close",
            "stopped"
        ]
    );
}

#[test]
fn a_job_that_makes_no_sense_is_refused() {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    let mut wrong = specification(1);
    wrong.reducer = None;
    assert_eq!(
        stage.say(client, &FromClient::Submit { key: SubmissionKey(1), specification: wrong }),
        ["Client Refused"]
    );
}

#[test]
fn a_job_with_a_long_name_ends_and_the_manager_lives() {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    let specification = JobSpecification { name: "n".repeat(3 << 20), ..specification(0) };
    stage.say(client, &FromClient::Submit { key: SubmissionKey(1), specification });
    stage.settle();
    // Either it is refused at once, or it is told how it ended; the name stands in the report and in its failure.
    if !stage.operations.is_empty() {
        stage.answer(FileAnswer::Found(true));
        stage.settle();
        stage.answer(FileAnswer::Done);
        let lines = stage.settle();
        assert!(lines.contains(&"Client Ended OutputExists".into()), "{lines:?}");
    }
}

#[test]
fn a_task_order_of_a_job_with_a_large_environment_can_be_sent() {
    let mut stage = Stage::new();
    let (_, client) = worker_and_client(&mut stage, 1);
    let environment = vec![(PathBytes::from("A"), PathBytes(vec![b'a'; (4 << 20) - 200]))];
    let specification = JobSpecification { environment, ..specification(0) };
    stage.say(client, &FromClient::Submit { key: SubmissionKey(1), specification });
    stage.settle();
    if !stage.operations.is_empty() {
        for answer in [
            FileAnswer::Found(false),
            FileAnswer::Listed(Ok(vec![InputFile {
                path: PathBytes(vec![b'/'; 300]),
                ..inputs(1).remove(0)
            }])),
            FileAnswer::Done,
            FileAnswer::Done,
        ] {
            stage.answer(answer);
        }
        stage.settle();
    }
}

#[test]
fn the_report_of_a_job_that_outlives_a_thousand_others_is_kept() {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    let mut run = |key: u64, is_left: bool| {
        stage.say(client, &FromClient::Submit { key: SubmissionKey(key), specification: specification(0) });
        stage.settle();
        if is_left {
            return stage.operations.remove(0);
        }
        let operation = stage.operations[0];
        stage.answer(FileAnswer::Found(true));
        stage.settle();
        stage.answer(FileAnswer::Done);
        stage.settle();
        operation
    };
    let first = run(1, true);
    for key in 2..1_003 {
        run(key, false);
    }
    stage.operations.push(first);
    stage.answer(FileAnswer::Found(true));
    stage.settle();
    stage.answer(FileAnswer::Done);
    let lines = stage.settle();
    assert!(lines.contains(&"Client Ended OutputExists".into()), "{lines:?}");
    assert_eq!(stage.say(client, &FromClient::Watch { job: JobId(1) }), ["Client Ended OutputExists"]);
}

#[test]
fn staging_is_removed_only_when_no_attempt_can_write_into_it_any_more() {
    let mut stage = Stage::new();
    let (slow, client) = worker_and_client(&mut stage, 1);
    stage.job(client, 1, 0);
    let [first] = stage.launched[..] else { panic!("one attempt") };
    // The worker is taken for lost while it writes; another executes the task too, and the first one wins after all.
    stage.close(slow);
    stage.wait(SECOND_US);
    let other = stage.worker(2, 1);
    stage.heartbeat(other, 1);
    stage.settle();
    let [_, second] = stage.launched[..] else { panic!("another attempt") };
    let back = stage.connect(Role::Worker);
    stage.register(back, 1, 1);
    let entries = vec![InventoryEntry::Ended(first, AttemptResult::Succeeded(Counters::default()))];
    let mut lines = stage.say(back, &FromWorker::Inventory { entries, jobs: vec![], last: true });
    lines.extend(stage.settle());
    assert!(lines.contains(&format!("Worker Kill {}", second.file_stem())), "{lines:?}");
    let mut lines = Vec::new();
    while !stage.operations.is_empty() {
        lines.extend(stage.answer(FileAnswer::Done));
        lines.extend(stage.settle());
    }
    assert!(
        !lines.contains(&"file remove STAGING".into()),
        "the attempt that was killed has not said that it ended: {lines:?}"
    );
}
