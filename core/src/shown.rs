//! What came from outside, made fit to be shown: owns escaping, quoting, sizes and durations.

use crate::job::PathBytes;
use core::fmt::{self, Write};

/// Bytes of a stranger as text on one line: what is no UTF-8 replaced, control characters but tabs escaped.
pub(crate) struct Shown<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                if character.is_control() && character != '\t' {
                    character.escape_default().fmt(f)?;
                } else {
                    f.write_char(character)?;
                }
            }
            if !chunk.invalid().is_empty() {
                f.write_char(char::REPLACEMENT_CHARACTER)?;
            }
        }
        Ok(())
    }
}

/// A path as a word of a shell's command line.
pub(crate) struct Quoted<'a>(pub(crate) &'a PathBytes);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = &self.0.0;
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+:,@%=".contains(byte) || *byte >= 0x80;
        if !word.is_empty() && word.iter().all(plain) {
            return Shown(word).fmt(f);
        }
        f.write_char('\'')?;
        for (index, part) in word.split(|byte| *byte == b'\'').enumerate() {
            if index > 0 {
                f.write_str("'\\''")?;
            }
            Shown(part).fmt(f)?;
        }
        f.write_char('\'')
    }
}

/// A number of bytes, by the largest unit that gives a whole number.
pub(crate) struct Size(pub(crate) u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut number, mut units) = (self.0, ["bytes", "KiB", "MiB", "GiB"].iter());
        let mut unit = units.next();
        while number != 0
            && number.is_multiple_of(1024)
            && let Some(next) = units.next()
        {
            (number, unit) = (number / 1024, Some(next));
        }
        write!(f, "{number} {}", unit.copied().unwrap_or_default())
    }
}

/// A number of microseconds, by the largest unit that gives a whole number.
pub(crate) struct Duration(pub(crate) u64);

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut number, mut unit) = (self.0, "us");
        for (count, greater) in [(1_000, "ms"), (1_000, "s"), (60, "min"), (60, "h")] {
            if number == 0 || !number.is_multiple_of(count) {
                break;
            }
            (number, unit) = (number / count, greater);
        }
        write!(f, "{number} {unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn durations_are_whole_numbers_of_the_largest_unit() {
        let shown = [0, 7, 20_000, 1_000_000, 90_000_000, 600_000_000, 7_200_000_000, 1_230_000];
        let expected = ["0 us", "7 us", "20 ms", "1 s", "90 s", "10 min", "2 h", "1230 ms"];
        assert_eq!(shown.map(|us| Duration(us).to_string()), expected);
    }
}
