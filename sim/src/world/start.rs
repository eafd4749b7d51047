//! How processes come to life: owns what each is configured with, drawn from the scenario and the process's name.

use super::client::ClientProcess;
use super::environment::{Environment, Event};
use super::manager::ManagerProcess;
use super::worker::WorkerProcess;
use super::{Machines, Process, World};
use crate::checker::Heard;
use crate::checker::history::job_of;
use crate::names::{Host, ProcessId};
use crate::node::Clock;
use crate::show::Sight;
use crate::stranger::{CLUSTER, ELSEWHERE};
use crate::stream::Stream;
use crate::workload::{Mistake, PATIENCE_US};
use windrow_core::client::{ClientConfig, ClientInput, ClientTask};
use windrow_core::ids::{Epoch, Incarnation};
use windrow_core::limits::WORKER_PATIENCE_US;
use windrow_core::manager::ManagerConfig;
use windrow_core::time::{SECOND_US, WallTime};
use windrow_core::worker::WorkerConfig;
use windrow_core::worker::shuffle::ShuffleConfig;

/// What hosts' calendars say where their clocks are at their beginning.
const CALENDAR: WallTime = WallTime::from_us(1_000_000_000 * SECOND_US);

impl<M: Machines> World<M> {
    pub(super) fn start_manager(&mut self) {
        if self.process_on(Host::Manager).is_some() {
            return;
        }
        let process = self.new_life(Host::Manager);
        let setting = &self.scenario.manager;
        let config = ManagerConfig {
            cluster: CLUSTER.into(),
            epoch: Epoch(u64::from(process.life) + 1),
            begins_at: CALENDAR.after(setting.clock.local(self.environment.now()).as_us()),
            heartbeat_us: setting.heartbeat_us,
            lease_us: setting.lease_us,
            worker_patience_us: WORKER_PATIENCE_US,
            keeps_jobs: setting.keeps_jobs,
            snapshot_after_bytes: setting.snapshot_after_bytes,
            seed: self.draw(&format!("seed of {process}")),
        };
        let (jobs, journal) = self.environment.journal.begin_life();
        let machine = M::manager(config, jobs, setting.clock.local(self.environment.now()));
        let manager = ManagerProcess::start(process, setting.clock, machine, journal, &mut self.environment);
        self.processes.insert(process, Process::Manager(manager));
    }

    pub(super) fn start_worker(&mut self, index: u16) {
        let host = Host::Worker(index);
        if self.process_on(host).is_some() {
            return;
        }
        let process = self.new_life(host);
        let setting = &self.scenario.workers[usize::from(index)];
        let incarnation = Incarnation(self.draw(&format!("incarnation of {process}")));
        let config = WorkerConfig {
            cluster: CLUSTER.into(),
            manager: Host::Manager.control_address(),
            incarnation,
            host: host.to_string(),
            slots: setting.slots,
            // Who is alone has nobody to fetch from him, as on one machine.
            shuffle_address: (self.scenario.workers.len() > 1).then(|| host.shuffle_address()),
            sort_bytes: setting.sort_bytes,
            scratch: format!("/scratch/{index}").as_str().into(),
            seed: self.draw(&format!("seed of {process}")),
        };
        let seed = self.draw(&format!("seed of the shuffle of {process}"));
        let shuffle = ShuffleConfig { cluster: CLUSTER.into(), incarnation, seed };
        let worker = WorkerProcess::start(process, setting.clock, config, shuffle, &mut self.environment);
        self.processes.insert(process, Process::Worker(Box::new(worker)));
        self.reap(process);
    }

    /// Starts the client of a job, or of one that is submitted again, for the first time or after it was killed.
    pub(super) fn start_user(&mut self, index: u16) {
        if self.process_on(Host::Client(index)).is_some() {
            return;
        }
        if let Some(operator) = self.scenario.operator(index) {
            return self.start_operator(index, operator);
        }
        let jobs = self.scenario.jobs.len() as u16;
        let (number, is_first) = if index < jobs { (index, true) } else { (index - jobs - 1, false) };
        let job = &self.scenario.jobs[usize::from(number)];
        let specification = job.specification();
        // Who comes back after he was killed cannot know whether his job runs, so he follows it to its end, or gives it up
        // once he has heard that it does.
        let (cancel_after_us, hangs) = (job.cancel_after_us, job.hangs());
        let key = self.key_of(usize::from(number));
        let is_detached = is_first && job.attention.wait_after_us.is_some();
        let task = match self.history.accepted[usize::from(number)].filter(|_| is_detached) {
            Some(job) => ClientTask::Watch { job },
            None => ClientTask::Submit { key, specification, is_detached },
        };
        let process = self.start_client(index, task);
        let Some(us) = cancel_after_us.filter(|_| is_first || hangs) else { return };
        if process.life == 0 {
            self.environment.schedule.after(us, Event::Client(process, ClientInput::Cancel));
        } else if hangs && let Some(Process::Client(client)) = self.processes.get_mut(&process) {
            client.cancel_when_accepted(us);
        }
    }

    pub(super) fn start_client(&mut self, index: u16, task: ClientTask) -> ProcessId {
        let process = self.new_life(Host::Client(index));
        let job = job_of(process, &self.scenario);
        let mistake = job.and_then(|job| self.scenario.jobs[job].mistake);
        let cluster = if mistake == Some(Mistake::OtherCluster) { ELSEWHERE } else { CLUSTER };
        let manager = match mistake {
            Some(Mistake::WrongPort) => Host::Worker(self.scenario.capable).shuffle_address(),
            Some(_) | None => Host::Manager.control_address(),
        };
        let patience_us = job.map_or(PATIENCE_US, |job| self.scenario.jobs[job].patience_us);
        let config = ClientConfig {
            cluster: cluster.into(),
            manager,
            manager_name: "the manager".into(),
            patience_us,
            job_patience_us: patience_us,
            task,
            seed: self.draw(&format!("seed of {process}")),
        };
        let began = self.environment.now();
        self.history.heard.push(Heard {
            client: process,
            began,
            news: None,
            over: None,
            reports: Vec::new(),
        });
        let machine = M::client(config);
        let client = ClientProcess::start(process, Clock::TRUE, machine, &mut self.environment);
        self.processes.insert(process, Process::Client(client));
        self.reap(process);
        process
    }

    pub(super) fn new_life(&mut self, host: Host) -> ProcessId {
        let life = self.lives.entry(host).and_modify(|life| *life += 1).or_insert(0);
        let process = ProcessId { host, life: *life };
        let Environment { network, schedule, trace, .. } = &mut self.environment;
        let at = schedule.now();
        network.lighten(host, schedule);
        trace.remark(at, &format!("{process} starts"));
        self.environment.see(|| Sight::Began { at, process });
        process
    }

    pub(super) fn draw(&self, name: &str) -> u64 {
        Stream::new(self.scenario.seed, name).number()
    }
}
