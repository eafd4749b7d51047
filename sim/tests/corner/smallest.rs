//! The smallest jobs: owns scenarios in which nothing goes wrong, written by hand.

use sim::names::Host;
use sim::network::NetworkSetting;
use sim::node::Clock;
use sim::operators::Attention;
use sim::process::UserFunction;
use sim::scenario::{ManagerSetting, Pace, Scenario, WorkerSetting};
use sim::stream::Span;
use sim::workload::{InputText, JobSetting, Overwritten, PATIENCE_US};
use windrow_core::job::Priority;
use windrow_core::time::{MILLISECOND_US, SECOND_US};

/// For how long a silent worker counts as alive.
pub const LEASE_US: u64 = 1_500 * MILLISECOND_US;

/// Every host that such a scenario needs.
pub const HOSTS: [Host; 4] = [Host::Manager, Host::Worker(0), Host::Worker(1), Host::Client(0)];

/// Two workers of one slot each, and a job of two maps and so many reduces.
pub fn scenario(reducers: u32) -> Scenario {
    let clock = Clock { ahead_us: 7 * SECOND_US, drift_ppm: 0 };
    let worker = WorkerSetting { start_us: 0, pace: pace(), clock, slots: 1, sort_bytes: 1 << 16 };
    Scenario {
        seed: 1,
        network: NetworkSetting {
            latency: span(100, 200),
            jitter: span(10, 100),
            window_bytes: (4_096, 65_536),
        },
        manager: ManagerSetting {
            start_us: 0,
            pace: pace(),
            clock,
            heartbeat_us: 500 * MILLISECOND_US,
            lease_us: LEASE_US,
            snapshot_after_bytes: 1 << 20,
            keeps_jobs: true,
        },
        can_exchange: true,
        workers: vec![worker.clone(), worker],
        jobs: vec![job(reducers)],
        capable: 0,
        heal_us: 8 * SECOND_US,
        drains: Vec::new(),
        faults: Vec::new(),
    }
}

/// Likewise with one reduce, and with the output of an earlier job in the place of its own.
pub fn replacing(can_exchange: bool) -> Scenario {
    let mut scenario = Scenario { can_exchange, ..scenario(1) };
    scenario.jobs[0].overwrites = Some(Overwritten::Output);
    scenario
}

fn job(reducers: u32) -> JobSetting {
    let files = [("one", "b a\n"), ("two", "a c\nb\n")];
    let files = files.map(|(name, text)| InputText {
        path: format!("/shared/in/{name}").as_str().into(),
        bytes: text.into(),
    });
    JobSetting {
        submit_us: 450 * MILLISECOND_US,
        cancel_after_us: None,
        again_after_us: None,
        attention: Attention::default(),
        patience_us: PATIENCE_US,
        inputs: files.iter().map(|file| file.path.clone()).collect(),
        files: files.into(),
        output: "/shared/out".into(),
        mapper: UserFunction::CountWords,
        reducer: (reducers > 0).then_some(UserFunction::Sum),
        reducers,
        split_bytes: 64,
        accepts_nondeterminism: false,
        max_skipped_records: 0,
        sync: true,
        overwrites: None,
        priority: Priority::Normal,
        task_timeout_us: 0,
        mistake: None,
    }
}

/// Heartbeats pass while the job runs; otherwise there is nothing to wait for.
fn pace() -> Pace {
    Pace { disk: span(50, 200), journal: span(300, 1_000), turn: span(5, 20), program: span(500, 1_000) }
}

fn span(least_us: u64, most_us: u64) -> Span {
    Span { least_us, most_us }
}
