//! What each job's output is due to be, and which records it may lack: owns the reference's answers, each computed once, when it is first needed.

use crate::process::UserFunction;
use crate::reference::{fails_on, map_reduce};
use crate::workload::{InputText, JobSetting};
use std::collections::BTreeMap;
use windrow_core::failure::InputRange;

/// What is due of a job that can succeed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// The parts of its output, or, without reducers, what they are put together.
    pub parts: Vec<Vec<u8>>,
    /// The records that are left out, in the order of the input.
    pub bad: Vec<BadRecord>,
}

/// A record on which a mapper fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRecord {
    /// Where it is.
    pub range: InputRange,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// What is due of the jobs that were asked about.
#[derive(Debug, Default)]
pub struct Due {
    outputs: BTreeMap<usize, Vec<Option<Expected>>>,
}

impl Due {
    /// Computes what is due of a job for each version of its inputs, as far as it is not known.
    pub fn compute(&mut self, job: usize, setting: &JobSetting, versions: &[Vec<InputText>]) {
        let outputs = self.outputs.entry(job).or_default();
        let known = outputs.len();
        outputs.extend(versions[known..].iter().map(|files| output_of(setting, files)));
    }

    /// What is due of a job, for each version of its inputs; `None` where it cannot succeed.
    ///
    /// # Panics
    /// If it was not computed.
    pub fn of(&self, job: usize) -> &[Option<Expected>] {
        &self.outputs[&job]
    }
}

/// What is due of a job; `None` if it cannot succeed.
pub(super) fn output_of(job: &JobSetting, files: &[InputText]) -> Option<Expected> {
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
    let bad = bad_records(job, files);
    if bad.len() > job.max_skipped_records as usize {
        return None;
    }
    let without = |file: &InputText| {
        let mut bytes = file.bytes.clone();
        for BadRecord { range, .. } in bad.iter().rev().filter(|bad| bad.range.path == file.path) {
            bytes.drain(range.offset as usize..(range.offset + range.length_bytes) as usize);
        }
        bytes
    };
    let inputs: Vec<Vec<u8>> = files.iter().map(without).collect();
    let inputs: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
    let parts = map_reduce(&inputs, &job.mapper, reducer, job.reducers).ok()?;
    Some(Expected { parts, bad })
}

/// The records on which a job's mapper fails by themselves.
pub(super) fn bad_records(job: &JobSetting, files: &[InputText]) -> Vec<BadRecord> {
    let mut bad = Vec::new();
    for file in files {
        let mut offset = 0;
        for record in file.bytes.split_inclusive(|byte| *byte == b'\n') {
            let length_bytes = record.len() as u64;
            if fails_on(&job.mapper, record) {
                let range = InputRange { path: file.path.clone(), offset, length_bytes };
                bad.push(BadRecord { range, bytes: record.to_vec() });
            }
            offset += length_bytes;
        }
    }
    bad
}
