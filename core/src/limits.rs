//! The bounds of everything that could grow: owns each as a named constant with its reason.
//!
//! Nothing here is a setting; what a user may set is an option of the command and travels as data.

use crate::time::{MILLISECOND_US, SECOND_US};

/// Payload of one frame. A length above it closes the connection before anything is read.
pub const FRAME_BYTES_MAX: usize = 4 << 20;
/// Payload of one raw frame that carries part of a run.
pub const CHUNK_BYTES: usize = 256 << 10;
/// Unsent bytes of one connection; beyond it the peer is taken to have stopped reading.
pub const UNSENT_BYTES_MAX: usize = 64 << 20;
/// A datagram that fits every usual path unfragmented.
pub const DATAGRAM_BYTES_MAX: usize = 1_200;
/// How long a peer may take over its handshake.
pub const HANDSHAKE_US: u64 = 10 * SECOND_US;
/// Connections that one node keeps open.
pub const CONNECTIONS_MAX: usize = 4_096;

/// How long a worker whose connection closed may take to dial again before its tasks run elsewhere.
pub const GRACE_US: u64 = SECOND_US;
/// How often a worker that has not yet been heard sends its first heartbeat again.
pub const FIRST_HEARTBEAT_US: u64 = 200 * MILLISECOND_US;
/// First and greatest pause between two attempts to dial.
pub const DIAL_BACKOFF_US: (u64, u64) = (50 * MILLISECOND_US, 2 * SECOND_US);
/// How long after its registration a worker whose heartbeats do not arrive is spoken of.
pub const UNHEARD_US: u64 = 3 * SECOND_US;
/// How often running attempts report how far they are.
pub const PROGRESS_US: u64 = 200 * MILLISECOND_US;

/// What a job's description may hold beside its inputs, and what may be told of a failure: each is repeated in messages
/// that must fit a frame.
pub const SPECIFICATION_BYTES_MAX: usize = 1 << 20;
/// A job's name.
pub const NAME_BYTES_MAX: usize = 1 << 10;
/// A path that is named by a job.
pub const PATH_BYTES_MAX: usize = 64 << 10;
/// Ended jobs whose report is kept.
pub const REPORTS_KEPT: usize = 1_000;
/// For how long it is kept, at the least until another job ends.
pub const REPORTS_KEPT_US: u64 = 7 * 24 * 3_600 * SECOND_US;
/// Workers of which it is kept that they are drained: those that never said goodbye would be kept for ever.
pub const DRAINS_KEPT: usize = 1_000;
/// Jobs in a list; each takes no more than a name and figures.
pub const JOBS_LISTED_MAX: usize = 1_000;
/// Attempts under way in what is told of a job.
pub const ATTEMPTS_LISTED_MAX: usize = 1_000;
/// Workers in a list.
pub const WORKERS_LISTED_MAX: usize = 4_096;
/// Bytes of a host's name that are told in a report.
pub const HOST_BYTES_SHOWN: usize = 255;
/// Names of jobs or workers that an error tells of where one is not found.
pub const NAMES_TOLD_MAX: usize = 10;
/// Failures of attempts that are kept for people, of all jobs and of one; each has the end of a program's stderr.
pub const FAILED_ATTEMPTS_KEPT: usize = 1_000;
/// See [`FAILED_ATTEMPTS_KEPT`].
pub const FAILED_ATTEMPTS_KEPT_OF_JOB: usize = 100;
/// Encoded failures in one answer.
pub const LOG_BYTES_MAX: usize = 2 << 20;
/// Workers that are gone whose hosts are still known by name.
pub const HOSTS_KEPT: usize = 1_000;
/// Records after which the journal begins anew with a snapshot: what is read in well under a second.
pub const SNAPSHOT_AFTER_BYTES: u64 = 16 << 20;

/// Effects that may wait for the journal before progress is told no more; a disk that works leaves far fewer.
pub const HELD_EFFECTS_USUAL: usize = 10_000;

