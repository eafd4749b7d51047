//! What a trial prints: owns that nothing of it is kept, and that its lines are bounded all the same.

use crate::data::sort::LineTooLong;
use crate::limits::RECORD_BYTES_MAX;

/// Takes what a mapper prints whose output does not count.
#[derive(Debug)]
pub(super) struct Discard {
    /// The longest line that is allowed.
    longest: usize,
    line_bytes: usize,
}

impl Discard {
    /// `has_records` if what is printed would be records, whose length is bounded.
    pub fn new(has_records: bool) -> Discard {
        Discard { longest: if has_records { RECORD_BYTES_MAX } else { usize::MAX }, line_bytes: 0 }
    }

    pub fn push(&mut self, bytes: &[u8]) -> Result<(), LineTooLong> {
        let Some(last) = memchr::memrchr(b'\n', bytes) else {
            self.line_bytes = self.line_bytes.saturating_add(bytes.len());
            return if self.line_bytes > self.longest { Err(LineTooLong) } else { Ok(()) };
        };
        // No piece of what was printed is longer than a line may be: the first line alone may have begun before it.
        let first = memchr::memchr(b'\n', bytes).unwrap_or(last);
        let is_too_long = self.line_bytes.saturating_add(first) > self.longest;
        self.line_bytes = bytes.len() - last - 1;
        if is_too_long { Err(LineTooLong) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_as_long_as_is_allowed_and_no_longer() {
        let mut discard = Discard { longest: 3, line_bytes: 0 };
        for bytes in [&b"abc\nab"[..], b"c", b"\nab", b"c\n\n", b"abc"] {
            assert!(discard.push(bytes).is_ok(), "{bytes:?}");
        }
        assert!(discard.push(b"d").is_err());
        let mut discard = Discard { longest: 3, line_bytes: 2 };
        assert!(discard.push(b"cd\n").is_err());
        let mut discard = Discard::new(false);
        assert!(discard.push(b"abcd").is_ok());
    }
}
