//! What one trait call changes: collected, read back by itself, written as one. Also how large values are cut into parts.

use std::collections::BTreeMap;

use frontdesk_actors::ports::{VaultOp, VaultPair};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wacore::store::error::{Result, StoreError};

use super::tables::PART;
use super::{Backend, Table, length_prefix, to_json};

/// Largest value in one piece: the vault takes 60 KiB, one byte of it counts the further parts.
const PIECE: usize = 60 * 1024 - 1;

/// Further parts a value may have, so that one byte counts them: 15 MiB in all, far above anything the protocol keeps.
const MAX_PARTS: usize = u8::MAX as usize;

/// Table number and key: sorted, as the vault keeps them.
type Key = (u8, Vec<u8>);

/// The table, and the new value or `None` to delete.
type Change = (Table, Option<Vec<u8>>);

/// Changes on their way into the vault. The last change of a key counts.
pub(super) struct Batch<'a> {
    backend: &'a Backend,
    changes: BTreeMap<Key, Change>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(backend: &'a Backend) -> Self {
        Self { backend, changes: BTreeMap::new() }
    }

    /// The value as it will be after this batch.
    pub(super) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        match self.changes.get(&(table.id, key.to_vec())) {
            Some((_, value)) => Ok(value.clone()),
            None => self.backend.get(table, key),
        }
    }

    /// The same, as JSON.
    pub(super) fn get_json<T: DeserializeOwned>(&self, table: Table, key: &[u8]) -> Result<Option<T>> {
        self.get(table, key)?.map(|bytes| self.backend.parse_json(&bytes)).transpose()
    }

    /// Stored pairs whose key starts with `prefix`, without what this batch changes.
    pub(super) fn scan(&self, table: Table, prefix: &[u8]) -> Result<Vec<VaultPair>> {
        self.backend.scan(table, prefix)
    }

    pub(super) fn put(&mut self, table: Table, key: &[u8], value: Vec<u8>) {
        self.changes.insert((table.id, key.to_vec()), (table, Some(value)));
    }

    pub(super) fn put_json<T: Serialize>(&mut self, table: Table, key: &[u8], value: &T) -> Result<()> {
        self.put(table, key, to_json(value)?);
        Ok(())
    }

    pub(super) fn delete(&mut self, table: Table, key: &[u8]) {
        self.changes.insert((table.id, key.to_vec()), (table, None));
    }

    /// Deletes the rows of a table that `is_old` picks; returns how many.
    pub(super) fn sweep(&mut self, table: Table, is_old: impl Fn(&[u8]) -> bool) -> Result<u32> {
        let mut count = 0;
        for (key, value) in self.scan(table, &[])? {
            if is_old(&value) {
                self.delete(table, &key);
                count += 1;
            }
        }
        Ok(count)
    }

    /// The operations, with large values cut into parts and the leftover parts of replaced ones removed.
    pub(super) fn into_operations(self) -> Result<Vec<VaultOp>> {
        let mut operations = Vec::with_capacity(self.changes.len());
        for ((_, key), (table, value)) in self.changes {
            if table.large {
                let before = self.backend.parts_of(table, &key)?;
                replace_large(table, &key, value, before, &mut operations)?;
            } else {
                operations.push(match value {
                    Some(value) if value.len() > PIECE => return Err(too_large(table)),
                    Some(value) => VaultOp::Put { table: table.id, key, value },
                    None => VaultOp::Delete { table: table.id, key },
                });
            }
        }
        Ok(operations)
    }
}

impl Backend {
    /// A stored value with its further parts. `head` is what stands under the key itself.
    pub(super) fn whole(&self, table: Table, key: &[u8], mut head: Vec<u8>) -> Result<Vec<u8>> {
        if !table.large {
            return Ok(head);
        }
        if head.is_empty() {
            return Err(self.torn(table));
        }
        for part in 0..head.remove(0) {
            let piece = self.get(PART, &part_key(table, key, part))?;
            head.extend(piece.ok_or_else(|| self.torn(table))?);
        }
        Ok(head)
    }

    /// How many further parts the stored value has.
    fn parts_of(&self, table: Table, key: &[u8]) -> Result<u8> {
        let head = self.vault.get(self.company, table.id, key).map_err(|error| self.broke(error))?;
        Ok(head.and_then(|head| head.first().copied()).unwrap_or(0))
    }

    fn torn(&self, table: Table) -> StoreError {
        self.broken.send_replace(true);
        StoreError::Validation(format!("a value of table {} is incomplete", table.id))
    }
}

fn replace_large(table: Table, key: &[u8], value: Option<Vec<u8>>, before: u8, operations: &mut Vec<VaultOp>) -> Result<()> {
    let mut parts = 0;
    match value {
        None => operations.push(VaultOp::Delete { table: table.id, key: key.to_vec() }),
        Some(value) => {
            let (first, rest) = value.split_at(value.len().min(PIECE));
            if rest.len().div_ceil(PIECE) > MAX_PARTS {
                return Err(too_large(table));
            }
            for piece in rest.chunks(PIECE) {
                operations.push(VaultOp::Put { table: PART.id, key: part_key(table, key, parts), value: piece.to_vec() });
                parts += 1;
            }
            let head = [&[parts], first].concat();
            operations.push(VaultOp::Put { table: table.id, key: key.to_vec(), value: head });
        }
    }
    for leftover in parts..before {
        operations.push(VaultOp::Delete { table: PART.id, key: part_key(table, key, leftover) });
    }
    Ok(())
}

fn part_key(table: Table, key: &[u8], part: u8) -> Vec<u8> {
    [&[table.id], &length_prefix(key)[..], key, &[part]].concat()
}

fn too_large(table: Table) -> StoreError {
    StoreError::Validation(format!("a value for table {} is too large", table.id))
}
