//! What a map printed, in one number: owns how two executions of a map are told apart (design.md, One output).
//!
//! Taken of the records of all partitions in their order, with equal neighbours counted: so it depends on what was printed
//! and in which order for each key, and on nothing else; not on spills, blocks or compression. It finds a program that is not
//! deterministic; it does not withstand one that wants not to be found.

use super::record::Record;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// What a map printed, told apart from anything else that it might have.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputDigest(pub u64);

/// Sorts nothing: takes records as they come in their order.
#[derive(Clone, Debug, Default)]
pub struct Digester {
    mixed: u64,
    last: u64,
    times: u64,
}

/// Tells a key without a tab from one with an empty value.
const NO_VALUE: u64 = 0x7461_6273;

impl Digester {
    /// The next record of the partition under way.
    #[inline]
    pub fn push(&mut self, record: Record<'_>) {
        let key = xxh3_64(record.key);
        let hash = match record.value {
            Some(value) => xxh3_64_with_seed(value, key),
            None => xxh3_64_with_seed(&[], key ^ NO_VALUE),
        };
        if self.times > 0 && hash == self.last {
            self.times += 1;
        } else {
            self.fold();
            (self.last, self.times) = (hash, 1);
        }
    }

    /// The partition under way is complete.
    pub fn end_partition(&mut self) {
        self.fold();
        self.mix(0);
    }

    /// What all of it amounts to.
    pub fn finish(&self) -> OutputDigest {
        let mut whole = self.clone();
        whole.fold();
        OutputDigest(whole.mixed)
    }

    fn fold(&mut self) {
        if self.times > 0 {
            self.mix(self.last);
            self.mix(self.times);
            self.times = 0;
        }
    }

    fn mix(&mut self, word: u64) {
        self.mixed = xxh3_64_with_seed(&word.to_le_bytes(), self.mixed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn digest(partitions: &[&[&str]]) -> OutputDigest {
        let mut digester = Digester::default();
        for partition in partitions {
            partition.iter().for_each(|line| digester.push(Record::parse_line(line.as_bytes())));
            digester.end_partition();
        }
        digester.finish()
    }

    #[test]
    fn whatever_a_program_could_print_otherwise_is_told_apart() {
        let outputs: [&[&[&str]]; 11] = [
            &[],
            &[&[]],
            &[&["a\t1"]],
            &[&["a\t1", "a\t1"]],
            &[&["a\t1"], &["a\t1"]],
            &[&["a\t1"], &[]],
            &[&[], &["a\t1"]],
            &[&["a\t1", "a\t2"]],
            &[&["a\t2", "a\t1"]],
            &[&["a"]],
            &[&["a\t"]],
        ];
        let digests: Vec<_> = outputs.iter().map(|output| digest(output)).collect();
        for (index, digest) in digests.iter().enumerate() {
            assert!(!digests[..index].contains(digest), "{:?}", outputs[index]);
        }
        assert_eq!(digest(&[&["a\t1", "a\t1", "b"]]), digest(&[&["a\t1", "a\t1", "b"]]));
    }
}
