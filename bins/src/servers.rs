//! What Manager and worker have in common as processes: owns their log, the line that says where one listens, and how
//! they end.

use crate::exit::Exit;
use crate::failures::invalid;
use crate::present::{complain, say};
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use windrow_core::failure::Failure;

/// How log lines look.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Begins to log to standard error, as much as `RUST_LOG` says or else what matters to whoever runs the server.
pub fn start_log(format: LogFormat) -> Result<(), Failure> {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env();
    let filter = filter.map_err(|error| {
        invalid(
            format!("RUST_LOG is not understood: {error}"),
            "give a level (debug) or targets with levels (net=debug)",
        )
    })?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .log_internal_errors(false);
    // A second log is possible in tests alone.
    let _ = match format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
    Ok(())
}

/// Begins to log in a command that is no server, where `RUST_LOG` asks for it.
pub fn log_if_asked() {
    if std::env::var_os("RUST_LOG").is_some_and(|filter| !filter.is_empty())
        && let Err(failure) = start_log(LogFormat::Text)
    {
        say(format_args!("warning: {}; nothing is logged", failure.cause));
    }
}

/// Says on standard output where the server listens, for people and for whatever started it.
pub fn announce(address: SocketAddr) {
    let mut stdout = io::stdout().lock();
    // Whoever closed standard output does not wait for the line.
    let _ = writeln!(stdout, "listening on {address}").and_then(|()| stdout.flush());
}

/// The exit code of a server; a failure is told first.
pub fn concluded(result: Result<(), Failure>) -> Exit {
    match result {
        Ok(()) => Exit::Success,
        Err(failure) => {
            complain(&failure);
            Exit::from(&failure)
        }
    }
}
