//! The Manager against exact lists of what it does, in the manner of a transcript: one line for each action. This file
//! owns the stage on which the test plays everyone else.

mod asked;
mod backup;
mod dealing;
mod draining;
mod failing;
mod jobs;
mod recovering;
mod replacing;
mod returning;
mod sharing;
mod skipping;
mod told;
mod workers;

use crate::data::digest::OutputDigest;
use crate::failure::{Cause, ExitStatus, Failure, OsError, OsErrorKind};
use crate::ids::{
    AttemptId, ConnectionId, Epoch, Incarnation, JobId, Sequence, SessionId, SubmissionKey, TaskId,
};
use crate::job::{
    CommandLine, Counters, FileIdentity, InputFile, JobProgress, JobReport, JobSpecification, PathBytes,
    Priority, ProgramRole,
};
use crate::machine::{Action, Event, Machine, NetworkAction, NetworkEvent, Node};
use crate::manager::files::{FileAnswer, FileRequest};
use crate::manager::jobs::Jobs;
use crate::manager::journal::Record;
use crate::manager::{Manager, ManagerConfig, ManagerInput, ManagerRequest};
use crate::report::Answer;
use crate::time::{SECOND_US, Time, WallTime};
use crate::wire::message::{
    AttemptProgress, AttemptResult, FromClient, FromWorker, Heartbeat, HeartbeatAnswer, InventoryEntry,
    LaunchOrder, Role, Success, ToClient, ToWorker,
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
    /// What the journal's file holds.
    journal: Vec<Record>,
    peers: BTreeMap<ConnectionId, (Connection, Role)>,
    accepted: u64,
    appended: Sequence,
    operations: Vec<crate::ids::OperationId>,
    sessions: BTreeMap<ConnectionId, SessionId>,
    launched: Vec<AttemptId>,
    /// The last order to launch an attempt.
    ordered: Option<LaunchOrder>,
    /// The last that a client was told of how its job goes.
    progress: Option<JobProgress>,
    /// The last that a client was told of how its job ended.
    report: Option<JobReport>,
    /// Why the last submission was refused.
    refusal: Option<Failure>,
    /// The last answer to a question.
    answer: Option<Answer>,
}

impl Stage {
    fn new() -> Stage {
        Stage::in_epoch(1, Jobs::default())
    }

    /// The next life, which has all that was recorded; nobody is connected to it yet.
    fn next_life(self) -> (Stage, Vec<String>) {
        let Stage { manager, now, journal, .. } = self;
        let mut jobs = Jobs::default();
        for record in journal {
            jobs.apply(record);
        }
        assert_eq!(jobs, manager.jobs, "the state is the fold of the records");
        let mut stage = Stage::begun(jobs.epoch().0 + 1, jobs, now.after(SECOND_US));
        let lines = stage.drain();
        (stage, lines)
    }

    fn in_epoch(epoch: u64, jobs: Jobs) -> Stage {
        let mut stage = Stage::begun(epoch, jobs, Time::ZERO);
        assert_eq!(stage.drain(), ["begin the journal", "append EpochBegan"]);
        assert!(stage.persist().is_empty());
        stage
    }

