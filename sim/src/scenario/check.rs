//! What a scenario may be: owns the bounds of its parts, so that whatever is not refused is a world that must keep its
//! promises, however it was written.

use super::{DiskName, Fault, ManagerSetting, PlannedFault, Scenario, Trigger};
use crate::names::Host;
use crate::stream::Span;
use crate::workload::JobSetting;

/// Workers of a world at the most.
const WORKERS_MAX: usize = 100;
/// Time between two heartbeats, at the least.
const HEARTBEAT_US_MIN: u64 = 1_000;
/// Jobs of a world at the most.
const JOBS_MAX: usize = 100;
/// By how many millionths a clock is wrong, at the most: by more, a worker's heartbeats would come too late for a lease.
const DRIFT_PPM_MAX: u64 = 200_000;
/// Bytes that a connection's window holds, at the least: a process that ends says its last word into it.
const WINDOW_BYTES_MIN: u64 = 64;

/// How long a datagram takes to go round, at the least.
const ECHO_US_MIN: u64 = 1_000;

/// Why something is no scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonsense(pub String);

fn nonsense(what: String) -> Result<(), Nonsense> {
    Err(Nonsense(what))
}

impl Scenario {
    /// Says what makes no sense in it.
    pub fn check(&self) -> Result<(), Nonsense> {
        let workers = self.workers.len();
        if workers == 0 || workers > WORKERS_MAX || self.jobs.len() > JOBS_MAX {
            return nonsense(format!("a world has 1 to {WORKERS_MAX} workers and at most {JOBS_MAX} jobs"));
        }
        if usize::from(self.capable) >= workers {
            return nonsense(format!("there is no worker {} to be capable", self.capable));
        }
        self.check_cluster()?;
        for (index, job) in self.jobs.iter().enumerate() {
            if self.jobs[..index].iter().any(|other| other.output == job.output) {
                return nonsense(format!("{}: two jobs have one output", job.output));
            }
            check_job(job)?;
        }
        self.faults.iter().try_for_each(|planned| self.check_fault(planned))
    }

    fn check_cluster(&self) -> Result<(), Nonsense> {
        let ManagerSetting { heartbeat_us, lease_us, .. } = self.manager;
        if heartbeat_us < HEARTBEAT_US_MIN || lease_us < heartbeat_us.saturating_mul(2) {
            let least_us = HEARTBEAT_US_MIN;
            return nonsense(format!("heartbeats are {least_us} us or more apart, and a lease two of them"));
        }
        let mut clocks = self.workers.iter().map(|worker| worker.clock).chain([self.manager.clock]);
        if clocks.any(|clock| clock.drift_ppm.unsigned_abs() > DRIFT_PPM_MAX) {
            return nonsense(format!("clocks are wrong by {DRIFT_PPM_MAX} millionths at the most"));
        }
        if let Some(Span { least_us, most_us }) = self.spans().find(|span| span.least_us > span.most_us) {
            return nonsense(format!("from {least_us} to {most_us} us there is no span"));
        }
        let (least, most) = self.network.window_bytes;
        if least < WINDOW_BYTES_MIN || least > most {
            let what = "a connection's window holds a last word";
            return nonsense(format!("{what}: {WINDOW_BYTES_MIN} bytes or more, between two bounds"));
        }
        if self.workers.iter().any(|worker| worker.slots == 0) {
            return nonsense("a worker has slots".into());
        }
        Ok(())
    }

    fn check_fault(&self, planned: &PlannedFault) -> Result<(), Nonsense> {
        let PlannedFault { trigger, fault } = planned;
        let strange = self.hosts_of(trigger, fault).into_iter().find(|host| !self.has(*host));
        if let Some(host) = strange {
            return nonsense(format!("{fault:?}: there is no {host}"));
        }
        if let Fault::Cut { from, to, .. } | Fault::Trickle { from, to, .. } = fault
            && from == to
        {
            return nonsense(format!("{fault:?}: a host is not cut from itself"));
        }
        if let Fault::Weather { weather, .. } = fault
            && weather.ratios().iter().any(|ratio| ratio.denominator == 0)
        {
            return nonsense(format!("{fault:?}: a ratio has a denominator"));
        }
        if let Fault::Trickle { bytes_per_ms: 0, .. } | Fault::Slow { times: 0, .. } = fault {
            return nonsense(format!("{fault:?}: something still moves"));
        }
        if let Fault::LoseMount { worker, .. } = fault
            && *worker == self.capable
        {
            return nonsense(format!("{fault:?}: who is capable sees the shared storage"));
        }
        if let Fault::ChangeInput { job, .. } = fault
            && usize::from(*job) >= self.jobs.len()
        {
            return nonsense(format!("{fault:?}: there is no such job"));
        }
        if let Fault::Echo { every_us, .. } = fault
            && *every_us < ECHO_US_MIN
        {
            return nonsense(format!("{fault:?}: it takes {ECHO_US_MIN} us or more to go round"));
        }
        Ok(())
    }

    fn spans(&self) -> impl Iterator<Item = Span> {
        let paces = self.workers.iter().map(|worker| &worker.pace).chain([&self.manager.pace]);
        let network = [self.network.latency, self.network.jitter];
        paces.flat_map(|pace| [pace.disk, pace.journal, pace.turn, pace.program]).chain(network)
    }

    fn hosts_of(&self, trigger: &Trigger, fault: &Fault) -> Vec<Host> {
        let mut hosts = match trigger {
            Trigger::Write { host, .. } => vec![*host],
            Trigger::At { .. } | Trigger::Event { .. } | Trigger::Message { .. } => Vec::new(),
        };
        match fault {
            Fault::Crash { host, .. } | Fault::Pause { host, .. } | Fault::Slow { host, .. } => {
                hosts.push(*host);
            }
            Fault::Cut { from, to, .. } | Fault::Trickle { from, to, .. } => hosts.extend([*from, *to]),
            Fault::Stop { worker, .. }
            | Fault::Rot { worker }
            | Fault::LoseFile { worker }
            | Fault::LoseMount { worker, .. }
            | Fault::Echo { worker, .. } => hosts.push(Host::Worker(*worker)),
            Fault::ResetConnection { of } => hosts.extend(*of),
            Fault::DiskFull { disk, .. } | Fault::SyncFails { disk, .. } | Fault::ReadFails { disk, .. } => {
                match disk {
                    DiskName::Scratch(worker) => hosts.push(Host::Worker(*worker)),
                    DiskName::Shared => {}
                }
            }
            Fault::Blackout { .. }
            | Fault::HalfOpen
            | Fault::FlipOnWire
            | Fault::Weather { .. }
            | Fault::ChangeInput { .. } => {}
        }
        hosts
    }
}

fn check_job(job: &JobSetting) -> Result<(), Nonsense> {
    if job.has_strange_program() {
        return nonsense(format!("{}: a program of which the reference cannot tell", job.output));
    }
    if job.split_bytes == 0 || job.reducer.is_some() != (job.reducers > 0) {
        return nonsense(format!("{}: splits of no bytes, or reducers without reducer", job.output));
    }
    if job.patience_us == 0 {
        return nonsense(format!("{}: its user tries at least once", job.output));
    }
    if job.hangs() && job.cancel_after_us.is_none() {
        return nonsense(format!("{}: its programs hang, and nobody gives it up", job.output));
    }
    Ok(())
}
