//! The examples run as their READMEs say, and give what the shell alone gives.

mod cluster;

use cluster::reference::{books, word_count};
use cluster::{Place, parts, repository};
use std::fs;
use std::process::{Command, Output};

/// Runs a shell script in the repository, with this build's `windrow` in PATH and `OUT` for a place to write to.
fn shell(place: &Place, script: &str) -> String {
    let programs = place.directory("bin");
    let _ = std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_windrow"), programs.join("windrow"));
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("sh");
    command.args(["-euc", script]).current_dir(repository()).env("PATH", path).env("OUT", place.path("."));
    let Output { status, stdout, stderr } = command.env_remove("WINDROW_MANAGER").output().unwrap();
    assert!(status.success(), "{script}\n{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

/// The lines of all part files, in the order of their bytes.
fn all_lines(parts: &[Vec<u8>]) -> Vec<String> {
    let text = String::from_utf8(parts.concat()).unwrap();
    let mut lines: Vec<String> = text.lines().map(String::from).collect();
    lines.sort();
    lines
}

#[test]
fn the_reference_of_these_tests_counts_as_sort_and_awk_do() {
    let place = Place::new();
    let count = "cat examples/books/*.txt | examples/word-count/mapper.sh | LC_ALL=C sort | examples/word-count/reducer.sh";
    let counted = shell(&place, count);
    assert!(counted.as_bytes() == word_count(&books(repository()), 1).concat());
}

#[test]
fn grep_prints_the_lines_that_match_in_the_order_of_the_books() {
    let place = Place::new();
    let found = shell(
        &place,
        "windrow run --input 'examples/books/*.txt' --output - --split-size 100KiB \
             --mapper 'examples/grep/mapper.sh -i \"white whale\"' --reducers 0",
    );
    let expected = shell(&place, "cat examples/books/*.txt | grep -i 'white whale'");
    assert!(expected.lines().count() > 50);
    assert_eq!(found, expected);
}

#[test]
fn top_n_finds_the_most_frequent_words() {
    let place = Place::new();
    shell(&place, "examples/top-n/run.sh 'examples/books/*.txt' \"$OUT/top\" 7");
    assert!(parts(&place.path("top/1-counts")) == word_count(&books(repository()), 4));
    let mut counted: Vec<(u64, String)> = all_lines(&word_count(&books(repository()), 1))
        .iter()
        .map(|line| line.split_once('\t').map(|(word, count)| (count.parse().unwrap(), word.into())).unwrap())
        .collect();
    counted.sort_by(|left, right| right.0.cmp(&left.0).then(left.1.cmp(&right.1)));
    let expected: String = counted[..7].iter().map(|(count, word)| format!("{word}\t{count}\n")).collect();
    assert_eq!(String::from_utf8(parts(&place.path("top/2-top")).concat()).unwrap(), expected);
}

#[test]
fn the_inverted_index_names_the_lines_that_hold_a_word() {
    let place = Place::new();
    shell(&place, "examples/inverted-index/run.sh 'examples/books/*.txt' \"$OUT/index\"");
    let index = all_lines(&parts(&place.path("index/2-index")));
    let entry =
        index.iter().find_map(|line| line.strip_prefix("croquet\t")).expect("the word is in the index");
    let alice = fs::read_to_string(repository().join("examples/books/carroll-alice.txt")).unwrap();
    let holds = |line: &str| {
        line.to_lowercase().split(|letter: char| !letter.is_alphabetic()).any(|word| word == "croquet")
    };
    let numbers =
        alice.lines().enumerate().filter(|(_, line)| holds(line)).map(|(index, _)| format!(" {}", index + 1));
    assert_eq!(entry, format!("Alice's Adventures in Wonderland:{}", numbers.collect::<String>()));
    // A word of several books, which come in the order of their files' names.
    let entry =
        index.iter().find_map(|line| line.strip_prefix("carriage\t")).expect("the word is in the index");
    let titles: Vec<&str> = entry.split("; ").map(|book| book.split(": ").next().unwrap()).collect();
    assert_eq!(titles, ["Pride and Prejudice", "Moby-Dick", "Dracula"]);
}

#[test]
fn the_scripts_of_several_steps_say_how_they_are_used() {
    for script in ["top-n", "inverted-index"] {
        let script = repository().join("examples").join(script).join("run.sh");
        let Output { status, stderr, .. } = Command::new(script).output().unwrap();
        assert_eq!(status.code(), Some(1));
        assert!(String::from_utf8_lossy(&stderr).contains("usage: run.sh INPUT OUTPUT"));
    }
}
