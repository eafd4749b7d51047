//! What strangers say: owns what port scanners, other programs, old versions and broken peers send to a cluster's ports.
//!
//! None of it is what a peer of the cluster would say there, and none of it names what the cluster knows: who lies about
//! another's work is no stranger but an impostor, whom nothing keeps out.

use crate::names::Host;
use crate::stream::Stream;
use serde::{Deserialize, Serialize};
use windrow_core::failure::Cause;
use windrow_core::ids::{AttemptId, Epoch, Incarnation, JobId, Partition, SessionId, TaskId};
use windrow_core::job::Counters;
use windrow_core::limits::{DATAGRAM_BYTES_MAX, FRAME_BYTES_MAX};
use windrow_core::wire::message::{
    AttemptProgress, AttemptResult, FetchRequest, FromClient, FromWorker, Heartbeat, HeartbeatAnswer, Hello,
    InventoryEntry, Role, Success,
};
use windrow_core::wire::{MAGIC, PROTOCOL_VERSION, datagram, frame, preamble};

/// The cluster's name in every world.
pub const CLUSTER: &str = "sim";
/// That of another.
pub const ELSEWHERE: &str = "elsewhere";
/// A job that no Manager has had.
const NO_JOB: JobId = JobId(u64::MAX / 2);

macro_rules! babble {
    ($($(#[$doc:meta])* $what:ident),+ $(,)?) => {
        /// What a stranger says, the plainest first.
        #[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Babble {
            $($(#[$doc])* $what),+
        }

        impl Babble {
            /// All of it.
            pub const ALL: &[Babble] = &[$(Babble::$what),+];
        }
    };
}

babble! {
    /// Nothing, as a port scanner does.
    Nothing,
    /// Bytes at random.
    Noise,
    /// What a browser asks.
    WebRequest,
    /// The beginning of a greeting.
    HalfAGreeting,
    /// The greeting of another version.
    OtherVersion,
    /// The greeting of another cluster's peer.
    OtherCluster,
    /// A greeting for somebody else's port.
    WrongPort,
    /// Data in the place of a greeting.
    DataForGreeting,
    /// A greeting, and no more.
    Greeting,
    /// A greeting, then data.
    DataForMessage,
    /// A greeting, then a frame with a wrong checksum.
    GarbledFrame,
    /// A greeting, then a frame that is longer than any.
    EndlessFrame,
    /// A greeting, then a frame of no kind.
    FrameOfNoKind,
    /// A greeting, then a frame that holds no message.
    NoMessage,
    /// To the Manager: a worker's inventory before its registration. To a worker: requests for runs that are not there.
    TooEarly,
    /// To the Manager: a worker that can do nothing. To a worker: more requests than may be under way.
    NoSlots,
    /// To the Manager: a worker that registers twice. To a worker: the same as the one before.
    Twice,
    /// To the Manager: a worker that tells its inventory twice. To a worker: the same as the one before.
    InventoryTwice,
    /// To the Manager: a worker that speaks of what nobody knows, and leaves. To a worker: the same as the one before.
    FarTraveller,
    /// To the Manager: a worker that registers, and sends no heartbeat. To a worker: the same as the one before.
    Mute,
    /// To the Manager: a client that asks for a job that nobody knows. To a worker: the same as the one before.
    LostClient,
    /// A datagram of bytes at random.
    DatagramOfNoise,
    /// A datagram that is too long.
    EndlessDatagram,
    /// A datagram of another version.
    DatagramOfOtherVersion,
    /// A datagram that came damaged.
    GarbledDatagram,
    /// A heartbeat, or an answer to one, of a session that nobody has.
    HeartbeatOfNobody,
}

/// What is said, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// On a connection.
    OnAConnection(Vec<u8>),
    /// In a datagram.
    InADatagram(Vec<u8>),
}

impl Babble {
    /// The bytes of it, to this host.
    pub fn to(self, host: Host, stream: &mut Stream) -> Said {
        let is_manager = host == Host::Manager;
        let (served, other) =
            if is_manager { (Role::Worker, Role::Fetcher) } else { (Role::Fetcher, Role::Client) };
        let greeting = || Words::greeting(CLUSTER, served);
        let words = match self {
            Babble::DatagramOfNoise => return Said::InADatagram(noise(stream)),
            Babble::EndlessDatagram => {
                return Said::InADatagram([&MAGIC[..], &[0; DATAGRAM_BYTES_MAX]].concat());
            }
            Babble::DatagramOfOtherVersion => {
                return Said::InADatagram(flipped(heartbeat(host), MAGIC.len()));
            }
            Babble::GarbledDatagram => {
                let bytes = heartbeat(host);
                let last = bytes.len() - 1;
                return Said::InADatagram(flipped(bytes, last));
            }
            Babble::HeartbeatOfNobody => return Said::InADatagram(heartbeat(host)),
            Babble::Nothing => Words(Vec::new()),
            Babble::Noise => Words(noise(stream)),
            Babble::WebRequest => Words(b"GET / HTTP/1.1\r\nHost: windrow\r\n\r\n".to_vec()),
            Babble::HalfAGreeting => Words(MAGIC.to_vec()),
            Babble::OtherVersion => Words(preamble(PROTOCOL_VERSION + 1).to_vec()),
            Babble::OtherCluster => Words::greeting(ELSEWHERE, served),
            Babble::WrongPort => Words::greeting(CLUSTER, other),
            Babble::DataForGreeting => Words(preamble(PROTOCOL_VERSION).to_vec()).and_data(),
            Babble::Greeting => greeting(),
            Babble::DataForMessage => greeting().and_data(),
            Babble::GarbledFrame => {
                let Words(bytes) = greeting().and(&FromClient::Shutdown);
                let last = bytes.len() - 1;
                Words(flipped(bytes, last))
            }
            Babble::EndlessFrame => greeting().and_header(FRAME_BYTES_MAX as u32 + 1, 0),
            Babble::FrameOfNoKind => greeting().and_header(0, 7),
            Babble::NoMessage => greeting().and(&[u8::MAX; 3]),
            Babble::TooEarly if is_manager => greeting().and(&inventory(Vec::new())),
            Babble::NoSlots if is_manager => greeting().and(&register(0)),
            Babble::Twice if is_manager => greeting().and(&register(1)).and(&register(1)),
            Babble::InventoryTwice if is_manager => {
                greeting().and(&register(2)).and(&inventory(Vec::new())).and(&inventory(Vec::new()))
            }
            Babble::FarTraveller if is_manager => greeting().and_tales(),
            Babble::Mute if is_manager => greeting().and(&register(3)).and(&inventory(Vec::new())),
            Babble::LostClient if is_manager => Words::greeting(CLUSTER, Role::Client)
                .and(&FromClient::Watch { job: NO_JOB })
                .and(&FromClient::Cancel { job: NO_JOB }),
            Babble::TooEarly => greeting().and(&NO_RUN),
            Babble::NoSlots
            | Babble::Twice
            | Babble::InventoryTwice
            | Babble::FarTraveller
            | Babble::Mute
            | Babble::LostClient => (0..REQUESTS).fold(greeting(), |words, _| words.and(&NO_RUN)),
        };
        Said::OnAConnection(words.0)
    }
}

/// What is said on a connection, message by message.
struct Words(Vec<u8>);

const NO_ATTEMPT: AttemptId = AttemptId { job: NO_JOB, task: TaskId::Map(7), epoch: Epoch(1), number: 1 };
const NO_RUN: FetchRequest = FetchRequest { map: NO_ATTEMPT, partition: Partition(3) };
/// More than a fetcher may ask for at once.
const REQUESTS: usize = 40;

impl Words {
    fn greeting(cluster: &str, role: Role) -> Words {
        Words(preamble(PROTOCOL_VERSION).to_vec()).and(&Hello { cluster: cluster.into(), role })
    }

    fn and<T: Serialize>(mut self, message: &T) -> Words {
        frame::append_message(&mut self.0, message).expect("it is short");
        self
    }

    fn and_data(mut self) -> Words {
        frame::append_raw(&mut self.0, b"data");
        self
    }

    fn and_header(mut self, length_bytes: u32, kind: u8) -> Words {
        self.0.extend(header(length_bytes, kind));
        self
    }

    /// What a worker would say of work that nobody gave it.
    fn and_tales(self) -> Words {
        let (attempt, counters, success) = (NO_ATTEMPT, Counters::default(), Success::default());
        let entries = vec![
            InventoryEntry::Gathering(attempt),
            InventoryEntry::Gathered(attempt),
            InventoryEntry::Running(attempt),
            InventoryEntry::Holding(attempt),
            InventoryEntry::Ended(attempt, AttemptResult::Succeeded(success)),
        ];
        let progress = AttemptProgress { attempt, runs_gathered: 1, counters };
        self.and(&register(1))
            .and(&inventory(entries))
            .and(&FromWorker::Gathered { attempt })
            .and(&FromWorker::PullOutputs { job: NO_JOB, cursor: 9 })
            .and(&FromWorker::Unfetchable { attempt, map: attempt, cause: Cause::WorkerLost })
            .and(&FromWorker::Progress { attempts: vec![progress] })
            .and(&FromWorker::Ended { attempt, result: AttemptResult::Succeeded(success) })
            .and(&FromWorker::Goodbye)
    }
}

fn register(slots: u32) -> FromWorker {
    let (incarnation, host) = (Incarnation(u64::MAX / 2), "a stranger".into());
    FromWorker::Register { incarnation, host, slots, shuffle_address: None }
}

fn inventory(entries: Vec<InventoryEntry>) -> FromWorker {
    FromWorker::Inventory { entries, jobs: vec![NO_JOB], last: true }
}

fn flipped(mut bytes: Vec<u8>, place: usize) -> Vec<u8> {
    bytes[place] ^= 1;
    bytes
}

/// The header of a frame that holds so many bytes of such a kind, without what it holds.
fn header(length_bytes: u32, kind: u8) -> Vec<u8> {
    let mut header = length_bytes.to_le_bytes().to_vec();
    header.push(kind);
    let announced = crc32fast::hash(&header);
    header.extend(announced.to_le_bytes());
    header.extend([0; 4]);
    header
}

fn heartbeat(host: Host) -> Vec<u8> {
    let (session, epoch, sequence) = (SessionId(u64::MAX / 2), Epoch(1), 1);
    match host {
        Host::Manager => datagram::encode(&Heartbeat { session, epoch, sequence, running: 0 }),
        Host::Worker(_) | Host::Client(_) => datagram::encode(&HeartbeatAnswer { session, epoch, sequence }),
    }
}

fn noise(stream: &mut Stream) -> Vec<u8> {
    (0..stream.between(1, 200)).map(|_| stream.number() as u8).collect()
}
