//! Making plainer what stays: owns what counts as plain for a cluster, a job, a fault and a number.

use super::Edit;
use crate::disk::{Instead, PowerLoss};
use crate::network::{Farewell, NetworkSetting, Weather};
use crate::node::Clock;
use crate::operators::Attention;
use crate::process::UserFunction;
use crate::scenario::{Fault, InputChange, ManagerSetting, Moment, Pace, Scenario, Trigger, WorkerSetting};
use crate::stream::{Ratio, Span};
use crate::workload::{InputText, JobSetting, PATIENCE_US};
use windrow_core::time::{MILLISECOND_US, SECOND_US};

/// Memory for sorting that no small input fills.
pub(super) const PLAIN_SORT_BYTES: usize = 1 << 20;
/// Splits that hold any small file.
pub(super) const PLAIN_SPLIT_BYTES: u64 = 1 << 20;
/// A heartbeat that leaves a transcript readable.
pub(super) const PLAIN_SNAPSHOT_AFTER_BYTES: u64 = 1 << 20;
pub(super) const PLAIN_HEARTBEAT_AND_LEASE_US: (u64, u64) = (SECOND_US, 3 * SECOND_US);
/// Times at which a fault may strike as well as at what set it off.
const TIMES_MS: [u64; 12] = [100, 200, 300, 400, 500, 600, 700, 800, 1_000, 1_300, 1_600, 2_000];

const fn always(us: u64) -> Span {
    Span { least_us: us, most_us: us }
}

const FAST: Pace = Pace { disk: always(100), journal: always(1_000), turn: always(10), program: always(20) };

const CALM: NetworkSetting =
    NetworkSetting { latency: always(500), jitter: always(0), window_bytes: (1 << 16, 1 << 16) };

/// How many of its steps do not take what they take on a fast host.
pub(super) fn odd_spans(pace: &Pace) -> u64 {
    let Pace { disk, journal, turn, program } = pace;
    let spans = [(disk, &FAST.disk), (journal, &FAST.journal), (turn, &FAST.turn), (program, &FAST.program)];
    spans.into_iter().map(|(span, plain)| u64::from(span != plain)).sum()
}

/// In how many ways a network is not calm.
pub(super) fn odd_links(network: &NetworkSetting) -> u64 {
    let NetworkSetting { latency, jitter, window_bytes } = network;
    [*latency != CALM.latency, *jitter != CALM.jitter, *window_bytes != CALM.window_bytes]
        .into_iter()
        .map(u64::from)
        .sum()
}

/// Makes hosts, clocks and the network plain: all, then each.
pub(super) fn calm(scenario: &Scenario) -> Vec<Edit> {
    let mut edits: Vec<Edit> = vec![
        Box::new(|scenario| {
            scenario.network = CALM;
            calm_manager(&mut scenario.manager);
            scenario.workers.iter_mut().for_each(calm_worker);
        }),
        Box::new(|scenario| scenario.can_exchange = true),
        Box::new(|scenario| scenario.network = CALM),
        Box::new(|scenario| scenario.network.latency = CALM.latency),
        Box::new(|scenario| scenario.network.jitter = CALM.jitter),
        Box::new(|scenario| scenario.network.window_bytes = CALM.window_bytes),
        Box::new(|scenario| calm_manager(&mut scenario.manager)),
        Box::new(|scenario| scenario.manager.pace = FAST),
        Box::new(|scenario| scenario.manager.clock = Clock::TRUE),
        Box::new(|scenario| calm_heartbeat(&mut scenario.manager)),
        Box::new(|scenario| scenario.workers.iter_mut().for_each(calm_worker)),
    ];
    for index in 0..scenario.workers.len() {
        let parts: [fn(&mut WorkerSetting); 5] = [
            calm_worker,
            |worker| worker.pace = FAST,
            |worker| worker.clock = Clock::TRUE,
            |worker| worker.sort_bytes = PLAIN_SORT_BYTES,
            |worker| worker.slots = 1,
        ];
        edits.extend(parts.map(|part| -> Edit {
            Box::new(move |scenario| scenario.workers.get_mut(index).into_iter().for_each(part))
        }));
    }
    edits
}

fn calm_manager(manager: &mut ManagerSetting) {
    manager.start_us = 0;
    manager.pace = FAST;
    manager.clock = Clock::TRUE;
    manager.snapshot_after_bytes = PLAIN_SNAPSHOT_AFTER_BYTES;
    manager.keeps_jobs = true;
    calm_heartbeat(manager);
}

fn calm_heartbeat(manager: &mut ManagerSetting) {
    (manager.heartbeat_us, manager.lease_us) = PLAIN_HEARTBEAT_AND_LEASE_US;
}

fn calm_worker(worker: &mut WorkerSetting) {
    *worker =
        WorkerSetting { start_us: 0, pace: FAST, clock: Clock::TRUE, slots: 1, sort_bytes: PLAIN_SORT_BYTES };
}

