//! What survives a loss of power: owns the durable tree, and every change since that no sync has made
//! durable.
//!
//! As Unix promises and no more: a file's sync makes its contents durable, a directory's sync what entered and left it.
//! No file has two names, so the tree is the one place of each inode, and a rename that survives is whole: the old name
//! or the new one; of two that are exchanged, both. A change survives only with what it builds on
//! ([`Change::builds_on`]), as in a journaling file system; all else survives or not on its own. Invariant: no two
//! inodes have one place, and what is durable and not removed is reachable from the root once it was.

use super::Inode;
use crate::stream::{Ratio, Stream};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The directory that has no name.
pub(super) const ROOT: Inode = Inode(0);

/// Which of the unsynced a loss of power leaves.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PowerLoss {
    /// Nothing.
    Lost,
    /// Of every write a prefix, cut at any byte; of the changes to directories those before some moment.
    Torn,
    /// Any of the writes and any of the changes to directories, whatever came first.
    Reordered,
}

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub directory: Inode,
    pub name: Vec<u8>,
}

/// Everything that would be there after a loss of power, and what may be.
#[derive(Debug, Default)]
pub(super) struct Medium {
    places: BTreeMap<Inode, Place>,
    /// Of every file that has, or may have again, a place; directories have none.
    contents: BTreeMap<Inode, Contents>,
    /// Unsynced, in order.
    changes: Vec<Change>,
}

/// A creation, a rename or a removal.
#[derive(Debug)]
struct Change {
    inode: Inode,
    from: Option<Place>,
    to: Option<Place>,
    /// The directories above the new place, where that is in another directory.
    above: Vec<Inode>,
    /// A sync of it failed: no later one makes it durable.
    given_up: bool,
    /// It survives with the next one, or neither does: two directories are exchanged.
    with_next: bool,
}

/// The durable bytes of a file, and what was written since, in order.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub bytes: Vec<u8>,
    pub modified_ns: i64,
    unsynced: Vec<Written>,
}

#[derive(Debug)]
struct Written {
    what: What,
    modified_ns: i64,
}

#[derive(Debug)]
enum What {
    Truncation,
    Bytes { offset: usize, bytes: Vec<u8> },
}

impl Medium {
    /// Takes note of a new file.
    pub fn file_made(&mut self, inode: Inode, modified_ns: i64) {
        self.contents.insert(inode, Contents { modified_ns, ..Contents::default() });
    }

    /// Takes note of a creation, a rename or a removal; `above` are the directories above a new place.
    pub fn moved(&mut self, inode: Inode, from: Option<Place>, to: Option<Place>, mut above: Vec<Inode>) {
        let same_directory = |(from, to): (&Place, &Place)| from.directory == to.directory;
        // What was created here is lost with its directory: only what was moved here was durable elsewhere.
        if from.as_ref().zip(to.as_ref()).is_none_or(same_directory) {
            above.clear();
        }
        self.changes.push(Change { inode, from, to, above, given_up: false, with_next: false });
    }

    /// Lets the last two moves be one: neither survives without the other.
    pub fn join_the_last_two(&mut self) {
        let count = self.changes.len();
        self.changes[count - 2].with_next = true;
    }

    /// Takes note of a write.
    pub fn written(&mut self, inode: Inode, offset: usize, bytes: &[u8], modified_ns: i64) {
        let what = What::Bytes { offset, bytes: bytes.to_vec() };
        self.note(inode, Written { what, modified_ns });
    }

    /// Takes note of a truncation to nothing.
    pub fn truncated(&mut self, inode: Inode, modified_ns: i64) {
        self.note(inode, Written { what: What::Truncation, modified_ns });
    }

    /// A file whose removal is durable is written in vain.
    fn note(&mut self, inode: Inode, written: Written) {
        if let Some(contents) = self.contents.get_mut(&inode) {
            contents.unsynced.push(written);
        }
    }

