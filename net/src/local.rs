//! A whole cluster in this process: owns the Manager and the one worker behind `windrow run`, joined by socket pairs.
//!
//! The machines and the code below them are those of a real cluster. No port is opened, and the journal is in memory: a
//! Manager that lives for one job has nobody to come back for.

use crate::client_host::{InProcessLink, Link};
use crate::datagram::DatagramSocket;
use crate::driver::EventLoop;
use crate::guard::GuardHandle;
use crate::in_process::InProcessDialler;
use crate::manager_host::{self, Journal, manager_driver};
use crate::os_error::cannot_start;
use crate::scratch::Scratch;
use crate::stop_handle::StopHandle;
use crate::stream::NO_ADDRESS;
use crate::worker_host::{self, WorkerSockets, run_worker, sort_bytes_of};
use crate::{clock, entropy, thread};
use mio::net::UnixDatagram;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread::JoinHandle;
use windrow_core::failure::Failure;
use windrow_core::ids::Epoch;
use windrow_core::limits::LOCAL_PATIENCE_US;
use windrow_core::manager::jobs::Jobs;
use windrow_core::manager::{Manager, ManagerConfig, ManagerInput};
use windrow_core::time::{SECOND_US, Time};
use windrow_core::worker::{WorkerConfig, WorkerInput, WorkerNotice};

const CLUSTER: &str = "local";
const HEARTBEAT_US: u64 = 10 * SECOND_US;
/// Neither can die without the other, but a process may be stopped for a night and go on.
const LEASE_US: u64 = 30 * 24 * 3_600 * SECOND_US;

/// How a local cluster is started.
#[derive(Clone, Debug)]
pub struct LocalOptions {
    /// Attempts executed at the same time.
    pub slots: u32,
    /// What this process may use; the programs' own memory is not counted.
    pub memory_bytes: u64,
    /// Where its scratch goes; made if it is missing.
    pub work_dir: PathBuf,
    /// Who cleans up should this process be killed.
    pub guard: GuardHandle,
}

/// A Manager and a worker on threads of this process. Dropping it stops it.
#[derive(Debug)]
pub struct LocalCluster {
    link: InProcessLink,
    manager: Member,
    worker: Member,
    /// Removed when both have ended.
    _scratch: Scratch,
}

/// A machine on a thread of its own.
#[derive(Debug)]
struct Member {
    stop: StopHandle,
    thread: Option<JoinHandle<Result<(), Failure>>>,
}

impl Member {
    fn stop(&mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take() {
            match thread.join() {
                Ok(Ok(())) => {}
                Ok(Err(failure)) => tracing::error!(?failure, "a part of the local cluster failed"),
                Err(_) => unreachable!("a panic there has ended the process"),
            }
        }
    }
}

impl LocalCluster {
    /// Starts both; the worker registers by itself.
    pub fn start(options: LocalOptions) -> Result<LocalCluster, Failure> {
        let LocalOptions { slots, memory_bytes, work_dir, guard } = options;
        let incarnation = entropy::incarnation();
        let scratch = Scratch::create(&work_dir, incarnation, &guard)?;
        let manager = ManagerConfig {
            cluster: CLUSTER.into(),
            epoch: Epoch(1),
            begins_at: clock::wall_time(),
            heartbeat_us: HEARTBEAT_US,
            lease_us: LEASE_US,
            worker_patience_us: LOCAL_PATIENCE_US,
            keeps_jobs: false,
            snapshot_after_bytes: u64::MAX,
            seed: entropy::seed(),
        };
        let worker = WorkerConfig {
            cluster: CLUSTER.into(),
            manager: NO_ADDRESS,
            incarnation,
            host: "this machine".into(),
            slots,
            shuffle_address: None,
            sort_bytes: sort_bytes_of(memory_bytes, slots),
            scratch: scratch.path(),
            seed: entropy::seed(),
        };
        let (link, manager, worker) = start_members(manager, worker, guard)
            .map_err(|error| cannot_start("the local cluster", &error))?;
        Ok(LocalCluster { link, manager, worker, _scratch: scratch })
    }

    /// How a client reaches the Manager.
    pub fn link(&self) -> Link {
        Link::InProcess(self.link.clone())
    }

    /// The cluster's name, for the client's configuration.
    pub fn cluster(&self) -> &str {
        CLUSTER
    }

    /// What stands for the Manager's address in the client's configuration.
    pub fn address(&self) -> SocketAddr {
        NO_ADDRESS
    }

    /// Stops the worker, then the Manager, and removes the scratch.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for LocalCluster {
    fn drop(&mut self) {
        // What the worker's attempts write ends before the Manager clears away what they wrote.
        self.worker.stop();
        self.manager.stop();
    }
}

fn start_members(
    manager: ManagerConfig,
    worker: WorkerConfig,
    guard: GuardHandle,
) -> io::Result<(InProcessLink, Member, Member)> {
    let manager_events = EventLoop::<ManagerInput>::open()?;
    let worker_events = EventLoop::<WorkerInput>::open()?;
    let (manager_datagrams, worker_datagrams) = UnixDatagram::pair()?;
    let mailbox = manager_events.mailbox().clone();
    let manager_stop = manager_host::stop_handle(&mailbox);
    let worker_stop = worker_host::stop_handle(worker_events.mailbox());
    let driver = manager_driver(
        manager_events,
        Manager::new(manager, Jobs::default(), Time::ZERO),
        Journal::Memory(None),
        guard.clone(),
        None,
        DatagramSocket::Pair(manager_datagrams),
    )?;
    let sockets = WorkerSockets {
        listener: None,
        datagrams: DatagramSocket::Pair(worker_datagrams),
        dialler: Box::new(InProcessDialler::new(mailbox.clone())),
    };
    let manager_thread = thread::spawn("manager", || driver.run())?;
    let mut manager = Member { stop: manager_stop, thread: Some(manager_thread) };
    let worker_thread = thread::spawn("worker", || run_worker(worker_events, worker, sockets, guard, log))
        .inspect_err(|_| manager.stop())?;
    let worker = Member { stop: worker_stop, thread: Some(worker_thread) };
    Ok((InProcessLink(mailbox), manager, worker))
}

fn log(notice: WorkerNotice) {
    tracing::debug!(?notice, "the local worker");
}
