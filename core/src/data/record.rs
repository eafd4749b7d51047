//! Records: owns what a line of a program's output means, and the line that a record becomes again.
//!
//! The key ends at the first tab; a line without one is all key. A record keeps which of the two it was, so that a
//! line comes out as it went in. Bytes mean nothing else: no encoding, no carriage return, no NUL.

use alloc::vec::Vec;

/// A key and its value, borrowed from wherever the bytes lie.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// What it is partitioned, sorted and grouped by.
    pub key: &'a [u8],
    /// What follows the first tab; `None` if the line has none (`foo` is not `foo<TAB>`).
    pub value: Option<&'a [u8]>,
}

impl<'a> Record<'a> {
    /// Reads a line, given without its newline.
    pub fn parse_line(line: &'a [u8]) -> Record<'a> {
        Record::parse_line_at(line, memchr::memchr(b'\t', line).unwrap_or(line.len()))
    }

    /// Likewise, where it is known already that the key ends at `key_bytes`.
    #[inline]
    pub(super) fn parse_line_at(line: &'a [u8], key_bytes: usize) -> Record<'a> {
        Record { key: &line[..key_bytes], value: line.get(key_bytes + 1..) }
    }

    /// Bytes of its line, without the newline.
    #[inline]
    pub fn line_bytes(&self) -> usize {
        self.key.len() + self.value.map_or(0, |value| 1 + value.len())
    }

    /// Appends its line, newline included.
    #[inline]
    pub fn append_line(&self, lines: &mut Vec<u8>) {
        lines.reserve(self.line_bytes() + 1);
        lines.extend_from_slice(self.key);
        if let Some(value) = self.value {
            lines.push(b'\t');
            lines.extend_from_slice(value);
        }
        lines.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn key_ends_at_first_tab() {
        let parsed = |line| {
            let Record { key, value } = Record::parse_line(line);
            (key, value)
        };
        assert_eq!(parsed(b"foo"), (&b"foo"[..], None));
        assert_eq!(parsed(b"foo\t"), (&b"foo"[..], Some(&b""[..])));
        assert_eq!(parsed(b"foo\tbar\tbaz"), (&b"foo"[..], Some(&b"bar\tbaz"[..])));
        assert_eq!(parsed(b"\tbar"), (&b""[..], Some(&b"bar"[..])));
        assert_eq!(parsed(b""), (&b""[..], None));
        assert_eq!(parsed(b"\xff\0\r"), (&b"\xff\0\r"[..], None));
    }

    proptest! {
        #[test]
        fn line_comes_out_as_it_went_in(
            line in prop::collection::vec(prop::sample::select(&b"\t\0\r\xff "[..]), 0..20),
        ) {
            let record = Record::parse_line(&line);
            prop_assert!(!record.key.contains(&b'\t'));
            prop_assert_eq!(record.line_bytes(), line.len());
            let mut lines = Vec::new();
            record.append_line(&mut lines);
            prop_assert_eq!(lines, [&line[..], b"\n"].concat());
        }
    }
}
