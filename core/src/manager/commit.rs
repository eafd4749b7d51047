//! A job's files: owns the order in which its output is looked for, staged, published and cleaned up.
//!
//! An [`Errand`] is a row of requests to the file system, one under way at a time; its answers decide what comes next. It
//! performs nothing and remembers nothing that is not in its row. The output appears by **one** rename of a directory
//! that is whole by then, or not at all (Google paper, 3.3, "Semantics in the Presence of Failures", taken from single
//! files to the whole output).

use super::files::{FileAnswer, FileRequest, ListError};
use super::jobs::Job;
use crate::failure::{Cause, OsErrorKind};
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
    listed: Vec<InputFile>,
    is_published: bool,
}

/// What an answer leads to.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// There is more to do.
    Next,
    /// All is done; what was listed on the way.
    Done(Vec<InputFile>),
    /// It cannot be done.
    Failed(Cause),
}

impl Errand {
    fn new(job: &Job, requests: impl IntoIterator<Item = FileRequest>) -> Errand {
        Errand {
            rest: requests.into_iter().collect(),
            waiting: None,
            output: job.specification.output.clone(),
            listed: Vec::new(),
            is_published: false,
        }
    }

    /// Before anything runs: the output must not be there, the inputs must, and the staging directory is made, with
    /// the nonce in it by which workers prove that they see it. Nothing is made before all that was looked for is found.
    /// Where output is synced the directory's entries and its name are, too: no part in it could be safer.
    pub fn prepare(job: &Job) -> Errand {
        let JobSpecification { inputs, output, sync, .. } = &job.specification;
        let (staging, nonce) = (job.staging(), job.nonce.to_le_bytes().to_vec());
        let parent = output.split_name().map(|(parent, _)| parent).filter(|_| *sync);
        let requests = [
            FileRequest::Find { path: output.clone() },
            FileRequest::ListInputs { inputs: inputs.clone() },
            FileRequest::CreateDirectory { path: staging.0.clone() },
            FileRequest::WriteFile { path: staging.nonce_path(), contents: nonce, sync: *sync },
        ];
        let synced = parent.into_iter().flat_map(|parent| [staging.0.clone(), parent]);
        let syncs = synced.map(|path| FileRequest::SyncDirectory { path });
        Errand::new(job, requests.into_iter().chain(syncs))
    }

    /// Once every task is won: the winners' files take their names in one directory. `again` if an earlier life may have
    /// begun with it.
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
        requests.push(FileRequest::WriteFile { path: whole.join("_SUCCESS"), contents: Vec::new(), sync });
        if sync {
            // Its entries, then its own: when the journal says that it is whole it may only be missing where it was published.
            requests.extend([whole, staging.0].map(|path| FileRequest::SyncDirectory { path }));
        }
        Errand::new(job, requests)
    }

    /// Once that directory is whole: it becomes the output. `again` if an earlier life may have done it.
    pub fn publish(job: &Job, again: bool) -> Errand {
        let output = job.specification.output.clone();
        let parent = output.split_name().map(|(parent, _)| parent);
        let rename = FileRequest::Rename { from: job.staging().whole(), to: output, again };
        let sync = parent.filter(|_| job.specification.sync).map(|path| FileRequest::SyncDirectory { path });
        Errand::new(job, [rename].into_iter().chain(sync))
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
        if let (FileRequest::Rename { to, .. }, FileAnswer::Done) = (&request, &answer) {
            self.is_published |= *to == self.output;
        }
        let cause = match (request, answer) {
            (_, FileAnswer::Done) => return self.next(),
            (_, FileAnswer::Found(false)) => return self.next(),
            (_, FileAnswer::Found(true)) => Cause::OutputExists { path: self.output.clone() },
            (_, FileAnswer::Listed(Ok(inputs))) => {
                self.listed = inputs;
                return self.next();
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
                Cause::OutputExists { path: to }
            }
            (FileRequest::CreateDirectory { path }, FileAnswer::Failed(error)) => {
                // The user never named the staging directory; what cannot be written is the directory that holds it.
                let path = path.split_name().map_or(path.clone(), |(parent, _)| parent);
                Cause::OutputUnwritable { path, error }
            }
            (FileRequest::SyncDirectory { .. }, FileAnswer::Failed(error)) if self.is_published => {
                Cause::OutputNotSynced { path: self.output.clone(), error }
            }
            (
                FileRequest::Find { path }
                | FileRequest::Rename { to: path, .. }
                | FileRequest::WriteFile { path, .. }
                | FileRequest::SyncDirectory { path }
                | FileRequest::RemoveTree { path },
                FileAnswer::Failed(error),
            ) => Cause::OutputUnwritable { path, error },
            (FileRequest::ListInputs { .. }, FileAnswer::Failed(error)) => {
                Cause::InputUnreadable { path: PathBytes::default(), error }
            }
        };
        Progress::Failed(cause)
    }

    fn next(&mut self) -> Progress {
        if self.rest.is_empty() { Progress::Done(core::mem::take(&mut self.listed)) } else { Progress::Next }
    }
}

/// What puts the records that were left out into a directory beside the parts, which no later job reads.
fn quarantine(job: &Job, again: bool) -> impl Iterator<Item = FileRequest> {
    let (staging, directory) = (job.staging(), job.staging().whole().join("_quarantine"));
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
