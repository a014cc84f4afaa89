//! What every implementation of [`Records`] and [`Vault`] owes its users. Runs on the real store and on the fake that the domain's tests use, so
//! that the fake can't lie.

use std::collections::BTreeMap;

use chrono::Duration;
use frontdesk_actors::ids::OwnIdentity;
use frontdesk_actors::ports::{Records, RecordsError, SignatureClaim, Vault, VaultOp};
use frontdesk_actors::records::{Change, CompanyFlags, Desired, EventKind, InboxId, IntegrationStatus, LifecycleEvent, StoredCompany};

use super::{activation, arrived, company_id, created, event, moment, new_company, phone, salon_id, session, webhook, with_store};

async fn commit(records: &dyn Records, changes: Vec<Change>) {
    records.commit(changes).await.unwrap();
}

async fn stored(records: &dyn Records, company: u64) -> StoredCompany {
    records.company(company_id(company)).await.unwrap().unwrap()
}

async fn active(records: &dyn Records) -> Vec<u64> {
    let active = records.load_active().await.unwrap();
    active.into_iter().map(|stored| stored.company.company_id.get()).collect()
}

async fn counts(records: &dyn Records) -> BTreeMap<String, u64> {
    let counts = records.count_by_status().await.unwrap();
    counts.into_iter().filter(|(_, n)| *n > 0).map(|(status, n)| (format!("{status:?}"), n)).collect()
}

async fn companies_are_numbered_in_order_and_a_salon_has_one_of_them(store: &(impl Records + Vault)) {
    let first = created(store, 500).await;
    let second = created(store, 400).await;
    assert_eq!((first.company_id.get(), second.company_id.get()), (1, 2));
    assert_eq!(first.timezone, "Europe/Moscow");
    assert_eq!(first.integration_status, IntegrationStatus::Pending);
    let mut again = new_company(500);
    again.title = Some("another title".to_owned());
    assert_eq!(store.create_company(again).await.unwrap(), first);
    assert_eq!(store.company_by_salon(salon_id(400)).await.unwrap().unwrap().company, second);
    assert_eq!(store.company_by_salon(salon_id(401)).await.unwrap(), None);
    assert_eq!(store.company(company_id(3)).await.unwrap(), None);
    let events = store.events(first.company_id, 10).await.unwrap();
    assert_eq!(events.iter().map(|event| event.kind).collect::<Vec<_>>(), [EventKind::RegistrationStarted]);
}

async fn every_kind_of_change_is_seen_after_its_commit(store: &(impl Records + Vault)) {
    let mut company = created(store, 500).await;
    let id = company.company_id;
    company.whatsapp_phone = Some(phone());
    company.flags = CompanyFlags { ai_enabled: true, ..company.flags };
    commit(
        store,
        vec![
            Change::PutCompany(Box::new(company.clone())),
            Change::PutSession(session(id, Desired::Online)),
            Change::PutActivation(activation(id)),
            Change::AppendEvent(event(&company, EventKind::QrShown)),
        ],
    )
    .await;
    let seen = stored(store, 1).await;
    assert_eq!(seen.company, company);
    assert_eq!(seen.session, Some(session(id, Desired::Online)));
    assert_eq!(seen.activation, Some(activation(id)));
    commit(store, vec![Change::ClearActivation(id), Change::EraseSession(id)]).await;
    let seen = stored(store, 1).await;
    assert_eq!((seen.session, seen.activation), (None, None));
    commit(store, vec![Change::ClearActivation(id), Change::EraseSession(id)]).await;
}

async fn events_come_newest_first_and_no_more_than_asked(store: &(impl Records + Vault)) {
    let company = created(store, 500).await;
    let other = created(store, 501).await;
    for kind in [EventKind::PageOpened, EventKind::QrShown, EventKind::WhatsappPaired] {
        commit(store, vec![Change::AppendEvent(event(&company, kind))]).await;
        commit(store, vec![Change::AppendEvent(event(&other, kind))]).await;
    }
    let events = store.events(company.company_id, 3).await.unwrap();
    let kinds: Vec<_> = events.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::WhatsappPaired, EventKind::QrShown, EventKind::PageOpened]);
    assert!(events.iter().all(|event| event.company_id == company.company_id));
    assert!(store.events(company.company_id, 0).await.unwrap().is_empty());
}

