//! Jobs at random: owns their strategies. Programs are put together so that the reference can tell what comes of them.

use proptest::collection::vec;
use proptest::prelude::*;
use sim::operators::Attention;
use sim::process::UserFunction;
use sim::stream::Ratio;
use sim::workload::{InputText, JobSetting, Mistake, Overwritten, PATIENCE_US, longest_nap_us};
use windrow_core::failure::{ExitStatus, OsErrorKind};
use windrow_core::job::{PathBytes, Priority};
use windrow_core::limits::TASK_TIMEOUT_US_MIN;

use crate::strategy::{beginning_us, duration_us};

/// Splits of a job at the most: more cost time and show nothing new.
const SPLITS_MAX: u64 = 10;

/// How the inputs of a job are named.
#[derive(Copy, Clone, Debug)]
enum Naming {
    Files,
    Pattern,
    Directory,
}

/// A job; which it is decides its paths, and is told later.
pub fn jobs() -> impl Strategy<Value = JobSetting> {
    let naming = prop_oneof![Just(Naming::Files), Just(Naming::Pattern), Just(Naming::Directory)];
    let attention = (rarely(), rarely(), rarely(), rarely());
    let task_timeout_us = prop_oneof![1 => Just(0), 1 => TASK_TIMEOUT_US_MIN..2 * TASK_TIMEOUT_US_MIN];
    let times = ((beginning_us(), rarely(), rarely(), attention), task_timeout_us);
    let data = (vec(text(), 0..4), naming, 1_u64..100);
    let sync = (any::<bool>(), overwritten());
    (times, data, functions(), 0_u32..4, sync, mistakes(), 0_u32..4).prop_map(
        |(
            (times, task_timeout_us),
            (texts, naming, split_bytes),
            (mapper, reducer),
            reducers,
            (sync, overwrites),
            mistake,
            skipped,
        )| {
            let directory = PathBytes::from("/shared/in");
            let total_bytes: u64 = texts.iter().map(|text| text.len() as u64).sum();
            let named = |(index, bytes)| InputText { path: directory.join(format!("text-{index}")), bytes };
            let files: Vec<InputText> = texts.into_iter().enumerate().map(named).collect();
            let inputs = match naming {
                Naming::Files if !files.is_empty() => files.iter().map(|file| file.path.clone()).collect(),
                Naming::Pattern if !files.is_empty() => vec![directory.join("text-*")],
                Naming::Files | Naming::Pattern | Naming::Directory => vec![directory],
            };
            let (submit_us, cancel_after_us, again_after_us, attention) = times;
            let (wait_after_us, kill_after_us, other_job_after_us, look_after_us) = attention;
            let mut job = JobSetting {
                submit_us,
                cancel_after_us,
                again_after_us,
                attention: Attention { wait_after_us, kill_after_us, other_job_after_us, look_after_us },
                patience_us: PATIENCE_US,
                files,
                inputs,
                output: "/shared/out".into(),
                mapper,
                reducer: (reducers > 0).then_some(reducer),
                reducers,
                split_bytes: split_bytes.max(total_bytes / SPLITS_MAX),
                accepts_nondeterminism: false,
                max_skipped_records: skipped,
                sync,
                overwrites,
                priority: Priority::Normal,
                task_timeout_us,
                mistake,
            };
            if job.never_ends() {
                job.cancel_after_us.get_or_insert(submit_us);
            }
            if job.hangs() {
                job.attention.wait_after_us = None;
            }
            job
        },
    )
}

fn mistakes() -> impl Strategy<Value = Option<Mistake>> {
    prop_oneof![9 => Just(None), 1 => proptest::sample::select(Mistake::ALL).prop_map(Some)]
}

fn overwritten() -> impl Strategy<Value = Option<Overwritten>> {
    prop_oneof![2 => Just(None), 1 => proptest::sample::select(Overwritten::ALL).prop_map(Some)]
}

fn rarely() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![3 => Just(None), 1 => duration_us().prop_map(Some)]
}

/// The same job with paths of its own.
pub fn apart(mut job: JobSetting, index: usize) -> JobSetting {
    let (shared, own) = ("/shared/in", format!("/shared/in {index}"));
    let moved = |path: &PathBytes| PathBytes::from(path.to_string().replacen(shared, &own, 1).as_str());
    job.inputs = job.inputs.iter().map(moved).collect();
    job.files.iter_mut().for_each(|file| file.path = moved(&file.path));
    job.output = format!("/shared/out {index}").as_str().into();
    job
}

/// Lines of few words, so that keys repeat; some are empty, have tabs or strange bytes.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        8 => "[a-e]{1,3}".prop_map(String::into_bytes),
        1 => Just(b"poison".to_vec()),
        1 => vec(any::<u8>(), 0..4),
        1 => Just(b"\t".to_vec()),
    ];
    let line = vec(word, 0..5).prop_map(|words| words.join(&b' '));
    (vec(line, 0..20), any::<bool>()).prop_map(|(lines, is_ended)| {
        let mut text = lines.join(&b'\n');
        if is_ended {
            text.push(b'\n');
        }
        text
    })
}

/// Mapper and reducer. Only counted words can be summed.
fn functions() -> impl Strategy<Value = (UserFunction, UserFunction)> {
    let failing = || {
        prop_oneof![
            2 => Just(UserFunction::FailOn { word: "poison".into() }),
            1 => (0_u64..200).prop_map(|bytes| UserFunction::Abandon { bytes }),
            2 => (0_u32..2, 1_u32..50).prop_map(|(numerator, denominator)| {
                UserFunction::Flaky { ratio: Ratio { numerator, denominator } }
            }),
            1 => (0_u64..200).prop_map(|bytes| UserFunction::Hang { bytes }),
            1 => Just(UserFunction::Missing),
            1 => Just(UserFunction::Quit { status: ExitStatus::Code(1) }),
            1 => Just(UserFunction::Unstartable { why: OsErrorKind::NotExecutable }),
        ]
    };
    let slow = || {
        prop_oneof![
            (0_u64..3 * TASK_TIMEOUT_US_MIN).prop_map(|us| UserFunction::Ponder { us }),
            (0..longest_nap_us(TASK_TIMEOUT_US_MIN)).prop_map(|us| UserFunction::Nap { us }),
        ]
    };
    let mapper = prop_oneof![
        2 => Just(UserFunction::Identity),
        2 => Just(UserFunction::CountWords),
        2 => Just(UserFunction::KeyByFirstByte),
        1 => Just(UserFunction::Unstable),
        1 => failing(),
        1 => slow(),
    ];
    let reducer = prop_oneof![
        2 => Just(UserFunction::Identity),
        1 => Just(UserFunction::KeyByFirstByte),
        1 => failing(),
        1 => slow(),
    ];
    prop_oneof![
        1 => Just((UserFunction::CountWords, UserFunction::Sum)),
        1 => (1_u32..50).prop_map(|times| (UserFunction::Multiply { times }, UserFunction::Sum)),
        4 => (mapper, reducer),
    ]
}
