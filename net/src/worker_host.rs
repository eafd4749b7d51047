//! A worker as a process of its own: owns what joins its control machine to the Manager, its attempts and its shuffle.

use crate::attempt_thread::{AttemptReport, AttemptThread};
use crate::datagram::DatagramSocket;
use crate::driver::{Driver, EventLoop, Performer};
use crate::entropy;
use crate::guard::GuardHandle;
use crate::mailbox::Mailbox;
use crate::os_error::{cannot_start, os_error};
use crate::scratch::Scratch;
use crate::shuffle_thread::ShuffleThread;
use crate::spawner::{Spawner, SpawnerHandle};
use crate::stop_handle::StopHandle;
use crate::stream::{Dialler, TcpDialler};
use mio::net::{TcpListener, UdpSocket};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::ControlFlow;
use std::path::PathBuf;
use windrow_core::failure::{Cause, Failure, OsError, PeerKind};
use windrow_core::ids::AttemptId;
use windrow_core::limits::SORT_BYTES_MIN;
use windrow_core::machine::Node;
use windrow_core::worker::attempt::{AttemptMachine, AttemptSetting, Work};
use windrow_core::worker::map_attempt::MapAttempt;
use windrow_core::worker::reduce_attempt::ReduceAttempt;
use windrow_core::worker::shuffle::{Shuffle, ShuffleConfig};
use windrow_core::worker::{Worker, WorkerConfig, WorkerInput, WorkerNotice, WorkerRequest};

/// What a worker needs before it sorts anything: its code, threads, sockets and their buffers.
const PROCESS_BYTES: u64 = 24 << 20;
/// What an attempt needs beside its sort buffer: the buffers of its pipes and its disk.
const ATTEMPT_BYTES: u64 = 2 << 20;

/// How a worker is started.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// Where the Manager listens.
    pub manager: SocketAddr,
    /// Attempts executed at the same time.
    pub slots: u32,
    /// What the process may use; the programs' own memory is not counted.
    pub memory_bytes: u64,
    /// Where its scratch goes; made if it is missing.
    pub work_dir: PathBuf,
    /// Where it serves map outputs; by default any port of the address from which it reaches the Manager.
    pub shuffle_listen: Option<SocketAddr>,
    /// What other workers are told instead; port 0 stands for the real one.
    pub advertise: Option<SocketAddr>,
    /// What people call this machine.
    pub host: String,
    /// The cluster's name.
    pub cluster: String,
    /// Who cleans up should this process be killed.
    pub guard: GuardHandle,
}

/// The memory that each of `slots` gets for sorting and merging, of all that a worker may use: what remains, in equal
/// shares, after 24 MiB for the process and 2 MiB for each slot's pipes and files, but never less than sorting needs.
pub fn sort_bytes_of(memory_bytes: u64, slots: u32) -> usize {
    let slots = u64::from(slots.max(1));
    let share = memory_bytes.saturating_sub(PROCESS_BYTES + slots * ATTEMPT_BYTES) / slots;
    usize::try_from(share).unwrap_or(usize::MAX).max(SORT_BYTES_MIN)
}

/// A worker that has its directory and its ports, and dials the Manager with [`WorkerHost::run`].
pub struct WorkerHost {
    events: EventLoop<WorkerInput>,
    config: WorkerConfig,
    scratch: Scratch,
    guard: GuardHandle,
    listener: TcpListener,
    datagrams: UdpSocket,
    stop: StopHandle,
}

impl WorkerHost {
    /// Makes the scratch directory and takes the shuffle port.
    pub fn bind(options: WorkerOptions) -> Result<WorkerHost, Failure> {
        let WorkerOptions {
            manager,
            slots,
            memory_bytes,
            work_dir,
            shuffle_listen,
            advertise,
            host,
            cluster,
            guard,
        } = options;
        let own_ip = address_towards(manager).map_err(|error| {
            let address = manager.to_string();
            Failure::new(Cause::Unreachable { address, whom: PeerKind::Manager, error: os_error(&error) })
        })?;
        let listen = shuffle_listen.unwrap_or(SocketAddr::new(own_ip, 0));
        let cannot_listen = |address: SocketAddr| {
            move |error: io::Error| {
                Failure::new(Cause::CannotListen { address: address.to_string(), error: os_error(&error) })
            }
        };
        let listener = TcpListener::bind(listen).map_err(cannot_listen(listen))?;
        let listening = listener.local_addr().map_err(cannot_listen(listen))?;
        let heartbeats = SocketAddr::new(own_ip, 0);
        let datagrams = UdpSocket::bind(heartbeats).map_err(cannot_listen(heartbeats))?;
        let incarnation = entropy::incarnation();
        let scratch = Scratch::create(&work_dir, incarnation, &guard)?;
        let config = WorkerConfig {
            cluster,
            manager,
            incarnation,
            host,
            slots,
            shuffle_address: Some(advertised(listening, advertise, own_ip)),
            sort_bytes: sort_bytes_of(memory_bytes, slots),
            scratch: scratch.path(),
            seed: entropy::seed(),
        };
        let events = EventLoop::open().map_err(|error| cannot_start("the worker", &error))?;
        let stop = stop_handle(events.mailbox());
        Ok(WorkerHost { events, config, scratch, guard, listener, datagrams, stop })
    }

