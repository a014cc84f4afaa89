//! Keys of operators, the audit log and once-only requests: the port, and what each request means as changes to a [`Draft`].

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use frontdesk_actors::operators::{
    AuditEntry, AuditId, AuditOutcome, KeyId, NewAuditEntry, NewOperatorKey, OnceAnswer, OnceClaim, OnceRequest, OperatorKey, PulseSlot,
};
use frontdesk_actors::ports::{CompanyDirectory, CompanyRow, KeyError, MAX_OPERATOR_KEYS, OperatorRecords, RecordsError};
use serde_json::Value;

use crate::store::Store;
use crate::store::apply::{seconds, shorten};
use crate::store::counters::Counters;
use crate::store::draft::Draft;
use crate::store::fault::Fault;
use crate::store::keys;
use crate::store::records::Once;

/// What each of these is counted with among the bytes that wait.
const WEIGHT: usize = 4 * 1024;

/// Ended once-only requests removed with each new one: they go faster than they come.
const ONCE_PRUNED_AT_ONCE: usize = 4;

/// Audit entries beyond what is kept that go with each new one: more than one, so that a lowered limit is reached some day.
const AUDIT_PRUNED_AT_ONCE: usize = 4;

/// Old steps of the day removed with each write: a server that was off for a day gets rid of them within the hour.
const PULSE_PRUNED_AT_ONCE: usize = 64;

#[async_trait]
impl OperatorRecords for Store {
    async fn operator_keys(&self) -> Result<Vec<OperatorKey>, RecordsError> {
        self.0.reader.operator_keys()
    }

    async fn add_operator_key(&self, new: NewOperatorKey, audit: NewAuditEntry) -> Result<OperatorKey, KeyError> {
        let kept = self.0.audit_entries;
        self.submit(WEIGHT, move |draft| add_key(draft, new, audit, kept)).await?
    }

    async fn revoke_operator_key(&self, id: KeyId, audit: NewAuditEntry) -> Result<OperatorKey, KeyError> {
        let kept = self.0.audit_entries;
        self.submit(WEIGHT, move |draft| revoke_key(draft, id, audit, kept)).await?
    }

    async fn note_key_uses(&self, uses: Vec<(KeyId, DateTime<Utc>)>) -> Result<(), RecordsError> {
        self.submit(WEIGHT, |draft| note_uses(draft, uses)).await
    }

    async fn begin_audit(&self, entry: NewAuditEntry) -> Result<AuditId, RecordsError> {
        let kept = self.0.audit_entries;
        self.submit(WEIGHT, move |draft| append_audit(draft, entry, AuditOutcome::Pending, Value::Null, kept)).await
    }

    async fn finish_audit(&self, id: AuditId, outcome: AuditOutcome, after: Value) -> Result<(), RecordsError> {
        self.submit(WEIGHT, move |draft| finish_audit(draft, id, outcome, after)).await
    }

    async fn audit(&self, before: Option<AuditId>, limit: usize) -> Result<Vec<AuditEntry>, RecordsError> {
        self.0.reader.audit(before, limit)
    }

    async fn claim_once(&self, request: OnceRequest, until: DateTime<Utc>) -> Result<OnceClaim, RecordsError> {
        self.submit(WEIGHT, move |draft| claim_once(draft, request, until)).await
    }

    async fn put_pulse(&self, slots: Vec<PulseSlot>, oldest: DateTime<Utc>) -> Result<(), RecordsError> {
        self.submit(WEIGHT, move |draft| put_pulse(draft, &slots, oldest)).await
    }

    async fn pulse(&self, oldest: DateTime<Utc>) -> Result<Vec<PulseSlot>, RecordsError> {
        self.0.reader.pulse(oldest)
    }

    async fn answer_once(&self, name: [u8; 32], answer: Option<OnceAnswer>) -> Result<(), RecordsError> {
        self.submit(WEIGHT, move |draft| answer_once(draft, &name, answer)).await
    }
}

#[async_trait]
impl CompanyDirectory for Store {
    async fn rows(&self) -> Result<Vec<Arc<CompanyRow>>, RecordsError> {
        self.0.health.check()?;
        let walk = async || {
            let reader = self.0.reader.clone();
            let walking = tokio::task::spawn_blocking(move || reader.company_rows());
            walking.await.map_err(|_| RecordsError::Failed("reading all companies was interrupted".to_owned()))?
        };
        self.0.roster.rows(walk).await
    }
}

type KeyResult = Result<OperatorKey, KeyError>;

fn add_key(draft: &mut Draft<'_>, new: NewOperatorKey, audit: NewAuditEntry, kept: u64) -> Result<KeyResult, Fault> {
    if !make_room(draft)? {
        return Ok(Err(KeyError::TooMany));
    }
    let id = KeyId(Counters::next(&mut draft.counters.last_key)?);
    let key = OperatorKey {
        id,
        name: new.name,
        role: new.role,
        hash: new.hash,
        hint: new.hint,
        created_at: draft.now,
        expires_at: new.expires_at,
        revoked_at: None,
        last_used_at: None,
    };
    draft.put_record(keys::operator_key(id), &key)?;
    let audit = NewAuditEntry { target: Some(id.0.to_string()), ..audit };
    append_audit(draft, audit, AuditOutcome::Done, shown(&key), kept)?;
    Ok(Ok(key))
}

/// There is room for one more key, if need be after the oldest one that opens nothing has gone.
fn make_room(draft: &mut Draft<'_>) -> Result<bool, Fault> {
    let stored = draft.keys_under(keys::OPERATOR_KEYS)?;
    if stored.len() < MAX_OPERATOR_KEYS {
        return Ok(true);
    }
    for place in stored {
        if draft.record::<OperatorKey>(&place)?.is_some_and(|key| !key.is_good(draft.now)) {
            draft.remove(place)?;
            return Ok(true);
        }
    }
    Ok(false)
}

