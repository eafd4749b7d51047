//! Progress of a swarm, and of shrinking what it found, on a terminal: owns their bars. Elsewhere nothing is drawn.

use super::{can_draw, say};
use indicatif::{ProgressBar, ProgressStyle};
use sim::swarm::Tally;
use std::time::Duration;

/// How far a swarm is. Clones are the same bar.
#[derive(Clone, Debug)]
pub struct SeedsBar(ProgressBar);

fn bar(length: u64, template: &str) -> ProgressBar {
    if !can_draw() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(template).expect("the template is well-formed");
    ProgressBar::new(length).with_style(style.progress_chars("=> "))
}

impl SeedsBar {
    /// A bar for so many seeds.
    pub fn new(seeds: u64) -> SeedsBar {
        SeedsBar(bar(seeds, "{pos} of {len} seeds [{bar:24.cyan}] {percent:>3}%  {wide_msg}"))
    }

    /// Shows what the swarm has come to.
    pub fn show(&self, tally: &Tally, elapsed: Duration) {
        self.0.set_message(message(tally, elapsed));
        self.0.set_position(tally.seeds);
    }

    /// Lets something be printed where the bar is.
    pub fn between<T>(&self, print: impl FnOnce() -> T) -> T {
        self.0.suspend(print)
    }

    /// Says one line to people, above the bar.
    pub fn say(&self, line: &str) {
        self.between(|| say(line));
    }

    /// Takes the bar away.
    pub fn clear(&self) {
        self.0.finish_and_clear();
    }
}

/// How far the search for a small scenario is.
#[derive(Debug)]
pub struct ShrinkBar(ProgressBar);

impl ShrinkBar {
    /// A bar for so many runs at the most.
    pub fn new(name: &str, runs_max: u64) -> ShrinkBar {
        let bar = bar(runs_max, "shrinking {prefix}, {pos} runs [{bar:24.cyan}] {wide_msg}");
        ShrinkBar(bar.with_prefix(name.to_string()))
    }

    /// Shows how many runs it took so far, and the smallest scenario, if it is a new one.
    pub fn show(&self, runs: u64, smallest: Option<String>) {
        self.0.set_position(runs);
        if let Some(smallest) = smallest {
            self.0.set_message(smallest);
        }
    }

    /// Takes the bar away.
    pub fn clear(&self) {
        self.0.finish_and_clear();
    }
}

fn message(tally: &Tally, elapsed: Duration) -> String {
    let ms = elapsed.as_millis().max(1);
    let pace = u128::from(tally.seeds) * 1_000 / ms;
    format!("{} failures, {pace} seeds/s", tally.failures.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_tells_failures_and_pace() {
        let tally = Tally { seeds: 10, ..Tally::default() };
        assert_eq!(message(&tally, Duration::from_secs(2)), "0 failures, 5 seeds/s");
    }
}
