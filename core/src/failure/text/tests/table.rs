//! Every cause, beside the whole of what a person reads of it.

use crate::failure::{Cause, ExitStatus, OsError, OsErrorKind, PeerKind, Unreplaceable};
use crate::ids::{AttemptId, Epoch, JobId, TaskId};
use crate::job::{PathBytes, ProgramRole};
use alloc::string::String;
use alloc::vec::Vec;

pub(super) fn os(kind: OsErrorKind, text: &str) -> OsError {
    OsError { kind, text: text.into() }
}

pub(super) fn attempt(task: TaskId, number: u32) -> AttemptId {
    AttemptId { job: JobId(3), task, epoch: Epoch(1), number }
}

pub(super) fn failed(role: ProgramRole, status: ExitStatus) -> Cause {
    Cause::ProgramFailed { role, command: "./map.py -v".into(), status }
}

pub(super) fn not_started(program: &str, kind: OsErrorKind, text: &str) -> Cause {
    Cause::ProgramNotStarted {
        role: ProgramRole::Mapper,
        program: program.into(),
        directory: "/home/ada".into(),
        error: os(kind, text),
    }
}

fn not_replaceable(why: Unreplaceable, text: &'static str) -> (Cause, &'static str) {
    (Cause::OutputNotReplaceable { path: "/data/out".into(), why }, text)
}

