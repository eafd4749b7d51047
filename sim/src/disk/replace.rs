//! Replacing a directory by another: owns what the shared storage tells of what is there, and the two ways in which
//! another takes its place. Not every file system can exchange.

use super::{Entry, FileSystem, Inode, error, inside};
use windrow_core::failure::{OsError, OsErrorKind};
use windrow_core::job::PathBytes;
use windrow_core::manager::files::{
    DirectoryIdentity, FileAnswer, Inside, Occupant, SUCCESS, is_of_an_output,
};

impl FileSystem {
    /// Lets it exchange directories, or not.
    #[must_use]
    pub fn able_to_exchange(self, can_exchange: bool) -> FileSystem {
        FileSystem { can_exchange, ..self }
    }

    /// What stands at a path.
    pub(super) fn occupant(&self, path: &PathBytes) -> Occupant {
        match self.entries.get(&path.0) {
            None => Occupant::Nothing,
            Some(Entry::File(_)) => Occupant::NoDirectory,
            Some(Entry::Directory(inode)) => Occupant::Directory(self.inside_of(path, *inode)),
        }
    }

    fn inside_of(&self, path: &PathBytes, inode: Inode) -> Inside {
        let below = path.join("").0.len();
        let mut inside =
            Inside { identity: identity_of(inode), has_success: false, stranger: None, files: Vec::new() };
        for entry in self.tree(path) {
            let name = &entry.0[below..];
            let file = self.identity_at(&entry).ok();
            if !is_of_an_output(name, file.is_none()) {
                inside.stranger.get_or_insert(PathBytes(name.to_vec()));
            }
            inside.has_success |= name == SUCCESS.as_bytes();
            inside.files.extend(file);
        }
        inside
    }

    /// Exchanges two directories, if it is this one that would be replaced.
    pub(super) fn exchange(
        &mut self,
        from: &PathBytes,
        to: &PathBytes,
        replaced: DirectoryIdentity,
    ) -> Result<FileAnswer, OsError> {
        if self.stands_at(from, replaced) {
            return Ok(FileAnswer::Done);
        }
        if !self.stands_at(to, replaced) {
            return Ok(FileAnswer::NotThere);
        }
        if !self.can_exchange {
            return Ok(FileAnswer::NotSupported);
        }
        let (new, old) = (self.directory_at(from)?, self.directory_at(to)?);
        if [(from, to), (to, from)].iter().any(|(one, other)| one.0.starts_with(&inside(&other.0).0)) {
            return Err(error(OsErrorKind::Other));
        }
        self.parent_is_there(from)?;
        self.parent_is_there(to)?;
        self.note_exchange((old, to), (new, from));
        let moved = |path: &PathBytes| [self.tree(path), vec![path.clone()]].concat();
        let both = [(moved(from), from, to), (moved(to), to, from)];
        let mut entries = Vec::new();
        for (paths, left, taken) in both {
            for path in paths {
                let entry = self.entries.remove(&path.0).expect("it is in the tree");
                entries.push(([&taken.0, &path.0[left.0.len()..]].concat(), entry));
            }
        }
        self.entries.extend(entries);
        Ok(FileAnswer::Done)
    }

    /// Moves a directory, if it is this one.
    pub(super) fn relocate(
        &mut self,
        from: &PathBytes,
        to: &PathBytes,
        directory: DirectoryIdentity,
    ) -> Result<FileAnswer, OsError> {
        if self.stands_at(to, directory) {
            return Ok(FileAnswer::Done);
        }
        if !self.stands_at(from, directory) {
            return Ok(FileAnswer::NotThere);
        }
        self.rename(from, to).map(|()| FileAnswer::Done)
    }

    fn stands_at(&self, path: &PathBytes, directory: DirectoryIdentity) -> bool {
        self.directory_at(path).is_ok_and(|inode| identity_of(inode) == directory)
    }
}

fn identity_of(inode: Inode) -> DirectoryIdentity {
    DirectoryIdentity(inode.0)
}
