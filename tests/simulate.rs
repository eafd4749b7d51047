//! `windrow sim` as its callers see it: last line, exit code, which stream says what, and that nothing around the process
//! changes a run.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
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

/// A private directory for the files of a test.
fn directory(name: &str) -> PathBuf {
    let directory = Path::new(ELSEWHERE).join("simulate").join(name);
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).expect("a directory is made");
    directory
}

#[test]
fn a_scenario_that_was_printed_is_the_same_run() {
    let file = directory("printed").join("a scenario.ron");
    let text = printed(&mut sim(&["--seed", "5", "--print"]));
    fs::write(&file, &text).expect("a file is written");
    let file = file.to_str().expect("a path in UTF-8");
    let hash = printed(&mut sim(&["--seed", "5", "--hash"]));
    assert_eq!(printed(&mut sim(&["--scenario", file, "--hash"])), hash);
    assert_eq!(printed(&mut sim(&["--scenario", file, "--print"])), text);
    let summary = printed(&mut sim(&["--scenario", file]));
    assert!(summary.ends_with(&format!("{file}: every promise was kept\n")), "{summary}");

    let mut child = sim(&["--scenario", "-", "--hash"]);
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("windrow starts");
    child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("it is read");
    assert_eq!(child.wait_with_output().expect("it ends").stdout, hash.as_bytes());
}

#[test]
fn kinds_of_fault_can_be_left_out() {
    let faults = |text: &str| text.matches(" fault: ").count();
    let print = |seed: &String| printed(&mut sim(&["--seed", seed, "--print"]));
    let hash =
        |seed: &String, more: &[&str]| printed(&mut sim(&[&["--seed", seed, "--hash"], more].concat()));
    let pauses = |seed: &String| {
        print(seed).contains("Pause(") && hash(seed, &[]) != hash(seed, &["--without", "pause"])
    };
    let seed = &(0..1_000).map(|seed| seed.to_string()).find(pauses).expect("some process is stopped");
    let all = print(seed);
    let without = printed(&mut sim(&["--seed", seed, "--print", "--without", "pause"]));
    assert_eq!(all.matches("Pause(").count() + faults(&without), faults(&all), "{all}");
    assert!(all.contains("Pause(") && !without.contains("Pause("), "{all}");
    let swarm = printed(&mut sim(&["--seeds", "40", "--without", "crash-worker", "--without", "reset"]));
    assert!(!swarm.contains(" crash-worker") && !swarm.contains(" reset"), "{swarm}");
}

#[test]
fn a_run_is_drawn_on_a_page_that_needs_nothing_else() {
    let file = directory("drawn").join("run.html");
    let path = file.to_str().expect("a path in UTF-8");
    let summary = printed(&mut sim(&["--seed", "5", "--html", path]));
    assert_eq!(summary, printed(&mut sim(&["--seed", "5"])));
    let page = fs::read_to_string(&file).expect("the page is there");
    for words in [
        "manager",
        "worker 0",
        "client 0",
        "windrow sim --seed 5 --transcript",
        "seed: 5,",
        "manager is no more",
    ] {
        assert!(page.contains(words), "{words} is missing");
    }
    assert!(!page.contains("http://") && !page.contains("https://"));
    let (code, _, stderr) = output(&mut sim(&["--seed", "5", "--html", "/none/such/run.html"]));
    assert_eq!(code, 3, "{stderr}");
    assert!(stderr.starts_with("error: --html /none/such/run.html: "), "{stderr}");
    assert!(stderr.contains("mkdir -p /none/such, or choose another --html"), "{stderr}");

    printed(&mut sim(&["--seed", "5", "--html", path]));
    let (code, stdout, stderr) = output(&mut sim(&["--seed", "5", "--html", "-"]));
    assert_eq!((code, stdout.trim(), stderr), (0, page.trim(), summary));
    fs::write(&file, "mine").expect("a file is written");
    let (code, stdout, stderr) = output(&mut sim(&["--seed", "5", "--html", path]));
    assert_eq!((code, stdout.as_str()), (4, ""), "{stderr}");
    assert!(stderr.contains("is no diagram"), "{stderr}");
    assert_eq!(fs::read_to_string(&file).expect("it is there"), "mine");
}

