//! The bytes of a journal's file: owns how records stand in it, and what of a file can be believed after a crash.
//!
//! A file begins with [`MAGIC`] and [`FORMAT_VERSION`]. A record is its payload's length (u32), a CRC-32 of that and all that
//! follows (u32), its sequence number (u64), the number up to which all was durable when it was written (u64), and its payload;
//! integers in little-endian. Sequence numbers leave no gap. The first record of a file is a snapshot, so that one file is
//! enough.
//!
//! What stands behind the first record that is not whole was not durable, thus never acted upon, and is cut off: the power failed
//! while it was being written, in any order. Unless a later record says that it *was* durable: then the disk has lost or
//! changed what it had confirmed, and going on without it would break what users were told.

use super::Record;
use crate::ids::Sequence;
use crate::manager::jobs::Jobs;
use crate::wire::frame;
use alloc::vec::Vec;
use core::fmt;

/// The first bytes of a journal.
pub const MAGIC: [u8; 8] = *b"WINDROWJ";
/// The version of the format, which follows the magic.
pub const FORMAT_VERSION: u32 = 6;
/// Bytes before the first record.
pub const FILE_HEADER_BYTES: usize = 12;
/// Bytes of a record before its payload.
pub const RECORD_HEADER_BYTES: usize = 24;

/// What a journal's file holds.
#[derive(Debug, PartialEq, Eq)]
pub struct Contents {
    /// Its records, in order; the first is a snapshot.
    pub records: Vec<Record>,
    /// Bytes at its end that are no whole record.
    pub torn_bytes: usize,
}

/// Why a file cannot be believed.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// It does not begin as a journal does.
    NotAJournal,
    /// Another version of Windrow wrote it.
    OtherVersion {
        /// The version of its format.
        theirs: u32,
    },
    /// A record that was durable is not what was written.
    Record {
        /// Where it stands in the file.
        offset: usize,
    },
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damage::NotAJournal => f.write_str("it does not begin as a journal does"),
            Damage::OtherVersion { theirs } => {
                write!(f, "its format is version {theirs}, this Windrow reads {FORMAT_VERSION}")
            }
            Damage::Record { offset } => {
                write!(f, "the record at byte {offset} is damaged, and was not the last to be written")
            }
        }
    }
}

/// The first bytes of a file.
pub fn file_header() -> [u8; FILE_HEADER_BYTES] {
    let mut header = [0; FILE_HEADER_BYTES];
    header[..MAGIC.len()].copy_from_slice(&MAGIC);
    header[MAGIC.len()..].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
    header
}

/// Puts a record at the end of `to`. All records up to `durable` are.
pub fn append_record(sequence: Sequence, durable: Sequence, payload: &[u8], to: &mut Vec<u8>) {
    assert!(durable < sequence, "a record is written before it is durable");
    let length = u32::try_from(payload.len()).expect("a record is far smaller than 4 GiB");
    to.extend_from_slice(&length.to_le_bytes());
    to.extend_from_slice(&checksum(length, sequence, durable, payload).to_le_bytes());
    to.extend_from_slice(&sequence.0.to_le_bytes());
    to.extend_from_slice(&durable.0.to_le_bytes());
    to.extend_from_slice(payload);
}

/// Reads a file that another life has left.
///
/// # Errors
/// [`Damage`] where something is missing or changed that was durable.
pub fn read(file: &[u8]) -> Result<Contents, Damage> {
    // What of a file was never written reads as zeros.
    if file.iter().zip(file_header()).any(|(found, due)| *found != due && *found != 0) {
        let magic = file.first_chunk::<FILE_HEADER_BYTES>().and_then(|header| header.strip_prefix(&MAGIC));
        return Err(match magic {
            Some(version) => Damage::OtherVersion {
                theirs: version.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte)),
            },
            None => Damage::NotAJournal,
        });
    }
    let (mut records, mut rest, mut last) = (Vec::new(), file, None);
    if let Some(body) = file.strip_prefix(&file_header()) {
        rest = body;
    }
    while let Some((found, after)) = first_record(rest) {
        if last.is_some_and(|last| found.sequence.0 != last + 1) {
            break;
        }
        let offset = file.len() - rest.len();
        records.push(frame::decode_unbounded(found.payload).map_err(|_| Damage::Record { offset })?);
        last = Some(found.sequence.0);
        rest = after;
    }
    let missing = last.map_or(1, |last| last + 1);
    let was_durable = (1..rest.len())
        .filter_map(|from| first_record(&rest[from..]))
        .any(|(later, _)| later.durable.0 >= missing && later.sequence.0 > missing);
    if was_durable {
        return Err(Damage::Record { offset: file.len() - rest.len() });
    }
    Ok(Contents { records, torn_bytes: rest.len() })
}

/// What a file amounts to.
#[derive(Debug, PartialEq, Eq)]
pub struct Folded {
    /// The state that its records make.
    pub jobs: Jobs,
    /// How many there are.
    pub records: usize,
    /// Bytes at its end that are no whole record.
    pub torn_bytes: usize,
}

/// Reads a file and applies its records; `None` if its life ended before its snapshot was durable, so that the file of
/// the life before still counts.
///
/// # Errors
/// As [`read`].
pub fn fold(file: &[u8]) -> Result<Option<Folded>, Damage> {
    let Contents { records, torn_bytes } = read(file)?;
    match records.first() {
        None => return Ok(None),
        Some(Record::Snapshot(_)) => {}
        Some(
            Record::EpochBegan { .. }
            | Record::JobAccepted { .. }
            | Record::JobPlanned { .. }
            | Record::TaskWon { .. }
            | Record::AttemptFailed { .. }
            | Record::RecordSkipped { .. }
            | Record::OutputRevoked { .. }
            | Record::JobCommitting { .. }
            | Record::JobPublishing { .. }
            | Record::JobDisplacing { .. }
            | Record::JobFailing { .. }
            | Record::JobEnded { .. }
            | Record::DrainBegan { .. }
            | Record::DrainEnded { .. },
        ) => return Err(Damage::Record { offset: FILE_HEADER_BYTES }),
    }
    let (mut jobs, count) = (Jobs::default(), records.len());
    for record in records {
        jobs.apply(record);
    }
    Ok(Some(Folded { jobs, records: count, torn_bytes }))
}

/// A record as it stands.
struct Found<'a> {
    sequence: Sequence,
    durable: Sequence,
    payload: &'a [u8],
}

/// The record with which `bytes` begin, and what follows it.
fn first_record(bytes: &[u8]) -> Option<(Found<'_>, &[u8])> {
    let (header, rest) = bytes.split_first_chunk::<RECORD_HEADER_BYTES>()?;
    let (numbers, _) = header.as_chunks::<4>();
    let length = u32::from_le_bytes(numbers[0]);
    let word = |index: usize| {
        let (low, high) = (u32::from_le_bytes(numbers[index]), u32::from_le_bytes(numbers[index + 1]));
        u64::from(low) | u64::from(high) << 32
    };
    let (sequence, durable) = (Sequence(word(2)), Sequence(word(4)));
    if sequence <= durable {
        return None;
    }
    let (payload, after) = rest.split_at_checked(length as usize)?;
    let is_whole = checksum(length, sequence, durable, payload) == u32::from_le_bytes(numbers[1]);
    is_whole.then_some((Found { sequence, durable, payload }, after))
}

fn checksum(length: u32, sequence: Sequence, durable: Sequence, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length.to_le_bytes());
    hasher.update(&sequence.0.to_le_bytes());
    hasher.update(&durable.0.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

#[cfg(test)]
mod tests;
