//! What a person or a program sees of a job: owns the choice between bars, lines, silence and JSON.
//!
//! Standard error is for people, standard output for `--json` (and `--output -`) alone. Everything shown is rendered
//! from what the client machine reports; nothing here decides or asks.

mod bars;
mod json;
mod lines;
mod report;
mod report_json;
pub mod seeds;
mod summary;
mod table;
mod text;

use crate::exit::Exit;
use crate::options::ReportingOptions;
use crate::streams;
use anstream::AutoStream;
use bars::Bars;
use indicatif::MultiProgress;
use lines::Lines;
use owo_colors::OwoColorize;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::time::Instant;
use text::Audience;
use windrow_core::client::ClientReport;
use windrow_core::failure::Failure;
use windrow_core::ids::JobId;
use windrow_core::job::JobReport;
use windrow_core::report::Answer;

/// Attempts that fail and are tried again, of which as many are told one by one.
const FAILED_ATTEMPTS_TOLD: u32 = 8;

/// Follows one job.
#[derive(Debug)]
pub struct Presenter {
    options: ReportingOptions,
    audience: Audience,
    begun: Instant,
    progress: Progress,
    /// Whether the Manager was said to be absent.
    is_absence_told: bool,
    /// Failed attempts that were told.
    failed_attempts_told: u32,
}

#[derive(Debug)]
enum Progress {
    Silent,
    Lines(Lines),
    Bars(Bars),
}

impl Presenter {
    /// For a job of `windrow run`.
    pub fn of_run(options: ReportingOptions) -> Presenter {
        Presenter::new(options, Audience::Run)
    }

    /// For a job on the cluster of the Manager at `address`, as the user wrote it.
    pub fn of_submit(options: ReportingOptions, address: &str, port: u16) -> Presenter {
        Presenter::new(options, Audience::Submit { address: address.into(), port })
    }

    fn new(options: ReportingOptions, audience: Audience) -> Presenter {
        let progress = match (options.quiet, can_draw()) {
            (true, _) => Progress::Silent,
            (false, true) => Progress::Bars(Bars::new()),
            (false, false) => Progress::Lines(Lines::new()),
        };
        Presenter {
            options,
            audience,
            begun: Instant::now(),
            progress,
            is_absence_told: false,
            failed_attempts_told: 0,
        }
    }

    /// Shows what the client machine reports, up to the end of the job.
    pub fn report(&mut self, report: &ClientReport) {
        let elapsed = self.begun.elapsed();
        match report {
            ClientReport::Waiting(failure) => {
                if !std::mem::replace(&mut self.is_absence_told, true) {
                    self.notes().say(&text::absent_manager(failure));
                }
            }
            ClientReport::Accepted(job) => match &self.audience {
                Audience::Run => {}
                Audience::Submit { .. } => self.notes().say(&format!("job {job} accepted")),
            },
            ClientReport::Progress(progress) => match &mut self.progress {
                Progress::Silent => {}
                Progress::Lines(lines) => {
                    if let Some(line) = lines.line(progress, &self.audience, elapsed) {
                        say(&line);
                    }
                }
                Progress::Bars(bars) => bars.show(progress, &self.audience, elapsed),
            },
            ClientReport::AttemptFailed(failure) => self.tell_failed_attempt(failure),
            ClientReport::Ended(_)
            | ClientReport::Left(_)
            | ClientReport::Answered(_)
            | ClientReport::ShutDown { .. }
            | ClientReport::Failed(_) => self.clear(),
        }
    }

    /// Says what went wrong and is tried again, as long as that is news.
    fn tell_failed_attempt(&mut self, failure: &Failure) {
        self.failed_attempts_told += 1;
        if self.failed_attempts_told <= FAILED_ATTEMPTS_TOLD {
            self.notes().say(&text::failed_attempt(failure));
        }
        if self.failed_attempts_told == FAILED_ATTEMPTS_TOLD {
            self.notes().say("more attempts that fail are counted, and not told one by one");
        }
    }

    /// A way to say something in between, from any thread.
    pub fn notes(&self) -> Notes {
        match &self.progress {
            Progress::Silent => Notes::Silent,
            Progress::Lines(_) => Notes::Lines,
            Progress::Bars(bars) => Notes::AboveBars(bars.all()),
        }
    }

    fn clear(&mut self) {
        if let Progress::Bars(bars) = &mut self.progress {
            bars.clear();
        }
    }

    /// Tells how it all ended, and gives the exit code for it. It is told once.
    pub fn conclude(&mut self, outcome: &Outcome) -> Exit {
        self.clear();
        let exit = outcome.exit();
        match outcome.failure() {
            Some(failure) => {
                complain(failure);
                let skipped = outcome.report.as_ref().map_or(&[][..], |report| &report.skipped);
                summary::bad_records("bad, too", skipped).iter().for_each(say);
            }
            None if self.options.quiet => {}
            None => {
                if let Some(report) = &outcome.report {
                    say_summary(&summary::summary(report, outcome.is_printed));
                }
            }
        }
        if self.options.json {
            return print(&json::outcome(outcome), exit);
        }
        match outcome.left.filter(|_| exit == Exit::Success) {
            Some(job) => print(&job.to_string(), exit),
            None => exit,
        }
    }
}

