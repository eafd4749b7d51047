//! Disks: owns the files of the shared storage and of each worker's scratch, in memory, as Unix has them.
//!
//! A file is an inode: it lives on while it is open, whatever becomes of its name. Never draws a delay or
//! decides when something happens. A process that dies loses nothing of what it wrote; power that is lost may
//! take the unsynced. Invariant: every entry but the root lies in a directory, every file's inode is named
//! once or open.

mod faults;
mod files;
mod gzip;
mod list_inputs;
mod medium;
mod other;
mod partly;
mod permission;
mod power;
mod replace;
mod requests;

pub use files::perform_file_request;
pub use gzip::stored;
pub use medium::PowerLoss;
pub use other::Instead;
pub use partly::{is_durable_file_request, is_durable_write, perform_file_request_partly};
pub use requests::{OpenFiles, Performed, Volume, Volumes};

use faults::Faults;
use medium::{Medium, Place, ROOT, write_into};
use std::collections::{BTreeMap, BTreeSet};
use windrow_core::failure::{OsError, OsErrorKind};
use windrow_core::job::{FileIdentity, PathBytes};
use windrow_core::time::Time;

/// A file or a directory by number, whatever its name.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Inode(u64);

/// What stands under a path.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Entry {
    Directory(Inode),
    File(Inode),
}

impl Entry {
    fn inode(self) -> Inode {
        match self {
            Entry::Directory(inode) | Entry::File(inode) => inode,
        }
    }
}

#[derive(Debug, Default)]
struct File {
    bytes: Vec<u8>,
    modified_ns: i64,
    named: bool,
    opened: u32,
}

/// The files below one root.
#[derive(Debug)]
pub struct FileSystem {
    entries: BTreeMap<Vec<u8>, Entry>,
    files: BTreeMap<Inode, File>,
    inodes: u64,
    /// What may not be read, or not written into.
    forbidden: BTreeSet<Vec<u8>>,
    faults: Faults,
    /// Whether one directory can take the place of another in one step.
    can_exchange: bool,
    /// What would be left without power; `None` where power is never lost.
    medium: Option<Medium>,
}

impl Default for FileSystem {
    fn default() -> FileSystem {
        FileSystem::volatile(false)
    }
}

fn error(kind: OsErrorKind) -> OsError {
    let text = match kind {
        OsErrorKind::NotFound => "no such file or directory",
        OsErrorKind::Exists => "file exists",
        OsErrorKind::PermissionDenied => "permission denied",
        OsErrorKind::NotADirectory => "not a directory",
        OsErrorKind::IsADirectory => "is a directory",
        OsErrorKind::NoSpace => "no space left on device",
        OsErrorKind::ConnectionRefused => "connection refused",
        OsErrorKind::AddressInUse => "address in use",
        OsErrorKind::TimedOut => "timed out",
        OsErrorKind::InvalidData => "invalid data",
        OsErrorKind::NotExecutable => "exec format error",
        OsErrorKind::NotAFile => "not a file",
        OsErrorKind::Other => "input/output error",
    };
    OsError { kind, text: text.into() }
}

/// The range of paths inside a directory: nothing sorts between `d/` and `d0` but what begins with `d/`.
fn inside(path: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let bare = path.strip_suffix(b"/").unwrap_or(path);
    ([bare, b"/"].concat(), [bare, b"0"].concat())
}

impl FileSystem {
    /// An empty one. Only one that is volatile can lose power; it remembers what it takes to do so.
    pub fn volatile(volatile: bool) -> FileSystem {
        FileSystem {
            entries: BTreeMap::from([(b"/".to_vec(), Entry::Directory(ROOT))]),
            files: BTreeMap::new(),
            inodes: ROOT.0,
            forbidden: BTreeSet::new(),
            faults: Faults::default(),
            can_exchange: true,
            medium: volatile.then(Medium::default),
        }
    }

    /// Whether something is there.
    pub fn exists(&self, path: &PathBytes) -> bool {
        self.entries.contains_key(&path.0)
    }

    /// Every path below `directory`, in the order of its bytes.
    pub fn tree(&self, directory: &PathBytes) -> Vec<PathBytes> {
        let (first, end) = inside(&directory.0);
        self.entries
            .range(first.clone()..end)
            .map(|(path, _)| path)
            .filter(|path| **path != first)
            .cloned()
            .map(PathBytes)
            .collect()
    }

    /// The contents of the file at `path`.
    pub fn contents(&self, path: &PathBytes) -> Result<&[u8], OsError> {
        self.file_at(path).map(|inode| self.files[&inode].bytes.as_slice())
    }

    /// What the file at `path` is.
    pub fn identity_at(&self, path: &PathBytes) -> Result<FileIdentity, OsError> {
        self.file_at(path).map(|inode| self.identity(inode))
    }

    /// Makes one directory; one that is there counts as made.
    pub fn create_directory(&mut self, path: &PathBytes) -> Result<(), OsError> {
        match self.entries.get(&path.0) {
            Some(Entry::Directory(_)) => return Ok(()),
            Some(Entry::File(_)) => return Err(error(OsErrorKind::Exists)),
            None => {}
        }
        self.parent_is_there(path)?;
        let inode = self.next_inode();
        self.link(path, Entry::Directory(inode));
        Ok(())
    }

