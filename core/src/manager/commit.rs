//! A job's files: owns the order in which its output is looked for, staged, published and cleaned up.
//!
//! An [`Errand`] is a row of requests to the file system, one under way at a time; its answers decide what comes next. It
//! performs nothing, and what it learns goes with it. The output appears by **one** rename of a directory
//! that is whole by then, or not at all (Google paper, 3.3, "Semantics in the Presence of Failures", taken from single
//! files to the whole output). What is different where it takes the place of another is in [`replace`](super::replace).

use super::files::{DirectoryIdentity, FileAnswer, FileRequest, Inside, ListError, QUARANTINE, SUCCESS};
use super::jobs::Job;
use super::replace::{Way, expect_apart, replaceable};
use crate::failure::{Cause, OsErrorKind, Unreplaceable};
use crate::ids::OperationId;
use crate::job::{InputFile, JobSpecification, PathBytes};
use alloc::collections::VecDeque;
use alloc::format;
use alloc::vec::Vec;

/// A row of requests, one after the other.
#[derive(Debug)]
pub struct Errand {
    rest: VecDeque<FileRequest>,
    waiting: Option<(OperationId, FileRequest)>,
    output: PathBytes,
    overwrites: bool,
    listed: Vec<InputFile>,
    is_published: bool,
    /// What was found in the output's place, which it may take.
    found: Option<Inside>,
    /// Where the old output is once the new one is in its place.
    old: Option<PathBytes>,
    /// What puts the old output back, as long as its place may be empty.
    amends: Vec<FileRequest>,
    /// Why it fails, while the old output is being put back.
    failed: Option<Cause>,
}

/// What an answer leads to.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// There is more to do.
    Next,
    /// All is done; what was listed on the way.
    Done(Vec<InputFile>),
    /// It cannot be done in this way.
    NotSupported,
    /// It cannot be done.
    Failed(Cause),
}

impl Errand {
    fn new(job: &Job, requests: impl IntoIterator<Item = FileRequest>) -> Errand {
        Errand {
            rest: requests.into_iter().collect(),
            waiting: None,
            output: job.specification.output.clone(),
            overwrites: job.specification.overwrites,
            listed: Vec::new(),
            is_published: false,
            found: None,
            old: None,
            amends: Vec::new(),
            failed: None,
        }
    }

    /// Before anything runs: the output must not be there, or be one that may be replaced, the inputs must, and the
    /// staging directory is made, with the nonce in it by which workers prove that they see it. Nothing is made before
    /// all that was looked for is found. Where output is synced the directory's entries and its name are, too: no part
    /// in it could be safer.
    pub fn prepare(job: &Job) -> Errand {
        let JobSpecification { inputs, output, sync, .. } = &job.specification;
        let (staging, nonce) = (job.staging(), job.nonce.to_le_bytes().to_vec());
        let parent = output.split_name().map(|(parent, _)| parent).filter(|_| *sync);
        let requests = [
            look(&job.specification),
            FileRequest::ListInputs { inputs: inputs.clone() },
            FileRequest::CreateDirectory { path: staging.0.clone() },
            FileRequest::WriteFile { path: staging.nonce_path(), contents: nonce, sync: *sync },
        ];
        let synced = parent.into_iter().flat_map(|parent| [staging.0.clone(), parent]);
        let syncs = synced.map(|path| FileRequest::SyncDirectory { path });
        Errand::new(job, requests.into_iter().chain(syncs))
    }

