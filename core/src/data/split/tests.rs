//! Every split of every input gives the same records.

use super::*;
use alloc::vec;
use alloc::vec::Vec;
use proptest::prelude::*;

/// Feeds a split from its file in the given cuts, over and over.
fn read_split(file: &[u8], reader: &mut SplitReader, cuts: &[usize]) -> Vec<u8> {
    let mut own = Vec::new();
    let mut cuts = cuts.iter().cycle();
    while let Some(offset) = reader.next_read() {
        let rest = &file[usize::try_from(offset).unwrap().min(file.len())..];
        let chunk = &rest[..rest.len().min(*cuts.next().unwrap())];
        own.extend_from_slice(reader.push(chunk));
    }
    own
}

/// The records whose first byte lies in the range, by the definition.
fn owned(file: &[u8], start: usize, end: usize) -> Vec<&[u8]> {
    let mut offset = 0;
    let records = file.split_inclusive(|byte| *byte == b'\n').map(|record| {
        offset += record.len();
        (offset - record.len(), record)
    });
    records.filter(|(first, _)| (start..end).contains(first)).map(|(_, record)| record).collect()
}

fn check(file: &[u8], boundaries: &[usize], cuts: &[usize]) {
    let mut all = Vec::new();
    for range in boundaries.windows(2) {
        let mut reader = SplitReader::new(range[0] as u64, (range[1] - range[0]) as u64);
        let own = read_split(file, &mut reader, cuts);
        let expected = owned(file, range[0], range[1]);
        assert_eq!(own, expected.concat(), "{file:?} {range:?} {cuts:?}");
        assert_eq!(reader.records(), expected.len() as u64, "{file:?} {range:?} {cuts:?}");
        assert_eq!(reader.bytes(), own.len() as u64);
        all.extend(own);
    }
    assert_eq!(all, file);
}

#[test]
fn every_small_file_at_every_set_of_boundaries() {
    for length in 0..=7_usize {
        for bits in 0..1_u32 << length {
            let file: Vec<u8> =
                (0..length).map(|at| if bits >> at & 1 == 1 { b'\n' } else { b'a' + at as u8 }).collect();
            for inner in 0..1_u32 << length.saturating_sub(1) {
                let mut boundaries = vec![0];
                boundaries.extend((1..length).filter(|at| inner >> (at - 1) & 1 == 1));
                boundaries.push(length);
                for cut in [1, 2, 3, 8] {
                    check(&file, &boundaries, &[cut]);
                }
            }
        }
    }
}

#[test]
fn whole_stream_is_read_to_its_end() {
    for (file, records) in [(&b""[..], 0), (b"\n", 1), (b"a\r\n\0\xff", 2), (b"a\n\nb\n", 3)] {
        let mut reader = SplitReader::whole();
        assert_eq!(read_split(file, &mut reader, &[2]), file);
        assert_eq!((reader.records(), reader.bytes()), (records, file.len() as u64));
    }
}

#[test]
fn nothing_is_read_for_an_empty_range_nor_beyond_the_last_record() {
    assert_eq!(SplitReader::new(0, 0).next_read(), None);
    assert_eq!(SplitReader::new(5, 0).next_read(), None);
    let mut reader = SplitReader::new(0, 3);
    assert_eq!(reader.push(b"ab\ncd\n"), b"ab\n");
    assert_eq!(reader.next_read(), None);
    // A record that began before the range and ends behind it leaves nothing to be read for.
    let mut reader = SplitReader::new(2, 3);
    assert_eq!(reader.next_read(), Some(1));
    assert_eq!(reader.push(b"bcdefgh"), b"");
    assert_eq!(reader.next_read(), None);
}

#[test]
fn a_stream_is_read_from_its_beginning_and_gives_the_same() {
    let file = b"ab\n\ncdefg\nh\nij";
    for start in 0..=file.len() {
        for end in start..=file.len() {
            for cut in [1, 2, 3, 20] {
                let mut reader = SplitReader::of_stream(start as u64, (end - start) as u64);
                assert!(matches!(reader.next_read(), None | Some(0)));
                assert_eq!(read_split(file, &mut reader, &[cut]), owned(file, start, end).concat());
            }
        }
    }
}

#[test]
fn who_wants_no_more_reads_the_record_under_way_to_its_end() {
    let file = b"ab\ncd\nef\n";
    for (pushed, own) in [(0, 0), (1, 3), (2, 3), (3, 3), (4, 6)] {
        let mut reader = SplitReader::new(0, file.len() as u64);
        if pushed > 0 {
            reader.push(&file[..pushed]);
        }
        reader.end_with_record();
        let rest = read_split(file, &mut reader, &[1]);
        assert_eq!(pushed + rest.len(), own, "{pushed}");
        assert_eq!((reader.bytes(), reader.records()), (own as u64, own as u64 / 3));
    }
}

#[test]
fn a_file_that_became_shorter_ends_its_split() {
    let mut reader = SplitReader::new(10, 10);
    assert_eq!(reader.push(b""), b"");
    assert_eq!((reader.next_read(), reader.records()), (None, 0));
}

proptest! {
    #[test]
    fn splits_share_out_a_file(
        file in prop::collection::vec(prop::sample::select(&b"\n\nab\t\r\0\xff"[..]), 0..200),
        boundaries in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        cuts in prop::collection::vec(1_usize..40, 1..5),
    ) {
        let mut boundaries: Vec<usize> = boundaries.iter().map(|index| index.index(file.len() + 1)).collect();
        boundaries.extend([0, file.len()]);
        boundaries.sort_unstable();
        check(&file, &boundaries, &cuts);
    }

    #[test]
    fn pieces_are_nearly_equal(size in any::<u64>(), pieces in 1_u64..1_000) {
        let split_bytes = (size / pieces).max(1);
        let splits: Vec<(u64, u64)> = splits_of(size, Encoding::Plain, split_bytes).collect();
        prop_assert_eq!(splits.len() as u64, split_count(size, Encoding::Plain, split_bytes));
        let mut next = 0;
        for (offset, length) in &splits {
            prop_assert_eq!(*offset, next);
            prop_assert!(*length <= split_bytes);
            prop_assert!(length.abs_diff(splits[0].1) <= 1);
            next += length;
        }
        prop_assert_eq!(next, size);
    }
}

#[test]
fn empty_and_encoded_files_are_one_split() {
    let splits = |size, encoding, bytes| splits_of(size, encoding, bytes).collect::<Vec<_>>();
    assert_eq!(splits(0, Encoding::Plain, 10), [(0, 0)]);
    assert_eq!(splits(99, Encoding::Gzip, 10), [(0, 99)]);
    assert_eq!(splits(20, Encoding::Plain, 10), [(0, 10), (10, 10)]);
    assert_eq!(splits(21, Encoding::Plain, 10), [(0, 7), (7, 7), (14, 7)]);
    assert_eq!(split_count(u64::MAX, Encoding::Plain, 0), u64::MAX);
}
