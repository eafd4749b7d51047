//! The space-time diagram of a run: owns the page that draws it, one file that needs nothing else.
//!
//! Here sights become rows of data and all text is escaped; `page.js` lays them out and draws what is in view, so that
//! the length of a run does not matter. Invariant: no text of a run can become markup or script.

use super::{Family, Sight};
use crate::names::Host;
use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter, Write};

/// Messages on a page at the most: the last ones, since a failure shows at the end.
pub const MESSAGES_MAX: usize = 50_000;
/// Characters of a text on the page at the most.
const TEXT_CHARACTERS: usize = 400;

/// The page: `replay` is the command that runs the same again, `transcript` the lines of what happened, or
/// those that matter most.
pub fn html(
    title: &str,
    replay: &str,
    scenario_text: &str,
    transcript: &[String],
    sights: &[Sight],
) -> String {
    let messages = sights.iter().filter(|sight| matches!(sight, Sight::Message { .. })).count();
    let mut page = String::new();
    // Writing to a String cannot fail.
    let _ = write!(
        page,
        include_str!("page.html"),
        title = Markup(title),
        style = include_str!("page.css"),
        replay = Markup(replay),
        omitted = Omitted(messages.saturating_sub(MESSAGES_MAX)),
        scenario = Markup(scenario_text),
        transcript = Markup(&transcript.join("\n")),
        data = Data { sights, messages_omitted: messages.saturating_sub(MESSAGES_MAX) },
        script = include_str!("page.js"),
    );
    page
}

/// Says how many messages the page lacks.
struct Omitted(usize);

impl Display for Omitted {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            count => write!(
                f,
                "<p class=\"omitted\">The first {count} messages are left out; the last {MESSAGES_MAX} are here.</p>"
            ),
        }
    }
}

/// Text in an HTML document.
struct Markup<'a>(&'a str);

impl Display for Markup<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|letter| match letter {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            letter => f.write_char(letter),
        })
    }
}

/// A string in JSON that stands in an HTML document.
struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for letter in self.0.chars().take(TEXT_CHARACTERS) {
            match letter {
                '"' | '\\' => write!(f, "\\{letter}")?,
                '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..'\x20' | '\x7f' => {
                    write!(f, "\\u{:04x}", u32::from(letter))?;
                }
                letter => f.write_char(letter)?,
            }
        }
        if self.0.chars().nth(TEXT_CHARACTERS).is_some() {
            f.write_char('…')?;
        }
        f.write_char('"')
    }
}

/// The sights as `page.js` reads them: hosts by name, and a row for each sight that names its host by index.
struct Data<'a> {
    sights: &'a [Sight],
    messages_omitted: usize,
}

impl Data<'_> {
    /// From left to right: clients, the Manager, workers, so that arrows cross few lines.
    fn hosts(&self) -> Vec<Host> {
        let mut hosts = BTreeSet::new();
        for sight in self.sights {
            match sight {
                Sight::Began { process, .. } | Sight::Ended { process, .. } | Sight::Mark { process, .. } => {
                    hosts.insert(process.host);
                }
                Sight::Fault { host, .. } | Sight::Violation { host, .. } => hosts.extend(*host),
                Sight::Message { from, to, .. } => hosts.extend([from.process.host, to.process.host]),
            }
        }
        let (mut hosts, others): (Vec<Host>, Vec<Host>) =
            hosts.into_iter().partition(|host| matches!(host, Host::Client(_)));
        hosts.extend(others);
        hosts
    }
}

impl Display for Data<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let hosts = self.hosts();
        let index = |host: Host| hosts.iter().position(|it| *it == host).expect("all hosts were collected");
        f.write_str("{\"hosts\":[")?;
        for (number, host) in hosts.iter().enumerate() {
            let comma = if number == 0 { "" } else { "," };
            write!(f, "{comma}{}", Quoted(&host.to_string()))?;
        }
        f.write_str("],\"sights\":[")?;
        let mut to_omit = self.messages_omitted;
        let mut comma = "";
        for sight in self.sights {
            if to_omit > 0 && matches!(sight, Sight::Message { .. }) {
                to_omit -= 1;
                continue;
            }
            write!(f, "{comma}\n{}", Row { sight, index: &index })?;
            comma = ",";
        }
        f.write_str("]}")
    }
}

/// One sight as an array: what it is, when, where, and its texts.
struct Row<'a> {
    sight: &'a Sight,
    index: &'a dyn Fn(Host) -> usize,
}

impl Display for Row<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let lane =
            |host: &Option<Host>| host.map_or_else(|| "null".into(), |host| (self.index)(host).to_string());
        match self.sight {
            Sight::Began { at, process } => {
                let name = process.to_string();
                write!(f, "[\"began\",{},{},{}]", at.as_us(), (self.index)(process.host), Quoted(&name))
            }
            Sight::Ended { at, process, how } => {
                let text = format!("{process}: {how}");
                write!(f, "[\"ended\",{},{},{}]", at.as_us(), (self.index)(process.host), Quoted(&text))
            }
            Sight::Mark { at, process, text } => {
                write!(f, "[\"mark\",{},{},{}]", at.as_us(), (self.index)(process.host), Quoted(text))
            }
            Sight::Fault { at, host, text } => {
                write!(f, "[\"fault\",{},{},{}]", at.as_us(), lane(host), Quoted(text))
            }
            Sight::Violation { at, host, text } => {
                write!(f, "[\"violation\",{},{},{}]", at.as_us(), lane(host), Quoted(text))
            }
            Sight::Message { from, to, sent, arrived, kind, text } => {
                let family = match Family::of(*from, *to, kind) {
                    Family::Control => "control",
                    Family::Heartbeat => "heartbeat",
                    Family::Client => "client",
                    Family::Shuffle => "shuffle",
                };
                write!(
                    f,
                    "[\"message\",{},{},{},{},\"{family}\",{},{},{},{}]",
                    sent.as_us(),
                    (self.index)(from.process.host),
                    arrived.as_us(),
                    (self.index)(to.process.host),
                    Quoted(kind),
                    Quoted(text),
                    Quoted(&from.to_string()),
                    Quoted(&to.to_string()),
                )
            }
        }
    }
}

#[cfg(test)]
mod tests;
