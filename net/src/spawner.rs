//! Starting programs: owns the one thread that does it.
//!
//! A program dies with the thread that spawned it (`PR_SET_PDEATHSIG`), and so with its worker, whatever kills that.
//! Therefore this thread lives as long as any program may. What a program has started dies by the worker's [guard](crate::guard).

use crate::child::Child;
use crate::guard::GuardHandle;
use crate::os_error::os_error;
use crate::path::as_path;
use crate::thread;
use crossbeam_channel::{Sender, bounded, unbounded};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::pipe::fcntl_setpipe_size;
use rustix::process::{
    Pid, PidfdFlags, Signal, getpid, getppid, pidfd_open, set_parent_process_death_signal,
};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread::JoinHandle;
use windrow_core::failure::{OsError, OsErrorKind};
use windrow_core::worker::attempt::Program;

/// What a pipe holds, where the system permits it: fewer switches between a program and its feeder.
const PIPE_BYTES: usize = 1 << 20;

/// The thread that spawns; it ends when this and all its [`SpawnerHandle`]s are gone.
#[derive(Debug)]
pub struct Spawner {
    handle: Option<SpawnerHandle>,
    thread: Option<JoinHandle<()>>,
}

/// Has programs started, from any thread.
#[derive(Clone, Debug)]
pub struct SpawnerHandle {
    orders: Sender<Order>,
}

struct Order {
    program: Program,
    answer: Sender<Result<Child, OsError>>,
}

impl Spawner {
    /// Starts the thread. The guard is told of every program's group.
    pub fn start(guard: GuardHandle) -> io::Result<Spawner> {
        let (orders, receiver) = unbounded::<Order>();
        let thread = thread::spawn("spawner", move || {
            for Order { program, answer } in receiver {
                // Nobody waits any more where the attempt's thread is gone: the program is then killed at once.
                let _ = answer.send(spawn(&program, &guard));
            }
        })?;
        Ok(Spawner { handle: Some(SpawnerHandle { orders }), thread: Some(thread) })
    }

    /// A way to give it orders.
    pub fn handle(&self) -> SpawnerHandle {
        self.handle.clone().expect("the handle is there until the spawner is dropped")
    }
}

impl Drop for Spawner {
    fn drop(&mut self) {
        self.handle = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl SpawnerHandle {
    /// Starts a program and waits until it runs.
    pub fn spawn(&self, program: Program) -> Result<Child, OsError> {
        let (answer, answered) = bounded(1);
        self.orders.send(Order { program, answer }).expect("the spawner lives as long as its handles");
        answered.recv().expect("the spawner answers every order")
    }
}

fn spawn(program: &Program, guard: &GuardHandle) -> Result<Child, OsError> {
    check_directory(program)?;
    start(program, guard).map_err(|error| explain(program, &error))
}

/// Told apart from a missing program, for the system's answer would be the same.
fn check_directory(program: &Program) -> Result<(), OsError> {
    let directory = &program.directory;
    let text = match fs::metadata(as_path(directory)) {
        Ok(metadata) if metadata.is_dir() => return Ok(()),
        Ok(_) => format!("{directory} is not a directory"),
        Err(error) => format!("the directory {directory} cannot be entered here: {}", os_error(&error).text),
    };
    Err(OsError { kind: OsErrorKind::NotADirectory, text })
}

fn explain(program: &Program, error: &io::Error) -> OsError {
    let mut error = os_error(error);
    let word = &program.command.words[0];
    if error.kind == OsErrorKind::NotFound
        && word.0.contains(&b'/')
        && as_path(&program.directory).join(as_path(word)).exists()
    {
        error.text = "the file is there, but not the interpreter that its first line names".into();
    }
    error
}

fn start(program: &Program, guard: &GuardHandle) -> io::Result<Child> {
    let words = &program.command.words;
    let (stdin_far_end, stdin) = io::pipe()?;
    let mut command = Command::new(OsStr::from_bytes(&words[0].0));
    command
        .args(words[1..].iter().map(|word| OsStr::from_bytes(&word.0)))
        .current_dir(as_path(&program.directory))
        .envs(
            program
                .environment
                .iter()
                .map(|(name, value)| (OsStr::from_bytes(&name.0), OsStr::from_bytes(&value.0))),
        )
        .stdin(Stdio::from(stdin_far_end.try_clone()?))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    die_with(&mut command, getpid(), guard.clone());
    // Signals are as a program expects them: std empties the mask and restores SIGPIPE in the child.
    guard.spawning();
    let mut process = command.spawn().inspect_err(|_| guard.not_spawned())?;
    // It holds the program's end of the stdin pipe.
    drop(command);
    let pidfd = match pidfd_open(Pid::from_child(&process), PidfdFlags::empty()) {
        Ok(pidfd) => pidfd,
        Err(error) => {
            process.kill()?;
            guard.group_is_over(Pid::from_child(&process));
            process.wait()?;
            return Err(error.into());
        }
    };
    let stdout = OwnedFd::from(process.stdout.take().expect("stdout is a pipe"));
    let stderr = OwnedFd::from(process.stderr.take().expect("stderr is a pipe"));
    let stdin = OwnedFd::from(stdin);
    for large in [&stdin, &stdout] {
        // Refused where the user's pipes hold too much already; a smaller one is only slower.
        let _ = fcntl_setpipe_size(large, PIPE_BYTES);
    }
    let ours = [&stdin, &stdout, &stderr].into_iter().try_for_each(make_non_blocking);
    let child = Child::new(
        process,
        pidfd,
        File::from(stdin),
        stdin_far_end,
        File::from(stdout),
        File::from(stderr),
        guard.clone(),
    );
    // Only now, so that a failure drops the child, which ends it.
    ours?;
    Ok(child)
}

fn make_non_blocking(pipe: impl AsFd) -> io::Result<()> {
    let flags = rustix::fs::fcntl_getfl(&pipe)?;
    Ok(rustix::fs::fcntl_setfl(&pipe, flags | OFlags::NONBLOCK)?)
}

/// Has the program killed when the spawning thread ends, and what it starts when its worker is no more.
fn die_with(command: &mut Command, parent: Pid, guard: GuardHandle) {
    let ask_for_it = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // The parent may have died before it was asked.
        if getppid() != Some(parent) {
            return Err(Errno::SRCH.into());
        }
        guard.own_group_begins();
        Ok(())
    };
    // SAFETY: between fork and exec only async-signal-safe functions may be called: these are bare system calls,
    // and nothing is allocated, locked or unwound.
    unsafe { command.pre_exec(ask_for_it) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, poll};
    use windrow_core::failure::ExitStatus;
    use windrow_core::job::{CommandLine, ProgramRole};

    #[test]
    fn a_program_dies_with_its_spawner() {
        let spawner = Spawner::start(GuardHandle::default()).unwrap();
        let program = Program {
            role: ProgramRole::Mapper,
            command: CommandLine { words: vec!["sleep".into(), "1000".into()] },
            directory: "/".into(),
            environment: vec![],
        };
        let child = spawner.handle().spawn(program).unwrap();
        assert_eq!(child.try_exit_status().unwrap(), None);
        drop(spawner);
        poll(&mut [PollFd::new(child.pidfd(), PollFlags::IN)], None).unwrap();
        assert_eq!(child.try_exit_status().unwrap(), Some(ExitStatus::Signal(9)));
    }
}
