//! The simulator's own promise: a scenario gives one run, twice in one process and in any other, whatever its
//! environment. Where that is broken, the first event that differs is named.

use sim::scenario::Scenario;
use sim::trace::Transcript;
use sim::world::{Outcome, Watch};
use std::collections::BTreeSet;
use std::sync::mpsc;

/// Seeds that are run everywhere.
const SEEDS: u64 = 40;
/// What another process is asked for: the transcript of a seed; the hashes of all seeds without.
const TRANSCRIPT_OF: &str = "WINDROW_TRANSCRIPT_OF";
/// What another process begins each line of its answer with.
const ANSWER: &str = "> ";

fn run(scenario: Scenario) -> Outcome {
    sim::run(scenario, Watch::default())
}

fn hash_line(seed: u64) -> String {
    format!("{seed} {:016x}", run(Scenario::from_seed(seed)).trace_hash)
}

fn transcript(scenario: Scenario) -> Vec<String> {
    let (sender, lines) = mpsc::channel();
    let transcript: Transcript = Box::new(move |line| sender.send(line.into()).expect("it is read"));
    sim::run(scenario, Watch { transcript: Some(transcript), observer: None });
    lines.into_iter().collect()
}

/// The first event that two transcripts tell differently.
fn first_difference(one: &[String], other: &[String]) -> Option<String> {
    let line = |lines: &[String], index: usize| lines.get(index).map_or("the end", |line| line).to_string();
    let index = (0..one.len().max(other.len())).find(|index| one.get(*index) != other.get(*index))?;
    let (one, other) = (line(one, index), line(other, index));
    Some(format!("event {} is the first that differs:\n  {one}\n  {other}", index + 1))
}

/// Another process of this test, in an environment of its own.
mod elsewhere {
    use super::{ANSWER, TRANSCRIPT_OF};

    /// What is different there.
    #[derive(Copy, Clone, Debug)]
    pub struct Place {
        /// Where it starts.
        pub directory: &'static str,
        /// Its only variables.
        pub variables: &'static [(&'static str, &'static str)],
    }

    pub const PLACES: [Place; 2] = [
        Place { directory: "/", variables: &[] },
        Place {
            directory: env!("CARGO_MANIFEST_DIR"),
            variables: &[
                ("TZ", "Asia/Kathmandu"),
                ("LANG", "tr_TR.UTF-8"),
                ("LC_ALL", "tr_TR.UTF-8"),
                ("RUST_LOG", "trace"),
                ("RUST_BACKTRACE", "full"),
                ("RUST_MIN_STACK", "33554432"),
                ("HOME", "/nowhere"),
                ("MALLOC_PERTURB_", "165"),
                ("SOURCE_DATE_EPOCH", "1"),
                ("WINDROW_SEED", "99"),
            ],
        },
    ];

    /// What a process there answers.
    #[expect(clippy::disallowed_types, reason = "a world is compared with that of another process")]
    pub fn answer(place: Place, transcript_of: Option<u64>) -> Vec<String> {
        let executable = std::env::current_exe().expect("this test runs");
        let mut command = std::process::Command::new(executable);
        command.args(["--ignored", "--exact", "elsewhere::answers", "--nocapture", "--test-threads=1"]);
        command.current_dir(place.directory).env_clear().envs(place.variables.iter().copied());
        command.envs(transcript_of.map(|seed| (TRANSCRIPT_OF, seed.to_string())));
        let output = command.output().expect("a test can be started");
        assert!(output.status.success(), "{place:?}: {}", String::from_utf8_lossy(&output.stderr));
        let lines = String::from_utf8(output.stdout).expect("it says text");
        // The harness says the test's name in front of the first line.
        lines.lines().filter_map(|line| Some(line.split_once(ANSWER)?.1.to_string())).collect()
    }

