//! Scenarios from seeds: draws cluster, workload and a random subset of the kinds of fault.
//!
//! Each part draws from a stream of its own, so that one more draw here shifts nothing there.

use super::{
    DiskName, Fault, FaultKind, InputChange, ManagerSetting, Moment, Pace, PlannedFault, Scenario, Trigger,
    WorkerSetting,
};
use crate::disk::{Instead, PowerLoss};
use crate::names::Host;
use crate::network::{Farewell, MessageKind, NetworkSetting, Weather};
use crate::node::Clock;
use crate::operators;
use crate::stranger::Babble;
use crate::stream::{Ratio, Span, Stream};
use crate::workload;
use std::collections::BTreeSet;
use windrow_core::time::{MILLISECOND_US, SECOND_US};

/// How long after the last timed fault has passed the core is healed, at the most.
const HEAL_US: u64 = 3 * SECOND_US;
/// Up to which number writes, messages and events of a seed's triggers are counted.
const NTH_MAGNITUDE: u64 = 9;

/// What an append to a slow journal takes at the most.
const JOURNAL_US_MAX: u64 = 100 * MILLISECOND_US;
/// How soon after a user has given up, at the most, his client is cut off.
const CUT_AFTER_US: u64 = 20 * MILLISECOND_US;

/// How many of the seeds have a rare kind of fault that would have it.
const RARE: Ratio = Ratio::one_in(3);

impl Scenario {
    /// The scenario of a seed.
    pub fn from_seed(seed: u64) -> Scenario {
        let kinds = kinds(seed);
        let mut cluster = Stream::new(seed, "cluster");
        let heartbeat_us = cluster.between(100, 2_000) * MILLISECOND_US;
        let drifts = kinds.contains(&FaultKind::Drift);
        let (start_us, pace) = (cluster.below(300 * MILLISECOND_US), pace(&mut cluster));
        let manager = ManagerSetting {
            start_us,
            pace: Pace { journal: journal_pace(seed, pace.journal), ..pace },
            clock: clock(&mut cluster, drifts),
            heartbeat_us,
            lease_us: heartbeat_us * cluster.between(3, 6),
            snapshot_after_bytes: 1 << Stream::new(seed, "journal").between(8, 20),
            keeps_jobs: !Stream::new(seed, "end of the Manager").chance(Ratio::one_in(4)),
        };
        let count = cluster.between(1, 5) as u16;
        let capable = cluster.below(u64::from(count)) as u16;
        let workers = (0..count).map(|index| worker(seed, index, drifts)).collect();
        let mut scenario = Scenario {
            seed,
            network: network(seed),
            manager,
            can_exchange: !Stream::new(seed, "storage").chance(Ratio::one_in(3)),
            workers,
            jobs: workload::from_seed(seed, &kinds),
            capable,
            drains: if kinds.contains(&FaultKind::Operators) {
                operators::drains(seed, count, capable)
            } else {
                Vec::new()
            },
            heal_us: 0,
            faults: Vec::new(),
        };
        let stream = &mut Stream::new(seed, "faults");
        scenario.faults = faults(stream, &scenario, &kinds);
        let timed = |planned: &PlannedFault| match planned.trigger {
            Trigger::At { us } => us + planned.fault.lasts_us().unwrap_or(0),
            Trigger::Event { .. } | Trigger::Write { .. } | Trigger::Message { .. } => 0,
        };
        let last_us = scenario.faults.iter().map(timed).max().unwrap_or(0);
        scenario.heal_us = last_us.max(SECOND_US) + stream.below(HEAL_US);
        scenario
    }
}

