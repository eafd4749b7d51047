//! Whatever the cutting, the damage or the peer, the wire gives the same messages or says what is wrong.

use super::connection::{Connection, Incoming};
use super::message::{FromClient, Heartbeat, Role};
use super::{MAGIC, PROTOCOL_VERSION, Violation, datagram, frame, preamble};
use crate::ids::{JobId, SessionId};
use crate::limits::{DATAGRAM_BYTES_MAX, FRAME_BYTES_MAX, UNSENT_BYTES_MAX};
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use proptest::prelude::*;

/// Carries all that is unsent from one end to the other, cut into pieces of these lengths.
fn carry(from: &mut Connection, to: &mut Connection, cuts: &[usize]) {
    let bytes = from.unsent().to_vec();
    from.sent(bytes.len());
    let mut rest = &bytes[..];
    let mut cuts = cuts.iter().cycle();
    while !rest.is_empty() {
        let length = cuts.next().copied().unwrap_or(rest.len()).clamp(1, rest.len());
        to.receive(&rest[..length]);
        rest = &rest[length..];
    }
}

fn established(cuts: &[usize]) -> (Connection, Connection) {
    let (mut dialler, mut acceptor) =
        (Connection::dial("c", Role::Client), Connection::accept("c", &[Role::Client, Role::Worker]));
    carry(&mut dialler, &mut acceptor, cuts);
    assert_eq!(acceptor.poll(), Ok(Some(Incoming::Established(Role::Client))));
    carry(&mut acceptor, &mut dialler, cuts);
    assert_eq!(dialler.poll(), Ok(Some(Incoming::Welcome)));
    (dialler, acceptor)
}

proptest! {
    #[test]
    fn any_cutting_of_the_stream_gives_the_same_messages(
        jobs in prop::collection::vec(any::<u64>(), 0..20),
        raw in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..5),
        cuts in prop::collection::vec(1_usize..40, 1..10),
    ) {
        let (mut dialler, mut acceptor) = established(&cuts);
        for job in &jobs {
            dialler.send(&FromClient::Cancel { job: JobId(*job) }).unwrap();
        }
        for bytes in &raw {
            dialler.send_raw(bytes);
        }
        carry(&mut dialler, &mut acceptor, &cuts);
        let (mut jobs_seen, mut raw_seen) = (Vec::new(), Vec::new());
        while let Some(incoming) = acceptor.poll().unwrap() {
            match incoming {
                Incoming::Raw(bytes) => raw_seen.push(bytes.to_vec()),
                Incoming::Message(_) => match incoming.message().unwrap() {
                    FromClient::Cancel { job } => jobs_seen.push(job.0),
                    FromClient::Submit { .. }
                    | FromClient::Watch { .. }
                    | FromClient::Ask(_)
                    | FromClient::Shutdown => unreachable!(),
                },
                Incoming::Welcome | Incoming::Established(_) => unreachable!(),
            }
        }
        prop_assert_eq!(jobs_seen, jobs);
        prop_assert_eq!(raw_seen, raw);
    }

    #[test]
    fn any_flipped_bit_of_a_frame_is_noticed(bit in 0_usize..400, text in "[a-z]{40}") {
        let mut bytes = Vec::new();
        frame::append_message(&mut bytes, &text).unwrap();
        let bit = bit % (bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        // At once: whoever waits for the rest of a length that is wrong waits for ever.
        prop_assert!(frame::parse(&bytes).is_err());
    }

    #[test]
    fn no_bytes_make_a_connection_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), open in any::<bool>()) {
        let (_, mut acceptor) = established(&[7]);
        let mut fresh = Connection::accept("c", &[Role::Worker]);
        let connection = if open { &mut acceptor } else { &mut fresh };
        connection.receive(&bytes);
        while let Ok(Some(incoming)) = connection.poll() {
            let _ = incoming.message::<super::message::FromWorker>();
        }
    }

    #[test]
    fn no_datagram_decodes_that_was_changed(bit in 0_usize..1000, session in any::<u64>()) {
        let heartbeat = Heartbeat { session: SessionId(session), epoch: crate::ids::Epoch(1), sequence: 7, running: 3 };
        let mut bytes = datagram::encode(&heartbeat);
        prop_assert_eq!(datagram::decode(&bytes), Some(heartbeat));
        let bit = bit % (bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(datagram::decode::<Heartbeat>(&bytes), None);
    }
}

