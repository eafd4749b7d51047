//! The attempts of one worker: owns each one's stage and the worker's slots.
//!
//! Decides nothing about the Manager. Invariant: no more attempts run than there are slots; an attempt that the Manager
//! has given a slot while one that it dropped is still ending waits here for that.

use super::attempt::{RunLocation, Work};
use crate::ids::AttemptId;
use crate::job::{Counters, PathBytes};
use crate::wire::message::{AttemptResult, LaunchOrder};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

/// All attempts and all map outputs here.
#[derive(Debug)]
pub(super) struct LocalAttempts {
    slots: u32,
    running: u32,
    all: BTreeMap<AttemptId, LocalAttempt>,
    queue: VecDeque<(AttemptId, Box<Work>)>,
    held: BTreeMap<AttemptId, PathBytes>,
}

/// One attempt.
#[derive(Debug)]
pub(super) struct LocalAttempt {
    /// What was ordered.
    pub order: LaunchOrder,
    /// How far it is; [`LocalAttempts`] alone lets it begin and cease to be queued or running.
    pub stage: LocalStage,
    /// Whether nobody wants to hear of it any more.
    pub is_dropped: bool,
    /// Its figures so far.
    pub counters: Counters,
    /// Runs that it has gathered.
    pub runs_gathered: u32,
    /// Whether there is something to tell of it.
    pub has_news: bool,
}

/// How far an attempt is.
///
/// ```text
/// map:    Queued ─local slot─▶ Running ─▶ Ended ─acknowledged─▶ (held, or gone)
/// reduce: Gathering ─▶ Gathered ─Run─▶ Queued ─▶ Running ─▶ Ended ─acknowledged─▶ (gone)
/// ```
#[derive(Debug)]
pub(super) enum LocalStage {
    Gathering,
    Gathered { runs: Vec<RunLocation>, fetched_bytes: u64 },
    Queued,
    Running,
    Ended(AttemptResult),
}

impl LocalAttempts {
    pub fn new(slots: u32) -> LocalAttempts {
        LocalAttempts {
            slots,
            running: 0,
            all: BTreeMap::new(),
            queue: VecDeque::new(),
            held: BTreeMap::new(),
        }
    }

    /// Enters an attempt; `false` if it is here already.
    pub fn insert(&mut self, order: LaunchOrder, stage: LocalStage) -> bool {
        let id = order.attempt;
        if self.all.contains_key(&id) {
            return false;
        }
        let attempt = LocalAttempt {
            order,
            stage,
            is_dropped: false,
            counters: Counters::default(),
            runs_gathered: 0,
            has_news: false,
        };
        self.all.insert(id, attempt);
        true
    }

    pub fn get_mut(&mut self, id: AttemptId) -> Option<&mut LocalAttempt> {
        self.all.get_mut(&id)
    }

    /// Lets an attempt wait for a slot of its own.
    pub fn enqueue(&mut self, id: AttemptId, work: Work) {
        self.all.get_mut(&id).expect("the attempt is here").stage = LocalStage::Queued;
        self.queue.push_back((id, Box::new(work)));
    }

    /// The next attempt to be started, if there is a slot for it.
    pub fn start_next(&mut self) -> Option<(AttemptId, Box<Work>)> {
        if self.running >= self.slots {
            return None;
        }
        let (id, work) = self.queue.pop_front()?;
        self.running += 1;
        self.all.get_mut(&id).expect("what is queued is here").stage = LocalStage::Running;
        Some((id, work))
    }

    /// Enters how an attempt ended; one that was queued never starts, one that ran gives back its slot.
    pub fn end(&mut self, id: AttemptId, result: AttemptResult) {
        self.withdraw(id);
        self.all.get_mut(&id).expect("the attempt is here").stage = LocalStage::Ended(result);
    }

    /// Forgets an attempt, as [`LocalAttempts::end`] would end it.
    pub fn remove(&mut self, id: AttemptId) -> Option<LocalAttempt> {
        self.withdraw(id);
        self.all.remove(&id)
    }

    /// Takes an attempt's place in the queue, or its slot.
    fn withdraw(&mut self, id: AttemptId) {
        match self.all.get(&id).map(|attempt| &attempt.stage) {
            Some(LocalStage::Queued) => self.queue.retain(|(queued, _)| *queued != id),
            Some(LocalStage::Running) => self.running -= 1,
            Some(LocalStage::Gathering | LocalStage::Gathered { .. } | LocalStage::Ended(_)) | None => {}
        }
    }

    /// Keeps a map output in that directory.
    pub fn hold(&mut self, map: AttemptId, directory: PathBytes) {
        self.held.insert(map, directory);
    }

    /// Forgets a map output.
    pub fn release(&mut self, map: AttemptId) -> Option<PathBytes> {
        self.held.remove(&map)
    }

    /// Attempts that hold slots.
    pub fn running(&self) -> u32 {
        self.running
    }

    /// Whether nothing runs.
    pub fn is_idle(&self) -> bool {
        self.running == 0
    }

    pub fn all(&self) -> impl Iterator<Item = (AttemptId, &LocalAttempt)> {
        self.all.iter().map(|(id, attempt)| (*id, attempt))
    }

    pub fn all_mut(&mut self) -> impl Iterator<Item = (AttemptId, &mut LocalAttempt)> {
        self.all.iter_mut().map(|(id, attempt)| (*id, attempt))
    }

    pub fn all_held(&self) -> impl Iterator<Item = AttemptId> {
        self.held.keys().copied()
    }

    pub fn check_invariants(&self) {
        let running =
            self.all.values().filter(|attempt| matches!(attempt.stage, LocalStage::Running)).count();
        assert_eq!(running, self.running as usize, "each attempt that runs is counted");
        assert!(self.running <= self.slots, "no more attempts run than there are slots");
        for (id, attempt) in &self.all {
            let is_queued = self.queue.iter().any(|(queued, _)| queued == id);
            assert_eq!(
                is_queued,
                matches!(attempt.stage, LocalStage::Queued),
                "{id} is queued if it says so"
            );
            assert!(!self.held.contains_key(id), "{id} is either under way or held");
        }
    }
}
