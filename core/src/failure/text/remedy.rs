//! What to do about a failure: owns one piece of advice for each cause, and only advice that is true of it.

use super::{is_path, is_pattern};
use crate::failure::{Cause, ExitStatus, Failure, InputRange, OsErrorKind, PeerKind, Unreplaceable};
use crate::job::{Encoding, PathBytes, ProgramRole};
use crate::limits::REPORTS_KEPT;
use crate::shown::{Quoted, Shown};
use alloc::format;
use alloc::string::{String, ToString};

impl Failure {
    /// What to do about it, in a sentence without a full stop; `None` where nothing needs doing.
    pub fn remedy(&self) -> Option<String> {
        let hint = match (&self.cause, &self.input) {
            (Cause::ProgramFailed { command, status, role: ProgramRole::Mapper }, Some(input)) => {
                by_hand(command, *status, input, self.excerpt.is_some())
            }
            (Cause::Unreachable { address, .. } | Cause::ConnectionLost { address }, _) => {
                let address = PathBytes::from(address.as_str());
                let again = "start the Manager again with its --work-dir, then: windrow job wait";
                self.job.as_ref().map(|(job, _)| format!("{again} {job} --manager {}", Quoted(&address)))
            }
            (_, _) => None,
        };
        let hint = hint.or_else(|| self.cause.remedy());
        if !self.is_of_one_record() {
            return hint;
        }
        let leave_out = "have such records left out, by a greater --max-skipped-records";
        Some(hint.map_or(leave_out.into(), |hint| format!("{hint}; or {leave_out}")))
    }
}

/// The command line that repeats a failed mapper on its input.
fn by_hand(command: &str, status: ExitStatus, input: &InputRange, is_part: bool) -> Option<String> {
    if shell_hint(status).is_some() || is_unmatched(command, status) {
        return None;
    }
    let InputRange { path, offset, length_bytes } = input;
    let first = offset.saturating_add(1);
    let command = Shown(command.as_bytes());
    if is_standard_stream(path) {
        return Some(format!(
            "run it by hand: … | tail -c +{first} | head -c {length_bytes} | {command}, with … for what was piped in"
        ));
    }
    let path = Quoted(path);
    Some(match (Encoding::of_path(&input.path), *offset) {
        (Encoding::Gzip, _) if is_part => {
            format!(
                "run it by hand: gunzip -c {path} | tail -c +{first} | head -c {length_bytes} | {command}"
            )
        }
        (Encoding::Gzip, _) => format!("run it by hand: gunzip -c {path} | {command}"),
        (Encoding::Plain, 0) => format!("run it by hand: head -c {length_bytes} {path} | {command}"),
        (Encoding::Plain, _) => {
            format!("run it by hand: tail -c +{first} {path} | head -c {length_bytes} | {command}")
        }
    })
}

/// Whether a program is a grep that found nothing, the one success that looks like a failure.
fn is_unmatched(command: &str, status: ExitStatus) -> bool {
    let program = command.split(' ').next().unwrap_or_default();
    let name = program.rsplit('/').next().unwrap_or_default();
    status == ExitStatus::Code(1) && matches!(name, "grep" | "egrep" | "fgrep" | "zgrep" | "rg")
}

/// What an end of a program says by itself about its reason.
fn shell_hint(status: ExitStatus) -> Option<&'static str> {
    match status {
        ExitStatus::Code(126) => {
            Some("chmod +x on what it calls: a shell gives 126 for what may not be executed")
        }
        ExitStatus::Code(127) => {
            Some("install what it calls on every worker: a shell gives 127 for a command that is not found")
        }
        ExitStatus::Code(137) | ExitStatus::Signal(9) => Some(
            "hold less in memory, or run fewer at a time with --slots; `dmesg` tells whether the kernel killed it",
        ),
        ExitStatus::Code(_) | ExitStatus::Signal(_) => None,
    }
}

