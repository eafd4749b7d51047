//! A client's process: owns its machine and what it told its user.

use super::environment::{Environment, Event};
use crate::names::{Part, ProcessId};
use crate::network::Delivery;
use crate::node::{Clock, Driven};
use windrow_core::client::{ClientInput, ClientReport};
use windrow_core::machine::Node;
use windrow_core::time::Time;

/// A client that runs.
#[derive(Debug)]
pub struct ClientProcess<M> {
    driven: Driven<M>,
    reports: Vec<ClientReport>,
    looked_at: usize,
    /// When it told something last that it had from the Manager.
    news: Option<Time>,
    /// How long after it was accepted its job is given up.
    cancels_after_us: Option<u64>,
}

impl<M: Node<Local = ClientInput, Request = ClientReport>> ClientProcess<M> {
    /// Starts a process around a machine.
    pub fn start(
        process: ProcessId,
        clock: Clock,
        machine: M,
        environment: &mut Environment,
    ) -> ClientProcess<M> {
        let driven = Driven::new(process.actor(Part::Control), clock, machine);
        let mut client =
            ClientProcess { driven, reports: Vec::new(), looked_at: 0, news: None, cancels_after_us: None };
        client.input(ClientInput::Start, environment);
        client
    }

    /// What it told its user, in order.
    pub fn reports(&self) -> &[ClientReport] {
        &self.reports
    }

    /// Gives the job up so long after it was accepted.
    pub fn cancel_when_accepted(&mut self, after_us: u64) {
        self.cancels_after_us = Some(after_us);
    }

    /// When it told last that it had heard of the Manager, and was not over by that.
    pub fn news(&self) -> Option<Time> {
        self.news
    }

    /// What of that was not looked at before.
    pub fn new_reports(&mut self) -> &[ClientReport] {
        let seen = std::mem::replace(&mut self.looked_at, self.reports.len());
        &self.reports[seen..]
    }

    /// The last of it, once it has come.
    pub fn last_report(&self) -> Option<&ClientReport> {
        self.reports.last().filter(|report| is_last(report))
    }

    /// Gives its machine an input.
    pub fn input(&mut self, input: ClientInput, environment: &mut Environment) {
        let reports = environment.input(&mut self.driven, input);
        self.tell(reports, environment);
    }

    /// Takes what the network has for it.
    pub fn deliver(&mut self, delivery: Delivery, environment: &mut Environment) {
        let reports = environment.deliver(&mut self.driven, delivery);
        self.tell(reports, environment);
    }

    /// Wakes its machine, if it was promised.
    pub fn wake(&mut self, environment: &mut Environment) {
        let reports = environment.wake(&mut self.driven);
        self.tell(reports, environment);
    }

    fn tell(&mut self, reports: Vec<ClientReport>, environment: &mut Environment) {
        for report in reports {
            assert!(self.last_report().is_none(), "a client reports {report:?} after its last report");
            if let (ClientReport::Accepted(_), Some(us)) = (&report, self.cancels_after_us) {
                let cancel = Event::Client(self.driven.actor().process, ClientInput::Cancel);
                environment.schedule.after(us, cancel);
            }
            if let ClientReport::Accepted(_) | ClientReport::Progress(_) | ClientReport::AttemptFailed(_) =
                report
            {
                self.news = Some(environment.now());
            }
            self.reports.push(report);
        }
        if self.last_report().is_some() {
            environment.flush(&mut self.driven);
        }
    }
}

fn is_last(report: &ClientReport) -> bool {
    match report {
        ClientReport::Waiting(_)
        | ClientReport::Accepted(_)
        | ClientReport::Progress(_)
        | ClientReport::AttemptFailed(_) => false,
        ClientReport::Ended(_) | ClientReport::ShutDown { .. } | ClientReport::Failed(_) => true,
    }
}
