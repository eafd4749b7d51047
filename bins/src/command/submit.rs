//! `windrow submit`: a job on a cluster, followed to its end or left to itself.

use super::{CANCELLING, Place, follow_job};
use crate::address::MANAGER_PORT;
use crate::exit::Exit;
use crate::failures::work_directory;
use crate::interrupts::Interrupts;
use crate::options::{ClusterOptions, JobOptions};
use crate::present::{Outcome, Presenter};
use crate::specification::{one_line, specification};
use crate::{host, servers, values};
use clap::Args;
use net::{Link, entropy};
use std::net::SocketAddr;
use std::path::Path;
use windrow_core::client::ClientTask;
use windrow_core::failure::Failure;
use windrow_core::ids::SubmissionKey;
use windrow_core::job::{JobSpecification, Priority};

/// The options of `windrow submit`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Inputs and output must lie where every machine sees them under the same path.\n\n\
    Example:\n  \
    windrow submit --manager alpha:7077 --input /data/logs --output /data/errors \\\n      \
    --mapper 'sed -n /ERROR/p' --reducers 0\n\n\
    Or, to look after it later:\n  \
    job=$(windrow submit --detach …) && windrow job wait \"$job\"")]
pub struct SubmitOptions {
    /// Where the job is to run.
    #[command(flatten)]
    pub cluster: ClusterOptions,
    /// The job.
    #[command(flatten)]
    pub job: JobOptions,

    /// What the job weighs beside others
    ///
    /// While several jobs could use the same slots, each gets its part of them: one of high priority four times that of a
    /// normal one, which gets four times that of a low one. None waits for ever.
    #[arg(long, default_value = Priority::Normal.name(), value_parser = values::priority(), help_heading = "Cluster")]
    pub priority: Priority,

    /// Print the job's number once the job is accepted for good, and do not follow it
    #[arg(long, short = 'd', help_heading = "Cluster")]
    pub detach: bool,

    /// Names this submission: the same job submitted again under it is the one that is there already
    ///
    /// So a script may submit again when it does not know whether it did. Another job under the same key is refused. A key
    /// is known for as long as its job is in `windrow jobs`.
    #[arg(long, help_heading = "Cluster")]
    pub key: Option<String>,
}

/// Submits the job and tells how it ended.
pub fn execute(options: &SubmitOptions) -> Exit {
    servers::log_if_asked();
    let interrupts = Interrupts::watch();
    let SubmitOptions { cluster, job, .. } = options;
    let address = cluster.address();
    let port = address.as_ref().map_or(MANAGER_PORT, SocketAddr::port);
    let mut presenter = Presenter::of_submit(job.reporting, &cluster.manager, port);
    let outcome = submit(options, address, &interrupts, &mut presenter).unwrap_or_else(Outcome::from);
    presenter.conclude(&outcome)
}

fn submit(
    options: &SubmitOptions,
    address: Result<SocketAddr, Failure>,
    interrupts: &Interrupts,
    presenter: &mut Presenter,
) -> Result<Outcome, Failure> {
    let SubmitOptions { cluster, job, priority, detach, key } = options;
    let directory = host::current_directory().map_err(|error| work_directory(Path::new("."), &error))?;
    let specification =
        JobSpecification { priority: *priority, ..specification(job, &directory, None, true)? };
    let place =
        Place { cluster: &cluster.cluster, address: address?, name: &cluster.manager, link: Link::Tcp };
    let key = match key.as_deref() {
        None => entropy::submission_key(),
        Some(key) => SubmissionKey::named(one_line("--key", key)?),
    };
    let task = ClientTask::Submit { key, specification, is_detached: *detach };
    Ok(follow_job(place, task, CANCELLING, interrupts, presenter))
}
