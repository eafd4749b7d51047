//! A running program: owns its pipes, its pidfd and its process group.
//!
//! The program's end is learnt without reaping it, so that its process id, which names its group as well, cannot belong
//! to anybody else while the group is killed. It is reaped when the [`Child`] is dropped.
//!
//! Invariant: a dropped [`Child`] leaves no process of its group behind.

use crate::guard::GuardHandle;
use crate::processor_time;
use mio::unix::SourceFd;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_send_signal, waitid};
use std::fs::File;
use std::io::{self, PipeReader};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use windrow_core::failure::ExitStatus;
use windrow_core::worker::attempt::Activity;

/// A program in a process group of its own.
#[derive(Debug)]
pub struct Child {
    process: std::process::Child,
    group: Pid,
    pidfd: OwnedFd,
    /// Our end of the program's stdin; `None` once all was written.
    stdin: Option<File>,
    /// The program's own end of its stdin, kept to learn what it left unread. It has the program's blocking mode.
    stdin_far_end: PipeReader,
    stdout: Option<File>,
    stderr: Option<File>,
    guard: GuardHandle,
}

/// Which of a program's output pipes.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum OutputPipe {
    /// What it prints.
    Stdout,
    /// What it complains.
    Stderr,
}

impl Child {
    pub(crate) fn new(
        process: std::process::Child,
        pidfd: OwnedFd,
        stdin: File,
        stdin_far_end: PipeReader,
        stdout: File,
        stderr: File,
        guard: GuardHandle,
    ) -> Child {
        let group = Pid::from_child(&process);
        Child {
            process,
            group,
            pidfd,
            stdin: Some(stdin),
            stdin_far_end,
            stdout: Some(stdout),
            stderr: Some(stderr),
            guard,
        }
    }

    /// Readable once the program ended.
    pub fn pidfd(&self) -> &OwnedFd {
        &self.pidfd
    }

    /// Where its stdin is written, until it is closed.
    pub fn stdin(&self) -> Option<&File> {
        self.stdin.as_ref()
    }

    /// Tells the program that it has had all.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Where its output is read, until it is closed.
    pub fn output(&self, pipe: OutputPipe) -> Option<&File> {
        match pipe {
            OutputPipe::Stdout => self.stdout.as_ref(),
            OutputPipe::Stderr => self.stderr.as_ref(),
        }
    }

    /// Closes an output that ended.
    pub fn close_output(&mut self, pipe: OutputPipe) {
        match pipe {
            OutputPipe::Stdout => self.stdout = None,
            OutputPipe::Stderr => self.stderr = None,
        }
    }

    /// How the program ended, if it has; it stays unreaped.
    pub fn try_exit_status(&self) -> io::Result<Option<ExitStatus>> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        loop {
            let status = match waitid(WaitId::PidFd(self.pidfd.as_fd()), options) {
                Ok(None) => return Ok(None),
                Ok(Some(status)) => status,
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            return Ok(Some(match (status.exit_status(), status.terminating_signal()) {
                (Some(code), _) => ExitStatus::Code(code),
                (None, Some(signal)) => ExitStatus::Signal(signal),
                (None, None) => panic!("a process that ended neither exited nor was killed: {status:?}"),
            }));
        }
    }

    /// Bytes that were written to its stdin and never read. Final once the program and its group have ended.
    pub fn unread_bytes(&self) -> io::Result<u64> {
        Ok(rustix::io::ioctl_fionread(&self.stdin_far_end)?)
    }

    /// Bytes that it printed and that were not read yet.
    pub fn printed_bytes(&self) -> io::Result<u64> {
        self.stdout.as_ref().map_or(Ok(0), |stdout| Ok(rustix::io::ioctl_fionread(stdout)?))
    }

    /// What can be seen of it; nothing of one that has ended.
    pub fn activity(&self) -> io::Result<Activity> {
        let has_ended = self.try_exit_status()?.is_some();
        let cpu_us = (!has_ended).then(|| processor_time::of_group_us(self.group)).transpose();
        let cpu_us = cpu_us.unwrap_or_else(|error| {
            tracing::warn!(%error, "what a program computes cannot be seen; it is taken to be at work");
            None
        });
        Ok(Activity { cpu_us, unread_bytes: self.unread_bytes()?, printed_bytes: self.printed_bytes()? })
    }

    /// Kills every process of the program's group, and the program itself should it have left the group.
    pub fn kill_group(&self) {
        let killed =
            [kill_process_group(self.group, Signal::KILL), pidfd_send_signal(&self.pidfd, Signal::KILL)];
        for result in killed {
            match result {
                Ok(()) | Err(Errno::SRCH) => {}
                Err(error) => {
                    tracing::warn!(%error, group = %self.group, "a process group could not be killed")
                }
            }
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill_group();
        self.guard.group_is_over(self.group);
        if let Err(error) = self.process.wait() {
            tracing::warn!(%error, "a program could not be reaped");
        }
    }
}

/// Registers a descriptor as something to be waited for.
pub(crate) fn register(
    registry: &mio::Registry,
    file: &impl AsRawFd,
    token: mio::Token,
    interest: mio::Interest,
) -> io::Result<()> {
    registry.register(&mut SourceFd(&file.as_raw_fd()), token, interest)
}
