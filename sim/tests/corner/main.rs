//! The exhaustive corner: every schedule of one fault for the smallest jobs. A host crashes, the power fails or a process
//! is stopped for longer than a lease, at each durable write and at each message.

mod drained_twice;
mod schedules;
mod smallest;

use schedules::{Moments, schedules};
use sim::disk::PowerLoss;
use sim::names::Host;
use sim::network::Farewell;
use sim::scenario::{Fault, Moment, Trigger};
use std::io::Write;
use windrow_core::time::MILLISECOND_US;

/// After how long whoever died starts again.
const BACK_US: u64 = 50 * MILLISECOND_US;

/// Runs the jobs of no, one and two reduces, disturbed at `triggers`, and tells how often. That of one reduce has every
/// fault at every trigger. The others have every third: each host crashes everywhere, but says farewell in turn.
fn disturb(what: &str, triggers: impl Fn(&Moments) -> Vec<Trigger>, faults: &[Fault]) {
    for (reducers, share) in [(0, 3), (1, 1), (2, 3)] {
        let moments = Moments::of(smallest::scenario(reducers));
        say(
            &format!("{what}, {reducers} reduces"),
            moments.disturb(schedules(&triggers(&moments), faults, share)),
        );
    }
}

fn say(what: &str, struck: u64) {
    // Said even where the output of tests that pass is kept back.
    writeln!(std::io::stdout(), "{what}: {struck} schedules").expect("somebody reads it");
    assert!(struck > 100, "hardly anything was disturbed");
}

/// Has a job replace an output, in each of the two ways, while every fault strikes at every write of the Manager's.
fn disturb_replacing(what: &str, faults: &[Fault]) {
    for can_exchange in [true, false] {
        let moments = Moments::of(smallest::replacing(can_exchange));
        let mut triggers = moments.writes();
        triggers.retain(|trigger| matches!(trigger, Trigger::Write { host: Host::Manager, .. }));
        let way = if can_exchange { "exchanged" } else { "displaced" };
        say(&format!("{what}, an output is {way}"), moments.disturb(schedules(&triggers, faults, 1)));
    }
}

/// A crash of each host, with each farewell; it comes back soon, and a worker comes back or never does. A worker may also
/// be told to stop.
fn crashes() -> Vec<Fault> {
    let mut faults = Vec::new();
    for host in smallest::HOSTS {
        let returns: &[Option<u64>] = match host {
            Host::Worker(_) => &[Some(BACK_US), None],
            Host::Manager | Host::Client(_) => &[Some(BACK_US)],
        };
        for farewell in [Farewell::Close, Farewell::Reset, Farewell::Silence] {
            faults.extend(returns.iter().map(|back| Fault::Crash { host, farewell, back_after_us: *back }));
        }
        if let Host::Worker(worker) = host {
            faults.push(Fault::Stop { worker, back_after_us: BACK_US });
        }
    }
    faults
}

fn blackouts() -> Vec<Fault> {
    [PowerLoss::Lost, PowerLoss::Torn, PowerLoss::Reordered]
        .map(|unsynced| Fault::Blackout { unsynced, back_after_us: BACK_US })
        .into()
}

fn pauses() -> Vec<Fault> {
    smallest::HOSTS.map(|host| Fault::Pause { host, for_us: Some(2 * smallest::LEASE_US) }).into()
}

#[test]
fn a_crash_at_any_durable_write_breaks_no_promise() {
    disturb("a crash at a durable write", Moments::writes, &crashes());
}

#[test]
fn a_crash_at_any_message_breaks_no_promise() {
    disturb("a crash at a message", Moments::messages, &crashes());
}

#[test]
fn a_loss_of_power_at_any_moment_breaks_no_promise() {
    disturb("a loss of power", Moments::all, &blackouts());
}

#[test]
fn a_crash_while_an_output_is_replaced_leaves_the_old_one_or_the_new() {
    let mut faults = crashes();
    faults.retain(|fault| matches!(fault, Fault::Crash { host: Host::Manager, .. }));
    disturb_replacing("a crash", &faults);
}

#[test]
fn a_loss_of_power_while_an_output_is_replaced_leaves_the_old_one_or_the_new() {
    disturb_replacing("a loss of power", &blackouts());
}

#[test]
fn a_pause_longer_than_a_lease_at_any_moment_breaks_no_promise() {
    // A pause in the middle of a write is one after it.
    let in_the_middle = |trigger: &Trigger| matches!(trigger, Trigger::Write { moment: Moment::During, .. });
    let triggers = |moments: &Moments| {
        moments.all().into_iter().filter(|trigger| !in_the_middle(trigger)).collect::<Vec<Trigger>>()
    };
    disturb("a pause longer than a lease", triggers, &pauses());
}
