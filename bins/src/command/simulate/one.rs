//! One run, shown closely: owns where its scenario comes from and in which ways it is shown.

use super::files::{self, Page, Trouble, printed};
use super::record::Record;
use super::runs::{self, Breach};
use super::smallest::Origin;
use super::{OneOptions, SimulateOptions, print, smallest, summary};
use crate::exit::Exit;
use crate::failures::invalid;
use crate::interrupts::Interrupts;
use crate::present::{complain, say};
use crate::streams::standard_output;
use sim::scenario::Scenario;
use sim::trace::Transcript;
use sim::world::Watch;
use std::io::{BufWriter, Write};
use std::path::Path;

/// What is run, and how it is called.
struct Run {
    name: String,
    replay: String,
    origin: Origin,
    scenario: Scenario,
}

/// Runs a seed.
pub fn of_seed(seed: u64, options: &SimulateOptions) -> Result<Exit, Trouble> {
    let run = Run {
        name: format!("seed {seed}"),
        replay: summary::replay(seed, &options.without),
        origin: Origin::seed(seed),
        scenario: runs::scenario(seed, &options.without),
    };
    show_and_shrink(run, options)
}

/// Runs the scenario in a file.
pub fn of_file(file: &Path, options: &SimulateOptions) -> Result<Exit, Trouble> {
    let text = files::read_scenario(file)?;
    let scenario =
        Scenario::from_text(&text).map_err(|error| files::no_scenario(file, &error.to_string()))?;
    let run = Run {
        name: file.to_string_lossy().into_owned(),
        replay: summary::replay_of_file(file, &options.without),
        origin: Origin::file(file),
        scenario: options.without.iter().fold(scenario, |scenario, kind| scenario.without(*kind)),
    };
    show_and_shrink(run, options)
}

/// Runs it. What fails is shrunk, unless it is to be shown in another way.
fn show_and_shrink(run: Run, options: &SimulateOptions) -> Result<Exit, Trouble> {
    let OneOptions { transcript, html, print: is_printed, .. } = &options.one;
    if *is_printed {
        printed(print(run.scenario.to_text().trim_end()))?;
        return Ok(Exit::Success);
    }
    let is_shrunk = !(*transcript || html.is_some() || options.hash || options.shrinking.no_shrink);
    if is_shrunk {
        options.shrinking.try_out()?;
    }
    let exit = show(&run, options)?;
    if exit == Exit::Failed && is_shrunk {
        let interrupts = Interrupts::watch();
        interrupts.end_by(|| {
            say("ending with the scenario as small as it is; a second signal ends windrow at once")
        });
        match smallest::find(&run.origin, run.scenario, &options.shrinking, || !interrupts.came()) {
            Ok(smallest) => printed(print(smallest))?,
            Err(Trouble { failure, .. }) => complain(&failure),
        }
    }
    Ok(exit)
}

fn show(run: &Run, options: &SimulateOptions) -> Result<Exit, Trouble> {
    let Run { name, replay, scenario, .. } = run;
    let page = options.one.html.as_deref().map(Page::open).transpose()?;
    let page_is_printed = matches!(page, Some(Page::StandardOutput));
    if page_is_printed && (options.one.transcript || options.hash) {
        let what = "--html - prints the page to standard output, where --transcript and --hash print too";
        return Err(invalid(what, "give --html a file").into());
    }
    let record = Record::default();
    let watch = match options.one.transcript || page.is_some() {
        true => record.watch(options.one.transcript.then(transcript)),
        false => Watch::default(),
    };
    let result = runs::run(scenario.clone(), watch);
    record.end();
    let broken = summary::broken_promises(&result);
    let told = match (&result, options.hash) {
        (Ok(outcome), true) => print(format_args!("{:016x}", outcome.trace_hash)),
        (Err(_), true) => Ok(()),
        (Ok(_) | Err(_), false) => {
            let mut told = summary::of_run(name, scenario, &result);
            if !broken.is_empty() && !options.one.transcript {
                told += &format!("\n  {replay}");
            }
            match page_is_printed {
                true => {
                    say(told);
                    Ok(())
                }
                false => print(told),
            }
        }
    };
    printed(told)?;
    if options.hash && !broken.is_empty() {
        say(format_args!("{name}: {}\n  {replay}", broken[0]));
    }
    if let Some(page) = page {
        let title = match Breach::of(&result) {
            Some(breach) => format!("{name}: {}", breach.invariant),
            None => name.into(),
        };
        page.write(&record.page(&title, replay, &scenario.to_text(), &broken))?;
    }
    Ok(if broken.is_empty() { Exit::Success } else { Exit::Failed })
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
