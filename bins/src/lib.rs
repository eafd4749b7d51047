//! What a person types: the `windrow` command.
//!
//! Options become values ([`options`], [`specification`]), `net` does the work ([`command`]), what comes of it is shown
//! ([`present`]) and turned into an exit code ([`exit`]). Nothing here speaks a protocol or runs a job by itself.

pub mod address;
pub mod command;
pub mod exit;
pub mod failures;
pub mod host;
pub mod interrupts;
pub mod options;
pub mod present;
pub mod servers;
pub mod specification;
pub mod streams;
pub mod values;
pub mod work_directory;

use exit::Exit;
use options::{Command, Options};
use std::ffi::OsString;
use std::process::ExitCode;

/// The whole command, from its arguments to its exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let exit = match Options::read(arguments) {
        Ok(options) => execute(options.command),
        Err(message) => {
            // Help and version come this way too, and are no error. Whoever closed the stream needs neither.
            let _ = message.print();
            if message.use_stderr() { Exit::Failed } else { Exit::Success }
        }
    };
    ExitCode::from(exit.code())
}

fn execute(command: Command) -> Exit {
    match command {
        Command::Run(options) => command::run::execute(&options),
        Command::Manager(options) => command::manager::execute(&options),
        Command::Worker(options) => command::worker::execute(&options),
        Command::Submit(options) => command::submit::execute(&options),
        Command::Jobs(options) => command::jobs::execute(&options),
        Command::Job(options) => command::job::execute(&options),
        Command::Workers(options) => command::workers::execute(&options),
        Command::Drain(options) => command::drain::execute(&options),
        Command::Shutdown(options) => command::shutdown::execute(&options),
        Command::Guard => command::guard::execute(),
        Command::Sim(options) => command::simulate::execute(&options),
    }
}
