//! The tap: what it tells is what the receiver then reads, whatever the cuts.

use super::*;
use std::str::FromStr;
use windrow_core::ids::{AttemptId, Epoch, Incarnation, JobId, Partition, SessionId, TaskId};
use windrow_core::wire::message::{
    FetchAnswer, FetchRequest, FromWorker, Heartbeat, HeartbeatAnswer, Role, ToWorker,
};
use windrow_core::wire::{Connection as Wire, datagram};

/// Two ends of Windrow's protocol on the network, and what the tap has told of them.
struct Talk {
    pair: Pair,
    ends: BTreeMap<Actor, (ConnectionId, Wire)>,
    heard: Vec<Heard>,
}

const ATTEMPT: AttemptId = AttemptId { job: JobId(1), task: TaskId::Map(2), epoch: Epoch(4), number: 3 };

fn talk(seed: u64, role: Role) -> Talk {
    let mut pair = pair(seed);
    pair.network.tap();
    let name = pair.dial();
    let dialler = Wire::dial("toys", role);
    let acceptor = Wire::accept("toys", &[Role::Worker, Role::Client, Role::Fetcher]);
    let ends = [(client(), (name, dialler)), (server(), (ConnectionId::accepted(0), acceptor))];
    Talk { pair, ends: BTreeMap::from(ends), heard: Vec::new() }
}

impl Talk {
    fn say(&mut self, actor: Actor, say: impl FnOnce(&mut Wire)) {
        let (name, wire) = self.ends.get_mut(&actor).expect("one of two");
        say(wire);
        self.pair.network.transmit(actor, *name, &mut self.pair.schedule);
    }

    /// Lets all happen, and sees that what the tap tells is what the receiver then reads.
    fn run(&mut self) {
        while let Some(event) = self.pair.schedule.pop() {
            let Event::Network(occurrence) = event else { continue };
            let Pair { network, schedule, .. } = &mut self.pair;
            let Some((actor, delivery)) = network.happen(occurrence, schedule) else { continue };
            let heard = network.heard();
            let (name, wire) = self.ends.get_mut(&actor).expect("one of two");
            match delivery {
                Delivery::Writable(name) => {
                    let count = network.write(actor, name, wire.unsent(), schedule);
                    wire.sent(count);
                }
                Delivery::Event(_) => network.transmit(actor, *name, schedule),
                Delivery::Bytes(_, bytes) => {
                    wire.receive(&bytes);
                    let mut read = 0;
                    while wire.poll().expect("nothing is violated").is_some() {
                        read += 1;
                    }
                    network.transmit(actor, *name, schedule);
                    assert_eq!(heard.len(), read, "{heard:?}");
                }
            }
            for heard in &heard {
                assert!(heard.to == actor && heard.from != actor);
                assert!(heard.sent < heard.arrived && heard.arrived == schedule.now());
            }
            self.heard.extend(heard);
        }
    }

    fn kinds(&self, to: Actor) -> Vec<String> {
        self.heard.iter().filter(|heard| heard.to == to).map(|heard| heard.kind.to_string()).collect()
    }
}

#[test]
fn it_tells_every_message_to_and_from_a_worker_when_it_is_complete() {
    for seed in 0..50 {
        let mut talk = talk(seed, Role::Worker);
        talk.run();
        let register = FromWorker::Register {
            incarnation: Incarnation(5),
            host: "a host".repeat(300),
            slots: 2,
            shuffle_address: None,
        };
        for message in [register, FromWorker::Gathered { attempt: ATTEMPT }, FromWorker::Goodbye] {
            talk.say(client(), |wire| wire.send(&message).expect("it is short"));
        }
        for message in
            [ToWorker::DropJob { job: JobId(1) }, ToWorker::Kill { attempt: ATTEMPT }, ToWorker::Stop]
        {
            talk.say(server(), |wire| wire.send(&message).expect("it is short"));
        }
        talk.run();
        assert_eq!(
            talk.kinds(server()),
            ["Hello", "FromWorker::Register", "FromWorker::Gathered", "FromWorker::Goodbye"]
        );
        assert_eq!(
            talk.kinds(client()),
            ["HelloAnswer::Welcome", "ToWorker::DropJob", "ToWorker::Kill", "ToWorker::Stop"]
        );
        assert!(talk.heard.iter().any(|heard| heard.text.contains("a hosta host")));
    }
}

#[test]
fn it_tells_requests_and_raw_data_of_a_fetcher() {
    for seed in 0..50 {
        let mut talk = talk(seed, Role::Fetcher);
        talk.run();
        let request = FetchRequest { map: ATTEMPT, partition: Partition(0) };
        talk.say(client(), |wire| wire.send(&request).expect("it is short"));
        talk.say(server(), |wire| {
            wire.send(&FetchAnswer::Run { length_bytes: 9_000 }).expect("it is short");
            wire.send_raw(&text(seed, 8_000));
            wire.send_raw(&text(seed, 1_000));
        });
        talk.run();
        assert_eq!(talk.kinds(server()), ["Hello", "FetchRequest"]);
        assert_eq!(talk.kinds(client()), ["HelloAnswer::Welcome", "FetchAnswer::Run", "Raw", "Raw"]);
    }
}

#[test]
fn it_says_no_more_of_a_connection_that_was_changed() {
    let mut talk = talk(1, Role::Worker);
    talk.run();
    assert_eq!(talk.heard.len(), 2);
    talk.pair.network.flip_one(&mut Stream::new(1, "faults")).expect("one is open");
    talk.say(client(), |wire| wire.send(&FromWorker::Goodbye).expect("it is short"));
    let Pair { network, schedule, .. } = &mut talk.pair;
    while let Some(event) = schedule.pop() {
        if let Event::Network(occurrence) = event {
            network.happen(occurrence, schedule);
            assert!(network.heard().is_empty());
        }
    }
}

#[test]
fn it_tells_heartbeats_and_their_answers_but_not_what_is_left_of_them() {
    let (session, epoch, sequence) = (SessionId(1), Epoch(2), 3);
    let beat = datagram::encode(&Heartbeat { session, epoch, sequence, running: 0 });
    let answer = datagram::encode(&HeartbeatAnswer { session, epoch, sequence });
    let mut pair = pair(2);
    pair.network.tap();
    pair.network.bind_datagrams(CLIENT.host.control_address(), client());
    let (here, there) = (CLIENT.host.control_address(), SERVER.host.control_address());
    pair.network.send_datagram(client(), there, &beat, &mut pair.schedule);
    pair.network.send_datagram(client(), there, &beat[..9], &mut pair.schedule);
    pair.network.send_datagram(server(), here, &answer, &mut pair.schedule);
    pair.run();
    let mut heard = pair.network.heard();
    heard.sort_by_key(|heard| heard.kind);
    let kinds: Vec<(Actor, String)> =
        heard.iter().map(|heard| (heard.from, heard.kind.to_string())).collect();
    assert_eq!(kinds, [(client(), "Heartbeat".into()), (server(), "HeartbeatAnswer".into())]);
}

#[test]
fn kinds_have_names_of_their_own_that_parse() {
    let names: Vec<String> = MessageKind::all().map(|kind| kind.to_string()).collect();
    for (kind, name) in MessageKind::all().zip(&names) {
        assert_eq!(MessageKind::from_str(name), Ok(kind));
        assert_eq!(names.iter().filter(|other| *other == name).count(), 1);
    }
    assert!(names.contains(&"ToWorker::Launch".to_string()) && names.contains(&"Raw".to_string()));
    assert_eq!(MessageKind::from_str("Nonsense"), Err(UnknownKind("Nonsense".into())));
}
