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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_has_its_usual_size_at_once_and_grows_beyond_it_by_eighths() {
        let mut buffer: Vec<u8> = Vec::new();
        make_room(&mut buffer, 1, 80);
        assert_eq!(buffer.capacity(), 80);
        buffer.resize(79, 0);
        make_room(&mut buffer, 1, 80);
        assert_eq!(buffer.capacity(), 80, "there is room");
        buffer.resize(80, 0);
        make_room(&mut buffer, 1, 80);
        assert_eq!(buffer.capacity(), 81 + 10);
        buffer.resize(91, 0);
        make_room(&mut buffer, 100, 80);
        assert_eq!(buffer.capacity(), 191 + 11);
    }
}
