//! Which secrets of the data webhook's address are good. Pure.
//!
//! YClients holds one address and doesn't say which. A new secret is good from the moment it is stored, before YClients is told of it; the one
//! before it stays good until the new one is *used*: that alone proves that YClients has it, whatever was lost between the two.
//!
//! ```text
//!              begin(b)              used(b), or
//!  newest a ──────────▶ b, before: a ───────────▶ newest b
//!                            │ take_back(b): YClients certainly doesn't have it
//!                            └──────────▶ newest a
//! ```

use super::commits::key_hash;
use crate::ids::Secret;
use crate::records::CompanyRecord;

/// Hex digits of a secret's hash that name it in a stored webhook.
const MARK_DIGITS: usize = 16;

/// A new secret that YClients is about to be told. One that was never used gives its place up, not the proven one before it.
pub(crate) fn begin(record: &mut CompanyRecord, secret: &Secret) {
    let newest = record.webhook_secret_hash.replace(key_hash(secret));
    record.webhook_previous_hash = record.webhook_previous_hash.take().or(newest);
}

/// YClients was not told of it.
pub(crate) fn take_back(record: &mut CompanyRecord, secret: &Secret) {
    if record.webhook_secret_hash.as_deref() == Some(&key_hash(secret)) {
        record.webhook_secret_hash = record.webhook_previous_hash.take();
    }
}

/// The record after a webhook came with the secret of this mark; `None`: nothing changes.
pub(crate) fn used(record: &CompanyRecord, mark: &str) -> Option<CompanyRecord> {
    let newest = record.webhook_secret_hash.as_deref()?;
    let proven = record.webhook_previous_hash.is_some() && !mark.is_empty() && self::mark(newest) == mark;
    proven.then(|| CompanyRecord { webhook_previous_hash: None, ..record.clone() })
}

/// Names a secret without holding it.
pub(crate) fn mark(hash: &str) -> &str {
    hash.get(..MARK_DIGITS).unwrap_or(hash)
}
