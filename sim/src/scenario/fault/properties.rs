//! What is true of each fault: owns whom it strikes, whether it kills, and how it ends. Who must know goes by these and
//! not by lists of its own, so that a new fault is described here and nowhere else.

use super::{DiskName, Fault, FaultKind};
use crate::names::Host;

impl FaultKind {
    /// Whether it strikes at a moment; otherwise it is a property of clocks, programs or users.
    pub const fn is_event(self) -> bool {
        match self {
            FaultKind::CrashWorker
            | FaultKind::CrashManager
            | FaultKind::CrashClient
            | FaultKind::StopWorker
            | FaultKind::Blackout
            | FaultKind::Pause
            | FaultKind::Slow
            | FaultKind::Cut
            | FaultKind::Trickle
            | FaultKind::Reset
            | FaultKind::HalfOpen
            | FaultKind::FlipOnWire
            | FaultKind::Weather
            | FaultKind::DiskFull
            | FaultKind::SyncFails
            | FaultKind::ReadFails
            | FaultKind::Rot
            | FaultKind::LoseFile
            | FaultKind::StopManager
            | FaultKind::Stranger
            | FaultKind::OtherStorage
            | FaultKind::ChangeInput
            | FaultKind::Echo => true,
            FaultKind::Drift
            | FaultKind::ProgramFails
            | FaultKind::ProgramHangs
            | FaultKind::ProgramUnstable
            | FaultKind::Cancel
            | FaultKind::SubmitTwice
            | FaultKind::Impatience
            | FaultKind::Mistake
            | FaultKind::Operators => false,
        }
    }
}

impl Fault {
    /// Whether it ends the process on this host.
    pub fn kills(&self, victim: Host) -> bool {
        match self {
            Fault::Crash { host, .. } => *host == victim,
            Fault::LoseMount { worker, .. } => Host::Worker(*worker) == victim,
            Fault::Blackout { .. } => true,
            Fault::Stop { .. }
            | Fault::Pause { .. }
            | Fault::Slow { .. }
            | Fault::Cut { .. }
            | Fault::Trickle { .. }
            | Fault::ResetConnection { .. }
            | Fault::HalfOpen
            | Fault::FlipOnWire
            | Fault::Weather { .. }
            | Fault::DiskFull { .. }
            | Fault::SyncFails { .. }
            | Fault::ReadFails { .. }
            | Fault::Rot { .. }
            | Fault::LoseFile { .. }
            | Fault::StopManager { .. }
            | Fault::Stranger { .. }
            | Fault::ChangeInput { .. }
            | Fault::Echo { .. } => false,
        }
    }

    /// For how long it lasts by itself; `None` where it stays until the world is healed.
    pub fn lasts_us(&self) -> Option<u64> {
        match self {
            Fault::Crash { back_after_us, .. } => *back_after_us,
            Fault::Stop { back_after_us, .. }
            | Fault::Blackout { back_after_us, .. }
            | Fault::StopManager { back_after_us }
            | Fault::LoseMount { back_after_us, .. } => Some(*back_after_us),
            Fault::Pause { for_us, .. }
            | Fault::Slow { for_us, .. }
            | Fault::Cut { for_us, .. }
            | Fault::Trickle { for_us, .. }
            | Fault::Weather { for_us, .. }
            | Fault::DiskFull { for_us, .. } => *for_us,
            Fault::ResetConnection { .. }
            | Fault::HalfOpen
            | Fault::FlipOnWire
            | Fault::SyncFails { .. }
            | Fault::ReadFails { .. }
            | Fault::Rot { .. }
            | Fault::LoseFile { .. }
            | Fault::Stranger { .. }
            | Fault::ChangeInput { .. } => Some(0),
            Fault::Echo { .. } => None,
        }
    }