    #[test]
    #[ignore = "answers the tests that start it"]
    #[expect(clippy::disallowed_methods, reason = "it is asked so; a run never reads this")]
    fn answers() {
        let lines: Vec<String> = match std::env::var(TRANSCRIPT_OF) {
            Ok(seed) => super::transcript(super::Scenario::from_seed(seed.parse().expect("it is a seed"))),
            Err(_) => (0..super::SEEDS).map(super::hash_line).collect(),
        };
        lines.iter().for_each(|line| println!("{ANSWER}{line}"));
    }
}

#[test]
fn a_seed_gives_the_same_run_twice() {
    let mut hashes = BTreeSet::new();
    for seed in 0..SEEDS {
        let (once, twice) = (run(Scenario::from_seed(seed)), run(Scenario::from_seed(seed)));
        if once != twice {
            let transcripts = [seed; 2].map(|seed| transcript(Scenario::from_seed(seed)));
            panic!("seed {seed}: {:?}", first_difference(&transcripts[0], &transcripts[1]));
        }
        hashes.insert(once.trace_hash);
    }
    assert_eq!(hashes.len() as u64, SEEDS, "different seeds are different runs");
}

#[test]
fn a_seed_gives_the_same_run_in_another_process_and_environment() {
    let here: Vec<String> = (0..SEEDS).map(hash_line).collect();
    for place in elsewhere::PLACES {
        let there = elsewhere::answer(place, None);
        assert_eq!(here.len(), there.len(), "{place:?}");
        if let Some(seed) = (0..SEEDS).find(|seed| here[*seed as usize] != there[*seed as usize]) {
            let here = transcript(Scenario::from_seed(seed));
            let there = elsewhere::answer(place, Some(seed));
            let difference = first_difference(&here, &there);
            panic!("seed {seed} differs in {place:?}: {}", difference.unwrap_or("not when looked at".into()));
        }
    }
}

#[test]
fn another_process_tells_the_same_transcript() {
    let here = transcript(Scenario::from_seed(5));
    assert_eq!(first_difference(&here, &elsewhere::answer(elsewhere::PLACES[1], Some(5))), None);
}

#[test]
fn a_microsecond_is_found_and_its_event_named() {
    let scenario = Scenario::from_seed(3);
    let mut later = scenario.clone();
    later.jobs[0].submit_us += 1;
    let began_us = scenario.jobs[0].submit_us;
    let (one, other) = (transcript(scenario), transcript(later));
    let difference = first_difference(&one, &other).expect("they differ");
    let lines: Vec<&str> = difference.lines().map(str::trim).collect();
    assert!(lines[1].starts_with(&format!("{began_us} ")), "{difference}");
    assert!(lines[1].ends_with("** client 0 starts"), "{difference}");
    // All before it is the same.
    let index = one.iter().position(|line| line.trim() == lines[1]).expect("it is in the transcript");
    assert!(lines[0].contains(&format!("event {} ", index + 1)), "{difference}");
    assert_eq!(one[..index], other[..index]);
}

#[test]
fn a_byte_that_no_line_shows_is_found_by_the_hash() {
    let scenario = (0..).map(Scenario::from_seed).find(|scenario| {
        scenario.faults.is_empty()
            && scenario.jobs[0].files.first().is_some_and(|file| file.bytes.len() > 2_000)
    });
    let scenario = scenario.expect("some seed has a long file");
    let mut other = scenario.clone();
    *other.jobs[0].files[0].bytes.last_mut().expect("it is long") ^= 1;
    let difference = first_difference(&transcript(scenario), &transcript(other)).expect("they differ");
    let words = |line: &str| -> Vec<String> { line.split_whitespace().map(str::to_string).collect() };
    let events: Vec<Vec<String>> = difference.lines().skip(1).map(words).collect();
    assert_ne!(events[0][1], events[1][1], "{difference}");
    assert_eq!((&events[0][0], &events[0][2..]), (&events[1][0], &events[1][2..]), "{difference}");
}