fn revoke_key(draft: &mut Draft<'_>, id: KeyId, audit: NewAuditEntry, kept: u64) -> Result<KeyResult, Fault> {
    let Some(mut key) = draft.record::<OperatorKey>(&keys::operator_key(id))? else {
        return Ok(Err(KeyError::Unknown));
    };
    if key.revoked_at.is_some() {
        return Ok(Ok(key));
    }
    let audit = NewAuditEntry { before: shown(&key), ..audit };
    key.revoked_at = Some(draft.now);
    draft.put_record(keys::operator_key(id), &key)?;
    append_audit(draft, audit, AuditOutcome::Done, shown(&key), kept)?;
    Ok(Ok(key))
}

/// What the audit log says of a key: enough to know which, nothing to find it by.
fn shown(key: &OperatorKey) -> Value {
    serde_json::json!({
        "name": key.name,
        "role": key.role,
        "hint": key.hint,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
    })
}

fn note_uses(draft: &mut Draft<'_>, uses: Vec<(KeyId, DateTime<Utc>)>) -> Result<(), Fault> {
    for (id, at) in uses {
        let place = keys::operator_key(id);
        if let Some(mut key) = draft.record::<OperatorKey>(&place)? {
            key.last_used_at = key.last_used_at.max(Some(at));
            draft.put_record(place, &key)?;
        }
    }
    Ok(())
}

fn append_audit(
    draft: &mut Draft<'_>,
    mut change: NewAuditEntry,
    outcome: AuditOutcome,
    mut after: Value,
    kept: u64,
) -> Result<AuditId, Fault> {
    shorten(&mut change.before);
    shorten(&mut after);
    let id = AuditId(Counters::next(&mut draft.counters.last_audit)?);
    draft.put_record(keys::audit(id), &AuditEntry { id, at: draft.now, change, outcome, after })?;
    prune_audit(draft, id, kept)?;
    Ok(id)
}

fn prune_audit(draft: &mut Draft<'_>, newest: AuditId, kept: u64) -> Result<(), Fault> {
    for oldest in draft.first_keys(keys::AUDIT, AUDIT_PRUNED_AT_ONCE)? {
        let id = keys::parse_audit(&oldest).ok_or(Fault::Incomplete { what: "audit key" })?;
        if id.0 + kept > newest.0 {
            break;
        }
        draft.remove(oldest)?;
    }
    Ok(())
}

fn finish_audit(draft: &mut Draft<'_>, id: AuditId, outcome: AuditOutcome, mut after: Value) -> Result<(), Fault> {
    let place = keys::audit(id);
    let Some(entry) = draft.record::<AuditEntry>(&place)? else {
        return Ok(()); // pruned meanwhile
    };
    if entry.outcome != AuditOutcome::Pending {
        return Ok(());
    }
    shorten(&mut after);
    draft.put_record(place, &AuditEntry { outcome, after, ..entry })
}

fn put_pulse(draft: &mut Draft<'_>, slots: &[PulseSlot], oldest: DateTime<Utc>) -> Result<(), Fault> {
    let oldest = keys::pulse(seconds(oldest));
    for old in draft.first_keys(keys::PULSE, PULSE_PRUNED_AT_ONCE)?.into_iter().filter(|key| *key < oldest) {
        draft.remove(old)?;
    }
    slots.iter().try_for_each(|slot| draft.put_record(keys::pulse(seconds(slot.at)), slot))
}

fn claim_once(draft: &mut Draft<'_>, request: OnceRequest, until: DateTime<Utc>) -> Result<OnceClaim, Fault> {
    prune_once(draft)?;
    let place = keys::once(&request.name);
    if let Some(known) = draft.record::<Once>(&place)?.filter(|known| known.until > draft.now) {
        return Ok(match known.answer {
            _ if known.fingerprint != request.fingerprint => OnceClaim::Mismatch,
            Some(answer) => OnceClaim::Answered(answer),
            None if known.life == request.life => OnceClaim::Running,
            None => OnceClaim::Unknown,
        });
    }
    draft.put_marker(keys::once_by_time(seconds(until), &request.name))?;
    draft.put_record(place, &Once { fingerprint: request.fingerprint, life: request.life, until, answer: None })?;
    Ok(OnceClaim::Yours)
}

fn answer_once(draft: &mut Draft<'_>, name: &[u8; 32], answer: Option<OnceAnswer>) -> Result<(), Fault> {
    let place = keys::once(name);
    match (answer, draft.record::<Once>(&place)?) {
        (Some(answer), Some(known)) => draft.put_record(place, &Once { answer: Some(answer), ..known }),
        (None, Some(_)) => draft.remove(place),
        (_, None) => Ok(()),
    }
}

/// Removes a few that have ended. One that was claimed anew has a later marker too and stays until that one.
fn prune_once(draft: &mut Draft<'_>) -> Result<(), Fault> {
    for marker in draft.first_keys(keys::ONCE_BY_TIME, ONCE_PRUNED_AT_ONCE)? {
        let (until, name) = keys::parse_claim_by_time(&marker).ok_or(Fault::Incomplete { what: "marker of a once-only request" })?;
        if until >= seconds(draft.now) {
            break;
        }
        let place = keys::once(&name);
        if draft.record::<Once>(&place)?.is_some_and(|known| seconds(known.until) <= until) {
            draft.remove(place)?;
        }
        draft.remove(marker)?;
    }
    Ok(())
}
