//! Entropy: owns where the numbers come from that must differ from process to process.
//!
//! Everything drawn later comes from these seeds, inside the machines.

use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};
use windrow_core::ids::{Incarnation, SubmissionKey};

/// A seed for a machine's own randomness.
pub fn seed() -> u64 {
    let mut bytes = [0; 8];
    let mut filled = 0;
    while filled < bytes.len() {
        match getrandom(&mut bytes[filled..], GetRandomFlags::empty()) {
            Ok(count) => filled += count,
            Err(Errno::INTR) => {}
            Err(error) => panic!("the kernel gives no entropy: {error}"),
        }
    }
    u64::from_ne_bytes(bytes)
}

/// A name for this life of a worker.
pub fn incarnation() -> Incarnation {
    Incarnation(seed())
}

/// A name for a submission.
pub fn submission_key() -> SubmissionKey {
    SubmissionKey(seed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_differ() {
        assert_ne!(seed(), seed());
    }
}
