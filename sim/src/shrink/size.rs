//! How large a scenario is: owns the measure that shrinking lowers, by what a person has to take in.

use super::settings::{
    self, PLAIN_HEARTBEAT_AND_LEASE_US, PLAIN_SNAPSHOT_AFTER_BYTES, PLAIN_SORT_BYTES, PLAIN_SPLIT_BYTES,
};
use crate::disk::{Instead, PowerLoss};
use crate::network::{Farewell, Weather};
use crate::node::Clock;
use crate::process::UserFunction;
use crate::scenario::{Fault, InputChange, Moment, Scenario, Trigger};
use crate::stranger::Babble;
use crate::stream::Ratio;
use crate::workload::JobSetting;
use std::collections::BTreeSet;

/// A size: what comes first weighs more than all that follows.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Size {
    faults: usize,
    jobs: usize,
    workers: usize,
    files: usize,
    lines: usize,
    bytes: usize,
    /// How many different bytes there are in the input.
    variety: usize,
    /// How far from plain all else is.
    oddity: u64,
}

impl Size {
    /// That of a scenario.
    pub(super) fn of(scenario: &Scenario) -> Size {
        let files = || scenario.jobs.iter().flat_map(|job| &job.files);
        Size {
            faults: scenario.faults.len(),
            jobs: scenario.jobs.len(),
            workers: scenario.workers.len(),
            files: files().count(),
            lines: files().map(|file| file.bytes.split_inclusive(|byte| *byte == b'\n').count()).sum(),
            bytes: files().map(|file| file.bytes.len()).sum(),
            variety: files().flat_map(|file| &file.bytes).collect::<BTreeSet<_>>().len(),
            oddity: oddity(scenario),
        }
    }
}

/// How much a number is to take in: its digits, most of all those from the first to the last that is not zero.
fn digits(number: u64) -> u64 {
    let (mut leading, mut length, mut significant) = (number, 0, 0);
    while leading > 0 {
        if significant > 0 || !leading.is_multiple_of(10) {
            significant += 1;
        }
        length += 1;
        if leading < 10 {
            break;
        }
        leading /= 10;
    }
    10 * length + 15 * significant + leading
}

fn oddity(scenario: &Scenario) -> u64 {
    let mut scenario = scenario.clone();
    let numbers: u64 = settings::times_and_counts(&mut scenario).into_iter().map(|it| digits(*it)).sum();
    let manager = &scenario.manager;
    let clocks = scenario.workers.iter().map(|worker| worker.clock).chain([manager.clock]);
    let paces = scenario.workers.iter().map(|worker| &worker.pace).chain([&manager.pace]);
    let slots = scenario.workers.iter().map(|worker| digits(worker.slots.into()));
    let sorts = scenario.workers.iter().filter(|worker| worker.sort_bytes != PLAIN_SORT_BYTES).count();
    numbers
        + odd(!manager.keeps_jobs)
        + odd(!scenario.can_exchange)
        + 5 * odd(manager.snapshot_after_bytes != PLAIN_SNAPSHOT_AFTER_BYTES)
        + 20 * odd((manager.heartbeat_us, manager.lease_us) != PLAIN_HEARTBEAT_AND_LEASE_US)
        + clocks
            .map(|Clock { ahead_us, drift_ppm }| 5 * (odd(ahead_us != 0) + odd(drift_ppm != 0)))
            .sum::<u64>()
        + paces.map(|pace| 5 * settings::odd_spans(pace)).sum::<u64>()
        + slots.sum::<u64>()
        + 20 * sorts as u64
        + 5 * settings::odd_links(&scenario.network)
        + 30 * scenario.drains.len() as u64
        + scenario.jobs.iter().map(of_job).sum::<u64>()
        + scenario
            .faults
            .iter()
            .map(|planned| of_trigger(&planned.trigger) + of_fault(&planned.fault))
            .sum::<u64>()
}

fn odd(is_odd: bool) -> u64 {
    u64::from(is_odd)
}

fn of_job(job: &JobSetting) -> u64 {
    let bytes: u64 = job.files.iter().map(|file| file.bytes.len() as u64).sum();
    let splits = match job.split_bytes {
        PLAIN_SPLIT_BYTES => 0,
        split_bytes => 20 * bytes.div_ceil(split_bytes) + digits(split_bytes),
    };
    let ways = [
        job.cancel_after_us.is_some(),
        job.again_after_us.is_some(),
        job.is_impatient(),
        job.mistake.is_some(),
        job.overwrites.is_some(),
        job.task_timeout_us > 0,
    ];
    let attention =
        job.attention.clone().times_mut().into_iter().filter(|(_, us)| us.is_some()).count() as u64;
    30 * (attention + ways.into_iter().map(odd).sum::<u64>())
        + 5 * job.inputs.len() as u64
        + of_function(&job.mapper)
        + job.reducer.as_ref().map_or(0, of_function)
        + digits(job.reducers.into())
        + odd(job.accepts_nondeterminism)
        + digits(job.max_skipped_records.into())
        + odd(job.sync)
        + splits
}

