//! The shuffle's machine: the table of contents, and its disk, which does one thing at a time.

use super::fetch::Peers;
use super::gather::Gatherings;
use super::serve::Serving;
use super::{MapLocation, ShuffleCommand, ShuffleConfig, ShuffleInput, ShuffleReport, ShuffleRequest};
use crate::data::run::Segment;
use crate::failure::OsError;
use crate::ids::{AttemptId, ConnectionId, FileId, JobId};
use crate::job::PathBytes;
use crate::machine::{Action, Event, Machine, NetworkEvent, Node};
use crate::time::Time;
use crate::timers::Timers;
use crate::worker::attempt::MapOutput;
use crate::worker::disk::{DiskReply, DiskRequest, DiskUser};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::net::SocketAddr;
use rand_chacha::ChaCha12Rng;
use rand_core::SeedableRng;

/// Serves and fetches runs.
#[derive(Debug)]
pub struct Shuffle {
    pub(super) config: ShuffleConfig,
    pub(super) random: ChaCha12Rng,
    pub(super) now: Time,
    pub(super) timers: Timers<ShuffleTimer>,
    pub(super) offers: BTreeMap<AttemptId, MapOutput>,
    pub(super) locations: BTreeMap<JobId, BTreeMap<u32, MapLocation>>,
    pub(super) gatherings: Gatherings,
    pub(super) peers: Peers,
    pub(super) serving: Serving,
    last_file: u64,
    jobs: VecDeque<DiskJob>,
    under_way: Option<DiskJob>,
    actions: VecDeque<Action<ShuffleRequest>>,
}

/// Why the shuffle wants to be woken.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ShuffleTimer {
    /// To dial a peer again.
    Dial(SocketAddr),
    /// A peer took too long over its handshake.
    Handshake(ConnectionId),
    /// A peer sent nothing, or took nothing, for too long.
    Silent(ConnectionId),
}

/// Something to be done on the disk, and for whom.
#[derive(Debug)]
pub(super) enum DiskJob {
    /// Make the file that an attempt's runs are fetched into.
    CreateGathering { attempt: AttemptId, file: FileId, path: PathBytes },
    /// Make its directory.
    CreateDirectory { attempt: AttemptId, path: PathBytes },
    /// Write a piece of a run; the run of this map is then complete.
    WriteGathering {
        attempt: AttemptId,
        file: FileId,
        offset: u64,
        bytes: Vec<u8>,
        completes: Option<(AttemptId, Segment)>,
    },
    /// Close the file: all is in it.
    CloseGathering { attempt: AttemptId, file: FileId },
    /// Open a run that somebody fetches.
    OpenServed { connection: ConnectionId, file: FileId, path: PathBytes },
    /// Read a piece of it.
    ReadServed { connection: ConnectionId, file: FileId, offset: u64, length_bytes: usize },
    /// Close a file, whatever comes of it.
    Close { file: FileId },
    /// Remove a directory; the job is then forgotten, if it is a job's.
    RemoveTree { path: PathBytes, job: Option<JobId> },
}

impl DiskJob {
    fn request(&self) -> DiskRequest {
        match self {
            DiskJob::CreateGathering { file, path, .. } => {
                DiskRequest::Create { file: *file, path: path.clone() }
            }
            DiskJob::CreateDirectory { path, .. } => DiskRequest::CreateDirectory { path: path.clone() },
            DiskJob::WriteGathering { file, offset, .. } => {
                DiskRequest::Write { file: *file, offset: *offset }
            }
            DiskJob::CloseGathering { file, .. } | DiskJob::Close { file } => {
                DiskRequest::Close { file: *file }
            }
            DiskJob::OpenServed { file, path, .. } => {
                DiskRequest::Open { file: *file, path: path.clone(), encoding: crate::job::Encoding::Plain }
            }
            DiskJob::ReadServed { file, offset, length_bytes, .. } => {
                DiskRequest::Read { file: *file, offset: *offset, length_bytes: *length_bytes }
            }
            DiskJob::RemoveTree { path, .. } => DiskRequest::RemoveTree { path: path.clone() },
        }
    }
}

