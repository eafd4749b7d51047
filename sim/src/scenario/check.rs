//! What a scenario may be: owns the bounds of its parts, so that whatever is not refused is a world that must keep its
//! promises, however it was written. A refusal names the field and its bound.

mod faults;
mod jobs;
#[cfg(test)]
mod tests;

use super::{ManagerSetting, Pace, Scenario};
use crate::node::Clock;
use crate::stream::Span;
use std::fmt::Display;
use std::ops::RangeInclusive;
use windrow_core::time::SECOND_US;

/// Workers of a world at the most.
const WORKERS_MAX: usize = 100;
/// Jobs of a world at the most.
const JOBS_MAX: usize = 100;
/// Planned faults of a world at the most.
const FAULTS_MAX: usize = 1_000;
/// When a process or a job of the beginning starts, at the latest: a user hears within a time that begins with the healing.
const START_US_MAX: u64 = 60 * SECOND_US;
/// How late or long anything else is, at the most: by then every user has heard how his job ended.
const TIME_US_MAX: u64 = 600 * SECOND_US;
/// What a request to a disk, a step of a program or a thing's way over the network takes, at the most: jobs end in time.
const PACE_US_MAX: u64 = 200_000;
/// What a process takes to turn to the next thing, at the most: it is heard within its lease.
const TURN_US_MAX: u64 = 10_000;
/// How long anything is on its way, and how much longer on some links, at the most.
const DELAY_US_MAX: u64 = 50_000;
/// Time between two heartbeats.
const HEARTBEAT_US: RangeInclusive<u64> = 10_000..=10 * SECOND_US;
/// For how long a silent worker counts as alive, at the most.
const LEASE_US_MAX: u64 = 60 * SECOND_US;
/// Bytes of records after which the journal begins anew.
const SNAPSHOT_AFTER_BYTES: RangeInclusive<u64> = 1..=1 << 30;
/// What a clock shows when the world begins, at the most: thirty years.
const AHEAD_US_MAX: u64 = 1_000_000_000 * SECOND_US;
/// By how many millionths a clock is wrong, at the most: by more, a worker's heartbeats would come too late for a lease.
const DRIFT_PPM_MAX: u64 = 200_000;
/// Bytes that a connection's window holds; at the least those of the last word that a process says into it when it ends.
const WINDOW_BYTES: RangeInclusive<u64> = 64..=1 << 30;
/// Attempts that a worker executes at the same time.
const SLOTS: RangeInclusive<u64> = 1..=64;
/// Memory for sorting.
const SORT_BYTES: RangeInclusive<u64> = 1..=1 << 30;

/// Why something is no scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonsense(pub String);

fn nonsense(what: impl Into<String>) -> Result<(), Nonsense> {
    Err(Nonsense(what.into()))
}

/// Refuses what is not within its bounds.
fn bound(field: impl Display, value: u64, bounds: RangeInclusive<u64>) -> Result<(), Nonsense> {
    if bounds.contains(&value) {
        return Ok(());
    }
    nonsense(format!("{field} is {value}, and may be from {} to {}", bounds.start(), bounds.end()))
}

fn bound_count(field: impl Display, count: usize, bounds: RangeInclusive<usize>) -> Result<(), Nonsense> {
    if bounds.contains(&count) {
        return Ok(());
    }
    nonsense(format!("{field} has {count} entries, and may have from {} to {}", bounds.start(), bounds.end()))
}

fn bound_span(field: impl Display, span: Span, most_us: u64) -> Result<(), Nonsense> {
    let Span { least_us, most_us: to_us } = span;
    bound(format_args!("{field}.most_us"), to_us, 0..=most_us)?;
    if least_us > to_us {
        return nonsense(format!("{field}.least_us is {least_us}, and may be at most its most_us, {to_us}"));
    }
    Ok(())
}

