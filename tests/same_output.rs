//! One job, one output: whatever the input's bytes, the number of slots and workers, and the door it goes through.

mod cluster;

use cluster::reference::{books, lines, sorted, text, word_count};
use cluster::{Cluster, Place, Process, parts, repository};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

/// The arguments of the word count of the four books.
fn count_words(output: &str, extension: &str) -> Vec<String> {
    let books = repository().join("examples/books/*.txt");
    let programs = repository().join("examples/word-count");
    let program = |name: &str| format!("'{}'", programs.join(format!("{name}.{extension}")).display());
    let job = ["--input", books.to_str().unwrap(), "--output", output, "--split-size", "256KiB"];
    let programs = ["--mapper", &program("mapper"), "--reducer", &program("reducer"), "--reducers", "3"];
    job.into_iter().chain(programs).map(String::from).collect()
}

/// The arguments of a job that sorts.
fn sort<'a>(inputs: &[&'a str], output: &'a str, reducers: &'a str) -> Vec<&'a str> {
    let mut job: Vec<&str> = inputs.iter().flat_map(|input| ["--input", input]).collect();
    job.extend(["--output", output, "--mapper", "cat", "--reducer", "cat", "--reducers", reducers]);
    job
}

/// Runs a job by `run` with one slot, by `run` with some, and on a cluster of four workers. Gives the part files, once
/// they are found to be the same.
fn every_way(place: &Place, cluster: &Cluster, job: impl Fn(&str) -> Vec<String>) -> Vec<Vec<u8>> {
    let (alone, side_by_side, far) = ("by-one-slot", "by-four-slots", "by-cluster");
    place.finish(["run", "--slots", "1"].map(String::from).into_iter().chain(job(alone))).expect_success();
    place
        .finish(["run", "--slots", "4"].map(String::from).into_iter().chain(job(side_by_side)))
        .expect_success();
    let job = job(far);
    cluster.submit(place, &job.iter().map(String::as_str).collect::<Vec<_>>()).expect_success();
    let expected = parts(&place.path(alone));
    assert!(expected == parts(&place.path(side_by_side)), "one slot and four gave different output");
    assert!(expected == parts(&place.path(far)), "run and the cluster gave different output");
    for output in [alone, side_by_side, far] {
        fs::remove_dir_all(place.path(output)).unwrap();
    }
    expected
}

fn owned(job: Vec<&str>) -> Vec<String> {
    job.into_iter().map(String::from).collect()
}

#[test]
fn the_words_of_the_books_are_counted_alike_everywhere() {
    let place = Place::new();
    let cluster = Cluster::start(&place, 4);
    let counted = every_way(&place, &cluster, |output| count_words(output, "sh"));
    assert!(counted == word_count(&books(repository()), 3), "the counts are wrong");
}

#[test]
fn programs_in_python_count_like_those_in_awk() {
    let python = std::process::Command::new("python3").arg("--version").output();
    if !python.is_ok_and(|answer| answer.status.success()) {
        eprintln!("SKIPPED: there is no python3 to run the Python examples with");
        return;
    }
    let place = Place::new();
    place.finish(["run"].map(String::from).into_iter().chain(count_words("counts", "py"))).expect_success();
    assert!(parts(&place.path("counts")) == word_count(&books(repository()), 3), "the counts are wrong");
}

#[test]
fn bytes_pass_through_as_they_came() {
    let place = Place::new();
    let long = vec![b'x'; 5 << 20];
    let mut long_key = vec![b'k'; 3 << 20];
    long_key.extend(b"\tvalue");
    let every_byte: Vec<u8> = (0..=255).filter(|byte| *byte != b'\n').collect();
    let files: [(&str, Vec<u8>); 9] = [
        ("a-crlf", b"one\ttwo\r\nthree\r\n\r\n\n".to_vec()),
        ("b-nul", b"\0\n\0\t\0\n\0\0\tx\n".to_vec()),
        ("c-no-utf8", [&every_byte[..], b"\n\xff\t\xfe\n\xc3\x28\n"].concat()),
        ("d-unended", b"last line\twithout an end".to_vec()),
        ("e-empty", Vec::new()),
        ("f-long", [b"before\n", &long[..], b"\n", &long_key[..], b"\nafter\n"].concat()),
        ("g-keys", b"foo\nfoo\t\nfoo\tbar\nfoo\t\tbar\n\tno key\n\t\nfoo\n".to_vec()),
        ("h-newlines", vec![b'\n'; 100]),
        ("i-one-byte", b"z".to_vec()),
    ];
    for (name, contents) in &files {
        place.file(&format!("input/{name}"), contents);
    }
    let records: Vec<Vec<u8>> = files.iter().flat_map(|(_, contents)| lines(contents)).collect();
    let expected = sorted(records, 3);
    let cluster = Cluster::start(&place, 4);
    for split_size in ["256KiB", "1GiB"] {
        let sorted = every_way(&place, &cluster, |output| {
            let mut job = sort(&["input"], output, "3");
            job.extend(["--split-size", split_size]);
            owned(job)
        });
        assert!(sorted == expected, "with splits of {split_size} the output is wrong");
    }
}

