//! `windrow sim` as its callers see it: last line, exit code, which stream says what, and that nothing around the process
//! changes a run.

use std::process::{Command, Output, Stdio};

/// A place that has nothing to do with the sources.
const ELSEWHERE: &str = env!("CARGO_TARGET_TMPDIR");

fn sim(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_windrow"));
    command.arg("sim").args(arguments).stdin(Stdio::null()).env_remove("RUST_LOG");
    command
}

fn output(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("windrow starts");
    let text = |bytes| String::from_utf8(bytes).expect("windrow prints UTF-8");
    (status.code().expect("windrow is not killed"), text(stdout), text(stderr))
}

/// What a command that must succeed, and has nothing to say to people, prints.
#[track_caller]
fn printed(command: &mut Command) -> String {
    let (code, stdout, stderr) = output(command);
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    stdout
}

#[test]
fn a_swarm_ends_with_the_line_for_programs() {
    let stdout = printed(&mut sim(&["--seeds", "12", "--from", "3", "--jobs", "2"]));
    let last = stdout.lines().last().expect("a summary is printed");
    let pace = last.strip_prefix("12 seeds, 0 failures, ").and_then(|rest| rest.strip_suffix(" seeds/s"));
    assert!(pace.is_some_and(|pace| pace.parse::<u64>().is_ok()), "{last}");
    for name in ["faults  ", "jobs  ", "world  ", "most events  seed ", "slowest  "] {
        assert!(stdout.lines().any(|line| line.starts_with(name)), "{name} is missing in\n{stdout}");
    }
}

#[test]
fn nothing_around_the_process_changes_a_run() {
    let hash = printed(&mut sim(&["--seed", "5", "--hash"]));
    let digits = hash.strip_suffix('\n').expect("a line is ended");
    assert!(digits.len() == 16 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()), "{hash}");
    assert_eq!(printed(&mut sim(&["--seed", "5", "--hash"])), hash);
    let mut elsewhere = sim(&["--seed", "5", "--hash"]);
    elsewhere.current_dir(ELSEWHERE).env_clear().env("TZ", "Pacific/Chatham").env("RUST_LOG", "trace");
    elsewhere.env("LC_ALL", "tr_TR.UTF-8").env("LANG", "tr_TR.UTF-8").env("TMPDIR", "/none/such");
    let (code, stdout, _log) = output(&mut elsewhere);
    assert_eq!((code, &stdout), (0, &hash));

    let (code, lines, stderr) = output(&mut sim(&["--seeds", "8", "--hash", "--jobs", "3"]));
    assert_eq!(code, 0);
    assert_eq!(lines.lines().nth(5), Some(format!("5 {digits}").as_str()));
    let seeds: Vec<&str> =
        lines.lines().filter_map(|line| line.split_once(' ')).map(|(seed, _)| seed).collect();
    assert_eq!(seeds, ["0", "1", "2", "3", "4", "5", "6", "7"]);
    assert!(stderr.contains("8 seeds, 0 failures, "), "{stderr}");
    let (_, alone, _) = output(&mut sim(&["--seeds", "8", "--hash", "--jobs", "1"]));
    assert_eq!(alone, lines);
}

#[test]
fn one_seed_is_told_closely() {
    let summary = printed(&mut sim(&["--seed", "5"]));
    let hash = printed(&mut sim(&["--seed", "5", "--hash"]));
    assert!(summary.contains(&format!(" steps, hash {hash}")), "{summary}");
    assert!(summary.ends_with("seed 5: every promise was kept\n"), "{summary}");
    let transcript = printed(&mut sim(&["--seed", "5", "--transcript"]));
    assert!(transcript.ends_with(&summary));
    assert!(transcript.lines().count() > 100 && transcript.contains("manager <- Begin"), "{transcript}");
}

#[test]
fn json_is_one_object() {
    let line = printed(&mut sim(&["--seeds", "3", "--json"]));
    let object: serde_json::Value = serde_json::from_str(&line).expect("it is JSON");
    assert_eq!((&object["seeds"], &object["failures"]), (&3.into(), &serde_json::json!([])));
    assert!(object["events"].as_u64() > Some(100), "{line}");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut child =
        sim(&["--seed", "5", "--transcript"]).stdout(Stdio::piped()).spawn().expect("windrow starts");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn arguments_that_make_no_sense_are_refused_clearly() {
    for (arguments, words) in [
        (&["--seed", "five"][..], "'five' for '--seed <SEED>'"),
        (&["--seed", "-1"], "-1"),
        (&["--seeds", "0"], "--seeds"),
        (&["--jobs", "0"], "--jobs"),
        (&["--from", "18446744073709551615"], "give a smaller --from"),
        (&["--seed", "1", "--seeds", "2"], "cannot be used with"),
        (&["--seed", "1", "--stop-at-first"], "cannot be used with"),
        (&["--transcript"], "--seed"),
        (&["--seed", "1", "--transcript", "--hash"], "cannot be used with"),
        (&["--seeds", "2", "--json", "--hash"], "cannot be used with"),
        (&["7"], "'7'"),
    ] {
        let (code, stdout, stderr) = output(&mut sim(arguments));
        assert_eq!((code, stdout.as_str()), (1, ""), "{arguments:?}: {stderr}");
        assert!(stderr.starts_with("error: ") && stderr.contains(words), "{arguments:?}: {stderr}");
    }
}
