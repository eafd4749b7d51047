//! What came from outside, made fit to be shown: owns escaping, quoting and sizes.

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
