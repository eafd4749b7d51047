//! Everything Windrow decides, and nothing it does.
//!
//! The Manager, the Worker, the client and every protocol between them are state machines: fed with events,
//! answering with actions, reading no clock, drawing no entropy, doing no I/O. `net` performs their actions on
//! an operating system, `sim` in a simulated world; neither decides anything.
//!
//! Start reading at [`machine`], then [`manager`] and [`worker`].
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![deny(clippy::float_arithmetic)]

extern crate alloc;

pub mod backoff;
pub mod client;
pub mod data;
pub mod failure;
pub mod ids;
pub mod job;
pub mod limits;
pub mod machine;
pub mod manager;
mod probe;
pub mod report;
mod shown;
pub mod time;
pub mod timers;
pub mod wire;
pub mod worker;
