//! Attempts played to their end: answers, failures and kills come in any order, and whatever comes the attempt ends once,
//! holds nothing, and its output is the whole of it or not claimed at all.

mod play;

use crate::data::digest::Digester;
use crate::data::merge::{Merge, Step};
use crate::data::partition::partition_of;
use crate::data::record::Record;
use crate::failure::{ExitStatus, Failure, OsError, OsErrorKind};
use crate::ids::{AttemptId, Epoch, FileId, JobId, Partition, TaskId};
use crate::job::{CommandLine, FileIdentity, InputFile, PathBytes, ProgramRole, Split};
use crate::limits::DRAIN_US;
use crate::machine::Machine;
use crate::time::{SECOND_US, Time};
use crate::worker::attempt::{
    Activity, AttemptInput, AttemptMachine, AttemptOutput, AttemptSetting, AttemptSuccess, MapOutput,
    MapWork, Program, ReduceWork, RunLocation,
};
use crate::worker::disk::{DiskReply, DiskRequest};
use crate::worker::map_attempt::MapAttempt;
use crate::worker::reduce_attempt::ReduceAttempt;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use alloc::{format, vec};
use play::{Chances, Ended, Files, Play, identity};
use proptest::prelude::*;
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};

const NONCE: u64 = 7;
const PARTITIONS: u32 = 2;

fn setting(task: TaskId, number: u32) -> AttemptSetting {
    let attempt = AttemptId { job: JobId(1), task, epoch: Epoch(1), number };
    let role = match task {
        TaskId::Map(_) => ProgramRole::Mapper,
        TaskId::Reduce(_) => ProgramRole::Reducer,
    };
    let command = CommandLine { words: vec![PathBytes::from("copy")] };
    AttemptSetting {
        attempt,
        program: Program { role, command, directory: PathBytes::from("/"), environment: Vec::new() },
        nonce_path: PathBytes::from("/staging/nonce"),
        nonce: NONCE,
        scratch: PathBytes::from("/scratch").join(attempt.file_stem()),
        output: PathBytes::from("/staging").join(attempt.file_stem()),
        sort_bytes: 1 << 20,
        sync: true,
        task_timeout_us: SECOND_US,
    }
}

fn map_work(task: u32, input: &[u8], reducers: u32) -> MapWork {
    MapWork {
        setting: setting(TaskId::Map(task), 0),
        input: InputFile { path: PathBytes::from("/in"), identity: identity(input) },
        split: Split { input: 0, offset: 0, length_bytes: input.len() as u64 },
        holes: Vec::new(),
        quarantine: PathBytes::from("/staging/quarantine"),
        trial: None,
        reducers,
    }
}

fn files_with(input: &[u8]) -> Files {
    let nonce = (PathBytes::from("/staging/nonce"), NONCE.to_le_bytes().to_vec());
    Files::from([nonce, (PathBytes::from("/in"), input.to_vec())])
}

/// So many lines with few keys, each with its number, so that order shows.
fn lines(count: u32, width: usize) -> Vec<u8> {
    let mut text = Vec::new();
    for number in 0..count {
        text.extend_from_slice(format!("key{}\t{number:0width$}\n", number % 17).as_bytes());
    }
    text
}

/// What the run of a partition must hold: a stable sort of its lines by their keys.
fn sorted(text: &[u8], partition: Partition) -> Vec<u8> {
    let mut records: Vec<_> = text
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(Record::parse_line)
        .filter(|record| partition_of(record.key, PARTITIONS) == partition)
        .collect();
    records.sort_by_key(|record| record.key);
    let mut sorted = Vec::new();
    records.iter().for_each(|record| record.append_line(&mut sorted));
    sorted
}

fn read_run(files: &Files, output: &MapOutput, partition: Partition) -> Vec<u8> {
    let file = &files[&output.path];
    let mut merge = Merge::new(vec![output.segment(partition)]);
    let mut text = Vec::new();
    loop {
        match merge.step() {
            Step::Read { source, offset, length_bytes } => {
                let rest = &file[offset as usize..];
                merge.push_read(source, &rest[..length_bytes.min(rest.len())]);
            }
            Step::Record(record) => record.append_line(&mut text),
            Step::Done => return text,
            Step::Corrupt { .. } => panic!("the run is corrupt"),
        }
    }
}

/// Checks what a map left. A removal that failed is left to the removal of the job.
fn check_map(ended: Ended, files: &Files, input: &[u8], disk_may_fail: bool) -> Option<MapOutput> {
    let scratch = b"/scratch/";
    let Ok(success) = ended else {
        return None;
    };
    let output = success.map_output.expect("a map with reducers has runs");
    let mut digester = Digester::default();
    for partition in (0..PARTITIONS).map(Partition) {
        let due = sorted(input, partition);
        assert!(read_run(files, &output, partition) == due, "the output is not the input");
        let records =
            due.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(Record::parse_line);
        records.for_each(|record| digester.push(record));
        digester.end_partition();
    }
    assert_eq!(output.digest, digester.finish(), "the digest is that of the records, whatever was spilled");
    if !disk_may_fail {
        let own = files.keys().filter(|path| path.0.starts_with(scratch)).count();
        assert_eq!(own, 1, "its one file of runs is all that a map leaves: {:?}", files.keys());
    }
    Some(output)
}

