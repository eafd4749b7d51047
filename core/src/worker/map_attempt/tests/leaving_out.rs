//! Maps of which records are left out, and trials of parts of a split.

use super::*;

#[test]
fn what_is_left_out_is_safe_before_the_map_is() {
    let hole = ByteRange { offset: 4, length_bytes: 4 };
    for reducers in [0, 1] {
        let mut map = MapAttempt::new(MapWork { holes: Vec::from([hole]), ..work(reducers) });
        spawning(&mut map);
        assert_eq!(done(&mut map), ["open /in"]);
        assert_eq!(opened(&mut map), ["spawn mapper"]);
        let mut lines = give(&mut map, AttemptInput::Spawned);
        if reducers == 0 {
            assert_eq!(lines, ["create /staging/map-0"]);
            lines = opened(&mut map);
        }
        assert_eq!(lines, ["create /staging/quarantine"]);
        assert_eq!(opened(&mut map), ["read at 0"]);
        assert_eq!(read(&mut map, b"b 2\na 1\nc"), [""; 0]);
        assert_eq!(map.stdin(), b"b 2\nc");
        map.stdin_written(5, Time::ZERO);
        assert_eq!(drain(&mut map), ["read at 9"]);
        map.push_stdout(b"out\n", Time::ZERO);
        assert_eq!(read(&mut map, b""), ["write at 0"]);
        assert_eq!(map.outgoing(), b"a 1\n");
        assert_eq!(done(&mut map), ["sync"]);
        assert_eq!(exit(&mut map, ExitStatus::Code(0), 0), ["kill group"], "it waits for that");
        assert_eq!(done(&mut map), ["close"]);
        assert_eq!(done(&mut map), ["sync directory /staging"]);
        assert_eq!(done(&mut map), ["inspect"]);
        let counters = map.base.counters;
        assert_eq!((counters.map_input_records, counters.map_input_bytes), (2, 5));
    }
}

/// A trial of a range whose program runs.
fn trial(offset: u64, length_bytes: u64) -> MapAttempt {
    let hole = ByteRange { offset: 0, length_bytes: 4 };
    let trial = Some(ByteRange { offset, length_bytes });
    let mut map = MapAttempt::new(MapWork { holes: Vec::from([hole]), trial, ..work(0) });
    spawning(&mut map);
    done(&mut map);
    assert_eq!(opened(&mut map), ["spawn mapper"]);
    map
}

#[test]
fn a_trial_that_does_well_leaves_nothing() {
    let mut map = trial(3, 5);
    assert_eq!(give(&mut map, AttemptInput::Spawned), ["read at 2"]);
    assert_eq!(read(&mut map, b"2\na 1\nc"), [""; 0]);
    assert_eq!(map.stdin(), b"a 1\n");
    map.stdin_written(4, Time::ZERO);
    assert_eq!(drain(&mut map), ["close stdin"]);
    map.push_stdout(b"printed\n", Time::ZERO);
    assert_eq!(exit(&mut map, ExitStatus::Code(0), 0), ["kill group", "inspect"]);
    assert_eq!(opened(&mut map), ["close"]);
    assert_eq!(done(&mut map), ["remove all of /scratch"]);
    assert_eq!(done(&mut map), ["ended well"]);
}

#[test]
fn a_trial_of_nothing_gives_its_program_nothing() {
    let mut map = trial(0, 0);
    assert_eq!(give(&mut map, AttemptInput::Spawned), ["close stdin"]);
}

#[test]
fn a_trial_that_fails_names_the_record_under_way_to_its_end() {
    let mut map = trial(0, 9);
    give(&mut map, AttemptInput::Spawned);
    read(&mut map, b"b 2\na");
    assert_eq!(map.stdin(), b"a");
    let lines = exit(&mut map, ExitStatus::Code(3), 0);
    assert_eq!(lines, ["kill group", "read at 5"], "no more than that is needed");
    assert_eq!(read(&mut map, b" 1\nc"), ["close"]);
    done(&mut map);
    map.handle_input(AttemptInput::Disk(Ok(DiskReply::Done)), Time::ZERO);
    let Some(AttemptOutput::Ended(Err(failure))) = map.poll_output() else { panic!("it fails") };
    let input = failure.input.expect("it names its input");
    assert_eq!((input.offset, input.length_bytes), (4, 4), "without what is left out");
    assert_eq!(failure.excerpt, Some(Excerpt { records: 1, beginning: b"a 1\n".to_vec() }.into()));
}

#[test]
fn a_trial_whose_input_cannot_be_read_on_ends_all_the_same() {
    let mut map = trial(0, 9);
    give(&mut map, AttemptInput::Spawned);
    read(&mut map, b"b 2\na");
    assert_eq!(exit(&mut map, ExitStatus::Code(3), 0), ["kill group", "read at 5"]);
    let error = OsError { kind: OsErrorKind::Other, text: "Input/output error".into() };
    assert_eq!(give(&mut map, AttemptInput::Disk(Err(error))), ["close"]);
    done(&mut map);
    assert_eq!(done(&mut map), ["ended ProgramFailed"]);
}

#[test]
fn records_that_are_left_out_side_by_side_may_be_long() {
    const LONG: u64 = 300 << 10;
    let holes =
        Vec::from([(0, LONG), (LONG, 4)].map(|(offset, length_bytes)| ByteRange { offset, length_bytes }));
    let identity = FileIdentity { size_bytes: LONG + 6, ..IDENTITY };
    let input = InputFile { path: PathBytes::from("/in"), identity };
    let split = Split { input: 0, offset: 0, length_bytes: LONG + 6 };
    let mut map = MapAttempt::new(MapWork { holes, input, split, ..work(1) });
    spawning(&mut map);
    assert_eq!(done(&mut map), ["open /in"]);
    assert_eq!(give(&mut map, AttemptInput::Disk(Ok(DiskReply::Opened(identity)))), ["spawn mapper"]);
    assert_eq!(give(&mut map, AttemptInput::Spawned), ["create /staging/quarantine"]);
    assert_eq!(opened(&mut map), ["read at 0"]);
    let mut text = alloc::vec![b'x'; LONG as usize];
    text[LONG as usize - 1] = b'\n';
    text.extend_from_slice(b"bad\nb\n");
    let asked = read(&mut map, &text);
    assert_eq!(map.stdin(), b"b\n");
    assert_eq!((asked.as_slice(), map.outgoing().len() as u64), (&["write at 0".into()][..], LONG + 4));
}
