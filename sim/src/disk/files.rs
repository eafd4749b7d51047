//! What the Manager asks of the shared storage: performs each [`FileRequest`], the listing of inputs included.

use super::{Entry, FileSystem};
use windrow_core::failure::OsError;
use windrow_core::job::{InputFile, PathBytes};
use windrow_core::manager::files::{FileAnswer, FileRequest, ListError};
use windrow_core::time::Time;

/// Performs a request and answers it.
pub fn perform_file_request(files: &mut FileSystem, request: &FileRequest, now: Time) -> FileAnswer {
    let answer = |result: Result<(), OsError>| match result {
        Ok(()) => FileAnswer::Done,
        Err(error) => FileAnswer::Failed(error),
    };
    match request {
        FileRequest::ListInputs { inputs } => FileAnswer::Listed(list(files, inputs)),
        FileRequest::Find { path } => FileAnswer::Found(files.exists(path)),
        FileRequest::CreateDirectory { path } => answer(files.create_directory(path)),
        FileRequest::WriteFile { path, contents, sync: _ } => answer(files.write_file(path, contents, now)),
        FileRequest::Rename { from, to } => answer(files.rename(from, to)),
        FileRequest::SyncDirectory { path } => answer(files.sync_directory(path)),
        FileRequest::RemoveTree { path } => answer(files.remove_tree(path)),
    }
}

fn list(files: &FileSystem, inputs: &[PathBytes]) -> Result<Vec<InputFile>, ListError> {
    let mut listed = Vec::new();
    for input in inputs {
        let named = if files.exists(input) { vec![input.clone()] } else { matches(files, input) };
        if named.is_empty() {
            return Err(ListError::NotFound { input: input.clone() });
        }
        for path in named.iter().flat_map(|path| visible_files(files, path)) {
            let unreadable = |error| ListError::Unreadable { path: path.clone(), error };
            let identity = files.identity_at(&path).map_err(unreadable)?;
            listed.push(InputFile { path, identity });
        }
    }
    Ok(listed)
}

/// What a pattern matches, in the order of path bytes.
fn matches(files: &FileSystem, pattern: &PathBytes) -> Vec<PathBytes> {
    let mut matching: Vec<PathBytes> = files
        .entries
        .keys()
        .filter(|path| fast_glob::glob_match(&pattern.0, path))
        .cloned()
        .map(PathBytes)
        .collect();
    matching.sort();
    matching
}

/// The file itself, or the files directly in the directory whose names are not hidden.
fn visible_files(files: &FileSystem, path: &PathBytes) -> Vec<PathBytes> {
    match files.entries.get(&path.0) {
        Some(Entry::File(_)) => vec![path.clone()],
        Some(Entry::Directory) => {
            let direct = |below: &PathBytes| {
                let name = &below.0[path.0.len() + 1..];
                let file = matches!(files.entries.get(&below.0), Some(Entry::File(_)));
                file && !name.contains(&b'/') && !name.starts_with(b"_") && !name.starts_with(b".")
            };
            files.tree(path).into_iter().filter(direct).collect()
        }
        None => Vec::new(),
    }
}
