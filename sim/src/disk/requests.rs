//! What attempts and the shuffle ask of a disk: performs each [`DiskRequest`] on the volume that its path is on.

use super::{FileSystem, Inode, Instead, error};
use std::collections::BTreeMap;
use windrow_core::failure::{OsError, OsErrorKind};
use windrow_core::ids::FileId;
use windrow_core::job::{Encoding, PathBytes};
use windrow_core::time::Time;
use windrow_core::worker::disk::{DiskReply, DiskRequest};

/// Where every worker's own directory lies, on its own disk.
const SCRATCH: &[u8] = b"/scratch/";

/// Which of the file systems that a worker sees.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Volume {
    /// What all see.
    Shared,
    /// What it sees in place of that.
    Other,
    /// Its own.
    Scratch,
}

/// The file systems that a worker sees.
pub struct Volumes<'a> {
    /// What all see.
    pub shared: &'a mut FileSystem,
    /// What it sees in place of that, as long as it does.
    pub other: &'a mut FileSystem,
    /// As what.
    pub instead: Option<Instead>,
    /// Its own.
    pub scratch: &'a mut FileSystem,
}

impl Volumes<'_> {
    pub(super) fn volume(&mut self, volume: Volume) -> &mut FileSystem {
        match volume {
            Volume::Shared => self.shared,
            Volume::Other => self.other,
            Volume::Scratch => self.scratch,
        }
    }

    pub(super) fn at(&mut self, path: &PathBytes) -> &mut FileSystem {
        let volume = self.volume_of(path);
        if (volume, self.instead) == (Volume::Other, Some(Instead::Mirror)) {
            self.other.mirror(self.shared);
        }
        self.volume(volume)
    }

    fn volume_of(&self, path: &PathBytes) -> Volume {
        if path.0.starts_with(SCRATCH) {
            Volume::Scratch
        } else if self.instead.is_some() {
            Volume::Other
        } else {
            Volume::Shared
        }
    }
}

/// The open files of one machine, by the names that it gave them.
#[derive(Debug, Default)]
pub struct OpenFiles(BTreeMap<FileId, (Volume, Inode)>);

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Performed {
    /// To be given as an answer.
    Answer(DiskReply),
    /// To be pushed.
    Bytes(Vec<u8>),
}

impl OpenFiles {
    /// Whether none is open.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Closes all, as a process's end does.
    pub fn close_all(&mut self, mut volumes: Volumes<'_>) {
        for (_, (volume, inode)) in std::mem::take(&mut self.0) {
            volumes.volume(volume).close(inode);
        }
    }

    /// Performs a request; a write takes all of `outgoing`.
    pub fn perform(
        &mut self,
        request: &DiskRequest,
        outgoing: &[u8],
        mut volumes: Volumes<'_>,
        now: Time,
    ) -> Result<Performed, OsError> {
        let done = |()| Performed::Answer(DiskReply::Done);
        match request {
            DiskRequest::Open { file, path, encoding } => {
                if *encoding == Encoding::Gzip {
                    return Err(error(OsErrorKind::InvalidData));
                }
                let inode = volumes.at(path).open(path)?;
                Ok(self.opened(*file, volumes.volume_of(path), inode, volumes))
            }
            DiskRequest::Create { file, path } => {
                let inode = volumes.at(path).create(path, now)?;
                Ok(self.opened(*file, volumes.volume_of(path), inode, volumes))
            }
            DiskRequest::Read { file, offset, length_bytes } => {
                assert!(*length_bytes > 0, "a read of nothing");
                let (volume, inode) = self.named(*file);
                let bytes = volumes.volume(volume).read(inode, *offset, *length_bytes)?;
                Ok(Performed::Bytes(bytes.to_vec()))
            }
            DiskRequest::Write { file, offset } => {
                let (volume, inode) = self.named(*file);
                volumes.volume(volume).write(inode, *offset, outgoing, now).map(done)
            }
            DiskRequest::Inspect { file } => {
                let (volume, inode) = self.named(*file);
                Ok(Performed::Answer(DiskReply::Opened(volumes.volume(volume).identity(inode))))
            }
            DiskRequest::Sync { file } => {
                let (volume, inode) = self.named(*file);
                volumes.volume(volume).sync(inode).map(done)
            }
            DiskRequest::Close { file } => {
                let (volume, inode) = self.named(*file);
                self.0.remove(file);
                volumes.volume(volume).close(inode);
                Ok(done(()))
            }
            DiskRequest::Remove { path } => volumes.at(path).remove_file(path).map(done),
            DiskRequest::CreateDirectory { path } => volumes.at(path).create_directories(path).map(done),
            DiskRequest::RemoveTree { path } => volumes.at(path).remove_tree(path).map(done),
            DiskRequest::SyncDirectory { path } => volumes.at(path).sync_directory(path).map(done),
        }
    }

    fn opened(&mut self, file: FileId, volume: Volume, inode: Inode, mut volumes: Volumes<'_>) -> Performed {
        assert!(self.0.insert(file, (volume, inode)).is_none(), "file {file} is open already");
        Performed::Answer(DiskReply::Opened(volumes.volume(volume).identity(inode)))
    }

    pub(super) fn named(&self, file: FileId) -> (Volume, Inode) {
        *self.0.get(&file).unwrap_or_else(|| panic!("file {file} is not open"))
    }
}
