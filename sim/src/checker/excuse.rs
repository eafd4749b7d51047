//! Why a promise need not hold in a run: owns the short list of exceptions. An excuse is proved by a fault that struck, and
//! names what would end it.

use super::{Evidence, Heard};
use crate::process::UserFunction;
use crate::scenario::FaultKind;
use std::fmt;
use windrow_core::failure::{Cause, Fault};

/// An exception.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Excuse {
    /// The storage of inputs and outputs failed: the job may fail by it, and say so.
    StorageFailed,
    /// Scratch failed, that of the one worker that must be able to do the work, too.
    NoScratch,
    /// The power failed, and the job had not asked for its output to be synced.
    NotSynced,
    /// Its program fails by itself.
    Program,
    /// Its mapper is not deterministic, which shows when a map runs again.
    NotDeterministic,
    /// Its user gave it up, or another killed it.
    Cancelled,
    /// The Manager was told to stop, and cancelled it.
    ManagerStopped,
    /// Its user asked for what cannot be done, and is told so.
    Mistake,
    /// Somebody wrote to its input: the job may fail by it, and say so.
    InputChanged,
    /// Workers saw other storage in place of the shared one, and the capable one was not in service.
    NotShared,
    /// Its user's client heard nothing for longer than it bears, which is less than others do.
    Impatient,
}

impl fmt::Display for Excuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Excuse::StorageFailed => "the shared storage failed",
            Excuse::NoScratch => "scratch failed, on the capable worker, too",
            Excuse::NotSynced => "the power failed and the job does not sync",
            Excuse::Program => "the job's program fails",
            Excuse::NotDeterministic => "the job's mapper is not deterministic",
            Excuse::Cancelled => "the user gave the job up",
            Excuse::ManagerStopped => "the Manager was told to stop",
            Excuse::Mistake => "the user asked for what cannot be done",
            Excuse::InputChanged => "the job's input was written to",
            Excuse::NotShared => "only workers without the shared storage were in service",
            Excuse::Impatient => "the client heard nothing for longer than it bears",
        })
    }
}

/// Why a job may have failed by this cause; `None` if there is no excuse.
pub(super) fn for_failure(evidence: &Evidence<'_>, job: usize, cause: &Cause) -> Option<Excuse> {
    let setting = &evidence.scenario.jobs[job];
    let excuse = match cause {
        cause if setting.mistake.is_some_and(|mistake| mistake.is_told_by(cause)) => Excuse::Mistake,
        Cause::Cancelled
            if setting.cancel_after_us.is_some() || setting.attention.kill_after_us.is_some() =>
        {
            Excuse::Cancelled
        }
        Cause::ManagerStopped
            if !evidence.scenario.manager.keeps_jobs && !evidence.history.manager_stops.is_empty() =>
        {
            Excuse::ManagerStopped
        }
        Cause::OutputUnwritable { .. }
        | Cause::OutputNotSynced { .. }
        | Cause::OutputDisplaced { .. }
        | Cause::InputUnreadable { .. }
        | Cause::StagingUnreadable { .. }
            if evidence.storage_failed =>
        {
            Excuse::StorageFailed
        }
        // What was staged went with the power.
        Cause::OutputNotShared { .. } | Cause::OutputUnwritable { .. }
            if for_a_torn_output(evidence, job).is_some() =>
        {
            Excuse::NotSynced
        }
        Cause::Scratch { .. } if evidence.capable_scratch_failed => Excuse::NoScratch,
        Cause::MapNotDeterministic { .. }
            if setting.mapper == UserFunction::Unstable && !setting.accepts_nondeterminism =>
        {
            Excuse::NotDeterministic
        }
        Cause::InputChanged { .. } if evidence.history.inputs[job].len() > 1 => Excuse::InputChanged,
        Cause::OutputNotShared { .. }
            if evidence.struck.contains(&FaultKind::OtherStorage) && is_out_of_service(evidence, job) =>
        {
            Excuse::NotShared
        }
        cause if cause.fault() == Fault::Program && super::job::may_fail(evidence, job) => Excuse::Program,
        _ => return None,
    };
    Some(excuse)
}

/// Why a client may have given up that heard nothing more of the Manager.
pub(super) fn for_giving_up(evidence: &Evidence<'_>, job: usize, heard: &Heard) -> Option<Excuse> {
    let setting = &evidence.scenario.jobs[job];
    let silent_us = heard.over?.since_us(heard.news.unwrap_or(heard.began));
    (setting.is_impatient() && silent_us >= setting.patience_us).then_some(Excuse::Impatient)
}

/// Why a part that was won need not be durable.
pub(super) fn for_a_part_that_is_not_durable(evidence: &Evidence<'_>) -> Option<Excuse> {
    evidence.storage_failed.then_some(Excuse::StorageFailed)
}

/// Whether the capable worker may have been missing when only others were there, which is found out at once.
fn is_out_of_service(evidence: &Evidence<'_>, job: usize) -> bool {
    let impairing = [
        FaultKind::CrashWorker,
        FaultKind::StopWorker,
        FaultKind::CrashManager,
        FaultKind::StopManager,
        FaultKind::Blackout,
        FaultKind::Pause,
        FaultKind::Slow,
        FaultKind::Cut,
        FaultKind::Trickle,
        FaultKind::Reset,
        FaultKind::HalfOpen,
        FaultKind::FlipOnWire,
        FaultKind::Weather,
    ];
    let heard = evidence.history.of_job(job, evidence.scenario).filter_map(|heard| heard.over).min();
    let late = match (evidence.history.capable_registered, heard) {
        (Some(registered), Some(heard)) => registered > heard,
        (None, _) | (_, None) => true,
    };
    late || impairing.iter().any(|kind| evidence.struck.contains(kind))
}

/// Why what is visible of a job need not be whole.
pub(super) fn for_a_torn_output(evidence: &Evidence<'_>, job: usize) -> Option<Excuse> {
    let (dark, setting) = (evidence.struck.contains(&FaultKind::Blackout), &evidence.scenario.jobs[job]);
    // A sync that is tried again after it failed says that all is well: what was replaced goes, and the power then
    // takes what took its place.
    let is_deceived = evidence.storage_failed && setting.overwrites.is_some();
    match (dark, setting.is_synced()) {
        (true, false) => Some(Excuse::NotSynced),
        (true, true) if is_deceived => Some(Excuse::StorageFailed),
        (true, true) | (false, _) => None,
    }
}
