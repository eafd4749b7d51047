use super::*;
use crate::options::{Command, Options};
use clap::Parser;

/// The job of `windrow submit` with these arguments beside the usual ones, typed in `/home/ada`.
fn job(arguments: &[&[u8]]) -> Result<JobSpecification, Failure> {
    let mut line: Vec<OsString> = vec!["windrow".into(), "submit".into()];
    line.extend(arguments.iter().map(|argument| OsString::from_vec(argument.to_vec())));
    let Command::Submit(options) = Options::try_parse_from(line).expect("arguments are well-formed").command
    else {
        panic!("submit was typed");
    };
    specification(&options.job, Path::new("/home/ada"), None, true)
}

fn usual(more: &[&'static [u8]]) -> Result<JobSpecification, Failure> {
    let mut arguments: Vec<&[u8]> =
        vec![b"--input", b"in.txt", b"--output", b"out", b"--mapper", b"map", b"--reducer", b"red"];
    arguments.extend(more);
    job(&arguments)
}

fn words(text: &[u8]) -> Result<Vec<Vec<u8>>, Failure> {
    let line = command_line("--mapper", OsStr::from_bytes(text))?;
    Ok(line.words.into_iter().map(|word| word.0).collect())
}

fn complaint<T>(result: Result<T, Failure>) -> String {
    match result {
        Ok(_) => String::from("no complaint"),
        Err(failure) => failure.to_string(),
    }
}

#[test]
fn a_job_has_good_defaults() {
    assert_eq!(
        usual(&[]).unwrap(),
        JobSpecification {
            name: "map".into(),
            inputs: vec!["/home/ada/in.txt".into()],
            output: "/home/ada/out".into(),
            mapper: CommandLine { words: vec!["map".into()] },
            reducer: Some(CommandLine { words: vec!["red".into()] }),
            reducers: 1,
            split_bytes: 64 << 20,
            directory: "/home/ada".into(),
            environment: vec![],
            accepts_nondeterminism: false,
            max_skipped_records: 0,
            has_side_effects: false,
            sync: true,
            overwrites: false,
            priority: Priority::Normal,
            task_timeout_us: 600_000_000,
        }
    );
}

#[test]
fn inputs_keep_their_order_and_their_repetitions() {
    let job = usual(&[b"-i", b"b", b"-i", b"a", b"-i", b"b"]).unwrap();
    assert_eq!(
        job.inputs,
        ["/home/ada/in.txt", "/home/ada/b", "/home/ada/a", "/home/ada/b"].map(PathBytes::from)
    );
}

#[test]
fn paths_become_absolute_without_a_look_at_the_disk() {
    for (given, path) in [
        ("x", "/home/ada/x"),
        ("./x//y/./z/", "/home/ada/x/y/z"),
        ("../x", "/home/ada/../x"),
        ("/x/link/../y", "/x/link/../y"),
        ("//x", "/x"),
        ("./-", "/home/ada/-"),
        ("logs/*.{txt,gz}", "/home/ada/logs/*.{txt,gz}"),
    ] {
        let found = input(Path::new(given), Path::new("/home/ada"), None).unwrap();
        assert_eq!(found, PathBytes::from(path), "{given}");
    }
}

#[test]
fn only_what_the_user_typed_is_a_pattern() {
    let found = |path: &str| input(Path::new(path), Path::new("/home/[ada]"), None).unwrap();
    assert_eq!(found("*.txt"), "/home/\\[ada\\]/*.txt".into());
    assert_eq!(found("in.txt"), "/home/[ada]/in.txt".into());
    assert_eq!(found("/x/*.txt"), "/x/*.txt".into());
}

#[test]
fn an_output_has_a_name() {
    let found = |path: &str| output(Path::new(path), Path::new("/home/ada"), None);
    assert_eq!(found("out/").unwrap(), "/home/ada/out".into());
    for wrong in ["", "/", "..", "out/.."] {
        assert!(found(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn standard_streams_are_for_run_alone() {
    let streams = StandardStreams { input: "/tmp/w/in".into(), output: "/tmp/w/out".into() };
    let (dash, home) = (Path::new("-"), Path::new("/home/ada"));
    assert_eq!(input(dash, home, Some(&streams)).unwrap(), "/tmp/w/in".into());
    assert_eq!(output(dash, home, Some(&streams)).unwrap(), "/tmp/w/out".into());
    assert!(complaint(input(dash, home, None)).contains("use `windrow run`"));
    assert!(complaint(output(dash, home, None)).contains("use `windrow run`"));
}

#[test]
fn what_replaces_an_output_is_synced() {
    let options = |more: &[&str]| {
        let words = ["windrow", "run", "-i", "in", "-m", "map", "-r", "red"].iter().chain(more);
        let Command::Run(run) = Options::try_parse_from(words).expect("arguments are well-formed").command
        else {
            panic!("run was typed");
        };
        let streams = StandardStreams { input: "/tmp/w/in".into(), output: "/tmp/w/out".into() };
        specification(&run.job, Path::new("/home/ada"), Some(&streams), false)
    };
    assert!(!options(&["-o", "out"]).unwrap().sync);
    let replacing = options(&["-o", "out", "--overwrite"]).unwrap();
    assert!(replacing.sync && replacing.overwrites);
    assert!(complaint(options(&["-o", "-", "--overwrite"])).contains("--overwrite has nothing to replace"));
}

#[test]
fn commands_are_split_as_a_shell_would_and_nothing_is_expanded() {
    assert_eq!(words(b"python3 map.py").unwrap(), [&b"python3"[..], b"map.py"]);
    assert_eq!(
        words(b"  awk '{ print $1 }'  \"a \\\" b\" c\\ d ''").unwrap(),
        [&b"awk"[..], b"{ print $1 }", b"a \" b", b"c d", b""]
    );
    assert_eq!(
        words(b"grep #tag $HOME *.txt cut").unwrap(),
        [&b"grep"[..], b"#tag", b"$HOME", b"*.txt", b"cut"]
    );
}

#[test]
fn bytes_that_are_no_utf_8_pass_through() {
    let every: Vec<u8> = (1..=255).filter(|byte| !b" \t\n'\"\\".contains(byte)).collect();
    assert_eq!(words(&every).unwrap(), [every]);
    let job = usual(&[b"--env", b"A=\xff\xfe", b"--input", b"\xe9.txt"]).unwrap();
    assert_eq!(job.environment, [("A".into(), PathBytes(vec![0xff, 0xfe]))]);
    assert_eq!(job.inputs[1].0, b"/home/ada/\xe9.txt");
}

#[test]
fn commands_that_are_none_are_refused() {
    assert!(complaint(words(b"grep 'x")).contains("a quote in `grep 'x` is not closed"));
    assert!(complaint(words(b"grep \"x")).contains("not closed"));
    for empty in [&b""[..], b"  ", b"''"] {
        assert!(complaint(words(empty)).contains("names no program"));
    }
}

#[test]
fn reducers_and_their_number_must_agree() {
    assert_eq!(usual(&[b"--reducers", b"100000"]).unwrap().reducers, 100_000);
    assert!(complaint(usual(&[b"--reducers", b"0"])).contains("leave out --reducer"));
    assert!(complaint(usual(&[b"--reducers", b"100001"])).contains("100000 at the most"));
    let map_only: &[&[u8]] = &[b"--input", b"in", b"--output", b"out", b"--mapper", b"map"];
    assert!(complaint(job(map_only)).contains("--reducers 0 for a job of mappers only"));
    let map_only = job(&[map_only, &[b"--reducers", b"0"]].concat()).unwrap();
    assert_eq!((map_only.reducer, map_only.reducers), (None, 0));
}

#[test]
fn names_come_from_the_mapper_or_are_checked() {
    assert_eq!(usual(&[b"--name", b"word count"]).unwrap().name, "word count");
    assert!(complaint(usual(&[b"--name", b"a\nb"])).contains("control characters"));
    assert!(complaint(usual(&[b"--name", b""])).contains("empty"));
    let named = |mapper| name(None, &command_line("--mapper", OsStr::from_bytes(mapper)).unwrap()).unwrap();
    assert_eq!(named(b"./bin/map.py -v"), "map.py");
    assert_eq!(named(b"./\xff"), "\u{fffd}");
    assert_eq!(named("é".repeat(300).as_bytes()), "é".repeat(100));
}

#[test]
fn variables_have_names() {
    let job = usual(&[b"--env", b"A=1", b"--env", b"_b2=", b"--env", b"A=x=y"]).unwrap();
    let pair = |name: &str, value: &str| (PathBytes::from(name), PathBytes::from(value));
    assert_eq!(job.environment, [pair("A", "1"), pair("_b2", ""), pair("A", "x=y")]);
    assert!(complaint(usual(&[b"--env", b"A"])).contains("there is no `=`"));
    for wrong in [&b"=1"[..], b"1A=", b"A B=", b"\xff="] {
        assert!(complaint(assignment(OsStr::from_bytes(wrong))).contains("a name has letters"));
    }
}

#[test]
fn what_only_a_shell_understands_is_refused_unless_it_is_quoted() {
    for (text, word) in [
        ("cat | sort", "|"),
        ("cat > x", ">"),
        ("a && b", "&&"),
        ("LC_ALL=C sort", "LC_ALL="),
        ("a ; b", ";"),
    ] {
        let complaint = complaint(words(text.as_bytes()));
        assert!(complaint.contains(&format!("`{word}` in `{text}` is for a shell")), "{complaint}");
        assert!(complaint.contains("sh -c"), "{complaint}");
    }
    for text in
        ["sh -c 'cat | sort'", "cut -d '|' -f 1", "cut -d \\| -f 1", "awk -v a=1 \"b ; c > d\"", "./a=b"]
    {
        assert!(words(text.as_bytes()).is_ok(), "{text}");
    }
}