impl Cause {
    /// What to do about it, as far as the cause alone tells.
    fn remedy(&self) -> Option<String> {
        match self {
            Cause::InputNotFound { path } if is_pattern(path) => Some(
                "check the pattern; in directories, files whose names begin with `_` or `.` are not read".into(),
            ),
            Cause::InputNotFound { .. } => Some(
                "check the path; in directories, files whose names begin with `_` or `.` are not read".into(),
            ),
            Cause::InputUnreadable { path, error } => Some(unreadable(path, error.kind)),
            Cause::InputChanged { .. } => Some("run the job again once nothing writes to it".into()),
            Cause::MapNotDeterministic { .. } => Some(
                "have it print the same for the same input (no clock, no random numbers, no order of a hash table), or take \
                 whatever comes with --accept-nondeterminism"
                    .into(),
            ),
            Cause::TooManySplits { .. } => Some("give a greater --split-size".into()),
            Cause::OutputExists { .. } => {
                Some("have it replaced by --overwrite, remove it, or choose another --output".into())
            }
            Cause::OutputUnwritable { path, error } => Some(unwritable(path, error.kind)),
            Cause::OutputNotSynced { .. } => {
                Some("use it, or remove it and run the job again; look at the health of that disk".into())
            }
            Cause::OutputNotReplaceable { path: _, why } => Some(not_replaceable(why)),
            Cause::OutputDisplaced { path, kept, .. } => Some(format!(
                "see what is at {}, and then: mv {} {0}",
                Quoted(path),
                Quoted(kept)
            )),
            Cause::OutputNotShared { .. } => Some(
                "put --output on storage that every machine sees under the same path, or use `windrow run` on one machine"
                    .into(),
            ),
            Cause::StagingUnreadable { .. } => {
                Some("see to that machine's access to the storage of --output, then run the job again".into())
            }
            Cause::Scratch { path, error } => Some(scratch(path, error.kind)),
            Cause::ProgramNotStarted { role, program, directory, error } => {
                Some(startable(*role, program, directory, error.kind))
            }
            Cause::ProgramFailed { command, status, .. } if is_unmatched(command, *status) => Some(
                "sed -n '/…/p' or awk '/…/' in its place: grep fails where nothing matches, as in a part of the input"
                    .into(),
            ),
            Cause::ProgramFailed { role, command: _, status } => Some(match (shell_hint(*status), role) {
                (Some(hint), _) => hint.into(),
                (None, ProgramRole::Mapper) => "run it by hand on a few lines of its input".into(),
                (None, ProgramRole::Reducer) => {
                    "run it by hand on a few lines of what the mapper prints, sorted by key".into()
                }
            }),
            Cause::ProgramStoppedReading { .. } => Some(
                "let it read to the end of its input even where it needs no more of it (in a shell: `; cat >/dev/null`)"
                    .into(),
            ),
            Cause::ProgramSilent { .. } => Some(
                "see what it waits for; if it may take that long, give a longer --task-timeout, or 0 for no limit"
                    .into(),
            ),
            Cause::ProgramPipe { .. } => Some("run the job again; if it stays, check the host's limits (`ulimit -a`)".into()),
            Cause::RecordTooLong { .. } => Some("end each record with a newline".into()),
            Cause::RunCorrupt { .. } => Some(
                "check the disk under the worker's --work-dir; the map runs again by itself".into(),
            ),
            Cause::RunUnfetchable { .. } => Some(
                "check that workers reach each other's shuffle ports (see --shuffle-listen and --advertise of `windrow worker`)"
                    .into(),
            ),
            Cause::WorkerLost => Some("look at the worker's log; its tasks run elsewhere by themselves".into()),
            Cause::Killed | Cause::Cancelled => None,
            Cause::ManagerStopped => Some("submit the job again once a Manager runs (`windrow manager`); nothing of its output was made visible".into()),
            Cause::Unreachable { address, whom, error } => Some(reachable(address, *whom, error.kind)),
            Cause::ConnectionLost { .. } => {
                Some("look at the Manager's log, and at the output: it is there whole or not at all".into())
            }
            Cause::CannotListen { error, .. } => Some(
                match error.kind {
                    OsErrorKind::AddressInUse => {
                        "choose another port, or 0 for any that is free; a windrow server may be running there already"
                    }
                    OsErrorKind::PermissionDenied => "choose a port of 1024 or more; lower ones need privileges",
                    _ => "give an address of this machine, as HOST:PORT",
                }
                .into(),
            ),
            Cause::NotWindrow { .. } => {
                Some("check host and port: something else listens there".into())
            }
            Cause::OtherVersion { .. } => {
                Some("use the same windrow on both sides; compare `windrow --version`".into())
            }
            Cause::OtherCluster { theirs, .. } => Some(format!(
                "give --cluster {} if that is the one you mean, or another address",
                Quoted(&PathBytes::from(theirs.as_str()))
            )),
            Cause::WorkDirectory { path: _, error } => Some(
                match error.kind {
                    OsErrorKind::NotADirectory | OsErrorKind::Exists => {
                        "give a --work-dir that is a directory and may be written"
                    }
                    _ => "give another --work-dir, or see to its permissions and space",
                }
                .into(),
            ),
            Cause::WorkDirectoryTaken { .. } => {
                Some("stop that Manager, or give this one another --work-dir".into())
            }
            Cause::NoAddress { .. } => Some("give a host and a port, as in 10.0.0.1:7077".into()),
            Cause::JournalDamaged { path, .. } => Some(format!(
                "restore {} from a copy, or use another --work-dir: the jobs in this one are then forgotten",
                Shown(&path.0)
            )),
            Cause::Journal { .. } => {
                Some("see to the disk of its work directory, then start the Manager again".into())
            }
            Cause::UnknownJob { .. } => Some(format!(
                "see `windrow jobs`; of jobs that have ended the last {REPORTS_KEPT} are known, for a week"
            )),
            Cause::UnknownWorker { .. } => {
                Some("give a host that one worker has, or its number as `windrow workers` shows it".into())
            }
            Cause::KeyTaken { job } => Some(format!("give another --key; `windrow job show {job}` tells of that job")),
            Cause::Invalid { what: _, remedy } => {
                (!remedy.is_empty()).then(|| Shown(remedy.as_bytes()).to_string())
            }
        }
    }
}

