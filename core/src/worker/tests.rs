//! A worker's control machine against exact lists of what it does; the test plays its Manager.

use super::*;
use crate::data::run::Segment;
use crate::failure::{Cause, ExitStatus, Failure, OsError, OsErrorKind};
use crate::ids::{Epoch, Partition, SessionId, TaskId};
use crate::job::{CommandLine, FileIdentity, InputFile, JobSpecification, ProgramRole, Split, Staging};
use crate::limits::{
    FAILURE_TEXT_BYTES_MAX, FRAME_BYTES_MAX, INVENTORY_PAGE_BYTES, INVENTORY_PAGE_ENTRIES, PROGRESS_US,
    STDERR_TAIL_BYTES,
};
use crate::machine::NetworkAction;
use crate::time::SECOND_US;
use crate::wire::message::{
    AttemptResult, FromWorker, Heartbeat, HeartbeatAnswer, InventoryEntry, JobOrder, LaunchOrder,
    OutputEntry, Role, TaskOrder, ToWorker, Verdict,
};
use crate::wire::{Connection, Incoming, datagram};
use crate::worker::attempt::{AttemptSetting, MapOutput, MapWork, Program, ReduceWork, RunLocation};
use crate::worker::attempts::LocalStage;
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
    };
    let identity = FileIdentity { inode: 1, size_bytes: 1, modified_ns: 1 };
    let order = match task {
        TaskId::Map(_) => TaskOrder::Map {
            input: InputFile { path: PathBytes::from("/in"), identity },
            split: Split { input: 0, offset: 0, length_bytes: 1 },
        },
        TaskId::Reduce(index) => TaskOrder::Reduce { partition: Partition(index), maps: 1 },
    };
    let job = JobOrder { specification, staging: Staging::beside(&output, 9), nonce: 9 };
    ToWorker::Launch(LaunchOrder { attempt: attempt(task), job, task: order }.into())
}

fn success() -> AttemptSuccess {
    let segments = Vec::from([Segment::default()]);
    let map_output = Some(MapOutput { path: PathBytes::from("/scratch/x"), segments });
    AttemptSuccess { counters: Counters::default(), map_output }
}

const MAP: TaskId = TaskId::Map(0);
const REDUCE: TaskId = TaskId::Reduce(0);

#[test]
fn registration_is_followed_by_a_heartbeat_and_the_inventory() {
    let mut stage = Stage::new(1);
    assert_eq!(stage.register(1), ["heartbeat 1 running 0", "notice Registered", "Inventory []"]);
    assert_eq!(stage.wake(), ["heartbeat 2 running 0"], "until it is heard it repeats itself soon");
    let soon = stage.worker.poll_timeout().unwrap().0.since_us(stage.now);
    assert!(stage.answer_heartbeat(1).is_empty());
    stage.wake();
    let later = stage.worker.poll_timeout().unwrap().0.since_us(stage.now);
    assert!(soon < later, "{soon} {later}");
}

#[test]
fn a_map_is_offered_before_its_end_is_told_and_held_once_it_counts() {
    let mut stage = Stage::new(1);
    stage.register(1);
    assert_eq!(stage.say(&launch(MAP)), ["start map-00000-1-0"]);
    let id = attempt(MAP);
    assert_eq!(stage.local(WorkerInput::Ended(id, Ok(success()))), ["shuffle Offer", "Ended map-00000-1-0"]);
    assert!(stage.say(&ToWorker::Acknowledged { attempt: id, counts: true }).is_empty());
    assert_eq!(stage.say(&ToWorker::DropJob { job: JobId(1) }), ["shuffle Forget"]);
}

#[test]
fn a_map_that_does_not_count_is_withdrawn() {
    let mut stage = Stage::new(1);
    stage.register(1);
    stage.say(&launch(MAP));
    let id = attempt(MAP);
    stage.local(WorkerInput::Ended(id, Ok(success())));
    assert_eq!(stage.say(&ToWorker::Acknowledged { attempt: id, counts: false }), ["shuffle Withdraw"]);
}

