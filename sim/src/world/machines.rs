//! Which machines a world is populated with: core's own, or toys that test the world itself.

use windrow_core::client::{Client, ClientConfig, ClientInput, ClientReport};
use windrow_core::machine::Node;
use windrow_core::manager::jobs::Jobs;
use windrow_core::manager::{Manager, ManagerConfig, ManagerInput, ManagerRequest};
use windrow_core::time::Time;
use windrow_core::worker::attempt::{AttemptMachine, MapWork, ReduceWork};
use windrow_core::worker::disk::DiskUser;
use windrow_core::worker::map_attempt::MapAttempt;
use windrow_core::worker::reduce_attempt::ReduceAttempt;
use windrow_core::worker::shuffle::{Shuffle, ShuffleConfig, ShuffleInput, ShuffleRequest};
use windrow_core::worker::{Worker, WorkerConfig, WorkerInput, WorkerRequest};

/// A set of machines, one for each part.
pub trait Machines {
    /// Takes jobs and deals their tasks.
    type Manager: Node<Local = ManagerInput, Request = ManagerRequest>;
    /// Executes attempts.
    type Worker: Node<Local = WorkerInput, Request = WorkerRequest>;
    /// Moves runs.
    type Shuffle: Node<Local = ShuffleInput, Request = ShuffleRequest> + DiskUser;
    /// Hands in a request.
    type Client: Node<Local = ClientInput, Request = ClientReport>;
    /// Maps a split.
    type Map: AttemptMachine + 'static;
    /// Reduces a partition.
    type Reduce: AttemptMachine + 'static;

    /// Makes a Manager.
    fn manager(config: ManagerConfig, jobs: Jobs, now: Time) -> Self::Manager;
    /// Makes a worker's control machine.
    fn worker(config: WorkerConfig) -> Self::Worker;
    /// Makes a worker's shuffle.
    fn shuffle(config: ShuffleConfig) -> Self::Shuffle;
    /// Makes a client.
    fn client(config: ClientConfig) -> Self::Client;
    /// Makes a map attempt.
    fn map(work: MapWork) -> Self::Map;
    /// Makes a reduce attempt.
    fn reduce(work: ReduceWork) -> Self::Reduce;
}

/// Core's own machines.
#[derive(Debug)]
pub enum CoreMachines {}

impl Machines for CoreMachines {
    type Manager = Manager;
    type Worker = Worker;
    type Shuffle = Shuffle;
    type Client = Client;
    type Map = MapAttempt;
    type Reduce = ReduceAttempt;

    fn manager(config: ManagerConfig, jobs: Jobs, now: Time) -> Manager {
        Manager::new(config, jobs, now)
    }

    fn worker(config: WorkerConfig) -> Worker {
        Worker::new(config)
    }

    fn shuffle(config: ShuffleConfig) -> Shuffle {
        Shuffle::new(config)
    }

    fn client(config: ClientConfig) -> Client {
        Client::new(config)
    }

    fn map(work: MapWork) -> MapAttempt {
        MapAttempt::new(work)
    }

    fn reduce(work: ReduceWork) -> ReduceAttempt {
        ReduceAttempt::new(work)
    }
}
