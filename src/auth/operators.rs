//! Operators' keys: who holds one, and what it may do.
//!
//! Keys are `sk_` and 32 random bytes, shown once and stored as a hash. All are held in memory (there are at most a thousand), so that a request
//! costs no read; this is the only writer, so memory and store agree. One more key may come from the configuration: it makes the first ones.

mod attempts;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use frontdesk_actors::operators::{Actor, KeyId, NewAuditEntry, NewOperatorKey, OperatorKey, OperatorRole};
use frontdesk_actors::ports::{KeyError, MAX_OPERATOR_KEYS, OperatorRecords, RecordsError};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::sync::watch;

pub use attempts::KeyRefused;

/// A key from the configuration must be at least this long.
pub const MIN_ADMIN_KEY_CHARS: usize = 32;

/// Longer texts are no keys of ours and are not even hashed.
const MAX_KEY_BYTES: usize = 512;

/// How the key from the configuration is called in lists and in the audit log.
const CONFIGURED: &str = "configuration";

/// The last use of a key is known this exactly: a busy key is not worth a write per request.
const USE_STEP: TimeDelta = TimeDelta::seconds(60);

/// Characters of a key that are kept so that people recognise it; three of them are the prefix.
const HINT_CHARS: usize = 9;

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// The key; `None` is the one from the configuration.
    pub key: Option<KeyId>,
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: OperatorRole,
}

impl Operator {
    /// As the audit log names them.
    pub fn actor(&self) -> Actor {
        Actor { key: self.key, name: self.name.clone(), role: self.role }
    }
}

/// What is asked of a new key.
#[derive(Debug, Clone)]
pub struct KeyWish {
    /// Who or what holds it.
    pub name: String,
    /// What it may do.
    pub role: OperatorRole,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
}

/// All keys. Cheap to clone.
#[derive(Clone)]
pub struct Operators(Arc<Inner>);

struct Inner {
    records: Arc<dyn OperatorRecords>,
    configured: Option<[u8; 32]>,
    keys: watch::Sender<Vec<Known>>,
}

/// A key in memory.
#[derive(Debug, Clone)]
struct Known {
    key: OperatorKey,
    hash: [u8; 32],
    /// Last use that is not stored yet.
    used: Option<DateTime<Utc>>,
}

impl Known {
    fn of(key: OperatorKey) -> Option<Self> {
        let hash = hex::decode(&key.hash).ok()?.try_into().ok()?;
        Some(Self { key, hash, used: None })
    }

    fn last_used(&self) -> Option<DateTime<Utc>> {
        self.used.max(self.key.last_used_at)
    }
}

