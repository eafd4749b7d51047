//! Outputs that replace others: owns what stands in the place of a job's output that is to replace it.

use super::{InputText, JobSetting};
use crate::stream::{Ratio, Stream};
use crate::workload::Mistake;
use serde::{Deserialize, Serialize};
use windrow_core::job::PathBytes;

/// What is there before the world begins.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Overwritten {
    /// Nothing.
    Nothing,
    /// An empty directory.
    Empty,
    /// The output of an earlier job.
    Output,
}

impl Overwritten {
    /// All of them.
    pub const ALL: &[Overwritten] = &[Overwritten::Nothing, Overwritten::Empty, Overwritten::Output];

    /// What a job replaces, if it does.
    pub(super) fn draw(stream: &mut Stream) -> Option<Overwritten> {
        if stream.chance(Ratio::one_in(6)) {
            return Some(*stream.pick(Overwritten::ALL));
        }
        stream.chance(Ratio::one_in(5)).then_some(Overwritten::Output)
    }

    fn files(self, output: &PathBytes) -> Option<Vec<InputText>> {
        let files: &[(&str, &str)] = match self {
            Overwritten::Nothing => return None,
            Overwritten::Empty => &[],
            Overwritten::Output => {
                &[("_SUCCESS", ""), ("_quarantine/map-00002", "bad\n"), ("part-00000", "of yesterday\n")]
            }
        };
        let file = |(name, text): &(&str, &str)| InputText { path: output.join(name), bytes: (*text).into() };
        Some(files.iter().map(file).collect())
    }
}

impl JobSetting {
    /// The files of the directory that its output is to replace, in the order of their paths, if one is there.
    pub fn old_output(&self) -> Option<Vec<InputText>> {
        // What its user has wrong stands there in its place.
        let overwritten = self.overwrites.filter(|_| self.mistake != Some(Mistake::OutputExists));
        overwritten.and_then(|overwritten| overwritten.files(&self.output))
    }
}