fn unreadable(path: &PathBytes, error: OsErrorKind) -> String {
    match error {
        _ if is_standard_stream(path) => "check what standard input comes from".into(),
        OsErrorKind::PermissionDenied => {
            format!("chmod a+r {}, or run the workers as a user who may read it", Quoted(path))
        }
        OsErrorKind::InvalidData => {
            format!("gzip -t {}; a file that is no gzip should not end in .gz", Quoted(path))
        }
        OsErrorKind::IsADirectory => {
            format!("give {} as an --input of its own, or move it away", Quoted(path))
        }
        OsErrorKind::NotFound => "put --input on storage that every machine sees under the same path".into(),
        OsErrorKind::NotAFile => format!("save what it gives in a file first: cat {} >FILE", Quoted(path)),
        _ => "check the storage that holds it".into(),
    }
}

fn unwritable(path: &PathBytes, error: OsErrorKind) -> String {
    match error {
        _ if is_standard_stream(path) => "check what standard output goes to".into(),
        OsErrorKind::NotFound => format!("mkdir -p {}, or choose another --output", Quoted(path)),
        OsErrorKind::PermissionDenied => {
            format!("chmod u+w {}, or choose an --output in a directory that may be written", Quoted(path))
        }
        OsErrorKind::NoSpace => {
            format!("free space where {} is, or choose an --output elsewhere", Shown(&path.0))
        }
        OsErrorKind::NotADirectory => "choose another --output: something above it is a file".into(),
        OsErrorKind::Exists => "choose another --output".into(),
        _ => "check the storage that holds it, or choose an --output elsewhere".into(),
    }
}

fn not_replaceable(why: &Unreplaceable) -> String {
    match why {
        Unreplaceable::NoDirectory | Unreplaceable::Mount | Unreplaceable::NoOutput => {
            "choose another --output, or remove it yourself: --overwrite replaces outputs of jobs, and empty directories"
                .into()
        }
        Unreplaceable::Holds { .. } => "move it away, or choose another --output".into(),
        Unreplaceable::HoldsInput { .. } => "choose another --output".into(),
        Unreplaceable::IsOf { job } => {
            format!("submit it once that has ended (`windrow job wait {job}`), or choose another --output")
        }
        Unreplaceable::IsNew => "see what it is, and run the job again".into(),
    }
}

fn scratch(path: &PathBytes, error: OsErrorKind) -> String {
    let parent = parent_of(path);
    match error {
        OsErrorKind::NoSpace => {
            format!("free space where {} is, or give a --work-dir with more of it", Shown(&parent.0))
        }
        OsErrorKind::PermissionDenied | OsErrorKind::NotADirectory | OsErrorKind::Exists => {
            "give a --work-dir that is a directory and may be written".into()
        }
        _ => "check the disk under the work directory, or give another --work-dir".into(),
    }
}

fn startable(role: ProgramRole, program: &PathBytes, directory: &PathBytes, error: OsErrorKind) -> String {
    let directory = Shown(&directory.0);
    match (error, is_path(program)) {
        (OsErrorKind::NotFound, false) => format!(
            "install it on every worker, or give a path: one with a slash is looked for from {directory}, which must exist"
        ),
        (OsErrorKind::NotFound, true) => {
            "check that path, that directory, and the interpreter after `#!` if it is a script: all must exist on every worker".into()
        }
        (OsErrorKind::PermissionDenied, _) => {
            format!("chmod +x {0}, or name its interpreter, as in --{role} 'python3 {0}'", Quoted(program))
        }
        (OsErrorKind::NotExecutable, _) => format!(
            "give it a first line like `#!/usr/bin/env python3`, or name its interpreter, as in --{role} 'python3 {}'",
            Quoted(program)
        ),
        _ => "check the program and the host's limits (`ulimit -a`)".into(),
    }
}

fn reachable(address: &str, whom: PeerKind, error: OsErrorKind) -> String {
    match (whom, error) {
        (PeerKind::Manager, OsErrorKind::ConnectionRefused) => format!(
            "start one with: windrow manager --listen {}",
            Quoted(&PathBytes::from(address))
        ),
        (PeerKind::Manager, _) => {
            "check host and port of --manager (or WINDROW_MANAGER), and firewalls on the way".into()
        }
        (PeerKind::Worker, _) => {
            "check that workers reach each other's shuffle ports (see --shuffle-listen and --advertise of `windrow worker`)".into()
        }
    }
}

/// Whether a path is what people write for standard input or output.
fn is_standard_stream(path: &PathBytes) -> bool {
    path.0 == b"-"
}

/// The directory that holds a path.
fn parent_of(path: &PathBytes) -> PathBytes {
    path.split_name().map_or_else(|| PathBytes::from("/"), |(parent, _)| parent)
}
