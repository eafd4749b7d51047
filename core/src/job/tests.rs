//! Figures, paths, and where a job's output is staged.

use super::*;
use crate::ids::{Epoch, TaskId};

/// Figures that are all different: `from`, `from` + `step`, and so on.
fn figures(from: u64, step: u64) -> Counters {
    Counters {
        map_input_bytes: from,
        map_input_records: from + step,
        map_output_bytes: from + 2 * step,
        map_output_records: from + 3 * step,
        spilled_bytes: from + 4 * step,
        fetched_bytes: from + 5 * step,
        reduce_input_records: from + 6 * step,
        reduce_input_groups: from + 7 * step,
        output_bytes: from + 8 * step,
        output_records: from + 9 * step,
    }
}

#[test]
fn each_figure_adds_up_and_is_taken_away_again() {
    let mut sum = figures(100, 1);
    sum.add(&figures(2_000, 10));
    assert_eq!(sum, figures(2_100, 11));
    sum.subtract(&figures(100, 1));
    assert_eq!(sum, figures(2_000, 10));
}

#[test]
fn a_path_is_split_into_its_directory_and_its_name() {
    let split = |path: &str| {
        PathBytes::from(path).split_name().map(|(directory, name)| (directory, PathBytes(name.to_vec())))
    };
    let parts = |directory: &str, name: &str| Some((PathBytes::from(directory), PathBytes::from(name)));
    assert_eq!(split("/data/out"), parts("/data", "out"));
    assert_eq!(split("/data/out/"), parts("/data", "out"));
    assert_eq!(split("/out"), parts("/", "out"));
    assert_eq!(split("/"), None);
    assert_eq!(split("//"), None);
    assert_eq!(split(""), None);
}

#[test]
fn a_name_is_joined_by_one_slash() {
    assert_eq!(PathBytes::from("/data").join("out"), PathBytes::from("/data/out"));
    assert_eq!(PathBytes::from("/").join("out"), PathBytes::from("/out"));
}

#[test]
fn only_the_suffix_gz_declares_gzip() {
    assert_eq!(Encoding::of_path(&PathBytes::from("/in.gz")), Encoding::Gzip);
    assert_eq!(Encoding::of_path(&PathBytes::from("/in.gz/a")), Encoding::Plain);
}

#[test]
fn staging_is_a_hidden_sibling_of_the_output_and_every_attempt_has_a_file_of_its_own_in_it() {
    let staging = Staging::beside(&PathBytes::from("/data/out"), 0xabc);
    let inside = |name: &str| PathBytes::from("/data/.out.windrow-0000000000000abc").join(name);
    let file = |task, number| staging.output_of(&AttemptId { job: JobId(1), task, epoch: Epoch(2), number });
    assert_eq!(staging.nonce_path(), inside("nonce"));
    assert_eq!(staging.whole(), inside("output"));
    assert_eq!(file(TaskId::Map(7), 3), inside("map-00007-2-3"));
    assert_eq!(file(TaskId::Reduce(7), 0), inside("reduce-00007-2-0"));
}
