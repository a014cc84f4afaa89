//! What each step of a company changes in the store, all in one commit. Pure.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::activation::{Deed, FailReason};
use super::secrets;
use crate::ids::Secret;
use crate::records::{Change, CompanyRecord, Erasure, EventKind, EventRecord, InboxId, IntegrationStatus, MarketplaceUser};
use crate::session::machine::Snapshot;
use crate::view::SessionState;

/// Zone of a salon that told none, or is forgotten.
const UNKNOWN_ZONE: &str = "Europe/Moscow";

/// One line for the company's timeline. `data` must not hold secrets or numbers of people.
pub(crate) fn event(record: &CompanyRecord, kind: EventKind, data: Value, at: DateTime<Utc>) -> Change {
    Change::AppendEvent(EventRecord { company_id: record.company_id, salon_id: record.salon_id, kind, data, at })
}

/// SHA-256 of a key, in hex.
pub(crate) fn key_hash(key: &Secret) -> String {
    let digest = Sha256::digest(key.expose().as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A commit of the saga: the record after it, and all changes.
pub(crate) fn of_deed(deed: &Deed, record: &CompanyRecord, now: DateTime<Utc>) -> (CompanyRecord, Vec<Change>) {
    let mut next = CompanyRecord { updated_at: now, ..record.clone() };
    let mut changes = match deed {
        Deed::Begin(activation, _) => {
            next.integration_status = IntegrationStatus::Activating;
            if let Some(secret) = &activation.webhook_secret {
                secrets::begin(&mut next, secret);
            }
            vec![Change::PutActivation(activation.clone())]
        }
        Deed::Attempt(activation) => return (record.clone(), vec![Change::PutActivation(activation.clone())]),
        Deed::Succeed(activation) => {
            next.integration_status = IntegrationStatus::Active;
            next.connected_at = Some(now);
            // Without a call of ours YClients holds an older key of ours, or none: this one is nobody's.
            if activation.attempts > 0 {
                next.api_key_hash = Some(key_hash(&activation.api_key));
            } else if let Some(secret) = &activation.webhook_secret {
                secrets::take_back(&mut next, secret);
            }
            let data = json!({ "attempts": activation.attempts });
            vec![Change::ClearActivation(record.company_id), event(record, EventKind::IntegrationActivated, data, now)]
        }
        Deed::Fail(activation, why) => {
            next.integration_status = IntegrationStatus::ActivationFailed;
            next.api_key_hash = None;
            if let Some(secret) = &activation.webhook_secret {
                secrets::take_back(&mut next, secret);
            }
            let data = json!({ "attempts": activation.attempts, "reason": reason(*why) });
            vec![Change::ClearActivation(record.company_id), event(record, EventKind::ActivationFailed, data, now)]
        }
    };
    changes.push(Change::PutCompany(Box::new(next.clone())));
    (next, changes)
}

fn reason(why: FailReason) -> Value {
    match why {
        FailReason::Refused { status } => json!({ "code": "refused", "status": status }),
        FailReason::NotInstalled => json!({ "code": "not_installed" }),
        FailReason::WindowOver => json!({ "code": "window_over" }),
    }
}

/// YClients removed the installation: session, credentials, keys and salon data go at once. The rest has a plan: [`of_erasure`].
pub(crate) fn of_uninstall(
    record: &CompanyRecord,
    entry: InboxId,
    now: DateTime<Utc>,
    erase_after: Duration,
) -> (CompanyRecord, Vec<Change>) {
    let next = CompanyRecord {
        integration_status: IntegrationStatus::Uninstalled,
        whatsapp_connected: false,
        whatsapp_phone: None,
        connected_at: None,
        phone: None,
        email: None,
        address: None,
        marketplace_user: MarketplaceUser::default(),
        api_key_hash: None,
        client_key_hash: None,
        webhook_secret_hash: None,
        webhook_previous_hash: None,
        raw_salon: Value::Null,
        updated_at: now,
        ..record.clone()
    };
    let changes = vec![
        Change::EraseSession(record.company_id),
        Change::PlanErasure(Erasure {
            company_id: record.company_id,
            removed_at: now,
            due_at: now + TimeDelta::from_std(erase_after).unwrap_or_default(),
        }),
        Change::ClearActivation(record.company_id),
        Change::PutCompany(Box::new(next.clone())),
        event(record, EventKind::Uninstalled, Value::Null, now),
        Change::InboxDone(record.company_id, entry),
    ];
    (next, changes)
}

/// The plan is due: webhooks, what the timeline's lines hold and, unless somebody registered the salon again, its name and what came into its
/// vault since the removal.
pub(crate) fn of_erasure(record: &CompanyRecord, plan: &Erasure, now: DateTime<Utc>) -> (CompanyRecord, Vec<Change>) {
    let mut next = record.clone();
    let mut changes = vec![Change::EraseSalonData(record.company_id, plan.removed_at)];
    if record.integration_status == IntegrationStatus::Uninstalled {
        next = CompanyRecord { title: None, timezone: UNKNOWN_ZONE.to_owned(), whatsapp_connected_at: None, updated_at: now, ..next };
        // A link that was cut may have written once more after the removal.
        changes.push(Change::EraseSession(record.company_id));
        changes.push(Change::PutCompany(Box::new(next.clone())));
    }
    changes.push(event(record, EventKind::SalonErased, Value::Null, now));
    (next, changes)
}

/// YClients froze the installation: credentials and key stay.
pub(crate) fn of_freeze(record: &CompanyRecord, entry: InboxId, now: DateTime<Utc>) -> (CompanyRecord, Vec<Change>) {
    let next =
        CompanyRecord { integration_status: IntegrationStatus::Frozen, whatsapp_connected: false, updated_at: now, ..record.clone() };
    let changes = vec![
        Change::ClearActivation(record.company_id),
        Change::PutCompany(Box::new(next.clone())),
        event(record, EventKind::Frozen, Value::Null, now),
        Change::InboxDone(record.company_id, entry),
    ];
    (next, changes)
}

/// YClients says that a frozen installation is active again. One that froze before it ever was active here goes back to its beginning.
pub(crate) fn of_unfreeze(record: &CompanyRecord, entry: InboxId, now: DateTime<Utc>) -> (CompanyRecord, Vec<Change>) {
    let was_active = record.connected_at.is_some();
    let integration_status = if was_active { IntegrationStatus::Active } else { IntegrationStatus::Pending };
    let next = CompanyRecord { integration_status, updated_at: now, ..record.clone() };
    let changes = vec![
        Change::PutCompany(Box::new(next.clone())),
        event(record, EventKind::Unfrozen, Value::Null, now),
        Change::InboxDone(record.company_id, entry),
    ];
    (next, changes)
}

/// The record as the session makes it. Losses that pass by themselves change nothing, or every hiccup would be a write.
pub(crate) fn with_session(record: &CompanyRecord, session: &Snapshot, now: DateTime<Utc>) -> CompanyRecord {
    let mut next = record.clone();
    let state = session.view.state;
    if state == SessionState::Online {
        let phone = session.view.own.as_ref().map(|own| own.phone.clone());
        if !next.whatsapp_connected || next.whatsapp_phone != phone {
            next.whatsapp_connected_at = Some(now);
        }
        next.whatsapp_connected = true;
        next.whatsapp_phone = phone;
    } else if state == SessionState::Idle || state.is_final() {
        next.whatsapp_connected = false;
        if state == SessionState::LoggedOut {
            next.whatsapp_phone = None;
        }
    }
    if next != *record {
        next.updated_at = now;
    }
    next
}
