//! The format of runs: owns how sorted records stand on disk and on the wire.
//!
//! ```text
//! run     = block+ end | nothing at all, if it has no records
//! block   = raw length u32, stored length u32, records u32, crc u32, then the stored payload
//! end     = a block of which all but the crc is zero
//! payload = (key length, value length + 1 or 0 where there is none, key, value)+     stored as is, or by LZ4
//! ```
//!
//! Numbers are little-endian; lengths inside a payload take one byte per seven bits. Each crc is taken over the one
//! before it, the header and the stored payload: blocks that are changed, missing, doubled, in another order or cut
//! off at the end are all noticed. A payload is stored as is exactly if its two lengths are equal; a record larger than
//! a block makes a block of its own.

mod cursor;
#[cfg(test)]
mod tests;
mod verifier;
mod writer;

pub use cursor::{Advance, RunCursor};
pub use verifier::RunVerifier;
pub use writer::RunWriter;

use crate::limits::RECORD_BYTES_MAX;
use serde::{Deserialize, Serialize};

/// Bytes of a block's header.
pub const HEADER_BYTES: usize = 16;
/// The greatest payload that is compressed: beyond it, unpacking would double the memory that one record costs.
const COMPRESSED_BYTES_MAX: usize = 1 << 20;
/// What a record takes beside its key and value, at the most and at the least.
const RECORD_OVERHEAD_BYTES: (usize, usize) = (10, 2);
/// The crc before the first block; another one for another format.
const FIRST_CHECKSUM: u32 = u32::from_le_bytes(*b"run1");

/// A part of a file that holds one run; empty if the run has no records.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Where it begins.
    pub offset: u64,
    /// How long it is.
    pub length_bytes: u64,
}

/// Why bytes are not the run that was written.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Corrupt {
    /// A block's header says what no writer writes.
    Header,
    /// A block is not what its checksum was taken of.
    Checksum,
    /// A block whose checksum is right does not hold the records it should.
    Payload,
    /// The run ends too early.
    CutOff,
    /// Bytes follow after the run's end.
    Trailing,
}

/// What stands before each block.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
struct Header {
    raw_bytes: usize,
    stored_bytes: usize,
    records: u32,
    checksum: u32,
}

impl Header {
    fn is_end(&self) -> bool {
        self.raw_bytes == 0
    }

    fn is_compressed(&self) -> bool {
        self.stored_bytes < self.raw_bytes
    }

    /// A header without its checksum.
    fn unchecked(raw_bytes: usize, stored_bytes: usize, records: u32) -> [u8; HEADER_BYTES] {
        let mut header = [0; HEADER_BYTES];
        header[0..4].copy_from_slice(&(raw_bytes as u32).to_le_bytes());
        header[4..8].copy_from_slice(&(stored_bytes as u32).to_le_bytes());
        header[8..12].copy_from_slice(&records.to_le_bytes());
        header
    }

    /// Reads a header and refuses what no writer writes, so that its lengths may be relied on before its checksum is.
    fn read(bytes: &[u8; HEADER_BYTES]) -> Result<Header, Corrupt> {
        let number = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let header = Header {
            raw_bytes: number(0) as usize,
            stored_bytes: number(4) as usize,
            records: number(8),
            checksum: number(12),
        };
        let (raw, stored, records) = (header.raw_bytes, header.stored_bytes, header.records as usize);
        let possible = if header.is_end() {
            stored == 0 && records == 0
        } else {
            raw <= RECORD_BYTES_MAX + RECORD_OVERHEAD_BYTES.0
                && stored <= raw
                && stored > 0
                && (!header.is_compressed() || raw <= COMPRESSED_BYTES_MAX)
                && records > 0
                && records <= raw / RECORD_OVERHEAD_BYTES.1
        };
        if possible { Ok(header) } else { Err(Corrupt::Header) }
    }
}

/// A checksum under way, of a block behind one whose checksum is `previous`, begun with the block's header.
fn begin_checksum(previous: u32, header: &[u8; HEADER_BYTES]) -> crc32fast::Hasher {
    let mut hasher = crc32fast::Hasher::new_with_initial(previous);
    hasher.update(&header[..HEADER_BYTES - 4]);
    hasher
}