    /// Stops it, from any thread.
    pub fn stop_handle(&self) -> StopHandle {
        self.stop.clone()
    }

    /// Works until it is stopped or refused, and removes its scratch. `notices` is called on this thread.
    pub fn run(self, notices: impl FnMut(WorkerNotice) + Send) -> Result<(), Failure> {
        let WorkerHost { events, config, scratch, guard, listener, datagrams, stop: _ } = self;
        let sockets = WorkerSockets {
            listener: Some(listener),
            datagrams: DatagramSocket::Udp(datagrams),
            dialler: Box::new(TcpDialler),
        };
        let result = run_worker(events, config, sockets, guard, notices);
        drop(scratch);
        result
    }
}

/// The address from which the system would reach `peer`; nothing is sent.
fn address_towards(peer: SocketAddr) -> io::Result<IpAddr> {
    let any: IpAddr =
        if peer.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = std::net::UdpSocket::bind((any, 0))?;
    socket.connect(peer)?;
    Ok(socket.local_addr()?.ip())
}

/// What other workers are told to dial.
fn advertised(listening: SocketAddr, advertise: Option<SocketAddr>, own_ip: IpAddr) -> SocketAddr {
    let mut address = advertise.unwrap_or(listening);
    if address.port() == 0 {
        address.set_port(listening.port());
    }
    if address.ip().is_unspecified() {
        address.set_ip(own_ip);
    }
    address
}

/// A handle that has the worker of this mailbox stop.
pub(crate) fn stop_handle(mailbox: &Mailbox<WorkerInput>) -> StopHandle {
    let stop = StopHandle::default();
    let mailbox = mailbox.clone();
    stop.attach(move || mailbox.send(WorkerInput::Stop));
    stop
}

/// What a worker reaches others by.
pub(crate) struct WorkerSockets {
    /// For the shuffle.
    pub(crate) listener: Option<TcpListener>,
    /// For heartbeats.
    pub(crate) datagrams: DatagramSocket,
    /// For the Manager.
    pub(crate) dialler: Box<dyn Dialler>,
}

/// Runs a worker on this thread, its shuffle and its attempts on theirs, until it is over and all of them have ended.
pub(crate) fn run_worker(
    events: EventLoop<WorkerInput>,
    config: WorkerConfig,
    sockets: WorkerSockets,
    guard: GuardHandle,
    notices: impl FnMut(WorkerNotice),
) -> Result<(), Failure> {
    let shuffle = ShuffleConfig {
        cluster: config.cluster.clone(),
        incarnation: config.incarnation,
        seed: entropy::seed(),
    };
    let WorkerSockets { listener, datagrams, dialler } = sockets;
    let started = || {
        let spawner = Spawner::start(guard)?;
        let mailbox = events.mailbox().clone();
        let shuffle = ShuffleThread::start(Shuffle::new(shuffle), listener, mailbox.clone())?;
        let performer = WorkerPerformer {
            mailbox,
            attempts: HashMap::new(),
            shuffle,
            spawner: spawner.handle(),
            notices,
            refusal: None,
        };
        let mut driver = Driver::new(events, Worker::new(config), performer, dialler)?;
        driver.use_datagrams(datagrams)?;
        Ok((spawner, driver))
    };
    let (spawner, driver) = started().map_err(|error| cannot_start("the worker", &error))?;
    let result = driver.run();
    drop(spawner);
    result
}

/// Performs what a worker's control machine asks for. Dropping it ends attempts, then the shuffle.
struct WorkerPerformer<F> {
    mailbox: Mailbox<WorkerInput>,
    attempts: HashMap<AttemptId, AttemptThread>,
    shuffle: ShuffleThread,
    spawner: SpawnerHandle,
    notices: F,
    /// Why the Manager will not have this worker.
    refusal: Option<Failure>,
}

