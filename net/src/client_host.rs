//! A client of the Manager: owns the loop that runs one client machine to its last report.

use crate::driver::{Driver, EventLoop, Performer};
use crate::in_process::InProcessDialler;
use crate::mailbox::Mailbox;
use crate::os_error::cannot_start;
use crate::stop_handle::StopHandle;
use crate::stream::{Dialler, TcpDialler};
use std::ops::ControlFlow;
use windrow_core::client::{Client, ClientConfig, ClientInput, ClientReport};
use windrow_core::failure::Failure;
use windrow_core::machine::Node;
use windrow_core::manager::ManagerInput;

/// How a client reaches its Manager.
#[derive(Clone, Debug)]
pub enum Link {
    /// At the address of its configuration.
    Tcp,
    /// In this process.
    InProcess(InProcessLink),
}

/// The way to the Manager of a [`LocalCluster`](crate::LocalCluster).
#[derive(Clone, Debug)]
pub struct InProcessLink(pub(crate) Mailbox<ManagerInput>);

/// Runs a client until its last report; `cancel` gives it `Cancel`. Fails only where the system gives it no event queue.
pub fn follow(
    config: ClientConfig,
    link: Link,
    cancel: &StopHandle,
    reports: impl FnMut(ClientReport),
) -> Result<(), Failure> {
    let dialler: Box<dyn Dialler> = match link {
        Link::Tcp => Box::new(TcpDialler),
        Link::InProcess(InProcessLink(mailbox)) => Box::new(InProcessDialler::new(mailbox)),
    };
    let cannot_start = |error| cannot_start("the client", &error);
    let events = EventLoop::open().map_err(cannot_start)?;
    let mailbox = events.mailbox().clone();
    mailbox.send(ClientInput::Start);
    cancel.attach(move || mailbox.send(ClientInput::Cancel));
    Driver::new(events, Client::new(config), ClientPerformer { reports }, dialler)
        .map_err(cannot_start)?
        .run()
}

/// Hands on what the client tells.
struct ClientPerformer<F> {
    reports: F,
}

impl<N, F> Performer<N> for ClientPerformer<F>
where
    N: Node<Local = ClientInput, Request = ClientReport>,
    F: FnMut(ClientReport),
{
    fn perform(&mut self, _node: &N, report: ClientReport) -> ControlFlow<Result<(), Failure>> {
        let is_last = match &report {
            ClientReport::Waiting(_)
            | ClientReport::Accepted(_)
            | ClientReport::Progress(_)
            | ClientReport::AttemptFailed(_) => false,
            ClientReport::Ended(_) | ClientReport::ShutDown { .. } | ClientReport::Failed(_) => true,
        };
        (self.reports)(report);
        if is_last { ControlFlow::Break(Ok(())) } else { ControlFlow::Continue(()) }
    }
}
