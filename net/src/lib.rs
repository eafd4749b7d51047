//! What touches the operating system: sockets, files, child processes, the clock, entropy.
//!
//! `net` performs what the machines of `windrow-core` ask and tells them what came of it. It decides nothing: no
//! `match` on a protocol message stands here, and no rule of order but those of `windrow_core::machine`.
//!
//! Start reading at [`driver`], then [`attempt_thread`]; [`manager_host`], [`worker_host`], [`client_host`] and
//! [`local`] put the parts together for the `windrow` command. Signals are the command's own.
//!
//! Threads: a driver for each of Manager, worker and shuffle, of which only the shuffle's touches files; one that spawns
//! every program; one for the journal; one for the Manager's files; one for each attempt under way. A panic on any of
//! them is a programmer's error and aborts the process.
#![warn(missing_docs)]

pub mod attempt_thread;
pub mod child;
pub mod client_host;
pub mod clock;
mod connection;
mod datagram;
pub mod disk;
pub mod driver;
pub mod entropy;
pub mod guard;
mod in_process;
pub mod journal_file;
pub mod local;
pub mod mailbox;
pub mod manager_files;
pub mod manager_host;
pub mod os_error;
mod path;
mod processor_time;
pub mod scratch;
pub mod shuffle_thread;
pub mod spawner;
pub mod standard_output;
pub mod stop_handle;
pub mod stream;
mod thread;
pub mod work_directory;
pub mod worker_host;

pub use client_host::{Link, follow};
pub use guard::{Guard, GuardHandle, stand_guard};
pub use local::{LocalCluster, LocalOptions};
pub use manager_host::{ManagerHost, ManagerOptions};
pub use stop_handle::StopHandle;
pub use worker_host::{WorkerHost, WorkerOptions, sort_bytes_of};
