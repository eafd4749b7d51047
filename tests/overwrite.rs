//! `--overwrite`: an output takes the place of an earlier one, whole, and only of one; whatever goes wrong, the old one
//! is still there, or the new one is.

mod cluster;

use cluster::{Arrivals, Cluster, Gate, Place, Process, Signal, TEMPORARY, await_that, names, parts};
use rustix::fs::inotify;
use std::fs;
use std::mem::MaybeUninit;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

/// What a mapper does that says when it has begun, and waits.
const SAY_AND_WAIT: &str = "echo here >\"$ARRIVALS\"; read -r _ <\"$GATE\"; exec cat";

/// A place with an input, and in `results` the output of an earlier job, which is older than the input.
struct Scene {
    arrivals: Arrivals,
    gate: Gate,
    place: Place,
}

impl Scene {
    fn set() -> Scene {
        let place = Place::new();
        place.file("input/a", "old\n");
        place.directory("results");
        place.finish(["run"].into_iter().chain(job("cat"))).expect_success();
        place.file("input/a", "new\n");
        let (arrivals, gate) = (Arrivals::new(&place, "arrivals"), Gate::closed(&place, "gate"));
        let scene = Scene { arrivals, gate, place };
        scene.expect("old\n");
        scene
    }

    /// The options of a job that replaces the output, with the end that the script makes of it.
    fn job(&self, script: &str) -> Vec<String> {
        let mapper = self.place.program("mapper", script);
        let variables = [("ARRIVALS", &self.arrivals.path), ("GATE", &self.gate.path)];
        let variables = variables.map(|(name, path)| format!("--env={name}={}", path.display()));
        let job = job(&mapper).map(String::from);
        job.into_iter().chain(["--overwrite".to_string()]).chain(variables).collect()
    }

    fn run(&self, script: &str) -> Process {
        Process::start(self.place.windrow(["run"]).args(self.job(script)))
    }

    /// Panics unless this output is there, and nothing beside it.
    #[track_caller]
    fn expect(&self, text: &str) {
        assert_eq!(parts(&self.place.path("results/output")).concat(), text.as_bytes());
        assert_eq!(names(&self.place.path("results")), ["output"], "something is left beside it");
    }

    /// Likewise, once that is so.
    fn await_output(&self, text: &str) {
        await_that("nothing is left beside the output", || match names(&self.place.path("results")) {
            left if left == ["output"] => Ok(()),
            left => Err(left.join(" ")),
        });
        self.expect(text);
    }
}

fn job(mapper: &str) -> [&str; 8] {
    ["--input", "input", "--output", "results/output", "--mapper", mapper, "--reducers", "0"]
}

#[test]
fn an_output_is_replaced_where_that_is_asked_for_and_only_there() {
    let scene = Scene::set();
    let place = &scene.place;
    let words = ["results/output", "exists already", "--overwrite"];
    place.finish(["run"].into_iter().chain(job("cat"))).expect_failure(4, &words);
    scene.expect("old\n");
    scene.run("exec cat").finish().expect_success();
    scene.expect("new\n");
    place.file("input/a", "newer\n");
    place.file("input/b", "more\n");
    let mut cluster = Cluster::start(place, 1);
    let options = scene.job("exec cat");
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    cluster.submit(place, &options).expect_success();
    scene.expect("newer\nmore\n");
    fs::remove_dir_all(place.path("results/output")).unwrap();
    cluster.submit(place, &options).expect_success();
    scene.expect("newer\nmore\n");
    cluster.expect_healthy(place, "healthy");
}

