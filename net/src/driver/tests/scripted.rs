//! Streams that do what a script says: partial reads and writes, interruptions, spurious readiness, resets.

use super::*;
use crate::stream::NO_ADDRESS;
use mio::event::Source;
use mio::{Interest, Registry};
use proptest::prelude::*;
use std::io::{Read, Write};
use std::sync::{Arc, Mutex, MutexGuard};
use windrow_core::failure::OsErrorKind;

/// What a call on a scripted stream does.
#[derive(Clone, Debug)]
enum Step {
    /// Moves so many bytes at the most.
    Move(usize),
    /// Fails with EINTR.
    Interrupt,
    /// Has nothing to move; the socket says later that it is ready again.
    Block,
}

/// What the peer does once all it has to say was read.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
enum Then {
    #[default]
    Wait,
    Close,
    Reset,
}

/// Calls beyond the steps move all they can.
#[derive(Debug, Default)]
struct Script {
    reads: VecDeque<Step>,
    writes: VecDeque<Step>,
    incoming: VecDeque<u8>,
    then: Then,
    outgoing: Vec<u8>,
    write_fails: bool,
    shut_down: bool,
    dropped: bool,
}

/// How many bytes a step lets pass.
fn take_step(steps: &mut VecDeque<Step>) -> io::Result<usize> {
    match steps.pop_front() {
        Some(Step::Move(most)) => Ok(most),
        Some(Step::Interrupt) => Err(io::ErrorKind::Interrupted.into()),
        Some(Step::Block) => Err(io::ErrorKind::WouldBlock.into()),
        None => Ok(usize::MAX),
    }
}

#[derive(Debug)]
struct Scripted(Arc<Mutex<Script>>);

impl Read for Scripted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut script = self.0.lock().unwrap();
        let count = take_step(&mut script.reads)?.min(buffer.len()).min(script.incoming.len());
        if count == 0 {
            return match script.then {
                Then::Wait => Err(io::ErrorKind::WouldBlock.into()),
                Then::Close => Ok(0),
                Then::Reset => Err(io::ErrorKind::ConnectionReset.into()),
            };
        }
        for (place, byte) in buffer.iter_mut().zip(script.incoming.drain(..count)) {
            *place = byte;
        }
        Ok(count)
    }
}