#[test]
fn a_reduce_gathers_without_a_slot_and_runs_when_it_is_given_one() {
    let mut stage = Stage::new(1);
    stage.register(1);
    assert_eq!(stage.say(&launch(REDUCE)), ["shuffle Gather", "PullOutputs 0"]);
    assert_eq!(stage.say(&launch(MAP)), ["start map-00000-1-0"], "the slot is free");
    let report = ShuffleReport::Gathered { attempt: attempt(REDUCE), runs: Vec::new(), fetched_bytes: 0 };
    assert_eq!(stage.local(WorkerInput::Shuffle(report)), ["Gathered"]);
    assert!(stage.say(&ToWorker::Run { attempt: attempt(REDUCE) }).is_empty(), "the slot is taken here");
    let lines = stage.local(WorkerInput::Ended(attempt(MAP), Ok(success())));
    assert_eq!(lines, ["shuffle Offer", "Ended map-00000-1-0", "start reduce-00000-1-0"]);
}

#[test]
fn what_ended_while_nobody_listened_is_told_in_the_inventory_until_it_is_acknowledged() {
    let mut stage = Stage::new(2);
    stage.register(1);
    stage.say(&launch(MAP));
    stage.say(&launch(REDUCE));
    assert!(stage.close().is_empty());
    assert_eq!(stage.local(WorkerInput::Ended(attempt(MAP), Ok(success()))), ["shuffle Offer"]);
    assert_eq!(
        stage.register(2),
        [
            "heartbeat 1 running 0",
            "notice Registered",
            "Inventory [ended map-00000-1-0, gathering reduce-00000-1-0]",
            "PullOutputs 0"
        ]
    );
    stage.say(&ToWorker::Acknowledged { attempt: attempt(MAP), counts: true });
    stage.close();
    assert_eq!(stage.register(3)[2], "Inventory [gathering reduce-00000-1-0, holding map-00000-1-0]");
}

#[test]
fn a_manager_that_falls_silent_is_dialled_again_and_what_runs_goes_on() {
    let mut stage = Stage::new(1);
    stage.register(1);
    stage.answer_heartbeat(1);
    stage.say(&launch(MAP));
    let mut lines = Vec::new();
    while !lines.contains(&"close".into()) {
        lines = stage.wake();
    }
    assert!(!lines.contains(&"notice Unheard".into()), "it was heard before: {lines:?}");
    assert_eq!(stage.now.as_us(), 10 * SECOND_US, "a lease after its last answer");
    stage.connection = None;
    assert_eq!(stage.register(2)[2], "Inventory [running map-00000-1-0]");
}

#[test]
fn a_run_that_cannot_be_had_is_told_again_after_a_new_registration() {
    let mut stage = Stage::new(1);
    stage.register(1);
    stage.say(&launch(REDUCE));
    let cause = Cause::RunUnfetchable { map: attempt(MAP), reason: "x".into() };
    let report = ShuffleReport::Unfetchable { attempt: attempt(REDUCE), map: attempt(MAP), cause };
    assert_eq!(stage.local(WorkerInput::Shuffle(report)), ["Unfetchable"]);
    stage.close();
    let lines = stage.register(2);
    assert_eq!(lines[lines.len() - 2..], ["PullOutputs 0", "Unfetchable"]);
}

#[test]
fn killing_ends_what_gathers_at_once_and_what_runs_when_it_ended() {
    let mut stage = Stage::new(1);
    stage.register(1);
    stage.say(&launch(REDUCE));
    stage.say(&launch(MAP));
    let kill = |task| ToWorker::Kill { attempt: attempt(task) };
    assert_eq!(stage.say(&kill(REDUCE)), ["shuffle Abandon", "Ended reduce-00000-1-0"]);
    assert_eq!(stage.say(&kill(MAP)), ["kill map-00000-1-0"]);
    let killed = Err(Failure::new(Cause::Killed));
    assert_eq!(stage.local(WorkerInput::Ended(attempt(MAP), killed)), ["Ended map-00000-1-0"]);
}

#[test]
fn what_is_killed_before_it_had_a_slot_ends_at_once_and_never_starts() {
    let mut stage = Stage::new(1);
    stage.register(1);
    assert_eq!(stage.say(&launch(MAP)), ["start map-00000-1-0"]);
    stage.say(&launch(REDUCE));
    let report = ShuffleReport::Gathered { attempt: attempt(REDUCE), runs: Vec::new(), fetched_bytes: 0 };
    stage.local(WorkerInput::Shuffle(report));
    assert!(stage.say(&ToWorker::Run { attempt: attempt(REDUCE) }).is_empty());
    let second = TaskId::Map(1);
    assert!(stage.say(&launch(second)).is_empty());
    let kill = |task| ToWorker::Kill { attempt: attempt(task) };
    assert_eq!(stage.say(&kill(REDUCE)), ["shuffle Abandon", "Ended reduce-00000-1-0"]);
    assert_eq!(stage.say(&kill(second)), ["Ended map-00001-1-0"]);
    assert!(stage.say(&kill(second)).is_empty(), "it has ended");
    let lines = stage.local(WorkerInput::Ended(attempt(MAP), Ok(success())));
    assert_eq!(lines, ["shuffle Offer", "Ended map-00000-1-0"], "nothing waits for the slot");
    assert_eq!(stage.say(&launch(TaskId::Map(2))), ["start map-00002-1-0"]);
}

