//! Scenarios as text: owns how one is printed, so that a person can read and change it, and read back.
//!
//! The format is RON, Rust's own notation for data. Invariant: what was printed is read back as it was.

use super::{Nonsense, Scenario};
use std::fmt;

/// Why a text is no scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextError {
    /// It is not written like one.
    Syntax {
        /// Where, from 1.
        line: usize,
        /// And in which column.
        column: usize,
        /// What is wrong there.
        what: String,
    },
    /// It says something that makes no sense.
    Nonsense(String),
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TextError::Syntax { line, column, what } => write!(f, "line {line}, column {column}: {what}"),
            TextError::Nonsense(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for TextError {}

impl Scenario {
    /// The scenario as a text.
    pub fn to_text(&self) -> String {
        let pretty = ron::ser::PrettyConfig::new().depth_limit(3).struct_names(true).compact_structs(false);
        let mut text = ron::ser::to_string_pretty(self, pretty).expect("plain data can be written");
        text.push('\n');
        text
    }

    /// The scenario that a text says.
    ///
    /// # Errors
    /// If it is not written like one, or names what is not there.
    pub fn from_text(text: &str) -> Result<Scenario, TextError> {
        let scenario: Scenario = ron::from_str(text).map_err(|error| TextError::Syntax {
            line: error.span.start.line,
            column: error.span.start.col,
            what: in_our_words(&error.code),
        })?;
        scenario.check().map_err(|Nonsense(what)| TextError::Nonsense(what))?;
        Ok(scenario)
    }
}

/// What the library found wrong, for who wants to write a scenario and knows no library.
fn in_our_words(error: &ron::Error) -> String {
    let of = |outer: &Option<String>| outer.as_ref().map(|outer| format!(" of {outer}")).unwrap_or_default();
    match error {
        ron::Error::NoSuchStructField { expected, found, outer } => {
            format!("`{found}` is no field{}; its fields are {}", of(outer), expected.join(", "))
        }
        ron::Error::MissingStructField { field, outer } => {
            format!("the field `{field}`{} is missing", of(outer))
        }
        ron::Error::DuplicateStructField { field, outer } => {
            format!("the field `{field}`{} is there twice", of(outer))
        }
        ron::Error::NoSuchEnumVariant { expected, found, outer } => {
            format!("`{found}` is none{}; there are {}", of(outer), expected.join(", "))
        }
        ron::Error::ExpectedNamedStructLike(name) if !name.is_empty() => format!("expected `{name}(`"),
        ron::Error::ExpectedDifferentStructName { expected, found } => {
            format!("expected `{expected}(`, not `{found}`")
        }
        ron::Error::IntegerOutOfBounds => "the number is too large, or below zero, for this field".into(),
        ron::Error::ExpectedInteger | ron::Error::InvalidIntegerDigit { .. } => {
            "expected a whole number, in digits".into()
        }
        ron::Error::Eof => "the text ends here, and the scenario does not".into(),
        ron::Error::TrailingCharacters => "expected the end: the scenario is complete before this".into(),
        ron::Error::ExceededRecursionLimit => "there are too many brackets within brackets".into(),
        ron::Error::ExpectedOption => "expected `Some(…)` or `None`".into(),
        ron::Error::ExpectedComma => "expected a comma".into(),
        ron::Error::ExpectedByteString => "expected bytes, as in b\"a\"".into(),
        // The others are about single characters, and end in no name of the library's.
        other => {
            let words = other.to_string();
            let mut letters = words.chars();
            letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_back() {
        for seed in 0..300 {
            let scenario = Scenario::from_seed(seed);
            assert_eq!(Scenario::from_text(&scenario.to_text()), Ok(scenario), "seed {seed}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_text_is_said_with_its_place() {
        let error = Scenario::from_text("Scenario(\n  seed: x,\n)").expect_err("x is no number");
        assert!(matches!(error, TextError::Syntax { line: 2, .. }), "{error}");
        for (old, new, words) in [
            (
                "heal_us:",
                "heel_us:",
                "`heel_us` is no field of Scenario; its fields are seed, network, manager, ",
            ),
            ("slots: ", "slots: -", "the number is"),
            ("slots: ", "slots: x", "expected a whole number"),
            ("sync: true", "sync: maybe", "expected "),
            ("capable: ", "seed: 1, capable: ", "the field `seed` of Scenario is there twice"),
            ("mapper: CountWords", "mapper: Count", "`Count` is none of UserFunction; there are Identity, "),
            ("Scenario(", "World(", "expected `Scenario(`"),
        ] {
            let text = Scenario::from_seed(5).to_text();
            assert!(text.contains(old), "{old}");
            let error = Scenario::from_text(&text.replacen(old, new, 1)).expect_err(new).to_string();
            assert!(error.starts_with("line ") && error.contains(words), "{new}: {error}");
            assert!(!error.contains("RON") && !error.contains("struct"), "{error}");
        }
        let mut scenario = Scenario::from_seed(1);
        scenario.capable = 50;
        let error = Scenario::from_text(&scenario.to_text()).expect_err("there is no such worker");
        assert_eq!(error.to_string(), "there is no worker 50 to be capable");
    }
}
