//! Another seal key for everything. The database is sealed anew beside its place and takes it when it is whole, so that a crash at any moment
//! leaves one that one of the two keys opens; then the work is done again, or ended.

use std::fs::File;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::store::backup::Progress;
use crate::store::counters::Counters;
use crate::store::digest::TreeDigest;
use crate::store::disk::{Disk, Walk};
use crate::store::fault::Fault;
use crate::store::key_file::{self, SealKeyError};
use crate::store::open::{self, SEAL_CHECK_TEXT};
use crate::store::pieces::{self, Pieces};
use crate::store::records::encode;
use crate::store::seal::{Seal, SealKey};
use crate::store::{OpenError, folder, keys};

/// Entries put at once.
const ENTRIES_AT_ONCE: usize = 512;

/// Memory for pages of each of the two databases.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;

/// Why the key was not changed. The database is as it was.
#[derive(Debug, Error)]
pub enum RotateError {
    /// There is nothing to seal.
    #[error("there is no database in {folder}")]
    NoDatabase {
        /// Which folder.
        folder: PathBuf,
    },
    /// The old key is the new one.
    #[error("the new key is the present one")]
    SameKey,
    /// The database can't be used.
    #[error("the database can't be used")]
    Open(#[from] OpenError),
    /// A key file can't be used.
    #[error("the key can't be used")]
    Key(#[from] SealKeyError),
}

/// Seals the database of a stopped server with another key: `new`, or (when it is kept in the folder) a fresh one. Returns the key's fingerprint.
/// Blocks.
pub fn rotate(data: &Path, present: &SealKey, new: Option<SealKey>, progress: &Progress) -> Result<String, RotateError> {
    let lock = folder::lock(data).map_err(OpenError::io(data))?;
    let lock = lock.ok_or_else(|| OpenError::AlreadyOpen { folder: data.to_path_buf() })?;
    folder::settle_swap(data).map_err(OpenError::io(data))?;
    if !folder::store_folder(data).exists() {
        return Err(RotateError::NoDatabase { folder: data.to_path_buf() });
    }
    let kept_here = new.is_none();
    let new = new.map_or_else(|| SealKey::incoming(data), Ok)?;
    if new.fingerprint() == present.fingerprint() {
        return Err(RotateError::SameKey);
    }
    build(data, &Seal::new(present), &new, &lock, progress)?;
    folder::swap(data).map_err(OpenError::io(data))?;
    if kept_here {
        key_file::promote_new_key(data).map_err(OpenError::io(data))?;
    }
    folder::settle_swap(data).map_err(OpenError::io(data))?;
    Ok(new.fingerprint())
}

/// Makes the database sealed with the new key in `store.new`, and opens every value of it.
fn build(data: &Path, old: &Seal, key: &SealKey, lock: &File, progress: &Progress) -> Result<(), OpenError> {
    let io = || OpenError::io(data);
    let lock = || lock.try_clone().map_err(OpenError::io(data));
    let seal = Seal::new(key);
    let draft = folder::draft_folder(data);
    folder::remove_draft(&draft).map_err(io())?;
    folder::make(&draft).map_err(io())?;
    let request = open::Request { data, cache_bytes: CACHE_BYTES, seal: old, sync: true };
    let from = open::open_existing(&request, lock()?)?;
    let to = open::open_disk(&draft, CACHE_BYTES, true, lock()?)?;
    copy(&from.disk, &to, (old, &seal), from.counters, progress)?;
    drop((from.disk, to));
    key_file::note_key(&draft, key).map_err(io())?;
    drop(open::open_draft(data, &seal, CACHE_BYTES, lock()?)?);
    Ok(())
}

/// Copies every entry, values sealed anew.
fn copy(from: &Disk, to: &Disk, (old, new): (&Seal, &Seal), mut counters: Counters, progress: &Progress) -> Result<(), Fault> {
    let mut target = Target { disk: to, batch: sled::Batch::default(), waiting: 0, digest: TreeDigest::default() };
    from.each(b"", |key, entry| {
        progress.add(1);
        if key == keys::SEAL_CHECK {
            target.put(key, new.seal(key, SEAL_CHECK_TEXT))?;
        } else if pieces::holds_value(key, entry) {
            let plain = pieces::join(from, old, key, entry, "sealing anew")?;
            let pieces = Pieces::of(new, key, &plain, "a stored value")?;
            for (index, part) in (1..).zip(pieces.tail) {
                target.put(&keys::part(key, index), part)?;
            }
            target.put(key, pieces.head)?;
        } else if !keys::is_part(key) && key != keys::COUNTERS {
            target.put(key, entry.to_vec())?;
        }
        Ok(Walk::On)
    })?;
    let Target { batch, digest, .. } = target;
    to.fill(batch)?;
    counters.commits += 1;
    counters.digest = Some(digest);
    let mut last = sled::Batch::default();
    last.insert(keys::COUNTERS, encode(&counters)?);
    to.commit(last, counters.commits)
}

/// The database being made.
struct Target<'a> {
    disk: &'a Disk,
    batch: sled::Batch,
    waiting: usize,
    digest: TreeDigest,
}

impl Target<'_> {
    fn put(&mut self, key: &[u8], entry: Vec<u8>) -> Result<(), Fault> {
        self.digest.add(key, &entry);
        self.batch.insert(key, entry);
        self.waiting += 1;
        if self.waiting < ENTRIES_AT_ONCE {
            return Ok(());
        }
        self.waiting = 0;
        self.disk.fill(std::mem::take(&mut self.batch))
    }
}