/// Causes beside the whole of what a person reads of them.
pub(super) fn table() -> Vec<(Cause, &'static str)> {
    use OsErrorKind::*;
    let map = attempt(TaskId::Map(7), 2);
    let path = || PathBytes::from("/data/in.txt");
    let output = || PathBytes::from("/data/out");
    let address = || String::from("10.0.0.1:7077");
    Vec::from([
        (
            Cause::InputNotFound { path: path() },
            "input `/data/in.txt` names no file\n  \
             try: check the path; in directories, files whose names begin with `_` or `.` are not read",
        ),
        (
            Cause::InputNotFound { path: "/data/*.log".into() },
            "no file matches input `/data/*.log`\n  \
             try: check the pattern; in directories, files whose names begin with `_` or `.` are not read",
        ),
        (
            Cause::InputUnreadable { path: path(), error: os(PermissionDenied, "Permission denied") },
            "input `/data/in.txt` cannot be read: Permission denied\n  \
             try: chmod a+r /data/in.txt, or run the workers as a user who may read it",
        ),
        (
            Cause::InputUnreadable {
                path: "/data/in.gz".into(),
                error: os(InvalidData, "corrupt deflate stream"),
            },
            "input `/data/in.gz` cannot be read: corrupt deflate stream\n  \
             try: gzip -t /data/in.gz; a file that is no gzip should not end in .gz",
        ),
        (
            Cause::InputUnreadable { path: path(), error: os(NotFound, "No such file or directory") },
            "input `/data/in.txt` cannot be read: No such file or directory\n  \
             try: put --input on storage that every machine sees under the same path",
        ),
        (
            Cause::InputUnreadable { path: path(), error: os(Other, "Input/output error") },
            "input `/data/in.txt` cannot be read: Input/output error\n  try: check the storage that holds it",
        ),
        (
            Cause::InputUnreadable { path: "-".into(), error: os(IsADirectory, "Is a directory") },
            "input `-` cannot be read: Is a directory\n  try: check what standard input comes from",
        ),
        (
            Cause::OutputUnwritable { path: "-".into(), error: os(NoSpace, "No space left on device") },
            "the output cannot be written: `-`: No space left on device\n  try: check what standard output goes to",
        ),
        (
            Cause::InputChanged { path: path() },
            "input `/data/in.txt` changed while the job ran\n  try: run the job again once nothing writes to it",
        ),
        (
            Cause::TooManySplits { splits: 1_048_576 },
            "the input makes 1048576 splits; a job may have 1000000 at the most\n  try: give a greater --split-size",
        ),
        (
            Cause::OutputExists { path: output() },
            "output `/data/out` exists already\n  \
             try: have it replaced by --overwrite, remove it, or choose another --output",
        ),
        (
            Cause::OutputUnwritable {
                path: "/data".into(),
                error: os(PermissionDenied, "Permission denied"),
            },
            "the output cannot be written: `/data`: Permission denied\n  \
             try: chmod u+w /data, or choose an --output in a directory that may be written",
        ),
        (
            Cause::OutputUnwritable {
                path: "/my data".into(),
                error: os(NotFound, "No such file or directory"),
            },
            "the output cannot be written: `/my data`: No such file or directory\n  \
             try: mkdir -p '/my data', or choose another --output",
        ),
        (
            Cause::OutputUnwritable { path: output(), error: os(NoSpace, "No space left on device") },
            "the output cannot be written: `/data/out`: No space left on device\n  \
             try: free space where /data/out is, or choose an --output elsewhere",
        ),
        (
            Cause::OutputUnwritable { path: output(), error: os(NotADirectory, "Not a directory") },
            "the output cannot be written: `/data/out`: Not a directory\n  \
             try: choose another --output: something above it is a file",
        ),
        (
            Cause::OutputNotSynced { path: output(), error: os(Other, "Input/output error"), kept: None },
            "output `/data/out` is whole and in place, but may not outlive a power failure: Input/output error\n  \
             try: use it, or remove it and run the job again; look at the health of that disk",
        ),
        (
            Cause::OutputNotSynced {
                path: output(),
                error: os(Other, "Input/output error"),
                kept: Some("/data/.out.windrow-1/output".into()),
            },
            "output `/data/out` is whole and in place, but may not outlive a power failure: Input/output error; what it \
             has replaced is kept as `/data/.out.windrow-1/output`\n  \
             try: use it, or remove it and run the job again; look at the health of that disk",
        ),
        (
            Cause::OutputDisplaced {
                path: output(),
                kept: "/data/.out.windrow-1/displaced".into(),
                error: os(Exists, "File exists"),
            },
            "output `/data/out` could not be replaced, and what was there could not be put back: File exists; it is kept \
             as `/data/.out.windrow-1/displaced`\n  \
             try: see what is at /data/out, and then: mv /data/.out.windrow-1/displaced /data/out",
        ),
        not_replaceable(
            Unreplaceable::NoDirectory,
            "output `/data/out` is not replaced: what is there is no directory\n  \
             try: choose another --output, or remove it yourself: --overwrite replaces outputs of jobs, and empty \
             directories",
        ),
        not_replaceable(
            Unreplaceable::Mount,
            "output `/data/out` is not replaced: something is mounted there\n  \
             try: choose another --output, or remove it yourself: --overwrite replaces outputs of jobs, and empty \
             directories",
        ),
        not_replaceable(
            Unreplaceable::NoOutput,
            "output `/data/out` is not replaced: what is there is no output of a job, for it has no _SUCCESS\n  \
             try: choose another --output, or remove it yourself: --overwrite replaces outputs of jobs, and empty \
             directories",
        ),
        not_replaceable(
            Unreplaceable::Holds { stranger: "notes".into() },
            "output `/data/out` is not replaced: there is `notes` in it, which is not of a job\n  \
             try: move it away, or choose another --output",
        ),
        not_replaceable(
            Unreplaceable::HoldsInput { input: "/data/out/part-00000".into() },
            "output `/data/out` is not replaced: the job's input `/data/out/part-00000` is in it\n  try: choose another --output",
        ),
        not_replaceable(
            Unreplaceable::IsOf { job: JobId(7) },
            "output `/data/out` is also that of job 7, which has not ended\n  \
             try: submit it once that has ended (`windrow job wait 7`), or choose another --output",
        ),
        not_replaceable(
            Unreplaceable::IsNew,
            "output `/data/out` is not replaced: what is there came while it was being replaced\n  \
             try: see what it is, and run the job again",
        ),
        (
            Cause::OutputNotShared { path: "/data/.out.windrow-1".into() },
            "the worker does not see `/data/.out.windrow-1`, where the job's output is put together\n  \
             try: put --output on storage that every machine sees under the same path, or use `windrow run` on one machine",
        ),
        (
            Cause::StagingUnreadable {
                path: "/data/.out.windrow-1/nonce".into(),
                error: os(Other, "Input/output error"),
            },
            "the worker cannot read `/data/.out.windrow-1/nonce`, where the job's output is put together: \
             Input/output error\n  \
             try: see to that machine's access to the storage of --output, then run the job again",
        ),
        (
            Cause::Scratch { path: "/tmp/w/spill-0".into(), error: os(NoSpace, "No space left on device") },
            "`/tmp/w/spill-0` in the work directory cannot be used: No space left on device\n  \
             try: free space where /tmp/w is, or give a --work-dir with more of it",
        ),
        (
            Cause::Scratch { path: "/tmp/w".into(), error: os(PermissionDenied, "Permission denied") },
            "`/tmp/w` in the work directory cannot be used: Permission denied\n  \
             try: give a --work-dir that is a directory and may be written",
        ),
        (
            not_started("foo", NotFound, "No such file or directory"),
            "mapper `foo`: no such program in PATH\n  \
             try: install it on every worker, or give a path: one with a slash is looked for from /home/ada, which must exist",
        ),
        (
            not_started("./foo", NotFound, "No such file or directory"),
            "mapper `./foo`: no such program, looked for from /home/ada\n  \
             try: check that path, that directory, and the interpreter after `#!` if it is a script: all must exist on every worker",
        ),
        (
            not_started("./map.py", PermissionDenied, "Permission denied"),
            "mapper `./map.py`: may not be executed: Permission denied\n  \
             try: chmod +x ./map.py, or name its interpreter, as in --mapper 'python3 ./map.py'",
        ),
        (
            not_started("./map.py", NotExecutable, "Exec format error"),
            "mapper `./map.py`: neither a program for this machine nor a script with `#!`: Exec format error\n  \
             try: give it a first line like `#!/usr/bin/env python3`, or name its interpreter, as in --mapper 'python3 ./map.py'",
        ),
        (
            not_started("./map.py", Other, "Too many open files"),
            "mapper `./map.py`: could not be started: Too many open files\n  \
             try: check the program and the host's limits (`ulimit -a`)",
        ),
        (
            failed(ProgramRole::Mapper, ExitStatus::Code(1)),
            "mapper `./map.py -v` ended with exit code 1\n  try: run it by hand on a few lines of its input",
        ),
        (
            failed(ProgramRole::Reducer, ExitStatus::Code(3)),
            "reducer `./map.py -v` ended with exit code 3\n  \
             try: run it by hand on a few lines of what the mapper prints, sorted by key",
        ),
        (
            Cause::ProgramFailed {
                role: ProgramRole::Mapper,
                command: "/bin/grep ERROR".into(),
                status: ExitStatus::Code(1),
            },
            "mapper `/bin/grep ERROR` ended with exit code 1\n  \
             try: sed -n '/…/p' or awk '/…/' in its place: grep fails where nothing matches, as in a part of the input",
        ),
        (
            failed(ProgramRole::Mapper, ExitStatus::Code(127)),
            "mapper `./map.py -v` ended with exit code 127\n  \
             try: install what it calls on every worker: a shell gives 127 for a command that is not found",
        ),
        (
            failed(ProgramRole::Reducer, ExitStatus::Signal(9)),
            "reducer `./map.py -v` was killed by SIGKILL (9): often the kernel's out-of-memory killer\n  \
             try: hold less in memory, or run fewer at a time with --slots; `dmesg` tells whether the kernel killed it",
        ),
        (
            Cause::ProgramStoppedReading {
                role: ProgramRole::Reducer,
                command: "head -n 1".into(),
                unread_bytes: 812,
            },
            "reducer `head -n 1` ended before it had read all of its input: 812 bytes were left\n  \
             try: let it read to the end of its input even where it needs no more of it (in a shell: `; cat >/dev/null`)",
        ),
        (
            Cause::ProgramSilent {
                role: ProgramRole::Mapper,
                command: "./wait.sh".into(),
                silent_us: 600_000_000,
                cpu_us: 20_000,
                unread_bytes: 812,
            },
            "mapper `./wait.sh` neither read, wrote nor used the processor for 10 min: before, it had used 20 ms of it, and \
             812 bytes are left unread\n  \
             try: see what it waits for; if it may take that long, give a longer --task-timeout, or 0 for no limit",
        ),
        (
            Cause::ProgramPipe { role: ProgramRole::Mapper, error: os(Other, "Bad file descriptor") },
            "a pipe of the mapper broke: Bad file descriptor\n  \
             try: run the job again; if it stays, check the host's limits (`ulimit -a`)",
        ),
        (
            Cause::RecordTooLong { role: ProgramRole::Mapper, limit_bytes: 1 << 30 },
            "the mapper printed a line of more than 1 GiB\n  try: end each record with a newline",
        ),
        (
            Cause::RunCorrupt { map },
            "the output of job 3, map 7, attempt 1.2 does not have the bytes that were written\n  \
             try: check the disk under the worker's --work-dir; the map runs again by itself",
        ),
        (
            Cause::RunUnfetchable { map, reason: "nobody holds it".into() },
            "the output of job 3, map 7, attempt 1.2 could not be fetched: nobody holds it\n  \
             try: check that workers reach each other's shuffle ports (see --shuffle-listen and --advertise of `windrow worker`)",
        ),
        (
            Cause::WorkerLost,
            "the worker was lost\n  try: look at the worker's log; its tasks run elsewhere by themselves",
        ),
        (Cause::Killed, "the attempt was no longer wanted"),
        (Cause::Cancelled, "the job was cancelled"),
        (
            Cause::ManagerStopped,
            "the Manager was told to stop before the job had ended\n  \
             try: submit the job again once a Manager runs (`windrow manager`); nothing of its output was made visible",
        ),
        (
            Cause::Unreachable {
                address: address(),
                whom: PeerKind::Manager,
                error: os(ConnectionRefused, "Connection refused"),
            },
            "no Manager answers at 10.0.0.1:7077: Connection refused\n  \
             try: start one with: windrow manager --listen 10.0.0.1:7077",
        ),
        (
            Cause::Unreachable {
                address: address(),
                whom: PeerKind::Manager,
                error: os(TimedOut, "Connection timed out"),
            },
            "no Manager answers at 10.0.0.1:7077: Connection timed out\n  \
             try: check host and port of --manager (or WINDROW_MANAGER), and firewalls on the way",
        ),
        (
            Cause::Unreachable {
                address: address(),
                whom: PeerKind::Worker,
                error: os(TimedOut, "Timed out"),
            },
            "no worker answers at 10.0.0.1:7077: Timed out\n  \
             try: check that workers reach each other's shuffle ports (see --shuffle-listen and --advertise of `windrow worker`)",
        ),
        (
            Cause::ConnectionLost { address: address() },
            "the connection to the Manager at 10.0.0.1:7077 was lost and could not be had again\n  \
             try: look at the Manager's log, and at the output: it is there whole or not at all",
        ),
        (
            Cause::CannotListen { address: address(), error: os(AddressInUse, "Address already in use") },
            "cannot listen on 10.0.0.1:7077: Address already in use\n  \
             try: choose another port, or 0 for any that is free; a windrow server may be running there already",
        ),
        (
            Cause::CannotListen {
                address: "0.0.0.0:80".into(),
                error: os(PermissionDenied, "Permission denied"),
            },
            "cannot listen on 0.0.0.0:80: Permission denied\n  \
             try: choose a port of 1024 or more; lower ones need privileges",
        ),
        (
            Cause::CannotListen { address: address(), error: os(Other, "Cannot assign requested address") },
            "cannot listen on 10.0.0.1:7077: Cannot assign requested address\n  \
             try: give an address of this machine, as HOST:PORT",
        ),
        (
            Cause::NotWindrow { address: address(), violation: "its first bytes are `HTTP`".into() },
            "what answers at 10.0.0.1:7077 does not speak Windrow's protocol: its first bytes are `HTTP`\n  \
             try: check host and port: something else listens there",
        ),
        (
            Cause::OtherVersion { address: address(), theirs: 9, ours: 1 },
            "10.0.0.1:7077 speaks version 9 of the protocol, this program version 1\n  \
             try: use the same windrow on both sides; compare `windrow --version`",
        ),
        (
            Cause::OtherCluster { address: address(), theirs: "night".into(), ours: "windrow".into() },
            "10.0.0.1:7077 belongs to the cluster `night`, not to `windrow`\n  \
             try: give --cluster night if that is the one you mean, or another address",
        ),
        (
            Cause::Invalid { what: "--split-size is 0".into(), remedy: "give at least 1".into() },
            "--split-size is 0\n  try: give at least 1",
        ),
        (
            Cause::UnknownJob { job: JobId(7), known: Vec::from([1, 2, 9].map(JobId)), others: 4 },
            "there is no job 7; there are 1, 2, 9 and 4 more\n  \
             try: see `windrow jobs`; of jobs that have ended the last 1000 are known, for a week",
        ),
        (
            Cause::UnknownJob { job: JobId(7), known: Vec::new(), others: 0 },
            "there is no job 7; there is none\n  \
             try: see `windrow jobs`; of jobs that have ended the last 1000 are known, for a week",
        ),
        (
            Cause::UnknownWorker {
                worker: "beta".into(),
                known: Vec::from(["alpha (0a1b)".into()]),
                others: 0,
            },
            "`beta` is not the name of one worker; there is alpha (0a1b)\n  \
             try: give a host that one worker has, or its number as `windrow workers` shows it",
        ),
        (
            Cause::KeyTaken { job: JobId(3) },
            "the key is that of job 3, which is another job than this\n  \
             try: give another --key; `windrow job show 3` tells of that job",
        ),
        (
            Cause::WorkDirectory { path: "/w".into(), error: os(NotADirectory, "Not a directory") },
            "the work directory `/w` cannot be used: Not a directory\n  \
             try: give a --work-dir that is a directory and may be written",
        ),
        (
            Cause::WorkDirectory { path: "/w".into(), error: os(NoSpace, "No space left on device") },
            "the work directory `/w` cannot be used: No space left on device\n  \
             try: give another --work-dir, or see to its permissions and space",
        ),
        (
            Cause::WorkDirectoryTaken { path: "/w".into() },
            "the work directory `/w` belongs to a Manager that is running\n  \
             try: stop that Manager, or give this one another --work-dir",
        ),
        (
            Cause::NoAddress { address: "7000".into(), error: os(InvalidData, "") },
            "`7000` is no HOST:PORT\n  try: give a host and a port, as in 10.0.0.1:7077",
        ),
        (
            Cause::NoAddress { address: "nowhere".into(), error: os(Other, "no address is known for it") },
            "`nowhere` is no address of this machine: no address is known for it\n  \
             try: give a host and a port, as in 10.0.0.1:7077",
        ),
        (
            Cause::JournalDamaged {
                path: "/w/journal-3".into(),
                damage: "the record at byte 12 is damaged, and was not the last to be written".into(),
            },
            "the journal `/w/journal-3` of an earlier Manager cannot be used: the record at byte 12 is damaged, and was \
             not the last to be written\n  \
             try: restore /w/journal-3 from a copy, or use another --work-dir: the jobs in this one are then forgotten",
        ),
        (
            Cause::MapNotDeterministic { first_host: Some("alpha".into()), second_host: Some("beta".into()) },
            "the mapper is not deterministic: from the same input it printed one thing on alpha, and another when it ran \
             again on beta\n  \
             try: have it print the same for the same input (no clock, no random numbers, no order of a hash table), or \
             take whatever comes with --accept-nondeterminism",
        ),
        (
            Cause::Journal { path: "/w/journal-1".into(), error: os(Other, "Input/output error") },
            "the Manager's journal `/w/journal-1` cannot be written: Input/output error\n  \
             try: see to the disk of its work directory, then start the Manager again",
        ),
    ])
}

