//! The list of marks is that of core: each is made in one place, and none is forgotten.

use sim::probes::ALL;
use std::fs;
use std::path::Path;

/// The names in every `probe!("…")` of the sources below a directory.
fn marks_below(directory: &Path, marks: &mut Vec<String>) {
    for entry in fs::read_dir(directory).expect("core's sources are beside sim's") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            marks_below(&path, marks);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path).expect("sources are text");
            for piece in source.split("probe!(\"").skip(1) {
                marks.push(piece.split('"').next().unwrap_or_default().into());
            }
        }
    }
}

#[test]
fn the_list_is_that_of_core() {
    let mut marks = Vec::new();
    marks_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/src"), &mut marks);
    marks.sort();
    let mut listed: Vec<String> = ALL.iter().map(|probe| probe.name.into()).collect();
    listed.sort();
    assert_eq!(listed, marks);
    listed.dedup();
    assert_eq!(listed.len(), marks.len(), "a name is used once");
}
