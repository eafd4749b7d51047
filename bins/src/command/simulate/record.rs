//! What is seen of a run: owns what its page is made of. It outlives the world, so that a run that ends in a panic can be
//! looked at up to there.

use sim::show::{Sight, diagram};
use sim::trace::Transcript;
use sim::world::Watch;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use windrow_core::time::Time;

/// Lines of a transcript on a page at the most: its last.
const TAIL_LINES: usize = 2_000;

/// What was seen so far. Clones are the same record.
#[derive(Clone, Default)]
pub struct Record(Rc<RefCell<Seen>>);

#[derive(Default)]
struct Seen {
    sights: Vec<Sight>,
    tail: VecDeque<String>,
}

impl Record {
    /// Watches a run; lines are handed on.
    pub fn watch(&self, mut lines: Option<Transcript>) -> Watch {
        let (seen, seen_too) = (self.0.clone(), self.0.clone());
        Watch {
            transcript: Some(Box::new(move |line| {
                if let Some(lines) = &mut lines {
                    lines(line);
                }
                let tail = &mut seen.borrow_mut().tail;
                if tail.len() == TAIL_LINES {
                    tail.pop_front();
                }
                tail.push_back(line.into());
            })),
            observer: Some(Box::new(move |sight| seen_too.borrow_mut().sights.push(sight))),
        }
    }

    /// The page of the run: `replay` is the command that runs it again, `broken` are the promises it broke, at its end.
    pub fn page(&self, title: &str, replay: &str, scenario_text: &str, broken: &[String]) -> String {
        let Seen { sights, tail } = &mut *self.0.borrow_mut();
        let at = sights.iter().map(last_moment).max().unwrap_or(Time::ZERO);
        sights.extend(broken.iter().map(|text| Sight::Violation { at, host: None, text: text.clone() }));
        diagram::html(title, replay, scenario_text, tail.make_contiguous(), sights)
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
    use sim::names::{Host, ProcessId};

    #[test]
    fn the_page_has_what_was_seen_up_to_the_end_and_the_last_lines() {
        let record = Record::default();
        let handed_on = Rc::new(RefCell::new(0));
        let count = handed_on.clone();
        let mut watch = record.watch(Some(Box::new(move |_| *count.borrow_mut() += 1)));
        let (mut transcript, mut observer) =
            (watch.transcript.take().unwrap(), watch.observer.take().unwrap());
        for line in 0..TAIL_LINES + 5 {
            transcript(&format!("line {line} of it"));
        }
        let process = ProcessId { host: Host::Worker(3), life: 0 };
        observer(Sight::Began { at: Time::from_us(77), process });
        drop((transcript, observer));
        let page = record.page("a title", "windrow sim", "Scenario()", &["a promise: broken".into()]);
        assert_eq!(*handed_on.borrow(), TAIL_LINES + 5);
        assert!(page.contains("\nline 6 of it\n") && !page.contains("line 4 of it"));
        assert!(page.contains(r#"["violation",77,null,"a promise: broken"]"#), "{page}");
        assert!(page.contains(r#""worker 3""#) && page.contains("a title"));
    }
}
