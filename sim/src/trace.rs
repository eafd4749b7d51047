//! What happened: owns the chained hash over every (time, node, input, outputs), and the transcript of it.
//!
//! Two runs of a scenario are the same run exactly if their hashes are equal. Each line of a transcript tells the hash so
//! far, so that two transcripts differ from the first event on that was another, even where its text is too short to show it.

use crate::names::Actor;
use bincode::enc::write::Writer;
use bincode::error::EncodeError;
use serde::{Serialize, Serializer};
use std::fmt;
use windrow_core::ids::ConnectionId;
use windrow_core::time::Time;

/// Characters of a line of a transcript at the most.
const LINE_CHARACTERS: usize = 400;

/// What is done to a machine.
#[derive(Debug, Serialize)]
pub enum Step<'a, I> {
    /// It is made.
    Begin,
    /// It takes an input.
    Input(&'a I),
    /// It is told the time.
    Timeout,
    /// It takes bytes of a connection.
    Receive(ConnectionId, Bytes<'a>),
    /// It is told that bytes of a connection were written.
    Sent(ConnectionId, usize),
    /// It takes bytes read from a file.
    Read(Bytes<'a>),
    /// It is told that bytes were written to its program's stdin.
    StdinWritten(usize),
    /// It takes bytes of its program's stdout.
    Stdout(Bytes<'a>),
    /// It takes bytes of its program's stderr.
    Stderr(Bytes<'a>),
}

/// Bytes, shown by their number and their beginning.
pub struct Bytes<'a>(pub &'a [u8]);

impl fmt::Debug for Bytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.0[..self.0.len().min(48)];
        write!(f, "{} B \"{}\"", self.0.len(), shown.escape_ascii())
    }
}

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// Takes the lines of a transcript as they come.
pub type Transcript = Box<dyn FnMut(&str)>;

/// The trace of one run.
#[derive(Default)]
pub struct Trace {
    hash: u64,
    steps: u64,
    transcript: Option<Transcript>,
}

impl Trace {
    /// A trace that also tells each line to `transcript`.
    pub fn new(transcript: Option<Transcript>) -> Trace {
        Trace { hash: 0, steps: 0, transcript }
    }

    /// The hash over all that was recorded.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// How many steps machines have taken.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Records what is about to be done to a machine.
    pub fn step<I: Serialize + fmt::Debug>(&mut self, now: Time, actor: Actor, step: &Step<'_, I>) {
        self.steps += 1;
        self.add(&(now, actor, step));
        if self.transcript.is_some() {
            self.line(now, format!("{actor} <- {step:?}"));
        }
    }

    /// Records what the machine answered.
    pub fn outputs<O: Serialize + fmt::Debug>(&mut self, now: Time, actor: Actor, outputs: &[O]) {
        self.add(&outputs);
        if self.transcript.is_some() {
            for output in outputs {
                self.line(now, format!("{actor} -> {output:?}"));
            }
        }
    }

    /// Records what happened to the world itself: a fault, a process that begins or ends.
    pub fn remark(&mut self, now: Time, remark: &str) {
        self.add(&(now, remark));
        if self.transcript.is_some() {
            self.line(now, format!("** {remark}"));
        }
    }

    fn add(&mut self, what: &impl Serialize) {
        let mut hasher = Hasher(self.hash);
        bincode::serde::encode_into_writer(what, &mut hasher, bincode::config::standard())
            .expect("what machines take and give can be encoded");
        self.hash = hasher.0;
    }

    fn line(&mut self, now: Time, mut line: String) {
        if let Some((end, _)) = line.char_indices().nth(LINE_CHARACTERS) {
            line.truncate(end);
            line.push('…');
        }
        if let Some(transcript) = &mut self.transcript {
            // Half of the hash is enough to tell two events apart, and leaves room for people.
            transcript(&format!("{:>12} {:08x} {line}", now.as_us(), self.hash as u32));
        }
    }
}

struct Hasher(u64);

impl Writer for Hasher {
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.0 = chain(self.0, bytes);
        Ok(())
    }
}

/// A hash of `bytes` that continues from `hash`: multiply and rotate, a word at a time. Not for hostile input.
pub fn chain(hash: u64, bytes: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    let mix = |hash: u64, word: u64| (hash ^ word).wrapping_mul(FACTOR).rotate_left(29).wrapping_add(FACTOR);
    let (words, rest) = bytes.as_chunks::<8>();
    let hash = words.iter().fold(hash, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    mix(mix(hash, u64::from_le_bytes(last)), bytes.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_tells_contents_lengths_and_order_apart() {
        let all: Vec<&[u8]> = vec![b"", b"\0", b"\0\0", b"a", b"b", b"12345678", b"12345678\0", b"123456789"];
        for (index, one) in all.iter().enumerate() {
            for other in &all[index + 1..] {
                assert_ne!(chain(0, one), chain(0, other));
                assert_ne!(chain(chain(0, one), other), chain(chain(0, other), one));
            }
        }
    }
}
