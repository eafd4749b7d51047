//! What can be seen of a run: owns the plain data that an observer of a world is told, and what is made of it for people
//! ([`diagram`]). Nothing here changes a run, or knows how a world works.

pub mod diagram;

use crate::names::{Actor, Host, Part, ProcessId};
use crate::network::Heard;
use windrow_core::time::Time;

/// Something that an observer sees. All times are the world's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// A process begins.
    Began {
        /// When.
        at: Time,
        /// Which.
        process: ProcessId,
    },
    /// A process is no more.
    Ended {
        /// When.
        at: Time,
        /// Which.
        process: ProcessId,
        /// How it came to its end.
        how: String,
    },
    /// A fault strikes.
    Fault {
        /// When.
        at: Time,
        /// Where; nowhere in particular if it concerns the whole.
        host: Option<Host>,
        /// What.
        text: String,
    },
    /// A message went from one machine to another.
    Message {
        /// Who sent it.
        from: Actor,
        /// Who got it.
        to: Actor,
        /// When it was sent.
        sent: Time,
        /// When it arrived; not before it was sent.
        arrived: Time,
        /// What it is called on the wire: `Register`, `Heartbeat`, `Raw`.
        kind: String,
        /// What it says.
        text: String,
    },
    /// Anything else worth a mark on a process's line: an attempt starts or ends, an output appears.
    Mark {
        /// When.
        at: Time,
        /// On whose line.
        process: ProcessId,
        /// What.
        text: String,
    },
    /// A promise is found broken.
    Violation {
        /// When.
        at: Time,
        /// Where; nowhere in particular if it concerns the whole.
        host: Option<Host>,
        /// The invariant, and what was found instead.
        text: String,
    },
}

/// Takes sights as they come. A message is seen when it arrives.
pub type Observer = Box<dyn FnMut(Sight)>;

/// What a message belongs to.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Between the Manager and a worker: who does what.
    Control,
    /// Signs of life, and the answers to them.
    Heartbeat,
    /// Between a client and the Manager.
    Client,
    /// Between workers: runs, and the asking for them.
    Shuffle,
}

impl Family {
    /// The family of a message of this kind between these two.
    pub fn of(from: Actor, to: Actor, kind: &str) -> Family {
        let is_client = |actor: Actor| matches!(actor.process.host, Host::Client(_));
        if kind.contains("Heartbeat") {
            Family::Heartbeat
        } else if is_client(from) || is_client(to) {
            Family::Client
        } else if from.part == Part::Shuffle || to.part == Part::Shuffle {
            Family::Shuffle
        } else {
            Family::Control
        }
    }
}

impl From<Heard> for Sight {
    fn from(heard: Heard) -> Sight {
        let Heard { from, to, kind, sent, arrived, text } = heard;
        Sight::Message { from, to, sent, arrived, kind: kind.to_string(), text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_come_from_the_kind_and_from_who_speaks() {
        let process = |host| ProcessId { host, life: 0 };
        let manager = process(Host::Manager).actor(Part::Control);
        let worker = process(Host::Worker(0)).actor(Part::Control);
        let shuffle = process(Host::Worker(1)).actor(Part::Shuffle);
        let client = process(Host::Client(0)).actor(Part::Control);
        assert_eq!(Family::of(worker, manager, "Register"), Family::Control);
        assert_eq!(Family::of(worker, manager, "Heartbeat"), Family::Heartbeat);
        assert_eq!(Family::of(manager, client, "Progress"), Family::Client);
        assert_eq!(Family::of(shuffle, shuffle, "Raw"), Family::Shuffle);
    }
}
