//! `windrow job`: one job, to be looked at, waited for, killed, or asked why.

use super::ask::{self, AskOptions};
use super::{Place, follow_job};
use crate::address::MANAGER_PORT;
use crate::exit::Exit;
use crate::failures::invalid;
use crate::interrupts::Interrupts;
use crate::options::{ClusterOptions, ReportingOptions};
use crate::present::{Outcome, Presenter};
use crate::{servers, values};
use clap::{Args, Subcommand};
use net::Link;
use std::net::SocketAddr;
use windrow_core::client::ClientTask;
use windrow_core::failure::Failure;
use windrow_core::ids::{JobId, TaskId};
use windrow_core::report::{Answer, JobState, Question};

/// The options of `windrow job`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:\n  windrow job show 3\n  windrow job wait 3 && ls /data/out\n  windrow job logs 3 map-7"
)]
pub struct JobOptions {
    /// What to do with it.
    #[command(subcommand)]
    pub command: JobCommand,
}

/// What is done with a job.
#[derive(Clone, Debug, Subcommand)]
pub enum JobCommand {
    /// Tell how a job is: its tasks, what runs where, its figures, why it failed
    Show(ShowOptions),
    /// Follow a job to its end, and end as it did; Ctrl-C leaves it alone
    Wait(WaitOptions),
    /// End a job without output, whoever submitted it
    Kill(KillOptions),
    /// Print what failed attempts of a job wrote to stderr
    Logs(LogsOptions),
}

/// The options of `windrow job show`.
#[derive(Clone, Debug, Args)]
pub struct ShowOptions {
    /// The job's number
    pub job: u64,
    /// Whom to ask.
    #[command(flatten)]
    pub ask: AskOptions,
}

/// The options of `windrow job wait`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Its exit code is that of the job, as `windrow submit` would have ended.")]
pub struct WaitOptions {
    /// The job's number
    pub job: u64,
    /// Where it runs.
    #[command(flatten)]
    pub cluster: ClusterOptions,
    /// How it is reported.
    #[command(flatten)]
    pub reporting: ReportingOptions,
}

/// The options of `windrow job kill`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Ends with 0 as soon as it is sure that the job makes no output, and with 1 where it comes too late: the job's \
    output is there, or is being put in place."
)]
pub struct KillOptions {
    /// The job's number
    pub job: u64,
    /// Whom to ask.
    #[command(flatten)]
    pub ask: AskOptions,
}

/// The options of `windrow job logs`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Shown is the end of stderr, up to 8 KiB, of attempts that have failed: the last of them, and, after the \
    Manager was started again, only that which ended the job. What running attempts write is not shown."
)]
pub struct LogsOptions {
    /// The job's number
    pub job: u64,
    /// One of its tasks, as map-7 or reduce-0
    #[arg(value_parser = values::task)]
    pub task: Option<TaskId>,
    /// Whom to ask.
    #[command(flatten)]
    pub ask: AskOptions,
}

/// Does it.
pub fn execute(options: &JobOptions) -> Exit {
    match &options.command {
        JobCommand::Show(ShowOptions { job, ask }) => {
            ask::execute(ask, Question::Job { job: JobId(*job) }, |_| Ok(()))
        }
        JobCommand::Wait(options) => wait(options),
        JobCommand::Kill(KillOptions { job, ask }) => {
            ask::execute(ask, Question::Kill { job: JobId(*job) }, in_time)
        }
        JobCommand::Logs(LogsOptions { job, task, ask }) => {
            ask::execute(ask, Question::Logs { job: JobId(*job), task: *task }, |_| Ok(()))
        }
    }
}

/// Fails where a kill came too late.
fn in_time(answer: &Answer) -> Result<(), Failure> {
    let Answer::Killed(summary) = answer else { return Ok(()) };
    let job = summary.job;
    match summary.state {
        JobState::Succeeded => {
            Err(invalid(format!("job {job} was not killed: it had succeeded"), "remove its output"))
        }
        JobState::Committing => Err(invalid(
            format!("job {job} was not killed: its output is being put in place"),
            format!("`windrow job wait {job}`, then remove its output"),
        )),
        JobState::Planning | JobState::Waiting | JobState::Running | JobState::Killed | JobState::Failed => {
            Ok(())
        }
    }
}

fn wait(options: &WaitOptions) -> Exit {
    servers::log_if_asked();
    let interrupts = Interrupts::watch();
    let WaitOptions { job, cluster, reporting } = options;
    let address = cluster.address();
    let port = address.as_ref().map_or(MANAGER_PORT, SocketAddr::port);
    let mut presenter = Presenter::of_submit(*reporting, &cluster.manager, port);
    let outcome = match address {
        Ok(address) => {
            let place = Place { cluster: &cluster.cluster, address, name: &cluster.manager, link: Link::Tcp };
            let task = ClientTask::Watch { job: JobId(*job) };
            let leaving = format!("job {job} goes on; `windrow job wait {job}` follows it again");
            follow_job(place, task, &leaving, &interrupts, &mut presenter)
        }
        Err(failure) => Outcome::from(failure),
    };
    presenter.conclude(&outcome)
}

#[cfg(test)]
mod tests {
    use super::*;
    use windrow_core::job::TaskCount;
    use windrow_core::report::JobSummary;
    use windrow_core::time::WallTime;

    #[test]
    fn a_kill_fails_where_an_output_is_or_comes() {
        let judged = |state| {
            in_time(&Answer::Killed(JobSummary {
                job: JobId(3),
                name: "n".into(),
                state,
                is_over: false,
                priority: None,
                maps: TaskCount::default(),
                reduces: TaskCount::default(),
                attempts_failed: 0,
                accepted_at: WallTime::default(),
                elapsed_us: 0,
            }))
        };
        for state in [JobState::Killed, JobState::Failed] {
            assert_eq!(judged(state), Ok(()));
        }
        for state in [JobState::Committing, JobState::Succeeded] {
            let failure = judged(state).unwrap_err();
            assert!(failure.to_string().starts_with("job 3 was not killed"), "{failure}");
            assert_eq!(Exit::from(&failure), Exit::Failed);
        }
    }
}
