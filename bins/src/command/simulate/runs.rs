//! The runs themselves: owns the calls of `sim`, and what becomes of a panic in a world: a failure with its message and
//! place, told nowhere else. Panics of other threads are shown as ever.

use sim::checker::NO_MACHINE_PANICS;
use sim::scenario::{FaultKind, Scenario};
use sim::world::{Outcome, Watch};
use std::cell::RefCell;
use std::fmt;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

/// What a panic said, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panic {
    words: String,
    place: String,
}

/// In which way a run fails; runs with equal breaches fail in the same way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// What should hold.
    pub invariant: &'static str,
    /// Where the panic was, if one broke it.
    place: Option<String>,
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.words, self.place)
    }
}

impl Breach {
    /// That of a run, if it broke a promise.
    pub fn of(result: &Result<Outcome, Panic>) -> Option<Breach> {
        match result {
            Ok(outcome) => {
                let invariant = outcome.violations.first()?.invariant;
                Some(Breach { invariant, place: None })
            }
            Err(panic) => Some(Breach { invariant: NO_MACHINE_PANICS, place: Some(panic.place.clone()) }),
        }
    }
}

/// The scenario of a seed, with kinds of fault switched off.
pub fn scenario(seed: u64, without: &[FaultKind]) -> Scenario {
    without.iter().fold(Scenario::from_seed(seed), |scenario, kind| scenario.without(*kind))
}

/// Runs the world of a scenario.
pub fn run(scenario: Scenario, watch: Watch) -> Result<Outcome, Panic> {
    watched(|| sim::run(scenario, watch))
}

/// What this thread's panics are to the hook.
enum Hooked {
    Off,
    On,
    Panicked(Panic),
}

thread_local! {
    static HOOKED: RefCell<Hooked> = const { RefCell::new(Hooked::Off) };
}

static HOOK: Once = Once::new();

fn watched<T>(run: impl FnOnce() -> T) -> Result<T, Panic> {
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            let is_watched = HOOKED.with_borrow_mut(|hooked| match hooked {
                Hooked::Off => false,
                Hooked::On | Hooked::Panicked(_) => {
                    *hooked = Hooked::Panicked(described(panic));
                    true
                }
            });
            if !is_watched {
                usual(panic);
            }
        }));
    });
    HOOKED.set(Hooked::On);
    // What the run could have left half done is dropped with it.
    let result = panic::catch_unwind(AssertUnwindSafe(run));
    let hooked = HOOKED.replace(Hooked::Off);
    result.map_err(|_| match hooked {
        Hooked::Panicked(panic) => panic,
        Hooked::Off | Hooked::On => unreachable!("the hook is told of every panic"),
    })
}

fn described(panic: &PanicHookInfo<'_>) -> Panic {
    let words = panic.payload_as_str().unwrap_or("a panic without words").into();
    let place = panic.location().map_or_else(|| "nobody knows where".into(), ToString::to_string);
    Panic { words, place }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_caught_with_its_words_and_place() {
        assert_eq!(watched(|| 7), Ok(7));
        let text = watched(|| panic!("one is {}", 1)).unwrap_err().to_string();
        assert!(text.starts_with("one is 1 (") && text.contains("simulate/runs.rs:"), "{text}");
        assert_eq!(watched(|| panic::panic_any(7)).unwrap_err().words, "a panic without words");
        assert_eq!(watched(|| 7), Ok(7));
    }

    #[test]
    fn panics_are_alike_by_their_place() {
        let breach = |number: u64| Breach::of(&watched(|| panic!("{number}"))).unwrap();
        assert_eq!(breach(1), breach(2));
        let elsewhere = Breach::of(&watched(|| panic!("1"))).unwrap();
        assert_eq!(elsewhere.invariant, NO_MACHINE_PANICS);
        assert_ne!(elsewhere, breach(1));
    }

    #[test]
    fn a_seed_runs() {
        let run = |transcript| run(scenario(1, &[]), Watch { transcript, observer: None });
        let once = run(None).unwrap();
        assert_eq!(Breach::of(&Ok(once.clone())), None);
        assert_eq!(run(Some(Box::new(|_| ()))), Ok(once));
    }

    #[test]
    fn kinds_are_switched_off() {
        let seed = (0..).find(|seed| Scenario::from_seed(*seed).faults.len() > 5).unwrap();
        assert_eq!(scenario(seed, FaultKind::ALL).faults, []);
    }
}