/// Executions of one task that may fail by the program's own doing (Hadoop: `mapreduce.map.maxattempts`).
pub const ATTEMPTS_PER_TASK: u32 = 4;
/// Tasks that may fail in a row by a worker's own doing before it is given none for a while.
pub const FAILURES_IN_A_ROW: u32 = 3;
/// For how long a worker is given no tasks on which many failed: the first time, and at the most.
pub const WORKER_REST_US: (u64, u64) = (10 * SECOND_US, 120 * SECOND_US);
/// How long a task waits before a worker that failed it, by the worker's own doing, tries it again: the first time, and at
/// the most. Others may take it meanwhile.
pub const TASK_REST_US: (u64, u64) = (SECOND_US, 30 * SECOND_US);
/// For how long all workers that are there may fail a task by their own doing before its job is given up, unless the Manager
/// is told otherwise: what a person takes to notice, and to free a disk or start another worker.
pub const WORKER_PATIENCE_US: u64 = 60 * SECOND_US;
/// The same where the only worker there will ever be is the machine of a person who waits.
pub const LOCAL_PATIENCE_US: u64 = 5 * SECOND_US;
/// How often is looked for attempts that take far longer than others took.
pub const BACKUP_CHECK_US: u64 = SECOND_US;
/// How long an attempt has to take before a second one of its task can pay.
pub const BACKUP_AFTER_US: u64 = SECOND_US;
/// Second attempts that a job may have at once, for each hundred that it has under way (Google paper, 3.6: "no more than a
/// few percent"), and so many always: where little runs, little is to be lost.
pub const BACKUPS_PER_HUNDRED: u32 = 10;
/// See [`BACKUPS_PER_HUNDRED`].
pub const BACKUPS_ALWAYS: u32 = 2;
/// Executions of one task that may fail by map outputs that cannot be had.
pub const SHUFFLE_FAILURES_PER_TASK: u32 = 16;
/// Records that a job may set aside at the most: its report names each, and must fit a frame.
pub const SKIPPED_RECORDS_MAX: u32 = 500;
/// Times that what a search for a bad record has found must fail by itself before it is believed: programs that fail at
/// random are not to lose records.
pub const CONFIRMATIONS: u32 = 3;
/// Bytes of a bad record that are shown.
pub const EXCERPT_BYTES: usize = 80;
/// Reduce tasks that one slot may have in their fetching at the same time.
pub const FETCHING_PER_SLOT: u32 = 2;
/// Reducers of one job.
pub const REDUCERS_MAX: u32 = 100_000;
/// Splits of one job.
pub const SPLITS_MAX: usize = 1_000_000;
/// Entries of one page of map outputs.
pub const PAGE_ENTRIES: usize = 4_096;

/// Entries of all pages of an inventory.
pub const INVENTORY_ENTRIES_MAX: usize = 1 << 20;
/// Entries of one page of an inventory; each may hold a failure with its stderr.
pub const INVENTORY_PAGE_ENTRIES: usize = 128;

/// Uncompressed payload at which a block of a run is closed; only a record larger than this makes a larger block.
pub const BLOCK_BYTES: usize = 64 << 10;
/// One record: a key and its value.
pub const RECORD_BYTES_MAX: usize = 1 << 30;
/// Bytes asked of a file or a pipe at a time.
pub const READ_BYTES: usize = 256 << 10;
/// Runs merged at once at the most; more are first merged in neighbouring groups.
pub const MERGE_WIDTH_MAX: usize = 256;
/// The least memory for sorting that an attempt is given.
pub const SORT_BYTES_MIN: usize = 1 << 20;
/// The end of a program's stderr that is kept and shown.
pub const STDERR_TAIL_BYTES: usize = 8 << 10;
/// For how long a program may at the least be allowed to be silent: on a host that is busy, it may wait for the processor.
pub const TASK_TIMEOUT_US_MIN: u64 = SECOND_US;
/// How long pipes may stay open after a program has ended and its process group was killed.
pub const DRAIN_US: u64 = 2 * SECOND_US;

/// How long fetching one run may fail before its map is run again.
pub const FETCH_PATIENCE_US: u64 = 10 * SECOND_US;
/// Fetches from one other worker that may be under way for one worker.
pub const FETCHES_PER_PEER: usize = 4;
/// How long a peer that owes a run may send nothing before its connection is given up; it may read for many.
pub const FETCH_SILENCE_US: u64 = 30 * SECOND_US;
/// How long a connection to the shuffle port may stand without a byte coming or going.
pub const FETCHER_IDLE_US: u64 = 60 * SECOND_US;

