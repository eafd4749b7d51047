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
            what: error.code.to_string(),
        })?;
        scenario.check().map_err(|Nonsense(what)| TextError::Nonsense(what))?;
        Ok(scenario)
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
        let mut scenario = Scenario::from_seed(1);
        scenario.capable = 50;
        let error = Scenario::from_text(&scenario.to_text()).expect_err("there is no such worker");
        assert_eq!(error.to_string(), "there is no worker 50 to be capable");
    }
}
