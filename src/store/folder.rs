//! The data folder: made so that it survives a power cut, readable by its owner only, used by one process.
//!
//! ```text
//! <data folder>/          0700 when made here
//!   lock                  held while a store is open
//!   seal.key              0600; only when the key does not come from the configuration
//!   store/                0700; the engine's own files, and `commits`
//!   store.new/            a database being made; moved to its place when complete
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::store::disk::sync_folder;
use crate::store::seal::{SealKey, SealKeyFormatError};

const LOCK_FILE: &str = "lock";
const KEY_FILE: &str = "seal.key";
const STORE_FOLDER: &str = "store";
const DRAFT_FOLDER: &str = "store.new";

/// Group and others.
const FOREIGN_MODE_BITS: u32 = 0o077;

/// The engine's folder within the data folder.
pub(super) fn store_folder(data: &Path) -> PathBuf {
    data.join(STORE_FOLDER)
}

/// Where a new database is made.
pub(super) fn draft_folder(data: &Path) -> PathBuf {
    data.join(DRAFT_FOLDER)
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

/// Why there is no seal key.
#[derive(Debug, Error)]
pub enum SealKeyError {
    /// The file's content is no key.
    #[error("{file} does not hold a seal key")]
    Malformed {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        #[source]
        source: SealKeyFormatError,
    },
    /// Others could read it.
    #[error("{file} can be read by others; allow its owner only (chmod 600)")]
    ReadableByOthers {
        /// The file.
        file: PathBuf,
    },
    /// There is a database but no key for it.
    #[error("{file} is missing, and the database beside it can't be read without it; put it back or set FRONTDESK_STORE_SEAL_KEY")]
    MissingForDatabase {
        /// The file.
        file: PathBuf,
    },
    /// The file system refused.
    #[error("the seal key file {file} can't be read or made")]
    Io {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl SealKey {
    /// The key kept in the data folder; made at the first start, durably, for its owner only.
    pub fn in_folder(data: &Path) -> Result<Self, SealKeyError> {
        let file = data.join(KEY_FILE);
        let failed = |source| SealKeyError::Io { file: file.clone(), source };
        match read_key(&file) {
            Err(SealKeyError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {}
            read => return read,
        }
        if store_folder(data).join("db").exists() {
            return Err(SealKeyError::MissingForDatabase { file });
        }
        make(data).map_err(failed)?;
        write_key(data, &file).map_err(failed)?;
        read_key(&file)
    }
}

fn read_key(file: &Path) -> Result<SealKey, SealKeyError> {
    let failed = |source| SealKeyError::Io { file: file.to_path_buf(), source };
    let mode = fs::metadata(file).map_err(failed)?.permissions().mode();
    if mode & FOREIGN_MODE_BITS != 0 {
        return Err(SealKeyError::ReadableByOthers { file: file.to_path_buf() });
    }
    let text = fs::read_to_string(file).map_err(failed)?;
    SealKey::parse(&text).map_err(|source| SealKeyError::Malformed { file: file.to_path_buf(), source })
}

/// Writes a fresh key under a name of this process and links it to its place: nobody sees half a key, and of two that start at once one wins.
fn write_key(data: &Path, place: &Path) -> io::Result<()> {
    let draft = data.join(format!("{KEY_FILE}.{}", std::process::id()));
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    writeln!(file, "{}", SealKey::generate().to_hex())?;
    file.sync_all()?;
    let linked = fs::hard_link(&draft, place);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        linked => linked?,
    }
    sync_folder(data)
}
