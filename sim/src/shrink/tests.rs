//! What is shrunk still fails and makes sense, and only what it fails by stays.

use super::*;
use crate::names::Host;
use crate::scenario::{DiskName, Fault, FaultKind, PlannedFault, Trigger};
use proptest::prelude::*;

const BUDGET_RUNS: usize = 5_000;

/// The first seed whose scenario is like this.
fn scenario(is_like: impl Fn(&Scenario) -> bool) -> Scenario {
    (0..).map(Scenario::from_seed).find(is_like).expect("there are seeds for everything")
}

fn kinds(scenario: &Scenario) -> Vec<FaultKind> {
    scenario.faults.iter().map(|planned| planned.fault.kind()).collect()
}

fn has(scenario: &Scenario, kind: FaultKind) -> bool {
    kinds(scenario).contains(&kind)
}

#[test]
fn only_what_makes_it_fail_stays() {
    let fails = |scenario: &Scenario| {
        has(scenario, FaultKind::CrashWorker) && scenario.jobs.iter().any(|job| job.reducers >= 2)
    };
    let large = scenario(|it| fails(it) && it.faults.len() > 8 && it.workers.len() > 3 && it.jobs.len() > 1);
    let small = shrink(large, fails, BUDGET_RUNS);
    assert_eq!(kinds(&small), [FaultKind::CrashWorker]);
    assert_eq!((small.jobs.len(), small.workers.len(), small.capable), (1, 1, 0));
    let (job, worker) = (&small.jobs[0], &small.workers[0]);
    assert_eq!((job.reducers, job.files.len(), job.submit_us, small.heal_us), (2, 0, 0, 0));
    assert_eq!((job.cancel_after_us, job.again_after_us), (None, None));
    assert_eq!((worker.slots, worker.start_us), (1, 0));
    assert_eq!(small.faults[0].trigger, Trigger::At { us: 0 });
}

#[test]
fn lines_go_until_each_is_needed() {
    let lines = |scenario: &Scenario| {
        let files = scenario.jobs.iter().flat_map(|job| &job.files);
        files.map(|file| file.bytes.iter().filter(|byte| **byte == b'\n').count()).sum::<usize>()
    };
    let small = shrink(scenario(|it| lines(it) > 150), |scenario| lines(scenario) >= 7, BUDGET_RUNS);
    let texts: Vec<&[u8]> =
        small.jobs.iter().flat_map(|job| &job.files).map(|file| file.bytes.as_slice()).collect();
    assert_eq!(texts, [b"a\n".repeat(7)]);
}

#[test]
fn a_text_of_many_bytes_is_one_plain_line() {
    let bytes = |scenario: &Scenario| {
        scenario.jobs.iter().flat_map(|job| &job.files).map(|file| file.bytes.len()).sum::<usize>()
    };
    let small = shrink(scenario(|it| bytes(it) > 5_000), |scenario| bytes(scenario) >= 1_000, BUDGET_RUNS);
    let text = &small.jobs[0].files[0].bytes;
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
    assert!(lines == 1 && text.iter().all(|byte| b"a\n".contains(byte)), "{}", text.escape_ascii());
}

