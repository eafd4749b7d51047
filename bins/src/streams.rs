//! Standard input and output of a `run`: owns how the one becomes a file and how parts become the other, and what is
//! said where standard output takes nothing.

use crate::failures::{bytes, work_directory};
use crate::specification::StandardStreams;
use net::os_error::os_error;
use std::fs::{self, File};
use std::io::{self, Read, StdoutLock, Write};
use std::path::{Path, PathBuf};
use windrow_core::failure::{Cause, Failure};
use windrow_core::job::PathBytes;

/// What stands for a standard stream where people read.
const DASH: &str = "-";

impl StandardStreams {
    /// Names for both in a private directory.
    pub fn in_directory(directory: &Path) -> StandardStreams {
        StandardStreams { input: directory.join("standard-input"), output: directory.join("standard-output") }
    }

    /// Saves all of `source` as the input.
    pub fn save_input(&self, mut source: impl Read) -> Result<(), Failure> {
        let scratch = |error| work_directory(&self.input, &error);
        let mut file = File::create_new(&self.input).map_err(scratch)?;
        let mut buffer = vec![0; 256 << 10];
        loop {
            match source.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => file.write_all(&buffer[..count]).map_err(scratch)?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let cause = Cause::InputUnreadable { path: DASH.into(), error: os_error(&error) };
                    return Err(Failure::new(cause));
                }
            }
        }
    }

    /// Copies the parts of the output to `target`, in their order. A reader that wants no more is no failure.
    pub fn print_output(&self, target: impl Write) -> Result<(), Failure> {
        let parts = parts(&self.output).map_err(|error| work_directory(&self.output, &error))?;
        printed(copy(&parts, target))
    }

    /// Puts `-` in place of the path of the saved input, which will be gone when a person reads it.
    pub fn rename(&self, path: &mut PathBytes) {
        if *path == bytes(&self.input) {
            *path = DASH.into();
        }
    }

    /// Likewise wherever a failure names it.
    pub fn reword(&self, failure: &mut Failure) {
        let rename = |path| self.rename(path);
        if let Some(input) = &mut failure.input {
            rename(&mut input.path);
        }
        if let Cause::InputUnreadable { path, .. }
        | Cause::InputChanged { path }
        | Cause::InputNotFound { path } = &mut failure.cause
        {
            rename(path);
        }
    }
}

/// What came of printing to standard output. A reader that went away wants no more of it; that is no failure.
pub fn printed(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let cause = Cause::OutputUnwritable { path: DASH.into(), error: os_error(&error) };
            Err(Failure::new(cause))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Standard output, unless the process was given none.
pub fn standard_output() -> io::Result<StdoutLock<'static>> {
    match net::standard_output::was_closed() {
        true => Err(io::Error::other("it is closed")),
        false => Ok(io::stdout().lock()),
    }
}

/// The part files, by number: five digits with leading zeros, more from 100,000 on.
fn parts(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut parts = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(b"part-") {
            parts.push(entry.path());
        }
    }
    parts.sort_by(|one, other| (one.as_os_str().len(), one).cmp(&(other.as_os_str().len(), other)));
    Ok(parts)
}

fn copy(parts: &[PathBuf], mut target: impl Write) -> io::Result<()> {
    for part in parts {
        io::copy(&mut File::open(part)?, &mut target)?;
    }
    target.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use windrow_core::failure::InputRange;

    fn streams() -> (tempfile::TempDir, StandardStreams) {
        let directory = tempfile::tempdir().unwrap();
        let streams = StandardStreams::in_directory(directory.path());
        (directory, streams)
    }

    /// Refuses every byte.
    struct Refusing(io::ErrorKind);

    impl Write for Refusing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Read for Refusing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
    }

    #[test]
    fn input_is_saved_as_it_came() {
        let (_directory, streams) = streams();
        streams.save_input(&b"a\r\n\0\xff"[..]).unwrap();
        assert_eq!(fs::read(&streams.input).unwrap(), b"a\r\n\0\xff");
        let failure = streams.save_input(&b""[..]).unwrap_err();
        assert!(matches!(failure.cause, Cause::Scratch { .. }));
    }

    #[test]
    fn unreadable_input_is_called_by_its_dash() {
        let (_directory, streams) = streams();
        let failure = streams.save_input(Refusing(io::ErrorKind::IsADirectory)).unwrap_err();
        assert!(failure.to_string().starts_with("input `-` cannot be read"), "{failure}");
    }

    #[test]
    fn parts_are_printed_in_order_and_nothing_else() {
        let (_directory, streams) = streams();
        fs::create_dir(&streams.output).unwrap();
        for (name, text) in [
            ("part-100000", "d"),
            ("part-10001", "c"),
            ("part-00000", "a"),
            ("_SUCCESS", "x"),
            ("part-00002", "b"),
        ] {
            fs::write(streams.output.join(name), text).unwrap();
        }
        let mut printed = Vec::new();
        streams.print_output(&mut printed).unwrap();
        assert_eq!(printed, b"abcd");
        streams.print_output(Refusing(io::ErrorKind::BrokenPipe)).unwrap();
        let failure = streams.print_output(Refusing(io::ErrorKind::StorageFull)).unwrap_err();
        assert!(failure.to_string().starts_with("the output cannot be written: `-`:"), "{failure}");
    }

    #[test]
    fn failures_name_the_dash() {
        let (_directory, streams) = streams();
        let path = bytes(&streams.input);
        let mut failure = Failure::new(Cause::InputChanged { path: path.clone() });
        failure.input = Some(InputRange { path, offset: 0, length_bytes: 1 });
        streams.reword(&mut failure);
        assert_eq!(failure.cause, Cause::InputChanged { path: "-".into() });
        assert_eq!(failure.input.map(|input| input.path), Some("-".into()));
    }
}
