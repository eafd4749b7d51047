//! What goes wrong is said clearly, shows nothing half-made, and takes no server down.

mod cluster;

use cluster::{Arrivals, Cluster, Finished, Gate, Place, Process, names};
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::Command;

/// Runs a job that must fail by `run` and on a cluster: each time with `code`, `words` on stderr, and nothing left of its
/// output. `options` come after `--input input --output results/output`, and override them.
#[track_caller]
fn expect_job_to_fail(place: &Place, options: &[&str], code: i32, words: &[&str]) -> [Finished; 2] {
    let mut cluster = Cluster::start(place, 2);
    let results = place.directory("results");
    let before = names(&results);
    let mut job = vec!["--name", "doomed"];
    for (option, value) in [("--input", "input"), ("--output", "results/output")] {
        if !options.contains(&option) {
            job.extend([option, value]);
        }
    }
    job.extend(options);
    let alone = place.finish(["run"].iter().chain(&job)).expect_failure(code, words);
    assert_eq!(names(&results), before, "something was left beside the output: {alone}");
    let far = cluster.submit(place, &job).expect_failure(code, words);
    assert_eq!(names(&results), before, "something was left beside the output: {far}");
    cluster.expect_healthy(place, "healthy");
    [alone, far]
}

/// A place with two input files.
fn place_with_input() -> Place {
    let place = Place::new();
    place.file("input/first.txt", "one\ntwo\n");
    place.file("input/second.txt", "three\n".repeat(100_000));
    place
}

#[test]
fn an_input_that_is_not_there() {
    let place = place_with_input();
    let words = ["nowhere/at-all", "names no file"];
    let options = ["--input", "input", "--input", "nowhere/at-all", "--mapper", "cat", "--reducer", "cat"];
    expect_job_to_fail(&place, &options, 2, &words);
}

#[test]
fn a_pattern_that_matches_nothing() {
    let place = place_with_input();
    let options = ["--input", "input/*.log", "--mapper", "cat", "--reducer", "cat"];
    expect_job_to_fail(&place, &options, 2, &["input/*.log"]);
}

#[test]
fn a_broken_gzip_file() {
    let place = place_with_input();
    place.file("input/third.gz", b"\x1f\x8b\x08\0 and then nothing that gzip would write");
    let options = ["--mapper", "cat", "--reducer", "cat"];
    expect_job_to_fail(&place, &options, 2, &["third.gz", "map "]);
}

#[test]
fn an_input_that_changes_while_it_is_read() {
    let place = place_with_input();
    let (arrivals, mut gate) = (Arrivals::new(&place, "arrivals"), Gate::closed(&place, "gate"));
    let script = "cat; echo here >\"$ARRIVALS\"; read -r _ <\"$GATE\"";
    let mapper = place.program("mapper", script);
    let run =
        ["run", "--input", "input/first.txt", "--output", "output", "--mapper", &mapper, "--reducer", "cat"];
    let mut run = place.windrow(run);
    run.env("ARRIVALS", &arrivals.path).env("GATE", &gate.path);
    let run = Process::start(&mut run);
    arrivals.next();
    place.file("input/first.txt", "something else altogether\n");
    gate.open();
    run.finish().expect_failure(2, &["first.txt", "changed"]);
    assert!(!place.path("output").exists());
}

#[test]
fn an_output_that_exists() {
    let place = place_with_input();
    place.file("results/output/precious", "work of a year");
    let options = ["--mapper", "cat", "--reducer", "cat"];
    expect_job_to_fail(&place, &options, 4, &["results/output", "exists"]);
    assert_eq!(fs::read(place.path("results/output/precious")).unwrap(), b"work of a year");
}

#[test]
fn an_output_where_nothing_can_be_written() {
    let place = place_with_input();
    // Root may write anywhere, but not below a file, nor into what the kernel makes up.
    for output in ["input/first.txt/output", "/proc/output", "nowhere/output"] {
        let options = ["--output", output, "--mapper", "cat", "--reducer", "cat"];
        expect_job_to_fail(&place, &options, 3, &[output.rsplit_once('/').unwrap().0]);
        place.finish(["run", "--input", "input", "--output", "again", "--mapper", "cat", "--reducer", "cat"]);
        fs::remove_dir_all(place.path("again")).unwrap();
        fs::remove_dir_all(place.path("healthy")).unwrap();
    }
}

#[test]
fn a_program_that_is_not_there() {
    let place = place_with_input();
    let options = ["--mapper", "windrow-no-such-program -x", "--reducer", "cat"];
    expect_job_to_fail(&place, &options, 1, &["mapper", "windrow-no-such-program", "doomed", "map "]);
    let options = ["--mapper", "cat", "--reducer", "./no-such-reducer.py"];
    fs::remove_dir_all(place.path("healthy")).unwrap();
    expect_job_to_fail(&place, &options, 1, &["reducer", "./no-such-reducer.py", "doomed", "reduce "]);
}

