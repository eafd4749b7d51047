//! A job whose programs say when they have begun and go on only when they are let, so that a test can strike at a moment that
//! it knows.

use super::reference::{lines, sorted};
use super::{Arrivals, Cluster, Gate, Place, Process, parts};
use std::path::PathBuf;

/// What programs do before they copy their input: say who they are, and wait.
pub const SAY_AND_WAIT: &str = "echo \"$1 $WORKER\" >\"$ARRIVALS\"; read -r _ <\"$GATE\"; exec cat";
/// What programs do that need not wait.
pub const SAY: &str = "echo \"$1 $WORKER\" >\"$ARRIVALS\"; exec cat";

/// A job over eight files, and what its programs speak and wait through.
pub struct Scene {
    /// Who does it.
    pub cluster: Cluster,
    /// What programs say.
    pub arrivals: Arrivals,
    /// What programs wait for.
    pub gate: Gate,
    /// Where its output goes.
    pub output: PathBuf,
    records: Vec<Vec<u8>>,
    /// Where it is.
    pub place: Place,
}

/// Files of its input, each a map.
pub const MAPS: usize = 8;

impl Scene {
    /// A cluster of so many workers, and the input.
    pub fn set(workers: usize) -> Scene {
        let place = Place::new();
        let mut records = Vec::new();
        for map in 0..MAPS {
            let text: String =
                (0..20_000).map(|line| format!("{}\tmap {map}, line {line}\n", line % 997)).collect();
            records.extend(lines(text.as_bytes()));
            place.file(&format!("input/{map}"), text);
        }
        let cluster = Cluster::start(&place, workers);
        let (arrivals, gate) = (Arrivals::new(&place, "arrivals"), Gate::closed(&place, "gate"));
        let output = place.path("output");
        Scene { cluster, arrivals, gate, output, records, place }
    }

    /// Submits the job with these scripts.
    pub fn submit(&self, mapper: &str, reducer: &str, reducers: usize) -> Process {
        let job = self.job(mapper, reducer, reducers);
        self.cluster.start_submit(&self.place, &job.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// The options of the job with these scripts.
    pub fn job(&self, mapper: &str, reducer: &str, reducers: usize) -> Vec<String> {
        let mapper = format!("{} map", self.place.program("mapper", mapper));
        let reducer = format!("{} reduce", self.place.program("reducer", reducer));
        let arrivals = format!("ARRIVALS={}", self.arrivals.path.display());
        let gate = format!("GATE={}", self.gate.path.display());
        let reducers = reducers.to_string();
        let output = self.output.to_str().expect("a place has a name that can be typed");
        let job = ["--input", "input", "--output", output, "--mapper", &mapper, "--reducer", &reducer];
        // What waits for the test is no straggler.
        let options = ["--side-effects", "--reducers", &reducers, "--env", &arrivals, "--env", &gate];
        [&job[..], &options[..]].concat().into_iter().map(String::from).collect()
    }

    /// Awaits the next program of a kind; gives the number of its worker.
    #[track_caller]
    pub fn next(&self, kind: &str) -> usize {
        loop {
            let line = self.arrivals.next();
            if let Some((said, worker)) = line.split_once(' ')
                && said == kind
            {
                return worker.parse().unwrap();
            }
        }
    }

    /// Panics unless the output is that of a job that nothing happened to.
    #[track_caller]
    pub fn expect_output(&self, reducers: usize) {
        let expected = sorted(self.records.clone(), reducers);
        assert!(parts(&self.output) == expected, "the output is not what it would have been");
    }
}

/// Awaits that all maps but the last are done and reducers have fetched runs of them.
pub fn await_shuffle(job: &mut Process) {
    while job.await_line("map 7 of 8").contains("shuffle 0%") {}
}
