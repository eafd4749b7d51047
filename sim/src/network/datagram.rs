//! Datagrams: owns what becomes of them. One arrives whole and once, or whatever the weather makes of it.

use super::{Delivery, Network, Occurrence, host_of};
use crate::names::{Actor, Host};
use crate::schedule::Schedule;
use crate::stream::{Ratio, Span};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use windrow_core::machine::NetworkEvent;
use windrow_core::time::{SECOND_US, Time};

/// Bytes of a datagram at the most (RFC 768, less the headers).
const DATAGRAM_BYTES_MAX: usize = 65_507;
/// How many datagrams of a link can be delivered again.
const REMEMBERED_MAX: usize = 16;

/// By how much a datagram that is delivered again comes later than the one that it accompanies, at the most.
const REPLAYED_LATER_US: u64 = 10 * SECOND_US;

/// What becomes of datagrams.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weather {
    /// Lost.
    pub dropped: Ratio,
    /// Arriving twice.
    pub doubled: Ratio,
    /// Late enough to be overtaken.
    pub late: Ratio,
    /// By how much late.
    pub lateness: Span,
    /// Accompanied by one that was delivered before, out of the last few of its link.
    pub replayed: Ratio,
    /// Cut to a beginning, perhaps an empty one.
    pub truncated: Ratio,
}

impl Weather {
    /// Every datagram arrives once, in time.
    pub const FAIR: Weather = Weather {
        dropped: Ratio::NEVER,
        doubled: Ratio::NEVER,
        late: Ratio::NEVER,
        lateness: Span { least_us: 0, most_us: 0 },
        replayed: Ratio::NEVER,
        truncated: Ratio::NEVER,
    };
}

impl Weather {
    /// How often each thing happens.
    pub fn ratios(&self) -> [Ratio; 5] {
        [self.dropped, self.doubled, self.late, self.replayed, self.truncated]
    }
}

/// A datagram under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// The address it comes from.
    pub from: SocketAddr,
    /// The address it goes to.
    pub to: SocketAddr,
    /// Who sent it.
    pub sender: Actor,
    /// When.
    pub sent: Time,
    /// What it holds.
    pub bytes: Vec<u8>,
}

impl Network {
    /// Lets datagrams to `address` reach `actor`, and its own come from there.
    pub fn bind_datagrams(&mut self, address: SocketAddr, actor: Actor) {
        assert!(self.datagram_ports.insert(address, actor).is_none(), "{address} is in use");
    }

    /// Sends a datagram from `actor`'s port, or loses it.
    pub fn send_datagram<E: From<Occurrence>>(
        &mut self,
        actor: Actor,
        to: SocketAddr,
        bytes: &[u8],
        schedule: &mut Schedule<E>,
    ) {
        assert!(bytes.len() <= DATAGRAM_BYTES_MAX, "a datagram of {} bytes", bytes.len());
        let from = self.datagram_ports.iter().find(|(_, owner)| **owner == actor);
        let from = *from.expect("a datagram comes from a port").0;
        let (here, there) = (actor.process.host, host_of(to));
        let weather = self.weather_between(here, there);
        if self.is_cut(here, there) {
            return;
        }
        let datagram = Datagram { from, to, sender: actor, sent: schedule.now(), bytes: bytes.to_vec() };
        let stream = &mut self.link(here, there).stream;
        let copies = if stream.chance(weather.dropped) {
            0
        } else if stream.chance(weather.doubled) {
            2
        } else {
            1
        };
        for _ in 0..copies {
            self.send_copy(datagram.clone(), schedule);
        }
        let link = self.link(here, there);
        if link.stream.chance(weather.replayed) && !link.delivered.is_empty() {
            let number = link.stream.below(link.delivered.len() as u64) as usize;
            let old = link.delivered[number].clone();
            let later_us = link.stream.below(REPLAYED_LATER_US);
            schedule.after(later_us, Occurrence::Datagram(Box::new(old)));
        }
    }

    fn weather_between(&self, here: Host, there: Host) -> Weather {
        let fair = [here, there].iter().all(|host| self.sheltered.contains(host));
        if fair { Weather::FAIR } else { self.weather }
    }

    fn send_copy<E: From<Occurrence>>(&mut self, mut datagram: Datagram, schedule: &mut Schedule<E>) {
        let (here, there) = (host_of(datagram.from), host_of(datagram.to));
        let weather = self.weather_between(here, there);
        let mut delay_us = self.delay_us(here, there);
        let stream = &mut self.link(here, there).stream;
        if stream.chance(weather.late) {
            delay_us += stream.span_us(weather.lateness);
        }
        if stream.chance(weather.truncated) && !datagram.bytes.is_empty() {
            datagram.bytes.truncate(stream.below(datagram.bytes.len() as u64) as usize);
        }
        schedule.after(delay_us, Occurrence::Datagram(Box::new(datagram)));
    }

    /// Lets the newest datagram from one host to another arrive again and again, so far apart.
    pub fn echo(&mut self, from: Host, to: Host, every_us: u64) {
        self.link(from, to).echo_us = Some(every_us);
    }

    pub(super) fn deliver_datagram<E: From<Occurrence>>(
        &mut self,
        datagram: Datagram,
        schedule: &mut Schedule<E>,
    ) -> Option<(Actor, Delivery)> {
        let now = schedule.now();
        let link = self.link(host_of(datagram.from), host_of(datagram.to));
        if let Some(us) = link.echo_us.filter(|_| datagram.sent >= link.newest) {
            link.newest = datagram.sent;
            schedule.after(us, Occurrence::Datagram(Box::new(datagram.clone())));
        }
        let actor = *self.datagram_ports.get(&datagram.to)?;
        if let Some(tap) = &mut self.tap {
            tap.hear_datagram(&datagram, actor, now);
        }
        if self.weather.replayed != Ratio::NEVER {
            let delivered = &mut self.link(host_of(datagram.from), host_of(datagram.to)).delivered;
            if delivered.len() == REMEMBERED_MAX {
                delivered.pop_front();
            }
            delivered.push_back(datagram.clone());
        }
        let Datagram { from, bytes, .. } = datagram;
        Some((actor, Delivery::Event(NetworkEvent::Datagram { from, bytes })))
    }
}
