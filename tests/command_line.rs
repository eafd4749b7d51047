//! The command line as its callers see it: help, exit codes, and which stream says what. No job runs here.

use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::os::unix::ffi::OsStringExt;
use std::process::{Command, Output, Stdio};

fn windrow<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_windrow"));
    command.args(arguments).stdin(Stdio::null()).env_remove("WINDROW_MANAGER").env_remove("RUST_LOG");
    command.env("TMPDIR", env!("CARGO_TARGET_TMPDIR"));
    command
}

fn output(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("windrow starts");
    let text = |bytes| String::from_utf8(bytes).expect("windrow prints UTF-8");
    (status.code().expect("windrow is not killed"), text(stdout), text(stderr))
}

fn submit() -> Vec<OsString> {
    ["submit", "--input", "in", "--output", "out", "--mapper", "cat"].map(OsString::from).to_vec()
}

/// Panics unless `submit` with these arguments more is refused as bad arguments, in `words`, on standard error alone.
#[track_caller]
fn expect_refused(more: &[&str], words: &str) {
    let mut command = windrow(submit());
    let (code, stdout, stderr) = output(command.args(more));
    assert_eq!((code, stdout.as_str()), (1, ""), "{stderr}");
    assert!(stderr.starts_with("error: "), "{stderr}");
    assert!(stderr.contains(words), "{stderr}");
    assert!(!stderr.contains('\x1b'), "colours outside a terminal: {stderr}");
}

#[test]
fn help_goes_to_standard_output_and_is_no_error() {
    for arguments in
        [&["--help"][..], &["-h"], &["run", "--help"], &["worker", "-h"], &["shutdown", "--help"]]
    {
        let (code, stdout, stderr) = output(&mut windrow(arguments));
        assert_eq!((code, stderr.as_str()), (0, ""), "{arguments:?}");
        assert!(stdout.contains("Usage: windrow"), "{stdout}");
    }
    let (_, help, _) = output(&mut windrow(["--help"]));
    assert!(help.contains("\n  3  bad configuration"), "{help}");
}

