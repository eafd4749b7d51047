//! How attempts begin, and what becomes of their outputs.

use super::*;
use crate::job::ProgramRole;
use crate::wire::message::OutputEntry;
use crate::worker::attempt::{AttemptSetting, MapWork, Program, ReduceWork, RunLocation};

#[test]
fn a_map_is_offered_before_its_end_is_told_and_held_once_it_counts() {
    let mut stage = Stage::new(1);
    stage.register(1);
    assert_eq!(stage.say(&launch(MAP)), ["start map-00000-1-0"]);
    let id = attempt(MAP);
    assert_eq!(stage.local(WorkerInput::Ended(id, Ok(success()))), ["shuffle Offer", "Ended map-00000-1-0"]);
    assert!(stage.say(&ToWorker::Acknowledged { attempt: id, counts: true }).is_empty());
    assert_eq!(stage.say(&ToWorker::DropJob { job: JobId(1) }), ["shuffle Forget"]);
}

#[test]
fn a_map_that_does_not_count_is_withdrawn() {
    let mut stage = Stage::new(1);
    stage.register(1);
    stage.say(&launch(MAP));
    let id = attempt(MAP);
    stage.local(WorkerInput::Ended(id, Ok(success())));
    assert_eq!(stage.say(&ToWorker::Acknowledged { attempt: id, counts: false }), ["shuffle Withdraw"]);
}

#[test]
fn a_reduce_gathers_without_a_slot_and_runs_when_it_is_given_one() {
    let mut stage = Stage::new(1);
    stage.register(1);
    assert_eq!(stage.say(&launch(REDUCE)), ["shuffle Gather", "PullOutputs 0"]);
    assert_eq!(stage.say(&launch(MAP)), ["start map-00000-1-0"], "the slot is free");
    let report = ShuffleReport::Gathered { attempt: attempt(REDUCE), runs: Vec::new(), fetched_bytes: 0 };
    assert_eq!(stage.local(WorkerInput::Shuffle(report)), ["Gathered"]);
    assert!(stage.say(&ToWorker::Run { attempt: attempt(REDUCE) }).is_empty(), "the slot is taken here");
    let lines = stage.local(WorkerInput::Ended(attempt(MAP), Ok(success())));
    assert_eq!(lines, ["shuffle Offer", "Ended map-00000-1-0", "start reduce-00000-1-0"]);
}

/// What an attempt of the job in `launch` is set to.
fn setting(task: TaskId, role: ProgramRole, word: &str) -> AttemptSetting {
    let (id, staging) = (attempt(task), Staging::beside(&PathBytes::from("/data/out"), 9));
    let scratch = PathBytes::from("/scratch/job-1").join(id.file_stem());
    let variable = |name: &str, value| (PathBytes::from(name), value);
    let program = Program {
        role,
        command: CommandLine { words: Vec::from([PathBytes::from(word)]) },
        directory: PathBytes::from("/home/ada"),
        environment: Vec::from([
            variable("TMPDIR", scratch.join("tmp")),
            variable("LANG", PathBytes::from("C")),
        ]),
    };
    AttemptSetting {
        attempt: id,
        program,
        nonce_path: staging.nonce_path(),
        nonce: 9,
        scratch,
        output: staging.output_of(&id),
        sort_bytes: 1 << 20,
        sync: true,
        task_timeout_us: 0,
    }
}

#[test]
fn attempts_are_started_with_what_was_ordered() {
    let mut stage = Stage::new(2);
    stage.register(1);
    stage.say(&launch(MAP));
    let identity = FileIdentity { inode: 1, size_bytes: 1, modified_ns: 1 };
    let map = MapWork {
        setting: setting(MAP, ProgramRole::Mapper, "m"),
        input: InputFile { path: PathBytes::from("/in"), identity },
        split: Split { input: 0, offset: 0, length_bytes: 1 },
        holes: Vec::new(),
        quarantine: PathBytes::from("/data/.out.windrow-0000000000000009/map-00000-1-0-quarantine"),
        trial: None,
        reducers: 1,
    };
    assert_eq!(stage.started, Some(Work::Map(map)));

    stage.say(&launch(REDUCE));
    let path = PathBytes::from("/scratch/job-1/reduce-00000-1-0/fetched.runs");
    let runs = Vec::from([RunLocation { map: attempt(MAP), path, segment: Segment::default() }]);
    let gathered = ShuffleReport::Gathered { attempt: attempt(REDUCE), runs: runs.clone(), fetched_bytes: 5 };
    stage.local(WorkerInput::Shuffle(gathered));
    stage.say(&ToWorker::Run { attempt: attempt(REDUCE) });
    let setting = setting(REDUCE, ProgramRole::Reducer, "r");
    assert_eq!(stage.started, Some(Work::Reduce(ReduceWork { setting, runs, fetched_bytes: 5 })));
}

