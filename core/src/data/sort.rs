//! The sort buffer: owns a mapper's output in memory until it is sorted and written out.
//!
//! Takes stdout in any cuts, copies each byte once into an arena, and keeps one entry of fixed size per record; only
//! entries are sorted, mostly by what they hold themselves. Arena and entries together never exceed the budget, but for
//! one record that does so alone. Never writes: whoever owns it does, when it is told [`Pressure::Full`].
//!
//! Order: partition, then key in unsigned bytes, then emission (Google's paper, 4.2).

#[cfg(test)]
mod tests;

use super::key::{PREFIX_BYTES, prefix_of};
use super::partition::partition_of;
use super::record::Record;
use super::room::make_room;
use crate::ids::Partition;
use crate::limits::{READ_BYTES, RECORD_BYTES_MAX, SORT_BYTES_MIN};
use alloc::vec::Vec;
use core::hint::black_box;

/// A greater budget is not used: places in the arena are counted in 32 bits.
pub const BUDGET_BYTES_MAX: usize = 2 << 30;
/// What is reserved before it is known whether there will be much.
const SMALL_BYTES: usize = 2 * READ_BYTES;
const SMALL_ENTRIES: usize = SMALL_BYTES / ENTRY_BYTES;
/// Keys that agree so far are compared as they lie, so that equally long ones cost no deep recursion.
const FETCHED_DEPTH_MAX: usize = 4 * PREFIX_BYTES;
/// Records that are fetched into the processor's cache together.
const VISITED_TOGETHER: usize = 64;
const ENTRY_BYTES: usize = size_of::<Entry>();
// One record beyond the budget and one chunk behind it still have places in the arena.
const _: () = assert!((BUDGET_BYTES_MAX + RECORD_BYTES_MAX + 2 * READ_BYTES) as u64 <= u32::MAX as u64);
const _: () = assert!(SORT_BYTES_MIN >= READ_BYTES + ENTRY_BYTES);

/// Whether more fits.
#[must_use]
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Pressure {
    /// Another chunk of up to [`READ_BYTES`] fits.
    Open,
    /// Nothing more may be pushed before the records were written out and the buffer cleared.
    Full,
}

/// A line is longer than [`RECORD_BYTES_MAX`]. Nothing can be done with the buffer any more.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct LineTooLong;

/// Collects and sorts the records of a map attempt.
#[derive(Debug)]
pub struct SortBuffer {
    budget_bytes: usize,
    partitions: u32,
    /// Lines with their newlines: those of the entries, then what has none yet.
    arena: Vec<u8>,
    entries: Vec<Entry>,
    /// Where the first line without an entry begins.
    line_start: usize,
    /// How far its newline has been looked for.
    searched: usize,
    /// Whether the entries are in order.
    sorted: bool,
    /// Whether the program's output has ended.
    finished: bool,
    pushed_bytes: u64,
    pushed_records: u64,
}

/// What is known of a record without looking at it. Its key and line begin at `start`.
#[derive(Copy, Clone, Debug)]
struct Entry {
    prefix: u64,
    partition: u32,
    start: u32,
    key_bytes: u32,
    line_bytes: u32,
}

impl Entry {
    fn key<'a>(&self, arena: &'a [u8]) -> &'a [u8] {
        &arena[self.start as usize..][..self.key_bytes as usize]
    }

    fn record<'a>(&self, arena: &'a [u8]) -> Record<'a> {
        let line = &arena[self.start as usize..][..self.line_bytes as usize];
        Record::parse_line_at(line, self.key_bytes as usize)
    }

    /// Orders by partition and prefix, in one comparison.
    fn head(&self) -> u128 {
        u128::from(self.partition) << 64 | u128::from(self.prefix)
    }
}

