use super::*;
use crate::path::path_bytes;
use crossbeam_channel::Receiver;
use rustix::fs::{FileType, Mode, mknodat};
use std::os::unix::fs::symlink;
use tempfile::TempDir;
use windrow_core::failure::OsErrorKind;
use windrow_core::job::PathBytes;
use windrow_core::manager::files::ListError;

/// A directory with files in it.
fn tree(files: &[&str]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for file in files {
        let path = directory.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file).unwrap();
    }
    directory
}

/// What the inputs list, by their names inside the directory.
fn list(tree: &TempDir, inputs: &[&str]) -> Result<Vec<String>, ListError> {
    let inside = |path: &PathBytes| {
        let name = as_path(path).strip_prefix(tree.path()).unwrap();
        name.to_str().unwrap().to_owned()
    };
    let inputs = inputs.iter().map(|input| path_bytes(&tree.path().join(input))).collect();
    let FileAnswer::Listed(listed) = perform(FileRequest::ListInputs { inputs }) else { panic!() };
    Ok(listed?.iter().map(|file| inside(&file.path)).collect())
}

fn kind(error: ListError) -> Option<OsErrorKind> {
    match error {
        ListError::NotFound { .. } => None,
        ListError::Unreadable { error, .. } => Some(error.kind),
    }
}

#[test]
fn files_keep_their_order_and_may_be_named_twice() {
    let tree = tree(&["b", "a"]);
    assert_eq!(list(&tree, &["b", "a", "b"]).unwrap(), ["b", "a", "b"]);
    let inputs = vec![path_bytes(&tree.path().join("a"))];
    let FileAnswer::Listed(Ok(files)) = perform(FileRequest::ListInputs { inputs }) else { panic!() };
    assert_eq!(files[0].identity, identity(&fs::metadata(tree.path().join("a")).unwrap()));
}

#[test]
fn a_directory_lists_its_own_files_by_path_bytes_without_hidden_ones() {
    let tree = tree(&["in/b", "in/a", "in/B", "in/é", "in/_SUCCESS", "in/.hidden", "in/_old/c", "other/z"]);
    symlink(tree.path().join("other/z"), tree.path().join("in/link")).unwrap();
    assert_eq!(list(&tree, &["in"]).unwrap(), ["in/B", "in/a", "in/b", "in/link", "in/é"]);
    assert_eq!(list(&tree, &["in/"]).unwrap().len(), 5);
    assert_eq!(list(&tree, &["in/_SUCCESS"]).unwrap(), ["in/_SUCCESS"], "named outright, nothing is hidden");
}

#[test]
fn a_file_that_hides_its_size_is_not_taken_for_an_empty_one() {
    let tree = tree(&["in/a"]);
    fs::write(tree.path().join("in/empty"), "").unwrap();
    assert_eq!(list(&tree, &["in"]).unwrap(), ["in/a", "in/empty"]);
    symlink("/proc/self/status", tree.path().join("in/status")).unwrap();
    let Err(ListError::Unreadable { path, error }) = list(&tree, &["in"]) else { panic!("it was taken") };
    assert!(path.0.ends_with(b"in/status") && error.text.contains("/proc"), "{path:?}: {error:?}");
}

#[test]
fn a_directory_in_an_input_directory_is_not_left_out_in_silence() {
    let tree = tree(&["in/a", "in/deeper/b"]);
    let Err(ListError::Unreadable { path, error }) = list(&tree, &["in"]) else { panic!("it is refused") };
    assert!(path.0.ends_with(b"in/deeper"), "{path}");
    assert_eq!(error.kind, OsErrorKind::IsADirectory);
    assert_eq!(list(&tree, &["in/*"]).unwrap(), ["in/a", "in/deeper/b"], "named by a pattern it is read");
}

#[test]
fn an_empty_directory_names_no_file_and_is_no_error() {
    let tree = tree(&["a"]);
    fs::create_dir(tree.path().join("empty")).unwrap();
    assert!(list(&tree, &["empty"]).unwrap().is_empty());
    assert!(list(&tree, &["emp*"]).unwrap().is_empty());
}

#[test]
fn patterns_match_component_by_component() {
    let tree = tree(&[
        "2023/a.log",
        "2023/b.txt",
        "2024/a.log",
        "2024/.x.log",
        "2024/_x.log",
        "25/a.log",
        "top.log",
    ]);
    assert_eq!(list(&tree, &["20*/*.log"]).unwrap(), ["2023/a.log", "2024/a.log"]);
    assert_eq!(list(&tree, &["*.log"]).unwrap(), ["top.log"], "a star does not pass a slash");
    assert_eq!(list(&tree, &["202?/[ab].{log,txt}"]).unwrap(), ["2023/a.log", "2023/b.txt", "2024/a.log"]);
    assert_eq!(list(&tree, &["*/b.txt"]).unwrap(), ["2023/b.txt"]);
    assert_eq!(list(&tree, &["202*"]).unwrap(), ["2023/a.log", "2023/b.txt", "2024/a.log"]);
    assert_eq!(list(&tree, &["2024/_*", "2024/.*"]).unwrap(), ["2024/_x.log", "2024/.x.log"]);
}

#[test]
fn a_path_that_is_there_is_no_pattern() {
    let tree = tree(&["a*", "ab", "[x]", "!y", "z"]);
    assert_eq!(list(&tree, &["a*"]).unwrap(), ["a*"]);
    assert_eq!(list(&tree, &["[x]"]).unwrap(), ["[x]"]);
    assert_eq!(list(&tree, &["a\\*"]).unwrap(), ["a*"]);
    assert_eq!(list(&tree, &["!?"]).unwrap(), ["!y"], "an exclamation mark is a character");
}

