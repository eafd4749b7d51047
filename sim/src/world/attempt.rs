//! Performing one attempt: owns its machine, its open files and its program, and the order that the contract of
//! attempts asks for: a request under way first, then a kill, then whatever of the pipes is ready, at random.

use super::environment::{AttemptOccurrence, Environment, Event};
use crate::disk::{OpenFiles, Performed, is_durable_write};
use crate::names::{Part, ProcessId};
use crate::node::{Clock, Driven};
use crate::process::{Life, Pulled, RunningProgram, UserFunction, pipe_capacity};
use crate::scenario::Moment;
use windrow_core::failure::Failure;
use windrow_core::ids::AttemptId;
use windrow_core::job::Counters;
use windrow_core::time::Time;
use windrow_core::worker::attempt::{
    Activity, AttemptInput, AttemptMachine, AttemptOutput, AttemptSuccess, Program,
};
use windrow_core::worker::disk::DiskRequest;

/// What an attempt tells its worker.
#[derive(Debug)]
pub enum News {
    /// How far it is.
    Progress(Counters),
    /// It is over.
    Ended(Result<AttemptSuccess, Failure>),
}

/// An attempt of either kind, as its worker's process sees it.
pub trait Performance {
    /// Gives the machine its first input.
    fn start(&mut self, environment: &mut Environment) -> Vec<News>;
    /// Lets something happen to it.
    fn happen(&mut self, occurrence: AttemptOccurrence, environment: &mut Environment) -> Vec<News>;
    /// Wakes the machine, if it was promised.
    fn wake(&mut self, environment: &mut Environment) -> Vec<News>;
    /// Has the machine killed, when its turn comes.
    fn kill(&mut self, environment: &mut Environment);
    /// Whether what is about to be done for it changes a disk.
    fn writes(&self, occurrence: AttemptOccurrence) -> bool;
    /// Does what it asked of a disk, or a part of it; it is never told.
    fn do_unheard(&mut self, moment: Moment, environment: &mut Environment);
    /// Vanishes with its process.
    fn vanish(&mut self, environment: &mut Environment);
}

/// An attempt that is performed for its machine.
pub struct Performer<A> {
    process: ProcessId,
    attempt: AttemptId,
    driven: Driven<A>,
    files: OpenFiles,
    /// The disk request under way.
    asks_disk: Option<DiskRequest>,
    /// The program that is being started.
    spawns: Option<Program>,
    program: Option<RunningProgram>,
    /// A step of the program is scheduled.
    program_steps: Option<Step>,
    /// What processor time its program used for the steps that it has done.
    cpu_us: u64,
    /// A turn is scheduled.
    turns: bool,
    kill: Kill,
    told: Told,
    over: bool,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Kill {
    NotWanted,
    Wanted,
    Told,
}

/// What the machine was told of its program's end.
#[derive(Copy, Clone, Debug, Default)]
struct Told {
    exited: bool,
    stdin_refused: bool,
    stdout_closed: bool,
    stderr_closed: bool,
}

/// A step of the program that is under way.
#[derive(Copy, Clone, Debug)]
struct Step {
    since: Time,
    /// It does not sleep.
    computes: bool,
}

/// The least processor time that the system counts.
const TICK_US: u64 = 10_000;

/// What the machine can be told now.
#[derive(Copy, Clone, Debug)]
enum Ready {
    Kill,
    Exit,
    Stdin,
    Stdout,
    Stderr,
}

impl<A: AttemptMachine> Performer<A> {
    /// Takes charge of an attempt's machine.
    pub fn new(process: ProcessId, attempt: AttemptId, clock: Clock, machine: A) -> Performer<A> {
        Performer {
            process,
            attempt,
            driven: Driven::new(process.actor(Part::Attempt(attempt)), clock, machine),
            files: OpenFiles::default(),
            asks_disk: None,
            spawns: None,
            program: None,
            program_steps: None,
            cpu_us: 0,
            turns: false,
            kill: Kill::NotWanted,
            told: Told::default(),
            over: false,
        }
    }

