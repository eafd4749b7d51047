//! What a worker tells after each registration: all that it executes, holds, or has not been able to report.
//!
//! Invariant: each page fits a frame; what a single entry may carry is bounded by `reported.rs`.

use super::Worker;
use super::attempts::LocalStage;
use crate::ids::AttemptId;
use crate::limits::{INVENTORY_PAGE_BYTES, INVENTORY_PAGE_ENTRIES, PROGRESS_US};
use crate::wire::frame;
use crate::wire::message::{AttemptProgress, AttemptResult, FromWorker, InventoryEntry, Verdict};
use crate::worker::WorkerTimer;
use alloc::vec::Vec;

impl Worker {
    pub(super) fn tell_inventory(&mut self) {
        let mut entries = Vec::new();
        for (id, attempt) in self.attempts.all() {
            if !attempt.is_dropped {
                entries.push(match &attempt.stage {
                    LocalStage::Gathering => InventoryEntry::Gathering(id),
                    LocalStage::Gathered { .. } => InventoryEntry::Gathered(id),
                    LocalStage::Queued | LocalStage::Running => InventoryEntry::Running(id),
                    LocalStage::Ended(result) => InventoryEntry::Ended(id, result.clone()),
                });
            }
        }
        entries.extend(self.attempts.all_held().map(InventoryEntry::Holding));
        let mut page = Vec::new();
        let mut page_bytes = 0;
        for entry in entries {
            let entry_bytes = frame::encode(&entry).len();
            let is_full =
                page.len() == INVENTORY_PAGE_ENTRIES || page_bytes + entry_bytes > INVENTORY_PAGE_BYTES;
            if is_full && !page.is_empty() {
                let entries = core::mem::take(&mut page);
                self.tell_manager(&FromWorker::Inventory { entries, jobs: Vec::new(), last: false });
                page_bytes = 0;
            }
            page_bytes += entry_bytes;
            page.push(entry);
        }
        let jobs = self.jobs.keys().copied().collect();
        self.tell_manager(&FromWorker::Inventory { entries: page, jobs, last: true });
        self.resume_pulling();
    }

    pub(super) fn judged(&mut self, verdicts: Vec<(AttemptId, Verdict)>) {
        for (id, verdict) in verdicts {
            match verdict {
                Verdict::Keep => {}
                Verdict::Drop => {
                    self.drop_attempt(id);
                    self.drop_output(id);
                }
            }
        }
    }

    /// Reports the end of an attempt; the report is kept until it is acknowledged.
    pub(super) fn report_end(&mut self, id: AttemptId, result: AttemptResult) {
        let Some(attempt) = self.attempts.get_mut(id) else { return };
        attempt.has_news = false;
        self.attempts.end(id, result.clone());
        self.tell_manager(&FromWorker::Ended { attempt: id, result });
    }

    /// Lets what is new about an attempt be told soon.
    pub(super) fn note_news(&mut self, id: AttemptId) {
        if let Some(attempt) = self.attempts.get_mut(id).filter(|attempt| !attempt.is_dropped) {
            attempt.has_news = true;
            self.timers.set_if_idle(WorkerTimer::Progress, self.now.after(PROGRESS_US));
        }
    }

    pub(super) fn tell_progress(&mut self) {
        let mut news = Vec::new();
        for (id, attempt) in self.attempts.all_mut() {
            if core::mem::take(&mut attempt.has_news) && !attempt.is_dropped {
                let (runs_gathered, counters) = (attempt.runs_gathered, attempt.counters);
                news.push(AttemptProgress { attempt: id, runs_gathered, counters });
            }
        }
        for page in news.chunks(INVENTORY_PAGE_ENTRIES) {
            self.tell_manager(&FromWorker::Progress { attempts: page.to_vec() });
        }
    }
}
