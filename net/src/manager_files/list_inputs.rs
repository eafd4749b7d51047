//! Which files a job's inputs name: owns the rules for directories, patterns and hidden names.
//!
//! A path that is there is taken literally, whatever characters it has. Symbolic links are followed. Hidden names,
//! which begin with `_` or `.`, are skipped inside directories, and matched only by a pattern that begins so itself.
//! `**` is no more than `*`.

use super::{identity, is_absence};
use crate::os_error::os_error;
use crate::path::as_path;
use fast_glob::glob_match;
use rustix::fs::{Access, OFlags};
use std::collections::BTreeSet;
use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use windrow_core::failure::{OsError, OsErrorKind};
use windrow_core::job::{InputFile, PathBytes};
use windrow_core::manager::files::ListError;

/// The files of all inputs, those of each input after those of the one before.
pub(super) fn list_inputs(inputs: &[PathBytes]) -> Result<Vec<InputFile>, ListError> {
    let mut files = Vec::new();
    for input in inputs {
        list_input(input, &mut files)?;
    }
    Ok(files)
}

fn list_input(input: &PathBytes, files: &mut Vec<InputFile>) -> Result<(), ListError> {
    let start = files.len();
    match fs::metadata(as_path(input)) {
        Ok(metadata) => list_path(input.clone(), &metadata, files)?,
        Err(error) if is_absence(&error) && is_pattern(&input.0) => {
            let matches = matches(input)?;
            if matches.is_empty() {
                return Err(ListError::NotFound { input: input.clone() });
            }
            for path in matches {
                let metadata = fs::metadata(as_path(&path)).map_err(|error| unreadable(&path, &error))?;
                list_path(path, &metadata, files)?;
            }
        }
        Err(error) if is_absence(&error) => return Err(ListError::NotFound { input: input.clone() }),
        Err(error) => return Err(unreadable(input, &error)),
    }
    files[start..].sort_by(|left, right| left.path.cmp(&right.path));
    Ok(())
}

/// A file, or the files directly in a directory.
fn list_path(path: PathBytes, metadata: &Metadata, files: &mut Vec<InputFile>) -> Result<(), ListError> {
    if !metadata.is_dir() {
        files.push(input_file(path, metadata)?);
        return Ok(());
    }
    for name in names(&path).map_err(|error| unreadable(&path, &error))? {
        if is_hidden(&name) {
            continue;
        }
        let inner = path.join(&name);
        let metadata = fs::metadata(as_path(&inner)).map_err(|error| unreadable(&inner, &error))?;
        if metadata.is_dir() {
            let text = "it is a directory inside an input directory".into();
            let error = OsError { kind: OsErrorKind::IsADirectory, text };
            return Err(ListError::Unreadable { path: inner, error });
        }
        files.push(input_file(inner, &metadata)?);
    }
    Ok(())
}

fn input_file(path: PathBytes, metadata: &Metadata) -> Result<InputFile, ListError> {
    if !metadata.is_file() {
        let text = format!("it is {}, not a file", kind_of(metadata));
        let error = OsError { kind: OsErrorKind::NotAFile, text };
        return Err(ListError::Unreadable { path, error });
    }
    rustix::fs::access(as_path(&path), Access::READ_OK).map_err(|error| unreadable(&path, &error.into()))?;
    if metadata.len() == 0 && has_bytes(&path).map_err(|error| unreadable(&path, &error))? {
        let text = "it says that it is empty, and has bytes to read, as files in /proc do".into();
        return Err(ListError::Unreadable { path, error: OsError { kind: OsErrorKind::NotAFile, text } });
    }
    Ok(InputFile { path, identity: identity(metadata) })
}

fn has_bytes(path: &PathBytes) -> io::Result<bool> {
    let without_waiting = OFlags::NONBLOCK.bits().cast_signed();
    let mut file = OpenOptions::new().read(true).custom_flags(without_waiting).open(as_path(path))?;
    Ok(file.read(&mut [0])? > 0)
}

fn kind_of(metadata: &Metadata) -> &'static str {
    let kind = metadata.file_type();
    if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

fn unreadable(path: &PathBytes, error: &io::Error) -> ListError {
    ListError::Unreadable { path: path.clone(), error: os_error(error) }
}

fn names(directory: &PathBytes) -> io::Result<Vec<Vec<u8>>> {
    fs::read_dir(as_path(directory))?.map(|entry| Ok(entry?.file_name().as_bytes().to_vec())).collect()
}

fn is_hidden(name: &[u8]) -> bool {
    matches!(name.first(), Some(b'_' | b'.'))
}

fn is_pattern(bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| b"*?[{\\".contains(byte))
}

/// The paths that a pattern matches, found component by component.
fn matches(pattern: &PathBytes) -> Result<BTreeSet<PathBytes>, ListError> {
    let root = if pattern.0.starts_with(b"/") { "/" } else { "." };
    let mut found = BTreeSet::from([PathBytes::from(root)]);
    for component in components(&pattern.0) {
        let mut deeper = BTreeSet::new();
        for path in &found {
            if is_pattern(component) {
                let names = match names(path) {
                    Ok(names) => names,
                    Err(error) if is_absence(&error) => continue,
                    Err(error) => return Err(unreadable(path, &error)),
                };
                let matching = names.iter().filter(|name| matches_component(component, name));
                deeper.extend(matching.map(|name| path.join(name)));
            } else {
                let path = path.join(component);
                match fs::symlink_metadata(as_path(&path)) {
                    Ok(_) => {
                        deeper.insert(path);
                    }
                    Err(error) if is_absence(&error) => {}
                    Err(error) => return Err(unreadable(&path, &error)),
                }
            }
        }
        found = deeper;
    }
    Ok(found)
}

/// A pattern's parts between slashes.
fn components(pattern: &[u8]) -> Vec<&[u8]> {
    pattern.split(|byte| *byte == b'/').filter(|component| !component.is_empty()).collect()
}

fn matches_component(pattern: &[u8], name: &[u8]) -> bool {
    if is_hidden(name) && pattern.first() != name.first() {
        return false;
    }
    // To the library a leading exclamation mark would turn the answer round.
    match pattern.strip_prefix(b"!") {
        Some(_) => glob_match([b"\\", pattern].concat(), name),
        None => glob_match(pattern, name),
    }
}