impl Shuffle {
    /// A shuffle that holds nothing.
    pub fn new(config: ShuffleConfig) -> Shuffle {
        Shuffle {
            random: ChaCha12Rng::seed_from_u64(config.seed),
            now: Time::ZERO,
            timers: Timers::default(),
            offers: BTreeMap::new(),
            locations: BTreeMap::new(),
            gatherings: Gatherings::default(),
            peers: Peers::default(),
            serving: Serving::default(),
            last_file: 0,
            jobs: VecDeque::new(),
            under_way: None,
            actions: VecDeque::new(),
            config,
        }
    }

    pub(super) fn new_file(&mut self) -> FileId {
        self.last_file += 1;
        FileId(self.last_file)
    }

    /// Puts something at the end of what the disk has to do.
    pub(super) fn ask(&mut self, job: DiskJob) {
        self.jobs.push_back(job);
    }

    pub(super) fn report(&mut self, report: ShuffleReport) {
        self.actions.push_back(Action::Local(ShuffleRequest::Report(report)));
    }

    pub(super) fn act(&mut self, action: crate::machine::NetworkAction) {
        self.actions.push_back(Action::Network(action));
    }

    fn settle(&mut self) {
        while self.under_way.is_none()
            && let Some(job) = self.jobs.pop_front()
        {
            if let DiskJob::CreateGathering { attempt, .. } | DiskJob::WriteGathering { attempt, .. } = job
                && !self.gatherings.contains(attempt)
            {
                continue;
            }
            self.actions.push_back(Action::Local(ShuffleRequest::Disk(job.request())));
            self.under_way = Some(job);
        }
    }

    fn commanded(&mut self, command: ShuffleCommand) {
        match command {
            ShuffleCommand::Offer { map, output } => {
                self.offers.insert(map, output);
            }
            ShuffleCommand::Gather { attempt, partition, maps, directory } => {
                self.gather(attempt, partition, maps, directory);
            }
            ShuffleCommand::Locate { job, map_index, location } => self.locate(job, map_index, location),
            ShuffleCommand::Abandon { attempt } => self.abandon(attempt),
            ShuffleCommand::Forget { job, directory } => {
                self.offers.retain(|map, _| map.job != job);
                self.locations.remove(&job);
                for attempt in self.gatherings.of_job(job) {
                    self.abandon(attempt);
                }
                self.ask(DiskJob::RemoveTree { path: directory, job: Some(job) });
            }
            ShuffleCommand::Withdraw { map, directory } => {
                self.offers.remove(&map);
                self.ask(DiskJob::RemoveTree { path: directory, job: None });
            }
        }
    }

    fn disk_answered(&mut self, answer: Result<DiskReply, OsError>) {
        let job = self.under_way.take().expect("an answer is to a request under way");
        match job {
            DiskJob::CreateDirectory { attempt, path } => {
                if let Err(error) = answer {
                    self.gathering_failed(attempt, path, error);
                }
            }
            DiskJob::CreateGathering { attempt, path, file } => match answer {
                Ok(_) => self.gathering_opened(attempt, file),
                Err(error) => self.gathering_failed(attempt, path, error),
            },
            DiskJob::WriteGathering { attempt, completes, .. } => match answer {
                Ok(_) => self.written(attempt, completes),
                Err(error) => {
                    let path = self.gatherings.path_of(attempt);
                    self.gathering_failed(attempt, path, error);
                }
            },
            DiskJob::CloseGathering { attempt, .. } => match answer {
                Ok(_) => self.gathered(attempt),
                Err(error) => {
                    let path = self.gatherings.path_of(attempt);
                    self.gathering_failed(attempt, path, error);
                }
            },
            DiskJob::OpenServed { connection, file, .. } => match answer {
                Ok(_) => self.served_opened(connection, file),
                Err(error) => self.served_failed(connection, error, None),
            },
            DiskJob::ReadServed { connection, file, .. } => match answer {
                Ok(_) => unreachable!("a read is answered by bytes"),
                Err(error) => self.served_failed(connection, error, Some(file)),
            },
            DiskJob::Close { .. } => {}
            DiskJob::RemoveTree { path, job } => {
                if let Err(error) = answer {
                    tracing::warn!(%path, error = %error.text, "could not be removed");
                }
                if let Some(job) = job {
                    self.report(ShuffleReport::Forgotten { job });
                }
            }
        }
    }
}

