//! Progress of a swarm on a terminal: owns its bar. Elsewhere nothing is drawn.

use super::{can_draw, say};
use indicatif::{ProgressBar, ProgressStyle};
use sim::swarm::Tally;
use std::time::Duration;

/// How far a swarm is. Clones are the same bar.
#[derive(Clone, Debug)]
pub struct SeedsBar(ProgressBar);

impl SeedsBar {
    /// A bar for so many seeds.
    pub fn new(seeds: u64) -> SeedsBar {
        if !can_draw() {
            return SeedsBar(ProgressBar::hidden());
        }
        let style =
            ProgressStyle::with_template("{pos} of {len} seeds [{bar:24.cyan}] {percent:>3}%  {wide_msg}")
                .expect("the template is well-formed")
                .progress_chars("=> ");
        SeedsBar(ProgressBar::new(seeds).with_style(style))
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
