//! What a person may type: owns the subcommands and the options that several of them share, with the help that teaches
//! them. An option's value is checked here; what several say together is checked by whoever uses them.

use crate::address::MANAGER_ADDRESS;
use crate::command::{drain, job, jobs, manager, run, shutdown, simulate, submit, worker, workers};
use crate::{exit, values};
use clap::builder::Resettable;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use windrow_core::failure::Failure;

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "windrow",
    version,
    about = "MapReduce with your own programs: a mapper and a reducer that read and write lines.",
    long_about = "MapReduce with your own programs.\n\n\
        A mapper reads lines and prints records: a key, a tab, a value. Windrow sorts them by key and gives each \
        reducer its share of the keys. Both are ordinary programs in any language. The same job gives the same \
        files, byte for byte, on one machine (`windrow run`, no server needed) and on a cluster (`windrow submit`).",
    after_help = exit::help()
)]
pub struct Options {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Names the Manager where no option does.
const MANAGER_VARIABLE: &str = "WINDROW_MANAGER";

impl Options {
    /// The options that these arguments say.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Options, clap::Error> {
        let mut command = Options::command();
        if std::env::var_os(MANAGER_VARIABLE).is_some_and(|value| value.is_empty()) {
            // Empty, it is as if it were not set.
            command = command.mut_subcommands(without_variable);
        }
        Options::from_arg_matches(&command.try_get_matches_from(arguments)?)
    }
}

/// The same command, and those below it, for which no variable names the Manager.
fn without_variable(command: clap::Command) -> clap::Command {
    let has_manager = command.get_arguments().any(|argument| argument.get_id() == "manager");
    let command = command.mut_subcommands(without_variable);
    if has_manager { command.mut_arg("manager", |manager| manager.env(Resettable::Reset)) } else { command }
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a job on this machine; no server needed
    Run(run::RunOptions),
    /// Start a Manager, which takes jobs and deals their tasks to workers
    Manager(manager::ManagerOptions),
    /// Start a worker, which executes tasks
    Worker(worker::WorkerOptions),
    /// Run a job on a cluster, and follow it to its end or leave it
    Submit(submit::SubmitOptions),
    /// List the jobs of a cluster
    Jobs(jobs::JobsOptions),
    /// Look at a job, wait for it, kill it, or read what it complained of
    Job(job::JobOptions),
    /// List the workers of a cluster
    Workers(workers::WorkersOptions),
    /// Empty a worker that is to be stopped
    Drain(drain::DrainOptions),
    /// Stop a cluster: the Manager and its workers
    Shutdown(shutdown::ShutdownOptions),
    /// Clean up after the process that started this, should it be killed
    #[command(hide = true)]
    Guard,
    /// Search for bugs of Windrow itself, in simulated clusters
    Sim(simulate::SimulateOptions),
}

/// What a job is, in `run` and `submit` alike.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Job")]
pub struct JobOptions {
    /// Files, directories and patterns to read; may be repeated
    ///
    /// A pattern may be quoted or not: what a shell makes of it is taken as it comes. Inputs are read in the order given; the files of a directory or pattern in the order of their paths' bytes. In a
    /// directory, names that begin with `_` or `.` are hidden. What ends in .gz is read through gunzip. `-` is standard
    /// input, in `run` only.
    #[arg(long = "input", short = 'i', value_name = "PATH", required = true, num_args = 1..)]
    pub inputs: Vec<PathBuf>,

    /// The directory to make for the result
    ///
    /// It appears once the job has succeeded, whole: part-00000 and so on, one for each reducer, and _SUCCESS. `-`
    /// prints the parts to standard output, in `run` only. One that is there is an error, unless --overwrite is given.
    #[arg(long, short = 'o', value_name = "PATH")]
    pub output: PathBuf,

    /// Replace the output of an earlier job, should it be there
    ///
    /// The old output stays as it is until the new one is whole and on the disk; then they are exchanged in one step,
    /// and the old one is removed. A job that fails, or is given up, leaves it. Where the file system cannot exchange,
    /// there is for a moment no output. Only a directory is replaced that a job has made, with _SUCCESS and nothing in
    /// it that is not of a job, or an empty one: never a link, nor one that the job reads from.
    #[arg(long)]
    pub overwrite: bool,

