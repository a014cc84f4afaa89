//! Webhooks about a salon's data: order, repetitions, failures, dead letters, replay; secrets of their address; and what is left after a removal.

use std::time::Duration;

use chrono::TimeDelta;
use frontdesk_actors::events::Fact;
use frontdesk_actors::fleet::FleetHandle;
use frontdesk_actors::ids::{CompanyId, Secret};
use frontdesk_actors::ports::{Installation, MarketplaceError};
use frontdesk_actors::records::{
    Appended, DataEvent, DataResource, DataStatus, DeadReason, EventKind, InboxQuery, InboxShelf, IntegrationStatus, LifecycleEvent,
    Sameness,
};
use frontdesk_actors::settings::FleetSettings;
use frontdesk_actors::testing::{Call, World, account, salon, until, wait_until};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::faults::active_salon;

const GRACE: Duration = Duration::from_secs(10);

fn event(resource_id: Option<u64>, mark: &str) -> DataEvent {
    let key: String = Sha256::digest(format!("{resource_id:?}")).iter().map(|byte| format!("{byte:02x}")).collect();
    DataEvent {
        resource: DataResource::Record,
        resource_id,
        status: DataStatus::Update,
        sameness: Sameness { key, seconds: 600 },
        secret_mark: mark.to_owned(),
    }
}

pub async fn send(fleet: &FleetHandle, company: CompanyId, resource_id: u64) -> Appended {
    fleet.accept_data(company, salon(10), event(Some(resource_id), ""), json!({ "id": resource_id })).await.unwrap()
}

fn settings() -> FleetSettings {
    FleetSettings { webhook_base: Some("https://desk.example.com".to_owned()), ..FleetSettings::default() }
}

fn dead(company: CompanyId) -> InboxQuery {
    InboxQuery { shelf: InboxShelf::Dead, company: Some(company), after: None, limit: 10 }
}

