//! Other storage under the paths of the shared one: owns what a host sees that came up without its mount.

use super::{Entry, File, FileSystem};
use serde::{Deserialize, Serialize};

/// What a host sees in place of the shared storage.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Instead {
    /// The empty directory on which it should have been mounted.
    Nothing,
    /// A mirror that lags: names and lengths come at once, contents never, but of what is as old as the world.
    Mirror,
}

/// Where its own inodes begin: far from those that it mirrors.
const OWN_INODES: u64 = 1 << 32;

impl FileSystem {
    /// Takes over what is new in another, as [`Instead::Mirror`] does; what is removed there stays here.
    pub fn mirror(&mut self, other: &FileSystem) {
        self.inodes = self.inodes.max(OWN_INODES);
        for (path, entry) in &other.entries {
            if self.entries.contains_key(path) {
                continue;
            }
            if let Entry::File(inode) = entry {
                let File { bytes, modified_ns, .. } = &other.files[inode];
                let bytes = if *modified_ns == 0 { bytes.clone() } else { vec![0; bytes.len()] };
                self.files.insert(*inode, File { bytes, modified_ns: *modified_ns, named: true, opened: 0 });
            }
            self.entries.insert(path.clone(), *entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use windrow_core::job::PathBytes;
    use windrow_core::time::Time;

    #[test]
    fn a_mirror_has_names_and_lengths_at_once_and_only_old_contents() {
        let (mut shared, mut mirror) = (FileSystem::default(), FileSystem::default());
        let [old, new, own] = ["/old", "/new", "/own"].map(PathBytes::from);
        shared.write_file(&old, b"old", Time::ZERO).expect("it can be written");
        mirror.mirror(&shared);
        shared.write_file(&new, b"new", Time::from_us(1)).expect("it can be written");
        mirror.write_file(&own, b"own", Time::from_us(2)).expect("it can be written");
        mirror.mirror(&shared);
        assert_eq!(mirror.contents(&old), Ok(&b"old"[..]));
        assert_eq!(mirror.contents(&new), Ok(&b"\0\0\0"[..]));
        assert_eq!(mirror.contents(&own), Ok(&b"own"[..]));
        assert_eq!(mirror.identity_at(&new), shared.identity_at(&new));
    }
}
