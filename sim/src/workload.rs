//! What users ask for: owns the jobs of a scenario with their input, generated from a seed.

mod mistake;
mod overwriting;

pub use mistake::Mistake;
pub use overwriting::Overwritten;

use crate::disk::stored;
use crate::operators::Attention;
use crate::process::UserFunction;
use crate::scenario::FaultKind;
use crate::stream::{Ratio, Stream};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use windrow_core::failure::{ExitStatus, OsErrorKind};
use windrow_core::job::{JobSpecification, PathBytes, Priority};
use windrow_core::limits::{BLOCK_BYTES, SORT_BYTES_MIN, TASK_TIMEOUT_US_MIN};
use windrow_core::time::{MILLISECOND_US, SECOND_US};

/// Where programs start.
pub const HOME: &str = "/shared/home";

/// For how long a client tries an absent Manager again, unless its user is impatient.
pub const PATIENCE_US: u64 = 60 * SECOND_US;

/// Maps of a job at the most whose mapper takes its time.
const SLOW_MAPS_MAX: u64 = 6;

/// How long a program may sleep that may be silent for so long by the fastest of clocks, which its worker may have.
pub const fn longest_nap_us(timeout_us: u64) -> u64 {
    timeout_us / 10 * 7
}

/// A file that is there before the world begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputText {
    /// Where.
    pub path: PathBytes,
    /// What it holds, through gunzip where it is called `.gz`.
    #[serde(with = "serde_bytes")]
    pub bytes: Vec<u8>,
}

impl InputText {
    /// What stands on the disk.
    pub fn stored(&self) -> Vec<u8> {
        stored(&self.path, &self.bytes)
    }
}

/// A job and its client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobSetting {
    /// When the client starts.
    pub submit_us: u64,
    /// After how long the user gives the job up, if he does.
    pub cancel_after_us: Option<u64>,
    /// After how long another client submits the same job under the same key, if one does.
    pub again_after_us: Option<u64>,
    /// What becomes of it beside that.
    #[serde(default)]
    pub attention: Attention,
    /// For how long its clients try an absent Manager again. A user whose client gave up earlier than others would starts
    /// another.
    pub patience_us: u64,
    /// The files that its inputs name, in the order in which they are read.
    pub files: Vec<InputText>,
    /// What the inputs are called: files, directories or patterns.
    pub inputs: Vec<PathBytes>,
    /// Where the output goes.
    pub output: PathBytes,
    /// Reads the input.
    pub mapper: UserFunction,
    /// Reads each partition; `None` if there are none.
    pub reducer: Option<UserFunction>,
    /// How many partitions.
    pub reducers: u32,
    /// Bytes of a split at the most.
    pub split_bytes: u64,
    /// Whether its user takes whatever comes of a mapper that is not deterministic.
    pub accepts_nondeterminism: bool,
    /// How many records may be left out on which the mapper fails.
    pub max_skipped_records: u32,
    /// Whether output is synced.
    pub sync: bool,
    /// Whether its output replaces what is there, and what that is; if it does, it is synced in any case.
    #[serde(default)]
    pub overwrites: Option<Overwritten>,
    /// Its weight beside other jobs.
    pub priority: Priority,
    /// For how long its programs may be silent; 0 for ever.
    pub task_timeout_us: u64,
    /// What its user gets wrong, so that it cannot be run.
    pub mistake: Option<Mistake>,
}

impl JobSetting {
    /// Whether a program of it may never end.
    pub fn hangs(&self) -> bool {
        let hangs = |function: &UserFunction| function.fault() == Some(FaultKind::ProgramHangs);
        hangs(&self.mapper) || self.reducer.as_ref().is_some_and(hangs)
    }

    /// Whether it comes to no end unless its user gives it up.
    pub fn never_ends(&self) -> bool {
        self.hangs() && self.task_timeout_us == 0
    }

    /// Whether its clients give up earlier than others.
    pub fn is_impatient(&self) -> bool {
        self.patience_us < PATIENCE_US
    }

    /// Files that are there because of what its user gets wrong, and stay as they are.
    pub fn stands_there(&self) -> Vec<InputText> {
        self.mistake.map(|mistake| mistake.stands_there(self)).unwrap_or_default()
    }

    /// What the cluster may not read, or not write into.
    pub fn forbidden(&self) -> Option<PathBytes> {
        self.mistake.and_then(|mistake| mistake.forbidden(self))
    }

    /// Whether its output is synced.
    pub fn is_synced(&self) -> bool {
        self.sync || self.overwrites.is_some()
    }

