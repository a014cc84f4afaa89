//! The seal key as a file of the data folder, and how another one takes its place.
//!
//! ```text
//! rotation:  seal.key.new written ─► store sealed anew, with its note ─► seal.key kept as seal.key.<fingerprint> ─► seal.key.new ─► seal.key
//! ```
//!
//! The note (`store/sealed-with`) says which key the database in its place is sealed with. So whatever moment a crash chooses, the right one
//! of the two files is found.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::store::disk::sync_folder;
use crate::store::folder::{make, store_folder};
use crate::store::seal::{SealKey, SealKeyFormatError};

/// Name in the data folder.
pub(super) const KEY_FILE: &str = "seal.key";
const NEW_KEY_FILE: &str = "seal.key.new";
const NOTE_FILE: &str = "sealed-with";

/// Group and others.
const FOREIGN_MODE_BITS: u32 = 0o077;

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
    /// Another key is in the place of the one given.
    #[error(
        "{file} holds key {present}, but the key given is {given}; move that file away if the given one is right, and keep it: other backups may need it"
    )]
    Occupied {
        /// The file.
        file: PathBuf,
        /// Fingerprint of the key in it.
        present: String,
        /// Fingerprint of the other one.
        given: String,
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
        if Self::interrupted_rotation(data)? {
            promote_new_key(data).map_err(|source| SealKeyError::Io { file: file.clone(), source })?;
        }
        let failed = |source| SealKeyError::Io { file: file.clone(), source };
        match read_key(&file) {
            Err(SealKeyError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {}
            read => return read,
        }
        if store_folder(data).join("db").exists() {
            return Err(SealKeyError::MissingForDatabase { file });
        }
        make(data).map_err(failed)?;
        write_key(data, &file, &Self::generate()).map_err(failed)?;
        read_key(&file)
    }
}

impl SealKey {
    /// The key in this file, which must be its owner's alone.
    pub fn in_file(file: &Path) -> Result<Self, SealKeyError> {
        read_key(file)
    }

    /// Lets this key wait in the folder for a rotation to bring it in. Another one that waits from an interrupted rotation is not replaced.
    pub fn bring_in(&self, data: &Path) -> Result<(), SealKeyError> {
        self.put_at(data, &data.join(NEW_KEY_FILE))
    }

    /// Keeps this key in a data folder that has none, or has it already.
    pub fn keep_in(&self, data: &Path) -> Result<(), SealKeyError> {
        self.put_at(data, &data.join(KEY_FILE))
    }

    /// Is there no other key in the folder?
    pub fn fits_in(&self, data: &Path) -> Result<(), SealKeyError> {
        match self.is_at(&data.join(KEY_FILE)) {
            Err(SealKeyError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(()),
            is => is,
        }
    }

    fn put_at(&self, data: &Path, place: &Path) -> Result<(), SealKeyError> {
        write_key(data, place, self).map_err(|source| SealKeyError::Io { file: place.to_path_buf(), source })?;
        self.is_at(place)
    }

    fn is_at(&self, place: &Path) -> Result<(), SealKeyError> {
        let (present, given) = (read_key(place)?.fingerprint(), self.fingerprint());
        if present == given { Ok(()) } else { Err(SealKeyError::Occupied { file: place.to_path_buf(), present, given }) }
    }

    /// The key that a rotation is bringing in: one that waits from an interrupted one, or a new one, durably written.
    pub(super) fn incoming(data: &Path) -> Result<Self, SealKeyError> {
        let file = data.join(NEW_KEY_FILE);
        if !file.exists() {
            write_key(data, &file, &Self::generate()).map_err(|source| SealKeyError::Io { file: file.clone(), source })?;
        }
        read_key(&file)
    }

    /// Is the database sealed with the key that still waits to take its place?
    fn interrupted_rotation(data: &Path) -> Result<bool, SealKeyError> {
        let file = data.join(NEW_KEY_FILE);
        if !file.exists() {
            return Ok(false);
        }
        let note = fs::read_to_string(store_folder(data).join(NOTE_FILE)).unwrap_or_default();
        Ok(read_key(&file)?.fingerprint() == note.trim())
    }
}

/// Notes in the database's folder which key it is sealed with.
pub(super) fn note_key(store: &Path, key: &SealKey) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(store.join(NOTE_FILE))?;
    writeln!(file, "{}", key.fingerprint())?;
    file.sync_all()?;
    sync_folder(store)
}

/// Lets the new key take its place. The present one stays under its fingerprint.
pub(super) fn promote_new_key(data: &Path) -> io::Result<()> {
    let (file, new) = (data.join(KEY_FILE), data.join(NEW_KEY_FILE));
    if let Ok(present) = read_key(&file) {
        match fs::hard_link(&file, data.join(format!("{KEY_FILE}.{}", present.fingerprint()))) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            linked => linked?,
        }
    }
    fs::rename(new, file)?;
    sync_folder(data)
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

/// Writes a key under a name of this process and links it to its place: nobody sees half a key, and of two that start at once one wins. A key
/// that is there already stays, whichever it is.
fn write_key(data: &Path, place: &Path, key: &SealKey) -> io::Result<()> {
    let draft = data.join(format!("{KEY_FILE}.{}", std::process::id()));
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    writeln!(file, "{}", key.to_hex())?;
    file.sync_all()?;
    let linked = fs::hard_link(&draft, place);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        linked => linked?,
    }
    sync_folder(data)
}
