//! What was written is read; what was changed is noticed; what is arbitrary does no harm.

use super::*;
use crate::data::record::Record;
use crate::limits::BLOCK_BYTES;
use alloc::vec;
use alloc::vec::Vec;
use proptest::prelude::*;

type Owned = (Vec<u8>, Option<Vec<u8>>);

fn owned(record: Record<'_>) -> Owned {
    (record.key.to_vec(), record.value.map(<[u8]>::to_vec))
}

fn write(records: &[Owned]) -> Vec<u8> {
    let mut writer = RunWriter::new();
    for (key, value) in records {
        writer.push(Record { key, value: value.as_deref() });
    }
    let segment = writer.finish();
    assert_eq!((segment.offset, segment.length_bytes), (0, writer.outgoing().len() as u64));
    writer.outgoing().to_vec()
}

fn verify(run: &[u8], cut: usize) -> Result<u64, Corrupt> {
    let mut verifier = RunVerifier::new();
    run.chunks(cut).try_for_each(|chunk| verifier.push(chunk))?;
    verifier.finish()
}

/// Reads a run that is told in cuts; one that wants more than there is counts as cut off.
fn read(run: &[u8], cut: usize) -> Result<Vec<Owned>, Corrupt> {
    let mut cursor = RunCursor::new();
    let mut records = Vec::new();
    let mut chunks = run.chunks(cut);
    loop {
        match cursor.advance()? {
            Advance::Record => records.push(owned(cursor.record())),
            Advance::Starved => cursor.push(chunks.next().ok_or(Corrupt::CutOff)?),
            Advance::End if chunks.next().is_some() => return Err(Corrupt::Trailing),
            Advance::End => return Ok(records),
        }
    }
}

/// Bytes that do not compress.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut byte = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..length).map(|_| byte()).collect()
}

fn small_run() -> Vec<u8> {
    let words =
        (0..30_u8).map(|at| (vec![b'a' + at / 10; 5], (at % 3 > 0).then(|| vec![b'1'; usize::from(at % 3)])));
    let mut records: Vec<Owned> = words.collect();
    records.push((noise(BLOCK_BYTES), None));
    let run = write(&records);
    assert!(run.len() < BLOCK_BYTES + 200, "three blocks: words, one large record, the end");
    run
}

