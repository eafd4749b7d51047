//! Edges that are cut, dark hosts and slow links: nothing comes through, nothing is lost, and patience ends.

use super::*;

const THERE: (Host, Host) = (CLIENT.host, SERVER.host);
const BACK: (Host, Host) = (SERVER.host, CLIENT.host);
const ACCEPTED: ConnectionId = ConnectionId::accepted(0);

impl Pair {
    fn cut(&mut self, (from, to): (Host, Host)) {
        self.network.cut(from, to);
    }

    fn mend(&mut self, (from, to): (Host, Host)) {
        self.network.mend(from, to, &mut self.schedule);
    }

    fn has_accepted(&self) -> bool {
        self.events.iter().any(|(actor, _)| *actor == server())
    }
}

#[test]
fn what_a_cut_edge_holds_back_arrives_whole_once_it_is_mended() {
    for seed in 0..50 {
        let mut pair = pair(seed);
        let name = pair.dial();
        pair.run();
        let (there, back) = (text(seed, 20_000), text(seed + 1, 20_000));
        pair.say(client(), name, &there);
        pair.say(server(), ACCEPTED, &back);
        pair.run_for(seed * MILLISECOND_US);
        let heard_back = pair.heard(client(), name).len();
        pair.cut(THERE);
        pair.run_for(SECOND_US);
        let heard = pair.heard(server(), ACCEPTED).len();
        pair.run_for(60 * SECOND_US);
        assert_eq!(pair.heard(server(), ACCEPTED).len(), heard, "seed {seed}");
        assert!(pair.heard(client(), name).len() <= heard_back + 5_000, "nobody acknowledges");
        pair.mend(THERE);
        pair.run();
        assert!(pair.heard(server(), ACCEPTED) == there && pair.heard(client(), name) == back, "seed {seed}");
        assert!(pair.ends(client()).is_empty() && pair.ends(server()).is_empty());
    }
}

#[test]
fn edges_that_come_and_go_lose_nothing_and_each_end_ends_once() {
    for seed in 0..150 {
        let mut pair = pair(seed);
        let stream = &mut Stream::new(seed, "faults");
        let name = pair.dial();
        let (there, back) = (text(seed, 9_000), text(seed + 1, 4_000));
        let mut closed = false;
        let mut said = false;
        for _ in 0..60 {
            let edge = *stream.pick(&[THERE, BACK]);
            if stream.chance(Ratio::one_in(2)) {
                pair.cut(edge);
            } else {
                pair.mend(edge);
            }
            pair.run_for(stream.below(20 * MILLISECOND_US));
            if !said && pair.events.iter().any(|(actor, _)| *actor == client()) {
                said = true;
                pair.say(client(), name, &there);
                pair.say(server(), ACCEPTED, &back);
            }
            let all_written = pair.unsent.values().all(Vec::is_empty);
            if said && all_written && !closed && stream.chance(Ratio::one_in(4)) {
                closed = true;
                pair.network.close(server(), ACCEPTED, &mut pair.schedule);
            }
        }
        pair.mend(THERE);
        pair.mend(BACK);
        pair.run();
        if !said {
            pair.say(client(), name, &there);
            pair.say(server(), ACCEPTED, &back);
            pair.run();
        }
        if closed {
            assert!(there.starts_with(pair.heard(server(), ACCEPTED)), "seed {seed}");
        } else {
            assert!(pair.heard(server(), ACCEPTED) == there, "seed {seed}");
            pair.network.close(server(), ACCEPTED, &mut pair.schedule);
            pair.run();
        }
        assert!(pair.heard(client(), name) == back, "seed {seed}");
        assert!(matches!(pair.ends(client())[..], [NetworkEvent::Closed { error: None, .. }]), "seed {seed}");
        assert_eq!(pair.ends(server()).len(), 1, "seed {seed}");
        assert!(pair.network.connections.is_empty(), "seed {seed}");
    }
}

#[test]
fn one_way_is_enough_to_stop_a_writer_and_in_the_end_to_end_it() {
    for seed in 0..20 {
        let mut pair = pair(seed);
        let name = pair.dial();
        pair.run();
        pair.cut(BACK);
        let said = text(seed, 20_000);
        pair.say(client(), name, &said);
        pair.run_for(600 * SECOND_US);
        let heard = pair.heard(server(), ACCEPTED).len();
        assert!((100..=5_000).contains(&heard), "one window arrives: {heard}");
        assert!(pair.ends(client()).is_empty());
        pair.run_for(400 * SECOND_US);
        assert_eq!(pair.end_error(client()), Some(OsErrorKind::TimedOut));
        pair.mend(BACK);
        pair.run();
        assert_eq!(pair.heard(server(), ACCEPTED).len(), heard);
        assert!(pair.ends(server()).is_empty(), "who only reads does not learn");
        pair.say(server(), ACCEPTED, b"go on");
        pair.run();
        assert_eq!(pair.end_error(server()), Some(OsErrorKind::Other));
        assert!(pair.heard(client(), name).is_empty() && pair.network.connections.is_empty());
    }
}

