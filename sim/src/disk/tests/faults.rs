//! Faults strike as they are set, and no longer than they are.

use super::*;

#[test]
fn a_full_disk_takes_what_fits_and_no_new_file() {
    let mut system = shared(&[]);
    system.limit_room(Some(5));
    system.write_file(&path("/a"), b"abc", Time::ZERO).unwrap();
    let refused = system.write_file(&path("/b"), b"defg", Time::ZERO).unwrap_err();
    assert_eq!(refused.kind, OsErrorKind::NoSpace);
    assert_eq!(system.write_file(&path("/c"), b"h", Time::ZERO).unwrap_err().kind, OsErrorKind::NoSpace);
    system.rename(&path("/a"), &path("/d")).unwrap();
    assert_eq!(shown(&system), ["/b=de", "/d=abc"]);
    assert!(system.files.values().all(|file| file.opened == 0), "a file stays open");
    system.limit_room(None);
    system.write_file(&path("/b"), b"defg", Time::ZERO).unwrap();
    assert_eq!(system.contents(&path("/b")).unwrap(), b"defg");
}

#[test]
fn a_full_disk_may_make_files_and_fill_none() {
    let mut system = shared(&[]);
    system.limit_room_of_contents(1);
    assert_eq!(system.write_file(&path("/a"), b"bc", Time::ZERO).unwrap_err().kind, OsErrorKind::NoSpace);
    system.write_file(&path("/d"), b"", Time::ZERO).unwrap();
    assert_eq!(shown(&system), ["/a=b", "/d="]);
}

#[test]
fn a_file_is_replaced_on_a_full_disk() {
    let mut system = filled(false, &[("/f", "ab")]);
    system.limit_room(Some(0));
    system.change(&path("/f"), b"cd", false, Time::ZERO).unwrap();
    assert_eq!(shown(&system), ["/f=cd"]);
    assert_eq!(system.write_file(&path("/g"), b"", Time::ZERO).unwrap_err().kind, OsErrorKind::NoSpace);
}

#[test]
fn a_sync_that_fails_is_not_mended_by_one_that_succeeds() {
    let mut system = filled(true, &[("/f", "")]);
    let inode = system.open(&path("/f")).unwrap();
    system.write(inode, 0, b"ab", Time::ZERO).unwrap();
    system.fail_syncs(1);
    assert_eq!(system.sync(inode).unwrap_err().kind, OsErrorKind::Other);
    assert_eq!(system.read(inode, 0, 9).unwrap(), b"ab");
    system.write(inode, 2, b"c", Time::ZERO).unwrap();
    system.sync(inode).unwrap();
    system.close(inode);
    system.crash(PowerLoss::Torn, &mut stream(0));
    assert_eq!(shown(&system), ["/f=\\x00\\x00c"]);
}

#[test]
fn a_directorys_sync_that_fails_is_not_mended_by_one_that_succeeds() {
    for seed in 0..20 {
        let mut system = filled(true, &[("/a", "x")]);
        system.rename(&path("/a"), &path("/b")).unwrap();
        system.fail_syncs(2);
        assert_eq!(system.sync_directory(&path("/")).unwrap_err().kind, OsErrorKind::Other);
        system.fail_syncs(0);
        system.sync_directory(&path("/")).unwrap();
        assert_eq!(shown(&system), ["/b=x"]);
        system.crash(PowerLoss::Reordered, &mut stream(seed));
        assert_eq!(shown(&system), ["/a=x"]);
    }
}

#[test]
fn so_many_reads_fail() {
    let mut system = shared(&[("/f", "ab")]);
    let inode = system.open(&path("/f")).unwrap();
    system.fail_reads(2);
    for _ in 0..2 {
        assert_eq!(system.read(inode, 0, 9).unwrap_err().kind, OsErrorKind::Other);
    }
    assert_eq!(system.read(inode, 0, 9).unwrap(), b"ab");
    system.fail_reads(1);
    system.fail_reads(0);
    assert!(system.read(inode, 0, 9).is_ok());
    system.close(inode);
}

#[test]
fn rot_turns_one_bit_of_one_file_round_for_good() {
    let mut system = filled(true, &[("/d/empty", ""), ("/d/e/f", "ab"), ("/g", "cd")]);
    let before = [b"ab".to_vec(), b"cd".to_vec()];
    assert_eq!(system.rot(&path("/d/empty"), &mut stream(0)), None);
    let (rotten, at) = system.rot(&path("/d"), &mut stream(0)).unwrap();
    assert_eq!(rotten, path("/d/e/f"));
    system.crash(PowerLoss::Lost, &mut stream(1));
    let after = [&rotten, &path("/g")].map(|path| system.contents(path).unwrap().to_vec());
    let differing = after[0][at as usize] ^ before[0][at as usize];
    assert_eq!(differing.count_ones(), 1);
    assert_eq!((after[0][1 - at as usize], &after[1]), (before[0][1 - at as usize], &before[1]));
}

#[test]
fn loss_takes_one_file_for_good_and_leaves_who_has_it_open_alone() {
    let mut system = filled(true, &[("/d/a", "x"), ("/d/b", "y"), ("/g", "z")]);
    let inode = system.open(&path("/d/a")).unwrap();
    let first = system.lose(&path("/d"), &mut stream(0)).unwrap();
    let second = system.lose(&path("/d"), &mut stream(1)).unwrap();
    assert_eq!(system.lose(&path("/d"), &mut stream(2)), None);
    assert_ne!(first, second);
    assert_eq!(system.read(inode, 0, 9).unwrap(), b"x");
    system.close(inode);
    system.crash(PowerLoss::Lost, &mut stream(3));
    assert_eq!(shown(&system), ["/d", "/g=z"]);
}