impl<F> WorkerPerformer<F> {
    fn start<M>(&mut self, attempt: AttemptId, setting: &AttemptSetting, machine: M)
    where
        M: AttemptMachine + Send + 'static,
    {
        self.attempts.retain(|_, thread| !thread.is_finished());
        let mailbox = self.mailbox.clone();
        let report = move |report| {
            mailbox.send(match report {
                AttemptReport::Progress(counters) => WorkerInput::Progress(attempt, counters),
                AttemptReport::Ended(result) => WorkerInput::Ended(attempt, result),
            });
        };
        match AttemptThread::start(attempt, machine, self.spawner.clone(), report) {
            Ok(thread) => {
                let before = self.attempts.insert(attempt, thread);
                assert!(before.is_none(), "{attempt} was started twice");
            }
            Err(error) => self.mailbox.send(WorkerInput::Ended(attempt, Err(not_started(setting, &error)))),
        }
    }
}

/// The worker's fault, not the task's: it runs elsewhere.
fn not_started(setting: &AttemptSetting, error: &io::Error) -> Failure {
    let OsError { kind, text } = os_error(error);
    let text = format!("the attempt's thread cannot be started: {text}");
    Failure::new(Cause::Scratch { path: setting.scratch.clone(), error: OsError { kind, text } })
}

impl<F> Drop for WorkerPerformer<F> {
    fn drop(&mut self) {
        for thread in self.attempts.values() {
            thread.kill();
        }
        for (_, thread) in self.attempts.drain() {
            thread.join();
        }
    }
}

impl<N, F> Performer<N> for WorkerPerformer<F>
where
    N: Node<Local = WorkerInput, Request = WorkerRequest>,
    F: FnMut(WorkerNotice),
{
    fn perform(&mut self, _node: &N, request: WorkerRequest) -> ControlFlow<Result<(), Failure>> {
        match request {
            WorkerRequest::Start(attempt, work) => match *work {
                Work::Map(work) => self.start(attempt, &work.setting.clone(), MapAttempt::new(work)),
                Work::Reduce(work) => self.start(attempt, &work.setting.clone(), ReduceAttempt::new(work)),
            },
            WorkerRequest::Kill(attempt) => {
                if let Some(thread) = self.attempts.get(&attempt) {
                    thread.kill();
                }
            }
            WorkerRequest::Shuffle(command) => self.shuffle.command(command),
            WorkerRequest::Notice(notice) => {
                if let WorkerNotice::Refused(failure) = &notice {
                    self.refusal = Some(failure.clone());
                }
                (self.notices)(notice);
            }
            WorkerRequest::Stopped => return ControlFlow::Break(self.refusal.take().map_or(Ok(()), Err)),
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_shared_out_after_the_fixed_parts() {
        assert_eq!(sort_bytes_of(256 << 20, 2), 114 << 20);
        assert_eq!(sort_bytes_of(256 << 20, 4), 56 << 20);
        assert_eq!(sort_bytes_of(1 << 20, 4), SORT_BYTES_MIN);
        assert!(sort_bytes_of(u64::MAX, 1) > 1 << 40);
        for slots in 1..64 {
            let used =
                PROCESS_BYTES + u64::from(slots) * (ATTEMPT_BYTES + sort_bytes_of(1 << 30, slots) as u64);
            assert!(used <= 1 << 30);
        }
    }

    #[test]
    fn others_are_told_an_address_they_can_dial() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let own_ip = address("10.1.1.1:0").ip();
        let told = |listening, advertise: Option<&str>| {
            advertised(address(listening), advertise.map(address), own_ip).to_string()
        };
        assert_eq!(told("10.1.1.1:4000", None), "10.1.1.1:4000");
        assert_eq!(told("0.0.0.0:4000", None), "10.1.1.1:4000");
        assert_eq!(told("0.0.0.0:4000", Some("192.0.2.7:0")), "192.0.2.7:4000");
        assert_eq!(told("0.0.0.0:4000", Some("192.0.2.7:81")), "192.0.2.7:81");
    }

    #[test]
    fn a_neighbour_on_loopback_is_reached_from_loopback() {
        let manager: SocketAddr = "127.0.0.1:7077".parse().unwrap();
        assert_eq!(address_towards(manager).unwrap(), manager.ip());
    }
}
