//! The simulator's own promise: a scenario gives one run, twice in one process and in any other, whatever its
//! environment. Where that is broken, the first event that differs is named.

use elsewhere::Question;
use sim::scenario::Scenario;
use sim::trace::Transcript;
use sim::world::{Outcome, Watch};
use std::collections::BTreeSet;
use std::sync::mpsc;

/// Seeds that are run everywhere.
const SEEDS: u64 = 40;

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
    use super::{SEEDS, hash_line, transcript};
    use sim::scenario::Scenario;

    /// The test that answers where it is asked, and asks where it is not.
    const ANSWERING: &str = "a_seed_gives_the_same_run_in_another_process_and_environment";
    /// The variable that holds the question.
    const QUESTION: &str = "WINDROW_QUESTION";
    /// What each line of an answer begins with.
    const ANSWER: &str = "> ";

    /// What another process is asked for.
    #[derive(Copy, Clone, Debug)]
    pub enum Question {
        /// The hashes of all seeds.
        Hashes,
        /// The transcript of this one.
        Transcript(u64),
    }

    /// What is different there.
    #[derive(Copy, Clone, Debug)]
    pub struct Place {
        /// Where it starts.
        pub directory: &'static str,
        /// Its only variables, but for the question.
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
    pub fn ask(place: Place, question: Question) -> Vec<String> {
        let executable = std::env::current_exe().expect("this test runs");
        let mut command = std::process::Command::new(executable);
        command.args(["--exact", ANSWERING, "--nocapture", "--test-threads=1"]);
        command.current_dir(place.directory).env_clear().envs(place.variables.iter().copied());
        command.env(
            QUESTION,
            match question {
                Question::Hashes => "hashes".into(),
                Question::Transcript(seed) => seed.to_string(),
            },
        );
        let output = command.output().expect("a test can be started");
        assert!(output.status.success(), "{place:?}: {}", String::from_utf8_lossy(&output.stderr));
        let lines = String::from_utf8(output.stdout).expect("it says text");
        // The harness says the test's name in front of the first line.
        lines.lines().filter_map(|line| Some(line.split_once(ANSWER)?.1.to_string())).collect()
    }

    /// What this process was asked, if it is the other one.
    #[expect(clippy::disallowed_methods, reason = "it is asked so; a run never reads this")]
    pub fn question() -> Option<Question> {
        let question = std::env::var(QUESTION).ok()?;
        Some(match question.as_str() {
            "hashes" => Question::Hashes,
            seed => Question::Transcript(seed.parse().expect("it is a seed")),
        })
    }

    pub fn answer(question: Question) {
        let lines: Vec<String> = match question {
            Question::Hashes => (0..SEEDS).map(hash_line).collect(),
            Question::Transcript(seed) => transcript(Scenario::from_seed(seed)),
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
    if let Some(question) = elsewhere::question() {
        return elsewhere::answer(question);
    }
    let here: Vec<String> = (0..SEEDS).map(hash_line).collect();
    for place in elsewhere::PLACES {
        let there = elsewhere::ask(place, Question::Hashes);
        assert_eq!(here.len(), there.len(), "{place:?}");
        if let Some(seed) = (0..SEEDS).find(|seed| here[*seed as usize] != there[*seed as usize]) {
            let here = transcript(Scenario::from_seed(seed));
            let there = elsewhere::ask(place, Question::Transcript(seed));
            let difference = first_difference(&here, &there);
            panic!("seed {seed} differs in {place:?}: {}", difference.unwrap_or("not when looked at".into()));
        }
    }
}

#[test]
fn another_process_tells_the_same_transcript() {
    let here = transcript(Scenario::from_seed(5));
    assert_eq!(first_difference(&here, &elsewhere::ask(elsewhere::PLACES[1], Question::Transcript(5))), None);
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
