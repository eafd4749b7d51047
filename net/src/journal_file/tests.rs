use super::*;
use std::fs;
use windrow_core::failure::OsErrorKind;

/// Where a journal ends.
#[derive(Debug, PartialEq, Eq)]
enum Tail {
    Whole,
    /// The last bytes, from this place on, are no record.
    Torn(usize),
}

/// Reads a journal as its next life will have to.
fn read_back(bytes: &[u8]) -> (Vec<(u64, Vec<u8>)>, Tail) {
    let mut header = MAGIC.to_vec();
    header.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    let mut rest =
        bytes.strip_prefix(header.as_slice()).expect("a journal begins with its magic and version");
    let mut records = Vec::new();
    loop {
        if rest.is_empty() {
            return (records, Tail::Whole);
        }
        let torn = Tail::Torn(bytes.len() - rest.len());
        let Some((head, tail)) = rest.split_at_checked(RECORD_HEADER_BYTES) else { return (records, torn) };
        let length = u32::from_le_bytes(head[0..4].try_into().unwrap());
        let expected = u32::from_le_bytes(head[4..8].try_into().unwrap());
        let sequence = Sequence(u64::from_le_bytes(head[8..16].try_into().unwrap()));
        let Some((payload, after)) = tail.split_at_checked(length as usize) else { return (records, torn) };
        if checksum(length, sequence, payload) != expected {
            return (records, torn);
        }
        records.push((sequence.0, payload.to_vec()));
        rest = after;
    }
}

fn records(count: u64) -> Vec<(u64, Vec<u8>)> {
    (1..=count).map(|number| (number, vec![number as u8; (number as usize * 37) % 500])).collect()
}

/// Writes records and waits until the last is durable.
fn write(path: &Path, records: &[(u64, Vec<u8>)]) {
    let (sender, reports) = unbounded();
    let journal = JournalFile::create(path.to_owned(), move |report| sender.send(report).unwrap()).unwrap();
    for (sequence, payload) in records {
        journal.append(Sequence(*sequence), payload.clone());
    }
    let mut persisted = 0;
    while persisted < records.len() as u64 {
        let JournalReport::Persisted(Sequence(upto)) = reports.recv().unwrap() else { panic!("it fails") };
        assert!(upto > persisted, "what is durable only grows");
        persisted = upto;
        let (on_disk, _) = read_back(&fs::read(path).unwrap());
        assert!(on_disk.len() as u64 >= upto, "what is called durable is in the file");
    }
}

#[test]
fn what_was_appended_is_read_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal-1");
    let expected = records(200);
    write(&path, &expected);
    assert_eq!(read_back(&fs::read(&path).unwrap()), (expected, Tail::Whole));
}

#[test]
fn every_truncated_tail_and_every_flipped_bit_shows() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal-1");
    let expected = records(3);
    write(&path, &expected);
    let bytes = fs::read(&path).unwrap();
    let last = bytes.len() - RECORD_HEADER_BYTES - expected[2].1.len();
    for length in last + 1..bytes.len() {
        assert_eq!(
            read_back(&bytes[..length]),
            (expected[..2].to_vec(), Tail::Torn(last)),
            "cut at {length}"
        );
    }
    for place in last..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[place] ^= 0x10;
        assert_eq!(read_back(&flipped), (expected[..2].to_vec(), Tail::Torn(last)), "flipped at {place}");
    }
}

#[test]
fn a_journal_is_never_written_over() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal-1");
    write(&path, &records(1));
    let failure = JournalFile::create(path.clone(), |_| {}).unwrap_err();
    assert!(matches!(failure.cause, Cause::Journal { .. }), "{failure:?}");
    assert_eq!(read_back(&fs::read(&path).unwrap()).0, records(1));
}

#[test]
fn a_full_disk_is_reported_once_and_nothing_is_called_durable() {
    let (sender, reports) = unbounded();
    let writer = Writer {
        path: "/dev/full".into(),
        file: File::options().write(true).open("/dev/full").unwrap(),
        group: Vec::new(),
        report: move |report| sender.send(report).unwrap(),
    };
    let (records, receiver) = unbounded();
    for sequence in 1..=3 {
        records.send((Sequence(sequence), vec![0; 10])).unwrap();
    }
    writer.run(&receiver);
    let reports: Vec<JournalReport> = reports.iter().collect();
    let [JournalReport::Failed(failure)] = &reports[..] else { panic!("{reports:?}") };
    let Cause::Journal { path, error } = &failure.cause else { panic!("{failure:?}") };
    assert_eq!((path, error.kind), (&"/dev/full".into(), OsErrorKind::NoSpace));
}
