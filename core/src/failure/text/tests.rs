//! Every cause in words, and the whole of what a user reads of a failure.

mod table;

use crate::failure::{Cause, Excerpt, ExitStatus, Failure, InputRange};
use crate::ids::{JobId, TaskId};
use crate::job::{CommandLine, PathBytes, ProgramRole};
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use table::{attempt, failed, number, table};

#[test]
fn every_cause_reads_as_it_should() {
    for (cause, text) in table() {
        assert_eq!(Failure::new(cause).to_string(), text);
    }
}

#[test]
fn every_cause_is_in_the_table() {
    let numbers: BTreeSet<u32> = table().iter().map(|(cause, _)| number(cause)).collect();
    assert_eq!(numbers, (0..=39).collect());
}

#[test]
fn the_first_line_is_the_cause() {
    for (cause, text) in table() {
        assert_eq!(Some(cause.to_string().as_str()), text.lines().next());
    }
}

fn mapper_failure() -> Failure {
    Failure {
        cause: failed(ProgramRole::Mapper, ExitStatus::Code(1)),
        job: Some((JobId(3), "word count".into())),
        attempt: Some(attempt(TaskId::Map(7), 3)),
        attempts_failed: 4,
        host: Some("alpha".into()),
        input: Some(InputRange { path: "/data/in.txt".into(), offset: 64, length_bytes: 36 }),
        excerpt: None,
        stderr_tail: b"Traceback (most recent call last):\n\tValueError: \xff\x1b[31m\r\n\n".to_vec(),
    }
}

#[test]
fn a_failed_mapper_shows_place_input_stderr_and_how_to_repeat_it() {
    assert_eq!(
        mapper_failure().to_string(),
        "mapper `./map.py -v` ended with exit code 1\n  \
         in map 7 of job 3 `word count` on alpha after 4 failed attempts\n  \
         input: /data/in.txt, bytes 64 to 100\n  \
         the end of its stderr:\n    \
         Traceback (most recent call last):\n    \
         \tValueError: \u{fffd}\\u{1b}[31m\n  \
         try: run it by hand: tail -c +65 /data/in.txt | head -c 36 | ./map.py -v"
    );
}

#[test]
fn what_is_the_smallest_part_that_fails_is_shown() {
    let mut failure = mapper_failure();
    failure.stderr_tail.clear();
    failure.excerpt = Some(Excerpt { records: 1, beginning: b"a\0b\t\x1b[31m\n".to_vec() }.into());
    let text = failure.to_string();
    let lines: Vec<&str> = text.lines().skip(2).collect();
    assert_eq!(
        lines,
        [
            "  input: /data/in.txt, bytes 64 to 100",
            "  it fails on this record by itself:",
            "    a\\u{0}b\\t\\u{1b}[31m",
            "  try: run it by hand: tail -c +65 /data/in.txt | head -c 36 | ./map.py -v; or have such records left out, by a greater \
             --max-skipped-records",
        ]
    );
    failure.excerpt =
        Some(Excerpt { records: 2, beginning: [b"x\n".to_vec(), [b'y'; 78].to_vec()].concat() }.into());
    failure.input = Some(InputRange { path: "/data/in.gz".into(), offset: 64, length_bytes: 100 });
    let text = failure.to_string();
    let lines: Vec<&str> = text.lines().skip(2).collect();
    assert_eq!(lines[0], "  input: /data/in.gz, bytes 64 to 164 of what it unpacks to");
    assert_eq!(lines[1], "  it fails on these 2 records, and on neither half of them; they begin:");
    assert_eq!((lines[2], lines[3]), ("    x", format!("    {}…", "y".repeat(78)).as_str()));
    assert_eq!(
        lines[4],
        "  try: run it by hand: gunzip -c /data/in.gz | tail -c +65 | head -c 100 | ./map.py -v"
    );
}

#[test]
fn the_way_to_repeat_a_mapper_follows_its_input() {
    let remedy = |path: &str, offset, status| {
        let mut failure = mapper_failure();
        failure.cause = failed(ProgramRole::Mapper, status);
        failure.input = Some(InputRange { path: path.into(), offset, length_bytes: 36 });
        failure.remedy().unwrap()
    };
    let one = ExitStatus::Code(1);
    assert_eq!(remedy("/data/it's", 0, one), "run it by hand: head -c 36 '/data/it'\\''s' | ./map.py -v");
    assert_eq!(
        remedy("-", 64, one),
        "run it by hand: … | tail -c +65 | head -c 36 | ./map.py -v, with … for what was piped in"
    );
    assert_eq!(remedy("/data/in.gz", 0, one), "run it by hand: gunzip -c /data/in.gz | ./map.py -v");
    assert!(remedy("/data/in", 0, ExitStatus::Code(126)).starts_with("chmod +x"));
}

