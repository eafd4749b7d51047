//! From a seed that fails to something to read: owns the search for a small scenario that fails in the same way, and the
//! three files it is left in. Decides nothing about what is smaller; that is `sim`'s.

use super::files::{Trouble, try_directory, unwritable};
use super::record::Record;
use super::runs::{self, Breach};
use super::summary;
use crate::present::seeds::ShrinkBar;
use clap::Args;
use sim::scenario::Scenario;
use sim::shrink::shrink;
use sim::trace::Transcript;
use sim::world::Watch;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::{cell::RefCell, fmt};

/// Runs that shrinking may take: some tens of seconds, at the most a few minutes where every run goes on for long.
const BUDGET_RUNS: usize = 5_000;

/// What becomes of a seed that fails.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Shrinking")]
pub struct ShrinkOptions {
    /// Only tell which seeds fail; look for no smaller scenario and write no files
    #[arg(long)]
    pub no_shrink: bool,

    /// Where the small scenario, its transcript and its diagram are left; created if it is not there [default: .]
    #[arg(long, value_name = "DIR", conflicts_with = "no_shrink")]
    pub out: Option<PathBuf>,
}

impl ShrinkOptions {
    /// Finds out at the start whether files can be left where they were asked for.
    pub fn try_out(&self) -> Result<(), Trouble> {
        self.out.as_deref().map_or(Ok(()), try_directory)
    }

    /// Where files are left, as a person would write it: no `./` before a name.
    fn directory(&self) -> &Path {
        self.out.as_deref().filter(|out| *out != Path::new(".")).unwrap_or(Path::new(""))
    }
}

/// What is shrunk, and how what comes of it is called.
#[derive(Clone, Debug)]
pub struct Origin {
    /// For people.
    name: String,
    /// Of the files, before their endings.
    stem: String,
}

impl Origin {
    /// A seed.
    pub fn seed(seed: u64) -> Origin {
        Origin { name: format!("seed {seed}"), stem: format!("windrow-sim-{seed}") }
    }

    /// The scenario in a file; never would it be overwritten.
    pub fn file(file: &Path) -> Origin {
        let stem = match file.file_stem() {
            Some(stem) if file != Path::new("-") => stem.to_string_lossy(),
            Some(_) | None => "windrow-sim".into(),
        };
        Origin { name: file.to_string_lossy().into_owned(), stem: format!("{stem}-shrunk") }
    }
}

/// A small scenario that fails, and where it was left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Smallest {
    /// What it came from.
    pub name: String,
    /// What it breaks, and how large it is.
    pub what: String,
    /// How many runs it took.
    pub runs: usize,
    /// The scenario as text.
    pub scenario: PathBuf,
    /// All that happens, a line each.
    pub transcript: PathBuf,
    /// The page that draws it.
    pub diagram: PathBuf,
}

impl Smallest {
    /// The command that shows its run.
    pub fn replay(&self) -> String {
        summary::replay_of_file(&self.scenario, &[])
    }
}

impl fmt::Display for Smallest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Smallest { name, what, runs, scenario, transcript, diagram } = self;
        writeln!(f, "{name}, shrunk in {runs} runs: {what}")?;
        writeln!(f, "  scenario    {}", scenario.display())?;
        writeln!(f, "  transcript  {}", transcript.display())?;
        writeln!(f, "  diagram     {}", diagram.display())?;
        write!(f, "  {}", self.replay())
    }
}

/// Shrinks a scenario that fails and leaves what there is to read where the options say, until `is_wanted` says no more.
pub fn find(
    origin: &Origin,
    scenario: Scenario,
    options: &ShrinkOptions,
    is_wanted: impl Fn() -> bool,
) -> Result<Smallest, Trouble> {
    let run = |scenario: &Scenario| runs::run(scenario.clone(), Watch::default());
    let breach = Breach::of(&run(&scenario)).expect("it fails, as it did before");
    let bar = ShrinkBar::new(&origin.name, BUDGET_RUNS as u64);
    let mut runs = 0;
    let fails = |candidate: &Scenario| {
        if !is_wanted() {
            return false;
        }
        runs += 1;
        let fails = Breach::of(&run(candidate)).as_ref() == Some(&breach);
        bar.show(runs, fails.then(|| summary::shape(candidate)));
        fails
    };
    let smallest = shrink(scenario, fails, BUDGET_RUNS);
    bar.clear();
    write(origin, &smallest, runs as usize, options.directory())
}

