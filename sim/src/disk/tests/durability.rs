//! What a loss of power leaves, by what was synced.

use super::*;

const SEEDS: u64 = 200;

/// What is left of a file system without power, over many streams, each outcome once.
fn outcomes(loss: PowerLoss, make: impl Fn() -> FileSystem) -> Vec<Vec<String>> {
    let mut outcomes = Vec::new();
    for seed in 0..SEEDS {
        let mut system = make();
        system.crash(loss, &mut stream(seed));
        outcomes.push(shown(&system));
    }
    outcomes.sort();
    outcomes.dedup();
    outcomes
}

fn empty() -> FileSystem {
    FileSystem::volatile(true)
}

fn write(system: &mut FileSystem, name: &str, contents: &str) {
    system.write_file(&path(name), contents.as_bytes(), Time::ZERO).unwrap();
}

#[test]
fn a_file_needs_its_own_sync_and_that_of_its_directory() {
    let make = |synced: &'static [&'static str]| {
        move || {
            let mut system = empty();
            write(&mut system, "/f", "ab");
            for what in synced {
                match *what {
                    "/" => system.sync_directory(&path("/")).unwrap(),
                    file => system.sync_file(&path(file)).unwrap(),
                }
            }
            system
        }
    };
    assert_eq!(outcomes(PowerLoss::Lost, make(&[])), [[""; 0]]);
    assert_eq!(outcomes(PowerLoss::Lost, make(&["/f"])), [[""; 0]]);
    assert_eq!(outcomes(PowerLoss::Lost, make(&["/"])), [["/f="]]);
    assert_eq!(outcomes(PowerLoss::Torn, make(&["/"])), [["/f="], ["/f=a"], ["/f=ab"]]);
    assert_eq!(outcomes(PowerLoss::Reordered, make(&["/"])), [["/f="], ["/f=ab"]]);
    for loss in [PowerLoss::Lost, PowerLoss::Torn, PowerLoss::Reordered] {
        assert_eq!(outcomes(loss, make(&["/f", "/"])), [["/f=ab"]]);
    }
}

#[test]
fn a_directory_that_was_never_synced_into_its_parent_takes_all_with_it() {
    let make = || {
        let mut system = empty();
        system.create_directory(&path("/d")).unwrap();
        write(&mut system, "/d/f", "x");
        system.sync_file(&path("/d/f")).unwrap();
        system.sync_directory(&path("/d")).unwrap();
        system
    };
    assert_eq!(outcomes(PowerLoss::Lost, make), [[""; 0]]);
    assert_eq!(outcomes(PowerLoss::Reordered, make), [vec![], vec!["/d", "/d/f=x"]]);
}

#[test]
fn a_rename_leaves_one_name_and_either_directory_makes_it_durable() {
    let make = || {
        let mut system = filled(true, &[("/a/f", "x"), ("/b/g", "y")]);
        system.rename(&path("/a/f"), &path("/b/f")).unwrap();
        system
    };
    let (old, new) = (["/a", "/a/f=x", "/b", "/b/g=y"], ["/a", "/b", "/b/f=x", "/b/g=y"]);
    assert_eq!(outcomes(PowerLoss::Lost, make), [old]);
    for loss in [PowerLoss::Torn, PowerLoss::Reordered] {
        assert_eq!(outcomes(loss, make), [old, new]);
    }
    for directory in ["/a", "/b"] {
        let synced = || {
            let mut system = make();
            system.sync_directory(&path(directory)).unwrap();
            system
        };
        assert_eq!(outcomes(PowerLoss::Lost, synced), [new]);
    }
}

#[test]
fn a_rename_that_is_synced_settles_the_creation_before_it() {
    let make = || {
        let mut system = filled(true, &[("/a/x", ""), ("/b/y", "")]);
        write(&mut system, "/a/f", "");
        system.rename(&path("/a/f"), &path("/b/f")).unwrap();
        system.sync_directory(&path("/b")).unwrap();
        system
    };
    for loss in [PowerLoss::Lost, PowerLoss::Torn, PowerLoss::Reordered] {
        assert_eq!(outcomes(loss, make), [["/a", "/a/x=", "/b", "/b/f=", "/b/y="]]);
    }
}

#[test]
fn a_directory_is_not_gone_before_what_was_moved_out_of_it_is_elsewhere() {
    let make = || {
        let mut system = filled(true, &[("/d/f", "x")]);
        system.rename(&path("/d/f"), &path("/f")).unwrap();
        system.remove_tree(&path("/d")).unwrap();
        system
    };
    let outcomes = outcomes(PowerLoss::Reordered, make);
    assert_eq!(outcomes, [vec!["/d", "/d/f=x"], vec!["/d", "/f=x"], vec!["/f=x"]]);
}

#[test]
fn what_was_durable_is_not_lost_by_a_rename_into_what_was_not() {
    let make = || {
        let mut system = filled(true, &[("/f", "x")]);
        system.create_directories(&path("/new/er")).unwrap();
        system.rename(&path("/f"), &path("/new/er/f")).unwrap();
        system
    };
    for outcome in outcomes(PowerLoss::Reordered, make) {
        assert!(outcome.iter().any(|shown| shown.ends_with("/f=x")), "{outcome:?}");
    }
    let synced = || {
        let mut system = make();
        system.sync_directory(&path("/new/er")).unwrap();
        system
    };
    assert_eq!(outcomes(PowerLoss::Lost, synced), [["/new", "/new/er", "/new/er/f=x"]]);
}

