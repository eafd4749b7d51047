//! Whatever is done and synced, a loss of power leaves what Unix promises, and a tree.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

const NAMES: [&str; 8] = ["/a", "/b", "/a/a", "/a/b", "/b/a", "/b/b", "/a/a/a", "/b/a/b"];

type Entries = BTreeMap<Vec<u8>, Entry>;

#[derive(Clone, Debug)]
enum Step {
    MakeDirectory(usize),
    WriteFile(usize, Vec<u8>),
    Append(usize, u64, Vec<u8>),
    SyncFile(usize),
    SyncDirectory(usize),
    SyncRoot,
    Rename(usize, usize),
    RemoveFile(usize),
    RemoveTree(usize),
    LosePower(PowerLoss, u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let name = || 0..NAMES.len();
    let bytes = || prop::collection::vec(1..=255_u8, 0..6);
    let loss = prop_oneof![Just(PowerLoss::Lost), Just(PowerLoss::Torn), Just(PowerLoss::Reordered)];
    let step = prop_oneof![
        8 => name().prop_map(Step::MakeDirectory),
        8 => (name(), bytes()).prop_map(|(name, bytes)| Step::WriteFile(name, bytes)),
        4 => (name(), 0..8_u64, bytes()).prop_map(|(name, at, bytes)| Step::Append(name, at, bytes)),
        5 => name().prop_map(Step::SyncFile),
        5 => name().prop_map(Step::SyncDirectory),
        4 => Just(Step::SyncRoot),
        8 => (name(), name()).prop_map(|(from, to)| Step::Rename(from, to)),
        2 => name().prop_map(Step::RemoveFile),
        1 => name().prop_map(Step::RemoveTree),
        2 => (loss, any::<u64>()).prop_map(|(loss, seed)| Step::LosePower(loss, seed)),
    ];
    prop::collection::vec(step, 1..100)
}

/// The path and the directories above it, but the root.
fn upward(path: &[u8]) -> impl Iterator<Item = PathBytes> {
    let up = |path: &PathBytes| path.split_name().map(|(parent, _)| parent);
    std::iter::successors(Some(PathBytes(path.to_vec())), up).filter(|path| path.0 != b"/")
}

/// What Unix promises, kept apart from how the file system keeps it.
#[derive(Default)]
struct Promises {
    /// Whose place is as it was when its directory was synced last.
    placed: BTreeSet<Inode>,
    /// The bytes of files that were not written since they were synced.
    clean: BTreeMap<Inode, Vec<u8>>,
    /// Who was to be found from the root without power, and was not removed since.
    anchored: BTreeSet<Inode>,
    /// Who was removed, from which directory.
    removed: BTreeMap<Inode, Option<Inode>>,
    /// Who was removed from a directory that was synced since.
    gone: BTreeSet<Inode>,
    /// What everything has been.
    ever: BTreeMap<Inode, Past>,
}

#[derive(Default)]
struct Past {
    names: BTreeSet<Vec<u8>>,
    /// Each at its offset.
    bytes: BTreeSet<(usize, u8)>,
}

impl Promises {
    /// Takes note of what is seen after a step, `before` being what was seen before.
    fn look(&mut self, before: &Entries, system: &FileSystem) {
        let place_of = |entries: &Entries| -> BTreeMap<Inode, (Option<Inode>, Vec<u8>)> {
            let place = |(path, entry): (&Vec<u8>, &Entry)| {
                let (parent, name) =
                    PathBytes(path.clone()).split_name().map(|(parent, name)| (parent, name.to_vec()))?;
                Some((entry.inode(), (entries.get(&parent.0).map(|entry| entry.inode()), name)))
            };
            entries.iter().filter_map(place).collect()
        };
        let (old, new) = (place_of(before), place_of(&system.entries));
        self.placed.retain(|inode| new.contains_key(inode) && old.get(inode) == new.get(inode));
        self.anchored.retain(|inode| new.contains_key(inode));
        let removed = old.into_iter().filter(|(inode, _)| !new.contains_key(inode));
        self.removed.extend(removed.map(|(inode, (directory, _))| (inode, directory)));
        for (path, entry) in &system.entries {
            let mut above = upward(path);
            if above.all(|path| self.placed.contains(&system.entries[&path.0].inode())) {
                self.anchored.insert(entry.inode());
            }
            let past = self.ever.entry(entry.inode()).or_default();
            past.names.extend(PathBytes(path.clone()).split_name().map(|(_, name)| name.to_vec()));
            if let Entry::File(inode) = entry {
                past.bytes.extend(system.files[inode].bytes.iter().copied().enumerate());
            }
        }
    }

