//! The program of an attempt: owns its life and the end of its stderr.
//!
//! Once the leader has ended well, what it started may go on printing, as in `cat > >(tr a-z A-Z)`, until nobody holds the
//! pipe or nothing has come for a while; then the group is killed and the pipes are drained, so that nothing is left
//! behind. What was printed is waited for however long reading it takes: the clock decides only about silence. A leader that
//! ended badly has its group killed at once. Decides nothing about data.
//!
//! ```text
//! NotStarted ─▶ Spawning ─▶ Running ─ended well─▶ Lingering ─stdout closed, or silent─▶ Draining ─▶ Over
//!                   │          └─ended badly, or killed─────────────────────────────────▶──┘         ▲
//!                   └──could not be started────────────────────────────────────────────────────────────┘
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
    /// What it had printed by its end and was not pushed yet.
    printed_bytes: u64,
    /// When its pipes have been silent for long enough, once it has ended and all it printed was pushed.
    silent_at: Option<Time>,
    stderr_tail: Vec<u8>,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Stage {
    NotStarted,
    Spawning,
    Running,
    Lingering(Exit),
    Draining(Exit),
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
            printed_bytes: 0,
            silent_at: None,
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

    /// Takes note of its end. Returns whether its group is to be killed now.
    pub fn exited(&mut self, exit: Exit, printed_bytes: u64, now: Time) -> bool {
        assert_eq!(self.stage, Stage::Running, "a program ends once");
        self.printed_bytes = printed_bytes;
        self.stage = Stage::Lingering(exit);
        self.heard(0, now);
        if exit.status.is_success() && self.stdout_is_open {
            return false;
        }
        self.begin_draining(now)
    }

    /// Takes note that so much of its stdout was read.
    pub fn heard(&mut self, count: usize, now: Time) {
        self.printed_bytes = self.printed_bytes.saturating_sub(count as u64);
        if self.printed_bytes == 0 && matches!(self.stage, Stage::Lingering(_)) {
            self.silent_at = Some(now.after(DRAIN_US));
        } else if self.printed_bytes == 0 && matches!(self.stage, Stage::Draining(_)) {
            // Whoever escaped from the group may print for ever; only what was there is waited for.
            self.silent_at.get_or_insert(now.after(DRAIN_US));
        }
    }

    /// Takes note that nobody holds its stdout any more. Returns whether its group is to be killed now.
    pub fn stdout_closed(&mut self, now: Time) -> bool {
        self.stdout_is_open = false;
        self.printed_bytes = 0;
        let kills = matches!(self.stage, Stage::Lingering(_)) && self.begin_draining(now);
        self.finish_draining();
        kills
    }

    pub fn stderr_closed(&mut self) {
        self.stderr_is_open = false;
        self.finish_draining();
    }

    /// Takes note that it is not wanted any more. Returns whether its group is to be killed now.
    pub fn not_wanted(&mut self, now: Time) -> bool {
        match self.stage {
            Stage::Running => true,
            Stage::Lingering(_) => self.begin_draining(now),
            Stage::NotStarted | Stage::Spawning | Stage::Draining(_) | Stage::Over(_) => false,
        }
    }

    fn begin_draining(&mut self, now: Time) -> bool {
        let Stage::Lingering(exit) = self.stage else {
            unreachable!("what has ended lingers before it is drained")
        };
        self.stage = Stage::Draining(exit);
        self.silent_at = None;
        self.heard(0, now);
        self.finish_draining();
        true
    }

    /// When its pipes will have been silent for long enough.
    pub fn deadline(&self) -> Option<Time> {
        match self.stage {
            Stage::Lingering(_) | Stage::Draining(_) => self.silent_at,
            Stage::NotStarted | Stage::Spawning | Stage::Running | Stage::Over(_) => None,
        }
    }

    /// Takes note of the time. Returns whether its group is to be killed now.
    pub fn time_passed(&mut self, now: Time) -> bool {
        if self.deadline().is_none_or(|silent_at| silent_at > now) {
            return false;
        }
        match self.stage {
            Stage::Lingering(_) => self.begin_draining(now),
            Stage::Draining(_) => {
                self.stdout_is_open = false;
                self.stderr_is_open = false;
                self.finish_draining();
                false
            }
            Stage::NotStarted | Stage::Spawning | Stage::Running | Stage::Over(_) => false,
        }
    }

    fn finish_draining(&mut self) {
        if let Stage::Draining(exit) = self.stage
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
            Stage::NotStarted
            | Stage::Spawning
            | Stage::Running
            | Stage::Lingering(_)
            | Stage::Draining(_) => None,
        }
    }
}
