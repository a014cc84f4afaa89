//! Why there is no backup, or no database from one. Every text says what to do next; none holds data.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::store::OpenError;

/// Why a backup was not made, or is none.
#[derive(Debug, Error)]
pub enum BackupError {
    /// One at a time.
    #[error("another backup is being made; try again when it is done")]
    Busy,
    /// The store is closed, failed, or was closed meanwhile.
    #[error("the store is closed or closing; start the server, or stop it and make the backup offline")]
    Closed,
    /// The database could not be read.
    #[error("the database can't be copied ({0}); look at the log, and restore the last good backup if it is damaged")]
    Source(String),
    /// The writer does not wait for it, and holds only so much.
    #[error("the disk of {file} takes the backup too slowly; look at that disk, or choose another")]
    TooSlow {
        /// Which.
        file: PathBuf,
    },
    /// The file system refused.
    #[error("the backup file {file} can't be read or written")]
    Io {
        /// Which.
        file: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Not a backup at all.
    #[error("this is not a backup of frontdesk")]
    Foreign,
    /// Made by a newer program.
    #[error("the backup has format {found}, this program knows formats up to {supported}; use the newer program")]
    Newer {
        /// In the file.
        found: u8,
        /// Known here.
        supported: u8,
    },
    /// Another seal key.
    #[error("the backup is sealed with key {needed}, but the key given is {given}; give the key that was in use when it was made")]
    OtherKey {
        /// Fingerprint in the file.
        needed: String,
        /// Fingerprint of ours.
        given: String,
    },
    /// Cut, changed or rotten.
    #[error("the backup is damaged ({what}); use an older one")]
    Damaged {
        /// What was found.
        what: &'static str,
    },
}

/// Why a folder was not restored.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// Only an empty folder is taken.
    #[error("{folder} is not empty ({found} is there); restore into an empty folder, or move this one away")]
    NotEmpty {
        /// Which.
        folder: PathBuf,
        /// What was found first.
        found: String,
    },
    /// The backup can't be used.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// What was restored can't be opened, or the folder can't be used.
    #[error("the restored database was not taken over")]
    Open(#[from] OpenError),
    /// The file system refused.
    #[error("the folder {folder} can't be used")]
    Io {
        /// Which.
        folder: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}