#[test]
fn splits_of_a_few_bytes_give_what_one_split_gives() {
    let place = Place::new();
    let input = b"a\n\n\nbb\tx\r\nccc\ndddddddddddd\te\n\0\nlonger than any split here\nz";
    place.file("input", input);
    let expected = sorted(lines(input), 2);
    for split_size in ["1", "2", "5", "1000"] {
        let job = sort(&["input"], split_size, "2");
        place.finish(["run", "--split-size", split_size].into_iter().chain(job)).expect_success();
        assert!(
            parts(&place.path(split_size)) == expected,
            "with splits of {split_size} bytes the output is wrong"
        );
    }
}

#[test]
fn values_of_a_key_keep_the_order_of_the_input_through_spills_and_merges() {
    let place = Place::new();
    // 12 MB with a thousand keys, within the least of memory: every map spills, every reducer merges.
    let number = |index: usize| index.wrapping_mul(2_654_435_761) % 1_000_003;
    let record = |index| format!("{:03}\tvalue {index} {:030}", number(index) % 1_000, number(index));
    let input: String = (0..250_000).map(|index| record(index) + "\n").collect();
    place.file("input.txt", &input);
    let expected = sorted(lines(input.as_bytes()), 2);
    for slots in ["1", "4"] {
        let output = format!("sorted-{slots}");
        let mut job = sort(&["input.txt"], &output, "2");
        job.extend(["--memory", "4MiB", "--slots", slots, "--split-size", "6MiB"]);
        place.finish(["run"].into_iter().chain(job)).expect_success();
        assert!(parts(&place.path(&output)) == expected, "with {slots} slots the output is wrong");
    }
}

#[test]
fn without_reducers_the_output_is_what_the_mappers_print() {
    let place = Place::new();
    let cluster = Cluster::start(&place, 2);
    let book = fs::read(repository().join("examples/books/carroll-alice.txt")).unwrap();
    place.file("book.txt", &book);
    let copied = every_way(&place, &cluster, |output| {
        let job = ["--input", "book.txt", "--output", output, "--mapper", "cat", "--reducers", "0"];
        owned(job.into_iter().chain(["--split-size", "20KiB"]).collect())
    });
    assert!(copied.len() > 5, "{} splits", copied.len());
    assert!(copied.concat() == book, "the output is not the input");
}

#[test]
fn gzip_is_read_by_its_suffix() {
    let place = Place::new();
    let gzip = |contents: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(contents).unwrap();
        encoder.finish().unwrap()
    };
    let book = fs::read(repository().join("examples/books/carroll-alice.txt")).unwrap();
    let (head, tail) = book.split_at(book.len() / 2);
    place.file("input/a.gz", gzip(&book));
    place.file("input/b-two-members.gz", [gzip(head), gzip(tail)].concat());
    place.file("input/c-plain", &book);
    place.file("input/d-empty.gz", gzip(b""));
    let cluster = Cluster::start(&place, 2);
    let counted = every_way(&place, &cluster, |output| {
        let mut job = sort(&["input"], output, "2");
        job.extend(["--split-size", "50KiB"]);
        owned(job)
    });
    assert!(counted == sorted(lines(&book.repeat(3)), 2), "the output is wrong");
}

