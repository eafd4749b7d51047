//! Leaving things out: owns what must go, or be renamed, with a part of a scenario that goes, so that whatever stays means
//! what it meant.

use super::Edit;
use crate::names::Host;
use crate::operators::Operator;
use crate::scenario::{DiskName, Fault, PlannedFault, Scenario, Trigger};
use crate::workload::{InputText, JobSetting};
use std::ops::Range;

/// A change of what a file holds.
type TextChange = Box<dyn Fn(&mut Vec<u8>)>;

/// Leaves out faults: all, halves, quarters, and so on to single ones.
pub(super) fn faults(scenario: &Scenario) -> Vec<Edit> {
    let cut = |range: Range<usize>| -> Edit {
        Box::new(move |scenario| drop(scenario.faults.drain(within(&range, scenario.faults.len()))))
    };
    pieces(scenario.faults.len()).map(cut).collect()
}

/// Leaves out drains of workers. Hosts of those behind them are renamed with them, which no fault names.
pub(super) fn drains(scenario: &Scenario) -> Vec<Edit> {
    let cut = |drain: usize| -> Edit {
        Box::new(move |scenario| {
            if drain < scenario.drains.len() {
                scenario.drains.remove(drain);
            }
        })
    };
    (0..scenario.drains.len()).rev().map(cut).collect()
}

/// Leaves out jobs, with their clients.
pub(super) fn jobs(scenario: &Scenario) -> Vec<Edit> {
    let cut = |job: usize| -> Edit { Box::new(move |scenario| without_job(scenario, job)) };
    (0..scenario.jobs.len()).rev().map(cut).collect()
}

/// Leaves out workers.
pub(super) fn workers(scenario: &Scenario) -> Vec<Edit> {
    let cut = |worker: usize| -> Edit { Box::new(move |scenario| without_worker(scenario, worker)) };
    (0..scenario.workers.len()).rev().map(cut).collect()
}

/// Leaves out input files, then joins each with the one before it.
pub(super) fn files(scenario: &Scenario) -> Vec<Edit> {
    let mut edits: Vec<Edit> = Vec::new();
    for (number, job) in scenario.jobs.iter().enumerate() {
        for range in pieces(job.files.len()) {
            edits.push(Box::new(move |scenario| {
                if let Some(job) = scenario.jobs.get_mut(number) {
                    without_files(job, within(&range, job.files.len()));
                }
            }));
        }
        for file in (1..job.files.len()).rev() {
            edits.push(Box::new(move |scenario| {
                if let Some(job) = scenario.jobs.get_mut(number) {
                    join(job, file);
                }
            }));
        }
    }
    edits
}

/// Leaves out lines; then makes plainer what they hold.
pub(super) fn lines(scenario: &Scenario) -> Vec<Edit> {
    let mut edits: Vec<Edit> = Vec::new();
    let mut change = |job: usize, file: usize, change: TextChange| {
        edits.push(Box::new(move |scenario| {
            let file = scenario.jobs.get_mut(job).and_then(|job| job.files.get_mut(file));
            if let Some(InputText { bytes, .. }) = file {
                change(bytes);
            }
        }));
    };
    for (job, setting) in scenario.jobs.iter().enumerate() {
        for (file, text) in setting.files.iter().enumerate() {
            for range in pieces(lines_of(&text.bytes).count()) {
                change(job, file, Box::new(move |bytes| *bytes = without_lines(bytes, &range)));
            }
            change(job, file, Box::new(|bytes| *bytes = line_by_line(bytes, |_| b"a".to_vec())));
            change(
                job,
                file,
                Box::new(|bytes| *bytes = line_by_line(bytes, |line| first_word(line).to_vec())),
            );
            // Where it takes so many bytes, the fewest lines and the plainest bytes.
            change(job, file, Box::new(|bytes| join_lines(bytes, usize::MAX)));
            change(job, file, Box::new(|bytes| join_lines(bytes, 8)));
            change(job, file, Box::new(|bytes| join_lines(bytes, 2)));
            change(job, file, Box::new(|bytes| *bytes = line_by_line(bytes, |line| vec![b'a'; line.len()])));
        }
    }
    edits
}

