//! Values of options: owns how sizes, durations and counts are read, and what is said of those that cannot be.

use bytesize::ByteSize;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use std::time::Duration;
use windrow_core::ids::TaskId;
use windrow_core::job::Priority;
use windrow_core::limits::TASK_TIMEOUT_US_MIN;

/// How the help explains sizes.
pub const SIZES: &str =
    "Sizes are a number and a unit: KiB, MiB, GiB count in steps of 1024, kB, MB, GB of 1000.";

/// What a job may allow at the least (see `windrow_core::limits`), and at the most.
const TIMEOUT_MIN: Duration = Duration::from_micros(TASK_TIMEOUT_US_MIN);
const TIMEOUT_MAX: Duration = Duration::from_secs(365 * 24 * 3600);

/// Reads a size of at least one byte: `64MiB`, `1.5GB`, `4096`.
pub fn size(text: &str) -> Result<u64, String> {
    match text.parse::<ByteSize>() {
        Ok(ByteSize(0)) => Err("it must be at least one byte".into()),
        Ok(ByteSize(u64::MAX)) | Err(_) => {
            Err("a size is a number and a unit, as in 64MiB (1024) or 64MB (1000)".into())
        }
        Ok(ByteSize(bytes)) => Ok(bytes),
    }
}

/// Reads a duration of at least a millisecond: `2s`, `500ms`, `1m 30s`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text)
        .map_err(|_| String::from("a duration is numbers with units, as in 2s, 500ms or 1m30s"))?;
    match duration {
        short if short < Duration::from_millis(1) => Err("it must be at least 1ms".into()),
        long if long > Duration::from_secs(24 * 3600) => Err("it must be at most 1day".into()),
        duration => Ok(duration),
    }
}

/// Reads the name of a task: `map-3`, `reduce-0`, or with a space in between, as errors have it.
pub fn task(text: &str) -> Result<TaskId, String> {
    let named = |kind: &str, of: fn(u32) -> TaskId| {
        let index = text.strip_prefix(kind)?.strip_prefix(['-', ' '])?;
        index.parse().ok().map(of)
    };
    let task = named("map", TaskId::Map).or_else(|| named("reduce", TaskId::Reduce));
    task.ok_or_else(|| "a task is map-N or reduce-N, counted from 0".into())
}

/// Reads a priority by its name.
pub fn priority() -> impl TypedValueParser<Value = Priority> {
    PossibleValuesParser::new(Priority::ALL.map(Priority::name)).map(|name| {
        let named = |priority: &Priority| priority.name() == name;
        Priority::ALL.into_iter().find(named).expect("only these names are possible")
    })
}

/// Reads for how long something may take: a second or more, or 0 for as long as it likes.
pub fn timeout(text: &str) -> Result<Duration, String> {
    if text.trim() == "0" {
        return Ok(Duration::ZERO);
    }
    let timeout = humantime::parse_duration(text).map_err(|_| {
        String::from("a duration is numbers with units, as in 10m, 90s or 1h30m; 0 is for ever")
    })?;
    match timeout {
        Duration::ZERO => Ok(timeout),
        short if short < TIMEOUT_MIN => Err("it must be at least 1s, or 0".into()),
        long if long > TIMEOUT_MAX => Err("it must be at most 365days, or 0 for ever".into()),
        timeout => Ok(timeout),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_tell_1000_from_1024() {
        assert_eq!(size("64MiB"), Ok(64 << 20));
        assert_eq!(size("64 MiB"), Ok(64 << 20));
        assert_eq!(size("64MB"), Ok(64_000_000));
        assert_eq!(size("1.5GiB"), Ok(3 << 29));
        assert_eq!(size("10k"), Ok(10_000));
        assert_eq!(size("7"), Ok(7));
        for wrong in ["", "0", "0MiB", "-1", "MiB", "1XB", "ten", "99999999999EiB", "nan", "1 2"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn tasks_are_named_as_errors_name_them() {
        assert_eq!(task("map-7"), Ok(TaskId::Map(7)));
        assert_eq!(task("reduce 0"), Ok(TaskId::Reduce(0)));
        for wrong in ["", "map", "map7", "map--1", "7", "reduce-x", "shuffle-1"] {
            assert!(task(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_timeout_may_be_none() {
        for none in ["0", "0s", "0m"] {
            assert_eq!(timeout(none), Ok(Duration::ZERO));
        }
        assert_eq!(timeout("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(timeout("1s"), Ok(TIMEOUT_MIN));
        for wrong in ["", "10", "-1s", "999ms", "366days", "never"] {
            assert!(timeout(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations_have_units_and_bounds() {
        assert_eq!(duration("2s"), Ok(Duration::from_secs(2)));
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        for wrong in ["", "2", "-2s", "0s", "1us", "2 fortnights", "9999999999999999h", "2days"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
