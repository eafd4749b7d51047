//! Progress on a terminal: owns the bars. What they show comes from [`super::text`].

use super::text::{self, Audience, Rate, WHOLE};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::time::Duration;
use windrow_core::job::{JobPhase, JobProgress};

/// How long a job runs before bars appear: for a shorter one they would only flicker.
const PATIENCE: Duration = Duration::from_millis(300);
/// How often the clock on the last line moves.
const TICK: Duration = Duration::from_millis(200);

/// A bar for each of map, shuffle and reduce, and a line below them.
#[derive(Debug)]
pub struct Bars {
    all: MultiProgress,
    rate: Rate,
    shown: Option<Shown>,
}

#[derive(Debug)]
struct Shown {
    map: ProgressBar,
    /// Shuffle and reduce, where there are reducers.
    reduce: Option<(ProgressBar, ProgressBar)>,
    state: ProgressBar,
}

impl Bars {
    /// Shows nothing yet.
    pub fn new() -> Bars {
        Bars { all: MultiProgress::new(), rate: Rate::default(), shown: None }
    }

    /// Where they are drawn.
    pub fn all(&self) -> MultiProgress {
        self.all.clone()
    }

    /// Shows how far the job is.
    pub fn show(&mut self, progress: &JobProgress, audience: &Audience, elapsed: Duration) {
        let rate = self.rate.update(elapsed, progress.counters.map_input_bytes);
        let waiting = text::waiting(progress, audience);
        let is_planned = progress.phase != JobPhase::Planning || waiting.is_some();
        if elapsed < PATIENCE || !is_planned {
            return;
        }
        let shown = self.shown.get_or_insert_with(|| Shown::new(&self.all, progress.reduces.total > 0));
        shown.map.set_position(text::map_done(progress));
        shown.map.set_message(map_message(progress, rate));
        if let Some((shuffle, reduce)) = &shown.reduce {
            shuffle.set_position(text::shuffle_done(progress));
            shuffle.set_message(format!("{} of {} runs", progress.runs_fetched, text::runs(progress)));
            reduce.set_position(text::reduce_done(progress));
            reduce.set_message(text::tasks(progress.reduces));
        }
        shown.state.set_message(waiting.unwrap_or_else(|| state_message(progress)));
    }

    /// Takes the bars away.
    pub fn clear(&mut self) {
        if self.shown.take().is_some() {
            let _ = self.all.clear();
        }
    }
}

impl Shown {
    fn new(all: &MultiProgress, has_reduces: bool) -> Shown {
        let bar =
            |name: &'static str| all.add(ProgressBar::new(WHOLE).with_style(bar_style()).with_prefix(name));
        let map = bar("map");
        let reduce = has_reduces.then(|| (bar("shuffle"), bar("reduce")));
        let state = all.add(ProgressBar::no_length().with_style(state_style()));
        state.enable_steady_tick(TICK);
        Shown { map, reduce, state }
    }
}

/// What a narrow terminal has no room for is cut, not wrapped: lines that wrap cannot be drawn over.
fn bar_style() -> ProgressStyle {
    ProgressStyle::with_template("{prefix:>8} [{bar:16.cyan}] {percent:>3}%  {wide_msg}")
        .expect("the template is well-formed")
        .progress_chars("=> ")
}

fn state_style() -> ProgressStyle {
    ProgressStyle::with_template("{elapsed:>8} {wide_msg}").expect("the template is well-formed")
}

fn map_message(progress: &JobProgress, rate: Option<u64>) -> String {
    let tasks = text::tasks(progress.maps);
    let read = text::size(progress.counters.map_input_bytes);
    match rate {
        Some(rate) if progress.maps.done < progress.maps.total => {
            format!("{tasks}, {read} read, {}", text::per_second(rate))
        }
        _ => format!("{tasks}, {read} read"),
    }
}

fn state_message(progress: &JobProgress) -> String {
    let mut message = format!(
        "job {}: {} on {}",
        progress.job,
        text::phase(progress),
        text::counted(progress.workers.into(), "worker")
    );
    if let Some(seeking) = text::seeking(progress) {
        message += &format!(", {seeking}");
    }
    if progress.attempts_failed > 0 {
        message += &format!(", {} failed", text::counted(progress.attempts_failed.into(), "attempt"));
    }
    message
}

#[cfg(test)]
mod tests {
    use super::super::text::tests::progress;
    use super::*;

    #[test]
    fn messages_tell_tasks_bytes_and_rate() {
        let mut progress = progress();
        assert_eq!(map_message(&progress, Some(2048)), "3 of 10 (4 running), 4.4 KiB read, 2.0 KiB/s");
        assert_eq!(state_message(&progress), "job 1: running on 2 workers");
        progress.maps.done = 10;
        progress.attempts_failed = 1;
        assert_eq!(map_message(&progress, Some(2048)), "10 of 10 (4 running), 4.4 KiB read");
        assert_eq!(state_message(&progress), "job 1: running on 2 workers, 1 attempt failed");
    }

    #[test]
    fn bars_appear_with_time_and_go_at_the_end() {
        let (mut bars, progress) = (Bars::new(), progress());
        bars.all.set_draw_target(indicatif::ProgressDrawTarget::hidden());
        bars.show(&progress, &Audience::Run, Duration::ZERO);
        assert!(bars.shown.is_none());
        bars.show(&progress, &Audience::Run, Duration::from_secs(1));
        let shown = bars.shown.as_ref().unwrap();
        let (shuffle, reduce) = shown.reduce.as_ref().unwrap();
        assert_eq!((shown.map.position(), shuffle.position(), reduce.position()), (450, 125, 0));
        assert_eq!(shuffle.message(), "5 of 40 runs");
        bars.clear();
        assert!(bars.shown.is_none());
    }
}
