//! Whatever ends a job or a server in good order, no process, scratch or staging is left of it.

mod cluster;

use cluster::{Arrivals, Cluster, Gate, Place, Process, Signal, await_that, names, parts};
use std::path::Path;
use std::process::Command;

/// A program that says it has begun and then does not end by itself, nor does the child it has. Should neither be ended
/// by Windrow, they end with the test.
const FOREVER: &str = "echo \"$1 $$\" >\"$ARRIVALS\"; cat <\"$GATE\" & cat <\"$GATE\"";

/// A place with an input, and programs that never end.
struct Scene {
    place: Place,
    arrivals: Arrivals,
    /// Never opened.
    gate: Gate,
    forever: String,
}

impl Scene {
    fn set() -> Scene {
        let place = Place::new();
        for name in ["a", "b", "c"] {
            place.file(&format!("input/{name}"), format!("{name}\n"));
        }
        place.directory("results");
        place.directory("temporary");
        let arrivals = Arrivals::new(&place, "arrivals");
        let gate = Gate::closed(&place, "gate");
        let forever = place.program("forever", FOREVER);
        Scene { place, arrivals, gate, forever }
    }

    /// The arguments of a job that never ends by itself, stuck in its maps or in its reduces.
    fn job(&self, stuck_in: Stuck) -> Vec<String> {
        let (mapper, reducer) = match stuck_in {
            Stuck::Map => (format!("{} map", self.forever), "cat".to_string()),
            Stuck::Reduce => ("cat".to_string(), format!("{} reduce", self.forever)),
        };
        let [arrivals, gate] = self.variables();
        let job = ["--input", "input", "--output", "results/output", "--env", &arrivals, "--env", &gate];
        job.into_iter().chain(["--mapper", &mapper, "--reducer", &reducer]).map(String::from).collect()
    }

    /// What the programs find in their environment.
    fn variables(&self) -> [String; 2] {
        [("ARRIVALS", &self.arrivals.path), ("GATE", &self.gate.path)]
            .map(|(name, path)| format!("{name}={}", path.display()))
    }

    /// Starts `run`, with its temporary files in the place.
    fn run(&self, stuck_in: Stuck) -> Process {
        let mut command = self.place.windrow(["run"].map(String::from).into_iter().chain(self.job(stuck_in)));
        Process::start(command.env("TMPDIR", self.place.path("temporary")))
    }

    fn submit(&self, cluster: &Cluster, stuck_in: Stuck) -> Process {
        cluster.start_submit(&self.place, &self.job(stuck_in).iter().map(String::as_str).collect::<Vec<_>>())
    }

    #[track_caller]
    fn expect_nothing_visible(&self) {
        assert_eq!(names(&self.place.path("results")), [""; 0]);
        assert_eq!(names(&self.place.path("temporary")), [""; 0]);
    }
}

#[derive(Copy, Clone)]
enum Stuck {
    Map,
    Reduce,
}

#[test]
fn of_run_when_it_is_interrupted() {
    for stuck_in in [Stuck::Map, Stuck::Reduce] {
        for signal in [Signal::INT, Signal::TERM] {
            let scene = Scene::set();
            let run = scene.run(stuck_in);
            scene.arrivals.next();
            run.signal(signal);
            run.finish().expect_failure(6, &[]);
            scene.place.await_no_processes();
            scene.expect_nothing_visible();
        }
    }
}

#[test]
fn of_run_when_it_is_signalled_twice_at_once_as_timeout_does() {
    let scene = Scene::set();
    let run = scene.run(Stuck::Map);
    scene.arrivals.next();
    run.signal(Signal::TERM);
    run.signal(Signal::INT);
    run.finish().expect_failure(6, &["the job was cancelled"]);
    scene.place.await_no_processes();
    scene.expect_nothing_visible();
}

#[test]
fn of_run_when_it_succeeds() {
    let scene = Scene::set();
    let mut run = scene.place.windrow(["run", "--input", "input", "--output", "results/output"]);
    run.args(["--mapper", "cat", "--reducer", "cat"]).env("TMPDIR", scene.place.path("temporary"));
    Process::start(&mut run).finish().expect_success();
    assert!(scene.place.processes().is_empty());
    assert_eq!(names(&scene.place.path("results")), ["output"]);
    assert_eq!(names(&scene.place.path("temporary")), [""; 0]);
}

