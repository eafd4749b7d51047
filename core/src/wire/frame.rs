//! The bytes of one frame: owns the header, the checksum and the codec.
//!
//! A frame is its payload's length (u32), its kind (u8), a CRC-32 of these two (u32), a CRC-32 of all that and the payload
//! (u32), all little-endian, then the payload. The length is bounded and known to be right before anything is waited for, the
//! payload decodes whole or not at all.

use super::Violation;
use crate::limits::FRAME_BYTES_MAX;
use alloc::vec::Vec;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes before the payload.
pub const HEADER_BYTES: usize = 13;
/// Where the checksum of the payload stands.
const PAYLOAD_CHECKSUM: usize = 9;

const CODEC: bincode::config::Configuration = bincode::config::standard();

/// What a payload is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// One encoded message.
    Message,
    /// A piece of bulk data, as it stands.
    Raw,
}

/// One frame, as it stands at the beginning of some bytes.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What its payload is.
    pub kind: FrameKind,
    /// What it holds.
    pub payload: &'a [u8],
    /// How long it is, header and payload.
    pub length_bytes: usize,
}

/// A message is longer than a frame may be.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct TooLong;

/// Appends a frame that holds `message`, or nothing if it would be too long.
pub fn append_message<M: Serialize>(buffer: &mut Vec<u8>, message: &M) -> Result<(), TooLong> {
    let start = buffer.len();
    buffer.extend_from_slice(&[0; HEADER_BYTES]);
    buffer.append(&mut encode(message));
    if buffer.len() - start - HEADER_BYTES > FRAME_BYTES_MAX {
        buffer.truncate(start);
        return Err(TooLong);
    }
    seal(&mut buffer[start..], FrameKind::Message);
    Ok(())
}

/// Appends a frame that holds `bytes` as they stand; at most [`FRAME_BYTES_MAX`].
pub fn append_raw(buffer: &mut Vec<u8>, bytes: &[u8]) {
    assert!(bytes.len() <= FRAME_BYTES_MAX, "a raw frame is cut by its sender");
    let start = buffer.len();
    buffer.extend_from_slice(&[0; HEADER_BYTES]);
    buffer.extend_from_slice(bytes);
    seal(&mut buffer[start..], FrameKind::Raw);
}

fn seal(frame: &mut [u8], kind: FrameKind) {
    let (header, payload) = frame.split_at_mut(HEADER_BYTES);
    let length = u32::try_from(payload.len()).expect("a frame's length fits its field");
    header[..4].copy_from_slice(&length.to_le_bytes());
    header[4] = kind_byte(kind);
    let announced = crc32fast::hash(&header[..5]);
    header[5..PAYLOAD_CHECKSUM].copy_from_slice(&announced.to_le_bytes());
    let whole = checksum(&header[..PAYLOAD_CHECKSUM], payload);
    header[PAYLOAD_CHECKSUM..].copy_from_slice(&whole.to_le_bytes());
}

/// The first frame in `bytes`, or `None` if it is not all there yet.
pub fn parse(bytes: &[u8]) -> Result<Option<Frame<'_>>, Violation> {
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER_BYTES>() else { return Ok(None) };
    let [l0, l1, l2, l3, kind_byte, h0, h1, h2, h3, c0, c1, c2, c3] = *header;
    // A length that is wrong would have its reader wait for bytes that never come.
    if crc32fast::hash(&header[..5]) != u32::from_le_bytes([h0, h1, h2, h3]) {
        return Err(Violation::Checksum);
    }
    let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    if length > FRAME_BYTES_MAX {
        return Err(Violation::FrameTooLong { length_bytes: length as u64 });
    }
    let kind = match kind_byte {
        0 => FrameKind::Message,
        1 => FrameKind::Raw,
        2.. => return Err(Violation::FrameKind),
    };
    let Some(payload) = rest.get(..length) else { return Ok(None) };
    if checksum(&header[..PAYLOAD_CHECKSUM], payload) != u32::from_le_bytes([c0, c1, c2, c3]) {
        return Err(Violation::Checksum);
    }
    Ok(Some(Frame { kind, payload, length_bytes: HEADER_BYTES + length }))
}

/// The message that a payload holds, all of it.
pub fn decode<M: DeserializeOwned>(payload: &[u8]) -> Result<M, Violation> {
    let bounded = CODEC.with_limit::<{ 4 * FRAME_BYTES_MAX }>();
    match bincode::serde::decode_from_slice(payload, bounded) {
        Ok((message, length)) if length == payload.len() => Ok(message),
        Ok(_) | Err(_) => Err(Violation::Undecodable),
    }
}

/// The value that bytes hold which this program wrote itself, all of it, however long it is.
pub fn decode_unbounded<M: DeserializeOwned>(bytes: &[u8]) -> Result<M, Violation> {
    match bincode::serde::decode_from_slice(bytes, CODEC) {
        Ok((value, length)) if length == bytes.len() => Ok(value),
        Ok(_) | Err(_) => Err(Violation::Undecodable),
    }
}

/// The bytes of a value, without a frame.
pub fn encode<M: Serialize>(message: &M) -> Vec<u8> {
    bincode::serde::encode_to_vec(message, CODEC).expect("messages hold nothing that cannot be encoded")
}

fn kind_byte(kind: FrameKind) -> u8 {
    match kind {
        FrameKind::Message => 0,
        FrameKind::Raw => 1,
    }
}

fn checksum(header: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(header);
    hasher.update(payload);
    hasher.finalize()
}