/// Sorts entries of one partition whose keys agree in their first `depth` bytes, as far as they have them.
///
/// The next bytes of all keys are fetched first: that is one visit to each record, and the processor makes several at
/// once, where comparing keys would make one after the other. The prefixes are used up by it.
fn sort_equals(entries: &mut [Entry], depth: usize, arena: &[u8]) {
    if entries.len() == 1 {
        return;
    }
    if entries.iter().all(|entry| entry.key_bytes as usize <= depth) {
        entries.sort_unstable_by_key(|entry| u64::from(entry.key_bytes) << 32 | u64::from(entry.start));
    } else if depth < FETCHED_DEPTH_MAX {
        for entry in &mut *entries {
            entry.prefix = prefix_of(entry.key(arena).get(depth..).unwrap_or_default());
        }
        entries.sort_unstable_by_key(|entry| entry.prefix);
        for equals in entries.chunk_by_mut(|left, right| left.prefix == right.prefix) {
            sort_equals(equals, depth + PREFIX_BYTES, arena);
        }
    } else {
        entries.sort_unstable_by(|left, right| {
            left.key(arena).cmp(right.key(arena)).then(left.start.cmp(&right.start))
        });
    }
}

impl SortBuffer {
    /// An empty buffer for `partitions` partitions, of which there is at least one. The budget is used within
    /// [`SORT_BYTES_MIN`] and [`BUDGET_BYTES_MAX`].
    pub fn new(budget_bytes: usize, partitions: u32) -> SortBuffer {
        assert!(partitions > 0, "records need a partition to go to");
        SortBuffer {
            budget_bytes: budget_bytes.clamp(SORT_BYTES_MIN, BUDGET_BYTES_MAX),
            partitions,
            arena: Vec::new(),
            entries: Vec::new(),
            line_start: 0,
            searched: 0,
            sorted: true,
            finished: false,
            pushed_bytes: 0,
            pushed_records: 0,
        }
    }

