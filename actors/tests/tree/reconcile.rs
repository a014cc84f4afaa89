//! The reconciliation: what YClients says against what we have.

use std::time::Duration;

use frontdesk_actors::FleetHandle;
use frontdesk_actors::events::Fact;
use frontdesk_actors::ports::{Installation, PartnerError};
use frontdesk_actors::reconcile::{ReconcileReport, ReconcileResult, ReconcileSettings, Reconciler, Remedy, Trigger};
use frontdesk_actors::records::{EventKind, IntegrationStatus, LifecycleEvent};
use frontdesk_actors::testing::{Call, World, salon, until, until_state, wait_until};
use frontdesk_actors::view::{SessionState, StateReason};
use serde_json::json;

use crate::faults::active_salon;

const GRACE: Duration = Duration::from_secs(10);

/// Only when asked.
const BY_HAND: ReconcileSettings = ReconcileSettings { every: None, first_after: Duration::from_secs(1), frozen_every: None };

fn by_hand(world: &World, fleet: &FleetHandle) -> Reconciler {
    Reconciler::start(fleet.clone(), world.ports(), BY_HAND)
}

/// One round over everybody, and its report.
async fn round(reconciler: &Reconciler) -> ReconcileReport {
    let mut status = reconciler.watch();
    let before = status.borrow_and_update().last.clone();
    assert!(reconciler.run_now());
    let done = status.wait_for(|status| status.running_since.is_none() && status.last != before).await.unwrap();
    done.last.clone().unwrap()
}

