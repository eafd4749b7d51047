//! What is to happen and when: owns the world's time and its events, ordered by (time, sequence).
//!
//! Invariant: time never runs backwards, and of two events of one time the one scheduled first happens first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use windrow_core::time::Time;

/// The events still to come. A heap of keys, apart from the events: those are large, and are moved twice only.
#[derive(Debug)]
pub struct Schedule<E> {
    order: BinaryHeap<Reverse<(Time, u64, usize)>>,
    events: Vec<Option<E>>,
    vacant: Vec<usize>,
    now: Time,
    sequence: u64,
}

impl<E> Default for Schedule<E> {
    fn default() -> Schedule<E> {
        Schedule {
            order: BinaryHeap::new(),
            events: Vec::new(),
            vacant: Vec::new(),
            now: Time::ZERO,
            sequence: 0,
        }
    }
}

impl<E> Schedule<E> {
    /// The world's time: that of the event that happened last.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Lets `event` happen at `time`, or now if that is past.
    pub fn at(&mut self, time: Time, event: impl Into<E>) {
        self.sequence += 1;
        let place = self.vacant.pop().unwrap_or_else(|| {
            self.events.push(None);
            self.events.len() - 1
        });
        self.events[place] = Some(event.into());
        self.order.push(Reverse((time.max(self.now), self.sequence, place)));
    }

    /// Lets `event` happen in `us` microseconds.
    pub fn after(&mut self, us: u64, event: impl Into<E>) {
        self.at(self.now.after(us), event);
    }

    /// The next event, whose time it becomes.
    pub fn pop(&mut self) -> Option<E> {
        let Reverse((time, _, place)) = self.order.pop()?;
        self.now = time;
        self.vacant.push(place);
        Some(self.events[place].take().expect("a key in the order has an event"))
    }

    /// How many events have been scheduled so far.
    pub fn scheduled(&self) -> u64 {
        self.sequence
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_time_then_in_the_order_they_were_scheduled() {
        let mut schedule = Schedule::<&str>::default();
        schedule.after(5, "third");
        schedule.after(2, "first");
        schedule.after(2, "second");
        assert_eq!(schedule.pop(), Some("first"));
        schedule.at(Time::ZERO, "late");
        assert_eq!(schedule.pop(), Some("second"));
        assert_eq!(schedule.pop(), Some("late"));
        assert_eq!(schedule.now(), Time::from_us(2));
        assert_eq!(schedule.pop(), Some("third"));
        assert_eq!(schedule.pop(), None);
    }
}