#[test]
fn what_is_no_output_of_a_job_is_not_replaced_and_nothing_begins() {
    let scene = Scene::set();
    let place = &scene.place;
    let output = place.path("results/output");
    let earlier = place.path("earlier");
    fs::rename(&output, &earlier).unwrap();
    let refused = |input: &str, words: &[&str]| {
        let before = names(&place.path("results"));
        let mut options = scene.job("echo here >\"$ARRIVALS\"; exec cat");
        options.extend(["--input".to_string(), input.to_string()]);
        place.finish(["run".to_string()].into_iter().chain(options)).expect_failure(4, words);
        assert_eq!(names(&place.path("results")), before, "something is left beside the output");
        assert_eq!(scene.arrivals.already(), None, "a program was started");
    };
    let own = "input/a";
    place.file("results/output", "a user's\n");
    refused(own, &["is not replaced", "no directory"]);
    assert_eq!(fs::read(&output).unwrap(), b"a user's\n");
    fs::remove_file(&output).unwrap();

    symlink(&earlier, &output).unwrap();
    refused(own, &["no directory"]);
    assert_eq!(parts(&output).concat(), b"old\n");
    fs::remove_file(&output).unwrap();

    place.file("results/output/thesis", "a user's\n");
    refused(own, &["no output of a job", "_SUCCESS"]);
    assert_eq!(names(&output), ["thesis"]);
    fs::remove_dir_all(&output).unwrap();

    fs::rename(&earlier, &output).unwrap();
    place.file("results/output/notes", "a user's\n");
    refused(own, &["`notes`", "not of a job"]);
    assert_eq!(names(&output), ["_SUCCESS", "notes", "part-00000"]);
    fs::remove_file(output.join("notes")).unwrap();

    refused("results/output", &["the job's input", "part-00000"]);
    symlink(&output, place.path("latest")).unwrap();
    refused("latest", &["the job's input", "latest/part-00000"]);
    scene.expect("old\n");

    fs::remove_dir_all(&output).unwrap();
    fs::create_dir(&output).unwrap();
    scene.run("exec cat").finish().expect_success();
    scene.expect("new\n");
}

#[test]
fn two_jobs_do_not_replace_the_same_output() {
    let mut scene = Scene::set();
    let cluster = Cluster::start(&scene.place, 1);
    let first = scene.job(SAY_AND_WAIT);
    let first = cluster.start_submit(&scene.place, &first.iter().map(String::as_str).collect::<Vec<_>>());
    scene.arrivals.next();
    cluster.submit(&scene.place, &job("cat")).expect_failure(4, &["exists already"]);
    let second = scene.job("exec cat");
    let second: Vec<&str> = second.iter().map(String::as_str).collect();
    cluster.submit(&scene.place, &second).expect_failure(4, &["also that of job 1", "windrow job wait 1"]);
    scene.gate.open();
    first.finish().expect_success();
    scene.expect("new\n");
}

#[test]
fn a_job_that_fails_or_is_given_up_or_killed_leaves_the_old_output() {
    let scene = Scene::set();
    scene.run("cat >/dev/null; exit 3").finish().expect_failure(1, &["exit code 3"]);
    scene.expect("old\n");
    let run = scene.run(SAY_AND_WAIT);
    scene.arrivals.next();
    run.signal(Signal::INT);
    run.finish().expect_failure(6, &["cancelled"]);
    scene.expect("old\n");
    let run = scene.run(SAY_AND_WAIT);
    scene.arrivals.next();
    run.kill();
    scene.place.await_no_processes();
    scene.await_output("old\n");
}

/// Awaits that something is renamed into a directory, once `begin` is done.
fn await_arrival(directory: &Path, begin: impl FnOnce()) {
    let watch = inotify::init(inotify::CreateFlags::CLOEXEC).unwrap();
    inotify::add_watch(&watch, directory, inotify::WatchFlags::MOVED_TO).unwrap();
    begin();
    let mut buffer = [MaybeUninit::uninit(); 4_096];
    inotify::Reader::new(&watch, &mut buffer).next().unwrap();
}

