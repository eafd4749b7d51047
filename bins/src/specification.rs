//! From options to a job: owns how a user's words become a [`JobSpecification`], without touching the file system.
//!
//! Paths become absolute against the user's directory; links in them are never resolved, since other machines may know
//! the place by the same link. Bytes that are no UTF-8 pass through.

use crate::failures::{bytes, invalid};
use crate::options::JobOptions;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};
use windrow_core::failure::Failure;
use windrow_core::job::{CommandLine, JobSpecification, PathBytes, Priority};
use windrow_core::limits::REDUCERS_MAX;

/// The longest name of a job, in bytes.
const NAME_BYTES_MAX: usize = 200;

/// What `-` stands for: files in the private directory of a `run`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandardStreams {
    /// Holds what came on standard input.
    pub input: PathBuf,
    /// The output whose parts go to standard output.
    pub output: PathBuf,
}

/// The job that `options` describe, for a user in `directory`.
pub fn specification(
    options: &JobOptions,
    directory: &Path,
    streams: Option<&StandardStreams>,
    sync: bool,
) -> Result<JobSpecification, Failure> {
    let mapper = command_line("--mapper", &options.mapper)?;
    let reducer = options.reducer.as_ref().map(|text| command_line("--reducer", text)).transpose()?;
    check_reducers(options.reducers, reducer.is_some())?;
    if options.overwrite && is_stream(&options.output) {
        return Err(invalid("--overwrite has nothing to replace with --output -", "leave out --overwrite"));
    }
    Ok(JobSpecification {
        name: name(options.name.as_deref(), &mapper)?,
        inputs: options
            .inputs
            .iter()
            .map(|path| input(path, directory, streams))
            .collect::<Result<_, _>>()?,
        output: output(&options.output, directory, streams)?,
        mapper,
        reducer,
        reducers: options.reducers,
        split_bytes: options.split_size,
        directory: bytes(directory),
        environment: options.environment.iter().map(|text| assignment(text)).collect::<Result<_, _>>()?,
        accepts_nondeterminism: options.accept_nondeterminism,
        max_skipped_records: options.max_skipped_records,
        has_side_effects: options.side_effects,
        // What was safe on the disk does not make room for what is not.
        sync: sync || options.overwrite,
        overwrites: options.overwrite,
        priority: Priority::Normal,
        task_timeout_us: u64::try_from(options.task_timeout.as_micros()).unwrap_or(u64::MAX),
    })
}

