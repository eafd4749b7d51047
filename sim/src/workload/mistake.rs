//! What users get wrong: owns in which way a job is asked for that cannot be run, what stands on the storage because of it,
//! and of which causes its user may be told.
//!
//! A mistake changes what is submitted, never the setting that the reference reads. Invariant: a job with a mistake cannot
//! succeed.

use super::{InputText, JobSetting};
use serde::{Deserialize, Serialize};
use windrow_core::failure::{Cause, OsErrorKind, Unreplaceable};
use windrow_core::job::{CommandLine, JobSpecification, PathBytes};
use windrow_core::limits::{
    FRAME_BYTES_MAX, NAME_BYTES_MAX, PATH_BYTES_MAX, REDUCERS_MAX, SPECIFICATION_BYTES_MAX, SPLITS_MAX,
};

macro_rules! mistakes {
    ($($(#[$doc:meta])* $mistake:ident),+ $(,)?) => {
        /// What is wrong with a job.
        #[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Mistake {
            $($(#[$doc])* $mistake),+
        }

        impl Mistake {
            /// All of them.
            pub const ALL: &[Mistake] = &[$(Mistake::$mistake),+];
        }
    };
}

mistakes! {
    /// An input is not there.
    NoSuchInput,
    /// A pattern matches nothing.
    NothingMatches,
    /// A directory that is named as input has one inside.
    NestedInput,
    /// An input may not be read.
    ForbiddenInput,
    /// What is called `.gz` is no gzip.
    NoGzip,
    /// There is no input.
    NoInput,
    /// There are so many inputs that their names fit no message.
    EndlessInputs,
    /// The input makes more splits than a job may have.
    TooManySplits,
    /// A path does not begin at the root.
    RelativePath,
    /// A path is longer than any file's.
    EndlessPath,
    /// A name is too long.
    EndlessName,
    /// A command line is too long.
    EndlessCommand,
    /// A program has no name.
    NamelessProgram,
    /// There are partitions and no reducer, or the other way round.
    HalfAReducer,
    /// There are more partitions than a job may have.
    TooManyReducers,
    /// Splits are to hold no bytes.
    EmptySplits,
    /// The output is the root directory.
    RootOutput,
    /// The output is there already, and none that may be replaced.
    OutputExists,
    /// The directory that is to hold the output is not there.
    OutputNowhere,
    /// What is to hold the output is a file.
    OutputBelowFile,
    /// The directory that is to hold the output may not be written.
    ForbiddenOutput,
    /// It is submitted to the Manager as if that were of another cluster.
    OtherCluster,
    /// It is submitted to a worker's port.
    WrongPort,
}

impl Mistake {
    /// Makes the mistake.
    pub(super) fn spoil(self, job: &JobSetting, specification: &mut JobSpecification) {
        let JobSpecification { name, inputs, output, mapper, reducer, reducers, split_bytes, .. } =
            specification;
        match self {
            Mistake::NoSuchInput => inputs.push(beside(job, "no-such-input")),
            Mistake::NothingMatches => inputs.push(beside(job, "no-such-{input,file}*")),
            Mistake::NestedInput => *inputs = vec![beside(job, "nested")],
            Mistake::ForbiddenInput | Mistake::NoGzip | Mistake::TooManySplits => {
                inputs.extend(self.stands_there(job).into_iter().map(|file| file.path));
                if self == Mistake::TooManySplits {
                    *split_bytes = 1;
                }
            }
            Mistake::NoInput => inputs.clear(),
            Mistake::EndlessInputs => {
                let path = beside(job, "x".repeat(PATH_BYTES_MAX / 2).as_str());
                *inputs = vec![path; 2 * FRAME_BYTES_MAX / PATH_BYTES_MAX + 1];
            }
            Mistake::RelativePath => inputs.push("in/text".into()),
            Mistake::EndlessPath => *output = output.join("x".repeat(PATH_BYTES_MAX)),
            Mistake::EndlessName => *name = "x".repeat(NAME_BYTES_MAX + 1),
            Mistake::EndlessCommand => mapper.words.push(PathBytes(vec![b'x'; SPECIFICATION_BYTES_MAX])),
            Mistake::NamelessProgram => mapper.words.clear(),
            Mistake::HalfAReducer => match reducer.take() {
                Some(_) => {}
                None => *reducer = Some(CommandLine { words: vec!["sum".into()] }),
            },
            Mistake::TooManyReducers => {
                *reducers = REDUCERS_MAX + 1;
                reducer.get_or_insert(CommandLine { words: vec!["sum".into()] });
            }
            Mistake::EmptySplits => *split_bytes = 0,
            Mistake::RootOutput => *output = "/".into(),
            Mistake::OutputExists | Mistake::OtherCluster | Mistake::WrongPort => {}
            Mistake::OutputNowhere | Mistake::OutputBelowFile | Mistake::ForbiddenOutput => {
                *output = beside(job, "place").join("out");
            }
        }
    }

    /// Files that are there before the world begins, and stay as they are.
    pub(super) fn stands_there(self, job: &JobSetting) -> Vec<InputText> {
        let (path, bytes) = match self {
            Mistake::NestedInput => (beside(job, "nested").join("inner/text"), b"deep\n".to_vec()),
            Mistake::ForbiddenInput => (beside(job, "user's secret"), b"secret\n".to_vec()),
            Mistake::NoGzip => (beside(job, "plain.gz"), b"plain\n".to_vec()),
            Mistake::TooManySplits => (beside(job, "long"), vec![b'\n'; SPLITS_MAX + 1]),
            Mistake::OutputExists => (job.output.join("part-00000"), b"of yesterday\n".to_vec()),
            Mistake::OutputBelowFile => (beside(job, "place"), b"a file\n".to_vec()),
            Mistake::ForbiddenOutput => (beside(job, "place").join("theirs"), b"theirs\n".to_vec()),
            Mistake::NoSuchInput
            | Mistake::NothingMatches
            | Mistake::NoInput
            | Mistake::EndlessInputs
            | Mistake::RelativePath
            | Mistake::EndlessPath
            | Mistake::EndlessName
            | Mistake::EndlessCommand
            | Mistake::NamelessProgram
            | Mistake::HalfAReducer
            | Mistake::TooManyReducers
            | Mistake::EmptySplits
            | Mistake::RootOutput
            | Mistake::OutputNowhere
            | Mistake::OtherCluster
            | Mistake::WrongPort => return Vec::new(),
        };
        vec![InputText { path, bytes }]
    }

    /// What the cluster has no right to: a file to read, or a directory to write into.
    pub(super) fn forbidden(self, job: &JobSetting) -> Option<PathBytes> {
        if self == Mistake::ForbiddenInput {
            Some(beside(job, "user's secret"))
        } else {
            (self == Mistake::ForbiddenOutput).then(|| beside(job, "place"))
        }
    }

    /// Whether it is told by this cause.
    pub fn is_told_by(self, cause: &Cause) -> bool {
        let input = |kind| matches!(cause, Cause::InputUnreadable { error, .. } if error.kind == kind);
        let output = |kind| matches!(cause, Cause::OutputUnwritable { error, .. } if error.kind == kind);
        match self {
            Mistake::NoSuchInput | Mistake::NothingMatches => matches!(cause, Cause::InputNotFound { .. }),
            Mistake::NestedInput => input(OsErrorKind::IsADirectory),
            Mistake::ForbiddenInput => input(OsErrorKind::PermissionDenied),
            Mistake::NoGzip => input(OsErrorKind::InvalidData),
            Mistake::TooManySplits => matches!(cause, Cause::TooManySplits { .. }),
            Mistake::NoInput
            | Mistake::EndlessInputs
            | Mistake::RelativePath
            | Mistake::EndlessPath
            | Mistake::EndlessName
            | Mistake::EndlessCommand
            | Mistake::NamelessProgram
            | Mistake::HalfAReducer
            | Mistake::TooManyReducers
            | Mistake::EmptySplits
            | Mistake::RootOutput => matches!(cause, Cause::Invalid { .. }),
            Mistake::OutputExists => matches!(
                cause,
                Cause::OutputExists { .. } | Cause::OutputNotReplaceable { why: Unreplaceable::NoOutput, .. }
            ),
            Mistake::OutputNowhere => output(OsErrorKind::NotFound),
            Mistake::OutputBelowFile => output(OsErrorKind::NotADirectory),
            Mistake::ForbiddenOutput => output(OsErrorKind::PermissionDenied),
            Mistake::OtherCluster => matches!(cause, Cause::OtherCluster { .. }),
            // Where no worker is, nobody answers.
            Mistake::WrongPort => matches!(
                cause,
                Cause::NotWindrow { .. } | Cause::Unreachable { .. } | Cause::ConnectionLost { .. }
            ),
        }
    }
}

/// A path of this job alone, beside its output.
fn beside(job: &JobSetting, name: &str) -> PathBytes {
    PathBytes([job.output.0.as_slice(), b" ", name.as_bytes()].concat())
}
