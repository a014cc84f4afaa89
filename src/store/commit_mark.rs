//! A number beside the database: how many commits were made durable. It finds what the engine hides.
//!
//! After damage at the end of its log the engine opens with an older state and says nothing. The number of commits is also stored inside
//! the database; when this file knows a higher one, acknowledged writes are missing. It is written after the commit is durable and not
//! synced: a power cut can only leave it too low, which accuses nobody.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// Name in the database's folder.
pub(super) const FILE_NAME: &str = "commits";

/// Number and its inverse: a torn or foreign content is no number.
const BYTES: usize = 16;

pub(super) struct CommitMark(File);

impl CommitMark {
    /// Opens or creates the file.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        options.open(folder.join(FILE_NAME)).map(Self)
    }

    /// The number, or 0 when there is none that can be trusted.
    pub(super) fn read(&self) -> u64 {
        let mut bytes = [0; BYTES];
        if self.0.read_exact_at(&mut bytes, 0).is_err() {
            return 0;
        }
        let both = u128::from_be_bytes(bytes);
        let (number, inverse) = ((both >> 64) as u64, both as u64);
        if number == !inverse { number } else { 0 }
    }

    /// Notes that `number` commits are durable.
    pub(super) fn write(&self, number: u64) -> io::Result<()> {
        let both = (u128::from(number) << 64) | u128::from(!number);
        self.0.write_all_at(&both.to_be_bytes(), 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_back_and_a_torn_one_counts_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let mark = CommitMark::open(folder.path()).unwrap();
        assert_eq!(mark.read(), 0);
        mark.write(77).unwrap();
        assert_eq!(CommitMark::open(folder.path()).unwrap().read(), 77);
        std::fs::write(folder.path().join(FILE_NAME), [1; BYTES]).unwrap();
        assert_eq!(mark.read(), 0);
        std::fs::write(folder.path().join(FILE_NAME), [1; 3]).unwrap();
        assert_eq!(mark.read(), 0);
    }
}
