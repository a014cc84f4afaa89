//! From a backup to a database, in a folder that has none. It appears when every value in it was opened.
//!
//! A restored database is older than the world: messages were sent after it was made. Signal sessions must not go on from there, or keys would be
//! used twice, so each vault gets the mark [`VAULT_RESTORED`] and the connector renews them before the first link.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use chrono::Utc;
use frontdesk_actors::ids::CompanyId;
use frontdesk_actors::ports::VAULT_RESTORED;

use super::error::{BackupError, RestoreError};
use super::file::each;
use super::{BackupHead, Progress};
use crate::store::OpenError;
use crate::store::commit;
use crate::store::counters::Counters;
use crate::store::disk::{Disk, Walk};
use crate::store::draft::{Draft, Group};
use crate::store::fault::Fault;
use crate::store::folder;
use crate::store::keys;
use crate::store::open;
use crate::store::seal::{Seal, SealKey};

/// Memory for pages while restoring: nothing is read twice.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;

/// Companies marked in one commit.
const MARKED_AT_ONCE: usize = 500;

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// What the backup said about itself.
    pub head: BackupHead,
    /// Records in it.
    pub records: u64,
    /// Companies whose WhatsApp link will renew its encryption sessions.
    pub linked: u64,
}

/// Makes the database of `data` from `file`. The folder must be empty, but for its seal key. Blocks.
pub fn restore(file: &Path, data: &Path, key: &SealKey, progress: &Progress) -> Result<Restored, RestoreError> {
    let io = |source| RestoreError::Io { folder: data.to_path_buf(), source };
    if let Some(found) = folder::first_obstacle(data).map_err(io)? {
        return Err(RestoreError::NotEmpty { folder: data.to_path_buf(), found });
    }
    let opened = File::open(file).map_err(|source| BackupError::Io { file: file.to_path_buf(), source })?;
    let seal = Seal::new(key);
    folder::make(data).map_err(io)?;
    let lock = folder::lock(data).map_err(io)?.ok_or_else(|| OpenError::AlreadyOpen { folder: data.to_path_buf() })?;
    let result = rebuild(opened, data, &seal, &lock, progress);
    match &result {
        Ok(_) => folder::publish(data).map_err(io)?,
        Err(_) => drop(folder::remove_draft(&folder::draft_folder(data))), // removed at the next try otherwise
    }
    result
}

/// Fills `store.new`, opens it as a start would, and marks its vaults.
fn rebuild(from: File, data: &Path, seal: &Seal, lock: &File, progress: &Progress) -> Result<Restored, RestoreError> {
    let io = |source| RestoreError::Io { folder: data.to_path_buf(), source };
    let draft = folder::draft_folder(data);
    folder::remove_draft(&draft).map_err(io)?;
    folder::make(&draft).map_err(io)?;
    let disk = open::open_disk(&draft, CACHE_BYTES, true, lock.try_clone().map_err(io)?)?;
    let (head, records) = each(BufReader::new(from), seal, |pairs| -> Result<(), RestoreError> {
        let mut batch = sled::Batch::default();
        pairs.iter().for_each(|(key, entry)| batch.insert(*key, *entry));
        disk.fill(batch).map_err(OpenError::from)?;
        progress.add(pairs.len() as u64);
        Ok(())
    })?;
    disk.sync().map_err(OpenError::from)?;
    drop(disk);
    let opened = open::open_draft(data, seal, CACHE_BYTES, lock.try_clone().map_err(io)?)?;
    let linked = mark(&opened.disk, seal, opened.counters).map_err(OpenError::from)?;
    Ok(Restored { head, records, linked })
}

/// Marks every vault that is not empty.
fn mark(disk: &Disk, seal: &Seal, mut counters: Counters) -> Result<u64, Fault> {
    let companies = with_vault(disk)?;
    for some in companies.chunks(MARKED_AT_ONCE) {
        let mut group = Group::default();
        let (table, key) = VAULT_RESTORED;
        let before = Group::default();
        let mut draft = Draft::new(disk, seal, &before, &counters, Utc::now());
        for company in some {
            draft.put(keys::vault(*company, table, key), b"restored", "restore mark")?;
        }
        counters = draft.accept().join(&mut group);
        commit::commit(disk, group, &mut counters, None)?;
    }
    Ok(companies.len() as u64)
}

fn with_vault(disk: &Disk) -> Result<Vec<CompanyId>, Fault> {
    let mut found: Vec<CompanyId> = Vec::new();
    disk.each(keys::VAULTS, |key, _| {
        let company = keys::parse_vault(key).ok_or(Fault::Incomplete { what: "vault key" })?;
        if found.last() != Some(&company) {
            found.push(company);
        }
        Ok(Walk::On)
    })?;
    Ok(found)
}
