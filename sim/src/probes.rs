//! Rare branches: owns the list of marks that machines make where they seldom go, and hears which a run has come by. Reads
//! the log that an operator would read as well.
//!
//! A swarm is worth what it has tried: one that misses a mark of the list fails, unless the list says why it must. Hearing
//! changes nothing in a run.

mod list;

pub use list::{ALL, Probe};

use std::collections::BTreeSet;
use std::fmt::{self, Write};
#[expect(
    clippy::disallowed_types,
    reason = "a subscriber is shared; what it heard is read after the run, never by it"
)]
use std::sync::Mutex;
use std::sync::{Arc, PoisonError};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Dispatch, Event, Metadata, Subscriber};

/// Where core's marks are addressed to.
const TARGET: &str = "probe";

/// Whose log an operator reads.
const LOGGED: &str = "windrow_core";

/// What was heard of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// The marks that were made.
    pub marks: BTreeSet<&'static str>,
    /// A line of the log that is none, for it would break a terminal or stands on two.
    pub unreadable: Option<String>,
}

/// Runs something, and gives what was heard on this thread meanwhile.
pub fn heard_while<T>(run: impl FnOnce() -> T) -> (T, Heard) {
    let listener = Listener::default();
    let result = tracing::dispatcher::with_default(&Dispatch::new(listener.clone()), run);
    let heard = std::mem::take(&mut *listener.0.lock().unwrap_or_else(PoisonError::into_inner));
    (result, heard)
}

#[derive(Clone, Default)]
#[expect(
    clippy::disallowed_types,
    reason = "a subscriber is shared; what it heard is read after the run, never by it"
)]
struct Listener(Arc<Mutex<Heard>>);

/// A line of a log, as it is put together.
#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, "{field}={value:?} ").expect("a string takes all");
    }
}

impl Subscriber for Listener {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == TARGET || metadata.target().starts_with(LOGGED)
    }

    fn event(&self, event: &Event<'_>) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if event.metadata().target() == TARGET {
            heard.marks.insert(event.metadata().name());
            return;
        }
        let mut line = Line::default();
        event.record(&mut line);
        if line.0.chars().any(char::is_control) {
            heard.unreadable.get_or_insert(line.0);
        }
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}
    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}
    fn enter(&self, _span: &Id) {}
    fn exit(&self, _span: &Id) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_marks_made_meanwhile_are_heard() {
        let mark = || tracing::event!(name: "one", target: "probe", tracing::Level::TRACE, "one");
        mark();
        let (result, heard) = heard_while(|| {
            mark();
            tracing::info!("something else");
            7
        });
        assert_eq!((result, heard), (7, Heard { marks: BTreeSet::from(["one"]), unreadable: None }));
        assert_eq!(heard_while(|| ()).1, Heard::default());
    }

    #[test]
    fn a_line_of_the_log_that_is_two_is_heard() {
        let (_, heard) = heard_while(|| tracing::info!(target: LOGGED, "one\ntwo"));
        assert_eq!(heard.unreadable.as_deref(), Some("message=one\ntwo "));
    }
}
