//! Two shuffles, one serving and one gathering, on disks in memory; and one that is alone.

use super::*;
use crate::failure::{Cause, OsErrorKind};
use crate::limits::{CHUNK_BYTES, FETCH_PATIENCE_US, READ_BYTES};
use proptest::prelude::*;

/// Carries bytes both ways until nothing more comes.
fn converse(server: &mut Host, client: &mut Host, dialled: ConnectionId, cut: usize) {
    let accepted = ConnectionId::accepted(1);
    server.network(NetworkEvent::Accepted { connection: accepted, peer: ADDRESS });
    client.network(NetworkEvent::Connected { connection: dialled, local: ADDRESS });
    loop {
        let (asked, given) = (client.unsent(dialled), server.unsent(accepted));
        if asked.is_empty() && given.is_empty() {
            return;
        }
        server.receive(accepted, &asked, cut);
        client.receive(dialled, &given, cut);
    }
}

proptest! {
    #[test]
    fn what_is_gathered_is_what_was_offered(
        runs in prop::collection::vec(prop::collection::vec("[a-c]{0,3}", 0..200), 1..12),
        local in any::<u16>(),
        cut in 1_usize..5_000,
    ) {
        let (mut server, mut client) = (Host::new(1), Host::new(2));
        client.command(gather(runs.len() as u32));
        let mut expected = Vec::new();
        for (index, lines) in runs.iter().enumerate() {
            let is_local = local >> index & 1 == 1;
            let map = map(index as u32, 0);
            expected.push(offer(if is_local { &mut client } else { &mut server }, map, lines));
            client.command(locate(map, if is_local { 2 } else { 1 }));
        }
        if let Some(dialled) = client.dialled() {
            converse(&mut server, &mut client, dialled, cut);
        }
        let [ShuffleReport::Gathered { runs: gathered, .. }] = &client.reports[..] else {
            return Err(TestCaseError::fail(format!("{:?}", client.reports)));
        };
        for (RunLocation { path, segment, .. }, expected) in gathered.iter().zip(&expected) {
            let Segment { offset, length_bytes } = *segment;
            let empty = Vec::new();
            let file = client.files.get(&path.0).unwrap_or(&empty);
            prop_assert_eq!(&file[offset as usize..][..length_bytes as usize], &expected[..]);
        }
        prop_assert_eq!(gathered.len(), runs.len());
        prop_assert!(client.open.is_empty() && server.open.is_empty(), "every file is closed");
    }
}

#[test]
fn a_run_longer_than_a_chunk_comes_whole_through_a_peer_that_takes_little_at_a_time() {
    let (mut server, mut client) = (Host::new(1), Host::new(2));
    let bytes = offer(&mut server, map(0, 0), &many_lines());
    assert!(bytes.len() > 2 * READ_BYTES);
    client.command(gather(1));
    client.command(locate(map(0, 0), 1));
    let dialled = client.dialled().unwrap();
    converse(&mut server, &mut client, dialled, 1_000);
    assert_eq!(client.files[&b"/scratch/reduce/fetched.runs"[..]], bytes);
}

#[test]
fn a_run_that_comes_corrupt_twice_is_said_to_be_so() {
    let (mut server, mut client) = (Host::new(1), Host::new(2));
    offer(&mut server, map(0, 0), &["a".into()]);
    server.files.values_mut().for_each(|bytes| bytes[20] ^= 1);
    client.command(gather(1));
    client.command(locate(map(0, 0), 1));
    let dialled = client.dialled().unwrap();
    converse(&mut server, &mut client, dialled, 100);
    let cause = Cause::RunCorrupt { map: map(0, 0) };
    assert_eq!(client.reports, [ShuffleReport::Unfetchable { attempt: reduce(), map: map(0, 0), cause }]);
}

#[test]
fn a_run_that_its_worker_does_not_have_is_wanted_of_the_next() {
    let (mut server, mut client) = (Host::new(1), Host::new(2));
    client.command(gather(1));
    client.command(locate(map(0, 0), 1));
    let dialled = client.dialled().unwrap();
    converse(&mut server, &mut client, dialled, 100);
    assert!(matches!(client.reports[..], [ShuffleReport::Unfetchable { .. }]));
    offer(&mut client, map(0, 1), &["a".into()]);
    client.command(locate(map(0, 1), 2));
    assert!(matches!(client.reports[1..], [ShuffleReport::Gathered { .. }]), "{:?}", client.reports);
}

#[test]
fn a_lost_output_that_was_made_anew_is_fetched_from_where_it_lies_now() {
    let mut client = Host::new(2);
    client.command(gather(1));
    client.command(locate(map(0, 0), 1));
    assert!(client.dialled().is_some(), "the first holder is dialled, and never answers");
    client.command(lose(0));
    offer(&mut client, map(0, 1), &["a".into()]);
    client.command(locate(map(0, 1), 2));
    assert!(matches!(client.reports[..], [ShuffleReport::Gathered { .. }]), "{:?}", client.reports);
}

#[test]
fn a_peer_that_cannot_be_reached_is_tried_for_a_bounded_time() {
    let mut client = Host::new(2);
    client.command(gather(1));
    client.command(locate(map(0, 0), 1));
    while client.reports.is_empty() {
        assert!(client.now.as_us() < 2 * FETCH_PATIENCE_US, "patience is bounded");
        if let Some(connection) = client.dialled() {
            let error = OsError { kind: OsErrorKind::ConnectionRefused, text: "Connection refused".into() };
            client.network(NetworkEvent::DialFailed { connection, error });
        }
        client.wake();
    }
    assert!(matches!(client.reports[..], [ShuffleReport::Unfetchable { .. }]));
    assert!(client.now.as_us() >= FETCH_PATIENCE_US, "and it is not given up before");
}

#[test]
fn an_abandoned_gathering_leaves_nothing() {
    let (mut server, mut client) = (Host::new(1), Host::new(2));
    offer(&mut server, map(0, 0), &["a".into()]);
    client.command(gather(2));
    client.command(locate(map(0, 0), 1));
    let dialled = client.dialled().unwrap();
    converse(&mut server, &mut client, dialled, 100);
    assert!(client.files.contains_key(&b"/scratch/reduce/fetched.runs"[..]));
    client.command(ShuffleCommand::Abandon { attempt: reduce() });
    assert!(client.files.is_empty() && client.open.is_empty());
    assert!(client.asked.contains(&NetworkAction::Close { connection: dialled }), "idle peers are left");
    assert_eq!(client.shuffle.poll_timeout(), None);
}

#[test]
fn a_run_whose_middle_cannot_be_read_is_given_up_at_once() {
    let (mut server, mut client) = (Host::new(1), Host::new(2));
    offer(&mut server, map(0, 0), &many_lines());
    server.unreadable_from = CHUNK_BYTES as u64;
    client.command(gather(1));
    client.command(locate(map(0, 0), 1));
    let dialled = client.dialled().unwrap();
    converse(&mut server, &mut client, dialled, 10_000);
    let [ShuffleReport::Unfetchable { cause: Cause::RunUnfetchable { reason, .. }, .. }] =
        &client.reports[..]
    else {
        panic!("{:?}", client.reports);
    };
    assert!(reason.contains("Input/output error"), "{reason}");
    assert!(server.open.is_empty(), "every file is closed");
}
