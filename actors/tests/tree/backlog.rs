//! Many webhooks of one salon: an ending behind them is found, and others have their turn.

use std::time::Duration;

use frontdesk_actors::company::CompanyHandle;
use frontdesk_actors::fleet::FleetHandle;
use frontdesk_actors::ports::{Clock, InboxRecords, Installation};
use frontdesk_actors::records::{InboxEvent, IntegrationStatus, LifecycleEvent, NewInboxEntry};
use frontdesk_actors::testing::{World, salon, until, wait_until};
use serde_json::json;
use tokio::time::Instant;

use crate::faults::active_salon;
use crate::mail::send;

const GRACE: Duration = Duration::from_secs(10);

/// How long it takes until the salon is gone after YClients said so.
async fn removal(world: &World, fleet: &FleetHandle, company: &CompanyHandle) -> Duration {
    world.marketplace.set_installation(salon(10), Installation::NotInstalled);
    let began = Instant::now();
    fleet.accept_webhook(salon(10), LifecycleEvent::Uninstall, json!({})).await.unwrap();
    until(company, |view| view.integration == IntegrationStatus::Uninstalled).await;
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn an_uninstall_waits_a_moment_and_not_for_all_of_a_slow_run() {
    let world = World::new();
    let fleet = world.start().await;
    let company = active_salon(&world, &fleet, 10).await;
    let id = company.company_id();
    world.care.set_latency(Duration::from_secs(3));
    for resource in 1..=100 {
        send(&fleet, id, resource).await;
    }
    wait_until("the run is under way", || world.care.handled(id).len() == 2).await;
    let took = removal(&world, &fleet, &company).await;
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(world.care.handled(id), (1..=world.care.handled(id).len() as u64).collect::<Vec<u64>>(), "in order, each once");
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_run_is_handled_to_its_end_in_order_and_each_once() {
    let world = World::new();
    let fleet = world.start().await;
    let id = active_salon(&world, &fleet, 10).await.company_id();
    world.care.set_latency(Duration::from_secs(3));
    for resource in 1..=20 {
        send(&fleet, id, resource).await;
    }
    wait_until("all are done", || world.records.waiting_inbox().is_empty()).await;
    assert_eq!(world.care.handled(id), (1..=20).collect::<Vec<u64>>());
    assert!(world.records.done_inbox().iter().all(|entry| entry.attempts == 0), "to be interrupted is no failure");
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn an_uninstall_far_behind_data_that_fails_is_found() {
    let world = World::new();
    let fleet = world.start().await;
    let company = active_salon(&world, &fleet, 10).await;
    let id = company.company_id();
    world.care.fail(1, 100);
    for resource in 1..=200 {
        send(&fleet, id, resource).await;
    }
    wait_until("the first one failed", || world.records.waiting_inbox().first().is_some_and(|entry| entry.attempts > 0)).await;
    let took = removal(&world, &fleet, &company).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    wait_until("data of a removed salon is ticked off", || world.records.waiting_inbox().is_empty()).await;
    assert!(world.care.handled(id).is_empty());
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn callers_and_a_drain_have_their_turn_while_a_backlog_is_worked_off() {
    let world = World::new();
    let fleet = world.start().await;
    let company = active_salon(&world, &fleet, 10).await;
    let event = InboxEvent::Lifecycle(LifecycleEvent::Unknown("payment".into()));
    let (company_id, received_at) = (Some(company.company_id()), world.clock.now());
    for _ in 0..20_000 {
        let entry = NewInboxEntry { company_id, salon_id: salon(10), event: event.clone(), received_at, body: json!({}) };
        world.records.append_inbox(entry).await.unwrap();
    }
    fleet.accept_webhook(salon(10), LifecycleEvent::Unknown("payment".into()), json!({})).await.unwrap();
    company.cancel_pairing().await.unwrap();
    assert!(!world.records.waiting_inbox().is_empty(), "a caller waited for all of it");
    let report = fleet.drain(GRACE).await;
    assert_eq!((report.stopped, report.orphaned), (1, 0));
    assert!(!world.records.waiting_inbox().is_empty(), "the drain waited for all of it");
}
