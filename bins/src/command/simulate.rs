//! `windrow sim`: simulated clusters from seeds, to find what would break a promise to users. No job runs and no port is
//! opened; nothing but the options decides what happens.

mod runs;
mod summary;
mod swarm;

use crate::exit::Exit;
use crate::failures::invalid;
use crate::interrupts::Interrupts;
use crate::present::complain;
use crate::present::seeds::SeedsBar;
use crate::streams::{printed, standard_output};
use crate::{host, present, servers};
use clap::Args;
use sim::swarm::Tally;
use sim::trace::Transcript;
use std::fmt::Display;
use std::io::{self, BufWriter, Write};
use std::time::Instant;
use swarm::{Ran, Seeds};
use windrow_core::failure::Failure;

/// The options of `windrow sim`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "A seed decides all: how many workers, which jobs, which faults strike and when. It gives the \
    same run always and everywhere. A seed that breaks a promise is told with the command that replays it. With no \
    failure it exits with 0, with any with 1. The last line is `N seeds, F failures, R seeds/s`.\n\n\
    Examples:\n  \
    windrow sim\n  \
    windrow sim --seeds 100000 --from 5000 --stop-at-first\n  \
    windrow sim --seed 4711 --transcript | less\n  \
    diff <(windrow sim --hash --jobs 1) <(windrow sim --hash)"
)]
pub struct SimulateOptions {
    /// A swarm of seeds.
    #[command(flatten)]
    pub swarm: SwarmOptions,
    /// One run.
    #[command(flatten)]
    pub one: OneOptions,

    /// Print the hash over all that happened, and nothing else, to standard output
    ///
    /// Equal hashes, equal runs. With --seed 16 hex digits; in a swarm a line `SEED HASH` for each seed, in order, and
    /// the rest goes to standard error.
    #[arg(long, help_heading = "Reporting")]
    pub hash: bool,

    /// Print one JSON object at the end, and nothing else, to standard output
    ///
    /// Its fields: seeds, seeds_per_second, failures (each with seed, invariant, detail, others, replay), faults and
    /// probes (how many of each), jobs_succeeded, jobs_failed, simulated_seconds, events, steps.
    #[arg(long, help_heading = "Reporting", conflicts_with_all = ["hash", "seed"])]
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
    #[arg(long, value_name = "SEED", conflicts_with_all = ["seeds", "from", "jobs", "stop_at_first"])]
    pub seed: Option<u64>,

    /// Print all that happens, a line each
    #[arg(long, requires = "seed", conflicts_with = "hash")]
    pub transcript: bool,
}

/// Runs what was asked for and tells what came of it.
pub fn execute(options: &SimulateOptions) -> Exit {
    servers::log_if_asked();
    let concluded = match options.one.seed {
        Some(seed) => one(seed, options),
        None => many(options),
    };
    concluded.unwrap_or_else(|failure| {
        complain(&failure);
        Exit::from(&failure)
    })
}

fn one(seed: u64, options: &SimulateOptions) -> Result<Exit, Failure> {
    let result = runs::run(seed, options.one.transcript.then(transcript));
    let failures = Tally::of(seed, &result, 0).failures;
    let told = match (&result, options.hash) {
        (Ok(outcome), true) => print(format_args!("{:016x}", outcome.trace_hash)),
        (Err(_), true) => Ok(()),
        (Ok(_) | Err(_), false) => print(summary::of_run(seed, &result)),
    };
    printed(told)?;
    if options.hash {
        failures.iter().for_each(|failure| present::say(summary::failure(failure)));
    }
    Ok(if failures.is_empty() { Exit::Success } else { Exit::Failed })
}

/// Prints lines as they come. A reader that went away wants no more of them, but how the run ends is still to be found
/// out; any other trouble with standard output meets the summary too, and is told then.
fn transcript() -> Transcript {
    let mut lines = standard_output().map(BufWriter::new);
    Box::new(move |line| {
        if let Ok(lines) = &mut lines {
            let _ = writeln!(lines, "{line}");
        }
    })
}

/// Prints a line, or several, to standard output.
fn print(text: impl Display) -> io::Result<()> {
    let mut stdout = standard_output()?;
    writeln!(stdout, "{text}")?;
    stdout.flush()
}

fn many(options: &SimulateOptions) -> Result<Exit, Failure> {
    let SwarmOptions { seeds, from, jobs, stop_at_first } = options.swarm;
    let end = from.checked_add(seeds).ok_or_else(|| {
        invalid(
            format!("--from {from} has no {seeds} seeds after it"),
            format!("seeds go up to {}; give a smaller --from or fewer --seeds", u64::MAX - 1),
        )
    })?;
    let (begun, bar, interrupts) = (Instant::now(), SeedsBar::new(seeds), Interrupts::watch());
    let running = Seeds::new(from..end, jobs.unwrap_or_else(host::cores));
    let (stop, notes) = (running.stop_handle(), bar.clone());
    interrupts.end_by(move || {
        notes.say("ending with the seeds that run now; a second signal ends windrow at once");
        stop.stop();
    });

    let mut tally = Tally::default();
    let mut told = Ok(());
    running.run(|Ran { seed, trace_hash, tally: ran }| {
        let failure = ran.failures.first().map(summary::failure);
        tally.merge(ran);
        told = bar.between(|| {
            if options.hash {
                let hash = trace_hash.map_or_else(|| "panicked".into(), |hash| format!("{hash:016x}"));
                print(format_args!("{seed} {hash}"))?;
            }
            match &failure {
                Some(failure) if options.hash || options.json => present::say(failure),
                Some(failure) => print(failure)?,
                None => {}
            }
            Ok(())
        });
        bar.show(&tally, begun.elapsed());
        told.is_ok() && !(stop_at_first && failure.is_some())
    });
    bar.clear();
    interrupts.end_at_once_from_now();

    let elapsed = begun.elapsed();
    if options.hash {
        present::say(summary::of_swarm(&tally, elapsed));
    } else {
        let summary = match options.json {
            true => summary::json(&tally, elapsed).to_string(),
            false => summary::of_swarm(&tally, elapsed),
        };
        told = told.and_then(|()| print(summary));
    }
    printed(told)?;
    Ok(match tally.failures.is_empty() {
        false => Exit::Failed,
        true if interrupts.came() => Exit::Interrupted,
        true => Exit::Success,
    })
}
