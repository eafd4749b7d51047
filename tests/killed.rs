//! Whatever is killed with no chance to clean up, no process, scratch or staging is left of it: its guard sees to that, or, where
//! that was killed as well, the next start.

mod cluster;

use cluster::{Arrivals, Cluster, Gate, Place, Process, Signal, TEMPORARY, await_that, names, parts};
use std::path::Path;
use std::process::{Command, Stdio};

/// A program that says it has begun and never ends, nor does the child that it has, which ignores what can be ignored, nor that
/// one's.
const FOREVER: &str = "(trap '' TERM HUP INT; cat <\"$GATE\" & cat <\"$GATE\"; :) & echo here >\"$ARRIVALS\"; cat <\"$GATE\"; :";

/// A place with an input, and programs that never end.
struct Scene {
    arrivals: Arrivals,
    /// Never opened.
    gate: Gate,
    mapper: String,
    place: Place,
}

impl Scene {
    fn set() -> Scene {
        let place = Place::new();
        place.file("input/a", "a\n");
        place.directory("results");
        let (arrivals, gate) = (Arrivals::new(&place, "arrivals"), Gate::closed(&place, "gate"));
        let mapper = place.program("forever", FOREVER);
        Scene { arrivals, gate, mapper, place }
    }

    fn job(&self) -> Vec<String> {
        let variables = [("ARRIVALS", &self.arrivals.path), ("GATE", &self.gate.path)];
        let variables = variables.map(|(name, path)| format!("--env={name}={}", path.display()));
        let job = ["--input", "input", "--output", "results/output", "--mapper", &self.mapper];
        job.into_iter().chain(["--reducer", "cat"]).map(String::from).chain(variables).collect()
    }

    fn submit(&self, address: &str) -> Process {
        let mut submit = self.place.windrow(["submit", "--manager", address]);
        Process::start(submit.args(self.job()))
    }

    /// Awaits that no program of a job lives.
    fn await_no_programs(&self) {
        await_that("no program is left", || {
            let processes = self.place.processes();
            let left: Vec<String> = processes.into_iter().filter(|it| !it.starts_with_windrow()).collect();
            if left.is_empty() { Ok(()) } else { Err(left.join("\n")) }
        });
    }

    /// Awaits that nothing is in a directory.
    fn await_empty(&self, directory: impl AsRef<Path>) {
        await_empty(&self.place.path(directory));
    }
}

fn await_empty(directory: &Path) {
    await_that("a directory is empty", || match names(directory) {
        left if left.is_empty() => Ok(()),
        left => Err(format!("{}: {}", directory.display(), left.join(" "))),
    });
}

trait CommandLine {
    fn starts_with_windrow(&self) -> bool;
}

impl CommandLine for String {
    fn starts_with_windrow(&self) -> bool {
        self.split(' ').next().is_some_and(|program| program.ends_with("windrow"))
    }
}

/// Kills the guard of a process.
fn kill_guard_of(process: &Process) {
    let children = format!("/proc/{0}/task/{0}/children", process.id());
    let children = std::fs::read_to_string(children).unwrap();
    let is_guard = |child: &&str| {
        let command = std::fs::read(format!("/proc/{child}/cmdline")).unwrap_or_default();
        command.starts_with(b"windrow\0guard\0")
    };
    let guard = children.split_whitespace().find(is_guard).expect("a worker has a guard");
    let killed = Command::new("kill").args(["-9", guard]).status().unwrap();
    assert!(killed.success());
}

#[test]
fn a_run() {
    let scene = Scene::set();
    let mut run = scene.place.windrow(["run"]);
    let run = Process::start(run.args(scene.job()));
    scene.arrivals.next();
    run.kill();
    scene.place.await_no_processes();
    scene.await_empty(TEMPORARY);
    scene.await_empty("results");
}

#[test]
fn a_worker_and_those_that_its_programs_have_started() {
    let scene = Scene::set();
    let mut cluster = Cluster::start(&scene.place, 1);
    let _submit = scene.submit(&cluster.address);
    scene.arrivals.next();
    cluster.kill_worker(0);
    scene.await_no_programs();
    scene.await_empty("worker-0");
    // The task goes on elsewhere.
    cluster.add_worker(&scene.place, |_| ());
    scene.arrivals.next();
}

#[test]
fn a_worker_in_a_directory_of_its_own_choice() {
    let scene = Scene::set();
    let cluster = Cluster::start(&scene.place, 0);
    let mut worker = scene.place.windrow(["worker", "--manager", &cluster.address]);
    let worker = Process::start(&mut worker);
    let _submit = scene.submit(&cluster.address);
    scene.arrivals.next();
    assert_eq!(names(&scene.place.path(TEMPORARY)).len(), 1);
    worker.kill();
    scene.await_no_programs();
    scene.await_empty(TEMPORARY);
}

#[test]
fn a_manager_whose_journal_goes_with_it() {
    let scene = Scene::set();
    let mut manager = scene.place.windrow(["manager", "--listen", "127.0.0.1:0"]);
    let mut manager = Process::start(&mut manager);
    let line = manager.await_line("listening on ");
    let address = line.split_whitespace().nth(2).unwrap().to_string();
    let mut worker = scene.place.windrow(["worker", "--manager", &address, "--work-dir"]);
    let worker = Process::start(worker.arg(scene.place.path("worker")));
    let _submit = scene.submit(&address);
    scene.arrivals.next();
    assert_eq!(names(&scene.place.path("results")).len(), 1, "there is a staging directory");
    manager.kill();
    scene.await_empty("results");
    scene.await_empty(TEMPORARY);
    worker.signal(Signal::TERM);
    worker.finish().expect_success();
    scene.await_no_programs();
}

