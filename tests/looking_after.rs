//! A cluster that is looked after: jobs that are left and waited for, listed, killed and explained by others than those who
//! submitted them, jobs beside each other, and workers that join and are drained.

mod cluster;

use cluster::scene::{MAPS, SAY, SAY_AND_WAIT, Scene};
use cluster::{Finished, Process, Signal};
use serde_json::Value;

/// Runs a command that asks the Manager, to its end.
fn ask(scene: &Scene, words: &[&str]) -> Finished {
    let manager = ["--manager", &scene.cluster.address];
    scene.place.finish(words.iter().chain(&manager))
}

/// The object that such a command prints with `--json`.
fn json(scene: &Scene, words: &[&str]) -> Value {
    let printed = ask(scene, &[words, &["--json"]].concat()).expect_success().stdout;
    serde_json::from_slice(&printed).expect("it prints JSON")
}

/// Submits a job that is not followed; what `submit` left.
fn detach(scene: &Scene, job: &[String], more: &[&str]) -> Finished {
    let job: Vec<&str> = ["--detach"].into_iter().chain(job.iter().map(String::as_str)).collect();
    scene.cluster.submit(&scene.place, &[&job[..], more].concat())
}

/// The job's number, which is all that is printed.
fn number(finished: Finished) -> String {
    String::from_utf8(finished.expect_success().stdout).expect("it is text").trim_end().to_string()
}

#[test]
fn a_job_is_left_found_again_by_its_key_and_waited_for() {
    let mut scene = Scene::set(2);
    let job = scene.job(SAY_AND_WAIT, "cat", 3);
    let first = number(detach(&scene, &job, &["--key", "of the day"]));
    assert_eq!(first, "1");
    scene.next("map");
    assert_eq!(number(detach(&scene, &job, &["--key", "of the day"])), first);
    let other = scene.job(SAY_AND_WAIT, "cat", 4);
    let words = ["the key is that of job 1", "windrow job show 1"];
    detach(&scene, &other, &["--key", "of the day"]).expect_failure(1, &words);

    let jobs = json(&scene, &["jobs"]);
    assert_eq!(jobs["jobs"].as_array().map(Vec::len), Some(1), "{jobs}");
    let shown = json(&scene, &["job", "show", &first]);
    assert_eq!((&shown["state"], &shown["maps"]["total"]), (&"running".into(), &MAPS.into()), "{shown}");
    assert!(shown["attempts"].as_array().is_some_and(|attempts| !attempts.is_empty()), "{shown}");

    let arguments = ["job", "wait", &first, "--manager", &scene.cluster.address];
    let waiting = Process::start(&mut scene.place.windrow(arguments));
    scene.cluster.kill_manager();
    scene.cluster.restart_manager(&scene.place);
    scene.gate.open();
    waiting.finish().expect_success();
    scene.expect_output(3);
    let ended = json(&scene, &["job", "show", &first]);
    assert_eq!((&ended["state"], &ended["accepted_at"]), (&"succeeded".into(), &shown["accepted_at"]));
    let seconds = |told: &Value| told["elapsed_seconds"].as_f64().expect("it is a number");
    assert!(seconds(&ended) > seconds(&shown), "its time goes on in the next life: {ended}");
    assert_eq!(
        number(detach(&scene, &job, &["--key", "of the day"])),
        first,
        "the key outlives the job's end"
    );
    let table = String::from_utf8(ask(&scene, &["jobs"]).expect_success().stdout).expect("it is text");
    assert!(table.starts_with("JOB  NAME") && table.contains("succeeded"), "{table}");
    ask(&scene, &["job", "show", "7"]).expect_failure(1, &["there is no job 7; there is 1"]);
}

#[test]
fn a_job_is_killed_by_another_than_who_submitted_it() {
    let scene = Scene::set(1);
    let job = scene.submit(SAY_AND_WAIT, "cat", 1);
    scene.next("map");
    ask(&scene, &["job", "kill", "1"]).expect_success();
    job.finish().expect_failure(6, &["the job was cancelled"]);
    ask(&scene, &["job", "kill", "1"]).expect_success();
    ask(&scene, &["job", "wait", "1"]).expect_failure(6, &["the job was cancelled"]);
    assert!(!scene.output.exists());
    assert_eq!(json(&scene, &["jobs"])["jobs"][0]["state"], "killed");

    let number = number(detach(&scene, &scene.job(SAY, "cat", 1), &[]));
    ask(&scene, &["job", "wait", &number]).expect_success();
    ask(&scene, &["job", "kill", &number]).expect_failure(1, &["was not killed: it had succeeded"]);
    scene.expect_output(1);
}

