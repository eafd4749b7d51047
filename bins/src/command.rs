//! The subcommands: each owns its options and what is done with them, in a file of its own.

pub mod ask;
pub mod drain;
pub mod guard;
pub mod job;
pub mod jobs;
pub mod manager;
pub mod run;
pub mod shutdown;
pub mod simulate;
pub mod submit;
pub mod worker;
pub mod workers;

use crate::interrupts::Interrupts;
use crate::present::{Outcome, Presenter};
use net::{Link, StopHandle, entropy};
use std::net::SocketAddr;
use windrow_core::client::{ClientConfig, ClientReport, ClientTask};
use windrow_core::failure::Failure;
use windrow_core::time::SECOND_US;

/// What the first signal does to a job whose user follows it.
const CANCELLING: &str = "cancelling the job; a second signal ends windrow at once";

/// For how long an absent Manager is tried again.
const PATIENCE_US: u64 = 5 * SECOND_US;
/// The same once it has the job that is followed: what a person takes to start it again.
const JOB_PATIENCE_US: u64 = 600 * SECOND_US;

/// Where a client finds its Manager.
struct Place<'a> {
    cluster: &'a str,
    address: SocketAddr,
    /// The address as the user wrote it.
    name: &'a str,
    link: Link,
}

/// Follows a job, handed in with it or not, to its end or as far as it is wanted. The first signal cancels the job, or leaves
/// it alone where it is only watched; `at_signal` says which.
fn follow_job(
    place: Place<'_>,
    task: ClientTask,
    at_signal: &str,
    interrupts: &Interrupts,
    presenter: &mut Presenter,
) -> Outcome {
    let cancel = StopHandle::default();
    let (handle, notes, at_signal) = (cancel.clone(), presenter.notes(), at_signal.to_string());
    interrupts.end_by(move || {
        notes.say(&at_signal);
        handle.stop();
    });
    let mut outcome = Outcome::default();
    let followed = follow(place, task, &cancel, |report| {
        presenter.report(&report);
        match report {
            ClientReport::Waiting(_)
            | ClientReport::Accepted(_)
            | ClientReport::Progress(_)
            | ClientReport::AttemptFailed(_) => {}
            ClientReport::Ended(report) => outcome.report = Some(report),
            ClientReport::Left(job) => outcome.left = Some(job),
            ClientReport::Failed(failure) => outcome.failure = Some(failure),
            ClientReport::Answered(_) | ClientReport::ShutDown { .. } => {
                unreachable!("a job was asked for, nothing else")
            }
        }
    });
    interrupts.end_at_once_from_now();
    outcome.failure = outcome.failure.or(followed.err());
    outcome.interrupted = interrupts.came();
    outcome
}

/// Runs a client machine to its last report.
fn follow(
    place: Place<'_>,
    task: ClientTask,
    cancel: &StopHandle,
    reports: impl FnMut(ClientReport),
) -> Result<(), Failure> {
    let Place { cluster, address, name, link } = place;
    let config = ClientConfig {
        cluster: cluster.into(),
        manager: address,
        manager_name: name.into(),
        patience_us: PATIENCE_US,
        job_patience_us: JOB_PATIENCE_US,
        task,
        seed: entropy::seed(),
    };
    net::follow(config, link, cancel, reports)
}
