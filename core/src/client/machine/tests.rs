//! A client against exact lists of what it does; the test plays the Manager.

use super::*;
use crate::ids::SubmissionKey;
use crate::job::{
    CommandLine, Counters, JobPhase, JobProgress, JobReport, JobSpecification, PathBytes, TaskCount,
};
use crate::report::{Answer, Question, WorkerList};
use crate::time::{SECOND_US, WallTime};
use crate::wire::Connection;
use alloc::format;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

const MANAGER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7077);

struct Stage {
    client: Client,
    now: Time,
    connection: Option<(ConnectionId, Connection)>,
    /// The last failure that was reported as the end.
    failure: Option<Failure>,
}

impl Stage {
    fn new(task: ClientTask) -> Stage {
        let config = ClientConfig {
            cluster: "c".into(),
            manager: MANAGER,
            manager_name: "m:7077".into(),
            patience_us: 5 * SECOND_US,
            job_patience_us: 60 * SECOND_US,
            task,
            seed: 1,
        };
        Stage { client: Client::new(config), now: Time::ZERO, connection: None, failure: None }
    }

    fn submitting() -> Stage {
        Stage::submitting_and(false)
    }

    fn submitting_and(is_detached: bool) -> Stage {
        let command = |word: &str| CommandLine { words: Vec::from([PathBytes::from(word)]) };
        let specification = JobSpecification {
            name: "n".into(),
            inputs: Vec::from([PathBytes::from("/in")]),
            output: PathBytes::from("/out"),
            mapper: command("m"),
            reducer: Some(command("r")),
            reducers: 1,
            split_bytes: 1,
            directory: PathBytes::from("/"),
            sync: true,
            ..JobSpecification::default()
        };
        Stage::new(ClientTask::Submit { key: SubmissionKey(8), specification, is_detached })
    }

    fn give(&mut self, event: ClientEvent) -> Vec<String> {
        self.client.handle_input(event, self.now);
        self.drain()
    }

    fn wake(&mut self) -> Vec<String> {
        self.now = self.client.poll_timeout().expect("it waits for something").0;
        self.client.handle_timeout(self.now);
        self.drain()
    }

    /// Lets the dial that was asked for succeed; what the client says once it is welcome.
    fn welcome(&mut self, number: u64) -> Vec<String> {
        let id = ConnectionId::dialled(number);
        self.connection = Some((id, Connection::accept("c", &[Role::Client])));
        assert_eq!(
            self.give(Event::Network(NetworkEvent::Connected { connection: id, local: MANAGER })),
            ["hello"]
        );
        let (_, connection) = self.connection.as_mut().unwrap();
        let bytes = connection.unsent().to_vec();
        connection.sent(bytes.len());
        self.client.receive(id, &bytes, self.now);
        self.drain()
    }

    fn say(&mut self, message: &ToClient) -> Vec<String> {
        let (id, connection) = self.connection.as_mut().unwrap();
        let id = *id;
        connection.send(message).unwrap();
        let bytes = connection.unsent().to_vec();
        connection.sent(bytes.len());
        self.client.receive(id, &bytes, self.now);
        self.drain()
    }

    fn close(&mut self) -> Vec<String> {
        let (connection, _) = self.connection.take().unwrap();
        self.give(Event::Network(NetworkEvent::Closed { connection, error: None }))
    }

    fn refuse(&mut self, number: u64) -> Vec<String> {
        let connection = ConnectionId::dialled(number);
        let error = OsError { kind: OsErrorKind::ConnectionRefused, text: "Connection refused".into() };
        self.give(Event::Network(NetworkEvent::DialFailed { connection, error }))
    }

    fn drain(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(action) = self.client.poll_output() {
            self.client.check_invariants();
            match action {
                Action::Network(NetworkAction::Dial { .. }) => lines.push("dial".into()),
                Action::Network(NetworkAction::Close { .. }) => lines.push("close".into()),
                Action::Network(NetworkAction::SendDatagram { .. }) => {
                    unreachable!("a client sends no datagram")
                }
                Action::Network(NetworkAction::Transmit { connection: id }) => {
                    let bytes = self.client.unsent(id).to_vec();
                    self.client.sent(id, bytes.len(), self.now);
                    let (_, connection) = self.connection.as_mut().unwrap();
                    connection.receive(&bytes);
                    while let Some(incoming) = connection.poll().unwrap() {
                        lines.push(match incoming {
                            Incoming::Established(_) => "hello".into(),
                            incoming => word(&incoming.message::<FromClient>().unwrap()),
                        });
                    }
                }
                Action::Local(report) => {
                    lines.push(format!("report {}", word(&report)));
                    if let ClientReport::Failed(failure) = report {
                        self.failure = Some(failure);
                    }
                }
            }
        }
        lines
    }
}

