//! Placeholder of the contract commit.

/// The shuffle's machine.
#[derive(Debug)]
pub struct Shuffle;
/// Why the shuffle wants to be woken.
#[derive(Debug)]
pub struct ShuffleTimer;