fn write(origin: &Origin, scenario: &Scenario, runs: usize, out: &Path) -> Result<Smallest, Trouble> {
    if !out.as_os_str().is_empty() {
        fs::create_dir_all(out).map_err(|error| unwritable("--out", out, &error))?;
    }
    let Origin { name, stem } = origin;
    let path = |ending: &str| out.join(format!("{stem}.{ending}"));
    let mut smallest = Smallest {
        name: name.clone(),
        what: String::new(),
        runs,
        scenario: path("ron"),
        transcript: path("txt"),
        diagram: path("html"),
    };
    let text = scenario.to_text();
    fs::write(&smallest.scenario, &text).map_err(|error| unwritable("--out", &smallest.scenario, &error))?;

    let (record, lines) = (Record::default(), Lines::create(&smallest.transcript));
    let result = runs::run(scenario.clone(), record.watch(Some(lines.transcript())));
    record.end();
    let breach = Breach::of(&result).expect("it fails, as it did before");
    let name = format!("{name}, shrunk");
    lines
        .end(&summary::of_run(&name, scenario, &result))
        .map_err(|error| unwritable("--out", &smallest.transcript, &error))?;

    let title = format!("{name}: {}", breach.invariant);
    let page = record.page(&title, &smallest.replay(), &text, &summary::broken_promises(&result));
    fs::write(&smallest.diagram, page).map_err(|error| unwritable("--out", &smallest.diagram, &error))?;
    smallest.what = format!("{} with {}", breach.invariant, summary::shape(scenario));
    Ok(smallest)
}

/// Lines on their way to a file. The first trouble with it is told at the end.
#[derive(Clone)]
struct Lines(Rc<RefCell<io::Result<BufWriter<File>>>>);

impl Lines {
    fn create(path: &Path) -> Lines {
        Lines(Rc::new(RefCell::new(File::create(path).map(BufWriter::new))))
    }

    fn transcript(&self) -> Transcript {
        let lines = self.clone();
        Box::new(move |line| lines.add(line))
    }

    fn add(&self, line: &str) {
        let mut file = self.0.borrow_mut();
        if let Ok(writer) = &mut *file
            && let Err(error) = writeln!(writer, "{line}")
        {
            *file = Err(error);
        }
    }

    fn end(&self, last: &str) -> io::Result<()> {
        self.add(last);
        let ended = self.0.replace(Err(io::ErrorKind::Other.into()));
        ended.and_then(|mut file| file.flush())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim::workload::{InputText, Mistake};
    use windrow_core::job::PathBytes;

    /// Breaks a promise whatever core does: the input that its first user misses is there.
    fn failing() -> Scenario {
        let mut scenario = Scenario::from_seed(5);
        let path = PathBytes::from("/shared/out 0 no-such-input");
        scenario.jobs[0].mistake = Some(Mistake::NoSuchInput);
        scenario.jobs[0].inputs = vec![path.clone()];
        scenario.jobs[0].files = vec![InputText { path, bytes: Vec::new() }];
        scenario
    }

    fn options(out: &Path) -> ShrinkOptions {
        ShrinkOptions { no_shrink: false, out: Some(out.into()) }
    }

    #[test]
    fn what_fails_is_made_small_and_left_to_read() {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path().join("deep/in here");
        let found = find(&Origin::seed(5), failing(), &options(&out), || true).unwrap();
        let text = fs::read_to_string(&found.scenario).unwrap();
        let small = Scenario::from_text(&text).unwrap();
        assert_eq!(summary::shape(&small), "0 faults, 1 job, 1 worker, 0 lines of input");
        assert_eq!(
            found.what,
            "what is visible is whole and right with 0 faults, 1 job, 1 worker, 0 lines of input"
        );
        assert!(found.runs > 5 && found.runs < 500, "{}", found.runs);
        let transcript = fs::read_to_string(&found.transcript).unwrap();
        assert!(transcript.contains("manager <- Begin"), "{transcript}");
        let last = transcript.lines().last().unwrap();
        assert!(
            last.starts_with("seed 5, shrunk: what is visible is whole and right: /shared/out"),
            "{last}"
        );
        let page = fs::read_to_string(&found.diagram).unwrap();
        assert!(page.contains("seed 5, shrunk: what is visible is") && page.contains(r#"["violation","#));
        let told = found.to_string();
        assert!(told.ends_with("deep/in here/windrow-sim-5.ron' --transcript"), "{told}");
    }

    #[test]
    fn who_wants_no_more_gets_what_there_is() {
        let directory = tempfile::tempdir().unwrap();
        let found = find(&Origin::seed(5), failing(), &options(directory.path()), || false).unwrap();
        assert_eq!(Scenario::from_text(&fs::read_to_string(found.scenario).unwrap()), Ok(failing()));
        assert_eq!(found.runs, 0);
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named() {
        let out = options(Path::new("/proc/none"));
        let Trouble { failure, .. } = find(&Origin::seed(5), failing(), &out, || false).unwrap_err();
        assert!(failure.to_string().contains("--out /proc/none"), "{failure}");
    }

    #[test]
    fn files_are_named_after_what_was_shrunk() {
        for (file, stem) in [("my.ron", "my-shrunk"), ("/a/my.ron", "my-shrunk"), ("-", "windrow-sim-shrunk")]
        {
            assert_eq!(Origin::file(Path::new(file)).stem, stem);
        }
    }
}