fn word(value: &impl core::fmt::Debug) -> String {
    let text = format!("{value:?}");
    text.split(|c: char| !c.is_alphanumeric()).next().unwrap().into()
}

fn start() -> ClientEvent {
    Event::Local(ClientInput::Start)
}

fn cancel() -> ClientEvent {
    Event::Local(ClientInput::Cancel)
}

fn ended() -> ToClient {
    ToClient::Ended(JobReport {
        job: JobId(1),
        name: "n".into(),
        output: PathBytes::from("/out"),
        failure: None,
        maps: 1,
        reduces: 1,
        attempts_failed: 0,
        attempts_backed_up: 0,
        maps_remade_differently: 0,
        skipped: Vec::new(),
        counters: Counters::default(),
        accepted_at: WallTime::default(),
        elapsed_us: 1,
    })
}

fn progress() -> ToClient {
    ToClient::Progress(JobProgress {
        job: JobId(1),
        phase: JobPhase::Running,
        workers: 1,
        workers_unheard: 0,
        maps: TaskCount::default(),
        runs_fetched: 0,
        reduces: TaskCount::default(),
        input_bytes: 1,
        counters: Counters::default(),
        attempts_failed: 0,
        searches: 0,
    })
}

/// The same bytes, the last of them changed.
fn damaged(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    bytes
}

#[test]
fn a_job_is_submitted_followed_and_reported_once() {
    let mut stage = Stage::submitting();
    assert_eq!(stage.give(start()), ["dial"]);
    assert_eq!(stage.welcome(1), ["Submit"]);
    assert_eq!(stage.say(&ToClient::Accepted { job: JobId(1) }), ["report Accepted"]);
    assert_eq!(stage.say(&ended()), ["close", "report Ended"]);
    assert!(stage.close().is_empty());
    assert_eq!(stage.client.poll_timeout(), None);
}

#[test]
fn an_absent_manager_is_tried_again_as_long_as_there_is_patience() {
    let mut stage = Stage::submitting();
    stage.give(start());
    assert_eq!(stage.refuse(1), ["report Waiting"]);
    let mut number = 1;
    let last = loop {
        assert_eq!(stage.wake(), ["dial"]);
        number += 1;
        let lines = stage.refuse(number);
        if !lines.is_empty() {
            break lines;
        }
    };
    assert_eq!(last, ["report Failed"]);
    assert_eq!(stage.now.as_us(), 5 * SECOND_US, "the last try is when patience ends");
}

#[test]
fn a_manager_that_has_the_job_is_waited_for_longer_and_the_failure_names_the_job() {
    for gives_up in [false, true] {
        let mut stage = Stage::submitting();
        stage.give(start());
        stage.welcome(1);
        stage.say(&ToClient::Accepted { job: JobId(1) });
        let failing_since = stage.now;
        assert_eq!(stage.close(), ["report Waiting"]);
        if gives_up {
            stage.give(cancel());
        }
        let mut number = 1;
        let last = loop {
            assert_eq!(stage.wake(), ["dial"]);
            number += 1;
            let lines = stage.refuse(number);
            if !lines.is_empty() {
                break lines;
            }
        };
        assert_eq!(last, ["report Failed"]);
        let waited_us = stage.now.since_us(failing_since);
        assert_eq!(waited_us, if gives_up { 5 } else { 60 } * SECOND_US);
        assert_eq!(stage.failure.and_then(|failure| failure.job), Some((JobId(1), "n".into())));
    }
}

/// The cause with which the client waits for a Manager that never welcomed it.
fn cause_of_silence(is_connected: bool) -> Cause {
    let mut client = Stage::new(ClientTask::Shutdown).client;
    client.handle_input(start(), Time::ZERO);
    if is_connected {
        let connected = NetworkEvent::Connected { connection: ConnectionId::dialled(1), local: MANAGER };
        client.handle_input(Event::Network(connected), Time::ZERO);
    }
    let (at, _) = client.poll_timeout().unwrap();
    client.handle_timeout(at);
    loop {
        if let Action::Local(ClientReport::Waiting(failure)) = client.poll_output().unwrap() {
            return failure.cause;
        }
    }
}

#[test]
fn whoever_never_welcomes_is_not_called_a_manager_that_was_lost() {
    let cause = cause_of_silence(true);
    assert!(
        matches!(&cause, Cause::NotWindrow { violation, .. } if violation.contains("in time")),
        "{cause}"
    );
    let cause = cause_of_silence(false);
    assert!(
        matches!(&cause, Cause::Unreachable { error, .. } if error.kind == OsErrorKind::TimedOut),
        "{cause}"
    );
}

