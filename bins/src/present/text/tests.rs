use super::*;
use windrow_core::ids::JobId;
use windrow_core::job::{Counters, JobReport};
use windrow_core::time::WallTime;

/// A job in the middle of its maps.
pub(crate) fn progress() -> JobProgress {
    JobProgress {
        job: JobId(1),
        phase: JobPhase::Running,
        workers: 2,
        workers_unheard: 0,
        maps: TaskCount { total: 10, running: 4, done: 3 },
        runs_fetched: 5,
        reduces: TaskCount { total: 4, running: 4, done: 0 },
        input_bytes: 10_000,
        counters: Counters { map_input_bytes: 4_500, ..Counters::default() },
        attempts_failed: 0,
        searches: 0,
    }
}

/// A job that ended well.
pub(crate) fn report() -> JobReport {
    JobReport {
        job: JobId(1),
        name: "word count".into(),
        output: "/data/out".into(),
        failure: None,
        maps: 10,
        reduces: 4,
        attempts_failed: 0,
        attempts_backed_up: 0,
        maps_remade_differently: 0,
        skipped: Vec::new(),
        counters: Counters {
            map_input_bytes: 5 << 20,
            map_input_records: 1_234_567,
            map_output_bytes: 3 << 20,
            map_output_records: 2_000,
            spilled_bytes: 0,
            fetched_bytes: 1 << 20,
            reduce_input_records: 2_000,
            reduce_input_groups: 30,
            output_bytes: 512,
            output_records: 30,
        },
        accepted_at: WallTime::from_us(1_764_600_000_250_000),
        elapsed_us: 3_214_000,
    }
}

fn cluster() -> Audience {
    Audience::Submit { address: "alpha:7077".into(), port: 7077 }
}

#[test]
fn a_line_tells_what_runs() {
    let mut progress = progress();
    assert_eq!(
        line(&progress, Some(12_900_000)),
        "map 3 of 10 (4 running), shuffle 12%, reduce 0 of 4 (4 running), 12.3 MiB/s"
    );
    progress.attempts_failed = 1;
    assert_eq!(
        line(&progress, None),
        "map 3 of 10 (4 running), shuffle 12%, reduce 0 of 4 (4 running), 1 attempt failed"
    );
    progress.reduces = TaskCount::default();
    progress.attempts_failed = 2;
    progress.maps = TaskCount { total: 10, running: 0, done: 10 };
    assert_eq!(line(&progress, Some(1)), "map 10 of 10, 2 attempts failed");
}

#[test]
fn before_and_after_its_tasks_a_line_tells_the_phase() {
    let in_phase = |phase| line(&JobProgress { phase, ..progress() }, Some(1));
    assert_eq!(in_phase(JobPhase::Planning), "looking at the inputs");
    assert_eq!(in_phase(JobPhase::Committing), "putting the output in place");
    assert_eq!(in_phase(JobPhase::Ended), "ended");
}

#[test]
fn waiting_says_what_to_do() {
    let with = |workers, workers_unheard| JobProgress { workers, workers_unheard, ..progress() };
    assert_eq!(waiting(&with(2, 0), &cluster()), None);
    assert_eq!(
        waiting(&with(0, 0), &cluster()).as_deref(),
        Some("waiting for workers; start some with: windrow worker --manager alpha:7077")
    );
    assert_eq!(
        waiting(&with(0, 1), &cluster()).as_deref(),
        Some("1 worker registered but its heartbeats do not arrive: is UDP port 7077 blocked?")
    );
    assert_eq!(
        waiting(&with(3, 2), &cluster()).as_deref(),
        Some("2 workers registered but their heartbeats do not arrive: is UDP port 7077 blocked?")
    );
    assert_eq!(waiting(&with(0, 0), &Audience::Run), None);
    let ended = JobProgress { phase: JobPhase::Committing, ..with(0, 0) };
    assert_eq!(waiting(&ended, &cluster()), None);
}

#[test]
fn maps_are_measured_by_bytes_unless_these_mislead() {
    let mut progress = progress();
    assert_eq!(map_done(&progress), 450);
    progress.counters.map_input_bytes = 10_001;
    assert_eq!(map_done(&progress), 300);
    progress.counters.map_input_bytes = 10_000;
    assert_eq!(map_done(&progress), 999);
    progress.maps.done = 10;
    assert_eq!(map_done(&progress), WHOLE);
    progress.input_bytes = 0;
    progress.counters.map_input_bytes = 0;
    progress.maps.done = 0;
    assert_eq!(map_done(&progress), 0);
}

#[test]
fn reduces_are_measured_by_records_once_all_are_known() {
    let mut progress = progress();
    progress.counters.map_output_records = 100;
    progress.counters.reduce_input_records = 40;
    assert_eq!(reduce_done(&progress), 0);
    progress.maps.done = 10;
    assert_eq!(reduce_done(&progress), 400);
    progress.reduces.done = 2;
    assert_eq!(reduce_done(&progress), 500);
    progress.reduces.done = 4;
    assert_eq!(reduce_done(&progress), WHOLE);
}

#[test]
fn the_greatest_figures_do_not_overflow() {
    let mut progress = progress();
    progress.input_bytes = u64::MAX;
    progress.counters.map_input_bytes = u64::MAX;
    progress.maps.total = u32::MAX;
    progress.reduces.total = u32::MAX;
    progress.runs_fetched = u64::MAX;
    assert_eq!((map_done(&progress), shuffle_done(&progress)), (999, WHOLE));
}

#[test]
fn a_rate_is_taken_over_the_last_seconds() {
    let mut rate = Rate::default();
    let at = Duration::from_secs;
    assert_eq!(rate.update(at(0), 0), None);
    assert_eq!(rate.update(at(1), 100), Some(100));
    assert_eq!(rate.update(at(2), 300), Some(150));
    assert_eq!(rate.update(at(7), 300), Some(0));
    assert_eq!(rate.update(at(8), 50), None);
    assert_eq!(rate.update(at(9), 60), Some(10));
}

#[test]
fn what_is_sought_is_told() {
    let searches = |searches| line(&JobProgress { searches, ..progress() }, None);
    assert!(!searches(0).contains("seeking"));
    assert!(searches(1).ends_with(", seeking what 1 map fails on"), "{}", searches(1));
    assert!(searches(2).ends_with(", seeking what 2 maps fail on"));
}
