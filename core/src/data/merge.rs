//! Merging runs: owns the one order that several runs' records come back into.
//!
//! A stable sort over (source, emission): of equal keys, those of an earlier source come first. A tree of losers (Knuth
//! 5.4.1) asks about log2(sources) comparisons of each record, most of them of cached prefixes. Never reads: says
//! what it wants to have read and is given it.

#[cfg(test)]
mod tests;

use super::key::{compare_beyond_prefix, prefix_of};
use super::record::Record;
use super::run::{Advance, HEADER_BYTES, RunCursor};
use crate::data::run::Segment;
use crate::limits::{BLOCK_BYTES, MERGE_WIDTH_MAX};
use alloc::vec::Vec;

/// Memory of one source, as long as its records are not larger than a block: one read, one unpacked.
const SOURCE_BYTES: usize = 2 * (BLOCK_BYTES + 2 * HEADER_BYTES);

/// How many sources can be merged at once within a budget of memory.
pub fn merge_width(budget_bytes: usize) -> usize {
    (budget_bytes / SOURCE_BYTES).clamp(2, MERGE_WIDTH_MAX)
}

/// What a merge comes to next.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// It wants bytes, to be given to [`Merge::push_read`].
    Read {
        /// The index of the source whose bytes they are.
        source: usize,
        /// From where in the source's file.
        offset: u64,
        /// How many.
        length_bytes: usize,
    },
    /// The next record.
    Record(Record<'a>),
    /// All records of all sources have been given.
    Done,
    /// A source is not the run that was written. There is no going on.
    Corrupt {
        /// The index of the source.
        source: usize,
    },
}

/// Merges the runs of several segments into one order.
#[derive(Debug)]
pub struct Merge {
    sources: Vec<Source>,
    /// The tree: at `[0]` the source whose record is next, at each inner node `[n]` the one that lost there. The leaf
    /// of source `s` is node `s + sources`, the parent of node `n` is `n / 2`.
    tree: Vec<u32>,
    state: State,
}

#[derive(Copy, Clone, Debug)]
enum State {
    /// The sources before this one have their first record.
    Filling(usize),
    /// The next record is that of the winner.
    Ready,
    /// The winner's record was given.
    Given,
    /// This source is corrupt.
    Corrupt(usize),
}

#[derive(Debug)]
struct Source {
    cursor: RunCursor,
    /// What of its segment is still to be read.
    unread: Segment,
    /// Whether there are no more records.
    ended: bool,
    /// Of the current record's key.
    prefix: u64,
    key_bytes: usize,
}

impl Source {
    /// A source that has given all its records; holds no memory.
    fn ended() -> Source {
        Source { cursor: RunCursor::new(), unread: Segment::default(), ended: true, prefix: 0, key_bytes: 0 }
    }

    /// Goes to its next record, or to its end, and tells whether it got there.
    fn advance(&mut self) -> Progress {
        if self.ended {
            return Progress::Moved;
        }
        match self.cursor.advance() {
            Ok(Advance::Record) => {
                let key = self.cursor.record().key;
                (self.prefix, self.key_bytes) = (prefix_of(key), key.len());
                Progress::Moved
            }
            Ok(Advance::End) if self.unread.length_bytes == 0 => {
                *self = Source::ended();
                Progress::Moved
            }
            Ok(Advance::Starved) if self.unread.length_bytes > 0 => Progress::Starved,
            Ok(Advance::End | Advance::Starved) | Err(_) => Progress::Corrupt,
        }
    }

    /// How many bytes to read of it next.
    fn read_bytes(&self) -> usize {
        usize::try_from(self.unread.length_bytes)
            .map_or(self.cursor.wanted_bytes(), |left| left.min(self.cursor.wanted_bytes()))
    }
}

enum Progress {
    Moved,
    Starved,
    Corrupt,
}