/// How long a Manager may say nothing to a client whose job it runs or whose request it has (see [`PROGRESS_US`]).
pub const MANAGER_SILENCE_US: u64 = 10 * SECOND_US;

/// Encoded entries of one page of an inventory, so that a page of long failures fits a frame.
pub const INVENTORY_PAGE_BYTES: usize = 1 << 20;
/// Each text and each path of a failure that a worker reports. Linux knows no longer path; of a command line it shows
/// enough.
pub const FAILURE_TEXT_BYTES_MAX: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_something_is_larger_than_what_it_holds() {
        let failure_bytes = STDERR_TAIL_BYTES + 8 * FAILURE_TEXT_BYTES_MAX;
        let pairs = [
            (CHUNK_BYTES, FRAME_BYTES_MAX),
            (SPECIFICATION_BYTES_MAX + 4 * PATH_BYTES_MAX, FRAME_BYTES_MAX),
            (INVENTORY_PAGE_BYTES + failure_bytes, FRAME_BYTES_MAX),
            (failure_bytes, INVENTORY_PAGE_BYTES),
            (failure_bytes, SPECIFICATION_BYTES_MAX),
            (SKIPPED_RECORDS_MAX as usize * (FAILURE_TEXT_BYTES_MAX + 32), FRAME_BYTES_MAX),
            (4 * FRAME_BYTES_MAX, UNSENT_BYTES_MAX),
            (NAME_BYTES_MAX, FAILURE_TEXT_BYTES_MAX),
            (FAILURE_TEXT_BYTES_MAX, PATH_BYTES_MAX),
            (8 * BLOCK_BYTES, SORT_BYTES_MIN),
            (SORT_BYTES_MIN, RECORD_BYTES_MAX),
            (INVENTORY_PAGE_ENTRIES, INVENTORY_ENTRIES_MAX),
            (LOG_BYTES_MAX + failure_bytes, FRAME_BYTES_MAX),
            (JOBS_LISTED_MAX * (NAME_BYTES_MAX + 200), FRAME_BYTES_MAX),
            (WORKERS_LISTED_MAX * (HOST_BYTES_SHOWN + 100), FRAME_BYTES_MAX),
            (ATTEMPTS_LISTED_MAX * (HOST_BYTES_SHOWN + 200) + SPECIFICATION_BYTES_MAX, FRAME_BYTES_MAX),
            (FAILED_ATTEMPTS_KEPT_OF_JOB, FAILED_ATTEMPTS_KEPT),
            (REDUCERS_MAX as usize, SPLITS_MAX),
        ];
        for (small, large) in pairs {
            assert!(small <= large, "{small} does not fit {large}");
        }
    }

    #[test]
    fn who_waits_for_something_waits_for_longer_than_it_takes() {
        let (first_pause_us, greatest_pause_us) = DIAL_BACKOFF_US;
        let pairs = [
            (first_pause_us, greatest_pause_us),
            (greatest_pause_us, FETCH_PATIENCE_US),
            (first_pause_us, GRACE_US),
            (FIRST_HEARTBEAT_US, UNHEARD_US),
            (10 * PROGRESS_US, MANAGER_SILENCE_US),
            (DRAIN_US, FETCH_PATIENCE_US),
            (FETCH_PATIENCE_US, FETCH_SILENCE_US),
            (FETCH_SILENCE_US, FETCHER_IDLE_US),
            (TASK_REST_US.0, LOCAL_PATIENCE_US),
            (TASK_REST_US.1, WORKER_PATIENCE_US),
        ];
        for (short_us, long_us) in pairs {
            assert!(2 * short_us <= long_us, "{short_us} us is long beside {long_us} us");
        }
    }

    #[test]
    fn nothing_recurs_so_often_that_it_would_flood_a_peer() {
        for pause_us in [DIAL_BACKOFF_US.0, FIRST_HEARTBEAT_US, PROGRESS_US] {
            assert!(pause_us >= 10 * MILLISECOND_US, "every {pause_us} us");
        }
    }
}
