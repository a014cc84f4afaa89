//! What the store must provide for those who run the product.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use thiserror::Error;

use super::RecordsError;
use crate::operators::{
    AuditEntry, AuditId, AuditOutcome, KeyId, NewAuditEntry, NewOperatorKey, OnceAnswer, OnceClaim, OnceRequest, OperatorKey, PulseSlot,
};

/// Keys that can exist at once, revoked ones among them until they are needed no more.
pub const MAX_OPERATOR_KEYS: usize = 1_000;

/// Keys, audit log and once-only requests. Every `Ok` of a write means: survives kill -9 and power loss.
#[async_trait]
pub trait OperatorRecords: Send + Sync + 'static {
    /// Every key, revoked ones too, oldest first.
    async fn operator_keys(&self) -> Result<Vec<OperatorKey>, RecordsError>;

    /// A new key and the audit entry about it, in one commit.
    async fn add_operator_key(&self, new: NewOperatorKey, audit: NewAuditEntry) -> Result<OperatorKey, KeyError>;

    /// Revokes a key, with the audit entry about it, in one commit. Revoking it again changes nothing. The key as it is now.
    async fn revoke_operator_key(&self, id: KeyId, audit: NewAuditEntry) -> Result<OperatorKey, KeyError>;

    /// Notes when keys were last used. Unknown keys are skipped.
    async fn note_key_uses(&self, uses: Vec<(KeyId, DateTime<Utc>)>) -> Result<(), RecordsError>;

    /// Stores that a change is about to be made. The oldest entries beyond what is kept go.
    async fn begin_audit(&self, entry: NewAuditEntry) -> Result<AuditId, RecordsError>;

    /// Stores how it ended. Once: later words about the same entry change nothing.
    async fn finish_audit(&self, id: AuditId, outcome: AuditOutcome, after: serde_json::Value) -> Result<(), RecordsError>;

    /// Entries older than `before` (all, when `None`), newest first, at most `limit`.
    async fn audit(&self, before: Option<AuditId>, limit: usize) -> Result<Vec<AuditEntry>, RecordsError>;

    /// Claims a request that must not happen twice; forgotten after `until`.
    async fn claim_once(&self, request: OnceRequest, until: DateTime<Utc>) -> Result<OnceClaim, RecordsError>;

    /// Stores steps of the last day, in place of what is stored of them; those before `oldest` go.
    async fn put_pulse(&self, slots: Vec<PulseSlot>, oldest: DateTime<Utc>) -> Result<(), RecordsError>;

    /// Stored steps from `oldest` on, oldest first.
    async fn pulse(&self, oldest: DateTime<Utc>) -> Result<Vec<PulseSlot>, RecordsError>;

    /// Stores the answer to a claimed request. `None`: it certainly did not happen, the claim is given back.
    async fn answer_once(&self, name: [u8; 32], answer: Option<OnceAnswer>) -> Result<(), RecordsError>;
}

/// Why a key can't be made or revoked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyError {
    /// There are [`MAX_OPERATOR_KEYS`] good keys.
    #[error("there are too many keys")]
    TooMany,
    /// No such key.
    #[error("there is no such key")]
    Unknown,
    /// The store.
    #[error(transparent)]
    Records(#[from] RecordsError),
}
