//! The files that `windrow sim` is given: owns how they are opened, which are spared, and what is said of those that
//! cannot be used, by the option that named them. Invariant: nothing is overwritten that is no earlier diagram.

use crate::exit::Exit;
use crate::failures::{bytes, invalid};
use crate::streams::standard_output;
use net::os_error::os_error;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use windrow_core::failure::{Cause, Failure};

/// Bytes of a scenario's text at the most.
const SCENARIO_BYTES_MAX: u64 = 16 << 20;
/// Within so many bytes a page says what it is.
const PAGE_HEAD_BYTES: u64 = 64 << 10;
/// What every page begins with, and what only a diagram's has in its head.
const PAGE_MARKS: [&str; 2] = ["<!doctype html>", "<p>Replay it: <code>windrow sim "];

/// Why something cannot be shown, and how the command ends because of it.
#[derive(Debug)]
pub struct Trouble {
    /// What is said.
    pub failure: Failure,
    /// The exit code.
    pub exit: Exit,
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Trouble {
        Trouble { exit: Exit::from(&failure), failure }
    }
}

fn trouble(cause: Cause, what: String, remedy: String) -> Trouble {
    Trouble { exit: Exit::from(&Failure::new(cause)), failure: invalid(what, remedy) }
}

/// Something that an option names and that cannot be written.
pub fn unwritable(option: &str, path: &Path, error: &io::Error) -> Trouble {
    let os = os_error(error);
    let what = format!("{option} {}: it cannot be written: {}", path.display(), os.text);
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    let quoted = shell_words::quote(&parent.to_string_lossy()).into_owned();
    let remedy = match error.kind() {
        io::ErrorKind::NotFound => format!("mkdir -p {quoted}, or choose another {option}"),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            format!("choose another {option}, in a directory that may be written; {quoted} may not")
        }
        io::ErrorKind::IsADirectory => format!("choose another {option}: this is a directory"),
        io::ErrorKind::NotADirectory => format!("choose another {option}: something above it is a file"),
        io::ErrorKind::StorageFull => format!("free space where {quoted} is, or choose another {option}"),
        _ => format!("choose another {option}"),
    };
    trouble(Cause::OutputUnwritable { path: bytes(path), error: os }, what, remedy)
}

/// What came of printing. A reader that went away wants no more of it; that is no failure.
pub fn printed(result: io::Result<()>) -> Result<(), Trouble> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let os = os_error(&error);
            let what = format!("standard output cannot be written: {}", os.text);
            let remedy = "check what standard output goes to".into();
            Err(trouble(Cause::OutputUnwritable { path: "-".into(), error: os }, what, remedy))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The text of a scenario; `-` is standard input.
pub fn read_scenario(file: &Path) -> Result<String, Trouble> {
    let read = |source: &mut dyn Read| {
        let mut text = Vec::new();
        source.take(SCENARIO_BYTES_MAX + 1).read_to_end(&mut text).map(|_| text)
    };
    let text = match file == Path::new("-") {
        true => read(&mut io::stdin()),
        false => File::open(file).and_then(|mut file| read(&mut file)),
    };
    let text = text.map_err(|error| {
        let os = os_error(&error);
        let what = format!("--scenario {}: it cannot be read: {}", file.display(), os.text);
        let remedy = match error.kind() {
            io::ErrorKind::NotFound => {
                "check the path; `windrow sim --seed 1 --print >my.ron` writes a scenario"
            }
            io::ErrorKind::IsADirectory => "give a file in that directory",
            _ => "give a file that may be read",
        };
        trouble(Cause::InputUnreadable { path: bytes(file), error: os }, what, remedy.into())
    })?;
    if text.len() as u64 > SCENARIO_BYTES_MAX {
        let most = SCENARIO_BYTES_MAX >> 20;
        return Err(no_scenario(file, &format!("it is longer than {most} MiB")));
    }
    String::from_utf8(text).map_err(|_| no_scenario(file, "it is not UTF-8"))
}

/// What was read is no scenario.
pub fn no_scenario(file: &Path, why: &str) -> Trouble {
    let remedy = "`windrow sim --seed 1 --print` shows how a scenario is written, docs/simulator.md what its fields are";
    let failure = invalid(format!("--scenario {}: it is no scenario: {why}", file.display()), remedy);
    Trouble { failure, exit: Exit::BadInput }
}

/// Where a page goes.
#[derive(Debug)]
pub enum Page {
    /// To standard output.
    StandardOutput,
    /// To a file that was opened.
    File(PathBuf, File),
}