#[test]
fn garbage_is_answered_by_the_preamble_and_refused() {
    let mut acceptor = Connection::accept("c", &[Role::Worker]);
    acceptor.receive(b"GET / HTTP/1.1\r\n\r\n");
    assert_eq!(acceptor.poll(), Err(Violation::Magic));
    assert!(acceptor.unsent().starts_with(b"WINDROW\n"));
    acceptor.receive(b"more");
    assert_eq!(acceptor.poll(), Ok(None));
}

#[test]
fn another_version_is_named_to_both_sides() {
    let hello = preamble(PROTOCOL_VERSION + 1);
    let mut acceptor = Connection::accept("c", &[Role::Worker]);
    acceptor.receive(&hello);
    assert_eq!(acceptor.poll(), Err(Violation::Version { theirs: PROTOCOL_VERSION + 1 }));
    let mut dialler = Connection::dial("c", Role::Worker);
    dialler.receive(&hello);
    assert_eq!(dialler.poll(), Err(Violation::Version { theirs: PROTOCOL_VERSION + 1 }));
}

#[test]
fn a_preamble_with_a_flipped_bit_is_damaged_and_no_other_program_or_version() {
    let ours = preamble(PROTOCOL_VERSION);
    for bit in 0..ours.len() * 8 {
        let mut damaged = ours;
        damaged[bit / 8] ^= 1 << (bit % 8);
        let mut acceptor = Connection::accept("c", &[Role::Worker]);
        acceptor.receive(&damaged);
        assert_eq!(acceptor.poll(), Err(Violation::Checksum), "bit {bit}");
    }
    assert!(!Violation::Checksum.is_final());
}

#[test]
fn another_cluster_is_named_to_both_sides() {
    let (mut dialler, mut acceptor) =
        (Connection::dial("a", Role::Worker), Connection::accept("b", &[Role::Worker]));
    carry(&mut dialler, &mut acceptor, &[5]);
    assert_eq!(acceptor.poll(), Err(Violation::OtherCluster { theirs: "a".into() }));
    carry(&mut acceptor, &mut dialler, &[5]);
    assert_eq!(dialler.poll(), Err(Violation::OtherCluster { theirs: "b".into() }));
}

#[test]
fn a_role_that_is_not_served_is_refused() {
    let (mut dialler, mut acceptor) =
        (Connection::dial("a", Role::Client), Connection::accept("a", &[Role::Fetcher]));
    carry(&mut dialler, &mut acceptor, &[500]);
    assert_eq!(acceptor.poll(), Err(Violation::RoleNotServed));
    carry(&mut acceptor, &mut dialler, &[500]);
    assert_eq!(dialler.poll(), Err(Violation::RoleNotServed));
}

/// The header of a frame of so many bytes, as far as it tells that.
fn announced(length: u32) -> Vec<u8> {
    let mut header = vec![0; frame::HEADER_BYTES];
    header[..4].copy_from_slice(&length.to_le_bytes());
    let checksum = crc32fast::hash(&header[..5]);
    header[5..9].copy_from_slice(&checksum.to_le_bytes());
    header
}

#[test]
fn a_frame_that_announces_too_much_is_refused_before_it_comes() {
    for length in [FRAME_BYTES_MAX as u32 + 1, u32::MAX] {
        let refused = Violation::FrameTooLong { length_bytes: u64::from(length) };
        assert_eq!(frame::parse(&announced(length)), Err(refused));
    }
}

