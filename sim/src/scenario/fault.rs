//! What goes wrong and when: owns the vocabulary of faults and of what sets them off.
//!
//! Plain data; how a fault strikes is the world's. Invariant: every fault is of exactly one [`FaultKind`], and can be
//! switched off by it.

mod properties;

use crate::disk::{Instead, PowerLoss};
use crate::names::Host;
use crate::network::{Farewell, MessageKind, Weather};
use crate::stranger::Babble;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A fault and what sets it off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedFault {
    /// When it strikes.
    pub trigger: Trigger,
    /// What strikes.
    pub fault: Fault,
}

/// What sets a fault off, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Trigger {
    /// The world's time.
    At {
        /// In microseconds from the beginning.
        us: u64,
    },
    /// The world's event of this number, from 1; before it.
    Event {
        /// Which.
        nth: u64,
    },
    /// A change of a disk by a process of this host.
    Write {
        /// Whose; counted over all lives of its processes.
        host: Host,
        /// Which, from 1.
        nth: u64,
        /// Before, in the middle of or after it.
        moment: Moment,
    },
    /// A message, whole, about to be taken by its receiver.
    Message {
        /// Of which kind.
        kind: MessageKind,
        /// Which, from 1.
        nth: u64,
        /// Before or after the receiver has taken it; in its middle is before.
        moment: Moment,
    },
}

/// Where in a step something strikes.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Moment {
    /// Nothing of the step is done.
    Before,
    /// A part of it is done: some bytes of a write, or all or nothing of what cannot be divided.
    During,
    /// All of it is done, and whoever asked was not told.
    After,
}

/// A disk of the world.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DiskName {
    /// The storage that all see: inputs, staging, output.
    Shared,
    /// The scratch of a worker's host.
    Scratch(u16),
}

impl DiskName {
    /// Whose alone it is; `None` where all see it.
    pub fn host(self) -> Option<Host> {
        match self {
            DiskName::Shared => None,
            DiskName::Scratch(worker) => Some(Host::Worker(worker)),
        }
    }
}

impl fmt::Display for DiskName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DiskName::Shared => f.write_str("the shared storage"),
            DiskName::Scratch(worker) => write!(f, "the scratch of worker {worker}"),
        }
    }
}

