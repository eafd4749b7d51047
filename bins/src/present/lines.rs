//! Progress where there is no terminal: owns when a line is worth printing.
//!
//! What the user may have to do something about is said at once and once; how far the job is, at most every few seconds
//! and only if something changed. A job that is over by then prints nothing.

use super::text::{self, Audience, Rate};
use std::time::Duration;
use windrow_core::job::JobProgress;

/// The least time between two lines of progress, and before the first.
const PAUSE: Duration = Duration::from_secs(3);

/// What was said already.
#[derive(Debug)]
pub struct Lines {
    rate: Rate,
    waiting: Option<String>,
    state: String,
    due: Duration,
}

impl Lines {
    /// Nothing yet.
    pub fn new() -> Lines {
        Lines { rate: Rate::default(), waiting: None, state: String::new(), due: PAUSE }
    }

    /// The line to print now, if any.
    pub fn line(&mut self, progress: &JobProgress, audience: &Audience, elapsed: Duration) -> Option<String> {
        let rate = self.rate.update(elapsed, progress.counters.map_input_bytes);
        let waiting = text::waiting(progress, audience);
        let is_news = waiting != self.waiting;
        self.waiting = waiting;
        if let Some(waiting) = self.waiting.as_ref().filter(|_| is_news) {
            return Some(format!("job {}: {waiting}", progress.job));
        }
        // Compared without the rate, which changes always.
        let state = text::line(progress, None);
        if elapsed < self.due || state == self.state || self.waiting.is_some() {
            return None;
        }
        self.state = state;
        self.due = elapsed + PAUSE;
        Some(format!("job {}: {}", progress.job, text::line(progress, rate)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::text::tests::progress;
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_line_comes_every_few_seconds_if_something_changed() {
        let (mut lines, mut progress) = (Lines::new(), progress());
        assert_eq!(lines.line(&progress, &Audience::Run, at(1)), None);
        progress.counters.map_input_bytes += 300;
        let expected = "job 1: map 3 of 10 (4 running), shuffle 12%, reduce 0 of 4 (4 running), 150 B/s";
        assert_eq!(lines.line(&progress, &Audience::Run, at(3)).as_deref(), Some(expected));
        progress.maps.done = 4;
        assert_eq!(lines.line(&progress, &Audience::Run, at(5)), None);
        assert!(lines.line(&progress, &Audience::Run, at(6)).unwrap().starts_with("job 1: map 4 of 10"));
        assert_eq!(lines.line(&progress, &Audience::Run, at(60)), None);
    }

    #[test]
    fn waiting_is_said_at_once_and_once() {
        let (mut lines, mut progress) = (Lines::new(), progress());
        let audience = Audience::Submit { address: "alpha".into(), port: 7077 };
        progress.workers = 0;
        let line = lines.line(&progress, &audience, at(0)).unwrap();
        assert!(line.starts_with("job 1: waiting for workers"), "{line}");
        assert_eq!(lines.line(&progress, &audience, at(10)), None);
        progress.workers_unheard = 1;
        assert!(lines.line(&progress, &audience, at(11)).unwrap().contains("UDP port 7077"));
        (progress.workers, progress.workers_unheard) = (1, 0);
        assert!(lines.line(&progress, &audience, at(12)).unwrap().contains("map 3 of 10"));
    }
}
