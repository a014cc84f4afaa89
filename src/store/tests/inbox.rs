//! Shelves of the inbox, repetitions, dead letters, and what is forgotten.

use chrono::{DateTime, TimeDelta, Utc};
use frontdesk_actors::ports::{InboxRecords, Records, Vault};
use frontdesk_actors::records::{
    Appended, Change, Contents, DataEvent, DataResource, DataStatus, DeadReason, Erasure, EventKind, InboxEvent, InboxQuery, InboxShelf,
    LifecycleEvent, NewInboxEntry, Retention, Sameness,
};
use serde_json::json;

use super::{arrived, company_id, created, event, moment, open, salon_id, webhook, with_store};
use crate::store::inbox::Letter;
use crate::store::keys;
use crate::store::pieces::Pieces;

fn data(company: u64, content: u8, seconds: u32) -> NewInboxEntry {
    let event = InboxEvent::Data(DataEvent {
        resource: DataResource::Record,
        resource_id: Some(content.into()),
        status: DataStatus::Update,
        sameness: Sameness { key: hex::encode([content; 32]), seconds },
        secret_mark: String::new(),
    });
    let body = json!({ "about": "Клиентка Мария" });
    NewInboxEntry { company_id: Some(company_id(company)), salon_id: salon_id(500), event, received_at: moment(), body }
}

fn all(shelf: InboxShelf) -> InboxQuery {
    InboxQuery { shelf, company: None, after: None, limit: 100 }
}

async fn ids(records: &dyn Records, query: InboxQuery) -> Vec<u64> {
    records.list_inbox(query).await.unwrap().rows.iter().map(|row| row.id.0).collect()
}

async fn the_same_data_event_is_stored_once_per_company_and_after_its_time_again(store: &(impl Records + Vault)) {
    created(store, 500).await;
    created(store, 501).await;
    let first = arrived(store, data(1, 1, 60)).await;
    assert_eq!(store.append_inbox(data(1, 1, 60)).await.unwrap(), Appended::Repeated);
    arrived(store, data(1, 2, 60)).await;
    arrived(store, data(2, 1, 60)).await;
    store.commit(vec![Change::InboxDone(company_id(1), first)]).await.unwrap();
    assert_eq!(store.append_inbox(data(1, 1, 60)).await.unwrap(), Appended::Repeated, "also after it was acted on");
    arrived(store, data(1, 3, 0)).await;
    arrived(store, data(1, 3, 0)).await;
}

async fn a_dead_letter_is_seen_and_replayed_and_dies_again(store: &(impl Records + Vault)) {
    let company = created(store, 500).await.company_id;
    let id = arrived(store, data(1, 1, 60)).await;
    for _ in 0..2 {
        store.commit(vec![Change::InboxFailed(company, id)]).await.unwrap();
        store.commit(vec![Change::InboxDead(company, id, DeadReason::Crashed)]).await.unwrap();
        assert!(store.pending_inbox(company, 10).await.unwrap().is_empty());
        assert!(store.companies_with_mail(10).await.unwrap().is_empty());
        let page = store.list_inbox(all(InboxShelf::Dead)).await.unwrap();
        let row = &page.rows[0];
        assert_eq!((row.id, row.attempts, row.dead), (id, 2, Some(DeadReason::Crashed)));
        assert!(matches!(&row.contents, Contents::Known { body: Some(body), .. } if body["about"] == "Клиентка Мария"));
        assert!(!store.replay_inbox(company_id(9), id).await.unwrap(), "another company's is not ours");
        assert!(store.replay_inbox(company, id).await.unwrap());
        assert!(!store.replay_inbox(company, id).await.unwrap());
        assert_eq!(store.pending_inbox(company, 10).await.unwrap()[0].attempts, 0);
        assert_eq!(store.companies_with_mail(10).await.unwrap(), [company]);
    }
}

async fn shelves_are_listed_in_pages_by_company_and_number(store: &(impl Records + Vault)) {
    created(store, 500).await;
    created(store, 501).await;
    for salon in [77, 78] {
        arrived(store, webhook(None, salon, LifecycleEvent::Uninstall)).await;
    }
    for n in 0..3 {
        arrived(store, data(2, n, 60)).await;
        arrived(store, data(1, n, 60)).await;
    }
    let (mut seen, mut query) = (Vec::new(), InboxQuery { limit: 3, ..all(InboxShelf::Pending) });
    loop {
        let page = store.list_inbox(query).await.unwrap();
        seen.extend(page.rows.iter().map(|row| row.id.0));
        query.after = page.next;
        if page.next.is_none() {
            break;
        }
        assert_eq!(page.rows.len(), 3);
    }
    assert_eq!(seen, [1, 2, 4, 6, 8, 3, 5, 7]);
    let of_two = InboxQuery { company: Some(company_id(2)), ..all(InboxShelf::Pending) };
    assert_eq!(ids(store, of_two).await, [3, 5, 7]);
    assert!(ids(store, all(InboxShelf::Dead)).await.is_empty());
}

