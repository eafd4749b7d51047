//! A page shows every kind of sight, is sound whatever its texts hold, and is not endless.

use super::*;
use crate::names::{Actor, Part, ProcessId};
use windrow_core::time::Time;

fn process(host: Host, life: u32) -> ProcessId {
    ProcessId { host, life }
}

fn actor(host: Host) -> Actor {
    process(host, 0).actor(Part::Control)
}

fn message(sent_us: u64, kind: &str, text: &str) -> Sight {
    let (sent, arrived) = (Time::from_us(sent_us), Time::from_us(sent_us + 10));
    let (from, to) = (actor(Host::Worker(0)), actor(Host::Manager));
    Sight::Message { from, to, sent, arrived, kind: kind.into(), text: text.into() }
}

fn page(sights: &[Sight]) -> String {
    html("a title", "windrow sim --seed 1", "a scenario", &["first".into(), "last".into()], sights)
}

#[test]
fn every_kind_of_sight_is_a_row() {
    let at = Time::from_us(5);
    let sights = [
        Sight::Began { at, process: process(Host::Worker(1), 1) },
        Sight::Ended { at, process: process(Host::Worker(1), 1), how: "reset".into() },
        Sight::Mark { at, process: process(Host::Client(0), 0), text: "job ended".into() },
        Sight::Fault { at, host: None, text: "storm".into() },
        Sight::Fault { at, host: Some(Host::Manager), text: "crash".into() },
        Sight::Violation { at, host: None, text: "lost".into() },
        message(7, "Register", "who"),
    ];
    let data = Data { sights: &sights, messages_omitted: 0 }.to_string();
    let expected = r#"{"hosts":["client 0","manager","worker 0","worker 1"],"sights":[
["began",5,3,"worker 1 life 1"],
["ended",5,3,"worker 1 life 1: reset"],
["mark",5,0,"job ended"],
["fault",5,null,"storm"],
["fault",5,1,"crash"],
["violation",5,null,"lost"],
["message",7,2,17,1,"control","Register","who","worker 0","manager"]]}"#;
    assert_eq!(data, expected);
}

#[test]
fn no_text_becomes_markup_or_script() {
    let evil = "</script></pre><script>alert(1)</script>&\"'\\\u{2028}\n";
    let at = Time::ZERO;
    let mark = Sight::Mark { at, process: process(Host::Manager, 0), text: evil.into() };
    let page = html(evil, evil, evil, &[evil.into()], &[mark, message(0, evil, evil)]);
    assert_eq!(page.matches("alert(1)").count(), 8, "the title stands twice, a mark and a message thrice");
    assert!(!page.contains("<script>alert"));
    assert_eq!(page.matches("</script>").count(), 2, "the data's and the page's own");
    assert!(page.contains("\\u003c/script\\u003e"));
    assert!(page.contains("&lt;/script&gt;&lt;/pre&gt;"));
}

#[test]
fn a_page_needs_nothing_else() {
    let page = page(&[message(0, "Register", "")]);
    for outside in ["http:", "https:", "src=", "href=", "@import", "url(", "fetch(", "import "] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("<pre>first\nlast</pre>") && page.contains("<pre>a scenario</pre>"));
    assert!(page.contains("<code>windrow sim --seed 1</code>"));
}

#[test]
fn of_too_many_messages_the_last_are_kept_and_the_page_says_so() {
    let mut sights = vec![Sight::Began { at: Time::ZERO, process: process(Host::Manager, 0) }];
    sights.extend((0..MESSAGES_MAX as u64 + 3).map(|index| message(index, "Heartbeat", "")));
    let long = page(&sights);
    assert!(long.contains("The first 3 messages are left out"));
    assert_eq!(long.matches("[\"message\",").count(), MESSAGES_MAX);
    assert!(long.contains("[\"began\",0,") && !long.contains("[\"message\",2,"));
    assert!(!page(&[]).contains("left out"));
}

#[test]
fn long_texts_are_cut() {
    let text = "ä".repeat(TEXT_CHARACTERS + 1);
    assert_eq!(Quoted(&text).to_string().chars().filter(|letter| *letter == 'ä').count(), TEXT_CHARACTERS);
    assert!(Quoted(&text).to_string().ends_with("…\""));
    assert!(!Quoted(&"ä".repeat(TEXT_CHARACTERS)).to_string().contains('…'));
}