/// All of so many things, then halves, quarters, and so on to single ones; each size from the end, so that what was left
/// out leaves the places of those still to come as they were.
fn pieces(count: usize) -> impl Iterator<Item = Range<usize>> {
    let sizes = std::iter::successors(Some(count), |size| (*size > 1).then(|| size.div_ceil(2)));
    sizes.filter(|size| *size > 0).flat_map(move |size| {
        (0..count.div_ceil(size)).rev().map(move |piece| piece * size..count.min((piece + 1) * size))
    })
}

/// The part of `range` that is below `count`.
fn within(range: &Range<usize>, count: usize) -> Range<usize> {
    range.start.min(count)..range.end.min(count)
}

fn lines_of(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n')
}

fn without_lines(bytes: &[u8], range: &Range<usize>) -> Vec<u8> {
    let kept = lines_of(bytes).enumerate().filter(|(number, _)| !range.contains(number));
    kept.flat_map(|(_, line)| line).copied().collect()
}

/// Changes what stands before the ends of lines.
fn line_by_line(bytes: &[u8], change: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let mut changed = Vec::new();
    for line in lines_of(bytes) {
        let (text, end) = line.split_at(line.len() - usize::from(line.ends_with(b"\n")));
        changed.extend(change(text));
        changed.extend(end);
    }
    changed
}

/// Makes one line of each so many.
fn join_lines(bytes: &mut [u8], lines: usize) {
    let length = bytes.len();
    let mut number = 0;
    for (place, byte) in bytes.iter_mut().enumerate() {
        if *byte == b'\n' {
            number += 1;
            if number % lines != 0 && place + 1 < length {
                *byte = b' ';
            }
        }
    }
}

fn first_word(line: &[u8]) -> &[u8] {
    line.split(u8::is_ascii_whitespace).find(|word| !word.is_empty()).unwrap_or_default()
}

/// Inputs keep naming what is there: else the job could not but fail.
fn without_files(job: &mut JobSetting, range: Range<usize>) {
    let gone: Vec<InputText> = job.files.drain(range).collect();
    job.inputs.retain(|input| gone.iter().all(|file| *input != file.path));
    if let (true, Some(file)) = (job.files.is_empty(), gone.first()) {
        job.inputs = file.path.split_name().into_iter().map(|(directory, _)| directory).collect();
    }
}

/// Puts the contents of a file at the end of the one before it.
fn join(job: &mut JobSetting, file: usize) {
    if file >= job.files.len() {
        return;
    }
    let bytes = job.files[file].bytes.clone();
    without_files(job, file..file + 1);
    let before = &mut job.files[file - 1].bytes;
    if !before.is_empty() && !before.ends_with(b"\n") {
        before.push(b'\n');
    }
    before.extend(bytes);
}

fn without_job(scenario: &mut Scenario, gone: usize) {
    let jobs = scenario.jobs.len();
    if gone >= jobs {
        return;
    }
    let before = scenario.clone();
    scenario.jobs.remove(gone);
    let after = scenario.clone();
    let (jobs, gone) = (jobs as u16, gone as u16);
    scenario.faults.retain_mut(|planned| match &mut planned.fault {
        Fault::ChangeInput { job, .. } => {
            let stays = *job != gone;
            *job -= u16::from(*job > gone);
            stays
        }
        _ => true,
    });
    let operator =
        |client| before.operator(client).map(|operator| operator_without_job(operator, gone.into()));
    rename(scenario, &|host| match host {
        // Clients: one for each job, who shuts down, one for each job that is submitted again, and operators.
        Host::Client(client) if operator(client).is_some() => {
            operator(client).flatten().map(|operator| Host::Client(after.client_of(operator)))
        }
        Host::Client(client) if client == gone || client == jobs + 1 + gone => None,
        Host::Client(client) if client > jobs + 1 + gone => Some(Host::Client(client - 2)),
        Host::Client(client) if client > gone => Some(Host::Client(client - 1)),
        host @ (Host::Manager | Host::Worker(_) | Host::Client(_)) => Some(host),
    });
}

