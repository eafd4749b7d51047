//! What this machine and this process are: owns the defaults that come from them.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The share of the machine's memory that is used unless the user says otherwise, as its divisor.
const MEMORY_SHARE: u64 = 4;
/// The least that is used unless the user says otherwise.
const MEMORY_BYTES_MIN: u64 = 256 << 20;

/// Cores that this process may use.
pub fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX))
}

/// The default of `--memory`: a quarter of what the machine or this process's control group has, 256 MiB at least.
pub fn memory_bytes() -> u64 {
    let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let limit =
        limits.iter().filter_map(|path| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok()).min();
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total_memory_bytes(&text));
    share_of_memory(machine, limit)
}

fn share_of_memory(machine: Option<u64>, limit: Option<u64>) -> u64 {
    let total = machine.into_iter().chain(limit).min().unwrap_or(0);
    (total / MEMORY_SHARE).max(MEMORY_BYTES_MIN)
}

/// What `/proc/meminfo` says of the whole.
fn total_memory_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// What people call this machine.
pub fn name() -> String {
    let name = fs::read("/proc/sys/kernel/hostname").unwrap_or_default();
    match String::from_utf8_lossy(&name).trim() {
        "" => "localhost".into(),
        name => name.into(),
    }
}

/// Where relative paths begin: as the user's shell names it (`PWD`) if that is where this process is, so that links
/// by which other machines know the place too are kept.
pub fn current_directory() -> io::Result<PathBuf> {
    let shells = std::env::var_os("PWD").map(PathBuf::from);
    match shells {
        Some(path) if path.is_absolute() && is_plain(&path) && is_same(&path, Path::new(".")) => Ok(path),
        _ => std::env::current_dir(),
    }
}

/// Whether a path goes only down.
fn is_plain(path: &Path) -> bool {
    path.iter().all(|part| part != ".." && part != ".")
}

fn is_same(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| fs::metadata(path).map(|it| (it.dev(), it.ino())).ok();
    identity(one).is_some() && identity(one) == identity(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_a_quarter_of_the_lesser_bound() {
        const GIB: u64 = 1 << 30;
        assert_eq!(total_memory_bytes("MemTotal:       16384 kB\nMemFree: 1 kB\n"), Some(16 << 20));
        assert_eq!(total_memory_bytes("nothing of it"), None);
        assert_eq!(share_of_memory(Some(64 * GIB), None), 16 * GIB);
        assert_eq!(share_of_memory(Some(64 * GIB), Some(8 * GIB)), 2 * GIB);
        assert_eq!(share_of_memory(Some(GIB / 2), None), 256 << 20);
        assert_eq!(share_of_memory(None, None), 256 << 20);
    }

    #[test]
    fn this_machine_has_a_core_a_name_and_a_directory() {
        assert!(cores() >= 1);
        assert!(!name().is_empty());
        assert!(is_same(&current_directory().unwrap(), Path::new(".")));
    }
}
