//! Writing runs: owns the block being filled and the bytes that are to be written out.

use super::{
    COMPRESSED_BYTES_MAX, FIRST_CHECKSUM, HEADER_BYTES, Header, RECORD_OVERHEAD_BYTES, begin_checksum,
};
use crate::data::record::Record;
use crate::data::room::make_room;
use crate::data::run::Segment;
use crate::limits::{BLOCK_BYTES, READ_BYTES, RECORD_BYTES_MAX};
use alloc::vec::Vec;
use core::fmt;
use lz4_flex::block::{CompressTable, compress_into_with_table, get_maximum_output_size};

/// What usually gathers in `outgoing` before it is written.
const OUTGOING_BYTES: usize = READ_BYTES + 2 * BLOCK_BYTES;

/// Makes runs of sorted records, one after the other, as one stream of bytes.
pub struct RunWriter {
    /// The payload of the block being filled.
    payload: Vec<u8>,
    records: u32,
    /// Of the run's last block.
    checksum: u32,
    table: CompressTable,
    outgoing: Vec<u8>,
    /// Bytes of the stream that are no longer in `outgoing`.
    drained_bytes: u64,
    /// Where in the stream the run under way begins.
    run_start: u64,
}

impl fmt::Debug for RunWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunWriter").field("run_start", &self.run_start).finish_non_exhaustive()
    }
}

impl Default for RunWriter {
    fn default() -> RunWriter {
        RunWriter::new()
    }
}

impl RunWriter {
    /// A writer at the beginning of its stream.
    pub fn new() -> RunWriter {
        RunWriter {
            payload: Vec::new(),
            records: 0,
            checksum: FIRST_CHECKSUM,
            table: CompressTable::large(),
            outgoing: Vec::new(),
            drained_bytes: 0,
            run_start: 0,
        }
    }

    /// Adds a record to the run under way. Records come in their order; their lines are at most
    /// [`RECORD_BYTES_MAX`] long.
    pub fn push(&mut self, record: Record<'_>) {
        assert!(record.line_bytes() <= RECORD_BYTES_MAX, "a record is at most RECORD_BYTES_MAX long");
        let bytes_max = record.line_bytes() + RECORD_OVERHEAD_BYTES.0;
        if self.payload.len() + bytes_max > BLOCK_BYTES {
            self.close_block();
        }
        if bytes_max > COMPRESSED_BYTES_MAX {
            self.push_large(record);
            return;
        }
        make_room(&mut self.payload, bytes_max, BLOCK_BYTES);
        append_record(&mut self.payload, record);
        self.records += 1;
    }

    /// Ends the run under way and tells where it lies in the stream. The next record begins another.
    pub fn finish(&mut self) -> Segment {
        self.close_block();
        if self.stream_bytes() > self.run_start {
            make_room(&mut self.outgoing, HEADER_BYTES, OUTGOING_BYTES);
            self.outgoing.extend_from_slice(&[0; HEADER_BYTES]);
            self.seal_block(Header::unchecked(0, 0, 0), 0);
        }
        let segment = Segment { offset: self.run_start, length_bytes: self.stream_bytes() - self.run_start };
        self.run_start = self.stream_bytes();
        self.checksum = FIRST_CHECKSUM;
        segment
    }

    /// What is to be written next.
    pub fn outgoing(&self) -> &[u8] {
        &self.outgoing
    }

    /// Tells that all of [`RunWriter::outgoing`] was written.
    pub fn clear_outgoing(&mut self) {
        self.drained_bytes += self.outgoing.len() as u64;
        self.outgoing.clear();
        self.outgoing.shrink_to(OUTGOING_BYTES);
    }

    /// Bytes of memory it holds, but for the compressor's fixed table.
    pub fn held_bytes(&self) -> usize {
        self.payload.capacity() + self.outgoing.capacity()
    }

    /// Bytes of all blocks so far.
    fn stream_bytes(&self) -> u64 {
        self.drained_bytes + self.outgoing.len() as u64
    }

    fn close_block(&mut self) {
        let raw_bytes = self.payload.len();
        if raw_bytes == 0 {
            return;
        }
        let start = self.outgoing.len() + HEADER_BYTES;
        let stored_bytes = self.append_payload(start);
        self.seal_block(Header::unchecked(raw_bytes, stored_bytes, self.records), stored_bytes);
        self.payload.clear();
        self.payload.shrink_to(BLOCK_BYTES);
        self.records = 0;
    }

    /// Puts a record into a block of its own, as is, past the buffer for blocks: it may be very large.
    fn push_large(&mut self, record: Record<'_>) {
        let start = self.outgoing.len() + HEADER_BYTES;
        let room = HEADER_BYTES + record.line_bytes() + RECORD_OVERHEAD_BYTES.0;
        make_room(&mut self.outgoing, room, OUTGOING_BYTES);
        self.outgoing.resize(start, 0);
        append_record(&mut self.outgoing, record);
        let raw_bytes = self.outgoing.len() - start;
        self.seal_block(Header::unchecked(raw_bytes, raw_bytes, 1), raw_bytes);
    }

    /// Appends room for a header, up to `start`, and the payload in the shorter of its two forms; gives its length.
    fn append_payload(&mut self, start: usize) -> usize {
        let raw_bytes = self.payload.len();
        let room = HEADER_BYTES + get_maximum_output_size(raw_bytes);
        make_room(&mut self.outgoing, room, OUTGOING_BYTES);
        self.outgoing.resize(start - HEADER_BYTES + room, 0);
        let compressed =
            compress_into_with_table(&self.payload, &mut self.outgoing[start..], &mut self.table);
        let compressed_bytes = compressed.expect("the output has the greatest size that compression needs");
        if compressed_bytes < raw_bytes {
            self.outgoing.truncate(start + compressed_bytes);
            compressed_bytes
        } else {
            self.outgoing.truncate(start);
            self.outgoing.extend_from_slice(&self.payload);
            raw_bytes
        }
    }

    /// Puts the header into the room before the last `stored_bytes` of `outgoing`, which are the block's payload.
    fn seal_block(&mut self, mut header: [u8; HEADER_BYTES], stored_bytes: usize) {
        let payload_start = self.outgoing.len() - stored_bytes;
        let mut hasher = begin_checksum(self.checksum, &header);
        hasher.update(&self.outgoing[payload_start..]);
        self.checksum = hasher.finalize();
        header[HEADER_BYTES - 4..].copy_from_slice(&self.checksum.to_le_bytes());
        self.outgoing[payload_start - HEADER_BYTES..payload_start].copy_from_slice(&header);
    }
}

/// Appends a record as it stands in a payload.
#[inline]
fn append_record(payload: &mut Vec<u8>, record: Record<'_>) {
    push_length(payload, record.key.len());
    push_length(payload, record.value.map_or(0, |value| value.len() + 1));
    payload.extend_from_slice(record.key);
    payload.extend_from_slice(record.value.unwrap_or_default());
}

/// Appends a length, seven bits to a byte, the lowest first; all bytes but the last have their highest bit set.
#[inline]
fn push_length(payload: &mut Vec<u8>, length: usize) {
    let mut rest = length;
    while rest >= 0x80 {
        payload.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    payload.push(rest as u8);
}