fn remedies(report: &ReconcileReport) -> Vec<(u64, Remedy, bool)> {
    report.differences.iter().map(|one| (one.salon_id.get(), one.remedy, one.done)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_lost_uninstall_is_found_and_carried_out() {
    let world = World::new();
    let fleet = world.start().await;
    let gone = active_salon(&world, &fleet, 10).await;
    let here = active_salon(&world, &fleet, 11).await;
    let reconciler = by_hand(&world, &fleet);
    assert_eq!(remedies(&round(&reconciler).await), [], "all agree");

    world.marketplace.set_installation(salon(10), Installation::NotInstalled);
    let report = round(&reconciler).await;
    assert_eq!((report.result, report.trigger, report.listed, report.compared), (ReconcileResult::Done, Trigger::Asked, 1, 2));
    assert_eq!(remedies(&report), [(10, Remedy::Uninstall, true)]);
    until(&gone, |view| view.integration == IntegrationStatus::Uninstalled).await;
    let stored = world.records.stored(salon(10)).unwrap();
    assert_eq!((stored.session, stored.company.api_key_hash), (None, None));
    assert!(here.view().connected(), "nobody else notices");
    assert_eq!(world.sink.count(|fact| matches!(fact, Fact::Reconciled { result: ReconcileResult::Done, everybody: true })), 2);
    assert_eq!(remedies(&round(&reconciler).await), [], "once is enough");
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_freeze_is_found_and_the_silent_unfreeze_brings_the_session_back() {
    let world = World::new();
    let fleet = world.start().await;
    let company = active_salon(&world, &fleet, 10).await;
    let reconciler = by_hand(&world, &fleet);
    world.marketplace.set_installation(salon(10), Installation::Frozen);
    assert_eq!(remedies(&round(&reconciler).await), [(10, Remedy::Freeze, true)]);
    let view = until(&company, |view| view.integration == IntegrationStatus::Frozen).await;
    assert_eq!((view.session.state, view.session.reason), (SessionState::Idle, Some(StateReason::Frozen)));
    assert_eq!(remedies(&round(&reconciler).await), []);

    world.marketplace.set_installation(salon(10), Installation::Active);
    assert_eq!(remedies(&round(&reconciler).await), [(10, Remedy::Unfreeze, true)]);
    until(&company, |view| view.integration == IntegrationStatus::Active && view.connected()).await;
    assert_eq!(world.marketplace.activations(salon(10)), 1, "active again without another callback");
    assert!(world.records.timeline(company.company_id()).contains(&EventKind::Unfrozen));
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn frozen_salons_are_looked_at_more_often_than_the_others() {
    let world = World::new();
    let fleet = world.start().await;
    let frozen = active_salon(&world, &fleet, 10).await;
    active_salon(&world, &fleet, 11).await;
    world.marketplace.set_installation(salon(10), Installation::Frozen);
    fleet.accept_webhook(salon(10), LifecycleEvent::Freeze, json!({})).await.unwrap();
    until(&frozen, |view| view.integration == IntegrationStatus::Frozen).await;
    world.marketplace.set_installation(salon(10), Installation::Active);
    let settings = ReconcileSettings { frozen_every: Some(Duration::from_secs(3600)), ..BY_HAND };
    let reconciler = Reconciler::start(fleet.clone(), world.ports(), settings);
    let began = tokio::time::Instant::now();
    until(&frozen, |view| view.integration == IntegrationStatus::Active).await;
    assert!(began.elapsed() < Duration::from_secs(3700));
    let asked = world.marketplace.calls().into_iter().filter(|call| matches!(call, Call::Partner(..))).collect::<Vec<_>>();
    assert_eq!(asked, [Call::Partner("installation_detail", Some(salon(10)))], "only about the frozen one");
    let partial = reconciler.status().last_partial.unwrap();
    assert_eq!((partial.trigger, partial.result), (Trigger::Frozen, ReconcileResult::Done));
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn an_error_of_yclients_removes_nobody() {
    let world = World::new();
    let fleet = world.start().await;
    let company = active_salon(&world, &fleet, 10).await;
    let reconciler = by_hand(&world, &fleet);
    world.marketplace.set_installation(salon(10), Installation::NotInstalled);
    world.marketplace.next_partner_call_fails(PartnerError::Unreadable);
    let report = round(&reconciler).await;
    assert_eq!((report.result, remedies(&report)), (ReconcileResult::Failed, vec![]), "the list could not be read");

    world.marketplace.set_unreadable_salons(1);
    let report = round(&reconciler).await;
    assert_eq!(remedies(&report), [(10, Remedy::Report, false)], "it may be the entry that could not be read");

    world.marketplace.set_unreadable_salons(0);
    world.marketplace.set_installation(salon(10), Installation::Unknown);
    assert_eq!(remedies(&round(&reconciler).await), [(10, Remedy::Report, false)]);
    assert!(company.view().connected());
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_status_that_is_not_told_is_counted_and_the_round_comes_again_soon() {
    let world = World::new();
    let fleet = world.start().await;
    active_salon(&world, &fleet, 10).await;
    active_salon(&world, &fleet, 11).await;
    let every = Duration::from_secs(24 * 3600);
    let settings = ReconcileSettings { every: Some(every), first_after: Duration::from_secs(1), frozen_every: None };
    world.marketplace.next_partner_call_fails_after(1, PartnerError::Retryable { after: None });
    let reconciler = Reconciler::start(fleet.clone(), world.ports(), settings);
    let mut status = reconciler.watch();
    let first = status.wait_for(|status| status.last.is_some()).await.unwrap().last.clone().unwrap();
    assert_eq!((first.result, first.unanswered, first.compared), (ReconcileResult::Incomplete, 1, 1));
    let began = tokio::time::Instant::now();
    let done = |report: &ReconcileReport| report.result == ReconcileResult::Done;
    status.wait_for(|status| status.last.as_ref().is_some_and(done)).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(3600), "not only tomorrow");
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn strangers_and_oddities_are_reported_and_nothing_is_started() {
    let world = World::new();
    let fleet = world.start().await;
    let company = active_salon(&world, &fleet, 10).await;
    world.marketplace.set_installation(salon(10), Installation::NotInstalled);
    fleet.accept_webhook(salon(10), LifecycleEvent::Uninstall, json!({})).await.unwrap();
    until(&company, |view| view.integration == IntegrationStatus::Uninstalled).await;
    world.marketplace.set_installation(salon(10), Installation::Active);
    world.marketplace.set_installation(salon(99), Installation::Active);
    let report = round(&by_hand(&world, &fleet)).await;
    assert_eq!(remedies(&report), [(99, Remedy::Report, false), (10, Remedy::Report, false)]);
    assert_eq!(report.differences[0].company_id, None);
    assert_eq!(company.view().integration, IntegrationStatus::Uninstalled);
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_mass_removal_is_not_believed() {
    let world = World::new();
    let fleet = world.start().await;
    for id in 10..18 {
        active_salon(&world, &fleet, id).await;
    }
    for id in 10..16 {
        world.marketplace.set_installation(salon(id), Installation::NotInstalled);
    }
    let report = round(&by_hand(&world, &fleet)).await;
    assert_eq!(report.differences.len(), 6);
    assert!(report.differences.iter().all(|one| one.remedy == Remedy::Withhold && !one.done));
    assert!(world.records.waiting_inbox().is_empty());
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_new_redirect_of_a_salon_that_paid_again_brings_its_session_back() {
    let world = World::new();
    let fleet = world.start().await;
    let company = active_salon(&world, &fleet, 10).await;
    world.marketplace.set_installation(salon(10), Installation::Frozen);
    fleet.accept_webhook(salon(10), LifecycleEvent::Freeze, json!({})).await.unwrap();
    until_state(&company, SessionState::Idle).await;
    wait_until("it is frozen", || company.view().integration == IntegrationStatus::Frozen).await;
    world.marketplace.set_installation(salon(10), Installation::Active);
    world.register(&fleet, 10).await;
    until(&company, |view| view.integration == IntegrationStatus::Active && view.connected()).await;
    assert_eq!(world.marketplace.activations(salon(10)), 1);
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn one_salon_can_be_looked_at_at_once() {
    let world = World::new();
    let fleet = world.start().await;
    let company = active_salon(&world, &fleet, 10).await;
    active_salon(&world, &fleet, 11).await;
    world.marketplace.set_installation(salon(10), Installation::Frozen);
    let reconciler = by_hand(&world, &fleet);
    assert!(reconciler.look_at(salon(10)));
    until(&company, |view| view.integration == IntegrationStatus::Frozen).await;
    let asked = world.marketplace.calls().into_iter().filter(|call| matches!(call, Call::Partner(..))).count();
    assert_eq!(asked, 1);
    fleet.drain(GRACE).await;
}