#[test]
fn stopping_says_goodbye_kills_forgets_and_then_ends() {
    let mut stage = Stage::new(1);
    stage.register(1);
    stage.say(&launch(MAP));
    assert_eq!(stage.local(WorkerInput::Stop), ["Goodbye", "kill map-00000-1-0"]);
    let killed = Err(Failure::new(Cause::Killed));
    assert_eq!(
        stage.local(WorkerInput::Ended(attempt(MAP), killed)),
        ["shuffle Forget", "close", "stopped"],
        "the scratch goes once nothing writes into it"
    );
}

#[test]
fn an_absent_manager_is_tried_again_and_that_is_said_once() {
    let mut stage = Stage::new(1);
    for number in 1..5 {
        assert_eq!(stage.wake(), ["dial"]);
        let connection = ConnectionId::dialled(number);
        let error = OsError { kind: OsErrorKind::ConnectionRefused, text: "Connection refused".into() };
        let lines = stage.give(Event::Network(NetworkEvent::DialFailed { connection, error }));
        assert_eq!(lines.len(), usize::from(number == 1), "{lines:?}");
    }
}

#[test]
fn a_manager_of_another_cluster_ends_the_worker() {
    let mut stage = Stage::new(1);
    stage.wake();
    let id = ConnectionId::dialled(1);
    stage
        .worker
        .handle_input(Event::Network(NetworkEvent::Connected { connection: id, local: MANAGER }), stage.now);
    while stage.worker.poll_output().is_some() {}
    let mut other = Connection::accept("other", &[Role::Worker]);
    other.receive(stage.worker.unsent(id));
    assert!(other.poll().is_err());
    stage.worker.receive(id, other.unsent(), stage.now);
    assert_eq!(stage.drain(), ["close", "notice Refused", "stopped"]);
}

#[test]
fn a_damaged_welcome_does_not_end_the_worker() {
    let mut stage = Stage::new(1);
    for number in 1..=2 {
        assert_eq!(stage.wake(), ["dial"]);
        let id = ConnectionId::dialled(number);
        let connected = NetworkEvent::Connected { connection: id, local: MANAGER };
        stage.worker.handle_input(Event::Network(connected), stage.now);
        while stage.worker.poll_output().is_some() {}
        let mut manager = Connection::accept("c", &[Role::Worker]);
        manager.receive(stage.worker.unsent(id));
        assert_eq!(manager.poll(), Ok(Some(Incoming::Established(Role::Worker))));
        let mut welcome = manager.unsent().to_vec();
        *welcome.last_mut().unwrap() ^= 1;
        stage.worker.receive(id, &welcome, stage.now);
        let lines = ["close", "notice Unreachable"];
        assert_eq!(stage.drain(), lines[..if number == 1 { 2 } else { 1 }], "it is said once");
    }
    assert_eq!(stage.register(3), ["heartbeat 1 running 0", "notice Registered", "Inventory []"]);
}

fn long_failure() -> Failure {
    let command = "ä".repeat(FRAME_BYTES_MAX);
    let status = ExitStatus::Code(1);
    let mut failure = Failure::new(Cause::ProgramFailed { role: ProgramRole::Mapper, command, status });
    failure.stderr_tail = vec![b'e'; STDERR_TAIL_BYTES];
    failure
}

#[test]
fn a_failure_of_a_long_command_is_told_in_short() {
    let mut stage = Stage::new(1);
    stage.register(1);
    stage.say(&launch(MAP));
    assert_eq!(stage.local(WorkerInput::Ended(attempt(MAP), Err(long_failure()))), ["Ended map-00000-1-0"]);
    let LocalStage::Ended(AttemptResult::Failed(failure)) =
        &stage.worker.attempts.get_mut(attempt(MAP)).unwrap().stage
    else {
        unreachable!("it failed")
    };
    let Cause::ProgramFailed { command, .. } = &failure.cause else { unreachable!("a program failed") };
    assert!(command.len() <= FAILURE_TEXT_BYTES_MAX && command.ends_with("ä…"));
    assert_eq!(failure.stderr_tail.len(), STDERR_TAIL_BYTES);
}

