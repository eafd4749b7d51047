//! `windrow guard`: what `windrow` starts beside itself, to clean up should it be killed. Not for people.

use crate::exit::Exit;
use crate::present::say;
use net::Guard;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The name of the subcommand.
const NAME: &str = "guard";

/// Starts one for this process, or says that there is none.
pub fn start() -> Guard {
    // This very program, also where its file was replaced meanwhile.
    let mut command = Command::new("/proc/self/exe");
    command.arg0("windrow").arg(NAME);
    Guard::start(command).unwrap_or_else(|error| {
        say(format_args!("warning: there is no guard ({error}); what this leaves if it is killed stays"));
        Guard::default()
    })
}

/// Stands guard until the process at the other end of standard input is no more.
pub fn execute() -> Exit {
    let Ok(socket) = io::stdin().as_fd().try_clone_to_owned() else { return Exit::Failed };
    for (path, error) in net::stand_guard(socket) {
        say(format_args!("warning: {} is left of a windrow that was killed: {error}", path.display()));
    }
    Exit::Success
}
