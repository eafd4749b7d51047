//! The closing summary of a job that succeeded: pure text of a [`JobReport`].

use super::text;
use indicatif::HumanCount;
use std::time::{Duration, SystemTime};
use windrow_core::failure::InputRange;
use windrow_core::job::{Counters, JobReport};
use windrow_core::time::WallTime;

/// Records that were left out, of which as many are told one by one.
const SKIPPED_TOLD: usize = 20;

/// What was read, made and moved, how long it took, and where the output is unless it `is_printed`.
pub fn summary(report: &JobReport, is_printed: bool) -> String {
    let tasks = match report.reduces {
        0 => text::counted(report.maps.into(), "map"),
        reduces => {
            format!(
                "{}, {}",
                text::counted(report.maps.into(), "map"),
                text::counted(reduces.into(), "reduce")
            )
        }
    };
    let elapsed = Duration::from_micros(report.elapsed_us);
    let mut lines =
        vec![format!("job {} `{}` done in {}: {tasks}", report.job, report.name, duration(elapsed))];
    lines.extend(figures(&report.counters, report.reduces > 0));
    if report.attempts_failed > 0 {
        lines.push(row(
            "failed",
            &format!("{}, run again", text::counted(report.attempts_failed.into(), "attempt")),
        ));
    }
    if report.attempts_backed_up > 0 {
        let attempts = text::counted(report.attempts_backed_up.into(), "slow attempt");
        lines.push(row("backed up", &attempts));
    }
    if report.maps_remade_differently > 0 {
        let maps = text::counted(report.maps_remade_differently.into(), "map");
        lines.push(row("warning", &format!("{maps} printed something else when run again")));
    }
    lines.extend(bad_records("left out", &report.skipped));
    if !report.skipped.is_empty() && !is_printed {
        lines.push(row("", &format!("their bytes are in {}/_quarantine", report.output)));
    }
    if !is_printed {
        lines.push(row("written to", &report.output.to_string()));
    }
    lines.join("\n")
}

/// Records on which the mapper fails, each in a line, as far as anyone reads that many.
pub fn bad_records(what: &'static str, skipped: &[InputRange]) -> Vec<String> {
    let mut names = vec![what];
    names.resize(skipped.len(), "");
    let told = names.iter().zip(skipped).take(SKIPPED_TOLD);
    let mut lines: Vec<String> = told.map(|(name, record)| row(name, &record.to_string())).collect();
    if skipped.len() > SKIPPED_TOLD {
        lines.push(row("", &format!("and {} more; --json tells them all", skipped.len() - SKIPPED_TOLD)));
    }
    lines
}

/// A line for each figure of a job, indented.
pub fn figures(counters: &Counters, has_reduces: bool) -> Vec<String> {
    let records = |records, bytes| format!("{}, {}", counted(records, "record"), text::size(bytes));
    let mut lines = vec![row("map input", &records(counters.map_input_records, counters.map_input_bytes))];
    if has_reduces {
        lines.push(row("map output", &records(counters.map_output_records, counters.map_output_bytes)));
        lines.push(row(
            "shuffle",
            &format!(
                "{} spilled, {} fetched",
                text::size(counters.spilled_bytes),
                text::size(counters.fetched_bytes)
            ),
        ));
        lines.push(row(
            "reduce input",
            &format!(
                "{}, {}",
                counted(counters.reduce_input_records, "record"),
                counted(counters.reduce_input_groups, "key")
            ),
        ));
    }
    lines.push(row("output", &records(counters.output_records, counters.output_bytes)));
    lines
}

/// `1 record`, `1,234 records`.
fn counted(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", HumanCount(number))
}

fn row(name: &str, text: &str) -> String {
    format!("  {name:<14}{text}")
}

/// A moment as the standard library, and those who build on it, know it.
pub fn system_time(moment: WallTime) -> SystemTime {
    // Later moments have no name in RFC 3339.
    const LAST_US: u64 = 253_402_300_799_000_000;
    SystemTime::UNIX_EPOCH + Duration::from_micros(moment.as_us().min(LAST_US))
}

/// As exact as anyone reads it.
pub fn duration(elapsed: Duration) -> String {
    match elapsed.as_millis() {
        ms @ ..1_000 => format!("{ms} ms"),
        ms @ ..60_000 => format!("{}.{:02} s", ms / 1_000, ms % 1_000 / 10),
        _ => humantime::format_duration(Duration::from_secs(elapsed.as_secs())).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::text::tests::report;
    use super::*;

    #[test]
    fn a_summary_has_records_bytes_time_and_place() {
        assert_eq!(
            summary(&report(), false),
            "job 1 `word count` done in 3.21 s: 10 maps, 4 reduces\n  \
             map input     1,234,567 records, 5.0 MiB\n  \
             map output    2,000 records, 3.0 MiB\n  \
             shuffle       0 B spilled, 1.0 MiB fetched\n  \
             reduce input  2,000 records, 30 keys\n  \
             output        30 records, 512 B\n  \
             written to    /data/out"
        );
    }

    #[test]
    fn a_job_of_maps_has_no_shuffle() {
        let mut report = report();
        (report.maps, report.reduces, report.attempts_failed) = (1, 0, 2);
        report.counters.output_records = 1;
        assert_eq!(
            summary(&report, true),
            "job 1 `word count` done in 3.21 s: 1 map\n  \
             map input     1,234,567 records, 5.0 MiB\n  \
             output        1 record, 512 B\n  \
             failed        2 attempts, run again"
        );
    }

    #[test]
    fn records_that_were_left_out_are_named() {
        let mut report = report();
        let range = |offset| InputRange { path: "/data/in".into(), offset, length_bytes: 5 };
        report.skipped = vec![range(7), range(70)];
        let text = summary(&report, false);
        let told = "\n  left out      /data/in, bytes 7 to 12\n                /data/in, bytes 70 to 75\n                \
                    their bytes are in /data/out/_quarantine\n  written to    /data/out";
        assert!(text.ends_with(told), "{text}");
        let many: Vec<InputRange> = (0..22).map(|number| range(10 * number)).collect();
        let lines = bad_records("left out", &many);
        assert_eq!(lines.len(), 21);
        assert_eq!(lines[20], "                and 2 more; --json tells them all");
    }

    #[test]
    fn durations_are_as_exact_as_anyone_reads_them() {
        for (ms, text) in
            [(0, "0 ms"), (999, "999 ms"), (1_000, "1.00 s"), (59_999, "59.99 s"), (61_500, "1m 1s")]
        {
            assert_eq!(duration(Duration::from_millis(ms)), text);
        }
    }
}
