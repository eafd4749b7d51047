//! What is fed is the input without the holes, however it is read.

use super::*;
use proptest::prelude::*;

/// The records of a file, with their ranges.
fn records(file: &[u8]) -> Vec<(ByteRange, &[u8])> {
    let mut offset = 0;
    let records = file.split_inclusive(|byte| *byte == b'\n').map(|record| {
        let length_bytes = record.len() as u64;
        offset += length_bytes;
        (ByteRange { offset: offset - length_bytes, length_bytes }, record)
    });
    records.collect()
}

/// Reads all that a feed wants in these cuts; gives what was fed, and what was left out.
fn read(file: &[u8], feed: &mut Feed, cuts: &[usize]) -> (Vec<u8>, Vec<u8>) {
    let (mut fed, mut left_out) = (Vec::new(), Vec::new());
    let mut cuts = cuts.iter().cycle();
    while let Some(offset) = feed.next_read() {
        let rest = &file[usize::try_from(offset).unwrap().min(file.len())..];
        feed.push(&rest[..rest.len().min(*cuts.next().unwrap())], |piece| match piece {
            Piece::Fed(bytes) => fed.extend_from_slice(bytes),
            Piece::LeftOut(bytes) => left_out.extend_from_slice(bytes),
        });
    }
    (fed, left_out)
}

proptest! {
    #[test]
    fn what_is_fed_is_the_split_without_its_holes(
        file in prop::collection::vec(prop::sample::select(&b"\n\nab\0"[..]), 0..120),
        bad in prop::collection::vec(any::<bool>(), 120),
        ends in any::<[prop::sample::Index; 2]>(),
        cuts in prop::collection::vec(1_usize..30, 1..5),
        encoding in prop::sample::select(&[Encoding::Plain, Encoding::Gzip][..]),
    ) {
        let [one, other] = ends.map(|end| end.index(file.len() + 1) as u64);
        let (start, end) = (one.min(other), one.max(other));
        let all = records(&file);
        let holes = all.iter().zip(&bad).filter(|(_, bad)| **bad).map(|((range, _), _)| *range).collect();
        let own = || all.iter().zip(&bad).filter(|((range, _), _)| (start..end).contains(&range.offset));
        let of = |is_bad: bool| own().filter(move |(_, bad)| **bad == is_bad).map(|(record, _)| *record);
        let mut feed = Feed::new(encoding, ByteRange { offset: start, length_bytes: end - start }, holes);
        let (fed, left_out) = read(&file, &mut feed, &cuts);
        prop_assert_eq!(&fed, &of(false).map(|(_, record)| record).collect::<Vec<_>>().concat());
        prop_assert_eq!(left_out, of(true).map(|(_, record)| record).collect::<Vec<_>>().concat());
        prop_assert_eq!((feed.bytes(), feed.records()), (fed.len() as u64, of(false).count() as u64));
        let range = of(false).next().zip(of(false).next_back()).map(|((first, _), (last, _))| ByteRange {
            offset: first.offset,
            length_bytes: last.end() - first.offset,
        });
        prop_assert_eq!(feed.fed(), range);
    }
}

#[test]
fn the_record_under_way_is_named_whole() {
    let range = ByteRange { offset: 0, length_bytes: 9 };
    let mut feed = Feed::new(Encoding::Plain, range, Vec::from([ByteRange { offset: 0, length_bytes: 3 }]));
    feed.push(b"ab\ncd", |_| {});
    assert_eq!(feed.fed(), Some(ByteRange { offset: 3, length_bytes: 2 }));
    feed.end_with_record();
    feed.push(b"e\nf\n", |_| {});
    assert_eq!((feed.next_read(), feed.records()), (None, 1));
    assert_eq!(feed.fed(), Some(ByteRange { offset: 3, length_bytes: 4 }));
}