    fn begun(epoch: u64, jobs: Jobs, now: Time) -> Stage {
        let config = ManagerConfig {
            cluster: "c".into(),
            epoch: Epoch(epoch),
            begins_at: WallTime::from_us(1_000_000 * SECOND_US).after(now.as_us()),
            heartbeat_us: 2 * SECOND_US,
            lease_us: 10 * SECOND_US,
            worker_patience_us: 60 * SECOND_US,
            keeps_jobs: false,
            snapshot_after_bytes: 1 << 10,
            seed: epoch,
        };
        Stage {
            manager: Manager::new(config, jobs, now),
            now,
            journal: Vec::new(),
            peers: BTreeMap::new(),
            accepted: 0,
            appended: Sequence(0),
            operations: Vec::new(),
            sessions: BTreeMap::new(),
            launched: Vec::new(),
            ordered: None,
            progress: None,
            report: None,
            refusal: None,
            answer: None,
        }
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
        let bytes =
            datagram::encode(&Heartbeat { session, epoch: self.manager.config.epoch, sequence, running: 0 });
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

    /// The output of a job that was accepted is there already, and the job ends.
    fn output_exists(&mut self) -> Vec<String> {
        self.answer(FileAnswer::Found(true));
        self.settle();
        self.answer(FileAnswer::Done);
        self.settle()
    }

    /// A job of so many one-byte splits whose tasks may be launched.
    fn job(&mut self, client: ConnectionId, maps: u64, reducers: u32) -> Vec<String> {
        self.prepare(client, specification(reducers), maps)
    }

    /// A job whose input is so many splits, and whose tasks may be launched.
    fn prepare(&mut self, client: ConnectionId, specification: JobSpecification, maps: u64) -> Vec<String> {
        let key = SubmissionKey(self.accepted);
        let mut lines = self.say(client, &FromClient::Submit { key, specification });
        lines.extend(self.planned(maps));
        lines
    }

    /// All that is asked of the file system before a job that was submitted is dealt.
    fn planned(&mut self, maps: u64) -> Vec<String> {
        let mut lines = self.settle();
        for answer in [
            FileAnswer::Found(false),
            FileAnswer::Listed(Ok(inputs(maps))),
            FileAnswer::Done,
            FileAnswer::Done,
            FileAnswer::Done,
            FileAnswer::Done,
        ] {
            lines.extend(self.answer(answer));
        }
        lines.extend(self.settle());
        lines
    }

    /// The attempts that were launched of maps, or of reduces, in their order.
    fn launched_of(&self, kind: fn(u32) -> TaskId) -> Vec<AttemptId> {
        let mut launched = self.launched.clone();
        launched.retain(|id| id.task == kind(id.task.index()));
        launched.sort_unstable();
        launched
    }

    fn ended(&mut self, id: ConnectionId, attempt: AttemptId) -> Vec<String> {
        let result = AttemptResult::Succeeded(Success::default());
        let mut lines = self.say(id, &FromWorker::Ended { attempt, result });
        lines.extend(self.settle());
        lines
    }

    fn printed(&mut self, id: ConnectionId, attempt: AttemptId, digest: u64) -> Vec<String> {
        let result = AttemptResult::Succeeded(Success { digest: OutputDigest(digest), ..Success::default() });
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

    /// The worker that executes an attempt, counted from zero; the first incarnation is 1.
    fn holder(&self, attempt: AttemptId) -> usize {
        self.manager.attempts.get(attempt).expect("it is under way").holder.0 as usize - 1
    }

    fn last_launched(&self) -> AttemptId {
        *self.launched.last().expect("something was launched")
    }

    /// What the Manager does, a line each.
    fn drain(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(action) = self.manager.poll_output() {
            self.manager.check_invariants();
            match action {
                Action::Local(ManagerRequest::BeginJournal { sequence, record }) => {
                    assert_eq!(sequence.0, self.appended.0 + 1, "records follow one another");
                    self.appended = sequence;
                    self.journal = Vec::from([frame::decode_unbounded(&record).unwrap()]);
                    lines.push("begin the journal".into());
                }
                Action::Local(ManagerRequest::Append { sequence, record }) => {
                    assert_eq!(sequence.0, self.appended.0 + 1, "records follow one another");
                    self.appended = sequence;
                    let record: Record = frame::decode_unbounded(&record).unwrap();
                    self.journal.push(record.clone());
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
                        let line = format!("Launch {}", order.attempt.file_stem());
                        self.launched.push(order.attempt);
                        self.ordered = Some(*order);
                        line
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
                        let cause = report.failure.as_ref().map(|failure| format!("{:?}", failure.cause));
                        self.report = Some(report);
                        format!("Ended {}", cause.map_or("well".into(), |cause| first_word(&cause)))
                    }
                    ToClient::AttemptFailed(failure) => {
                        format!("AttemptFailed {}", first_word(&format!("{:?}", failure.cause)))
                    }
                    ToClient::Progress(progress) => {
                        self.progress = Some(progress);
                        format!("Progress {:?}", progress.phase)
                    }
                    ToClient::Refused(failure) => {
                        self.refusal = Some(failure);
                        "Refused".into()
                    }
                    ToClient::Answer(answer) => {
                        let line = format!("Answer {}", first_word(&format!("{answer:?}")));
                        self.answer = Some(answer);
                        line
                    }
                    message @ (ToClient::Accepted { .. } | ToClient::ShuttingDown { .. }) => {
                        first_word(&format!("{message:?}"))
                    }
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
        FileRequest::Inspect { path } => format!("file inspect {}", end(path)),
        FileRequest::Exchange { from, to, .. } => format!("file exchange {} {}", end(from), end(to)),
        FileRequest::Relocate { from, to, .. } => format!("file relocate {} {}", end(from), end(to)),
        FileRequest::CreateDirectory { path } => format!("file mkdir {}", end(path)),
        FileRequest::WriteFile { path, .. } => format!("file write {}", end(path)),
        FileRequest::Rename { from, to, again } => {
            format!("file rename {} {}{}", end(from), end(to), if *again { " again" } else { "" })
        }
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
        sync: true,
        ..JobSpecification::default()
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

/// Seconds pass in which these workers are heard; returns what was done in each, as (second, line).
fn pass(stage: &mut Stage, workers: &[ConnectionId], seconds: u64) -> Vec<(u64, String)> {
    let mut lines = Vec::new();
    for second in 1..=seconds {
        let mut said = stage.wait(SECOND_US);
        let sequence = stage.now.as_us();
        said.extend(workers.iter().flat_map(|worker| stage.heartbeat(*worker, sequence)));
        said.retain(|line| !line.starts_with("heartbeat") && !line.starts_with("Client"));
        lines.extend(said.into_iter().map(|line| (second, line)));
    }
    lines
}

fn joined(stage: &mut Stage, incarnation: u64, slots: u32) -> ConnectionId {
    let worker = stage.worker(incarnation, slots);
    stage.heartbeat(worker, 1);
    worker
}
