//! What each request means, as changes to a [`Draft`]. Runs on the writer's thread only, so that reading and then writing is one act.

use chrono::{DateTime, Utc};
use frontdesk_actors::ids::{CompanyId, SalonId};
use frontdesk_actors::ports::{CompanyRow, SignatureClaim};
use frontdesk_actors::records::{
    Change, CompanyFlags, CompanyRecord, Desired, EventKind, EventRecord, IntegrationStatus, NewCompany, SessionRecord, WebhookDoor,
};
use serde_json::{Value, json};

use crate::store::counters::Counters;
use crate::store::draft::Draft;
use crate::store::fault::Fault;
use crate::store::inbox;
use crate::store::keys::{self, Reason};
use crate::store::pieces::{Pieces, VALUE_BYTES};
use crate::store::records::Claim;

/// Zone of a salon that told none.
const DEFAULT_TIMEZONE: &str = "Europe/Moscow";

/// Ended claims removed with each new one: they go faster than they come.
const CLAIMS_PRUNED_AT_ONCE: usize = 4;

/// Free-form JSON (a salon, an event's data, a webhook's body) longer than this is replaced by its length, so that the record fits.
pub(super) const FREE_JSON_BYTES: usize = VALUE_BYTES - 12 * 1024;

/// Creates a company and `registration_started`, or returns the stored one.
pub(super) fn create_company(draft: &mut Draft<'_>, new: NewCompany) -> Result<CompanyRecord, Fault> {
    if let Some(id) = company_of(draft, new.salon_id)? {
        return draft.record(&keys::company(id))?.ok_or(Fault::Incomplete { what: "company" });
    }
    let id = Counters::next(&mut draft.counters.last_company)?;
    let id = CompanyId::try_from(id).map_err(|_| Fault::Refused { rule: "company ids are used up" })?;
    let record = first_record(id, new);
    put_company(draft, record.clone())?;
    let event = EventRecord {
        company_id: id,
        salon_id: record.salon_id,
        kind: EventKind::RegistrationStarted,
        data: json!({}),
        at: record.registered_at,
    };
    append_event(draft, event)?;
    Ok(record)
}

fn first_record(id: CompanyId, new: NewCompany) -> CompanyRecord {
    CompanyRecord {
        company_id: id,
        salon_id: new.salon_id,
        title: new.title,
        phone: new.marketplace_user.phone.clone(),
        email: new.marketplace_user.email.clone(),
        address: None,
        timezone: new.timezone.unwrap_or_else(|| DEFAULT_TIMEZONE.to_owned()),
        integration_status: IntegrationStatus::Pending,
        whatsapp_connected: false,
        whatsapp_phone: None,
        whatsapp_connected_at: None,
        connected_at: None,
        registered_at: new.registered_at,
        flags: CompanyFlags::default(),
        marketplace_user: new.marketplace_user,
        api_key_hash: None,
        client_key_hash: None,
        webhook_secret_hash: None,
        webhook_previous_hash: None,
        raw_salon: Value::Null,
        created_at: new.registered_at,
        updated_at: new.registered_at,
    }
}

/// All changes of one commit, in order.
pub(super) fn commit(draft: &mut Draft<'_>, changes: Vec<Change>) -> Result<(), Fault> {
    changes.into_iter().try_for_each(|change| apply(draft, change))
}

fn apply(draft: &mut Draft<'_>, change: Change) -> Result<(), Fault> {
    match change {
        Change::PutCompany(record) => put_company(draft, *record),
        Change::PutSession(record) => put_session(draft, &record),
        Change::PutActivation(record) => {
            draft.put_marker(keys::active(record.company_id, Reason::Activation))?;
            draft.put_record(keys::activation(record.company_id), &record)
        }
        Change::ClearActivation(company) => {
            draft.remove(keys::active(company, Reason::Activation))?;
            draft.remove(keys::activation(company))
        }
        Change::AppendEvent(event) => append_event(draft, event),
        Change::EraseSession(company) => {
            draft.remove(keys::active(company, Reason::Session))?;
            draft.remove(keys::session(company))?;
            erase_vault(draft, company)
        }
        Change::InboxDone(company, id) => inbox::done(draft, company, id),
        Change::InboxFailed(company, id) => inbox::failed(draft, company, id),
        Change::InboxDead(company, id, reason) => inbox::dead(draft, company, id, reason),
        Change::PlanErasure(plan) => inbox::plan_erasure(draft, plan),
        Change::EraseSalonData(company, before) => inbox::erase_salon_data(draft, company, before),
    }
}

pub(super) fn company_of(draft: &Draft<'_>, salon: SalonId) -> Result<Option<CompanyId>, Fault> {
    draft.value(&keys::salon(salon))?.map(|bytes| parse_company(&bytes)).transpose()
}

/// Reads the value of the salon index.
pub(super) fn parse_company(bytes: &[u8]) -> Result<CompanyId, Fault> {
    let number = bytes.try_into().map(u64::from_be_bytes).ok();
    number.and_then(|number| CompanyId::try_from(number).ok()).ok_or(Fault::Incomplete { what: "salon index" })
}