    /// Once every task is won: the winners' files take their names in one directory; then is looked at what it may
    /// replace. `again` if an earlier life may have begun with it.
    pub fn commit(job: &Job, again: bool) -> Errand {
        let sync = job.specification.sync;
        let (staging, whole) = (job.staging(), job.staging().whole());
        let mut requests = Vec::new();
        requests.push(FileRequest::CreateDirectory { path: whole.clone() });
        for (index, attempt) in job.deciding_attempts().enumerate() {
            let part = whole.join(format!("part-{index:05}"));
            requests.push(FileRequest::Rename { from: staging.output_of(&attempt), to: part, again });
        }
        requests.extend(quarantine(job, again));
        requests.push(FileRequest::WriteFile { path: whole.join(SUCCESS), contents: Vec::new(), sync });
        if sync {
            // Its entries, then its own: when the journal says that it is whole it may only be missing where it was published.
            requests.extend([whole, staging.0].map(|path| FileRequest::SyncDirectory { path }));
        }
        requests.extend(job.specification.overwrites.then(|| look(&job.specification)));
        Errand::new(job, requests)
    }

    /// The directory that was found in the output's place, to be replaced.
    pub fn replaceable(&self) -> Option<DirectoryIdentity> {
        self.found.as_ref().map(|inside| inside.identity)
    }

    /// Once that directory is whole: it becomes the output. `again` if an earlier life may have done it.
    pub fn publish(job: &Job, again: bool) -> Errand {
        let output = job.specification.output.clone();
        let parent = output.split_name().map(|(parent, _)| parent);
        let sync = parent.filter(|_| job.specification.sync).map(|path| FileRequest::SyncDirectory { path });
        let Some(replacing) = job.replacing else {
            let rename = FileRequest::Rename { from: job.staging().whole(), to: output, again };
            return Errand::new(job, [rename].into_iter().chain(sync));
        };
        let (steps, old) = replacing.steps(job, again);
        let amends = match replacing.way {
            Way::Exchange => Vec::new(),
            Way::Displace => replacing.amends(job),
        };
        Errand { old: Some(old), amends, ..Errand::new(job, steps.into_iter().chain(sync)) }
    }

    /// At the end, well or not: what is left in staging goes.
    pub fn clean(job: &Job) -> Errand {
        Errand::new(job, [FileRequest::RemoveTree { path: job.staging().0 }])
    }

    /// The next request, to be asked under this name.
    pub fn ask(&mut self, operation: OperationId) -> FileRequest {
        assert!(self.waiting.is_none(), "an errand has one request under way");
        let request = self.rest.pop_front().expect("an errand that is not done has requests left");
        self.waiting = Some((operation, request.clone()));
        request
    }

    /// Whether this is the request under way.
    pub fn is_waiting_for(&self, operation: OperationId) -> bool {
        self.waiting.as_ref().is_some_and(|(waiting, _)| *waiting == operation)
    }

