//! Outputs that replace others: what is replaced, by which steps, and what a crash between any two of them leaves.

use super::*;
use crate::failure::Unreplaceable;
use crate::manager::files::{DirectoryIdentity, Inside, Occupant, is_of_an_output};

const OLD: DirectoryIdentity = DirectoryIdentity(7);

fn overwriting() -> JobSpecification {
    JobSpecification { overwrites: true, ..specification(0) }
}

/// An output of an earlier job.
fn old_output() -> Inside {
    let file = FileIdentity { inode: 8, size_bytes: 0, modified_ns: 0 };
    Inside { identity: OLD, has_success: true, stranger: None, files: vec![file] }
}

fn occupied(inside: Inside) -> FileAnswer {
    FileAnswer::Occupied(Occupant::Directory(inside))
}

fn refused(text: &str) -> FileAnswer {
    FileAnswer::Failed(OsError { kind: OsErrorKind::Other, text: text.into() })
}

fn exists() -> FileAnswer {
    FileAnswer::Failed(OsError { kind: OsErrorKind::Exists, text: "File exists".into() })
}

/// Answers and what comes of them, everything durable after each.
fn answered(stage: &mut Stage, answers: impl IntoIterator<Item = FileAnswer>) -> Vec<String> {
    let mut lines = Vec::new();
    for answer in answers {
        lines.extend(stage.answer(answer));
        lines.extend(stage.settle());
    }
    lines
}

/// A job of one map that replaces an output, and is about to look again at what that is.
fn put_together() -> Stage {
    let mut stage = Stage::new();
    let (worker, client) = worker_and_client(&mut stage, 1);
    let submitted = FromClient::Submit { key: SubmissionKey(1), specification: overwriting() };
    stage.say(client, &submitted);
    stage.settle();
    let listed = FileAnswer::Listed(Ok(inputs(1)));
    answered(&mut stage, [occupied(old_output()), listed]);
    answered(&mut stage, [0; 4].map(|_| FileAnswer::Done));
    let map = stage.launched[0];
    stage.ended(worker, map);
    assert_eq!(answered(&mut stage, [0; 4].map(|_| FileAnswer::Done)).last().unwrap(), "file sync STAGING");
    assert_eq!(answered(&mut stage, [FileAnswer::Done]), ["file inspect out"]);
    stage
}

#[test]
fn the_old_output_is_exchanged_and_removed_when_the_new_one_is_safe() {
    let mut stage = put_together();
    assert_eq!(stage.answer(occupied(old_output())), ["append JobPublishing"]);
    assert_eq!(stage.persist(), ["file exchange output out"], "once it is durable what is exchanged");
    assert_eq!(stage.answer(FileAnswer::Done), ["file sync data"]);
    assert_eq!(stage.answer(FileAnswer::Done), ["file remove STAGING"]);
    assert_eq!(stage.answer(FileAnswer::Done), ["append JobEnded"]);
    assert_eq!(stage.persist(), ["Client Ended well", "Worker DropJob { job: JobId(1) }"]);
}

#[test]
fn where_nothing_is_there_any_more_the_output_takes_its_place() {
    let mut stage = put_together();
    let lines = answered(&mut stage, [FileAnswer::Occupied(Occupant::Nothing)]);
    assert_eq!(lines, ["append JobPublishing", "file rename output out"]);
    let mut stage = put_together();
    let lines = answered(&mut stage, [occupied(old_output()), FileAnswer::NotThere]);
    assert_eq!(lines, ["append JobPublishing", "file exchange output out", "file rename output out"]);
}

#[test]
fn what_cannot_be_exchanged_is_moved_aside_which_is_durable_before() {
    let mut stage = put_together();
    answered(&mut stage, [occupied(old_output())]);
    assert_eq!(stage.answer(FileAnswer::NotSupported), ["append JobDisplacing"]);
    assert_eq!(stage.persist(), ["file relocate out displaced"]);
    assert_eq!(stage.answer(FileAnswer::Done), ["file rename output out"]);
    assert_eq!(stage.answer(FileAnswer::Done), ["file sync data"]);
    assert_eq!(answered(&mut stage, [FileAnswer::Done])[0], "file remove STAGING");
}

/// How a job ends that is displacing, after these answers; with the steps on the way.
fn displacing(answers: impl IntoIterator<Item = FileAnswer>) -> (Vec<String>, Cause) {
    let mut stage = put_together();
    answered(&mut stage, [occupied(old_output()), FileAnswer::NotSupported]);
    let lines = answered(&mut stage, answers);
    (lines, stage.report.expect("it ended").failure.expect("it failed").cause)
}

