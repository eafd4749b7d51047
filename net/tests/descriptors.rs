//! A driver that runs out of file descriptors. Alone in its process, for the limit is the process's.

use crossbeam_channel::Sender;
use mio::net::TcpListener;
use net::driver::{Driver, EventLoop, Performer};
use net::stream::{NO_ADDRESS, TcpDialler};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::collections::VecDeque;
use std::net::TcpStream;
use std::ops::ControlFlow;
use windrow_core::failure::Failure;
use windrow_core::ids::ConnectionId;
use windrow_core::machine::{Action, Event, Machine, NetworkEvent, Node};
use windrow_core::time::Time;

/// Tells who came and went.
#[derive(Default)]
struct Porter {
    told: VecDeque<Action<Told>>,
}

#[derive(Debug, PartialEq, Eq)]
enum Told {
    Came,
    Went,
    Stop,
}

struct Stop;

impl Machine for Porter {
    type Input = Event<Stop>;
    type Output = Action<Told>;
    type Timer = ();

    fn handle_input(&mut self, input: Event<Stop>, _now: Time) {
        self.told.push_back(Action::Local(match input {
            Event::Network(NetworkEvent::Accepted { .. }) => Told::Came,
            Event::Network(NetworkEvent::Closed { .. }) => Told::Went,
            Event::Network(event) => panic!("{event:?}"),
            Event::Local(Stop) => Told::Stop,
        }));
    }

    fn handle_timeout(&mut self, _now: Time) {}

    fn poll_output(&mut self) -> Option<Action<Told>> {
        self.told.pop_front()
    }

    fn poll_timeout(&self) -> Option<(Time, ())> {
        None
    }

    fn check_invariants(&self) {}
}

impl Node for Porter {
    type Local = Stop;
    type Request = Told;

    fn receive(&mut self, _connection: ConnectionId, _bytes: &[u8], _now: Time) {}

    fn unsent(&self, _connection: ConnectionId) -> &[u8] {
        &[]
    }

    fn sent(&mut self, _connection: ConnectionId, _count: usize, _now: Time) {}
}

struct Teller(Sender<Told>);

impl Performer<Porter> for Teller {
    fn perform(&mut self, _node: &Porter, told: Told) -> ControlFlow<Result<(), Failure>> {
        match told {
            Told::Stop => ControlFlow::Break(Ok(())),
            Told::Came | Told::Went => {
                self.0.send(told).unwrap();
                ControlFlow::Continue(())
            }
        }
    }
}

/// Processor time of this process so far, in ticks of the kernel's clock (a hundredth of a second).
fn processor_ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn accepting_rests_while_there_are_no_descriptors_and_then_goes_on() {
    let listener = TcpListener::bind(NO_ADDRESS).unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, told) = crossbeam_channel::unbounded();
    let events = EventLoop::open().unwrap();
    let mailbox = events.mailbox().clone();
    let mut driver = Driver::new(events, Porter::default(), Teller(sender), Box::new(TcpDialler)).unwrap();
    driver.listen(listener).unwrap();
    let running = std::thread::spawn(|| driver.run());

    let first = TcpStream::connect(address).unwrap();
    assert_eq!(told.recv().unwrap(), Told::Came);
    // Descriptors are given out from the lowest: with the next as the limit, there is one more, for the second client.
    let second_to_be = std::fs::File::open("/dev/null").unwrap();
    let lowest_free = u64::try_from(std::os::fd::AsRawFd::as_raw_fd(&second_to_be)).unwrap();
    drop(second_to_be);
    let before = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(lowest_free + 1), maximum: before.maximum }).unwrap();
    let _second = TcpStream::connect(address).unwrap();

    // Long enough for a driver that spins to be seen by the processor time it takes.
    assert!(told.recv_timeout(std::time::Duration::from_millis(500)).is_err(), "nobody can be accepted");
    setrlimit(Resource::Nofile, before).unwrap();
    assert_eq!(told.recv().unwrap(), Told::Came, "the second is accepted in the end");
    assert!(processor_ticks() < 25, "the driver slept meanwhile");

    drop(first);
    assert_eq!(told.recv().unwrap(), Told::Went);
    mailbox.send(Stop);
    assert_eq!(running.join().unwrap(), Ok(()));
}
