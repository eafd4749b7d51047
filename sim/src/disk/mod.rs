//! Disks: owns the files of the shared storage and of each worker's scratch, in memory, as Unix has them.
//!
//! A file is an inode: it lives on while it is open, whatever becomes of its name. Never draws a delay or decides when
//! something happens. Invariant: every entry but the root lies in a directory, every inode is named once or open.

mod files;
mod requests;

pub use files::perform_file_request;
pub use requests::{OpenFiles, Performed, Volume, Volumes};

use std::collections::BTreeMap;
use windrow_core::failure::{OsError, OsErrorKind};
use windrow_core::job::{FileIdentity, PathBytes};
use windrow_core::time::Time;

/// A file by number, whatever its name.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Inode(u64);

/// What stands under a path.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Entry {
    Directory,
    File(Inode),
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
}

impl Default for FileSystem {
    fn default() -> FileSystem {
        let entries = BTreeMap::from([(b"/".to_vec(), Entry::Directory)]);
        FileSystem { entries, files: BTreeMap::new(), inodes: 0 }
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
            Some(Entry::Directory) => return Ok(()),
            Some(Entry::File(_)) => return Err(error(OsErrorKind::Exists)),
            None => {}
        }
        self.parent_is_there(path)?;
        self.entries.insert(path.0.clone(), Entry::Directory);
        Ok(())
    }

    /// Makes a directory and those above it.
    pub fn create_directories(&mut self, path: &PathBytes) -> Result<(), OsError> {
        if let Some((parent, _)) = path.split_name() {
            self.create_directories(&parent)?;
        }
        self.create_directory(path)
    }

    /// Makes a file that holds `contents`; one that is there is replaced.
    pub fn write_file(&mut self, path: &PathBytes, contents: &[u8], now: Time) -> Result<(), OsError> {
        match self.entries.get(&path.0) {
            Some(Entry::Directory) => return Err(error(OsErrorKind::IsADirectory)),
            Some(Entry::File(_)) => self.remove_file(path)?,
            None => {}
        }
        let inode = self.create(path, now)?;
        self.write(inode, 0, contents, now);
        self.close(inode);
        Ok(())
    }

    /// Removes a file by name; one that is not there counts as removed.
    pub fn remove_file(&mut self, path: &PathBytes) -> Result<(), OsError> {
        match self.entries.get(&path.0) {
            None => Ok(()),
            Some(Entry::Directory) => Err(error(OsErrorKind::IsADirectory)),
            Some(Entry::File(_)) => {
                self.unlink(&path.0);
                Ok(())
            }
        }
    }

    /// Removes a directory and all in it; one that is not there counts as removed.
    pub fn remove_tree(&mut self, path: &PathBytes) -> Result<(), OsError> {
        match self.entries.get(&path.0) {
            None => return Ok(()),
            Some(Entry::File(_)) => return Err(error(OsErrorKind::NotADirectory)),
            Some(Entry::Directory) => {}
        }
        for below in self.tree(path) {
            self.unlink(&below.0);
        }
        self.unlink(&path.0);
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
        for below in self.tree(from) {
            if let Some(moved) = self.entries.remove(&below.0) {
                self.entries.insert([&to.0, &below.0[from.0.len()..]].concat(), moved);
            }
        }
        self.entries.remove(&from.0);
        self.entries.insert(to.0.clone(), entry);
        Ok(())
    }

    /// Syncs a directory's entries: for now only looks whether it is one.
    pub fn sync_directory(&self, path: &PathBytes) -> Result<(), OsError> {
        match self.entries.get(&path.0) {
            Some(Entry::Directory) => Ok(()),
            Some(Entry::File(_)) => Err(error(OsErrorKind::NotADirectory)),
            None => Err(error(OsErrorKind::NotFound)),
        }
    }

    /// Opens the file at `path`.
    pub fn open(&mut self, path: &PathBytes) -> Result<Inode, OsError> {
        let inode = self.file_at(path)?;
        self.file(inode).opened += 1;
        Ok(inode)
    }

    /// Makes a file that must not exist yet, and opens it.
    pub fn create(&mut self, path: &PathBytes, now: Time) -> Result<Inode, OsError> {
        if self.exists(path) {
            return Err(error(OsErrorKind::Exists));
        }
        self.parent_is_there(path)?;
        self.inodes += 1;
        let inode = Inode(self.inodes);
        self.entries.insert(path.0.clone(), Entry::File(inode));
        self.files
            .insert(inode, File { modified_ns: nanoseconds(now), named: true, opened: 1, ..File::default() });
        Ok(inode)
    }

    /// What an open file is now.
    pub fn identity(&self, inode: Inode) -> FileIdentity {
        let File { bytes, modified_ns, .. } = &self.files[&inode];
        FileIdentity { inode: inode.0, size_bytes: bytes.len() as u64, modified_ns: *modified_ns }
    }

    /// Up to `length` bytes of an open file, fewer only at its end.
    pub fn read(&self, inode: Inode, offset: u64, length: usize) -> &[u8] {
        let bytes = &self.files[&inode].bytes;
        let start = bytes.len().min(usize::try_from(offset).unwrap_or(usize::MAX));
        &bytes[start..bytes.len().min(start.saturating_add(length))]
    }

    /// Writes into an open file, over what is there and beyond its end.
    pub fn write(&mut self, inode: Inode, offset: u64, written: &[u8], now: Time) {
        let file = self.file(inode);
        let start = usize::try_from(offset).expect("a simulated file fits into memory");
        let end = start + written.len();
        file.bytes.resize(file.bytes.len().max(end), 0);
        file.bytes[start..end].copy_from_slice(written);
        file.modified_ns = nanoseconds(now);
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
            Some(Entry::Directory) => Err(error(OsErrorKind::IsADirectory)),
            None => {
                self.parent_is_there(path)?;
                Err(error(OsErrorKind::NotFound))
            }
        }
    }

    fn parent_is_there(&self, path: &PathBytes) -> Result<(), OsError> {
        let (parent, _) = path.split_name().ok_or_else(|| error(OsErrorKind::Exists))?;
        self.sync_directory(&parent)
    }

    fn unlink(&mut self, path: &[u8]) {
        if let Some(Entry::File(inode)) = self.entries.remove(path) {
            self.file(inode).named = false;
            self.forget_if_unreachable(inode);
        }
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