    /// Judges what survived; all of it is durable then.
    fn judge(&mut self, before: &Entries, after: &FileSystem) {
        let found: BTreeMap<Inode, &Vec<u8>> =
            after.entries.iter().map(|(path, entry)| (entry.inode(), path)).collect();
        assert_eq!(found.len(), after.entries.len(), "something has two names");
        for (path, entry) in &after.entries {
            if let Some((parent, name)) = PathBytes(path.clone()).split_name() {
                assert!(
                    matches!(after.entries.get(&parent.0), Some(Entry::Directory(_))),
                    "{path:?} is nowhere"
                );
                assert!(self.ever[&entry.inode()].names.contains(name), "{path:?} was never");
            }
        }
        let named: BTreeSet<Inode> = after.files.keys().copied().collect();
        let files = after.entries.values().filter(|entry| matches!(entry, Entry::File(_)));
        assert_eq!(named, files.map(|entry| entry.inode()).collect());
        for (inode, file) in &after.files {
            let mut bytes = file.bytes.iter().copied().enumerate();
            assert!(
                bytes.all(|byte| byte.1 == 0 || self.ever[inode].bytes.contains(&byte)),
                "{inode:?}: {file:?}"
            );
            assert!(file.named && file.opened == 0);
            assert_eq!(&file.bytes, self.clean.get(inode).unwrap_or(&file.bytes));
        }
        assert!(
            self.anchored.iter().all(|inode| found.contains_key(inode)),
            "{:?}: {found:?}",
            self.anchored
        );
        for (path, entry) in before {
            let mut above = upward(path);
            if above.all(|path| self.placed.contains(&before[&path.0].inode())) {
                assert_eq!(after.entries.get(path), Some(entry), "what was synced is not in its place");
            }
        }
        assert!(!self.gone.iter().any(|inode| found.contains_key(inode)), "{:?}: {found:?}", self.gone);
        self.removed.clear();
        self.placed = found.into_keys().collect();
        self.clean = after.files.iter().map(|(inode, file)| (*inode, file.bytes.clone())).collect();
    }
}

fn take(system: &mut FileSystem, promises: &mut Promises, step: &Step, now: Time) {
    let at = |index: usize| path(NAMES[index]);
    let file = |system: &FileSystem, index: usize| match system.entries.get(NAMES[index].as_bytes()) {
        Some(Entry::File(inode)) => Some(*inode),
        Some(Entry::Directory(_)) | None => None,
    };
    let mut directory_synced = None;
    match step {
        Step::MakeDirectory(name) => drop(system.create_directory(&at(*name))),
        Step::WriteFile(name, bytes) => {
            if system.write_file(&at(*name), bytes, now).is_ok() {
                promises.clean.retain(|inode, _| Some(*inode) != file(system, *name));
            }
        }
        Step::Append(name, offset, bytes) => {
            if let Ok(inode) = system.open(&at(*name)) {
                system.write(inode, *offset, bytes, now).unwrap();
                system.close(inode);
                promises.clean.remove(&inode);
            }
        }
        Step::SyncFile(name) => {
            if system.sync_file(&at(*name)).is_ok() {
                promises
                    .clean
                    .extend(file(system, *name).map(|inode| (inode, system.files[&inode].bytes.clone())));
            }
        }
        Step::SyncDirectory(name) => directory_synced = Some(at(*name)),
        Step::SyncRoot => directory_synced = Some(path("/")),
        Step::Rename(from, to) => drop(system.rename(&at(*from), &at(*to))),
        Step::RemoveFile(name) => drop(system.remove_file(&at(*name))),
        Step::RemoveTree(name) => drop(system.remove_tree(&at(*name))),
        Step::LosePower(..) => panic!("no step of a process"),
    }
    if let Some(directory) = directory_synced
        && system.sync_directory(&directory).is_ok()
    {
        let inside = system.entries.iter().filter(|(path, _)| {
            PathBytes((*path).clone()).split_name().is_some_and(|(parent, _)| parent == directory)
        });
        promises.placed.extend(inside.map(|(_, entry)| entry.inode()));
        let synced = system.entries.get(&directory.0).map(|entry| entry.inode());
        let gone = promises.removed.iter().filter(|(_, from)| **from == synced);
        promises.gone.extend(gone.map(|(inode, _)| *inode));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn a_loss_of_power_leaves_what_was_synced_and_a_tree(steps in steps(), loss in any::<u64>()) {
        let (mut system, mut promises) = (FileSystem::volatile(true), Promises::default());
        let end = Step::LosePower(PowerLoss::Reordered, loss);
        for (step, now_us) in steps.iter().chain([&end]).zip(0..) {
            let before = system.entries.clone();
            if let Step::LosePower(loss, seed) = step {
                system.crash(*loss, &mut stream(*seed));
                promises.judge(&before, &system);
                promises.look(&system.entries.clone(), &system);
            } else {
                take(&mut system, &mut promises, step, Time::from_us(now_us));
                promises.look(&before, &system);
            }
        }
    }
}
