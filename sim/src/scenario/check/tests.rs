use super::*;
use crate::names::Host;
use crate::network::Weather;
use crate::process::UserFunction;
use crate::scenario::{DiskName, Fault, PlannedFault, Trigger};
use crate::stream::Ratio;
use crate::workload::Mistake;
use windrow_core::failure::ExitStatus;

#[test]
fn whatever_a_seed_draws_is_valid() {
    for seed in 0..2_000 {
        assert_eq!(Scenario::from_seed(seed).check(), Ok(()), "seed {seed}");
    }
}

#[test]
fn every_mistake_is_valid() {
    for mistake in Mistake::ALL {
        let mut scenario = Scenario::from_seed(5);
        scenario.jobs[0].mistake = Some(*mistake);
        assert_eq!(scenario.check(), Ok(()), "{mistake:?}");
    }
}

/// Seed 5, changed so that it is refused.
#[track_caller]
fn refused(change: impl FnOnce(&mut Scenario), words: &str) {
    let mut scenario = Scenario::from_seed(5);
    change(&mut scenario);
    let Nonsense(said) = scenario.check().expect_err(words);
    assert!(said.contains(words), "{said}, not {words}");
}

#[test]
fn numbers_are_within_named_bounds() {
    refused(|it| it.heal_us = u64::MAX, "heal_us is 18446744073709551615, and may be from 0 to 600000000");
    refused(|it| it.workers.clear(), "workers has 0 entries, and may have from 1 to 100");
    refused(|it| it.workers[1].slots = 0, "workers[1].slots is 0, and may be from 1 to 64");
    refused(|it| it.workers[0].sort_bytes = 0, "workers[0].sort_bytes is 0");
    refused(|it| it.workers[0].start_us = u64::MAX, "workers[0].start_us is");
    refused(|it| it.workers[0].clock.ahead_us = u64::MAX, "workers[0].clock.ahead_us is");
    refused(
        |it| it.workers[2].clock.drift_ppm = i64::MIN,
        "workers[2].clock.drift_ppm is -9223372036854775808",
    );
    refused(|it| it.manager.pace.disk.most_us = u64::MAX, "manager.pace.disk.most_us is");
    refused(|it| it.manager.pace.turn = Span { least_us: 2, most_us: 1 }, "manager.pace.turn.least_us is 2");
    refused(|it| it.manager.start_us = u64::MAX, "manager.start_us is");
    refused(|it| it.manager.heartbeat_us = 1, "manager.heartbeat_us is 1, and may be from 10000 to 10000000");
    refused(
        |it| it.manager.lease_us = it.manager.heartbeat_us,
        "manager.lease_us is 1209000, and may be from",
    );
    refused(|it| it.manager.lease_us = u64::MAX, "manager.lease_us is 18446744073709551615");
    refused(|it| it.manager.snapshot_after_bytes = 0, "manager.snapshot_after_bytes is 0");
    refused(|it| it.network.latency.most_us = u64::MAX, "network.latency.most_us is");
    refused(|it| it.network.window_bytes = (64, u64::MAX), "the most of network.window_bytes is");
    refused(|it| it.network.window_bytes = (9, 64), "the least of network.window_bytes is 9");
    refused(|it| it.network.window_bytes = (100, 64), "the most of network.window_bytes is 64");
}

#[test]
fn jobs_are_within_named_bounds() {
    let words = "jobs[0].submit_us is 18446744073709551615, and may be from 0 to 60000000";
    refused(|it| it.jobs[0].submit_us = u64::MAX, words);
    refused(|it| it.jobs[1].cancel_after_us = Some(u64::MAX), "jobs[1].cancel_after_us is");
    refused(|it| it.jobs[1].again_after_us = Some(u64::MAX), "jobs[1].again_after_us is");
    refused(|it| it.jobs[0].patience_us = 0, "jobs[0].patience_us is 0");
    refused(|it| it.jobs[0].reducers = 100_000, "jobs[0].reducers is 100000, and may be from 0 to 100");
    refused(|it| it.jobs[0].reducers = 0, "jobs[0].reducers is 0; it is 0 without a reducer");
    refused(|it| it.jobs[0].split_bytes = 0, "jobs[0].split_bytes is 0");
    refused(
        |it| (it.jobs[0].split_bytes, it.jobs[0].files[0].bytes) = (1, vec![b'a'; 5_000]),
        "splits of 13879 bytes; a job may have 200",
    );
    refused(|it| it.jobs[0].inputs.clear(), "jobs[0].inputs has 0 entries");
    refused(|it| it.jobs[0].mapper = UserFunction::Sum, "jobs[0].mapper is Sum");
    refused(|it| it.jobs[0].mapper = UserFunction::Identity, "jobs[0].reducer is Sum");
    refused(|it| it.jobs[0].mapper = UserFunction::Multiply { times: u32::MAX }, "jobs[0].mapper: times");
    refused(
        |it| it.jobs[0].mapper = UserFunction::FailOn { word: String::new() },
        "jobs[0].mapper: word has 0",
    );
    refused(|it| it.jobs[0].reducer = Some(UserFunction::Unstable), "jobs[0].reducer is Unstable");
    refused(
        |it| it.jobs[0].mapper = UserFunction::Flaky { ratio: Ratio { numerator: 1, denominator: 0 } },
        "jobs[0].mapper: the denominator is 0",
    );
    for (status, words) in [
        (ExitStatus::Code(0), "quits with code 0, and may with 1 to 255"),
        (ExitStatus::Signal(65), "quits by signal 65, and may by 1 to 64"),
    ] {
        refused(|it| it.jobs[0].mapper = UserFunction::Quit { status }, words);
    }
    refused(
        |it| (it.jobs[0].mapper, it.jobs[0].cancel_after_us) = (UserFunction::Hang { bytes: 0 }, None),
        "jobs[0].",
    );
}