#[test]
fn a_program_that_cannot_be_executed() {
    let place = place_with_input();
    place.file("mapper.py", "print(1)\n");
    expect_job_to_fail(
        &place,
        &["--mapper", "./mapper.py", "--reducer", "cat"],
        1,
        &["./mapper.py", "chmod"],
    );
}

#[test]
fn a_mapper_that_fails() {
    let place = place_with_input();
    let mapper = place.program("mapper", "cat >/dev/null; echo 'the dog ate it' >&2; exit 3");
    let words = ["doomed", "mapper", "exit code 3", "the dog ate it", "input/", "map "];
    expect_job_to_fail(&place, &["--mapper", &mapper, "--reducer", "cat"], 1, &words);
}

#[test]
fn a_mapper_that_fails_is_tried_four_times_and_no_more() {
    let place = place_with_input();
    let arrivals = Arrivals::new(&place, "arrivals");
    let mapper = place.program("mapper", "echo again >\"$ARRIVALS\"; cat >/dev/null; exit 3");
    let job =
        ["run", "--input", "input/first.txt", "--output", "output", "--mapper", &mapper, "--reducer", "cat"];
    Process::start(place.windrow(job).env("ARRIVALS", &arrivals.path))
        .finish()
        .expect_failure(1, &["after 4 failed attempts"]);
    fs::write(&arrivals.path, "end\n").unwrap();
    assert_eq!([0; 5].map(|_| arrivals.next()), ["again", "again", "again", "again", "end"]);
}

#[test]
fn a_mapper_that_fails_once_does_not_fail_the_job() {
    let place = place_with_input();
    let mapper = place.program("mapper", "mkdir failed-once 2>/dev/null && exit 3; exec cat");
    let job =
        ["run", "--input", "input/first.txt", "--output", "output", "--mapper", &mapper, "--reducer", "cat"];
    place.finish(job).expect_success();
    assert_eq!(cluster::parts(&place.path("output")), [b"one\ntwo\n"]);
}

#[test]
fn a_mapper_that_is_killed() {
    let place = place_with_input();
    let mapper = place.program("mapper", "cat >/dev/null; kill -SEGV $$");
    expect_job_to_fail(
        &place,
        &["--mapper", &mapper, "--reducer", "cat"],
        1,
        &["SIGSEGV", "mapper", "input/"],
    );
}

#[test]
fn a_reducer_that_stops_reading() {
    let place = place_with_input();
    let options = ["--mapper", "cat", "--reducer", "head -n 1"];
    expect_job_to_fail(&place, &options, 1, &["reducer", "head -n 1", "doomed", "reduce "]);
}

#[test]
fn a_mapper_that_stops_reading() {
    let place = place_with_input();
    let options = ["--mapper", "head -n 1", "--reducer", "cat"];
    expect_job_to_fail(&place, &options, 1, &["mapper", "head -n 1", "second.txt"]);
}

#[test]
fn only_the_end_of_a_long_stderr_is_shown() {
    let place = place_with_input();
    let script =
        "cat >/dev/null; i=0; while [ $i -lt 20000 ]; do echo \"complaint $i\"; i=$((i+1)); done >&2; exit 1";
    let mapper = place.program("mapper", script);
    let job =
        ["run", "--input", "input/first.txt", "--output", "output", "--mapper", &mapper, "--reducer", "cat"];
    let finished = place.finish(job).expect_failure(1, &["complaint 19999"]);
    assert!(finished.stderr.len() < 20_000, "{} bytes", finished.stderr.len());
}

#[test]
fn options_that_make_no_sense_together() {
    let place = place_with_input();
    let job = ["run", "--input", "input", "--output", "output", "--mapper", "cat"];
    let rejected = |options: &[&str], word: &str| {
        place.finish(job.iter().chain(options)).expect_failure(1, &[word]);
        assert!(!place.path("output").exists());
    };
    rejected(&[], "--reducer");
    rejected(&["--reducers", "0", "--reducer", "cat"], "--reducer");
    rejected(&["--reducers", "many", "--reducer", "cat"], "many");
    rejected(&["--reducer", "cat", "--split-size", "0"], "--split-size");
    rejected(&["--reducer", "cat", "--no-such-option"], "--no-such-option");
    rejected(&["--reducer", "cat 'unended"], "unended");
    rejected(&["--reducer", ""], "reducer");
    rejected(&["--reducer", "cat", "--env", "NO_VALUE"], "NO_VALUE");
}

