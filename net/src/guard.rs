//! A process that outlives another and cleans up after it: owns what its ward has told it to kill and to remove, should the
//! ward die without having done so.
//!
//! `kill -9` leaves a process no last word. Its programs die with the thread that spawned them (see
//! [`spawner`](crate::spawner)), but what those have started does not, and neither do its files. So a worker and a `run`
//! each have a guard: the same command again, which holds one end of a socket, is told what would be left, and acts when the
//! other end is closed, in whatever way. A ward that ends in good order has left nothing and waits for its guard's end.
//!
//! Never decides what belongs to its ward. Invariant: a group is forgotten before its number can belong to anybody else; a
//! guard that may not have heard of it is ended.

use crate::manager_files::rename;
use rustix::net::{AddressFamily, SendFlags, Shutdown, SocketFlags, SocketType, send, shutdown, socketpair};
use rustix::process::{Pid, Signal, getpid, kill_process, kill_process_group, test_kill_process_group};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What a word begins with; a group's number or a path may follow.
const SPAWNING: u8 = b's';
const GROUP: u8 = b'g';
const GROUP_OVER: u8 = b'o';
/// The program could not be started, so that its group, if it had one already, is none.
const NOT_SPAWNED: u8 = b'n';
const REMOVE: u8 = b'r';
const KEEP: u8 = b'k';
/// Two paths follow, with a zero between them.
const PUT_BACK: u8 = b'b';

/// A word at the most: Linux knows no longer paths.
const WORD_BYTES_MAX: usize = 1 + 4_096 + 1 + 4_096;

/// How often, and with what pauses, is looked whether what was killed is gone, and tried to remove what others may write to.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(10);

/// The guard of this process, or none. Dropping it ends it.
#[derive(Debug, Default)]
pub struct Guard {
    process: Option<Child>,
    handle: GuardHandle,
}

/// Tells a guard what to do, from any thread; where there is none nothing comes of it.
#[derive(Clone, Debug, Default)]
pub struct GuardHandle(Option<Arc<Line>>);

#[derive(Debug)]
struct Line {
    socket: OwnedFd,
    /// Who listens; reaped by the [`Guard`] alone, which is kept for as long as anybody tells it something.
    guard: Option<Pid>,
    /// A word was lost, and the guard ended for it.
    is_lost: AtomicBool,
}

impl GuardHandle {
    fn to(socket: OwnedFd, guard: Option<Pid>) -> GuardHandle {
        GuardHandle(Some(Arc::new(Line { socket, guard, is_lost: AtomicBool::new(false) })))
    }
}

impl Guard {
    /// Starts `command`, which is to call [`stand_guard`].
    pub fn start(mut command: Command) -> io::Result<Guard> {
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        // In a group of its own, so that what a terminal sends to its ward does not end it; and nowhere in the way.
        command.stdin(theirs).stdout(Stdio::null()).process_group(0).current_dir("/");
        let process = command.spawn()?;
        let handle = GuardHandle::to(ours, Some(Pid::from_child(&process)));
        Ok(Guard { process: Some(process), handle })
    }

    /// A way to tell it something.
    pub fn handle(&self) -> GuardHandle {
        self.handle.clone()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(line) = &self.handle.0 {
            // Its number may be another's once it was waited for.
            line.is_lost.store(true, Ordering::Relaxed);
            // It may be gone already.
            let _ = shutdown(&line.socket, Shutdown::Both);
        }
        if let Some(Err(error)) = self.process.as_mut().map(Child::wait) {
            tracing::warn!(%error, "the guard could not be waited for");
        }
    }
}

impl GuardHandle {
    /// Has a directory, with all in it, removed at this process's death.
    pub fn remove_at_death(&self, path: &Path) {
        self.tell(REMOVE, path.as_os_str().as_bytes());
    }

    /// Has a directory put back where it came from at this process's death, if nothing is there; unless it stays after
    /// all, what holds it is removed.
    pub fn put_back(&self, path: &Path, to: &Path) {
        self.tell(PUT_BACK, &[path.as_os_str().as_bytes(), b"\0", to.as_os_str().as_bytes()].concat());
    }

    /// Has a directory kept where it is after all, or forgotten.
    pub fn keep(&self, path: &Path) {
        self.tell(KEEP, path.as_os_str().as_bytes());
    }

    /// Tells that a program is about to be started; one at a time.
    pub(crate) fn spawning(&self) {
        self.tell(SPAWNING, &[]);
    }

