//! Every version of every record that was ever written can still be read: `tests/fixtures/store/v<N>/<record>.json`.
//!
//! A fixture is never changed. When a record gets a new version, its JSON joins as `v<N+1>` and the old one must still load.

use std::fmt::Debug;

use chrono::{DateTime, TimeZone, Utc};
use frontdesk_actors::ids::{OwnIdentity, SalonId};
use frontdesk_actors::operators::{
    Actor, AuditEntry, AuditId, AuditOutcome, KeyId, NewAuditEntry, OnceAnswer, OperatorKey, OperatorRole, PulseSlot,
};
use frontdesk_actors::records::{
    ActivationRecord, CompanyFlags, CompanyRecord, DataEvent, DataResource, DataStatus, DeadReason, Desired, Erasure, EventKind,
    EventRecord, InboxEntry, InboxEvent, InboxId, IntegrationStatus, LifecycleEvent, MarketplaceUser, NewInboxEntry, Sameness,
    SessionRecord, WebhookDoor,
};
use frontdesk_actors::view::{SessionState, StateReason};
use serde_json::json;

use super::{activation, company_id, moment, phone, salon_id};
use crate::store::counters::{Counters, Hour};
use crate::store::fault::Fault;
use crate::store::inbox::{DeadLetter, InboxDone, Letter};
use crate::store::records::{Claim, Mark, Once, Stored, decode, encode};

fn later() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 5, 0, 0, 0).unwrap()
}

/// The fixture loads as `expected`, and the newest version of `expected` comes back as itself.
fn loads<T: Stored + PartialEq + Debug>(fixture: &str, expected: &T) {
    assert_eq!(&decode::<T>(fixture.as_bytes()).unwrap(), expected);
    let newest = encode(expected).unwrap();
    assert!(newest.starts_with(format!("{{\"version\":{},", T::VERSION).as_bytes()));
    assert_eq!(&decode::<T>(&newest).unwrap(), expected);
}

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../../tests/fixtures/store/", $name, ".json"))
    };
}

fn full_company() -> CompanyRecord {
    CompanyRecord {
        company_id: company_id(12),
        salon_id: salon_id(962_302),
        title: Some("Салон \"Ромашка\" <b>".to_owned()),
        phone: Some(phone()),
        email: Some("salon@example.com".to_owned()),
        address: Some("Тверская, 1".to_owned()),
        timezone: "Asia/Yekaterinburg".to_owned(),
        integration_status: IntegrationStatus::Active,
        whatsapp_connected: true,
        whatsapp_phone: Some(phone()),
        whatsapp_connected_at: Some(moment()),
        connected_at: Some(later()),
        registered_at: moment(),
        flags: CompanyFlags { ai_enabled: true, sync_enabled: false, whatsapp_enabled: true },
        marketplace_user: MarketplaceUser { id: Some(33), name: Some("Анна".to_owned()), phone: Some(phone()), email: None },
        api_key_hash: Some("ab".repeat(32)),
        client_key_hash: None,
        webhook_secret_hash: None,
        webhook_previous_hash: None,
        raw_salon: json!({ "id": 962_302, "country": null, "schedule": ["10:00"] }),
        created_at: moment(),
        updated_at: later(),
    }
}

fn salon() -> SalonId {
    salon_id(962_302)
}

#[test]
fn version_1_of_the_company_loads() {
    loads(fixture!("v1/company"), &full_company());
}

#[test]
fn version_1_of_session_and_activation_load() {
    let session = SessionRecord {
        company_id: company_id(12),
        desired: Desired::Online,
        state: SessionState::Banned,
        reason: Some(StateReason::NetworkLost),
        since: moment(),
        not_before: Some(later()),
        own: Some(OwnIdentity { phone: phone(), lid: Some("1@lid".to_owned()) }),
        probed_at: None,
    };
    loads(fixture!("v1/session"), &session);
    loads(fixture!("v1/activation"), &ActivationRecord { window_ends_at: later(), ..activation(company_id(12)) });
}

#[test]
fn version_1_of_the_timeline_and_the_inbox_load() {
    let event = EventRecord {
        company_id: company_id(12),
        salon_id: salon(),
        kind: EventKind::WhatsappConnected,
        data: json!({ "attempt": 2 }),
        at: moment(),
    };
    loads(fixture!("v1/event"), &event);
    let event = InboxEvent::Lifecycle(LifecycleEvent::Unknown("renamed".to_owned()));
    loads(fixture!("v1/inbox"), &InboxEntry { id: InboxId(5), entry: entry(event), attempts: 3 });
    let event = InboxEvent::Lifecycle(LifecycleEvent::Uninstall);
    let done = InboxDone { salon_id: salon(), event, received_at: moment(), done_at: later(), attempts: 1 };
    loads(fixture!("v1/inbox_done"), &done);
}

fn entry(event: InboxEvent) -> NewInboxEntry {
    let body = json!({ "salon_id": 962_302 });
    NewInboxEntry { company_id: Some(company_id(12)), salon_id: salon(), event, received_at: moment(), body }
}