#[test]
fn a_directory_that_cannot_be_used_is_found_before_anything_runs() {
    for one in [&["--seeds", "1000000"][..], &["--seed", "1"]] {
        let (code, stdout, stderr) = output(&mut sim(&[one, &["--out", "/proc/none"]].concat()));
        assert_eq!((code, stdout.as_str()), (3, ""), "{stderr}");
        assert!(stderr.contains("--out /proc/none: ") && stderr.contains("another --out"), "{stderr}");
    }
}

#[test]
fn what_is_no_scenario_is_refused_with_its_place() {
    let file = directory("refused").join("bad.ron");
    let path = file.to_str().expect("a path in UTF-8");
    for (text, words) in [
        (&b"Scenario(\n  seed: x,\n)"[..], "bad.ron: it is no scenario: line 2, column 8: expected "),
        (b"", "line 1, column 1: "),
        (b"\xff", "UTF-8"),
    ] {
        fs::write(&file, text).expect("a file is written");
        let (code, stdout, stderr) = output(&mut sim(&["--scenario", path]));
        assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}");
        assert!(stderr.starts_with("error: ") && stderr.contains(words), "{words}: {stderr}");
    }
    let nowhere = printed(&mut sim(&["--seed", "5", "--print"])).replace("capable: ", "capable: 9");
    fs::write(&file, nowhere).expect("a file is written");
    let (code, _, stderr) = output(&mut sim(&["--scenario", path]));
    assert_eq!(code, 2);
    assert!(stderr.contains("there is no worker 9"), "{stderr}");
    let huge = printed(&mut sim(&["--seed", "5", "--print"])).replace("heal_us: ", "heal_us: 1844674407370");
    fs::write(&file, huge).expect("a file is written");
    let (code, _, stderr) = output(&mut sim(&["--scenario", path]));
    assert_eq!(code, 2);
    assert!(stderr.contains("heal_us is 18446744073702049532, and may be from 0 to "), "{stderr}");
    let (code, _, stderr) = output(&mut sim(&["--scenario", "/dev/zero"]));
    assert_eq!(code, 2);
    assert!(stderr.contains("--scenario /dev/zero: it is no scenario: it is longer than 16 MiB"), "{stderr}");
    let (code, _, stderr) = output(&mut sim(&["--scenario", "/none/such.ron"]));
    assert_eq!(code, 2);
    assert!(stderr.contains("/none/such.ron"), "{stderr}");
}

/// A scenario that breaks a promise whatever core does: the input that its first user misses is there.
fn failing(directory: &Path) -> String {
    let mut text = printed(&mut sim(&["--seed", "5", "--print"]));
    let path = "PathBytes(b\"/shared/out 0 no-such-input\")";
    for (before, after) in [
        ("files: [", format!("files: [InputText(path: {path}, bytes: b\"\"), ")),
        ("inputs: [", format!("inputs: [{path}, ")),
        ("mistake: None", "mistake: Some(NoSuchInput)".into()),
    ] {
        assert!(text.contains(before), "{text}");
        text = text.replacen(before, &after, 1);
    }
    let file = directory.join("failing.ron");
    fs::write(&file, text).expect("a file is written");
    file.into_os_string().into_string().expect("a path in UTF-8")
}