#[test]
fn an_output_whose_place_is_taken_meanwhile_is_put_back_or_kept() {
    let back = [FileAnswer::Done, refused("Input/output error"), FileAnswer::Done, FileAnswer::Done];
    let (lines, cause) = displacing(back.into_iter().chain([FileAnswer::Done]));
    assert_eq!(
        lines[..6],
        [
            "file rename output out",
            "file relocate displaced out",
            "file sync data",
            "append JobFailing",
            "file remove STAGING",
            "append JobEnded"
        ]
    );
    assert!(matches!(cause, Cause::OutputUnwritable { .. }), "{cause:?}");
    let (lines, cause) = displacing([FileAnswer::Done, exists(), exists()]);
    assert_eq!(
        lines[..4],
        ["file rename output out", "file relocate displaced out", "append JobFailing", "append JobEnded"],
        "its staging directory is not removed"
    );
    let Cause::OutputDisplaced { kept, .. } = cause else { panic!("{cause:?}") };
    assert!(kept.0.ends_with(b"/displaced"), "{kept}");
    let (_, cause) = displacing([
        FileAnswer::NotThere,
        exists(),
        FileAnswer::NotThere,
        FileAnswer::Done,
        FileAnswer::Done,
    ]);
    assert!(matches!(cause, Cause::OutputNotReplaceable { why: Unreplaceable::IsNew, .. }), "{cause:?}");
}

#[test]
fn what_is_kept_for_its_user_outlives_the_next_life() {
    let mut stage = put_together();
    answered(&mut stage, [occupied(old_output()), FileAnswer::Done, refused("Input/output error")]);
    let failure = stage.report.as_ref().and_then(|report| report.failure.clone()).expect("it failed");
    let Cause::OutputNotSynced { kept: Some(kept), .. } = failure.cause else { panic!("{failure:?}") };
    assert!(kept.0.ends_with(b"/output"), "{kept}: what was exchanged");
    assert!(stage.operations.is_empty(), "nothing is removed");
    let (mut stage, _) = stage.next_life();
    assert_eq!(stage.persist(), [""; 0]);
}

/// The steps that the next life takes, where the last one died after these answers.
fn taken_up(answers: Vec<FileAnswer>) -> Vec<String> {
    let mut stage = put_together();
    answered(&mut stage, answers);
    let (mut stage, _) = stage.next_life();
    let lines = stage.persist();
    lines.into_iter().chain(answered(&mut stage, [FileAnswer::Done, FileAnswer::Done])).collect()
}

#[test]
fn each_way_is_taken_up_where_the_journal_left_it() {
    let look = "file mkdir output";
    assert_eq!(taken_up(vec![])[0], look);
    for answers in [vec![], vec![FileAnswer::Done]] {
        let answers = [occupied(old_output())].into_iter().chain(answers).collect();
        let lines = taken_up(answers);
        assert_eq!(lines[..2], ["file exchange output out", "file sync data"]);
    }
    for answers in [vec![], vec![FileAnswer::Done], vec![FileAnswer::Done, FileAnswer::Done]] {
        let before = [occupied(old_output()), FileAnswer::NotSupported];
        let lines = taken_up(before.into_iter().chain(answers).collect());
        assert_eq!(
            lines[..3],
            ["file relocate out displaced", "file rename output out again", "file sync data"]
        );
    }
}

/// Why a job that is to replace this is refused, before anything is made.
fn refusal(occupant: Occupant) -> Option<Unreplaceable> {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    stage.say(client, &FromClient::Submit { key: SubmissionKey(1), specification: overwriting() });
    stage.settle();
    let listed = FileAnswer::Listed(Ok(inputs(1)));
    let mut lines = answered(&mut stage, [FileAnswer::Occupied(occupant)]);
    if lines == ["file list"] {
        lines = answered(&mut stage, [listed]);
    }
    if lines == ["file mkdir STAGING"] {
        return None;
    }
    assert_eq!(lines, ["append JobFailing", "file remove STAGING"]);
    answered(&mut stage, [FileAnswer::Done]);
    match stage.report.expect("it ended").failure.expect("it failed").cause {
        Cause::OutputNotReplaceable { why, .. } => Some(why),
        cause => panic!("{cause:?}"),
    }
}

