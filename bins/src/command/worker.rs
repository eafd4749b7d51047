//! `windrow worker`: a worker until it or its cluster is told to stop.

use super::guard;
use super::run::{Capacity, MachineOptions};
use crate::exit::Exit;
use crate::interrupts::Interrupts;
use crate::options::ClusterOptions;
use crate::servers::{self, LogFormat};
use crate::work_directory::WorkDirectory;
use crate::{address, host};
use clap::Args;
use net::WorkerHost;
use std::sync::mpsc;
use tracing::{debug, info, warn};
use windrow_core::failure::Failure;
use windrow_core::worker::WorkerNotice;

/// The options of `windrow worker`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "It may be started before its Manager, and dials again when the Manager is lost. Stop it by \
    Ctrl-C, SIGTERM, or `windrow shutdown`.\n\n\
    Example:\n  windrow worker --manager alpha:7077 --slots 8 --work-dir /scratch/windrow"
)]
pub struct WorkerOptions {
    /// Whose worker it is.
    #[command(flatten)]
    pub cluster: ClusterOptions,

    /// Where to serve map outputs [default: this machine's address as the Manager sees it, any free port]
    #[arg(long, value_name = "HOST:PORT", help_heading = "Cluster")]
    pub shuffle_listen: Option<String>,

    /// What other workers are told instead, where they see another address; port 0 stands for the real one
    #[arg(long, value_name = "HOST:PORT", help_heading = "Cluster")]
    pub advertise: Option<String>,

    /// This machine's share.
    #[command(flatten)]
    pub machine: MachineOptions,

    /// How to log to standard error; RUST_LOG says how much
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t, help_heading = "Reporting")]
    pub log: LogFormat,
}

/// Works until a signal, a `shutdown` or a refusal comes.
pub fn execute(options: &WorkerOptions) -> Exit {
    servers::concluded(work(options))
}

fn work(options: &WorkerOptions) -> Result<(), Failure> {
    servers::start_log(options.log)?;
    let Capacity { slots, memory_bytes } = options.machine.capacity()?;
    let listener =
        |text: &Option<String>| text.as_ref().map(|text| address::of_listener(text, 0)).transpose();
    let interrupts = Interrupts::watch();
    let guard = guard::start();
    let work = WorkDirectory::of_server(options.machine.work_dir.as_deref(), &guard.handle())?;
    let host = WorkerHost::bind(net::WorkerOptions {
        manager: options.cluster.address()?,
        slots,
        memory_bytes,
        work_dir: work.path().into(),
        shuffle_listen: listener(&options.shuffle_listen)?,
        advertise: listener(&options.advertise)?,
        host: host::name(),
        cluster: options.cluster.cluster.clone(),
        guard: guard.handle(),
    })?;
    let stop = host.stop_handle();
    interrupts.end_by(move || stop.stop());
    let (refusals, refused) = mpsc::channel();
    host.run(move |notice| {
        log(&notice);
        if let WorkerNotice::Refused(failure) = notice {
            // Nobody listens only once the worker has ended.
            let _ = refusals.send(failure);
        }
    })?;
    refused.try_recv().map_or(Ok(()), Err)
}

fn log(notice: &WorkerNotice) {
    match notice {
        WorkerNotice::Registered => info!(target: "windrow", "registered with the Manager"),
        WorkerNotice::Unreachable(failure) => warn!(target: "windrow", "{}; trying again", failure.cause),
        // Told in full as the reason for the end.
        WorkerNotice::Refused(_) => {}
        WorkerNotice::Unheard => {
            warn!(target: "windrow", "the Manager answers no heartbeat: is its UDP port blocked on the way?")
        }
        WorkerNotice::JobDropped(directory) => {
            debug!(target: "windrow", %directory, "a job's scratch is gone")
        }
    }
}
