//! The wire: what Manager, worker, client and shuffle say to each other, and how it becomes bytes.

pub mod message;
