//! What strikes one connection: resets, forgotten states, flipped bits.

use super::*;

#[test]
fn a_reset_ends_both_sides_and_what_was_heard_is_a_beginning() {
    for seed in 0..50 {
        let mut pair = pair(seed);
        let name = pair.dial();
        pair.run();
        let said = text(seed, 5_000);
        pair.say(client(), name, &said);
        pair.network
            .reset_one(None, &mut Stream::new(seed, "faults"), &mut pair.schedule)
            .expect("one is open");
        pair.run();
        let heard = pair.heard.remove(&(server(), ConnectionId::accepted(0))).unwrap_or_default();
        assert!(said.starts_with(&heard));
        assert_eq!((pair.ends(client()).len(), pair.ends(server()).len()), (1, 1));
        assert!(pair.network.connections.is_empty());
    }
}

#[test]
fn of_a_forgotten_connection_only_who_writes_learns() {
    for seed in 0..50 {
        let mut pair = pair(seed);
        let name = pair.dial();
        pair.run();
        pair.network.forget_one(&mut Stream::new(seed, "faults")).expect("one is open");
        pair.run();
        assert_eq!((pair.ends(client()).len(), pair.ends(server()).len()), (0, 0));
        pair.say(client(), name, b"are you there?");
        pair.run();
        assert_eq!(pair.end_error(client()), Some(OsErrorKind::Other));
        assert!(pair.ends(server()).is_empty() && pair.heard.is_empty());
        pair.say(server(), ConnectionId::accepted(0), b"are you?");
        pair.run();
        assert_eq!(pair.end_error(server()), Some(OsErrorKind::Other));
        assert_eq!(pair.ends(client()).len(), 1);
        assert!(pair.heard.is_empty() && pair.network.connections.is_empty());
    }
}

#[test]
fn a_forgotten_connection_is_closed_by_one_end_without_the_other() {
    let mut pair = pair(1);
    let name = pair.dial();
    pair.run();
    pair.network.forget_one(&mut Stream::new(1, "faults")).expect("one is open");
    pair.network.close(client(), name, &mut pair.schedule);
    pair.run();
    assert!(matches!(pair.ends(client())[..], [NetworkEvent::Closed { error: None, .. }]));
    assert!(pair.ends(server()).is_empty());
    pair.network.end_process(SERVER, Farewell::Reset, &mut pair.schedule);
    pair.run();
    assert_eq!(pair.ends(client()).len(), 1);
    assert!(pair.network.connections.is_empty());
}

#[test]
fn one_bit_is_flipped_of_what_is_under_way_or_comes_next() {
    for seed in 0..100 {
        let mut pair = pair(seed);
        let name = pair.dial();
        pair.run();
        let (there, back) = (text(seed, 900), text(seed + 1, 900));
        let stream = &mut Stream::new(seed, "faults");
        let when_idle = seed % 2 == 0;
        if when_idle {
            pair.network.flip_one(stream).expect("one is open");
        }
        pair.say(client(), name, &there);
        pair.say(server(), ConnectionId::accepted(0), &back);
        if !when_idle {
            while pair.heard.is_empty() && !pair.network.connections[&0].has_under_way(Side::Acceptor) {
                pair.run_for(1);
            }
            pair.network.flip_one(stream).expect("one is open");
        }
        pair.run();
        let heard = [pair.heard(server(), ConnectionId::accepted(0)), pair.heard(client(), name)].concat();
        let said = [there, back].concat();
        assert_eq!(heard.len(), said.len());
        let flipped: u32 = heard.iter().zip(&said).map(|(one, other)| (one ^ other).count_ones()).sum();
        assert_eq!(flipped, 1, "seed {seed}");
    }
}