async fn webhooks_wait_in_order_until_they_are_acted_on(store: &(impl Records + Vault)) {
    let company = created(store, 500).await.company_id;
    let freeze = arrived(store, webhook(Some(company), 500, LifecycleEvent::Freeze)).await;
    let removal = arrived(store, webhook(Some(company), 500, LifecycleEvent::Uninstall)).await;
    let stranger = webhook(None, 77, LifecycleEvent::Unknown("x".to_owned()));
    store.append_inbox(stranger).await.unwrap();
    assert_eq!(active(store).await, [1]);
    commit(store, vec![Change::InboxFailed(company, freeze)]).await;
    let waiting = store.pending_inbox(company, 10).await.unwrap();
    let seen: Vec<_> = waiting.iter().map(|entry| (entry.id, entry.attempts)).collect();
    assert_eq!(seen, [(freeze, 1), (removal, 0)]);
    assert_eq!(store.pending_inbox(company, 1).await.unwrap().len(), 1);
    commit(store, vec![Change::InboxDone(company, freeze), Change::InboxDone(company, InboxId(999))]).await;
    commit(store, vec![Change::InboxDone(company, freeze), Change::InboxFailed(company, freeze)]).await;
    assert_eq!(store.pending_inbox(company, 10).await.unwrap()[0].id, removal);
    commit(store, vec![Change::InboxDone(company, removal)]).await;
    assert_eq!(store.pending_inbox(company, 10).await.unwrap(), []);
    assert_eq!(active(store).await, Vec::<u64>::new());
}

async fn only_companies_that_need_an_actor_are_loaded(store: &(impl Records + Vault)) {
    for salon in 1..=4 {
        created(store, salon).await;
    }
    commit(store, vec![Change::PutSession(session(company_id(1), Desired::Stopped))]).await;
    commit(store, vec![Change::PutSession(session(company_id(2), Desired::Online))]).await;
    commit(store, vec![Change::PutActivation(activation(company_id(3)))]).await;
    store.append_inbox(webhook(Some(company_id(4)), 4, LifecycleEvent::Freeze)).await.unwrap();
    assert_eq!(active(store).await, [2, 3, 4]);
    commit(store, vec![Change::PutSession(session(company_id(2), Desired::Stopped))]).await;
    commit(store, vec![Change::ClearActivation(company_id(3))]).await;
    assert_eq!(active(store).await, [4]);
}

async fn companies_are_counted_by_status(store: &(impl Records + Vault)) {
    let mut first = created(store, 1).await;
    created(store, 2).await;
    first.integration_status = IntegrationStatus::Active;
    commit(store, vec![Change::PutCompany(Box::new(first.clone()))]).await;
    commit(store, vec![Change::PutCompany(Box::new(first))]).await;
    let expected = BTreeMap::from([("Active".to_owned(), 1), ("Pending".to_owned(), 1)]);
    assert_eq!(counts(store).await, expected);
}

async fn signed_data_opens_one_salon_until_its_time_is_over(store: &(impl Records + Vault)) {
    let later = moment() + Duration::hours(24);
    let claim = async |fingerprint: u8, salon: u64, until| store.claim_signature([fingerprint; 32], salon_id(salon), until).await.unwrap();
    assert_eq!(claim(1, 10, later).await, SignatureClaim::Granted);
    assert_eq!(claim(1, 10, later).await, SignatureClaim::Granted);
    assert_eq!(claim(1, 11, later).await, SignatureClaim::UsedForAnotherSalon);
    assert_eq!(claim(2, 11, later).await, SignatureClaim::Granted);
    let over = moment() - Duration::seconds(5);
    for fingerprint in 10..20 {
        assert_eq!(claim(fingerprint, 10, over).await, SignatureClaim::Granted);
    }
    assert_eq!(claim(10, 11, later).await, SignatureClaim::Granted);
    assert_eq!(claim(10, 10, later).await, SignatureClaim::UsedForAnotherSalon);
    assert_eq!(claim(1, 11, later).await, SignatureClaim::UsedForAnotherSalon);
}

async fn linked_companies_are_loaded_whatever_their_session_record_says(store: &(impl Records + Vault)) {
    for salon in 1..=3 {
        created(store, salon).await;
    }
    let mut linked = session(company_id(2), Desired::Stopped);
    linked.own = Some(OwnIdentity { phone: phone(), lid: None });
    commit(store, vec![Change::PutSession(linked)]).await;
    // Paired, and the process died before the session's record said so.
    store.write(company_id(3), vec![put(1, "device", b"credentials")]).await.unwrap();
    assert_eq!(active(store).await, [2, 3]);
    store.erase(company_id(3)).await.unwrap();
    commit(store, vec![Change::EraseSession(company_id(2))]).await;
    assert_eq!(active(store).await, Vec::<u64>::new());
}

fn put(table: u8, key: &str, value: &[u8]) -> VaultOp {
    VaultOp::Put { table, key: key.into(), value: value.to_vec() }
}

