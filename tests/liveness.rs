//! Workers that are taken for dead and are not, or come back as somebody else: no harm comes of either, and no storm.
//!
//! When a worker is taken for lost the Manager says so: that is awaited, not the time it takes.

mod cluster;

use cluster::scene::{MAPS, SAY, SAY_AND_WAIT, Scene, await_shuffle};
use cluster::{Signal, names};
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;

/// All maps but the last run through, so reducers fetch while that one waits.
const LAST_WAITS: &str = "read -r first; echo \"$1 $WORKER\" >\"$ARRIVALS\"; \
                          case $first in *'map 7,'*) read -r _ <\"$GATE\";; esac; printf '%s\\n' \"$first\"; exec cat";

/// Stops a worker until the Manager takes it for lost.
fn stop_until_lost(scene: &mut Scene, worker: usize) {
    let stopped = scene.cluster.workers[worker].as_ref().expect("it lives");
    stopped.signal(Signal::STOP);
    scene.cluster.manager.await_line("worker lost: no heartbeat came for a lease");
}

/// Lets it go on, until it has registered again.
fn go_on(scene: &mut Scene, worker: usize) {
    let stopped = scene.cluster.workers[worker].as_mut().expect("it lives");
    stopped.signal(Signal::CONT);
    stopped.await_line("registered with the Manager");
}

/// What a server has said, once it was told to stop and did.
fn all_it_said(process: cluster::Process) -> String {
    process.signal(Signal::TERM);
    process.finish().expect_success().stderr
}

#[test]
fn a_worker_that_is_stopped_for_longer_than_its_lease_and_goes_on_while_its_task_runs_elsewhere() {
    let mut scene = Scene::set(2);
    scene.cluster.await_workers();
    let job = scene.submit(SAY_AND_WAIT, "cat", 3);
    let begun = [0; 2].map(|_| scene.next("map"));
    stop_until_lost(&mut scene, begun[0]);
    go_on(&mut scene, begun[0]);
    scene.gate.open();
    job.finish().expect_success();
    scene.expect_output(3);
    scene.cluster.expect_healthy(&scene.place, "healthy");
}

#[test]
fn a_worker_that_is_stopped_for_longer_than_its_lease_and_goes_on_after_the_job() {
    let mut scene = Scene::set(2);
    scene.cluster.await_workers();
    let job = scene.submit(SAY_AND_WAIT, "cat", 3);
    let begun = [0; 2].map(|_| scene.next("map"));
    stop_until_lost(&mut scene, begun[0]);
    // Its program goes on, and prints into a pipe that nobody reads.
    scene.gate.open();
    job.finish().expect_success();
    scene.expect_output(3);
    go_on(&mut scene, begun[0]);
    scene.cluster.expect_healthy(&scene.place, "healthy");
    scene.expect_output(3);
}

#[test]
fn a_worker_that_holds_outputs_is_stopped_while_others_want_them() {
    let mut scene = Scene::set(2);
    scene.cluster.await_workers();
    let mut job = scene.submit(LAST_WAITS, SAY, 4);
    let begun: Vec<usize> = (0..MAPS).map(|_| scene.next("map")).collect();
    await_shuffle(&mut job);
    stop_until_lost(&mut scene, begun[0]);
    go_on(&mut scene, begun[0]);
    scene.gate.open();
    job.finish().expect_success();
    scene.expect_output(4);
}

#[test]
fn a_worker_that_comes_back_at_once_under_the_address_of_one_that_died() {
    let mut scene = Scene::set(1);
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let address = port.to_string();
    let listening = |it: &mut Command| {
        it.args(["--shuffle-listen", &address]);
    };
    let first = scene.cluster.add_worker(&scene.place, listening);
    scene.cluster.await_workers();
    let mut job = scene.submit(LAST_WAITS, SAY, 4);
    let begun: Vec<usize> = (0..MAPS).map(|_| scene.next("map")).collect();
    assert!(begun.contains(&first), "{begun:?}");
    await_shuffle(&mut job);
    scene.cluster.kill_worker(first);
    let second = scene.cluster.add_worker(&scene.place, listening);
    scene.gate.open();
    job.finish().expect_success();
    scene.expect_output(4);
    assert!(!scene.cluster.workers[second].as_mut().unwrap().has_ended());
}

#[test]
fn a_worker_whose_disk_is_emptied_under_it() {
    let mut scene = Scene::set(2);
    scene.cluster.await_workers();
    let mut job = scene.submit(LAST_WAITS, SAY, 4);
    let begun: Vec<usize> = (0..MAPS).map(|_| scene.next("map")).collect();
    await_shuffle(&mut job);
    let work = scene.place.path(format!("worker-{}", begun[0]));
    for scratch in names(&work) {
        for name in names(&work.join(&scratch)) {
            fs::remove_dir_all(work.join(&scratch).join(name)).unwrap();
        }
    }
    scene.gate.open();
    job.finish().expect_success();
    scene.expect_output(4);
    scene.cluster.expect_healthy(&scene.place, "healthy");
}

#[test]
fn a_worker_that_comes_and_goes_is_registered_once_each_time() {
    const TIMES: usize = 3;
    let mut scene = Scene::set(2);
    scene.cluster.await_workers();
    let job = scene.submit(SAY_AND_WAIT, "cat", 2);
    let flapping = scene.next("map");
    for _ in 0..TIMES {
        stop_until_lost(&mut scene, flapping);
        go_on(&mut scene, flapping);
    }
    scene.gate.open();
    job.finish().expect_success();
    scene.expect_output(2);
    let Scene { cluster, place, .. } = scene;
    let cluster::Cluster { manager, mut workers, .. } = cluster;
    let worker = all_it_said(workers[flapping].take().expect("it lives"));
    assert_eq!(worker.matches("registered with the Manager").count(), 1 + TIMES, "{worker}");
    for worker in workers.into_iter().flatten() {
        all_it_said(worker);
    }
    let manager = all_it_said(manager);
    assert_eq!(manager.matches("worker joined").count(), 2 + TIMES, "{manager}");
    place.await_no_processes();
}
