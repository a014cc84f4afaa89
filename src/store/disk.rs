//! The engine and the rules without which it loses acknowledged writes: one tree, `flush` and then `sync_data` on its file.

use std::fs::File;
use std::ops::Bound;
use std::path::Path;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use crate::store::commit_mark::CommitMark;
use crate::store::fault::{Fault, guarded};
use crate::store::keys::Key;
use crate::store::pieces::Entries;

/// One database, open. Fields are dropped in this order: the lock of the folder goes last.
pub(super) struct Disk {
    db: sled::Db,
    /// A second handle on the engine's file: a sync counts for the file, whoever asks.
    file: File,
    mark: CommitMark,
    sync: bool,
    /// Held while a batch is being applied, so that a reader of several keys never sees half of it (the engine has no snapshots).
    applying: RwLock<()>,
    #[cfg(test)]
    pub(super) fail_commits: std::sync::atomic::AtomicBool,
    /// Ranges under this prefix can't be read.
    #[cfg(test)]
    pub(super) torn: std::sync::OnceLock<Key>,
    _lock: File,
}

/// Everything a [`Disk`] is made of, gathered by `open`.
pub(super) struct DiskParts {
    pub(super) db: sled::Db,
    pub(super) file: File,
    pub(super) mark: CommitMark,
    pub(super) sync: bool,
    pub(super) lock: File,
}

impl Disk {
    pub(super) fn new(parts: DiskParts) -> Self {
        Self {
            db: parts.db,
            file: parts.file,
            mark: parts.mark,
            sync: parts.sync,
            applying: RwLock::new(()),
            #[cfg(test)]
            fail_commits: std::sync::atomic::AtomicBool::new(false),
            #[cfg(test)]
            torn: std::sync::OnceLock::new(),
            _lock: parts.lock,
        }
    }

    /// While this is held no batch is applied: several keys read under it belong together.
    pub(super) fn steady(&self) -> RwLockReadGuard<'_, ()> {
        self.applying.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies the batch as a whole and returns when it survives a power cut. `number` counts the commits.
    pub(super) fn commit(&self, batch: sled::Batch, number: u64) -> Result<(), Fault> {
        let step = "committing";
        guarded(step, || {
            #[cfg(test)]
            if self.fail_commits.load(std::sync::atomic::Ordering::SeqCst) {
                return Err(Fault::Refused { rule: "this test lets commits fail" });
            }
            {
                let _applying = self.applying.write().unwrap_or_else(PoisonError::into_inner);
                self.db.apply_batch(batch).map_err(Fault::engine(step))?;
            }
            self.sync()?;
            self.mark.write(number).map_err(Fault::file("noting the commit"))
        })
    }

    /// Makes everything applied so far durable. `flush` alone does not: on Linux it stops at `sync_file_range`.
    pub(super) fn sync(&self) -> Result<(), Fault> {
        self.db.flush().map_err(Fault::engine("flushing"))?;
        if self.sync {
            self.file.sync_data().map_err(Fault::file("syncing"))?;
        }
        Ok(())
    }

    /// Commits known to be durable when this database was last in use, as the file beside it says.
    pub(super) fn marked_commits(&self) -> u64 {
        self.mark.read()
    }

    /// Is there anything in the tree?
    pub(super) fn is_empty(&self) -> Result<bool, Fault> {
        let step = "looking for records";
        guarded(step, || Ok(self.db.iter().next().transpose().map_err(Fault::engine(step))?.is_none()))
    }

    /// Key and entry of everything under `prefix`, in key order, until `visit` says stop.
    pub(super) fn each(&self, prefix: &[u8], visit: impl FnMut(&[u8], &[u8]) -> Result<Walk, Fault>) -> Result<(), Fault> {
        let step = "reading a range";
        #[cfg(test)]
        if self.torn.get().is_some_and(|torn| prefix.starts_with(torn)) {
            return Err(Fault::Panicked { step });
        }
        guarded(step, || walk(self.db.scan_prefix(prefix), step, visit))
    }

    /// Puts entries that need not survive a crash: into a database that is being made beside its place.
    pub(super) fn fill(&self, batch: sled::Batch) -> Result<(), Fault> {
        let step = "filling a new database";
        guarded(step, || self.db.apply_batch(batch).map_err(Fault::engine(step)))
    }

    /// Like [`Disk::each`], last first.
    pub(super) fn each_backwards(&self, prefix: &[u8], visit: impl FnMut(&[u8], &[u8]) -> Result<Walk, Fault>) -> Result<(), Fault> {
        let step = "reading a range backwards";
        guarded(step, || walk(self.db.scan_prefix(prefix).rev(), step, visit))
    }

    /// Like [`Disk::each`], from the first key after `after` on.
    pub(super) fn each_after(
        &self,
        prefix: &[u8],
        after: Option<Key>,
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<Walk, Fault>,
    ) -> Result<(), Fault> {
        let Some(after) = after else { return self.each(prefix, visit) };
        let step = "reading a range";
        let range = (Bound::Excluded(after), Bound::Unbounded);
        let within = |key: &[u8], entry: &[u8]| if key.starts_with(prefix) { visit(key, entry) } else { Ok(Walk::Stop) };
        guarded(step, || walk(self.db.range::<Key, _>(range), step, within))
    }

    /// Like [`Disk::each_backwards`], from the last key below `before` on.
    pub(super) fn each_backwards_before(
        &self,
        prefix: &[u8],
        before: Option<Key>,
        visit: impl FnMut(&[u8], &[u8]) -> Result<Walk, Fault>,
    ) -> Result<(), Fault> {
        let Some(before) = before else { return self.each_backwards(prefix, visit) };
        let step = "reading a range backwards";
        guarded(step, || walk(self.db.range(prefix.to_vec()..before).rev(), step, visit))
    }

    /// All keys under `prefix`.
    pub(super) fn keys(&self, prefix: &[u8]) -> Result<Vec<Key>, Fault> {
        let mut found = Vec::new();
        self.each(prefix, |key, _| {
            found.push(key.to_vec());
            Ok(Walk::On)
        })?;
        Ok(found)
    }
}

/// Should a walk over a range go on?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Walk {
    On,
    Stop,
}

fn walk(
    range: impl Iterator<Item = sled::Result<(sled::IVec, sled::IVec)>>,
    step: &'static str,
    mut visit: impl FnMut(&[u8], &[u8]) -> Result<Walk, Fault>,
) -> Result<(), Fault> {
    for pair in range {
        let (key, entry) = pair.map_err(Fault::engine(step))?;
        if visit(&key, &entry)? == Walk::Stop {
            break;
        }
    }
    Ok(())
}

impl Entries for Disk {
    fn entry(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        let step = "reading";
        guarded(step, || {
            let entry = self.db.get(key).map_err(Fault::engine(step))?;
            Ok(entry.map(|entry| entry.to_vec()))
        })
    }
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}