impl Machine for Shuffle {
    type Input = Event<ShuffleInput>;
    type Output = Action<ShuffleRequest>;
    type Timer = ShuffleTimer;

    fn handle_input(&mut self, input: Event<ShuffleInput>, now: Time) {
        self.now = now;
        match input {
            Event::Network(NetworkEvent::Accepted { connection, peer }) => self.accepted(connection, peer),
            Event::Network(NetworkEvent::Connected { connection, local: _ }) => self.connected(connection),
            Event::Network(NetworkEvent::DialFailed { connection, error }) => {
                self.fetch_closed(connection, Some(error))
            }
            Event::Network(NetworkEvent::Closed { connection, error }) => {
                self.serving_closed(connection);
                self.fetch_closed(connection, error);
            }
            Event::Network(NetworkEvent::Datagram { .. }) => {}
            Event::Local(ShuffleInput::Command(command)) => self.commanded(command),
            Event::Local(ShuffleInput::Disk(answer)) => self.disk_answered(answer),
        }
        self.settle();
    }

    fn handle_timeout(&mut self, now: Time) {
        self.now = now;
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                ShuffleTimer::Dial(address) => self.dial_again(address),
                ShuffleTimer::Handshake(connection) => self.handshake_late(connection),
                ShuffleTimer::Silent(connection) => self.silent(connection),
            }
        }
        self.settle();
    }

    fn poll_output(&mut self) -> Option<Action<ShuffleRequest>> {
        self.actions.pop_front()
    }

    fn poll_timeout(&self) -> Option<(Time, ShuffleTimer)> {
        self.timers.next()
    }

    fn check_invariants(&self) {
        self.gatherings.check_invariants();
        self.peers.check_invariants();
    }
}

impl Node for Shuffle {
    type Local = ShuffleInput;
    type Request = ShuffleRequest;

    fn receive(&mut self, connection: ConnectionId, bytes: &[u8], now: Time) {
        self.now = now;
        if self.serving.is_serving(connection) {
            self.serving_received(connection, bytes);
        } else {
            self.fetch_received(connection, bytes);
        }
        self.settle();
    }

    fn unsent(&self, connection: ConnectionId) -> &[u8] {
        self.serving.unsent(connection).or_else(|| self.peers.unsent(connection)).unwrap_or(&[])
    }

    fn sent(&mut self, connection: ConnectionId, count: usize, now: Time) {
        self.now = now;
        if self.serving.is_serving(connection) {
            self.served_sent(connection, count);
        } else {
            self.peers.sent(connection, count);
        }
        self.settle();
    }
}

impl DiskUser for Shuffle {
    fn push_read(&mut self, bytes: &[u8], now: Time) {
        self.now = now;
        let job = self.under_way.take().expect("bytes are pushed for a read under way");
        let DiskJob::ReadServed { connection, file, length_bytes, .. } = job else {
            unreachable!("only what is served is read")
        };
        self.served_read(connection, file, bytes, length_bytes);
        self.settle();
    }

    fn outgoing(&self) -> &[u8] {
        match &self.under_way {
            Some(DiskJob::WriteGathering { bytes, .. }) => bytes,
            Some(_) | None => &[],
        }
    }
}
