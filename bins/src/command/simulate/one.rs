//! One run, shown closely: owns where its scenario comes from and in which ways it is shown.

use super::record::Record;
use super::runs::{self, Breach};
use super::{SimulateOptions, print, smallest, summary};
use crate::exit::Exit;
use crate::failures::{bytes, invalid, unwritable};
use crate::interrupts::Interrupts;
use crate::present::{complain, say};
use crate::streams::{printed, standard_output};
use net::os_error::os_error;
use sim::scenario::Scenario;
use sim::scenario::text::TextError;
use sim::trace::Transcript;
use sim::world::Watch;
use std::fs;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;
use windrow_core::failure::{Cause, Failure};

/// Runs a seed. One that fails is shrunk, unless it is to be shown in another way.
pub fn of_seed(seed: u64, options: &SimulateOptions) -> Result<Exit, Failure> {
    let scenario = runs::scenario(seed, &options.without);
    let (name, replay) = (format!("seed {seed}"), summary::replay(seed, &options.without));
    let exit = show(&name, &replay, scenario.clone(), options)?;
    let is_shown = options.one.transcript || options.one.html.is_some() || options.hash;
    if exit == Exit::Failed && !is_shown && !options.shrinking.no_shrink {
        let interrupts = Interrupts::watch();
        interrupts.end_by(|| {
            say("ending with the scenario as small as it is; a second signal ends windrow at once")
        });
        match smallest::find(seed, scenario, &options.shrinking.out, || !interrupts.came()) {
            Ok(smallest) => printed(print(smallest))?,
            Err(failure) => complain(&failure),
        }
    }
    Ok(exit)
}

/// Runs the scenario that was read from a file.
pub fn of_file(file: &Path, scenario: Scenario, options: &SimulateOptions) -> Result<Exit, Failure> {
    let scenario = options.without.iter().fold(scenario, |scenario, kind| scenario.without(*kind));
    show(&file.to_string_lossy(), &summary::replay_of_file(file), scenario, options)
}

/// Reads the scenario in a file; `-` is standard input.
pub fn read(file: &Path) -> Result<Scenario, Failure> {
    let text = if file == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        fs::read_to_string(file)
    };
    let text = text.map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => not_a_scenario(file, "it is not UTF-8"),
        _ => Failure::new(Cause::InputUnreadable { path: bytes(file), error: os_error(&error) }),
    })?;
    Scenario::from_text(&text).map_err(|error| match error {
        TextError::Syntax { .. } | TextError::Nonsense(_) => not_a_scenario(file, &error.to_string()),
    })
}

fn not_a_scenario(file: &Path, why: &str) -> Failure {
    let remedy = "`windrow sim --seed 1 --print` shows how a scenario is written";
    invalid(format!("`{}` is no scenario: {why}", file.display()), remedy)
}

fn show(name: &str, replay: &str, scenario: Scenario, options: &SimulateOptions) -> Result<Exit, Failure> {
    let text = scenario.to_text();
    if options.one.print {
        printed(print(text.trim_end()))?;
        return Ok(Exit::Success);
    }
    let record = Record::default();
    let watch = match options.one.transcript || options.one.html.is_some() {
        true => record.watch(options.one.transcript.then(transcript)),
        false => Watch::default(),
    };
    let result = runs::run(scenario, watch);
    record.end();
    let broken = summary::broken_promises(&result);
    let told = match (&result, options.hash) {
        (Ok(outcome), true) => print(format_args!("{:016x}", outcome.trace_hash)),
        (Err(_), true) => Ok(()),
        (Ok(_) | Err(_), false) => print(summary::of_run(name, &result)),
    };
    printed(told)?;
    if options.hash && !broken.is_empty() {
        say(format_args!("{name}: {}\n  {replay}", broken[0]));
    }
    if let Some(file) = &options.one.html {
        let title = match Breach::of(&result) {
            Some(breach) => format!("{name}: {}", breach.invariant),
            None => name.into(),
        };
        let page = record.page(&title, replay, &text, &broken);
        fs::write(file, page).map_err(|error| unwritable(file, &error))?;
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