#[test]
fn inputs_are_read_in_the_order_in_which_they_are_named() {
    let place = Place::new();
    for name in ["b", "a", "c", "_hidden", ".hidden", "B", "a.txt", "\u{e9}"] {
        place.file(&format!("in/{name}"), format!("{name}\n"));
    }
    place.file("sub/one/x.log", "one\n");
    place.file("sub/two/y.log", "two\n");
    place.file("_named", "named\n");
    let read = |inputs: &[&str]| {
        let _ = fs::remove_dir_all(place.path("out"));
        let inputs = inputs.iter().flat_map(|input| ["--input", input]);
        let job = ["--output", "out", "--mapper", "cat", "--reducers", "0"];
        place.finish(["run"].into_iter().chain(inputs).chain(job)).expect_success();
        String::from_utf8(parts(&place.path("out")).concat()).unwrap().lines().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(read(&["in"]), "B a a.txt b c \u{e9}");
    assert_eq!(read(&["in/c", "in/a", "in/c"]), "c a c");
    assert_eq!(read(&["in/[ab]", "in/c"]), "a b c");
    assert_eq!(read(&["in/{c,a}*"]), "a a.txt c");
    assert_eq!(read(&["sub/*/*.log"]), "one two");
    assert_eq!(read(&["sub/t*", "sub/one"]), "two one");
    assert_eq!(read(&["_named", "in/_hidden"]), "named _hidden");
}

#[test]
fn an_input_with_nothing_in_it_gives_empty_parts() {
    let place = Place::new();
    place.file("empty", "");
    let cluster = Cluster::start(&place, 1);
    let output = every_way(&place, &cluster, |output| owned(sort(&["empty"], output, "2")));
    assert_eq!(output, [b"", b""]);
}

#[test]
fn run_reads_stdin_and_writes_stdout() {
    let place = Place::new();
    let input: String = (0..10_000).map(|index| format!("{}\t{index}\n", index * 7 % 1_000)).collect();
    let source = fs::File::open(place.file("input.txt", &input)).unwrap();
    let mut run = place.windrow(["run"].into_iter().chain(sort(&["-"], "-", "3")));
    let finished = Process::start(run.stdin(Stdio::from(source))).finish().expect_success();
    assert!(
        finished.stdout == sorted(lines(input.as_bytes()), 3).concat(),
        "the output is wrong: {finished}"
    );
    assert_eq!(cluster::names(&place.path(".")), [cluster::TEMPORARY, "input.txt"]);
}

#[test]
fn programs_start_where_the_submitter_is_with_the_environment_they_were_promised() {
    let place = Place::new();
    place.file("input.txt", "x\n");
    let script = "cat >/dev/null; echo \"$PWD|$GREETING|$WORKER|$TMPDIR\"; : >\"$TMPDIR/scrap\"; echo done";
    place.file("mapper.sh", script);
    let cluster = Cluster::start(&place, 1);
    let job = ["--input", "input.txt", "--output", "out", "--mapper", "sh mapper.sh", "--reducers", "0"];
    let job: Vec<&str> = job.into_iter().chain(["--env", "GREETING=good day, all = well"]).collect();
    cluster.submit(&place, &job).expect_success();
    let output = String::from_utf8(parts(&place.path("out")).concat()).unwrap();
    let fields: Vec<&str> = output.lines().next().unwrap().split('|').collect();
    assert_eq!(fs::canonicalize(fields[0]).unwrap(), fs::canonicalize(place.path(".")).unwrap());
    assert_eq!(fields[1..3], ["good day, all = well", "0"]);
    assert!(Path::new(fields[3]).starts_with(place.path("worker-0")), "TMPDIR is {}", fields[3]);
    assert!(!Path::new(fields[3]).exists(), "the attempt's scratch is still there");
}

#[test]
fn commands_are_split_into_words_as_a_shell_would_without_one() {
    let place = Place::new();
    place.file("input.txt", "a b\n$HOME\n");
    let job = ["run", "--input", "input.txt", "--output", "-", "--reducers", "0", "--mapper"];
    let run = |mapper: &str| {
        String::from_utf8(place.finish(job.into_iter().chain([mapper])).expect_success().stdout)
    };
    assert_eq!(run(r#"sed 's/a b/c  d/'"#).unwrap(), "c  d\n$HOME\n");
    assert_eq!(run(r#"grep -F "$HOME""#).unwrap(), "$HOME\n");
    assert_eq!(run(r"grep a\ b").unwrap(), "a b\n");
}

#[test]
fn a_reducer_sees_each_key_once_in_order() {
    let place = Place::new();
    place.file("input.txt", "b\t1\na\t1\nb\t2\n\tempty\na\nB\tcapital\n");
    let program = place.program("reducer.sh", "cut -f 1 | uniq");
    let job = ["run", "--input", "input.txt", "--output", "out", "--mapper", "cat", "--reducer", &program];
    place.finish(job).expect_success();
    let expected: Vec<Vec<u8>> = ["", "B", "a", "b"].map(|key| key.as_bytes().to_vec()).into();
    assert_eq!(parts(&place.path("out")), [text(&expected)]);
}