#[test]
fn what_was_ordered_twice_is_done_once() {
    let mut stage = Stage::new(2);
    stage.register(1);
    assert_eq!(stage.say(&launch(MAP)), ["start map-00000-1-0"]);
    assert!(stage.say(&launch(MAP)).is_empty());
    assert_eq!(stage.say(&launch(REDUCE)), ["shuffle Gather", "PullOutputs 0"]);
    assert!(stage.say(&launch(REDUCE)).is_empty());
}

#[test]
fn only_a_map_that_ended_well_and_has_reducers_is_held() {
    let failed = Err(Failure::new(Cause::Killed));
    let without_output = Ok(AttemptSuccess { map_output: None, ..success() });
    for (order, task, result) in [
        (launch(MAP), MAP, failed.clone()),
        (launch_of_job(MAP, 0), MAP, without_output),
        (launch(REDUCE), REDUCE, failed),
    ] {
        let mut stage = Stage::new(1);
        stage.register(1);
        stage.say(&order);
        stage.local(WorkerInput::Ended(attempt(task), result));
        for counts in [true, false] {
            assert!(stage.say(&ToWorker::Acknowledged { attempt: attempt(task), counts }).is_empty());
        }
        stage.close();
        assert_eq!(stage.register(2)[2], "Inventory []");
    }
}

fn entry(map_index: u32) -> OutputEntry {
    OutputEntry { map_index, location: None }
}

#[test]
fn of_the_log_of_outputs_each_entry_is_handed_on_once_and_none_is_left_out() {
    let mut stage = Stage::new(1);
    stage.register(1);
    stage.say(&launch(REDUCE));
    let mut told = |start, entries: &[u32]| {
        let entries = entries.iter().map(|index| entry(*index)).collect();
        let lines = stage.say(&ToWorker::Outputs { job: JobId(1), start, entries });
        let last = match stage.commanded.take() {
            Some(ShuffleCommand::Locate { map_index, .. }) => Some(map_index),
            _ => None,
        };
        (lines, last)
    };
    let expected = |handed_on: usize, cursor: u64| {
        let mut lines = vec![String::from("shuffle Locate"); handed_on];
        lines.push(format!("PullOutputs {cursor}"));
        lines
    };
    assert_eq!(told(1, &[7]), (expected(0, 0), None), "what comes before is asked for");
    assert_eq!(told(0, &[5, 6]), (expected(2, 2), Some(6)));
    assert_eq!(told(1, &[6, 7]), (expected(1, 3), Some(7)), "one of them is known");
    assert_eq!(told(0, &[5]), (expected(0, 3), None), "all of it is known");
}

#[test]
fn what_the_shuffle_says_late_of_a_reduce_that_has_its_runs_changes_nothing() {
    let mut stage = Stage::new(1);
    stage.register(1);
    stage.say(&launch(REDUCE));
    let gathered = || ShuffleReport::Gathered { attempt: attempt(REDUCE), runs: vec![], fetched_bytes: 0 };
    assert_eq!(stage.local(WorkerInput::Shuffle(gathered())), ["Gathered"]);
    let cause = || Cause::RunCorrupt { map: attempt(MAP) };
    let late = [
        gathered(),
        ShuffleReport::Unfetchable { attempt: attempt(REDUCE), map: attempt(MAP), cause: cause() },
        ShuffleReport::Failed { attempt: attempt(REDUCE), cause: cause() },
    ];
    for report in late {
        assert!(stage.local(WorkerInput::Shuffle(report)).is_empty());
    }
}
