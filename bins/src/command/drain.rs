//! `windrow drain`: empties a worker that is to be stopped.

use super::ask::{self, AskOptions};
use crate::exit::Exit;
use clap::Args;
use windrow_core::report::Question;

/// The options of `windrow drain`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "The worker finishes what it runs, is given nothing new, and serves what it holds of jobs until none needs \
    it; `windrow workers` then calls it drained, and it can be stopped at no loss. A drain lasts until it is undone or \
    the worker is started again.\n\n\
    Example:\n  windrow drain --manager alpha:7077 beta"
)]
pub struct DrainOptions {
    /// The worker: its host, or the beginning of its number in `windrow workers`
    #[arg(value_name = "WORKER")]
    pub worker: String,

    /// Give it tasks again
    #[arg(long)]
    pub undo: bool,

    /// Whom to ask.
    #[command(flatten)]
    pub ask: AskOptions,
}

/// Drains it, or lets it serve again.
pub fn execute(options: &DrainOptions) -> Exit {
    let DrainOptions { worker, undo, ask } = options;
    ask::execute(ask, Question::Drain { worker: worker.clone(), is_undone: *undo }, |_| Ok(()))
}
