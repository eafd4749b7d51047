//! Which jobs a scenario may have: owns the bounds of each, and that they are apart: what a job reads is what its files
//! say, and nobody writes there.

use super::{Nonsense, START_US_MAX, bound, bound_count, nonsense};
use crate::disk::{FileSystem, perform_file_request};
use crate::process::UserFunction;
use crate::workload::{HOME, InputText, JobSetting, PATIENCE_US, longest_nap_us};
use std::ops::RangeInclusive;
use windrow_core::failure::ExitStatus;
use windrow_core::job::PathBytes;
use windrow_core::limits::SKIPPED_RECORDS_MAX;
use windrow_core::limits::TASK_TIMEOUT_US_MIN;
use windrow_core::manager::files::{FileAnswer, FileRequest, ListError};
use windrow_core::time::Time;

/// Where all that jobs read and write is.
const STORAGE: &[u8] = b"/shared/";
/// For how long a client bears an absent Manager; a user whose client bears less does nothing but start others.
const PATIENCE_US_BOUNDS: RangeInclusive<u64> = 50_000..=PATIENCE_US;
/// For how long programs may be silent, where that is not for ever.
const TASK_TIMEOUT_US: RangeInclusive<u64> = TASK_TIMEOUT_US_MIN..=10 * TASK_TIMEOUT_US_MIN;
/// Files of a job, and names for them, at the most.
const FILES_MAX: usize = 100;
/// What a job reads at the most.
const INPUT_BYTES_MAX: u64 = 8 << 20;
/// What a mapper that multiplies makes of it at the most: times its input.
const MULTIPLIED_BYTES_MAX: u64 = 8 << 20;
/// Splits of a job at the most: all are done before every user must have heard.
const SPLITS_MAX: u64 = 200;
/// Partitions of a job at the most.
const REDUCERS_MAX: u64 = 100;
/// Bytes of a path or a word at the most: a job is named by its output.
const NAME_BYTES: RangeInclusive<usize> = 1..=512;

/// Says what makes no sense in the jobs of a scenario.
pub(super) fn check(jobs: &[JobSetting]) -> Result<(), Nonsense> {
    for (index, job) in jobs.iter().enumerate() {
        check_job(&format!("jobs[{index}]"), job)?;
        if let Some(other) = jobs[..index].iter().position(|other| other.output == job.output) {
            return nonsense(format!(
                "jobs[{index}].output is {}, which is that of jobs[{other}]",
                job.output
            ));
        }
    }
    check_storage(jobs)
}

fn check_job(field: &str, job: &JobSetting) -> Result<(), Nonsense> {
    let field = |name: &str| format!("{field}.{name}");
    bound(field("submit_us"), job.submit_us, 0..=START_US_MAX)?;
    for (name, us) in [("cancel_after_us", job.cancel_after_us), ("again_after_us", job.again_after_us)] {
        bound(field(name), us.unwrap_or(0), 0..=START_US_MAX)?;
    }
    for (name, us) in job.attention.clone().times_mut() {
        bound(field(&format!("attention.{name}")), us.unwrap_or(0), 0..=START_US_MAX)?;
    }
    bound(field("patience_us"), job.patience_us, PATIENCE_US_BOUNDS)?;
    bound_count(field("files"), job.files.len(), 0..=FILES_MAX)?;
    bound_count(field("inputs"), job.inputs.len(), 1..=FILES_MAX)?;
    let files = job.files.iter().map(|file| &file.path);
    for path in files.chain(&job.inputs).chain([&job.output]) {
        check_path(&field("files, inputs and output"), path)?;
    }
    bound(field("split_bytes"), job.split_bytes, 1..=u64::MAX)?;
    let bytes: u64 = job.files.iter().map(|file| file.bytes.len() as u64).sum();
    let splits: u64 = job.files.iter().map(|file| (file.bytes.len() as u64).div_ceil(job.split_bytes)).sum();
    bound(field("files: their bytes together"), bytes, 0..=INPUT_BYTES_MAX)?;
    if splits > SPLITS_MAX {
        let split_bytes = job.split_bytes;
        return nonsense(format!(
            "{} is {split_bytes}, which makes {splits} splits of {bytes} bytes; a job may have {SPLITS_MAX}",
            field("split_bytes")
        ));
    }
    bound(field("reducers"), u64::from(job.reducers), 0..=REDUCERS_MAX)?;
    let skipped = u64::from(job.max_skipped_records);
    bound(field("max_skipped_records"), skipped, 0..=SKIPPED_RECORDS_MAX.into())?;
    if job.reducer.is_some() != (job.reducers > 0) {
        let reducers = job.reducers;
        return nonsense(format!(
            "{} is {reducers}; it is 0 without a reducer, else 1 or more",
            field("reducers")
        ));
    }
    check_functions(&field, job, bytes)?;
    if job.task_timeout_us > 0 {
        bound(field("task_timeout_us"), job.task_timeout_us, TASK_TIMEOUT_US)?;
    }
    if job.never_ends() && job.cancel_after_us.is_none() {
        return nonsense(format!(
            "{} is None, but a program hangs: say when, or give a task_timeout_us",
            field("cancel_after_us")
        ));
    }
    if job.hangs() && job.attention.wait_after_us.is_some() {
        let field = field("attention.wait_after_us");
        return nonsense(format!("{field} is given, but a program hangs: who leaves it cannot give it up"));
    }
    Ok(())
}