    fn input(&mut self, input: AttemptInput, environment: &mut Environment) -> Vec<News> {
        let outputs = self.driven.input(input, environment.now(), &mut environment.trace);
        self.perform(outputs, environment)
    }

    fn perform(&mut self, outputs: Vec<AttemptOutput>, environment: &mut Environment) -> Vec<News> {
        let mut news = Vec::new();
        for output in outputs {
            assert!(!self.over, "{}: an output after its last", self.driven.actor());
            match output {
                AttemptOutput::Disk(request) => self.ask_disk(request, environment),
                AttemptOutput::Spawn(program) => {
                    let first = self.program.is_none() && self.spawns.is_none();
                    assert!(first, "{}: a second program", self.driven.actor());
                    self.spawns = Some(program);
                    let delay_us = environment.processor_us(self.process.host, |pace| pace.disk);
                    environment.schedule.after(delay_us, self.event(AttemptOccurrence::Spawned));
                }
                AttemptOutput::CloseStdin => {
                    if let Some(program) = &mut self.program {
                        program.close_stdin();
                        self.stir_program(environment);
                    }
                }
                AttemptOutput::KillGroup => {
                    if let Some(program) = &mut self.program {
                        program.kill();
                    }
                }
                AttemptOutput::Look => {
                    let delay_us = environment.processor_us(self.process.host, |pace| pace.turn);
                    environment.schedule.after(delay_us, self.event(AttemptOccurrence::Look));
                }
                AttemptOutput::Progress(counters) => news.push(News::Progress(counters)),
                AttemptOutput::Ended(result) => {
                    let reaped = self.program.is_none() || self.told.exited;
                    assert!(reaped, "{}: it ends and its program runs", self.driven.actor());
                    assert!(self.files.is_empty(), "{}: it ends with open files", self.driven.actor());
                    assert!(!self.waits(), "{}: it ends with a request under way", self.driven.actor());
                    self.over = true;
                    news.push(News::Ended(result));
                }
            }
        }
        self.carry_on(environment);
        news
    }

    fn ask_disk(&mut self, request: DiskRequest, environment: &mut Environment) {
        let (actor, under_way) = (self.driven.actor(), &self.asks_disk);
        assert!(under_way.is_none(), "{actor}: {request:?} while {under_way:?} is under way");
        self.asks_disk = Some(request);
        let delay_us = environment.disk_us(self.process.host, |pace| pace.disk);
        environment.schedule.after(delay_us, self.event(AttemptOccurrence::DiskDone));
    }

    /// Whether a request is under way, so that all else must wait.
    fn waits(&self) -> bool {
        self.asks_disk.is_some() || self.spawns.is_some()
    }

    /// Lets the program look at its pipes again, for something was done to them.
    fn stir_program(&mut self, environment: &mut Environment) {
        if self.program_steps.is_none() {
            let delay_us = environment.processor_us(self.process.host, |pace| pace.program);
            self.step_program(delay_us, true, environment);
        }
    }

    /// Lets the program do its next step after so long.
    fn step_program(&mut self, delay_us: u64, computes: bool, environment: &mut Environment) {
        self.program_steps = Some(Step { since: environment.now(), computes });
        environment.schedule.after(delay_us, self.event(AttemptOccurrence::ProgramStep));
    }

    /// Looks at the program; at one that has ended nothing can be seen.
    fn look(&mut self, environment: &mut Environment) -> Vec<News> {
        let Some(program) = self.program.as_ref().filter(|_| !self.over) else { return Vec::new() };
        let cpu_us = self.cpu_us + used_us(self.program_steps, environment.now());
        let found = Activity {
            cpu_us: program.exited().is_none().then_some(cpu_us / TICK_US * TICK_US),
            unread_bytes: program.unread_bytes(),
            printed_bytes: program.printed_bytes(),
        };
        self.input(AttemptInput::Looked(found), environment)
    }

