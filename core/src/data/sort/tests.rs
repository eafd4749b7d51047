//! Any cuts and any budget give the order of a stable sort, within the budget.

use super::*;
use alloc::vec;
use proptest::prelude::*;

type Line = (Partition, Vec<u8>);

/// Lines in the order of a stable sort by partition and key.
fn stably_sorted(mut lines: Vec<Line>) -> Vec<Line> {
    lines.sort_by(|left, right| {
        let key = |line: &Line| (line.0, Record::parse_line(&line.1).key.to_vec());
        key(left).cmp(&key(right))
    });
    lines
}

fn lines_of(input: &[u8], partitions: u32) -> Vec<Line> {
    let lines =
        input.split_inclusive(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\n").unwrap_or(line));
    lines.map(|line| (partition_of(Record::parse_line(line).key, partitions), line.to_vec())).collect()
}

/// Takes everything out of a full buffer until it is open again; gives each spill.
fn spill(buffer: &mut SortBuffer) -> Vec<Vec<Line>> {
    let mut spills = Vec::new();
    loop {
        buffer.sort();
        let lines = buffer.records().map(|(partition, record)| {
            let mut line = Vec::new();
            record.append_line(&mut line);
            line.pop();
            (partition, line)
        });
        spills.push(lines.collect());
        if buffer.clear() == Ok(Pressure::Open) {
            return spills;
        }
    }
}

/// A buffer with a budget below what `new` allows.
fn tiny_buffer(budget_bytes: usize, partitions: u32) -> SortBuffer {
    SortBuffer { budget_bytes, ..SortBuffer::new(0, partitions) }
}

/// Pushes all in the given cuts, over and over, and gives the spills, the last of them made after the end.
fn run(buffer: &mut SortBuffer, input: &[u8], cuts: &[usize]) -> Vec<Vec<Line>> {
    let mut spills = Vec::new();
    let mut rest = input;
    for cut in cuts.iter().cycle() {
        let (chunk, left) = rest.split_at(rest.len().min(*cut));
        if chunk.is_empty() {
            break;
        }
        rest = left;
        if buffer.push(chunk) == Ok(Pressure::Full) {
            spills.extend(spill(buffer));
        }
    }
    if buffer.finish() == Ok(Pressure::Full) {
        spills.extend(spill(buffer));
    }
    spills.extend(spill(buffer));
    assert!(buffer.is_empty());
    spills
}

proptest! {
    #[test]
    fn spills_are_a_stable_sort(
        input in prop::collection::vec(prop::sample::select(&b"\n\n\taabb\0\xff"[..]), 0..600),
        cuts in prop::collection::vec(1_usize..100, 1..5),
        partitions in 1_u32..4,
        budget_bytes in 1_usize..2_000,
    ) {
        let mut buffer = tiny_buffer(budget_bytes, partitions);
        let spills = run(&mut buffer, &input, &cuts);
        let expected = lines_of(&input, partitions);
        prop_assert_eq!(buffer.pushed_records(), expected.len() as u64);
        prop_assert_eq!(buffer.pushed_bytes(), input.len() as u64);
        for spill in &spills {
            prop_assert_eq!(spill, &stably_sorted(spill.clone()));
        }
        prop_assert_eq!(stably_sorted(spills.concat()), stably_sorted(expected));
    }
}

#[test]
fn keys_that_agree_in_their_prefix_are_told_apart() {
    let mut buffer = SortBuffer::new(0, 1);
    let input =
        b"12345678b\t0\n12345678\t1\n1234567\x00\t2\n12345678a\t3\n1234567\t4\n12345678b\t5\n12345678\t6\n";
    assert_eq!(buffer.push(input), Ok(Pressure::Open));
    buffer.sort();
    let order: Vec<u8> = buffer.records().map(|(_, record)| record.value.unwrap()[0] - b'0').collect();
    assert_eq!(order, [4, 2, 1, 6, 3, 0, 5]);
}

#[test]
fn an_output_that_ends_while_it_is_written_out_loses_nothing() {
    let mut buffer = SortBuffer::new(0, 1);
    assert_eq!(buffer.push(b"b\na\nlast"), Ok(Pressure::Open));
    buffer.sort();
    assert_eq!(buffer.finish(), Ok(Pressure::Full));
    assert_eq!(buffer.records().count(), 2);
    assert_eq!(buffer.clear(), Ok(Pressure::Open));
    buffer.sort();
    assert_eq!(buffer.records().next(), Some((Partition(0), Record { key: b"last", value: None })));
    assert_eq!(buffer.clear(), Ok(Pressure::Open));
    assert!(buffer.is_empty());
}

/// Long keys with long common beginnings, so that every depth of the sort is reached.
#[test]
fn keys_that_differ_late_are_told_apart() {
    let mut input = Vec::new();
    for at in 0..2_000_usize {
        let (common, rest) = (at * 31 % 90, at * 17 % 4);
        input.extend(vec![b'k'; common]);
        input.extend(vec![b"\0a\xff"[at % 3]; rest]);
        input.extend(alloc::format!("\t{at}\n").into_bytes());
    }
    let mut buffer = SortBuffer::new(0, 3);
    assert_eq!(run(&mut buffer, &input, &[READ_BYTES]).concat(), stably_sorted(lines_of(&input, 3)));
}

#[test]
fn an_empty_output_has_no_record() {
    let mut buffer = SortBuffer::new(0, 3);
    assert_eq!(buffer.finish(), Ok(Pressure::Open));
    buffer.sort();
    assert_eq!(buffer.records().count(), 0);
    assert_eq!(buffer.arena.capacity() + buffer.entries.capacity(), 0);
}

#[test]
fn only_a_record_larger_than_the_budget_exceeds_it() {
    let budget_bytes = SORT_BYTES_MIN;
    let mut input = vec![b'\n'; 3 * READ_BYTES];
    input.extend(b"word\t1\n".repeat(2 * READ_BYTES / 7));
    let long = 3 * budget_bytes;
    input.extend(vec![b'x'; long]);
    input.push(b'\n');
    input.extend(b"some longer lines, fewer entries\tfor the same bytes\n".repeat(4 * READ_BYTES / 52));
    let records = lines_of(&input, 2);

    let mut buffer = SortBuffer::new(budget_bytes, 2);
    let mut spills = Vec::new();
    for chunk in input.chunks(READ_BYTES) {
        let pressure = buffer.push(chunk).unwrap();
        let longest = buffer.arena.split(|byte| *byte == b'\n').map(<[u8]>::len).max().unwrap_or(0);
        let allowed = if longest == long || longest > budget_bytes - 2 * READ_BYTES {
            longest + 1 + READ_BYTES + ENTRY_BYTES
        } else {
            budget_bytes
        };
        assert!(buffer.held_bytes() <= allowed, "{} > {allowed}", buffer.held_bytes());
        assert!(buffer.entries.capacity() * ENTRY_BYTES <= budget_bytes);
        assert!(buffer.arena.capacity() <= budget_bytes.max(2 * longest + READ_BYTES));
        if pressure == Pressure::Full {
            spills.extend(spill(&mut buffer));
            assert!(buffer.arena.capacity() <= SMALL_BYTES.max(2 * longest + READ_BYTES));
        }
    }
    assert!(spills.len() > 10, "many empty lines make many entries: {}", spills.len());
    assert_eq!(buffer.finish(), Ok(Pressure::Open));
    spills.extend(spill(&mut buffer));
    assert!(stably_sorted(spills.concat()) == stably_sorted(records));
}

#[test]
fn a_small_output_costs_little() {
    let mut buffer = SortBuffer::new(BUDGET_BYTES_MAX, 1);
    assert_eq!(buffer.push(b"a\t1\n"), Ok(Pressure::Open));
    assert!(buffer.arena.capacity() + buffer.entries.capacity() * ENTRY_BYTES <= 2 * SMALL_BYTES);
}