#[test]
fn of_a_child_that_a_program_leaves_behind() {
    let scene = Scene::set();
    let mapper = scene.place.program("mapper", "cat <\"$GATE\" & exec cat");
    let job =
        ["run", "--input", "input", "--output", "results/output", "--mapper", &mapper, "--reducer", "cat"];
    let [_, gate] = scene.variables();
    let mut run = scene.place.windrow(job);
    Process::start(run.args(["--env", &gate])).finish().expect_success();
    assert_eq!(parts(&scene.place.path("results/output")).concat(), b"a\nb\nc\n");
    scene.place.await_no_processes();
}

#[test]
fn of_a_submitted_job_when_it_is_interrupted() {
    for stuck_in in [Stuck::Map, Stuck::Reduce] {
        let scene = Scene::set();
        let mut cluster = Cluster::start(&scene.place, 2);
        let submit = scene.submit(&cluster, stuck_in);
        scene.arrivals.next();
        submit.signal(Signal::INT);
        submit.finish().expect_failure(6, &[]);
        await_programs_gone(&scene.place);
        scene.expect_nothing_visible();
        cluster.expect_healthy(&scene.place, "healthy");
        for worker in 0..2 {
            await_scratch_empty(&scene.place.path(format!("worker-{worker}")));
        }
    }
}

#[test]
fn of_a_worker_that_is_told_to_stop() {
    let scene = Scene::set();
    let mut cluster = Cluster::start(&scene.place, 1);
    let mut submit = scene.submit(&cluster, Stuck::Map);
    scene.arrivals.next();
    let worker = cluster.workers[0].take().unwrap();
    worker.signal(Signal::TERM);
    worker.finish().expect_success();
    await_programs_gone(&scene.place);
    await_scratch_empty(&scene.place.path("worker-0"));
    assert!(!submit.has_ended(), "the job ended with its only worker");
    // Its tasks run elsewhere.
    cluster.add_worker(&scene.place, |_| ());
    scene.arrivals.next();
}

#[test]
fn of_a_cluster_whose_manager_is_told_to_stop_and_started_again() {
    let scene = Scene::set();
    let mut cluster = Cluster::start(&scene.place, 2);
    let mut submit = scene.submit(&cluster, Stuck::Map);
    scene.arrivals.next();
    cluster.manager.stop_and_wait();
    submit.await_line("trying again");
    cluster.restart_manager(&scene.place);
    scene.place.finish(["job", "kill", "1", "--manager", &cluster.address]).expect_success();
    submit.finish().expect_failure(6, &["the job was cancelled", "job 1"]);
    cluster.manager.stop_and_wait();
    for worker in cluster.workers.iter_mut().flatten() {
        worker.stop_and_wait();
    }
    scene.place.await_no_processes();
    scene.expect_nothing_visible();
}

#[test]
fn of_a_manager_without_a_work_directory_that_is_told_to_stop() {
    let scene = Scene::set();
    let mut manager = Process::start(&mut scene.place.windrow(["manager", "--listen", "127.0.0.1:0"]));
    let line = manager.await_line("listening on ");
    let address = line.rsplit(' ').next().unwrap().to_string();
    let mut cluster = Cluster { manager, address, workers: Vec::new() };
    cluster.add_worker(&scene.place, |_| ());
    let submit = scene.submit(&cluster, Stuck::Map);
    scene.arrivals.next();
    cluster.manager.stop_and_wait();
    submit.finish().expect_failure(5, &["told to stop", "job 1"]);
    for worker in cluster.workers.iter_mut().flatten() {
        worker.stop_and_wait();
    }
    scene.place.await_no_processes();
    scene.expect_nothing_visible();
}

#[test]
fn of_a_cluster_that_is_shut_down() {
    let scene = Scene::set();
    let mut cluster = Cluster::start(&scene.place, 3);
    cluster.await_workers();
    let Cluster { manager, address, workers } = cluster;
    scene.place.finish(["shutdown", "--manager", &address]).expect_success();
    manager.finish().expect_success();
    for worker in workers.into_iter().flatten() {
        worker.finish().expect_success();
    }
    scene.place.await_no_processes();
    for worker in 0..3 {
        await_scratch_empty(&scene.place.path(format!("worker-{worker}")));
    }
}

fn await_programs_gone(place: &Place) {
    await_that("no program of a job is left", || {
        let left: Vec<String> =
            place.processes().into_iter().filter(|command| !command.contains("windrow ")).collect();
        if left.is_empty() { Ok(()) } else { Err(left.join("\n")) }
    });
}

fn await_scratch_empty(work_directory: &Path) {
    await_that("nothing is in the scratch", || {
        if !work_directory.exists() {
            return Ok(());
        }
        let found = Command::new("find").arg(work_directory).args(["-type", "f"]).output().unwrap().stdout;
        if found.is_empty() { Ok(()) } else { Err(String::from_utf8_lossy(&found).into_owned()) }
    });
}