fn check_path(field: &str, path: &PathBytes) -> Result<(), Nonsense> {
    let is_plain = |name: &[u8]| !name.is_empty() && name != b"." && name != b"..";
    let names = path.0.strip_prefix(STORAGE);
    let is_path = names.is_some_and(|names| names.split(|byte| *byte == b'/').all(is_plain));
    if !is_path || path.0.contains(&0) || !NAME_BYTES.contains(&path.0.len()) {
        let most = NAME_BYTES.end();
        return nonsense(format!(
            "{field} are paths below /shared, plain and of {most} bytes at most; {path} is not"
        ));
    }
    Ok(())
}

fn check_functions(
    field: &impl Fn(&str) -> String,
    job: &JobSetting,
    input_bytes: u64,
) -> Result<(), Nonsense> {
    let reducer = job.reducer.as_ref().map(|function| ("reducer", function));
    for (name, function) in [("mapper", &job.mapper)].into_iter().chain(reducer) {
        let field = field(name);
        match function {
            UserFunction::Multiply { times } => {
                let most = MULTIPLIED_BYTES_MAX / input_bytes.max(1);
                bound(format_args!("{field}: times, with so much input,"), u64::from(*times), 1..=most)?;
            }
            UserFunction::FailOn { word } => {
                bound_count(format_args!("{field}: word"), word.len(), NAME_BYTES)?
            }
            UserFunction::Nap { us } if job.task_timeout_us > 0 => {
                bound(format_args!("{field}: us"), *us, 0..=longest_nap_us(job.task_timeout_us))?;
            }
            UserFunction::Ponder { us } | UserFunction::Nap { us } => {
                bound(format_args!("{field}: us"), *us, 0..=*TASK_TIMEOUT_US.end())?;
            }
            UserFunction::Flaky { ratio } => {
                bound(format_args!("{field}: the denominator"), u64::from(ratio.denominator), 1..=u64::MAX)?;
            }
            UserFunction::Quit { status: ExitStatus::Code(code @ ..=0 | code @ 256..) } => {
                return nonsense(format!("{field} quits with code {code}, and may with 1 to 255"));
            }
            UserFunction::Quit { status: ExitStatus::Signal(signal @ ..=0 | signal @ 65..) } => {
                return nonsense(format!("{field} quits by signal {signal}, and may by 1 to 64"));
            }
            UserFunction::Unstable if name == "reducer" => {
                return nonsense(format!("{field} is Unstable, and only a mapper may be"));
            }
            UserFunction::Sum if name == "mapper" => {
                return nonsense(format!(
                    "{field} is Sum, which only a reducer may be: a split is no whole key"
                ));
            }
            UserFunction::Sum => match job.mapper {
                UserFunction::CountWords | UserFunction::Multiply { .. } => {}
                _ => {
                    return nonsense(format!(
                        "{field} is Sum, which adds only what CountWords or Multiply prints"
                    ));
                }
            },
            UserFunction::Identity
            | UserFunction::CountWords
            | UserFunction::KeyByFirstByte
            | UserFunction::Abandon { .. }
            | UserFunction::Hang { .. }
            | UserFunction::Unstable
            | UserFunction::Daemon { .. }
            | UserFunction::Quit { .. }
            | UserFunction::Missing
            | UserFunction::Unstartable { .. } => {}
        }
    }
    Ok(())
}

