//! What a world is made of: owns the scenario as plain data (cluster, workload, faults) and draws one from a seed.
//!
//! A run is a pure function of its scenario. Invariant of what is drawn: worker 0 always comes back, faults end, and
//! every job has an outcome that the reference can tell.

use crate::network::{Farewell, NetworkSetting, Weather};
use crate::node::Clock;
use crate::stream::{Ratio, Span, Stream};
use crate::workload::{self, JobSetting};
use serde::{Deserialize, Serialize};
use windrow_core::time::{MILLISECOND_US, SECOND_US};

/// How fast a host is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// What a request to a disk takes.
    pub disk: Span,
    /// What appending to the journal and syncing it takes.
    pub journal: Span,
    /// What it takes a process to turn to the next thing, and a word to pass between its threads.
    pub turn: Span,
    /// What a step of a user's program takes.
    pub program: Span,
}

/// The Manager's host and process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagerSetting {
    /// When it starts.
    pub start_us: u64,
    /// How fast its host is.
    pub pace: Pace,
    /// What its clock shows.
    pub clock: Clock,
    /// How often workers send heartbeats.
    pub heartbeat_us: u64,
    /// For how long a silent worker still counts as alive.
    pub lease_us: u64,
}

/// A worker's host and process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerSetting {
    /// When it starts.
    pub start_us: u64,
    /// How fast its host is.
    pub pace: Pace,
    /// What its clock shows.
    pub clock: Clock,
    /// Attempts executed at the same time.
    pub slots: u32,
    /// Memory for sorting of each slot.
    pub sort_bytes: usize,
}

/// Something that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fault {
    /// A worker's process dies, and perhaps another starts on its host, with empty scratch.
    CrashWorker {
        /// Which.
        worker: u16,
        /// How its peers learn of it.
        farewell: Farewell,
        /// After how long its host starts another.
        back_after_us: Option<u64>,
    },
    /// One of the open connections is reset.
    ResetConnection,
    /// From now on datagrams fare like this.
    Weather(Weather),
}

/// A fault and when it strikes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedFault {
    /// When, in the world's time.
    pub at_us: u64,
    /// What.
    pub fault: Fault,
}

/// A world to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scenario {
    /// What every stream of the run is derived from.
    pub seed: u64,
    /// The network.
    pub network: NetworkSetting,
    /// The Manager.
    pub manager: ManagerSetting,
    /// The workers; at least one.
    pub workers: Vec<WorkerSetting>,
    /// The jobs, each with a client of its own.
    pub jobs: Vec<JobSetting>,
    /// What goes wrong, in no particular order.
    pub faults: Vec<PlannedFault>,
}

impl Scenario {
    /// The scenario of a seed. Each part draws from a stream of its own.
    pub fn from_seed(seed: u64) -> Scenario {
        let mut cluster = Stream::new(seed, "cluster");
        let heartbeat_us = cluster.between(100, 2_000) * MILLISECOND_US;
        let manager = ManagerSetting {
            start_us: cluster.below(300 * MILLISECOND_US),
            pace: pace(&mut cluster),
            clock: clock(&mut cluster),
            heartbeat_us,
            lease_us: heartbeat_us * cluster.between(3, 6),
        };
        let count = cluster.between(1, 5) as u16;
        let workers = (0..count).map(|index| worker(seed, index)).collect();
        let jobs = workload::from_seed(seed);
        Scenario { seed, network: network(seed), manager, workers, jobs, faults: faults(seed, count) }
    }

    /// When the last fault strikes, and what it brings about is done with.
    pub fn faults_end_us(&self) -> u64 {
        let end = |planned: &PlannedFault| match &planned.fault {
            Fault::CrashWorker { back_after_us, .. } => planned.at_us + back_after_us.unwrap_or(0),
            Fault::ResetConnection | Fault::Weather(_) => planned.at_us,
        };
        self.faults.iter().map(end).max().unwrap_or(0)
    }

    /// Whether somebody may die without anybody hearing of it.
    pub fn has_silence(&self) -> bool {
        self.faults.iter().any(|planned| match planned.fault {
            Fault::CrashWorker { farewell, .. } => farewell == Farewell::Silence,
            Fault::ResetConnection | Fault::Weather(_) => false,
        })
    }
}

