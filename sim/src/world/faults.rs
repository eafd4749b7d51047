//! How faults strike: owns what each does to the world. Says what it found to strike, for the trace and the report.

use super::environment::{Cue, Environment, Event};
use super::{Machines, Process, World};
use crate::names::Host;
use crate::network::Farewell;
use crate::scenario::Fault;

impl<M: Machines> World<M> {
    pub(super) fn strike(&mut self, index: usize) {
        let fault = self.scenario.faults[index].fault.clone();
        let struck = match fault {
            Fault::CrashWorker { worker, farewell, back_after_us } => {
                self.crash(Host::Worker(worker), worker, farewell, back_after_us)
            }
            Fault::ResetConnection => {
                let Environment { network, schedule, .. } = &mut self.environment;
                let reset = network.reset_one(&mut self.fault_stream, schedule);
                reset.map(|(one, other)| format!("the connection of {one} and {other} is reset"))
            }
            Fault::Weather(weather) => {
                self.environment.network.weather = weather;
                Some(format!("{weather:?}"))
            }
        };
        if let Some(struck) = struck {
            self.environment.trace.remark(self.environment.schedule.now(), &struck);
            self.faults_struck.push(struck);
        }
    }

    pub(super) fn crash(
        &mut self,
        host: Host,
        worker: u16,
        farewell: Farewell,
        back_after_us: Option<u64>,
    ) -> Option<String> {
        let process = *self.processes.keys().find(|process| process.host == host)?;
        if let Some(Process::Worker(worker)) = self.end_process(process, farewell) {
            worker.vanish(&mut self.environment);
        }
        if let Some(us) = back_after_us {
            self.environment.schedule.after(us, Event::Cue(Cue::StartWorker(worker)));
        }
        Some(format!("{process} crashed ({farewell:?})"))
    }
}
