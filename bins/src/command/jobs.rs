//! `windrow jobs`: the jobs of a cluster.

use super::ask::{self, AskOptions};
use crate::exit::Exit;
use clap::Args;
use windrow_core::limits::REPORTS_KEPT;
use windrow_core::report::Question;

/// The options of `windrow jobs`.
#[derive(Clone, Debug, Args)]
#[command(after_help = format!(
    "Jobs that have not ended come first, then the others, the last to be submitted first. Of jobs that have ended the \
    last {REPORTS_KEPT} are known, for a week; older ones are forgotten, their outputs stay.\n\n\
    Example:\n  windrow jobs --manager alpha:7077"
))]
pub struct JobsOptions {
    /// Whom to ask.
    #[command(flatten)]
    pub ask: AskOptions,
}

/// Lists them.
pub fn execute(options: &JobsOptions) -> Exit {
    ask::execute(&options.ask, Question::Jobs, |_| Ok(()))
}
