//! `windrow shutdown`: stops a Manager and its workers, and says what that does to jobs that run.

use super::{Place, ask, follow};
use crate::exit::Exit;
use crate::options::ClusterOptions;
use crate::{present, servers};
use clap::Args;
use net::{Link, StopHandle};
use std::io::{self, IsTerminal};
use windrow_core::client::{ClientReport, ClientTask};
use windrow_core::failure::Failure;
use windrow_core::report::{Answer, Question};

/// The options of `windrow shutdown`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Jobs that run are cancelled. Where you can answer, on a terminal, you are asked before that is done.\n\n\
    Example:\n  windrow shutdown --manager alpha:7077"
)]
pub struct ShutdownOptions {
    /// What to stop.
    #[command(flatten)]
    pub cluster: ClusterOptions,

    /// Cancel jobs that run without asking
    #[arg(long, short = 'y')]
    pub yes: bool,
}

/// Asks for the end and waits until the Manager agreed.
pub fn execute(options: &ShutdownOptions) -> Exit {
    servers::log_if_asked();
    let ShutdownOptions { cluster, yes } = options;
    let can_answer = io::stdin().is_terminal() && io::stderr().is_terminal();
    let result = if *yes || !can_answer { Ok(true) } else { is_meant(cluster) };
    let result = result.and_then(|is_meant| if is_meant { shutdown(cluster).map(Some) } else { Ok(None) });
    match result {
        Ok(Some(jobs_cancelled)) => {
            present::say(stopped(&cluster.manager, jobs_cancelled));
            Exit::Success
        }
        Ok(None) => {
            present::say("nothing was stopped");
            Exit::Interrupted
        }
        Err(failure) => {
            present::complain(&failure);
            Exit::from(&failure)
        }
    }
}

/// Whether the user means it, knowing how many jobs run.
fn is_meant(cluster: &ClusterOptions) -> Result<bool, Failure> {
    let Answer::Jobs(list) = ask::ask(cluster, Question::Jobs)? else { unreachable!("jobs were asked for") };
    let running = list.jobs.iter().filter(|job| !job.is_over).count();
    if running == 0 {
        return Ok(true);
    }
    present::say(question(running));
    let mut line = String::new();
    // Who cannot be read does not say yes.
    let _ = io::stdin().read_line(&mut line);
    Ok(is_yes(&line))
}

fn question(running: usize) -> String {
    match running {
        1 => "1 job has not ended and will be cancelled. Go on? [y/N]".into(),
        jobs => format!("{jobs} jobs have not ended and will be cancelled. Go on? [y/N]"),
    }
}

fn is_yes(line: &str) -> bool {
    matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes")
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
        ClientReport::Ended(_) | ClientReport::Left(_) | ClientReport::Answered(_) => {
            unreachable!("a shutdown was asked for, nothing else")
        }
    })?;
    result
}

fn stopped(manager: &str, jobs_cancelled: u32) -> String {
    match jobs_cancelled {
        0 => format!("the Manager at {manager} stops, its workers too; no job ran"),
        1 => format!("the Manager at {manager} stops, its workers too; 1 job was cancelled"),
        jobs => format!("the Manager at {manager} stops, its workers too; {jobs} jobs were cancelled"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cancelled_jobs_are_told() {
        assert_eq!(stopped("h:1", 0), "the Manager at h:1 stops, its workers too; no job ran");
        assert_eq!(stopped("h:1", 1), "the Manager at h:1 stops, its workers too; 1 job was cancelled");
        assert_eq!(stopped("h:1", 2), "the Manager at h:1 stops, its workers too; 2 jobs were cancelled");
    }

    #[test]
    fn only_a_yes_is_a_yes() {
        assert!(is_yes("y\n") && is_yes(" YES\n"));
        assert!(!is_yes("") && !is_yes("\n") && !is_yes("n\n") && !is_yes("yesterday\n"));
        assert_eq!(question(1), "1 job has not ended and will be cancelled. Go on? [y/N]");
        assert_eq!(question(2), "2 jobs have not ended and will be cancelled. Go on? [y/N]");
    }
}
