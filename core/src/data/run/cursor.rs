//! Reading runs: owns the bytes that were read and the block whose records are being taken.
//!
//! Any bytes whatever are either records or [`Corrupt`]; memory grows only with bytes that came.

use super::{Corrupt, FIRST_CHECKSUM, HEADER_BYTES, Header, begin_checksum};
use crate::data::record::Record;
use crate::data::room::make_room;
use crate::limits::{BLOCK_BYTES, READ_BYTES};
use alloc::vec::Vec;
use core::mem;
use core::ops::Range;

/// Bytes that are held unread at the most, as long as blocks are of the usual size.
const INPUT_BYTES: usize = BLOCK_BYTES + 2 * HEADER_BYTES;

/// What [`RunCursor::advance`] came to.
#[must_use]
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Advance {
    /// There is a next record.
    Record,
    /// More of the run must be pushed first.
    Starved,
    /// There is no more record, and no more byte is expected.
    End,
}

/// Takes the records of a run out of its bytes.
#[derive(Debug)]
pub struct RunCursor {
    /// What was pushed and is not yet unpacked, from `input_start` on.
    input: Vec<u8>,
    input_start: usize,
    /// The payload being taken, from `position` on.
    block: Vec<u8>,
    position: usize,
    records_left: u32,
    /// The last record found, in `block`.
    key: Range<usize>,
    /// Its value.
    value: Option<Range<usize>>,
    checksum: u32,
    ended: bool,
}

impl Default for RunCursor {
    fn default() -> RunCursor {
        RunCursor::new()
    }
}

impl RunCursor {
    /// A cursor before the first byte of a run that has records.
    pub fn new() -> RunCursor {
        RunCursor {
            input: Vec::new(),
            input_start: 0,
            block: Vec::new(),
            position: 0,
            records_left: 0,
            key: 0..0,
            value: None,
            checksum: FIRST_CHECKSUM,
            ended: false,
        }
    }

    /// Takes the next bytes of the run, cut anywhere. Only while [`RunCursor::advance`] says `Starved`, or before it.
    pub fn push(&mut self, bytes: &[u8]) {
        self.input.drain(..self.input_start);
        self.input_start = 0;
        make_room(&mut self.input, bytes.len(), INPUT_BYTES);
        self.input.extend_from_slice(bytes);
    }

    /// How many bytes are best pushed next: what fills its usual memory, or completes a larger block.
    pub fn wanted_bytes(&self) -> usize {
        let held = self.input.len() - self.input_start;
        let block_bytes = match self.peek_header() {
            Some(Ok(header)) => HEADER_BYTES + header.stored_bytes,
            Some(Err(_)) | None => HEADER_BYTES,
        };
        INPUT_BYTES.max(block_bytes + HEADER_BYTES).saturating_sub(held).min(READ_BYTES)
    }

    /// Goes to the next record. The one before is gone.
    pub fn advance(&mut self) -> Result<Advance, Corrupt> {
        if self.records_left == 0 {
            match self.open_block()? {
                Advance::Record => {}
                Advance::Starved => return Ok(Advance::Starved),
                Advance::End => return Ok(Advance::End),
            }
        }
        self.take_record()?;
        Ok(Advance::Record)
    }

    /// The record that [`RunCursor::advance`] found last.
    #[inline]
    pub fn record(&self) -> Record<'_> {
        Record {
            key: &self.block[self.key.clone()],
            value: self.value.clone().map(|value| &self.block[value]),
        }
    }

    /// Bytes of memory it holds.
    pub fn held_bytes(&self) -> usize {
        self.input.capacity() + self.block.capacity()
    }

    fn peek_header(&self) -> Option<Result<Header, Corrupt>> {
        self.input[self.input_start..].first_chunk().map(Header::read)
    }

    /// Checks and unpacks the next block, if all of it is there.
    fn open_block(&mut self) -> Result<Advance, Corrupt> {
        if self.position != self.block.len() {
            return Err(Corrupt::Payload);
        }
        if self.ended {
            return if self.input_start == self.input.len() {
                Ok(Advance::End)
            } else {
                Err(Corrupt::Trailing)
            };
        }
        let Some(header) = self.peek_header().transpose()? else { return Ok(Advance::Starved) };
        let start = self.input_start + HEADER_BYTES;
        let Some(stored) = self.input[start..].get(..header.stored_bytes) else {
            return Ok(Advance::Starved);
        };
        let mut head = Header::unchecked(header.raw_bytes, header.stored_bytes, header.records);
        head[HEADER_BYTES - 4..].copy_from_slice(&header.checksum.to_le_bytes());
        let mut hasher = begin_checksum(self.checksum, &head);
        hasher.update(stored);
        if hasher.finalize() != header.checksum {
            return Err(Corrupt::Checksum);
        }
        self.checksum = header.checksum;
        self.input_start = start + header.stored_bytes;
        self.records_left = header.records;
        (self.position, self.key, self.value) = (0, 0..0, None);
        if header.is_end() {
            self.ended = true;
            self.block = Vec::new();
            return self.open_block();
        }
        if header.is_compressed() {
            self.block.truncate(header.raw_bytes);
            let missing_bytes = header.raw_bytes - self.block.len();
            make_room(&mut self.block, missing_bytes, BLOCK_BYTES);
            self.block.resize(header.raw_bytes, 0);
            let unpacked = lz4_flex::block::decompress_into(stored, &mut self.block);
            if !unpacked.is_ok_and(|bytes| bytes == header.raw_bytes) {
                return Err(Corrupt::Payload);
            }
            self.block.shrink_to(BLOCK_BYTES);
        } else {
            // Not copied, for it may be a large record: the input becomes the block, what lies behind it the input.
            mem::swap(&mut self.input, &mut self.block);
            let end = mem::take(&mut self.input_start);
            self.input.clear();
            self.input.shrink_to(INPUT_BYTES);
            make_room(&mut self.input, self.block.len() - end, INPUT_BYTES);
            self.input.extend_from_slice(&self.block[end..]);
            self.block.truncate(end);
            self.position = start;
        }
        Ok(Advance::Record)
    }

    #[inline]
    fn take_record(&mut self) -> Result<(), Corrupt> {
        let mut rest = &self.block[self.position..];
        let key_bytes = take_length(&mut rest)?;
        let value_mark = take_length(&mut rest)?;
        let value_bytes = value_mark.saturating_sub(1);
        if rest.len() < key_bytes || rest.len() - key_bytes < value_bytes {
            return Err(Corrupt::Payload);
        }
        let key_start = self.block.len() - rest.len();
        let value_start = key_start + key_bytes;
        self.position = value_start + value_bytes;
        self.key = key_start..value_start;
        self.value = (value_mark > 0).then_some(value_start..self.position);
        self.records_left -= 1;
        Ok(())
    }
}

/// Reads a length as `push_length` of the writer puts it.
#[inline]
fn take_length(bytes: &mut &[u8]) -> Result<usize, Corrupt> {
    let mut length = 0_usize;
    for shift in [0, 7, 14, 21, 28] {
        let (first, rest) = bytes.split_first().ok_or(Corrupt::Payload)?;
        *bytes = rest;
        length |= usize::from(first & 0x7f) << shift;
        if *first < 0x80 {
            return Ok(length);
        }
    }
    Err(Corrupt::Payload)
}