fn arbitrary_records() -> impl Strategy<Value = Vec<Owned>> {
    let bytes = || {
        prop_oneof![
            8 => prop::collection::vec(any::<u8>(), 0..20),
            1 => (0_usize..300).prop_map(|length| vec![b'x'; length]),
            1 => (0_usize..3).prop_map(|blocks| noise(blocks * BLOCK_BYTES + 7)),
        ]
    };
    prop::collection::vec((bytes(), prop::option::of(bytes())), 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_written_is_read(records in arbitrary_records(), cut in prop_oneof![1_usize..100, 1_usize..100_000]) {
        let run = write(&records);
        prop_assert_eq!(verify(&run, cut), Ok(records.len() as u64));
        if records.is_empty() {
            prop_assert!(run.is_empty());
        } else {
            prop_assert_eq!(read(&run, cut), Ok(records));
        }
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..2_000), cut in 1_usize..50) {
        prop_assert!(bytes.is_empty() || verify(&bytes, cut).is_err());
        prop_assert!(read(&bytes, cut).is_err());
    }

    /// As above, but with headers and checksums that are believed, so that the payload is looked at.
    #[test]
    fn arbitrary_payloads_do_no_harm(
        payload in prop::collection::vec(prop_oneof![any::<u8>(), 0_u8..4], 1..300),
        raw_bytes in 1_usize..2_000,
        records in 1_u32..200,
    ) {
        let mut run = Header::unchecked(raw_bytes, payload.len(), records);
        let mut hasher = begin_checksum(FIRST_CHECKSUM, &run);
        hasher.update(&payload);
        run[12..].copy_from_slice(&hasher.finalize().to_le_bytes());
        let run = [&run[..], &payload].concat();
        prop_assert!(read(&run, 1_000).is_err());
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let run = small_run();
    let records = read(&run, 4_096).unwrap();
    // All of the first block, its neighbours' headers, and a sample of the large payload.
    let places = (0..200).chain((200..run.len() - 20).step_by(997)).chain(run.len() - 20..run.len());
    for place in places {
        for bit in 0..8 {
            let mut damaged = run.clone();
            damaged[place] ^= 1 << bit;
            assert!(verify(&damaged, 5_000).is_err(), "bit {bit} of byte {place}");
            let found = read(&damaged, 5_000);
            assert!(found.is_err(), "bit {bit} of byte {place}: {}", found == Ok(records.clone()));
        }
    }
}

#[test]
fn every_cut_off_run_is_noticed() {
    let run = small_run();
    for length in (1..200).chain((200..run.len()).step_by(499)).chain(run.len() - 20..run.len()) {
        assert_eq!(verify(&run[..length], 64), Err(Corrupt::CutOff), "{length}");
        assert_eq!(read(&run[..length], 64), Err(Corrupt::CutOff), "{length}");
    }
    for more in [&[0][..], &run] {
        let longer = [&run[..], more].concat();
        assert_eq!(verify(&longer, 1_000), Err(Corrupt::Trailing));
        assert_eq!(read(&longer, 1_000), Err(Corrupt::Trailing));
    }
}

#[test]
fn blocks_that_are_moved_are_noticed() {
    let one = |byte: u8| vec![(vec![byte; BLOCK_BYTES - 10], None)];
    let run = write(&[one(b'a'), one(b'b'), one(b'c')].concat());
    let mut blocks = Vec::new();
    let mut rest = &run[..];
    while let Some(header) = rest.first_chunk() {
        let (block, left) = rest.split_at(HEADER_BYTES + Header::read(header).unwrap().stored_bytes);
        blocks.push(block);
        rest = left;
    }
    assert_eq!(blocks.len(), 4);
    for order in [&[0, 2, 3][..], &[0, 0, 1, 2, 3], &[1, 0, 2, 3], &[3], &[0, 3], &[1, 2, 3]] {
        let moved: Vec<u8> = order.iter().flat_map(|index| blocks[*index]).copied().collect();
        assert_eq!(verify(&moved, 100), Err(Corrupt::Checksum), "{order:?}");
        assert_eq!(read(&moved, 100), Err(Corrupt::Checksum), "{order:?}");
    }
}

#[test]
fn a_claimed_length_takes_no_memory() {
    let claims = [
        (RECORD_BYTES_MAX, RECORD_BYTES_MAX, 1, Ok(())),
        (COMPRESSED_BYTES_MAX, 10, 1, Ok(())),
        (RECORD_BYTES_MAX + 11, RECORD_BYTES_MAX + 11, 1, Err(Corrupt::Header)),
        (COMPRESSED_BYTES_MAX + 1, 10, 1, Err(Corrupt::Header)),
        (10, 11, 1, Err(Corrupt::Header)),
        (10, 0, 1, Err(Corrupt::Header)),
        (10, 10, 0, Err(Corrupt::Header)),
        (10, 10, 6, Err(Corrupt::Header)),
        (0, 1, 0, Err(Corrupt::Header)),
        (0, 0, 1, Err(Corrupt::Header)),
    ];
    for (raw_bytes, stored_bytes, records, expected) in claims {
        let header = Header::unchecked(raw_bytes, stored_bytes, records);
        let mut cursor = RunCursor::new();
        cursor.push(&header);
        assert_eq!(cursor.advance().map(|advance| assert_eq!(advance, Advance::Starved)), expected);
        assert!(cursor.held_bytes() < 2 * BLOCK_BYTES);
        assert_eq!(RunVerifier::new().push(&header), expected);
    }
}

#[test]
fn blocks_hold_what_they_may() {
    let records: Vec<Owned> =
        [(noise(3), None), (noise(COMPRESSED_BYTES_MAX + 1), None), (vec![0; 1 << 20], None)]
            .into_iter()
            .chain((0..50_000_u32).map(|at| (at.to_be_bytes().to_vec(), Some(Vec::new()))))
            .collect();
    let run = write(&records);
    let mut rest = &run[..];
    let mut large = 0;
    while let Some(header) = rest.first_chunk() {
        let header = Header::read(header).unwrap();
        assert!(header.raw_bytes <= BLOCK_BYTES || header.records == 1);
        large += u32::from(header.raw_bytes > BLOCK_BYTES);
        rest = &rest[HEADER_BYTES + header.stored_bytes..];
    }
    assert_eq!(large, 2);
    assert_eq!(read(&run, 50_000), Ok(records));
}

#[test]
fn a_large_record_is_held_once_on_its_way() {
    let large = vec![b'x'; 8 * COMPRESSED_BYTES_MAX];
    let mut writer = RunWriter::new();
    writer.push(Record { key: b"before", value: None });
    writer.push(Record { key: b"key", value: Some(&large) });
    writer.push(Record { key: b"last", value: None });
    writer.finish();
    let allowed = large.len() + large.len() / 4 + 8 * BLOCK_BYTES;
    assert!(writer.held_bytes() <= allowed, "{}", writer.held_bytes());
    let run = writer.outgoing().to_vec();
    writer.clear_outgoing();
    assert!(writer.held_bytes() <= 8 * BLOCK_BYTES);

    let mut cursor = RunCursor::new();
    let mut rest = &run[..];
    let mut values = Vec::new();
    loop {
        match cursor.advance().unwrap() {
            Advance::Record => values.push(cursor.record().value.map(<[u8]>::len)),
            Advance::Starved => {
                let (chunk, left) = rest.split_at(rest.len().min(cursor.wanted_bytes()));
                cursor.push(chunk);
                rest = left;
            }
            Advance::End => break,
        }
        assert!(cursor.held_bytes() <= allowed, "{}", cursor.held_bytes());
    }
    assert_eq!(values, [None, Some(large.len()), None]);
}

#[test]
fn writer_makes_one_stream_of_many_runs_however_it_is_drained() {
    let runs: [Vec<Owned>; 4] = [
        vec![(b"a".to_vec(), None); 3],
        vec![],
        (0..9).map(|at| (noise(20_000), Some(vec![at]))).collect(),
        vec![(b"z".to_vec(), Some(b"1".to_vec()))],
    ];
    let mut writer = RunWriter::new();
    let mut stream = Vec::new();
    let mut segments = Vec::new();
    for run in &runs {
        for (key, value) in run {
            writer.push(Record { key, value: value.as_deref() });
            if writer.outgoing().len() > 30_000 {
                stream.extend_from_slice(writer.outgoing());
                writer.clear_outgoing();
            }
        }
        segments.push(writer.finish());
    }
    stream.extend_from_slice(writer.outgoing());
    let mut next = 0;
    for (run, segment) in runs.iter().zip(&segments) {
        assert_eq!(segment.offset, next);
        next += segment.length_bytes;
        assert_eq!(stream[segment.offset as usize..next as usize], write(run));
    }
    assert_eq!(segments[1].length_bytes, 0);
    assert_eq!(next, stream.len() as u64);
}

#[test]
fn what_can_be_compressed_is_stored_so_and_what_cannot_is_stored_as_it_is() {
    let stored_bytes = |payload: Vec<u8>| {
        let run = write(&[(payload, None)]);
        Header::read(run.first_chunk().unwrap()).map(|header| (header.raw_bytes, header.stored_bytes))
    };
    let (raw, stored) = stored_bytes(vec![b'a'; 10_000]).unwrap();
    assert!(stored < raw / 10, "{stored} of {raw}");
    let (raw, stored) = stored_bytes(noise(10_000)).unwrap();
    assert_eq!(stored, raw);
}

#[test]
fn blocks_of_the_usual_size_are_read_within_the_usual_memory() {
    let records: Vec<Owned> = noise(800_000).chunks(20_000).map(|key| (key.to_vec(), None)).collect();
    let run = write(&records);
    assert!(run.len() > 800_000, "nothing of it is compressed");
    let mut cursor = RunCursor::new();
    let (mut rest, mut records) = (&run[..], 0);
    loop {
        match cursor.advance().unwrap() {
            Advance::Record => records += 1,
            Advance::Starved => {
                let (chunk, left) = rest.split_at(rest.len().min(cursor.wanted_bytes()));
                cursor.push(chunk);
                rest = left;
            }
            Advance::End => break,
        }
        assert!(cursor.held_bytes() <= 2 * (BLOCK_BYTES + 2 * HEADER_BYTES), "{}", cursor.held_bytes());
    }
    assert_eq!(records, 40);
}
