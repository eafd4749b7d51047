//! Which reducer a key goes to: owns the hash, which never changes.
//!
//! Hadoop's, so that part files hold what a Hadoop Streaming job would put into them: `HashPartitioner` over the hash
//! of `Text` (`WritableComparator.hashBytes`).

use crate::ids::Partition;

/// The partition of a key among `partitions`, of which there is at least one.
///
/// The hash begins at 1 and takes in each byte as `31 * hash + byte`, the byte signed, in wrapping 32 bits; its sign
/// is masked off, the rest of the division is the partition.
#[inline]
pub fn partition_of(key: &[u8], partitions: u32) -> Partition {
    assert!(partitions > 0, "a job with partitions has at least one");
    if partitions == 1 {
        return Partition(0);
    }
    Partition((hash_of(key) & i32::MAX as u32) % partitions)
}

/// The hash, four bytes at a time: the same polynomial, a shorter chain of multiplications.
#[inline]
fn hash_of(key: &[u8]) -> u32 {
    let signed = |byte: u8| byte as i8 as u32;
    let (fours, rest) = key.as_chunks::<4>();
    let mut hash = 1_u32;
    for [a, b, c, d] in fours {
        let four = signed(*a)
            .wrapping_mul(31 * 31 * 31)
            .wrapping_add(signed(*b).wrapping_mul(31 * 31))
            .wrapping_add(signed(*c).wrapping_mul(31))
            .wrapping_add(signed(*d));
        hash = hash.wrapping_mul(31 * 31 * 31 * 31).wrapping_add(four);
    }
    for byte in rest {
        hash = hash.wrapping_mul(31).wrapping_add(signed(*byte));
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Keys with their partitions among 2, 7, 32 and 100,000, computed in Java by Hadoop's formula.
    const GOLDEN: &[(&[u8], [u32; 4])] = &[
        (b"", [1, 1, 1, 1]),
        (b"a", [0, 2, 0, 128]),
        (b"the", [0, 0, 16, 44592]),
        (b"whale", [0, 2, 8, 23080]),
        (b"Moby Dick", [1, 5, 19, 6163]),
        (b"foo bar baz", [1, 3, 19, 55827]),
        ("Überraschung".as_bytes(), [0, 0, 26, 43386]),
        ("日本語".as_bytes(), [1, 0, 25, 76185]),
        (b"0123456789abcdef0123456789abcdef", [1, 3, 17, 73201]),
        (b"the quick brown fox jumps over the lazy dog", [0, 0, 18, 54674]),
        (b"\x00", [1, 3, 31, 31]),
        (b"\xff", [0, 2, 30, 30]),
        (b"\x80", [1, 3, 31, 83551]),
        (b"\xff\xfe\xfd\xfc\x80", [1, 4, 1, 42913]),
        (b"\x7f\x80\xff\x00\xc3\x28\x0d", [1, 1, 5, 99557]),
    ];

    #[test]
    fn golden_vectors() {
        for (key, expected) in GOLDEN {
            for (partitions, expected) in [2, 7, 32, 100_000].into_iter().zip(expected) {
                assert_eq!(partition_of(key, partitions), Partition(*expected), "{key:?} of {partitions}");
            }
            assert_eq!(partition_of(key, 1), Partition(0));
        }
        let every_byte: [u8; 256] = core::array::from_fn(|byte| byte as u8);
        assert_eq!(partition_of(&every_byte, 100_000), Partition(91_361));
    }

    proptest! {
        #[test]
        fn four_bytes_at_a_time_is_one_at_a_time(key in prop::collection::vec(any::<u8>(), 0..40)) {
            let expected =
                key.iter().fold(1_i32, |hash, byte| hash.wrapping_mul(31).wrapping_add(i32::from(*byte as i8)));
            prop_assert_eq!(hash_of(&key) as i32, expected);
        }
    }
}