#[test]
fn what_a_peer_said_of_a_run_is_told_in_short() {
    let mut stage = Stage::new(1);
    stage.register(1);
    stage.say(&launch(REDUCE));
    let cause = Cause::RunUnfetchable { map: attempt(MAP), reason: "x".repeat(FRAME_BYTES_MAX) };
    let report =
        ShuffleReport::Unfetchable { attempt: attempt(REDUCE), map: attempt(MAP), cause: cause.clone() };
    assert_eq!(stage.local(WorkerInput::Shuffle(report)), ["Unfetchable"]);
    let report = ShuffleReport::Failed { attempt: attempt(REDUCE), cause };
    assert_eq!(stage.local(WorkerInput::Shuffle(report)), ["Ended reduce-00000-1-0"]);
}

#[test]
fn an_inventory_of_many_long_failures_is_cut_into_pages() {
    let maps: Vec<_> = (0..128).map(TaskId::Map).collect();
    let mut stage = Stage::new(128);
    stage.register(1);
    for map in &maps {
        stage.say(&launch(*map));
    }
    stage.close();
    for map in &maps {
        assert!(stage.local(WorkerInput::Ended(attempt(*map), Err(long_failure()))).is_empty());
    }
    let line = |maps: &[TaskId]| {
        let entries: Vec<_> = maps.iter().map(|map| format!("ended {}", attempt(*map).file_stem())).collect();
        format!("Inventory [{}]", entries.join(", "))
    };
    let per_page = INVENTORY_PAGE_BYTES / (FAILURE_TEXT_BYTES_MAX + STDERR_TAIL_BYTES + 32);
    assert_eq!(stage.register(2)[2..], [line(&maps[..per_page]), line(&maps[per_page..])]);
}

/// What an attempt of the job in `launch` is set to.
fn setting(task: TaskId, role: ProgramRole, word: &str) -> AttemptSetting {
    let (id, staging) = (attempt(task), Staging::beside(&PathBytes::from("/data/out"), 9));
    let scratch = PathBytes::from("/scratch/job-1").join(id.file_stem());
    let variable = |name: &str, value| (PathBytes::from(name), value);
    let program = Program {
        role,
        command: CommandLine { words: Vec::from([PathBytes::from(word)]) },
        directory: PathBytes::from("/home/ada"),
        environment: Vec::from([
            variable("TMPDIR", scratch.join("tmp")),
            variable("LANG", PathBytes::from("C")),
        ]),
    };
    AttemptSetting {
        attempt: id,
        program,
        nonce_path: staging.nonce_path(),
        nonce: 9,
        scratch,
        output: staging.output_of(&id),
        sort_bytes: 1 << 20,
        sync: true,
    }
}

#[test]
fn attempts_are_started_with_what_was_ordered() {
    let mut stage = Stage::new(2);
    stage.register(1);
    stage.say(&launch(MAP));
    let identity = FileIdentity { inode: 1, size_bytes: 1, modified_ns: 1 };
    let map = MapWork {
        setting: setting(MAP, ProgramRole::Mapper, "m"),
        input: InputFile { path: PathBytes::from("/in"), identity },
        split: Split { input: 0, offset: 0, length_bytes: 1 },
        reducers: 1,
    };
    assert_eq!(stage.started, Some(Work::Map(map)));

    stage.say(&launch(REDUCE));
    let path = PathBytes::from("/scratch/job-1/reduce-00000-1-0/fetched.runs");
    let runs = Vec::from([RunLocation { map: attempt(MAP), path, segment: Segment::default() }]);
    let gathered = ShuffleReport::Gathered { attempt: attempt(REDUCE), runs: runs.clone(), fetched_bytes: 5 };
    stage.local(WorkerInput::Shuffle(gathered));
    stage.say(&ToWorker::Run { attempt: attempt(REDUCE) });
    let setting = setting(REDUCE, ProgramRole::Reducer, "r");
    assert_eq!(stage.started, Some(Work::Reduce(ReduceWork { setting, runs, fetched_bytes: 5 })));
}

#[test]
fn what_was_ordered_twice_is_done_once() {
    let mut stage = Stage::new(2);
    stage.register(1);
    assert_eq!(stage.say(&launch(MAP)), ["start map-00000-1-0"]);
    assert!(stage.say(&launch(MAP)).is_empty());
    assert_eq!(stage.say(&launch(REDUCE)), ["shuffle Gather", "PullOutputs 0"]);
    assert!(stage.say(&launch(REDUCE)).is_empty());
}