fn of_function(function: &UserFunction) -> u64 {
    match function {
        UserFunction::Identity => 0,
        UserFunction::KeyByFirstByte => 20,
        UserFunction::CountWords | UserFunction::Sum => 40,
        UserFunction::Missing | UserFunction::Unstartable { .. } | UserFunction::Multiply { .. } => 60,
        UserFunction::Quit { .. } | UserFunction::Daemon { .. } => 70,
        UserFunction::Ponder { .. } | UserFunction::Nap { .. } => 75,
        UserFunction::FailOn { .. } | UserFunction::Abandon { .. } => 80,
        UserFunction::Flaky { .. } | UserFunction::Hang { .. } | UserFunction::Unstable => 100,
    }
}

fn of_trigger(trigger: &Trigger) -> u64 {
    match trigger {
        Trigger::At { .. } => 0,
        Trigger::Message { moment, .. } => 200 + of_moment(*moment),
        Trigger::Write { moment, .. } => 300 + of_moment(*moment),
        Trigger::Event { .. } => 400,
    }
}

fn of_moment(moment: Moment) -> u64 {
    match moment {
        Moment::Before => 0,
        Moment::After => 1,
        Moment::During => 2,
    }
}

fn of_fault(fault: &Fault) -> u64 {
    let lasting = |us: &Option<u64>| 20 * odd(us.is_some());
    match fault {
        Fault::Crash { farewell, back_after_us, .. } => of_farewell(*farewell) + lasting(back_after_us),
        Fault::Blackout { unsynced, .. } => match unsynced {
            PowerLoss::Lost => 0,
            PowerLoss::Torn => 1,
            PowerLoss::Reordered => 2,
        },
        Fault::Slow { times, for_us, .. } => digits((*times).into()) + lasting(for_us),
        Fault::Pause { for_us, .. } | Fault::Cut { for_us, .. } | Fault::Trickle { for_us, .. } => {
            lasting(for_us)
        }
        Fault::DiskFull { makes_files, for_us, .. } => u64::from(*makes_files) + lasting(for_us),
        Fault::Weather { weather, for_us } => of_weather(weather) + lasting(for_us),
        Fault::SyncFails { times, .. } | Fault::ReadFails { times, .. } => digits((*times).into()),
        Fault::LoseMount { instead, .. } => match instead {
            Instead::Nothing => 0,
            Instead::Mirror => 1,
        },
        Fault::ChangeInput { change, .. } => match change {
            InputChange::Replaced => 0,
            InputChange::Overwritten => 1,
            InputChange::Appended => 2,
        },
        Fault::ResetConnection { of } => odd(of.is_some()),
        Fault::Stop { .. }
        | Fault::HalfOpen
        | Fault::FlipOnWire
        | Fault::Rot { .. }
        | Fault::LoseFile { .. }
        | Fault::StopManager { .. }
        | Fault::Echo { .. } => 0,
        Fault::Stranger { says, .. } => Babble::ALL.iter().position(|it| it == says).unwrap_or(0) as u64,
    }
}

fn of_farewell(farewell: Farewell) -> u64 {
    match farewell {
        Farewell::Close => 0,
        Farewell::Reset => 1,
        Farewell::Silence => 2,
    }
}

fn of_weather(weather: &Weather) -> u64 {
    let Weather { dropped, doubled, late, lateness, replayed, truncated } = weather;
    let ratio = |ratio: &Ratio| match ratio.numerator {
        0 => odd(*ratio != Ratio::NEVER),
        _ if *ratio == Ratio::one_in(1) => 20,
        _ => 40,
    };
    let ratios: u64 = [dropped, doubled, late, replayed, truncated].into_iter().map(ratio).sum();
    ratios + 5 * odd(lateness.most_us > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_and_small_numbers_are_less_to_take_in() {
        let ascending = [0, 1, 2, 9, 10, 20, 100, 12, 700_000, 710_000, 712_345];
        let sizes: Vec<u64> = ascending.into_iter().map(digits).collect();
        assert!(sizes.is_sorted_by(|one, other| one < other), "{sizes:?}");
    }
}
