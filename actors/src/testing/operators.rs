//! Keys, audit log and once-only requests in memory.

#![expect(clippy::disallowed_types, reason = "a fake is shared with the test that breaks it; the lock is never held across an await")]

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::operators::{
    AuditEntry, AuditId, AuditOutcome, KeyId, NewAuditEntry, NewOperatorKey, OnceAnswer, OnceClaim, OnceRequest, OperatorKey, PulseSlot,
};
use crate::ports::{KeyError, MAX_OPERATOR_KEYS, OperatorRecords, RecordsError};

#[derive(Debug, Clone)]
struct Once {
    request: OnceRequest,
    until: DateTime<Utc>,
    answer: Option<OnceAnswer>,
}

#[derive(Debug, Default)]
struct Disk {
    keys: BTreeMap<KeyId, OperatorKey>,
    audit: BTreeMap<AuditId, AuditEntry>,
    once: HashMap<[u8; 32], Once>,
    pulse: BTreeMap<DateTime<Utc>, PulseSlot>,
    last_key: u64,
    failing: bool,
    now: Option<DateTime<Utc>>,
}

/// [`OperatorRecords`] with the real store's promises.
#[derive(Debug, Default)]
pub struct MemoryOperators {
    disk: Mutex<Disk>,
}

impl MemoryOperators {
    /// Empty, on the machine's clock.
    pub fn new() -> Self {
        Self::default()
    }

    /// Empty, at this moment for ever.
    pub fn at(now: DateTime<Utc>) -> Self {
        Self { disk: Mutex::new(Disk { now: Some(now), ..Disk::default() }) }
    }

    /// From now on every write fails, or works again.
    pub fn fail_writes(&self, failing: bool) {
        self.lock().failing = failing;
    }

    fn lock(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> Result<MutexGuard<'_, Disk>, RecordsError> {
        let disk = self.lock();
        if disk.failing { Err(RecordsError::Failed("scripted failure".into())) } else { Ok(disk) }
    }
}

impl Disk {
    fn now(&self) -> DateTime<Utc> {
        self.now.unwrap_or_else(Utc::now)
    }

    fn append(&mut self, change: NewAuditEntry, outcome: AuditOutcome, after: Value) -> AuditId {
        let id = AuditId(self.audit.keys().next_back().map_or(1, |last| last.0 + 1));
        self.audit.insert(id, AuditEntry { id, at: self.now(), change, outcome, after });
        id
    }

    fn make_room(&mut self) -> bool {
        if self.keys.len() < MAX_OPERATOR_KEYS {
            return true;
        }
        let now = self.now();
        let useless = self.keys.values().find(|key| !key.is_good(now)).map(|key| key.id);
        useless.is_some_and(|id| self.keys.remove(&id).is_some())
    }
}

fn shown(key: &OperatorKey) -> Value {
    json!({
        "name": key.name,
        "role": key.role,
        "hint": key.hint,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
    })
}

#[async_trait]
impl OperatorRecords for MemoryOperators {
    async fn operator_keys(&self) -> Result<Vec<OperatorKey>, RecordsError> {
        Ok(self.lock().keys.values().cloned().collect())
    }

    async fn add_operator_key(&self, new: NewOperatorKey, audit: NewAuditEntry) -> Result<OperatorKey, KeyError> {
        let mut disk = self.write()?;
        if !disk.make_room() {
            return Err(KeyError::TooMany);
        }
        disk.last_key += 1;
        let id = KeyId(disk.last_key);
        let key = OperatorKey {
            id,
            name: new.name,
            role: new.role,
            hash: new.hash,
            hint: new.hint,
            created_at: disk.now(),
            expires_at: new.expires_at,
            revoked_at: None,
            last_used_at: None,
        };
        disk.keys.insert(id, key.clone());
        disk.append(NewAuditEntry { target: Some(id.0.to_string()), ..audit }, AuditOutcome::Done, shown(&key));
        Ok(key)
    }

    async fn revoke_operator_key(&self, id: KeyId, audit: NewAuditEntry) -> Result<OperatorKey, KeyError> {
        let mut disk = self.write()?;
        let now = disk.now();
        let Some(key) = disk.keys.get_mut(&id) else { return Err(KeyError::Unknown) };
        if key.revoked_at.is_some() {
            return Ok(key.clone());
        }
        let before = shown(key);
        key.revoked_at = Some(now);
        let key = key.clone();
        disk.append(NewAuditEntry { before, ..audit }, AuditOutcome::Done, shown(&key));
        Ok(key)
    }

    async fn note_key_uses(&self, uses: Vec<(KeyId, DateTime<Utc>)>) -> Result<(), RecordsError> {
        let mut disk = self.write()?;
        for (id, at) in uses {
            if let Some(key) = disk.keys.get_mut(&id) {
                key.last_used_at = key.last_used_at.max(Some(at));
            }
        }
        Ok(())
    }

    async fn begin_audit(&self, entry: NewAuditEntry) -> Result<AuditId, RecordsError> {
        Ok(self.write()?.append(entry, AuditOutcome::Pending, Value::Null))
    }

    async fn finish_audit(&self, id: AuditId, outcome: AuditOutcome, after: Value) -> Result<(), RecordsError> {
        let mut disk = self.write()?;
        if let Some(entry) = disk.audit.get_mut(&id).filter(|entry| entry.outcome == AuditOutcome::Pending) {
            entry.outcome = outcome;
            entry.after = after;
        }
        Ok(())
    }

    async fn audit(&self, before: Option<AuditId>, limit: usize) -> Result<Vec<AuditEntry>, RecordsError> {
        let disk = self.lock();
        let older = disk.audit.values().rev().filter(|entry| before.is_none_or(|before| entry.id < before));
        Ok(older.take(limit).cloned().collect())
    }

    async fn claim_once(&self, request: OnceRequest, until: DateTime<Utc>) -> Result<OnceClaim, RecordsError> {
        let mut disk = self.write()?;
        let now = disk.now();
        if let Some(known) = disk.once.get(&request.name).filter(|known| known.until > now) {
            return Ok(match &known.answer {
                _ if known.request.fingerprint != request.fingerprint => OnceClaim::Mismatch,
                Some(answer) => OnceClaim::Answered(answer.clone()),
                None if known.request.life == request.life => OnceClaim::Running,
                None => OnceClaim::Unknown,
            });
        }
        disk.once.insert(request.name, Once { request, until, answer: None });
        Ok(OnceClaim::Yours)
    }

    async fn put_pulse(&self, slots: Vec<PulseSlot>, oldest: DateTime<Utc>) -> Result<(), RecordsError> {
        let mut disk = self.write()?;
        disk.pulse.retain(|at, _| *at >= oldest);
        disk.pulse.extend(slots.into_iter().map(|slot| (slot.at, slot)));
        Ok(())
    }

    async fn pulse(&self, oldest: DateTime<Utc>) -> Result<Vec<PulseSlot>, RecordsError> {
        Ok(self.lock().pulse.range(oldest..).map(|(_, slot)| slot.clone()).collect())
    }

    async fn answer_once(&self, name: [u8; 32], answer: Option<OnceAnswer>) -> Result<(), RecordsError> {
        let mut disk = self.write()?;
        match answer {
            Some(answer) => {
                if let Some(known) = disk.once.get_mut(&name) {
                    known.answer = Some(answer);
                }
            }
            None => {
                disk.once.remove(&name);
            }
        }
        Ok(())
    }
}
