//! Checking runs on their way: owns how far a run has come and nothing of its contents.

use super::{Corrupt, FIRST_CHECKSUM, HEADER_BYTES, Header, begin_checksum};

/// Checks the bytes of a run as they pass, without keeping or unpacking them.
#[derive(Clone, Debug)]
pub struct RunVerifier {
    place: Place,
    checksum: u32,
    records: u64,
}

#[derive(Clone, Debug)]
enum Place {
    /// Nothing came yet; a run without records has nothing more.
    Beginning,
    /// In a header, of which so much is here.
    InHeader { header: [u8; HEADER_BYTES], filled: usize },
    /// In a payload, of which so much is missing.
    InPayload { header: Header, hasher: crc32fast::Hasher, missing_bytes: usize },
    /// Behind the end.
    Ended,
    /// No more can be said.
    Failed(Corrupt),
}

impl Default for RunVerifier {
    fn default() -> RunVerifier {
        RunVerifier::new()
    }
}

impl RunVerifier {
    /// A verifier before the first byte of a run.
    pub fn new() -> RunVerifier {
        RunVerifier { place: Place::Beginning, checksum: FIRST_CHECKSUM, records: 0 }
    }

    /// Takes the next bytes of the run, cut anywhere. What failed once stays so.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Corrupt> {
        let mut rest = bytes;
        while !rest.is_empty() {
            if let Err(corrupt) = self.take(&mut rest) {
                self.place = Place::Failed(corrupt);
                return Err(corrupt);
            }
        }
        Ok(())
    }

    /// Tells that the run has no more bytes; gives the number of its records.
    pub fn finish(&self) -> Result<u64, Corrupt> {
        match self.place {
            Place::Beginning | Place::Ended => Ok(self.records),
            Place::InHeader { .. } | Place::InPayload { .. } => Err(Corrupt::CutOff),
            Place::Failed(corrupt) => Err(corrupt),
        }
    }

    /// Takes as much as belongs to the place where it is, at least one byte.
    fn take(&mut self, rest: &mut &[u8]) -> Result<(), Corrupt> {
        match &mut self.place {
            Place::Beginning => self.place = Place::InHeader { header: [0; HEADER_BYTES], filled: 0 },
            Place::InHeader { header, filled } => {
                let (taken, left) = rest.split_at(rest.len().min(HEADER_BYTES - *filled));
                *rest = left;
                header[*filled..][..taken.len()].copy_from_slice(taken);
                *filled += taken.len();
                if *filled == HEADER_BYTES {
                    let hasher = begin_checksum(self.checksum, header);
                    let header = Header::read(header)?;
                    self.place = Place::InPayload { header, hasher, missing_bytes: header.stored_bytes };
                    self.end_block_if_whole()?;
                }
            }
            Place::InPayload { hasher, missing_bytes, .. } => {
                let (taken, left) = rest.split_at(rest.len().min(*missing_bytes));
                *rest = left;
                hasher.update(taken);
                *missing_bytes -= taken.len();
                self.end_block_if_whole()?;
            }
            Place::Ended => return Err(Corrupt::Trailing),
            Place::Failed(corrupt) => return Err(*corrupt),
        }
        Ok(())
    }

    fn end_block_if_whole(&mut self) -> Result<(), Corrupt> {
        let Place::InPayload { header, hasher, missing_bytes: 0 } = &self.place else { return Ok(()) };
        if hasher.clone().finalize() != header.checksum {
            return Err(Corrupt::Checksum);
        }
        self.checksum = header.checksum;
        self.records += u64::from(header.records);
        self.place = if header.is_end() {
            Place::Ended
        } else {
            Place::InHeader { header: [0; HEADER_BYTES], filled: 0 }
        };
        Ok(())
    }
}