    /// Whether something stands where its output is to go, so that none of its own can show.
    pub fn output_is_taken(&self) -> bool {
        self.mistake == Some(Mistake::OutputExists)
    }

    /// What the client submits.
    pub fn specification(&self) -> JobSpecification {
        let mut specification = self.right_specification();
        if let Some(mistake) = self.mistake {
            mistake.spoil(self, &mut specification);
        }
        specification
    }

    fn right_specification(&self) -> JobSpecification {
        JobSpecification {
            name: self.output.to_string(),
            inputs: self.inputs.clone(),
            output: self.output.clone(),
            mapper: self.mapper.command(),
            reducer: self.reducer.as_ref().map(UserFunction::command),
            reducers: self.reducers,
            split_bytes: self.split_bytes,
            directory: HOME.into(),
            environment: Vec::new(),
            accepts_nondeterminism: self.accepts_nondeterminism,
            max_skipped_records: self.max_skipped_records,
            has_side_effects: false,
            sync: self.is_synced(),
            overwrites: self.overwrites.is_some(),
            priority: self.priority,
            task_timeout_us: self.task_timeout_us,
        }
    }
}

/// The jobs of a seed, with programs and users that fail as far as `kinds` says.
pub fn from_seed(seed: u64, kinds: &BTreeSet<FaultKind>) -> Vec<JobSetting> {
    let count = Stream::new(seed, "workload").between(1, 2);
    let stream = |name: &str, index| Stream::new(seed, &format!("{name} {index}"));
    let job = |index| {
        let mut job = job(seed, index, kinds);
        job.priority = *stream("priority of job", index).pick(&Priority::ALL);
        job.overwrites = Overwritten::draw(&mut stream("what stands in the place of output", index));
        if kinds.contains(&FaultKind::Operators) {
            job.attention = Attention::draw(&mut stream("attention to job", index));
            // Who leaves a job that never ends could not give it up.
            job.attention.wait_after_us = job.attention.wait_after_us.filter(|_| !job.hangs());
        }
        job
    };
    (0..count).map(job).collect()
}

fn job(seed: u64, index: u64, kinds: &BTreeSet<FaultKind>) -> JobSetting {
    let stream = &mut Stream::new(seed, &format!("job {index}"));
    let reducers = *stream.pick(&[0, 1, 1, 2, 3, 5]);
    let (mapper, reducer) = functions(stream, kinds);
    let poison = match mapper {
        UserFunction::FailOn { .. } => Some(Ratio::one_in(150)),
        _ => kinds.contains(&FaultKind::ProgramFails).then_some(Ratio::one_in(500)),
    };
    let directory = PathBytes::from(format!("/shared/in {index}").as_str());
    let files: Vec<InputText> = (0..stream.between(0, 4))
        .map(|file| {
            let suffix = if stream.chance(Ratio::one_in(12)) { ".gz" } else { "" };
            InputText { path: directory.join(format!("text-{file}{suffix}")), bytes: text(stream, poison) }
        })
        .collect();
    // Some thirty splits at the most: more cost time and show nothing new.
    let total_bytes: u64 = files.iter().map(|file| file.bytes.len() as u64).sum();
    let magnitude = stream.between(6, 14);
    let split_bytes = stream.between(1, 1 << magnitude).max(total_bytes / 30).max(1);
    let inputs = match stream.below(3) {
        _ if files.is_empty() => vec![directory],
        0 => vec![directory],
        1 => vec![directory.join("text-*")],
        _ => files.iter().map(|file| file.path.clone()).collect(),
    };
    let (cancelled, again) = (kinds.contains(&FaultKind::Cancel), kinds.contains(&FaultKind::SubmitTwice));
    let mut job = JobSetting {
        submit_us: stream.below(800 * MILLISECOND_US),
        cancel_after_us: (cancelled && stream.chance(Ratio::one_in(2))).then(|| patience_us(stream)),
        again_after_us: again.then(|| patience_us(stream)),
        attention: Attention::default(),
        patience_us: PATIENCE_US,
        inputs,
        output: format!("/shared/out {index}").as_str().into(),
        mapper,
        reducer: (reducers > 0).then_some(reducer),
        reducers,
        split_bytes,
        accepts_nondeterminism: false,
        max_skipped_records: 0,
        sync: stream.chance(Ratio::one_in(2)),
        overwrites: None,
        priority: Priority::Normal,
        task_timeout_us: 0,
        mistake: None,
        files,
    };
    // What is spilled does not lie long: a disk that rots meets it only where it is sought.
    let spills = if kinds.contains(&FaultKind::Rot) { Ratio::one_in(5) } else { Ratio::one_in(40) };
    if stream.chance(spills) {
        make_it_spill(&mut job, stream);
    }
    if kinds.contains(&FaultKind::Impatience) {
        let magnitude = stream.between(17, 20);
        job.patience_us = stream.between(1 << 17, 1 << magnitude);
    }
    if job.mapper == UserFunction::Unstable {
        job.accepts_nondeterminism = stream.chance(Ratio::one_in(4));
    }
    give_a_timeout(&mut job, &mut Stream::new(seed, &format!("task timeout {index}")));
    if job.never_ends() || job.hangs() && stream.chance(Ratio::one_in(2)) {
        job.cancel_after_us.get_or_insert_with(|| patience_us(stream));
    }
    if kinds.contains(&FaultKind::Mistake) && stream.chance(Ratio::one_in(2)) {
        job.mistake = Some(*stream.pick(Mistake::ALL));
    }
    if kinds.contains(&FaultKind::ProgramFails) {
        make_records_bad(&mut job, stream);
    }
    job
}

