//! What users' programs compute: owns the functions from lines to lines that simulated programs and the reference share.
//!
//! A function is named by a command line, as a program on a real worker is.

use crate::scenario::FaultKind;
use crate::stream::{Ratio, Stream};
use serde::{Deserialize, Serialize};
use std::io::Write;
use windrow_core::failure::{ExitStatus, OsError, OsErrorKind};
use windrow_core::job::{CommandLine, PathBytes};
use windrow_core::limits::FAILURE_TEXT_BYTES_MAX;

/// Bytes of what is called at length: more than is told of it.
const LONG: usize = FAILURE_TEXT_BYTES_MAX + 1_000;

/// Which program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum UserFunction {
    /// Prints what it reads.
    Identity,
    /// A mapper: `word<TAB>1` for every word.
    CountWords,
    /// A mapper: `word<TAB>1`, `word<TAB>2` and so on for every word, so often that a little input makes output that must be
    /// spilled, and the order of equal keys shows.
    Multiply {
        /// How many times.
        times: u32,
    },
    /// A reducer: adds the numbers of neighbours with one key.
    Sum,
    /// A mapper: `first byte<TAB>line`, so that many lines share a key and their order shows.
    KeyByFirstByte,
    /// Prints what it reads, but ends with code 3 at a line that holds `word`.
    FailOn {
        /// Which word.
        word: String,
    },
    /// Reads so many bytes at the most, prints nothing, and ends as if all were well.
    Abandon {
        /// How many.
        bytes: u64,
    },
    /// Prints what it reads, but now and then ends with code 4 at some line.
    Flaky {
        /// How often, for each line.
        ratio: Ratio,
    },
    /// Reads so many bytes at the most and prints nothing; then, or at the end of its input, it neither reads nor ends.
    Hang {
        /// How many.
        bytes: u64,
    },
    /// Prints what it reads, and computes for so long before that.
    Ponder {
        /// For how long.
        us: u64,
    },
    /// Prints what it reads, and sleeps for so long before that.
    Nap {
        /// For how long.
        us: u64,
    },
    /// A mapper that is not deterministic: `first byte<TAB>` and a number that is drawn anew whenever it is started, for every
    /// line.
    Unstable,
    /// Prints what it reads and ends; what it has started holds its pipes for ever, or until its group is killed.
    Daemon {
        /// Whether that has left its group.
        escapes: bool,
    },
    /// Ends in this way at the first line, which it finds something wrong with; a grep, whose code is 1, also where there is none.
    Quit {
        /// How.
        status: ExitStatus,
    },
    /// A program that is not there.
    Missing,
    /// A program, named by its path, that cannot be started.
    Unstartable {
        /// Why.
        why: OsErrorKind,
    },
}

impl UserFunction {
    /// The command line that names it.
    pub fn command(&self) -> CommandLine {
        let words = match self {
            UserFunction::Identity => vec!["identity".into()],
            UserFunction::CountWords => vec!["count-words".into()],
            UserFunction::Multiply { times } => vec!["multiply".into(), times.to_string()],
            UserFunction::Sum => vec!["sum".into()],
            UserFunction::KeyByFirstByte => vec!["key-by-first-byte".into()],
            UserFunction::FailOn { word } => vec!["fail-on".into(), word.clone()],
            UserFunction::Abandon { bytes } => vec!["abandon".into(), bytes.to_string()],
            UserFunction::Flaky { ratio } => {
                vec!["flaky".into(), ratio.numerator.to_string(), ratio.denominator.to_string()]
            }
            UserFunction::Hang { bytes } => vec!["hang".into(), bytes.to_string()],
            UserFunction::Ponder { us } => vec!["ponder".into(), us.to_string()],
            UserFunction::Nap { us } => vec!["nap".into(), us.to_string()],
            UserFunction::Unstable => vec!["unstable".into()],
            UserFunction::Daemon { escapes: false } => vec!["daemon".into()],
            UserFunction::Daemon { escapes: true } => vec!["daemon".into(), "--setsid".into()],
            // A grep that finds nothing says so by its code.
            UserFunction::Quit { status: ExitStatus::Code(1) } => vec!["grep".into(), "nothing".into()],
            UserFunction::Quit { status: ExitStatus::Code(code) } => {
                vec!["exit".into(), code.to_string(), "--because".into(), "it's so ".repeat(LONG / 8)]
            }
            UserFunction::Quit { status: ExitStatus::Signal(number) } => {
                vec!["die".into(), number.to_string()]
            }
            UserFunction::Missing => vec!["no-such-program".into()],
            UserFunction::Unstartable { why: why @ OsErrorKind::Other } => {
                vec![format!("./{}{why:?}", "deep/".repeat(LONG / 5))]
            }
            UserFunction::Unstartable { why } => vec![format!("./{why:?}")],
        };
        CommandLine { words: words.into_iter().map(|word: String| PathBytes(word.into_bytes())).collect() }
    }

