//! What every implementation of [`OperatorRecords`] owes its users, on the real store and on the fake.

use chrono::Duration;
use frontdesk_actors::operators::{
    Actor, AuditId, AuditOutcome, KeyId, NewAuditEntry, NewOperatorKey, OnceAnswer, OnceClaim, OnceRequest, OperatorRole, PulseSlot,
};
use frontdesk_actors::ports::{KeyError, MAX_OPERATOR_KEYS, OperatorRecords};
use serde_json::{Value, json};

use super::{moment, open, options};
use crate::store::Store;

fn change(action: &str) -> NewAuditEntry {
    NewAuditEntry {
        actor: Actor { key: None, name: "configuration".to_owned(), role: OperatorRole::Admin },
        address: "192.0.2.1".to_owned(),
        request_id: "r".to_owned(),
        action: action.to_owned(),
        company: None,
        target: None,
        before: Value::Null,
    }
}

fn new_key(name: &str) -> NewOperatorKey {
    let hash = format!("hash of {name}");
    NewOperatorKey { name: name.to_owned(), role: OperatorRole::Viewer, hash, hint: "sk_x".to_owned(), expires_at: None }
}

async fn actions(records: &dyn OperatorRecords) -> Vec<String> {
    let entries = records.audit(None, 100).await.unwrap();
    entries.into_iter().map(|entry| entry.change.action).collect()
}

async fn a_key_and_its_audit_entry_appear_together_and_a_revoked_key_opens_nothing(records: &impl OperatorRecords) {
    let first = records.add_operator_key(new_key("a"), change("key.create")).await.unwrap();
    let second = records.add_operator_key(new_key("b"), change("key.create")).await.unwrap();
    assert!(first.id < second.id && first.is_good(moment()));
    let revoked = records.revoke_operator_key(first.id, change("key.revoke")).await.unwrap();
    assert!(!revoked.is_good(moment()));
    assert_eq!(records.revoke_operator_key(first.id, change("key.revoke")).await.unwrap(), revoked);
    assert_eq!(records.revoke_operator_key(KeyId(99), change("key.revoke")).await.unwrap_err(), KeyError::Unknown);
    assert_eq!(records.operator_keys().await.unwrap(), [revoked, second]);
    assert_eq!(actions(records).await, ["key.revoke", "key.create", "key.create"], "what changed nothing is not a change");
    let entry = records.audit(None, 1).await.unwrap().remove(0);
    assert_eq!((&entry.change.before["revoked_at"], entry.after["revoked_at"].is_string()), (&Value::Null, true));
    assert!(!serde_json::to_string(&entry).unwrap().contains("hash of"), "the log says nothing a key could be found by");
}

async fn the_last_use_of_a_key_never_goes_back(records: &impl OperatorRecords) {
    let key = records.add_operator_key(new_key("a"), change("key.create")).await.unwrap();
    let later = moment() + Duration::hours(1);
    records.note_key_uses(vec![(key.id, later), (KeyId(77), later)]).await.unwrap();
    records.note_key_uses(vec![(key.id, moment())]).await.unwrap();
    assert_eq!(records.operator_keys().await.unwrap()[0].last_used_at, Some(later));
}

async fn when_there_are_too_many_keys_a_useless_one_makes_room(records: &impl OperatorRecords) {
    let mut last = None;
    for _ in 0..MAX_OPERATOR_KEYS {
        last = Some(records.add_operator_key(new_key("a"), change("key.create")).await.unwrap().id);
    }
    let full = records.add_operator_key(new_key("b"), change("key.create")).await.unwrap_err();
    assert_eq!(full, KeyError::TooMany);
    records.revoke_operator_key(last.unwrap(), change("key.revoke")).await.unwrap();
    let added = records.add_operator_key(new_key("b"), change("key.create")).await.unwrap();
    assert!(Some(added.id) > last, "numbers are never given out twice");
    assert_eq!(records.operator_keys().await.unwrap().len(), MAX_OPERATOR_KEYS);
}

async fn a_change_is_written_before_it_is_made_and_its_end_once(records: &impl OperatorRecords) {
    let id = records.begin_audit(change("session.stop")).await.unwrap();
    assert_eq!(records.audit(None, 1).await.unwrap()[0].outcome, AuditOutcome::Pending);
    records.finish_audit(id, AuditOutcome::Done, json!({"state": "Idle"})).await.unwrap();
    records.finish_audit(id, AuditOutcome::Failed("LATE".to_owned()), Value::Null).await.unwrap();
    records.finish_audit(AuditId(999), AuditOutcome::Done, Value::Null).await.unwrap();
    let entry = records.audit(None, 10).await.unwrap().remove(0);
    assert_eq!((entry.outcome, &entry.after["state"]), (AuditOutcome::Done, &json!("Idle")));
}

async fn the_audit_log_is_read_in_pages_newest_first(records: &impl OperatorRecords) {
    for n in 0..25 {
        records.begin_audit(change(&format!("n{n}"))).await.unwrap();
    }
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = records.audit(before, 10).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        seen.extend(page.into_iter().map(|entry| entry.change.action));
    }
    let expected: Vec<_> = (0..25).rev().map(|n| format!("n{n}")).collect();
    assert_eq!(seen, expected);
}

