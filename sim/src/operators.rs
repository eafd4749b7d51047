//! People who look after a cluster beside those who submit jobs: owns who they are, what each asks, and when. They kill the
//! jobs of others, leave their own and come back for them, use a key a second time, look around, and drain workers.
//!
//! Plain data and names; what they are told is judged by the checker.

use crate::scenario::Scenario;
use crate::stream::{Ratio, Stream};
use serde::{Deserialize, Serialize};
use windrow_core::ids::JobId;
use windrow_core::report::Question;
use windrow_core::time::SECOND_US;

/// What becomes of a job beside what its user does; each after so long a time from when it is known to be accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Attention {
    /// Its user leaves it as soon as it is accepted, and comes back to wait for it.
    pub wait_after_us: Option<u64>,
    /// Somebody else kills it.
    pub kill_after_us: Option<u64>,
    /// Somebody else submits another job under its key.
    pub other_job_after_us: Option<u64>,
    /// Somebody else looks around.
    pub look_after_us: Option<u64>,
}

/// A worker that is drained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrainSetting {
    /// When.
    pub at_us: u64,
    /// Which; not the capable one.
    pub worker: u16,
    /// How long after it is drained it is given tasks again, if it is.
    pub undone_after_us: Option<u64>,
}

/// Somebody who asks, each with a host of his own.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operator {
    /// Kills this job, by index.
    Killer(usize),
    /// Submits another job under this one's key.
    KeyUser(usize),
    /// Looks around once this job is there.
    Visitor(usize),
    /// Drains a worker, by the index of its setting.
    Drainer(usize),
}

/// What an operator does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// He asks.
    Ask(Question),
    /// He submits a job of another specification under the key of this one.
    Submit(usize),
}

impl Attention {
    /// Draws it for one job.
    pub fn draw(stream: &mut Stream) -> Attention {
        let mut after_us = || {
            let magnitude = stream.between(10, 21);
            let us = stream.below(1 << magnitude);
            stream.chance(Ratio::one_in(2)).then_some(us)
        };
        Attention {
            wait_after_us: after_us(),
            kill_after_us: after_us(),
            other_job_after_us: after_us(),
            look_after_us: after_us(),
        }
    }

    /// Every time in it, with its name.
    pub fn times_mut(&mut self) -> [(&'static str, &mut Option<u64>); 4] {
        [
            ("wait_after_us", &mut self.wait_after_us),
            ("kill_after_us", &mut self.kill_after_us),
            ("other_job_after_us", &mut self.other_job_after_us),
            ("look_after_us", &mut self.look_after_us),
        ]
    }
}

/// Some workers to drain, none of them the capable one.
pub fn drains(seed: u64, workers: u16, capable: u16) -> Vec<DrainSetting> {
    let stream = &mut Stream::new(seed, "drains");
    let mut drain = || DrainSetting {
        at_us: {
            let magnitude = stream.between(16, 22);
            SECOND_US / 4 + stream.below(1 << magnitude)
        },
        worker: (capable + 1 + stream.below(u64::from(workers) - 1) as u16) % workers,
        undone_after_us: {
            let us = stream.below(4 * SECOND_US);
            stream.chance(Ratio::one_in(2)).then_some(us)
        },
    };
    let count = if workers > 1 { 2 } else { 0 };
    (0..count).map(|_| drain()).collect()
}

impl Scenario {
    /// Who asks from this client's host; `None` where it is for a user, or for who shuts the cluster down.
    pub fn operator(&self, client: u16) -> Option<Operator> {
        let jobs = self.jobs.len();
        let number = usize::from(client).checked_sub(2 * jobs + 1)?;
        Some(match number.checked_div(jobs) {
            Some(0) => Operator::Killer(number),
            Some(1) => Operator::KeyUser(number - jobs),
            Some(2) => Operator::Visitor(number - 2 * jobs),
            Some(_) | None => Operator::Drainer(number - 3 * jobs),
        })
    }

    /// The client's host of an operator.
    pub fn client_of(&self, operator: Operator) -> u16 {
        let jobs = self.jobs.len();
        let number = match operator {
            Operator::Killer(job) => job,
            Operator::KeyUser(job) => jobs + job,
            Operator::Visitor(job) => 2 * jobs + job,
            Operator::Drainer(index) => 3 * jobs + index,
        };
        (2 * jobs + 1 + number) as u16
    }

    /// Who comes after a job is accepted, and how long after.
    pub fn operators_of(&self, job: usize) -> Vec<(Operator, u64)> {
        let Attention { wait_after_us: _, kill_after_us, other_job_after_us, look_after_us } =
            &self.jobs[job].attention;
        let all = [
            (Operator::Killer(job), kill_after_us),
            (Operator::KeyUser(job), other_job_after_us),
            (Operator::Visitor(job), look_after_us),
        ];
        all.into_iter().filter_map(|(operator, after_us)| Some((operator, (*after_us)?))).collect()
    }

    /// What an operator does as his act of this number, from 0; `None` after his last. `job` is what his job was accepted as.
    pub fn act(&self, operator: Operator, number: u32, job: Option<JobId>) -> Option<Act> {
        let job = || job.expect("who comes for a job comes when it is accepted");
        match (operator, number) {
            (Operator::Killer(_), 0) => Some(Act::Ask(Question::Kill { job: job() })),
            (Operator::KeyUser(of), 0) => Some(Act::Submit(of)),
            (Operator::Visitor(_), 0) => Some(Act::Ask(Question::Job { job: job() })),
            (Operator::Visitor(_), 1) => Some(Act::Ask(Question::Workers)),
            (Operator::Visitor(_), 2) => Some(Act::Ask(Question::Logs { job: job(), task: None })),
            (Operator::Visitor(_), 3) => Some(Act::Ask(Question::Jobs)),
            (Operator::Drainer(index), 0) => Some(self.drains[index].question(false)),
            (Operator::Drainer(index), 1) => {
                self.drains[index].undone_after_us.map(|_| self.drains[index].question(true))
            }
            (Operator::Killer(_) | Operator::KeyUser(_) | Operator::Visitor(_) | Operator::Drainer(_), _) => {
                None
            }
        }
    }

    /// How long an operator waits after an act before the next.
    pub fn pause_us(&self, operator: Operator) -> u64 {
        match operator {
            Operator::Killer(_) | Operator::KeyUser(_) | Operator::Visitor(_) => SECOND_US / 4,
            Operator::Drainer(index) => self.drains[index].undone_after_us.unwrap_or(0),
        }
    }
}

impl DrainSetting {
    fn question(&self, is_undone: bool) -> Act {
        let worker = crate::names::Host::Worker(self.worker).to_string();
        Act::Ask(Question::Drain { worker, is_undone })
    }
}
