//! The order of keys: unsigned bytes, a shorter key before a longer one that begins with it.
//!
//! Owns the cached prefix that decides most comparisons without touching the keys themselves.

use core::cmp::Ordering;

/// Bytes of a key that its prefix holds.
pub const PREFIX_BYTES: usize = 8;

/// The first bytes of a key as a number, so that numbers order as keys do; a short key is filled up with zeros.
#[inline]
pub fn prefix_of(key: &[u8]) -> u64 {
    if let Some(bytes) = key.first_chunk::<PREFIX_BYTES>() {
        return u64::from_be_bytes(*bytes);
    }
    match (key.first_chunk::<4>(), key.last_chunk::<4>()) {
        // The two may overlap: where they do, they agree.
        (Some(first), Some(last)) => {
            u64::from(u32::from_be_bytes(*first)) << 32
                | u64::from(u32::from_be_bytes(*last)) << (8 * (PREFIX_BYTES - key.len()))
        }
        (_, _) => (0..).zip(key).fold(0, |prefix, (at, byte)| prefix | u64::from(*byte) << (56 - 8 * at)),
    }
}

/// How two keys with equal prefixes compare; neither is looked at where a length decides.
#[inline]
pub fn compare_beyond_prefix<'a>(
    left_bytes: usize,
    right_bytes: usize,
    left: impl FnOnce() -> &'a [u8],
    right: impl FnOnce() -> &'a [u8],
) -> Ordering {
    if left_bytes > PREFIX_BYTES && right_bytes > PREFIX_BYTES {
        left()[PREFIX_BYTES..].cmp(&right()[PREFIX_BYTES..])
    } else {
        // One of them lies within its prefix, so it is the other's beginning, but for zeros that only the other has.
        left_bytes.cmp(&right_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn prefix_and_rest_order_as_bytes_do(
            left in prop::collection::vec(prop::sample::select(&[0, 1, 0x7f, 0x80, 0xff][..]), 0..12),
            right in prop::collection::vec(prop::sample::select(&[0, 1, 0x7f, 0x80, 0xff][..]), 0..12),
            common in prop::collection::vec(any::<u8>(), 0..10),
        ) {
            let left: Vec<u8> = [&common[..], &left].concat();
            let right: Vec<u8> = [&common[..], &right].concat();
            let order = prefix_of(&left)
                .cmp(&prefix_of(&right))
                .then_with(|| compare_beyond_prefix(left.len(), right.len(), || &left, || &right));
            prop_assert_eq!(order, left.cmp(&right));
        }
    }
}
