//! Who is who: owns the names of hosts, processes and machines in a world, and their addresses.
//!
//! A process that ends never comes back: its host may start another, with the same addresses and the next life.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use windrow_core::ids::AttemptId;

/// A computer with one address.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Host {
    /// The Manager's.
    Manager,
    /// A worker's, by index.
    Worker(u16),
    /// A client's, by index.
    Client(u16),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Manager => f.write_str("manager"),
            Host::Worker(index) => write!(f, "worker {index}"),
            Host::Client(index) => write!(f, "client {index}"),
        }
    }
}

impl Host {
    /// An address of this host.
    pub fn address(self, port: u16) -> SocketAddr {
        let (kind, index) = match self {
            Host::Manager => (0, 0),
            Host::Worker(index) => (1, index),
            Host::Client(index) => (2, index),
        };
        let [high, low] = index.to_be_bytes();
        SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, kind, high, low)), port)
    }

    /// Where the process on this host is dialled and reached by datagrams; nobody dials a worker there.
    pub fn control_address(self) -> SocketAddr {
        self.address(7070)
    }

    /// Where runs can be fetched from a worker on this host.
    pub fn shuffle_address(self) -> SocketAddr {
        self.address(7071)
    }
}

/// One life of a process on a host.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ProcessId {
    /// Where it runs.
    pub host: Host,
    /// Counts the processes of the host, from 0.
    pub life: u32,
}

impl ProcessId {
    /// Its machine that is called `part`.
    pub fn actor(self, part: Part) -> Actor {
        Actor { process: self, part }
    }
}

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ProcessId { host, life } = self;
        if *life == 0 { write!(f, "{host}") } else { write!(f, "{host} life {life}") }
    }
}

/// Which machine of a process.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Part {
    /// The Manager's, the worker's or the client's own.
    Control,
    /// A worker's shuffle.
    Shuffle,
    /// One of a worker's attempts.
    Attempt(AttemptId),
}

/// A machine in a process.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Actor {
    /// In which process.
    pub process: ProcessId,
    /// Which of its machines.
    pub part: Part,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Actor { process, part } = self;
        match part {
            Part::Control => write!(f, "{process}"),
            Part::Shuffle => write!(f, "{process} shuffle"),
            Part::Attempt(attempt) => write!(f, "{process} ({attempt})"),
        }
    }
}
