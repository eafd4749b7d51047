//! How a worker finds its Manager, stays with it, and finds it again.

use super::*;
use crate::failure::{OsError, OsErrorKind};

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