fn hash(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

impl Operators {
    /// Reads all keys. `configured` opens everything, beside them.
    pub async fn open(records: Arc<dyn OperatorRecords>, configured: Option<&SecretString>) -> Result<Self, RecordsError> {
        let keys = records.operator_keys().await?.into_iter().filter_map(Known::of).collect();
        let configured = configured.map(|key| hash(key.expose_secret()));
        Ok(Self(Arc::new(Inner { records, configured, keys: watch::Sender::new(keys) })))
    }

    /// Who holds this key. Takes the same time for every key that opens nothing.
    pub async fn principal(&self, key: &str) -> Option<Operator> {
        self.principal_at(key, Utc::now())
    }

    fn principal_at(&self, key: &str, now: DateTime<Utc>) -> Option<Operator> {
        if key.is_empty() || key.len() > MAX_KEY_BYTES {
            return None;
        }
        let presented = hash(key);
        let configured = self.0.configured.is_some_and(|known| bool::from(known.ct_eq(&presented)));
        let mut found = None;
        for known in self.0.keys.borrow().iter() {
            if bool::from(known.hash.ct_eq(&presented)) {
                found = Some((known.key.clone(), known.last_used()));
            }
        }
        if configured {
            return Some(Operator { key: None, name: CONFIGURED.to_owned(), role: OperatorRole::Admin });
        }
        let (key, last_used) = found.filter(|(key, _)| key.is_good(now))?;
        if last_used.is_none_or(|last| now - last >= USE_STEP) {
            self.used(key.id, now);
        }
        Some(Operator { key: Some(key.id), name: key.name, role: key.role })
    }

    /// Is this operator's key still good? What was opened with a key (a session of the console) must not outlive it.
    pub fn still_good(&self, operator: &Operator) -> bool {
        match operator.key {
            None => self.0.configured.is_some(),
            Some(id) => self.0.keys.borrow().iter().any(|known| known.key.id == id && known.key.is_good(Utc::now())),
        }
    }

    fn used(&self, id: KeyId, now: DateTime<Utc>) {
        self.0.keys.send_if_modified(|keys| {
            if let Some(known) = keys.iter_mut().find(|known| known.key.id == id) {
                known.used = Some(now);
            }
            false // nobody waits for this
        });
    }

    /// Every key, revoked ones too, oldest first, with its last use up to now.
    pub async fn list(&self) -> Result<Vec<OperatorKey>, RecordsError> {
        let mut keys = self.0.records.operator_keys().await?;
        let known = self.0.keys.borrow();
        for key in &mut keys {
            let used = known.iter().find(|known| known.key.id == key.id).and_then(Known::last_used);
            key.last_used_at = key.last_used_at.max(used);
        }
        Ok(keys)
    }

    /// Makes a key; durable, with its audit entry, when it returns. The text is nowhere else from then on.
    pub async fn create(&self, wish: KeyWish, audit: NewAuditEntry) -> Result<(OperatorKey, SecretString), KeyError> {
        let text = format!("sk_{}", URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()));
        let new = NewOperatorKey {
            name: wish.name,
            role: wish.role,
            hash: hex::encode(hash(&text)),
            hint: text[..HINT_CHARS].to_owned(),
            expires_at: wish.expires_at,
        };
        let key = self.0.records.add_operator_key(new, audit).await?;
        let known = Known::of(key.clone());
        self.0.keys.send_modify(|keys| {
            keys.extend(known);
            let now = Utc::now();
            if keys.len() > MAX_OPERATOR_KEYS {
                keys.retain(|known| known.key.is_good(now)); // the store let one of the others go
            }
        });
        Ok((key, SecretString::from(text)))
    }

    /// Revokes a key; from when it returns, it opens nothing.
    pub async fn revoke(&self, id: KeyId, audit: NewAuditEntry) -> Result<OperatorKey, KeyError> {
        let revoked = self.0.records.revoke_operator_key(id, audit).await?;
        self.0.keys.send_modify(|keys| {
            if let Some(known) = keys.iter_mut().find(|known| known.key.id == id) {
                known.key.revoked_at = revoked.revoked_at;
            }
        });
        Ok(revoked)
    }

    /// Told whenever keys were made or revoked.
    pub fn changes(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut keys = self.0.keys.subscribe();
        async move {
            let _ = keys.changed().await;
        }
    }

    /// Stores when keys were last used. Called now and then, and before the end; a failure costs nothing but a date.
    pub async fn note_uses(&self) {
        let uses: Vec<_> = self.0.keys.borrow().iter().filter_map(|known| Some((known.key.id, known.used?))).collect();
        if uses.is_empty() {
            return;
        }
        if let Err(error) = self.0.records.note_key_uses(uses.clone()).await {
            tracing::warn!(%error, "when keys were last used could not be stored");
            return;
        }
        self.0.keys.send_if_modified(|keys| {
            for (id, at) in &uses {
                if let Some(known) = keys.iter_mut().find(|known| known.key.id == *id) {
                    known.key.last_used_at = known.key.last_used_at.max(Some(*at));
                    known.used = known.used.filter(|used| used > at);
                }
            }
            false
        });
    }
}

#[cfg(test)]
mod tests;