/// Makes jobs, faults and what sets them off of a plainer kind.
pub(super) fn kinds(scenario: &Scenario) -> Vec<Edit> {
    let mut edits: Vec<Edit> = Vec::new();
    for index in 0..scenario.jobs.len() {
        edits.extend(JOBS.map(|change| -> Edit {
            Box::new(move |scenario| scenario.jobs.get_mut(index).into_iter().for_each(change))
        }));
    }
    for (index, planned) in scenario.faults.iter().enumerate() {
        edits.extend(FAULTS.map(|change| -> Edit {
            Box::new(move |scenario| {
                scenario.faults.get_mut(index).into_iter().for_each(|planned| change(&mut planned.fault));
            })
        }));
        let mut triggers: Vec<Trigger> = Vec::new();
        if !matches!(planned.trigger, Trigger::At { .. }) {
            triggers.extend(TIMES_MS.map(|ms| Trigger::At { us: ms * MILLISECOND_US }));
        }
        for plainer in [Moment::Before, Moment::After] {
            let mut trigger = planned.trigger.clone();
            match &mut trigger {
                Trigger::Write { moment, .. } | Trigger::Message { moment, .. } => *moment = plainer,
                Trigger::At { .. } | Trigger::Event { .. } => continue,
            }
            triggers.push(trigger);
        }
        edits.extend(triggers.into_iter().map(|trigger| -> Edit {
            Box::new(move |scenario| {
                if let Some(planned) = scenario.faults.get_mut(index) {
                    planned.trigger = trigger.clone();
                }
            })
        }));
    }
    edits
}

/// Plainer jobs. Only what words were counted for is summed: nothing else has numbers.
const JOBS: [fn(&mut JobSetting); 22] = [
    |job| job.attention = Attention::default(),
    |job| job.attention.wait_after_us = None,
    |job| job.attention.kill_after_us = None,
    |job| job.attention.other_job_after_us = None,
    |job| job.attention.look_after_us = None,
    |job| job.task_timeout_us = 0,
    |job| job.mistake = None,
    |job| job.again_after_us = None,
    |job| job.patience_us = PATIENCE_US,
    |job| job.cancel_after_us = None,
    |job| {
        job.mapper = UserFunction::Identity;
        (job.reducer, job.reducers) = (None, 0);
    },
    |job| (job.reducer, job.reducers) = (None, 0),
    |job| {
        job.mapper = UserFunction::Identity;
        job.reducer = job.reducer.take().map(|_| UserFunction::Identity);
    },
    |job| job.reducer = job.reducer.take().map(|_| UserFunction::Identity),
    |job| {
        if job.reducer != Some(UserFunction::Sum) {
            job.mapper = UserFunction::Identity;
        }
    },
    |job| job.split_bytes = PLAIN_SPLIT_BYTES,
    |job| job.reducers = job.reducers.min(1),
    |job| job.accepts_nondeterminism = false,
    |job| job.max_skipped_records = 0,
    |job| job.sync = false,
    |job| job.overwrites = None,
    name_the_directory,
];

/// Names the files by their directory, where that gives the same files in the same order.
fn name_the_directory(job: &mut JobSetting) {
    let directory = |file: &InputText| file.path.split_name().map(|(directory, _)| directory);
    let Some(first) = job.files.first().and_then(directory) else { return };
    let is_theirs = job.files.iter().all(|file| directory(file).as_ref() == Some(&first));
    if is_theirs && job.files.is_sorted_by_key(|file| &file.path) {
        job.inputs = vec![first];
    }
}

/// Plainer faults of the same kind.
const FAULTS: [fn(&mut Fault); 12] = [
    |fault| farewell(fault, Farewell::Close),
    |fault| farewell(fault, Farewell::Reset),
    |fault| {
        if let Fault::Blackout { unsynced, .. } = fault {
            *unsynced = PowerLoss::Lost;
        }
    },
    |fault| {
        if let Fault::LoseMount { instead, .. } = fault {
            *instead = Instead::Nothing;
        }
    },
    |fault| {
        if let Fault::ChangeInput { change, .. } = fault {
            *change = InputChange::Replaced;
        }
    },
    |fault| {
        if let Fault::ResetConnection { of } = fault {
            *of = None;
        }
    },
    until_healed,
    |fault| weather(fault, |weather| weather.dropped = Ratio::NEVER),
    |fault| weather(fault, |weather| weather.doubled = Ratio::NEVER),
    |fault| weather(fault, |weather| weather.replayed = Ratio::NEVER),
    |fault| weather(fault, |weather| weather.truncated = Ratio::NEVER),
    |fault| {
        weather(fault, |weather| (weather.late, weather.lateness) = (Ratio::NEVER, Weather::FAIR.lateness));
    },
];

fn farewell(fault: &mut Fault, plainer: Farewell) {
    if let Fault::Crash { farewell, .. } = fault {
        *farewell = plainer;
    }
}

