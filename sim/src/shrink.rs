//! From a scenario that fails to a small one that fails, too: owns the search. Pure; whoever calls runs the candidates and
//! says which fail in the same way.
//!
//! Delta debugging over plain data: an edit leaves something out (`parts`) or makes something plainer
//! (`settings`). Greedy, to a fixpoint or to the budget. Invariant: what is kept fails, makes sense, and is smaller than
//! what was kept before (`size`), so that the search ends.

mod parts;
mod settings;
mod size;

use crate::scenario::Scenario;
use size::Size;

/// A change of a scenario. Where it no longer fits, since others were kept before it, it changes nothing.
type Edit = Box<dyn Fn(&mut Scenario)>;

/// Kinds of edits, each proposed for the scenario as it is by then; what makes runs shorter comes first.
const PASSES: [fn(&Scenario) -> Vec<Edit>; 9] = [
    parts::faults,
    parts::drains,
    parts::jobs,
    parts::workers,
    parts::files,
    settings::calm,
    parts::lines,
    settings::kinds,
    settings::numbers,
];

/// A scenario that fails as `scenario` does, as small as so many runs can make it. Equal answers of `fails` lead to equal
/// results.
pub fn shrink(scenario: Scenario, fails: impl FnMut(&Scenario) -> bool, budget_runs: usize) -> Scenario {
    let mut search = Search { size: Size::of(&scenario), smallest: scenario, fails, budget_runs };
    loop {
        let before = search.size;
        for edits in PASSES {
            for edit in edits(&search.smallest) {
                search.attempt(&edit);
            }
        }
        if search.size == before || search.budget_runs == 0 {
            return search.smallest;
        }
    }
}

struct Search<F> {
    smallest: Scenario,
    size: Size,
    fails: F,
    budget_runs: usize,
}

impl<F: FnMut(&Scenario) -> bool> Search<F> {
    fn attempt(&mut self, edit: &Edit) {
        if self.budget_runs == 0 {
            return;
        }
        let mut candidate = self.smallest.clone();
        edit(&mut candidate);
        let size = Size::of(&candidate);
        if size >= self.size || candidate.check().is_err() {
            return;
        }
        self.budget_runs -= 1;
        if (self.fails)(&candidate) {
            (self.smallest, self.size) = (candidate, size);
        }
    }
}

#[cfg(test)]
mod tests;
