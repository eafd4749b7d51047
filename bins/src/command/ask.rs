//! Questions to a Manager: owns how one is asked and how the answer is shown, as text or as JSON.

use super::{Place, follow};
use crate::exit::Exit;
use crate::options::ClusterOptions;
use crate::present::{self, Outcome};
use crate::servers;
use clap::Args;
use net::{Link, StopHandle};
use windrow_core::client::{ClientReport, ClientTask};
use windrow_core::failure::Failure;
use windrow_core::report::{Answer, Question};

/// Where to ask, and how to show the answer.
#[derive(Clone, Debug, Args)]
pub struct AskOptions {
    /// Whom to ask.
    #[command(flatten)]
    pub cluster: ClusterOptions,

    /// Print one JSON object, and nothing else, to standard output
    #[arg(long, help_heading = "Reporting")]
    pub json: bool,
}

/// Asks, shows the answer, and judges it.
pub fn execute(
    options: &AskOptions,
    question: Question,
    judge: impl FnOnce(&Answer) -> Result<(), Failure>,
) -> Exit {
    servers::log_if_asked();
    match ask(&options.cluster, question) {
        Ok(answer) => present::conclude_answer(&answer, judge(&answer), options.json),
        Err(failure) => present::conclude_unanswered(&Outcome::from(failure), options.json),
    }
}

/// Asks, and awaits the answer.
pub fn ask(cluster: &ClusterOptions, question: Question) -> Result<Answer, Failure> {
    let place = Place {
        cluster: &cluster.cluster,
        address: cluster.address()?,
        name: &cluster.manager,
        link: Link::Tcp,
    };
    let mut result = None;
    follow(place, ClientTask::Ask(question), &StopHandle::default(), |report| match report {
        ClientReport::Waiting(_)
        | ClientReport::Accepted(_)
        | ClientReport::Progress(_)
        | ClientReport::AttemptFailed(_) => {}
        ClientReport::Answered(answer) => result = Some(Ok(answer)),
        ClientReport::Failed(failure) => result = Some(Err(failure)),
        ClientReport::Ended(_) | ClientReport::Left(_) | ClientReport::ShutDown { .. } => {
            unreachable!("a question was asked")
        }
    })?;
    result.expect("a client that is over has said how")
}