#[test]
fn only_outputs_and_empty_directories_are_replaced() {
    let directory = |inside| refusal(Occupant::Directory(inside));
    let stranger = || Some(PathBytes::from("notes"));
    assert_eq!(refusal(Occupant::Nothing), None);
    assert_eq!(directory(old_output()), None);
    assert_eq!(directory(Inside { has_success: false, files: vec![], ..old_output() }), None);
    assert_eq!(refusal(Occupant::NoDirectory), Some(Unreplaceable::NoDirectory));
    assert_eq!(refusal(Occupant::Mount), Some(Unreplaceable::Mount));
    let unfinished = Inside { has_success: false, ..old_output() };
    assert_eq!(directory(unfinished), Some(Unreplaceable::NoOutput));
    let strange = Inside { has_success: false, stranger: stranger(), files: vec![], ..old_output() };
    assert_eq!(directory(strange), Some(Unreplaceable::NoOutput));
    let annotated = Inside { stranger: stranger(), ..old_output() };
    assert_eq!(directory(annotated), Some(Unreplaceable::Holds { stranger: "notes".into() }));
    let read = Inside { files: vec![inputs(1)[0].identity], ..old_output() };
    assert_eq!(directory(read), Some(Unreplaceable::HoldsInput { input: "/in".into() }));
}

#[test]
fn an_input_below_the_output_is_found_by_its_name() {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    stage.say(client, &FromClient::Submit { key: SubmissionKey(1), specification: overwriting() });
    stage.settle();
    let input = InputFile { path: "/data/out/part-00000".into(), ..inputs(1)[0].clone() };
    answered(&mut stage, [occupied(old_output()), FileAnswer::Listed(Ok(vec![input])), FileAnswer::Done]);
    let cause = stage.report.expect("it ended").failure.expect("it failed").cause;
    assert!(matches!(cause, Cause::OutputNotReplaceable { why: Unreplaceable::HoldsInput { .. }, .. }));
}

#[test]
fn two_jobs_of_which_one_replaces_do_not_share_an_output() {
    let taken = |first: JobSpecification, second: JobSpecification| {
        let mut stage = Stage::new();
        let client = stage.connect(Role::Client);
        for (key, specification) in [(1, first), (2, second)] {
            let looked = match specification.overwrites {
                true => FileAnswer::Occupied(Occupant::Nothing),
                false => FileAnswer::Found(false),
            };
            stage.say(client, &FromClient::Submit { key: SubmissionKey(key), specification });
            stage.settle();
            answered(&mut stage, [looked, FileAnswer::Listed(Ok(inputs(1)))]);
            answered(&mut stage, [0; 4].map(|_| FileAnswer::Done));
        }
        while !stage.operations.is_empty() {
            answered(&mut stage, [FileAnswer::Done]);
        }
        stage.report.and_then(|report| report.failure).map(|failure| failure.cause)
    };
    let is_taken = |cause: Option<Cause>| {
        matches!(cause, Some(Cause::OutputNotReplaceable { why: Unreplaceable::IsOf { job: JobId(1) }, .. }))
    };
    assert!(is_taken(taken(overwriting(), overwriting())));
    assert!(is_taken(taken(overwriting(), specification(0))), "it could come between two steps");
    assert!(is_taken(taken(specification(0), overwriting())));
    let elsewhere = JobSpecification { output: "/data/elsewhere".into(), ..overwriting() };
    assert_eq!(taken(overwriting(), elsewhere), None);
    assert_eq!(taken(specification(0), specification(0)), None, "the second to end finds it there");
}

#[test]
fn who_does_not_sync_does_not_replace() {
    let mut stage = Stage::new();
    let client = stage.connect(Role::Client);
    let specification = JobSpecification { sync: false, ..overwriting() };
    let lines = stage.say(client, &FromClient::Submit { key: SubmissionKey(1), specification });
    assert_eq!(lines, ["Client Refused"]);
}

#[test]
fn what_a_job_puts_into_its_output_is_told_from_all_else() {
    for name in ["_SUCCESS", "part-00000", "part-123456", "_quarantine/map-00012"] {
        assert!(is_of_an_output(name.as_bytes(), false), "{name}");
        assert!(!is_of_an_output(name.as_bytes(), true), "{name}");
    }
    assert!(is_of_an_output(b"_quarantine", true) && !is_of_an_output(b"_quarantine", false));
    for name in [
        "part-1",
        "part-0000x",
        "_success",
        "notes",
        "other/part-00000",
        "_quarantine/map-00000/x",
        "part-",
        "",
    ] {
        assert!(!is_of_an_output(name.as_bytes(), false), "{name}");
    }
}