    /// Takes what the program wrote next, cut anywhere, up to [`READ_BYTES`]. Only while the pressure is `Open`.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Pressure, LineTooLong> {
        assert!(bytes.len() <= READ_BYTES, "a chunk is at most READ_BYTES long");
        assert!(!self.finished, "the output has ended");
        assert!(!self.is_sorted_out(), "pushed into a sorted buffer");
        assert!(self.pressure() == Pressure::Open, "pushed into a full buffer");
        self.pushed_bytes += bytes.len() as u64;
        let usual =
            if self.arena.len() + bytes.len() <= SMALL_BYTES { SMALL_BYTES } else { self.budget_bytes };
        make_room(&mut self.arena, bytes.len(), usual);
        self.arena.extend_from_slice(bytes);
        self.find_records()
    }

    /// Tells that the program's output has ended: an unterminated last line is a record too. In a sorted buffer it
    /// becomes one when the buffer is cleared.
    pub fn finish(&mut self) -> Result<Pressure, LineTooLong> {
        self.finished = true;
        if self.is_sorted_out() {
            return Ok(self.pressure());
        }
        self.find_records()
    }

    /// Puts the records in order. Nothing can be pushed until the buffer is cleared.
    pub fn sort(&mut self) {
        if self.sorted {
            return;
        }
        let arena = &self.arena;
        self.entries.sort_unstable_by_key(Entry::head);
        for equals in self.entries.chunk_by_mut(|left, right| left.head() == right.head()) {
            sort_equals(equals, PREFIX_BYTES, arena);
        }
        self.sorted = true;
    }

    /// The records in order, once sorted.
    pub fn records(&self) -> impl Iterator<Item = (Partition, Record<'_>)> {
        self.records_from(0)
    }

    /// The records in order, once sorted, but for so many of the first; for writing them out piece by piece.
    pub fn records_from(&self, skipped: usize) -> impl Iterator<Item = (Partition, Record<'_>)> {
        assert!(self.sorted, "records are not in order yet");
        let arena = &self.arena[..];
        self.entries[skipped..].chunks(VISITED_TOGETHER).flat_map(move |entries| {
            // They lie all over the arena. Independent visits overlap, those amid the caller's work hardly would.
            black_box(entries.iter().fold(0, |sum, entry| sum ^ arena[entry.start as usize]));
            entries.iter().map(move |entry| (Partition(entry.partition), entry.record(arena)))
        })
    }

    /// Whether there is no record to be written out now.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Forgets the records and gives back their memory; bytes that are in none of them stay. Where those are many
    /// short lines the buffer may be `Full` again at once.
    pub fn clear(&mut self) -> Result<Pressure, LineTooLong> {
        self.entries.clear();
        self.entries.shrink_to(SMALL_ENTRIES);
        self.arena.drain(..self.line_start);
        self.arena.shrink_to(SMALL_BYTES);
        self.searched -= self.line_start;
        self.line_start = 0;
        self.sorted = true;
        self.find_records()
    }

    /// Bytes taken since the buffer was made.
    pub fn pushed_bytes(&self) -> u64 {
        self.pushed_bytes
    }

    /// Records found since the buffer was made.
    pub fn pushed_records(&self) -> u64 {
        self.pushed_records
    }

    /// Makes entries for the lines in the arena, as many as the budget allows.
    fn find_records(&mut self) -> Result<Pressure, LineTooLong> {
        while self.has_room_for_entry() {
            let Some(newline) = memchr::memchr(b'\n', &self.arena[self.searched..]) else {
                self.searched = self.arena.len();
                break;
            };
            let line_end = self.searched + newline;
            self.add_entry(line_end)?;
            self.line_start = line_end + 1;
            self.searched = self.line_start;
        }
        let unterminated = self.arena.len() - self.line_start;
        if self.searched == self.arena.len() && unterminated > 0 {
            if unterminated > RECORD_BYTES_MAX {
                return Err(LineTooLong);
            }
            if self.finished && self.has_room_for_entry() {
                self.add_entry(self.arena.len())?;
                self.line_start = self.arena.len();
            }
        }
        Ok(self.pressure())
    }

    fn add_entry(&mut self, line_end: usize) -> Result<(), LineTooLong> {
        let line = &self.arena[self.line_start..line_end];
        if line.len() > RECORD_BYTES_MAX {
            return Err(LineTooLong);
        }
        let key_bytes = memchr::memchr(b'\t', line).unwrap_or(line.len());
        let key = &line[..key_bytes];
        let entry = Entry {
            prefix: prefix_of(key),
            partition: partition_of(key, self.partitions).0,
            start: self.line_start as u32,
            key_bytes: key_bytes as u32,
            line_bytes: line.len() as u32,
        };
        let usual =
            if self.entries.len() < SMALL_ENTRIES { SMALL_ENTRIES } else { self.budget_bytes / ENTRY_BYTES };
        make_room(&mut self.entries, 1, usual);
        self.entries.push(entry);
        self.sorted = false;
        self.pushed_records += 1;
        Ok(())
    }

    /// Whether the entries are being written out: no other may come among them.
    fn is_sorted_out(&self) -> bool {
        self.sorted && !self.entries.is_empty()
    }

    fn held_bytes(&self) -> usize {
        self.arena.len() + self.entries.len() * ENTRY_BYTES
    }

    /// A record alone is always let in.
    fn has_room_for_entry(&self) -> bool {
        self.entries.is_empty() || self.held_bytes() + ENTRY_BYTES <= self.budget_bytes
    }

    fn pressure(&self) -> Pressure {
        let all_found = if self.finished {
            self.line_start == self.arena.len()
        } else {
            self.searched == self.arena.len()
        };
        let chunk_bytes = if self.finished { 0 } else { READ_BYTES + ENTRY_BYTES };
        let has_room = self.entries.is_empty() || self.held_bytes() + chunk_bytes <= self.budget_bytes;
        if all_found && has_room { Pressure::Open } else { Pressure::Full }
    }
}
