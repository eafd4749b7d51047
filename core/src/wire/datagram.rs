//! The bytes of a heartbeat and of its answer: owns the layout of datagrams.
//!
//! The magic, the version (u32), a CRC-32 of what follows (u32), the message. A datagram that is not whole, or not
//! Windrow's, is no datagram: it decodes to `None`, whatever it holds.

use super::{MAGIC, PROTOCOL_VERSION, frame};
use crate::limits::DATAGRAM_BYTES_MAX;
use alloc::vec::Vec;
use serde::Serialize;
use serde::de::DeserializeOwned;

const HEADER_BYTES: usize = 16;

/// The datagram that holds `message`.
pub fn encode<M: Serialize>(message: &M) -> Vec<u8> {
    let payload = frame::encode(message);
    let mut bytes = Vec::with_capacity(HEADER_BYTES + payload.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&PROTOCOL_VERSION.to_le_bytes());
    bytes.extend_from_slice(&crc32fast::hash(&payload).to_le_bytes());
    bytes.extend_from_slice(&payload);
    assert!(bytes.len() <= DATAGRAM_BYTES_MAX, "a heartbeat is small");
    bytes
}

/// The message that a datagram holds, if it is whole and of this version.
pub fn decode<M: DeserializeOwned>(bytes: &[u8]) -> Option<M> {
    if bytes.len() > DATAGRAM_BYTES_MAX {
        return None;
    }
    let rest = bytes.strip_prefix(&MAGIC)?.strip_prefix(&PROTOCOL_VERSION.to_le_bytes())?;
    let (checksum, payload) = rest.split_first_chunk::<4>()?;
    if crc32fast::hash(payload) != u32::from_le_bytes(*checksum) {
        return None;
    }
    frame::decode(payload).ok()
}
