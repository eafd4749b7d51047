use super::*;
use crate::work_directory::WorkDirectory;
use std::fs;
use windrow_core::failure::OsErrorKind;
use windrow_core::ids::Epoch;
use windrow_core::manager::jobs::Jobs;
use windrow_core::manager::journal::Record;
use windrow_core::wire::frame;

fn snapshot() -> Vec<u8> {
    frame::encode(&Record::Snapshot(Jobs::default().into()))
}

fn record(epoch: u64) -> Vec<u8> {
    frame::encode(&Record::EpochBegan { epoch: Epoch(epoch) })
}

/// The names of the files in a directory, in order, and what the last amounts to: its last epoch, and how many records.
fn left_in(directory: &Path) -> (Vec<String>, Epoch, usize) {
    let journals = WorkDirectory::take(directory).unwrap().journals().unwrap();
    let recovered = journals.recover().unwrap();
    assert_eq!(recovered.torn_bytes, 0);
    let names =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.starts_with("journal")).collect();
    names.sort();
    (names, recovered.jobs.epoch(), recovered.records)
}

#[test]
fn what_was_appended_is_read_back_by_the_next_life() {
    let directory = tempfile::tempdir().unwrap();
    for life in 0..3 {
        let (sender, reports) = unbounded();
        let journals = WorkDirectory::take(directory.path()).unwrap().journals().unwrap();
        let path = journals.path_of(journals.next_epoch().0);
        let journal = JournalWriter::start(journals, move |report| sender.send(report).unwrap()).unwrap();
        journal.begin(Sequence(1), snapshot());
        for epoch in 1..=200 {
            journal.append(Sequence(epoch + 1), record(epoch));
        }
        let mut persisted = 0;
        while persisted < 201 {
            let JournalReport::Persisted(Sequence(upto)) = reports.recv().unwrap() else {
                panic!("it fails")
            };
            assert!(upto > persisted, "what is durable only grows");
            persisted = upto;
            let contents = format::read(&fs::read(&path).unwrap()).unwrap();
            assert!(contents.records.len() as u64 >= upto, "what is called durable is in the file");
        }
        drop(journal);
        assert_eq!(left_in(directory.path()), (vec![format!("journal-{}", life + 1)], Epoch(200), 201));
    }
}

#[test]
fn a_snapshot_takes_the_place_of_all_before_it() {
    let directory = tempfile::tempdir().unwrap();
    let journals = WorkDirectory::take(directory.path()).unwrap().journals().unwrap();
    let (sender, reports) = unbounded();
    let journal = JournalWriter::start(journals, move |report| sender.send(report).unwrap()).unwrap();
    journal.begin(Sequence(1), snapshot());
    journal.append(Sequence(2), record(7));
    journal.begin(Sequence(3), snapshot());
    journal.append(Sequence(4), record(8));
    journal.append(Sequence(5), record(9));
    drop(journal);
    let reports: Vec<JournalReport> = reports.iter().collect();
    assert_eq!(reports.last(), Some(&JournalReport::Persisted(Sequence(5))));
    assert!(reports.contains(&JournalReport::Persisted(Sequence(3))), "a snapshot is written alone");
    assert_eq!(left_in(directory.path()), (vec!["journal-2".into()], Epoch(9), 3));
}

#[test]
fn a_full_disk_is_reported_once_and_nothing_is_called_durable() {
    let directory = tempfile::tempdir().unwrap();
    let (sender, reports) = unbounded();
    let writer = Writer {
        journals: WorkDirectory::take(directory.path()).unwrap().journals().unwrap(),
        current: Some(("/dev/full".into(), File::options().write(true).open("/dev/full").unwrap())),
        durable: Sequence(0),
        group: Vec::new(),
        report: move |report| sender.send(report).unwrap(),
    };
    let (entries, receiver) = unbounded();
    for sequence in 1..=3 {
        entries.send(Entry::Record(Sequence(sequence), vec![0; 10])).unwrap();
    }
    writer.run(&receiver);
    let reports: Vec<JournalReport> = reports.iter().collect();
    let [JournalReport::Failed(failure)] = &reports[..] else { panic!("{reports:?}") };
    let Cause::Journal { path, error } = &failure.cause else { panic!("{failure:?}") };
    assert_eq!((path, error.kind), (&"/dev/full".into(), OsErrorKind::NoSpace));
}