/// Lays out the storage, as it is before the world begins and again with every output in its place, and looks whether
/// each job's inputs name its files and nothing else.
fn check_storage(jobs: &[JobSetting]) -> Result<(), Nonsense> {
    let mut storage = FileSystem::volatile(false);
    lay_out(&mut storage, jobs).map_err(|path| {
        Nonsense(format!("jobs: files, inputs: {path} is in the way of another, or two jobs have it"))
    })?;
    for (index, job) in jobs.iter().enumerate() {
        check_listing(&mut storage, index, job)?;
    }
    for (index, job) in jobs.iter().enumerate() {
        let output = &job.output;
        if storage.exists(output) {
            return nonsense(format!("jobs[{index}].output is {output}, which is there already"));
        }
        let part = output.join("part-00000");
        let made = storage.create_directory(output).and_then(|()| storage.write_file(&part, b"", Time::ZERO));
        if made.is_err() {
            return nonsense(format!(
                "jobs[{index}].output is {output}, and there is no directory to hold it"
            ));
        }
    }
    for (index, job) in jobs.iter().enumerate() {
        check_listing(&mut storage, index, job).map_err(|_| {
            Nonsense(format!("jobs[{index}].inputs name also an output of a job; they must be apart"))
        })?;
    }
    Ok(())
}

/// The path that could not be made, if one could not.
fn lay_out(storage: &mut FileSystem, jobs: &[JobSetting]) -> Result<(), PathBytes> {
    let parent = |path: &PathBytes| path.split_name().map(|(parent, _)| parent);
    let files: Vec<&InputText> = jobs.iter().flat_map(|job| &job.files).collect();
    let in_the_way: Vec<InputText> =
        jobs.iter().filter(|job| !job.output_is_taken()).flat_map(JobSetting::stands_there).collect();
    let directories = [Some(PathBytes::from(HOME))].into_iter();
    let directories = directories
        .chain(jobs.iter().map(|job| job.inputs.first().and_then(parent)))
        .chain(files.iter().map(|file| parent(&file.path)))
        .chain(in_the_way.iter().map(|file| parent(&file.path)))
        .flatten()
        .chain(jobs.iter().filter(|job| job.files.is_empty()).flat_map(|job| job.inputs.clone()));
    for path in directories {
        storage.create_directories(&path).map_err(|_| path)?;
    }
    for path in files.iter().map(|file| &file.path).chain(in_the_way.iter().map(|file| &file.path)) {
        if storage.exists(path) || storage.write_file(path, b"", Time::ZERO).is_err() {
            return Err(path.clone());
        }
    }
    Ok(())
}

fn check_listing(storage: &mut FileSystem, index: usize, job: &JobSetting) -> Result<(), Nonsense> {
    let request = FileRequest::ListInputs { inputs: job.inputs.clone() };
    let FileAnswer::Listed(listed) = perform_file_request(storage, &request, Time::ZERO) else {
        unreachable!("inputs are listed when they are asked for");
    };
    let named = listed.map_err(|error| match error {
        ListError::NotFound { input } => {
            Nonsense(format!("jobs[{index}].inputs: {input} names none of its files"))
        }
        ListError::Unreadable { path, error } => {
            Nonsense(format!("jobs[{index}].inputs name {path}: {}", error.text))
        }
    })?;
    let differing = named.iter().map(|file| &file.path).ne(job.files.iter().map(|file| &file.path));
    if differing {
        let named: Vec<String> = named.iter().map(|file| file.path.to_string()).collect();
        let files: Vec<String> = job.files.iter().map(|file| file.path.to_string()).collect();
        return nonsense(format!(
            "jobs[{index}].inputs name [{}], and its files are [{}]: they must be the same, in this order",
            named.join(", "),
            files.join(", ")
        ));
    }
    Ok(())
}
