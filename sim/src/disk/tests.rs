//! Files behave as Unix has them, and requests as their contract says.

mod durability;
mod faults;
mod partly;
mod replacing;
mod surviving;

use super::*;
use crate::stream::Stream;
use windrow_core::ids::FileId;
use windrow_core::job::Encoding;
use windrow_core::manager::files::{FileAnswer, FileRequest, ListError};
use windrow_core::worker::disk::{DiskReply, DiskRequest};

fn path(text: &str) -> PathBytes {
    PathBytes::from(text)
}

fn paths(texts: &[&str]) -> Vec<PathBytes> {
    texts.iter().map(|text| path(text)).collect()
}

fn shared(files: &[(&str, &str)]) -> FileSystem {
    filled(false, files)
}

fn filled(volatile: bool, files: &[(&str, &str)]) -> FileSystem {
    let mut system = FileSystem::volatile(volatile);
    for (name, contents) in files {
        let (parent, _) = path(name).split_name().expect("a file has a name");
        system.create_directories(&parent).expect("it can be made");
        system.write_file(&path(name), contents.as_bytes(), Time::ZERO).expect("it can be written");
    }
    system.settle();
    system
}

/// Every path, a file's with its contents.
fn shown(system: &FileSystem) -> Vec<String> {
    let show = |path: &PathBytes| match system.contents(path) {
        Ok(bytes) => format!("{path}={}", bytes.escape_ascii()),
        Err(_) => path.to_string(),
    };
    system.tree(&path("/")).iter().map(show).collect()
}

fn stream(seed: u64) -> Stream {
    Stream::new(seed, "disk")
}

fn listed(system: &mut FileSystem, inputs: &[&str]) -> Result<Vec<String>, ListError> {
    let request = FileRequest::ListInputs { inputs: paths(inputs) };
    let FileAnswer::Listed(listed) = perform_file_request(system, &request, Time::ZERO) else { panic!() };
    listed.map(|files| files.iter().map(|file| file.path.to_string()).collect())
}

#[test]
fn inputs_keep_their_order_and_directories_hide_what_is_hidden() {
    let mut system = shared(&[
        ("/in/b", "1"),
        ("/in/a", "2"),
        ("/in/_x", ""),
        ("/in/.y", ""),
        ("/in/_old/c", "3"),
        ("/other", ""),
    ]);
    assert_eq!(
        listed(&mut system, &["/other", "/in", "/in/a"]).unwrap(),
        ["/other", "/in/a", "/in/b", "/in/a"]
    );
    assert_eq!(listed(&mut system, &["/in/_old"]).unwrap(), ["/in/_old/c"]);
    assert_eq!(listed(&mut system, &["/in", "/no*"]), Err(ListError::NotFound { input: path("/no*") }));
    assert_eq!(listed(&mut system, &["/in/c"]), Err(ListError::NotFound { input: path("/in/c") }));
}

#[test]
fn a_directory_inside_an_input_directory_is_refused_and_one_that_a_pattern_matches_is_read() {
    let mut system = shared(&[("/in/a", "1"), ("/in/sub/c", "2"), ("/in/sub.d", "3")]);
    let Err(ListError::Unreadable { path: refused, error }) = listed(&mut system, &["/in"]) else { panic!() };
    assert_eq!((refused, error.kind), (path("/in/sub"), OsErrorKind::IsADirectory));
    assert_eq!(listed(&mut system, &["/in/[ab]", "/in/s*"]).unwrap(), ["/in/a", "/in/sub.d", "/in/sub/c"]);
}

#[test]
fn patterns_match_component_by_component_and_hidden_names_only_outright() {
    let mut system = shared(&[("/in/a/x", ""), ("/in/b/x", ""), ("/in/b/_x", ""), ("/in/!c/x", "")]);
    assert_eq!(listed(&mut system, &["/*/[ab]/x"]).unwrap(), ["/in/a/x", "/in/b/x"]);
    assert_eq!(listed(&mut system, &["/in/b/*", "/in/b/_*"]).unwrap(), ["/in/b/x", "/in/b/_x"]);
    assert_eq!(listed(&mut system, &["/in/!*/x"]).unwrap(), ["/in/!c/x"]);
    assert_eq!(listed(&mut system, &["/**/x"]), Err(ListError::NotFound { input: path("/**/x") }));
}

