//! Copies of everything: made while the server runs, sealed, verified, and turned into a database again.
//!
//! ```text
//! writer thread ── copy ──▶ portions ──▶ file (sealed frames) ──▶ fsync ──▶ verify: read all of it back ──▶ rename
//! restore: file ──▶ store.new ──▶ fsync ──▶ verify: every value opened ──▶ rename
//! ```
//!
//! A copy is of one moment, although commits go on meanwhile: see `copy`. What was acknowledged before it was asked for is in it.
//! How a running server is asked for one: `docs/adr/0005-backups.md`.

mod copy;
mod error;
mod file;
mod frames;
mod restore;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub(super) use self::copy::{CopyOrder, CopyWord, Copying, Turn, WORDS_WAITING};
pub use self::error::{BackupError, RestoreError};
pub(super) use self::file::write;
pub use self::file::{inspect, verify};
pub use self::restore::{Restored, restore};

/// What a backup says about itself, sealed like the rest of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupHead {
    /// The moment it shows.
    pub made_at: DateTime<Utc>,
    /// The program that made it.
    pub program: String,
    /// Layout of the database in it.
    pub schema: u32,
    /// Companies given an id so far.
    pub companies: u64,
}

/// A finished and verified backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupReport {
    /// What it says about itself.
    pub head: BackupHead,
    /// Records in it.
    pub records: u64,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of the file.
    pub sha256: [u8; 32],
}

/// How far long work has come; read by whoever shows it.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<AtomicU64>);

impl Progress {
    /// Records done so far.
    pub fn records(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self, records: u64) {
        self.0.fetch_add(records, Ordering::Relaxed);
    }
}
