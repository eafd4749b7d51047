//! Any way through spills and merges gives the bytes of one stable sort.

use super::*;
use crate::data::partition::partition_of;
use crate::data::run::RunWriter;
use crate::data::sort::{Pressure, SortBuffer};
use crate::limits::READ_BYTES;
use alloc::vec;
use proptest::prelude::*;

/// A file of runs, one segment for each partition.
struct Runs {
    file: Vec<u8>,
    segments: Vec<Segment>,
}

/// Merges runs that lie in one file each; gives each record in order.
fn merge(sources: &[(&[u8], Segment)], mut each: impl FnMut(Record<'_>)) -> Result<(), usize> {
    let mut merge = Merge::new(sources.iter().map(|source| source.1).collect());
    loop {
        match merge.step() {
            Step::Read { source, offset, length_bytes } => {
                assert!(length_bytes > 0);
                let rest = sources[source].0.get(offset as usize..).unwrap_or_default();
                merge.push_read(source, &rest[..length_bytes.min(rest.len())]);
            }
            Step::Record(record) => each(record),
            Step::Done => return Ok(()),
            Step::Corrupt { source } => return Err(source),
        }
    }
}

fn spill(buffer: &mut SortBuffer, partitions: u32) -> Runs {
    buffer.sort();
    let mut writer = RunWriter::new();
    let mut segments = Vec::new();
    let mut records = buffer.records().peekable();
    for partition in 0..partitions {
        while let Some((_, record)) = records.next_if(|(of, _)| of.0 == partition) {
            writer.push(record);
        }
        segments.push(writer.finish());
    }
    assert!(records.next().is_none());
    Runs { file: writer.outgoing().to_vec(), segments }
}

/// One file of runs out of several, merged partition by partition.
fn merge_runs(group: &[Runs], partitions: u32) -> Runs {
    let mut writer = RunWriter::new();
    let mut segments = Vec::new();
    for partition in 0..partitions as usize {
        let sources: Vec<_> = group.iter().map(|runs| (&runs.file[..], runs.segments[partition])).collect();
        merge(&sources, |record| writer.push(record)).unwrap();
        segments.push(writer.finish());
    }
    Runs { file: writer.outgoing().to_vec(), segments }
}

/// Sorts by the whole way: spills forced after so many chunks, then merges of neighbouring groups until one is left.
fn sort_externally(
    input: &[u8],
    chunk_bytes: usize,
    spill_every: usize,
    widths: &[usize],
    partitions: u32,
) -> Vec<u8> {
    let mut buffer = SortBuffer::new(0, partitions);
    let mut spills = Vec::new();
    for (number, chunk) in input.chunks(chunk_bytes).enumerate() {
        let mut pressure = buffer.push(chunk).unwrap();
        if number % spill_every == spill_every - 1 {
            pressure = Pressure::Full;
        }
        while pressure == Pressure::Full {
            spills.push(spill(&mut buffer, partitions));
            pressure = buffer.clear().unwrap();
        }
    }
    let mut pressure = buffer.finish().unwrap();
    loop {
        spills.push(spill(&mut buffer, partitions));
        if pressure == Pressure::Open {
            break;
        }
        pressure = buffer.clear().unwrap();
    }
    let mut widths = widths.iter().cycle();
    while spills.len() > 1 {
        let mut rest = &spills[..];
        let mut merged = Vec::new();
        while !rest.is_empty() {
            let (group, left) = rest.split_at(rest.len().min(*widths.next().unwrap()));
            merged.push(merge_runs(group, partitions));
            rest = left;
        }
        spills = merged;
    }
    let mut output = Vec::new();
    for segment in &spills[0].segments {
        merge(&[(&spills[0].file, *segment)], |record| record.append_line(&mut output)).unwrap();
    }
    output
}

fn sort_at_once(input: &[u8], partitions: u32) -> Vec<u8> {
    let lines =
        input.split_inclusive(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\n").unwrap_or(line));
    let mut lines: Vec<_> = lines
        .map(|line| {
            let key = line.split(|byte| *byte == b'\t').next().unwrap();
            (partition_of(key, partitions), key, line)
        })
        .collect();
    lines.sort_by_key(|line| (line.0, line.1));
    lines.iter().flat_map(|line| [line.2, b"\n"]).flatten().copied().collect()
}

proptest! {
    #[test]
    fn every_way_gives_one_stable_sort(
        lines in prop::collection::vec(("[a-c]{0,3}(longer)?", prop::option::of(0_u32..1_000)), 0..300),
        terminated in any::<bool>(),
        chunk_bytes in 1_usize..300,
        spill_every in 1_usize..30,
        widths in prop::collection::vec(2_usize..9, 1..4),
        partitions in 1_u32..5,
    ) {
        let mut input = Vec::new();
        for (key, value) in &lines {
            input.extend(key.as_bytes());
            if let Some(value) = value {
                input.extend(alloc::format!("\t{value}").as_bytes());
            }
            input.push(b'\n');
        }
        if !terminated {
            input.pop();
        }
        let output = sort_externally(&input, chunk_bytes, spill_every, &widths, partitions);
        prop_assert_eq!(output, sort_at_once(&input, partitions));
    }

    #[test]
    fn arbitrary_sources_do_no_harm(
        files in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 1..5),
        claimed_bytes in prop_oneof![Just(0_u64), 1_u64..1_000, any::<u64>()],
    ) {
        let segment = |file: &Vec<u8>| Segment { offset: 0, length_bytes: claimed_bytes.max(file.len() as u64) };
        let sources: Vec<_> = files.iter().map(|file| (&file[..], segment(file))).collect();
        prop_assert_eq!(merge(&sources, |_| ()), Err(0));
    }
}

#[test]
fn more_than_the_budget_holds() {
    let input: Vec<u8> = (0..200_000_u32)
        .flat_map(|at| alloc::format!("{}\t{at}\n", at.wrapping_mul(2_654_435_761) % 5_000).into_bytes())
        .collect();
    let output = sort_externally(&input, READ_BYTES, usize::MAX, &[2, 3], 3);
    assert!(output == sort_at_once(&input, 3));
}

#[test]
fn many_sources_of_many_blocks_stay_within_their_memory() {
    let count = 40;
    let runs: Vec<(Vec<u8>, Segment)> = (0..count)
        .map(|source| {
            let mut writer = RunWriter::new();
            for at in 0..20_000_u32 {
                let key = alloc::format!("{:08}", at * 7 + source);
                writer.push(Record { key: key.as_bytes(), value: Some(b"some value of some length") });
            }
            let segment = writer.finish();
            (writer.outgoing().to_vec(), segment)
        })
        .collect();
    let mut merge = Merge::new(runs.iter().map(|run| run.1).collect());
    let mut keys = 0;
    let mut last = Vec::new();
    let mut held_bytes = 0;
    loop {
        match merge.step() {
            Step::Read { source, offset, length_bytes } => {
                merge.push_read(source, &runs[source].0[offset as usize..][..length_bytes]);
                held_bytes =
                    held_bytes.max(merge.sources.iter().map(|source| source.cursor.held_bytes()).sum());
            }
            Step::Record(record) => {
                assert!(last.as_slice() <= record.key);
                last.clear();
                last.extend_from_slice(record.key);
                keys += 1;
            }
            Step::Done => break,
            Step::Corrupt { .. } => panic!("a sound run is corrupt"),
        }
    }
    assert_eq!(keys, count * 20_000);
    assert!(held_bytes <= count as usize * SOURCE_BYTES, "{held_bytes}");
}

#[test]
fn without_records_it_is_done() {
    assert_eq!(Merge::new(vec![]).step(), Step::Done);
    let mut merge = Merge::new(vec![Segment::default(); 5]);
    assert_eq!(merge.step(), Step::Done);
    assert_eq!(merge.step(), Step::Done);
}

#[test]
fn damage_is_told_of_its_source() {
    let mut writer = RunWriter::new();
    for number in 0..50_000_u32 {
        writer.push(Record { key: &number.to_be_bytes(), value: None });
    }
    let segment = writer.finish();
    let sound = writer.outgoing().to_vec();
    let mut flipped = sound.clone();
    flipped[sound.len() - 30] ^= 4;
    let short = Segment { length_bytes: segment.length_bytes - 1, ..segment };
    let long = Segment { length_bytes: segment.length_bytes + 1, ..segment };
    let more = [&sound[..], b"x"].concat();
    for (file, segment) in [(&flipped, segment), (&sound, short), (&sound, long), (&more, long)] {
        let mut records = 0;
        let result = merge(&[(&sound, self::whole(&sound)), (file, segment)], |_| records += 1);
        assert_eq!(result, Err(1));
        assert!(records > 0 || segment.length_bytes > sound.len() as u64);
    }
}

fn whole(file: &[u8]) -> Segment {
    Segment { offset: 0, length_bytes: file.len() as u64 }
}

#[test]
fn width_follows_the_budget() {
    assert_eq!(merge_width(0), 2);
    assert_eq!(merge_width(1 << 20), 7);
    assert_eq!(merge_width(1 << 30), MERGE_WIDTH_MAX);
}

/// The reads of a source end where they will; here one ends just where the run does, and its segment goes on.
#[test]
fn a_run_that_ends_before_its_segment_is_damage_even_if_no_more_of_it_was_read() {
    let first_read_bytes = RunCursor::new().wanted_bytes();
    let key: Vec<u8> = (0..first_read_bytes as u32 - 2 * HEADER_BYTES as u32 - 4)
        .map(|at| (at.wrapping_mul(at).wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    let mut writer = RunWriter::new();
    writer.push(Record { key: &key, value: None });
    writer.finish();
    let file = [writer.outgoing(), b"x"].concat();
    assert_eq!(
        file.len(),
        first_read_bytes + 1,
        "it is not compressed, and its end is read with its only block"
    );
    let mut records = 0;
    assert_eq!(merge(&[(&file, whole(&file))], |_| records += 1), Err(0));
    assert_eq!(records, 1);
}