async fn unverified_webhooks_are_kept_apart_and_few(store: &(impl Records + Vault)) {
    let company = created(store, 500).await.company_id;
    for _ in 0..50 {
        let body = json!({ "event": "booking_created" });
        let event = InboxEvent::Legacy("booking_created".to_owned());
        let entry = NewInboxEntry { company_id: Some(company), salon_id: salon_id(500), event, received_at: moment(), body };
        store.keep_unverified(company, entry).await.unwrap();
    }
    assert!(store.pending_inbox(company, 10).await.unwrap().is_empty());
    assert_eq!(ids(store, all(InboxShelf::Unverified)).await, (31..=50).collect::<Vec<u64>>());
}

async fn an_erasure_takes_everything_up_to_the_removal_and_nothing_after_it(store: &(impl Records + Vault)) {
    let company = created(store, 500).await;
    let id = company.company_id;
    let [done, dead] = [arrived(store, data(1, 1, 60)).await, arrived(store, data(1, 2, 60)).await];
    arrived(store, data(1, 3, 60)).await;
    let mut later = event(&company, EventKind::RegistrationStarted);
    later.at = moment() + TimeDelta::seconds(1);
    let changes = vec![
        Change::InboxDone(id, done),
        Change::InboxDead(id, dead, DeadReason::Failed),
        Change::AppendEvent(event(&company, EventKind::WhatsappConnected)),
        Change::AppendEvent(later),
        Change::PlanErasure(Erasure { company_id: id, removed_at: moment(), due_at: moment() + TimeDelta::hours(1) }),
    ];
    store.commit(changes).await.unwrap();
    assert!(store.due_erasures(moment(), None, 10).await.unwrap().is_empty());
    let due = store.due_erasures(moment() + TimeDelta::hours(2), None, 10).await.unwrap();
    assert_eq!(due.iter().map(|plan| plan.company_id).collect::<Vec<_>>(), [id]);
    let young = NewInboxEntry { received_at: moment() + TimeDelta::seconds(1), ..data(1, 4, 60) };
    let young_again = young.clone();
    let young = arrived(store, young).await;
    store.commit(vec![Change::EraseSalonData(id, moment())]).await.unwrap();
    assert_eq!(store.append_inbox(young_again).await.unwrap(), Appended::Repeated, "what came later stays known");
    for shelf in [InboxShelf::Done, InboxShelf::Dead, InboxShelf::Unverified] {
        assert!(ids(store, all(shelf)).await.is_empty(), "{shelf:?}");
    }
    assert_eq!(ids(store, all(InboxShelf::Pending)).await, [young.0]);
    let events = store.events(id, 10).await.unwrap();
    assert_eq!(events.iter().filter(|event| event.data.get("n").is_some()).count(), 1, "only the later one");
    assert!(store.due_erasures(moment() + TimeDelta::hours(2), None, 10).await.unwrap().is_empty());
    assert!(store.append_inbox(data(1, 1, 60)).await.unwrap().stored().is_some(), "what came earlier is not known any more");
}

async fn a_second_removal_is_erased_no_later_than_the_first(store: &(impl Records + Vault)) {
    let id = created(store, 500).await.company_id;
    for hours in [1, 20] {
        let plan =
            Erasure { company_id: id, removed_at: moment() + TimeDelta::hours(hours), due_at: moment() + TimeDelta::hours(hours + 1) };
        store.commit(vec![Change::PlanErasure(plan)]).await.unwrap();
    }
    let due = store.due_erasures(moment() + TimeDelta::hours(2), None, 10).await.unwrap();
    assert_eq!(due, [Erasure { company_id: id, removed_at: moment() + TimeDelta::hours(20), due_at: moment() + TimeDelta::hours(2) }]);
}

