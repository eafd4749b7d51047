//! What a worker reports of a failure: owns the bounds of each part, so that the report fits a frame, whatever programs,
//! paths and peers are called or have said.

use crate::failure::{Cause, Failure, OsError, Unreplaceable};
use crate::job::PathBytes;
use crate::limits::{EXCERPT_BYTES, FAILURE_TEXT_BYTES_MAX, STDERR_TAIL_BYTES};
use alloc::string::String;

/// Stands at the end of what was cut.
const CUT: &str = "…";

/// The failure as it is reported.
pub(super) fn bound_failure(mut failure: Failure) -> Failure {
    let Failure { cause, job, attempt: _, attempts_failed: _, host, input, excerpt, stderr_tail } =
        &mut failure;
    bound_cause(cause);
    if let Some((_, name)) = job {
        bound_text(name);
    }
    if let Some(host) = host {
        bound_text(host);
    }
    if let Some(input) = input {
        bound_path(&mut input.path);
    }
    if let Some(excerpt) = excerpt {
        excerpt.beginning.truncate(EXCERPT_BYTES);
    }
    let surplus = stderr_tail.len().saturating_sub(STDERR_TAIL_BYTES);
    stderr_tail.drain(..surplus);
    failure
}

/// Cuts what a cause says to what may be reported.
pub(super) fn bound_cause(cause: &mut Cause) {
    match cause {
        Cause::InputNotFound { path }
        | Cause::InputChanged { path }
        | Cause::OutputExists { path }
        | Cause::WorkDirectoryTaken { path }
        | Cause::OutputNotShared { path } => bound_path(path),
        Cause::InputUnreadable { path, error }
        | Cause::OutputUnwritable { path, error }
        | Cause::WorkDirectory { path, error }
        | Cause::Journal { path, error }
        | Cause::StagingUnreadable { path, error }
        | Cause::Scratch { path, error } => {
            bound_path(path);
            bound_error(error);
        }
        Cause::OutputNotSynced { path, error, kept } => {
            bound_path(path);
            bound_error(error);
            kept.iter_mut().for_each(bound_path);
        }
        Cause::OutputDisplaced { path, kept, error } => {
            bound_path(path);
            bound_path(kept);
            bound_error(error);
        }
        Cause::OutputNotReplaceable { path, why } => {
            bound_path(path);
            match why {
                Unreplaceable::Holds { stranger: path } | Unreplaceable::HoldsInput { input: path } => {
                    bound_path(path);
                }
                Unreplaceable::NoDirectory
                | Unreplaceable::Mount
                | Unreplaceable::NoOutput
                | Unreplaceable::IsOf { job: _ }
                | Unreplaceable::IsNew => {}
            }
        }
        Cause::ProgramNotStarted { role: _, program, directory, error } => {
            bound_path(program);
            bound_path(directory);
            bound_error(error);
        }
        Cause::ProgramFailed { role: _, command, status: _ }
        | Cause::ProgramStoppedReading { role: _, command, unread_bytes: _ }
        | Cause::ProgramSilent { role: _, command, silent_us: _, cpu_us: _, unread_bytes: _ } => {
            bound_text(command);
        }
        Cause::ProgramPipe { role: _, error } => bound_error(error),
        Cause::JournalDamaged { path, damage } => {
            bound_path(path);
            bound_text(damage);
        }
        Cause::RunUnfetchable { map: _, reason } => bound_text(reason),
        Cause::Unreachable { address, whom: _, error }
        | Cause::CannotListen { address, error }
        | Cause::NoAddress { address, error } => {
            bound_text(address);
            bound_error(error);
        }
        Cause::ConnectionLost { address } | Cause::OtherVersion { address, theirs: _, ours: _ } => {
            bound_text(address);
        }
        Cause::NotWindrow { address, violation } => {
            bound_text(address);
            bound_text(violation);
        }
        Cause::OtherCluster { address, theirs, ours } => {
            bound_text(address);
            bound_text(theirs);
            bound_text(ours);
        }
        Cause::Invalid { what, remedy } => {
            bound_text(what);
            bound_text(remedy);
        }
        Cause::UnknownWorker { worker, known, others: _ } => {
            bound_text(worker);
            known.clear();
        }
        Cause::UnknownJob { job: _, known, others: _ } => known.clear(),
        Cause::MapNotDeterministic { first_host, second_host } => {
            [first_host, second_host].into_iter().flatten().for_each(bound_text);
        }
        Cause::KeyTaken { job: _ }
        | Cause::TooManySplits { splits: _ }
        | Cause::RecordTooLong { role: _, limit_bytes: _ }
        | Cause::RunCorrupt { map: _ }
        | Cause::WorkerLost
        | Cause::Killed
        | Cause::Cancelled
        | Cause::ManagerStopped => {}
    }
}