#[test]
fn a_manager_that_dies_as_the_output_is_replaced_has_the_next_one_finish() {
    let mut scene = Scene::set();
    let mut cluster = Cluster::start(&scene.place, 1);
    let options = scene.job(SAY_AND_WAIT);
    let submit = cluster.start_submit(&scene.place, &options.iter().map(String::as_str).collect::<Vec<_>>());
    scene.arrivals.next();
    let results = scene.place.path("results");
    await_arrival(&results, || scene.gate.open());
    cluster.kill_manager();
    assert_eq!(parts(&scene.place.path("results/output")).concat(), b"new\n");
    cluster.restart_manager(&scene.place);
    submit.finish().expect_success();
    scene.expect("new\n");
}

/// A command whose process meets a file system that knows no renames but the plainest, and is killed as it begins the
/// `killed_at`th of a thread. `None` where this machine cannot do that.
fn with_plain_renames(command: &Command, killed_at: Option<u32>) -> Option<Command> {
    let traced = |words: &[&str]| {
        let mut strace = Command::new("strace");
        strace.args(["-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=renameat2,rename"]);
        strace.args(["-e", "inject=renameat2:error=EINVAL"]).args(words).stdin(Stdio::null());
        strace
    };
    let can_trace = traced(&["true"]).stderr(Stdio::null()).status().is_ok_and(|status| status.success());
    if !can_trace {
        eprintln!("SKIPPED: this machine lets nobody inject errors of system calls (strace)");
        return None;
    }
    let killed = killed_at.map(|nth| format!("inject=rename:signal=KILL:when={nth}"));
    let killed: Vec<&str> = killed.iter().flat_map(|killed| ["-e", killed]).collect();
    let mut strace = traced(&killed);
    strace.arg(command.get_program()).args(command.get_args());
    strace.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    strace.env_remove("WINDROW_MANAGER").current_dir(command.get_current_dir().unwrap());
    Some(strace)
}

/// Of the thread that puts an output of one part in its place: the part is renamed, the old output goes, the new one
/// comes.
const NEW_OUTPUT_COMES: u32 = 3;

#[test]
fn a_file_system_that_cannot_exchange_has_one_go_and_the_other_come() {
    let scene = Scene::set();
    let run = |killed_at| {
        let mut run = scene.place.windrow(["run"]);
        with_plain_renames(run.args(scene.job("exec cat")), killed_at)
    };
    let Some(mut killed) = run(Some(NEW_OUTPUT_COMES)) else { return };
    let killed = Process::start(&mut killed).finish();
    assert!(killed.status.is_some_and(|status| status.code().is_none()), "{killed}");
    // Its guard has put the old one back.
    scene.place.await_no_processes();
    scene.await_output("old\n");
    assert_eq!(names(&scene.place.path(TEMPORARY)), [""; 0]);
    Process::start(&mut run(None).unwrap()).finish().expect_success();
    scene.expect("new\n");
}

#[test]
fn a_manager_that_dies_while_no_output_is_there_has_the_next_one_finish() {
    let scene = Scene::set();
    let times = ["--heartbeat", "200ms", "--lease", "2s", "--work-dir"];
    let manager = |listen: &str| {
        let mut manager = scene.place.windrow(["manager", "--listen", listen].into_iter().chain(times));
        manager.arg(scene.place.path("manager"));
        manager
    };
    let Some(mut killed) = with_plain_renames(&manager("127.0.0.1:0"), Some(NEW_OUTPUT_COMES)) else {
        return;
    };
    let mut killed = Process::start(&mut killed);
    let line = killed.await_line("listening on ");
    let address = line.split_whitespace().nth(2).unwrap().to_string();
    let mut worker = scene.place.windrow(["worker", "--manager", &address, "--work-dir"]);
    let _worker = Process::start(worker.arg(scene.place.path("worker")));
    let mut submit = scene.place.windrow(["submit", "--manager", &address]);
    let submit = Process::start(submit.args(scene.job("exec cat")));
    killed.finish();
    let left = names(&scene.place.path("results"));
    assert!(left.len() == 1 && left[0].starts_with(".output.windrow-"), "{left:?}");
    let mut next = Process::start(&mut with_plain_renames(&manager(&address), None).unwrap());
    next.await_line("listening on ");
    submit.finish().expect_success();
    scene.expect("new\n");
}
