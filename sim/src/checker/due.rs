//! What each job's output is due to be: owns the reference's answers, each computed once, when it is first needed.

use crate::process::UserFunction;
use crate::reference::map_reduce;
use crate::workload::{InputText, JobSetting};
use std::collections::BTreeMap;

/// The parts of an output.
type Parts = Vec<Vec<u8>>;

/// What is due of the jobs that were asked about.
#[derive(Debug, Default)]
pub struct Due {
    outputs: BTreeMap<usize, Vec<Option<Parts>>>,
}

impl Due {
    /// Computes what is due of a job for each version of its inputs, as far as it is not known.
    pub fn compute(&mut self, job: usize, setting: &JobSetting, versions: &[Vec<InputText>]) {
        let outputs = self.outputs.entry(job).or_default();
        let known = outputs.len();
        outputs.extend(versions[known..].iter().map(|files| output_of(setting, files)));
    }

    /// Parts of a job's output, or, without reducers, one piece, for each version of its inputs; `None` where it cannot succeed.
    ///
    /// # Panics
    /// If it was not computed.
    pub fn of(&self, job: usize) -> &[Option<Parts>] {
        &self.outputs[&job]
    }
}

/// Its parts, or, without reducers, what they are put together; `None` if it cannot succeed.
pub(super) fn output_of(job: &JobSetting, files: &[InputText]) -> Option<Parts> {
    let inputs: Vec<&[u8]> = files.iter().map(|file| file.bytes.as_slice()).collect();
    let reducer = job.reducer.as_ref();
    let is_started = |function: &UserFunction| {
        !matches!(function, UserFunction::Missing | UserFunction::Unstartable { .. })
    };
    let maps = !job.files.is_empty();
    let hangs = |function: &UserFunction| matches!(function, UserFunction::Hang { .. });
    if (maps && hangs(&job.mapper)) || reducer.is_some_and(hangs) {
        return None;
    }
    if job.mistake.is_some() || !reducer.is_none_or(is_started) || (maps && !is_started(&job.mapper)) {
        return None;
    }
    if let UserFunction::Abandon { bytes } = job.mapper {
        let mut records = inputs.iter().flat_map(|input| input.split_inclusive(|byte| *byte == b'\n'));
        if records.any(|record| record.len() as u64 > bytes) {
            return None;
        }
    }
    map_reduce(&inputs, &job.mapper, reducer, job.reducers).ok()
}
