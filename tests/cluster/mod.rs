//! Real processes for the whole-system tests: owns starting them, hearing what they say, and ending them.
//!
//! A test awaits events: lines that a process prints ([`Process::await_line`]), its end ([`Process::finish`]), words that
//! a mapper or reducer sends ([`Arrivals`]). What a program waits for is a [`Gate`]. Where nothing announces an event (a
//! process that is gone, a file that is removed) [`await_that`] looks again and again; where time itself is the event
//! [`let_a_lease_pass`] lets it pass. Nothing else pauses. When a test's [`Place`] is dropped, whatever was started in it is
//! killed.
#![allow(dead_code)] // each test file uses a part of it

mod process;
pub mod reference;
pub mod scene;

pub use process::{Finished, Process};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, FileType, Mode, mknodat};
pub use rustix::process::Signal;
use rustix::process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// After so long an awaited event is taken to be never coming. No test depends on it to pass.
const DEADLINE: Duration = Duration::from_secs(120);
/// The lease of a test's cluster.
const LEASE: Duration = Duration::from_secs(2);
/// Set to the test's place in every process of it, and so found in all that they start.
const MARK: &str = "WINDROW_TEST_PLACE";

/// The directory of a place in which its processes make their temporary files.
pub const TEMPORARY: &str = ".temporary";

/// A test's own directory, removed with all in it when the test ends. It is dropped after the servers that run in it.
pub struct Place(tempfile::TempDir);

impl Place {
    /// An empty one.
    pub fn new() -> Place {
        let place = Place(tempfile::Builder::new().prefix("windrow-test-").tempdir().unwrap());
        place.directory(TEMPORARY);
        place
    }

    /// The path of a name in it.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(name)
    }

    /// Makes a directory, with those above it.
    pub fn directory(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(&path).unwrap();
        path
    }

    /// Writes a file, and the directories above it.
    pub fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, contents).unwrap();
        path
    }

    /// Writes a shell script and gives the command that runs it.
    pub fn program(&self, name: &str, script: &str) -> String {
        // Not executed itself: a file just written cannot be, while another thread is between its fork and its exec.
        format!("sh '{}'", self.file(name, script).display())
    }

    /// `windrow` with arguments, to be started in this place.
    pub fn windrow<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_windrow"));
        command.args(arguments).current_dir(self.0.path()).env_remove("WINDROW_MANAGER");
        command.env(MARK, self.0.path()).env("TMPDIR", self.path(TEMPORARY)).stdin(Stdio::null());
        command
    }

    /// Runs `windrow` with arguments to its end.
    pub fn finish<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Finished {
        Process::start(&mut self.windrow(arguments)).finish()
    }

    /// The processes of this place that still live, each by its command line.
    pub fn processes(&self) -> Vec<String> {
        self.living().into_iter().map(|(_, command)| command).collect()
    }

    /// A handle and the command line of each process that has this place's mark.
    fn living(&self) -> Vec<(OwnedFd, String)> {
        let mark = format!("{MARK}={}", self.0.path().display()).into_bytes();
        let numbers =
            names(Path::new("/proc")).into_iter().filter_map(|name| Pid::from_raw(name.parse().ok()?));
        let mut found = Vec::new();
        for number in numbers {
            // The handle comes first, so that what is read then is of the process that it stands for, or of none.
            let Ok(handle) = pidfd_open(number, PidfdFlags::empty()) else { continue };
            let read = |name| fs::read(format!("/proc/{number}/{name}")).unwrap_or_default();
            if read("environ").split(|byte| *byte == 0).any(|variable| variable == mark) {
                found.push((handle, String::from_utf8_lossy(&read("cmdline")).replace('\0', " ")));
            }
        }
        found
    }

    /// Awaits that no process of this place lives.
    pub fn await_no_processes(&self) {
        await_that("no process is left", || match self.processes() {
            left if left.is_empty() => Ok(()),
            left => Err(left.join("\n")),
        });
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Servers that a test kills take their programs with them, but not what those have started.
        // What is killed may have started another meanwhile: until none is found.
        let end = Instant::now() + DEADLINE;
        loop {
            let living = self.living();
            if living.is_empty() || Instant::now() > end {
                return;
            }
            for (handle, _) in living {
                let _ = pidfd_send_signal(&handle, Signal::KILL);
                let patience = Timespec { tv_sec: 1, tv_nsec: 0 };
                let _ = poll(&mut [PollFd::new(&handle, PollFlags::IN)], Some(&patience));
            }
        }
    }
}