#[test]
fn a_message_that_is_too_long_is_not_sent_in_part() {
    let mut buffer = vec![1, 2];
    let text: String = "x".repeat(FRAME_BYTES_MAX + 1);
    assert_eq!(frame::append_message(&mut buffer, &text), Err(frame::TooLong));
    assert_eq!(buffer, [1, 2]);
}

#[test]
fn what_follows_a_message_in_its_frame_is_a_violation() {
    let mut payload = frame::encode(&JobId(3));
    payload.push(0);
    assert_eq!(frame::decode::<JobId>(&payload), Err(Violation::Undecodable));
}

#[test]
fn a_frame_may_be_as_long_as_is_allowed() {
    let mut bytes = Vec::new();
    frame::append_raw(&mut bytes, &vec![7; FRAME_BYTES_MAX]);
    assert_eq!(frame::parse(&announced(FRAME_BYTES_MAX as u32)), Ok(None), "the rest is waited for");
    let whole = frame::parse(&bytes).unwrap().expect("it is all there");
    assert_eq!((whole.payload.len(), whole.length_bytes), (FRAME_BYTES_MAX, bytes.len()));
}

#[test]
fn a_message_may_fill_a_frame() {
    // The length of such a text takes five bytes.
    let text = "x".repeat(FRAME_BYTES_MAX - 5);
    let mut bytes = Vec::new();
    frame::append_message(&mut bytes, &text).unwrap();
    let whole = frame::parse(&bytes).unwrap().expect("it is all there");
    assert_eq!(frame::decode::<String>(whole.payload), Ok(text));
}

#[test]
fn a_datagram_may_be_as_long_as_is_allowed_and_no_longer() {
    let datagram_of = |text: &String| {
        let payload = frame::encode(text);
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&PROTOCOL_VERSION.to_le_bytes());
        bytes.extend_from_slice(&crc32fast::hash(&payload).to_le_bytes());
        bytes.extend_from_slice(&payload);
        bytes
    };
    // The length of such a text takes three bytes.
    let longest = "x".repeat(DATAGRAM_BYTES_MAX - 16 - 3);
    assert_eq!(datagram_of(&longest), datagram::encode(&longest));
    assert_eq!(datagram::decode(&datagram_of(&longest)), Some(longest.clone()));
    assert_eq!(datagram::decode::<String>(&datagram_of(&(longest + "x"))), None);
}

#[test]
fn what_is_taken_a_little_at_a_time_is_the_same() {
    let (mut dialler, mut acceptor) = established(&[7]);
    for job in 0..20 {
        dialler.send(&FromClient::Cancel { job: JobId(job) }).unwrap();
    }
    let mut taken = Vec::new();
    while !dialler.unsent().is_empty() {
        let count = dialler.unsent().len().min(3);
        taken.extend_from_slice(&dialler.unsent()[..count]);
        dialler.sent(count);
    }
    acceptor.receive(&taken);
    for job in 0..20 {
        let incoming = acceptor.poll().unwrap().expect("it came");
        assert_eq!(incoming.message(), Ok(FromClient::Cancel { job: JobId(job) }));
    }
}

#[test]
fn a_peer_that_does_not_read_is_noticed_when_more_is_unsent_than_is_allowed() {
    let (mut dialler, _) = established(&[7]);
    let frames = UNSENT_BYTES_MAX / FRAME_BYTES_MAX;
    let last = FRAME_BYTES_MAX - frames * frame::HEADER_BYTES;
    for _ in 1..frames {
        dialler.send_raw(&vec![0; FRAME_BYTES_MAX]);
    }
    dialler.send_raw(&vec![0; last]);
    assert_eq!((dialler.unsent().len(), dialler.is_overfull()), (UNSENT_BYTES_MAX, false));
    dialler.send_raw(&[]);
    assert!(dialler.is_overfull());
    dialler.sent(frame::HEADER_BYTES);
    assert!(!dialler.is_overfull(), "it has read something");
}