    /// Makes a directory and those above it.
    pub fn create_directories(&mut self, path: &PathBytes) -> Result<(), OsError> {
        if let Some((parent, _)) = path.split_name() {
            self.create_directories(&parent)?;
        }
        self.create_directory(path)
    }

    /// Makes a file that holds `contents`; one that is there is emptied first.
    pub fn write_file(&mut self, path: &PathBytes, contents: &[u8], now: Time) -> Result<(), OsError> {
        let inode = if self.exists(path) {
            let inode = self.open(path)?;
            self.truncate(inode, now);
            inode
        } else {
            self.create(path, now)?
        };
        let written = self.write(inode, 0, contents, now);
        self.close(inode);
        written
    }

    /// Syncs the contents of the file at `path`.
    pub fn sync_file(&mut self, path: &PathBytes) -> Result<(), OsError> {
        let inode = self.file_at(path)?;
        self.sync(inode)
    }

    /// Removes a file by name; one that is not there counts as removed.
    pub fn remove_file(&mut self, path: &PathBytes) -> Result<(), OsError> {
        match self.entries.get(&path.0) {
            None => Ok(()),
            Some(Entry::Directory(_)) => Err(error(OsErrorKind::IsADirectory)),
            Some(Entry::File(_)) => {
                self.unlink(path);
                Ok(())
            }
        }
    }

    /// Removes a directory and all in it; one that is not there counts as removed.
    pub fn remove_tree(&mut self, path: &PathBytes) -> Result<(), OsError> {
        match self.entries.get(&path.0) {
            None => return Ok(()),
            Some(Entry::File(_)) => return Err(error(OsErrorKind::NotADirectory)),
            Some(Entry::Directory(_)) => {}
        }
        for below in self.tree(path).into_iter().rev() {
            self.unlink(&below);
        }
        self.unlink(path);
        Ok(())
    }

    /// Renames a file or a directory with all in it, without replacing anything.
    pub fn rename(&mut self, from: &PathBytes, to: &PathBytes) -> Result<(), OsError> {
        let entry = *self.entries.get(&from.0).ok_or_else(|| error(OsErrorKind::NotFound))?;
        if self.exists(to) {
            return Err(error(OsErrorKind::Exists));
        }
        self.parent_is_there(to)?;
        if to.0.starts_with(&inside(&from.0).0) {
            return Err(error(OsErrorKind::Other));
        }
        self.note(entry.inode(), Some(from), Some(to));
        for below in self.tree(from) {
            if let Some(moved) = self.entries.remove(&below.0) {
                self.entries.insert([&to.0, &below.0[from.0.len()..]].concat(), moved);
            }
        }
        self.entries.remove(&from.0);
        self.entries.insert(to.0.clone(), entry);
        Ok(())
    }

    /// Syncs what entered and left a directory.
    pub fn sync_directory(&mut self, path: &PathBytes) -> Result<(), OsError> {
        let directory = self.directory_at(path)?;
        let synced = self.faults.strike_sync();
        if let Some(medium) = &mut self.medium {
            match synced {
                Ok(()) => medium.sync_directory(directory),
                Err(_) => medium.give_up_directory(directory),
            }
        }
        synced
    }

    /// Opens the file at `path`.
    pub fn open(&mut self, path: &PathBytes) -> Result<Inode, OsError> {
        let inode = self.file_at(path)?;
        self.is_allowed(path)?;
        self.file(inode).opened += 1;
        Ok(inode)
    }

    /// Makes a file that must not exist yet, and opens it.
    pub fn create(&mut self, path: &PathBytes, now: Time) -> Result<Inode, OsError> {
        if self.exists(path) {
            return Err(error(OsErrorKind::Exists));
        }
        self.parent_is_there(path)?;
        self.faults.has_room()?;
        let (inode, modified_ns) = (self.next_inode(), nanoseconds(now));
        self.files.insert(inode, File { modified_ns, named: true, opened: 1, ..File::default() });
        if let Some(medium) = &mut self.medium {
            medium.file_made(inode, modified_ns);
        }
        self.link(path, Entry::File(inode));
        Ok(inode)
    }

    /// What an open file is now.
    pub fn identity(&self, inode: Inode) -> FileIdentity {
        let File { bytes, modified_ns, .. } = &self.files[&inode];
        FileIdentity { inode: inode.0, size_bytes: bytes.len() as u64, modified_ns: *modified_ns }
    }

    /// Up to `length` bytes of an open file, fewer only at its end.
    pub fn read(&mut self, inode: Inode, offset: u64, length: usize) -> Result<&[u8], OsError> {
        self.faults.strike_read()?;
        let bytes = &self.files[&inode].bytes;
        let start = bytes.len().min(usize::try_from(offset).unwrap_or(usize::MAX));
        Ok(&bytes[start..bytes.len().min(start.saturating_add(length))])
    }

