//! From a list of files to a plan: owns how inputs are divided into splits.
//!
//! A function of the files and the split size alone (design.md, "One output, whatever happens").

use crate::data::split::splits_of;
use crate::failure::Cause;
use crate::job::{Encoding, InputFile, Plan, Split};
use crate::limits::SPLITS_MAX;
use alloc::vec::Vec;

/// Divides each file, in order, into splits of at most `split_bytes`.
///
/// # Errors
/// [`Cause::TooManySplits`] where a job may not have so many.
pub fn plan(inputs: Vec<InputFile>, split_bytes: u64) -> Result<Plan, Cause> {
    let mut splits = Vec::new();
    for (index, input) in inputs.iter().enumerate() {
        let pieces = splits_of(input.identity.size_bytes, Encoding::of_path(&input.path), split_bytes);
        for (offset, length_bytes) in pieces {
            if splits.len() == SPLITS_MAX {
                let total: u64 =
                    inputs.iter().map(|file| file.identity.size_bytes / split_bytes.max(1) + 1).sum();
                return Err(Cause::TooManySplits { splits: total });
            }
            splits.push(Split { input: index as u32, offset, length_bytes });
        }
    }
    Ok(Plan { inputs, splits })
}
