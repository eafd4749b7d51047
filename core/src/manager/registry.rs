//! Who the workers are: owns each one's session, its link and how much of it is in use.
//!
//! Decides nothing about tasks. Invariant: a session number belongs to one worker; a worker is in the order of free slots
//! exactly while tasks may be given to it, that is while it is linked, has told its inventory, was heard, and is not set aside.

use super::standing::Standing;
use crate::ids::{ConnectionId, Incarnation, SessionId};
use crate::limits::{HOSTS_KEPT, UNHEARD_US};
use crate::time::Time;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;

/// All workers that count as alive.
#[derive(Debug, Default)]
pub struct Registry {
    workers: BTreeMap<Incarnation, Worker>,
    sessions: BTreeMap<SessionId, Incarnation>,
    by_free_slots: BTreeSet<(u32, Incarnation)>,
    by_gathering: BTreeSet<(u32, Incarnation)>,
    doubtful: BTreeSet<Incarnation>,
    aside: BTreeSet<Incarnation>,
    /// Workers that were struck off and what their machines are called, the last ones.
    gone: VecDeque<(Incarnation, String)>,
    last_session: u64,
}

/// One worker.
#[derive(Clone, Debug)]
pub struct Worker {
    /// What people call its machine.
    pub host: String,
    /// Attempts it executes at the same time.
    pub slots: u32,
    /// Where its runs can be fetched.
    pub shuffle_address: Option<SocketAddr>,
    /// Its present registration.
    pub session: SessionId,
    /// How it can be spoken to.
    pub link: Link,
    /// Whether a heartbeat of the present session has arrived.
    pub heard: bool,
    /// The greatest number of a heartbeat of the present session.
    pub sequence: u64,
    /// When its present session began.
    pub registered_at: Time,
    /// When it is taken for gone if it stays silent.
    pub lease_until: Time,
    /// How far it is trusted.
    pub standing: Standing,
    slots_used: u32,
    gathering: u32,
}

/// What a registration tells of a worker.
#[derive(Debug)]
pub struct Registration {
    /// What people call its machine.
    pub host: String,
    /// Attempts it executes at the same time.
    pub slots: u32,
    /// Where its runs can be fetched.
    pub shuffle_address: Option<SocketAddr>,
    /// How it can be spoken to.
    pub connection: ConnectionId,
    /// When this is.
    pub registered_at: Time,
    /// When it is taken for gone if it stays silent.
    pub lease_until: Time,
}

/// How a worker can be spoken to.
///
/// ```text
/// register ─▶ Telling ─last page─▶ Open ─closed─▶ Broken ─grace─▶ (lost)
///                └───────closed──────▶──┘   └─register─▶ Telling
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// It is telling its inventory.
    Telling(ConnectionId),
    /// It may be given tasks.
    Open(ConnectionId),
    /// It may dial again for a while.
    Broken,
}

impl Link {
    /// The connection, if there is one.
    pub fn connection(self) -> Option<ConnectionId> {
        match self {
            Link::Telling(connection) | Link::Open(connection) => Some(connection),
            Link::Broken => None,
        }
    }
}

impl Worker {
    /// Whether it could be given tasks, trusted or not.
    pub fn is_in_service(&self) -> bool {
        self.heard && matches!(self.link, Link::Open(_))
    }

    fn is_eligible(&self) -> bool {
        self.is_in_service() && !self.standing.is_aside()
    }

    /// Slots without an attempt.
    pub fn free_slots(&self) -> u32 {
        self.slots.saturating_sub(self.slots_used)
    }

    /// Attempts that hold slots.
    pub fn slots_used(&self) -> u32 {
        self.slots_used
    }

    /// Reduce attempts that hold none.
    pub fn gathering(&self) -> u32 {
        self.gathering
    }
}

impl Registry {
    /// Registers a worker, or registers it anew; its session is a new one either way.
    /// Returns the session and the link it had before.
    pub fn register(
        &mut self,
        incarnation: Incarnation,
        registration: Registration,
    ) -> (SessionId, Option<Link>) {
        let Registration { host, slots, shuffle_address, connection, registered_at, lease_until } =
            registration;
        self.last_session += 1;
        let session = SessionId(self.last_session);
        let before = self.workers.get(&incarnation).map(|worker| (worker.session, worker.link));
        if let Some((old, _)) = before {
            self.sessions.remove(&old);
        }
        self.sessions.insert(session, incarnation);
        let link = Link::Telling(connection);
        let worker = Worker {
            host,
            slots,
            shuffle_address,
            session,
            link,
            heard: false,
            sequence: 0,
            registered_at,
            lease_until,
            standing: Standing::default(),
            slots_used: 0,
            gathering: 0,
        };
        self.change(incarnation, |slot| {
            *slot = Some(match slot.take() {
                Some(Worker { slots_used, gathering, standing, .. }) => {
                    Worker { slots_used, gathering, standing, ..worker }
                }
                None => worker,
            });
        });
        (session, before.map(|(_, link)| link))
    }

    /// Strikes a worker off.
    pub fn remove(&mut self, incarnation: Incarnation) -> Option<Worker> {
        let worker = self.workers.get(&incarnation).cloned()?;
        self.change(incarnation, |slot| *slot = None);
        self.sessions.remove(&worker.session);
        self.gone.push_back((incarnation, worker.host.clone()));
        if self.gone.len() > HOSTS_KEPT {
            self.gone.pop_front();
        }
        Some(worker)
    }

    /// A worker.
    pub fn get(&self, incarnation: Incarnation) -> Option<&Worker> {
        self.workers.get(&incarnation)
    }

