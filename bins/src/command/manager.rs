//! `windrow manager`: a Manager until it is told to stop.

use super::guard;
use crate::address::{self, MANAGER_ADDRESS, MANAGER_PORT};
use crate::exit::Exit;
use crate::failures::invalid;
use crate::interrupts::Interrupts;
use crate::servers::{self, LogFormat};
use crate::values;
use crate::work_directory::WorkDirectory;
use clap::Args;
use net::{Guard, ManagerHost};
use std::path::PathBuf;
use std::time::Duration;
use windrow_core::failure::Failure;

/// The options of `windrow manager`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "It prints `listening on HOST:PORT` once it does. Its UDP port has the same number. Stop it by \
    Ctrl-C, SIGTERM, or `windrow shutdown`. Whoever reaches its port can run programs: listen on trusted networks \
    only.\n\n\
    Example:\n  windrow manager --listen 10.0.0.1:7077 --work-dir /var/lib/windrow"
)]
pub struct ManagerOptions {
    /// Where to listen; port 0 picks a free one
    #[arg(long, value_name = "HOST:PORT", default_value = MANAGER_ADDRESS)]
    pub listen: String,

    /// Where its journal is; made if missing [default: a private temporary directory]
    ///
    /// A Manager that is started again on the directory of one that died, or was told to stop, goes on with its jobs.
    /// Without one a Manager that is told to stop cancels its jobs.
    #[arg(long, value_name = "PATH")]
    pub work_dir: Option<PathBuf>,

    /// How often workers send heartbeats
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = values::duration)]
    pub heartbeat: Duration,

    /// After how much silence a worker's tasks run elsewhere
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = values::duration)]
    pub lease: Duration,

    /// For how long all workers may fail a task by their own doing before its job fails
    ///
    /// A full disk is the worker's own doing, a program that fails is not. Meanwhile the task is tried again and again, and
    /// goes to any worker that joins.
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = values::duration)]
    pub patience: Duration,

    /// The cluster's name; workers and clients of another are refused
    #[arg(long, value_name = "NAME", default_value = "windrow")]
    pub cluster: String,

    /// How to log to standard error; RUST_LOG says how much
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub log: LogFormat,
}

/// Serves until a signal or a `shutdown` comes.
pub fn execute(options: &ManagerOptions) -> Exit {
    servers::concluded(serve(options))
}

fn serve(options: &ManagerOptions) -> Result<(), Failure> {
    servers::start_log(options.log)?;
    check_times(options.heartbeat, options.lease)?;
    let interrupts = Interrupts::watch();
    // What is in a directory that was named is for the next life.
    let guard = if options.work_dir.is_none() { guard::start() } else { Guard::default() };
    let work = WorkDirectory::of_server(options.work_dir.as_deref(), &guard.handle())?;
    let host = ManagerHost::bind(net::ManagerOptions {
        listen: address::of_listener(&options.listen, MANAGER_PORT)?,
        work_dir: work.path().into(),
        cluster: options.cluster.clone(),
        heartbeat_us: microseconds(options.heartbeat),
        lease_us: microseconds(options.lease),
        worker_patience_us: microseconds(options.patience),
        keeps_jobs: options.work_dir.is_some(),
        guard: guard.handle(),
    })?;
    let stop = host.stop_handle();
    interrupts.end_by(move || stop.stop());
    servers::announce(host.address());
    host.run()
}

fn check_times(heartbeat: Duration, lease: Duration) -> Result<(), Failure> {
    if lease >= 2 * heartbeat {
        return Ok(());
    }
    Err(invalid(
        "--lease is less than twice --heartbeat: a single lost datagram would cost a worker its tasks",
        "give a longer --lease or a shorter --heartbeat; 10s and 2s are the defaults",
    ))
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).expect("durations of options are bounded")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args, Command, FromArgMatches};
    use windrow_core::limits::WORKER_PATIENCE_US;

    #[test]
    fn a_manager_that_is_told_nothing_is_as_patient_as_those_that_were_tried() {
        let given = ManagerOptions::augment_args(Command::new("manager")).get_matches_from(["manager"]);
        let options = ManagerOptions::from_arg_matches(&given).unwrap();
        assert_eq!(microseconds(options.patience), WORKER_PATIENCE_US);
    }

    #[test]
    fn a_lease_bears_a_lost_heartbeat() {
        let check =
            |heartbeat, lease| check_times(Duration::from_secs(heartbeat), Duration::from_secs(lease));
        assert!(check(2, 10).is_ok() && check(5, 10).is_ok());
        assert!(check(6, 10).unwrap_err().to_string().contains("longer --lease"));
        assert_eq!(microseconds(Duration::from_secs(24 * 3600)), 86_400_000_000);
    }
}
