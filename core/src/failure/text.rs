//! How a failure reads to a person: what happened, to which job, task and file, and what to do.
//!
//! The one place that words failures. The first line says what happened and stands alone; the lines below it are
//! indented. Nothing that came from outside reaches a terminal raw: control characters are escaped.

mod remedy;
mod status;

use super::{Cause, Excerpt, Failure, InputRange, OsError, OsErrorKind, PeerKind, Unreplaceable};
use crate::ids::AttemptId;
use crate::job::{Encoding, PathBytes, ProgramRole};
use crate::limits::{EXCERPT_BYTES, SPLITS_MAX};
use crate::shown::{Duration, Shown, Size};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

/// Lines of a program's stderr that are shown at the most.
const STDERR_LINES_MAX: usize = 20;

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)?;
        if let Some(place) = self.place() {
            write!(f, "\n  in {place}")?;
        }
        if let Some(input) = &self.input {
            write!(f, "\n  input: {input}")?;
        }
        if let Some(excerpt) = &self.excerpt {
            write!(f, "\n  {excerpt}")?;
        }
        let lines = last_lines(&self.stderr_tail);
        if !lines.is_empty() {
            f.write_str("\n  the end of its stderr:")?;
        }
        for line in lines {
            write!(f, "\n    {}", Shown(line))?;
        }
        match self.remedy() {
            Some(remedy) => write!(f, "\n  try: {remedy}"),
            None => Ok(()),
        }
    }
}

