//! Which files a job's inputs name, by the rules of the real listing
//! (`net/src/manager_files/list_inputs.rs`).

use super::{Entry, FileSystem};
use std::collections::BTreeSet;
use windrow_core::failure::{OsError, OsErrorKind};
use windrow_core::job::{InputFile, PathBytes};
use windrow_core::manager::files::ListError;

/// The files of all inputs, those of each input after those of the one before.
pub(super) fn list_inputs(files: &FileSystem, inputs: &[PathBytes]) -> Result<Vec<InputFile>, ListError> {
    let mut listed = Vec::new();
    for input in inputs {
        let named = if files.exists(input) { BTreeSet::from([input.clone()]) } else { matches(files, input) };
        if named.is_empty() {
            return Err(ListError::NotFound { input: input.clone() });
        }
        let mut paths = Vec::new();
        for path in named {
            paths.extend(files_of(files, path)?);
        }
        paths.sort();
        for path in paths {
            let unreadable = |error| ListError::Unreadable { path: path.clone(), error };
            let identity = files.identity_at(&path).map_err(unreadable)?;
            listed.push(InputFile { path, identity });
        }
    }
    Ok(listed)
}

/// A file, or the files directly in a directory whose names are not hidden.
fn files_of(files: &FileSystem, path: PathBytes) -> Result<Vec<PathBytes>, ListError> {
    if matches!(files.entries.get(&path.0), Some(Entry::File(_))) {
        return Ok(vec![path]);
    }
    let inner: Vec<PathBytes> =
        names(files, &path).filter(|name| !is_hidden(name)).map(|name| path.join(name)).collect();
    for path in &inner {
        if matches!(files.entries.get(&path.0), Some(Entry::Directory(_))) {
            let text = "it is a directory inside an input directory".into();
            let error = OsError { kind: OsErrorKind::IsADirectory, text };
            return Err(ListError::Unreadable { path: path.clone(), error });
        }
    }
    Ok(inner)
}

/// The names in a directory; none in what is no directory.
fn names<'a>(files: &'a FileSystem, directory: &PathBytes) -> impl Iterator<Item = &'a [u8]> {
    let inside = directory.join("");
    files
        .entries
        .range(inside.0.clone()..)
        .map_while(move |(path, _)| path.strip_prefix(inside.0.as_slice()))
        .filter(|name| !name.is_empty() && !name.contains(&b'/'))
}

fn is_hidden(name: &[u8]) -> bool {
    matches!(name.first(), Some(b'_' | b'.'))
}

fn is_pattern(bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| b"*?[{\\".contains(byte))
}

/// The paths that a pattern matches, found component by component.
fn matches(files: &FileSystem, pattern: &PathBytes) -> BTreeSet<PathBytes> {
    if !is_pattern(&pattern.0) {
        return BTreeSet::new();
    }
    let mut found = BTreeSet::from([PathBytes::from("/")]);
    for component in pattern.0.split(|byte| *byte == b'/').filter(|component| !component.is_empty()) {
        let deeper = |path: &PathBytes| -> Vec<PathBytes> {
            if is_pattern(component) {
                let matching = names(files, path).filter(|name| matches_component(component, name));
                matching.map(|name| path.join(name)).collect()
            } else {
                Some(path.join(component)).filter(|path| files.exists(path)).into_iter().collect()
            }
        };
        found = found.iter().flat_map(deeper).collect();
    }
    found
}

fn matches_component(pattern: &[u8], name: &[u8]) -> bool {
    if is_hidden(name) && pattern.first() != name.first() {
        return false;
    }
    // To the library a leading exclamation mark would turn the answer round.
    match pattern.strip_prefix(b"!") {
        Some(_) => fast_glob::glob_match([b"\\", pattern].concat(), name),
        None => fast_glob::glob_match(pattern, name),
    }
}