#[test]
fn a_run_that_fails_is_told_and_marked() {
    let directory = directory("failing");
    let (file, page) = (failing(&directory), directory.join("run.html"));
    let words = format!("{file}: what is visible is whole and right: /shared/out 0: ");
    let (code, stdout, stderr) = output(&mut sim(&["--scenario", &file, "--transcript"]));
    assert_eq!((code, stderr.as_str()), (1, ""), "{stdout}");
    assert!(stdout.lines().any(|line| line.starts_with(&words)), "{stdout}");
    let (code, stdout, stderr) =
        output(&mut sim(&["--scenario", &file, "--hash", "--html", page.to_str().unwrap()]));
    assert_eq!((code, stdout.len()), (1, 17), "{stderr}");
    assert!(stderr.starts_with(&words), "{stderr}");
    assert!(stderr.ends_with(&format!("  windrow sim --scenario {file} --transcript\n")), "{stderr}");
    let page = fs::read_to_string(page).expect("the page is there");
    assert!(page.contains(r#"["violation","#) && page.contains("no-such-input"), "{page}");
}

#[test]
fn a_scenario_that_fails_is_shrunk() {
    let directory = directory("shrunk");
    let file = failing(&directory);
    let out = directory.join("out");
    let out = out.to_str().expect("a path in UTF-8");
    let replay = format!("\n  windrow sim --scenario {file} --transcript\n");
    let (code, stdout, stderr) = output(&mut sim(&["--scenario", &file, "--no-shrink"]));
    assert_eq!((code, stderr.as_str()), (1, ""), "{stdout}");
    assert!(stdout.ends_with(&replay), "{stdout}");
    let (code, stdout, stderr) = output(&mut sim(&["--scenario", &file, "--out", out]));
    assert_eq!((code, stderr.as_str()), (1, ""), "{stdout}");
    let shrunk = format!("  windrow sim --scenario {out}/failing-shrunk.ron --transcript\n");
    assert!(stdout.contains(&replay) && stdout.ends_with(&shrunk), "{stdout}");
    assert!(stdout.contains("shrunk in "), "{stdout}");
    let (code, stdout, _) =
        output(&mut sim(&["--scenario", &format!("{out}/failing-shrunk.ron"), "--no-shrink"]));
    assert_eq!(code, 1, "{stdout}");
}

#[test]
fn a_swarm_without_failures_leaves_no_files() {
    let directory = directory("clean");
    let out = directory.join("out");
    let mut swarm = sim(&["--seeds", "5", "--out", out.to_str().expect("a path in UTF-8")]);
    printed(swarm.current_dir(&directory));
    assert_eq!(fs::read_dir(&directory).expect("it is there").count(), 0);
}

#[test]
fn json_is_one_object() {
    let line = printed(&mut sim(&["--seeds", "3", "--json"]));
    let object: serde_json::Value = serde_json::from_str(&line).expect("it is JSON");
    assert_eq!((&object["seeds"], &object["failures"]), (&3.into(), &serde_json::json!([])));
    assert!(object["events"].as_u64() > Some(100), "{line}");
}

#[test]
fn the_help_teaches() {
    let help = printed(&mut sim(&["--help"])).replace('\n', " ");
    for words in
        ["Examples:", "--seed 4711 --html run.html", "crash-worker,", "operators.", "N seeds, F failures"]
    {
        assert!(help.contains(words), "{words} is missing in {help}");
    }
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
        (&["--seed", "-1"], "'-1' for '--seed <SEED>': a seed is a whole number from 0"),
        (&["--from", "-1"], "'-1' for '--from <SEED>': a seed is a whole number from 0"),
        (&["--seeds", "0"], "'0' for '--seeds <N>': it is a whole number, 1 or more"),
        (&["--seeds", "-5"], "'-5' for '--seeds <N>': it is a whole number, 1 or more"),
        (&["--jobs", "0"], "'0' for '--jobs <N>': it is a whole number from 1 to 4096"),
        (&["--seed", "1", "--html", "-", "--hash"], "give --html a file"),
        (&["--from", "18446744073709551615"], "give a smaller --from"),
        (&["--seed", "1", "--seeds", "2"], "cannot be used with"),
        (&["--seed", "1", "--stop-at-first"], "cannot be used with"),
        (&["--transcript"], "--seed"),
        (&["--print"], "--seed"),
        (&["--html", "x.html"], "--seed"),
        (&["--seed", "1", "--scenario", "x"], "cannot be used with"),
        (&["--scenario", "x", "--seeds", "2"], "cannot be used with"),
        (&["--scenario", "x", "--json"], "cannot be used with"),
        (&["--seed", "1", "--print", "--transcript"], "cannot be used with"),
        (&["--no-shrink", "--out", "x"], "cannot be used with"),
        (&["--without", "rain"], "there are crash-worker, crash-manager, "),
        (&["--seed", "1", "--transcript", "--hash"], "cannot be used with"),
        (&["--seeds", "2", "--json", "--hash"], "cannot be used with"),
        (&["7"], "'7'"),
    ] {
        let (code, stdout, stderr) = output(&mut sim(arguments));
        assert_eq!((code, stdout.as_str()), (1, ""), "{arguments:?}: {stderr}");
        assert!(stderr.starts_with("error: ") && stderr.contains(words), "{arguments:?}: {stderr}");
    }
}