/// Something that goes wrong. Where it lasts, `for_us` says how long; without, until the world is healed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Fault {
    /// A process dies, and perhaps another starts on its host; a worker's with empty scratch.
    Crash {
        /// Where.
        host: Host,
        /// How its peers learn of it.
        farewell: Farewell,
        /// After how long its host starts another.
        back_after_us: Option<u64>,
    },
    /// A worker is told to stop (`SIGTERM`), and leaves in good order; later another starts on its host.
    Stop {
        /// Which.
        worker: u16,
        /// How long after it has gone.
        back_after_us: u64,
    },
    /// The power of the whole site fails: every process dies in silence, disks keep what was synced and more or less of
    /// the rest.
    Blackout {
        /// What becomes of what was not synced.
        unsynced: PowerLoss,
        /// After how long every host starts its process again.
        back_after_us: u64,
    },
    /// A process is stopped (`SIGSTOP`) and goes on later, with all that came meanwhile.
    Pause {
        /// Where.
        host: Host,
        /// For how long.
        for_us: Option<u64>,
    },
    /// Everything on a host takes longer.
    Slow {
        /// Where.
        host: Host,
        /// So many times as long.
        times: u32,
        /// For how long.
        for_us: Option<u64>,
    },
    /// Nothing gets from one host to another; the way back is not affected.
    Cut {
        /// From here.
        from: Host,
        /// To there.
        to: Host,
        /// For how long.
        for_us: Option<u64>,
    },
    /// Streams from one host to another trickle.
    Trickle {
        /// From here.
        from: Host,
        /// To there.
        to: Host,
        /// So fast.
        bytes_per_ms: u64,
        /// For how long.
        for_us: Option<u64>,
    },
    /// One of the open connections is reset.
    ResetConnection {
        /// One of this host's; of all, otherwise.
        of: Option<Host>,
    },
    /// One end of an open connection is forgotten; the other is not told.
    HalfOpen,
    /// A bit of what a connection carries is flipped, and its checksums do not notice.
    FlipOnWire,
    /// Datagrams fare like this.
    Weather {
        /// How.
        weather: Weather,
        /// For how long.
        for_us: Option<u64>,
    },
    /// A disk takes so many more bytes, then none.
    DiskFull {
        /// Which.
        disk: DiskName,
        /// Bytes that still fit.
        after_bytes: u64,
        /// Whether it makes files still, without contents.
        makes_files: bool,
        /// For how long.
        for_us: Option<u64>,
    },
    /// Syncing fails, and what was to be synced never is.
    SyncFails {
        /// On which disk.
        disk: DiskName,
        /// So many times.
        times: u32,
    },
    /// Reading fails.
    ReadFails {
        /// On which disk.
        disk: DiskName,
        /// So many times.
        times: u32,
    },
    /// A bit of a file in a worker's scratch is flipped.
    Rot {
        /// Whose.
        worker: u16,
    },
    /// A file in a worker's scratch vanishes.
    LoseFile {
        /// Whose.
        worker: u16,
    },
    /// The Manager is told to stop (`SIGTERM`), and cancels its jobs; later another starts on its host.
    StopManager {
        /// How long after it has gone.
        back_after_us: u64,
    },
    /// Somebody who does not belong to the cluster dials the Manager or a worker's shuffle, or sends it a datagram.
    Stranger {
        /// Whose port.
        host: Host,
        /// What he says there.
        says: Babble,
    },
    /// A worker's host goes down without a word, and comes up without the shared storage: its process sees something else
    /// under the same paths.
    LoseMount {
        /// Whose; not the capable one's.
        worker: u16,
        /// What it sees.
        instead: Instead,
        /// After how long its host is up again.
        back_after_us: u64,
    },
    /// Somebody writes to one of a job's input files, whoever reads it.
    ChangeInput {
        /// Whose.
        job: u16,
        /// What he does.
        change: InputChange,
    },
    /// The datagrams that a worker's host sends the Manager go round in the network: the last that arrived arrives again and
    /// again.
    Echo {
        /// Whose.
        worker: u16,
        /// How long it takes to go round.
        every_us: u64,
    },
}

/// What somebody does to a file.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum InputChange {
    /// Writes over it, in capital letters; it stays as long as it was.
    Overwritten,
    /// Writes one more line behind it.
    Appended,
    /// Puts another file in its place, in capital letters.
    Replaced,
}

impl InputChange {
    /// What the file holds then.
    pub fn contents(self, before: &[u8]) -> Vec<u8> {
        match self {
            InputChange::Overwritten | InputChange::Replaced => before.to_ascii_uppercase(),
            InputChange::Appended if before.is_empty() || before.ends_with(b"\n") => {
                [before, b"APPENDED\n"].concat()
            }
            InputChange::Appended => [before, b"\nAPPENDED\n"].concat(),
        }
    }
}

macro_rules! fault_kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal),+ $(,)?) => {
        /// What a seed draws or leaves out as a whole, and what a swarm can do without.
        #[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum FaultKind {
            $($(#[$doc])* $kind),+
        }

        impl FaultKind {
            /// All of them.
            pub const ALL: &[FaultKind] = &[$(FaultKind::$kind),+];

            /// What a person calls it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(FaultKind::$kind => $name),+
                }
            }
        }
    };
}

