//! Webhooks: uninstall, freeze, reinstall. And registrations of salons that are here already.

use std::time::Duration;

use frontdesk_actors::company::{ActivateRequestError, PairingError, QrError};
use frontdesk_actors::events::Fact;
use frontdesk_actors::fleet::{RegisterError, Registration};
use frontdesk_actors::ports::{ActivateError, Installation, LinkCommand, SignedOwner};
use frontdesk_actors::records::{EventKind, IntegrationStatus, LifecycleEvent, MarketplaceUser};
use frontdesk_actors::testing::{World, account, salon, until, until_state, wait_until};
use frontdesk_actors::view::{ActivationView, SessionState, StateReason};
use serde_json::json;

use crate::faults::{active_salon, stubborn};

const GRACE: Duration = Duration::from_secs(10);

fn body() -> serde_json::Value {
    json!({ "salon_id": 10 })
}

#[tokio::test(start_paused = true)]
async fn an_uninstall_removes_session_credentials_and_key_at_once_and_a_reinstall_works() {
    let world = World::new();
    let fleet = world.start().await;
    let company = active_salon(&world, &fleet, 10).await;
    for _ in 0..2 {
        world.marketplace.set_installation(salon(10), Installation::NotInstalled);
        fleet.accept_webhook(salon(10), LifecycleEvent::Uninstall, body()).await.unwrap();
        let view = until(&company, |view| view.integration == IntegrationStatus::Uninstalled).await;
        assert_eq!((view.session.state, view.session.reason), (SessionState::Idle, Some(StateReason::Uninstalled)));
        assert_eq!(company.request_qr().await, Err(QrError::NotAllowed));
        assert_eq!(company.activate().await, Err(ActivateRequestError::NotAllowed));
        let stored = world.records.stored(salon(10)).unwrap();
        assert_eq!((stored.session, stored.activation), (None, None));
        assert_eq!(stored.company.api_key_hash, None);
        assert!(!world.records.has_vault(company.company_id()) && world.records.waiting_inbox().is_empty());
        assert!(!world.connector.running(company.company_id()));
        assert!(world.connector.commands(company.company_id()).contains(&LinkCommand::LogOut), "unlinked on the phone");

        world.marketplace.set_installation(salon(10), Installation::Pending);
        world.register(&fleet, 10).await;
        let _viewer = company.attach().await.unwrap();
        until_state(&company, SessionState::AwaitingScan).await;
        world.connector.link(company.company_id()).await.scan(account(2));
        until(&company, |view| view.activation == ActivationView::Active).await;
    }
    let uninstalls = world.records.timeline(company.company_id());
    assert_eq!(uninstalls.iter().filter(|kind| **kind == EventKind::Uninstalled).count(), 2);
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_repeated_uninstall_changes_nothing() {
    let world = World::new();
    let fleet = world.start().await;
    let company = active_salon(&world, &fleet, 10).await;
    world.marketplace.set_installation(salon(10), Installation::NotInstalled);
    for _ in 0..3 {
        fleet.accept_webhook(salon(10), LifecycleEvent::Uninstall, body()).await.unwrap();
    }
    wait_until("the inbox is empty", || world.records.waiting_inbox().is_empty()).await;
    let timeline = world.records.timeline(company.company_id());
    assert_eq!(timeline.iter().filter(|kind| **kind == EventKind::Uninstalled).count(), 1);
    assert_eq!(world.sink.count(|fact| matches!(fact, Fact::WebhookHandled { ok: true, .. })), 3);
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn an_uninstall_waits_for_a_stubborn_link_only_a_moment() {
    let world = World::new();
    let fleet = world.start().await;
    let company = active_salon(&world, &fleet, 10).await;
    stubborn(&world, &company).await;
    let began = tokio::time::Instant::now();
    world.marketplace.set_installation(salon(10), Installation::NotInstalled);
    fleet.accept_webhook(salon(10), LifecycleEvent::Uninstall, body()).await.unwrap();
    until(&company, |view| view.integration == IntegrationStatus::Uninstalled).await;
    assert!(began.elapsed() <= Duration::from_secs(11));
    wait_until("the link is cut", || !world.connector.running(company.company_id())).await;
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_reinstall_while_the_uninstall_still_closes_the_link_is_not_taken_back() {
    let world = World::new();
    let fleet = world.start().await;
    let company = active_salon(&world, &fleet, 10).await;
    stubborn(&world, &company).await;
    world.marketplace.set_installation(salon(10), Installation::NotInstalled);
    fleet.accept_webhook(salon(10), LifecycleEvent::Uninstall, body()).await.unwrap();
    world.marketplace.set_installation(salon(10), Installation::Pending);
    let registration = || Registration { salon_id: salon(10), user_data: None, user_data_sign: None };
    // The owner presses again until it works.
    while fleet.register(registration()).await.is_err() {}
    wait_until("the inbox is empty", || world.records.waiting_inbox().is_empty()).await;
    let view = until(&company, |view| view.session.state != SessionState::Online).await;
    assert_eq!(view.integration, IntegrationStatus::Pending);
    assert!(!world.records.has_vault(company.company_id()), "the old credentials are gone");
    let timeline = world.records.timeline(company.company_id());
    let last = |kind| timeline.iter().rposition(|line| *line == kind);
    assert!(last(EventKind::Uninstalled) < last(EventKind::RegistrationStarted), "{timeline:?}");
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_frozen_salon_keeps_its_credentials_and_comes_back_without_a_scan() {
    let world = World::new();
    let fleet = world.start().await;
    let company = active_salon(&world, &fleet, 10).await;
    world.marketplace.set_installation(salon(10), Installation::Frozen);
    fleet.accept_webhook(salon(10), LifecycleEvent::Freeze, body()).await.unwrap();
    let view = until(&company, |view| view.integration == IntegrationStatus::Frozen).await;
    assert_eq!((view.session.state, view.session.reason), (SessionState::Idle, Some(StateReason::Frozen)));
    assert!(world.records.has_vault(company.company_id()));
    company.reconnect().await.unwrap();
    assert_eq!(company.request_qr().await, Err(QrError::NotAllowed));

    let fleet = restarted(&world, fleet).await;
    let company = fleet.company(company.company_id()).await.unwrap().unwrap();
    assert_eq!(company.view().session.state, SessionState::Idle, "still frozen after a restart");
    world.marketplace.set_installation(salon(10), Installation::Active);
    let company = world.register(&fleet, 10).await;
    let view = until_state(&company, SessionState::Online).await;
    assert_eq!(view.integration, IntegrationStatus::Active);
    assert_eq!(world.marketplace.activations(salon(10)), 1, "paid again: nothing to activate");
    fleet.drain(GRACE).await;
}

async fn restarted(world: &World, fleet: frontdesk_actors::FleetHandle) -> frontdesk_actors::FleetHandle {
    fleet.drain(GRACE).await;
    world.start().await
}

#[tokio::test(start_paused = true)]
async fn a_webhook_of_an_unknown_salon_and_an_unknown_event_are_kept() {
    let world = World::new();
    let fleet = world.start().await;
    fleet.accept_webhook(salon(99), LifecycleEvent::Uninstall, body()).await.unwrap();
    assert_eq!(world.records.waiting_inbox().len(), 1);
    let company = active_salon(&world, &fleet, 10).await;
    fleet.accept_webhook(salon(10), LifecycleEvent::Unknown("payment".into()), body()).await.unwrap();
    wait_until("it is in the timeline", || world.records.timeline(company.company_id()).contains(&EventKind::UnknownWebhook)).await;
    assert!(company.view().connected());
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn webhooks_accepted_before_a_crash_are_acted_on_after_it_in_order() {
    let world = World::new();
    let fleet = world.start().await;
    let company = active_salon(&world, &fleet, 10).await;
    let id = company.company_id();
    fleet.drain(GRACE).await;
    let down = World::on(world.records.crash());
    for event in [LifecycleEvent::Freeze, LifecycleEvent::Uninstall] {
        let entry = frontdesk_actors::records::NewInboxEntry {
            company_id: Some(id),
            salon_id: salon(10),
            event: frontdesk_actors::records::InboxEvent::Lifecycle(event),
            received_at: frontdesk_actors::ports::Clock::now(&*down.clock),
            body: body(),
        };
        frontdesk_actors::ports::InboxRecords::append_inbox(&*down.records, entry).await.unwrap();
    }
    let fleet = down.start().await;
    wait_until("both are done", || down.records.waiting_inbox().is_empty()).await;
    let timeline = down.records.timeline(id);
    assert_eq!(timeline[timeline.len() - 2..], [EventKind::Frozen, EventKind::Uninstalled]);
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_failing_store_delays_an_uninstall_and_loses_nothing() {
    let world = World::new();
    let fleet = world.start().await;
    let company = active_salon(&world, &fleet, 10).await;
    world.marketplace.set_installation(salon(10), Installation::NotInstalled);
    fleet.accept_webhook(salon(10), LifecycleEvent::Uninstall, body()).await.unwrap();
    world.records.fail_next_commits(4);
    until(&company, |view| view.integration == IntegrationStatus::Uninstalled).await;
    assert!(world.sink.count(|fact| matches!(fact, Fact::CommitFailed { .. })) >= 4);
    assert!(!world.records.has_vault(company.company_id()));
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn registering_an_active_salon_again_changes_nothing_and_one_that_is_pending_there_is_activated_again() {
    let world = World::new();
    let fleet = world.start().await;
    let company = active_salon(&world, &fleet, 10).await;
    let generation = company.view().session.generation;
    world.register(&fleet, 10).await;
    assert_eq!(company.view().integration, IntegrationStatus::Active);
    assert_eq!(world.marketplace.activations(salon(10)), 1);
    world.marketplace.set_installation(salon(10), Installation::Pending);
    world.register(&fleet, 10).await;
    until(&company, |view| view.integration == IntegrationStatus::Active).await;
    assert_eq!(world.marketplace.activations(salon(10)), 2);
    assert_eq!(company.view().session.generation, generation, "the session was not touched");
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_salon_active_there_but_not_here_is_resolved_by_its_status() {
    let world = World::new();
    world.marketplace.set_installation(salon(10), Installation::Active);
    let fleet = world.start().await;
    let company = world.register(&fleet, 10).await;
    let _viewer = company.attach().await.unwrap();
    world.connector.link(company.company_id()).await.scan(account(1));
    until(&company, |view| view.integration == IntegrationStatus::Active).await;
    assert_eq!(world.marketplace.activations(salon(10)), 0);
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_comes_during_the_drain_is_kept_and_acted_on_after_the_restart() {
    let world = World::new();
    let fleet = world.start().await;
    let company = active_salon(&world, &fleet, 10).await;
    fleet.drain(GRACE).await;
    world.marketplace.set_installation(salon(10), Installation::NotInstalled);
    let taken = fleet.accept_webhook(salon(10), LifecycleEvent::Uninstall, body()).await;
    assert_eq!(taken, Ok(()));
    let fleet = world.start().await;
    let company = fleet.company(company.company_id()).await.unwrap().unwrap();
    until(&company, |view| view.integration == IntegrationStatus::Uninstalled).await;
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_connected_salon_opens_only_for_the_owner_who_connected_it() {
    let world = World::new();
    let fleet = world.start().await;
    let signed = |id| {
        let user = MarketplaceUser { id: Some(id), ..MarketplaceUser::default() };
        Ok(SignedOwner { user, salon_title: None, fingerprint: None })
    };
    let register = || fleet.register(Registration { salon_id: salon(10), user_data: None, user_data_sign: None });
    world.marketplace.set_owner(signed(1));
    let company = active_salon(&world, &fleet, 10).await;
    register().await.expect("the owner comes back");
    world.marketplace.set_owner(signed(2));
    assert_eq!(register().await, Err(RegisterError::OtherOwner));

    // After an uninstall the salon belongs to whoever connects it next.
    world.marketplace.set_installation(salon(10), Installation::NotInstalled);
    fleet.accept_webhook(salon(10), LifecycleEvent::Uninstall, body()).await.unwrap();
    until(&company, |view| view.integration == IntegrationStatus::Uninstalled).await;
    world.marketplace.set_installation(salon(10), Installation::Pending);
    register().await.expect("a new owner connects");
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn an_uninstall_or_a_freeze_during_an_activation_ends_it_for_good() {
    for (event, status) in
        [(LifecycleEvent::Uninstall, IntegrationStatus::Uninstalled), (LifecycleEvent::Freeze, IntegrationStatus::Frozen)]
    {
        let world = World::new();
        let fleet = world.start().await;
        world.marketplace.next_activation_fails(ActivateError::Retryable { after: Some(Duration::from_secs(60)) });
        let company = world.register(&fleet, 10).await;
        let _viewer = company.attach().await.unwrap();
        until_state(&company, SessionState::AwaitingScan).await;
        world.connector.link(company.company_id()).await.scan(account(1));
        until(&company, |view| matches!(view.activation, ActivationView::Retrying { .. })).await;
        fleet.accept_webhook(salon(10), event, body()).await.unwrap();
        until(&company, |view| view.integration == status).await;
        tokio::time::advance(Duration::from_secs(600)).await;
        company.timeline(1).await.unwrap();
        assert_eq!(world.marketplace.activations(salon(10)), 1, "{status:?}");
        fleet.drain(GRACE).await;
        let stored = world.records.stored(salon(10)).unwrap();
        assert_eq!((stored.company.integration_status, stored.activation), (status, None));
    }
}

#[tokio::test(start_paused = true)]
async fn a_salon_that_paid_again_goes_online_although_a_crash_came_between() {
    let world = World::new();
    let fleet = world.start().await;
    let company = active_salon(&world, &fleet, 10).await;
    world.marketplace.set_installation(salon(10), Installation::Frozen);
    fleet.accept_webhook(salon(10), LifecycleEvent::Freeze, body()).await.unwrap();
    until(&company, |view| view.integration == IntegrationStatus::Frozen).await;
    // The webhook and what it means are stored; what the session makes of it is not.
    world.records.crash_after(2);
    fleet.accept_webhook(salon(10), LifecycleEvent::Unfreeze, body()).await.unwrap();
    let status = || world.records.stored(salon(10)).unwrap().company.integration_status;
    wait_until("it is unfrozen", || status() == IntegrationStatus::Active).await;
    let world = World::on(world.records.crash());
    let fleet = world.start().await;
    let company = fleet.company(company.company_id()).await.unwrap().unwrap();
    until_state(&company, SessionState::Online).await;
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_session_that_was_stopped_for_a_webhook_that_does_not_hold_goes_on() {
    let world = World::new();
    let fleet = world.start().await;
    let company = active_salon(&world, &fleet, 10).await;
    stubborn(&world, &company).await;
    world.marketplace.set_installation(salon(10), Installation::Frozen);
    fleet.accept_webhook(salon(10), LifecycleEvent::Freeze, body()).await.unwrap();
    until_state(&company, SessionState::Idle).await;
    // Its freeze can't be stored, and when the webhook is read again YClients knows better.
    world.records.fail_next_commits(1);
    world.marketplace.set_installation(salon(10), Installation::Active);
    let view = until_state(&company, SessionState::Online).await;
    assert_eq!(view.integration, IntegrationStatus::Active);
    assert!(world.records.timeline(company.company_id()).contains(&EventKind::WebhookContradicted));
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn an_activation_given_up_for_a_webhook_that_does_not_hold_begins_with_a_question() {
    let world = World::new();
    let fleet = world.start().await;
    world.marketplace.next_activation_fails(ActivateError::Retryable { after: Some(Duration::from_secs(60)) });
    let company = world.register(&fleet, 10).await;
    let _viewer = company.attach().await.unwrap();
    until_state(&company, SessionState::AwaitingScan).await;
    world.connector.link(company.company_id()).await.scan(account(1));
    until(&company, |view| matches!(view.activation, ActivationView::Retrying { .. })).await;
    stubborn(&world, &company).await;
    fleet.accept_webhook(salon(10), LifecycleEvent::Freeze, body()).await.unwrap();
    until_state(&company, SessionState::Idle).await;
    world.records.fail_next_commits(1);
    world.marketplace.set_installation(salon(10), Installation::Active);
    let view = until(&company, |view| view.integration == IntegrationStatus::Active).await;
    assert!(view.connected());
    assert_eq!(world.marketplace.activations(salon(10)), 1);
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn nobody_starts_a_session_while_an_uninstall_closes_its_link() {
    let world = World::new();
    let fleet = world.start().await;
    let company = active_salon(&world, &fleet, 10).await;
    stubborn(&world, &company).await;
    let opened = world.connector.opened(company.company_id());
    world.marketplace.set_installation(salon(10), Installation::NotInstalled);
    fleet.accept_webhook(salon(10), LifecycleEvent::Uninstall, body()).await.unwrap();
    let view = until_state(&company, SessionState::Idle).await;
    assert_eq!(view.integration, IntegrationStatus::Active, "the link has not let go yet");
    assert_eq!(company.request_qr().await, Err(QrError::NotAllowed));
    let phone = "+79161234567".parse().unwrap();
    assert_eq!(company.request_pairing_code(phone).await, Err(PairingError::NotAllowed));
    company.reconnect().await.unwrap();
    company.restart().await.unwrap();
    until(&company, |view| view.integration == IntegrationStatus::Uninstalled).await;
    fleet.drain(GRACE).await;
    assert_eq!(world.connector.opened(company.company_id()), opened);
}
