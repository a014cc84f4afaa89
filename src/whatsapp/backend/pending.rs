//! Rows with the second they were stored in: sent messages kept for retries, received ones until they are handed over.

use wacore::store::error::{Result, StoreError};

use super::Backend;
use super::batch::Batch;
use super::tables::Table;

/// The payload after the second it was stored in.
pub(super) fn stamped(payload: &[u8]) -> Vec<u8> {
    [&wacore::time::now_secs().to_be_bytes()[..], payload].concat()
}

/// The payload of a stamped row.
pub(super) fn payload(mut row: Vec<u8>) -> Result<Vec<u8>> {
    if row.len() < size_of::<i64>() {
        return Err(StoreError::Validation("a stored message is incomplete".to_owned()));
    }
    Ok(row.split_off(size_of::<i64>()))
}

impl Batch<'_> {
    /// Deletes the rows stored before `cutoff` (Unix seconds); returns how many.
    pub(super) fn sweep_stamped(&mut self, table: Table, cutoff: i64) -> Result<u32> {
        self.sweep(table, |row| row.first_chunk().is_some_and(|stored| i64::from_be_bytes(*stored) < cutoff))
    }
}

impl Backend {
    /// The payload under `key`, if any.
    pub(super) fn get_stamped(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.get(table, key)?.map(payload).transpose()
    }
}
