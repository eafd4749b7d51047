//! What replaces an output that is there: owns how it is told what that is, and the two ways in which another takes its
//! place.

use super::{is_absence, rename};
use crate::disk::identity;
use crate::path::path_bytes;
use rustix::fs::{Access, CWD, RenameFlags, access, renameat_with};
use rustix::io::Errno;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use windrow_core::manager::files::{
    DirectoryIdentity, FileAnswer, Inside, Occupant, QUARANTINE, SUCCESS, is_of_an_output,
};

/// What stands at a path; an error where it is a directory that this process could not replace.
pub(super) fn inspect(path: &Path) -> io::Result<Occupant> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if is_absence(&error) => return Ok(Occupant::Nothing),
        Err(error) => return Err(error),
    };
    if !metadata.is_dir() {
        return Ok(Occupant::NoDirectory);
    }
    if let Some(parent) = path.parent()
        && fs::metadata(parent)?.dev() != metadata.dev()
    {
        return Ok(Occupant::Mount);
    }
    // It is to be moved, and all in it to be removed.
    access(path, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK)?;
    let mut inside =
        Inside { identity: identity_of(&metadata), has_success: false, stranger: None, files: Vec::new() };
    look_into(path, path, &mut inside)?;
    Ok(Occupant::Directory(inside))
}

/// Looks at what is in a directory of an output, until something is found that is not of one.
fn look_into(directory: &Path, output: &Path, inside: &mut Inside) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        let name = path.strip_prefix(output).expect("it is inside");
        let is_of_it =
            (kind.is_dir() || kind.is_file()) && is_of_an_output(name.as_os_str().as_bytes(), kind.is_dir());
        if !is_of_it {
            inside.stranger.get_or_insert(path_bytes(name));
        } else if kind.is_dir() {
            assert_eq!(name, Path::new(QUARANTINE), "an output has one directory");
            look_into(&path, output, inside)?;
        } else {
            inside.has_success |= name == Path::new(SUCCESS);
            inside.files.push(identity(&entry.metadata()?));
        }
        // Who sees that it is an output is to be told what is not of it.
        if inside.stranger.is_some() && inside.has_success {
            break;
        }
    }
    Ok(())
}

/// Exchanges two directories, if it is this one that would be replaced.
pub(super) fn exchange(from: &Path, to: &Path, replaced: DirectoryIdentity) -> io::Result<FileAnswer> {
    if stands_at(from, replaced)? {
        return Ok(FileAnswer::Done);
    }
    if !stands_at(to, replaced)? {
        return Ok(FileAnswer::NotThere);
    }
    // Whoever puts something else there between the look and this is not met: no system call looks and exchanges.
    match renameat_with(CWD, from, CWD, to, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(FileAnswer::Done),
        Err(Errno::INVAL | Errno::NOSYS) => Ok(FileAnswer::NotSupported),
        Err(error) => Err(error.into()),
    }
}

/// Moves a directory, if it is this one.
pub(super) fn relocate(from: &Path, to: &Path, directory: DirectoryIdentity) -> io::Result<FileAnswer> {
    if stands_at(to, directory)? {
        return Ok(FileAnswer::Done);
    }
    if !stands_at(from, directory)? {
        return Ok(FileAnswer::NotThere);
    }
    rename(from, to).map(|()| FileAnswer::Done)
}

fn stands_at(path: &Path, directory: DirectoryIdentity) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(metadata.is_dir() && identity_of(&metadata) == directory),
        Err(error) if is_absence(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

fn identity_of(metadata: &Metadata) -> DirectoryIdentity {
    DirectoryIdentity(metadata.ino())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use tempfile::TempDir;
    use windrow_core::job::PathBytes;

    /// An output, with more in it.
    fn output(more: &[&str]) -> TempDir {
        let place = tempfile::tempdir().unwrap();
        for name in ["_SUCCESS", "part-00000"].iter().chain(more) {
            let path = place.path().join("out").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        place
    }

    fn inside(place: &TempDir) -> Inside {
        match inspect(&place.path().join("out")).unwrap() {
            Occupant::Directory(inside) => inside,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_output_is_told_from_what_is_none() {
        let place = output(&["part-00001", "_quarantine/map-00003"]);
        let found = inside(&place);
        assert!(found.has_success && found.stranger.is_none());
        assert_eq!(found.files.len(), 4);
        let part = fs::metadata(place.path().join("out/part-00001")).unwrap();
        assert!(found.files.contains(&identity(&part)));
        for stranger in ["notes", "part-00001/x", "_quarantine/notes", "part-1"] {
            let found = inside(&output(&[stranger]));
            let first = stranger.strip_suffix("/x").unwrap_or(stranger);
            assert_eq!(found.stranger, Some(PathBytes::from(first)));
            assert!(found.has_success, "whatever is found first");
        }
        let linked = output(&[]);
        symlink("part-00000", linked.path().join("out/part-00001")).unwrap();
        assert_eq!(inside(&linked).stranger, Some("part-00001".into()), "a link may lead anywhere");
        let empty = tempfile::tempdir().unwrap();
        fs::create_dir(empty.path().join("out")).unwrap();
        let found = inside(&empty);
        assert!(!found.has_success && found.stranger.is_none() && found.files.is_empty());
    }

    #[test]
    fn what_is_no_directory_of_its_own_is_told() {
        let place = output(&[]);
        let at = |name: &str| inspect(&place.path().join(name)).unwrap();
        symlink("out", place.path().join("link")).unwrap();
        assert_eq!(at("link"), Occupant::NoDirectory);
        assert_eq!(at("out/part-00000"), Occupant::NoDirectory);
        assert_eq!([at("nothing"), at("out/part-00000/x")], [Occupant::Nothing, Occupant::Nothing]);
        assert_eq!(inspect(Path::new("/proc")).unwrap(), Occupant::Mount);
    }

    #[test]
    fn only_what_is_meant_is_exchanged_and_once() {
        let place = output(&[]);
        let (new, out) = (place.path().join("new"), place.path().join("out"));
        fs::create_dir(&new).unwrap();
        let old = inside(&place).identity;
        let other = DirectoryIdentity(old.0 + 1_000_000);
        assert_eq!(exchange(&new, &out, other).unwrap(), FileAnswer::NotThere);
        for _ in 0..2 {
            assert_eq!(exchange(&new, &out, old).unwrap(), FileAnswer::Done);
            assert!(new.join("part-00000").exists() && !out.join("part-00000").exists());
        }
        fs::remove_dir_all(&new).unwrap();
        assert_eq!(exchange(&new, &out, old).unwrap(), FileAnswer::NotThere);
    }

    #[test]
    fn only_what_is_meant_is_moved_and_once() {
        let place = output(&[]);
        let (aside, out) = (place.path().join("aside"), place.path().join("out"));
        let old = inside(&place).identity;
        let other = DirectoryIdentity(old.0 + 1_000_000);
        assert_eq!(relocate(&out, &aside, other).unwrap(), FileAnswer::NotThere);
        for _ in 0..2 {
            assert_eq!(relocate(&out, &aside, old).unwrap(), FileAnswer::Done);
            assert!(aside.join("part-00000").exists() && !out.exists());
        }
        fs::create_dir(&out).unwrap();
        let taken = relocate(&aside, &out, old).unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists, "nothing is replaced");
    }
}
