//! The protocol library's storage traits on our [`Vault`]. One [`Backend`] is one company's device.
//!
//! ```text
//! library ── trait call ──▶ Backend ── one turn at a time ──▶ Batch ── one Vault::write ──▶ durable
//! ```
//!
//! Every trait call that writes does it in one [`Vault::write`], so it happens as a whole or not at all, and its `Ok` means
//! durable: the Signal counters depend on that. Turns make read-modify-write atomic among the library's many tasks.
//! Once a write has failed, the backend is *broken* and the link above it ends: a link must not run on state it can't keep.

mod appsync;
mod batch;
#[cfg(test)]
mod conformance;
mod device;
mod pending;
mod protocol;
mod renew;
mod secrets;
mod signal;
mod tables;

use std::sync::Arc;
use std::time::Duration;

use frontdesk_actors::ids::CompanyId;
use frontdesk_actors::ports::{RecordsError, Vault, VaultOp, VaultPair};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Semaphore, watch};
use wacore::store::error::{Result, StoreError};

use self::batch::Batch;
pub(super) use self::tables::Table;

/// An overloaded store gets this many tries before the write counts as failed…
const WRITE_TRIES: u32 = 5;

/// …with a pause that starts here and doubles: 20 + 40 + 80 + 160 ms, 0.3 s in all.
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// One company's device in the vault.
pub(super) struct Backend {
    company: CompanyId,
    vault: Arc<dyn Vault>,
    /// One permit: who changes something holds it from the first read to the durable write. Closed when the link has let go.
    turn: Semaphore,
    /// Turns true with the first write or read that fails, and stays so.
    broken: watch::Sender<bool>,
}

impl Backend {
    pub(super) fn new(company: CompanyId, vault: Arc<dyn Vault>) -> Self {
        Self { company, vault, turn: Semaphore::new(1), broken: watch::Sender::new(false) }
    }

    /// Tells when the state can no longer be kept.
    pub(super) fn broken(&self) -> watch::Receiver<bool> {
        self.broken.subscribe()
    }

    /// Waits for the write in progress, then refuses all others: a leftover task of an ended link can't write into the state
    /// that the next link reads, or bring back what was erased.
    pub(super) async fn retire(&self) {
        let last = self.turn.acquire().await;
        self.refuse();
        drop(last);
    }

    /// Refuses all writes from now on, for a link that nobody waits for any more: what it knows may be erased at any moment. Only a write that
    /// is under way still lands.
    pub(super) fn refuse(&self) {
        self.turn.close();
    }

    /// Are writes refused?
    pub(super) fn refuses(&self) -> bool {
        self.turn.is_closed()
    }

    /// One value, put together from its parts.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let stored = self.vault.get(self.company, table.id, key);
        match stored.map_err(|error| self.broke(error))? {
            None => Ok(None),
            Some(head) => self.whole(table, key, head).map(Some),
        }
    }

    /// All pairs whose key starts with `prefix`, in key order.
    fn scan(&self, table: Table, prefix: &[u8]) -> Result<Vec<VaultPair>> {
        let rows = self.vault.scan(self.company, table.id, prefix).map_err(|error| self.broke(error))?;
        rows.into_iter()
            .map(|(key, head)| {
                let value = self.whole(table, &key, head)?;
                Ok((key, value))
            })
            .collect()
    }

    /// Reads `table` as JSON.
    fn get_json<T: DeserializeOwned>(&self, table: Table, key: &[u8]) -> Result<Option<T>> {
        self.get(table, key)?.map(|bytes| self.parse_json(&bytes)).transpose()
    }

    fn parse_json<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T> {
        serde_json::from_slice(bytes).map_err(|error| {
            self.broken.send_replace(true);
            StoreError::Serialization(Box::new(error))
        })
    }

    /// Plans a change while nobody else changes anything, then writes it durably as one.
    async fn change<T: Send>(&self, plan: impl FnOnce(&mut Batch<'_>) -> Result<T> + Send) -> Result<T> {
        let _turn = self.turn.acquire().await.map_err(|_| StoreError::Validation("the link has ended".to_owned()))?;
        let mut batch = Batch::new(self);
        let outcome = plan(&mut batch)?;
        let operations = batch.into_operations()?;
        if !operations.is_empty() {
            self.write(operations).await?;
        }
        Ok(outcome)
    }

    async fn write(&self, operations: Vec<VaultOp>) -> Result<()> {
        let mut pause = FIRST_PAUSE;
        for _ in 1..WRITE_TRIES {
            match self.vault.write(self.company, operations.clone()).await {
                Err(RecordsError::Overloaded) => tokio::time::sleep(pause).await,
                other => return other.map_err(|error| self.broke(error)),
            }
            pause *= 2;
        }
        self.vault.write(self.company, operations).await.map_err(|error| self.broke(error))
    }

    fn broke(&self, error: RecordsError) -> StoreError {
        self.broken.send_replace(true);
        StoreError::Database(Box::new(error))
    }
}

/// JSON of a value of the library's own types.
fn to_json<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| StoreError::Serialization(Box::new(error)))
}

/// A key of several parts that can't be confused with another one, whatever the parts contain.
fn joined(parts: &[&str]) -> Vec<u8> {
    let mut key = Vec::with_capacity(parts.iter().map(|part| part.len() + 2).sum());
    for part in parts {
        key.extend_from_slice(&length_prefix(part.as_bytes()));
        key.extend_from_slice(part.as_bytes());
    }
    key
}

/// The length before a part of a key. No id of the protocol comes near 64 KiB; a longer one would only share its prefix.
fn length_prefix(part: &[u8]) -> [u8; 2] {
    u16::try_from(part.len()).unwrap_or(u16::MAX).to_be_bytes()
}

/// The parts of a key made by [`joined`].
fn split(key: &[u8]) -> Vec<String> {
    let mut parts = Vec::new();
    let mut rest = key;
    while let Some((length, tail)) = rest.split_first_chunk::<2>() {
        let end = usize::from(u16::from_be_bytes(*length)).min(tail.len());
        parts.push(String::from_utf8_lossy(&tail[..end]).into_owned());
        rest = &tail[end..];
    }
    parts
}