    /// Writes into an open file, over what is there and beyond its end; of nothing, it does nothing.
    pub fn write(&mut self, inode: Inode, offset: u64, bytes: &[u8], now: Time) -> Result<(), OsError> {
        let (written, refused) = bytes.split_at(self.faults.take_room(bytes.len()));
        if !written.is_empty() {
            let offset = usize::try_from(offset).expect("a simulated file fits into memory");
            let (file, modified_ns) = (self.file(inode), nanoseconds(now));
            write_into(&mut file.bytes, offset, written);
            file.modified_ns = modified_ns;
            if let Some(medium) = &mut self.medium {
                medium.written(inode, offset, written, modified_ns);
            }
        }
        if refused.is_empty() { Ok(()) } else { Err(error(OsErrorKind::NoSpace)) }
    }

    /// Syncs the contents of an open file.
    pub fn sync(&mut self, inode: Inode) -> Result<(), OsError> {
        let synced = self.faults.strike_sync();
        if let Some(medium) = &mut self.medium {
            match synced {
                Ok(()) => medium.sync(inode),
                Err(_) => medium.give_up(inode),
            }
        }
        synced
    }

    /// Closes an open file.
    pub fn close(&mut self, inode: Inode) {
        self.file(inode).opened -= 1;
        self.forget_if_unreachable(inode);
    }

    fn file(&mut self, inode: Inode) -> &mut File {
        self.files.get_mut(&inode).expect("a file is kept while it is named or open")
    }

    fn file_at(&self, path: &PathBytes) -> Result<Inode, OsError> {
        match self.entries.get(&path.0) {
            Some(Entry::File(inode)) => Ok(*inode),
            Some(Entry::Directory(_)) => Err(error(OsErrorKind::IsADirectory)),
            None => {
                self.parent_is_there(path)?;
                Err(error(OsErrorKind::NotFound))
            }
        }
    }

    fn directory_at(&self, path: &PathBytes) -> Result<Inode, OsError> {
        match self.entries.get(&path.0) {
            Some(Entry::Directory(inode)) => Ok(*inode),
            Some(Entry::File(_)) => Err(error(OsErrorKind::NotADirectory)),
            None => Err(error(OsErrorKind::NotFound)),
        }
    }

    fn parent_is_there(&self, path: &PathBytes) -> Result<(), OsError> {
        let (parent, _) = path.split_name().ok_or_else(|| error(OsErrorKind::Exists))?;
        self.directory_at(&parent)?;
        self.is_allowed(&parent)
    }

    fn next_inode(&mut self) -> Inode {
        self.inodes += 1;
        Inode(self.inodes)
    }

    fn truncate(&mut self, inode: Inode, now: Time) {
        let (file, modified_ns) = (self.file(inode), nanoseconds(now));
        file.bytes.clear();
        file.modified_ns = modified_ns;
        if let Some(medium) = &mut self.medium {
            medium.truncated(inode, modified_ns);
        }
    }

    fn link(&mut self, path: &PathBytes, entry: Entry) {
        self.note(entry.inode(), None, Some(path));
        self.entries.insert(path.0.clone(), entry);
    }

    fn unlink(&mut self, path: &PathBytes) {
        let Some(entry) = self.entries.get(&path.0).copied() else { return };
        self.note(entry.inode(), Some(path), None);
        self.entries.remove(&path.0);
        if let Entry::File(inode) = entry {
            self.file(inode).named = false;
            self.forget_if_unreachable(inode);
        }
    }

    /// Tells the medium what is about to move; the directories on the way are there.
    fn note(&mut self, inode: Inode, from: Option<&PathBytes>, to: Option<&PathBytes>) {
        if self.medium.is_none() {
            return;
        }
        let [from_place, to_place] = [from, to].map(|path| path.map(|path| self.place(path)));
        let above = to.map_or_else(Vec::new, |path| self.above(path));
        if let Some(medium) = &mut self.medium {
            medium.moved(inode, from_place, to_place, above);
        }
    }

    /// Tells the medium of two directories that are about to take each other's place, of which one is to be replaced.
    fn note_exchange(&mut self, old: (Inode, &PathBytes), new: (Inode, &PathBytes)) {
        self.note(old.0, Some(old.1), Some(new.1));
        self.note(new.0, Some(new.1), Some(old.1));
        if let Some(medium) = &mut self.medium {
            medium.join_the_last_two();
        }
    }

    fn place(&self, path: &PathBytes) -> Place {
        let (parent, name) = path.split_name().expect("the root stays where it is");
        let directory = self.directory_at(&parent).expect("what is named lies in a directory");
        Place { directory, name: name.to_vec() }
    }

    fn above(&self, path: &PathBytes) -> Vec<Inode> {
        let parent = |path: &PathBytes| path.split_name().map(|(parent, _)| parent);
        std::iter::successors(parent(path), parent).filter_map(|path| self.directory_at(&path).ok()).collect()
    }

    fn forget_if_unreachable(&mut self, inode: Inode) {
        let file = self.file(inode);
        if !file.named && file.opened == 0 {
            self.files.remove(&inode);
        }
    }
}

fn nanoseconds(time: Time) -> i64 {
    i64::try_from(time.as_us().saturating_mul(1_000)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
