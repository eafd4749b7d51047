//! Shares against what users are promised of them, whatever the jobs: the test plays slots that fall free one by one.

use super::*;
use alloc::vec::Vec;
use proptest::prelude::*;

const SLOT: AttemptStage = AttemptStage::Running;

fn priority() -> impl Strategy<Value = Priority> {
    proptest::sample::select(&Priority::ALL[..])
}

/// The job that comes to the next slot, and takes it.
fn deal(shares: &mut Shares, jobs: &[JobId]) -> JobId {
    let first = jobs.iter().map(|job| shares.slot_rank(*job)).min().expect("there are jobs");
    shares.begin(first.job, SLOT);
    first.job
}

fn joined(priorities: &[Priority]) -> (Shares, Vec<JobId>) {
    let mut shares = Shares::default();
    let jobs: Vec<JobId> = (1..).map(JobId).take(priorities.len()).collect();
    for (job, priority) in jobs.iter().zip(priorities) {
        shares.join(*job, *priority);
    }
    (shares, jobs)
}

#[test]
fn slots_that_are_free_at_once_are_dealt_by_weight() {
    let (mut shares, jobs) = joined(&Priority::ALL);
    for _ in 0..21 {
        deal(&mut shares, &jobs);
    }
    assert_eq!(jobs.iter().map(|job| shares.slots(*job)).collect::<Vec<_>>(), [1, 4, 16]);
}

#[test]
fn one_slot_goes_round_by_weight() {
    let (mut shares, jobs) = joined(&[Priority::Normal, Priority::High]);
    let mut taken = Vec::new();
    for _ in 0..50 {
        let job = deal(&mut shares, &jobs);
        shares.end(job, SLOT);
        taken.push(job);
    }
    assert_eq!(taken.iter().filter(|job| **job == jobs[0]).count(), 10);
    assert_eq!(
        taken[..5],
        [jobs[1], jobs[1], jobs[1], jobs[0], jobs[1]],
        "and is not taken in rows of one job"
    );
}

#[test]
fn of_equal_jobs_the_older_is_first() {
    let (mut shares, jobs) = joined(&[Priority::Low; 3]);
    assert_eq!([(); 4].map(|()| deal(&mut shares, &jobs)), [jobs[0], jobs[1], jobs[2], jobs[0]]);
}

#[test]
fn room_to_gather_is_parted_by_weight_and_each_may_gather_one() {
    let (mut shares, jobs) = joined(&[Priority::High, Priority::Normal]);
    assert_eq!(jobs.iter().map(|job| shares.part(*job, 10)).collect::<Vec<_>>(), [8, 2]);
    assert_eq!(shares.part(jobs[1], 1), 1);
    shares.leave(jobs[0]);
    assert_eq!(shares.part(jobs[1], 10), 10);
}

proptest! {
    /// A job without a slot comes to one before any other comes to a second.
    #[test]
    fn nobody_takes_a_second_slot_while_another_has_none(
        priorities in proptest::collection::vec(priority(), 1..8),
        freed in proptest::collection::vec(0_usize..8, 0..60),
        slots in 1_usize..12,
    ) {
        let (mut shares, jobs) = joined(&priorities);
        let mut held: Vec<JobId> = (0..slots).map(|_| deal(&mut shares, &jobs)).collect();
        for index in freed {
            let job = held.swap_remove(index % slots);
            shares.end(job, SLOT);
            let had: Vec<u32> = jobs.iter().map(|job| shares.slots(*job)).collect();
            let next = deal(&mut shares, &jobs);
            let is_second = had[jobs.iter().position(|job| *job == next).unwrap()] > 0;
            prop_assert!(!is_second || had.iter().all(|slots| *slots > 0), "{next} came before one without: {had:?}");
            held.push(next);
        }
    }

    /// However many jobs of whatever weight come, each of which takes its turn at once, one that waits comes to its own.
    #[test]
    fn nobody_waits_for_ever_behind_those_that_come_later(first in priority(), later in priority()) {
        let mut shares = Shares::default();
        let waiting = JobId(1);
        shares.join(waiting, first);
        // It has just had the one slot that there is.
        deal(&mut shares, &[waiting]);
        shares.end(waiting, SLOT);
        let most = Priority::WEIGHT_MAX + 2;
        let mut jobs = Vec::from([waiting]);
        for number in 2..=2 * most {
            shares.join(JobId(number), later);
            jobs.push(JobId(number));
            let next = deal(&mut shares, &jobs);
            shares.end(next, SLOT);
            if next == waiting {
                return Ok(());
            }
            shares.leave(next);
            jobs.retain(|job| *job != next);
        }
        prop_assert!(false, "it waits for more than {most} that came later");
    }

    /// Two jobs that always want more hold slots as their weights are to each other, but for one.
    #[test]
    fn slots_are_held_by_weight(pair in (priority(), priority()), slots in 1_u32..60) {
        let (mut shares, jobs) = joined(&[pair.0, pair.1]);
        for _ in 0..slots {
            deal(&mut shares, &jobs);
        }
        let held = jobs.iter().map(|job| u64::from(shares.slots(*job)));
        let loads: Vec<u64> = held.zip([pair.0, pair.1]).map(|(held, of)| held * (16 / of.weight())).collect();
        let step = 16 / pair.0.weight().min(pair.1.weight());
        prop_assert!(loads[0].abs_diff(loads[1]) <= step, "{loads:?}");
    }
}
