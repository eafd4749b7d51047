//! A search against a program of which it is known what it fails on.

use super::*;
use crate::failure::{Cause, Excerpt, ExitStatus};
use crate::ids::{Epoch, JobId, TaskId};
use crate::job::{PathBytes, ProgramRole};
use alloc::vec::Vec;
use proptest::prelude::*;

fn cause(code: i32) -> Cause {
    Cause::ProgramFailed { role: ProgramRole::Mapper, command: "m".into(), status: ExitStatus::Code(code) }
}

fn failure(code: i32, given: ByteRange, records: u64) -> Failure {
    let ByteRange { offset, length_bytes } = given;
    Failure {
        input: Some(InputRange { path: PathBytes::from("/in"), offset, length_bytes }),
        excerpt: Some(Box::new(Excerpt { records, beginning: Vec::new() })),
        ..Failure::new(cause(code))
    }
}

/// Records of these lengths, all of them beginning in a range.
fn records_in(lengths: &[u64], range: ByteRange) -> Vec<(usize, ByteRange)> {
    let mut offset = 0;
    let all = lengths.iter().map(|length_bytes| {
        offset += length_bytes;
        ByteRange { offset: offset - length_bytes, length_bytes: *length_bytes }
    });
    let begins = |record: &ByteRange| (range.offset..range.end()).contains(&record.offset);
    all.enumerate().filter(|(_, record)| begins(record)).collect()
}

/// Searches in records of these lengths; `run` tells by which code the program ends that is given these records, by index,
/// and how many of them it was given by then. Gives what was found and how many trials that took.
fn search(lengths: &[u64], mut run: impl FnMut(&[usize]) -> Option<(i32, usize)>) -> (Finding, u32) {
    let whole = ByteRange { offset: 0, length_bytes: lengths.iter().sum() };
    let mut search = Search::begin(failure(3, whole, lengths.len() as u64)).expect("there is input");
    for number in 0.. {
        let attempt = AttemptId { job: JobId(1), task: TaskId::Map(0), epoch: Epoch(1), number };
        let range = search.launch(attempt);
        assert!(search.is_trial(attempt) && number <= 140, "it comes to an end");
        let given = records_in(lengths, range);
        let indexes: Vec<usize> = given.iter().map(|(index, _)| *index).collect();
        let failure = run(&indexes).map(|(code, read)| {
            let given = &given[..read];
            match (given.first(), given.last()) {
                (Some((_, first)), Some((_, last))) => {
                    let length_bytes = last.end() - first.offset;
                    failure(code, ByteRange { offset: first.offset, length_bytes }, read as u64)
                }
                (_, _) => Failure::new(cause(code)),
            }
        });
        match search.tried(failure) {
            Finding::GoOn => {}
            end => return (end, number + 1),
        }
    }
    unreachable!("it comes to an end")
}

fn found(finding: Finding) -> (ByteRange, u64) {
    let Finding::Found(failure) = finding else { panic!("it is found: {finding:?}") };
    let InputRange { offset, length_bytes, .. } = failure.input.expect("it names its input");
    (ByteRange { offset, length_bytes }, failure.excerpt.expect("and what is in it").records)
}

