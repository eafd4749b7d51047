//! A Manager as a process of its own: owns what joins the machine to its port, its journal and its files.

use crate::clock;
use crate::datagram::DatagramSocket;
use crate::driver::{Driver, EventLoop, Performer};
use crate::entropy;
use crate::guard::GuardHandle;
use crate::journal_file::{JournalReport, JournalWriter};
use crate::mailbox::{Gone, Mail, Mailbox};
use crate::manager_files::ManagerFiles;
use crate::os_error::{cannot_start, os_error};
use crate::stop_handle::StopHandle;
use crate::stream::TcpDialler;
use crate::work_directory::{Recovered, WorkDirectory};
use mio::net::{TcpListener, UdpSocket};
use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::path::PathBuf;
use windrow_core::failure::{Cause, Failure};
use windrow_core::ids::Sequence;
use windrow_core::limits::SNAPSHOT_AFTER_BYTES;
use windrow_core::machine::{Event, Node};
use windrow_core::manager::{Manager, ManagerConfig, ManagerInput, ManagerRequest};
use windrow_core::time::Time;

/// How often a port is tried that the system picked for TCP and may have given to somebody else for UDP.
const PORT_TRIES: u32 = 64;

/// How a Manager is started.
#[derive(Clone, Debug)]
pub struct ManagerOptions {
    /// Where it listens; port 0 picks one.
    pub listen: SocketAddr,
    /// Where its journal goes; made if it is missing.
    pub work_dir: PathBuf,
    /// The cluster's name.
    pub cluster: String,
    /// How often workers send heartbeats.
    pub heartbeat_us: u64,
    /// For how long a silent worker still counts as alive.
    pub lease_us: u64,
    /// For how long all workers may fail a task by their own doing before its job is given up.
    pub worker_patience_us: u64,
    /// Whether the work directory outlives it, so that the next Manager goes on with its jobs.
    pub keeps_jobs: bool,
    /// Who cleans up should this process be killed, where its journal goes with it: then no later life would.
    pub guard: GuardHandle,
}

/// A Manager that listens, and begins to answer with [`ManagerHost::run`].
pub struct ManagerHost {
    driver: Driver<Manager, ManagerPerformer>,
    address: SocketAddr,
    stop: StopHandle,
    /// Locked until the journal is closed, thus last.
    _work: WorkDirectory,
}