#[test]
fn what_names_nothing_is_not_found() {
    let tree = tree(&["a"]);
    for input in ["b", "b*", "a/b", "a/*", "x*/y", "{", "["] {
        let error = list(&tree, &["a", input]).unwrap_err();
        assert_eq!(error, ListError::NotFound { input: path_bytes(&tree.path().join(input)) });
    }
    symlink("nowhere", tree.path().join("dangling")).unwrap();
    assert_eq!(kind(list(&tree, &["dangling"]).unwrap_err()), None);
}

#[test]
fn what_is_no_file_is_unreadable_and_says_what_it_is() {
    let tree = tree(&["in/a"]);
    let fifo = tree.path().join("in/fifo");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::RWXU, 0).unwrap();
    for input in ["in", "in/fifo", "in/f*"] {
        let ListError::Unreadable { path, error } = list(&tree, &[input]).unwrap_err() else {
            panic!("{input}")
        };
        assert_eq!((path, error.text.as_str()), (path_bytes(&fifo), "it is a pipe, not a file"));
    }
    let FileAnswer::Listed(Err(ListError::Unreadable { error, .. })) =
        perform(FileRequest::ListInputs { inputs: vec!["/dev/null".into()] })
    else {
        panic!("a device is no input")
    };
    assert_eq!(error.text, "it is a device, not a file");
}

#[test]
fn a_dangling_link_inside_a_directory_is_unreadable() {
    let tree = tree(&["in/a"]);
    symlink("nowhere", tree.path().join("in/dangling")).unwrap();
    assert_eq!(kind(list(&tree, &["in"]).unwrap_err()), Some(OsErrorKind::NotFound));
}

#[test]
fn renames_replace_nothing() {
    let tree = tree(&["from/x", "taken/y"]);
    let path = |name: &str| path_bytes(&tree.path().join(name));
    let rename_again =
        |from: &str, to: &str, again| perform(FileRequest::Rename { from: path(from), to: path(to), again });
    let rename = |from: &str, to: &str| rename_again(from, to, false);
    assert!(
        matches!(rename("from", "taken"), FileAnswer::Failed(error) if error.kind == OsErrorKind::Exists)
    );
    fs::create_dir(tree.path().join("empty")).unwrap();
    assert!(
        matches!(rename("from", "empty"), FileAnswer::Failed(error) if error.kind == OsErrorKind::Exists)
    );
    assert_eq!(rename("from", "to"), FileAnswer::Done);
    assert!(matches!(rename("from", "to"), FileAnswer::Failed(error) if error.kind == OsErrorKind::NotFound));
    assert_eq!(fs::read(tree.path().join("to/x")).unwrap(), b"from/x");
    assert_eq!(rename_again("from", "to", true), FileAnswer::Done, "it was done before");
    assert!(
        matches!(rename_again("taken", "to", true), FileAnswer::Failed(error) if error.kind == OsErrorKind::Exists)
    );
    assert!(
        matches!(rename_again("from", "nowhere", true), FileAnswer::Failed(error) if error.kind == OsErrorKind::NotFound)
    );
}

#[test]
fn requests_are_performed_in_order_and_can_be_repeated() {
    let tree = tree(&[]);
    let path = |name: &str| path_bytes(&tree.path().join(name));
    let (sender, answers): (_, Receiver<(OperationId, FileAnswer)>) = unbounded();
    let files = ManagerFiles::start(GuardHandle::default(), move |operation, answer| {
        sender.send((operation, answer)).unwrap()
    })
    .unwrap();
    let write = FileRequest::WriteFile { path: path("d/f"), contents: b"new".to_vec(), sync: true };
    let steps = [
        (FileRequest::Find { path: path("d") }, FileAnswer::Found(false)),
        (FileRequest::CreateDirectory { path: path("d") }, FileAnswer::Done),
        (FileRequest::CreateDirectory { path: path("d") }, FileAnswer::Done),
        (write.clone(), FileAnswer::Done),
        (write, FileAnswer::Done),
        (FileRequest::SyncDirectory { path: path("d") }, FileAnswer::Done),
        (FileRequest::Find { path: path("d/f") }, FileAnswer::Found(true)),
        (FileRequest::Find { path: path("d/f/g") }, FileAnswer::Found(false)),
        (FileRequest::RemoveTree { path: path("d") }, FileAnswer::Done),
        (FileRequest::RemoveTree { path: path("d") }, FileAnswer::Done),
        (FileRequest::Find { path: path("d") }, FileAnswer::Found(false)),
    ];
    for (number, (request, _)) in (0..).zip(&steps) {
        files.request(OperationId(number), request.clone());
    }
    drop(files);
    let answers: Vec<_> = answers.iter().collect();
    let expected: Vec<_> =
        (0..).zip(steps).map(|(number, (_, answer))| (OperationId(number), answer)).collect();
    assert_eq!(answers, expected);
}

#[test]
fn a_directory_is_not_made_over_a_file_or_without_its_parent() {
    let tree = tree(&["file"]);
    let make =
        |name: &str| perform(FileRequest::CreateDirectory { path: path_bytes(&tree.path().join(name)) });
    assert!(matches!(make("file"), FileAnswer::Failed(error) if error.kind == OsErrorKind::Exists));
    assert!(matches!(make("a/b"), FileAnswer::Failed(error) if error.kind == OsErrorKind::NotFound));
}
