//! The Manager's file system: owns the thread that performs [`FileRequest`]s, in the order they were asked.

mod list_inputs;
mod orphans;
mod replace;

use crate::disk::identity;
use crate::guard::GuardHandle;
use crate::os_error::os_error;
use crate::path::as_path;
use crate::thread;
use crossbeam_channel::{Sender, unbounded};
use list_inputs::list_inputs;
use orphans::Orphans;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::thread::JoinHandle;
use windrow_core::ids::OperationId;
use windrow_core::manager::files::{FileAnswer, FileRequest};

/// The thread; dropping it waits until all was done.
#[derive(Debug)]
pub struct ManagerFiles {
    requests: Option<Sender<(OperationId, FileRequest)>>,
    thread: Option<JoinHandle<()>>,
}

impl ManagerFiles {
    /// Starts it. The guard removes what is staged should this process be killed. `answer` is called on it, once for each request.
    pub fn start(
        guard: GuardHandle,
        mut answer: impl FnMut(OperationId, FileAnswer) + Send + 'static,
    ) -> io::Result<ManagerFiles> {
        let (requests, receiver) = unbounded();
        let thread = thread::spawn("files", move || {
            let mut orphans = Orphans::new(guard);
            for (operation, request) in receiver {
                answer(operation, orphans.watching(request, perform));
            }
        })?;
        Ok(ManagerFiles { requests: Some(requests), thread: Some(thread) })
    }

    /// Has something done.
    pub fn request(&self, operation: OperationId, request: FileRequest) {
        let requests = self.requests.as_ref().expect("the thread runs until it is dropped");
        requests.send((operation, request)).expect("the thread runs until it is dropped");
    }
}

impl Drop for ManagerFiles {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn perform(request: FileRequest) -> FileAnswer {
    let done = match request {
        FileRequest::ListInputs { inputs } => return FileAnswer::Listed(list_inputs(&inputs)),
        FileRequest::Find { path } => match fs::symlink_metadata(as_path(&path)) {
            Ok(_) => return FileAnswer::Found(true),
            Err(error) if is_absence(&error) => return FileAnswer::Found(false),
            Err(error) => Err(error),
        },
        FileRequest::Inspect { path } => match replace::inspect(as_path(&path)) {
            Ok(occupant) => return FileAnswer::Occupied(occupant),
            Err(error) => Err(error),
        },
        FileRequest::Exchange { from, to, replaced } => {
            match replace::exchange(as_path(&from), as_path(&to), replaced) {
                Ok(answer) => return answer,
                Err(error) => Err(error),
            }
        }
        FileRequest::Relocate { from, to, directory } => {
            match replace::relocate(as_path(&from), as_path(&to), directory) {
                Ok(answer) => return answer,
                Err(error) => Err(error),
            }
        }
        FileRequest::CreateDirectory { path } => create_directory(as_path(&path)),
        FileRequest::WriteFile { path, contents, sync } => write_file(as_path(&path), &contents, sync),
        FileRequest::Rename { from, to, again } => {
            let (from, to) = (as_path(&from), as_path(&to));
            rename(from, to).or_else(|error| if again && was_renamed(from, to) { Ok(()) } else { Err(error) })
        }
        FileRequest::SyncDirectory { path } => {
            File::open(as_path(&path)).and_then(|directory| directory.sync_all())
        }
        FileRequest::RemoveTree { path } => match fs::remove_dir_all(as_path(&path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        },
    };
    match done {
        Ok(()) => FileAnswer::Done,
        Err(error) => FileAnswer::Failed(os_error(&error)),
    }
}

/// Whether an error says that there is nothing at a path.
fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn create_directory(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        result => result,
    }
}

fn write_file(path: &Path, contents: &[u8], sync: bool) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(contents)?;
    if sync { file.sync_all() } else { Ok(()) }
}

/// Renames without replacing anything.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // The file system does not know the flag: what appears between the look and the rename would be replaced.
        Err(Errno::INVAL | Errno::NOSYS) => match fs::symlink_metadata(to) {
            Ok(_) => Err(Errno::EXIST.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => fs::rename(from, to),
            Err(error) => Err(error),
        },
        result => Ok(result?),
    }
}

/// Whether it looks as if `from` had been renamed to `to` before.
fn was_renamed(from: &Path, to: &Path) -> bool {
    fs::symlink_metadata(from).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
        && fs::symlink_metadata(to).is_ok()
}

#[cfg(test)]
mod tests;