/// The same operator where a job is gone; `None` where he was there for it.
fn operator_without_job(operator: Operator, gone: usize) -> Option<Operator> {
    let less = |job: usize| (job != gone).then(|| job - usize::from(job > gone));
    Some(match operator {
        Operator::Killer(job) => Operator::Killer(less(job)?),
        Operator::KeyUser(job) => Operator::KeyUser(less(job)?),
        Operator::Visitor(job) => Operator::Visitor(less(job)?),
        Operator::Drainer(index) => Operator::Drainer(index),
    })
}

fn without_worker(scenario: &mut Scenario, gone: usize) {
    if gone >= scenario.workers.len() {
        return;
    }
    scenario.workers.remove(gone);
    let gone = gone as u16;
    if scenario.capable > gone || usize::from(scenario.capable) >= scenario.workers.len() {
        scenario.capable = scenario.capable.saturating_sub(1);
    }
    let capable = scenario.capable;
    scenario.drains.retain_mut(|drain| {
        let stays = drain.worker != gone;
        drain.worker -= u16::from(drain.worker > gone);
        stays && drain.worker != capable
    });
    rename(scenario, &|host| match host {
        Host::Worker(worker) if worker == gone => None,
        Host::Worker(worker) if worker > gone => Some(Host::Worker(worker - 1)),
        host @ (Host::Manager | Host::Worker(_) | Host::Client(_)) => Some(host),
    });
}

/// Gives hosts their new names; faults of those that have none any more are left out.
fn rename(scenario: &mut Scenario, new: &dyn Fn(Host) -> Option<Host>) {
    scenario.faults.retain_mut(|planned| renamed(planned, new).is_some());
}

fn renamed(planned: &mut PlannedFault, new: &dyn Fn(Host) -> Option<Host>) -> Option<()> {
    let worker = |index: &mut u16| {
        let Host::Worker(renamed) = new(Host::Worker(*index))? else {
            unreachable!("a worker stays one");
        };
        *index = renamed;
        Some(())
    };
    match &mut planned.trigger {
        Trigger::Write { host, .. } => *host = new(*host)?,
        Trigger::At { .. } | Trigger::Event { .. } | Trigger::Message { .. } => {}
    }
    match &mut planned.fault {
        Fault::Crash { host, .. }
        | Fault::Pause { host, .. }
        | Fault::Slow { host, .. }
        | Fault::Stranger { host, .. } => *host = new(*host)?,
        Fault::Cut { from, to, .. } | Fault::Trickle { from, to, .. } => {
            (*from, *to) = (new(*from)?, new(*to)?);
        }
        Fault::DiskFull { disk, .. } | Fault::SyncFails { disk, .. } | Fault::ReadFails { disk, .. } => {
            match disk {
                DiskName::Scratch(index) => worker(index)?,
                DiskName::Shared => {}
            }
        }
        Fault::Stop { worker: index, .. }
        | Fault::Rot { worker: index }
        | Fault::LoseFile { worker: index }
        | Fault::LoseMount { worker: index, .. }
        | Fault::Echo { worker: index, .. } => worker(index)?,
        Fault::ResetConnection { of: Some(host) } => *host = new(*host)?,
        Fault::Blackout { .. }
        | Fault::ResetConnection { of: None }
        | Fault::HalfOpen
        | Fault::FlipOnWire
        | Fault::Weather { .. }
        | Fault::StopManager { .. }
        | Fault::ChangeInput { .. } => {}
    }
    Some(())
}