/// Looks until a condition holds that nothing announces. The error tells how it stands meanwhile.
pub fn await_that(what: &str, condition: impl Fn() -> Result<(), String>) {
    let end = Instant::now() + DEADLINE;
    while let Err(still) = condition() {
        assert!(Instant::now() < end, "awaited in vain that {what}; still: {still}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Lets more than a lease pass: here time itself is the event.
pub fn let_a_lease_pass() {
    std::thread::sleep(LEASE + Duration::from_millis(500));
}

/// A Manager and its workers, each with one slot and a work directory of its own in the test's place.
pub struct Cluster {
    /// The Manager.
    pub manager: Process,
    /// Its address.
    pub address: String,
    /// The workers by number; `None` once taken out.
    pub workers: Vec<Option<Process>>,
}

impl Cluster {
    /// Starts a Manager on a free port, and as many workers. Programs find their worker's number in `WORKER`.
    pub fn start(place: &Place, workers: usize) -> Cluster {
        let (manager, address) = start_manager(place, "127.0.0.1:0");
        let mut cluster = Cluster { manager, address, workers: Vec::new() };
        for _ in 0..workers {
            cluster.add_worker(place, |_| ());
        }
        cluster
    }

    /// Starts one more worker, changed by `change`; gives its number.
    pub fn add_worker(&mut self, place: &Place, change: impl FnOnce(&mut Command)) -> usize {
        let number = self.workers.len();
        let mut command = self.worker_command(place, number);
        change(&mut command);
        self.workers.push(Some(Process::start(&mut command)));
        number
    }

    /// Starts a worker in the place of one that is gone.
    pub fn restart_worker(&mut self, place: &Place, number: usize) {
        self.workers[number] = Some(Process::start(&mut self.worker_command(place, number)));
    }

    fn worker_command(&self, place: &Place, number: usize) -> Command {
        let mut command = place.windrow(["worker", "--manager", &self.address, "--slots", "1", "--work-dir"]);
        command.arg(place.path(format!("worker-{number}"))).env("WORKER", number.to_string());
        // Elsewhere than the submitter, so that nothing works by being in the same directory.
        command.current_dir("/");
        command
    }

    /// Awaits that the Manager knows all workers; to be called once.
    pub fn await_workers(&mut self) {
        for worker in self.workers.iter_mut().flatten() {
            worker.await_line("registered with the Manager");
        }
    }

    /// `kill -9` of the Manager.
    pub fn kill_manager(&mut self) {
        self.manager.kill_and_wait();
    }

    /// Starts a Manager in the place of one that is gone.
    pub fn restart_manager(&mut self, place: &Place) {
        (self.manager, _) = start_manager(place, &self.address);
    }

    /// `kill -9` of a worker.
    pub fn kill_worker(&mut self, number: usize) {
        self.workers[number].take().expect("a worker dies once").kill();
    }

    /// Submits a job and follows it to its end.
    pub fn submit(&self, place: &Place, job: &[&str]) -> Finished {
        self.start_submit(place, job).finish()
    }

    /// Submits a job.
    pub fn start_submit(&self, place: &Place, job: &[&str]) -> Process {
        Process::start(place.windrow(["submit", "--manager", &self.address]).args(job))
    }

    /// Panics unless every server lives and a small job succeeds.
    #[track_caller]
    pub fn expect_healthy(&mut self, place: &Place, output: &str) {
        assert!(!self.manager.has_ended(), "the Manager is gone: {}", self.manager.heard);
        for worker in self.workers.iter_mut().flatten() {
            assert!(!worker.has_ended(), "a worker is gone: {}", worker.heard);
        }
        let input = place.file("healthy.txt", "b\na\n");
        let input = input.to_str().unwrap();
        self.submit(place, &["--input", input, "--output", output, "--mapper", "cat", "--reducer", "cat"])
            .expect_success();
        assert_eq!(parts(&place.path(output)).concat(), b"a\nb\n");
    }
}

/// A Manager that listens, and where.
fn start_manager(place: &Place, listen: &str) -> (Process, String) {
    let lease = format!("{}ms", LEASE.as_millis());
    let times = ["--heartbeat", "200ms", "--lease", &lease, "--patience", "2s"];
    let arguments = ["manager", "--listen", listen].into_iter().chain(times);
    let mut manager = Process::start(place.windrow(arguments).arg("--work-dir").arg(place.path("manager")));
    let line = manager.await_line("listening on ");
    let (_, address) = line.split_once("listening on ").unwrap();
    let address = address.split_whitespace().next().unwrap().to_string();
    (manager, address)
}

/// A line from the programs of a job to the test: `echo words >"$ARRIVALS"`.
pub struct Arrivals {
    /// For `--env`.
    pub path: PathBuf,
    lines: Receiver<String>,
}

impl Arrivals {
    /// A new one in a place.
    pub fn new(place: &Place, name: &str) -> Arrivals {
        let (path, fifo) = fifo(place, name);
        let (sender, lines) = channel();
        // Lasts as long as the test program: the reader holds the pipe open for writing itself.
        std::thread::spawn(move || {
            for line in BufReader::new(fifo).lines() {
                let _ = sender.send(line.unwrap());
            }
        });
        Arrivals { path, lines }
    }

    /// A line that has come already.
    pub fn already(&self) -> Option<String> {
        self.lines.try_recv().ok()
    }

    /// The next line, unless something is over before it comes.
    pub fn next_unless(&self, mut is_over: impl FnMut() -> bool) -> Option<String> {
        let end = Instant::now() + DEADLINE;
        loop {
            match self.lines.recv_timeout(Duration::from_millis(20)) {
                Ok(line) => return Some(line),
                Err(_) if is_over() => return None,
                Err(_) => assert!(Instant::now() < end, "nobody arrived, and nothing is over"),
            }
        }
    }

    /// Awaits the next line.
    #[track_caller]
    pub fn next(&self) -> String {
        self.lines.recv_timeout(DEADLINE).expect("nobody arrived")
    }
}

/// What programs wait for: `read -r _ <"$GATE"`. They wait no longer than the test lives: with it the gate is gone.
pub struct Gate {
    /// For `--env`.
    pub path: PathBuf,
    fifo: File,
}

impl Gate {
    /// A new one in a place, closed.
    pub fn closed(place: &Place, name: &str) -> Gate {
        let (path, fifo) = fifo(place, name);
        Gate { path, fifo }
    }

    /// Lets pass all that wait or ever come: each takes one of many lines.
    pub fn open(&mut self) {
        self.fifo.write_all(&[b'\n'; 4_096]).unwrap();
    }
}

/// A named pipe, held open for reading and writing, so that no one who opens it has to wait.
fn fifo(place: &Place, name: &str) -> (PathBuf, File) {
    let path = place.path(name);
    mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    let file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    (path, file)
}

/// The part files of an output, in order. Panics unless they are named as they should be, with `_SUCCESS` and nothing else.
#[track_caller]
pub fn parts(output: &Path) -> Vec<Vec<u8>> {
    let mut files = files(output);
    assert_eq!(files.remove("_SUCCESS").as_deref(), Some(&b""[..]), "{}", output.display());
    for (index, name) in files.keys().enumerate() {
        assert_eq!(*name, format!("part-{index:05}"), "{}", output.display());
    }
    files.into_values().collect()
}

/// The files of a directory by name.
#[track_caller]
pub fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    entries
        .map(|entry| {
            let entry = entry.unwrap();
            (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
        })
        .collect()
}

/// The names in a directory, hidden ones too, in order.
pub fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The repository.
pub fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
