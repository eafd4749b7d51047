//! Strangers: owns who speaks to a port of the cluster without belonging to it, and how much of it he has said. He reads
//! whatever he is told, and stays until he is hung up on.

use super::environment::Environment;
use super::{Machines, World};
use crate::names::{Host, Part, ProcessId};
use crate::network::{Delivery, Farewell};
use crate::show::Sight;
use crate::stranger::{Babble, Said};
use crate::stream::Stream;
use windrow_core::ids::ConnectionId;
use windrow_core::machine::NetworkEvent;

/// A stranger with a connection, and what he has not said there yet.
#[derive(Debug)]
pub struct Stranger {
    unsaid: Vec<u8>,
}

/// His one connection.
const OWN: fn() -> ConnectionId = || ConnectionId::dialled(1);

impl<M: Machines> World<M> {
    /// Lets a stranger come who says this to a host.
    pub(super) fn let_a_stranger_speak(&mut self, host: Host, says: Babble) -> String {
        let number = self.lives.len() as u16;
        let process = self.new_life(self.scenario.stranger(number));
        let actor = process.actor(Part::Control);
        let mut stream = Stream::new(self.scenario.seed, &format!("words of {process}"));
        let Environment { network, schedule, .. } = &mut self.environment;
        match says.to(host, &mut stream) {
            Said::OnAConnection(bytes) => {
                let address = match host {
                    Host::Manager | Host::Client(_) => host.control_address(),
                    Host::Worker(_) => host.shuffle_address(),
                };
                network.dial(actor, OWN(), address, schedule);
                self.strangers.insert(process, Stranger { unsaid: bytes });
            }
            Said::InADatagram(bytes) => {
                network.bind_datagrams(process.host.control_address(), actor);
                network.send_datagram(actor, host.control_address(), &bytes, schedule);
                self.stranger_leaves(process);
            }
        }
        format!("a stranger ({process}) speaks to {host}: {says:?}")
    }

    /// Lets him hear what the network has for him.
    pub(super) fn stranger_hears(&mut self, process: ProcessId, delivery: Delivery) {
        let Some(stranger) = self.strangers.get_mut(&process) else { return };
        let Environment { network, schedule, .. } = &mut self.environment;
        let actor = process.actor(Part::Control);
        match delivery {
            Delivery::Event(NetworkEvent::Connected { .. }) => network.transmit(actor, OWN(), schedule),
            Delivery::Writable(connection) => {
                let count = network.write(actor, connection, &stranger.unsaid, schedule);
                stranger.unsaid.drain(..count);
            }
            Delivery::Event(NetworkEvent::Closed { .. } | NetworkEvent::DialFailed { .. }) => {
                self.stranger_leaves(process);
            }
            Delivery::Bytes(..)
            | Delivery::Event(NetworkEvent::Accepted { .. } | NetworkEvent::Datagram { .. }) => {}
        }
    }

    /// All who are still there lose their patience.
    pub(super) fn send_strangers_away(&mut self) {
        for process in self.strangers.keys().copied().collect::<Vec<_>>() {
            self.stranger_leaves(process);
        }
    }

    fn stranger_leaves(&mut self, process: ProcessId) {
        let Environment { network, schedule, .. } = &mut self.environment;
        let at = schedule.now();
        network.end_process(process, Farewell::Close, schedule);
        self.environment.see(|| Sight::Ended { at, process, how: "he leaves".into() });
        self.strangers.remove(&process);
    }
}