impl Write for Scripted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut script = self.0.lock().unwrap();
        assert!(!script.shut_down, "written after the write side was shut down");
        if script.write_fails {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let count = take_step(&mut script.writes)?.min(bytes.len());
        script.outgoing.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Never ready by itself: a test says when.
impl Source for Scripted {
    fn register(&mut self, _: &Registry, _: Token, _: Interest) -> io::Result<()> {
        Ok(())
    }

    fn reregister(&mut self, _: &Registry, _: Token, _: Interest) -> io::Result<()> {
        Ok(())
    }

    fn deregister(&mut self, _: &Registry) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Scripted {
    fn dialled(&self) -> io::Result<Option<SocketAddr>> {
        Ok(Some(NO_ADDRESS))
    }

    fn shutdown_write(&self) -> io::Result<()> {
        self.0.lock().unwrap().shut_down = true;
        Ok(())
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.0.lock().unwrap().dropped = true;
    }
}

/// Reaches nobody.
struct NoDialler;

impl Dialler for NoDialler {
    fn dial(&mut self, _to: SocketAddr) -> io::Result<Box<dyn Stream>> {
        Err(io::ErrorKind::ConnectionRefused.into())
    }
}

/// A driver with one scripted connection, which its peer dialled.
struct Stage {
    driver: Driver<Toy, Watcher>,
    mailbox: Mailbox<Order>,
    script: Arc<Mutex<Script>>,
    told: crossbeam_channel::Receiver<Told>,
}

const TOKEN: Token = Token(FIRST_CONNECTION);
const NAME: ConnectionId = ConnectionId::accepted(0);

impl Stage {
    fn new(manner: Manner, script: Script) -> Stage {
        let (sender, told) = crossbeam_channel::unbounded();
        let events = EventLoop::open().unwrap();
        let mailbox = events.mailbox().clone();
        let mut driver = Driver::new(events, Toy::new(manner), Watcher(sender), Box::new(NoDialler)).unwrap();
        let script = Arc::new(Mutex::new(script));
        driver.take_stream(Box::new(Scripted(script.clone())), NO_ADDRESS);
        Stage { driver, mailbox, script, told }
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }

    fn order(&mut self, order: Order) {
        self.mailbox.send(order);
        self.driver.inbox.woken();
    }

    /// Says what the socket is ready for, and gives the driver turns for as long as it wants any.
    fn ready(&mut self, readable: bool, writable: bool) {
        self.driver.connections.ready(TOKEN, readable, writable);
        loop {
            self.driver.turn();
            if self.driver.timeout() != Some(Duration::ZERO) {
                return;
            }
        }
    }

    fn is_open(&self) -> bool {
        self.driver.connections.token(NAME).is_some()
    }

    fn told(&self) -> Vec<Told> {
        self.told.try_iter().collect()
    }
}

fn closings(told: &[Told]) -> Vec<Option<OsErrorKind>> {
    let closings = told.iter().filter_map(|told| match told {
        Told::Event(NetworkEvent::Closed { error, .. }) => Some(error.as_ref().map(|error| error.kind)),
        Told::Event(_) | Told::Heard(..) => None,
    });
    closings.collect()
}

#[test]
fn readiness_without_bytes_tells_nothing() {
    let mut stage = Stage::new(Manner::Listen, Script::default());
    stage.ready(true, true);
    stage.ready(true, false);
    stage.ready(false, true);
    assert!(stage.is_open());
    let accepted = NetworkEvent::Accepted { connection: NAME, peer: NO_ADDRESS };
    assert_eq!(stage.told(), [Told::Event(accepted)]);
    assert!(stage.script().outgoing.is_empty());
}

#[test]
fn a_budget_stops_a_chatterer_but_loses_nothing() {
    let text: Vec<u8> = (0..READ_BUDGET_BYTES * 3).map(|number| number as u8).collect();
    let script = Script { incoming: text.clone().into(), then: Then::Close, ..Script::default() };
    let mut stage = Stage::new(Manner::Listen, script);
    stage.driver.connections.ready(TOKEN, true, false);
    stage.driver.turn();
    let first = stage.told();
    assert_eq!(heard(&first, NAME).len(), READ_BUDGET_BYTES, "one turn reads as much as the budget allows");
    assert_eq!(stage.driver.timeout(), Some(Duration::ZERO), "and is followed by another at once");
    stage.ready(false, false);
    let rest = stage.told();
    assert!([heard(&first, NAME), heard(&rest, NAME)].concat() == text);
    assert_eq!(closings(&rest), [None]);
}

#[test]
fn what_was_said_before_a_reset_is_heard() {
    let script = Script { incoming: b"last words".to_vec().into(), then: Then::Reset, ..Script::default() };
    let mut stage = Stage::new(Manner::Listen, script);
    stage.ready(true, true);
    let told = stage.told();
    assert_eq!(heard(&told, NAME), b"last words");
    assert_eq!(closings(&told), [Some(OsErrorKind::Other)]);
    assert!(stage.script().dropped);
}

#[test]
fn what_the_peer_said_before_it_stopped_listening_is_heard() {
    let script = Script { write_fails: true, incoming: b"refused".to_vec().into(), ..Script::default() };
    let mut stage = Stage::new(Manner::Listen, script);
    stage.order(Order::Say(NAME, b"hello".to_vec()));
    stage.ready(false, false);
    let told = stage.told();
    assert_eq!(heard(&told, NAME), b"refused");
    assert_eq!(closings(&told), [Some(OsErrorKind::Other)]);
}

#[test]
fn closing_flushes_shuts_down_and_discards_until_the_peer_closes() {
    let script = Script {
        incoming: b"hello".to_vec().into(),
        writes: [Step::Move(1), Step::Interrupt, Step::Move(1)].into(),
        ..Script::default()
    };
    let mut stage = Stage::new(Manner::Refuse, script);
    stage.ready(true, true);
    let told = stage.told();
    assert_eq!((heard(&told, NAME), closings(&told)), (b"hello".to_vec(), vec![None]));
    assert_eq!(stage.script().outgoing, b"no");
    assert!(stage.script().shut_down && !stage.script().dropped);

    stage.script().incoming.extend(b"more");
    stage.ready(true, false);
    assert!(stage.script().incoming.is_empty() && !stage.script().dropped);

    stage.script().then = Then::Close;
    stage.ready(true, false);
    assert!(stage.script().dropped);
    assert!(stage.told().is_empty(), "the node heard its last of it");
}

#[test]
fn a_lingering_connection_ends_though_its_peer_never_closes() {
    let script = Script { incoming: b"hello".to_vec().into(), ..Script::default() };
    let mut stage = Stage::new(Manner::Refuse, script);
    stage.ready(true, true);
    let until = stage.driver.connections.lingering_until().expect("it lingers");
    stage.driver.connections.end_lingering(Time::from_us(until.as_us() - 1));
    assert!(!stage.script().dropped);
    stage.driver.connections.end_lingering(until);
    assert!(stage.script().dropped);
    assert_eq!(stage.driver.connections.lingering_until(), None);
}

#[test]
fn closing_twice_closes_once() {
    let mut stage = Stage::new(Manner::Listen, Script::default());
    stage.order(Order::Close(NAME));
    stage.order(Order::Close(NAME));
    stage.ready(true, true);
    assert_eq!(closings(&stage.told()), [None]);
}

#[test]
fn a_dial_that_fails_at_once_is_told() {
    let mut stage = Stage::new(Manner::Listen, Script::default());
    stage.order(Order::Dial { number: 4, to: NO_ADDRESS });
    stage.ready(false, false);
    let error = os_error(&io::ErrorKind::ConnectionRefused.into());
    let failed = NetworkEvent::DialFailed { connection: ConnectionId::dialled(4), error };
    assert!(stage.told().contains(&Told::Event(failed)));
}

fn steps() -> impl Strategy<Value = VecDeque<Step>> {
    let step = prop_oneof![
        3 => (1_usize..40).prop_map(Step::Move),
        1 => Just(Step::Interrupt),
        1 => Just(Step::Block),
    ];
    prop::collection::vec(step, 0..60).prop_map(VecDeque::from)
}

proptest! {
    /// However a stream is cut and interrupted, both directions carry the same bytes in the same order.
    #[test]
    fn no_cutting_changes_the_bytes(
        text in prop::collection::vec(any::<u8>(), 0..1_000),
        reads in steps(),
        writes in steps(),
    ) {
        let readinesses = reads.len() + writes.len() + 1;
        let script = Script { incoming: text.clone().into(), reads, writes, ..Script::default() };
        let mut stage = Stage::new(Manner::Echo, script);
        for _ in 0..readinesses {
            stage.ready(true, true);
        }
        prop_assert_eq!(&stage.script().outgoing, &text);
        stage.script().then = Then::Close;
        stage.ready(true, false);
        let told = stage.told();
        prop_assert_eq!(heard(&told, NAME), text);
        prop_assert_eq!(closings(&told), [None]);
    }
}
