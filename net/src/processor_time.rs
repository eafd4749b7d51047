//! What processor time a process group has used: owns how that is read from `/proc`.
//!
//! Counts the members of the group and those of their children that they have waited for. A child that nobody waited for, or
//! that has left the group, is not seen.

use rustix::process::Pid;
use std::fs;
use std::io;

/// Fields of `/proc/PID/stat` behind the name, counted from the state (`man 5 proc_pid_stat`).
const GROUP: usize = 2;
const USER_AND_SYSTEM_TICKS: std::ops::RangeInclusive<usize> = 11..=14;

/// Processor time of a group in microseconds, as fine as the system counts.
///
/// # Errors
/// Where `/proc` cannot be listed.
pub(crate) fn of_group_us(group: Pid) -> io::Result<u64> {
    let mut ticks = 0;
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().first().is_some_and(u8::is_ascii_digit)
            // It may have ended since.
            && let Ok(stat) = fs::read(entry.path().join("stat"))
        {
            ticks += ticks_in_group(&stat, group.as_raw_nonzero().get()).unwrap_or(0);
        }
    }
    Ok(ticks * 1_000_000 / rustix::param::clock_ticks_per_second())
}

/// The ticks that a process has used, if it is of the group. Its name may hold anything, parentheses and blanks too.
fn ticks_in_group(stat: &[u8], group: i32) -> Option<u64> {
    let name_end = stat.iter().rposition(|byte| *byte == b')')?;
    let fields: Vec<&str> = str::from_utf8(&stat[name_end + 1..]).ok()?.split_ascii_whitespace().collect();
    let is_member = fields.get(GROUP)?.parse() == Ok(group);
    let ticks = fields.get(USER_AND_SYSTEM_TICKS)?.iter().map(|ticks| ticks.parse::<u64>());
    is_member.then(|| ticks.sum::<Result<u64, _>>().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};

    #[test]
    fn ticks_are_those_of_the_group_whatever_a_program_is_called() {
        let stat = b"7 (a ) R 9 9) S 1 42 42 0 -1 4194560 5 6 7 8 10 20 300 4000 20 0 1 0 99 1 1";
        assert_eq!(ticks_in_group(stat, 42), Some(4_330));
        assert_eq!(ticks_in_group(stat, 9), None);
        for torn in [&b""[..], b"7", b"7 (a) S 1 42", b"7 (a) S 1 42 42 0 -1 0 0 0 0 0 x 0 0 0"] {
            assert_eq!(ticks_in_group(torn, 42), None);
        }
    }

    #[test]
    fn what_children_compute_counts_and_what_sleeps_does_not() {
        let group_of = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]).process_group(0).stdout(Stdio::piped());
            let child = command.spawn().unwrap();
            (Pid::from_child(&child), child)
        };
        let end = |mut child: std::process::Child| {
            rustix::process::kill_process_group(Pid::from_child(&child), rustix::process::Signal::KILL)
                .unwrap();
            child.wait().unwrap();
        };
        let (group, burning) = group_of("(while :; do :; done) & wait");
        while of_group_us(group).unwrap() < 50_000 {
            std::thread::yield_now();
        }
        let (sleeping, sleeper) = group_of("exec sleep 1000");
        let before = of_group_us(sleeping).unwrap();
        while of_group_us(group).unwrap() < 100_000 {
            std::thread::yield_now();
        }
        assert!(of_group_us(sleeping).unwrap() <= before + 50_000, "a program that sleeps has computed");
        end(burning);
        end(sleeper);
    }
}