#[test]
fn who_writes_into_a_cut_gives_up_after_a_time_and_what_was_held_back_is_lost() {
    let mut pair = pair(4);
    let name = pair.dial();
    pair.run();
    pair.cut(THERE);
    pair.say(client(), name, b"hello");
    pair.run_for(899 * SECOND_US);
    assert!(pair.ends(client()).is_empty());
    pair.run_for(2 * SECOND_US);
    assert_eq!(pair.end_error(client()), Some(OsErrorKind::TimedOut));
    pair.mend(THERE);
    pair.run();
    assert!(pair.heard.is_empty() && pair.ends(server()).is_empty());
}

#[test]
fn a_dial_waits_for_both_edges_but_not_for_ever() {
    for edge in [THERE, BACK] {
        for patient_us in [19 * SECOND_US, 21 * SECOND_US] {
            let mut pair = pair(7);
            pair.cut(edge);
            let name = pair.dial();
            pair.run_for(patient_us);
            assert!(!pair.has_accepted());
            pair.mend(edge);
            pair.run();
            if patient_us < 20 * SECOND_US {
                pair.say(client(), name, b"hello");
                pair.run();
                assert_eq!(pair.heard(server(), ACCEPTED), b"hello");
                assert!(pair.ends(client()).is_empty());
            } else {
                assert_eq!(pair.end_error(client()), Some(OsErrorKind::TimedOut));
                assert!(!pair.has_accepted() && pair.network.connections.is_empty());
            }
        }
    }
}

#[test]
fn a_dial_whose_answer_is_lost_leaves_the_acceptor_half_open() {
    let mut pair = pair(8);
    let name = pair.dial();
    while !pair.has_accepted() {
        pair.run_for(1);
    }
    pair.cut(BACK);
    pair.run_for(30 * SECOND_US);
    assert_eq!(pair.end_error(client()), Some(OsErrorKind::TimedOut));
    pair.mend(BACK);
    pair.run();
    assert!(pair.ends(server()).is_empty());
    pair.say(server(), ACCEPTED, b"welcome");
    pair.run();
    assert_eq!(pair.end_error(server()), Some(OsErrorKind::Other));
    assert!(pair.heard(client(), name).is_empty() && pair.network.connections.is_empty());
}

#[test]
fn ends_are_held_back_as_well() {
    for farewell in [Farewell::Close, Farewell::Reset] {
        let mut pair = pair(9);
        pair.dial();
        pair.run();
        pair.cut(THERE);
        pair.network.end_process(CLIENT, farewell, &mut pair.schedule);
        pair.run_for(SECOND_US);
        assert!(pair.ends(server()).is_empty());
        pair.mend(THERE);
        pair.run();
        assert_eq!(pair.ends(server()).len(), 1);
        assert!(pair.network.connections.is_empty());
    }
}

#[test]
fn a_host_that_stays_dark_is_given_up() {
    let mut pair = pair(3);
    let name = pair.dial();
    pair.run();
    pair.network.end_process(SERVER, Farewell::Silence, &mut pair.schedule);
    pair.say(client(), name, b"is anybody there?");
    pair.run();
    assert_eq!(pair.end_error(client()), Some(OsErrorKind::TimedOut));
    assert!(pair.network.connections.is_empty());
}

#[test]
fn bytes_trickle_where_a_link_is_slow() {
    let mut pair = pair(6);
    let name = pair.dial();
    pair.run();
    let (from, to) = THERE;
    pair.network.slow(from, to, Some(10));
    let said = text(6, 20_000);
    pair.say(client(), name, &said);
    pair.run_for(SECOND_US);
    let heard = pair.heard(server(), ACCEPTED).len();
    assert!((5_000..=10_000).contains(&heard), "{heard} in a second");
    pair.network.slow(from, to, None);
    pair.run();
    assert!(pair.heard(server(), ACCEPTED) == said);
}

#[test]
fn what_is_kept_for_a_paused_process_is_whole_when_it_goes_on() {
    for seed in 0..50 {
        let mut pair = pair(seed);
        let name = pair.dial();
        let mut kept = Vec::new();
        let said = text(seed, 900);
        let mut connected = false;
        while let Some(event) = pair.schedule.pop() {
            let Event::Network(occurrence) = event else { continue };
            if pair.network.recipient(&occurrence) == Some(server()) && connected {
                kept.push(occurrence);
                continue;
            }
            pair.happen(occurrence);
            if !connected && pair.events.iter().any(|(actor, _)| *actor == client()) {
                connected = true;
                pair.say(client(), name, &said);
            }
        }
        assert!(pair.heard.is_empty());
        for occurrence in kept {
            pair.schedule.after(0, occurrence);
        }
        pair.run();
        assert!(pair.heard(server(), ACCEPTED) == said, "seed {seed}");
    }
}
