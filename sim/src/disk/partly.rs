//! What a process leaves that dies in the middle of a request: owns which requests change a disk, and their
//! halves.
//!
//! What a file system does in one step is done or not; what takes many steps is done up to any of them. There
//! is no answer, for nobody is left to hear it.

use super::{Entry, FileSystem, OpenFiles, Volumes};
use crate::stream::{Ratio, Stream};
use windrow_core::failure::OsError;
use windrow_core::job::PathBytes;
use windrow_core::manager::files::FileRequest;
use windrow_core::time::Time;
use windrow_core::worker::disk::DiskRequest;

/// Whether a request changes what is on a disk, or makes it durable.
pub fn is_durable_write(request: &DiskRequest) -> bool {
    match request {
        DiskRequest::Create { .. }
        | DiskRequest::Write { .. }
        | DiskRequest::Sync { .. }
        | DiskRequest::Remove { .. }
        | DiskRequest::CreateDirectory { .. }
        | DiskRequest::RemoveTree { .. }
        | DiskRequest::SyncDirectory { .. } => true,
        DiskRequest::Open { .. }
        | DiskRequest::Read { .. }
        | DiskRequest::Inspect { .. }
        | DiskRequest::Close { .. } => false,
    }
}

/// Whether a request changes what is on the shared storage, or makes it durable.
pub fn is_durable_file_request(request: &FileRequest) -> bool {
    match request {
        FileRequest::CreateDirectory { .. }
        | FileRequest::WriteFile { .. }
        | FileRequest::Rename { .. }
        | FileRequest::Exchange { .. }
        | FileRequest::Relocate { .. }
        | FileRequest::SyncDirectory { .. }
        | FileRequest::RemoveTree { .. } => true,
        FileRequest::ListInputs { .. } | FileRequest::Find { .. } | FileRequest::Inspect { .. } => false,
    }
}

impl OpenFiles {
    /// Does what is left of a request when its process dies in the middle of it; a write is of `outgoing`.
    pub fn perform_partly(
        &self,
        request: &DiskRequest,
        outgoing: &[u8],
        mut volumes: Volumes<'_>,
        now: Time,
        stream: &mut Stream,
    ) {
        // What fails leaves nothing, or what it had done.
        let _ = match request {
            DiskRequest::Write { file, offset } => {
                let (volume, inode) = self.named(*file);
                let written = prefix(outgoing, stream);
                volumes.volume(volume).write(inode, *offset, written, now)
            }
            DiskRequest::CreateDirectory { path } => create_some(volumes.at(path), path, stream),
            DiskRequest::RemoveTree { path } => {
                remove_some(volumes.at(path), path, stream);
                Ok(())
            }
            DiskRequest::Create { .. }
            | DiskRequest::Sync { .. }
            | DiskRequest::Remove { .. }
            | DiskRequest::SyncDirectory { .. }
                if !happens(stream) =>
            {
                Ok(())
            }
            DiskRequest::Create { path, .. } => {
                let files = volumes.at(path);
                files.create(path, now).map(|inode| files.close(inode))
            }
            DiskRequest::Sync { file } => {
                let (volume, inode) = self.named(*file);
                volumes.volume(volume).sync(inode)
            }
            DiskRequest::Remove { path } => volumes.at(path).remove_file(path),
            DiskRequest::SyncDirectory { path } => volumes.at(path).sync_directory(path),
            DiskRequest::Open { .. }
            | DiskRequest::Read { .. }
            | DiskRequest::Inspect { .. }
            | DiskRequest::Close { .. } => Ok(()),
        };
    }
}

/// Does what is left of a request when its process dies in the middle of it.
pub fn perform_file_request_partly(
    files: &mut FileSystem,
    request: &FileRequest,
    now: Time,
    stream: &mut Stream,
) {
    // What fails leaves nothing, or what it had done.
    let _ = match request {
        FileRequest::WriteFile { path, contents, sync } => {
            let written = prefix(contents, stream);
            let syncs = *sync && written.len() == contents.len() && happens(stream);
            let done = files.write_file(path, written, now);
            if syncs { done.and_then(|()| files.sync_file(path)) } else { done }
        }
        FileRequest::RemoveTree { path } => {
            remove_some(files, path, stream);
            Ok(())
        }
        FileRequest::CreateDirectory { .. }
        | FileRequest::Rename { .. }
        | FileRequest::Exchange { .. }
        | FileRequest::Relocate { .. }
        | FileRequest::SyncDirectory { .. }
            if !happens(stream) =>
        {
            Ok(())
        }
        FileRequest::CreateDirectory { path } => files.create_directory(path),
        FileRequest::Rename { from, to, again: _ } => files.rename(from, to),
        FileRequest::Exchange { from, to, replaced } => files.exchange(from, to, *replaced).map(|_| ()),
        FileRequest::Relocate { from, to, directory } => files.relocate(from, to, *directory).map(|_| ()),
        FileRequest::SyncDirectory { path } => files.sync_directory(path),
        FileRequest::ListInputs { .. } | FileRequest::Find { .. } | FileRequest::Inspect { .. } => Ok(()),
    };
}

fn happens(stream: &mut Stream) -> bool {
    stream.chance(Ratio::one_in(2))
}

fn prefix<'a>(bytes: &'a [u8], stream: &mut Stream) -> &'a [u8] {
    &bytes[..stream.between(0, bytes.len() as u64) as usize]
}

/// Makes some of the directories that are missing, from the top.
fn create_some(files: &mut FileSystem, path: &PathBytes, stream: &mut Stream) -> Result<(), OsError> {
    if let Some((parent, _)) = path.split_name() {
        create_some(files, &parent, stream)?;
        if files.exists(&parent) && happens(stream) {
            files.create_directory(path)?;
        }
    }
    Ok(())
}

/// Removes some of a tree: any of its files, and any of the directories that are empty then.
fn remove_some(files: &mut FileSystem, path: &PathBytes, stream: &mut Stream) {
    for below in files.tree(path).into_iter().rev().chain([path.clone()]) {
        let removable = match files.entries.get(&below.0) {
            Some(Entry::Directory(_)) => files.tree(&below).is_empty(),
            Some(Entry::File(_)) => below != *path,
            None => false,
        };
        if removable && happens(stream) {
            files.unlink(&below);
        }
    }
}