/// What a directory holds.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Held {
    Old,
    New,
}

/// Storage of three places: the output's, and two in staging.
#[derive(Debug)]
struct Storage {
    out: Option<Held>,
    whole: Option<Held>,
    displaced: Option<Held>,
    can_exchange: bool,
}

impl Storage {
    /// Performs a request, as it is described.
    fn perform(&mut self, line: &str) -> FileAnswer {
        let old = Some(Held::Old);
        let (there, not_there) = (FileAnswer::Done, FileAnswer::NotThere);
        match line {
            "file inspect out" => match self.out {
                None => FileAnswer::Occupied(Occupant::Nothing),
                Some(Held::Old) => occupied(old_output()),
                Some(Held::New) => occupied(Inside { identity: DirectoryIdentity(9), ..old_output() }),
            },
            "file exchange output out" if self.whole == old => there,
            "file exchange output out" if self.out != old => not_there,
            "file exchange output out" if !self.can_exchange => FileAnswer::NotSupported,
            "file exchange output out" => {
                core::mem::swap(&mut self.whole, &mut self.out);
                there
            }
            "file relocate out displaced" => moved(&mut self.out, &mut self.displaced),
            "file relocate displaced out" => moved(&mut self.displaced, &mut self.out),
            "file rename output out" | "file rename output out again" => match (self.whole, self.out) {
                (Some(_), Some(_)) => exists(),
                (None, Some(_)) if line.ends_with("again") => there,
                (None, _) => refused("No such file or directory"),
                (Some(_), None) => {
                    core::mem::swap(&mut self.whole, &mut self.out);
                    there
                }
            },
            "file remove STAGING" => {
                (self.whole, self.displaced) = (None, None);
                there
            }
            _ => there,
        }
    }

    fn expect_one_or_the_other(&self) {
        let is_aside = !self.can_exchange && self.displaced == Some(Held::Old);
        assert!(self.out.is_some() || is_aside, "{self:?}");
    }
}

fn moved(from: &mut Option<Held>, to: &mut Option<Held>) -> FileAnswer {
    match (*from, *to) {
        (_, Some(Held::Old)) => FileAnswer::Done,
        (Some(Held::Old), None) => {
            core::mem::swap(from, to);
            FileAnswer::Done
        }
        (Some(Held::Old), Some(Held::New)) => exists(),
        (_, _) => FileAnswer::NotThere,
    }
}

/// A Manager that dies does so at one of these moments of the request or record that it is at.
#[derive(Copy, Clone, Debug)]
enum Death {
    Before,
    After,
}

proptest::proptest! {
    #[test]
    fn however_often_the_manager_dies_there_is_the_old_output_or_the_new_and_in_the_end_the_new(
        can_exchange: bool,
        deaths in proptest::collection::vec(
            (0_usize..12, proptest::sample::select(vec![Death::Before, Death::After])), 0..6
        ),
    ) {
        let mut stage = put_together();
        let mut storage =
            Storage { out: Some(Held::Old), whole: Some(Held::New), displaced: None, can_exchange };
        let mut pending = vec![String::from("file inspect out")];
        let mut deaths = deaths.into_iter();
        let mut next = deaths.next();
        while !matches!(stage.journal.last(), Some(Record::JobEnded { .. })) {
            let death = match &mut next {
                Some((0, death)) => Some(*death),
                Some((steps, _)) => {
                    *steps -= 1;
                    None
                }
                None => None,
            };
            let request = if pending.is_empty() { None } else { Some(pending.remove(0)) };
            let answer = match (&request, death) {
                (Some(line), None | Some(Death::After)) => Some(storage.perform(line)),
                (Some(_), Some(Death::Before)) | (None, _) => None,
            };
            storage.expect_one_or_the_other();
            let mut lines;
            if death.is_some() {
                pending.clear();
                next = deaths.next();
                (stage, lines) = stage.next_life();
            } else if let Some(answer) = answer {
                lines = stage.answer(answer);
            } else {
                // Nobody else has to be waited for.
                lines = stage.wait(10 * SECOND_US);
            }
            lines.extend(stage.settle());
            pending.extend(lines.into_iter().filter(|line| line.starts_with("file ")));
        }
        assert_eq!((storage.out, storage.whole, storage.displaced), (Some(Held::New), None, None));
    }
}
