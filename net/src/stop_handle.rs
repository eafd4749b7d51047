//! Asking something to stop, from any thread: owns [`StopHandle`].
//!
//! A handle may be used before what it stops has begun: the request is then kept for it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Stops a Manager, a worker or a client; its clones are the same handle.
#[derive(Clone, Default)]
pub struct StopHandle {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    stopped: bool,
    action: Option<Box<dyn Fn() + Send>>,
}

impl StopHandle {
    /// Asks for the end. Asking again changes nothing.
    pub fn stop(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !std::mem::replace(&mut state.stopped, true)
            && let Some(action) = &state.action
        {
            action();
        }
    }

    /// Tells what stopping is; done at once if it was asked for already.
    pub(crate) fn attach(&self, action: impl Fn() + Send + 'static) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.stopped {
            action();
        }
        state.action = Some(Box::new(action));
    }
}

impl fmt::Debug for StopHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StopHandle")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn acts_once_whether_asked_before_or_after() {
        for ask_first in [true, false] {
            let acted = Arc::new(AtomicU32::new(0));
            let handle = StopHandle::default();
            let counter = acted.clone();
            if ask_first {
                handle.stop();
            }
            handle.attach(move || {
                counter.fetch_add(1, Ordering::Relaxed);
            });
            handle.clone().stop();
            handle.stop();
            assert_eq!(acted.load(Ordering::Relaxed), 1);
        }
    }
}