#[test]
fn a_name_that_was_given_to_another_is_never_anothers_and_its_own() {
    let make = || {
        let mut system = filled(true, &[("/f", "old")]);
        system.rename(&path("/f"), &path("/g")).unwrap();
        write(&mut system, "/f", "new");
        system.sync_file(&path("/f")).unwrap();
        system
    };
    let outcomes = outcomes(PowerLoss::Reordered, make);
    assert_eq!(outcomes, [vec!["/f=new", "/g=old"], vec!["/f=old"], vec!["/g=old"]]);
}

#[test]
fn a_removal_may_be_undone_until_it_is_synced() {
    let make = || {
        let mut system = filled(true, &[("/d/f", "x"), ("/d/g", "y")]);
        system.remove_tree(&path("/d")).unwrap();
        system
    };
    let whole = ["/d", "/d/f=x", "/d/g=y"];
    assert_eq!(outcomes(PowerLoss::Lost, make), [whole]);
    let some = outcomes(PowerLoss::Reordered, make);
    assert_eq!(some, [vec![], vec!["/d"], vec!["/d", "/d/f=x"], whole.to_vec(), vec!["/d", "/d/g=y"]]);
    let synced = || {
        let mut system = make();
        system.sync_directory(&path("/")).unwrap();
        system
    };
    assert_eq!(outcomes(PowerLoss::Lost, synced), [[""; 0]]);
}

#[test]
fn writes_survive_out_of_order_or_torn_and_a_gap_is_zeros() {
    let make = || {
        let mut system = filled(true, &[("/f", "")]);
        let inode = system.open(&path("/f")).unwrap();
        system.write(inode, 0, b"ab", Time::ZERO).unwrap();
        system.write(inode, 2, b"cd", Time::ZERO).unwrap();
        system.close(inode);
        system
    };
    assert_eq!(outcomes(PowerLoss::Reordered, make), [["/f="], ["/f=\\x00\\x00cd"], ["/f=ab"], ["/f=abcd"]]);
    let torn = outcomes(PowerLoss::Torn, make);
    assert!(torn.contains(&vec!["/f=a\\x00c".to_string()]) && torn.len() == 9, "{torn:?}");
}

#[test]
fn a_file_that_is_replaced_has_the_old_bytes_or_the_new_or_none() {
    let make = || {
        let mut system = filled(true, &[("/f", "old")]);
        write(&mut system, "/f", "n");
        system
    };
    assert_eq!(outcomes(PowerLoss::Lost, make), [["/f=old"]]);
    assert_eq!(outcomes(PowerLoss::Reordered, make), [["/f="], ["/f=n"], ["/f=nld"], ["/f=old"]]);
}

#[test]
fn an_open_file_outlives_a_loss_of_power_that_takes_its_name() {
    let mut system = empty();
    let inode = system.create(&path("/f"), Time::ZERO).unwrap();
    system.write(inode, 0, b"ab", Time::ZERO).unwrap();
    system.sync(inode).unwrap();
    system.write(inode, 2, b"cd", Time::ZERO).unwrap();
    system.crash(PowerLoss::Lost, &mut stream(0));
    assert!(!system.exists(&path("/f")));
    assert_eq!(system.read(inode, 0, 9).unwrap(), b"ab");
    system.write(inode, 2, b"x", Time::ZERO).unwrap();
    system.close(inode);
    assert!(system.files.is_empty());
}

#[test]
fn after_a_loss_of_power_all_that_is_left_is_durable() {
    for seed in 0..SEEDS {
        let mut system = filled(true, &[("/d/f", "x")]);
        system.rename(&path("/d/f"), &path("/d/g")).unwrap();
        write(&mut system, "/d/h", "y");
        system.crash(PowerLoss::Reordered, &mut stream(seed));
        let left = shown(&system);
        system.crash(PowerLoss::Lost, &mut stream(seed));
        assert_eq!(shown(&system), left);
    }
}

#[test]
#[should_panic(expected = "only a volatile file system loses power")]
fn who_remembers_nothing_cannot_lose_power() {
    FileSystem::default().crash(PowerLoss::Lost, &mut stream(0));
}

#[test]
fn what_is_said_to_be_durable_survives_every_loss_of_power_and_nothing_else_does() {
    let steps: [fn(&mut FileSystem); 4] = [
        |system| system.sync_file(&path("/d/f")).unwrap(),
        |system| system.sync_directory(&path("/d")).unwrap(),
        |system| system.sync_directory(&path("/")).unwrap(),
        |system| system.write_file(&path("/d/f"), b"other", Time::ZERO).unwrap(),
    ];
    for chosen in 0..1_usize << steps.len() {
        let make = || {
            let mut system = empty();
            system.create_directory(&path("/d")).unwrap();
            write(&mut system, "/d/f", "ab");
            let due = steps.iter().enumerate().filter(|(index, _)| chosen >> index & 1 == 1);
            due.for_each(|(_, step)| step(&mut system));
            system
        };
        let whole = [shown(&make())];
        let survives = [PowerLoss::Lost, PowerLoss::Torn, PowerLoss::Reordered]
            .into_iter()
            .all(|loss| outcomes(loss, make) == whole);
        assert_eq!(make().is_durable(&path("/d/f")), survives, "{chosen:b}");
    }
    assert!(!empty().is_durable(&path("/d/f")), "it is not there");
}

#[test]
fn what_somebody_else_changes_is_durable_at_once() {
    for in_place in [true, false] {
        let mut system = filled(true, &[("/d/f", "old")]);
        let before = system.identity_at(&path("/d/f")).unwrap();
        system.change(&path("/d/f"), b"new", in_place, Time::from_us(1)).unwrap();
        assert!(system.is_durable(&path("/d/f")));
        let after = system.identity_at(&path("/d/f")).unwrap();
        assert_eq!((before.inode == after.inode, before == after), (in_place, false));
        system.crash(PowerLoss::Lost, &mut stream(1));
        assert_eq!(shown(&system), ["/d", "/d/f=new"]);
    }
}