/// A file system of 2 MiB where the first worker of a cluster has its scratch; unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts it, or says why that cannot be done here, and that the test is skipped.
    fn mount(place: &Place) -> Option<SmallDisk> {
        let path = place.directory("worker-0");
        let mount = ["-t", "tmpfs", "-o", "size=2m", "windrow-test"];
        let reason = match Command::new("mount").args(mount).arg(&path).output() {
            Ok(answer) if answer.status.success() => return Some(SmallDisk(path)),
            Ok(answer) => String::from_utf8_lossy(&answer.stderr).trim().to_string(),
            Err(error) => error.to_string(),
        };
        eprintln!("SKIPPED: no small disk can be mounted here: {reason}");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// 8 MB that lz4 cannot make smaller.
fn incompressible() -> Vec<u8> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut text = Vec::with_capacity(8_000_000);
    while text.len() < 7_999_992 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text.extend(state.to_le_bytes().map(|byte| if byte == b'\t' { 0 } else { byte }));
    }
    text.extend(b"the end\n");
    text
}

const SORT_INPUT: [&str; 8] =
    ["--input", "input", "--output", "results/output", "--mapper", "cat", "--reducer", "cat"];

/// `windrow run` of a small job, with options more, in a shell that redirects its standard output.
fn run_redirected(place: &Place, options: &[&str], redirection: &str) -> Finished {
    place.file("input", "a\n");
    let run = place.windrow(["run", "--input", "input", "--mapper", "cat", "--reducer", "cat"]);
    let mut shell = Command::new("sh");
    let script = format!("exec \"$0\" \"$@\" {redirection}");
    shell.args(["-c", &script]).arg(run.get_program()).args(run.get_args()).args(options);
    shell.current_dir(place.path("")).env("TMPDIR", place.path(cluster::TEMPORARY));
    Process::start(&mut shell).finish()
}

#[test]
fn a_standard_output_that_takes_nothing() {
    for (number, redirection) in [">&-", ">/dev/full"].iter().enumerate() {
        let place = Place::new();
        let output = format!("output-{number}");
        let words = ["the output cannot be written: `-`"];
        run_redirected(&place, &["--output", "-"], redirection).expect_failure(5, &words);
        run_redirected(&place, &["--json", "--output", &output], redirection).expect_failure(5, &words);
        assert_eq!(cluster::parts(&place.path(output)).concat(), b"a\n");
        // Nothing was to be printed.
        run_redirected(&place, &["--output", "quiet"], redirection).expect_success();
    }
    let place = Place::new();
    run_redirected(&place, &["--output", "-"], ">/dev/null").expect_success();
}

#[test]
fn a_full_disk_under_the_scratch() {
    let place = Place::new();
    let Some(disk) = SmallDisk::mount(&place) else { return };
    place.file("input", incompressible());
    place.directory("results");
    let words = ["No space left on device", "worker-0", "--work-dir"];
    let mut run = place.windrow(["run", "--memory", "4MiB"].iter().chain(&SORT_INPUT));
    Process::start(run.env("TMPDIR", &disk.0)).finish().expect_failure(5, &words);
    assert_eq!(names(&place.path("results")), [""; 0]);
    let mut cluster = Cluster::start(&place, 0);
    cluster.add_worker(&place, |command| _ = command.args(["--memory", "4MiB"]));
    let told = [&words[..], &["map 0 failed on ", " and is tried again"]].concat();
    cluster.submit(&place, &SORT_INPUT).expect_failure(5, &told);
    assert_eq!(names(&place.path("results")), [""; 0]);
    cluster.expect_healthy(&place, "healthy");
}

#[test]
fn a_full_disk_under_the_scratch_of_one_worker_of_two() {
    let place = Place::new();
    let Some(_disk) = SmallDisk::mount(&place) else { return };
    place.file("input", incompressible());
    place.directory("results");
    let mut cluster = Cluster::start(&place, 0);
    for _ in 0..2 {
        cluster.add_worker(&place, |command| _ = command.args(["--memory", "4MiB"]));
    }
    cluster.await_workers();
    cluster.submit(&place, &SORT_INPUT).expect_success();
    assert_eq!(cluster::parts(&place.path("results/output")).concat().len(), 8_000_000);
}

/// An address where nobody listens.
fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[test]
fn an_address_where_nobody_listens() {
    let place = place_with_input();
    let address = free_address();
    let job = [
        "--manager",
        &address,
        "--input",
        "input",
        "--output",
        "output",
        "--mapper",
        "cat",
        "--reducer",
        "cat",
    ];
    place.finish(["submit"].iter().chain(&job)).expect_failure(3, &[&address, "windrow manager"]);
    place.finish(["shutdown", "--manager", &address]).expect_failure(3, &[&address]);
}