    /// Has the calling process's group killed at its ward's death. To be called between fork and exec: nothing is allocated,
    /// locked or unwound.
    pub(crate) fn own_group_begins(&self) {
        if let Some(line) = &self.0 {
            let mut word = [GROUP; 5];
            word[1..].copy_from_slice(&getpid().as_raw_nonzero().get().to_le_bytes());
            // There is nobody to be told of an error.
            let _ = send(&line.socket, &word, FLAGS);
        }
    }

    /// Tells that the program that was about to be started was not.
    pub(crate) fn not_spawned(&self) {
        self.tell(NOT_SPAWNED, &[]);
    }

    /// Has a group forgotten that was killed. To be called before its leader is reaped.
    pub(crate) fn group_is_over(&self, group: Pid) {
        self.tell(GROUP_OVER, &group.as_raw_nonzero().get().to_le_bytes());
    }

    /// One, and where it is heard what it tells.
    #[cfg(test)]
    pub(crate) fn heard() -> (GuardHandle, OwnedFd) {
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        (GuardHandle::to(ours, None), theirs)
    }

    fn tell(&self, kind: u8, what: &[u8]) {
        let Some(line) = &self.0 else { return };
        let told = send(&line.socket, &[&[kind], what].concat(), FLAGS);
        if let Err(error) = told
            && !line.is_lost.swap(true, Ordering::Relaxed)
        {
            // One that missed what is over, or is to be kept, would do harm.
            line.guard.map(|guard| kill_process(guard, Signal::KILL));
            tracing::warn!(%error, "the guard hears nothing; what this process leaves if it is killed stays");
        }
    }
}

/// Nobody waits for a guard that is stopped, or dies of one that is dead.
const FLAGS: SendFlags = SendFlags::NOSIGNAL.union(SendFlags::DONTWAIT);

/// What a ward would leave.
#[derive(Debug, Default, PartialEq, Eq)]
struct Remains {
    groups: BTreeSet<i32>,
    /// That of the program that is being started, or was last.
    last: Option<i32>,
    directories: BTreeSet<PathBuf>,
    /// What is to be put back, and where.
    displaced: BTreeMap<PathBuf, PathBuf>,
}

impl Remains {
    fn hear(&mut self, word: &[u8]) {
        let Some((kind, what)) = word.split_first() else { return };
        let group = || what.try_into().map(i32::from_le_bytes).ok();
        match *kind {
            SPAWNING => self.last = None,
            GROUP => {
                self.last = group();
                self.groups.extend(self.last);
            }
            NOT_SPAWNED => {
                self.last.take().map(|last| self.groups.remove(&last));
            }
            GROUP_OVER => {
                group().map(|over| self.groups.remove(&over));
            }
            REMOVE => {
                self.directories.insert(OsStr::from_bytes(what).into());
            }
            KEEP => {
                let path = Path::new(OsStr::from_bytes(what));
                self.directories.remove(path);
                self.displaced.remove(path);
            }
            PUT_BACK => {
                let mut paths =
                    what.split(|byte| *byte == 0).map(|path| PathBuf::from(OsStr::from_bytes(path)));
                let (Some(path), Some(to)) = (paths.next(), paths.next()) else { return };
                self.displaced.insert(path, to);
            }
            other => panic!("a ward says {other}"),
        }
    }
}

/// Listens to the ward at the other end of `socket` until that is dead, then does away with what it leaves. Gives what could
/// not be removed, and why.
pub fn stand_guard(socket: OwnedFd) -> Vec<(PathBuf, io::Error)> {
    let mut socket = File::from(socket);
    let (mut remains, mut word) = (Remains::default(), [0; WORD_BYTES_MAX]);
    loop {
        match socket.read(&mut word) {
            // What could not be heard any more cannot be done away with.
            Ok(0) | Err(_) => break,
            Ok(count) => remains.hear(&word[..count]),
        }
    }
    let groups: Vec<Pid> = remains.groups.into_iter().filter_map(Pid::from_raw).collect();
    for group in &groups {
        // Nothing of it may be left.
        let _ = kill_process_group(*group, Signal::KILL);
    }
    for group in groups {
        again(|| test_kill_process_group(group).is_err());
    }
    for (path, to) in &remains.displaced {
        // What came in its place keeps it; then it is a user's to look after.
        let _ = rename(path, to);
        if fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            remains.directories.extend(path.parent().map(PathBuf::from));
        }
    }
    let mut left = Vec::new();
    for directory in remains.directories {
        let mut failure = None;
        again(|| {
            failure = fs::remove_dir_all(&directory).err();
            failure.as_ref().is_none_or(|error| error.kind() == io::ErrorKind::NotFound)
        });
        left.extend(
            failure.filter(|error| error.kind() != io::ErrorKind::NotFound).map(|error| (directory, error)),
        );
    }
    left
}