#[test]
fn a_worker_with_its_guard_is_cleared_away_by_the_next_and_its_neighbour_is_not() {
    let scene = Scene::set();
    let mut cluster = Cluster::start(&scene.place, 0);
    let start = |cluster: &Cluster| {
        let mut worker = scene.place.windrow(["worker", "--manager", &cluster.address, "--slots", "1"]);
        Process::start(worker.arg("--work-dir").arg(scene.place.path("shared")))
    };
    let mut workers = [start(&cluster), start(&cluster)];
    for worker in &mut workers {
        worker.await_line("registered with the Manager");
    }
    let [killed, mut neighbour] = workers;
    let before = names(&scene.place.path("shared"));
    assert_eq!(before.len(), 2, "each has its own: {before:?}");
    kill_guard_of(&killed);
    killed.kill();
    assert_eq!(names(&scene.place.path("shared")), before, "nobody was there to clear away");
    let mut next = start(&cluster);
    next.await_line("registered with the Manager");
    let after = names(&scene.place.path("shared"));
    assert_eq!(after.len(), 2, "{after:?}");
    assert_eq!(after.iter().filter(|name| before.contains(name)).count(), 1, "{before:?}, {after:?}");
    assert!(!neighbour.has_ended());
    cluster.expect_healthy(&scene.place, "healthy");
}

#[test]
fn a_run_with_its_guard_is_cleared_away_by_the_next() {
    let scene = Scene::set();
    let mut run = scene.place.windrow(["run"]);
    let run = Process::start(run.args(scene.job()));
    scene.arrivals.next();
    kill_guard_of(&run);
    run.kill();
    assert_eq!(names(&scene.place.path(TEMPORARY)).len(), 1, "nobody was there to clear away");
    let job = ["run", "--input", "input", "--output", "output", "--mapper", "cat", "--reducer", "cat"];
    scene.place.finish(job).expect_success();
    scene.await_empty(TEMPORARY);
}

#[test]
fn the_guard_alone_and_its_worker_goes_on() {
    let scene = Scene::set();
    let mut cluster = Cluster::start(&scene.place, 1);
    cluster.await_workers();
    kill_guard_of(cluster.workers[0].as_ref().unwrap());
    cluster.expect_healthy(&scene.place, "healthy");
    let worker = cluster.workers[0].take().unwrap();
    worker.signal(Signal::TERM);
    worker.finish().expect_success();
    scene.await_empty("worker-0");
}

/// Whether this machine lets a test mount a disk of its own.
fn can_mount() -> bool {
    let mut unshare = Command::new("unshare");
    unshare.args(["-Urm", "sh", "-c", "mount -t tmpfs -o size=64k none /mnt"]);
    unshare.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

#[test]
fn no_worker_by_a_scratch_disk_that_is_full() {
    if !can_mount() {
        eprintln!("SKIPPED: this machine lets nobody mount a disk in a namespace of his own (unshare -Urm)");
        return;
    }
    let place = Place::new();
    let mut cluster = Cluster::start(&place, 0);
    let disk = place.directory("disk");
    // What it mounts is seen by it alone, and goes with it.
    let mount = "mount -t tmpfs -o size=128k none \"$1\" && shift && exec \"$@\"";
    let mut small = Command::new("unshare");
    small.args(["-Urm", "sh", "-c", mount, "sh"]).arg(&disk);
    let worker = place.windrow(["worker", "--manager", &cluster.address, "--slots", "1", "--work-dir"]);
    small.arg(worker.get_program()).args(worker.get_args()).arg(&disk);
    small.envs(worker.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("WORKER", "small");
    small.current_dir("/").stdin(Stdio::null());
    let mut small = Process::start(&mut small);
    small.await_line("registered with the Manager");
    // Its map prints more than that disk holds; there is no other worker yet.
    let arrivals = Arrivals::new(&place, "arrivals");
    let text: String =
        (0..40_000_u64).map(|n| format!("{:016x}\tx\n", n.wrapping_mul(0x9E37_79B9_7F4A_7C15))).collect();
    place.file("input/a", &text);
    let copies = place.program("copies", "echo \"$WORKER\" >\"$ARRIVALS\"; exec cat");
    let variable = format!("ARRIVALS={}", arrivals.path.display());
    let job = [
        "--input",
        "input",
        "--output",
        "output",
        "--mapper",
        &copies,
        "--reducer",
        "cat",
        "--env",
        &variable,
    ];
    let submit = cluster.start_submit(&place, &job);
    assert_eq!(arrivals.next(), "small");
    let other = cluster.add_worker(&place, |_| ());
    while arrivals.next() != other.to_string() {}
    submit.finish().expect_success();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    let expected = lines.join("\n") + "\n";
    assert!(
        parts(&place.path("output")).concat() == expected.as_bytes(),
        "the output is not what it should be"
    );
    assert!(!small.has_ended(), "a worker whose disk is full goes on");
    // And it can do what fits its disk.
    let worker = cluster.workers[other].take().unwrap();
    worker.signal(Signal::TERM);
    worker.finish().expect_success();
    cluster.expect_healthy(&place, "healthy");
}