impl Failure {
    /// Where it happened: task, job, host; `None` if nothing of it is known.
    fn place(&self) -> Option<String> {
        let mut parts = Vec::new();
        // Which attempt it was by its number is for logs; people count those that failed.
        if let Some(AttemptId { job, task, epoch: _, number: _ }) = self.attempt {
            parts.push(task.to_string());
            if self.job.is_none() {
                parts.push(format!("of job {job}"));
            }
        }
        if let Some((job, name)) = &self.job {
            let of = if parts.is_empty() { "" } else { "of " };
            parts.push(format!("{of}job {job} `{}`", Shown(name.as_bytes())));
        }
        if let Some(host) = &self.host {
            let whose = if parts.is_empty() { "a worker " } else { "" };
            parts.push(format!("{whose}on {}", Shown(host.as_bytes())));
        }
        if self.attempts_failed > 1 {
            parts.push(format!("after {} failed attempts", self.attempts_failed));
        }
        (!parts.is_empty()).then(|| parts.join(" "))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::InputNotFound { path } if is_pattern(path) => {
                write!(f, "no file matches input `{}`", Shown(&path.0))
            }
            Cause::InputNotFound { path } => write!(f, "input `{}` names no file", Shown(&path.0)),
            Cause::InputUnreadable { path, error } => {
                write!(f, "input `{}` cannot be read: {error}", Shown(&path.0))
            }
            Cause::InputChanged { path } => write!(f, "input `{}` changed while the job ran", Shown(&path.0)),
            Cause::TooManySplits { splits } => {
                write!(f, "the input makes {splits} splits; a job may have {SPLITS_MAX} at the most")
            }
            Cause::OutputExists { path } => write!(f, "output `{}` exists already", Shown(&path.0)),
            Cause::OutputUnwritable { path, error } => {
                write!(f, "the output cannot be written: `{}`: {error}", Shown(&path.0))
            }
            Cause::OutputNotSynced { path, error, kept } => {
                let path = Shown(&path.0);
                write!(
                    f,
                    "output `{path}` is whole and in place, but may not outlive a power failure: {error}"
                )?;
                match kept {
                    Some(kept) => write!(f, "; what it has replaced is kept as `{}`", Shown(&kept.0)),
                    None => Ok(()),
                }
            }
            Cause::OutputNotReplaceable { path, why } => not_replaceable(f, path, why),
            Cause::OutputDisplaced { path, kept, error } => write!(
                f,
                "output `{}` could not be replaced, and what was there could not be put back: {error}; it is kept as `{}`",
                Shown(&path.0),
                Shown(&kept.0)
            ),
            Cause::OutputNotShared { path } => {
                write!(
                    f,
                    "the worker does not see `{}`, where the job's output is put together",
                    Shown(&path.0)
                )
            }
            Cause::StagingUnreadable { path, error } => {
                let path = Shown(&path.0);
                write!(f, "the worker cannot read `{path}`, where the job's output is put together: {error}")
            }
            Cause::Scratch { path, error } => {
                write!(f, "`{}` in the work directory cannot be used: {error}", Shown(&path.0))
            }
            Cause::ProgramNotStarted { role, program, directory, error } => {
                not_started(f, *role, program, directory, error)
            }
            Cause::ProgramFailed { role, command, status } => {
                write!(f, "{role} `{}` {status}", Shown(command.as_bytes()))
            }
            Cause::ProgramStoppedReading { role, command, unread_bytes } => write!(
                f,
                "{role} `{}` ended before it had read all of its input: {unread_bytes} {} left",
                Shown(command.as_bytes()),
                if *unread_bytes == 1 { "byte was" } else { "bytes were" }
            ),
            Cause::ProgramSilent { role, command, silent_us, cpu_us, unread_bytes } => write!(
                f,
                "{role} `{}` neither read, wrote nor used the processor for {}: before, it had used {} of it, and {unread_bytes} \
                 {} left unread",
                Shown(command.as_bytes()),
                Duration(*silent_us),
                if *cpu_us == 0 { String::from("nothing") } else { Duration(*cpu_us).to_string() },
                if *unread_bytes == 1 { "byte is" } else { "bytes are" }
            ),
            Cause::ProgramPipe { role, error } => write!(f, "a pipe of the {role} broke: {error}"),
            Cause::RecordTooLong { role, limit_bytes } => {
                write!(f, "the {role} printed a line of more than {}", Size(*limit_bytes))
            }
            Cause::RunCorrupt { map } => {
                write!(f, "the output of {map} does not have the bytes that were written")
            }
            Cause::RunUnfetchable { map, reason } => {
                write!(f, "the output of {map} could not be fetched: {}", Shown(reason.as_bytes()))
            }
            Cause::MapNotDeterministic { first_host, second_host } => {
                f.write_str("the mapper is not deterministic: from the same input it printed one thing")?;
                for (host, next) in [(first_host, ", and another when it ran again"), (second_host, "")] {
                    if let Some(host) = host {
                        write!(f, " on {}", Shown(host.as_bytes()))?;
                    }
                    f.write_str(next)?;
                }
                Ok(())
            }
            Cause::WorkerLost => f.write_str("the worker was lost"),
            Cause::Killed => f.write_str("the attempt was no longer wanted"),
            Cause::Cancelled => f.write_str("the job was cancelled"),
            Cause::ManagerStopped => f.write_str("the Manager was told to stop before the job had ended"),
            Cause::Unreachable { address, whom: PeerKind::Manager, error } => {
                write!(f, "no Manager answers at {}: {error}", Shown(address.as_bytes()))
            }
            Cause::Unreachable { address, whom: PeerKind::Worker, error } => {
                write!(f, "no worker answers at {}: {error}", Shown(address.as_bytes()))
            }
            Cause::ConnectionLost { address } => write!(
                f,
                "the connection to the Manager at {} was lost and could not be had again",
                Shown(address.as_bytes())
            ),
            Cause::CannotListen { address, error } => {
                write!(f, "cannot listen on {}: {error}", Shown(address.as_bytes()))
            }
            Cause::NotWindrow { address, violation } => write!(
                f,
                "what answers at {} does not speak Windrow's protocol: {}",
                Shown(address.as_bytes()),
                Shown(violation.as_bytes())
            ),
            Cause::OtherVersion { address, theirs, ours } => write!(
                f,
                "{} speaks version {theirs} of the protocol, this program version {ours}",
                Shown(address.as_bytes())
            ),
            Cause::OtherCluster { address, theirs, ours } => write!(
                f,
                "{} belongs to the cluster `{}`, not to `{}`",
                Shown(address.as_bytes()),
                Shown(theirs.as_bytes()),
                Shown(ours.as_bytes())
            ),
            Cause::UnknownJob { job, known, others } => {
                let known: Vec<String> = known.iter().map(ToString::to_string).collect();
                write!(f, "there is no job {job}; {}", there_are(&known, *others))
            }
            Cause::UnknownWorker { worker, known, others } => {
                let worker = Shown(worker.as_bytes());
                write!(f, "`{worker}` is not the name of one worker; {}", there_are(known, *others))
            }
            Cause::KeyTaken { job } => {
                write!(f, "the key is that of job {job}, which is another job than this")
            }
            Cause::Invalid { what, remedy: _ } => Shown(what.as_bytes()).fmt(f),
            Cause::WorkDirectory { path, error } => {
                write!(f, "the work directory `{}` cannot be used: {error}", Shown(&path.0))
            }
            Cause::WorkDirectoryTaken { path } => {
                write!(f, "the work directory `{}` belongs to a Manager that is running", Shown(&path.0))
            }
            Cause::NoAddress { address, error: OsError { kind: OsErrorKind::InvalidData, text: _ } } => {
                write!(f, "`{}` is no HOST:PORT", Shown(address.as_bytes()))
            }
            Cause::NoAddress { address, error } => {
                write!(f, "`{}` is no address of this machine: {error}", Shown(address.as_bytes()))
            }
            Cause::JournalDamaged { path, damage } => {
                write!(f, "the journal `{}` of an earlier Manager cannot be used: {damage}", Shown(&path.0))
            }
            Cause::Journal { path, error } => {
                write!(f, "the Manager's journal `{}` cannot be written: {error}", Shown(&path.0))
            }
        }
    }
}