/// A number for each cause; a new one does not compile until it stands here, and fails until it stands in the table.
pub(super) fn number(cause: &Cause) -> u32 {
    match cause {
        Cause::InputNotFound { .. } => 0,
        Cause::InputUnreadable { .. } => 1,
        Cause::InputChanged { .. } => 2,
        Cause::TooManySplits { .. } => 3,
        Cause::OutputExists { .. } => 4,
        Cause::OutputUnwritable { .. } => 5,
        Cause::OutputNotSynced { .. } => 6,
        Cause::OutputNotShared { .. } => 7,
        Cause::Scratch { .. } => 8,
        Cause::StagingUnreadable { .. } => 31,
        Cause::JournalDamaged { .. } => 32,
        Cause::MapNotDeterministic { .. } => 33,
        Cause::ProgramNotStarted { .. } => 9,
        Cause::ProgramFailed { .. } => 10,
        Cause::ProgramStoppedReading { .. } => 11,
        Cause::ProgramPipe { .. } => 12,
        Cause::RecordTooLong { .. } => 13,
        Cause::RunCorrupt { .. } => 14,
        Cause::RunUnfetchable { .. } => 15,
        Cause::WorkerLost => 16,
        Cause::Killed => 17,
        Cause::Cancelled => 18,
        Cause::ManagerStopped => 19,
        Cause::Unreachable { .. } => 20,
        Cause::ConnectionLost { .. } => 21,
        Cause::CannotListen { .. } => 22,
        Cause::NotWindrow { .. } => 23,
        Cause::OtherVersion { .. } => 24,
        Cause::OtherCluster { .. } => 25,
        Cause::Invalid { .. } => 26,
        Cause::WorkDirectory { .. } => 27,
        Cause::WorkDirectoryTaken { .. } => 28,
        Cause::Journal { .. } => 29,
        Cause::NoAddress { .. } => 30,
        Cause::UnknownJob { .. } => 36,
        Cause::UnknownWorker { .. } => 34,
        Cause::KeyTaken { .. } => 35,
        Cause::ProgramSilent { .. } => 37,
        Cause::OutputNotReplaceable { .. } => 38,
        Cause::OutputDisplaced { .. } => 39,
    }
}
