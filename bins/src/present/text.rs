//! How far a job is, in words and figures: pure functions of [`JobProgress`].

use bytesize::ByteSize;
use std::collections::VecDeque;
use std::time::Duration;
use windrow_core::failure::{Cause, Failure};
use windrow_core::job::{JobPhase, JobProgress, TaskCount};

/// A bar's full length.
pub const WHOLE: u64 = 1_000;
/// Over which time a rate is taken.
const RATE_WINDOW: Duration = Duration::from_secs(5);

/// For whom progress is told: it decides what can be done about waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Of `run`, which has its worker with it.
    Run,
    /// Of `submit`, whose workers may be missing.
    Submit {
        /// The Manager's address as the user wrote it.
        address: String,
        /// Its port.
        port: u16,
    },
}

/// What a job waits for, if it does and the user can do something about it.
pub fn waiting(progress: &JobProgress, audience: &Audience) -> Option<String> {
    let Audience::Submit { address, port } = audience else { return None };
    match (progress.phase, progress.workers, progress.workers_unheard) {
        (JobPhase::Committing | JobPhase::Ended, _, _) | (_, 1.., 0) => None,
        (_, 0, 0) => {
            Some(format!("waiting for workers; start some with: windrow worker --manager {address}"))
        }
        (_, _, unheard) => Some(format!(
            "{} registered but {} heartbeats do not arrive: is UDP port {port} blocked?",
            counted(unheard.into(), "worker"),
            if unheard == 1 { "its" } else { "their" },
        )),
    }
}

/// What a job does, in a few words.
pub fn phase(progress: &JobProgress) -> &'static str {
    match progress.phase {
        JobPhase::Planning => "looking at the inputs",
        JobPhase::Running => "running",
        JobPhase::Committing => "putting the output in place",
        JobPhase::Ended => "ended",
    }
}

/// What is said of a Manager that is away and tried again.
pub fn absent_manager(failure: &Failure) -> String {
    match &failure.cause {
        Cause::ConnectionLost { address } => {
            format!("the connection to the Manager at {address} was lost; trying again")
        }
        cause => format!("{cause}; trying again"),
    }
}

/// What went wrong with an attempt whose task is tried again.
pub fn failed_attempt(failure: &Failure) -> String {
    let task = failure.attempt.map_or("a task".into(), |attempt| attempt.task.to_string());
    let host = failure.host.as_ref().map(|host| format!(" on {host}")).unwrap_or_default();
    format!("{task} failed{host} and is tried again: {}", failure.cause)
}

/// All of it on one line.
pub fn line(progress: &JobProgress, rate: Option<u64>) -> String {
    let mut parts = Vec::new();
    match progress.phase {
        JobPhase::Planning | JobPhase::Committing | JobPhase::Ended => parts.push(phase(progress).into()),
        JobPhase::Running => {
            parts.push(format!("map {}", tasks(progress.maps)));
            if progress.reduces.total > 0 {
                parts.push(format!("shuffle {}%", shuffle_done(progress) * 100 / WHOLE));
                parts.push(format!("reduce {}", tasks(progress.reduces)));
            }
            parts.extend(rate.filter(|_| progress.maps.done < progress.maps.total).map(per_second));
        }
    }
    parts.extend(seeking(progress));
    if progress.attempts_failed > 0 {
        parts.push(format!("{} failed", counted(progress.attempts_failed.into(), "attempt")));
    }
    parts.join(", ")
}

/// What is sought, if anything is.
pub fn seeking(progress: &JobProgress) -> Option<String> {
    match progress.searches {
        0 => None,
        1 => Some("seeking what 1 map fails on".into()),
        maps => Some(format!("seeking what {maps} maps fail on")),
    }
}

/// How far the maps are, of [`WHOLE`]: by bytes where these can be compared with the input's, else by tasks.
pub fn map_done(progress: &JobProgress) -> u64 {
    let JobProgress { maps, input_bytes, counters, .. } = progress;
    // Of encoded files the mappers are fed more than the files hold.
    let is_comparable = counters.map_input_bytes <= *input_bytes;
    let bytes = if is_comparable { share(counters.map_input_bytes, *input_bytes) } else { 0 };
    done(*maps, bytes)
}

/// How far the shuffle is, of [`WHOLE`].
pub fn shuffle_done(progress: &JobProgress) -> u64 {
    share(progress.runs_fetched, runs(progress))
}

/// How far the reduces are, of [`WHOLE`]: by records once their number is known, else by tasks.
pub fn reduce_done(progress: &JobProgress) -> u64 {
    let JobProgress { maps, reduces, counters, .. } = progress;
    let is_known = maps.done == maps.total && counters.reduce_input_records <= counters.map_output_records;
    let records =
        if is_known { share(counters.reduce_input_records, counters.map_output_records) } else { 0 };
    done(*reduces, records)
}

/// Runs that the reduces need.
pub fn runs(progress: &JobProgress) -> u64 {
    u64::from(progress.maps.total) * u64::from(progress.reduces.total)
}

/// `3 of 10 (2 running)`.
pub fn tasks(count: TaskCount) -> String {
    let TaskCount { total, running, done } = count;
    match running {
        0 => format!("{done} of {total}"),
        running => format!("{done} of {total} ({running} running)"),
    }
}

/// `12.3 MiB/s`.
pub fn per_second(bytes: u64) -> String {
    format!("{}/s", size(bytes))
}

/// `12.3 MiB`.
pub fn size(bytes: u64) -> String {
    ByteSize(bytes).display().iec().to_string()
}

/// `1 worker`, `2 workers`.
pub fn counted(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

/// The further of what the finished tasks and `finer` say, but all only once all tasks are done.
fn done(count: TaskCount, finer: u64) -> u64 {
    if count.done >= count.total {
        return if count.total == 0 { 0 } else { WHOLE };
    }
    share(count.done.into(), count.total.into()).max(finer).min(WHOLE - 1)
}

fn share(part: u64, all: u64) -> u64 {
    let share = u128::from(part.min(all)) * u128::from(WHOLE);
    share.checked_div(u128::from(all)).map_or(0, |share| u64::try_from(share).unwrap_or(WHOLE))
}

/// How fast input is read, over the last seconds.
#[derive(Debug, Default)]
pub struct Rate {
    seen: VecDeque<(Duration, u64)>,
}

impl Rate {
    /// Takes how many bytes had been read at a moment; gives bytes per second, once there is something to compare.
    pub fn update(&mut self, elapsed: Duration, bytes: u64) -> Option<u64> {
        // A lost attempt takes its figures with it: begin again.
        if self.seen.back().is_some_and(|(_, before)| *before > bytes) {
            self.seen.clear();
        }
        self.seen.push_back((elapsed, bytes));
        while self.seen.get(1).is_some_and(|(then, _)| *then + RATE_WINDOW <= elapsed) {
            self.seen.pop_front();
        }
        let (then, before) = *self.seen.front()?;
        let ms = u64::try_from((elapsed - then).as_millis()).ok()?;
        (bytes - before).checked_mul(1_000)?.checked_div(ms)
    }
}

#[cfg(test)]
pub(super) mod tests;