#[test]
fn a_place_of_which_only_parts_are_known_reads_well() {
    let place = |change: fn(&mut Failure)| {
        let mut failure = Failure::new(Cause::Killed);
        change(&mut failure);
        failure.to_string()
    };
    assert_eq!(
        place(|it| it.attempt = Some(attempt(TaskId::Reduce(0), 0))),
        "the attempt was no longer wanted\n  in reduce 0 of job 3"
    );
    assert_eq!(
        place(|it| it.job = Some((JobId(3), "sort".into()))),
        "the attempt was no longer wanted\n  in job 3 `sort`"
    );
    assert_eq!(
        place(|it| it.host = Some("alpha".into())),
        "the attempt was no longer wanted\n  in a worker on alpha"
    );
    let job_with_failures = |attempts_failed| {
        let mut failure = Failure::new(Cause::Killed).of_job(JobId(3), "sort");
        failure.attempts_failed = attempts_failed;
        failure.to_string()
    };
    assert_eq!(job_with_failures(1), "the attempt was no longer wanted\n  in job 3 `sort`");
    assert_eq!(
        job_with_failures(2),
        "the attempt was no longer wanted\n  in job 3 `sort` after 2 failed attempts"
    );
}

#[test]
fn of_a_job_that_goes_on_is_told_how_to_follow_it() {
    let lost =
        Failure::new(Cause::ConnectionLost { address: "10.0.0.1:7077".into() }).of_job(JobId(18), "cat");
    let text = lost.to_string();
    let last = "  try: start the Manager again with its --work-dir, then: windrow job wait 18 --manager 10.0.0.1:7077";
    assert_eq!(text.lines().last(), Some(last), "{text}");
}

#[test]
fn of_a_long_stderr_the_last_lines_are_shown() {
    let mut failure = Failure::new(Cause::Killed);
    failure.stderr_tail = (1..=50).map(|line| format!("line {line}\n")).collect::<String>().into_bytes();
    let text = failure.to_string();
    let shown: Vec<&str> = text.lines().skip(2).collect();
    assert_eq!(shown.len(), 21);
    assert_eq!((shown[0], shown[1], shown[20]), ("    …", "    line 31", "    line 50"));
}

#[test]
fn a_command_can_be_typed_as_it_is_shown() {
    let shown = |words: &[&str]| {
        CommandLine { words: words.iter().map(|word| PathBytes::from(*word)).collect() }.to_string()
    };
    assert_eq!(shown(&["./map.py", "-n", "1"]), "./map.py -n 1");
    assert_eq!(shown(&["awk", "{print $1}", "", "it's"]), "awk '{print $1}' '' 'it'\\''s'");
    assert_eq!(shown(&["grep", "a|b", "*"]), "grep 'a|b' '*'");
}

#[test]
fn signals_are_named() {
    let text = |signal| ExitStatus::Signal(signal).to_string();
    assert_eq!(text(9), "was killed by SIGKILL (9): often the kernel's out-of-memory killer");
    assert_eq!(text(15), "was killed by SIGTERM (15)");
    assert_eq!(text(31), "was killed by SIGSYS (31): it made a system call that is not allowed here");
    for (signal, meaning) in [
        (4, "SIGILL (4): it may be built for another processor"),
        (6, "SIGABRT (6): it gave up by itself"),
        (7, "SIGBUS (7): it touched memory that it may not"),
        (8, "SIGFPE (8): often a division by zero"),
        (11, "SIGSEGV (11): it touched memory that it may not"),
        (13, "SIGPIPE (13): it wrote to something that nobody reads"),
        (24, "SIGXCPU (24): it reached a limit on processor time"),
        (25, "SIGXFSZ (25): it reached a limit on the size of files"),
    ] {
        assert_eq!(text(signal), format!("was killed by {meaning}"));
    }
    assert_eq!(text(34), "was killed by signal 34");
    assert_eq!(text(0), "was killed by signal 0");
    assert_eq!(text(-1), "was killed by signal -1");
}
