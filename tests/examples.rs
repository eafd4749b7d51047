//! The examples run as they are described, and give what the shell alone gives; what the README says is so.

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

/// The fenced blocks of a document with this language, in order.
fn blocks<'a>(document: &'a str, language: &str) -> Vec<&'a str> {
    let opening = format!("```{language}\n");
    document.split(&opening).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

#[test]
fn the_readme_shows_what_its_first_command_runs_and_prints() {
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    let command = blocks(&readme, "sh").into_iter().find(|block| block.starts_with("windrow run")).unwrap();
    let printed = blocks(&readme, "text")[0];
    assert_eq!(shell(&Place::new(), command), printed);
    let script = fs::read_to_string(repository().join("examples/quickstart.sh")).unwrap();
    assert!(script.contains(command.trim_start_matches("windrow ")), "the script runs something else");
}

#[test]
fn the_readme_names_options_and_exit_codes_that_exist() {
    let place = Place::new();
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    let help = ["run", "submit", "manager", "worker", "drain", "shutdown", "sim"]
        .map(|command| shell(&place, &format!("windrow {command} --help")));
    let known: Vec<&str> = help.iter().flat_map(|text| options(text)).collect();
    // Cargo's own.
    let others = ["--workspace", "--path"];
    let named: Vec<&str> = options(&readme).into_iter().filter(|option| !others.contains(option)).collect();
    assert!(named.len() > 20);
    for option in named {
        assert!(known.contains(&option), "README.md speaks of {option}");
    }
    let help = shell(&place, "windrow --help");
    let (_, codes) = help.split_once("Exit codes:").unwrap();
    for line in codes.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (code, meaning) = line.split_once("  ").unwrap();
        let row = format!("| {code} | {meaning} |");
        assert!(readme.contains(&row), "README.md lacks {row}");
    }
}

/// The long options that a text names.
fn options(text: &str) -> Vec<&str> {
    let words = text.split(|letter: char| !(letter.is_ascii_lowercase() || letter == '-'));
    words.filter(|word| word.len() > 3 && word.starts_with("--") && !word.starts_with("---")).collect()
}