    /// Makes a file's contents durable.
    pub fn sync(&mut self, inode: Inode) {
        if let Some(contents) = self.contents.get_mut(&inode) {
            for written in std::mem::take(&mut contents.unsynced) {
                contents.apply(&written, usize::MAX);
            }
        }
    }

    /// A file's sync failed: what was to be synced will never be.
    pub fn give_up(&mut self, inode: Inode) {
        if let Some(contents) = self.contents.get_mut(&inode) {
            contents.unsynced.clear();
        }
    }

    /// Makes a directory's entries durable.
    pub fn sync_directory(&mut self, directory: Inode) {
        let mut survives = vec![false; self.changes.len()];
        for (survives, change) in survives.iter_mut().zip(&self.changes) {
            *survives = change.touches(directory) && !change.given_up;
        }
        self.commit(survives);
    }

    /// A directory's sync failed: what was to be synced will be durable only where something later builds on
    /// it.
    pub fn give_up_directory(&mut self, directory: Inode) {
        for change in self.changes.iter_mut().filter(|change| change.touches(directory)) {
            change.given_up = true;
        }
    }

    /// Makes durable where an inode is now, or that it is gone.
    pub fn settle(&mut self, inode: Inode) {
        self.commit(self.changes.iter().map(|change| change.inode == inode).collect());
    }

    /// Makes everything durable.
    pub fn settle_all(&mut self) {
        self.commit(vec![true; self.changes.len()]);
        let files: Vec<Inode> = self.contents.keys().copied().collect();
        for inode in files {
            self.sync(inode);
        }
    }

    /// Turns a bit of a byte round, wherever that byte is kept.
    pub fn flip(&mut self, inode: Inode, at: usize, mask: u8) {
        let Some(contents) = self.contents.get_mut(&inode) else { return };
        let unsynced = contents.unsynced.iter_mut().filter_map(|written| match &mut written.what {
            What::Truncation => None,
            What::Bytes { offset, bytes } => bytes.get_mut(at.checked_sub(*offset)?),
        });
        for byte in contents.bytes.get_mut(at).into_iter().chain(unsynced) {
            *byte ^= mask;
        }
    }

    /// Decides what of the unsynced survives; afterwards all is durable that is left.
    pub fn lose_power(&mut self, loss: PowerLoss, stream: &mut Stream) {
        let count = self.changes.len();
        let mut survives: Vec<bool> = match loss {
            PowerLoss::Lost => vec![false; count],
            PowerLoss::Torn => {
                let until = stream.below(count as u64 + 1) as usize;
                (0..count).map(|index| index < until).collect()
            }
            PowerLoss::Reordered => (0..count).map(|_| stream.chance(Ratio::one_in(2))).collect(),
        };
        for (survives, change) in survives.iter_mut().zip(&self.changes) {
            *survives &= !change.given_up;
        }
        self.commit(survives);
        self.changes.clear();
        for contents in self.contents.values_mut() {
            contents.lose_power(loss, stream);
        }
    }

    /// Whether an inode is durably here.
    pub fn is_at(&self, inode: Inode, place: &Place) -> bool {
        self.places.get(&inode) == Some(place)
    }

    /// Whether this is what a file durably holds.
    pub fn holds(&self, inode: Inode, bytes: &[u8]) -> bool {
        self.contents
            .get(&inode)
            .is_some_and(|contents| contents.unsynced.is_empty() && contents.bytes == bytes)
    }

    /// What is in each directory: names with what they name. Only what is durable.
    pub fn directories(&self) -> BTreeMap<Inode, Vec<(&[u8], Inode)>> {
        let mut directories: BTreeMap<Inode, Vec<(&[u8], Inode)>> = BTreeMap::new();
        for (inode, Place { directory, name }) in &self.places {
            directories.entry(*directory).or_default().push((name, *inode));
        }
        directories
    }