/// Whether standard error is a terminal that can be drawn on.
fn can_draw() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term != "dumb") && io::stderr().is_terminal()
}

/// Says single lines to people, as the progress beside them allows.
#[derive(Clone, Debug)]
pub enum Notes {
    /// Nowhere.
    Silent,
    /// As they come.
    Lines,
    /// Above these bars.
    AboveBars(MultiProgress),
}

impl Notes {
    /// Says one line.
    pub fn say(&self, line: &str) {
        match self {
            Notes::Silent => {}
            Notes::Lines => say(line),
            // A terminal that is gone has nobody before it.
            Notes::AboveBars(bars) => drop(bars.println(line)),
        }
    }
}

/// How a job ended, or why there was none.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What the Manager says of the job, if it came so far.
    pub report: Option<JobReport>,
    /// What went wrong apart from the job.
    pub failure: Option<Failure>,
    /// The job, where it goes on and is not followed any more.
    pub left: Option<JobId>,
    /// Whether a signal came meanwhile.
    pub interrupted: bool,
    /// Whether the output went to standard output.
    pub is_printed: bool,
}

impl Outcome {
    /// What went wrong, if anything did; what stands beside the job weighs more.
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref().or_else(|| self.report.as_ref()?.failure.as_ref())
    }

    /// The exit code. A job that ended well before a signal could end it has ended well.
    pub fn exit(&self) -> Exit {
        match self.failure() {
            None if self.interrupted && self.left.is_some() => Exit::Interrupted,
            None => Exit::Success,
            Some(_) if self.interrupted => Exit::Interrupted,
            Some(failure) => Exit::from(failure),
        }
    }
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Outcome {
        Outcome { failure: Some(failure), ..Outcome::default() }
    }
}

/// Shows the answer to a question, and then what is to be said against it; gives the exit code.
pub fn conclude_answer(answer: &Answer, judgement: Result<(), Failure>, json: bool) -> Exit {
    let exit = judgement.as_ref().err().map_or(Exit::Success, Exit::from);
    let text = if json { report_json::answer(answer) } else { report::answer(answer) };
    let exit = if json || judgement.is_ok() { print(text.trim_end(), exit) } else { exit };
    if let Err(failure) = judgement {
        complain(&failure);
    }
    exit
}

/// Tells why a question was not answered; gives the exit code.
pub fn conclude_unanswered(outcome: &Outcome, json: bool) -> Exit {
    let exit = outcome.exit();
    if let Some(failure) = outcome.failure() {
        complain(failure);
    }
    if json { print(&json::outcome(outcome), exit) } else { exit }
}

/// Prints lines to standard output; the exit code is another than `exit` only where it cannot, and all else went well.
fn print(lines: &str, exit: Exit) -> Exit {
    let written = streams::standard_output().and_then(|stdout| writeln!(AutoStream::auto(stdout), "{lines}"));
    match streams::printed(written) {
        Err(failure) => {
            complain(&failure);
            if exit == Exit::Success { Exit::from(&failure) } else { exit }
        }
        Ok(()) => exit,
    }
}

/// Shows a failure. Whoever closed standard error does not want to read it.
pub fn complain(failure: &Failure) {
    let text = failure.to_string();
    let (first, rest) =
        text.split_once('\n').map_or((text.as_str(), None), |(first, rest)| (first, Some(rest)));
    let mut stderr = anstream::stderr();
    let _ = writeln!(stderr, "{} {}", "error:".red().bold(), first.bold());
    if let Some(rest) = rest {
        let _ = writeln!(stderr, "{rest}");
    }
}

/// Shows a line to people.
pub fn say(line: impl fmt::Display) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

fn say_summary(summary: &str) {
    let (first, rest) = summary.split_once('\n').unwrap_or((summary, ""));
    say(format_args!("{}\n{rest}", first.green().bold()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use windrow_core::failure::Cause;

    fn exit(failure: Option<Cause>, interrupted: bool) -> Exit {
        Outcome { failure: failure.map(Failure::new), interrupted, ..Outcome::default() }.exit()
    }

    #[test]
    fn an_interruption_explains_a_failure_but_does_not_undo_a_success() {
        assert_eq!(exit(None, false), Exit::Success);
        assert_eq!(exit(None, true), Exit::Success);
        let lost = || Some(Cause::ConnectionLost { address: "h:1".into() });
        assert_eq!(exit(lost(), false), Exit::Io);
        assert_eq!(exit(lost(), true), Exit::Interrupted);
        assert_eq!(exit(Some(Cause::Cancelled), false), Exit::Interrupted);
    }

    #[test]
    fn the_failure_of_a_job_counts_unless_another_weighs_more() {
        let mut outcome = Outcome { report: Some(text::tests::report()), ..Outcome::default() };
        assert_eq!(outcome.exit(), Exit::Success);
        let path = || "/x".into();
        outcome.report.as_mut().unwrap().failure = Some(Failure::new(Cause::InputNotFound { path: path() }));
        assert_eq!(outcome.exit(), Exit::BadInput);
        outcome.failure = Some(Failure::new(Cause::OutputExists { path: path() }));
        assert_eq!(outcome.exit(), Exit::OutputExists);
    }
}