#[test]
fn the_version_is_the_packages() {
    let (code, stdout, _) = output(&mut windrow(["--version"]));
    assert_eq!((code, stdout), (0, format!("windrow {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn arguments_that_make_no_sense_end_with_1() {
    for arguments in [&[][..], &["frobnicate"], &["run"], &["manager", "--lease", "10"]] {
        let (code, stdout, stderr) = output(&mut windrow(arguments));
        assert_eq!((code, stdout.as_str()), (1, ""), "{arguments:?}");
        assert!(!stderr.is_empty());
    }
    expect_refused(&[], "there is no --reducer");
    expect_refused(&["--reducers", "0", "--reducer", "cat"], "leave out --reducer");
    expect_refused(&["--reducer", "cat", "--slots", "2"], "--slots");
    expect_refused(&["--reducer", "sed 's/a"], "a quote in `sed 's/a` is not closed");
    expect_refused(&["--reducer", "cat", "--input", "-"], "standard input, which a cluster cannot read");
    expect_refused(&["--reducer", "cat", "--split-size", "1 furlong"], "as in 64MiB");
    expect_refused(&["--reducer", "cat", "--env", "=x"], "a name has letters");
}

#[test]
fn arguments_need_not_be_utf_8() {
    let odd = OsString::from_vec(b"cat '\xff".to_vec());
    let (code, _, stderr) = output(windrow(submit()).arg("--reducer").arg(odd));
    assert_eq!(code, 1);
    assert!(stderr.contains("a quote in `cat '\u{fffd}` is not closed"), "{stderr}");
}

#[test]
fn standard_output_takes_either_parts_or_json() {
    let job = ["run", "--input", "in", "--output", "-", "--json", "--mapper", "cat", "--reducer", "cat"];
    let (code, stdout, stderr) = output(&mut windrow(job));
    assert_eq!(code, 1);
    assert!(stderr.contains("--json and --output -"), "{stderr}");
    assert!(stdout.contains("\"exit_code\":1"), "{stdout}");
}

#[test]
fn json_tells_failures_too_on_one_line() {
    let mut command = windrow(submit());
    let (code, stdout, stderr) = output(command.args(["--reducer", "cat", "--json", "--manager", "a b"]));
    assert_eq!(code, 3);
    assert!(stderr.contains("no Manager answers at a b"), "{stderr}");
    let line = stdout.strip_suffix('\n').expect("a line is ended");
    let object: serde_json::Value = serde_json::from_str(line).expect("the line is JSON");
    assert_eq!((&object["status"], &object["exit_code"]), (&"failed".into(), &3.into()));
    assert_eq!(object["failure"]["kind"], "unreachable");
}

#[test]
fn the_environment_names_the_manager_unless_an_option_does() {
    let (code, _, stderr) = output(windrow(["shutdown"]).env("WINDROW_MANAGER", "from environment"));
    assert_eq!(code, 3);
    assert!(stderr.contains("at from environment:"), "{stderr}");
    let (_, _, stderr) =
        output(windrow(["shutdown", "--manager", "a b"]).env("WINDROW_MANAGER", "from environment"));
    assert!(stderr.contains("at a b:"), "{stderr}");
}

#[test]
fn an_empty_variable_is_none() {
    let (code, _, stderr) =
        output(windrow(["shutdown", "--cluster", "none such"]).env("WINDROW_MANAGER", ""));
    assert!(code != 0 && stderr.contains("127.0.0.1:7077"), "{stderr}");
    // Told apart by what fails next: the input, not the temporary directory.
    let job = ["run", "--input", "/none", "--output", "/none/such", "--mapper", "cat", "--reducer", "cat"];
    let (code, _, stderr) = output(windrow(job).env("TMPDIR", ""));
    assert_eq!(code, 2, "{stderr}");
    let (code, _, stderr) = output(windrow(job).env("TMPDIR", "/none/such"));
    assert_eq!(code, 3);
    assert!(
        stderr.contains("`/none/such` cannot be used: No such file or directory (TMPDIR names it)"),
        "{stderr}"
    );
}

#[test]
fn a_log_that_cannot_be_is_an_error_of_servers_and_a_warning_elsewhere() {
    let (code, _, stderr) = output(windrow(submit()).env("RUST_LOG", "net=loud"));
    assert_eq!(code, 1);
    assert!(stderr.starts_with("warning: RUST_LOG is not understood"), "{stderr}");
    assert_eq!(stderr.matches("error: ").count(), 1, "{stderr}");
}

#[test]
fn inputs_may_follow_each_other() {
    let job =
        ["run", "--input", "/none-1", "/none-2", "-o", "/none/such", "--mapper", "cat", "--reducer", "cat"];
    let (code, _, stderr) = output(&mut windrow(job));
    assert_eq!(code, 2, "{stderr}");
}

#[test]
fn servers_check_their_options_first() {
    for (arguments, code, words) in [
        (&["manager", "--heartbeat", "2s", "--lease", "3s"][..], 1, "longer --lease"),
        (&["manager", "--listen", "127.0.0.1:seven"], 3, "`127.0.0.1:seven` is no HOST:PORT"),
        (&["manager", "--listen", "7000"], 3, "`7000` is no HOST:PORT"),
        (&["worker", "--manager", "127.0.0.1:0"], 3, "port 0"),
        (&["worker", "--slots", "0"], 1, "--slots"),
        (&["worker", "--slots", "100", "--memory", "1MiB"], 1, "--memory 100MiB or more"),
        (&["worker", "--advertise", ":"], 3, "`:` is no HOST:PORT"),
        (&["manager", "--work-dir", "/dev/null/below"], 3, "/dev/null/below"),
    ] {
        let (found, stdout, stderr) = output(&mut windrow(arguments));
        assert_eq!((found, stdout.as_str()), (code, ""), "{stderr}");
        assert!(stderr.contains(words), "{stderr}");
    }
    let (code, _, stderr) = output(windrow(["manager"]).env("RUST_LOG", "net=loud"));
    assert_eq!(code, 1);
    assert!(stderr.contains("RUST_LOG is not understood"), "{stderr}");
}

#[test]
fn streams_that_take_nothing_cause_no_panic() {
    let full = || OpenOptions::new().write(true).open("/dev/full").expect("Linux has /dev/full");
    let status = windrow(["--help"]).stdout(full()).status().expect("windrow starts");
    assert_eq!(status.code(), Some(0));
    let status = windrow(submit()).stderr(full()).status().expect("windrow starts");
    assert_eq!(status.code(), Some(1));
    let status = windrow(submit()).arg("--json").stdout(full()).stderr(Stdio::null()).status();
    assert_eq!(status.expect("windrow starts").code(), Some(1));
}