impl Scenario {
    /// Says what makes no sense in it.
    ///
    /// # Errors
    /// If a world of it could not be made, would run for ever, or could break a promise by no fault of the cluster's.
    pub fn check(&self) -> Result<(), Nonsense> {
        bound_count("workers", self.workers.len(), 1..=WORKERS_MAX)?;
        bound_count("jobs", self.jobs.len(), 0..=JOBS_MAX)?;
        bound_count("faults", self.faults.len(), 0..=FAULTS_MAX)?;
        if usize::from(self.capable) >= self.workers.len() {
            return nonsense(format!("there is no worker {} to be capable", self.capable));
        }
        bound("heal_us", self.heal_us, 0..=TIME_US_MAX)?;
        self.check_network()?;
        self.check_manager()?;
        for (index, worker) in self.workers.iter().enumerate() {
            let field = format!("workers[{index}]");
            bound(format_args!("{field}.start_us"), worker.start_us, 0..=START_US_MAX)?;
            check_pace(&field, &worker.pace)?;
            check_clock(&field, worker.clock)?;
            bound(format_args!("{field}.slots"), u64::from(worker.slots), SLOTS)?;
            bound(format_args!("{field}.sort_bytes"), worker.sort_bytes as u64, SORT_BYTES)?;
        }
        jobs::check(&self.jobs)?;
        bound_count("drains", self.drains.len(), 0..=FAULTS_MAX)?;
        for (index, drain) in self.drains.iter().enumerate() {
            let field = format!("drains[{index}]");
            bound(format_args!("{field}.at_us"), drain.at_us, 0..=START_US_MAX)?;
            bound(
                format_args!("{field}.undone_after_us"),
                drain.undone_after_us.unwrap_or(0),
                0..=START_US_MAX,
            )?;
            if usize::from(drain.worker) >= self.workers.len() || drain.worker == self.capable {
                let worker = drain.worker;
                return nonsense(format!("{field}.worker is {worker}, which is none, or the capable one"));
            }
        }
        faults::check(self)
    }

    fn check_network(&self) -> Result<(), Nonsense> {
        bound_span("network.latency", self.network.latency, DELAY_US_MAX)?;
        bound_span("network.jitter", self.network.jitter, DELAY_US_MAX)?;
        let (least, most) = self.network.window_bytes;
        bound("the least of network.window_bytes", least, WINDOW_BYTES)?;
        bound("the most of network.window_bytes", most, least..=*WINDOW_BYTES.end())
    }

    fn check_manager(&self) -> Result<(), Nonsense> {
        let ManagerSetting {
            start_us,
            pace,
            clock,
            heartbeat_us,
            lease_us,
            snapshot_after_bytes,
            keeps_jobs: _,
        } = &self.manager;
        bound("manager.start_us", *start_us, 0..=START_US_MAX)?;
        check_pace("manager", pace)?;
        check_clock("manager", *clock)?;
        bound("manager.heartbeat_us", *heartbeat_us, HEARTBEAT_US)?;
        let way_us = self.network.latency.most_us + self.network.jitter.most_us;
        let least_us = 2 * heartbeat_us + way_us;
        if *lease_us < least_us {
            return nonsense(format!(
                "manager.lease_us is {lease_us}, and may be from {least_us}, two heartbeats and their way"
            ));
        }
        bound("manager.lease_us", *lease_us, least_us..=LEASE_US_MAX)?;
        bound("manager.snapshot_after_bytes", *snapshot_after_bytes, SNAPSHOT_AFTER_BYTES)
    }
}

fn check_pace(field: &str, pace: &Pace) -> Result<(), Nonsense> {
    let Pace { disk, journal, turn, program } = pace;
    bound_span(format_args!("{field}.pace.disk"), *disk, PACE_US_MAX)?;
    bound_span(format_args!("{field}.pace.journal"), *journal, PACE_US_MAX)?;
    bound_span(format_args!("{field}.pace.turn"), *turn, TURN_US_MAX)?;
    bound_span(format_args!("{field}.pace.program"), *program, PACE_US_MAX)
}

fn check_clock(field: &str, clock: Clock) -> Result<(), Nonsense> {
    let Clock { ahead_us, drift_ppm } = clock;
    bound(format_args!("{field}.clock.ahead_us"), ahead_us, 0..=AHEAD_US_MAX)?;
    if drift_ppm.unsigned_abs() > DRIFT_PPM_MAX {
        return nonsense(format!(
            "{field}.clock.drift_ppm is {drift_ppm}, and may be from -{DRIFT_PPM_MAX} to {DRIFT_PPM_MAX}"
        ));
    }
    Ok(())
}