impl Merge {
    /// A merge of the runs in these segments, in their order; an empty segment is a run without records.
    pub fn new(sources: Vec<Segment>) -> Merge {
        let source = |unread: Segment| Source { ended: unread.length_bytes == 0, unread, ..Source::ended() };
        let sources = sources.into_iter().map(source).collect();
        Merge { sources, tree: Vec::new(), state: State::Filling(0) }
    }

    /// Goes on to the next record, or to what it needs before.
    pub fn step(&mut self) -> Step<'_> {
        loop {
            let source = match self.state {
                State::Filling(source) if source == self.sources.len() => {
                    self.plant();
                    self.state = State::Ready;
                    continue;
                }
                State::Filling(source) => source,
                State::Ready => {
                    let Some(winner) = self.winner() else { return Step::Done };
                    self.state = State::Given;
                    return Step::Record(self.sources[winner].cursor.record());
                }
                State::Given => self.tree[0] as usize,
                State::Corrupt(source) => return Step::Corrupt { source },
            };
            match self.sources[source].advance() {
                Progress::Moved => self.moved(source),
                Progress::Starved => {
                    let starved = &self.sources[source];
                    let (offset, length_bytes) = (starved.unread.offset, starved.read_bytes());
                    return Step::Read { source, offset, length_bytes };
                }
                Progress::Corrupt => self.state = State::Corrupt(source),
            }
        }
    }

    /// Takes the bytes that were read for [`Step::Read`]. Fewer than it asked for mean that the file has no more.
    pub fn push_read(&mut self, source: usize, bytes: &[u8]) {
        let reader = &mut self.sources[source];
        let asked_bytes = reader.read_bytes();
        assert!(bytes.len() <= asked_bytes, "more was read than was asked for");
        if bytes.len() < asked_bytes {
            self.state = State::Corrupt(source);
            return;
        }
        reader.unread.offset += bytes.len() as u64;
        reader.unread.length_bytes -= bytes.len() as u64;
        reader.cursor.push(bytes);
    }

    /// Follows up that a source went on by one record.
    fn moved(&mut self, source: usize) {
        self.state = match self.state {
            State::Filling(filled) => State::Filling(filled + 1),
            State::Given => {
                self.replay(source);
                State::Ready
            }
            State::Ready | State::Corrupt(_) => unreachable!("no source goes on in this state"),
        };
    }

    fn winner(&self) -> Option<usize> {
        let winner = *self.tree.first()? as usize;
        (!self.sources[winner].ended).then_some(winner)
    }

    /// Plays all matches.
    fn plant(&mut self) {
        let count = self.sources.len();
        let mut winners: Vec<u32> = (0..2 * count).map(|node| node.saturating_sub(count) as u32).collect();
        self.tree = alloc::vec![0; count];
        for node in (1..count).rev() {
            let (left, right) = (winners[2 * node], winners[2 * node + 1]);
            let left_wins = self.comes_before(left, right);
            (winners[node], self.tree[node]) = if left_wins { (left, right) } else { (right, left) };
        }
        if count > 0 {
            self.tree[0] = winners[1];
        }
    }

    /// Plays the matches between the leaf of a source that went on and the root.
    fn replay(&mut self, source: usize) {
        let mut winner = source as u32;
        let mut node = (source + self.sources.len()) / 2;
        while node > 0 {
            let rival = self.tree[node];
            if self.comes_before(rival, winner) {
                self.tree[node] = winner;
                winner = rival;
            }
            node /= 2;
        }
        self.tree[0] = winner;
    }

    /// Whether the record of source `left` comes before that of another; one that has none comes last.
    #[inline]
    fn comes_before(&self, left: u32, right: u32) -> bool {
        let (a, b) = (&self.sources[left as usize], &self.sources[right as usize]);
        let order = (a.ended, a.prefix).cmp(&(b.ended, b.prefix)).then_with(|| {
            compare_beyond_prefix(
                a.key_bytes,
                b.key_bytes,
                || a.cursor.record().key,
                || b.cursor.record().key,
            )
        });
        order.then(left.cmp(&right)).is_lt()
    }
}