    /// Where how long it lasts may be left open, the place that says so; `None` there is until the world is healed.
    pub fn lasting_mut(&mut self) -> Option<&mut Option<u64>> {
        match self {
            Fault::Crash { back_after_us, .. } => Some(back_after_us),
            Fault::Pause { for_us, .. }
            | Fault::Slow { for_us, .. }
            | Fault::Cut { for_us, .. }
            | Fault::Trickle { for_us, .. }
            | Fault::Weather { for_us, .. }
            | Fault::DiskFull { for_us, .. } => Some(for_us),
            Fault::Stop { .. }
            | Fault::Blackout { .. }
            | Fault::ResetConnection { .. }
            | Fault::HalfOpen
            | Fault::FlipOnWire
            | Fault::SyncFails { .. }
            | Fault::ReadFails { .. }
            | Fault::Rot { .. }
            | Fault::LoseFile { .. }
            | Fault::LoseMount { .. }
            | Fault::StopManager { .. }
            | Fault::Stranger { .. }
            | Fault::ChangeInput { .. }
            | Fault::Echo { .. } => None,
        }
    }

    /// Whether it is a state that must be lifted for it to end.
    pub fn is_lifted(&self) -> bool {
        match self {
            Fault::Pause { .. }
            | Fault::Slow { .. }
            | Fault::Cut { .. }
            | Fault::Trickle { .. }
            | Fault::Weather { .. }
            | Fault::DiskFull { .. } => true,
            Fault::Crash { .. }
            | Fault::Stop { .. }
            | Fault::Blackout { .. }
            | Fault::ResetConnection { .. }
            | Fault::HalfOpen
            | Fault::FlipOnWire
            | Fault::SyncFails { .. }
            | Fault::ReadFails { .. }
            | Fault::Rot { .. }
            | Fault::LoseFile { .. }
            | Fault::LoseMount { .. }
            | Fault::StopManager { .. }
            | Fault::Stranger { .. }
            | Fault::ChangeInput { .. }
            | Fault::Echo { .. } => false,
        }
    }

    /// The disk that refuses what it is asked.
    pub fn refusing_disk(&self) -> Option<DiskName> {
        match self {
            Fault::DiskFull { disk, .. } | Fault::SyncFails { disk, .. } | Fault::ReadFails { disk, .. } => {
                Some(*disk)
            }
            Fault::Crash { .. }
            | Fault::Stop { .. }
            | Fault::Blackout { .. }
            | Fault::Pause { .. }
            | Fault::Slow { .. }
            | Fault::Cut { .. }
            | Fault::Trickle { .. }
            | Fault::ResetConnection { .. }
            | Fault::HalfOpen
            | Fault::FlipOnWire
            | Fault::Weather { .. }
            | Fault::Rot { .. }
            | Fault::LoseFile { .. }
            | Fault::LoseMount { .. }
            | Fault::StopManager { .. }
            | Fault::Stranger { .. }
            | Fault::ChangeInput { .. }
            | Fault::Echo { .. } => None,
        }
    }

    /// The hosts that it names, first the one where it strikes.
    pub fn hosts(&self) -> Vec<Host> {
        match self {
            Fault::Crash { host, .. }
            | Fault::Pause { host, .. }
            | Fault::Slow { host, .. }
            | Fault::Stranger { host, .. } => vec![*host],
            Fault::StopManager { .. } => vec![Host::Manager],
            Fault::ResetConnection { of } => Vec::from_iter(*of),
            Fault::Cut { from, to, .. } | Fault::Trickle { from, to, .. } => vec![*from, *to],
            Fault::Stop { worker, .. }
            | Fault::Rot { worker }
            | Fault::LoseFile { worker }
            | Fault::LoseMount { worker, .. }
            | Fault::Echo { worker, .. } => vec![Host::Worker(*worker)],
            Fault::DiskFull { disk, .. } | Fault::SyncFails { disk, .. } | Fault::ReadFails { disk, .. } => {
                Vec::from_iter(disk.host())
            }
            Fault::Blackout { .. }
            | Fault::ChangeInput { .. }
            | Fault::HalfOpen
            | Fault::FlipOnWire
            | Fault::Weather { .. } => Vec::new(),
        }
    }
}
