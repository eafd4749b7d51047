//! The program of an attempt: owns its life and the end of its stderr.
//!
//! At the end the leader is reaped, the group is killed, the pipes are drained, in this order: nothing that the program left
//! behind writes into them any more, and nothing that it wrote is lost: what it had printed by its end is waited for
//! however long that takes, and only then the clock decides. Decides nothing about data.
//!
//! ```text
//! NotStarted ─▶ Spawning ─▶ Running ─exited: kill group─▶ Draining ─pipes closed, or waited long enough─▶ Over
//!                   └──could not be started──────────────────────────────────────────────────────────────┘
//! ```

use crate::failure::ExitStatus;
use crate::limits::{DRAIN_US, STDERR_TAIL_BYTES};
use crate::time::Time;
use alloc::vec::Vec;

/// One program's life.
#[derive(Debug)]
pub(super) struct ProgramLife {
    stage: Stage,
    stdout_is_open: bool,
    stderr_is_open: bool,
    stderr_tail: Vec<u8>,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Stage {
    NotStarted,
    Spawning,
    Running,
    Draining { exit: Exit, printed_bytes: u64, until: Option<Time> },
    Over(Option<Exit>),
}

/// How it ended.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Exit {
    pub status: ExitStatus,
    /// What it left in its stdin's pipe.
    pub unread_bytes: u64,
}

impl ProgramLife {
    pub fn new() -> ProgramLife {
        ProgramLife {
            stage: Stage::NotStarted,
            stdout_is_open: false,
            stderr_is_open: false,
            stderr_tail: Vec::new(),
        }
    }

    pub fn spawning(&mut self) {
        assert_eq!(self.stage, Stage::NotStarted, "an attempt starts one program");
        self.stage = Stage::Spawning;
    }

    pub fn spawned(&mut self) {
        assert_eq!(self.stage, Stage::Spawning, "a program runs once it was started");
        self.stage = Stage::Running;
        self.stdout_is_open = true;
        self.stderr_is_open = true;
    }

    pub fn not_spawned(&mut self) {
        assert_eq!(self.stage, Stage::Spawning, "a program that was to be started");
        self.stage = Stage::Over(None);
    }

    /// Takes note of its end; its group is to be killed now.
    pub fn exited(&mut self, exit: Exit, printed_bytes: u64, now: Time) {
        assert_eq!(self.stage, Stage::Running, "a program ends once");
        self.stage = Stage::Draining { exit, printed_bytes, until: None };
        self.stdout_pushed(0, now);
        self.finish_draining();
    }

    /// Takes note that so much of its stdout was read. Once all that it had printed is, the pipes have only so long to
    /// close.
    pub fn stdout_pushed(&mut self, count: usize, now: Time) {
        if let Stage::Draining { printed_bytes, until: until @ None, .. } = &mut self.stage {
            *printed_bytes = printed_bytes.saturating_sub(count as u64);
            if *printed_bytes == 0 {
                *until = Some(now.after(DRAIN_US));
            }
        }
    }

    pub fn stdout_closed(&mut self) {
        self.stdout_is_open = false;
        self.finish_draining();
    }

    pub fn stderr_closed(&mut self) {
        self.stderr_is_open = false;
        self.finish_draining();
    }

    /// When to stop waiting for pipes that somebody outside the group still holds.
    pub fn deadline(&self) -> Option<Time> {
        match self.stage {
            Stage::Draining { until, .. } => until,
            Stage::NotStarted | Stage::Spawning | Stage::Running | Stage::Over(_) => None,
        }
    }

    pub fn time_passed(&mut self, now: Time) {
        if self.deadline().is_some_and(|until| until <= now) {
            self.stdout_is_open = false;
            self.stderr_is_open = false;
            self.finish_draining();
        }
    }

    fn finish_draining(&mut self) {
        if let Stage::Draining { exit, .. } = self.stage
            && !self.stdout_is_open
            && !self.stderr_is_open
        {
            self.stage = Stage::Over(Some(exit));
        }
    }

    pub fn push_stderr(&mut self, bytes: &[u8]) {
        self.stderr_tail.extend_from_slice(&bytes[bytes.len().saturating_sub(STDERR_TAIL_BYTES)..]);
        let excess = self.stderr_tail.len().saturating_sub(STDERR_TAIL_BYTES);
        self.stderr_tail.drain(..excess);
    }

    pub fn stderr_tail(&self) -> &[u8] {
        &self.stderr_tail
    }

    pub fn is_running(&self) -> bool {
        self.stage == Stage::Running
    }

    /// Whether nothing of it is left: it was never to be started, or it ended and its pipes are drained.
    pub fn is_gone(&self) -> bool {
        matches!(self.stage, Stage::NotStarted | Stage::Over(_))
    }

    /// How it ended, once it is gone.
    pub fn exit(&self) -> Option<Exit> {
        match self.stage {
            Stage::Over(exit) => exit,
            Stage::NotStarted | Stage::Spawning | Stage::Running | Stage::Draining { .. } => None,
        }
    }
}
