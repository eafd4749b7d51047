//! What the Manager asks of the file system: owns the vocabulary; decides nothing.
//!
//! Each request is small, repeatable, and answered exactly once under its [`OperationId`](crate::ids::OperationId).

use crate::failure::OsError;
use crate::job::{FileIdentity, InputFile, PathBytes};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileRequest {
    /// Find the files that a job's input names. A directory stands for the files in it, but those whose names begin with
    /// `_` or `.`; it holds no directories but such, for leaving one out in silence would lose its data; a pattern (`*`, `?`, `[…]`, `{…}`) for what matches it, by the same rule where a match is a
    /// directory; either in the order of their path's bytes. Inputs keep their order. Answer: `Listed`.
    ListInputs {
        /// Files, directories, patterns.
        inputs: Vec<PathBytes>,
    },
    /// Tell whether a path is there, whatever it is. Answer: `Found`.
    Find {
        /// Which.
        path: PathBytes,
    },
    /// Tell what stands at a path, as far as it matters to who would replace it. Answer: `Occupied`.
    Inspect {
        /// Which.
        path: PathBytes,
    },
    /// Make one directory, readable to its owner's group and others as the process's umask says; one that is there counts
    /// as made. The directories above it must be there. Answer: `Done`.
    CreateDirectory {
        /// Which.
        path: PathBytes,
    },
    /// Make a file with these contents; one that is there is replaced. Answer: `Done`.
    WriteFile {
        /// Which.
        path: PathBytes,
        /// What it shall hold.
        #[serde(with = "serde_bytes")]
        contents: Vec<u8>,
        /// Whether it is synced.
        sync: bool,
    },
    /// Rename without replacing anything (`renameat2`, `RENAME_NOREPLACE`). Answer: `Done`.
    Rename {
        /// What.
        from: PathBytes,
        /// To what.
        to: PathBytes,
        /// Whether an earlier life of the Manager may have done it: then it counts as done if `to` is there and `from` is not.
        again: bool,
    },
    /// Exchange two directories in one step, if the one that is to be replaced stands at `to` (`renameat2`,
    /// `RENAME_EXCHANGE`): what is exchanged twice is as before. If that one stands at `from`, it counts as done.
    /// Answer: `Done`, `NotThere` if it stands at neither, or `NotSupported`.
    Exchange {
        /// What takes the place.
        from: PathBytes,
        /// The place.
        to: PathBytes,
        /// What is to be replaced.
        replaced: DirectoryIdentity,
    },
    /// Rename a directory without replacing anything, if this one stands at `from`; whatever else does stays there. If
    /// it stands at `to`, it counts as done. Answer: `Done`, or `NotThere` if it stands at neither.
    Relocate {
        /// From where.
        from: PathBytes,
        /// To where.
        to: PathBytes,
        /// Which.
        directory: DirectoryIdentity,
    },
    /// Sync a directory's entries. Answer: `Done`.
    SyncDirectory {
        /// Which.
        path: PathBytes,
    },
    /// Remove a directory and all in it; one that is not there counts as removed. Answer: `Done`.
    RemoveTree {
        /// Which.
        path: PathBytes,
    },
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileAnswer {
    /// The inputs were looked for.
    Listed(Result<Vec<InputFile>, ListError>),
    /// Whether it is there.
    Found(bool),
    /// What is there.
    Occupied(Occupant),
    /// It is done.
    Done,
    /// The directory that was meant is neither in its place nor where it would be by now.
    NotThere,
    /// The file system has no such operation.
    NotSupported,
    /// It could not be done.
    Failed(OsError),
}

/// Tells one directory from any other on its file system, wherever it is moved there: its inode's number. An output and
/// its staging directory are on one file system, and the number of that may be another after a restart.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryIdentity(pub u64);

/// What stands where an output is to go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Occupant {
    /// Nothing.
    Nothing,
    /// A file, a link or anything else that is no directory.
    NoDirectory,
    /// A directory on which something is mounted.
    Mount,
    /// A directory.
    Directory(Inside),
}

/// A directory that stands where an output is to go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inside {
    /// Which.
    pub identity: DirectoryIdentity,
    /// Whether it says that it is whole.
    pub has_success: bool,
    /// Something in it that no job puts into its output, by its path from there: any, if there is more than one.
    pub stranger: Option<PathBytes>,
    /// The files in it, in any order; where there is a stranger perhaps not all.
    pub files: Vec<FileIdentity>,
}

/// Says that the output it is in is whole.
pub const SUCCESS: &str = "_SUCCESS";
/// Holds the records that are left out of an output.
pub const QUARANTINE: &str = "_quarantine";

/// Whether a job puts such a thing into its output: a path from there.
pub fn is_of_an_output(path: &[u8], is_directory: bool) -> bool {
    let is_numbered = |name: &[u8], kind: &[u8]| {
        let digits = name.strip_prefix(kind);
        digits.is_some_and(|digits| digits.len() >= 5 && digits.iter().all(u8::is_ascii_digit))
    };
    if is_directory {
        return path == QUARANTINE.as_bytes();
    }
    match path.iter().position(|byte| *byte == b'/') {
        None => path == SUCCESS.as_bytes() || is_numbered(path, b"part-"),
        Some(slash) => path[..slash] == *QUARANTINE.as_bytes() && is_numbered(&path[slash + 1..], b"map-"),
    }
}

/// Why inputs could not be listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ListError {
    /// An input names no file.
    NotFound {
        /// The input as given.
        input: PathBytes,
    },
    /// A file or directory could not be read.
    Unreadable {
        /// Which.
        path: PathBytes,
        /// Why.
        error: OsError,
    },
}