    /// The function that a command line names; `None` if there is no such program.
    pub fn of_command(command: &CommandLine) -> Option<UserFunction> {
        let words: Vec<String> = command.words.iter().map(ToString::to_string).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        Some(match words[..] {
            ["identity"] => UserFunction::Identity,
            ["count-words"] => UserFunction::CountWords,
            ["multiply", times] => UserFunction::Multiply { times: times.parse().ok()? },
            ["sum"] => UserFunction::Sum,
            ["key-by-first-byte"] => UserFunction::KeyByFirstByte,
            ["fail-on", word] => UserFunction::FailOn { word: word.into() },
            ["abandon", bytes] => UserFunction::Abandon { bytes: bytes.parse().ok()? },
            ["flaky", numerator, denominator] => UserFunction::Flaky {
                ratio: Ratio { numerator: numerator.parse().ok()?, denominator: denominator.parse().ok()? },
            },
            ["hang", bytes] => UserFunction::Hang { bytes: bytes.parse().ok()? },
            ["ponder", us] => UserFunction::Ponder { us: us.parse().ok()? },
            ["nap", us] => UserFunction::Nap { us: us.parse().ok()? },
            ["unstable"] => UserFunction::Unstable,
            ["daemon"] => UserFunction::Daemon { escapes: false },
            ["daemon", "--setsid"] => UserFunction::Daemon { escapes: true },
            ["grep", "nothing"] => UserFunction::Quit { status: ExitStatus::Code(1) },
            ["exit", code, ..] => UserFunction::Quit { status: ExitStatus::Code(code.parse().ok()?) },
            ["die", number] => UserFunction::Quit { status: ExitStatus::Signal(number.parse().ok()?) },
            _ => return None,
        })
    }

    /// What the system says that cannot start what a command line names.
    pub fn start_error(command: &CommandLine) -> OsError {
        let program = command.words.first().map(ToString::to_string).unwrap_or_default();
        let (kind, text) = match program.rsplit('/').next() {
            Some("PermissionDenied") => (OsErrorKind::PermissionDenied, "permission denied"),
            Some("NotExecutable") => (OsErrorKind::NotExecutable, "exec format error"),
            Some("Other") => (OsErrorKind::Other, "text file busy"),
            _ => (OsErrorKind::NotFound, "no such file or directory"),
        };
        OsError { kind, text: text.into() }
    }

    /// What a user would call wrong with it.
    pub fn fault(&self) -> Option<FaultKind> {
        match self {
            UserFunction::Identity
            | UserFunction::CountWords
            | UserFunction::Multiply { .. }
            | UserFunction::Sum
            | UserFunction::KeyByFirstByte
            | UserFunction::Ponder { .. }
            | UserFunction::Nap { .. }
            | UserFunction::Daemon { .. } => None,
            UserFunction::FailOn { .. }
            | UserFunction::Abandon { .. }
            | UserFunction::Flaky { .. }
            | UserFunction::Quit { .. }
            | UserFunction::Missing
            | UserFunction::Unstartable { .. } => Some(FaultKind::ProgramFails),
            UserFunction::Hang { .. } => Some(FaultKind::ProgramHangs),
            UserFunction::Unstable => Some(FaultKind::ProgramUnstable),
        }
    }

    /// Bytes of stdin that it reads at the most.
    pub fn reads_bytes_max(&self) -> u64 {
        match self {
            UserFunction::Abandon { bytes } | UserFunction::Hang { bytes } => *bytes,
            UserFunction::Identity
            | UserFunction::CountWords
            | UserFunction::Multiply { .. }
            | UserFunction::Sum
            | UserFunction::KeyByFirstByte
            | UserFunction::FailOn { .. }
            | UserFunction::Flaky { .. }
            | UserFunction::Ponder { .. }
            | UserFunction::Nap { .. }
            | UserFunction::Unstable
            | UserFunction::Daemon { .. }
            | UserFunction::Quit { .. }
            | UserFunction::Missing
            | UserFunction::Unstartable { .. } => u64::MAX,
        }
    }
}

