//! How a failed system call is told to a machine: owns the way from [`io::Error`] to [`OsError`].

use rustix::io::Errno;
use std::io;
use windrow_core::failure::{Cause, Failure, OsError, OsErrorKind};

/// The error in the machines' terms.
pub fn os_error(error: &io::Error) -> OsError {
    OsError { kind: kind(error), text: text(error) }
}

/// The failure of a part of this process that the system did not let begin: a thread, a socket, an event queue.
pub(crate) fn cannot_start(what: &str, error: &io::Error) -> Failure {
    Failure::new(Cause::Invalid {
        what: format!("{what} cannot be started: {}", os_error(error).text),
        remedy: "see to the limits of open files and processes (`ulimit -n`, `ulimit -u`)".into(),
    })
}

fn kind(error: &io::Error) -> OsErrorKind {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOENT) => OsErrorKind::NotFound,
        Some(Errno::EXIST | Errno::NOTEMPTY) => OsErrorKind::Exists,
        Some(Errno::ACCESS | Errno::PERM | Errno::ROFS) => OsErrorKind::PermissionDenied,
        Some(Errno::NOTDIR) => OsErrorKind::NotADirectory,
        Some(Errno::ISDIR) => OsErrorKind::IsADirectory,
        Some(Errno::NOSPC | Errno::DQUOT) => OsErrorKind::NoSpace,
        Some(Errno::CONNREFUSED) => OsErrorKind::ConnectionRefused,
        Some(Errno::ADDRINUSE) => OsErrorKind::AddressInUse,
        Some(Errno::TIMEDOUT) => OsErrorKind::TimedOut,
        Some(Errno::NOEXEC) => OsErrorKind::NotExecutable,
        Some(_) => OsErrorKind::Other,
        None => kind_of_library_error(error.kind()),
    }
}

/// Errors that a library made up rather than the system.
fn kind_of_library_error(kind: io::ErrorKind) -> OsErrorKind {
    match kind {
        io::ErrorKind::NotFound => OsErrorKind::NotFound,
        io::ErrorKind::AlreadyExists => OsErrorKind::Exists,
        io::ErrorKind::PermissionDenied => OsErrorKind::PermissionDenied,
        io::ErrorKind::TimedOut => OsErrorKind::TimedOut,
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof => {
            OsErrorKind::InvalidData
        }
        _ => OsErrorKind::Other,
    }
}

/// The system's words without the number that Rust adds to them.
fn text(error: &io::Error) -> String {
    let mut text = error.to_string();
    if let Some(code) = error.raw_os_error() {
        let suffix = format!(" (os error {code})");
        if text.ends_with(&suffix) {
            text.truncate(text.len() - suffix.len());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_not_found_in_plain_words() {
        let error = std::fs::File::open("/there/is/no/such/file").unwrap_err();
        assert_eq!(
            os_error(&error),
            OsError { kind: OsErrorKind::NotFound, text: "No such file or directory".into() }
        );
    }

    #[test]
    fn kinds_follow_the_error_number() {
        for (errno, kind) in [
            (Errno::NOTEMPTY, OsErrorKind::Exists),
            (Errno::ROFS, OsErrorKind::PermissionDenied),
            (Errno::NOSPC, OsErrorKind::NoSpace),
            (Errno::DQUOT, OsErrorKind::NoSpace),
            (Errno::CONNREFUSED, OsErrorKind::ConnectionRefused),
            (Errno::CONNRESET, OsErrorKind::Other),
            (Errno::NOEXEC, OsErrorKind::NotExecutable),
        ] {
            assert_eq!(os_error(&errno.into()).kind, kind, "{errno:?}");
        }
        assert_eq!(os_error(&io::ErrorKind::UnexpectedEof.into()).kind, OsErrorKind::InvalidData);
    }
}
