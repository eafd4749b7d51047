//! `kill -9` of a worker in each phase of a job: the output is what it would have been.
//!
//! Where the job stands when the worker dies is not a matter of time: its programs say when they have begun, and go on
//! only when they are let.

mod cluster;

use cluster::scene::{MAPS, SAY, SAY_AND_WAIT, Scene, await_shuffle};

#[test]
fn in_the_map_phase() {
    let mut scene = Scene::set(4);
    let job = scene.submit(SAY_AND_WAIT, "cat", 3);
    let begun = [0; 4].map(|_| scene.next("map"));
    scene.cluster.kill_worker(begun[1]);
    scene.gate.open();
    job.finish().expect_success();
    scene.expect_output(3);
    // Seven others, and one map a second time.
    for _ in begun.len()..MAPS + 1 {
        assert_ne!(scene.next("map"), begun[1], "a dead worker was given a task");
    }
}

#[test]
fn in_the_shuffle() {
    let mut scene = Scene::set(4);
    // All maps but one run through, so reducers fetch while that one waits.
    let waits = "read -r first; echo \"$1 $WORKER\" >\"$ARRIVALS\"; case $first in *'map 7,'*) read -r _ <\"$GATE\";; esac; \
                 printf '%s\\n' \"$first\"; exec cat";
    let mut job = scene.submit(waits, SAY, 8);
    let begun: Vec<usize> = (0..MAPS).map(|_| scene.next("map")).collect();
    await_shuffle(&mut job);
    // One that has finished maps, and reduces in their shuffle; the map that waits may be its own or not.
    scene.cluster.kill_worker(begun[0]);
    scene.gate.open();
    job.finish().expect_success();
    scene.expect_output(8);
}

/// Says that it has begun; the map of the last file waits, and all print who they are.
const PRINTS_WHO_IT_IS: &str = "read -r first; echo \"$1 $WORKER\" >\"$ARRIVALS\"; \
    case $first in *'map 7,'*) read -r _ <\"$GATE\";; esac; printf 'who\\t%s\\n' $$; exec cat";

#[test]
fn of_which_a_map_prints_something_else_when_it_runs_again() {
    let mut scene = Scene::set(4);
    let mut job = scene.submit(PRINTS_WHO_IT_IS, "cat", 2);
    let first = scene.next("map");
    job.await_line(&format!("map {} of {MAPS}", MAPS - 1));
    scene.cluster.kill_worker(first);
    scene.gate.open();
    let words = ["the mapper is not deterministic", " on ", "--accept-nondeterminism"];
    job.finish().expect_failure(1, &words);
    scene.cluster.expect_healthy(&scene.place, "healthy");
}

#[test]
fn in_the_reduce_phase() {
    let mut scene = Scene::set(4);
    let job = scene.submit(SAY, SAY_AND_WAIT, 16);
    let victim = scene.next("reduce");
    scene.cluster.kill_worker(victim);
    scene.gate.open();
    job.finish().expect_success();
    scene.expect_output(16);
}

#[test]
fn of_all_workers_at_once() {
    let mut scene = Scene::set(2);
    let job = scene.submit(SAY_AND_WAIT, "cat", 2);
    for _ in 0..2 {
        scene.next("map");
    }
    scene.cluster.kill_worker(0);
    scene.cluster.kill_worker(1);
    scene.gate.open();
    let newcomer = scene.cluster.add_worker(&scene.place, |_| ());
    assert_eq!(scene.next("map"), newcomer);
    job.finish().expect_success();
    scene.expect_output(2);
}

#[test]
fn and_its_programs_die_with_it() {
    let mut scene = Scene::set(1);
    let mut job = scene.submit("echo \"$1 $WORKER\" >\"$ARRIVALS\"; exec cat <\"$GATE\"", "cat", 1);
    let worker = scene.next("map");
    scene.cluster.kill_worker(worker);
    cluster::await_that("the mapper is gone", || {
        let programs = |command: &String| !command.contains("windrow ");
        let left: Vec<String> = scene.place.processes().into_iter().filter(programs).collect();
        if left.is_empty() { Ok(()) } else { Err(left.join("\n")) }
    });
    assert!(!job.has_ended(), "the job ended with its only worker");
}