#[test]
fn before_it_is_accepted_a_submission_is_repeated_under_its_key_and_then_watched() {
    let mut stage = Stage::submitting();
    stage.give(start());
    stage.welcome(1);
    assert_eq!(stage.close(), ["report Waiting"]);
    assert_eq!(stage.wake(), ["dial"]);
    assert_eq!(stage.welcome(2), ["Submit"]);
    stage.say(&ToClient::Accepted { job: JobId(1) });
    stage.close();
    stage.wake();
    assert_eq!(stage.welcome(3), ["Watch"]);
}

#[test]
fn cancelling_is_told_as_soon_as_there_is_a_job_to_cancel() {
    let mut stage = Stage::submitting();
    stage.give(start());
    stage.welcome(1);
    assert!(stage.give(cancel()).is_empty(), "the submission may have arrived");
    assert_eq!(stage.say(&ToClient::Accepted { job: JobId(1) }), ["report Accepted", "Cancel"]);
    stage.close();
    stage.wake();
    assert_eq!(stage.welcome(2), ["Watch", "Cancel"], "and again after a cut");
}

#[test]
fn cancelling_before_anything_was_said_ends_it() {
    let mut stage = Stage::submitting();
    stage.give(start());
    assert_eq!(stage.give(cancel()), ["report Failed"]);
    let id = ConnectionId::dialled(1);
    assert_eq!(
        stage.give(Event::Network(NetworkEvent::Connected { connection: id, local: MANAGER })),
        ["close"]
    );
}

#[test]
fn a_cancelled_submission_that_may_have_arrived_is_repeated_and_then_cancelled() {
    let mut stage = Stage::submitting();
    stage.give(start());
    stage.welcome(1);
    assert!(stage.give(cancel()).is_empty());
    assert_eq!(stage.close(), ["report Waiting"]);
    assert_eq!(stage.wake(), ["dial"]);
    assert_eq!(stage.welcome(2), ["Submit"]);
    assert_eq!(stage.say(&ToClient::Accepted { job: JobId(1) }), ["report Accepted", "Cancel"]);
    assert_eq!(stage.say(&ended()), ["close", "report Ended"]);
}

#[test]
fn a_submission_may_have_arrived_that_is_cancelled_while_the_manager_is_dialled_again() {
    let mut stage = Stage::submitting();
    stage.give(start());
    stage.welcome(1);
    stage.close();
    assert!(stage.give(cancel()).is_empty());
    assert_eq!(stage.wake(), ["dial"]);
    assert!(stage.give(cancel()).is_empty());
    assert_eq!(stage.welcome(2), ["Submit"]);
    assert_eq!(stage.say(&ToClient::Accepted { job: JobId(1) }), ["report Accepted", "Cancel"]);
}

#[test]
fn what_became_of_a_cancelled_submission_is_asked_as_long_as_there_is_patience() {
    let mut stage = Stage::submitting();
    stage.give(start());
    stage.welcome(1);
    stage.give(cancel());
    assert_eq!(stage.close(), ["report Waiting"]);
    let mut lines = stage.wake();
    for number in 2.. {
        assert_eq!(lines, ["dial"]);
        lines = stage.refuse(number);
        if !lines.is_empty() {
            break;
        }
        lines = stage.wake();
    }
    assert_eq!(lines, ["report Failed"]);
    assert_eq!(stage.now.as_us(), 5 * SECOND_US, "the last try is when patience ends");
}

#[test]
fn a_manager_that_falls_silent_over_a_job_is_dialled_again() {
    let mut stage = Stage::submitting();
    stage.give(start());
    stage.welcome(1);
    stage.say(&ToClient::Accepted { job: JobId(1) });
    stage.now = stage.now.after(MANAGER_SILENCE_US - 1);
    stage.client.handle_timeout(stage.now);
    assert_eq!(stage.say(&progress()), ["report Progress"]);
    let heard = stage.now;
    assert_eq!(stage.wake(), ["close", "report Waiting"]);
    assert_eq!(stage.now.since_us(heard), MANAGER_SILENCE_US);
    assert!(stage.close().is_empty());
    assert_eq!(stage.wake(), ["dial"]);
    assert_eq!(stage.welcome(2), ["Watch"]);
    assert_eq!(stage.say(&ended()), ["close", "report Ended"]);
    assert_eq!(stage.client.poll_timeout(), None);
}

