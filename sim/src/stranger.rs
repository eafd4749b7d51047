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
    InventoryEntry, Role,
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
        match self {
            Babble::DatagramOfNoise => Said::InADatagram(noise(stream)),
            Babble::EndlessDatagram => Said::InADatagram([&MAGIC[..], &[0; DATAGRAM_BYTES_MAX]].concat()),
            Babble::DatagramOfOtherVersion | Babble::GarbledDatagram | Babble::HeartbeatOfNobody => {
                let mut bytes = heartbeat(host);
                match self {
                    Babble::DatagramOfOtherVersion => bytes[MAGIC.len()] ^= 1,
                    Babble::GarbledDatagram => *bytes.last_mut().expect("it holds something") ^= 1,
                    _ => {}
                }
                Said::InADatagram(bytes)
            }
            _ => Said::OnAConnection(self.on_a_connection(host, stream)),
        }
    }

    fn on_a_connection(self, host: Host, stream: &mut Stream) -> Vec<u8> {
        let is_manager = host == Host::Manager;
        let served = if is_manager { Role::Worker } else { Role::Fetcher };
        let mut words = Words(preamble(PROTOCOL_VERSION).to_vec());
        match self {
            Babble::Nothing => return Vec::new(),
            Babble::Noise => return noise(stream),
            Babble::WebRequest => return b"GET / HTTP/1.1\r\nHost: windrow\r\n\r\n".to_vec(),
            Babble::HalfAGreeting => return MAGIC.to_vec(),
            Babble::OtherVersion => return preamble(PROTOCOL_VERSION + 1).to_vec(),
            Babble::DataForGreeting => {
                frame::append_raw(&mut words.0, b"data");
                return words.0;
            }
            Babble::OtherCluster => {
                return words.and(&Hello { cluster: ELSEWHERE.into(), role: served }).0;
            }
            Babble::WrongPort => {
                let role = if is_manager { Role::Fetcher } else { Role::Client };
                return words.and(&Hello { cluster: CLUSTER.into(), role }).0;
            }
            _ => {}
        }
        let role = if self == Babble::LostClient && is_manager { Role::Client } else { served };
        words = words.and(&Hello { cluster: CLUSTER.into(), role });
        match self {
            Babble::Greeting => {}
            Babble::DataForMessage => frame::append_raw(&mut words.0, b"data"),
            Babble::NoMessage => words = words.and(&[u8::MAX; 3]),
            Babble::GarbledFrame => {
                words = words.and(&FromClient::Shutdown);
                *words.0.last_mut().expect("it holds something") ^= 1;
            }
            Babble::EndlessFrame => words.0.extend(header(FRAME_BYTES_MAX as u32 + 1, 0)),
            Babble::FrameOfNoKind => words.0.extend(header(0, 7)),
            _ if is_manager => words = words.spoken_to_the_manager(self, stream),
            Babble::TooEarly => words = words.and(&NO_RUN),
            _ => {
                for _ in 0..40 {
                    words = words.and(&NO_RUN);
                }
            }
        }
        words.0
    }
}

/// What is said on a connection, message by message.
struct Words(Vec<u8>);

const NO_ATTEMPT: AttemptId = AttemptId { job: NO_JOB, task: TaskId::Map(7), epoch: Epoch(1), number: 1 };
const NO_RUN: FetchRequest = FetchRequest { map: NO_ATTEMPT, partition: Partition(3) };

impl Words {
    fn and<T: Serialize>(mut self, message: &T) -> Words {
        frame::append_message(&mut self.0, message).expect("it is short");
        self
    }

    fn spoken_to_the_manager(self, says: Babble, stream: &mut Stream) -> Words {
        let register = |slots| FromWorker::Register {
            incarnation: Incarnation(u64::MAX / 2),
            host: "a stranger".into(),
            slots,
            shuffle_address: None,
        };
        let inventory = |entries| FromWorker::Inventory { entries, jobs: vec![NO_JOB], last: true };
        let slots = stream.between(1, 3) as u32;
        match says {
            Babble::TooEarly => self.and(&inventory(Vec::new())),
            Babble::NoSlots => self.and(&register(0)),
            Babble::Twice => self.and(&register(slots)).and(&register(slots)),
            Babble::InventoryTwice => {
                self.and(&register(slots)).and(&inventory(Vec::new())).and(&inventory(Vec::new()))
            }
            Babble::FarTraveller => {
                let attempt = NO_ATTEMPT;
                let entries = vec![
                    InventoryEntry::Gathering(attempt),
                    InventoryEntry::Gathered(attempt),
                    InventoryEntry::Running(attempt),
                    InventoryEntry::Holding(attempt),
                    InventoryEntry::Ended(attempt, AttemptResult::Succeeded(Counters::default())),
                ];
                let progress = AttemptProgress { attempt, runs_gathered: 1, counters: Counters::default() };
                self.and(&register(slots))
                    .and(&inventory(entries))
                    .and(&FromWorker::Gathered { attempt })
                    .and(&FromWorker::PullOutputs { job: NO_JOB, cursor: 9 })
                    .and(&FromWorker::Unfetchable { attempt, map: attempt, cause: Cause::WorkerLost })
                    .and(&FromWorker::Progress { attempts: vec![progress] })
                    .and(&FromWorker::Ended {
                        attempt,
                        result: AttemptResult::Succeeded(Counters::default()),
                    })
                    .and(&FromWorker::Goodbye)
            }
            Babble::LostClient => {
                self.and(&FromClient::Watch { job: NO_JOB }).and(&FromClient::Cancel { job: NO_JOB })
            }
            _ => self.and(&register(slots)).and(&inventory(Vec::new())),
        }
    }
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