#[test]
fn an_address_that_is_none() {
    let place = place_with_input();
    let job = ["--input", "input", "--output", "output", "--mapper", "cat", "--reducer", "cat"];
    for address in ["nonsense", "127.0.0.1:notaport", "no-such-host.invalid:7000", "127.0.0.1:70000"] {
        let submit = place.finish(["submit", "--manager", address].iter().chain(&job));
        let code = submit.status.and_then(|status| status.code());
        assert!(matches!(code, Some(1 | 3)), "{submit}");
        assert!(submit.stderr.contains(address), "{submit}");
        let worker = place.finish(["worker", "--manager", address]);
        assert!(worker.stderr.contains(address) && !worker.status.unwrap().success(), "{worker}");
        let manager = place.finish(["manager", "--listen", address]);
        assert!(manager.stderr.contains(address) && !manager.status.unwrap().success(), "{manager}");
    }
}

#[test]
fn a_port_in_use() {
    let place = Place::new();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = tcp.local_addr().unwrap().to_string();
    place.finish(["manager", "--listen", &address]).expect_failure(3, &[&address, "in use"]);
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = udp.local_addr().unwrap().to_string();
    place.finish(["manager", "--listen", &address]).expect_failure(3, &[&address, "in use"]);
}

#[test]
fn a_work_directory_that_is_none() {
    let place = place_with_input();
    let below_a_file = ["--work-dir", "input/first.txt/below"];
    let manager = ["manager", "--listen", "127.0.0.1:0"];
    place.finish(manager.iter().chain(&below_a_file)).expect_failure(3, &["input/first.txt/below"]);
    let address = free_address();
    let worker = ["worker", "--manager", &address];
    place.finish(worker.iter().chain(&below_a_file)).expect_failure(3, &["input/first.txt/below"]);
}

#[test]
fn peers_that_speak_garbage() {
    let place = Place::new();
    let mut cluster = Cluster::start(&place, 1);
    let garbage: [&[u8]; 5] = [
        b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n",
        &[0xff; 100_000],
        b"WINDROW\n\x02\0\xfd\xff\xff\xff\xff\xff\0\0\0\0\0\0\0\0\0",
        b"WINDROW\n\x02\0\xfd\xff\x04\0\0\0\0\x01\x02\x03\x04\x05\x06\x07\x08abcd",
        b"\n",
    ];
    for bytes in garbage {
        let mut stream = TcpStream::connect(&cluster.address).unwrap();
        // The Manager may close before it has read all of it.
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }
    drop(TcpStream::connect(&cluster.address).unwrap());
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    for bytes in [&b""[..], b"WINDROW\n", &[0xff; 1_400], b"WINDROW\n\x02\0\0\0\0\0\0\0\xff\xff\xff"] {
        udp.send_to(bytes, &cluster.address).unwrap();
    }
    cluster.expect_healthy(&place, "healthy");
}

#[test]
fn a_peer_of_another_version() {
    let place = Place::new();
    let mut cluster = Cluster::start(&place, 1);
    let mut stream = TcpStream::connect(&cluster.address).unwrap();
    stream.write_all(b"WINDROW\n\x63\0\x9c\xff").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"WINDROW\n") && answer.len() == 12, "the Manager answers {answer:?}");
    let line = cluster.manager.await_line("version 99");
    assert!(line.contains(&stream.local_addr().unwrap().to_string()), "{line}");
    cluster.expect_healthy(&place, "healthy");
}

/// What each `windrow` that dials a server which says `greeting` and nothing else makes of it.
fn dial_stranger(greeting: &'static [u8]) -> (String, Finished, Finished) {
    let place = place_with_input();
    let stranger = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = stranger.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in stranger.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.write_all(greeting);
            let _ = stream.shutdown(Shutdown::Write);
            let _ = stream.read_to_end(&mut Vec::new());
        }
    });
    let job = ["--input", "input", "--output", "output", "--mapper", "cat", "--reducer", "cat"];
    let submit = place.finish(["submit", "--manager", &address].iter().chain(&job));
    let worker = place.finish(["worker", "--manager", &address]);
    (address, submit, worker)
}

#[test]
fn a_server_that_is_no_manager() {
    let (address, submit, worker) = dial_stranger(b"220 mail.example.org ESMTP ready\r\n");
    submit.expect_failure(3, &[&address, "Windrow"]);
    worker.expect_failure(3, &[&address, "Windrow"]);
}

#[test]
fn a_manager_of_another_version() {
    let (address, submit, worker) = dial_stranger(b"WINDROW\n\x63\0\x9c\xff");
    submit.expect_failure(3, &[&address, "version 99"]);
    worker.expect_failure(3, &[&address, "version 99"]);
}

#[test]
fn a_manager_of_another_cluster() {
    let place = Place::new();
    let mut cluster = Cluster::start(&place, 1);
    let stray = ["worker", "--manager", &cluster.address, "--cluster", "another"];
    place.finish(stray).expect_failure(3, &["another"]);
    cluster.expect_healthy(&place, "healthy");
}
