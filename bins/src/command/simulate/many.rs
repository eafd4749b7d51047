//! A swarm as a command: owns what is told of it, where, and in which order.

use super::files::{Trouble, printed};
use super::smallest::Origin;
use super::swarm::{Ran, Seeds};
use super::{SimulateOptions, SwarmOptions, print, runs, smallest, summary};
use crate::exit::Exit;
use crate::failures::invalid;
use crate::host;
use crate::interrupts::Interrupts;
use crate::present::seeds::SeedsBar;
use crate::present::{complain, say};
use sim::swarm::Tally;
use std::time::Instant;

/// Runs the seeds, shrinks the first that fails, and sums up. Whatever is told by the way goes to standard output, or, where
/// that is for programs, to standard error.
pub fn execute(options: &SimulateOptions) -> Result<Exit, Trouble> {
    options.shrinking.try_out()?;
    let SwarmOptions { seeds, from, jobs, stop_at_first } = options.swarm;
    let end = from.checked_add(seeds).ok_or_else(|| {
        invalid(
            format!("--from {from} has no {seeds} seeds after it"),
            format!("seeds go up to {}; give a smaller --from or fewer --seeds", u64::MAX - 1),
        )
    })?;
    let (begun, bar, interrupts) = (Instant::now(), SeedsBar::new(seeds), Interrupts::watch());
    let running = Seeds::new(from..end, options.without.clone(), jobs.unwrap_or_else(host::cores));
    let (stop, notes) = (running.stop_handle(), bar.clone());
    interrupts.end_by(move || {
        notes.say("ending with what runs now; a second signal ends windrow at once");
        stop.stop();
    });

    let is_for_programs = options.hash || options.json;
    let mut tally = Tally::default();
    let mut told = Ok(());
    running.run(|Ran { seed, trace_hash, tally: ran }| {
        let failure = ran.failures.first().map(|failure| summary::failure(failure, &options.without));
        tally.merge(ran);
        told = bar.between(|| {
            if options.hash {
                let hash = trace_hash.map_or_else(|| "panicked".into(), |hash| format!("{hash:016x}"));
                print(format_args!("{seed} {hash}"))?;
            }
            match &failure {
                Some(failure) if is_for_programs => say(failure),
                Some(failure) => print(failure)?,
                None => {}
            }
            Ok(())
        });
        bar.show(&tally, begun.elapsed());
        told.is_ok() && !(stop_at_first && failure.is_some())
    });
    bar.clear();
    let elapsed = begun.elapsed();

    let mut smallest = None;
    if let (Some(first), false) = (tally.failures.first(), options.shrinking.no_shrink) {
        let scenario = runs::scenario(first.seed, &options.without);
        match smallest::find(&Origin::seed(first.seed), scenario, &options.shrinking, || !interrupts.came()) {
            Ok(found) => smallest = Some(found),
            Err(Trouble { failure, .. }) => complain(&failure),
        }
    }
    interrupts.end_at_once_from_now();
    if let Some(smallest) = &smallest {
        match is_for_programs {
            true => say(smallest),
            false => told = told.and_then(|()| print(smallest)),
        }
    }
    if options.hash {
        say(summary::of_swarm(&tally, elapsed));
    } else {
        let summary = match options.json {
            true => summary::json(&tally, &options.without, smallest.as_ref(), elapsed).to_string(),
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
