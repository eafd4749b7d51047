//! How a buffer grows: owns the one rule that keeps it within what it usually needs.
//!
//! Doubling would overshoot a budget. Untouched pages cost nothing, so a buffer's usual size is reserved at once; only
//! an unusual record makes it grow beyond, by eighths, as its bytes arrive.

use alloc::vec::Vec;

/// Makes room for `additional` elements in a buffer that usually holds up to `usual`.
pub(super) fn make_room<T>(buffer: &mut Vec<T>, additional: usize, usual: usize) {
    let needed = buffer.len() + additional;
    if needed <= buffer.capacity() {
        return;
    }
    let capacity = if needed <= usual { usual } else { needed + buffer.capacity() / 8 };
    buffer.reserve_exact(capacity - buffer.len());
}
