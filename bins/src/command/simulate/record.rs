//! What is seen of a run: owns its transcript, in which messages stand beside the bytes that carry them, and what its page is
//! made of. It outlives the world, so that a run that ends in a panic can be looked at up to there.

use sim::show::{Sight, diagram};
use sim::trace::Transcript;
use sim::world::Watch;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use windrow_core::time::Time;

/// Lines of a transcript on a page at the most, from its beginning: there a run that hangs has gone wrong.
const HEAD_LINES: usize = 1_000;
/// And from its end.
const TAIL_LINES: usize = 1_000;

/// What was seen so far. Clones are the same record.
#[derive(Clone, Default)]
pub struct Record(Rc<RefCell<Seen>>);

#[derive(Default)]
struct Seen {
    sights: Vec<Sight>,
    head: Vec<String>,
    tail: VecDeque<String>,
    omitted: u64,
    /// Where lines are handed on to.
    lines: Option<Transcript>,
}

impl Seen {
    fn line(&mut self, line: &str) {
        if let Some(lines) = &mut self.lines {
            lines(line);
        }
        if self.head.len() < HEAD_LINES {
            return self.head.push(line.into());
        }
        if self.tail.len() == TAIL_LINES {
            self.tail.pop_front();
            self.omitted += 1;
        }
        self.tail.push_back(line.into());
    }

    fn sight(&mut self, sight: Sight) {
        if let Sight::Message { from, to, sent, arrived, text, .. } = &sight {
            self.line(&format!(
                "{:>12} {:8} == {from} told {to} at {}: {text}",
                arrived.as_us(),
                "",
                sent.as_us()
            ));
        }
        self.sights.push(sight);
    }
}

impl Record {
    /// Watches a run; lines are handed on.
    pub fn watch(&self, lines: Option<Transcript>) -> Watch {
        let (seen, seen_too) = (self.0.clone(), self.0.clone());
        seen.borrow_mut().lines = lines;
        Watch {
            transcript: Some(Box::new(move |line| seen.borrow_mut().line(line))),
            observer: Some(Box::new(move |sight| seen_too.borrow_mut().sight(sight))),
        }
    }

    /// The run is over: hands no more lines on.
    pub fn end(&self) {
        self.0.borrow_mut().lines = None;
    }

    /// The page of the run: `replay` is the command that runs it again, `broken` are the promises it broke, at its end.
    pub fn page(&self, title: &str, replay: &str, scenario_text: &str, broken: &[String]) -> String {
        let Seen { sights, head, tail, omitted, .. } = &mut *self.0.borrow_mut();
        let mut lines = head.clone();
        if *omitted > 0 {
            lines.push(format!("\n… {omitted} lines are left out …\n"));
        }
        lines.extend(tail.iter().cloned());
        let at = sights.iter().map(last_moment).max().unwrap_or(Time::ZERO);
        sights.extend(broken.iter().map(|text| Sight::Violation { at, host: None, text: text.clone() }));
        diagram::html(title, replay, scenario_text, &lines, sights)
    }
}

fn last_moment(sight: &Sight) -> Time {
    match sight {
        Sight::Began { at, .. }
        | Sight::Ended { at, .. }
        | Sight::Fault { at, .. }
        | Sight::Mark { at, .. }
        | Sight::Violation { at, .. }
        | Sight::Message { arrived: at, .. } => *at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim::names::{Host, Part, ProcessId};

    #[test]
    fn the_page_has_what_was_seen_and_the_first_and_last_lines() {
        let record = Record::default();
        let handed_on = Rc::new(RefCell::new(0));
        let count = handed_on.clone();
        let mut watch = record.watch(Some(Box::new(move |_| *count.borrow_mut() += 1)));
        let (mut transcript, mut observer) =
            (watch.transcript.take().unwrap(), watch.observer.take().unwrap());
        for line in 0..HEAD_LINES + TAIL_LINES + 5 {
            transcript(&format!("line {line} of it"));
        }
        let process = ProcessId { host: Host::Worker(3), life: 0 };
        observer(Sight::Began { at: Time::from_us(77), process });
        drop((transcript, observer));
        let page = record.page("a title", "windrow sim", "Scenario()", &["a promise: broken".into()]);
        record.end();
        assert_eq!(*handed_on.borrow(), HEAD_LINES + TAIL_LINES + 5);
        assert_eq!(Rc::strong_count(&handed_on), 1);
        assert!(page.contains("\nline 999 of it\n\n… 5 lines are left out …\n\nline 1005 of it\n"), "{page}");
        assert!(page.contains("\nline 2004 of it<"), "{page}");
        assert!(page.contains(r#"["violation",77,null,"a promise: broken"]"#), "{page}");
        assert!(page.contains(r#""worker 3""#) && page.contains("a title"));
    }

    #[test]
    fn messages_are_lines_as_well() {
        let record = Record::default();
        let lines = Rc::new(RefCell::new(Vec::new()));
        let handed_on = lines.clone();
        let watch = record.watch(Some(Box::new(move |line| handed_on.borrow_mut().push(line.to_string()))));
        let actor = |host| ProcessId { host, life: 0 }.actor(Part::Control);
        watch.observer.unwrap()(Sight::Message {
            from: actor(Host::Worker(1)),
            to: actor(Host::Manager),
            sent: Time::from_us(5),
            arrived: Time::from_us(70),
            kind: "FromWorker::Goodbye".into(),
            text: "Goodbye".into(),
        });
        assert_eq!(*lines.borrow(), ["          70          == worker 1 told manager at 5: Goodbye"]);
    }
}