/// Has more jobs meet records on which their mapper fails, some of them in ways that are hard to find, and bear some.
fn make_records_bad(job: &mut JobSetting, stream: &mut Stream) {
    let magnitude = stream.between(1, 8);
    match &mut job.mapper {
        UserFunction::Quit { status } if stream.chance(Ratio::one_in(3)) => *status = ExitStatus::Code(1),
        UserFunction::Abandon { bytes } => *bytes = stream.below(1 << magnitude),
        UserFunction::Identity | UserFunction::KeyByFirstByte if stream.chance(Ratio::one_in(2)) => {
            job.mapper = UserFunction::FailOn { word: "poison".into() };
        }
        _ => {}
    }
    if job.mapper.fault() == Some(FaultKind::ProgramFails) {
        job.max_skipped_records = *stream.pick(&[0, 1, 3, 6, 20]);
    }
}

/// Allows the job's programs some silence, if any; sometimes one takes its time, by computing for longer than that, or by
/// sleeping for less.
fn give_a_timeout(job: &mut JobSetting, stream: &mut Stream) {
    if stream.chance(Ratio::one_in(2)) {
        return;
    }
    let timeout_us = stream.between(TASK_TIMEOUT_US_MIN, 2 * TASK_TIMEOUT_US_MIN);
    job.task_timeout_us = timeout_us;
    if !stream.chance(Ratio::one_in(6)) {
        return;
    }
    let slow = if stream.chance(Ratio::one_in(2)) {
        UserFunction::Ponder { us: stream.between(timeout_us, 2 * timeout_us) }
    } else {
        UserFunction::Nap { us: stream.between(timeout_us / 4, longest_nap_us(timeout_us)) }
    };
    let bytes: u64 = job.files.iter().map(|file| file.bytes.len() as u64).sum();
    match &mut job.reducer {
        Some(reducer) if reducer.fault().is_none() => *reducer = slow,
        None if job.mapper.fault().is_none() && bytes / job.split_bytes < SLOW_MAPS_MAX => job.mapper = slow,
        Some(_) | None => {}
    }
}

/// Has a job's one file mapped at once, to more than fits the memory for sorting.
fn make_it_spill(job: &mut JobSetting, stream: &mut Stream) {
    job.files.truncate(1);
    let Some(file) = job.files.first() else { return };
    let input_bytes = file.bytes.len() as u64;
    let output_bytes = stream.between(SORT_BYTES_MIN as u64 / 2, 2 * SORT_BYTES_MIN as u64);
    // Two bytes of input make a record of about ten.
    let times = (output_bytes / (input_bytes * 3).max(1)).clamp(1, 20_000) as u32;
    job.inputs = vec![file.path.clone()];
    job.split_bytes = input_bytes.max(1);
    job.mapper = UserFunction::Multiply { times };
    if job.reducers > 0 {
        job.reducer = Some(stream.pick(&[UserFunction::Sum, UserFunction::Identity]).clone());
    }
}

/// How programs end that fail: by codes that mean something to a shell or to `grep`, and by signals.
const STATUSES: [ExitStatus; 18] = [
    ExitStatus::Code(1),
    ExitStatus::Code(2),
    ExitStatus::Code(126),
    ExitStatus::Code(127),
    ExitStatus::Code(137),
    ExitStatus::Signal(4),
    ExitStatus::Signal(6),
    ExitStatus::Signal(7),
    ExitStatus::Signal(8),
    ExitStatus::Signal(9),
    ExitStatus::Signal(10),
    ExitStatus::Signal(11),
    ExitStatus::Signal(13),
    ExitStatus::Signal(24),
    ExitStatus::Signal(25),
    ExitStatus::Signal(31),
    ExitStatus::Signal(40),
    ExitStatus::Signal(64),
];

