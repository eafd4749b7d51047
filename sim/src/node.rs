//! Driving one machine: owns the machine and its clock, and the driver's duty as core's contract says it. After every
//! step all outputs are drained, the invariants checked and the whole traced.
//!
//! Decides nothing and performs nothing; whoever calls performs the outputs, in order.

use crate::names::Actor;
use crate::trace::{Bytes, Step, Trace};
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use windrow_core::ids::ConnectionId;
use windrow_core::machine::{Machine, Node};
use windrow_core::time::Time;
use windrow_core::worker::attempt::AttemptMachine;
use windrow_core::worker::disk::DiskUser;

/// Outputs of one step at the most: a machine that gives more gives them for ever.
const OUTPUTS_MAX: usize = 1_000_000;

/// A process's clock: the world's time, from another beginning and at another rate.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clock {
    /// What it shows when the world begins.
    pub ahead_us: u64,
    /// By how many millionths it is fast, or, below zero, slow.
    pub drift_ppm: i64,
}

const MILLION: i128 = 1_000_000;

impl Clock {
    /// A clock that shows the world's time.
    pub const TRUE: Clock = Clock { ahead_us: 0, drift_ppm: 0 };

    /// How long it takes, in the world's time, until it shows so much more.
    pub fn takes_us(self, us: u64) -> u64 {
        self.world(Time::from_us(self.ahead_us + us)).as_us()
    }

    /// What it shows at a time of the world.
    pub fn local(self, world: Time) -> Time {
        let elapsed = i128::from(world.as_us());
        let shown = elapsed * (MILLION + i128::from(self.drift_ppm)) / MILLION;
        Time::from_us(self.ahead_us + shown as u64)
    }

    /// The first time of the world at which it shows this or more.
    fn world(self, local: Time) -> Time {
        let rate = MILLION + i128::from(self.drift_ppm);
        assert!(rate > 0, "a clock goes forward");
        let shown = i128::from(local.since_us(Time::from_us(self.ahead_us)));
        let elapsed = (shown * MILLION).div_euclid(rate);
        let exact = elapsed + i128::from(elapsed * rate / MILLION < shown);
        Time::from_us(exact as u64)
    }
}

/// A machine that is driven.
#[derive(Debug)]
pub struct Driven<M> {
    actor: Actor,
    clock: Clock,
    machine: M,
    /// When the world wakes it next, if it does.
    wakes: Option<Time>,
}

impl<M: Machine> Driven<M>
where
    M::Input: Serialize + Debug,
    M::Output: Serialize + Debug,
{
    /// Takes charge of a machine that was just made.
    pub fn new(actor: Actor, clock: Clock, machine: M) -> Driven<M> {
        Driven { actor, clock, machine, wakes: None }
    }

    /// Who it is.
    pub fn actor(&self) -> Actor {
        self.actor
    }

    /// The machine, to be asked only.
    pub fn machine(&self) -> &M {
        &self.machine
    }

    /// Drains what it wants done before anything has happened.
    pub fn begin(&mut self, now: Time, trace: &mut Trace) -> Vec<M::Output> {
        self.step(Step::Begin, now, trace, |_, _| {})
    }

    /// Gives it an input.
    pub fn input(&mut self, input: M::Input, now: Time, trace: &mut Trace) -> Vec<M::Output> {
        trace.step(now, self.actor, &Step::Input(&input));
        self.machine.handle_input(input, self.clock.local(now));
        self.drain(now, trace)
    }

    /// Tells it the time, as the world had promised. Where that comes early, nothing may come of it.
    pub fn wake(&mut self, now: Time, trace: &mut Trace) -> Vec<M::Output> {
        if self.wakes.is_none_or(|wakes| wakes > now) {
            return Vec::new();
        }
        self.wakes = None;
        let local = self.clock.local(now);
        let due = self.machine.poll_timeout().is_some_and(|(deadline, _)| deadline <= local);
        let outputs =
            self.step(Step::<M::Input>::Timeout, now, trace, |machine, now| machine.handle_timeout(now));
        assert!(due || outputs.is_empty(), "{}: woken before its deadline, it did something", self.actor);
        outputs
    }

    /// When the world must wake it, if it has not promised to already.
    pub fn next_wake(&mut self) -> Option<Time> {
        let (deadline, _) = self.machine.poll_timeout()?;
        let wakes = self.clock.world(deadline);
        if self.wakes.is_some_and(|promised| promised <= wakes) {
            return None;
        }
        self.wakes = Some(wakes);
        Some(wakes)
    }

    /// Whether it wants to have been woken by now and was not.
    pub fn is_overdue(&self, now: Time) -> bool {
        self.machine.poll_timeout().is_some_and(|(deadline, _)| self.clock.world(deadline) < now)
    }

    /// Lets the world promise anew, for it did not wake the machine when it had promised to.
    pub fn break_promise(&mut self) {
        self.wakes = None;
    }

    fn step(
        &mut self,
        step: Step<'_, M::Input>,
        now: Time,
        trace: &mut Trace,
        handle: impl FnOnce(&mut M, Time),
    ) -> Vec<M::Output> {
        trace.step(now, self.actor, &step);
        handle(&mut self.machine, self.clock.local(now));
        self.drain(now, trace)
    }

    fn drain(&mut self, now: Time, trace: &mut Trace) -> Vec<M::Output> {
        self.machine.check_invariants();
        let mut outputs = Vec::new();
        while let Some(output) = self.machine.poll_output() {
            outputs.push(output);
            assert!(outputs.len() < OUTPUTS_MAX, "{} gives outputs for ever", self.actor);
        }
        trace.outputs(now, self.actor, &outputs);
        self.machine.check_invariants();
        outputs
    }
}

