//! All deadlines of one machine as one small table: owns which timer is set for when.
//!
//! A timer is a name; setting it again moves it. Nothing fires by itself: the machine takes what is due.

use crate::time::Time;
use alloc::collections::{BTreeMap, BTreeSet};

/// Named deadlines, at most one for each name.
#[derive(Debug)]
pub struct Timers<T> {
    due: BTreeMap<T, Time>,
    order: BTreeSet<(Time, T)>,
}

impl<T: Copy + Ord> Default for Timers<T> {
    fn default() -> Timers<T> {
        Timers { due: BTreeMap::new(), order: BTreeSet::new() }
    }
}

impl<T: Copy + Ord> Timers<T> {
    /// Sets a timer, or moves it.
    pub fn set(&mut self, timer: T, at: Time) {
        self.cancel(timer);
        self.due.insert(timer, at);
        self.order.insert((at, timer));
    }

    /// Sets a timer unless it is set already.
    pub fn set_if_idle(&mut self, timer: T, at: Time) {
        if !self.due.contains_key(&timer) {
            self.set(timer, at);
        }
    }

    /// Forgets a timer, set or not.
    pub fn cancel(&mut self, timer: T) {
        if let Some(at) = self.due.remove(&timer) {
            assert!(self.order.remove(&(at, timer)), "both tables hold the same timers");
        }
    }

    /// The earliest deadline and its name.
    pub fn next(&self) -> Option<(Time, T)> {
        self.order.first().copied()
    }

    /// Takes the earliest timer if it is due.
    pub fn pop_due(&mut self, now: Time) -> Option<T> {
        let (at, timer) = self.next()?;
        if at > now {
            return None;
        }
        self.cancel(timer);
        Some(timer)
    }
}