fn until_healed(fault: &mut Fault) {
    if let Some(lasts_us) = fault.lasting_mut() {
        *lasts_us = None;
    }
}

fn weather(fault: &mut Fault, change: fn(&mut Weather)) {
    if let Fault::Weather { weather, .. } = fault {
        change(weather);
    }
}

/// Makes numbers smaller, or at least rounder.
pub(super) fn numbers(scenario: &Scenario) -> Vec<Edit> {
    let mut edits: Vec<Edit> = Vec::new();
    let mut numbers = scenario.clone();
    for (index, number) in times_and_counts(&mut numbers).into_iter().enumerate() {
        for rounder in rounder(*number) {
            edits.push(Box::new(move |scenario| {
                if let Some(number) = times_and_counts(scenario).get_mut(index) {
                    **number = rounder;
                }
            }));
        }
    }
    for (index, job) in scenario.jobs.iter().enumerate() {
        for splits in [2 * job.split_bytes, 4 * job.split_bytes, leading(job.split_bytes, 1)] {
            edits.push(Box::new(move |scenario| {
                scenario.jobs.get_mut(index).into_iter().for_each(|job| job.split_bytes = splits);
            }));
        }
        for reducers in [job.reducers / 2, job.reducers.saturating_sub(1)] {
            edits.push(Box::new(move |scenario| {
                scenario.jobs.get_mut(index).into_iter().for_each(|job| job.reducers = reducers);
            }));
        }
    }
    for (index, worker) in scenario.workers.iter().enumerate() {
        let slots = worker.slots - 1;
        edits.push(Box::new(move |scenario| {
            scenario.workers.get_mut(index).into_iter().for_each(|worker| worker.slots = slots.max(1));
        }));
    }
    for index in 0..scenario.faults.len() {
        edits.push(Box::new(move |scenario| {
            let fault = scenario.faults.get_mut(index).map(|planned| &mut planned.fault);
            if let Some(
                Fault::Slow { times, .. } | Fault::SyncFails { times, .. } | Fault::ReadFails { times, .. },
            ) = fault
            {
                *times = 1.max(*times / 3);
            }
        }));
    }
    edits
}

/// Numbers that are less to take in than this one, as far as they may do instead.
fn rounder(number: u64) -> Vec<u64> {
    let (one, two) = (leading(number, 1), leading(number, 2));
    vec![
        0,
        1,
        leading(number / 10, 1),
        leading(number / 2, 1),
        one,
        one + unit(number, 1),
        two,
        two + unit(number, 2),
    ]
}

/// The number with all but its first digits zero.
fn leading(number: u64, digits: u32) -> u64 {
    number / unit(number, digits) * unit(number, digits)
}

/// What the last of a number's first digits counts.
fn unit(number: u64, digits: u32) -> u64 {
    let length = number.checked_ilog10().map_or(1, |log| log + 1);
    10_u64.pow(length.saturating_sub(digits))
}

/// Every time and count of 64 bits for which smaller is plainer, and that may be zero: heartbeats without a pause, or a link
/// that carries nothing, are no cluster. The order depends on nothing but the shape of a scenario.
pub(super) fn times_and_counts(scenario: &mut Scenario) -> Vec<&mut u64> {
    let Scenario { manager, workers, jobs, heal_us, faults, drains, .. } = scenario;
    let mut numbers = vec![&mut manager.start_us, heal_us];
    numbers.extend(workers.iter_mut().map(|worker| &mut worker.start_us));
    for job in jobs {
        numbers.push(&mut job.submit_us);
        numbers.extend(job.cancel_after_us.as_mut().into_iter().chain(&mut job.again_after_us));
        numbers.extend(job.attention.times_mut().into_iter().filter_map(|(_, us)| us.as_mut()));
        for function in [&mut job.mapper].into_iter().chain(&mut job.reducer) {
            if let UserFunction::Abandon { bytes: number }
            | UserFunction::Hang { bytes: number }
            | UserFunction::Ponder { us: number }
            | UserFunction::Nap { us: number } = function
            {
                numbers.push(number);
            }
        }
    }
    for drain in drains {
        numbers.push(&mut drain.at_us);
        numbers.extend(&mut drain.undone_after_us);
    }
    for planned in faults {
        numbers.push(match &mut planned.trigger {
            Trigger::At { us } => us,
            Trigger::Event { nth } | Trigger::Write { nth, .. } | Trigger::Message { nth, .. } => nth,
        });
        match &mut planned.fault {
            Fault::DiskFull { after_bytes, for_us, .. } => {
                numbers.push(after_bytes);
                numbers.extend(for_us);
            }
            Fault::Stop { back_after_us, .. }
            | Fault::StopManager { back_after_us }
            | Fault::Blackout { back_after_us, .. }
            | Fault::LoseMount { back_after_us, .. } => {
                numbers.push(back_after_us);
            }
            other => numbers.extend(other.lasting_mut().into_iter().flatten()),
        }
    }
    numbers
}
