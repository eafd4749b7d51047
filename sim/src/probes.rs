//! Rare branches: owns the list of marks that machines make where they seldom go, and hears which a run has come by.
//!
//! A swarm is worth what it has tried: one that misses a mark of the list fails, unless the list says why it must. Hearing
//! changes nothing in a run.

mod list;

pub use list::{ALL, Probe};

use std::collections::BTreeSet;
#[expect(
    clippy::disallowed_types,
    reason = "a subscriber is shared; what it heard is read after the run, never by it"
)]
use std::sync::Mutex;
use std::sync::{Arc, PoisonError};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Dispatch, Event, Metadata, Subscriber};

/// Where core's marks are addressed to.
const TARGET: &str = "probe";

/// Runs something, and gives the marks that were made on this thread meanwhile.
pub fn heard_while<T>(run: impl FnOnce() -> T) -> (T, BTreeSet<&'static str>) {
    let heard = Heard::default();
    let result = tracing::dispatcher::with_default(&Dispatch::new(heard.clone()), run);
    let marks = std::mem::take(&mut *heard.0.lock().unwrap_or_else(PoisonError::into_inner));
    (result, marks)
}

#[derive(Clone, Default)]
#[expect(
    clippy::disallowed_types,
    reason = "a subscriber is shared; what it heard is read after the run, never by it"
)]
struct Heard(Arc<Mutex<BTreeSet<&'static str>>>);

impl Subscriber for Heard {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if metadata.target() == TARGET { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == TARGET
    }

    fn event(&self, event: &Event<'_>) {
        if event.metadata().target() == TARGET {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(event.metadata().name());
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
        assert_eq!((result, heard), (7, BTreeSet::from(["one"])));
        assert_eq!(heard_while(|| ()).1, BTreeSet::new());
    }
}
