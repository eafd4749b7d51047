//! How a program ended, in words: owns the names of signals and what each mostly means.

use crate::failure::ExitStatus;
use core::fmt;

/// A predicate: "ended with exit code 1", "was killed by SIGKILL (9): …".
impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signal = match self {
            ExitStatus::Code(code) => return write!(f, "ended with exit code {code}"),
            ExitStatus::Signal(signal) => *signal,
        };
        match signal_name(signal) {
            Some(name) => write!(f, "was killed by SIG{name} ({signal})")?,
            None => write!(f, "was killed by signal {signal}")?,
        }
        match signal_meaning(signal) {
            Some(meaning) => write!(f, ": {meaning}"),
            None => Ok(()),
        }
    }
}

/// Linux's name of a signal, without `SIG`; the numbers are those of x86 and ARM.
fn signal_name(signal: i32) -> Option<&'static str> {
    const NAMES: [&str; 31] = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE",
        "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ",
        "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ];
    let index = usize::try_from(signal).ok()?.checked_sub(1)?;
    NAMES.get(index).copied()
}

/// What a program's death by this signal mostly means.
fn signal_meaning(signal: i32) -> Option<&'static str> {
    match signal_name(signal)? {
        "KILL" => Some("often the kernel's out-of-memory killer"),
        "SEGV" | "BUS" => Some("it touched memory that it may not"),
        "ABRT" => Some("it gave up by itself"),
        "ILL" => Some("it may be built for another processor"),
        "FPE" => Some("often a division by zero"),
        "PIPE" => Some("it wrote to something that nobody reads"),
        "XCPU" => Some("it reached a limit on processor time"),
        "XFSZ" => Some("it reached a limit on the size of files"),
        "SYS" => Some("it made a system call that is not allowed here"),
        _ => None,
    }
}
