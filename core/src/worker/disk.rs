//! What a worker's machines ask of its disk: owns the vocabulary between [`super::attempt`] machines, the
//! [`super::shuffle`] and whoever performs for them.
//!
//! A machine has one request under way at a time and gets exactly one answer to it. Bytes never stand in a request:
//! what was read is pushed, what is to be written is borrowed.

use crate::failure::OsError;
use crate::ids::FileId;
use crate::job::{Encoding, FileIdentity, PathBytes};
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// One thing to do on a disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DiskRequest {
    /// Open a file for reading. Answer: `Opened`.
    Open {
        /// The name the open file shall have.
        file: FileId,
        /// Which.
        path: PathBytes,
        /// What its bytes go through. Encoded files are read from front to back only.
        encoding: Encoding,
    },
    /// Make a file for writing and reading that must not exist yet (`O_EXCL`). Answer: `Opened`.
    Create {
        /// The name the open file shall have.
        file: FileId,
        /// Which.
        path: PathBytes,
    },
    /// Read up to so many bytes. Answer: [`DiskUser::push_read`], with fewer bytes only at the end of the file.
    Read {
        /// From which file.
        file: FileId,
        /// From where, in decoded bytes.
        offset: u64,
        /// How many at the most.
        length_bytes: usize,
    },
    /// Write all of [`DiskUser::outgoing`]. Answer: `Done`.
    Write {
        /// To which file.
        file: FileId,
        /// At which place.
        offset: u64,
    },
    /// Look at an open file again. Answer: `Opened`.
    Inspect {
        /// Which.
        file: FileId,
    },
    /// Sync a file's contents. Answer: `Done`.
    Sync {
        /// Which.
        file: FileId,
    },
    /// Close a file. Answer: `Done`.
    Close {
        /// Which.
        file: FileId,
    },
    /// Remove a file by name; one that is not there counts as removed. Answer: `Done`.
    Remove {
        /// Which.
        path: PathBytes,
    },
    /// Make a directory and those above it; one that is there counts as made. Answer: `Done`.
    CreateDirectory {
        /// Which.
        path: PathBytes,
    },
    /// Remove a directory and all in it; one that is not there counts as removed. Answer: `Done`.
    RemoveTree {
        /// Which.
        path: PathBytes,
    },
    /// Sync a directory's entries. Answer: `Done`.
    SyncDirectory {
        /// Which.
        path: PathBytes,
    },
}

impl DiskRequest {
    /// The open file that it is about, if it is about one.
    pub fn file(&self) -> Option<FileId> {
        match self {
            DiskRequest::Open { file, .. }
            | DiskRequest::Create { file, .. }
            | DiskRequest::Read { file, .. }
            | DiskRequest::Write { file, .. }
            | DiskRequest::Inspect { file }
            | DiskRequest::Sync { file }
            | DiskRequest::Close { file } => Some(*file),
            DiskRequest::Remove { .. }
            | DiskRequest::CreateDirectory { .. }
            | DiskRequest::RemoveTree { .. }
            | DiskRequest::SyncDirectory { .. } => None,
        }
    }
}

/// The answer to every request but `Read`; a `Read` that fails is answered by the error alone.
pub type DiskAnswer = Result<DiskReply, OsError>;

/// What was done.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DiskReply {
    /// The file is open; this is what it is. Of an encoded file: what the encoded one is.
    Opened(FileIdentity),
    /// It is done.
    Done,
}

/// A machine whose reads and writes pass as borrowed slices.
pub trait DiskUser {
    /// Takes what the `Read` under way gave.
    fn push_read(&mut self, bytes: &[u8], now: Time);

    /// What the `Write` under way is to write.
    fn outgoing(&self) -> &[u8];
}
