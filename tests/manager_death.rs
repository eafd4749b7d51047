//! `kill -9` of the Manager in each phase of a job, and another in its place: nobody notices but by a pause. What ran goes on,
//! what was done is not done again, and the output is what it would have been.

mod cluster;

use cluster::scene::{MAPS, SAY, SAY_AND_WAIT, Scene, await_shuffle};

/// Maps that began and were not heard of yet.
fn maps_begun(scene: &Scene) -> usize {
    std::iter::from_fn(|| scene.arrivals.already()).filter(|line| line.starts_with("map ")).count()
}

#[test]
fn in_the_map_phase() {
    let mut scene = Scene::set(4);
    let job = scene.submit(SAY_AND_WAIT, "cat", 3);
    for _ in 0..4 {
        scene.next("map");
    }
    scene.cluster.kill_manager();
    scene.cluster.restart_manager(&scene.place);
    scene.gate.open();
    job.finish().expect_success();
    scene.expect_output(3);
    assert_eq!(4 + maps_begun(&scene), MAPS, "each map was executed once");
}

#[test]
fn while_what_it_waits_for_ends() {
    let mut scene = Scene::set(4);
    let job = scene.submit(SAY_AND_WAIT, "cat", 3);
    for _ in 0..4 {
        scene.next("map");
    }
    scene.cluster.kill_manager();
    scene.gate.open();
    scene.cluster.restart_manager(&scene.place);
    job.finish().expect_success();
    scene.expect_output(3);
    assert_eq!(4 + maps_begun(&scene), MAPS, "each map was executed once");
}

#[test]
fn in_the_shuffle() {
    let mut scene = Scene::set(4);
    let waits = "read -r first; echo \"$1 $WORKER\" >\"$ARRIVALS\"; case $first in *'map 7,'*) read -r _ <\"$GATE\";; esac; \
                 printf '%s\\n' \"$first\"; exec cat";
    let mut job = scene.submit(waits, SAY, 8);
    for _ in 0..MAPS {
        scene.next("map");
    }
    await_shuffle(&mut job);
    scene.cluster.kill_manager();
    scene.cluster.restart_manager(&scene.place);
    scene.gate.open();
    job.finish().expect_success();
    scene.expect_output(8);
    assert_eq!(maps_begun(&scene), 0, "no map was executed again");
}

#[test]
fn in_the_reduce_phase_again_and_again() {
    let mut scene = Scene::set(4);
    let job = scene.submit(SAY, SAY_AND_WAIT, 16);
    scene.next("reduce");
    for _ in 0..3 {
        scene.cluster.kill_manager();
        scene.cluster.restart_manager(&scene.place);
    }
    scene.gate.open();
    job.finish().expect_success();
    scene.expect_output(16);
}

#[test]
fn with_a_worker() {
    let mut scene = Scene::set(4);
    let job = scene.submit(SAY_AND_WAIT, "cat", 3);
    let begun = [0; 4].map(|_| scene.next("map"));
    scene.cluster.kill_manager();
    scene.cluster.kill_worker(begun[0]);
    scene.cluster.restart_manager(&scene.place);
    scene.gate.open();
    job.finish().expect_success();
    scene.expect_output(3);
}

#[test]
fn a_journal_that_is_damaged_is_not_believed() {
    let mut scene = Scene::set(1);
    scene.cluster.await_workers();
    scene.cluster.kill_manager();
    let journal = scene.place.path("manager/journal-1");
    let mut bytes = std::fs::read(&journal).unwrap();
    bytes[40] ^= 1;
    std::fs::write(&journal, bytes).unwrap();
    let directory = scene.place.path("manager");
    let arguments = ["manager", "--listen", "127.0.0.1:0", "--work-dir", directory.to_str().unwrap()];
    scene.place.finish(arguments).expect_failure(5, &["journal-1", "is damaged", "restore", "--work-dir"]);
}