    /// What people call the machine of a worker that is there, or was not long ago.
    pub fn host(&self, incarnation: Incarnation) -> Option<&str> {
        let gone = || self.gone.iter().rev().find(|(gone, _)| *gone == incarnation).map(|(_, host)| host);
        self.workers.get(&incarnation).map(|worker| &worker.host).or_else(gone).map(String::as_str)
    }

    /// The worker whose present session this is.
    pub fn with_session(&self, session: SessionId) -> Option<Incarnation> {
        self.sessions.get(&session).copied()
    }

    /// All workers.
    pub fn all(&self) -> impl Iterator<Item = (Incarnation, &Worker)> {
        self.workers.iter().map(|(incarnation, worker)| (*incarnation, worker))
    }

    /// Changes what is known of a worker; nothing if it is not there.
    pub fn update(&mut self, incarnation: Incarnation, change: impl FnOnce(&mut Worker)) {
        self.change(incarnation, |slot| {
            if let Some(worker) = slot {
                change(worker);
            }
        });
    }

    /// Takes a slot of a worker.
    pub fn take_slot(&mut self, incarnation: Incarnation) {
        self.update(incarnation, |worker| worker.slots_used += 1);
    }

    /// Gives a slot back.
    pub fn free_slot(&mut self, incarnation: Incarnation) {
        self.update(incarnation, |worker| worker.slots_used -= 1);
    }

    /// Counts a reduce attempt without a slot.
    pub fn begin_gathering(&mut self, incarnation: Incarnation) {
        self.update(incarnation, |worker| worker.gathering += 1);
    }

    /// Uncounts it.
    pub fn end_gathering(&mut self, incarnation: Incarnation) {
        self.update(incarnation, |worker| worker.gathering -= 1);
    }

    /// Workers with a free slot that may be given tasks, those with the most first.
    pub fn with_free_slots(&self) -> impl Iterator<Item = Incarnation> {
        self.by_free_slots.iter().rev().take_while(|(free, _)| *free > 0).map(|(_, incarnation)| *incarnation)
    }

    /// Workers that may be given tasks, those that gather least for their slots first.
    pub fn by_gathering(&self) -> impl Iterator<Item = Incarnation> {
        self.by_gathering.iter().map(|(_, incarnation)| *incarnation)
    }

    /// A worker that ought to be set aside, and another that may be given tasks meanwhile is there.
    pub fn first_that_can_be_spared(&self) -> Option<Incarnation> {
        self.doubtful.first().filter(|_| self.by_gathering.len() > 1).copied()
    }

    /// Workers that were set aside, if there is nobody else to give tasks to.
    pub fn aside_and_needed(&self) -> Vec<Incarnation> {
        if self.by_gathering.is_empty() { self.aside.iter().copied().collect() } else { Vec::new() }
    }

    /// How many workers are linked, but were not heard though there was time enough.
    pub fn count_unheard(&self, now: Time) -> u32 {
        let is_unheard = |worker: &&Worker| {
            !worker.heard && worker.link != Link::Broken && now.since_us(worker.registered_at) >= UNHEARD_US
        };
        self.workers.values().filter(is_unheard).count() as u32
    }

    fn change(&mut self, incarnation: Incarnation, change: impl FnOnce(&mut Option<Worker>)) {
        let mut slot = self.workers.remove(&incarnation);
        if let Some(worker) = &slot {
            self.by_free_slots.remove(&(worker.free_slots(), incarnation));
            self.by_gathering.remove(&(gathering_load(worker), incarnation));
            self.doubtful.remove(&incarnation);
            self.aside.remove(&incarnation);
        }
        change(&mut slot);
        if let Some(worker) = slot {
            if worker.is_eligible() {
                self.by_free_slots.insert((worker.free_slots(), incarnation));
                self.by_gathering.insert((gathering_load(&worker), incarnation));
            }
            if worker.is_eligible() && worker.standing.is_doubtful() {
                self.doubtful.insert(incarnation);
            }
            if worker.is_in_service() && worker.standing.is_aside() {
                self.aside.insert(incarnation);
            }
            self.workers.insert(incarnation, worker);
        }
    }

    /// Panics where the orders and the workers disagree.
    pub fn check_invariants(&self) {
        assert_eq!(self.sessions.len(), self.workers.len(), "each worker has one session");
        for (session, incarnation) in &self.sessions {
            assert_eq!(self.workers[incarnation].session, *session, "a session leads to its worker");
        }
        let standing = |is: fn(&Worker) -> bool| {
            let of_it = self.workers.iter().filter(move |(_, worker)| is(worker));
            of_it.map(|(incarnation, _)| *incarnation)
        };
        assert!(
            standing(|it| it.is_eligible() && it.standing.is_doubtful()).eq(self.doubtful.iter().copied())
        );
        assert!(standing(|it| it.is_in_service() && it.standing.is_aside()).eq(self.aside.iter().copied()));
        let eligible = self.workers.iter().filter(|(_, worker)| worker.is_eligible());
        let mut count = 0;
        for (incarnation, worker) in eligible {
            count += 1;
            assert!(
                self.by_free_slots.contains(&(worker.free_slots(), *incarnation)),
                "eligible workers are in order"
            );
            assert!(self.by_gathering.contains(&(gathering_load(worker), *incarnation)), "in both orders");
        }
        assert_eq!((count, count), (self.by_free_slots.len(), self.by_gathering.len()), "and no others");
    }
}

/// Gathering attempts for each slot, in thousandths.
fn gathering_load(worker: &Worker) -> u32 {
    worker.gathering.saturating_mul(1_000) / worker.slots.max(1)
}