#[test]
fn a_manager_that_never_answers_a_shutdown_is_lost_in_the_end() {
    let mut stage = Stage::new(ClientTask::Shutdown);
    stage.give(start());
    assert_eq!(stage.welcome(1), ["Shutdown"]);
    assert_eq!(stage.wake(), ["close", "report Waiting"]);
    assert_eq!(stage.wake(), ["dial"]);
    assert_eq!(stage.welcome(2), ["Shutdown"]);
    assert_eq!(stage.wake(), ["close", "report Failed"]);
    assert_eq!(stage.client.poll_timeout(), None);
}

#[test]
fn another_cluster_is_the_end_of_it() {
    let mut stage = Stage::new(ClientTask::Shutdown);
    stage.give(start());
    let id = ConnectionId::dialled(1);
    stage.connection = Some((id, Connection::accept("other", &[Role::Client])));
    stage
        .client
        .handle_input(Event::Network(NetworkEvent::Connected { connection: id, local: MANAGER }), stage.now);
    let mut other = Connection::accept("other", &[Role::Client]);
    other.receive(stage.client.unsent(id));
    assert!(other.poll().is_err());
    while stage.client.poll_output().is_some() {}
    stage.client.receive(id, other.unsent(), stage.now);
    assert_eq!(stage.drain(), ["close", "report Failed"]);
}

#[test]
fn a_damaged_byte_is_no_refusal_and_the_manager_is_dialled_again() {
    let mut stage = Stage::submitting();
    stage.give(start());
    let id = ConnectionId::dialled(1);
    let mut connection = Connection::accept("c", &[Role::Client]);
    stage
        .client
        .handle_input(Event::Network(NetworkEvent::Connected { connection: id, local: MANAGER }), stage.now);
    connection.receive(stage.client.unsent(id));
    assert_eq!(connection.poll(), Ok(Some(Incoming::Established(Role::Client))));
    while stage.client.poll_output().is_some() {}
    stage.client.receive(id, &damaged(connection.unsent()), stage.now);
    assert_eq!(stage.drain(), ["close", "report Waiting"]);
    assert_eq!(stage.wake(), ["dial"]);
    assert_eq!(stage.welcome(2), ["Submit"]);
    stage.say(&ToClient::Accepted { job: JobId(1) });
    let (id, connection) = stage.connection.as_mut().unwrap();
    connection.send(&ended()).unwrap();
    stage.client.receive(*id, &damaged(connection.unsent()), stage.now);
    assert_eq!(stage.drain(), ["close", "report Waiting"]);
    assert_eq!(stage.wake(), ["dial"]);
    assert_eq!(stage.welcome(3), ["Watch"]);
}

#[test]
fn shutting_down_says_what_was_cancelled() {
    let mut stage = Stage::new(ClientTask::Shutdown);
    stage.give(start());
    assert_eq!(stage.welcome(1), ["Shutdown"]);
    assert_eq!(stage.say(&ToClient::ShuttingDown { jobs_cancelled: 2 }), ["close", "report ShutDown"]);
}

#[test]
fn a_detached_job_is_left_once_it_is_accepted() {
    let mut stage = Stage::submitting_and(true);
    stage.give(start());
    assert_eq!(stage.welcome(1), ["Submit"]);
    let accepted = ToClient::Accepted { job: JobId(1) };
    assert_eq!(stage.say(&accepted), ["report Accepted", "close", "report Left"]);
}

#[test]
fn a_detached_job_that_is_given_up_is_followed_to_its_end() {
    let mut stage = Stage::submitting_and(true);
    stage.give(start());
    assert_eq!(stage.welcome(1), ["Submit"]);
    assert!(stage.give(cancel()).is_empty());
    assert_eq!(stage.say(&ToClient::Accepted { job: JobId(1) }), ["report Accepted", "Cancel"]);
    assert_eq!(stage.say(&ended()), ["close", "report Ended"]);
}

#[test]
fn who_only_watches_leaves_the_job_alone() {
    let mut stage = Stage::new(ClientTask::Watch { job: JobId(1) });
    stage.give(start());
    assert_eq!(stage.welcome(1), ["Watch"]);
    assert_eq!(stage.say(&progress()), ["report Progress"]);
    stage.close();
    stage.wake();
    assert_eq!(stage.welcome(2), ["Watch"]);
    assert_eq!(stage.give(cancel()), ["close", "report Left"]);
}

#[test]
fn a_question_is_asked_until_it_is_answered() {
    let mut stage = Stage::new(ClientTask::Ask(Question::Workers));
    stage.give(start());
    assert_eq!(stage.welcome(1), ["Ask"]);
    stage.close();
    stage.wake();
    assert_eq!(stage.welcome(2), ["Ask"]);
    let none = WorkerList { workers: Vec::new(), left_out: 0 };
    assert_eq!(stage.say(&ToClient::Answer(Answer::Workers(none))), ["close", "report Answered"]);
}