    /// Schedules the next turn, if anything is ready, and the deadline.
    fn carry_on(&mut self, environment: &mut Environment) {
        if self.over {
            return;
        }
        if !self.turns && !self.waits() && !self.ready().is_empty() {
            self.turns = true;
            let delay_us = environment.processor_us(self.process.host, |pace| pace.turn);
            environment.schedule.after(delay_us, self.event(AttemptOccurrence::Turn));
        }
        environment.promise(&mut self.driven);
    }

    fn event(&self, occurrence: AttemptOccurrence) -> Event {
        Event::Attempt(self.process, self.attempt, occurrence)
    }

    fn disk_done(&mut self, environment: &mut Environment) -> Vec<News> {
        let request = self.asks_disk.take().expect("a request is done after it was asked");
        let (now, outgoing) = (environment.now(), self.driven.machine().outgoing());
        match self.files.perform(&request, outgoing, environment.volumes(self.process.host), now) {
            Ok(Performed::Bytes(bytes)) => {
                let outputs = self.driven.read(&bytes, now, &mut environment.trace);
                self.perform(outputs, environment)
            }
            Ok(Performed::Answer(reply)) => self.input(AttemptInput::Disk(Ok(reply)), environment),
            Err(error) => self.input(AttemptInput::Disk(Err(error)), environment),
        }
    }

    fn spawned(&mut self, environment: &mut Environment) -> Vec<News> {
        let program = self.spawns.take().expect("a program runs after it was asked for");
        let Some(function) = UserFunction::of_command(&program.command) else {
            let error = UserFunction::start_error(&program.command);
            return self.input(AttemptInput::SpawnFailed(error), environment);
        };
        let capacity = pipe_capacity(&mut environment.computer(self.process.host).processor);
        self.program = Some(RunningProgram::start(function, capacity));
        self.stir_program(environment);
        self.input(AttemptInput::Spawned, environment)
    }

    /// What the machine can be told now, in no order but that a kill comes alone.
    fn ready(&self) -> Vec<Ready> {
        if self.kill == Kill::Wanted {
            return vec![Ready::Kill];
        }
        let Some(program) = &self.program else { return Vec::new() };
        let (machine, told) = (self.driven.machine(), self.told);
        let mut ready = Vec::new();
        if program.exited().is_some() && !told.exited {
            ready.push(Ready::Exit);
        }
        if !told.stdin_refused && program.stdin_room() != Some(0) && !machine.stdin().is_empty() {
            ready.push(Ready::Stdin);
        }
        if !told.stdout_closed && machine.wants_stdout() && program.stdout_readable() {
            ready.push(Ready::Stdout);
        }
        if !told.stderr_closed && program.stderr_readable() {
            ready.push(Ready::Stderr);
        }
        ready
    }

    fn turn(&mut self, environment: &mut Environment) -> Vec<News> {
        let ready = self.ready();
        if ready.is_empty() {
            return Vec::new();
        }
        let now = environment.now();
        let stream = &mut environment.computers.get_mut(&self.process.host).expect("a computer").processor;
        let ready = *stream.pick(&ready);
        if let Ready::Kill = ready {
            self.kill = Kill::Told;
            return self.input(AttemptInput::Kill, environment);
        }
        let program = self.program.as_mut().expect("pipes are a program's");
        match ready {
            Ready::Kill => unreachable!("a kill needs no program"),
            Ready::Exit => {
                self.told.exited = true;
                let (status, unread_bytes) = program.exited().expect("it ended");
                let printed_bytes = program.printed_bytes();
                self.input(AttemptInput::Exited { status, unread_bytes, printed_bytes }, environment)
            }
            Ready::Stdin => {
                let Some(room) = program.stdin_room() else {
                    self.told.stdin_refused = true;
                    return self.input(AttemptInput::StdinRefused, environment);
                };
                let bytes = self.driven.machine().stdin();
                let count = stream.portion(bytes.len().min(room));
                program.write_stdin(&bytes[..count]);
                self.stir_program(environment);
                let outputs = self.driven.stdin_written(count, now, &mut environment.trace);
                self.perform(outputs, environment)
            }
            Ready::Stdout => match program.pull_stdout(stream) {
                Pulled::Bytes(bytes) => {
                    self.stir_program(environment);
                    let outputs = self.driven.stdout(&bytes, now, &mut environment.trace);
                    self.perform(outputs, environment)
                }
                Pulled::Closed => {
                    self.told.stdout_closed = true;
                    self.input(AttemptInput::StdoutClosed, environment)
                }
                Pulled::Nothing => unreachable!("it was readable"),
            },
            Ready::Stderr => match program.pull_stderr(stream) {
                Pulled::Bytes(bytes) => {
                    self.stir_program(environment);
                    let outputs = self.driven.stderr(&bytes, now, &mut environment.trace);
                    self.perform(outputs, environment)
                }
                Pulled::Closed => {
                    self.told.stderr_closed = true;
                    self.input(AttemptInput::StderrClosed, environment)
                }
                Pulled::Nothing => unreachable!("it was readable"),
            },
        }
    }

