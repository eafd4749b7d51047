//! The runs themselves: owns the calls of `sim`, and what becomes of a panic in a world: a failure with its message and
//! place, told nowhere else. Panics of other threads are shown as ever.

use sim::scenario::Scenario;
use sim::trace::Transcript;
use sim::world::Outcome;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

/// Runs the world of a seed; the error is what a panic said, and where.
pub fn run(seed: u64, transcript: Option<Transcript>) -> Result<Outcome, String> {
    let watch = sim::world::Watch { transcript, observer: None };
    watched(|| sim::run(Scenario::from_seed(seed), watch))
}

/// What this thread's panics are to the hook.
enum Watch {
    Off,
    On,
    Panicked(String),
}

thread_local! {
    static WATCH: RefCell<Watch> = const { RefCell::new(Watch::Off) };
}

static HOOK: Once = Once::new();

fn watched<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            let is_watched = WATCH.with_borrow_mut(|watch| match watch {
                Watch::Off => false,
                Watch::On | Watch::Panicked(_) => {
                    *watch = Watch::Panicked(described(panic));
                    true
                }
            });
            if !is_watched {
                usual(panic);
            }
        }));
    });
    WATCH.set(Watch::On);
    // What the run could have left half done is dropped with it.
    let result = panic::catch_unwind(AssertUnwindSafe(run));
    let watch = WATCH.replace(Watch::Off);
    result.map_err(|_| match watch {
        Watch::Panicked(text) => text,
        Watch::Off | Watch::On => unreachable!("the hook is told of every panic"),
    })
}

fn described(panic: &PanicHookInfo<'_>) -> String {
    let message = panic.payload_as_str().unwrap_or("a panic without words");
    match panic.location() {
        Some(location) => format!("{message} ({location})"),
        None => message.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_caught_with_its_words_and_place() {
        assert_eq!(watched(|| 7), Ok(7));
        let text = watched(|| panic!("one is {}", 1)).unwrap_err();
        assert!(text.starts_with("one is 1 (") && text.contains("simulate/runs.rs:"), "{text}");
        assert_eq!(
            watched(|| panic::panic_any(7)).unwrap_err().split_once(" (").unwrap().0,
            "a panic without words"
        );
        assert_eq!(watched(|| 7), Ok(7));
    }

    #[test]
    fn a_seed_runs() {
        let once = run(1, None).unwrap();
        assert_eq!(run(1, Some(Box::new(|_| ()))), Ok(once));
    }
}
