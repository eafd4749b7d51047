//! A world in a box.
pub mod disk;
pub mod names;
pub mod network;
pub mod process;
pub mod schedule;
pub mod stream;
pub mod trace;
