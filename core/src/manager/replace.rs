//! Replacing an output that is there (`--overwrite`): owns what may be replaced, and the steps by which another takes
//! its place.
//!
//! Whoever looks finds the old output or the new one, whole: they are exchanged in one step. Where the file system has
//! no such step the old one is moved into staging and the new one to its place: between the two there is none, and the
//! next life finishes it, or, where the new one cannot have the place, the old one is put back. The old one is removed
//! only once the new one is in its place for good. Which directory is replaced is in the journal before, and each step
//! looks for that one first: what has been done is not done again, and what came there meanwhile is not replaced.

use super::Manager;
use super::files::{DirectoryIdentity, FileRequest, Inside, Occupant};
use super::jobs::{Job, Phase};
use super::journal::Record;
use crate::failure::{Cause, Unreplaceable};
use crate::ids::JobId;
use crate::job::{InputFile, JobSpecification, PathBytes};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// What a job's output takes the place of, and how.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replacing {
    /// What was there when the job began to publish.
    pub old: DirectoryIdentity,
    /// How.
    pub way: Way,
}

/// How one directory takes the place of another.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Way {
    /// In one step.
    Exchange,
    /// One goes, the other comes.
    Displace,
}

impl Replacing {
    pub(super) fn by_exchange(old: DirectoryIdentity) -> Replacing {
        Replacing { old, way: Way::Exchange }
    }

    pub(super) fn displace(&mut self) {
        assert_eq!(self.way, Way::Exchange, "an output is displaced once");
        self.way = Way::Displace;
    }

    /// The steps that put a job's output in its place, but the sync of that, and where the old one is by then.
    pub(super) fn steps(self, job: &Job, again: bool) -> ([FileRequest; 2], PathBytes) {
        let (staging, output) = (job.staging(), job.specification.output.clone());
        let (from, to, old) = (staging.whole(), output, self.old);
        // Where the old one is not there any more there is nothing to replace.
        let rename = FileRequest::Rename { from: from.clone(), to: to.clone(), again };
        match self.way {
            Way::Exchange => {
                ([FileRequest::Exchange { from: from.clone(), to, replaced: old }, rename], from)
            }
            Way::Displace => {
                let aside = staging.displaced();
                ([FileRequest::Relocate { from: to, to: aside.clone(), directory: old }, rename], aside)
            }
        }
    }

    /// What puts the old output back whose place could not be taken, for good.
    pub(super) fn amends(self, job: &Job) -> Vec<FileRequest> {
        let output = job.specification.output.clone();
        let parent = output.split_name().map(|(path, _)| FileRequest::SyncDirectory { path });
        let back = FileRequest::Relocate { from: job.staging().displaced(), to: output, directory: self.old };
        [back].into_iter().chain(parent).collect()
    }
}

/// Which directory is replaced, if one is there.
pub(super) fn replaceable(occupant: Occupant) -> Result<Option<Inside>, Unreplaceable> {
    match occupant {
        Occupant::Nothing => Ok(None),
        Occupant::NoDirectory => Err(Unreplaceable::NoDirectory),
        Occupant::Mount => Err(Unreplaceable::Mount),
        Occupant::Directory(Inside { has_success: false, stranger, ref files, .. })
            if stranger.is_some() || !files.is_empty() =>
        {
            Err(Unreplaceable::NoOutput)
        }
        Occupant::Directory(Inside { stranger: Some(stranger), .. }) => {
            Err(Unreplaceable::Holds { stranger })
        }
        Occupant::Directory(inside) => Ok(Some(inside)),
    }
}

/// Refuses to replace a directory that a job reads from, by whatever name.
pub(super) fn expect_apart(
    inputs: &[InputFile],
    output: &PathBytes,
    old: &Inside,
) -> Result<(), Unreplaceable> {
    let below = output.join("");
    let is_inside =
        |input: &&InputFile| input.path.0.starts_with(&below.0) || old.files.contains(&input.identity);
    match inputs.iter().find(is_inside) {
        Some(input) => Err(Unreplaceable::HoldsInput { input: input.path.clone() }),
        None => Ok(()),
    }
}

impl Manager {
    /// Refuses a job whose output is that of an older one, if either replaces what is there: it would be in the other's
    /// way.
    pub(super) fn expect_output_of_its_own(&self, job: JobId) -> Result<(), Cause> {
        let JobSpecification { output, overwrites, .. } =
            &self.jobs.active(job).expect("the job is active").specification;
        let is_in_the_way = |(other, durable): &(JobId, &Job)| {
            *other < job
                && durable.phase != Phase::Failing
                && durable.specification.output == *output
                && (*overwrites || durable.specification.overwrites)
        };
        match self.jobs.all_active().find(is_in_the_way) {
            Some((other, _)) => Err(Cause::OutputNotReplaceable {
                path: output.clone(),
                why: Unreplaceable::IsOf { job: other },
            }),
            None => Ok(()),
        }
    }

    /// Goes on in two steps, as the file system does not exchange.
    pub(super) fn displace(&mut self, job: JobId) {
        self.record(Record::JobDisplacing { job });
        self.put_in_place(job);
    }
}
