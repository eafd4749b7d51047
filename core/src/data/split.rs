//! Splits: owns how files are cut into byte ranges, and which bytes a range's mapper is fed.
//!
//! A split owns every record whose first byte lies in its range, so the splits of a file share out its records
//! whatever the cuts. Bytes pass untouched. Never reads: says which byte it wants next and is given it.

#[cfg(test)]
mod tests;

use crate::job::Encoding;

/// How many splits a file makes: pieces of at most `split_bytes` (at least 1), or one where it cannot be cut or is
/// empty.
pub fn split_count(size_bytes: u64, encoding: Encoding, split_bytes: u64) -> u64 {
    match encoding {
        Encoding::Plain => size_bytes.div_ceil(split_bytes.max(1)).max(1),
        Encoding::Gzip => 1,
    }
}

/// The splits of a file as offsets and lengths, nearly equal and in order.
pub fn splits_of(
    size_bytes: u64,
    encoding: Encoding,
    split_bytes: u64,
) -> impl Iterator<Item = (u64, u64)> + use<> {
    let count = split_count(size_bytes, encoding, split_bytes);
    let boundary = move |index: u64| (u128::from(size_bytes) * u128::from(index) / u128::from(count)) as u64;
    (0..count).map(move |index| (boundary(index), boundary(index + 1) - boundary(index)))
}

/// Finds the records of one split in the bytes of its file.
#[derive(Clone, Debug)]
pub struct SplitReader {
    place: Place,
    /// Offset of the next byte wanted.
    at: u64,
    /// Offset of the first byte that is looked at; those before it only pass by.
    from: u64,
    /// Where the range ends.
    end: u64,
    /// Whether the last byte of the split's records so far ends one.
    at_record_start: bool,
    newlines: u64,
    bytes: u64,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Place {
    /// In a record that began before the range.
    Before,
    /// In the split's records.
    Inside,
    /// Past them.
    Done,
}

impl SplitReader {
    /// A reader of the split that begins at `offset` in a plain file and is `length_bytes` long.
    pub fn new(offset: u64, length_bytes: u64) -> SplitReader {
        let place = match (offset, length_bytes) {
            (_, 0) => Place::Done,
            (0, _) => Place::Inside,
            (_, _) => Place::Before,
        };
        let end = offset.saturating_add(length_bytes);
        let from = offset.saturating_sub(1);
        SplitReader { place, at: from, from, end, at_record_start: true, newlines: 0, bytes: 0 }
    }

    /// The same for a stream that can only be read from its beginning on.
    pub fn of_stream(offset: u64, length_bytes: u64) -> SplitReader {
        SplitReader { at: 0, ..SplitReader::new(offset, length_bytes) }
    }

    /// A reader of everything, for a stream whose length is not known beforehand.
    pub fn whole() -> SplitReader {
        SplitReader::new(0, u64::MAX)
    }

    /// Offset in the file of the next byte it wants; `None` once it has all.
    pub fn next_read(&self) -> Option<u64> {
        match self.place {
            Place::Before | Place::Inside => Some(self.at),
            Place::Done => None,
        }
    }

    /// Offset of the first byte that was not looked at, or taken, so far.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Takes bytes read at [`SplitReader::next_read`], none at the end of the file, and gives those of them that belong
    /// to the split's records.
    pub fn push<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        assert!(self.place != Place::Done, "nothing was wanted any more");
        if bytes.is_empty() {
            self.place = Place::Done;
            return bytes;
        }
        let passed = clamp_to_slice(self.from.saturating_sub(self.at), bytes);
        self.at += passed as u64;
        let bytes = match self.place {
            Place::Before => self.skip_foreign_record(&bytes[passed..]),
            Place::Inside | Place::Done => bytes,
        };
        match self.place {
            Place::Inside => self.take_own_records(bytes),
            Place::Before | Place::Done => &[],
        }
    }

    /// Wants no more than the rest of the record under way, if there is one.
    pub fn end_with_record(&mut self) {
        match self.place {
            Place::Inside if !self.at_record_start => self.end = self.at,
            Place::Before | Place::Inside | Place::Done => self.place = Place::Done,
        }
    }

    /// Wants no more at all.
    pub fn end(&mut self) {
        self.place = Place::Done;
    }

    /// Bytes of the split's records so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Records so far; a last line without a newline counts once the end of the file was told.
    pub fn records(&self) -> u64 {
        let unterminated = self.place == Place::Done && !self.at_record_start;
        self.newlines + u64::from(unterminated)
    }

    /// Drops what belongs to the split before; what is left begins a record if the reader is inside now.
    fn skip_foreign_record<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        // A record begins in the range only behind a newline that lies before the range's last byte.
        let last_start = self.end - 1;
        let searched = clamp_to_slice(last_start - self.at, bytes);
        match memchr::memchr(b'\n', &bytes[..searched]) {
            Some(newline) => {
                self.place = Place::Inside;
                self.at += newline as u64 + 1;
                &bytes[newline + 1..]
            }
            None => {
                self.at += searched as u64;
                if self.at == last_start {
                    self.place = Place::Done;
                }
                &[]
            }
        }
    }

    fn take_own_records<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        // The last record of the split ends with the first newline from the range's last byte on.
        let unquestioned = clamp_to_slice((self.end - 1).saturating_sub(self.at), bytes);
        let own = match memchr::memchr(b'\n', &bytes[unquestioned..]) {
            Some(newline) => {
                self.place = Place::Done;
                &bytes[..unquestioned + newline + 1]
            }
            None => bytes,
        };
        self.at += own.len() as u64;
        self.bytes += own.len() as u64;
        self.newlines += memchr::memchr_iter(b'\n', own).count() as u64;
        if let Some(last) = own.last() {
            self.at_record_start = *last == b'\n';
        }
        own
    }
}

/// The part of a length that lies in the slice.
fn clamp_to_slice(length: u64, bytes: &[u8]) -> usize {
    usize::try_from(length).map_or(bytes.len(), |length| length.min(bytes.len()))
}
