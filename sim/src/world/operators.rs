//! Operators in the world: owns when each comes and what he does next, and counts what drained workers begin.

use super::environment::{Cue, Event};
use super::{Machines, Process, World};
use crate::checker::Drained;
use crate::names::{Host, ProcessId};
use crate::operators::{Act, Operator};
use windrow_core::client::{ClientReport, ClientTask};
use windrow_core::ids::{Incarnation, SubmissionKey};
use windrow_core::job::JobSpecification;
use windrow_core::report::{Answer, WorkerState};

impl<M: Machines> World<M> {
    /// A client heard that its job is accepted: whoever waits for that comes later.
    pub(super) fn accepted(&mut self, job: usize, reports: &[ClientReport]) {
        let accepted = reports.iter().find_map(|report| match report {
            ClientReport::Accepted(job) => Some(*job),
            ClientReport::Waiting(_)
            | ClientReport::Progress(_)
            | ClientReport::AttemptFailed(_)
            | ClientReport::Ended(_)
            | ClientReport::Left(_)
            | ClientReport::Answered(_)
            | ClientReport::ShutDown { .. }
            | ClientReport::Failed(_) => None,
        });
        let Some(id) = accepted.filter(|_| self.history.accepted[job].is_none()) else { return };
        self.history.accepted[job] = Some(id);
        for (operator, after_us) in self.scenario.operators_of(job) {
            let client = self.scenario.client_of(operator);
            self.awaited.insert(Host::Client(client));
            self.environment.schedule.after(after_us, Event::Cue(Cue::StartClient(client)));
        }
    }

    /// Starts an operator's client for his next act, if there is one.
    pub(super) fn start_operator(&mut self, client: u16, operator: Operator) {
        let number = self.acts.get(&client).copied().unwrap_or(0);
        let job = match operator {
            Operator::Killer(job) | Operator::KeyUser(job) | Operator::Visitor(job) => {
                self.history.accepted[job]
            }
            Operator::Drainer(_) => None,
        };
        let act = self.scenario.act(operator, number, job).expect("he comes for as many acts as he has");
        if let (Operator::Drainer(index), 1) = (operator, number) {
            let host = Host::Worker(self.scenario.drains[index].worker);
            self.history.drained.retain(|drained| drained.worker.host != host);
            self.history.undrained.insert(host);
        }
        let task = match act {
            Act::Ask(question) => ClientTask::Ask(question),
            Act::Submit(job) => {
                let specification = self.scenario.jobs[job].specification();
                let name = format!("another than {}", specification.name);
                ClientTask::Submit {
                    key: self.key_of(job),
                    specification: JobSpecification { name, ..specification },
                    is_detached: true,
                }
            }
        };
        self.start_client(client, task);
    }

    /// The key under which a job is submitted.
    pub(super) fn key_of(&self, job: usize) -> SubmissionKey {
        SubmissionKey(self.draw(&format!("submission of client {job}")))
    }

    /// How long after his client is over an operator starts the next; `None` where he has done all.
    pub(super) fn next_act_us(&mut self, client: u16, operator: Operator) -> Option<u64> {
        let number = self.acts.entry(client).or_default();
        *number += 1;
        let has_more = match operator {
            Operator::Killer(_) | Operator::KeyUser(_) => false,
            Operator::Visitor(_) => *number < 4,
            Operator::Drainer(index) => *number < 2 && self.scenario.drains[index].undone_after_us.is_some(),
        };
        has_more.then(|| self.scenario.pause_us(operator))
    }

    /// Takes note of a worker of which somebody was told that it is drained.
    pub(super) fn drain_told(&mut self, reports: &[ClientReport]) {
        let Some(ClientReport::Answered(Answer::Drained(told))) = reports.last() else { return };
        let incarnation = told.worker.0;
        let is_drained = matches!(told.state, WorkerState::Draining | WorkerState::Drained);
        let theirs =
            |process: &ProcessId| Incarnation(self.draw(&format!("incarnation of {process}"))) == incarnation;
        let Some((process, Process::Worker(worker))) = self
            .processes
            .iter()
            .find(|(process, _)| matches!(process.host, Host::Worker(_)) && theirs(process))
        else {
            return;
        };
        if is_drained && !self.history.undrained.contains(&process.host) {
            let (running, begun) = (told.running, worker.begun());
            self.history.drained.push(Drained { worker: *process, running, begun, begun_since: 0 });
        }
    }

    /// Counts what a drained worker has begun since.
    pub(super) fn count_begun(&mut self, process: ProcessId) {
        let Some(Process::Worker(worker)) = self.processes.get(&process) else { return };
        let begun = worker.begun();
        for drained in self.history.drained.iter_mut().filter(|drained| drained.worker == process) {
            drained.begun_since = begun - drained.begun;
        }
    }
}
