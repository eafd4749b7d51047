//! Files that are called `.gz`: owns what is stored for one, and what reading it through gunzip gives.
//!
//! Nothing is compressed: a header that says so stands before the contents. What has no such header is no gzip.

use super::{FileSystem, Inode, error};
use windrow_core::failure::{OsError, OsErrorKind};
use windrow_core::job::{Encoding, PathBytes};

/// What a stored gzip begins with (RFC 1952, 2.3.1).
const HEADER: &[u8] = &[0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255];

/// What stands on the disk for a file that holds this.
pub fn stored(path: &PathBytes, contents: &[u8]) -> Vec<u8> {
    match Encoding::of_path(path) {
        Encoding::Plain => contents.to_vec(),
        Encoding::Gzip => [HEADER, contents].concat(),
    }
}

impl FileSystem {
    /// Up to `length` bytes of what an open file holds, fewer only at its end.
    pub(super) fn gunzip(&mut self, inode: Inode, offset: u64, length: usize) -> Result<&[u8], OsError> {
        let stored = self.read(inode, 0, usize::MAX)?;
        let bytes = stored.strip_prefix(HEADER).ok_or_else(|| error(OsErrorKind::InvalidData))?;
        let start = bytes.len().min(usize::try_from(offset).unwrap_or(usize::MAX));
        Ok(&bytes[start..bytes.len().min(start.saturating_add(length))])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use windrow_core::time::Time;

    #[test]
    fn what_is_stored_is_read_back_and_what_is_no_gzip_is_refused() {
        let mut files = FileSystem::default();
        let [whole, broken] = ["/whole.gz", "/broken.gz"].map(PathBytes::from);
        files.write_file(&whole, &stored(&whole, b"some words"), Time::ZERO).unwrap();
        files.write_file(&broken, b"some words", Time::ZERO).unwrap();
        let inode = files.open(&whole).unwrap();
        assert_eq!(files.gunzip(inode, 5, 3), Ok(&b"wor"[..]));
        assert_eq!(files.gunzip(inode, 10, 3), Ok(&b""[..]));
        let inode = files.open(&broken).unwrap();
        assert_eq!(files.gunzip(inode, 0, 3).map_err(|error| error.kind), Err(OsErrorKind::InvalidData));
    }
}
