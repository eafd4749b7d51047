//! What a process leaves that dies in the middle of a request.

use super::*;

const SEEDS: u64 = 300;

/// What a request may leave, each outcome once.
fn left_by(files: &[(&str, &str)], request: &FileRequest) -> Vec<Vec<String>> {
    let mut outcomes: Vec<Vec<String>> = (0..SEEDS)
        .map(|seed| {
            let mut system = shared(files);
            perform_file_request_partly(&mut system, request, Time::ZERO, &mut stream(seed));
            shown(&system)
        })
        .collect();
    outcomes.sort();
    outcomes.dedup();
    outcomes
}

#[test]
fn one_step_is_done_or_not() {
    let rename = FileRequest::Rename { from: path("/a"), to: path("/b"), again: false };
    assert_eq!(left_by(&[("/a", "x")], &rename), [["/a=x"], ["/b=x"]]);
    let make = FileRequest::CreateDirectory { path: path("/d") };
    assert_eq!(left_by(&[], &make), [vec![], vec!["/d"]]);
    assert_eq!(left_by(&[("/a", "x")], &FileRequest::Find { path: path("/a") }), [["/a=x"]]);
}

#[test]
fn a_file_is_written_up_to_any_byte() {
    let write = FileRequest::WriteFile { path: path("/a"), contents: b"new".to_vec(), sync: true };
    assert_eq!(left_by(&[("/a", "old!")], &write), [["/a="], ["/a=n"], ["/a=ne"], ["/a=new"]]);
}

#[test]
fn a_tree_is_removed_in_part_and_stays_a_tree() {
    let outcomes =
        left_by(&[("/d/e/f", ""), ("/d/g", ""), ("/d.x", "")], &FileRequest::RemoveTree { path: path("/d") });
    assert!(outcomes.contains(&vec!["/d.x=".to_string()]), "it may just be done");
    assert!(outcomes.iter().all(|outcome| outcome.contains(&"/d.x=".to_string())), "nothing else goes");
    let has = |outcome: &[String], name: &str| outcome.iter().any(|shown| shown == name);
    for outcome in &outcomes {
        assert!(has(outcome, "/d") || outcome.len() == 1, "{outcome:?}");
        assert!(has(outcome, "/d/e") || !has(outcome, "/d/e/f="), "{outcome:?}");
    }
    assert_eq!(outcomes.len(), 7);
}

#[test]
fn requests_to_disks_are_done_in_part_and_leave_nothing_open() {
    let file = FileId(1);
    let mut outcomes = Vec::new();
    for seed in 0..SEEDS {
        let (mut common, mut scratch) = (shared(&[]), filled(true, &[("/scratch/0/old", "x")]));
        let (mut open, mut stream) = (OpenFiles::default(), stream(seed));
        let mut partly = |open: &OpenFiles, scratch: &mut FileSystem, request: &DiskRequest| {
            let volumes =
                Volumes { shared: &mut common, other: &mut FileSystem::default(), instead: None, scratch };
            open.perform_partly(request, b"abc", volumes, Time::ZERO, &mut stream);
        };
        let create = DiskRequest::Create { file, path: path("/scratch/0/new") };
        partly(&open, &mut scratch, &create);
        assert!(open.is_empty() && scratch.files.values().all(|file| file.opened == 0));
        scratch.remove_file(&path("/scratch/0/new")).unwrap();
        let volumes = Volumes {
            shared: &mut shared(&[]),
            other: &mut FileSystem::default(),
            instead: None,
            scratch: &mut scratch,
        };
        open.perform(&create, b"", volumes, Time::ZERO).unwrap();
        partly(&open, &mut scratch, &DiskRequest::Write { file, offset: 0 });
        partly(&open, &mut scratch, &DiskRequest::Sync { file });
        partly(&open, &mut scratch, &DiskRequest::SyncDirectory { path: path("/scratch/0") });
        open.close_all(Volumes {
            shared: &mut shared(&[]),
            other: &mut FileSystem::default(),
            instead: None,
            scratch: &mut scratch,
        });
        partly(&open, &mut scratch, &DiskRequest::CreateDirectory { path: path("/scratch/1/2") });
        partly(&open, &mut scratch, &DiskRequest::Remove { path: path("/scratch/0/old") });
        let seen = shown(&scratch);
        scratch.crash(PowerLoss::Lost, &mut stream);
        outcomes.push((seen, shown(&scratch)));
    }
    let seen =
        |name: &str| outcomes.iter().filter(|(seen, _)| seen.iter().any(|shown| shown == name)).count();
    let kept =
        |name: &str| outcomes.iter().filter(|(_, kept)| kept.iter().any(|shown| shown == name)).count();
    for name in ["=", "=a", "=ab", "=abc"].map(|contents| format!("/scratch/0/new{contents}")) {
        assert!(seen(&name) > 0 && kept(&name) > 0, "{name}");
    }
    for name in ["/scratch/1", "/scratch/1/2", "/scratch/0/old=x"] {
        assert!((1..SEEDS as usize).contains(&seen(name)), "{name}");
    }
    assert!(outcomes.iter().any(|(_, kept)| kept.len() == 3), "the directory may not be synced");
}

#[test]
fn what_changes_a_disk_is_a_durable_write() {
    let (file, path) = (FileId(1), path("/a"));
    assert!(is_durable_write(&DiskRequest::Sync { file }));
    assert!(is_durable_write(&DiskRequest::Create { file, path: path.clone() }));
    assert!(!is_durable_write(&DiskRequest::Inspect { file }));
    assert!(!is_durable_write(&DiskRequest::Close { file }));
    assert!(is_durable_file_request(&FileRequest::Rename {
        from: path.clone(),
        to: path.clone(),
        again: false
    }));
    assert!(!is_durable_file_request(&FileRequest::Find { path }));
}
