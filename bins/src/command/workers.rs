//! `windrow workers`: the workers of a cluster.

use super::ask::{self, AskOptions};
use crate::exit::Exit;
use clap::Args;
use windrow_core::report::Question;

/// The options of `windrow workers`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "A worker is joining until its first heartbeat has come, then serving; silent, if it has not been heard for \
    half a lease or its connection is cut; draining, if it is given nothing new (`windrow drain`), and drained once \
    nobody needs anything of it.\n\n\
    Example:\n  windrow workers --manager alpha:7077"
)]
pub struct WorkersOptions {
    /// Whom to ask.
    #[command(flatten)]
    pub ask: AskOptions,
}

/// Lists them.
pub fn execute(options: &WorkersOptions) -> Exit {
    ask::execute(&options.ask, Question::Workers, |_| Ok(()))
}
