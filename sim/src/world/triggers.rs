//! What sets faults off: owns the counts of events, writes and messages, and which faults have not struck yet.
//!
//! Decides when, never what. Invariant: a fault strikes once, or never.

use crate::names::Host;
use crate::network::MessageKind;
use crate::scenario::{Moment, Scenario, Trigger};
use std::collections::BTreeMap;

/// Faults by what sets them off; each by its index in the scenario.
#[derive(Debug, Default)]
pub struct Triggers {
    events: u64,
    by_event: BTreeMap<u64, Vec<usize>>,
    writes: BTreeMap<Host, u64>,
    by_write: BTreeMap<(Host, u64), Vec<(usize, Moment)>>,
    messages: BTreeMap<MessageKind, u64>,
    by_message: BTreeMap<(MessageKind, u64), Vec<(usize, Moment)>>,
}

impl Triggers {
    /// Those of a scenario that do not wait for the clock.
    pub fn new(scenario: &Scenario) -> Triggers {
        let mut triggers = Triggers::default();
        for (index, planned) in scenario.faults.iter().enumerate() {
            match planned.trigger {
                Trigger::At { .. } => {}
                Trigger::Event { nth } => triggers.by_event.entry(nth).or_default().push(index),
                Trigger::Write { host, nth, moment } => {
                    triggers.by_write.entry((host, nth)).or_default().push((index, moment));
                }
                Trigger::Message { kind, nth, moment } => {
                    triggers.by_message.entry((kind, nth)).or_default().push((index, moment));
                }
            }
        }
        triggers
    }

    /// Whether any message sets something off, so that messages must be known.
    pub fn need_messages(&self) -> bool {
        !self.by_message.is_empty()
    }

    /// An event is about to happen: what strikes before it.
    pub fn event(&mut self) -> Vec<usize> {
        self.events += 1;
        self.by_event.remove(&self.events).unwrap_or_default()
    }

    /// A host is about to change a disk: what strikes, and where in the change.
    pub fn write(&mut self, host: Host) -> Vec<(usize, Moment)> {
        let count = self.writes.entry(host).or_default();
        *count += 1;
        self.by_write.remove(&(host, *count)).unwrap_or_default()
    }

    /// A message is about to be taken: what strikes, and before or after it.
    pub fn message(&mut self, kind: MessageKind) -> Vec<(usize, Moment)> {
        let count = self.messages.entry(kind).or_default();
        *count += 1;
        self.by_message.remove(&(kind, *count)).unwrap_or_default()
    }

    /// Whatever has not struck yet never will.
    pub fn disarm(&mut self) {
        self.by_event.clear();
        self.by_write.clear();
        self.by_message.clear();
    }

    /// Changes of disks by each host so far.
    pub fn writes(&self) -> &BTreeMap<Host, u64> {
        &self.writes
    }

    /// Messages taken so far, by kind; only those of worlds in which messages are known.
    pub fn messages(&self) -> &BTreeMap<MessageKind, u64> {
        &self.messages
    }
}
