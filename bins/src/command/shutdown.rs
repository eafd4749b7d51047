//! `windrow shutdown`: stops a Manager and its workers.

use super::{Place, follow};
use crate::exit::Exit;
use crate::options::ClusterOptions;
use crate::{present, servers};
use clap::Args;
use net::{Link, StopHandle};
use windrow_core::client::{ClientReport, ClientTask};
use windrow_core::failure::Failure;

/// The options of `windrow shutdown`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Jobs that run are cancelled.\n\nExample:\n  windrow shutdown --manager alpha:7077")]
pub struct ShutdownOptions {
    /// What to stop.
    #[command(flatten)]
    pub cluster: ClusterOptions,
}

/// Asks for the end and waits until the Manager agreed.
pub fn execute(options: &ShutdownOptions) -> Exit {
    servers::log_if_asked();
    match shutdown(&options.cluster) {
        Ok(jobs_cancelled) => {
            present::say(stopped(&options.cluster.manager, jobs_cancelled));
            Exit::Success
        }
        Err(failure) => {
            present::complain(&failure);
            Exit::from(&failure)
        }
    }
}

fn shutdown(cluster: &ClusterOptions) -> Result<u32, Failure> {
    let place = Place {
        cluster: &cluster.cluster,
        address: cluster.address()?,
        name: &cluster.manager,
        link: Link::Tcp,
    };
    let mut result = Ok(0);
    follow(place, ClientTask::Shutdown, &StopHandle::default(), |report| match report {
        ClientReport::Waiting(_)
        | ClientReport::Accepted(_)
        | ClientReport::Progress(_)
        | ClientReport::AttemptFailed(_) => {}
        ClientReport::ShutDown { jobs_cancelled } => result = Ok(jobs_cancelled),
        ClientReport::Failed(failure) => result = Err(failure),
        ClientReport::Ended(_) => unreachable!("a shutdown was asked for, not a job"),
    })?;
    result
}

fn stopped(manager: &str, jobs_cancelled: u32) -> String {
    match jobs_cancelled {
        0 => format!("the Manager at {manager} stops, its workers too"),
        1 => format!("the Manager at {manager} stops, its workers too; 1 job was cancelled"),
        jobs => format!("the Manager at {manager} stops, its workers too; {jobs} jobs were cancelled"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cancelled_jobs_are_told() {
        assert_eq!(stopped("h:1", 0), "the Manager at h:1 stops, its workers too");
        assert_eq!(stopped("h:1", 1), "the Manager at h:1 stops, its workers too; 1 job was cancelled");
        assert_eq!(stopped("h:1", 2), "the Manager at h:1 stops, its workers too; 2 jobs were cancelled");
    }
}
