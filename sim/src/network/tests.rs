//! The network alone: bytes in order whatever the cuts, exactly one end for each end, honest silence.

mod damage;
mod datagrams;
mod edges;
mod tap;

use super::*;
use crate::names::{Part, ProcessId};
use crate::stream::Ratio;
use windrow_core::time::{MILLISECOND_US, SECOND_US};

const CLIENT: ProcessId = ProcessId { host: Host::Client(0), life: 0 };
const SERVER: ProcessId = ProcessId { host: Host::Manager, life: 0 };

/// What happens in a test: on the network, or that the test looks at it.
#[derive(Debug)]
enum Event {
    Network(Occurrence),
    Look,
}

impl From<Occurrence> for Event {
    fn from(occurrence: Occurrence) -> Event {
        Event::Network(occurrence)
    }
}

struct Pair {
    network: Network,
    schedule: Schedule<Event>,
    unsent: BTreeMap<(Actor, ConnectionId), Vec<u8>>,
    heard: BTreeMap<(Actor, ConnectionId), Vec<u8>>,
    pieces: usize,
    events: Vec<(Actor, NetworkEvent)>,
}

fn client() -> Actor {
    CLIENT.actor(Part::Control)
}

fn server() -> Actor {
    SERVER.actor(Part::Control)
}

fn pair(seed: u64) -> Pair {
    let setting = NetworkSetting {
        latency: Span { least_us: 50, most_us: 5 * MILLISECOND_US },
        jitter: Span { least_us: 1, most_us: 5 * MILLISECOND_US },
        window_bytes: (100, 5_000),
    };
    let mut pair = Pair {
        network: Network::new(seed, setting),
        schedule: Schedule::default(),
        unsent: BTreeMap::new(),
        heard: BTreeMap::new(),
        pieces: 0,
        events: Vec::new(),
    };
    pair.listen(SERVER);
    pair
}

impl Pair {
    fn listen(&mut self, process: ProcessId) {
        let (address, actor) = (process.host.control_address(), process.actor(Part::Control));
        self.network.listen(address, actor, &mut self.schedule);
        self.network.bind_datagrams(address, actor);
    }

    fn dial(&mut self) -> ConnectionId {
        let name = ConnectionId::dialled(7);
        self.network.dial(client(), name, SERVER.host.control_address(), &mut self.schedule);
        name
    }

    fn say(&mut self, actor: Actor, name: ConnectionId, bytes: &[u8]) {
        self.unsent.entry((actor, name)).or_default().extend(bytes);
        self.network.transmit(actor, name, &mut self.schedule);
    }

    fn run(&mut self) {
        while let Some(event) = self.schedule.pop() {
            if let Event::Network(occurrence) = event {
                self.happen(occurrence);
            }
        }
    }

    fn run_for(&mut self, us: u64) {
        self.schedule.after(us, Event::Look);
        while let Some(Event::Network(occurrence)) = self.schedule.pop() {
            self.happen(occurrence);
        }
    }

    fn happen(&mut self, occurrence: Occurrence) {
        let recipient = self.network.recipient(&occurrence);
        let Some((actor, delivery)) = self.network.happen(occurrence, &mut self.schedule) else { return };
        assert_eq!(recipient, Some(actor), "{delivery:?}");
        match delivery {
            Delivery::Event(event) => self.events.push((actor, event)),
            Delivery::Bytes(name, bytes) => {
                self.pieces += 1;
                self.heard.entry((actor, name)).or_default().extend(bytes);
            }
            Delivery::Writable(name) => {
                let unsent = self.unsent.entry((actor, name)).or_default();
                let count = self.network.write(actor, name, unsent, &mut self.schedule);
                unsent.drain(..count);
            }
        }
    }

    /// What an end has heard so far.
    fn heard(&self, actor: Actor, name: ConnectionId) -> &[u8] {
        self.heard.get(&(actor, name)).map_or(&[], Vec::as_slice)
    }

    /// The kind of the error with which the only end of `of` came.
    fn end_error(&self, of: Actor) -> Option<OsErrorKind> {
        let [NetworkEvent::DialFailed { error, .. } | NetworkEvent::Closed { error: Some(error), .. }] =
            self.ends(of)[..]
        else {
            return None;
        };
        Some(error.kind)
    }