#[test]
fn a_rename_moves_all_and_replaces_nothing() {
    let mut system = shared(&[("/a/x/1", "one"), ("/a/x.2", "two"), ("/b", "")]);
    assert_eq!(system.rename(&path("/a/x"), &path("/b")).unwrap_err().kind, OsErrorKind::Exists);
    assert_eq!(system.rename(&path("/a/none"), &path("/c")).unwrap_err().kind, OsErrorKind::NotFound);
    system.rename(&path("/a/x"), &path("/c")).unwrap();
    assert_eq!(system.tree(&path("/")), paths(&["/a", "/a/x.2", "/b", "/c", "/c/1"]));
    assert_eq!(system.contents(&path("/c/1")).unwrap(), b"one");
}

#[test]
fn an_open_file_outlives_its_name_and_no_longer() {
    let mut system = shared(&[("/d/f", "bytes")]);
    let inode = system.open(&path("/d/f")).unwrap();
    system.remove_tree(&path("/d")).unwrap();
    assert_eq!(system.read(inode, 1, 3).unwrap(), b"yte");
    system.close(inode);
    assert!(system.files.is_empty());
    assert_eq!(system.tree(&path("/")), []);
}

#[test]
fn a_directory_is_made_only_where_its_parent_is() {
    let mut system = shared(&[("/f", "")]);
    assert_eq!(system.create_directory(&path("/x/y")).unwrap_err().kind, OsErrorKind::NotFound);
    assert_eq!(system.create_directory(&path("/f/y")).unwrap_err().kind, OsErrorKind::NotADirectory);
    assert_eq!(system.create_directory(&path("/f")).unwrap_err().kind, OsErrorKind::Exists);
    system.create_directory(&path("/x")).unwrap();
    system.create_directory(&path("/x")).unwrap();
}

#[test]
fn disk_requests_go_to_the_volume_of_their_path() {
    let (mut shared, mut scratch) = (shared(&[("/in", "input")]), FileSystem::default());
    let mut open = OpenFiles::default();
    let mut perform = |request: DiskRequest, outgoing: &[u8]| {
        let volumes = Volumes {
            shared: &mut shared,
            other: &mut FileSystem::default(),
            instead: None,
            scratch: &mut scratch,
        };
        open.perform(&request, outgoing, volumes, Time::from_us(9))
    };
    let done = Ok(Performed::Answer(DiskReply::Done));
    let (file, input) = (FileId(1), FileId(2));
    assert_eq!(perform(DiskRequest::CreateDirectory { path: path("/scratch/0/job") }, b""), done);
    let made = perform(DiskRequest::Create { file, path: path("/scratch/0/job/run") }, b"");
    assert!(matches!(made, Ok(Performed::Answer(DiskReply::Opened(identity))) if identity.size_bytes == 0));
    let again = perform(DiskRequest::Create { file: FileId(3), path: path("/scratch/0/job/run") }, b"");
    assert_eq!(again.unwrap_err().kind, OsErrorKind::Exists);
    assert_eq!(perform(DiskRequest::Write { file, offset: 2 }, b"ab"), done);
    let read = perform(DiskRequest::Read { file, offset: 0, length_bytes: 100 }, b"");
    assert_eq!(read, Ok(Performed::Bytes(b"\0\0ab".to_vec())));
    assert!(
        perform(DiskRequest::Open { file: input, path: path("/in"), encoding: Encoding::Plain }, b"").is_ok()
    );
    let read = perform(DiskRequest::Read { file: input, offset: 3, length_bytes: 1 }, b"");
    assert_eq!(read, Ok(Performed::Bytes(b"u".to_vec())));
    assert_eq!(perform(DiskRequest::RemoveTree { path: path("/scratch/0") }, b""), done);
    assert_eq!(perform(DiskRequest::Close { file }, b""), done);
    assert_eq!(perform(DiskRequest::Close { file: input }, b""), done);
    assert!(open.is_empty());
    assert_eq!(scratch.tree(&path("/")), paths(&["/scratch"]));
}
