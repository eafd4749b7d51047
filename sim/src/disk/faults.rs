//! What goes wrong with a disk that runs: owns the faults that a file system can be given, and how each
//! strikes.
//!
//! Every fault is set, and lifted, by whoever runs the world; no loss of power lifts one. Bit rot and loss
//! strike at once, unseen, and for good.

use super::{Entry, FileSystem, Inode, error, nanoseconds};
use crate::stream::Stream;
use windrow_core::failure::{OsError, OsErrorKind};
use windrow_core::job::PathBytes;
use windrow_core::time::Time;

/// Faults that wait for what they strike.
#[derive(Debug, Default)]
pub(super) struct Faults {
    room_bytes: Option<u64>,
    /// Whether files are made where there is no room: their names take none.
    makes_files: bool,
    failing_syncs: u32,
    failing_reads: u32,
}

impl Faults {
    /// How much of a write fits.
    pub fn take_room(&mut self, length_bytes: usize) -> usize {
        let Some(room_bytes) = &mut self.room_bytes else { return length_bytes };
        let fits = length_bytes.min(usize::try_from(*room_bytes).unwrap_or(usize::MAX));
        *room_bytes -= fits as u64;
        fits
    }

    /// Whether a new file has a place.
    pub fn has_room(&self) -> Result<(), OsError> {
        if self.room_bytes == Some(0) && !self.makes_files {
            Err(error(OsErrorKind::NoSpace))
        } else {
            Ok(())
        }
    }

    /// Whether a sync fails.
    pub fn strike_sync(&mut self) -> Result<(), OsError> {
        strike(&mut self.failing_syncs)
    }

    /// Whether a read fails.
    pub fn strike_read(&mut self) -> Result<(), OsError> {
        strike(&mut self.failing_reads)
    }
}

fn strike(failing: &mut u32) -> Result<(), OsError> {
    match failing.checked_sub(1) {
        Some(rest) => {
            *failing = rest;
            Err(error(OsErrorKind::Other))
        }
        None => Ok(()),
    }
}

impl FileSystem {
    /// Lifts all that was set on it.
    pub fn heal(&mut self) {
        self.limit_room(None);
        self.fail_syncs(0);
        self.fail_reads(0);
    }

    /// After `bytes` more bytes of writes it is full, whatever is removed: a write that does not fit fails,
    /// having written what fits. No file is made any more; renames go on. `None` lifts it.
    pub fn limit_room(&mut self, bytes: Option<u64>) {
        self.faults.room_bytes = bytes;
        self.faults.makes_files = false;
    }

    /// Likewise, but files are made as before: only what is written to them finds no room.
    pub fn limit_room_of_contents(&mut self, bytes: u64) {
        self.faults.room_bytes = Some(bytes);
        self.faults.makes_files = true;
    }

    /// The next `count` syncs of files or directories fail, as Linux fails them: what they were to make
    /// durable is seen as before, but no later sync makes it durable, though it says so. Zero lifts it.
    pub fn fail_syncs(&mut self, count: u32) {
        self.faults.failing_syncs = count;
    }

    /// The next `count` reads of open files fail. Zero lifts it.
    pub fn fail_reads(&mut self, count: u32) {
        self.faults.failing_reads = count;
    }

    /// Turns one bit of one file below a directory round, and tells in which and at which byte; `None` if no
    /// file there has any.
    pub fn rot(&mut self, below: &PathBytes, stream: &mut Stream) -> Option<(PathBytes, u64)> {
        let mut files = self.files_below(below);
        files.retain(|(_, inode)| !self.files[inode].bytes.is_empty());
        let (path, inode) = one_of(files, stream)?;
        let bytes = &mut self.file(inode).bytes;
        let (at, mask) = (stream.below(bytes.len() as u64), 1 << stream.below(8));
        bytes[at as usize] ^= mask;
        if let Some(medium) = &mut self.medium {
            medium.flip(inode, at as usize, mask);
        }
        Some((path, at))
    }

    /// Lets one file below a directory vanish, durably, and tells which; `None` if there is none.
    pub fn lose(&mut self, below: &PathBytes, stream: &mut Stream) -> Option<PathBytes> {
        let (path, inode) = one_of(self.files_below(below), stream)?;
        self.unlink(&path);
        if let Some(medium) = &mut self.medium {
            medium.settle(inode);
        }
        Some(path)
    }

    /// Has somebody else change what the file at `path` holds, durably: in place, or by putting another in its place.
    pub fn change(
        &mut self,
        path: &PathBytes,
        bytes: &[u8],
        in_place: bool,
        now: Time,
    ) -> Result<(), OsError> {
        let inode = if in_place {
            let inode = self.open(path)?;
            self.truncate(inode, now);
            inode
        } else {
            self.remove_file(path)?;
            // What was there made room for it.
            let room_bytes = self.faults.room_bytes.take();
            let made = self.create(path, now);
            self.faults.room_bytes = room_bytes;
            made?
        };
        self.file(inode).bytes = bytes.to_vec();
        if let Some(medium) = &mut self.medium {
            medium.written(inode, 0, bytes, nanoseconds(now));
            medium.sync(inode);
            medium.settle(inode);
        }
        self.close(inode);
        Ok(())
    }

    fn files_below(&self, directory: &PathBytes) -> Vec<(PathBytes, Inode)> {
        let file = |path: PathBytes| match self.entries.get(&path.0) {
            Some(Entry::File(inode)) => Some((path, *inode)),
            Some(Entry::Directory(_)) | None => None,
        };
        self.tree(directory).into_iter().filter_map(file).collect()
    }
}

fn one_of<T>(mut items: Vec<T>, stream: &mut Stream) -> Option<T> {
    let count = items.len() as u64;
    (count > 0).then(|| items.swap_remove(stream.below(count) as usize))
}