/// Tries until it is done, or for as long as that makes sense: nothing announces it.
fn again(mut is_done: impl FnMut() -> bool) {
    for _ in 0..TRIES {
        if is_done() {
            return;
        }
        std::thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(words: &[&[u8]]) -> Remains {
        let mut remains = Remains::default();
        words.iter().for_each(|word| remains.hear(word));
        remains
    }

    #[test]
    fn what_is_over_or_never_began_is_forgotten() {
        let groups = |words: &[&[u8]]| heard(words).groups.into_iter().collect::<Vec<_>>();
        assert_eq!(groups(&[b"g\x07\0\0\0", b"g\x08\0\0\0", b"o\x07\0\0\0"]), [8]);
        assert_eq!(groups(&[b"s", b"g\x07\0\0\0", b"s", b"g\x08\0\0\0", b"n"]), [7]);
        assert_eq!(groups(&[b"s", b"g\x07\0\0\0", b"s", b"n"]), [7], "there was no fork");
        assert_eq!(groups(&[b"g\x07\0\0\0", b"n", b"n"]), [0; 0]);
        let directories = heard(&[b"r/a", b"r/b", b"k/a", b"k/c"]).directories;
        assert_eq!(directories.into_iter().collect::<Vec<_>>(), [Path::new("/b")]);
    }

    #[test]
    fn at_its_wards_death_all_is_done_away_with_that_is_named() {
        let place = tempfile::tempdir().unwrap();
        for name in ["gone/deep", "kept"] {
            fs::create_dir_all(place.path().join(name)).unwrap();
        }
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 1000 & wait"]).process_group(0);
        let mut program = command.spawn().unwrap();
        let (handle, theirs) = GuardHandle::heard();
        handle.tell(GROUP, &program.id().to_le_bytes());
        handle.remove_at_death(&place.path().join("gone"));
        handle.remove_at_death(&place.path().join("never there"));
        handle.remove_at_death(&place.path().join("kept"));
        handle.keep(&place.path().join("kept"));
        drop(handle);
        let guard = std::thread::spawn(move || stand_guard(theirs));
        assert!(!program.wait().unwrap().success());
        assert!(guard.join().unwrap().is_empty());
        assert!(!place.path().join("gone").exists() && place.path().join("kept").exists());
    }

    #[test]
    fn what_was_moved_aside_is_put_back_where_nothing_has_come_in_its_place() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        for name in [".free/old", ".taken/old", "taken", ".not yet/new"] {
            fs::create_dir_all(path(name)).unwrap();
            fs::write(path(name).join(name.replace('/', " ")), "").unwrap();
        }
        let (handle, theirs) = GuardHandle::heard();
        for name in ["free", "taken", "not yet"] {
            handle.put_back(&path(&format!(".{name}/old")), &path(name));
        }
        fs::create_dir(path(".forgotten")).unwrap();
        handle.put_back(&path(".forgotten/old"), &path("forgotten"));
        handle.keep(&path(".forgotten/old"));
        drop(handle);
        assert!(stand_guard(theirs).is_empty());
        assert!(path("free/.free old").exists() && !path(".free").exists());
        assert!(path("taken/taken").exists() && path(".taken/old/.taken old").exists(), "nothing is lost");
        assert!(!path(".not yet").exists() && !path("not yet").exists());
        assert!(path(".forgotten").exists());
    }

    #[test]
    fn a_guard_that_may_have_missed_a_word_is_ended() {
        let mut command = Command::new("sh");
        command.args(["-c", "exec sleep 1000"]);
        let mut guard = Guard::start(command).unwrap();
        let handle = guard.handle();
        let line = handle.0.as_ref().unwrap();
        while !line.is_lost.load(Ordering::Relaxed) {
            handle.spawning();
        }
        let ended = guard.process.take().unwrap().wait().unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&ended), Some(9));
    }

    #[test]
    fn who_has_no_guard_may_speak_to_it() {
        let handle = GuardHandle::default();
        handle.remove_at_death(Path::new("/x"));
        handle.own_group_begins();
    }
}
