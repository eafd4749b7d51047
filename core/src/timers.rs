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

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(us: u64) -> Time {
        Time::from_us(us)
    }

    #[test]
    fn timers_are_taken_in_the_order_of_their_deadlines_once_due() {
        let mut timers = Timers::default();
        timers.set('b', at(2));
        timers.set('a', at(3));
        timers.set('c', at(2));
        assert_eq!(timers.next(), Some((at(2), 'b')));
        assert_eq!(timers.pop_due(at(1)), None);
        assert_eq!(timers.pop_due(at(2)), Some('b'));
        assert_eq!(timers.pop_due(at(2)), Some('c'));
        assert_eq!(timers.pop_due(at(2)), None);
        assert_eq!(timers.pop_due(at(9)), Some('a'));
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn setting_moves_a_timer_and_cancelling_forgets_it() {
        let mut timers = Timers::default();
        timers.set('a', at(1));
        timers.set('a', at(5));
        timers.set_if_idle('a', at(3));
        timers.set_if_idle('b', at(4));
        assert_eq!(timers.next(), Some((at(4), 'b')));
        timers.cancel('b');
        timers.cancel('b');
        assert_eq!(timers.next(), Some((at(5), 'a')));
    }
}