/// Which kinds of fault a seed has: none, a few or many.
fn kinds(seed: u64) -> BTreeSet<FaultKind> {
    let stream = &mut Stream::new(seed, "kinds of fault");
    let often = *stream.pick(&[Ratio::NEVER, Ratio::one_in(12), Ratio::one_in(6), Ratio::one_in(3)]);
    let mut kinds: BTreeSet<FaultKind> =
        FaultKind::ALL.iter().copied().filter(|_| stream.chance(often)).collect();
    // These spoil what others would show, or need much to go right besides.
    for rare in [FaultKind::OtherStorage, FaultKind::ChangeInput, FaultKind::Echo, FaultKind::Impatience] {
        if !stream.chance(RARE) {
            kinds.remove(&rare);
        }
    }
    // What a sync that failed has lost shows only then.
    if kinds.contains(&FaultKind::SyncFails) && stream.chance(Ratio::one_in(2)) {
        kinds.insert(FaultKind::Blackout);
    }
    kinds
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

/// How long an append to the journal takes. Where that is long, what is decided meanwhile is written together, and much lies
/// between a decision and its record.
fn journal_pace(seed: u64, usual: Span) -> Span {
    let stream = &mut Stream::new(seed, "pace of the journal");
    if stream.chance(Ratio::one_in(4)) { span(stream, 10_000, JOURNAL_US_MAX) } else { usual }
}

fn clock(stream: &mut Stream, drifts: bool) -> Clock {
    let ahead_us = stream.below(1_000_000 * SECOND_US);
    let drift_ppm = stream.between(0, 400_000) as i64 - 200_000;
    Clock { ahead_us, drift_ppm: if drifts { drift_ppm } else { 0 } }
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

fn worker(seed: u64, index: u16, drifts: bool) -> WorkerSetting {
    let stream = &mut Stream::new(seed, &format!("setting of worker {index}"));
    WorkerSetting {
        start_us: stream.below(500 * MILLISECOND_US),
        pace: pace(stream),
        clock: clock(stream, drifts),
        slots: stream.between(1, 3) as u32,
        sort_bytes: if stream.chance(Ratio::one_in(2)) {
            1 << 20
        } else {
            stream.between(2_000, 64_000) as usize
        },
    }
}

/// Some faults of each kind that the seed has.
fn faults(stream: &mut Stream, scenario: &Scenario, kinds: &BTreeSet<FaultKind>) -> Vec<PlannedFault> {
    let mut faults = Vec::new();
    for kind in kinds {
        for _ in 0..stream.between(1, 3) {
            if let Some(fault) = fault(stream, scenario, *kind) {
                faults.push(PlannedFault { trigger: trigger(stream, scenario, &fault), fault });
            }
        }
    }
    if kinds.contains(&FaultKind::Echo) {
        faults.extend(deaths_with_an_echo(stream, &faults));
    }
    if kinds.contains(&FaultKind::Impatience) {
        faults.extend(cuts_farther_apart_than_patience(stream, scenario));
    }
    if kinds.contains(&FaultKind::Reset) && stream.chance(Ratio::one_in(2)) {
        faults.extend(resets_while_something_is_said(stream, scenario));
    }
    if kinds.contains(&FaultKind::Cancel) && kinds.contains(&FaultKind::Reset) {
        faults.extend(cuts_after_giving_up(stream, scenario));
    }
    faults
}

/// Resets of workers' connections while something is said on them that is said once, unless it is said again afterwards.
fn resets_while_something_is_said(stream: &mut Stream, scenario: &Scenario) -> Vec<PlannedFault> {
    let mut reset = |worker| {
        let kinds =
            ["FromWorker::Unfetchable", "FromWorker::Ended", "FromWorker::PullOutputs", "ToWorker::Launch"];
        let kind = stream.pick(&kinds).parse().expect("it is the name of a message");
        let (nth, moment) = (stream.between(1, 4), *stream.pick(&[Moment::During, Moment::After]));
        let fault = Fault::ResetConnection { of: Some(Host::Worker(worker)) };
        PlannedFault { trigger: Trigger::Message { kind, nth, moment }, fault }
    };
    (0..scenario.workers.len() as u16).map(&mut reset).collect()
}

/// Resets of the connections of users who have just given up.
fn cuts_after_giving_up(stream: &mut Stream, scenario: &Scenario) -> Vec<PlannedFault> {
    let mut cut = |(index, us): (u16, u64)| {
        let fault = Fault::ResetConnection { of: Some(Host::Client(index)) };
        PlannedFault { trigger: Trigger::At { us: us + stream.below(CUT_AFTER_US) }, fault }
    };
    let given_up = (0..)
        .zip(&scenario.jobs)
        .filter_map(|(index, job)| Some((index, job.submit_us + job.cancel_after_us?)));
    given_up.map(&mut cut).collect()
}

/// The silent deaths of workers whose datagrams go round: only then is what they say not so.
fn deaths_with_an_echo(stream: &mut Stream, faults: &[PlannedFault]) -> Vec<PlannedFault> {
    let worker = |planned: &PlannedFault| match planned.fault {
        Fault::Echo { worker, .. } => Some(worker),
        _ => None,
    };
    let workers: BTreeSet<u16> = faults.iter().filter_map(worker).collect();
    let mut death = |worker| {
        let fault =
            Fault::Crash { host: Host::Worker(worker), farewell: Farewell::Silence, back_after_us: None };
        PlannedFault { trigger: Trigger::At { us: moment_us(stream) }, fault }
    };
    workers.into_iter().map(&mut death).collect()
}

/// Resets of each client's connection, by which it might come to the end of its patience, had it not been heard meanwhile.
fn cuts_farther_apart_than_patience(stream: &mut Stream, scenario: &Scenario) -> Vec<PlannedFault> {
    let mut cuts = Vec::new();
    for (index, job) in (0..).zip(&scenario.jobs) {
        let mut us = job.submit_us + stream.below(SECOND_US);
        for _ in 0..stream.between(2, 3) {
            let fault = Fault::ResetConnection { of: Some(Host::Client(index)) };
            cuts.push(PlannedFault { trigger: Trigger::At { us }, fault });
            us += job.patience_us + stream.below(job.patience_us);
        }
    }
    cuts
}

/// A fault of this kind; `None` where the kind is no event but a property of clocks, programs or users.
fn fault(stream: &mut Stream, scenario: &Scenario, kind: FaultKind) -> Option<Fault> {
    let workers = scenario.workers.len() as u64;
    let worker = stream.below(workers) as u16;
    let disk = if stream.chance(Ratio::one_in(3)) { DiskName::Shared } else { DiskName::Scratch(worker) };
    Some(match kind {
        FaultKind::CrashWorker => crash(stream, Host::Worker(worker)),
        FaultKind::CrashManager => crash(stream, Host::Manager),
        FaultKind::CrashClient => {
            let host = client(stream, scenario);
            Fault::Crash { host, farewell: farewell(stream), back_after_us: None }
        }
        FaultKind::StopWorker => Fault::Stop { worker, back_after_us: duration(stream) },
        FaultKind::Blackout => {
            let unsynced = *stream.pick(&[PowerLoss::Lost, PowerLoss::Torn, PowerLoss::Reordered]);
            Fault::Blackout { unsynced, back_after_us: duration(stream) }
        }
        FaultKind::Pause => Fault::Pause { host: host(stream, scenario), for_us: lasting(stream) },
        FaultKind::Slow => {
            let times = *stream.pick(&[3, 10, 30, 100]);
            Fault::Slow { host: host(stream, scenario), times, for_us: lasting(stream) }
        }
        FaultKind::Cut => {
            let (from, to) = edge(stream, scenario);
            Fault::Cut { from, to, for_us: lasting(stream) }
        }
        FaultKind::Trickle => {
            let (from, to) = edge(stream, scenario);
            let bytes_per_ms = stream.between(1, 50);
            Fault::Trickle { from, to, bytes_per_ms, for_us: lasting(stream) }
        }
        FaultKind::Reset => Fault::ResetConnection { of: None },
        FaultKind::HalfOpen => Fault::HalfOpen,
        FaultKind::FlipOnWire => Fault::FlipOnWire,
        FaultKind::Weather => Fault::Weather { weather: weather(stream), for_us: lasting(stream) },
        FaultKind::DiskFull => {
            let magnitude = stream.between(0, 16);
            Fault::DiskFull {
                disk,
                after_bytes: stream.below(1 << magnitude),
                makes_files: stream.chance(Ratio::one_in(2)),
                for_us: lasting(stream),
            }
        }
        FaultKind::SyncFails => Fault::SyncFails { disk, times: stream.between(1, 3) as u32 },
        FaultKind::ReadFails => Fault::ReadFails { disk, times: stream.between(1, 3) as u32 },
        FaultKind::Rot => Fault::Rot { worker },
        FaultKind::LoseFile => Fault::LoseFile { worker },
        FaultKind::StopManager => Fault::StopManager { back_after_us: duration(stream) },
        FaultKind::Stranger => {
            let any = Host::Worker(worker);
            let host = if stream.chance(Ratio::one_in(2)) { Host::Manager } else { any };
            Fault::Stranger { host, says: *stream.pick(Babble::ALL) }
        }
        // Who always sees the shared storage leaves the others alone for a while.
        FaultKind::OtherStorage if worker == scenario.capable => {
            Fault::Stop { worker, back_after_us: duration(stream) }
        }
        FaultKind::OtherStorage => {
            let instead = *stream.pick(&[Instead::Nothing, Instead::Mirror]);
            Fault::LoseMount { worker, instead, back_after_us: duration(stream) }
        }
        FaultKind::ChangeInput => {
            let changes = [InputChange::Overwritten, InputChange::Appended, InputChange::Replaced];
            let job = stream.below(scenario.jobs.len() as u64) as u16;
            Fault::ChangeInput { job, change: *stream.pick(&changes) }
        }
        FaultKind::Echo => {
            Fault::Echo { worker, every_us: scenario.manager.heartbeat_us * stream.between(1, 2) }
        }
        FaultKind::Drift
        | FaultKind::ProgramFails
        | FaultKind::ProgramHangs
        | FaultKind::ProgramUnstable
        | FaultKind::Cancel
        | FaultKind::SubmitTwice
        | FaultKind::Mistake
        | FaultKind::Impatience
        | FaultKind::Operators => return None,
    })
}

fn crash(stream: &mut Stream, host: Host) -> Fault {
    let stays_away = stream.chance(Ratio::one_in(4));
    let back_after_us = (!stays_away).then(|| duration(stream));
    Fault::Crash { host, farewell: farewell(stream), back_after_us }
}

fn farewell(stream: &mut Stream) -> Farewell {
    *stream.pick(&[Farewell::Close, Farewell::Reset, Farewell::Silence])
}

fn client(stream: &mut Stream, scenario: &Scenario) -> Host {
    let jobs = scenario.jobs.len() as u64;
    Host::Client(if jobs == 0 { 0 } else { stream.below(jobs) as u16 })
}

/// A host: a worker mostly.
fn host(stream: &mut Stream, scenario: &Scenario) -> Host {
    match stream.below(6) {
        0 => Host::Manager,
        1 => client(stream, scenario),
        _ => Host::Worker(stream.below(scenario.workers.len() as u64) as u16),
    }
}

/// Two different hosts.
fn edge(stream: &mut Stream, scenario: &Scenario) -> (Host, Host) {
    let from = host(stream, scenario);
    let to = host(stream, scenario);
    if from != to {
        (from, to)
    } else if from == Host::Manager {
        (from, Host::Worker(scenario.capable))
    } else {
        (from, Host::Manager)
    }
}

fn weather(stream: &mut Stream) -> Weather {
    let ratio = |stream: &mut Stream| {
        let denominator = stream.between(1, 20) as u32;
        Ratio { numerator: stream.below(2) as u32, denominator }
    };
    Weather {
        dropped: ratio(stream),
        doubled: ratio(stream),
        replayed: ratio(stream),
        truncated: ratio(stream),
        late: ratio(stream),
        lateness: Span { least_us: 0, most_us: duration(stream) },
    }
}

/// When it strikes: by the clock mostly, else at some write, message or event. What concerns a disk or a process strikes more
/// often at a write of its own, what concerns a connection at a message between workers, for these are soon over.
fn trigger(stream: &mut Stream, scenario: &Scenario, fault: &Fault) -> Trigger {
    let magnitude = stream.between(1, NTH_MAGNITUDE);
    let nth = stream.between(1, 1 << magnitude);
    let moment = *stream.pick(&[Moment::Before, Moment::During, Moment::After]);
    let own = own_host(fault);
    if matches!(fault, Fault::Stop { .. }) && stream.chance(Ratio::one_in(2)) {
        // Who leaves does so between two tasks, often while those that are left fail at theirs.
        let kind = "FromWorker::Ended".parse().expect("it is the name of a message");
        return Trigger::Message { kind, nth: stream.between(1, 8), moment };
    }
    match stream.below(8) {
        0 | 1 => {
            let any = Host::Worker(stream.below(scenario.workers.len() as u64) as u16);
            let drawn = if stream.chance(Ratio::one_in(2)) { Host::Manager } else { any };
            Trigger::Write { host: own.unwrap_or(drawn), nth, moment }
        }
        2 => {
            let kinds: Vec<MessageKind> = MessageKind::all().collect();
            Trigger::Message { kind: *stream.pick(&kinds), nth: nth.min(1 << 6), moment }
        }
        3 => {
            let kinds = ["FetchRequest", "FetchAnswer::Run", "Raw"];
            let kind = stream.pick(&kinds).parse().expect("it is the name of a message");
            Trigger::Message { kind, nth: nth.min(1 << 4), moment }
        }
        4 => Trigger::Event { nth: nth << 5 },
        _ => Trigger::At { us: moment_us(stream) },
    }
}

/// Whose writes a fault has most to do with.
fn own_host(fault: &Fault) -> Option<Host> {
    match fault {
        Fault::Crash { host, .. } => (!matches!(host, Host::Client(_))).then_some(*host),
        Fault::Rot { worker } | Fault::LoseFile { worker } | Fault::LoseMount { worker, .. } => {
            Some(Host::Worker(*worker))
        }
        other => other.refusing_disk().and_then(DiskName::host),
    }
}

/// A time: mostly while jobs run, else within the first seconds.
fn moment_us(stream: &mut Stream) -> u64 {
    if stream.chance(Ratio { numerator: 3, denominator: 4 }) {
        stream.between(200 * MILLISECOND_US, 1_500 * MILLISECOND_US)
    } else {
        duration(stream)
    }
}

/// How long something lasts: mostly for a while, else until it is healed.
fn lasting(stream: &mut Stream) -> Option<u64> {
    (!stream.chance(Ratio::one_in(4))).then(|| duration(stream))
}

/// How long something lasts: up to seconds, as likely short as long.
fn duration(stream: &mut Stream) -> u64 {
    let magnitude = stream.between(10, 23);
    stream.between(1, 1 << magnitude)
}