fault_kinds! {
    /// A worker's process dies.
    CrashWorker = "crash-worker",
    /// The Manager's process dies.
    CrashManager = "crash-manager",
    /// A client's process dies.
    CrashClient = "crash-client",
    /// A worker is told to stop.
    StopWorker = "stop-worker",
    /// The site loses its power.
    Blackout = "blackout",
    /// A process is stopped for a while.
    Pause = "pause",
    /// A host is slow.
    Slow = "slow",
    /// A directed edge is cut.
    Cut = "cut",
    /// A directed edge trickles.
    Trickle = "trickle",
    /// A connection is reset.
    Reset = "reset",
    /// A connection is half-open.
    HalfOpen = "half-open",
    /// A bit is flipped under way.
    FlipOnWire = "flip-on-wire",
    /// Datagrams are lost, doubled, replayed, late or cut short.
    Weather = "weather",
    /// A disk is full.
    DiskFull = "disk-full",
    /// Syncing fails.
    SyncFails = "sync-fails",
    /// Reading fails.
    ReadFails = "read-fails",
    /// A bit on a disk is flipped.
    Rot = "rot",
    /// A file on a disk is lost.
    LoseFile = "lose-file",
    /// Clocks run fast or slow.
    Drift = "drift",
    /// Users' programs fail, choke or read too little.
    ProgramFails = "program-fails",
    /// Users' programs never end.
    ProgramHangs = "program-hangs",
    /// Users' programs print something else each time.
    ProgramUnstable = "program-unstable",
    /// Users give their jobs up.
    Cancel = "cancel",
    /// Users submit the same job twice.
    SubmitTwice = "submit-twice",
    /// A worker sees other storage under the paths of the shared one.
    OtherStorage = "other-storage",
    /// Inputs are written to while jobs run.
    ChangeInput = "change-input",
    /// Datagrams of a worker, perhaps a dead one, go round for ever.
    Echo = "echo",
    /// Users' clients give up soon, and users start others.
    Impatience = "impatience",
    /// Users ask for what cannot be done.
    Mistake = "mistake",
    /// The Manager is told to stop.
    StopManager = "stop-manager",
    /// Strangers speak to the cluster's ports.
    Stranger = "stranger",
    /// People kill others' jobs, leave their own and come back, use keys again, look around, and drain workers.
    Operators = "operators",
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// There is no such kind of fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoSuchKind(pub String);

impl fmt::Display for NoSuchKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = FaultKind::ALL.iter().map(|kind| kind.name()).collect();
        write!(f, "there is no kind of fault called `{}`; there are {}", self.0, names.join(", "))
    }
}

impl std::error::Error for NoSuchKind {}

impl FromStr for FaultKind {
    type Err = NoSuchKind;

    fn from_str(name: &str) -> Result<FaultKind, NoSuchKind> {
        let named = FaultKind::ALL.iter().find(|kind| kind.name() == name);
        named.copied().ok_or_else(|| NoSuchKind(name.into()))
    }
}

impl Fault {
    /// Of which kind it is.
    pub fn kind(&self) -> FaultKind {
        match self {
            Fault::Crash { host: Host::Worker(_), .. } => FaultKind::CrashWorker,
            Fault::Crash { host: Host::Manager, .. } => FaultKind::CrashManager,
            Fault::Crash { host: Host::Client(_), .. } => FaultKind::CrashClient,
            Fault::Stop { .. } => FaultKind::StopWorker,
            Fault::Blackout { .. } => FaultKind::Blackout,
            Fault::Pause { .. } => FaultKind::Pause,
            Fault::Slow { .. } => FaultKind::Slow,
            Fault::Cut { .. } => FaultKind::Cut,
            Fault::Trickle { .. } => FaultKind::Trickle,
            Fault::ResetConnection { .. } => FaultKind::Reset,
            Fault::HalfOpen => FaultKind::HalfOpen,
            Fault::FlipOnWire => FaultKind::FlipOnWire,
            Fault::Weather { .. } => FaultKind::Weather,
            Fault::DiskFull { .. } => FaultKind::DiskFull,
            Fault::SyncFails { .. } => FaultKind::SyncFails,
            Fault::ReadFails { .. } => FaultKind::ReadFails,
            Fault::Rot { .. } => FaultKind::Rot,
            Fault::LoseFile { .. } => FaultKind::LoseFile,
            Fault::StopManager { .. } => FaultKind::StopManager,
            Fault::Stranger { .. } => FaultKind::Stranger,
            Fault::LoseMount { .. } => FaultKind::OtherStorage,
            Fault::ChangeInput { .. } => FaultKind::ChangeInput,
            Fault::Echo { .. } => FaultKind::Echo,
        }
    }
}
