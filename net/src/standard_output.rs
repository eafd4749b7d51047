//! Whether this process was given a standard output: owns the one look at it before Rust's runtime puts /dev/null in the
//! place of a closed one, after which all that is printed seems to arrive.

use rustix::io::{Errno, fcntl_getfd};
use std::sync::atomic::{AtomicBool, Ordering};

static WAS_CLOSED: AtomicBool = AtomicBool::new(false);

// SAFETY: the section holds addresses of functions that the loader calls, on the only thread, before `main`. This one
// takes none of the arguments it may be given, and does nothing that relies on the runtime: a system call and a store.
#[used]
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn() = look;

extern "C" fn look() {
    let state = fcntl_getfd(rustix::stdio::stdout());
    WAS_CLOSED.store(state == Err(Errno::BADF), Ordering::Relaxed);
}

/// Whether standard output was closed when the process began.
pub fn was_closed() -> bool {
    WAS_CLOSED.load(Ordering::Relaxed)
}
