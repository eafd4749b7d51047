//! What processes see after power came back: owns the way from what survived to a file system.

use super::medium::{PowerLoss, ROOT};
use super::{Entry, File, FileSystem, Inode};
use crate::stream::Stream;
use std::collections::BTreeMap;
use windrow_core::job::PathBytes;

impl FileSystem {
    /// Makes all that is there durable, as if it had been there for long.
    pub fn settle(&mut self) {
        if let Some(medium) = &mut self.medium {
            medium.settle_all();
        }
    }

    /// Whether the file at `path`, with all that it holds and all directories above it, would survive a loss of power.
    pub fn is_durable(&self, path: &PathBytes) -> bool {
        let Some(medium) = &self.medium else { return true };
        let named = |path: &PathBytes| {
            self.entries.get(&path.0).is_some_and(|entry| medium.is_at(entry.inode(), &self.place(path)))
        };
        let parent = |path: &PathBytes| path.split_name().map(|(parent, _)| parent);
        let above = std::iter::successors(Some(path.clone()), parent);
        let is_whole = self.file_at(path).is_ok_and(|inode| medium.holds(inode, &self.files[&inode].bytes));
        is_whole && above.filter(|path| path.split_name().is_some()).all(|path| named(&path))
    }

    /// Loses power: afterwards processes see what survived. A file that is open and has no name any more
    /// lives on until it is closed. No fault is lifted.
    ///
    /// # Panics
    /// If it is not volatile.
    pub fn crash(&mut self, loss: PowerLoss, stream: &mut Stream) {
        let medium = self.medium.as_mut().expect("only a volatile file system loses power");
        medium.lose_power(loss, stream);
        let directories = medium.directories();
        let mut entries = BTreeMap::from([(b"/".to_vec(), Entry::Directory(ROOT))]);
        let mut files: BTreeMap<Inode, File> = BTreeMap::new();
        let mut reached = BTreeMap::from([(ROOT, PathBytes::from("/"))]);
        let mut open = std::mem::take(&mut self.files);
        let mut unvisited = vec![ROOT];
        while let Some(directory) = unvisited.pop() {
            for (name, inode) in directories.get(&directory).into_iter().flatten() {
                let path = reached[&directory].join(name);
                let entry = match medium.contents(*inode) {
                    Some(contents) => {
                        let opened = open.remove(inode).map_or(0, |file| file.opened);
                        let (bytes, modified_ns) = (contents.bytes.clone(), contents.modified_ns);
                        files.insert(*inode, File { bytes, modified_ns, named: true, opened });
                        Entry::File(*inode)
                    }
                    None => {
                        unvisited.push(*inode);
                        Entry::Directory(*inode)
                    }
                };
                assert!(entries.insert(path.0.clone(), entry).is_none(), "two things at {path}");
                reached.insert(*inode, path);
            }
        }
        for (inode, file) in open.into_iter().filter(|(_, file)| file.opened > 0) {
            let bytes = medium.contents(inode).map_or(file.bytes, |contents| contents.bytes.clone());
            files.insert(inode, File { bytes, named: false, ..file });
        }
        medium.retain(|inode| reached.contains_key(inode));
        (self.entries, self.files) = (entries, files);
    }
}
