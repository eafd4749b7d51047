//! What a mapper is fed: owns how the holes in a split are left out of its records (Google paper, 4.6).
//!
//! A hole is one whole record that was found to make the mapper fail. Never reads, and decides nothing about what is a hole.
//! Whatever the cuts, what is fed and what is left out together are the split's records, in their order.

#[cfg(test)]
mod tests;

use super::split::SplitReader;
use crate::job::{ByteRange, Encoding};
use alloc::vec::Vec;

/// Finds what a mapper is fed in the bytes of a file.
#[derive(Clone, Debug)]
pub struct Feed {
    reader: SplitReader,
    /// In the order of their offsets, apart from each other.
    holes: Vec<ByteRange>,
    /// How many of them have been passed.
    passed: usize,
    /// Bytes of holes so far.
    left_out_bytes: u64,
    /// Where what was fed began, and how far it went.
    fed: Option<(u64, u64)>,
}

/// A piece of a split's records.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// The mapper gets it.
    Fed(&'a [u8]),
    /// It belongs to a hole.
    LeftOut(&'a [u8]),
}

impl Feed {
    /// The feed of the records that begin in a range of a file's decoded bytes, without holes, which are in order.
    pub fn new(encoding: Encoding, range: ByteRange, holes: Vec<ByteRange>) -> Feed {
        let ByteRange { offset, length_bytes } = range;
        let reader = match encoding {
            Encoding::Plain => SplitReader::new(offset, length_bytes),
            Encoding::Gzip => SplitReader::of_stream(offset, length_bytes),
        };
        assert!(holes.is_sorted_by(|one, next| one.end() <= next.offset), "holes are in order, and apart");
        Feed { reader, holes, passed: 0, left_out_bytes: 0, fed: None }
    }

    /// Offset in the file of the next byte it wants; `None` once it has all.
    pub fn next_read(&self) -> Option<u64> {
        self.reader.next_read()
    }

    /// Takes bytes read at [`Feed::next_read`], none at the end of the file, and gives what they hold of the split's records.
    pub fn push<'a>(&mut self, bytes: &'a [u8], mut take: impl FnMut(Piece<'a>)) {
        let before = self.reader.bytes();
        let mut own = self.reader.push(bytes);
        assert_eq!(self.reader.bytes() - before, own.len() as u64, "what is own is counted");
        let mut at = self.reader.at() - own.len() as u64;
        while !own.is_empty() {
            while self.holes.get(self.passed).is_some_and(|hole| hole.end() <= at) {
                self.passed += 1;
            }
            let hole = self.holes.get(self.passed);
            let (is_fed, until) = match hole {
                Some(hole) if hole.offset <= at => (false, hole.end()),
                Some(hole) => (true, hole.offset),
                None => (true, u64::MAX),
            };
            let length = usize::try_from(until - at).map_or(own.len(), |length| length.min(own.len()));
            let (piece, rest) = own.split_at(length);
            let end = at + length as u64;
            if is_fed {
                let (begin, _) = self.fed.unwrap_or((at, end));
                self.fed = Some((begin, end));
                take(Piece::Fed(piece));
            } else {
                self.left_out_bytes += length as u64;
                take(Piece::LeftOut(piece));
            }
            (own, at) = (rest, end);
        }
    }

    /// Wants no more than the rest of the record under way, if there is one.
    pub fn end_with_record(&mut self) {
        self.reader.end_with_record();
    }

    /// Wants no more at all.
    pub fn end(&mut self) {
        self.reader.end();
    }

    /// The range of all that was fed so far, holes in its midst included; `None` if nothing was.
    pub fn fed(&self) -> Option<ByteRange> {
        self.fed.map(|(offset, end)| ByteRange { offset, length_bytes: end - offset })
    }

    /// Bytes fed so far.
    pub fn bytes(&self) -> u64 {
        self.reader.bytes() - self.left_out_bytes
    }

    /// Records fed so far; a last line without a newline counts once the end of the file was told.
    pub fn records(&self) -> u64 {
        let at = self.reader.at();
        let begins = self.reader.at() - self.reader.bytes();
        let is_left_out = |hole: &&ByteRange| hole.offset >= begins && hole.end() <= at;
        // The last line of a file may be left out before its end is told, which makes a record of it.
        self.reader.records().saturating_sub(self.holes.iter().filter(is_left_out).count() as u64)
    }
}
