//! Datagrams and the weather.

use super::*;

const CERTAIN: Ratio = Ratio { numerator: 1, denominator: 1 };

/// What the server receives of two hundred datagrams, in order of arrival.
fn received(weather: Weather) -> Vec<Vec<u8>> {
    let mut pair = pair(5);
    pair.network.bind_datagrams(CLIENT.host.control_address(), client());
    pair.network.weather = weather;
    for number in 0..200_u8 {
        let to = SERVER.host.control_address();
        pair.network.send_datagram(client(), to, &[number, 1, 2, 3], &mut pair.schedule);
        pair.run();
    }
    let bytes = |(_, event)| match event {
        NetworkEvent::Datagram { bytes, .. } => Some(bytes),
        NetworkEvent::Accepted { .. }
        | NetworkEvent::Connected { .. }
        | NetworkEvent::DialFailed { .. }
        | NetworkEvent::Closed { .. } => None,
    };
    pair.events.into_iter().filter_map(bytes).collect()
}

#[test]
fn datagrams_follow_the_weather() {
    let count = |weather| received(weather).len();
    assert_eq!(count(Weather::FAIR), 200);
    assert_eq!(count(Weather { dropped: CERTAIN, ..Weather::FAIR }), 0);
    assert_eq!(count(Weather { doubled: CERTAIN, ..Weather::FAIR }), 400);
    assert!((50..150).contains(&count(Weather { dropped: Ratio::one_in(2), ..Weather::FAIR })));
}

#[test]
fn an_old_datagram_comes_again() {
    let received = received(Weather { replayed: CERTAIN, ..Weather::FAIR });
    assert_eq!(received.len(), 399, "with each but the first comes an old one");
    let mut newest = 0;
    let mut behind = 0;
    for bytes in received {
        newest = newest.max(bytes[0]);
        behind = behind.max(newest - bytes[0]);
        assert_eq!(bytes[1..], [1, 2, 3]);
    }
    assert!((8..200).contains(&behind), "{behind}");
}

#[test]
fn a_truncated_datagram_is_a_shorter_beginning() {
    let received = received(Weather { truncated: CERTAIN, ..Weather::FAIR });
    assert_eq!(received.len(), 200);
    for (number, bytes) in (0..).zip(&received) {
        assert!(bytes.len() < 4 && [number, 1, 2, 3].starts_with(bytes));
    }
    assert!(received.iter().any(Vec::is_empty));
}

#[test]
fn datagrams_are_lost_where_the_edge_is_cut_when_they_leave_or_when_they_arrive() {
    let mut pair = pair(2);
    pair.network.bind_datagrams(CLIENT.host.control_address(), client());
    let (here, there) = (CLIENT.host, SERVER.host);
    let send = |pair: &mut Pair| {
        pair.network.send_datagram(client(), there.control_address(), b"there", &mut pair.schedule);
        pair.network.send_datagram(server(), here.control_address(), b"back", &mut pair.schedule);
    };
    pair.network.cut(here, there);
    send(&mut pair);
    pair.network.mend(here, there, &mut pair.schedule);
    pair.run();
    send(&mut pair);
    pair.network.cut(here, there);
    pair.run();
    let told: Vec<Actor> = pair.events.iter().map(|(actor, _)| *actor).collect();
    assert_eq!(told, [client(), client()]);
}

#[test]
fn the_newest_datagram_comes_round_until_it_is_over() {
    let mut pair = pair(6);
    pair.network.bind_datagrams(CLIENT.host.control_address(), client());
    let (from, to) = (CLIENT.host, SERVER.host);
    pair.network.echo(from, to, 100 * MILLISECOND_US);
    for number in [1, 2] {
        pair.network.send_datagram(client(), to.control_address(), &[number], &mut pair.schedule);
        for _ in 0..3 {
            let Some(Event::Network(occurrence)) = pair.schedule.pop() else { panic!("it comes round") };
            pair.happen(occurrence);
        }
    }
    pair.network.shelter(&[from, to], &mut pair.schedule);
    pair.run();
    let numbers: Vec<u8> = pair
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            NetworkEvent::Datagram { bytes, .. } => bytes.first().copied(),
            NetworkEvent::Accepted { .. }
            | NetworkEvent::Connected { .. }
            | NetworkEvent::DialFailed { .. }
            | NetworkEvent::Closed { .. } => None,
        })
        .collect();
    assert_eq!(numbers, [1, 1, 1, 2, 1, 2, 2], "the first is on its way once more when the second comes");
}