    /// Takes the answer to the request under way.
    pub fn answer(&mut self, answer: FileAnswer) -> Progress {
        let (_, request) = self.waiting.take().expect("an answer is to a request under way");
        let cause = match (request, answer) {
            (FileRequest::Rename { to, .. }, FileAnswer::Done) if to == self.output => {
                return self.published();
            }
            (FileRequest::Exchange { .. }, FileAnswer::Done) => {
                let rename = self.rest.pop_front();
                assert!(matches!(rename, Some(FileRequest::Rename { .. })), "a rename would have followed");
                return self.published();
            }
            (_, FileAnswer::NotThere) => {
                self.old = None;
                return self.next();
            }
            (_, FileAnswer::NotSupported) => return Progress::NotSupported,
            (_, FileAnswer::Done) => return self.next(),
            (_, FileAnswer::Found(false)) => return self.next(),
            (_, FileAnswer::Found(true)) => Cause::OutputExists { path: self.output.clone() },
            (_, FileAnswer::Occupied(occupant)) => match replaceable(occupant) {
                Ok(found) => {
                    self.found = found;
                    return self.next();
                }
                Err(why) => Cause::OutputNotReplaceable { path: self.output.clone(), why },
            },
            (_, FileAnswer::Listed(Ok(inputs))) => {
                let apart = self.found.as_ref().map(|old| expect_apart(&inputs, &self.output, old));
                match apart {
                    None | Some(Ok(())) => {
                        self.listed = inputs;
                        return self.next();
                    }
                    Some(Err(why)) => Cause::OutputNotReplaceable { path: self.output.clone(), why },
                }
            }
            (_, FileAnswer::Listed(Err(ListError::NotFound { input }))) => {
                Cause::InputNotFound { path: input }
            }
            (_, FileAnswer::Listed(Err(ListError::Unreadable { path, error }))) => {
                Cause::InputUnreadable { path, error }
            }
            (FileRequest::Rename { to, .. }, FileAnswer::Failed(error))
                if to == self.output && error.kind == OsErrorKind::Exists =>
            {
                match self.overwrites {
                    false => Cause::OutputExists { path: to },
                    true => Cause::OutputNotReplaceable { path: to, why: Unreplaceable::IsNew },
                }
            }
            (FileRequest::Relocate { from: kept, to, .. }, FileAnswer::Failed(error))
                if to == self.output =>
            {
                Cause::OutputDisplaced { path: to, kept, error }
            }
            (FileRequest::CreateDirectory { path }, FileAnswer::Failed(error)) => {
                // The user never named the staging directory; what cannot be written is the directory that holds it.
                let path = path.split_name().map_or(path.clone(), |(parent, _)| parent);
                Cause::OutputUnwritable { path, error }
            }
            (FileRequest::SyncDirectory { .. }, FileAnswer::Failed(error)) if self.is_published => {
                Cause::OutputNotSynced { path: self.output.clone(), error, kept: self.old.take() }
            }
            (
                FileRequest::Find { path }
                | FileRequest::Inspect { path }
                | FileRequest::Rename { to: path, .. }
                | FileRequest::Exchange { to: path, .. }
                | FileRequest::Relocate { from: path, .. }
                | FileRequest::WriteFile { path, .. }
                | FileRequest::SyncDirectory { path }
                | FileRequest::RemoveTree { path },
                FileAnswer::Failed(error),
            ) => Cause::OutputUnwritable { path, error },
            (FileRequest::ListInputs { .. }, FileAnswer::Failed(error)) => {
                Cause::InputUnreadable { path: PathBytes::default(), error }
            }
        };
        if self.amends.is_empty() {
            return Progress::Failed(cause);
        }
        self.rest = core::mem::take(&mut self.amends).into();
        self.failed = Some(cause);
        Progress::Next
    }

    fn published(&mut self) -> Progress {
        self.is_published = true;
        self.amends.clear();
        self.next()
    }

    fn next(&mut self) -> Progress {
        match self.failed.take_if(|_| self.rest.is_empty()) {
            Some(cause) => Progress::Failed(cause),
            None if self.rest.is_empty() => Progress::Done(core::mem::take(&mut self.listed)),
            None => Progress::Next,
        }
    }
}

/// What finds out whether something is in the output's place.
fn look(specification: &JobSpecification) -> FileRequest {
    let path = specification.output.clone();
    if specification.overwrites { FileRequest::Inspect { path } } else { FileRequest::Find { path } }
}

/// What puts the records that were left out into a directory beside the parts, which no later job reads.
fn quarantine(job: &Job, again: bool) -> impl Iterator<Item = FileRequest> {
    let (staging, directory) = (job.staging(), job.staging().whole().join(QUARANTINE));
    let renames: Vec<_> = job
        .quarantined()
        .map(|(map_index, attempt)| FileRequest::Rename {
            from: staging.quarantine_of(&attempt),
            to: directory.join(format!("map-{map_index:05}")),
            again,
        })
        .collect();
    let create = (!renames.is_empty()).then(|| FileRequest::CreateDirectory { path: directory.clone() });
    let sync = create.is_some() && job.specification.sync;
    let sync = sync.then_some(FileRequest::SyncDirectory { path: directory });
    create.into_iter().chain(renames).chain(sync)
}
