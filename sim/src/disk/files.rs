//! What the Manager asks of the shared storage: performs each [`FileRequest`].

use super::FileSystem;
use super::list_inputs::list_inputs;
use windrow_core::failure::OsError;
use windrow_core::job::PathBytes;
use windrow_core::manager::files::{FileAnswer, FileRequest};
use windrow_core::time::Time;

/// Performs a request and answers it.
pub fn perform_file_request(files: &mut FileSystem, request: &FileRequest, now: Time) -> FileAnswer {
    let answer = |result: Result<(), OsError>| match result {
        Ok(()) => FileAnswer::Done,
        Err(error) => FileAnswer::Failed(error),
    };
    match request {
        FileRequest::ListInputs { inputs } => FileAnswer::Listed(list_inputs(files, inputs)),
        FileRequest::Find { path } => FileAnswer::Found(files.exists(path)),
        FileRequest::CreateDirectory { path } => answer(files.create_directory(path)),
        FileRequest::WriteFile { path, contents, sync: false } => {
            answer(files.write_file(path, contents, now))
        }
        FileRequest::WriteFile { path, contents, sync: true } => {
            answer(files.write_file(path, contents, now).and_then(|()| files.sync_file(path)))
        }
        FileRequest::Rename { from, to, again } => answer(rename(files, from, to, *again)),
        FileRequest::Inspect { path } => FileAnswer::Occupied(files.occupant(path)),
        FileRequest::Exchange { from, to, replaced } => {
            files.exchange(from, to, *replaced).unwrap_or_else(FileAnswer::Failed)
        }
        FileRequest::Relocate { from, to, directory } => {
            files.relocate(from, to, *directory).unwrap_or_else(FileAnswer::Failed)
        }
        FileRequest::SyncDirectory { path } => answer(files.sync_directory(path)),
        FileRequest::RemoveTree { path } => answer(files.remove_tree(path)),
    }
}

/// Renames, or finds that an earlier life has done it.
fn rename(files: &mut FileSystem, from: &PathBytes, to: &PathBytes, again: bool) -> Result<(), OsError> {
    files.rename(from, to).or_else(|error| {
        let was_renamed = again && !files.exists(from) && files.exists(to);
        if was_renamed { Ok(()) } else { Err(error) }
    })
}