    fn program_step(&mut self, environment: &mut Environment) {
        self.cpu_us += used_us(self.program_steps.take(), environment.now());
        let stream = &mut environment.computer(self.process.host).processor;
        let program = self.program.as_mut().expect("a step is a program's");
        match program.step(stream) {
            Life::Runs => self.stir_program(environment),
            Life::Computes { us } => self.step_program(us, true, environment),
            Life::Sleeps { us } => self.step_program(us, false, environment),
            Life::Blocked | Life::Ended => {}
        }
        self.carry_on(environment);
    }
}

/// What processor time a step has used by now, if one is under way.
fn used_us(step: Option<Step>, now: Time) -> u64 {
    step.filter(|step| step.computes).map_or(0, |step| now.since_us(step.since))
}

impl<A: AttemptMachine> Performance for Performer<A> {
    fn start(&mut self, environment: &mut Environment) -> Vec<News> {
        self.input(AttemptInput::Start, environment)
    }

    fn happen(&mut self, occurrence: AttemptOccurrence, environment: &mut Environment) -> Vec<News> {
        match occurrence {
            AttemptOccurrence::DiskDone => self.disk_done(environment),
            AttemptOccurrence::Spawned => self.spawned(environment),
            AttemptOccurrence::Look => self.look(environment),
            AttemptOccurrence::Turn => {
                self.turns = false;
                if self.waits() { Vec::new() } else { self.turn(environment) }
            }
            AttemptOccurrence::ProgramStep => {
                self.program_step(environment);
                Vec::new()
            }
        }
    }

    fn wake(&mut self, environment: &mut Environment) -> Vec<News> {
        if self.waits() {
            // Whoever performs waits for the disk; the deadline is promised anew with the answer.
            self.driven.break_promise();
            return Vec::new();
        }
        let outputs = self.driven.wake(environment.now(), &mut environment.trace);
        self.perform(outputs, environment)
    }

    fn kill(&mut self, environment: &mut Environment) {
        if self.kill == Kill::NotWanted {
            self.kill = Kill::Wanted;
        }
        self.carry_on(environment);
    }

    fn writes(&self, occurrence: AttemptOccurrence) -> bool {
        match occurrence {
            AttemptOccurrence::DiskDone => self.asks_disk.as_ref().is_some_and(is_durable_write),
            AttemptOccurrence::Turn
            | AttemptOccurrence::Spawned
            | AttemptOccurrence::ProgramStep
            | AttemptOccurrence::Look => false,
        }
    }

    fn do_unheard(&mut self, moment: Moment, environment: &mut Environment) {
        if let Some(request) = self.asks_disk.take() {
            let outgoing = self.driven.machine().outgoing();
            environment.do_unheard(self.process.host, &mut self.files, &request, outgoing, moment);
        }
    }

    fn vanish(&mut self, environment: &mut Environment) {
        environment.close_files(self.process.host, &mut self.files);
    }
}