async fn a_vault_keeps_tables_and_companies_apart_and_scans_in_key_order(store: &(impl Records + Vault)) {
    let (mine, other) = (company_id(1), company_id(2));
    let operations = vec![put(1, "b", b"2"), put(1, "a", b"1"), put(1, "ab", b"3"), put(2, "a", b"t2"), put(1, "gone", b"")];
    store.write(mine, operations).await.unwrap();
    store.write(other, vec![put(1, "a", b"other")]).await.unwrap();
    store.write(mine, vec![VaultOp::Delete { table: 1, key: b"gone".to_vec() }]).await.unwrap();
    assert_eq!(store.get(mine, 1, b"a").unwrap().unwrap(), b"1");
    assert_eq!(store.get(mine, 1, b"gone").unwrap(), None);
    assert_eq!(store.get(mine, 9, b"a").unwrap(), None);
    let keys = |prefix: &[u8]| -> Vec<String> {
        let pairs = store.scan(mine, 1, prefix).unwrap();
        pairs.into_iter().map(|(key, _)| String::from_utf8(key).unwrap()).collect()
    };
    assert_eq!(keys(b""), ["a", "ab", "b"]);
    assert_eq!(keys(b"a"), ["a", "ab"]);
    store.erase(mine).await.unwrap();
    assert_eq!(store.scan(mine, 1, b"").unwrap(), []);
    assert_eq!(store.get(mine, 2, b"a").unwrap(), None);
    assert_eq!(store.get(other, 1, b"a").unwrap().unwrap(), b"other");
}

async fn the_last_operation_on_a_key_wins_within_one_write(store: &(impl Records + Vault)) {
    let company = company_id(1);
    let delete = VaultOp::Delete { table: 1, key: b"k".to_vec() };
    store.write(company, vec![put(1, "k", b"1"), delete.clone(), put(1, "k", b"2")]).await.unwrap();
    assert_eq!(store.get(company, 1, b"k").unwrap().unwrap(), b"2");
    store.write(company, vec![put(1, "k", b"3"), delete]).await.unwrap();
    assert_eq!(store.get(company, 1, b"k").unwrap(), None);
}

async fn erasing_a_session_takes_its_whole_vault_along(store: &(impl Records + Vault)) {
    let company = created(store, 500).await.company_id;
    let many = (0..2_000).map(|n| put(n as u8 % 7, &format!("key {n}"), &[1; 200])).collect();
    store.write(company, many).await.unwrap();
    store.write(company, vec![put(1, "long", &[5; 50_000])]).await.unwrap();
    commit(store, vec![Change::PutSession(session(company, Desired::Online))]).await;
    commit(store, vec![Change::EraseSession(company), Change::PutSession(session(company, Desired::Stopped))]).await;
    for table in 0..7 {
        assert_eq!(store.scan(company, table, b"").unwrap(), []);
    }
    assert_eq!(stored(store, 1).await.session, Some(session(company, Desired::Stopped)));
    assert_eq!(active(store).await, Vec::<u64>::new());
}

on_each_implementation! {
    linked_companies_are_loaded_whatever_their_session_record_says,
    companies_are_numbered_in_order_and_a_salon_has_one_of_them,
    every_kind_of_change_is_seen_after_its_commit,
    events_come_newest_first_and_no_more_than_asked,
    webhooks_wait_in_order_until_they_are_acted_on,
    only_companies_that_need_an_actor_are_loaded,
    companies_are_counted_by_status,
    signed_data_opens_one_salon_until_its_time_is_over,
    a_vault_keeps_tables_and_companies_apart_and_scans_in_key_order,
    the_last_operation_on_a_key_wins_within_one_write,
    erasing_a_session_takes_its_whole_vault_along,
}

#[tokio::test]
async fn a_commit_with_one_bad_change_changes_nothing() {
    let (_folder, store) = with_store();
    let company = created(&store, 500).await;
    created(&store, 501).await;
    let mut moved = company.clone();
    moved.salon_id = salon_id(999);
    let changes = vec![
        Change::AppendEvent(event(&company, EventKind::QrShown)),
        Change::PutSession(session(company.company_id, Desired::Online)),
        Change::PutCompany(Box::new(moved)),
    ];
    assert!(matches!(store.commit(changes).await, Err(RecordsError::Refused(_))));
    assert_eq!(store.events(company.company_id, 10).await.unwrap().len(), 1);
    assert_eq!(stored(&store, 1).await.session, None);
    assert_eq!(active(&store).await, Vec::<u64>::new());
    let mut stranger = company.clone();
    stranger.company_id = company_id(9);
    let taken = store.commit(vec![Change::PutCompany(Box::new(stranger))]).await;
    assert!(matches!(taken, Err(RecordsError::Refused(_))));
}
