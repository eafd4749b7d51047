//! A program that is silent for too long is given up with all that it has started; one that works, or whose worker was stopped,
//! is not.
//!
//! Time is what these tests are about: programs are silent, or at work, for longer than a job allows.

mod cluster;

use cluster::{Arrivals, Gate, Place, Process, Signal, let_a_lease_pass, parts};

/// What the jobs allow.
const TASK_TIMEOUT: [&str; 2] = ["--task-timeout", "1s"];

fn run(place: &Place, mapper: &str, options: &[&str]) -> Process {
    place.file("input/a", "a\n");
    let job = ["run", "--input", "input", "--output", "output", "--mapper", mapper, "--reducer", "cat"];
    Process::start(&mut place.windrow(job.iter().chain(options)))
}

#[test]
fn one_that_waits_for_ever_is_killed_with_its_children_though_they_ignore_sigterm() {
    let place = Place::new();
    let deaf = "trap '' TERM HUP INT; (sleep infinity; :) & (cat <\"$GATE\"; :) & sleep infinity; :";
    let gate = Gate::closed(&place, "gate");
    let mapper = place.program("mapper", deaf);
    let variable = format!("GATE={}", gate.path.display());
    let run = run(&place, &mapper, &[&TASK_TIMEOUT[..], &["--env", &variable]].concat());
    run.finish().expect_failure(
        1,
        &["neither read, wrote nor used the processor for 1 s", "after 4 failed attempts", "--task-timeout"],
    );
    place.await_no_processes();
    assert!(!place.path("output").exists());
}

#[test]
fn one_that_computes_and_says_nothing_is_let_alone() {
    let place = Place::new();
    // What computes are its children, one after the other.
    let burn = "end=$(($(date +%s) + 4)); while [ $(date +%s) -lt $end ]; do :; done; exec cat";
    let mapper = place.program("mapper", burn);
    let finished = run(&place, &mapper, &[&TASK_TIMEOUT[..], &["--json"]].concat()).finish().expect_success();
    assert!(String::from_utf8_lossy(&finished.stdout).contains("\"attempts_failed\":0"), "{finished}");
    assert_eq!(parts(&place.path("output")).concat(), b"a\n");
}

#[test]
fn one_that_complains_from_time_to_time_is_let_alone() {
    let place = Place::new();
    let mapper =
        place.program("mapper", "for _ in 1 2 3 4 5 6 7 8; do echo waiting >&2; sleep 0.3; done; exec cat");
    let finished = run(&place, &mapper, &[&TASK_TIMEOUT[..], &["--json"]].concat()).finish().expect_success();
    assert!(String::from_utf8_lossy(&finished.stdout).contains("\"attempts_failed\":0"), "{finished}");
}

#[test]
fn one_whose_worker_was_stopped_for_longer_is_let_alone() {
    let place = Place::new();
    let (arrivals, mut gate) = (Arrivals::new(&place, "arrivals"), Gate::closed(&place, "gate"));
    let mapper = place.program("mapper", "echo here >\"$ARRIVALS\"; read -r _ <\"$GATE\"; exec cat");
    let variables =
        [format!("ARRIVALS={}", arrivals.path.display()), format!("GATE={}", gate.path.display())];
    let options = ["--task-timeout", "2s", "--json", "--env", &variables[0], "--env", &variables[1]];
    let run = run(&place, &mapper, &options);
    arrivals.next();
    run.signal(Signal::STOP);
    let_a_lease_pass();
    run.signal(Signal::CONT);
    gate.open();
    let finished = run.finish().expect_success();
    assert!(String::from_utf8_lossy(&finished.stdout).contains("\"attempts_failed\":0"), "{finished}");
}