impl Page {
    /// Opens the file of `--html`, new or an earlier diagram; `-` is standard output. It is changed only by
    /// [`Page::write`].
    pub fn open(path: &Path) -> Result<Page, Trouble> {
        if path == Path::new("-") {
            return Ok(Page::StandardOutput);
        }
        let cannot = |error| unwritable("--html", path, &error);
        let is_regular = match fs::metadata(path) {
            Ok(metadata) => metadata.is_file(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return File::create_new(path).map(|file| Page::File(path.into(), file)).map_err(cannot);
            }
            Err(error) => return Err(cannot(error)),
        };
        if is_regular && !is_diagram(path).map_err(cannot)? {
            let what =
                format!("--html {}: it is there already and is no diagram of windrow's", path.display());
            let failure = invalid(what, "remove it, or choose another --html");
            return Err(Trouble { failure, exit: Exit::OutputExists });
        }
        OpenOptions::new().write(true).open(path).map(|file| Page::File(path.into(), file)).map_err(cannot)
    }

    /// Writes the page in place of what is there.
    pub fn write(self, page: &str) -> Result<(), Trouble> {
        match self {
            Page::StandardOutput => printed(standard_output().and_then(|mut stdout| {
                stdout.write_all(page.as_bytes())?;
                stdout.flush()
            })),
            Page::File(path, mut file) => {
                let write = |file: &mut File| {
                    if file.metadata()?.is_file() {
                        file.set_len(0)?;
                        file.rewind()?;
                    }
                    file.write_all(page.as_bytes())
                };
                write(&mut file).map_err(|error| unwritable("--html", &path, &error))
            }
        }
    }
}

/// Whether nothing is lost with a file: it is empty, or says in its head that it is a diagram.
fn is_diagram(path: &Path) -> io::Result<bool> {
    let mut head = Vec::new();
    File::open(path)?.take(PAGE_HEAD_BYTES).read_to_end(&mut head)?;
    let head = String::from_utf8_lossy(&head);
    let [first, within] = PAGE_MARKS;
    Ok(head.is_empty() || (head.starts_with(first) && head.contains(within)))
}

/// Finds out whether files can be left in the directory of `--out`, or it be made, and leaves nothing there.
pub fn try_directory(out: &Path) -> Result<(), Trouble> {
    let named = if out.as_os_str().is_empty() { Path::new(".") } else { out };
    let there = named.ancestors().find(|path| path.as_os_str().is_empty() || path.exists());
    let there = there.filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let attempt = match there.is_dir() {
        true => tempfile::tempfile_in(there).map(drop),
        false => Err(io::ErrorKind::NotADirectory.into()),
    };
    attempt.map_err(|error| {
        let os = os_error(&error);
        let there = there.display();
        let what = format!("--out {}: no files can be left there: {there}: {}", out.display(), os.text);
        let remedy = "choose another --out, a directory that may be written".into();
        trouble(Cause::OutputUnwritable { path: bytes(out), error: os }, what, remedy)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::simulate::record::Record;

    fn said(trouble: Trouble) -> (u8, String) {
        (trouble.exit.code(), trouble.failure.to_string())
    }

    #[test]
    fn only_earlier_diagrams_are_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run.html");
        let page = Record::default().page("a title", "windrow sim --seed 1", "Scenario()", &[]);
        for _ in 0..2 {
            Page::open(&path).unwrap().write(&page).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), page);
        }
        for other in ["Scenario()", "<!doctype html>\n<p>mine"] {
            fs::write(&path, other).unwrap();
            let (code, words) = said(Page::open(&path).unwrap_err());
            assert_eq!(code, 4, "{words}");
            assert!(words.contains("--html") && words.contains("no diagram"), "{words}");
            assert_eq!(fs::read_to_string(&path).unwrap(), other);
        }
        let (code, words) = said(Page::open(directory.path()).unwrap_err());
        assert!(code == 3 && words.contains("--html"), "{words}");
        let (_, words) = said(Page::open(&directory.path().join("no/run.html")).unwrap_err());
        assert!(words.contains("mkdir -p ") && words.contains("/no, or choose another --html"), "{words}");
    }

    #[test]
    fn a_directory_is_tried_and_left_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        try_directory(&directory.path().join("deep/er")).unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        for out in [file.clone(), file.join("below"), "/proc/none".into()] {
            let (_, words) = said(try_directory(&out).unwrap_err());
            assert!(words.contains("--out") && !words.contains("--output"), "{words}");
        }
    }

    #[test]
    fn a_scenario_is_read_as_far_as_it_goes_and_no_farther() {
        let (code, words) = said(read_scenario(Path::new("/dev/zero")).unwrap_err());
        assert!(code == 2 && words.contains("longer than 16 MiB"), "{words}");
        let (code, words) = said(read_scenario(Path::new("/none/such.ron")).unwrap_err());
        assert!(
            code == 2 && words.contains("--scenario /none/such.ron") && !words.contains("--input"),
            "{words}"
        );
        let (code, words) = said(read_scenario(Path::new("/")).unwrap_err());
        assert!(code == 2 && words.contains("--scenario"), "{words}");
    }
}
