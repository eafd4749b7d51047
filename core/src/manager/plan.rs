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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{FileIdentity, PathBytes};

    fn file(path: &str, size_bytes: u64) -> InputFile {
        let identity = FileIdentity { inode: 1, size_bytes, modified_ns: 1 };
        InputFile { path: PathBytes::from(path), identity }
    }

    #[test]
    fn files_are_divided_one_after_the_other_and_gzip_is_left_whole() {
        let inputs = Vec::from([file("/a", 5), file("/b.gz", 9), file("/empty", 0)]);
        let plan = plan(inputs.clone(), 2).unwrap();
        let splits: Vec<_> =
            plan.splits.iter().map(|split| (split.input, split.offset, split.length_bytes)).collect();
        assert_eq!(splits, [(0, 0, 1), (0, 1, 2), (0, 3, 2), (1, 0, 9), (2, 0, 0)]);
        assert_eq!(plan.inputs, inputs);
    }

    #[test]
    fn a_job_has_as_many_splits_as_are_allowed_and_no_more() {
        let allowed = SPLITS_MAX as u64;
        assert_eq!(plan(Vec::from([file("/a", 10 * allowed)]), 10).unwrap().splits.len(), SPLITS_MAX);
        let Err(Cause::TooManySplits { splits }) = plan(Vec::from([file("/a", 20 * allowed)]), 10) else {
            panic!("twice as many are not allowed")
        };
        assert!((2 * allowed..=2 * allowed + 1).contains(&splits), "about twice as many, but told {splits}");
    }
}
