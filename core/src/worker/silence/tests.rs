//! Silence by itself, and what a map attempt makes of it.

use super::*;
use crate::failure::{Cause, ExitStatus, Fault};
use crate::job::{FileIdentity, InputFile, PathBytes, ProgramRole, Split};
use crate::machine::Machine;
use crate::worker::attempt::{AttemptInput, AttemptMachine, AttemptOutput, AttemptSetting, MapWork};
use crate::worker::disk::DiskReply;
use crate::worker::map_attempt::MapAttempt;
use crate::worker::map_attempt::tests::{done, drain, give, opened, read, setting, spawning};
use alloc::string::String;
use alloc::vec::Vec;

const PART_US: u64 = 250;

/// A program that began at zero and may be silent for four parts.
fn begun() -> Silence {
    let mut silence = Silence::new(4 * PART_US);
    silence.begin(Time::ZERO);
    silence
}

fn computed(cpu_us: u64) -> Activity {
    Activity { cpu_us: Some(cpu_us), unread_bytes: 0, printed_bytes: 0 }
}

/// Looks when a look is due, and finds this.
#[track_caller]
fn look(silence: &mut Silence, found: Activity) -> Option<u64> {
    let now = silence.deadline().expect("a look is due some time");
    assert!(!silence.time_passed(Time::from_us(now.as_us() - 1)), "it is early");
    assert!(silence.time_passed(now));
    assert_eq!(silence.deadline(), None, "one look at a time");
    silence.looked(found, false, now)
}

#[test]
fn a_program_of_which_nothing_is_seen_for_all_parts_is_silent() {
    let mut silence = begun();
    for _ in 0..3 {
        assert_eq!(look(&mut silence, computed(0)), None);
    }
    assert_eq!(look(&mut silence, computed(0)), Some(4 * PART_US));
}

#[test]
fn what_it_used_before_it_fell_silent_is_seen_by_the_first_look() {
    let mut silence = begun();
    for _ in 0..4 {
        assert_eq!(look(&mut silence, computed(7)), None);
    }
    assert_eq!(look(&mut silence, computed(7)), Some(4 * PART_US));
}

#[test]
fn each_sign_of_life_makes_it_begin_anew() {
    let quiet = Activity { cpu_us: Some(0), unread_bytes: 9, printed_bytes: 0 };
    let signs = [
        Activity { cpu_us: Some(1), ..quiet },
        Activity { unread_bytes: 8, ..quiet },
        Activity { printed_bytes: 1, ..quiet },
        Activity { cpu_us: None, ..quiet },
    ];
    for sign in signs {
        let mut silence = begun();
        for found in [quiet, quiet, quiet, quiet, sign, quiet, quiet, quiet, quiet] {
            assert_eq!(look(&mut silence, found), None, "{sign:?}");
        }
    }
}

#[test]
fn what_it_printed_and_nobody_took_or_cannot_be_seen_is_no_silence() {
    for found in [Activity { printed_bytes: 1, ..computed(0) }, Activity { cpu_us: None, ..computed(0) }] {
        let mut silence = begun();
        for _ in 0..9 {
            assert_eq!(look(&mut silence, found), None);
        }
    }
}

#[test]
fn who_waits_for_this_worker_is_not_silent() {
    let mut silence = begun();
    for _ in 0..9 {
        let now = silence.deadline().unwrap();
        assert!(silence.time_passed(now));
        assert_eq!(silence.looked(computed(0), true, now), None);
    }
}

#[test]
fn bytes_that_pass_put_the_look_off() {
    let mut silence = begun();
    for _ in 0..3 {
        assert_eq!(look(&mut silence, computed(0)), None);
    }
    let now = silence.deadline().unwrap();
    silence.passed(now);
    assert_eq!(silence.deadline(), Some(now.after(PART_US)));
    for _ in 0..3 {
        assert_eq!(look(&mut silence, computed(0)), None);
    }
}

#[test]
fn bytes_that_pass_while_somebody_looks_count() {
    let mut silence = begun();
    for _ in 0..3 {
        assert_eq!(look(&mut silence, computed(0)), None);
    }
    let now = silence.deadline().unwrap();
    assert!(silence.time_passed(now));
    silence.passed(now);
    assert_eq!(silence.deadline(), None);
    assert_eq!(silence.looked(computed(0), false, now), None);
    assert_eq!(silence.deadline(), Some(now.after(PART_US)));
}

#[test]
fn a_pause_of_any_length_counts_for_one_part() {
    let mut silence = begun();
    for late_us in [1_000 * PART_US, PART_US, PART_US] {
        let now = silence.deadline().unwrap().after(late_us);
        assert!(silence.time_passed(now));
        assert_eq!(silence.looked(computed(0), false, now), None);
    }
}

