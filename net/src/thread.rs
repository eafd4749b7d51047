//! Threads: owns how one is started, so that a panic on it ends the process instead of hanging whoever waits for it.

use std::io;
use std::thread::{Builder, JoinHandle};

/// Starts a thread whose panic aborts the process, after the panic's own message.
pub fn spawn<T: Send + 'static>(
    name: impl Into<String>,
    body: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    Builder::new().name(name.into()).spawn(|| {
        let _guard = AbortOnPanic;
        body()
    })
}

/// While it lives, a panic of its thread aborts the process.
pub struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("windrow: this is a programmer's error; the process ends here");
            std::process::abort();
        }
    }
}
