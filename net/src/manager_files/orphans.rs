//! What nobody would know of after the death of a Manager whose journal goes with it: owns which directories its guard is to
//! remove then.
//!
//! Those are the staging directories, as long as nothing but staging is in them: what was moved into one from outside, or is
//! just being moved out, may be a user's only copy, and stays, or is put back.

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
    /// Where what came in from outside is, that the guard would put back.
    displaced: BTreeSet<PathBuf>,
}

impl Orphans {
    pub(super) fn new(guard: GuardHandle) -> Orphans {
        Orphans { guard, directories: BTreeSet::new(), displaced: BTreeSet::new() }
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
            FileRequest::Exchange { from, .. } => {
                let Some(directory) = self.holder(from).cloned() else { return perform(request) };
                self.guard.keep(&directory);
                let answer = perform(request);
                if answer == FileAnswer::Done {
                    self.guard.remove_at_death(&directory);
                }
                answer
            }
            FileRequest::Relocate { from, to, .. } => {
                let (source, target) = (self.holder(from).cloned(), self.holder(to).cloned());
                source.iter().chain(&target).for_each(|directory| self.guard.keep(directory));
                if target.is_some() {
                    self.displaced.insert(as_path(to).into());
                    self.guard.put_back(as_path(to), as_path(from));
                }
                perform(request)
            }
            FileRequest::SyncDirectory { path } => {
                let path = as_path(path).to_owned();
                let answer = perform(request);
                if let FileAnswer::Failed(_) = answer {
                    // What was exchanged for what is in it may be a user's only copy.
                    let beside =
                        self.directories.iter().filter(|directory| directory.parent() == Some(&path));
                    beside.for_each(|directory| self.guard.keep(directory));
                }
                answer
            }
            FileRequest::RemoveTree { path } => {
                let path = as_path(path).to_owned();
                let answer = perform(request);
                if answer == FileAnswer::Done && self.directories.remove(&path) {
                    self.guard.keep(&path);
                    let gone = self.displaced.extract_if(.., |displaced| displaced.starts_with(&path));
                    gone.for_each(|displaced| self.guard.keep(&displaced));
                }
                answer
            }
            FileRequest::CreateDirectory { .. }
            | FileRequest::ListInputs { .. }
            | FileRequest::Find { .. }
            | FileRequest::Inspect { .. }
            | FileRequest::WriteFile { .. } => perform(request),
        }
    }

    /// The directory that holds a path, or is it.
    fn holder(&self, path: &PathBytes) -> Option<&PathBuf> {
        self.directories.iter().find(|directory| as_path(path).starts_with(directory))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::Read;
    use windrow_core::failure::{OsError, OsErrorKind};
    use windrow_core::manager::files::DirectoryIdentity;

    fn create(path: &str) -> FileRequest {
        FileRequest::CreateDirectory { path: path.into() }
    }

    fn rename(from: &str, to: &str) -> FileRequest {
        FileRequest::Rename { from: from.into(), to: to.into(), again: false }
    }

    /// What the guard is told of these requests, and after each, where it is performed.
    fn told(requests: impl IntoIterator<Item = FileRequest>, answer: &FileAnswer) -> Vec<String> {
        let (guard, heard) = GuardHandle::heard();
        let mut orphans = Orphans::new(guard);
        for request in requests {
            orphans.watching(request, |_| answer.clone());
        }
        drop(orphans);
        let (mut heard, mut word, mut words) = (File::from(heard), [0; 100], Vec::new());
        while let Ok(count @ 1..) = heard.read(&mut word) {
            words.push(String::from_utf8_lossy(&word[..count]).into_owned());
        }
        words
    }

    #[test]
    fn staging_is_named_until_it_is_removed() {
        let removed = FileRequest::RemoveTree { path: "/.out.windrow-1".into() };
        let requests = [create("/.out.windrow-1"), create("/.out.windrow-1/output"), removed];
        assert_eq!(told(requests.clone(), &FileAnswer::Done), ["r/.out.windrow-1", "k/.out.windrow-1"]);
        let failed = FileAnswer::Failed(OsError { kind: OsErrorKind::Other, text: String::new() });
        assert_eq!(told(requests, &failed), ["r/.out.windrow-1"]);
    }

    #[test]
    fn what_moves_within_staging_changes_nothing() {
        let requests = [create("/.s"), rename("/.s/map-0", "/.s/output/part-00000")];
        assert_eq!(told(requests, &FileAnswer::Done), ["r/.s"]);
    }

    #[test]
    fn staging_is_kept_while_something_leaves_it_and_ever_after_something_came_in() {
        let publish = || [create("/.s"), rename("/.s/output", "/out")];
        assert_eq!(told(publish(), &FileAnswer::Done), ["r/.s", "k/.s", "r/.s"]);
        let failed = FileAnswer::Failed(OsError { kind: OsErrorKind::Exists, text: String::new() });
        assert_eq!(told(publish(), &failed), ["r/.s", "k/.s"]);
        let old_comes_in = [create("/.s"), rename("/out", "/.s/old")];
        assert_eq!(told(old_comes_in, &FileAnswer::Done), ["r/.s", "k/.s"]);
    }

    const OLD: DirectoryIdentity = DirectoryIdentity(2);

    #[test]
    fn what_is_exchanged_goes_with_staging_unless_what_took_its_place_is_not_safe() {
        let exchange = FileRequest::Exchange { from: "/.s/output".into(), to: "/out".into(), replaced: OLD };
        let requests = [create("/.s"), exchange.clone()];
        assert_eq!(told(requests, &FileAnswer::Done), ["r/.s", "k/.s", "r/.s"]);
        let failed = FileAnswer::Failed(OsError { kind: OsErrorKind::Other, text: String::new() });
        let sync = FileRequest::SyncDirectory { path: "/".into() };
        assert_eq!(told([create("/.s"), exchange, sync], &failed), ["r/.s", "k/.s", "k/.s"]);
    }

    #[test]
    fn what_is_moved_aside_is_to_be_put_back_until_it_is_removed() {
        let aside = FileRequest::Relocate { from: "/out".into(), to: "/.s/displaced".into(), directory: OLD };
        let removed = FileRequest::RemoveTree { path: "/.s".into() };
        let requests = [create("/.s"), aside, rename("/.s/output", "/out"), removed];
        let expected = ["r/.s", "k/.s", "b/.s/displaced\0/out", "k/.s", "r/.s", "k/.s", "k/.s/displaced"];
        assert_eq!(told(requests, &FileAnswer::Done), expected);
    }
}