    fn ends(&self, of: Actor) -> Vec<&NetworkEvent> {
        let ending = |event: &&NetworkEvent| match event {
            NetworkEvent::DialFailed { .. } | NetworkEvent::Closed { .. } => true,
            NetworkEvent::Accepted { .. }
            | NetworkEvent::Connected { .. }
            | NetworkEvent::Datagram { .. } => false,
        };
        self.events.iter().filter(|(actor, _)| *actor == of).map(|(_, event)| event).filter(ending).collect()
    }
}

fn text(seed: u64, length: usize) -> Vec<u8> {
    let mut stream = Stream::new(seed, "text");
    (0..length).map(|_| stream.number() as u8).collect()
}

#[test]
fn bytes_arrive_whole_and_in_order_however_they_are_cut() {
    let mut cut = false;
    for seed in 0..50 {
        let mut pair = pair(seed);
        let name = pair.dial();
        pair.run();
        let accepted = ConnectionId::accepted(0);
        let (there, back) = (text(seed, 20_000), text(seed + 1, 3_000));
        pair.say(client(), name, &there);
        pair.say(server(), accepted, &back);
        pair.run();
        assert!(pair.heard[&(server(), accepted)] == there, "seed {seed}");
        assert!(pair.heard[&(client(), name)] == back, "seed {seed}");
        cut |= pair.pieces > 20;
        pair.network.close(server(), accepted, &mut pair.schedule);
        pair.run();
        assert_eq!(pair.ends(client()).len(), 1, "seed {seed}");
        assert_eq!(pair.ends(server()).len(), 1, "seed {seed}");
        assert_eq!(pair.network.open_ends().count(), 0);
        assert!(pair.network.connections.is_empty());
    }
    assert!(cut);
}

#[test]
fn what_was_written_before_a_close_arrives() {
    for seed in 0..50 {
        let mut pair = pair(seed);
        let name = pair.dial();
        pair.run();
        let last_words = text(seed, 90);
        let mut written = 0;
        while written < last_words.len() {
            written += pair.network.write(client(), name, &last_words[written..], &mut pair.schedule);
        }
        pair.network.close(client(), name, &mut pair.schedule);
        pair.run();
        assert!(pair.heard[&(server(), ConnectionId::accepted(0))] == last_words);
        assert!(matches!(pair.ends(server())[..], [NetworkEvent::Closed { error: None, .. }]));
    }
}

#[test]
fn a_dial_to_nobody_fails_once() {
    let mut pair = pair(1);
    pair.network.end_process(SERVER, Farewell::Close, &mut pair.schedule);
    pair.dial();
    pair.run();
    let [NetworkEvent::DialFailed { error, .. }] = pair.ends(client())[..] else {
        panic!("{:?}", pair.events)
    };
    assert_eq!(error.kind, OsErrorKind::ConnectionRefused);
    pair.network.end_process(SERVER, Farewell::Silence, &mut pair.schedule);
    pair.events.clear();
    pair.dial();
    pair.run();
    let [NetworkEvent::DialFailed { error, .. }] = pair.ends(client())[..] else {
        panic!("{:?}", pair.events)
    };
    assert_eq!(error.kind, OsErrorKind::TimedOut);
}

#[test]
fn a_dial_that_is_closed_at_any_moment_ends_once_on_either_side() {
    for seed in 0..200 {
        let mut pair = pair(seed);
        let name = pair.dial();
        for _ in 0..seed % 4 {
            if let Some(Event::Network(occurrence)) = pair.schedule.pop() {
                pair.happen(occurrence);
            }
        }
        pair.network.close(client(), name, &mut pair.schedule);
        pair.run();
        assert_eq!(pair.ends(client()).len(), 1, "seed {seed}");
        let accepted = pair.events.iter().filter(|(actor, _)| *actor == server()).count();
        assert!(accepted == 0 || accepted == 2, "seed {seed}: {:?}", pair.events);
        assert!(pair.network.connections.is_empty());
    }
}

#[test]
fn a_silent_death_is_noticed_by_whoever_writes_once_the_host_is_back() {
    let mut pair = pair(3);
    let name = pair.dial();
    pair.run();
    pair.network.end_process(SERVER, Farewell::Silence, &mut pair.schedule);
    pair.run();
    assert!(pair.ends(client()).is_empty());
    let written = pair.network.write(client(), name, b"is anybody there?", &mut pair.schedule);
    assert_ne!(written, 0);
    pair.listen(ProcessId { life: 1, ..SERVER });
    pair.run();
    assert!(matches!(pair.ends(client())[..], [NetworkEvent::Closed { error: Some(_), .. }]));
    assert!(pair.network.connections.is_empty());
}