    /// The program that reads input and prints records
    ///
    /// A command with its arguments, split into words by quotes and spaces as a shell does, but run without a shell
    /// (for pipes and variables: "sh -c '…'"). A program is looked for in PATH, or, if its name has a slash, from the
    /// directory in which you type this. A record is a line; its key goes up to the first tab, or is the whole line.
    #[arg(long, short = 'm', value_name = "COMMAND")]
    pub mapper: OsString,

    /// The program that reads records sorted by key and prints the result; not with --reducers 0
    #[arg(long, short = 'r', value_name = "COMMAND")]
    pub reducer: Option<OsString>,

    /// How many reducers share the keys; with 0 the mappers' output is the result
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub reducers: u32,

    /// Go on if a map that has to run again prints something else than before
    ///
    /// A map runs again when its worker is lost. If it then prints something else (random numbers, the time, the order of a
    /// hash table), the job fails, since its output would be that of neither execution. With this it takes whatever comes.
    #[arg(long)]
    pub accept_nondeterminism: bool,

    /// Leave out so many records at the most on which the mapper fails
    ///
    /// A map that fails again and again is tried on parts of its input until the record that kills the mapper stands alone.
    /// With this the job goes on without it: the record's bytes are put into OUTPUT/_quarantine, and its place is told at the
    /// end. Without it the job fails, and its error shows the record.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub max_skipped_records: u32,

    /// The programs do more than print: never execute a task twice at the same time
    ///
    /// Otherwise a task that takes far longer than others is executed a second time, on another worker, and whichever
    /// attempt ends first counts. What a program does elsewhere (in a database, say) may be done more than once even so:
    /// when a worker is lost.
    #[arg(long)]
    pub side_effects: bool,

    /// What to call the job [default: the mapper's program]
    #[arg(long)]
    pub name: Option<String>,

    /// Input to a map task at the most; decides, with the input, how the job is divided
    ///
    /// Sizes are a number and a unit: KiB, MiB, GiB count in steps of 1024, kB, MB, GB of 1000.
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = values::size)]
    pub split_size: u64,

    /// For how long a program may neither read, write nor use the processor before its attempt is given up; 0 for ever
    ///
    /// It is then killed with all its children, and the task tried again, as after any other failure of the program.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = values::timeout)]
    pub task_timeout: Duration,

    /// A variable for the environment of both programs; may be repeated
    #[arg(long = "env", value_name = "NAME=VALUE")]
    pub environment: Vec<OsString>,

    /// How the job is reported.
    #[command(flatten)]
    pub reporting: ReportingOptions,
}

/// How a command tells what it does.
#[derive(Copy, Clone, Debug, Args)]
#[command(next_help_heading = "Reporting")]
pub struct ReportingOptions {
    /// Say nothing but errors
    #[arg(long, short = 'q')]
    pub quiet: bool,

    /// Print one JSON object at the end, and nothing else, to standard output
    ///
    /// Its fields: status (succeeded, failed, accepted), exit_code, job, name, output, maps, reduces, attempts_failed,
    /// attempts_backed_up, maps_remade_differently, skipped_records, elapsed_seconds, counters, and failure (null, or message,
    /// kind, job, task, attempt, attempts_failed, host, input, excerpt, stderr, remedy, text).
    #[arg(long)]
    pub json: bool,
}

/// Where a Manager is.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Cluster")]
pub struct ClusterOptions {
    /// Where the Manager is
    #[arg(long, value_name = "HOST:PORT", env = MANAGER_VARIABLE, default_value = MANAGER_ADDRESS)]
    pub manager: String,

    /// The cluster's name; a Manager of another refuses
    #[arg(long, value_name = "NAME", default_value = "windrow")]
    pub cluster: String,
}

impl ClusterOptions {
    /// The Manager's address, looked up now.
    pub fn address(&self) -> Result<SocketAddr, Failure> {
        crate::address::of_manager(&self.manager)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn every_subcommand_teaches_by_an_example() {
        for subcommand in Options::command().get_subcommands().filter(|it| !it.is_hide_set()) {
            let help = subcommand.clone().render_long_help().to_string();
            assert!(help.contains("Example"), "{}: {help}", subcommand.get_name());
            assert!(help.contains(&format!("windrow {}", subcommand.get_name())), "{help}");
        }
    }

    #[test]
    fn the_help_has_the_exit_codes() {
        let help = Options::command().render_help().to_string();
        assert!(help.contains("Exit codes:\n  0  success"), "{help}");
        assert!(help.contains("\n  6  interrupted"), "{help}");
    }
}
