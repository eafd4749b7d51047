//! How a worker ends what it is told to end: attempts, outputs, jobs, itself.

use super::*;
use crate::wire::message::Verdict;

#[test]
fn killing_ends_what_gathers_at_once_and_what_runs_when_it_ended() {
    let mut stage = Stage::new(1);
    stage.register(1);
    stage.say(&launch(REDUCE));
    stage.say(&launch(MAP));
    let kill = |task| ToWorker::Kill { attempt: attempt(task) };
    assert_eq!(stage.say(&kill(REDUCE)), ["shuffle Abandon", "Ended reduce-00000-1-0"]);
    assert_eq!(stage.say(&kill(MAP)), ["kill map-00000-1-0"]);
    let killed = Err(Failure::new(Cause::Killed));
    assert_eq!(stage.local(WorkerInput::Ended(attempt(MAP), killed)), ["Ended map-00000-1-0"]);
}

#[test]
fn what_is_killed_before_it_had_a_slot_ends_at_once_and_never_starts() {
    let mut stage = Stage::new(1);
    stage.register(1);
    assert_eq!(stage.say(&launch(MAP)), ["start map-00000-1-0"]);
    stage.say(&launch(REDUCE));
    let report = ShuffleReport::Gathered { attempt: attempt(REDUCE), runs: Vec::new(), fetched_bytes: 0 };
    stage.local(WorkerInput::Shuffle(report));
    assert!(stage.say(&ToWorker::Run { attempt: attempt(REDUCE) }).is_empty());
    let second = TaskId::Map(1);
    assert!(stage.say(&launch(second)).is_empty());
    let kill = |task| ToWorker::Kill { attempt: attempt(task) };
    assert_eq!(stage.say(&kill(REDUCE)), ["shuffle Abandon", "Ended reduce-00000-1-0"]);
    assert_eq!(stage.say(&kill(second)), ["Ended map-00001-1-0"]);
    assert!(stage.say(&kill(second)).is_empty(), "it has ended");
    let lines = stage.local(WorkerInput::Ended(attempt(MAP), Ok(success())));
    assert_eq!(lines, ["shuffle Offer", "Ended map-00000-1-0"], "nothing waits for the slot");
    assert_eq!(stage.say(&launch(TaskId::Map(2))), ["start map-00002-1-0"]);
}

#[test]
fn stopping_says_goodbye_kills_forgets_and_then_ends() {
    let mut stage = Stage::new(1);
    stage.register(1);
    stage.say(&launch(MAP));
    assert_eq!(stage.local(WorkerInput::Stop), ["Goodbye", "kill map-00000-1-0"]);
    let killed = Err(Failure::new(Cause::Killed));
    assert_eq!(
        stage.local(WorkerInput::Ended(attempt(MAP), killed)),
        ["shuffle Forget", "close", "stopped"],
        "the scratch goes once nothing writes into it"
    );
}

fn judge(stage: &mut Stage, task: TaskId, verdict: Verdict) -> Vec<String> {
    stage.say(&ToWorker::Verdicts(Vec::from([(attempt(task), verdict)])))
}

#[test]
fn what_is_to_be_dropped_is_ended_and_never_reported() {
    let mut stage = Stage::new(1);
    stage.register(1);
    stage.say(&launch(MAP));
    assert!(judge(&mut stage, MAP, Verdict::Keep).is_empty());
    assert_eq!(judge(&mut stage, MAP, Verdict::Drop), ["kill map-00000-1-0"]);
    assert_eq!(stage.local(WorkerInput::Ended(attempt(MAP), Ok(success()))), ["shuffle Withdraw"]);
    stage.say(&launch(REDUCE));
    assert_eq!(judge(&mut stage, REDUCE, Verdict::Drop), ["shuffle Abandon"]);
    stage.close();
    assert_eq!(stage.register(2)[2], "Inventory []");
}

#[test]
fn an_output_that_is_to_be_dropped_is_removed_whether_its_end_was_acknowledged_or_not() {
    for is_acknowledged in [false, true] {
        let mut stage = Stage::new(1);
        stage.register(1);
        stage.say(&launch(MAP));
        stage.local(WorkerInput::Ended(attempt(MAP), Ok(success())));
        if is_acknowledged {
            stage.say(&ToWorker::Acknowledged { attempt: attempt(MAP), counts: true });
        }
        assert_eq!(judge(&mut stage, MAP, Verdict::Drop), ["shuffle Withdraw"]);
        stage.close();
        assert_eq!(stage.register(2)[2], "Inventory []");
    }
}

#[test]
fn a_job_that_is_over_is_forgotten_once_nothing_of_it_runs() {
    let mut stage = Stage::new(1);
    stage.register(1);
    stage.say(&launch(MAP));
    stage.say(&launch(TaskId::Map(1)));
    assert_eq!(stage.say(&ToWorker::DropJob { job: JobId(2) }), [""; 0], "it has nothing of that job");
    assert_eq!(stage.say(&ToWorker::DropJob { job: JobId(1) }), ["kill map-00000-1-0"]);
    let killed = Err(Failure::new(Cause::Killed));
    assert_eq!(stage.local(WorkerInput::Ended(attempt(MAP), killed)), ["shuffle Forget"]);
    let forgotten = ShuffleReport::Forgotten { job: JobId(1) };
    assert_eq!(stage.local(WorkerInput::Shuffle(forgotten)), ["notice JobDropped"]);
}
