use super::*;
use crate::ids::Epoch;
use alloc::vec;

fn record(number: u64) -> Record {
    Record::EpochBegan { epoch: Epoch(number) }
}

/// A file of records 1 to `count`, written in groups of two, and where each begins.
fn file(count: u64) -> (Vec<u8>, Vec<usize>) {
    let (mut bytes, mut places) = (file_header().to_vec(), Vec::new());
    for number in 1..=count {
        places.push(bytes.len());
        let durable = Sequence((number - 1) / 2 * 2);
        append_record(Sequence(number), durable, &frame::encode(&record(number)), &mut bytes);
    }
    (bytes, places)
}

fn records(count: u64) -> Vec<Record> {
    (1..=count).map(record).collect()
}

#[test]
fn what_was_written_is_read_back() {
    assert_eq!(read(&file(9).0), Ok(Contents { records: records(9), torn_bytes: 0 }));
    assert_eq!(read(&file(0).0), Ok(Contents { records: vec![], torn_bytes: 0 }));
}

#[test]
fn wherever_a_file_is_cut_off_its_whole_records_are_read() {
    let (bytes, places) = file(4);
    for length in 0..bytes.len() {
        let whole = places.iter().skip(1).chain([&bytes.len()]).filter(|end| **end <= length).count();
        let kept = if whole == 0 { FILE_HEADER_BYTES.min(length) } else { places[whole] };
        let torn_bytes = if length < FILE_HEADER_BYTES { length } else { length - kept };
        assert_eq!(
            read(&bytes[..length]),
            Ok(Contents { records: records(whole as u64), torn_bytes }),
            "cut at {length}"
        );
    }
}

#[test]
fn whatever_bit_of_the_last_group_is_flipped_the_records_before_it_are_read() {
    let (bytes, places) = file(4);
    for place in places[2]..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[place] ^= 0x10;
        let (whole, begin) = if place < places[3] { (2, places[2]) } else { (3, places[3]) };
        let expected = Contents { records: records(whole), torn_bytes: bytes.len() - begin };
        assert_eq!(read(&flipped), Ok(expected), "flipped at {place}");
    }
}

#[test]
fn whatever_bit_of_an_earlier_group_is_flipped_nothing_is_read() {
    let (bytes, places) = file(6);
    for place in places[0]..places[4] {
        let mut flipped = bytes.clone();
        flipped[place] ^= 0x10;
        let damaged = places.iter().rev().find(|begin| **begin <= place).unwrap();
        assert_eq!(read(&flipped), Err(Damage::Record { offset: *damaged }), "flipped at {place}");
    }
}

#[test]
fn a_record_that_is_missing_from_the_middle_is_missed() {
    let (mut bytes, places) = file(6);
    bytes.drain(places[1]..places[2]);
    assert_eq!(read(&bytes), Err(Damage::Record { offset: places[1] }));
    let (mut bytes, places) = file(6);
    bytes.drain(places[4]..places[5]);
    let torn_bytes = bytes.len() - places[4];
    assert_eq!(read(&bytes), Ok(Contents { records: records(4), torn_bytes }), "it was not durable yet");
}

#[test]
fn other_files_are_refused() {
    let (bytes, _) = file(2);
    assert_eq!(read(b"#!/bin/sh"), Err(Damage::NotAJournal));
    assert_eq!(read(b"#!/bin/sh\necho a line"), Err(Damage::NotAJournal));
    let mut other = bytes.clone();
    other[8] = 1;
    assert_eq!(read(&other), Err(Damage::OtherVersion { theirs: 1 }));
    let mut strange = file_header().to_vec();
    append_record(Sequence(1), Sequence(0), b"\xFF\xFF\xFF", &mut strange);
    assert_eq!(read(&strange), Err(Damage::Record { offset: FILE_HEADER_BYTES }));
}

#[test]
fn what_was_never_written_reads_as_zeros() {
    let (bytes, _) = file(1);
    for from in 0..bytes.len() {
        let mut torn = bytes.clone();
        torn[from..].fill(0);
        assert_eq!(read(&torn).map(|contents| contents.records), Ok(vec![]), "nothing from byte {from} on");
        let mut torn = bytes.clone();
        torn[..from + 1].fill(0);
        assert_eq!(read(&torn).map(|contents| contents.records), Ok(vec![]), "nothing up to byte {from}");
    }
    let (mut bytes, _) = file(6);
    bytes[..FILE_HEADER_BYTES].fill(0);
    assert_eq!(read(&bytes), Err(Damage::Record { offset: 0 }));
}