#[test]
fn what_faults_name_is_renamed_with_what_went() {
    let crash = |host| PlannedFault {
        trigger: Trigger::Write { host, nth: 1, moment: crate::scenario::Moment::Before },
        fault: Fault::Pause { host, for_us: None },
    };
    let rot =
        |disk| PlannedFault { trigger: Trigger::At { us: 1 }, fault: Fault::SyncFails { disk, times: 1 } };
    let mut large = scenario(|it| it.jobs.len() == 2 && it.workers.len() == 3 && it.capable == 2);
    large.faults = (0..5).map(Host::Client).chain((0..3).map(Host::Worker)).map(crash).collect();
    large.faults.extend([rot(DiskName::Scratch(0)), rot(DiskName::Scratch(2)), rot(DiskName::Shared)]);
    // The second worker and the second job are what it takes, and no fault is to be left out by itself.
    let slots = large.workers[2].slots;
    let output = large.jobs[1].output.clone();
    let mut after = [Vec::new(), Vec::new()];
    for (edits, after) in [parts::jobs, parts::workers].into_iter().zip(&mut after) {
        let mut small = large.clone();
        edits(&large).last().expect("the first is left out last")(&mut small);
        small.check().expect("it makes sense");
        *after = small.faults;
        assert_eq!(small.jobs.last().map(|job| &job.output), Some(&output));
        assert_eq!(small.workers[usize::from(small.capable)].slots, slots);
    }
    let faults = |hosts: Vec<Host>, disks: &[DiskName]| -> Vec<PlannedFault> {
        hosts.into_iter().map(crash).chain(disks.iter().copied().map(rot)).collect()
    };
    let workers = |count| (0..count).map(Host::Worker);
    let [job_gone, worker_gone] = after;
    let all_disks = [DiskName::Scratch(0), DiskName::Scratch(2), DiskName::Shared];
    // Left are the second job's client, who shuts down, and the one that submits the second job again.
    assert_eq!(job_gone, faults((0..3).map(Host::Client).chain(workers(3)).collect(), &all_disks));
    let disks = [DiskName::Scratch(1), DiskName::Shared];
    assert_eq!(worker_gone, faults((0..5).map(Host::Client).chain(workers(2)).collect(), &disks));
}

#[test]
fn inputs_name_what_is_left() {
    let large = scenario(|it| it.jobs.iter().any(|job| job.inputs.len() > 2));
    let named = |scenario: &Scenario| {
        scenario
            .jobs
            .iter()
            .any(|job| job.inputs.len() == 1 && job.files.len() == 1 && job.inputs[0] == job.files[0].path)
    };
    let fails = |scenario: &Scenario| {
        for job in &scenario.jobs {
            for input in job
                .inputs
                .iter()
                .filter(|input| input.to_string().contains("text-") && !input.0.ends_with(b"*"))
            {
                assert!(job.files.iter().any(|file| file.path == *input), "{input} is gone");
            }
            assert!(!job.inputs.is_empty());
        }
        named(scenario) || scenario.jobs.iter().any(|job| job.inputs.len() > 1)
    };
    let small = shrink(large, fails, BUDGET_RUNS);
    assert!(named(&small) && small.jobs.len() == 1, "{small:?}");
}

#[test]
fn the_budget_is_kept() {
    let large = scenario(|it| it.faults.len() > 8);
    for budget in [0, 1, 17] {
        let mut runs = 0;
        shrink(
            large.clone(),
            |scenario| {
                runs += 1;
                scenario.faults.len() > 4
            },
            budget,
        );
        assert_eq!(runs, budget);
    }
}

#[test]
fn what_never_fails_stays_as_it_is() {
    let large = Scenario::from_seed(3);
    assert_eq!(shrink(large.clone(), |_| false, BUDGET_RUNS), large);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever decides, as long as it decides alike.
    #[test]
    fn what_comes_of_it_still_fails_and_makes_sense(seed in 0..10_000_u64, salt: u64, often in 1..4_u64) {
        let large = Scenario::from_seed(seed);
        let all = large.clone();
        let fails = |scenario: &Scenario| {
            scenario.check().expect("only what makes sense is run");
            let hash = crate::trace::chain(salt, scenario.to_text().as_bytes());
            *scenario == all || hash % 4 < often
        };
        let small = shrink(large.clone(), fails, 400);
        prop_assert!(fails(&small));
        prop_assert!(Size::of(&small) <= Size::of(&large));
        prop_assert_eq!(Scenario::from_text(&small.to_text()), Ok(small.clone()));
        prop_assert_eq!(shrink(large, fails, 400), small);
    }
}