fn span(stream: &mut Stream, least_us: u64, most_us: u64) -> Span {
    let least_us = stream.between(1, least_us);
    Span { least_us, most_us: stream.between(least_us, most_us) }
}

fn pace(stream: &mut Stream) -> Pace {
    let slow = if stream.chance(Ratio::one_in(6)) { stream.between(2, 40) } else { 1 };
    Pace {
        disk: span(stream, 50 * slow, 1_000 * slow),
        journal: span(stream, 300 * slow, 5_000 * slow),
        turn: span(stream, 5 * slow, 50 * slow),
        program: span(stream, 10 * slow, 200 * slow),
    }
}

fn clock(stream: &mut Stream) -> Clock {
    Clock { ahead_us: stream.below(1_000_000 * SECOND_US) }
}

fn network(seed: u64) -> NetworkSetting {
    let stream = &mut Stream::new(seed, "network");
    let slow = if stream.chance(Ratio::one_in(6)) { 20 } else { 1 };
    let (small, large) = (stream.between(64, 4_096), stream.between(4_096, 262_144));
    NetworkSetting {
        latency: span(stream, 100 * slow, 1_000 * slow),
        jitter: span(stream, 20 * slow, 500 * slow),
        window_bytes: (small, large),
    }
}

fn worker(seed: u64, index: u16) -> WorkerSetting {
    let stream = &mut Stream::new(seed, &format!("setting of worker {index}"));
    WorkerSetting {
        start_us: stream.below(500 * MILLISECOND_US),
        pace: pace(stream),
        clock: clock(stream),
        slots: stream.between(1, 3) as u32,
        sort_bytes: if stream.chance(Ratio::one_in(2)) {
            1 << 20
        } else {
            stream.between(2_000, 64_000) as usize
        },
    }
}

/// A random subset of the kinds of fault, each some times.
fn faults(seed: u64, workers: u16) -> Vec<PlannedFault> {
    let stream = &mut Stream::new(seed, "faults");
    let mut faults = Vec::new();
    let often =
        |stream: &mut Stream, most| if stream.chance(Ratio::one_in(2)) { stream.between(1, most) } else { 0 };
    for _ in 0..often(stream, 3) {
        let worker = stream.below(u64::from(workers)) as u16;
        let farewell = *stream.pick(&[Farewell::Close, Farewell::Reset, Farewell::Silence]);
        let stays_away = worker != 0 && stream.chance(Ratio::one_in(3));
        let back_after_us = (!stays_away).then(|| duration(stream));
        let fault = Fault::CrashWorker { worker, farewell, back_after_us };
        faults.push(PlannedFault { at_us: moment(stream), fault });
    }
    for _ in 0..often(stream, 5) {
        faults.push(PlannedFault { at_us: moment(stream), fault: Fault::ResetConnection });
    }
    if often(stream, 1) > 0 {
        let ratio = |stream: &mut Stream| {
            let denominator = stream.between(1, 20) as u32;
            Ratio { numerator: stream.below(2) as u32, denominator }
        };
        let weather = Weather {
            dropped: ratio(stream),
            doubled: ratio(stream),
            late: ratio(stream),
            lateness: Span { least_us: 0, most_us: duration(stream) },
        };
        let (begins_us, lasts_us) = (moment(stream), duration(stream));
        faults.push(PlannedFault { at_us: begins_us, fault: Fault::Weather(weather) });
        faults.push(PlannedFault { at_us: begins_us + lasts_us, fault: Fault::Weather(Weather::FAIR) });
    }
    faults
}

/// When something strikes: mostly while jobs run, else within the first seconds.
fn moment(stream: &mut Stream) -> u64 {
    if stream.chance(Ratio { numerator: 3, denominator: 4 }) {
        stream.between(200 * MILLISECOND_US, 1_500 * MILLISECOND_US)
    } else {
        duration(stream)
    }
}

/// How long something lasts: up to seconds, as likely short as long.
fn duration(stream: &mut Stream) -> u64 {
    let magnitude = stream.between(10, 23);
    stream.between(1, 1 << magnitude)
}
