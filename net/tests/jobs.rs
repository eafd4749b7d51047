//! Jobs through hosts of this crate: in one process without a port, and on a cluster of processes' worth of hosts on
//! loopback. Outputs are compared with a plain computation of the same thing.

use net::{
    GuardHandle, Link, LocalCluster, LocalOptions, ManagerHost, ManagerOptions, StopHandle, WorkerHost,
    WorkerOptions, entropy, follow,
};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::thread::JoinHandle;
use windrow_core::client::{ClientConfig, ClientReport, ClientTask};
use windrow_core::failure::{Cause, ExitStatus, Failure};
use windrow_core::job::{CommandLine, JobReport, JobSpecification, PathBytes};

fn path(path: &Path) -> PathBytes {
    PathBytes(path.as_os_str().as_bytes().to_vec())
}

fn command(words: &[&str]) -> CommandLine {
    CommandLine { words: words.iter().map(|word| PathBytes::from(*word)).collect() }
}

/// A word count over `directory/in`, three partitions, splits of 64 KiB.
fn word_count(directory: &Path, output: &str) -> JobSpecification {
    JobSpecification {
        name: "words".into(),
        inputs: vec![path(&directory.join("in"))],
        output: path(&directory.join(output)),
        mapper: command(&["tr", "-s", " ", "\n"]),
        reducer: Some(command(&["uniq", "-c"])),
        reducers: 3,
        split_bytes: 64 << 10,
        directory: path(directory),
        environment: vec![("LC_ALL".into(), "C".into())],
        ..JobSpecification::default()
    }
}

/// Two files of text, and how often each word is in them.
fn write_input(directory: &Path) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    fs::create_dir(directory.join("in")).unwrap();
    for file in 0..2_u32 {
        let mut text = String::new();
        for number in 0..20_000_u32 {
            let words = [
                number % 7,
                number % 101,
                (number + file) % 1_009,
                number.wrapping_mul(2_654_435_761) % 5_003,
            ];
            for (place, word) in words.iter().enumerate() {
                let word = format!("w{word}");
                write!(text, "{}{word}", if place == 0 { "" } else { " " }).unwrap();
                *counts.entry(word).or_default() += 1;
            }
            text.push('\n');
        }
        fs::write(directory.join(format!("in/text-{file}")), text).unwrap();
    }
    counts
}

/// Every line of every part, as counts; keys are sorted inside each part.
fn read_output(directory: &Path) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for part in 0..3 {
        let text = fs::read_to_string(directory.join(format!("part-{part:05}"))).unwrap();
        let mut before = "";
        for line in text.lines() {
            let (count, word) = line.trim_start().split_once(' ').unwrap();
            assert!(before < word, "{before} stands before {word}");
            before = word;
            assert_eq!(counts.insert(word.to_owned(), count.parse().unwrap()), None, "{word} is in one part");
        }
    }
    assert_eq!(fs::read(directory.join("_SUCCESS")).unwrap(), b"");
    assert_eq!(fs::read_dir(directory).unwrap().count(), 4);
    counts
}

/// What a client is told last.
fn ask(cluster: &str, manager: SocketAddr, link: Link, task: ClientTask) -> ClientReport {
    let config = ClientConfig {
        cluster: cluster.into(),
        manager,
        manager_name: manager.to_string(),
        patience_us: 5_000_000,
        job_patience_us: 5_000_000,
        task,
        seed: entropy::seed(),
    };
    let mut last = None;
    follow(config, link, &StopHandle::default(), |report| last = Some(report)).unwrap();
    last.expect("a client has a last word")
}

fn submit(cluster: &str, manager: SocketAddr, link: Link, specification: JobSpecification) -> JobReport {
    let task = ClientTask::Submit { key: entropy::submission_key(), specification, is_detached: false };
    match ask(cluster, manager, link, task) {
        ClientReport::Ended(report) => report,
        report => panic!("{report:?}"),
    }
}

fn local(directory: &Path, slots: u32) -> LocalCluster {
    LocalCluster::start(LocalOptions {
        slots,
        memory_bytes: 64 << 20,
        work_dir: directory.join("work"),
        guard: GuardHandle::default(),
    })
    .unwrap()
}

fn submit_locally(cluster: &LocalCluster, specification: JobSpecification) -> JobReport {
    submit(cluster.cluster(), cluster.address(), cluster.link(), specification)
}

#[test]
fn a_word_count_in_one_process() {
    let directory = tempfile::tempdir().unwrap();
    let counts = write_input(directory.path());
    let cluster = local(directory.path(), 2);
    let report = submit_locally(&cluster, word_count(directory.path(), "out"));
    assert_eq!(report.failure, None);
    assert!(report.maps > 2 && report.reduces == 3, "{report:?}");
    assert_eq!(report.counters.map_output_records, counts.values().sum::<u64>());
    assert_eq!(read_output(&directory.path().join("out")), counts);
    cluster.stop();
    assert_eq!(fs::read_dir(directory.path().join("work")).unwrap().count(), 0, "scratch is gone");
    let left: Vec<_> =
        fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "input, output and the work directory, but no staging: {left:?}");
}