fn bound_error(error: &mut OsError) {
    bound_text(&mut error.text);
}

fn bound_text(text: &mut String) {
    if text.len() > FAILURE_TEXT_BYTES_MAX {
        text.truncate(text.floor_char_boundary(FAILURE_TEXT_BYTES_MAX - CUT.len()));
        text.push_str(CUT);
    }
}

fn bound_path(path: &mut PathBytes) {
    if path.0.len() > FAILURE_TEXT_BYTES_MAX {
        path.0.truncate(FAILURE_TEXT_BYTES_MAX - CUT.len());
        path.0.extend_from_slice(CUT.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{InputRange, OsErrorKind};
    use crate::ids::JobId;
    use crate::job::ProgramRole;
    use crate::wire::frame;
    use alloc::vec;
    use alloc::vec::Vec;

    /// A failure whose parts are so long, of each cause that says something.
    fn failures(bytes: usize) -> Vec<Failure> {
        let text = || "t".repeat(bytes);
        let path = || PathBytes(vec![b'p'; bytes]);
        let error = || OsError { kind: OsErrorKind::Other, text: text() };
        let (role, address) = (ProgramRole::Mapper, text());
        let causes = [
            Cause::InputNotFound { path: path() },
            Cause::InputUnreadable { path: path(), error: error() },
            Cause::ProgramNotStarted { role, program: path(), directory: path(), error: error() },
            Cause::ProgramStoppedReading { role, command: text(), unread_bytes: 1 },
            Cause::ProgramSilent { role, command: text(), silent_us: 1, cpu_us: 1, unread_bytes: 1 },
            Cause::ProgramPipe { role, error: error() },
            Cause::ConnectionLost { address: address.clone() },
            Cause::CannotListen { address: address.clone(), error: error() },
            Cause::NotWindrow { address: address.clone(), violation: text() },
            Cause::OtherCluster { address, theirs: text(), ours: text() },
            Cause::Invalid { what: text(), remedy: text() },
        ];
        let whole = |cause| Failure {
            job: Some((JobId(1), text())),
            host: Some(text()),
            input: Some(InputRange { path: path(), offset: 0, length_bytes: 1 }),
            stderr_tail: vec![b'e'; 2 * bytes],
            ..Failure::new(cause)
        };
        causes.into_iter().map(whole).collect()
    }

    #[test]
    fn what_is_as_long_as_is_allowed_is_told_as_it_is() {
        for failure in failures(FAILURE_TEXT_BYTES_MAX) {
            assert_eq!(bound_failure(failure.clone()), failure);
        }
    }

    #[test]
    fn what_is_longer_is_cut_to_what_is_allowed_and_shows_it() {
        let longest =
            failures(FAILURE_TEXT_BYTES_MAX).into_iter().map(|failure| frame::encode(&failure).len());
        for (failure, longest) in failures(FAILURE_TEXT_BYTES_MAX + 1).into_iter().zip(longest) {
            let bound = bound_failure(failure);
            assert_eq!(frame::encode(&bound).len(), longest, "{:?}", bound.cause);
            assert!(bound.host.is_some_and(|host| host.ends_with(CUT)));
            assert!(bound.input.is_some_and(|input| input.path.0.ends_with(CUT.as_bytes())));
            assert_eq!(bound.stderr_tail.len(), STDERR_TAIL_BYTES);
        }
    }
}