impl ManagerHost {
    /// Takes the work directory and the port, TCP and UDP both, and begins a journal.
    pub fn bind(options: ManagerOptions) -> Result<ManagerHost, Failure> {
        let ManagerOptions {
            listen,
            work_dir,
            cluster,
            heartbeat_us,
            lease_us,
            worker_patience_us,
            keeps_jobs,
            guard,
        } = options;
        let work = WorkDirectory::take(&work_dir)?;
        let (listener, datagrams, address) = listen_on(listen)?;
        let journals = work.journals()?;
        let Recovered { jobs, records, torn_bytes } = journals.recover()?;
        let epoch = journals.next_epoch();
        tracing::info!(%epoch, records, torn_bytes, "journal read");
        let seed = entropy::seed();
        let config = ManagerConfig {
            cluster,
            epoch,
            begins_at: clock::wall_time(),
            heartbeat_us,
            lease_us,
            worker_patience_us,
            keeps_jobs,
            snapshot_after_bytes: SNAPSHOT_AFTER_BYTES,
            seed,
        };
        let events = EventLoop::open().map_err(|error| cannot_start("the Manager", &error))?;
        let stop = stop_handle(events.mailbox());
        let mailbox = events.mailbox().clone();
        let journal = JournalWriter::start(journals, move |report| {
            let mail = match report {
                JournalReport::Persisted(sequence) => Mail::Local(ManagerInput::Persisted(sequence)),
                JournalReport::Failed(failure) => Mail::End(Err(failure)),
            };
            let _: Result<(), Gone> = mailbox.deliver(mail);
        })?;
        let journal = Journal::File(journal);
        let driver = manager_driver(
            events,
            Manager::new(config, jobs, Time::ZERO),
            journal,
            guard,
            Some(listener),
            DatagramSocket::Udp(datagrams),
        )
        .map_err(|error| cannot_start("the Manager", &error))?;
        Ok(ManagerHost { driver, address, stop, _work: work })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops it, from any thread.
    pub fn stop_handle(&self) -> StopHandle {
        self.stop.clone()
    }

    /// Serves until it is stopped.
    pub fn run(self) -> Result<(), Failure> {
        self.driver.run()
    }
}

/// A handle that has the Manager of this mailbox stop.
pub(crate) fn stop_handle(mailbox: &Mailbox<ManagerInput>) -> StopHandle {
    let stop = StopHandle::default();
    let mailbox = mailbox.clone();
    stop.attach(move || mailbox.send(ManagerInput::Stop));
    stop
}

/// A listener and a datagram socket of the same number.
fn listen_on(listen: SocketAddr) -> Result<(TcpListener, UdpSocket, SocketAddr), Failure> {
    let cannot_listen = |error: &io::Error| {
        Failure::new(Cause::CannotListen { address: listen.to_string(), error: os_error(error) })
    };
    let mut tries = if listen.port() == 0 { PORT_TRIES } else { 1 };
    loop {
        tries -= 1;
        let listener = TcpListener::bind(listen).map_err(|error| cannot_listen(&error))?;
        let address = listener.local_addr().map_err(|error| cannot_listen(&error))?;
        match UdpSocket::bind(address) {
            Ok(datagrams) => return Ok((listener, datagrams, address)),
            Err(error) if tries > 0 && error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(cannot_listen(&error)),
        }
    }
}

/// A Manager's driver, with its files' thread. `orphans` removes what nobody will know of once the Manager is dead.
pub(crate) fn manager_driver<N: Node<Local = ManagerInput, Request = ManagerRequest>>(
    events: EventLoop<ManagerInput>,
    node: N,
    journal: Journal,
    orphans: GuardHandle,
    listener: Option<TcpListener>,
    datagrams: DatagramSocket,
) -> io::Result<Driver<N, ManagerPerformer>> {
    let mailbox = events.mailbox().clone();
    let files = ManagerFiles::start(orphans, move |operation, answer| {
        mailbox.send(ManagerInput::File(operation, answer))
    })?;
    let performer = ManagerPerformer { journal, files };
    // Nobody is dialled: workers and clients come to the Manager.
    let mut driver = Driver::new(events, node, performer, Box::new(TcpDialler))?;
    if let Some(listener) = listener {
        driver.listen(listener)?;
    }
    driver.use_datagrams(datagrams)?;
    Ok(driver)
}

/// Where records go.
pub(crate) enum Journal {
    /// To a file, which says when they are durable.
    File(JournalWriter),
    /// Nowhere: the Manager's life is that of its one job. Holds the record to be called durable next.
    Memory(Option<Sequence>),
}

/// Performs what a Manager asks for.
pub(crate) struct ManagerPerformer {
    journal: Journal,
    files: ManagerFiles,
}

impl<N: Node<Local = ManagerInput, Request = ManagerRequest>> Performer<N> for ManagerPerformer {
    fn perform(&mut self, _node: &N, request: ManagerRequest) -> ControlFlow<Result<(), Failure>> {
        match request {
            ManagerRequest::BeginJournal { sequence, record } => match &mut self.journal {
                Journal::File(file) => file.begin(sequence, record),
                Journal::Memory(durable) => *durable = Some(sequence),
            },
            ManagerRequest::Append { sequence, record } => match &mut self.journal {
                Journal::File(file) => file.append(sequence, record),
                Journal::Memory(durable) => *durable = Some(sequence),
            },
            ManagerRequest::File(operation, request) => self.files.request(operation, request),
            ManagerRequest::Stopped => return ControlFlow::Break(Ok(())),
        }
        ControlFlow::Continue(())
    }

    fn answer(&mut self, node: &mut N, now: Time) -> bool {
        let Journal::Memory(durable) = &mut self.journal else { return false };
        let Some(sequence) = durable.take() else { return false };
        node.handle_input(Event::Local(ManagerInput::Persisted(sequence)), now);
        true
    }
}
