//! Directories that take the place of others: in one step or two, and what of that a loss of power leaves.

use super::super::{FileSystem, perform_file_request};
use crate::disk::PowerLoss;
use crate::stream::Stream;
use windrow_core::job::PathBytes;
use windrow_core::manager::files::{DirectoryIdentity, FileAnswer, FileRequest, Inside, Occupant};
use windrow_core::time::Time;

fn path(text: &str) -> PathBytes {
    text.into()
}

/// An output in its place and a new one in staging, all of it durable.
fn storage(can_exchange: bool) -> (FileSystem, DirectoryIdentity) {
    let mut storage = FileSystem::volatile(true).able_to_exchange(can_exchange);
    for (directory, text) in [("/out", "old"), ("/.s", ""), ("/.s/output", "new")] {
        storage.create_directory(&path(directory)).expect("it can be made");
        if !text.is_empty() {
            for (name, text) in [("_SUCCESS", ""), ("part-00000", text)] {
                let file = path(directory).join(name);
                storage.write_file(&file, text.as_bytes(), Time::ZERO).expect("it can be written");
            }
        }
    }
    storage.settle();
    let Occupant::Directory(inside) = inspect(&mut storage, "/out") else { panic!("it is there") };
    assert!(inside.has_success && inside.stranger.is_none() && inside.files.len() == 2);
    (storage, inside.identity)
}

fn perform(storage: &mut FileSystem, request: FileRequest) -> FileAnswer {
    perform_file_request(storage, &request, Time::ZERO)
}

fn inspect(storage: &mut FileSystem, at: &str) -> Occupant {
    let FileAnswer::Occupied(occupant) = perform(storage, FileRequest::Inspect { path: path(at) }) else {
        panic!("it is told what is there");
    };
    occupant
}

fn exchange(storage: &mut FileSystem, replaced: DirectoryIdentity) -> FileAnswer {
    perform(storage, FileRequest::Exchange { from: path("/.s/output"), to: path("/out"), replaced })
}

/// What the part holds of the output that is in its place, and of the one in staging.
fn parts(storage: &FileSystem) -> [Option<&[u8]>; 2] {
    ["/out", "/.s/output"].map(|at| storage.contents(&path(at).join("part-00000")).ok())
}

#[test]
fn an_exchange_is_done_once() {
    let (mut storage, old) = storage(true);
    for _ in 0..2 {
        assert_eq!(exchange(&mut storage, old), FileAnswer::Done);
        assert_eq!(parts(&storage), [Some(&b"new"[..]), Some(b"old")]);
    }
    storage.remove_tree(&path("/.s")).expect("it can be removed");
    assert_eq!(exchange(&mut storage, old), FileAnswer::NotThere);
}

#[test]
fn who_cannot_exchange_can_move_one_directory_away_and_back() {
    let (mut storage, old) = storage(false);
    assert_eq!(exchange(&mut storage, old), FileAnswer::NotSupported);
    let mut relocate = |from: &str, to: &str| {
        perform(&mut storage, FileRequest::Relocate { from: path(from), to: path(to), directory: old })
    };
    assert_eq!(relocate("/.s/output", "/other"), FileAnswer::NotThere, "it is another");
    assert_eq!(relocate("/out", "/.s/displaced"), FileAnswer::Done);
    assert_eq!(relocate("/out", "/.s/displaced"), FileAnswer::Done, "it was done");
    assert_eq!(relocate("/.s/displaced", "/out"), FileAnswer::Done);
    assert_eq!(parts(&storage), [Some(&b"old"[..]), Some(b"new")]);
}

#[test]
fn what_is_of_no_job_is_told() {
    let (mut storage, _) = storage(true);
    storage.write_file(&path("/out/notes"), b"", Time::ZERO).expect("it can be written");
    let stranger = Some(path("notes"));
    assert!(
        matches!(inspect(&mut storage, "/out"), Occupant::Directory(Inside { stranger: found, .. }) if found == stranger)
    );
    assert_eq!(inspect(&mut storage, "/out/notes"), Occupant::NoDirectory);
    assert_eq!(inspect(&mut storage, "/nowhere"), Occupant::Nothing);
}

#[test]
fn of_an_exchange_a_loss_of_power_leaves_all_or_nothing() {
    let (new, old) = (Some(&b"new"[..]), Some(&b"old"[..]));
    let mut seen = [false; 2];
    for seed in 0..200 {
        for loss in [PowerLoss::Lost, PowerLoss::Torn, PowerLoss::Reordered] {
            let (mut storage, identity) = storage(true);
            assert_eq!(exchange(&mut storage, identity), FileAnswer::Done);
            // More that builds on either.
            storage.rename(&path("/.s/output"), &path("/.s/aside")).expect("it is there");
            storage.rename(&path("/.s/aside"), &path("/.s/output")).expect("it is there");
            storage.crash(loss, &mut Stream::new(seed, "power"));
            let left = parts(&storage);
            let aside = storage.contents(&path("/.s/aside/part-00000")).ok();
            assert!([[new, old], [new, None], [old, new]].contains(&left), "{left:?}");
            assert_eq!(left == [new, None], aside == old, "{left:?}");
            seen[usize::from(left[0] == new)] = true;
        }
    }
    assert_eq!(seen, [true; 2]);
}

#[test]
fn a_sync_of_either_directory_makes_an_exchange_durable() {
    for directory in ["/", "/.s"] {
        let (mut storage, old) = storage(true);
        exchange(&mut storage, old);
        storage.sync_directory(&path(directory)).expect("it can be synced");
        storage.crash(PowerLoss::Lost, &mut Stream::new(1, "power"));
        assert_eq!(parts(&storage), [Some(&b"new"[..]), Some(b"old")]);
    }
}
