//! Which faults may be planned: owns the bounds of each, and that all it names is there.

use super::{Nonsense, TIME_US_MAX, bound, bound_span, nonsense};
use crate::names::Host;
use crate::scenario::{Fault, PlannedFault, Scenario, Trigger};
use crate::stream::Ratio;
use std::ops::RangeInclusive;
use windrow_core::time::SECOND_US;

/// How many times as slow a host is: the time in which every user must hear is as many times as long.
const SLOW_TIMES: RangeInclusive<u64> = 1..=100;
/// How often a disk fails.
const FAILS_TIMES: RangeInclusive<u64> = 1..=1_000;
/// How fast something trickles.
const TRICKLE_BYTES_PER_MS: RangeInclusive<u64> = 1..=1 << 20;
/// What still fits on a disk, at the most.
const FULL_AFTER_BYTES_MAX: u64 = 1 << 40;
/// How long a datagram takes to go round.
const ECHO_US: RangeInclusive<u64> = 1_000..=60 * SECOND_US;

/// Says what makes no sense in the faults of a scenario.
pub(super) fn check(scenario: &Scenario) -> Result<(), Nonsense> {
    for (index, PlannedFault { trigger, fault }) in scenario.faults.iter().enumerate() {
        let field = format!("faults[{index}]");
        check_trigger(&field, trigger)?;
        check_numbers(&field, fault)?;
        check_names(&field, trigger, fault, scenario)?;
    }
    Ok(())
}

fn check_trigger(field: &str, trigger: &Trigger) -> Result<(), Nonsense> {
    match trigger {
        Trigger::At { us } => bound(format_args!("{field}.trigger.us"), *us, 0..=TIME_US_MAX),
        Trigger::Event { nth } | Trigger::Write { nth, .. } | Trigger::Message { nth, .. } => {
            bound(format_args!("{field}.trigger.nth"), *nth, 1..=u64::MAX)
        }
    }
}

fn check_numbers(field: &str, fault: &Fault) -> Result<(), Nonsense> {
    let field = |name: &str| format!("{field}.fault.{name}");
    let time = |name, us| bound(field(name), us, 0..=TIME_US_MAX);
    let lasting = |name, us: &Option<u64>| us.map_or(Ok(()), |us| time(name, us));
    match fault {
        Fault::Crash { back_after_us, .. } => lasting("back_after_us", back_after_us),
        Fault::Stop { back_after_us, .. }
        | Fault::Blackout { back_after_us, .. }
        | Fault::StopManager { back_after_us }
        | Fault::LoseMount { back_after_us, .. } => time("back_after_us", *back_after_us),
        Fault::Pause { for_us, .. } | Fault::Cut { for_us, .. } => lasting("for_us", for_us),
        Fault::Slow { times, for_us, .. } => {
            bound(field("times"), u64::from(*times), SLOW_TIMES)?;
            lasting("for_us", for_us)
        }
        Fault::Trickle { bytes_per_ms, for_us, .. } => {
            bound(field("bytes_per_ms"), *bytes_per_ms, TRICKLE_BYTES_PER_MS)?;
            lasting("for_us", for_us)
        }
        Fault::Weather { weather, for_us } => {
            if weather.ratios().iter().any(|ratio: &Ratio| ratio.denominator == 0) {
                return nonsense(format!("{}: a denominator is 0, and may be from 1", field("weather")));
            }
            bound_span(field("weather.lateness"), weather.lateness, TIME_US_MAX)?;
            lasting("for_us", for_us)
        }
        Fault::DiskFull { after_bytes, for_us, .. } => {
            bound(field("after_bytes"), *after_bytes, 0..=FULL_AFTER_BYTES_MAX)?;
            lasting("for_us", for_us)
        }
        Fault::SyncFails { times, .. } | Fault::ReadFails { times, .. } => {
            bound(field("times"), u64::from(*times), FAILS_TIMES)
        }
        Fault::Echo { every_us, .. } => bound(field("every_us"), *every_us, ECHO_US),
        Fault::ResetConnection { .. }
        | Fault::HalfOpen
        | Fault::FlipOnWire
        | Fault::Rot { .. }
        | Fault::LoseFile { .. }
        | Fault::Stranger { .. }
        | Fault::ChangeInput { .. } => Ok(()),
    }
}

fn check_names(field: &str, trigger: &Trigger, fault: &Fault, scenario: &Scenario) -> Result<(), Nonsense> {
    let writer = match trigger {
        Trigger::Write { host, .. } => Some(*host),
        Trigger::At { .. } | Trigger::Event { .. } | Trigger::Message { .. } => None,
    };
    if let Some(host) = writer.into_iter().chain(fault.hosts()).find(|host| !scenario.has(*host)) {
        return nonsense(format!("{field}: there is no {host}"));
    }
    if let Fault::Cut { from, to, .. } | Fault::Trickle { from, to, .. } = fault
        && from == to
    {
        return nonsense(format!("{field}: from and to are both {from}, and may not be one host"));
    }
    if let Fault::Stranger { host: Host::Client(_), .. } = fault {
        return nonsense(format!(
            "{field}: a stranger's host is the Manager or a worker; nobody dials a client"
        ));
    }
    if let Fault::LoseMount { worker, .. } = fault
        && *worker == scenario.capable
    {
        return nonsense(format!(
            "{field}: worker {worker} is the capable one, which sees the shared storage"
        ));
    }
    if let Fault::ChangeInput { job, .. } = fault
        && usize::from(*job) >= scenario.jobs.len()
    {
        return nonsense(format!("{field}: there is no job {job}"));
    }
    Ok(())
}