#[test]
fn a_heartbeat_tells_how_many_attempts_run() {
    let mut stage = Stage::new(2);
    stage.register(1);
    stage.say(&launch(MAP));
    stage.say(&launch(TaskId::Map(1)));
    stage.say(&launch(REDUCE));
    assert_eq!(stage.wake(), ["heartbeat 2 running 2"]);
    stage.local(WorkerInput::Ended(attempt(MAP), Ok(success())));
    assert_eq!(stage.wake(), ["heartbeat 3 running 1"]);
}

#[test]
fn an_answer_to_a_heartbeat_that_was_never_sent_renews_no_lease() {
    let mut stage = Stage::new(1);
    stage.register(1);
    stage.now = stage.now.after(SECOND_US);
    stage.sequence += 1;
    stage.answer_heartbeat(1);
    stage.sequence -= 1;
    stage.answer_heartbeat(2);
    let mut lines = Vec::new();
    while !lines.contains(&"close".into()) {
        lines = stage.wake();
    }
    assert_eq!(stage.now.as_us(), 10 * SECOND_US, "a lease after the registration");
}

#[test]
fn news_of_attempts_are_told_together_after_a_while() {
    let mut stage = Stage::new(2);
    stage.register(1);
    stage.say(&launch(MAP));
    stage.say(&launch(REDUCE));
    let begin = stage.now;
    assert!(stage.local(WorkerInput::Progress(attempt(MAP), Counters::default())).is_empty());
    stage.now = stage.now.after(PROGRESS_US / 2);
    let report = ShuffleReport::Progress { attempt: attempt(REDUCE), runs: 1 };
    assert!(stage.local(WorkerInput::Shuffle(report)).is_empty());
    assert!(stage.wake().contains(&"Progress".into()));
    assert_eq!(stage.now.since_us(begin), PROGRESS_US);
    let lines: Vec<_> = (0..3).flat_map(|_| stage.wake()).collect();
    assert!(!lines.contains(&"Progress".into()), "there is no other news: {lines:?}");
}

fn entry(map_index: u32) -> OutputEntry {
    OutputEntry { map_index, location: None }
}

#[test]
fn of_the_log_of_outputs_each_entry_is_handed_on_once_and_none_is_left_out() {
    let mut stage = Stage::new(1);
    stage.register(1);
    stage.say(&launch(REDUCE));
    let mut told = |start, entries: &[u32]| {
        let entries = entries.iter().map(|index| entry(*index)).collect();
        let lines = stage.say(&ToWorker::Outputs { job: JobId(1), start, entries });
        let last = match stage.commanded.take() {
            Some(ShuffleCommand::Locate { map_index, .. }) => Some(map_index),
            _ => None,
        };
        (lines, last)
    };
    let expected = |handed_on: usize, cursor: u64| {
        let mut lines = vec![String::from("shuffle Locate"); handed_on];
        lines.push(format!("PullOutputs {cursor}"));
        lines
    };
    assert_eq!(told(1, &[7]), (expected(0, 0), None), "what comes before is asked for");
    assert_eq!(told(0, &[5, 6]), (expected(2, 2), Some(6)));
    assert_eq!(told(1, &[6, 7]), (expected(1, 3), Some(7)), "one of them is known");
    assert_eq!(told(0, &[5]), (expected(0, 3), None), "all of it is known");
}

fn judge(stage: &mut Stage, task: TaskId, verdict: Verdict) -> Vec<String> {
    stage.say(&ToWorker::Verdicts(Vec::from([(attempt(task), verdict)])))
}

#[test]
fn what_is_to_be_dropped_is_ended_and_never_reported() {
    let mut stage = Stage::new(1);
    stage.register(1);
    stage.say(&launch(MAP));
    assert!(judge(&mut stage, MAP, Verdict::Keep).is_empty());
    assert_eq!(judge(&mut stage, MAP, Verdict::Drop), ["kill map-00000-1-0"]);
    assert_eq!(stage.local(WorkerInput::Ended(attempt(MAP), Ok(success()))), ["shuffle Withdraw"]);
    stage.say(&launch(REDUCE));
    assert_eq!(judge(&mut stage, REDUCE, Verdict::Drop), ["shuffle Abandon"]);
    stage.close();
    assert_eq!(stage.register(2)[2], "Inventory []");
}

