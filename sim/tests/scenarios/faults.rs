//! Faults at random: owns the strategies of every kind of fault and of every trigger. A fault may name whom a small world
//! does not have.

use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use sim::disk::{Instead, PowerLoss};
use sim::names::Host;
use sim::network::{Farewell, MessageKind, Weather};
use sim::scenario::{DiskName, Fault, InputChange, Moment, PlannedFault, Trigger};
use sim::stranger::Babble;
use sim::stream::{Ratio, Span};

use crate::strategy::{JOBS_MAX, WORKERS_MAX, duration_us};

/// A fault and what sets it off.
pub fn planned_faults() -> impl Strategy<Value = PlannedFault> {
    (trigger(), fault()).prop_map(|(trigger, fault)| PlannedFault { trigger, fault })
}

fn trigger() -> impl Strategy<Value = Trigger> {
    let moment = || select(vec![Moment::Before, Moment::During, Moment::After]);
    let kinds: Vec<MessageKind> = MessageKind::all().collect();
    prop_oneof![
        3 => duration_us().prop_map(|us| Trigger::At { us }),
        1 => (1_u64..2_000).prop_map(|nth| Trigger::Event { nth }),
        2 => (host(), 1_u64..40, moment()).prop_map(|(host, nth, moment)| Trigger::Write { host, nth, moment }),
        2 => (select(kinds), 1_u64..8, moment())
            .prop_map(|(kind, nth, moment)| Trigger::Message { kind, nth, moment }),
    ]
}

fn fault() -> impl Strategy<Value = Fault> {
    let for_us = || option::of(duration_us());
    let farewell = select(vec![Farewell::Close, Farewell::Reset, Farewell::Silence]);
    let unsynced = select(vec![PowerLoss::Lost, PowerLoss::Torn, PowerLoss::Reordered]);
    let instead = select(vec![Instead::Nothing, Instead::Mirror]);
    let change = select(vec![InputChange::Overwritten, InputChange::Appended, InputChange::Replaced]);
    prop_oneof![
        4 => (host(), farewell, for_us())
            .prop_map(|(host, farewell, back_after_us)| Fault::Crash { host, farewell, back_after_us }),
        1 => (0..WORKERS_MAX, duration_us())
            .prop_map(|(worker, back_after_us)| Fault::Stop { worker, back_after_us }),
        1 => (unsynced, duration_us())
            .prop_map(|(unsynced, back_after_us)| Fault::Blackout { unsynced, back_after_us }),
        2 => (host(), for_us()).prop_map(|(host, for_us)| Fault::Pause { host, for_us }),
        1 => (host(), 1_u32..100, for_us())
            .prop_map(|(host, times, for_us)| Fault::Slow { host, times, for_us }),
        1 => (host(), host(), for_us()).prop_map(|(from, to, for_us)| Fault::Cut { from, to, for_us }),
        1 => (host(), host(), 1_u64..50, for_us()).prop_map(|(from, to, bytes_per_ms, for_us)| {
            Fault::Trickle { from, to, bytes_per_ms, for_us }
        }),
        1 => option::of(host()).prop_map(|of| Fault::ResetConnection { of }),
        1 => Just(Fault::HalfOpen),
        1 => Just(Fault::FlipOnWire),
        1 => (weather(), for_us()).prop_map(|(weather, for_us)| Fault::Weather { weather, for_us }),
        1 => (disk(), 0_u64..5_000, any::<bool>(), for_us()).prop_map(
            |(disk, after_bytes, makes_files, for_us)| Fault::DiskFull { disk, after_bytes, makes_files, for_us }
        ),
        1 => (disk(), 1_u32..4).prop_map(|(disk, times)| Fault::SyncFails { disk, times }),
        1 => (disk(), 1_u32..4).prop_map(|(disk, times)| Fault::ReadFails { disk, times }),
        3 => (0..WORKERS_MAX).prop_map(|worker| Fault::Rot { worker }),
        3 => (0..WORKERS_MAX).prop_map(|worker| Fault::LoseFile { worker }),
        1 => duration_us().prop_map(|back_after_us| Fault::StopManager { back_after_us }),
        1 => (host(), select(Babble::ALL)).prop_map(|(host, says)| Fault::Stranger { host, says }),
        1 => (0..WORKERS_MAX, instead, duration_us()).prop_map(|(worker, instead, back_after_us)| {
            Fault::LoseMount { worker, instead, back_after_us }
        }),
        1 => (0..JOBS_MAX, change).prop_map(|(job, change)| Fault::ChangeInput { job, change }),
        1 => (0..WORKERS_MAX, 50_000_u64..2_000_000)
            .prop_map(|(worker, every_us)| Fault::Echo { worker, every_us }),
    ]
}

fn host() -> impl Strategy<Value = Host> {
    prop_oneof![
        2 => Just(Host::Manager),
        4 => (0..WORKERS_MAX).prop_map(Host::Worker),
        1 => (0..=2 * JOBS_MAX).prop_map(Host::Client),
    ]
}

fn disk() -> impl Strategy<Value = DiskName> {
    prop_oneof![Just(DiskName::Shared), (0..WORKERS_MAX).prop_map(DiskName::Scratch)]
}

fn weather() -> impl Strategy<Value = Weather> {
    let ratio =
        || (0_u32..3, 1_u32..20).prop_map(|(numerator, denominator)| Ratio { numerator, denominator });
    (ratio(), ratio(), ratio(), ratio(), ratio(), duration_us()).prop_map(
        |(dropped, doubled, replayed, truncated, late, most_us)| Weather {
            dropped,
            doubled,
            replayed,
            truncated,
            late,
            lateness: Span { least_us: 0, most_us },
        },
    )
}
