//! `windrow sim`: simulated clusters from seeds, to find what would break a promise to users. No job runs and no port is
//! opened; nothing but the options decides what happens.

mod files;
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
use files::Trouble;
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

    /// Print one JSON object at the end, and nothing else, to standard output; only of a swarm
    ///
    /// One run has none: --hash, --transcript and --html tell what is to be told of it.
    ///
    /// Its fields: seeds, seeds_per_second, failures (each with seed, invariant, detail, others, replay), shrunk (null, or
    /// seed, scenario, transcript, diagram, replay), faults (how many struck of each kind, or how many seeds have it) and probes (in how many seeds each was hit), jobs_succeeded, jobs_failed, simulated_seconds, events, steps.
    #[arg(long, help_heading = "Reporting", conflicts_with_all = ["hash", "run"])]
    pub json: bool,
}

/// Which seeds, and how they are run.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Swarm")]
pub struct SwarmOptions {
    /// How many seeds to run
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = count, allow_negative_numbers = true)]
    pub seeds: u64,

    /// The first seed
    #[arg(long, value_name = "SEED", default_value_t = 0, value_parser = seed, allow_negative_numbers = true)]
    pub from: u64,

    /// Seeds run at the same time [default: the cores]
    #[arg(long, value_name = "N", value_parser = threads, allow_negative_numbers = true)]
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
        long, value_name = "SEED", group = "run", value_parser = seed, allow_negative_numbers = true,
        conflicts_with_all = ["seeds", "from", "jobs", "stop_at_first"]
    )]
    pub seed: Option<u64>,

    /// Run the scenario in this file, or in standard input if it is `-`
    ///
    /// --print shows how one is written. One that fails is shrunk like a seed.
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

    /// Write a page that draws all that happens to this file, or to standard output if it is `-`
    ///
    /// Hosts are lines, messages are arrows; faults, deaths and broken promises are marked. It needs nothing but a browser.
    /// A file that is there is overwritten only if it is an earlier diagram. With `-`, the rest goes to standard error.
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
        (None, Some(file)) => one::of_file(file, options),
        (None, None) => many::execute(options),
    };
    concluded.unwrap_or_else(|Trouble { failure, exit }| {
        complain(&failure);
        exit
    })
}

/// Seeds run at the same time, at the most.
const THREADS_MAX: u32 = 4_096;

fn count(text: &str) -> Result<u64, String> {
    text.parse().ok().filter(|count| *count > 0).ok_or_else(|| "it is a whole number, 1 or more".into())
}

fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("a seed is a whole number from 0 to {}", u64::MAX))
}

fn threads(text: &str) -> Result<u32, String> {
    let threads = text.parse().ok().filter(|threads| (1..=THREADS_MAX).contains(threads));
    threads.ok_or_else(|| format!("it is a whole number from 1 to {THREADS_MAX}"))
}

/// Prints a line, or several, to standard output.
fn print(text: impl Display) -> io::Result<()> {
    let mut stdout = standard_output()?;
    writeln!(stdout, "{text}")?;
    stdout.flush()
}