async fn an_erasure_forgets_no_plan_for_a_later_removal(store: &(impl Records + Vault)) {
    let id = created(store, 500).await.company_id;
    let [first, second] = [1, 5].map(|hours| moment() + TimeDelta::hours(hours));
    for removed_at in [first, second] {
        let plan = Erasure { company_id: id, removed_at, due_at: removed_at + TimeDelta::hours(23) };
        store.commit(vec![Change::PlanErasure(plan)]).await.unwrap();
    }
    let due = async || store.due_erasures(moment() + TimeDelta::days(3), None, 10).await.unwrap().len();
    store.commit(vec![Change::EraseSalonData(id, first)]).await.unwrap();
    assert_eq!(due().await, 1, "what came between the removals is not erased yet");
    store.commit(vec![Change::EraseSalonData(id, second)]).await.unwrap();
    assert_eq!(due().await, 0);
}

async fn plans_that_are_due_come_in_the_order_of_their_time_and_in_pages(store: &(impl Records + Vault)) {
    for (number, hours) in [(1, 3), (2, 1), (3, 1), (4, 2), (5, 9)] {
        created(store, 500 + number).await;
        let due_at = moment() + TimeDelta::hours(hours);
        let plan = Erasure { company_id: company_id(number), removed_at: moment(), due_at };
        store.commit(vec![Change::PlanErasure(plan)]).await.unwrap();
    }
    let (now, mut last, mut seen) = (moment() + TimeDelta::hours(3), None, Vec::new());
    loop {
        let page = store.due_erasures(now, last.as_ref(), 2).await.unwrap();
        seen.extend(page.iter().map(|plan| plan.company_id.get()));
        let Some(furthest) = page.last() else { break };
        last = Some(furthest.clone());
    }
    assert_eq!(seen, [2, 3, 4, 1]);
}

async fn connections_of_the_last_day_are_counted(store: &(impl Records + Vault)) {
    let mut company = created(store, 500).await;
    for connected in [true, true, false, true] {
        company.whatsapp_connected = connected;
        store.commit(vec![Change::PutCompany(Box::new(company.clone()))]).await.unwrap();
    }
    let day = store.last_day(moment()).await.unwrap();
    assert_eq!((day.connected, day.disconnected), (2, 1));
}

on_each_implementation! {
    the_same_data_event_is_stored_once_per_company_and_after_its_time_again,
    a_dead_letter_is_seen_and_replayed_and_dies_again,
    shelves_are_listed_in_pages_by_company_and_number,
    unverified_webhooks_are_kept_apart_and_few,
    an_erasure_takes_everything_up_to_the_removal_and_nothing_after_it,
    a_second_removal_is_erased_no_later_than_the_first,
    an_erasure_forgets_no_plan_for_a_later_removal,
    plans_that_are_due_come_in_the_order_of_their_time_and_in_pages,
    connections_of_the_last_day_are_counted,
}

#[tokio::test]
async fn the_door_of_a_salon_follows_its_record() {
    let (folder, store) = with_store();
    let mut company = created(&store, 500).await;
    let door =
        async |store: &crate::store::Store| store.webhook_door(salon_id(500)).await.unwrap().map(|door| (door.newest, door.previous));
    assert_eq!(door(&store).await, Some((None, None)));
    let (a, b) = (Some("a".repeat(64)), Some("b".repeat(64)));
    for (newest, previous) in [(a.clone(), None), (b, a), (None, None)] {
        company.webhook_secret_hash = newest.clone();
        company.webhook_previous_hash = previous.clone();
        store.commit(vec![Change::PutCompany(Box::new(company.clone()))]).await.unwrap();
        assert_eq!(door(&store).await, Some((newest, previous)));
    }
    assert_eq!(store.webhook_door(salon_id(501)).await.unwrap(), None);
    drop(store);
    assert_eq!(door(&open(folder.path())).await, Some((None, None)));
}

