//! `windrow sim`: simulated clusters from seeds, to find what would break a promise to users. No job runs and no port is
//! opened; nothing but the options decides what happens.

mod many;
mod one;
mod record;
mod runs;
mod smallest;
mod summary;
mod swarm;

use crate::exit::Exit;
use crate::present::complain;
use crate::servers;
use crate::streams::standard_output;
use clap::Args;
use sim::scenario::FaultKind;
use smallest::ShrinkOptions;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;

/// The options of `windrow sim`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "A seed decides all: how many workers, which jobs, which faults strike and when. It gives the \
    same run always and everywhere. A seed that breaks a promise is told with the command that replays it. The first \
    of them is shrunk: whatever can go, goes, as long as the same promise breaks. What is left is written down as a \
    scenario to read, change and run, with its transcript and a diagram to open in a browser. With no failure it exits \
    with 0, with any with 1. The last line is `N seeds, F failures, R seeds/s`.\n\n\
    Examples:\n  \
    windrow sim\n  \
    windrow sim --seeds 100000 --from 5000 --stop-at-first --out found\n  \
    windrow sim --seeds 20000 --without rot --without reset --no-shrink\n  \
    windrow sim --seed 4711 --transcript | less\n  \
    windrow sim --seed 4711 --html run.html\n  \
    windrow sim --seed 4711 --print >my.ron; $EDITOR my.ron; windrow sim --scenario my.ron\n  \
    diff <(windrow sim --hash --jobs 1) <(windrow sim --hash)"
)]
pub struct SimulateOptions {
    /// A swarm of seeds.
    #[command(flatten)]
    pub swarm: SwarmOptions,
    /// One run.
    #[command(flatten)]
    pub one: OneOptions,
    /// What becomes of a failure.
    #[command(flatten)]
    pub shrinking: ShrinkOptions,

    /// Leave out all faults of this kind; may be given several times
    #[arg(long, value_name = "KIND", help_heading = "Faults", long_help = kinds_of_fault())]
    pub without: Vec<FaultKind>,

    /// Print the hash over all that happened, and nothing else, to standard output
    ///
    /// Equal hashes, equal runs. Of one run 16 hex digits; in a swarm a line `SEED HASH` for each seed, in order, and
    /// the rest goes to standard error.
    #[arg(long, help_heading = "Reporting")]
    pub hash: bool,

    /// Print one JSON object at the end, and nothing else, to standard output
    ///
    /// Its fields: seeds, seeds_per_second, failures (each with seed, invariant, detail, others, replay), shrunk (null, or
    /// seed, scenario, transcript, diagram, replay), faults and probes (how many of each), jobs_succeeded, jobs_failed, simulated_seconds, events, steps.
    #[arg(long, help_heading = "Reporting", conflicts_with_all = ["hash", "run"])]
    pub json: bool,
}

/// Which seeds, and how they are run.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Swarm")]
pub struct SwarmOptions {
    /// How many seeds to run
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    pub seeds: u64,

    /// The first seed
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    pub from: u64,

    /// Seeds run at the same time [default: the cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub jobs: Option<u32>,

    /// End with the first seed that fails
    #[arg(long)]
    pub stop_at_first: bool,
}

/// What is run alone, and shown closely.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "One run")]
pub struct OneOptions {
    /// Run this seed alone, and tell what came of it
    ///
    /// One that fails is shrunk, unless it is to be shown in another way.
    #[arg(
        long, value_name = "SEED", group = "run",
        conflicts_with_all = ["seeds", "from", "jobs", "stop_at_first"]
    )]
    pub seed: Option<u64>,

    /// Run the scenario in this file, or in standard input if it is `-`
    ///
    /// --print shows how one is written.
    #[arg(
        long, value_name = "FILE", group = "run",
        conflicts_with_all = ["seeds", "from", "jobs", "stop_at_first"]
    )]
    pub scenario: Option<PathBuf>,

    /// Print all that happens, a line each
    ///
    /// Each begins with the time in microseconds and half of the hash so far: where two transcripts differ first, the runs
    /// do. `<-` is what a machine is told, `->` what it answers, `==` a message that
    /// has arrived, `**` what happens to the world: processes that start and end, and faults.
    #[arg(long, requires = "run", conflicts_with = "hash")]
    pub transcript: bool,

    /// Write a page that draws all that happens to this file
    ///
    /// Hosts are lines, messages are arrows; faults, deaths and broken promises are marked. It needs nothing but a browser.
    #[arg(long, value_name = "FILE", requires = "run")]
    pub html: Option<PathBuf>,

    /// Print the scenario as a text that --scenario reads, and run nothing
    #[arg(long, requires = "run", conflicts_with_all = ["transcript", "html", "hash"])]
    pub print: bool,
}

fn kinds_of_fault() -> String {
    let names: Vec<&str> = FaultKind::ALL.iter().map(|kind| kind.name()).collect();
    format!(
        "Leave out all faults of this kind; may be given several times\n\nThe kinds: {}.",
        names.join(", ")
    )
}

/// Runs what was asked for and tells what came of it.
pub fn execute(options: &SimulateOptions) -> Exit {
    servers::log_if_asked();
    let concluded = match (options.one.seed, &options.one.scenario) {
        (Some(seed), _) => one::of_seed(seed, options),
        (None, Some(file)) => match one::read(file) {
            Ok(scenario) => one::of_file(file, scenario, options),
            Err(failure) => {
                complain(&failure);
                return Exit::BadInput;
            }
        },
        (None, None) => many::execute(options),
    };
    concluded.unwrap_or_else(|failure| {
        complain(&failure);
        Exit::from(&failure)
    })
}

/// Prints a line, or several, to standard output.
fn print(text: impl Display) -> io::Result<()> {
    let mut stdout = standard_output()?;
    writeln!(stdout, "{text}")?;
    stdout.flush()
}