fn put_company(draft: &mut Draft<'_>, mut record: CompanyRecord) -> Result<(), Fault> {
    let key = keys::company(record.company_id);
    let before = draft.record::<CompanyRecord>(&key)?;
    if before.as_ref().is_some_and(|before| before.salon_id != record.salon_id) {
        return Err(Fault::Refused { rule: "a company never changes its salon" });
    }
    if before.is_none() {
        if company_of(draft, record.salon_id)?.is_some() {
            return Err(Fault::Refused { rule: "a salon belongs to one company" });
        }
        let id = record.company_id.get();
        draft.put(keys::salon(record.salon_id), &id.to_be_bytes(), "salon index")?;
        draft.counters.last_company = draft.counters.last_company.max(id);
    }
    let was_connected = before.as_ref().is_some_and(|before| before.whatsapp_connected);
    if record.whatsapp_connected != was_connected {
        draft.counters.connection(record.whatsapp_connected, draft.now);
    }
    put_webhook_door(draft, before.as_ref(), &record)?;
    draft.counters.moved(before.map(|before| before.integration_status), record.integration_status);
    shorten(&mut record.raw_salon);
    draft.companies.push(CompanyRow::from(&record));
    draft.put_record(key, &record)
}

/// Keeps what webhooks are checked against in step with the record.
fn put_webhook_door(draft: &mut Draft<'_>, before: Option<&CompanyRecord>, record: &CompanyRecord) -> Result<(), Fault> {
    let secrets = |record: &CompanyRecord| (record.webhook_secret_hash.clone(), record.webhook_previous_hash.clone());
    let (newest, previous) = secrets(record);
    let none = newest.is_none() && previous.is_none();
    if before.map_or(none, |before| secrets(before) == secrets(record)) {
        return Ok(());
    }
    let key = keys::webhook_door(record.salon_id);
    if none {
        return draft.remove(key);
    }
    draft.put_record(key, &WebhookDoor { company_id: record.company_id, newest, previous })
}

fn put_session(draft: &mut Draft<'_>, record: &SessionRecord) -> Result<(), Fault> {
    let marker = keys::active(record.company_id, Reason::Session);
    if record.desired == Desired::Online || record.own.is_some() {
        draft.put_marker(marker)?;
    } else {
        draft.remove(marker)?;
    }
    draft.put_record(keys::session(record.company_id), record)
}

fn append_event(draft: &mut Draft<'_>, mut event: EventRecord) -> Result<(), Fault> {
    shorten(&mut event.data);
    let sequence = Counters::next(&mut draft.counters.last_event)?;
    draft.put_record(keys::event(event.company_id, sequence), &event)
}

/// Notes the use of signed data, unless it was used for another salon and that has not ended.
pub(super) fn claim_signature(
    draft: &mut Draft<'_>,
    fingerprint: [u8; 32],
    salon_id: SalonId,
    until: DateTime<Utc>,
) -> Result<SignatureClaim, Fault> {
    prune_claims(draft)?;
    let key = keys::claim(&fingerprint);
    let before = draft.record::<Claim>(&key)?.filter(|claim| claim.until > draft.now);
    if before.as_ref().is_some_and(|claim| claim.salon_id != salon_id) {
        return Ok(SignatureClaim::UsedForAnotherSalon);
    }
    let until = before.map_or(until, |claim| claim.until.max(until));
    draft.put_marker(keys::claim_by_time(seconds(until), &fingerprint))?;
    draft.put_record(key, &Claim { salon_id, until })?;
    Ok(SignatureClaim::Granted)
}

/// Removes a few claims that have ended. A claim that was prolonged has a later marker too and stays until that one.
fn prune_claims(draft: &mut Draft<'_>) -> Result<(), Fault> {
    for marker in draft.first_keys(keys::CLAIMS_BY_TIME, CLAIMS_PRUNED_AT_ONCE)? {
        let (until, fingerprint) = keys::parse_claim_by_time(&marker).ok_or(Fault::Incomplete { what: "claim marker" })?;
        if until >= seconds(draft.now) {
            break;
        }
        let key = keys::claim(&fingerprint);
        if draft.record::<Claim>(&key)?.is_some_and(|claim| seconds(claim.until) <= until) {
            draft.remove(key)?;
        }
        draft.remove(marker)?;
    }
    Ok(())
}

/// Whole seconds since 1970, as keys by time hold them.
pub(super) fn seconds(time: DateTime<Utc>) -> u64 {
    u64::try_from(time.timestamp()).unwrap_or(0)
}

/// One operation on a vault, sealed by the caller's thread.
pub(super) enum SealedOp {
    /// Insert or replace.
    Put(keys::Key, Pieces),
    /// Remove.
    Delete(keys::Key),
}

/// All operations on a vault, in order. A company with anything in its vault is loaded at start: its phone may be linked although a crash
/// came before its session's record could say so.
pub(super) fn write_vault(draft: &mut Draft<'_>, company: CompanyId, operations: Vec<SealedOp>) -> Result<(), Fault> {
    if operations.iter().any(|operation| matches!(operation, SealedOp::Put(..))) {
        draft.put_marker(keys::active(company, Reason::Vault))?;
    }
    operations.into_iter().try_for_each(|operation| match operation {
        SealedOp::Put(key, pieces) => draft.put_pieces(key, pieces),
        SealedOp::Delete(key) => draft.remove(key),
    })
}

/// Removes the company's vault (up to some thousand keys; only keys are held in memory).
pub(super) fn erase_vault(draft: &mut Draft<'_>, company: CompanyId) -> Result<(), Fault> {
    draft.remove(keys::active(company, Reason::Vault))?;
    draft.remove_under(&keys::vault_room(company))
}

/// Keeps free-form JSON within what a record may hold: what is too long is replaced by its length.
pub(super) fn shorten(value: &mut Value) {
    let bytes = value.to_string().len();
    if bytes > FREE_JSON_BYTES {
        *value = json!({ "left_out_bytes": bytes });
    }
}