#[test]
fn jobs_are_apart_and_their_inputs_name_their_files() {
    refused(|it| it.jobs[0].output = it.jobs[0].files[1].path.clone(), "which is there already");
    refused(|it| it.jobs[0].output = "/shared/in 0".into(), "which is there already");
    refused(
        |it| it.jobs[1].output = it.jobs[0].output.clone(),
        "jobs[1].output is /shared/out 0, which is that of",
    );
    refused(|it| it.jobs[1].output = "/shared/none/out".into(), "there is no directory to hold it");
    refused(
        |it| it.jobs[0].inputs.push("/shared/no".into()),
        "jobs[0].inputs: /shared/no names none of its files",
    );
    refused(|it| it.jobs[0].inputs.swap(0, 1), "in this order");
    refused(|it| it.jobs[0].inputs[1] = "/shared/in 0/text-0/x".into(), "jobs[0].inputs");
    refused(|it| it.jobs[0].inputs = vec!["/none".into()], "paths below /shared");
    refused(|it| it.jobs[0].output = "/shared/in 0/../out".into(), "paths below /shared");
    refused(|it| it.jobs[1].output = "/shared/in 1/text-z".into(), "jobs[1].inputs name also an output");
    refused(
        |it| {
            it.jobs[1].files = it.jobs[0].files.clone();
            it.jobs[1].inputs = it.jobs[0].inputs.clone();
        },
        "two jobs have it",
    );
}

#[test]
fn faults_are_within_named_bounds() {
    let host = Host::Worker(0);
    let disk = DiskName::Shared;
    let (never, everyone) = (Span { least_us: 1, most_us: 0 }, Host::Worker(9));
    for (fault, words) in [
        (
            Fault::Slow { host, times: 0, for_us: None },
            "faults[0].fault.times is 0, and may be from 1 to 100",
        ),
        (Fault::Slow { host, times: u32::MAX, for_us: None }, "faults[0].fault.times is 4294967295"),
        (Fault::SyncFails { disk, times: 0 }, "faults[0].fault.times is 0"),
        (Fault::ReadFails { disk, times: 0 }, "faults[0].fault.times is 0"),
        (Fault::Pause { host, for_us: Some(u64::MAX) }, "faults[0].fault.for_us is"),
        (Fault::Stop { worker: 0, back_after_us: u64::MAX }, "faults[0].fault.back_after_us is"),
        (
            Fault::DiskFull { disk, after_bytes: u64::MAX, makes_files: true, for_us: None },
            "faults[0].fault.after_bytes is",
        ),
        (Fault::Echo { worker: 0, every_us: 0 }, "faults[0].fault.every_us is 0"),
        (
            Fault::Trickle { from: host, to: Host::Manager, bytes_per_ms: 0, for_us: None },
            "bytes_per_ms is 0",
        ),
        (Fault::Cut { from: host, to: host, for_us: None }, "may not be one host"),
        (
            Fault::Weather { weather: Weather { lateness: never, ..Weather::FAIR }, for_us: None },
            "faults[0].fault.weather.lateness.least_us is 1",
        ),
        (Fault::Pause { host: everyone, for_us: None }, "faults[0]: there is no worker 9"),
    ] {
        let trigger = Trigger::At { us: 0 };
        refused(|it| it.faults = vec![PlannedFault { trigger, fault }], words);
    }
    for (trigger, words) in [
        (Trigger::Event { nth: 0 }, "faults[0].trigger.nth is 0, and may be from 1"),
        (Trigger::At { us: u64::MAX }, "faults[0].trigger.us is"),
    ] {
        refused(|it| it.faults = vec![PlannedFault { trigger, fault: Fault::HalfOpen }], words);
    }
}
