//! What nobody would know of after the death of a Manager whose journal goes with it: owns which directories its guard is to
//! remove then.
//!
//! Those are the staging directories, as long as nothing but staging is in them: what was moved into one from outside, or is
//! just being moved out, may be a user's only copy, and stays.

use crate::guard::GuardHandle;
use crate::path::as_path;
use std::collections::BTreeSet;
use std::path::PathBuf;
use windrow_core::job::PathBytes;
use windrow_core::manager::files::{FileAnswer, FileRequest};

pub(super) struct Orphans {
    guard: GuardHandle,
    /// Made by this Manager, and not removed yet; none is inside another.
    directories: BTreeSet<PathBuf>,
}

impl Orphans {
    pub(super) fn new(guard: GuardHandle) -> Orphans {
        Orphans { guard, directories: BTreeSet::new() }
    }

    /// Performs a request, with the guard told before and after what it makes of directories.
    pub(super) fn watching(
        &mut self,
        request: FileRequest,
        perform: impl FnOnce(FileRequest) -> FileAnswer,
    ) -> FileAnswer {
        match &request {
            FileRequest::CreateDirectory { path } if self.holder(path).is_none() => {
                let path = as_path(path);
                self.directories.insert(path.into());
                self.guard.remove_at_death(path);
                perform(request)
            }
            FileRequest::Rename { from, to, .. } => {
                let (source, target) = (self.holder(from).cloned(), self.holder(to).cloned());
                if source == target {
                    return perform(request);
                }
                source.iter().chain(&target).for_each(|directory| self.guard.keep(directory));
                let answer = perform(request);
                if let (FileAnswer::Done, Some(left), None) = (&answer, source, target) {
                    self.guard.remove_at_death(&left);
                }
                answer
            }
            FileRequest::RemoveTree { path } => {
                let path = as_path(path).to_owned();
                let answer = perform(request);
                if answer == FileAnswer::Done && self.directories.remove(&path) {
                    self.guard.keep(&path);
                }
                answer
            }
            FileRequest::CreateDirectory { .. }
            | FileRequest::ListInputs { .. }
            | FileRequest::Find { .. }
            | FileRequest::WriteFile { .. }
            | FileRequest::SyncDirectory { .. } => perform(request),
        }
    }

    /// The directory that holds a path, or is it.
    fn holder(&self, path: &PathBytes) -> Option<&PathBuf> {
        self.directories.iter().find(|directory| as_path(path).starts_with(directory))
    }
}
