//! What the Manager asks of the file system: owns the vocabulary; decides nothing.
//!
//! Each request is small, repeatable, and answered exactly once under its [`OperationId`](crate::ids::OperationId).

use crate::failure::OsError;
use crate::job::{InputFile, PathBytes};
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
    /// It is done.
    Done,
    /// It could not be done.
    Failed(OsError),
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