/// What there is in place of what was sought.
fn there_are(known: &[String], others: u32) -> String {
    let names: Vec<String> = known.iter().map(|name| Shown(name.as_bytes()).to_string()).collect();
    match (names.len(), others) {
        (0, _) => "there is none".into(),
        (1, 0) => format!("there is {}", names[0]),
        (_, 0) => format!("there are {}", names.join(", ")),
        (_, others) => format!("there are {} and {others} more", names.join(", ")),
    }
}

/// Words [`Cause::OutputNotReplaceable`].
fn not_replaceable(f: &mut fmt::Formatter<'_>, path: &PathBytes, why: &Unreplaceable) -> fmt::Result {
    let path = Shown(&path.0);
    match why {
        Unreplaceable::NoDirectory => {
            write!(f, "output `{path}` is not replaced: what is there is no directory")
        }
        Unreplaceable::Mount => write!(f, "output `{path}` is not replaced: something is mounted there"),
        Unreplaceable::NoOutput => {
            write!(
                f,
                "output `{path}` is not replaced: what is there is no output of a job, for it has no _SUCCESS"
            )
        }
        Unreplaceable::Holds { stranger } => {
            let stranger = Shown(&stranger.0);
            write!(f, "output `{path}` is not replaced: there is `{stranger}` in it, which is not of a job")
        }
        Unreplaceable::HoldsInput { input } => {
            write!(f, "output `{path}` is not replaced: the job's input `{}` is in it", Shown(&input.0))
        }
        Unreplaceable::IsOf { job } => {
            write!(f, "output `{path}` is also that of job {job}, which has not ended")
        }
        Unreplaceable::IsNew => {
            write!(f, "output `{path}` is not replaced: what is there came while it was being replaced")
        }
    }
}

/// Words [`Cause::ProgramNotStarted`].
fn not_started(
    f: &mut fmt::Formatter<'_>,
    role: ProgramRole,
    program: &PathBytes,
    directory: &PathBytes,
    error: &OsError,
) -> fmt::Result {
    write!(f, "{role} `{}`: ", Shown(&program.0))?;
    match (error.kind, is_path(program)) {
        (OsErrorKind::NotFound, false) => f.write_str("no such program in PATH"),
        (OsErrorKind::NotFound, true) => {
            write!(f, "no such program, looked for from {}", Shown(&directory.0))
        }
        (OsErrorKind::PermissionDenied, _) => write!(f, "may not be executed: {error}"),
        (OsErrorKind::NotExecutable, _) => {
            write!(f, "neither a program for this machine nor a script with `#!`: {error}")
        }
        _ => write!(f, "could not be started: {error}"),
    }
}

impl fmt::Display for InputRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InputRange { path, offset, length_bytes } = self;
        write!(f, "{}", Shown(&path.0))?;
        if *length_bytes == 0 {
            return Ok(());
        }
        write!(f, ", bytes {offset} to {}", offset.saturating_add(*length_bytes))?;
        match Encoding::of_path(path) {
            Encoding::Plain => Ok(()),
            Encoding::Gzip => f.write_str(" of what it unpacks to"),
        }
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Excerpt { records, beginning } = self;
        match records {
            1 => f.write_str("it fails on this record by itself:")?,
            records => {
                write!(f, "it fails on these {records} records, and on neither half of them; they begin:")?
            }
        }
        for line in beginning.trim_ascii_end().split(|byte| *byte == b'\n') {
            write!(f, "\n    {}", Shown(line).to_string().replace('\t', "\\t"))?;
        }
        let is_cut = beginning.len() >= EXCERPT_BYTES;
        if is_cut { f.write_str("…") } else { Ok(()) }
    }
}

impl fmt::Display for OsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Shown(self.text.as_bytes()).fmt(f)
    }
}

/// The last lines of what a program wrote, without the empty ones at the end.
fn last_lines(tail: &[u8]) -> Vec<&[u8]> {
    let tail = tail.trim_ascii_end();
    if tail.is_empty() {
        return Vec::new();
    }
    let mut lines: Vec<&[u8]> =
        tail.rsplit(|byte| *byte == b'\n').take(STDERR_LINES_MAX + 1).map(<[u8]>::trim_ascii_end).collect();
    if lines.len() > STDERR_LINES_MAX {
        lines[STDERR_LINES_MAX] = "…".as_bytes();
    }
    lines.reverse();
    lines
}

/// Whether a program is named by a path and not to be found in PATH.
fn is_path(program: &PathBytes) -> bool {
    program.0.contains(&b'/')
}

/// Whether an input reads like a pattern.
fn is_pattern(input: &PathBytes) -> bool {
    input.0.iter().any(|byte| b"*?[{".contains(byte))
}

#[cfg(test)]
mod tests;