#[tokio::test]
async fn a_webhook_that_cannot_be_read_stands_in_nobodys_way_and_is_kept() {
    let (_folder, store) = with_store();
    let company = created(&store, 500).await.company_id;
    let first = arrived(&store, data(1, 1, 60)).await;
    let second = arrived(&store, data(1, 2, 60)).await;
    let from_the_future = r#"{"version":99,"id":1}"#;
    let key = keys::inbox(Some(company), first);
    let seal = store.0.reader.seal.clone();
    let pieces = Pieces::of(&seal, &key, from_the_future.as_bytes(), "a test").unwrap();
    store.submit(1, move |draft| draft.put_pieces(key, pieces)).await.unwrap();
    let pending = store.pending_inbox(company, 10).await.unwrap();
    assert_eq!(pending.iter().map(|entry| entry.id).collect::<Vec<_>>(), [second]);
    let page = store.list_inbox(all(InboxShelf::Dead)).await.unwrap();
    assert_eq!(page.rows[0].contents, Contents::Unreadable);
    let letter: crate::store::inbox::DeadLetter =
        store.0.reader.record(&keys::shelved(InboxShelf::Dead, Some(company), first)).unwrap().unwrap();
    assert_eq!(letter.letter, Letter::Text(Some(from_the_future.to_owned())));
    assert!(store.replay_inbox(company, first).await.unwrap(), "a newer version may read it");
    assert_eq!(store.pending_inbox(company, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_past_is_forgotten_by_age_and_by_number_but_nothing_that_waits() {
    let (_folder, store) = with_store();
    let company = created(&store, 500).await;
    let id = company.company_id;
    for n in 0..20 {
        let done = arrived(&store, data(1, n, 60)).await;
        store.commit(vec![Change::InboxDone(id, done), Change::AppendEvent(event(&company, EventKind::QrShown))]).await.unwrap();
    }
    for n in 20..25 {
        let dead = arrived(&store, data(1, n, 60)).await;
        store.commit(vec![Change::InboxDead(id, dead, DeadReason::Failed)]).await.unwrap();
    }
    arrived(&store, data(1, 30, 60)).await;
    arrived(&store, webhook(None, 77, LifecycleEvent::Uninstall)).await;
    let kept = Retention { done_at_most: 15, dead_at_most: 4, events_at_most: 10, ..Retention::default() };
    let pruned = store.prune(kept, moment()).await.unwrap();
    assert_eq!((pruned.inbox, pruned.events), (5 + 1, 11));
    assert_eq!(ids(&store, all(InboxShelf::Done)).await.len(), 15);
    assert_eq!(store.prune(kept, moment()).await.unwrap().inbox, 0);
    let much_later: DateTime<Utc> = moment() + TimeDelta::days(4000);
    store.prune(kept, much_later).await.unwrap();
    for shelf in [InboxShelf::Done, InboxShelf::Dead] {
        assert!(ids(&store, all(shelf)).await.is_empty());
    }
    let waiting = store.list_inbox(all(InboxShelf::Pending)).await.unwrap().rows;
    assert_eq!(waiting.iter().map(|row| row.company_id).collect::<Vec<_>>(), [Some(id)], "that of an unknown salon had its time");
    assert_eq!(store.events(id, 10).await.unwrap().len(), 0);
}

#[tokio::test]
async fn one_pruning_brings_a_company_down_to_what_is_kept_however_much_there_was() {
    let (_folder, store) = with_store();
    let company = created(&store, 500).await;
    let lines = |many| (0..many).map(|_| Change::AppendEvent(event(&company, EventKind::QrShown))).collect::<Vec<_>>();
    for _ in 0..13 {
        store.commit(lines(100)).await.unwrap();
    }
    let kept = Retention { events_at_most: 10, ..Retention::default() };
    // The line of the company's creation is the first to go.
    assert_eq!(store.prune(kept, moment()).await.unwrap().events, 1300 + 1 - 10);
    assert_eq!(store.events(company.company_id, 2000).await.unwrap().len(), 10);
}

#[tokio::test]
async fn a_plan_that_cannot_be_read_and_a_company_that_cannot_be_pruned_stand_in_nobodys_way() {
    let (_folder, store) = with_store();
    for number in 1..=2 {
        let company = created(&store, 500 + number).await;
        let due_at = moment() + TimeDelta::hours(i64::try_from(number).unwrap());
        let plan = Erasure { company_id: company.company_id, removed_at: moment(), due_at };
        store.commit(vec![Change::PlanErasure(plan), Change::AppendEvent(event(&company, EventKind::QrShown))]).await.unwrap();
    }
    let key = keys::erasure(company_id(1));
    store.submit(1, move |draft| draft.put(key, b"no plan", "a test")).await.unwrap();
    let due = store.due_erasures(moment() + TimeDelta::hours(9), None, 10).await.unwrap();
    assert_eq!(due.iter().map(|plan| plan.company_id).collect::<Vec<_>>(), [company_id(2)]);

    store.0.reader.disk.torn.set(keys::events(company_id(1))).unwrap();
    let none_kept = Retention { events_at_most: 0, ..Retention::default() };
    assert_eq!(store.prune(none_kept, moment()).await.unwrap().events, 2, "those of the second company");
    store.close().await;
    assert!(store.prune(none_kept, moment()).await.is_err(), "a closed store is nobody's own trouble");
}
