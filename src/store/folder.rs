//! The data folder: made so that it survives a power cut, readable by its owner only, used by one process.
//!
//! ```text
//! <data folder>/          0700 when made here
//!   lock                  held while a store is open
//!   seal.key              0600; only when the key does not come from the configuration
//!   store/                0700; the engine's own files, and `commits`
//!   store.new/            a database being made; moved to its place when complete
//!   store.old/            only for moments, while a database with another seal key takes its place
//!   seal.key.new          only while the seal key is being changed
//!   seal.key.<print>      earlier keys: backups made with them need them
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::store::disk::sync_folder;
use crate::store::key_file::KEY_FILE;

const LOCK_FILE: &str = "lock";
const STORE_FOLDER: &str = "store";
const DRAFT_FOLDER: &str = "store.new";

/// The engine's folder within the data folder.
pub(super) fn store_folder(data: &Path) -> PathBuf {
    data.join(STORE_FOLDER)
}

/// Where a new database is made.
pub(super) fn draft_folder(data: &Path) -> PathBuf {
    data.join(DRAFT_FOLDER)
}

/// Where the database waits while another takes its place.
fn old_folder(data: &Path) -> PathBuf {
    data.join("store.old")
}

/// Puts the new database in the place of the present one. A crash between the two moves is undone by [`settle_swap`].
pub(super) fn swap(data: &Path) -> io::Result<()> {
    remove_draft(&old_folder(data))?;
    fs::rename(store_folder(data), old_folder(data))?;
    sync_folder(data)?;
    publish(data)
}

/// Ends a [`swap`], or what a crash left of one: the old database goes back to an empty place, and away from beside a new one. Call only while
/// holding the lock.
pub(super) fn settle_swap(data: &Path) -> io::Result<()> {
    if store_folder(data).exists() {
        return remove_draft(&old_folder(data));
    }
    match fs::rename(old_folder(data), store_folder(data)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        moved => moved.and_then(|()| sync_folder(data)),
    }
}

/// What stands in the way of restoring into this folder. A key that waits there, and what a crash left of an earlier try, do not.
pub(super) fn first_obstacle(data: &Path) -> io::Result<Option<String>> {
    let entries = match fs::read_dir(data) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        entries => entries?,
    };
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if ![LOCK_FILE, KEY_FILE, DRAFT_FOLDER].contains(&name.as_str()) {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// Removes what a crash left of a new database.
pub(super) fn remove_draft(draft: &Path) -> io::Result<()> {
    match fs::remove_dir_all(draft) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Moves the new database to its place.
pub(super) fn publish(data: &Path) -> io::Result<()> {
    fs::rename(draft_folder(data), store_folder(data))?;
    sync_folder(data)
}

/// Makes a folder with its parents, durably, for its owner only. An existing one stays as it is.
pub(super) fn make(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        make(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made.and_then(|()| sync_folder(parent.unwrap_or(Path::new(".")))),
    }
}

/// Takes the folder for this process; `None` when another one (or another store of this one) has it.
pub(super) fn lock(data: &Path) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).mode(0o600).open(data.join(LOCK_FILE))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Removes what a crash left of the engine's unfinished snapshots: it would read them as finished. Call only while holding the lock.
pub(super) fn remove_unfinished_snapshots(store: &Path) -> io::Result<()> {
    for entry in fs::read_dir(store)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
