//! Ctrl-C and SIGTERM: owns what they do. The first asks for a clean end, the second ends the process at once; what it
//! leaves its guard does away with. Signals that come together are one: `timeout` sends each twice, to its child and to the
//! group.

use crate::exit::Exit;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::fmt;
use std::fs;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How soon after the signal that asked for a clean end another counts as the same one.
const TOGETHER: Duration = Duration::from_secs(1);

/// Watches signals on a thread of its own for as long as the process lives. Clones are the same watch.
#[derive(Clone, Default)]
pub struct Interrupts {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    interrupted: bool,
    end: Option<Box<dyn FnOnce() + Send>>,
    /// When a signal asked for a clean end.
    asked: Option<Instant>,
}

/// What a signal leads to.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Consequence {
    CleanEnd,
    /// It belongs to the one before.
    Nothing,
    EndAtOnce,
}

impl Interrupts {
    /// Begins to watch. Until [`Interrupts::end_by`] is called, already the first signal ends the process.
    pub fn watch() -> Interrupts {
        let interrupts = Interrupts::default();
        let mut signals = Signals::new(signals()).expect("these signals can be caught");
        let watch = interrupts.clone();
        std::thread::Builder::new()
            .name("signals".into())
            .spawn(move || {
                for _ in signals.forever() {
                    match watch.interrupt(Instant::now()) {
                        Consequence::CleanEnd | Consequence::Nothing => {}
                        Consequence::EndAtOnce => std::process::exit(Exit::Interrupted.code().into()),
                    }
                }
            })
            .expect("a thread can be started");
        interrupts
    }

    /// Makes `end` the answer to the first signal.
    pub fn end_by(&self, end: impl FnOnce() + Send + 'static) {
        self.state().end = Some(Box::new(end));
    }

    /// Makes the end of the process the answer to the next signal, whatever it was before.
    pub fn end_at_once_from_now(&self) {
        self.state().end = None;
    }

    /// Whether a signal came.
    pub fn came(&self) -> bool {
        self.state().interrupted
    }

    fn interrupt(&self, now: Instant) -> Consequence {
        let mut state = self.state();
        state.interrupted = true;
        if state.asked.is_some_and(|asked| now.duration_since(asked) < TOGETHER) {
            return Consequence::Nothing;
        }
        let Some(end) = state.end.take() else { return Consequence::EndAtOnce };
        state.asked = Some(now);
        drop(state);
        end();
        Consequence::CleanEnd
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Interrupts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Interrupts")
    }
}

/// A closed terminal counts as an interruption, unless the process was started to outlive it (`nohup`).
fn signals() -> Vec<i32> {
    let mut signals = vec![SIGINT, SIGTERM];
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    if !is_ignored(SIGHUP, &status) {
        signals.push(SIGHUP);
    }
    signals
}

/// Whether `/proc/self/status` has a signal among the ignored ones.
fn is_ignored(signal: i32, status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn the_first_asks_and_the_second_ends() {
        let interrupts = Interrupts::default();
        let (asked, answer) = mpsc::channel();
        interrupts.end_by(move || asked.send(()).unwrap());
        assert!(!interrupts.came());
        let first = Instant::now();
        assert_eq!(interrupts.interrupt(first), Consequence::CleanEnd);
        assert_eq!(answer.try_recv(), Ok(()));
        assert!(interrupts.came());
        assert_eq!(interrupts.interrupt(first + TOGETHER), Consequence::EndAtOnce);
    }

    #[test]
    fn signals_that_come_together_are_one() {
        let interrupts = Interrupts::default();
        interrupts.end_by(|| ());
        let first = Instant::now();
        assert_eq!(interrupts.interrupt(first), Consequence::CleanEnd);
        assert_eq!(interrupts.interrupt(first), Consequence::Nothing);
        interrupts.end_at_once_from_now();
        assert_eq!(interrupts.interrupt(first + TOGETHER / 2), Consequence::Nothing);
        assert_eq!(interrupts.interrupt(first + 2 * TOGETHER), Consequence::EndAtOnce);
    }

    #[test]
    fn with_nothing_to_ask_the_first_ends() {
        assert_eq!(Interrupts::default().interrupt(Instant::now()), Consequence::EndAtOnce);
    }

    #[test]
    fn what_is_over_needs_no_clean_end() {
        let interrupts = Interrupts::default();
        interrupts.end_by(|| panic!("it is over"));
        interrupts.end_at_once_from_now();
        assert_eq!(interrupts.interrupt(Instant::now()), Consequence::EndAtOnce);
    }

    #[test]
    fn ignored_signals_are_found_in_the_mask() {
        let status = "Name:\twindrow\nSigIgn:\t0000000000001001\n";
        assert!(is_ignored(SIGHUP, status) && is_ignored(13, status));
        assert!(!is_ignored(SIGINT, status) && !is_ignored(SIGHUP, ""));
    }
}