    /// A file's contents, if it is a file that has, or may have again, a place.
    pub fn contents(&self, inode: Inode) -> Option<&Contents> {
        self.contents.get(&inode)
    }

    /// Forgets whatever cannot be reached; all must be durable.
    pub fn retain(&mut self, reachable: impl Fn(&Inode) -> bool) {
        assert!(self.changes.is_empty(), "what is unsynced may yet be reached");
        self.places.retain(|inode, _| reachable(inode));
        self.contents.retain(|inode, _| reachable(inode));
    }

    /// Lets survive what surviving changes build on, and the first of an exchange with the second; whether the second
    /// of one has come to survive by that.
    fn complete(&self, survives: &mut [bool]) -> bool {
        for (index, change) in self.changes.iter().enumerate().rev() {
            if survives[index] {
                for (survives, earlier) in survives.iter_mut().zip(&self.changes[..index]) {
                    *survives |= change.builds_on(earlier);
                }
            }
        }
        let mut has_grown = false;
        for (index, change) in self.changes.iter().enumerate() {
            if change.with_next && survives[index] && !survives[index + 1] {
                (survives[index + 1], has_grown) = (true, true);
            }
        }
        has_grown
    }

    /// Makes the surviving changes durable, with what they build on; the others stay unsynced.
    fn commit(&mut self, mut survives: Vec<bool>) {
        // What builds on the first of an exchange has the second survive, too, and what that builds on.
        while self.complete(&mut survives) {}
        for (change, survives) in std::mem::take(&mut self.changes).into_iter().zip(survives) {
            match change.to {
                _ if !survives => self.changes.push(change),
                Some(place) => {
                    self.places.insert(change.inode, place);
                }
                None => {
                    self.places.remove(&change.inode);
                    self.contents.remove(&change.inode);
                }
            }
        }
    }
}

impl Change {
    fn touches(&self, directory: Inode) -> bool {
        self.from.iter().chain(&self.to).any(|place| place.directory == directory)
    }

    /// Whether this cannot survive without an earlier change.
    fn builds_on(&self, earlier: &Change) -> bool {
        let left = earlier.from.as_ref();
        // An inode is where its last change put it.
        earlier.inode == self.inode
            // A name is taken after it was given up.
            || left.is_some() && left == self.to.as_ref()
            // Something goes into a directory that is itself to be found, and not below what moves.
            || self.above.contains(&earlier.inode)
            // A directory is removed after all has left it.
            || self.to.is_none() && left.is_some_and(|left| left.directory == self.inode)
    }
}

impl Contents {
    fn apply(&mut self, written: &Written, length_bytes: usize) {
        self.modified_ns = written.modified_ns;
        match &written.what {
            What::Truncation => self.bytes.clear(),
            What::Bytes { offset, bytes } => {
                write_into(&mut self.bytes, *offset, &bytes[..bytes.len().min(length_bytes)]);
            }
        }
    }

    fn lose_power(&mut self, loss: PowerLoss, stream: &mut Stream) {
        for written in std::mem::take(&mut self.unsynced) {
            let size_bytes = match &written.what {
                What::Truncation => 1,
                What::Bytes { bytes, .. } => bytes.len(),
            };
            let length_bytes = match loss {
                PowerLoss::Lost => 0,
                PowerLoss::Torn => stream.between(0, size_bytes as u64) as usize,
                PowerLoss::Reordered if stream.chance(Ratio::one_in(2)) => size_bytes,
                PowerLoss::Reordered => 0,
            };
            if length_bytes > 0 {
                self.apply(&written, length_bytes);
            }
        }
    }
}

/// Writes over what is there and beyond its end; a gap is zeros.
pub(super) fn write_into(bytes: &mut Vec<u8>, offset: usize, written: &[u8]) {
    let end = offset + written.len();
    bytes.resize(bytes.len().max(end), 0);
    bytes[offset..end].copy_from_slice(written);
}
