//! Records that kill a mapper which knows nothing of it: without leave the job's error shows the first that is found, with leave
//! the job goes on without them, names them, and has put their very bytes aside.

mod cluster;

use cluster::{Cluster, Finished, Place, Process, files, names};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs;
use std::io::Write;
use std::process::Stdio;

/// Dies of a NUL, or of a word, and says so; prints what it reads.
const MAPPER: &str = "tr '\\000' '\\001' | LC_ALL=C awk '/\\001|poison/ { print \"no good\" >\"/dev/stderr\"; exit 3 } { print }'";

/// Two files: in one a record with a NUL and one with the word, in the other its last record, which is not ended.
fn place() -> (Place, Vec<Vec<u8>>) {
    let place = Place::new();
    let bad = [&b"a line with \0, \xff and more\n"[..], b"poison in the midst\n", b"the last is poison"];
    place.file("mapper", MAPPER);
    let line = |number: u32| format!("line {number:06} of the input\n").into_bytes();
    let (first, second): (Vec<u8>, Vec<u8>) =
        ((0..20_000).flat_map(line).collect(), (20_000..30_000).flat_map(line).collect());
    let first = [&first[..270_000], bad[0], &first[270_000..405_000], bad[1], &first[405_000..]].concat();
    place.file("input/first.txt", first);
    place.file("input/second.txt", [&second, bad[2]].concat());
    (place, bad.map(Vec::from).into())
}

/// All good lines.
fn good() -> Vec<u8> {
    (0..30_000).flat_map(|number: u32| format!("line {number:06} of the input\n").into_bytes()).collect()
}

const JOB: [&str; 10] = [
    "--input",
    "input",
    "--output",
    "output",
    "--mapper",
    "sh mapper",
    "--reducer",
    "cat",
    "--split-size",
    "200KiB",
];

/// Runs a job alone and on a cluster; each leaves its output in a place of its own.
fn run_twice(place: &Place, options: &[&str]) -> [Finished; 2] {
    let job: Vec<&str> = JOB.iter().chain(options).copied().collect();
    let alone = place.finish(["run"].iter().chain(&job));
    let _ = fs::rename(place.path("output"), place.path("alone"));
    let far = Cluster::start(place, 2).submit(place, &job);
    [alone, far]
}

#[test]
fn without_leave_the_error_shows_the_record() {
    let (place, _) = place();
    let words = ["exit code 3", "it fails on this record by itself:", "no good", "--max-skipped-records"];
    for finished in run_twice(&place, &[]) {
        let finished = finished.expect_failure(1, &words);
        let shown = [
            ("first.txt, bytes 270000 to 270026\n", "\n    a line with \\u{0}, \u{fffd} and more\n"),
            ("first.txt, bytes 405026 to 405046\n", "\n    poison in the midst\n"),
            ("second.txt, bytes 250000 to 250018\n", "\n    the last is poison\n"),
        ];
        let shows = |(range, record): &(&str, &str)| {
            finished.stderr.contains(range) && finished.stderr.contains(record)
        };
        assert!(shown.iter().any(shows), "{finished}");
    }
    assert!(!place.path("output").exists() && !place.path("alone").exists());
}

#[test]
fn with_leave_the_job_goes_on_without_them() {
    let (place, bad) = place();
    for finished in run_twice(&place, &["--max-skipped-records", "3", "--json"]) {
        let finished = finished.expect_success();
        for told in ["/first.txt, bytes 270000 to 270026", "/first.txt, bytes 405026", "/output/_quarantine"]
        {
            assert!(finished.stderr.contains(told), "{finished}");
        }
        let object: serde_json::Value = serde_json::from_slice(&finished.stdout).unwrap();
        let skipped = object["skipped_records"].as_array().unwrap();
        let told: Vec<(u64, u64)> = skipped
            .iter()
            .map(|it| (it["offset"].as_u64().unwrap(), it["length_bytes"].as_u64().unwrap()))
            .collect();
        assert_eq!(told, [(270_000, 26), (405_026, 20), (250_000, 18)]);
    }
    for output in ["output", "alone"] {
        let output = place.path(output);
        assert_eq!(names(&output), ["_SUCCESS", "_quarantine", "part-00000"]);
        assert!(fs::read(output.join("part-00000")).unwrap() == good());
        let aside: Vec<Vec<u8>> = files(&output.join("_quarantine")).into_values().collect();
        assert_eq!(aside.concat(), bad.concat(), "the very bytes");
    }
    assert_eq!(names(&place.path("output/_quarantine")), names(&place.path("alone/_quarantine")));
    // Who reads the output reads no quarantine.
    let again = ["run", "-i", "output", "-o", "again", "-m", "cat", "-r", "cat"];
    place.finish(again).expect_success();
    assert!(fs::read(place.path("again/part-00000")).unwrap() == good());
}

#[test]
fn records_of_standard_input_are_named_by_its_dash() {
    let (place, _) = place();
    let job =
        ["run", "-i", "-", "-o", "output", "-m", "sh mapper", "-r", "cat", "--max-skipped-records", "1"];
    let mut run = place.windrow(job);
    let source = fs::File::open(place.path("input/second.txt")).unwrap();
    let finished = Process::start(run.stdin(Stdio::from(source))).finish().expect_success();
    assert!(finished.stderr.contains(" -, bytes 250000 to 250018"), "{finished}");
}

#[test]
fn more_bad_records_than_are_borne_fail_the_job_which_names_them() {
    let (place, _) = place();
    for finished in run_twice(&place, &["--max-skipped-records", "1"]) {
        finished.expect_failure(1, &["it fails on this record by itself:", "bad, too "]);
    }
    assert!(!place.path("output").exists() && !place.path("alone").exists());
}

#[test]
fn records_of_a_gzip_file_are_named_by_their_place_in_what_it_unpacks_to() {
    let (place, bad) = place();
    let text = fs::read(place.path("input/first.txt")).unwrap();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&text).unwrap();
    place.file("input/first.txt.gz", encoder.finish().unwrap());
    fs::remove_file(place.path("input/first.txt")).unwrap();
    for finished in run_twice(&place, &["--max-skipped-records", "3"]) {
        let told = "first.txt.gz, bytes 405026 to 405046 of what it unpacks to";
        assert!(finished.clone().expect_success().stderr.contains(told), "{finished}");
    }
    let quarantine = files(&place.path("output/_quarantine"));
    assert_eq!(quarantine["map-00000"], bad[..2].concat());
}

#[test]
fn a_program_that_always_fails_blames_no_record() {
    let (place, _) = place();
    place.file("mapper", "cat >/dev/null; exit 4");
    for finished in run_twice(&place, &["--max-skipped-records", "3"]) {
        let finished = finished.expect_failure(1, &["exit code 4", "after 4 failed attempts"]);
        assert!(!finished.stderr.contains("by itself"), "{finished}");
    }
}