#[test]
fn a_mapper_that_fails_fails_the_job_and_leaves_no_output() {
    let directory = tempfile::tempdir().unwrap();
    write_input(directory.path());
    let cluster = local(directory.path(), 2);
    let mut specification = word_count(directory.path(), "out");
    specification.mapper = command(&["sh", "-c", "cat >/dev/null; echo something is wrong >&2; exit 3"]);
    let report = submit_locally(&cluster, specification);
    let failure = report.failure.expect("it fails");
    assert!(matches!(failure.cause, Cause::ProgramFailed { status: ExitStatus::Code(3), .. }), "{failure:?}");
    assert_eq!(failure.stderr_tail, b"something is wrong\n");
    assert!(!directory.path().join("out").exists());
    cluster.stop();
}

#[test]
fn a_cancelled_job_ends_its_programs_and_shows_nothing() {
    let directory = tempfile::tempdir().unwrap();
    write_input(directory.path());
    let cluster = local(directory.path(), 2);
    let mut specification = word_count(directory.path(), "out");
    specification.mapper = command(&["sleep", "1000"]);
    let cancel = StopHandle::default();
    let config = ClientConfig {
        cluster: cluster.cluster().into(),
        manager: cluster.address(),
        manager_name: "here".into(),
        patience_us: 5_000_000,
        job_patience_us: 5_000_000,
        task: ClientTask::Submit { key: entropy::submission_key(), specification, is_detached: false },
        seed: entropy::seed(),
    };
    let mut ended = None;
    follow(config, cluster.link(), &cancel, |report| match report {
        ClientReport::Progress(progress) if progress.maps.running > 0 => cancel.stop(),
        ClientReport::Ended(report) => ended = Some(report),
        _ => {}
    })
    .unwrap();
    let failure: Option<Failure> = ended.expect("it ended").failure;
    assert!(matches!(failure, Some(Failure { cause: Cause::Cancelled, .. })), "{failure:?}");
    assert!(!directory.path().join("out").exists());
    cluster.stop();
}

/// A Manager and workers, each with ports and directories of their own.
struct Cluster {
    manager: SocketAddr,
    threads: Vec<JoinHandle<Result<(), Failure>>>,
}

const NAME: &str = "test";

impl Cluster {
    fn start(directory: &Path, workers: u32) -> Cluster {
        let host = ManagerHost::bind(ManagerOptions {
            listen: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0),
            work_dir: directory.join("manager"),
            cluster: NAME.into(),
            heartbeat_us: 200_000,
            lease_us: 10_000_000,
            worker_patience_us: 1_000_000,
            keeps_jobs: true,
            guard: GuardHandle::default(),
        })
        .unwrap();
        let manager = host.address();
        let mut threads = vec![std::thread::spawn(|| host.run())];
        for number in 0..workers {
            let host = WorkerHost::bind(WorkerOptions {
                manager,
                slots: 1,
                memory_bytes: 32 << 20,
                work_dir: directory.join("workers"),
                shuffle_listen: None,
                advertise: None,
                host: format!("host {number}"),
                cluster: NAME.into(),
                guard: GuardHandle::default(),
            })
            .unwrap();
            threads.push(std::thread::spawn(|| host.run(|_| {})));
        }
        Cluster { manager, threads }
    }

    fn shut_down(self) {
        let report = ask(NAME, self.manager, Link::Tcp, ClientTask::Shutdown);
        assert_eq!(report, ClientReport::ShutDown { jobs_cancelled: 0 });
        for thread in self.threads {
            assert_eq!(thread.join().unwrap(), Ok(()));
        }
    }
}

#[test]
fn a_word_count_on_a_cluster_is_the_one_in_one_process_byte_for_byte() {
    let directory = tempfile::tempdir().unwrap();
    let counts = write_input(directory.path());
    let alone = local(directory.path(), 1);
    assert_eq!(submit_locally(&alone, word_count(directory.path(), "alone")).failure, None);
    alone.stop();

    let cluster = Cluster::start(directory.path(), 3);
    let report = submit(NAME, cluster.manager, Link::Tcp, word_count(directory.path(), "together"));
    assert_eq!(report.failure, None);
    assert!(report.counters.fetched_bytes > 0, "runs moved between workers");
    cluster.shut_down();

    assert_eq!(read_output(&directory.path().join("together")), counts);
    for part in 0..3 {
        let part = format!("part-{part:05}");
        assert_eq!(
            fs::read(directory.path().join("alone").join(&part)).unwrap(),
            fs::read(directory.path().join("together").join(&part)).unwrap()
        );
    }
    assert_eq!(fs::read_dir(directory.path().join("workers")).unwrap().count(), 0, "scratch is gone");
}