impl<M: Node> Driven<M>
where
    M::Input: Serialize + Debug,
    M::Output: Serialize + Debug,
{
    /// Gives it bytes of a connection.
    pub fn receive(
        &mut self,
        connection: ConnectionId,
        bytes: &[u8],
        now: Time,
        trace: &mut Trace,
    ) -> Vec<M::Output> {
        let step = Step::Receive(connection, Bytes(bytes));
        self.step(step, now, trace, |machine, now| machine.receive(connection, bytes, now))
    }

    /// What it has to write.
    pub fn unsent(&self, connection: ConnectionId) -> &[u8] {
        self.machine.unsent(connection)
    }

    /// Tells it that bytes were written.
    pub fn sent(
        &mut self,
        connection: ConnectionId,
        count: usize,
        now: Time,
        trace: &mut Trace,
    ) -> Vec<M::Output> {
        self.step(Step::Sent(connection, count), now, trace, |machine, now| {
            machine.sent(connection, count, now)
        })
    }
}

impl<M: Machine + DiskUser> Driven<M>
where
    M::Input: Serialize + Debug,
    M::Output: Serialize + Debug,
{
    /// Gives it what its read gave.
    pub fn read(&mut self, bytes: &[u8], now: Time, trace: &mut Trace) -> Vec<M::Output> {
        self.step(Step::Read(Bytes(bytes)), now, trace, |machine, now| machine.push_read(bytes, now))
    }
}

impl<M: AttemptMachine> Driven<M> {
    /// Tells it that bytes were written to its program's stdin.
    pub fn stdin_written(&mut self, count: usize, now: Time, trace: &mut Trace) -> Vec<M::Output> {
        self.step(Step::StdinWritten(count), now, trace, |machine, now| machine.stdin_written(count, now))
    }

    /// Gives it bytes of its program's stdout.
    pub fn stdout(&mut self, bytes: &[u8], now: Time, trace: &mut Trace) -> Vec<M::Output> {
        self.step(Step::Stdout(Bytes(bytes)), now, trace, |machine, now| machine.push_stdout(bytes, now))
    }

    /// Gives it bytes of its program's stderr.
    pub fn stderr(&mut self, bytes: &[u8], now: Time, trace: &mut Trace) -> Vec<M::Output> {
        self.step(Step::Stderr(Bytes(bytes)), now, trace, |machine, now| machine.push_stderr(bytes, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_clock_shows_a_deadline_first_when_it_is_asked_to_wake(
            ahead_us in 0_u64..1 << 40,
            drift_ppm in -900_000_i64..2_000_000,
            after_us in 0_u64..1 << 40,
        ) {
            let clock = Clock { ahead_us, drift_ppm };
            let deadline = Time::from_us(ahead_us + after_us);
            let wakes = clock.world(deadline);
            prop_assert!(clock.local(wakes) >= deadline);
            if wakes > Time::ZERO {
                prop_assert!(clock.local(Time::from_us(wakes.as_us() - 1)) < deadline);
            }
        }
    }
}
