//! Hosts as the command uses them: on loopback, in private directories.

use net::{GuardHandle, LocalCluster, LocalOptions, ManagerHost, ManagerOptions, WorkerHost, WorkerOptions};
use std::fs;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use windrow_core::failure::{Cause, Failure, OsErrorKind};

const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

fn manager(listen: SocketAddr, work_dir: &Path) -> Result<ManagerHost, Failure> {
    ManagerHost::bind(ManagerOptions {
        listen,
        work_dir: work_dir.into(),
        cluster: "test".into(),
        heartbeat_us: 100_000,
        lease_us: 2_000_000,
        worker_patience_us: 1_000_000,
        keeps_jobs: true,
        guard: GuardHandle::default(),
    })
}

fn worker(manager: SocketAddr, work_dir: &Path) -> WorkerHost {
    WorkerHost::bind(WorkerOptions {
        manager,
        slots: 2,
        memory_bytes: 64 << 20,
        work_dir: work_dir.into(),
        shuffle_listen: None,
        advertise: None,
        host: "here".into(),
        cluster: "test".into(),
        guard: GuardHandle::default(),
    })
    .unwrap()
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn cause<T>(result: Result<T, Failure>) -> Cause {
    match result {
        Ok(_) => panic!("this fails"),
        Err(failure) => failure.cause,
    }
}

#[test]
fn a_manager_takes_one_number_for_tcp_and_udp() {
    let work = tempfile::tempdir().unwrap();
    let host = manager(ANY_PORT, work.path()).unwrap();
    let address = host.address();
    assert_ne!(address.port(), 0);
    for taken in [TcpListener::bind(address).err(), UdpSocket::bind(address).err()] {
        assert_eq!(taken.expect("it is taken").kind(), std::io::ErrorKind::AddrInUse);
    }
    let other = tempfile::tempdir().unwrap();
    let Cause::CannotListen { address: named, error } = cause(manager(address, other.path())) else {
        panic!()
    };
    assert_eq!((named, error.kind), (address.to_string(), OsErrorKind::AddressInUse));
    assert_eq!(names(other.path()), ["manager.lock"], "a life that never began leaves no journal");
}

#[test]
fn each_life_of_a_manager_has_a_journal_that_takes_the_place_of_the_one_before() {
    let work = tempfile::tempdir().unwrap();
    for life in 1..=3 {
        let host = manager(ANY_PORT, work.path()).unwrap();
        assert!(
            matches!(cause(manager(ANY_PORT, work.path())), Cause::WorkDirectoryTaken { .. }),
            "one at a time"
        );
        let stop = host.stop_handle();
        let running = std::thread::spawn(|| host.run());
        stop.stop();
        assert_eq!(running.join().unwrap(), Ok(()));
        assert_eq!(names(work.path()), [format!("journal-{life}"), "manager.lock".into()]);
    }
}

#[test]
fn a_worker_without_a_manager_stops_when_told_and_leaves_nothing() {
    let base = tempfile::tempdir().unwrap();
    let work = base.path().join("made/for/it");
    // A port that was ours a moment ago: nobody listens there.
    let nobody = TcpListener::bind(ANY_PORT).unwrap().local_addr().unwrap();
    let host = worker(nobody, &work);
    assert_eq!(names(&work).len(), 1);
    let stop = host.stop_handle();
    let running = std::thread::spawn(|| host.run(|_| {}));
    stop.stop();
    assert_eq!(running.join().unwrap(), Ok(()));
    assert!(names(&work).is_empty());
}

#[test]
fn a_local_cluster_comes_and_goes() {
    let work = tempfile::tempdir().unwrap();
    for slots in [1, 4] {
        let options = LocalOptions {
            slots,
            memory_bytes: 64 << 20,
            work_dir: work.path().into(),
            guard: GuardHandle::default(),
        };
        let cluster = LocalCluster::start(options).unwrap();
        assert_eq!(names(work.path()).len(), 1);
        cluster.stop();
        assert!(names(work.path()).is_empty());
    }
}