#[test]
fn who_waits_may_leave_and_the_job_goes_on() {
    let mut scene = Scene::set(1);
    number(detach(&scene, &scene.job(SAY_AND_WAIT, "cat", 1), &[]));
    scene.next("map");
    let arguments = ["job", "wait", "1", "--manager", &scene.cluster.address, "--json"];
    let mut waiting = Process::start(&mut scene.place.windrow(arguments));
    waiting.await_line("map 0 of");
    waiting.signal(Signal::INT);
    let left = waiting.finish().expect_failure(6, &["job 1 goes on"]);
    let object: Value = serde_json::from_slice(&left.stdout).expect("it prints JSON");
    assert_eq!((&object["status"], &object["job"]), (&"accepted".into(), &1.into()));
    scene.gate.open();
    ask(&scene, &["job", "wait", "1"]).expect_success();
    scene.expect_output(1);
}

#[test]
fn logs_tell_what_failed_attempts_complained_of() {
    let scene = Scene::set(1);
    let mapper = "case $(head -n 1) in *'map 5,'*) echo 'no map 5, please' >&2; exit 3;; esac; exec cat";
    let number = number(detach(&scene, &scene.job(mapper, "cat", 1), &[]));
    ask(&scene, &["job", "wait", &number]).expect_failure(1, &["ended with exit code 3"]);
    let logs = String::from_utf8(ask(&scene, &["job", "logs", &number]).expect_success().stdout).unwrap();
    assert_eq!(logs.matches("\nno map 5, please\n").count(), 4, "{logs}");
    assert!(logs.starts_with("==> map 5, attempt 1.0 on "), "{logs}");
    let of_another = json(&scene, &["job", "logs", &number, "map-0"]);
    assert_eq!(of_another["attempts"].as_array().map(Vec::len), Some(0), "{of_another}");
}

#[test]
fn a_small_job_does_not_wait_behind_a_large_one() {
    let mut scene = Scene::set(1);
    let large = scene.submit(SAY_AND_WAIT, "cat", 1);
    scene.next("map");
    let place = &scene.place;
    let text =
        |path: std::path::PathBuf| path.to_str().expect("a place has a name that can be typed").to_string();
    let changed = [
        ("--mapper", format!("{} small", place.program("small", SAY))),
        ("--input", text(place.file("small.txt", "a\n"))),
        ("--output", text(place.path("small-output"))),
    ];
    let mut job = scene.job(SAY_AND_WAIT, "cat", 1);
    for (option, value) in changed {
        let at = job.iter().position(|word| word == option).expect("a job has it") + 1;
        job[at] = value;
    }
    let number = number(detach(&scene, &job, &["--priority", "low"]));
    scene.gate.open();
    ask(&scene, &["job", "wait", &number]).expect_success();
    large.finish().expect_success();
    let arrived: Vec<String> = std::iter::from_fn(|| scene.arrivals.already()).collect();
    let begun = arrived.iter().position(|line| line.starts_with("small")).expect("it began");
    let behind = arrived[begun..].iter().filter(|line| line.starts_with("map")).count();
    assert!(behind > 0, "it began when the large one had no map left: {arrived:?}");
}

#[test]
fn a_worker_that_joins_gets_work_and_one_that_is_drained_gets_no_more() {
    let mut scene = Scene::set(1);
    let job = scene.submit(SAY_AND_WAIT, "cat", 2);
    assert_eq!(scene.next("map"), 0);
    let number_of =
        |workers: Value| workers["workers"][0]["worker"].as_str().expect("it has one").to_string();
    let first = number_of(json(&scene, &["workers"]));
    let joined = scene.cluster.add_worker(&scene.place, |_| ());
    assert_eq!(scene.next("map"), joined, "it gets work in the middle of a job");

    let drained = json(&scene, &["drain", &first]);
    assert_eq!((&drained["state"], &drained["running"]), (&"draining".into(), &1.into()), "{drained}");
    scene.gate.open();
    for _ in 2..MAPS {
        assert_eq!(scene.next("map"), joined);
    }
    job.finish().expect_success();
    scene.expect_output(2);
    let workers = json(&scene, &["workers"]);
    let mut states: Vec<&str> = Vec::new();
    for worker in workers["workers"].as_array().expect("it is a list") {
        states.push(worker["state"].as_str().expect("it has one"));
        assert_eq!(worker["state"] == "drained", worker["worker"] == first.as_str(), "{workers}");
    }
    assert!(states.contains(&"serving"), "{workers}");
    assert_eq!(json(&scene, &["drain", &first[..8], "--undo"])["state"], "serving");
    ask(&scene, &["drain", "nobody"]).expect_failure(1, &["`nobody` is not the name of one worker", &first]);
}

#[test]
fn a_shutdown_says_what_it_does_to_jobs_and_asks_nobody_who_cannot_answer() {
    let scene = Scene::set(1);
    let job = scene.submit(SAY_AND_WAIT, "cat", 1);
    scene.next("map");
    let told = ask(&scene, &["shutdown"]).expect_success();
    assert!(told.stderr.contains("1 job was cancelled"), "{told}");
    job.finish().expect_failure(5, &["the Manager was told to stop"]);
}
