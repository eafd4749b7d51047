use super::*;
use crate::path::path_bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use std::path::Path;
use windrow_core::time::Time;

/// Writes what it holds.
struct Holder(Vec<u8>);

impl DiskUser for Holder {
    fn push_read(&mut self, _bytes: &[u8], _now: Time) {
        unreachable!("the disk keeps what it read until it is asked");
    }

    fn outgoing(&self) -> &[u8] {
        &self.0
    }
}

fn ask(disk: &mut Disk, request: DiskRequest, outgoing: &[u8]) -> Result<Vec<u8>, OsErrorKind> {
    disk.perform(request, &Holder(outgoing.to_vec()));
    match disk.take_outcome() {
        Some(Performed::Answered(Ok(_))) => Ok(Vec::new()),
        Some(Performed::Answered(Err(error))) => Err(error.kind),
        Some(Performed::Read(bytes)) => Ok(bytes.to_vec()),
        None => panic!("a request has an outcome"),
    }
}

fn read_all(disk: &mut Disk, path: &Path, encoding: Encoding, piece: usize) -> Result<Vec<u8>, OsErrorKind> {
    let file = FileId(1);
    ask(disk, DiskRequest::Open { file, path: path_bytes(path), encoding }, b"")?;
    let mut all = Vec::new();
    let result = loop {
        let request = DiskRequest::Read { file, offset: all.len() as u64, length_bytes: piece };
        match ask(disk, request, b"") {
            Ok(bytes) => {
                all.extend_from_slice(&bytes);
                if bytes.len() < piece {
                    break Ok(all);
                }
            }
            Err(kind) => break Err(kind),
        }
    };
    ask(disk, DiskRequest::Close { file }, b"")?;
    result
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn what_was_written_is_read_back_and_nothing_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let (mut disk, file) = (Disk::default(), FileId(9));
    let nested = path_bytes(&directory.path().join("a/b"));
    ask(&mut disk, DiskRequest::CreateDirectory { path: nested.clone() }, b"").unwrap();
    ask(&mut disk, DiskRequest::CreateDirectory { path: nested.clone() }, b"").unwrap();
    let path = nested.join("run");
    ask(&mut disk, DiskRequest::Create { file, path: path.clone() }, b"").unwrap();
    ask(&mut disk, DiskRequest::Write { file, offset: 0 }, b"hello ").unwrap();
    ask(&mut disk, DiskRequest::Write { file, offset: 6 }, b"world").unwrap();
    assert_eq!(
        ask(&mut disk, DiskRequest::Read { file, offset: 3, length_bytes: 5 }, b"").unwrap(),
        b"lo wo"
    );
    assert_eq!(
        ask(&mut disk, DiskRequest::Read { file, offset: 3, length_bytes: 99 }, b"").unwrap(),
        b"lo world"
    );
    assert_eq!(ask(&mut disk, DiskRequest::Read { file, offset: 11, length_bytes: 9 }, b"").unwrap(), b"");
    disk.perform(DiskRequest::Inspect { file }, &Holder(vec![]));
    let Some(Performed::Answered(Ok(DiskReply::Opened(identity)))) = disk.take_outcome() else { panic!() };
    assert_eq!(identity.size_bytes, 11);
    assert_eq!(identity, super::identity(&fs::metadata(as_path(&path)).unwrap()));
    ask(&mut disk, DiskRequest::Sync { file }, b"").unwrap();
    ask(&mut disk, DiskRequest::SyncDirectory { path: nested.clone() }, b"").unwrap();
    ask(&mut disk, DiskRequest::Close { file }, b"").unwrap();
    assert_eq!(disk.open_files(), 0);

    assert_eq!(
        ask(&mut disk, DiskRequest::Create { file, path: path.clone() }, b""),
        Err(OsErrorKind::Exists)
    );
    ask(&mut disk, DiskRequest::Remove { path: path.clone() }, b"").unwrap();
    ask(&mut disk, DiskRequest::Remove { path: path.clone() }, b"").unwrap();
    let encoding = Encoding::Plain;
    assert_eq!(ask(&mut disk, DiskRequest::Open { file, path, encoding }, b""), Err(OsErrorKind::NotFound));
    let tree = path_bytes(&directory.path().join("a"));
    ask(&mut disk, DiskRequest::RemoveTree { path: tree.clone() }, b"").unwrap();
    ask(&mut disk, DiskRequest::RemoveTree { path: tree.clone() }, b"").unwrap();
    assert!(!as_path(&tree).exists());
}

#[test]
fn gzip_members_are_read_one_after_the_other_in_pieces_of_any_size() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("words.gz");
    let text: Vec<u8> = (0..200_000_u32).flat_map(|number| format!("line {number}\n").into_bytes()).collect();
    let (first, second) = text.split_at(777_777);
    fs::write(&path, [gzip(first), gzip(b""), gzip(second)].concat()).unwrap();
    let mut disk = Disk::default();
    for piece in [1_000, 65_536, 10_000_000] {
        assert!(read_all(&mut disk, &path, Encoding::Gzip, piece).unwrap() == text, "in pieces of {piece}");
    }
}

#[test]
fn a_broken_gzip_file_is_invalid_data() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("words.gz");
    let whole = gzip(&b"some words\n".repeat(1_000));
    let mut disk = Disk::default();
    for broken in [&whole[..whole.len() / 2], &whole[..whole.len() - 1], b"no gzip at all, this"] {
        fs::write(&path, broken).unwrap();
        assert_eq!(read_all(&mut disk, &path, Encoding::Gzip, 4_096), Err(OsErrorKind::InvalidData));
    }
}
