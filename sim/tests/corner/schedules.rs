//! Schedules of one fault each: owns the moments of an undisturbed run, and the runs with a fault at one of them.

use sim::names::Host;
use sim::network::MessageKind;
use sim::scenario::{Fault, Moment, PlannedFault, Scenario, Trigger};
use sim::show::Sight;
use sim::world::Watch;
use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::sync::mpsc;

/// What of a run can be disturbed.
pub struct Moments {
    scenario: Scenario,
    writes: BTreeMap<Host, u64>,
    messages: BTreeMap<MessageKind, u64>,
}

impl Moments {
    /// Those of a scenario with one job in which nothing goes wrong, before its client has heard the end.
    pub fn of(scenario: Scenario) -> Moments {
        let (sender, sights) = mpsc::channel();
        let observer: sim::show::Observer = Box::new(move |sight| sender.send(sight).expect("it is read"));
        let outcome = sim::run(scenario.clone(), Watch { transcript: None, observer: Some(observer) });
        assert_eq!(outcome.violations, [], "nothing went wrong");
        assert_eq!(outcome.job_reports().filter(|report| report.failure.is_none()).count(), 1);
        let mut messages = BTreeMap::new();
        for sight in sights {
            match sight {
                Sight::Message { kind, .. } => {
                    *messages.entry(kind.parse().expect("it is a kind")).or_default() += 1;
                }
                Sight::Ended { process, .. } if process.host == Host::Client(0) => break,
                Sight::Began { .. }
                | Sight::Ended { .. }
                | Sight::Fault { .. }
                | Sight::Mark { .. }
                | Sight::Violation { .. } => {}
            }
        }
        Moments { scenario, writes: outcome.writes, messages }
    }

    /// Each durable write of each host: before, during and after it.
    pub fn writes(&self) -> Vec<Trigger> {
        let numbered = self.writes.iter().flat_map(|(host, count)| (1..=*count).map(|nth| (*host, nth)));
        numbered
            .flat_map(|(host, nth)| {
                [Moment::Before, Moment::During, Moment::After].map(|moment| Trigger::Write {
                    host,
                    nth,
                    moment,
                })
            })
            .collect()
    }

    /// Each message of each kind: before and after it is taken.
    pub fn messages(&self) -> Vec<Trigger> {
        let numbered = self.messages.iter().flat_map(|(kind, count)| (1..=*count).map(|nth| (*kind, nth)));
        numbered
            .flat_map(|(kind, nth)| {
                [Moment::Before, Moment::After].map(|moment| Trigger::Message { kind, nth, moment })
            })
            .collect()
    }

    /// All of them.
    pub fn all(&self) -> Vec<Trigger> {
        [self.writes(), self.messages()].concat()
    }

    /// Runs the job once for each schedule. Gives in how many of them the fault struck.
    ///
    /// # Panics
    /// If any of the runs breaks a promise.
    pub fn disturb(&self, schedules: Vec<PlannedFault>) -> u64 {
        let (mut struck, mut failures) = (0, Vec::new());
        for planned in schedules {
            let scenario = self.with(planned);
            match judge(&scenario) {
                Ok(strikes) => struck += u64::from(strikes),
                Err(violation) => failures.push((scenario, violation)),
            }
        }
        assert!(failures.is_empty(), "{}", told(&failures));
        struck
    }

    fn with(&self, planned: PlannedFault) -> Scenario {
        let mut scenario = self.scenario.clone();
        // Who never comes back must not be the one that is healed.
        if matches!(planned.fault, Fault::Crash { host: Host::Worker(0), .. }) {
            scenario.capable = 1;
        }
        scenario.faults = vec![planned];
        scenario
    }
}

/// One in `share` of the faults at each of the triggers, in turn.
pub fn schedules(triggers: &[Trigger], faults: &[Fault], share: usize) -> Vec<PlannedFault> {
    let at = |(turn, trigger): (usize, &Trigger)| {
        let due = faults.iter().enumerate().filter(move |(index, _)| (turn + index) % share == 0);
        let plan =
            |(_, fault): (usize, &Fault)| PlannedFault { trigger: trigger.clone(), fault: fault.clone() };
        due.map(plan).collect::<Vec<PlannedFault>>()
    };
    triggers.iter().enumerate().flat_map(at).collect()
}

/// Whether the fault struck; else what was broken.
fn judge(scenario: &Scenario) -> Result<bool, String> {
    let outcome = catch_unwind(|| sim::run(scenario.clone(), Watch::default())).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_string()
    })?;
    match outcome.violations.first() {
        None => Ok(!outcome.faults.is_empty()),
        Some(violation) => Err(violation.to_string()),
    }
}

/// Every failure in a line, and the first as a scenario to be run again.
fn told(failures: &[(Scenario, String)]) -> String {
    let line =
        |(scenario, violation): &(Scenario, String)| format!("{:?}\n    {violation}", scenario.faults[0]);
    let lines: Vec<String> = failures.iter().map(line).collect();
    let (count, text) = (failures.len(), failures[0].0.to_text());
    format!(
        "{count} schedules fail:\n{}\nThe first, for windrow sim --scenario FILE:\n{text}",
        lines.join("\n")
    )
}