/// How long a user waits: as likely short as long, up to two seconds.
fn patience_us(stream: &mut Stream) -> u64 {
    let magnitude = stream.between(10, 21);
    stream.below(1 << magnitude)
}

/// Mapper and reducer: well-behaved ones mostly; those that misbehave only where the seed has them.
fn functions(stream: &mut Stream, kinds: &BTreeSet<FaultKind>) -> (UserFunction, UserFunction) {
    let (poison, some) = (|| "poison".to_string(), Ratio::one_in(400));
    if stream.chance(Ratio::one_in(30)) {
        let daemon = UserFunction::Daemon { escapes: stream.chance(Ratio::one_in(2)) };
        let pairs = [(daemon.clone(), UserFunction::Identity), (UserFunction::KeyByFirstByte, daemon)];
        return stream.pick(&pairs).clone();
    }
    let mut pairs = vec![
        (UserFunction::CountWords, UserFunction::Sum),
        (UserFunction::CountWords, UserFunction::Sum),
        (UserFunction::KeyByFirstByte, UserFunction::Identity),
        (UserFunction::Identity, UserFunction::Identity),
    ];
    if kinds.contains(&FaultKind::ProgramFails) {
        let quit = UserFunction::Quit { status: *stream.pick(&STATUSES) };
        let why = *stream.pick(&[
            OsErrorKind::NotFound,
            OsErrorKind::PermissionDenied,
            OsErrorKind::NotExecutable,
            OsErrorKind::Other,
        ]);
        let unstartable = UserFunction::Unstartable { why };
        pairs.extend([
            (UserFunction::FailOn { word: poison() }, UserFunction::Identity),
            (UserFunction::KeyByFirstByte, UserFunction::FailOn { word: poison() }),
            (UserFunction::Abandon { bytes: stream.below(9) }, UserFunction::Identity),
            (UserFunction::Flaky { ratio: some }, UserFunction::Flaky { ratio: some }),
            (UserFunction::Identity, UserFunction::Missing),
            (quit.clone(), UserFunction::Identity),
            (UserFunction::KeyByFirstByte, quit),
            (unstartable, UserFunction::Identity),
        ]);
    }
    if kinds.contains(&FaultKind::ProgramHangs) {
        let bytes = stream.below(2_000);
        pairs.extend([
            (UserFunction::Hang { bytes }, UserFunction::Identity),
            (UserFunction::KeyByFirstByte, UserFunction::Hang { bytes }),
        ]);
    }
    if kinds.contains(&FaultKind::ProgramUnstable) {
        let unstable = || (UserFunction::Unstable, UserFunction::Identity);
        pairs.extend([unstable(), unstable(), unstable()]);
    }
    stream.pick(&pairs).clone()
}

/// Lines of words from a small vocabulary, so that keys repeat; some lines are empty, have tabs or strange bytes.
fn text(stream: &mut Stream, poison: Option<Ratio>) -> Vec<u8> {
    let magnitude = stream.between(0, 9);
    let lines = stream.below(1 << magnitude);
    let vocabulary = stream.between(1, 200);
    let mut text = Vec::new();
    for _ in 0..lines {
        for word in 0..stream.below(12) {
            if word > 0 {
                text.push(*stream.pick(b"     \t"));
            }
            let number = stream.below(vocabulary);
            text.extend(format!("w{}", number * number % 9_973).bytes());
            // Keys that differ only in zeros at their ends are hard to keep apart.
            if stream.chance(Ratio::one_in(100)) {
                text.push(0);
            }
        }
        if stream.chance(Ratio::one_in(60)) {
            text.extend([0, 0xFF, b'\r', stream.number() as u8 | 0x80]);
        }
        if poison.is_some_and(|ratio| stream.chance(ratio)) {
            text.extend(b" poison");
        }
        text.push(b'\n');
    }
    // Longer than a block of a run, or even than what is compressed.
    if stream.chance(Ratio::one_in(400)) {
        let block_bytes = BLOCK_BYTES as u64;
        let most_bytes = if stream.chance(Ratio::one_in(5)) { 20 * block_bytes } else { 3 * block_bytes };
        let pairs = stream.between(most_bytes - 2 * block_bytes, most_bytes) / 2;
        text.extend((0..pairs).flat_map(|pair| [b'a' + (pair % 26) as u8, b'-']));
        text.push(b'\n');
    }
    if stream.chance(Ratio::one_in(3)) {
        text.pop();
    }
    text
}