fn asked(name: u8, what: &str, life: u64) -> OnceRequest {
    OnceRequest { name: [name; 32], fingerprint: what.to_owned(), life }
}

async fn a_request_with_a_name_happens_once(records: &impl OperatorRecords) {
    let until = moment() + Duration::hours(24);
    assert_eq!(records.claim_once(asked(1, "refund 5", 1), until).await.unwrap(), OnceClaim::Yours);
    assert_eq!(records.claim_once(asked(1, "refund 5", 1), until).await.unwrap(), OnceClaim::Running);
    assert_eq!(records.claim_once(asked(1, "refund 5", 2), until).await.unwrap(), OnceClaim::Unknown, "after a restart");
    assert_eq!(records.claim_once(asked(1, "refund 6", 1), until).await.unwrap(), OnceClaim::Mismatch);
    let answer = OnceAnswer { status: 200, body: json!({"success": true}) };
    records.answer_once([1; 32], Some(answer.clone())).await.unwrap();
    assert_eq!(records.claim_once(asked(1, "refund 5", 2), until).await.unwrap(), OnceClaim::Answered(answer));
    assert_eq!(records.claim_once(asked(1, "refund 6", 1), until).await.unwrap(), OnceClaim::Mismatch);
    assert_eq!(records.claim_once(asked(2, "x", 1), until).await.unwrap(), OnceClaim::Yours);
    records.answer_once([2; 32], None).await.unwrap();
    assert_eq!(records.claim_once(asked(2, "y", 1), until).await.unwrap(), OnceClaim::Yours, "what did not happen may be tried again");
    assert_eq!(records.claim_once(asked(3, "x", 1), moment()).await.unwrap(), OnceClaim::Yours);
    assert_eq!(records.claim_once(asked(3, "x", 1), until).await.unwrap(), OnceClaim::Yours, "its time was over");
}

async fn steps_of_the_day_replace_each_other_and_old_ones_go(records: &impl OperatorRecords) {
    let slot = |minutes: i64, shown| PulseSlot { at: moment() + Duration::minutes(minutes), qr_shown: shown, ..PulseSlot::default() };
    let all = moment() - Duration::hours(9);
    records.put_pulse(vec![slot(0, 1), slot(5, 1)], all).await.unwrap();
    records.put_pulse(vec![slot(5, 2)], all).await.unwrap();
    assert_eq!(records.pulse(all).await.unwrap(), [slot(0, 1), slot(5, 2)]);
    assert_eq!(records.pulse(slot(5, 0).at).await.unwrap(), [slot(5, 2)]);
    records.put_pulse(vec![slot(10, 3)], slot(5, 0).at).await.unwrap();
    assert_eq!(records.pulse(all).await.unwrap(), [slot(5, 2), slot(10, 3)]);
}

macro_rules! on_each_implementation {
    ($($behaviour:ident,)*) => {
        mod on_disk {
            $(#[tokio::test]
            async fn $behaviour() {
                let folder = tempfile::tempdir().unwrap();
                super::$behaviour(&super::open(folder.path())).await;
            })*
        }

        mod in_memory {
            $(#[tokio::test]
            async fn $behaviour() {
                super::$behaviour(&frontdesk_actors::testing::MemoryOperators::at(super::moment())).await;
            })*
        }
    };
}

on_each_implementation! {
    a_key_and_its_audit_entry_appear_together_and_a_revoked_key_opens_nothing,
    the_last_use_of_a_key_never_goes_back,
    when_there_are_too_many_keys_a_useless_one_makes_room,
    a_change_is_written_before_it_is_made_and_its_end_once,
    the_audit_log_is_read_in_pages_newest_first,
    a_request_with_a_name_happens_once,
    steps_of_the_day_replace_each_other_and_old_ones_go,
}

#[tokio::test]
async fn the_audit_log_keeps_the_newest_entries_and_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let few = || {
        let mut options = options(folder.path());
        options.audit_entries = 10;
        Store::open(options).unwrap()
    };
    let store = few();
    for n in 0..30 {
        store.begin_audit(change(&format!("n{n}"))).await.unwrap();
    }
    store.close().await;
    drop(store);
    let store = few();
    store.begin_audit(change("n30")).await.unwrap();
    let expected: Vec<_> = (21..31).rev().map(|n| format!("n{n}")).collect();
    assert_eq!(actions(&store).await, expected);
    store.begin_audit(change("n31")).await.unwrap();
    assert_eq!(store.audit(None, 100).await.unwrap().len(), 10);
}

#[tokio::test]
async fn once_only_requests_whose_time_is_over_leave_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let past = moment() - Duration::hours(1);
    for name in 0..20 {
        store.claim_once(asked(name, "x", 1), past).await.unwrap();
    }
    for name in 100..110 {
        store.claim_once(asked(name, "x", 1), moment() + Duration::hours(1)).await.unwrap();
    }
    let left = store.0.reader.disk.keys(b"o").unwrap().len() + store.0.reader.disk.keys(b"p").unwrap().len();
    assert_eq!(left, 20, "ten that still count, each with its marker");
}