proptest! {
    #[test]
    fn one_bad_record_is_found_wherever_it_is(
        lengths in prop::collection::vec(1_u64..3_000, 1..60),
        bad in any::<prop::sample::Index>(),
        reads_ahead in 0_usize..10,
    ) {
        let bad = bad.index(lengths.len());
        let (finding, trials) = search(&lengths, |given| {
            let place = given.iter().position(|index| *index == bad)?;
            Some((3, given.len().min(place + 1 + reads_ahead)))
        });
        let begin: u64 = lengths[..bad].iter().sum();
        prop_assert_eq!(found(finding), (ByteRange { offset: begin, length_bytes: lengths[bad] }, 1));
        prop_assert!(trials <= 1 + 2 * 18 + CONFIRMATIONS, "{} trials", trials);
    }

    #[test]
    fn one_of_several_bad_records_is_found(
        lengths in prop::collection::vec(1_u64..300, 1..40),
        bad in prop::collection::vec(any::<bool>(), 40),
    ) {
        prop_assume!(bad[..lengths.len()].contains(&true));
        let is_bad = |index: &usize| bad[*index];
        let (finding, _) = search(&lengths, |given| {
            given.iter().position(is_bad).map(|place| (3, place + 1))
        });
        let (range, records) = found(finding);
        let mut alone = records_in(&lengths, range);
        prop_assert_eq!(records, 1);
        prop_assert!(alone.pop().is_some_and(|(index, record)| is_bad(&index) && record == range));
    }

    #[test]
    fn whatever_a_program_does_the_search_ends(
        lengths in prop::collection::vec(1_u64..300, 1..40),
        ends in prop::collection::vec(prop::option::of((3..5, any::<prop::sample::Index>())), 1..20),
    ) {
        let mut ends = ends.iter().cycle();
        search(&lengths, |given| {
            let (code, read) = ends.next().copied().flatten()?;
            Some((code, if given.is_empty() { 0 } else { 1 + read.index(given.len()) }))
        });
    }
}

#[test]
fn records_that_fail_only_together_are_found_together() {
    let (finding, _) =
        search(&[10; 16], |given| (given.contains(&5) && given.contains(&9)).then_some((3, given.len())));
    let (range, records) = found(finding);
    assert_eq!((range, records), (ByteRange { offset: 0, length_bytes: 160 }, 16), "no half has both");
    let (finding, _) =
        search(&[10; 16], |given| (given.contains(&5) && given.contains(&6)).then_some((3, given.len())));
    let (range, records) = found(finding);
    assert_eq!((range, records), (ByteRange { offset: 40, length_bytes: 40 }, 4));
}

#[test]
fn a_program_that_always_fails_is_known_after_one_trial() {
    let (finding, trials) = search(&[10; 16], |given| Some((3, given.len())));
    assert!(matches!(finding, Finding::NoneToBlame(failure) if failure.cause == cause(3)));
    assert_eq!(trials, 1);
}

#[test]
fn a_program_that_fails_no_more_has_no_bad_record() {
    let (finding, trials) = search(&[10; 16], |_| None);
    assert!(matches!(finding, Finding::NoneToBlame(_)));
    assert_eq!(trials, 4, "nothing, both halves, all");
}

#[test]
fn a_failure_of_another_kind_is_not_the_one_that_is_sought() {
    let (finding, _) = search(&[10; 16], |given| match (given.contains(&5), given.contains(&1)) {
        (true, _) => Some((3, given.len())),
        // As a grep that finds nothing.
        (false, true) => Some((1, given.len())),
        (false, false) => None,
    });
    assert_eq!(found(finding), (ByteRange { offset: 50, length_bytes: 10 }, 1));
}

#[test]
fn a_record_that_fails_only_now_and_then_is_not_to_blame() {
    let mut times = 0;
    let (finding, _) = search(&[10], |given| {
        times += u32::from(!given.is_empty());
        (!given.is_empty() && times != 4).then_some((3, 1))
    });
    assert!(matches!(finding, Finding::NoneToBlame(_)));
}

#[test]
fn nothing_is_sought_where_no_record_can_be_to_blame() {
    assert!(Search::begin(Failure::new(cause(1))).is_none(), "no input is known");
    let nothing = ByteRange { offset: 3, length_bytes: 0 };
    assert!(Search::begin(failure(1, nothing, 0)).is_none(), "it was given nothing");
    let something = ByteRange { offset: 3, length_bytes: 1 };
    let killed = Failure { cause: Cause::WorkerLost, ..failure(1, something, 1) };
    assert!(Search::begin(killed).is_none());
}