fn chances(kind: u64) -> Chances {
    let none = Chances::default();
    match kind % 4 {
        0 => none,
        1 => Chances { killed: 20, ..none },
        2 => Chances { disk_fails: 20, spawn_fails: 50, ..none },
        _ => Chances { disk_fails: 5, spawn_fails: 10, program_fails: 5, killed: 5, ..none },
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn a_map_ends_once_and_holds_nothing(seed: u64, kind: u64, count in 0u32..3_000, width in 1usize..2_000) {
        let input = lines(count, width);
        let play = Play::new(
            MapAttempt::new(map_work(0, &input, PARTITIONS)), files_with(&input), chances(kind), seed,
        );
        let (ended, files) = play.run();
        if kind % 4 == 0 {
            prop_assert!(ended.is_ok(), "nothing failed it: {ended:?}");
        }
        check_map(ended, &files, &input, chances(kind).disk_fails > 0);
    }

    #[test]
    fn a_map_without_reducers_prints_its_part(seed: u64, kind: u64, count in 0u32..3_000) {
        let input = lines(count, 300);
        let play =
            Play::new(MapAttempt::new(map_work(0, &input, 0)), files_with(&input), chances(kind), seed);
        let (ended, files) = play.run();
        if ended.is_ok() {
            prop_assert!(files[&setting(TaskId::Map(0), 0).output] == input, "the part is not the input");
        }
    }

    #[test]
    fn a_reduce_ends_once_and_holds_nothing(seed: u64, kind: u64, maps in 0u32..20, count in 0u32..200) {
        let mut files = files_with(&[]);
        let (mut runs, mut all) = (Vec::new(), Vec::new());
        for map in 0..maps {
            let input = lines(count, 1 + map as usize);
            files.insert(PathBytes::from("/in"), input.clone());
            let machine = MapAttempt::new(map_work(map, &input, PARTITIONS));
            let (ended, after) = Play::new(machine, files, Chances::default(), seed).run();
            files = after;
            let output = ended.unwrap().map_output.unwrap();
            let map = setting(TaskId::Map(map), 0).attempt;
            let segment = output.segment(Partition(1));
            runs.push(RunLocation { map, path: output.path, segment });
            all.extend_from_slice(&input);
        }
        let setting = setting(TaskId::Reduce(1), 0);
        let output = setting.output.clone();
        let machine = ReduceAttempt::new(ReduceWork { setting, runs, fetched_bytes: 0 });
        let (ended, files) = Play::new(machine, files, chances(kind), seed).run();
        if kind % 4 == 0 {
            prop_assert!(ended.is_ok(), "nothing failed it: {ended:?}");
        }
        if ended.is_ok() {
            prop_assert!(files[&output] == sorted(&all, Partition(1)), "the part is not the sorted input");
        }
    }
}

#[test]
fn a_kill_that_comes_after_the_end_changes_nothing() {
    let input = lines(10, 1);
    let machine = MapAttempt::new(map_work(0, &input, PARTITIONS));
    let mut play = Play::new(machine, files_with(&input), Chances::default(), 1);
    play.play();
    assert!(matches!(play.ended, Some(Ok(_))));
    play.machine.handle_input(AttemptInput::Kill, play.now);
    assert_eq!(play.machine.poll_output(), None);
}

/// More spills than are merged at once within the memory for sorting: some neighbours are merged first.
#[test]
fn a_map_of_many_spills_merges_them_in_turns_and_counts_what_that_wrote() {
    let input = lines(12_000, 1_000);
    let machine = MapAttempt::new(map_work(0, &input, PARTITIONS));
    let mut play = Play::new(machine, files_with(&input), Chances::default(), 1);
    play.play();
    let ended = play.ended.take().expect("it was played to its end");
    let counters = ended.as_ref().expect("nothing failed it").counters;
    let output = check_map(ended, &play.files, &input, false).expect("it ended well");
    let kept_bytes = play.files[&output.path].len() as u64;
    assert!(counters.spilled_bytes > kept_bytes, "some of it was merged twice");
    assert_eq!(counters.spilled_bytes, play.written_bytes - kept_bytes);
    assert_eq!(counters.map_output_bytes, input.len() as u64);
}

/// The end of a program's output is still in its pipe while a slow disk takes a spill.
#[test]
fn what_a_program_printed_before_its_end_is_not_lost_to_a_slow_disk() {
    let input = lines(3_000, 1_000);
    for seed in 0..50 {
        let chances = Chances { disk_us: 4 * DRAIN_US, ..Chances::default() };
        let machine = MapAttempt::new(map_work(0, &input, PARTITIONS));
        let (ended, files) = Play::new(machine, files_with(&input), chances, seed).run();
        assert!(check_map(ended, &files, &input, false).is_some(), "only the disk was slow");
    }
}
