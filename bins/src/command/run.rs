//! `windrow run`: a job on this machine. Both machines live in this process; nothing listens, nothing stays behind.

use super::{CANCELLING, Place, follow_job, guard};
use crate::failures::{invalid, work_directory};
use crate::host;
use crate::interrupts::Interrupts;
use crate::options::JobOptions;
use crate::present::{Outcome, Presenter};
use crate::specification::{StandardStreams, is_stream, specification};
use crate::streams::{printed, standard_output};
use crate::work_directory::WorkDirectory;
use crate::{exit::Exit, servers, values};
use bytesize::ByteSize;
use clap::Args;
use net::{LocalCluster, LocalOptions, entropy};
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use windrow_core::client::ClientTask;
use windrow_core::failure::Failure;

/// The options of `windrow run`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example:\n  \
    windrow run --input 'books/*.txt' --output counts \\\n      \
    --mapper 'python3 words.py' --reducer 'python3 sum.py' --reducers 4")]
pub struct RunOptions {
    /// The job.
    #[command(flatten)]
    pub job: JobOptions,
    /// This machine's share.
    #[command(flatten)]
    pub machine: MachineOptions,

    /// Wait until the output has reached the disk
    ///
    /// Otherwise it is written as other programs write their files: whole and right unless the machine itself loses
    /// power within seconds.
    #[arg(long, help_heading = "This machine")]
    pub sync: bool,
}

/// What of this machine may be used.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "This machine")]
pub struct MachineOptions {
    /// Tasks executed at the same time [default: the cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub slots: Option<u32>,

    /// Memory for sorting and merging, all slots together [default: a quarter of the machine's, at least 256MiB]
    ///
    /// What does not fit is sorted in pieces in the work directory. The programs' own memory is not counted.
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    pub memory: Option<u64>,

    /// Where intermediate files go; made if missing [default: a private temporary directory]
    #[arg(long, value_name = "PATH")]
    pub work_dir: Option<PathBuf>,
}

/// What was chosen of this machine, by the user or by default.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Tasks executed at the same time.
    pub slots: u32,
    /// Memory for sorting and merging of all of them.
    pub memory_bytes: u64,
}

impl MachineOptions {
    /// Slots and memory, which must fit together.
    pub fn capacity(&self) -> Result<Capacity, Failure> {
        let slots = self.slots.unwrap_or_else(host::cores);
        let memory_bytes = self.memory.unwrap_or_else(host::memory_bytes);
        let least = u64::from(slots) * windrow_core::limits::SORT_BYTES_MIN as u64;
        if memory_bytes < least {
            return Err(invalid(
                format!(
                    "{} of memory is too little for --slots {slots}",
                    ByteSize(memory_bytes).display().iec()
                ),
                format!("give --memory {}MiB or more, or fewer --slots", least >> 20),
            ));
        }
        Ok(Capacity { slots, memory_bytes })
    }
}

/// Runs the job and tells how it ended.
pub fn execute(options: &RunOptions) -> Exit {
    servers::log_if_asked();
    let interrupts = Interrupts::watch();
    let mut presenter = Presenter::of_run(options.job.reporting);
    run(options, &interrupts, &mut presenter).unwrap_or_else(|failure| {
        presenter.conclude(&Outcome { interrupted: interrupts.came(), ..Outcome::from(failure) })
    })
}

/// A failure is still to be told; what an exit code stands for has been.
fn run(options: &RunOptions, interrupts: &Interrupts, presenter: &mut Presenter) -> Result<Exit, Failure> {
    let RunOptions { job, machine, sync } = options;
    let is_printed = is_stream(&job.output);
    if is_printed && job.reporting.json {
        return Err(invalid(
            "--json and --output - would both write to standard output",
            "name a directory with --output, or leave out --json",
        ));
    }
    let Capacity { slots, memory_bytes } = machine.capacity()?;
    let directory = host::current_directory().map_err(|error| work_directory(Path::new("."), &error))?;
    let guard = guard::start();
    let work = WorkDirectory::of_run(machine.work_dir.as_deref(), &guard.handle())?;
    let streams = StandardStreams::in_directory(work.path());
    let specification = specification(job, &directory, Some(&streams), *sync)?;
    if job.inputs.iter().any(|path| is_stream(path)) {
        read_standard_input(&streams, presenter)?;
    }
    let (work_dir, guard) = (work.path().join("cluster"), guard.handle());
    let cluster = LocalCluster::start(LocalOptions { slots, memory_bytes, work_dir, guard })?;
    let place = Place {
        cluster: cluster.cluster(),
        address: cluster.address(),
        name: "this machine",
        link: cluster.link(),
    };
    let task = ClientTask::Submit { key: entropy::submission_key(), specification, is_detached: false };
    let mut outcome = follow_job(place, task, CANCELLING, interrupts, presenter);
    let failures =
        outcome.failure.iter_mut().chain(outcome.report.iter_mut().filter_map(|it| it.failure.as_mut()));
    failures.for_each(|failure| streams.reword(failure));
    let skipped = outcome.report.iter_mut().flat_map(|report| &mut report.skipped);
    skipped.for_each(|range| streams.rename(&mut range.path));
    if is_printed && outcome.failure().is_none() {
        outcome.failure = match standard_output() {
            Ok(stdout) => streams.print_output(stdout).err(),
            Err(error) => printed(Err(error)).err(),
        };
    }
    // Told before the scratch is removed: whoever waits for the output needs not wait for that.
    let exit = presenter.conclude(&Outcome { is_printed, ..outcome });
    cluster.stop();
    Ok(exit)
}

fn read_standard_input(streams: &StandardStreams, presenter: &Presenter) -> Result<(), Failure> {
    let stdin = io::stdin().lock();
    if stdin.is_terminal() {
        presenter.notes().say("reading what you type; end it with Ctrl-D");
    }
    streams.save_input(stdin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_must_be_enough_for_the_slots() {
        let options =
            |slots, memory| MachineOptions { slots: Some(slots), memory: Some(memory), work_dir: None };
        assert_eq!(options(4, 4 << 20).capacity().unwrap(), Capacity { slots: 4, memory_bytes: 4 << 20 });
        let failure = options(8, 4 << 20).capacity().unwrap_err();
        assert!(failure.to_string().contains("give --memory 8MiB or more, or fewer --slots"), "{failure}");
    }

    #[test]
    fn the_defaults_are_the_machines() {
        let options = MachineOptions { slots: None, memory: None, work_dir: None };
        let capacity = options.capacity().unwrap();
        assert_eq!(capacity.slots, host::cores());
        assert!(capacity.memory_bytes >= 256 << 20);
    }
}
