//! Jobs back to back on a real cluster of which something dies, or stops for longer than its lease, again and again: every output
//! is what it would have been, and in the end nothing is left.
//!
//! What strikes, and after which of the programs' beginnings, is drawn from a seed that is printed: `WINDROW_SEED` chooses another,
//! `WINDROW_JOBS` how many jobs. Where the processes are by then is up to the machine.

mod cluster;

use cluster::scene::Scene;
use cluster::{Signal, await_that, let_a_lease_pass, names};
use sim::stream::{Ratio, Stream};
use std::collections::BTreeMap;

/// Jobs, unless told otherwise.
const JOBS: u64 = 5;
const WORKERS: usize = 4;
const REDUCERS: usize = 3;
/// Blows that a job takes at the most: a task is given up when it has failed too often.
const BLOWS: u32 = 3;
/// What the programs do: say who they are, take a moment, copy their input.
const WORK: &str = "echo \"$1 $WORKER\" >\"$ARRIVALS\"; sleep 0.1; exec cat";

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// Strikes once; gives what it was.
fn strike(scene: &mut Scene, stream: &mut Stream) -> &'static str {
    let Scene { cluster, place, .. } = scene;
    let worker = stream.below(WORKERS as u64) as usize;
    match stream.below(5) {
        0 => {
            cluster.kill_worker(worker);
            cluster.restart_worker(place, worker);
            "a worker was killed"
        }
        1 => {
            let stopped = cluster.workers[worker].as_ref().expect("all workers live");
            stopped.signal(Signal::STOP);
            let_a_lease_pass();
            stopped.signal(Signal::CONT);
            "a worker was stopped for longer than its lease"
        }
        2 => {
            cluster.kill_manager();
            cluster.restart_manager(place);
            "the Manager was killed"
        }
        3 => {
            cluster.manager.signal(Signal::STOP);
            let_a_lease_pass();
            cluster.manager.signal(Signal::CONT);
            "the Manager was stopped for longer than a lease"
        }
        _ => {
            cluster.kill_manager();
            cluster.kill_worker(worker);
            cluster.restart_worker(place, worker);
            cluster.restart_manager(place);
            "the Manager and a worker were killed"
        }
    }
}

#[test]
fn whatever_dies_every_output_is_right_and_nothing_is_left() {
    let (seed, jobs) = (variable("WINDROW_SEED").unwrap_or(1), variable("WINDROW_JOBS").unwrap_or(JOBS));
    eprintln!("WINDROW_SEED={seed} WINDROW_JOBS={jobs}");
    let mut stream = Stream::new(seed, "chaos");
    let mut scene = Scene::set(WORKERS);
    scene.cluster.await_workers();
    let mut blows: BTreeMap<&str, u32> = BTreeMap::new();
    for job in 0..jobs {
        scene.output = scene.place.path(format!("results/{job}"));
        scene.place.directory("results");
        let mut submitted = scene.submit(WORK, WORK, REDUCERS);
        let mut taken = 0;
        while scene.arrivals.next_unless(|| submitted.has_ended()).is_some() {
            if taken < BLOWS && stream.chance(Ratio::one_in(4)) {
                let blow = strike(&mut scene, &mut stream);
                eprintln!("job {job}: {blow}");
                *blows.entry(blow).or_default() += 1;
                taken += 1;
            }
        }
        submitted.finish().expect_success();
        scene.expect_output(REDUCERS);
    }
    eprintln!("{jobs} jobs, 0 wrong outputs; {blows:?}");
    let Scene { cluster, place, .. } = scene;
    place.finish(["shutdown", "--manager", &cluster.address]).expect_success();
    place.await_no_processes();
    await_that("no staging directory is left", || {
        let strange: Vec<String> =
            names(&place.path("results")).into_iter().filter(|name| name.parse::<u64>().is_err()).collect();
        if strange.is_empty() { Ok(()) } else { Err(strange.join(" ")) }
    });
    for worker in 0..WORKERS {
        assert_eq!(names(&place.path(format!("worker-{worker}"))), [""; 0], "worker {worker} left something");
    }
}