#[test]
fn nobody_looks_without_a_limit_or_a_program() {
    let mut silence = Silence::new(0);
    silence.begin(Time::ZERO);
    assert_eq!(silence.deadline(), None);
    let mut silence = begun();
    assert!(silence.time_passed(silence.deadline().unwrap()));
    silence.end();
    assert_eq!(silence.looked(computed(0), false, Time::ZERO), None);
    assert_eq!(silence.deadline(), None);
}

/// A mapper that was given `ab` and all of its input, in whose job silence is allowed for four parts.
fn mapper() -> MapAttempt {
    let setting = AttemptSetting { task_timeout_us: 4 * PART_US, ..setting(ProgramRole::Mapper) };
    let identity = FileIdentity { inode: 5, size_bytes: 9, modified_ns: 1 };
    let input = InputFile { path: PathBytes::from("/in"), identity };
    let split = Split { input: 0, offset: 0, length_bytes: 2 };
    let mut map = MapAttempt::new(MapWork {
        setting,
        input,
        split,
        holes: Vec::new(),
        quarantine: PathBytes::from("/staging/quarantine"),
        trial: None,
        reducers: 1,
    });
    spawning(&mut map);
    done(&mut map);
    assert_eq!(opened(&mut map), ["spawn mapper"]);
    assert_eq!(map.poll_timeout(), None, "nothing is expected of what does not run");
    assert_eq!(give(&mut map, AttemptInput::Spawned), ["read at 0"]);
    read(&mut map, b"ab");
    map.stdin_written(2, Time::ZERO);
    drain(&mut map);
    assert_eq!(read(&mut map, b""), ["close stdin"]);
    map
}

/// Has it looked at when it wants to be.
fn look_at(map: &mut MapAttempt, found: Activity) -> Vec<String> {
    let (at, ()) = map.poll_timeout().expect("it is to be looked at");
    map.handle_timeout(at);
    assert_eq!(drain(map), ["look"]);
    map.handle_input(AttemptInput::Looked(found), at);
    drain(map)
}

#[test]
fn a_silent_program_is_killed_with_its_group_and_by_its_own_fault() {
    let mut map = mapper();
    let found = Activity { cpu_us: Some(30), unread_bytes: 2, printed_bytes: 0 };
    for _ in 0..4 {
        assert_eq!(look_at(&mut map, found), [""; 0]);
    }
    assert_eq!(look_at(&mut map, found), ["kill group"]);
    assert_eq!(map.poll_timeout(), None, "it is looked at no more");
    let exited = AttemptInput::Exited { status: ExitStatus::Signal(9), unread_bytes: 2, printed_bytes: 0 };
    give(&mut map, exited);
    give(&mut map, AttemptInput::StdoutClosed);
    give(&mut map, AttemptInput::StderrClosed);
    done(&mut map);
    map.handle_input(AttemptInput::Disk(Ok(DiskReply::Done)), Time::ZERO);
    let Some(AttemptOutput::Ended(Err(failure))) = map.poll_output() else { panic!("it has not failed") };
    let cause = Cause::ProgramSilent {
        role: ProgramRole::Mapper,
        command: "prog".into(),
        silent_us: 4 * PART_US,
        cpu_us: 30,
        unread_bytes: 2,
    };
    assert_eq!((failure.cause.fault(), failure.cause), (Fault::Program, cause));
}

#[test]
fn what_a_program_prints_or_complains_and_what_it_is_fed_are_signs_of_life() {
    let says: [fn(&mut MapAttempt, Time); 2] =
        [|map, now| map.push_stdout(b"x", now), |map, now| map.push_stderr(b"x", now)];
    for say in says {
        let mut map = mapper();
        let (at, ()) = map.poll_timeout().expect("it is to be looked at");
        say(&mut map, at);
        assert_eq!(map.poll_timeout(), Some((at.after(PART_US), ())));
    }
    let mut map = mapper();
    let (at, ()) = map.poll_timeout().expect("it is to be looked at");
    map.stdin_written(0, at);
    assert_eq!(map.poll_timeout(), Some((at, ())), "nothing is no sign");
}

#[test]
fn nobody_looks_at_a_program_that_has_ended_or_is_to_be_killed() {
    let exited = AttemptInput::Exited { status: ExitStatus::Code(0), unread_bytes: 0, printed_bytes: 1 };
    for end in [exited, AttemptInput::Kill] {
        let mut map = mapper();
        let (at, ()) = map.poll_timeout().expect("it is to be looked at");
        map.handle_timeout(at);
        give(&mut map, end);
        assert_eq!(give(&mut map, AttemptInput::Looked(computed(0))), [""; 0]);
        assert_eq!(map.poll_timeout(), None);
    }
}
