//! The disk of one attempt, or of the shuffle: owns its open files and performs [`DiskRequest`]s.
//!
//! Each request is performed when it is asked; its answer is kept until the machine's other outputs are drained.
//! One request is under way at a time, and one buffer serves all reads.

use crate::os_error::os_error;
use crate::path::as_path;
use flate2::bufread::MultiGzDecoder;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use windrow_core::failure::{OsError, OsErrorKind};
use windrow_core::ids::FileId;
use windrow_core::job::{Encoding, FileIdentity, PathBytes};
use windrow_core::limits::READ_BYTES;
use windrow_core::worker::disk::{DiskAnswer, DiskReply, DiskRequest, DiskUser};

/// What came of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Performed<'a> {
    /// To be given to the machine as an input.
    Answered(DiskAnswer),
    /// To be pushed.
    Read(&'a [u8]),
}

/// Open files and the answer that waits.
#[derive(Default)]
pub struct Disk {
    files: HashMap<FileId, OpenFile>,
    buffer: Vec<u8>,
    outcome: Option<Outcome>,
}

enum Outcome {
    Answered(DiskAnswer),
    /// So many bytes of the buffer.
    Read(usize),
}

enum OpenFile {
    Plain(File),
    Gzip(Box<GzipFile>),
}

/// An encoded file, which is read from front to back.
struct GzipFile {
    decoder: MultiGzDecoder<BufReader<File>>,
    /// Decoded bytes that were read.
    position: u64,
}

impl Disk {
    /// Performs a request; [`Disk::take_outcome`] tells what came of it.
    pub fn perform(&mut self, request: DiskRequest, user: &impl DiskUser) {
        assert!(self.outcome.is_none(), "a disk request before the last was answered: {request:?}");
        let outcome = match request {
            DiskRequest::Read { file, offset, length_bytes } => self.read(file, offset, length_bytes),
            DiskRequest::Write { file, offset } => self.write(file, offset, user.outgoing()),
            DiskRequest::Open { file, path, encoding } => self.open(file, &path, encoding),
            DiskRequest::Create { file, path } => self.create(file, &path),
            DiskRequest::Inspect { file } => self.file(file).inspect().map(opened),
            DiskRequest::Sync { file } => self.file(file).file().sync_data().map(done),
            DiskRequest::Close { file } => {
                let closed = self.files.remove(&file);
                assert!(closed.is_some(), "file {file} is not open");
                Ok(done(()))
            }
            DiskRequest::Remove { path } => unless_missing(fs::remove_file(as_path(&path))).map(done),
            DiskRequest::CreateDirectory { path } => fs::create_dir_all(as_path(&path)).map(done),
            DiskRequest::RemoveTree { path } => unless_missing(fs::remove_dir_all(as_path(&path))).map(done),
            DiskRequest::SyncDirectory { path } => {
                File::open(as_path(&path)).and_then(|directory| directory.sync_all()).map(done)
            }
        };
        self.outcome = Some(outcome.unwrap_or_else(|error| Outcome::Answered(Err(disk_error(&error)))));
    }

    /// What came of the last request, unless that was told already.
    pub fn take_outcome(&mut self) -> Option<Performed<'_>> {
        Some(match self.outcome.take()? {
            Outcome::Answered(answer) => Performed::Answered(answer),
            Outcome::Read(count) => Performed::Read(&self.buffer[..count]),
        })
    }

    /// How many files are open.
    pub fn open_files(&self) -> usize {
        self.files.len()
    }

    fn file(&mut self, file: FileId) -> &mut OpenFile {
        self.files.get_mut(&file).unwrap_or_else(|| panic!("file {file} is not open"))
    }

    fn open(&mut self, id: FileId, path: &PathBytes, encoding: Encoding) -> io::Result<Outcome> {
        let file = File::open(as_path(path))?;
        self.insert(
            id,
            match encoding {
                Encoding::Plain => OpenFile::Plain(file),
                Encoding::Gzip => OpenFile::Gzip(Box::new(GzipFile {
                    decoder: MultiGzDecoder::new(BufReader::with_capacity(READ_BYTES, file)),
                    position: 0,
                })),
            },
        )
    }

    fn create(&mut self, id: FileId, path: &PathBytes) -> io::Result<Outcome> {
        let file = File::options().read(true).write(true).create_new(true).open(as_path(path))?;
        self.insert(id, OpenFile::Plain(file))
    }

    fn insert(&mut self, id: FileId, file: OpenFile) -> io::Result<Outcome> {
        let identity = file.inspect()?;
        let replaced = self.files.insert(id, file);
        assert!(replaced.is_none(), "file {id} is open already");
        Ok(opened(identity))
    }

    fn read(&mut self, id: FileId, offset: u64, length_bytes: usize) -> io::Result<Outcome> {
        if self.buffer.len() < length_bytes {
            self.buffer.resize(length_bytes, 0);
        }
        let file = self.files.get_mut(&id).unwrap_or_else(|| panic!("file {id} is not open"));
        file.read(offset, &mut self.buffer[..length_bytes]).map(Outcome::Read)
    }

    fn write(&mut self, id: FileId, offset: u64, bytes: &[u8]) -> io::Result<Outcome> {
        self.file(id).file().write_all_at(bytes, offset).map(done)
    }
}

impl OpenFile {
    fn file(&self) -> &File {
        match self {
            OpenFile::Plain(file) => file,
            OpenFile::Gzip(gzip) => gzip.decoder.get_ref().get_ref(),
        }
    }

    fn inspect(&self) -> io::Result<FileIdentity> {
        self.file().metadata().map(|metadata| identity(&metadata))
    }

    /// Reads until the buffer is full or the file ends.
    fn read(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            let rest = &mut buffer[filled..];
            let count = match self {
                OpenFile::Plain(file) => file.read_at(rest, offset + filled as u64),
                OpenFile::Gzip(gzip) => {
                    assert_eq!(gzip.position, offset + filled as u64, "an encoded file is read in order");
                    gzip.read(rest)
                }
            };
            match count {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}

impl GzipFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.decoder.read(buffer)?;
        self.position += count as u64;
        Ok(count)
    }
}

fn opened(identity: FileIdentity) -> Outcome {
    Outcome::Answered(Ok(DiskReply::Opened(identity)))
}

fn done((): ()) -> Outcome {
    Outcome::Answered(Ok(DiskReply::Done))
}

fn disk_error(error: &io::Error) -> OsError {
    let mut error = os_error(error);
    if error.kind == OsErrorKind::InvalidData {
        error.text = format!("not a whole gzip file ({})", error.text);
    }
    error
}

fn unless_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// What a file is, by what the system says of it.
pub(crate) fn identity(metadata: &fs::Metadata) -> FileIdentity {
    FileIdentity {
        inode: metadata.ino(),
        size_bytes: metadata.size(),
        modified_ns: metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec()),
    }
}

#[cfg(test)]
mod tests;