fn data_event() -> InboxEvent {
    InboxEvent::Data(DataEvent {
        resource: DataResource::Record,
        resource_id: Some(700_001),
        status: DataStatus::Other("archive".to_owned()),
        sameness: Sameness { key: "ab".repeat(32), seconds: 300 },
        secret_mark: "0123456789abcdef".to_owned(),
    })
}

#[test]
fn version_2_of_the_inbox_loads() {
    loads(fixture!("v2/inbox"), &InboxEntry { id: InboxId(5), entry: entry(data_event()), attempts: 3 });
    let done = InboxDone {
        salon_id: salon(),
        event: InboxEvent::Legacy("booking_created".to_owned()),
        received_at: moment(),
        done_at: later(),
        attempts: 1,
    };
    loads(fixture!("v2/inbox_done"), &done);
}

#[test]
fn version_1_of_what_the_inbox_is_made_of_loads() {
    let letter = Letter::Entry(InboxEntry { id: InboxId(5), entry: entry(data_event()), attempts: 3 });
    loads(fixture!("v1/dead_letter"), &DeadLetter { letter, reason: DeadReason::Crashed, died_at: later() });
    let letter = Letter::Text(Some("{}".to_owned()));
    loads(fixture!("v1/dead_text"), &DeadLetter { letter, reason: DeadReason::Unreadable, died_at: later() });
    loads(fixture!("v1/mark"), &Mark { until: later(), since: None });
    loads(fixture!("v1/erasure"), &Erasure { company_id: company_id(12), removed_at: moment(), due_at: later() });
    let door = WebhookDoor { company_id: company_id(12), newest: Some("ab".repeat(32)), previous: None };
    loads(fixture!("v1/webhook_door"), &door);
}

#[test]
fn version_1_of_claims_and_counters_load() {
    loads(fixture!("v1/claim"), &Claim { salon_id: salon(), until: later() });
    let by_status = [1, 2, 3, 4, 5, 6, 7];
    let counters = Counters { commits: 9, last_company: 8, last_inbox: 7, last_event: 6, by_status, ..Counters::default() };
    loads(fixture!("v1/counters"), &counters);
    let traffic = vec![Hour { hour: 492_000, connected: 3, disconnected: 1 }];
    loads(fixture!("v1/counters_traffic"), &Counters { traffic, ..counters });
}

#[test]
fn version_1_of_the_operators_records_load() {
    let key = OperatorKey {
        id: KeyId(3),
        name: "Анна, поддержка".to_owned(),
        role: OperatorRole::Operator,
        hash: "ab".repeat(32),
        hint: "sk_ab12".to_owned(),
        created_at: moment(),
        expires_at: Some(later()),
        revoked_at: None,
        last_used_at: Some(moment()),
    };
    loads(fixture!("v1/operator_key"), &key);
    let change = NewAuditEntry {
        actor: Actor { key: Some(KeyId(3)), name: "Анна".to_owned(), role: OperatorRole::Admin },
        address: "192.0.2.1".to_owned(),
        request_id: "r-1".to_owned(),
        action: "session.restart".to_owned(),
        company: Some(company_id(12)),
        target: Some("7".to_owned()),
        before: json!({ "state": "Parked" }),
    };
    let outcome = AuditOutcome::Failed("TIMEOUT".to_owned());
    loads(fixture!("v1/audit"), &AuditEntry { id: AuditId(4), at: moment(), change, outcome, after: json!(null) });
    let answer = Some(OnceAnswer { status: 200, body: json!({ "success": true }) });
    loads(fixture!("v1/once"), &Once { fingerprint: "abab".to_owned(), life: 9, until: later(), answer });
}

#[test]
fn version_1_of_the_day_loads() {
    let slot = PulseSlot {
        at: Utc.with_ymd_and_hms(2026, 3, 4, 5, 5, 0).unwrap(),
        online_now: 7,
        redirected: 1,
        page_opened: 2,
        qr_shown: 3,
        paired: 4,
        online: 5,
        active: 6,
        activations_failed: 7,
        links_lost: 8,
        sessions_ended: 9,
        first_qr_ms: 1000,
        first_qrs: 2,
        webhooks: 10,
        webhooks_failed: 11,
        restarts: 12,
    };
    loads(fixture!("v1/pulse"), &slot);
}

#[test]
fn a_record_from_the_future_or_of_another_kind_is_a_named_fault() {
    let future = r#"{"version":2,"salon_id":1}"#;
    let fault = decode::<Claim>(future.as_bytes()).unwrap_err();
    assert!(matches!(fault, Fault::NewerRecord { what: "signature claim", version: 2 }));
    for wrong in ["", "{}", "[1]", r#"{"version":1}"#, r#"{"version":-1,"salon_id":1}"#] {
        assert!(matches!(decode::<Claim>(wrong.as_bytes()), Err(Fault::Unreadable { .. })), "{wrong}");
    }
    let spaced = fixture!("v1/claim").replace(r#"{"version":1,"#, "{ \"version\" : 1 ,");
    assert!(decode::<Claim>(spaced.as_bytes()).is_ok());
}
