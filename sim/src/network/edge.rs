//! Edges that let nothing through, or little: owns what is cut, which hosts are dark, and what waits to be
//! sent again.
//!
//! What a connection sends is judged when it would arrive: at an obstacle it is held back, and sent again, in
//! order and with a new delay, once that is gone. Whoever sent it gives up after its system's patience.

use super::connection::Side;
use super::{Link, Network, Occurrence};
use crate::names::Host;
use crate::schedule::Schedule;
use windrow_core::time::{SECOND_US, Time};

/// After how long a dial that is not answered is given up.
const DIAL_TIMEOUT_US: u64 = 20 * SECOND_US;
/// After how long bytes that nobody acknowledges end a connection.
const RETRANSMISSION_TIMEOUT_US: u64 = 900 * SECOND_US;
/// In about how many pieces a slow link cuts at the most what is written at once.
const PIECES: usize = 16;

/// What lets nothing through.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Obstacle {
    /// An edge that is cut, from one host to another.
    Cut(Host, Host),
    /// A host that does not answer.
    Dark(Host),
}

#[derive(Debug)]
pub(super) struct Held {
    since: Time,
    occurrence: Occurrence,
}

impl Link {
    /// When so many bytes have left that are sent now.
    pub fn leave(&mut self, count: usize, now: Time) -> Time {
        let Some(bytes_per_ms) = self.bytes_per_ms else { return now };
        self.free = self.free.max(now).after(count as u64 * 1_000 / bytes_per_ms);
        self.free
    }

    /// Bytes that are sent now, in pieces that leave together, and when each has left.
    pub fn pieces<'a>(&mut self, bytes: &'a [u8], now: Time) -> impl Iterator<Item = (&'a [u8], Time)> {
        let trickle = self.bytes_per_ms.map(|bytes_per_ms| (bytes_per_ms as usize).max(bytes.len() / PIECES));
        let piece = trickle.unwrap_or(bytes.len()).max(1);
        bytes.chunks(piece).map(move |piece| (piece, self.leave(piece.len(), now)))
    }
}

impl Network {
    /// Lets nothing arrive that is sent from one host to another, until [`Network::mend`]. Datagrams are
    /// lost; what connections send is held back, and so is what acknowledges the bytes of the other
    /// direction.
    pub fn cut(&mut self, from: Host, to: Host) {
        assert_ne!(from, to, "a host always reaches itself");
        self.obstacles.entry(Obstacle::Cut(from, to)).or_default();
    }

    /// Ends a cut, if there is one: what was held back is sent again.
    pub fn mend<E: From<Occurrence>>(&mut self, from: Host, to: Host, schedule: &mut Schedule<E>) {
        self.release(Obstacle::Cut(from, to), schedule);
    }

    /// Lets the bytes of connections trickle from one host to another, or flow again. What is under way stays
    /// so.
    pub fn slow(&mut self, from: Host, to: Host, bytes_per_ms: Option<u64>) {
        assert_ne!(bytes_per_ms, Some(0), "an edge on which nothing moves is cut");
        self.link(from, to).bytes_per_ms = bytes_per_ms;
    }

    /// Ends cuts, slowness and echoes between these hosts, and lets no weather touch what they send each other.
    pub fn shelter<E: From<Occurrence>>(&mut self, hosts: &[Host], schedule: &mut Schedule<E>) {
        for from in hosts {
            for to in hosts.iter().filter(|to| *to != from) {
                self.mend(*from, *to, schedule);
                if let Some(link) = self.links.get_mut(&(*from, *to)) {
                    (link.bytes_per_ms, link.echo_us) = (None, None);
                }
            }
        }
        self.sheltered.extend(hosts);
    }

    pub(super) fn is_cut(&self, from: Host, to: Host) -> bool {
        self.obstacles.contains_key(&Obstacle::Cut(from, to))
    }

    /// A host does not answer any more.
    pub(super) fn darken(&mut self, host: Host) {
        self.obstacles.entry(Obstacle::Dark(host)).or_default();
    }

    /// A host answers again.
    pub fn lighten<E: From<Occurrence>>(&mut self, host: Host, schedule: &mut Schedule<E>) {
        self.release(Obstacle::Dark(host), schedule);
    }

    /// What an occurrence meets on its way.
    pub(super) fn obstacle(&self, occurrence: &Occurrence) -> Option<Obstacle> {
        if self.obstacles.is_empty() {
            return None;
        }
        let (from, to) = self.edge(occurrence)?;
        // A dial counts as arrived only once its answer could be given.
        let back = matches!(occurrence, Occurrence::Knock(_)).then_some(Obstacle::Cut(to, from));
        let met = [Some(Obstacle::Cut(from, to)), Some(Obstacle::Dark(to)), back];
        met.into_iter().flatten().find(|obstacle| self.obstacles.contains_key(obstacle))
    }

    /// Gives back what meets no obstacle; holds it back, or loses it, otherwise.
    pub(super) fn pass<E: From<Occurrence>>(
        &mut self,
        occurrence: Occurrence,
        schedule: &mut Schedule<E>,
    ) -> Option<Occurrence> {
        let Some(obstacle) = self.obstacle(&occurrence) else { return Some(occurrence) };
        match occurrence {
            Occurrence::Datagram(_) => return None,
            Occurrence::Knock(id) | Occurrence::Answer(id, _) => {
                schedule.after(DIAL_TIMEOUT_US, Occurrence::DialTimeout(id));
            }
            Occurrence::Arrive(id, side, _)
            | Occurrence::Finish(id, side, _)
            | Occurrence::Acknowledge(id, side, _) => {
                schedule.after(RETRANSMISSION_TIMEOUT_US, Occurrence::GiveUp(id, side.other()));
            }
            Occurrence::Writable(..)
            | Occurrence::Readable(..)
            | Occurrence::Closed(..)
            | Occurrence::GiveUp(..)
            | Occurrence::DialTimeout(_) => panic!("{occurrence:?} crosses no edge"),
        }
        let held = Held { since: schedule.now(), occurrence };
        self.obstacles.get_mut(&obstacle).expect("it was met").push(held);
        None
    }

    /// Whether what an end wrote has been held back, or its acknowledgement, for longer than its system
    /// bears.
    pub(super) fn is_held_for_too_long(&self, id: u64, writer: Side, now: Time) -> bool {
        self.obstacles.values().flatten().any(|Held { since, occurrence }| {
            let (Occurrence::Arrive(of, side, _)
            | Occurrence::Finish(of, side, _)
            | Occurrence::Acknowledge(of, side, _)) = occurrence
            else {
                return false;
            };
            (*of, *side) == (id, writer.other()) && since.after(RETRANSMISSION_TIMEOUT_US) <= now
        })
    }

    fn release<E: From<Occurrence>>(&mut self, obstacle: Obstacle, schedule: &mut Schedule<E>) {
        for Held { occurrence, .. } in self.obstacles.remove(&obstacle).unwrap_or_default() {
            let (Some((id, towards)), Some((from, to))) = (occurrence.towards(), self.edge(&occurrence))
            else {
                continue;
            };
            let delay_us = self.delay_us(from, to);
            let bytes = if let Occurrence::Arrive(_, _, count) = occurrence { count } else { 0 };
            let leaves = self.link(from, to).leave(bytes, schedule.now());
            let arrives = self.connection(id).send(towards, &[], leaves.after(delay_us));
            schedule.at(arrives, occurrence);
        }
    }
}