#[test]
fn an_output_that_is_to_be_dropped_is_removed_whether_its_end_was_acknowledged_or_not() {
    for is_acknowledged in [false, true] {
        let mut stage = Stage::new(1);
        stage.register(1);
        stage.say(&launch(MAP));
        stage.local(WorkerInput::Ended(attempt(MAP), Ok(success())));
        if is_acknowledged {
            stage.say(&ToWorker::Acknowledged { attempt: attempt(MAP), counts: true });
        }
        assert_eq!(judge(&mut stage, MAP, Verdict::Drop), ["shuffle Withdraw"]);
        stage.close();
        assert_eq!(stage.register(2)[2], "Inventory []");
    }
}

#[test]
fn only_a_map_that_ended_well_and_has_reducers_is_held() {
    let failed = Err(Failure::new(Cause::Killed));
    let without_output = Ok(AttemptSuccess { map_output: None, ..success() });
    for (order, task, result) in [
        (launch(MAP), MAP, failed.clone()),
        (launch_of_job(MAP, 0), MAP, without_output),
        (launch(REDUCE), REDUCE, failed),
    ] {
        let mut stage = Stage::new(1);
        stage.register(1);
        stage.say(&order);
        stage.local(WorkerInput::Ended(attempt(task), result));
        for counts in [true, false] {
            assert!(stage.say(&ToWorker::Acknowledged { attempt: attempt(task), counts }).is_empty());
        }
        stage.close();
        assert_eq!(stage.register(2)[2], "Inventory []");
    }
}

#[test]
fn a_job_that_is_over_is_forgotten_once_nothing_of_it_runs() {
    let mut stage = Stage::new(1);
    stage.register(1);
    stage.say(&launch(MAP));
    stage.say(&launch(TaskId::Map(1)));
    assert_eq!(stage.say(&ToWorker::DropJob { job: JobId(2) }), [""; 0], "it has nothing of that job");
    assert_eq!(stage.say(&ToWorker::DropJob { job: JobId(1) }), ["kill map-00000-1-0"]);
    let killed = Err(Failure::new(Cause::Killed));
    assert_eq!(stage.local(WorkerInput::Ended(attempt(MAP), killed)), ["shuffle Forget"]);
    let forgotten = ShuffleReport::Forgotten { job: JobId(1) };
    assert_eq!(stage.local(WorkerInput::Shuffle(forgotten)), ["notice JobDropped"]);
}

#[test]
fn an_inventory_of_many_attempts_is_cut_into_full_pages() {
    let count = INVENTORY_PAGE_ENTRIES as u32 + 1;
    let mut stage = Stage::new(count);
    stage.register(1);
    for index in 0..count {
        stage.say(&launch(TaskId::Map(index)));
    }
    stage.close();
    let pages: Vec<_> = stage.register(2)[2..].iter().map(|page| page.matches("running").count()).collect();
    assert_eq!(pages, [INVENTORY_PAGE_ENTRIES, 1]);
}

#[test]
fn a_manager_that_never_answers_a_heartbeat_is_spoken_of_and_dialled_again() {
    let mut stage = Stage::new(1);
    stage.register(1);
    let mut lines = Vec::new();
    while !lines.contains(&"close".into()) {
        assert!(!lines.contains(&"notice Unheard".into()), "it is said after a lease");
        lines = stage.wake();
    }
    assert!(lines.contains(&"notice Unheard".into()), "{lines:?}");
    assert_eq!(stage.wake(), ["dial"]);
}

#[test]
fn what_the_shuffle_says_late_of_a_reduce_that_has_its_runs_changes_nothing() {
    let mut stage = Stage::new(1);
    stage.register(1);
    stage.say(&launch(REDUCE));
    let gathered = || ShuffleReport::Gathered { attempt: attempt(REDUCE), runs: vec![], fetched_bytes: 0 };
    assert_eq!(stage.local(WorkerInput::Shuffle(gathered())), ["Gathered"]);
    let cause = || Cause::RunCorrupt { map: attempt(MAP) };
    let late = [
        gathered(),
        ShuffleReport::Unfetchable { attempt: attempt(REDUCE), map: attempt(MAP), cause: cause() },
        ShuffleReport::Failed { attempt: attempt(REDUCE), cause: cause() },
    ];
    for report in late {
        assert!(stage.local(WorkerInput::Shuffle(report)).is_empty());
    }
}