/// Whether a path stands for a standard stream.
pub fn is_stream(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn check_reducers(reducers: u32, has_reducer: bool) -> Result<(), Failure> {
    match (reducers, has_reducer) {
        (0, true) => Err(invalid(
            "--reducers 0 asks for no reducers, but --reducer names one",
            "leave out --reducer, or give a greater --reducers",
        )),
        (1.., false) => {
            Err(invalid("there is no --reducer", "give one, or --reducers 0 for a job of mappers only"))
        }
        (0, false) | (1..=REDUCERS_MAX, true) => Ok(()),
        (_, true) => Err(invalid(
            format!("--reducers {reducers} is more than a job may have"),
            format!("give {REDUCERS_MAX} at the most"),
        )),
    }
}

fn input(path: &Path, directory: &Path, streams: Option<&StandardStreams>) -> Result<PathBytes, Failure> {
    if !is_stream(path) {
        let directory = if is_pattern(path) { escaped(directory) } else { directory.into() };
        return absolute("--input", path, &directory).map(bytes);
    }
    let streams = streams.ok_or_else(|| {
        invalid(
            "--input - stands for standard input, which a cluster cannot read",
            "save it to a file that every worker sees, or use `windrow run`",
        )
    })?;
    Ok(bytes(&streams.input))
}

/// Characters that make an input a pattern.
const PATTERN: &[u8] = b"*?[]{}\\";

fn is_pattern(path: &Path) -> bool {
    path.as_os_str().as_bytes().iter().any(|byte| PATTERN.contains(byte))
}

/// The same directory as part of a pattern: its name is not one.
fn escaped(directory: &Path) -> PathBuf {
    let mut escaped = Vec::new();
    for byte in directory.as_os_str().as_bytes() {
        if PATTERN.contains(byte) {
            escaped.push(b'\\');
        }
        escaped.push(*byte);
    }
    PathBuf::from(OsString::from_vec(escaped))
}

fn output(path: &Path, directory: &Path, streams: Option<&StandardStreams>) -> Result<PathBytes, Failure> {
    if is_stream(path) {
        let streams = streams.ok_or_else(|| {
            invalid(
                "--output - stands for standard output, to which a cluster cannot write",
                "name a directory that every worker sees, or use `windrow run`",
            )
        })?;
        return Ok(bytes(&streams.output));
    }
    let path = absolute("--output", path, directory)?;
    match path.components().next_back() {
        Some(Component::Normal(_)) => Ok(bytes(path)),
        _ => Err(invalid(
            format!("--output {} is no name for a directory to be made", path.display()),
            "give the path of a directory that does not exist yet",
        )),
    }
}

/// The path from the root on, without `.` and needless slashes; `..` stays, since what it means depends on links.
fn absolute(option: &str, path: &Path, directory: &Path) -> Result<PathBuf, Failure> {
    if path.as_os_str().is_empty() {
        return Err(invalid(format!("{option} is empty"), "give a path"));
    }
    Ok(directory.join(path).components().collect())
}

/// Splits a command into words as a shell does, quotes and backslashes included, and expands nothing.
fn command_line(option: &str, text: &OsStr) -> Result<CommandLine, Failure> {
    let quote = |_| {
        invalid(
            format!("{option}: a quote in `{}` is not closed", text.display()),
            "close it, or put a backslash before it",
        )
    };
    let words: Vec<PathBytes> = shell_words::split(&as_characters(text.as_bytes()))
        .map_err(quote)?
        .iter()
        .map(|word| as_bytes(word))
        .collect();
    if let Some(word) = shell_word(&as_characters(text.as_bytes())) {
        return Err(invalid(
            format!("{option}: `{word}` in `{}` is for a shell, but no shell reads this", text.display()),
            "let one read it, as in \"sh -c '…'\"; quote the word if it is an argument",
        ));
    }
    match words.first() {
        Some(program) if !program.0.is_empty() => Ok(CommandLine { words }),
        _ => Err(invalid(format!("{option} names no program"), "give a command, as in 'cut -f 1'")),
    }
}

/// The first word that means something to shells alone: an operator that stands by itself, or an assignment before the
/// program. Quotes make either an ordinary word.
fn shell_word(text: &str) -> Option<&str> {
    const OPERATORS: [&str; 12] =
        ["|", "||", "|&", "&", "&&", ";", "<", ">", ">>", "2>", "2>&1", "2>/dev/null"];
    let is_assignment = |word: &str| {
        let name = word.split_once('=').map_or("", |(name, _)| name);
        name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_')
    };
    let words = quoted_words(text);
    let first = words.first().filter(|word| is_assignment(word));
    let name = first.and_then(|word| word.split_inclusive('=').next());
    name.or_else(|| words.into_iter().find(|word| OPERATORS.contains(word)))
}

/// The words with their quotes.
fn quoted_words(text: &str) -> Vec<&str> {
    let (mut quote, mut is_escaped) = (None, false);
    let between = move |character: char| {
        match (quote, character) {
            _ if is_escaped => is_escaped = false,
            (None | Some('"'), '\\') => is_escaped = true,
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), close) if open == close => quote = None,
            (None, ' ' | '\t' | '\n') => return true,
            (None | Some(_), _) => {}
        }
        false
    };
    text.split(between).filter(|word| !word.is_empty()).collect()
}

/// A `#` is an ordinary character here: a comment in a command line would only ever be a surprise.
const HASH: char = '\u{123}';

/// Each byte as the character of its number, so that what is no UTF-8 can be split by a function for text.
fn as_characters(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| if *byte == b'#' { HASH } else { char::from(*byte) }).collect()
}

/// The way back from [`as_characters`].
fn as_bytes(word: &str) -> PathBytes {
    let byte = |character| match character {
        HASH => b'#',
        character => u8::try_from(u32::from(character)).expect("as_characters makes no other characters"),
    };
    PathBytes(word.chars().map(byte).collect())
}

fn name(given: Option<&str>, mapper: &CommandLine) -> Result<String, Failure> {
    let Some(name) = given else {
        let program = Path::new(OsStr::from_bytes(&mapper.words[0].0));
        let mut name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
        name.truncate(name.floor_char_boundary(NAME_BYTES_MAX));
        return Ok(name);
    };
    one_line("--name", name).map(String::from)
}

/// What an option says that is to be one line of text.
pub fn one_line<'a>(option: &str, text: &'a str) -> Result<&'a str, Failure> {
    if text.is_empty() || text.len() > NAME_BYTES_MAX || text.contains(char::is_control) {
        return Err(invalid(
            format!("{option} is empty, longer than {NAME_BYTES_MAX} bytes, or has control characters"),
            "give one line of text",
        ));
    }
    Ok(text)
}

/// Splits `NAME=VALUE`.
fn assignment(text: &OsStr) -> Result<(PathBytes, PathBytes), Failure> {
    let wrong = |what: &str| {
        invalid(format!("--env {}: {what}", text.display()), "give NAME=VALUE; the value may be empty")
    };
    let text_bytes = text.as_bytes();
    let equals = text_bytes.iter().position(|byte| *byte == b'=').ok_or_else(|| wrong("there is no `=`"))?;
    let (name, value) = (&text_bytes[..equals], &text_bytes[equals + 1..]);
    let first = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
    let other = |byte: &u8| first(byte) || byte.is_ascii_digit();
    if !name.first().is_some_and(first) || !name.iter().all(other) {
        return Err(wrong("a name has letters, digits and `_`, and does not begin with a digit"));
    }
    Ok((bytes(OsStr::from_bytes(name)), bytes(OsString::from_vec(value.to_vec()))))
}

#[cfg(test)]
mod tests;