/// A function at work.
#[derive(Clone, Debug)]
pub struct Computation {
    function: UserFunction,
    partial: Vec<u8>,
    sum: Option<(Vec<u8>, u64)>,
    /// What tells this execution from others, where one can.
    salt: Option<u64>,
}

impl Computation {
    /// The beginning.
    pub fn new(function: UserFunction) -> Computation {
        Computation { function, partial: Vec::new(), sum: None, salt: None }
    }

    /// Takes input, cut anywhere, and adds to `output` what it prints.
    pub fn feed(
        &mut self,
        input: &[u8],
        output: &mut Vec<u8>,
        stream: &mut Stream,
    ) -> Result<(), ExitStatus> {
        for piece in input.split_inclusive(|byte| *byte == b'\n') {
            if self.partial.is_empty() && piece.ends_with(b"\n") {
                self.line(piece, output, stream)?;
                continue;
            }
            self.partial.extend(piece);
            if self.partial.ends_with(b"\n") {
                let line = std::mem::take(&mut self.partial);
                self.line(&line, output, stream)?;
            }
        }
        Ok(())
    }

    /// Takes the end of the input.
    pub fn end(&mut self, output: &mut Vec<u8>, stream: &mut Stream) -> Result<(), ExitStatus> {
        if !self.partial.is_empty() {
            let line = std::mem::take(&mut self.partial);
            self.line(&line, output, stream)?;
        }
        self.print_sum(output);
        let grep = ExitStatus::Code(1);
        if self.function == (UserFunction::Quit { status: grep }) { Err(grep) } else { Ok(()) }
    }

    fn line(&mut self, line: &[u8], output: &mut Vec<u8>, stream: &mut Stream) -> Result<(), ExitStatus> {
        match &self.function {
            UserFunction::Identity
            | UserFunction::Daemon { .. }
            | UserFunction::Ponder { .. }
            | UserFunction::Nap { .. } => output.extend(line),
            UserFunction::CountWords => number_words(line, 1, output),
            UserFunction::Multiply { times } => number_words(line, *times, output),
            UserFunction::Sum => {
                let text = line.strip_suffix(b"\n").unwrap_or(line);
                let tab = text.iter().position(|byte| *byte == b'\t').unwrap_or(text.len());
                let number = std::str::from_utf8(text.get(tab + 1..).unwrap_or_default()).unwrap_or_default();
                let number: u64 = number.parse().map_err(|_| ExitStatus::Code(5))?;
                match &mut self.sum {
                    Some((key, sum)) if key.as_slice() == &text[..tab] => *sum += number,
                    _ => {
                        self.print_sum(output);
                        self.sum = Some((text[..tab].to_vec(), number));
                    }
                }
            }
            UserFunction::KeyByFirstByte => {
                output.extend([line[0].max(b' '), b'\t']);
                output.extend(line);
                if !line.ends_with(b"\n") {
                    output.push(b'\n');
                }
            }
            UserFunction::FailOn { word } => {
                if line.windows(word.len()).any(|window| window == word.as_bytes()) {
                    return Err(ExitStatus::Code(3));
                }
                output.extend(line);
            }
            UserFunction::Flaky { ratio } => {
                if stream.chance(*ratio) {
                    return Err(ExitStatus::Code(4));
                }
                output.extend(line);
            }
            UserFunction::Unstable => {
                let salt = *self.salt.get_or_insert_with(|| stream.below(1 << 40));
                output.push(line[0].max(b' '));
                end_with_number(salt, output);
            }
            UserFunction::Abandon { .. } | UserFunction::Hang { .. } => {}
            UserFunction::Quit { status } => return Err(*status),
            UserFunction::Missing | UserFunction::Unstartable { .. } => panic!("it does not run"),
        }
        Ok(())
    }

    fn print_sum(&mut self, output: &mut Vec<u8>) {
        if let Some((key, sum)) = self.sum.take() {
            output.extend(key);
            end_with_number(sum, output);
        }
    }
}

fn number_words(line: &[u8], times: u32, output: &mut Vec<u8>) {
    for word in line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()) {
        for number in 1..=times {
            output.extend(word);
            end_with_number(number.into(), output);
        }
    }
}

/// Ends a line with a tab and a number.
fn end_with_number(number: u64, output: &mut Vec<u8>) {
    writeln!(output, "\t{number}").expect("a vector takes all");
}