#[tokio::test(start_paused = true)]
async fn data_events_are_acted_on_once_and_in_order() {
    let world = World::new();
    let fleet = world.start().await;
    let id = active_salon(&world, &fleet, 10).await.company_id();
    for resource in 1..=200 {
        assert!(send(&fleet, id, resource).await.stored().is_some());
        assert_eq!(send(&fleet, id, resource).await, Appended::Repeated);
    }
    wait_until("all are done", || world.records.waiting_inbox().is_empty()).await;
    assert_eq!(world.care.handled(id), (1..=200).collect::<Vec<u64>>());
    assert_eq!(world.sink.count(|fact| matches!(fact, Fact::DataHandled { resource: "record", .. })), 200);
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn an_event_that_fails_for_a_while_is_tried_again_and_keeps_its_place() {
    let world = World::new();
    let fleet = world.start().await;
    let id = active_salon(&world, &fleet, 10).await.company_id();
    world.care.fail(2, 3);
    let began = tokio::time::Instant::now();
    for resource in 1..=3 {
        send(&fleet, id, resource).await;
    }
    wait_until("all are done", || world.records.waiting_inbox().is_empty()).await;
    assert_eq!(world.care.handled(id), [1, 2, 3]);
    assert!(began.elapsed() >= Duration::from_secs(1 + 2 + 4), "it waits longer each time");
    assert_eq!(world.records.done_inbox()[1].attempts, 3);
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_poisonous_event_goes_to_the_dead_letters_and_a_replay_works() {
    let world = World::new();
    let fleet = world.start().await;
    let company = active_salon(&world, &fleet, 10).await;
    let id = company.company_id();
    world.care.fail(1, 5);
    world.care.panic(2, 5);
    for resource in 1..=3 {
        send(&fleet, id, resource).await;
    }
    wait_until("nothing waits", || world.records.waiting_inbox().is_empty()).await;
    assert_eq!(world.care.handled(id), [3], "the one behind them is acted on");
    assert!(company.view().connected(), "the company lives");
    let rows = fleet.inbox(dead(id)).await.unwrap().rows;
    let reasons: Vec<_> = rows.iter().map(|row| (row.attempts, row.dead)).collect();
    assert_eq!(reasons, [(5, Some(DeadReason::Failed)), (5, Some(DeadReason::Crashed))]);
    assert_eq!(world.records.timeline(id).iter().filter(|kind| **kind == EventKind::WebhookDead).count(), 2);
    assert_eq!(world.sink.count(|fact| matches!(fact, Fact::WebhookDead { .. })), 2);
    for row in rows {
        assert!(fleet.replay(id, row.id).await.unwrap());
    }
    wait_until("the replayed ones are done", || world.care.handled(id).len() == 3).await;
    assert!(fleet.inbox(dead(id)).await.unwrap().rows.is_empty());
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn an_event_that_says_nothing_is_given_up_at_once() {
    let world = World::new();
    let fleet = world.start().await;
    let id = active_salon(&world, &fleet, 10).await.company_id();
    fleet.accept_data(id, salon(10), event(None, ""), json!({})).await.unwrap();
    wait_until("it is dead", || !world.records.dead_inbox().is_empty()).await;
    assert_eq!(world.records.dead_inbox()[0].1, DeadReason::Unreadable);
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn an_uninstall_does_not_wait_for_data_that_fails_again_and_again() {
    let world = World::new();
    let fleet = world.start().await;
    let company = active_salon(&world, &fleet, 10).await;
    let id = company.company_id();
    for resource in 1..=5 {
        world.care.fail(resource, 100);
        send(&fleet, id, resource).await;
    }
    wait_until("the first one failed", || world.records.waiting_inbox().first().is_some_and(|entry| entry.attempts > 0)).await;
    world.marketplace.set_installation(salon(10), Installation::NotInstalled);
    let began = tokio::time::Instant::now();
    fleet.accept_webhook(salon(10), LifecycleEvent::Uninstall, json!({})).await.unwrap();
    until(&company, |view| view.integration == IntegrationStatus::Uninstalled).await;
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    wait_until("data of a removed salon is ticked off", || world.records.waiting_inbox().is_empty()).await;
    assert!(world.records.dead_inbox().is_empty() && world.care.handled(id).is_empty());
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn events_stored_before_a_crash_are_acted_on_after_it_and_what_nobody_announced_is_found() {
    let world = World::new();
    let fleet = world.start().await;
    let id = active_salon(&world, &fleet, 10).await.company_id();
    world.care.fail(1, 1);
    send(&fleet, id, 1).await;
    world.records.crash_after(0);
    let world = World::on(world.records.crash());
    let fleet = world.start().await;
    wait_until("it is done", || world.care.handled(id) == [1]).await;
    // Stored by a process that died before it told anybody.
    let entry = frontdesk_actors::records::NewInboxEntry {
        company_id: Some(id),
        salon_id: salon(10),
        event: frontdesk_actors::records::InboxEvent::Data(event(Some(2), "")),
        received_at: frontdesk_actors::ports::Clock::now(&*world.clock),
        body: json!({}),
    };
    frontdesk_actors::ports::InboxRecords::append_inbox(&*world.records, entry).await.unwrap();
    assert_eq!(fleet.sweep().await.unwrap().woken, 1);
    wait_until("it is done", || world.care.handled(id) == [1, 2]).await;
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_yclients_itself_contradicts_is_not_acted_on() {
    let world = World::new();
    let fleet = world.start().await;
    let company = active_salon(&world, &fleet, 10).await;
    for event in [LifecycleEvent::Uninstall, LifecycleEvent::Freeze] {
        fleet.accept_webhook(salon(10), event, json!({})).await.unwrap();
    }
    wait_until("both are ticked off", || world.records.waiting_inbox().is_empty()).await;
    let timeline = world.records.timeline(company.company_id());
    assert_eq!(timeline.iter().filter(|kind| **kind == EventKind::WebhookContradicted).count(), 2);
    assert!(company.view().connected() && world.records.has_vault(company.company_id()));
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_webhook_holds_when_yclients_cannot_be_asked_or_takes_too_long() {
    for slow in [false, true] {
        let world = World::new();
        let fleet = world.start().await;
        let company = active_salon(&world, &fleet, 10).await;
        if slow {
            world.marketplace.set_latency(Duration::from_secs(60));
        } else {
            world.marketplace.next_installation(Err(MarketplaceError::Retryable { after: None }));
        }
        let began = tokio::time::Instant::now();
        fleet.accept_webhook(salon(10), LifecycleEvent::Uninstall, json!({})).await.unwrap();
        until(&company, |view| view.integration == IntegrationStatus::Uninstalled).await;
        assert!(began.elapsed() < Duration::from_secs(10));
        fleet.drain(GRACE).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_removed_salon_is_erased_in_time_and_nothing_of_a_new_registration_is() {
    let world = World::new();
    let fleet = world.start().await;
    for id in [10, 11] {
        let company = active_salon(&world, &fleet, id).await;
        fleet.accept_data(company.company_id(), salon(id), event(Some(id), ""), json!({ "client": "Мария" })).await.unwrap();
        world.marketplace.set_installation(salon(id), Installation::NotInstalled);
        fleet.accept_webhook(salon(id), LifecycleEvent::Uninstall, json!({})).await.unwrap();
        until(&company, |view| view.integration == IntegrationStatus::Uninstalled).await;
        let stored = world.records.stored(salon(id)).unwrap().company;
        assert_eq!((stored.phone, stored.api_key_hash, stored.webhook_secret_hash), (None, None, None), "gone at once");
    }
    world.marketplace.set_installation(salon(11), Installation::Pending);
    let again = world.register(&fleet, 11).await;
    assert_eq!(fleet.sweep().await.unwrap().erased, 0, "not before its time");
    assert_eq!(world.records.erasures().len(), 2);
    world.clock.advance(TimeDelta::hours(23) + TimeDelta::minutes(1));
    assert_eq!(fleet.sweep().await.unwrap().erased, 2);
    assert!(world.records.erasures().is_empty() && world.records.done_inbox().is_empty());
    assert_eq!(world.records.stored(salon(10)).unwrap().company.title, None);
    assert_ne!(again.view().integration, IntegrationStatus::Uninstalled);
    let timeline = world.records.timeline(again.company_id());
    assert!(timeline.contains(&EventKind::Uninstalled) && timeline.contains(&EventKind::SalonErased), "what happened stays known");
    fleet.drain(GRACE).await;
}

fn told_url(world: &World) -> Secret {
    let mut told = world.marketplace.calls().into_iter().filter_map(|call| match call {
        Call::Activate(_, callback) => callback.webhook_urls.into_iter().next(),
        _ => None,
    });
    told.next_back().expect("an activation told an address")
}

/// The mark of the secret in an address, as a webhook that came there carries it.
fn mark_of(url: &Secret) -> String {
    let secret = url.expose().rsplit('/').next().unwrap();
    Sha256::digest(secret).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(start_paused = true)]
async fn the_activation_tells_an_address_and_an_old_one_stays_good_until_the_new_one_is_used() {
    let world = World::new();
    let fleet = world.start_with(settings()).await;
    let company = active_salon(&world, &fleet, 10).await;
    let first = told_url(&world);
    assert!(first.expose().starts_with("https://desk.example.com/webhook/yclients/data/10/"), "the salon's own");
    let secrets = async || {
        let door = fleet.webhook_door(salon(10)).await.unwrap().unwrap();
        (door.newest.unwrap_or_default()[..16].to_owned(), door.previous.map(|hash| hash[..16].to_owned()))
    };
    assert_eq!(secrets().await, (mark_of(&first), None));
    let second = company.rotate_webhook_secret().await.unwrap().unwrap();
    assert_eq!(secrets().await, (mark_of(&second), Some(mark_of(&first))));
    // What still comes to the old address proves nothing.
    for (resource, url, previous) in [(1, &first, true), (2, &second, false)] {
        fleet.accept_data(company.company_id(), salon(10), event(Some(resource), &mark_of(url)), json!({})).await.unwrap();
        wait_until("it is done", || world.care.handled(company.company_id()).contains(&resource)).await;
        wait_until("nothing waits", || world.records.waiting_inbox().is_empty()).await;
        assert_eq!(secrets().await.1.is_some(), previous);
    }
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn an_activation_that_failed_leaves_the_address_yclients_has() {
    let world = World::new();
    let fleet = world.start_with(settings()).await;
    let company = active_salon(&world, &fleet, 10).await;
    let first = told_url(&world);
    world.marketplace.set_installation(salon(10), Installation::Pending);
    world.marketplace.next_activation_fails(frontdesk_actors::ports::ActivateError::Final { status: 422 });
    world.register(&fleet, 10).await;
    until(&company, |view| view.integration == IntegrationStatus::ActivationFailed).await;
    assert_ne!(mark_of(&told_url(&world)), mark_of(&first), "a new one was told and refused");
    let door = fleet.webhook_door(salon(10)).await.unwrap().unwrap();
    assert_eq!((&door.newest.unwrap()[..16], door.previous), (mark_of(&first).as_str(), None));
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn without_an_address_of_ours_none_is_told() {
    let world = World::new();
    let fleet = world.start().await;
    let company = active_salon(&world, &fleet, 10).await;
    let told =
        world.marketplace.calls().into_iter().any(|call| matches!(call, Call::Activate(_, callback) if !callback.webhook_urls.is_empty()));
    assert!(!told);
    assert_eq!(company.rotate_webhook_secret().await.unwrap(), None);
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn an_integrators_key_opens_its_company_and_survives_the_activation() {
    let world = World::new();
    let fleet = world.start().await;
    let enrolled = fleet.enroll(salon(10), Some("+79161234567".parse().unwrap()), None).await.unwrap();
    assert!(enrolled.api_key.expose().starts_with("sk_") && enrolled.api_key.expose().len() == 67);
    let company = active_salon(&world, &fleet, 10).await;
    let record = async || fleet.stored(company.company_id()).await.unwrap().unwrap();
    assert!(record().await.is_client_key(enrolled.api_key.expose()), "activated meanwhile");
    assert!(record().await.api_key_hash.is_some(), "YClients' key is another one");
    let again = fleet.enroll(salon(10), None, None).await.unwrap();
    assert_eq!(again.company_id, enrolled.company_id);
    let now = record().await;
    assert!(now.is_client_key(again.api_key.expose()) && !now.is_client_key(enrolled.api_key.expose()) && !now.is_client_key(""));
    assert_eq!((now.integration_status, now.phone.is_some()), (IntegrationStatus::Active, true));
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_webhook_whose_commit_failed_is_read_again_although_another_commit_works_meanwhile() {
    let world = World::new();
    let fleet = world.start_with(settings()).await;
    let company = active_salon(&world, &fleet, 10).await;
    world.marketplace.set_installation(salon(10), Installation::NotInstalled);
    fleet.accept_webhook(salon(10), LifecycleEvent::Uninstall, json!({})).await.unwrap();
    // That the session rests, and that the salon is removed.
    world.records.fail_next_commits(2);
    world.sink.until(|fact| matches!(fact, Fact::WebhookHandled { ok: false, .. })).await;
    company.rotate_webhook_secret().await.unwrap();
    until(&company, |view| view.integration == IntegrationStatus::Uninstalled).await;
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_late_link_leaves_of_a_removed_salon_is_erased_and_a_new_link_is_not() {
    let world = World::new();
    let fleet = world.start().await;
    let mut ids = Vec::new();
    for id in [10, 11] {
        let company = active_salon(&world, &fleet, id).await;
        world.marketplace.set_installation(salon(id), Installation::NotInstalled);
        fleet.accept_webhook(salon(id), LifecycleEvent::Uninstall, json!({})).await.unwrap();
        until(&company, |view| view.integration == IntegrationStatus::Uninstalled).await;
        world.connector.store_credentials(company.company_id(), &account(1)).await.unwrap();
        ids.push(company.company_id());
    }
    world.marketplace.set_installation(salon(11), Installation::Pending);
    world.register(&fleet, 11).await;
    world.clock.advance(TimeDelta::hours(23) + TimeDelta::minutes(1));
    assert_eq!(fleet.sweep().await.unwrap().erased, 2);
    assert_eq!((world.records.has_vault(ids[0]), world.records.has_vault(ids[1])), (false, true));
    fleet.drain(GRACE).await;
}
