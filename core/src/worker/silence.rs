//! Whether an attempt's program is silent: owns for how much of its limit it has neither read, written nor computed
//! (Hadoop: `mapreduce.task.timeout`).
//!
//! The limit is watched in parts. A part ends without a word where no byte passed by its end and a look at the program finds
//! it as the look before did; after so many such parts in a row the program counts as silent. A part counts once however
//! long it took: for how long this worker itself was stopped, or its host slow, says nothing about the program. As long as
//! bytes pass nobody looks. Decides nothing about what becomes of the program.

use super::attempt::Activity;
use crate::probe::probe;
use crate::time::Time;

/// Parts of a limit: a worker that is stopped is mistaken by one part at the most.
const PARTS: u32 = 4;

/// What is known of a program's silence.
#[derive(Debug)]
pub(super) struct Silence {
    /// Zero for none.
    limit_us: u64,
    /// `None` while no program runs.
    watch: Option<Watch>,
}

#[derive(Debug)]
struct Watch {
    /// When the part began.
    since: Time,
    /// Parts before it, in a row, that ended without a word.
    parts: u32,
    look: Look,
    /// What the last look found.
    seen: Activity,
}

/// The look at the end of a part.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Look {
    NotDue,
    UnderWay,
    /// Under way, and bytes have passed since it was asked for.
    Overtaken,
}

impl Silence {
    pub fn new(limit_us: u64) -> Silence {
        Silence { limit_us, watch: None }
    }

    /// Takes note that the program runs.
    pub fn begin(&mut self, now: Time) {
        let seen = Activity { cpu_us: Some(0), unread_bytes: 0, printed_bytes: 0 };
        self.watch = (self.limit_us > 0).then_some(Watch { since: now, parts: 0, look: Look::NotDue, seen });
    }

    /// Takes note that the program is over, or to be killed.
    pub fn end(&mut self) {
        self.watch = None;
    }

    /// Takes note that bytes were fed to the program, or came from it.
    pub fn passed(&mut self, now: Time) {
        if let Some(watch) = &mut self.watch {
            if watch.parts > 0 {
                probe!("a program goes on after a silence");
            }
            (watch.since, watch.parts) = (now, 0);
            if watch.look == Look::UnderWay {
                watch.look = Look::Overtaken;
            }
        }
    }

    /// When a look is due, unless one is under way.
    pub fn deadline(&self) -> Option<Time> {
        let watch = self.watch.as_ref().filter(|watch| watch.look == Look::NotDue)?;
        Some(watch.since.after(self.limit_us.div_ceil(PARTS.into())))
    }

    /// Takes note of the time. Returns whether a look is to be asked for now.
    pub fn time_passed(&mut self, now: Time) -> bool {
        let is_due = self.deadline().is_some_and(|deadline| deadline <= now);
        if let Some(watch) = self.watch.as_mut().filter(|_| is_due) {
            watch.look = Look::UnderWay;
        }
        is_due
    }

    /// Takes what a look found; `is_owed` says whether the program waits for this worker. Returns for how long it was silent,
    /// once that is as long as it may be.
    pub fn looked(&mut self, found: Activity, is_owed: bool, now: Time) -> Option<u64> {
        // It came too late to matter.
        let watch = self.watch.as_mut()?;
        let is_silent = watch.look == Look::UnderWay
            && found == watch.seen
            && found.cpu_us.is_some()
            && found.printed_bytes == 0
            && !is_owed;
        let parts = if is_silent { watch.parts + 1 } else { 0 };
        *watch = Watch { since: now, parts, look: Look::NotDue, seen: found };
        (parts == PARTS).then_some(self.limit_us)
    }
}

#[cfg(test)]
mod tests;
