//! From redirect to active, and the detours owners take.

use std::time::Duration;

use frontdesk_actors::company::{ActivateRequestError, PairingError, QrError};
use frontdesk_actors::events::{Fact, FunnelStep};
use frontdesk_actors::fleet::{RegisterError, Registration};
use frontdesk_actors::ports::{
    ActivateError, Installation, LinkCommand, LinkEnd, MarketplaceError, SalonInfo, SignatureError, SignedOwner,
};
use frontdesk_actors::records::{EventKind, IntegrationStatus, MarketplaceUser};
use frontdesk_actors::settings::FleetSettings;
use frontdesk_actors::testing::{LinkScript, PAIRING_CODE, World, account, salon, until, until_state, wait_until};
use frontdesk_actors::view::{ActivationView, NextStep, SessionState, StateReason};

const GRACE: Duration = Duration::from_secs(10);

#[tokio::test(start_paused = true)]
async fn an_owner_scans_and_the_salon_becomes_active_by_itself() {
    let world = World::new();
    let fleet = world.start().await;
    let company = world.register(&fleet, 10).await;
    let _viewer = company.attach().await.unwrap();
    let view = until_state(&company, SessionState::AwaitingScan).await;
    assert_eq!(view.session.qr.unwrap().text.expose(), "qr-1");
    assert_eq!(view.session.action, Some(NextStep::ScanQr));
    assert_eq!(view.integration, IntegrationStatus::PendingWhatsapp);

    world.connector.link(company.company_id()).await.scan(account(1));
    let view = until(&company, |view| view.activation == ActivationView::Active).await;
    assert_eq!(view.session.state, SessionState::Online);
    assert_eq!(view.integration, IntegrationStatus::Active);
    assert_eq!(view.session.own, Some(account(1)));
    assert_eq!(world.marketplace.activations(salon(10)), 1);

    let stored = world.records.stored(salon(10)).unwrap();
    assert_eq!(stored.company.integration_status, IntegrationStatus::Active);
    assert!(stored.company.whatsapp_connected);
    assert_eq!(stored.company.api_key_hash.unwrap().len(), 64);
    assert_eq!(stored.activation, None, "the sealed key is forgotten");
    let timeline = world.records.timeline(company.company_id());
    let expected = [
        EventKind::RegistrationStarted,
        EventKind::PageOpened,
        EventKind::QrShown,
        EventKind::WhatsappPaired,
        EventKind::WhatsappConnected,
        EventKind::IntegrationActivated,
    ];
    assert_eq!(timeline, expected);
    use FunnelStep::{Active, Online, PageOpened, Paired, QrShown, Redirected};
    assert_eq!(funnel(&world), [Redirected, PageOpened, QrShown, Paired, Online, Active]);
    fleet.drain(GRACE).await;
}

fn funnel(world: &World) -> Vec<FunnelStep> {
    let facts = world.sink.facts();
    let steps = facts.iter().filter_map(|fact| if let Fact::FunnelStep { step, .. } = fact { Some(*step) } else { None });
    steps.collect()
}

#[tokio::test(start_paused = true)]
async fn it_is_never_online_during_pairing() {
    let world = World::new();
    let fleet = world.start().await;
    let company = world.register(&fleet, 10).await;
    let _viewer = company.attach().await.unwrap();
    let link = world.connector.link(company.company_id()).await;
    world.connector.script(company.company_id(), LinkScript::silent());
    link.scan(account(1));
    let view = until_state(&company, SessionState::Pairing).await;
    assert!(!view.connected());
    assert_eq!(world.marketplace.activations(salon(10)), 0, "nothing is activated before the session is open");
    let next = world.connector.link_after(company.company_id(), link.generation()).await;
    assert_eq!(company.view().session.state, SessionState::Pairing);
    next.say(frontdesk_actors::ports::LinkFact::Online(account(1)));
    until_state(&company, SessionState::Online).await;
    fleet.drain(GRACE).await;
}

/// Shorter than a round of codes, so that only the viewers decide.
fn short_linger() -> FleetSettings {
    FleetSettings { unpaired_linger: Duration::from_secs(30), ..FleetSettings::default() }
}

#[tokio::test(start_paused = true)]
async fn a_closed_tab_keeps_the_link_for_a_while_and_a_new_one_resumes() {
    let world = World::new();
    let fleet = world.start_with(short_linger()).await;
    let company = world.register(&fleet, 10).await;
    let viewer = company.attach().await.unwrap();
    until_state(&company, SessionState::AwaitingScan).await;
    drop(viewer);
    tokio::time::advance(Duration::from_secs(29)).await;
    assert_eq!(company.view().session.state, SessionState::AwaitingScan);
    let viewer = company.attach().await.unwrap();
    tokio::time::advance(Duration::from_secs(20)).await;
    assert_eq!(company.view().session.generation.get(), 1, "the same link");
    drop(viewer);
    let left = tokio::time::Instant::now();
    until(&company, |view| view.session.reason == Some(StateReason::OwnerLeft)).await;
    assert!(left.elapsed() <= Duration::from_secs(31));
    wait_until("the link is closed", || !world.connector.running(company.company_id())).await;
    let _viewer = company.attach().await.unwrap();
    until_state(&company, SessionState::AwaitingScan).await;
    assert_eq!(world.connector.opened(company.company_id()), 2);
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn two_tabs_share_one_session_and_the_last_one_counts() {
    let world = World::new();
    let fleet = world.start_with(short_linger()).await;
    let company = world.register(&fleet, 10).await;
    let first = company.attach().await.unwrap();
    let second = company.attach().await.unwrap();
    until_state(&company, SessionState::AwaitingScan).await;
    drop(first);
    until(&company, |view| view.session.qr.as_ref().is_some_and(|qr| qr.attempt == 2)).await;
    assert_eq!(world.connector.opened(company.company_id()), 1);
    drop(second);
    until(&company, |view| view.session.reason == Some(StateReason::OwnerLeft)).await;
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn codes_that_run_out_wait_for_the_button_and_later_suggest_the_pairing_code() {
    let world = World::new();
    let fleet = world.start().await;
    let company = world.register(&fleet, 10).await;
    let _viewer = company.attach().await.unwrap();
    for round in 1..=5 {
        until_state(&company, SessionState::AwaitingScan).await;
        world.connector.link(company.company_id()).await.end(LinkEnd::QrExhausted);
        let view = until(&company, |view| view.session.rounds_used == round).await;
        let expected = if round < 5 { NextStep::RequestQr } else { NextStep::UsePairingCode };
        assert_eq!(view.session.action, Some(expected));
        company.request_qr().await.unwrap();
    }
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_pairing_code_comes_back_to_who_asked_and_a_fourth_in_five_minutes_is_refused() {
    let world = World::new();
    let fleet = world.start().await;
    let company = world.register(&fleet, 10).await;
    let phone = account(5).phone;
    company.request_pairing_code(phone.clone()).await.unwrap();
    let pairing = company.view().session.pairing.unwrap();
    assert_eq!((pairing.code.expose(), &pairing.phone), (PAIRING_CODE, &phone));
    company.cancel_pairing().await.unwrap();
    until_state(&company, SessionState::AwaitingScan).await;
    for _ in 0..2 {
        company.request_pairing_code(phone.clone()).await.unwrap();
        company.cancel_pairing().await.unwrap();
        until_state(&company, SessionState::AwaitingScan).await;
    }
    let refused = company.request_pairing_code(phone.clone()).await;
    assert!(matches!(refused, Err(PairingError::TooMany { retry_after: Some(wait) }) if wait <= Duration::from_secs(300)), "{refused:?}");
    let asked = world.connector.commands(company.company_id());
    assert_eq!(asked.iter().filter(|command| matches!(command, LinkCommand::RequestPairingCode(_))).count(), 3);
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_code_that_never_comes_fails_in_bounded_time_and_meanwhile_others_hear_that_one_is_under_way() {
    let world = World::new();
    world.connector.script_all(LinkScript::qr().mute());
    let fleet = world.start().await;
    let company = world.register(&fleet, 10).await;
    let asking = tokio::spawn({
        let company = company.clone();
        async move { company.request_pairing_code(account(5).phone).await }
    });
    until_state(&company, SessionState::AwaitingScan).await;
    assert_eq!(company.request_pairing_code(account(6).phone).await, Err(PairingError::InProgress));
    assert_eq!(asking.await.unwrap(), Err(PairingError::Failed));
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn who_is_connected_gets_no_codes() {
    let world = World::new();
    let fleet = world.start().await;
    let company = world.register(&fleet, 10).await;
    let _viewer = company.attach().await.unwrap();
    world.connector.link(company.company_id()).await.scan(account(1));
    until_state(&company, SessionState::Online).await;
    assert_eq!(company.request_qr().await, Err(QrError::AlreadyConnected));
    assert_eq!(company.request_pairing_code(account(1).phone).await, Err(PairingError::AlreadyConnected));
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn an_activation_can_be_asked_for_and_answers_where_it_stands() {
    let world = World::new();
    let fleet = world.start().await;
    let company = world.register(&fleet, 10).await;
    assert_eq!(company.activate().await, Err(ActivateRequestError::NotConnected));
    world.marketplace.next_activation_fails(ActivateError::Retryable { after: Some(Duration::from_secs(30)) });
    let _viewer = company.attach().await.unwrap();
    world.connector.link(company.company_id()).await.scan(account(1));
    until(&company, |view| matches!(view.activation, ActivationView::Retrying { .. })).await;
    assert!(matches!(company.activate().await, Ok(ActivationView::Retrying { .. })));
    until(&company, |view| view.activation == ActivationView::Active).await;
    assert_eq!(company.activate().await, Ok(ActivationView::Active));
    assert_eq!(world.marketplace.activations(salon(10)), 2);
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_registration_older_than_the_window_activates_nothing() {
    let world = World::new();
    let fleet = world.start().await;
    let company = world.register(&fleet, 10).await;
    until(&company, |view| matches!(view.activation, ActivationView::Expired { .. })).await;
    tokio::time::advance(Duration::from_secs(600)).await;
    assert_eq!(company.activate().await, Err(ActivateRequestError::Expired { minutes_ago: 10 }));
    let _viewer = company.attach().await.unwrap();
    world.connector.link(company.company_id()).await.scan(account(1));
    until_state(&company, SessionState::Online).await;
    assert_eq!(world.marketplace.activations(salon(10)), 0);
    world.register(&fleet, 10).await;
    until(&company, |view| view.activation == ActivationView::Active).await;
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_activation_fails_and_a_fresh_registration_tries_again() {
    let world = World::new();
    world.marketplace.next_activation_fails(ActivateError::Final { status: 422 });
    let fleet = world.start().await;
    let company = world.register(&fleet, 10).await;
    let _viewer = company.attach().await.unwrap();
    world.connector.link(company.company_id()).await.scan(account(1));
    until(&company, |view| view.activation == ActivationView::Failed).await;
    let stored = world.records.stored(salon(10)).unwrap();
    assert_eq!((stored.company.api_key_hash, stored.activation), (None, None));
    assert!(world.records.timeline(company.company_id()).contains(&EventKind::ActivationFailed));
    world.register(&fleet, 10).await;
    until(&company, |view| view.activation == ActivationView::Active).await;
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn refusals_of_a_registration_name_their_reason_and_store_nothing() {
    let world = World::new();
    let fleet = world.start().await;
    let registration = || Registration { salon_id: salon(10), user_data: None, user_data_sign: None };
    world.marketplace.set_missing(vec!["partner_token"]);
    assert_eq!(fleet.register(registration()).await, Err(RegisterError::NotConfigured));
    world.marketplace.set_missing(Vec::new());
    for unfit in [Installation::NotInstalled, Installation::Frozen, Installation::Unknown] {
        world.marketplace.set_installation(salon(10), unfit);
        assert_eq!(fleet.register(registration()).await, Err(RegisterError::NotInstalled));
    }
    world.marketplace.set_installation(salon(10), Installation::Pending);
    let down = MarketplaceError::Retryable { after: None };
    world.marketplace.next_installation(Err(down.clone()));
    assert_eq!(fleet.register(registration()).await, Err(RegisterError::Marketplace(down)));
    world.marketplace.set_owner(Err(SignatureError::Mismatch));
    let mismatch = RegisterError::Signature(SignatureError::Mismatch);
    assert_eq!(fleet.register(registration()).await, Err(mismatch));
    assert_eq!(world.records.stored(salon(10)), None);
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn signed_data_opens_one_salon_only_and_a_reload_is_fine() {
    let world = World::new();
    let user = MarketplaceUser { name: Some("Анна".into()), ..MarketplaceUser::default() };
    let owner = SignedOwner { user, salon_title: Some("Салон".into()), fingerprint: Some([7; 32]) };
    world.marketplace.set_owner(Ok(owner));
    let fleet = world.start().await;
    let registration = |id| Registration { salon_id: salon(id), user_data: None, user_data_sign: None };
    let first = fleet.register(registration(10)).await.unwrap();
    assert_eq!(fleet.register(registration(11)).await, Err(RegisterError::Replayed));
    let again = fleet.register(registration(10)).await.unwrap();
    assert_eq!(first.company_id, again.company_id);
    assert_eq!(world.records.stored(salon(10)).unwrap().company.title.as_deref(), Some("Салон"));
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_salon_that_cannot_be_described_is_registered_all_the_same() {
    let world = World::new();
    world.marketplace.set_salon(salon(10), Err(MarketplaceError::Final { status: 403 }));
    let info = SalonInfo {
        title: Some("Студия".into()),
        timezone: Some("Asia/Yekaterinburg".into()),
        phone: None,
        address: Some("ул. Ленина, 1".into()),
        raw: serde_json::json!({ "id": 11 }),
    };
    world.marketplace.set_salon(salon(11), Ok(Some(info)));
    let fleet = world.start().await;
    world.register(&fleet, 10).await;
    assert_eq!(world.records.stored(salon(10)).unwrap().company.timezone, "Europe/Moscow");
    world.register(&fleet, 11).await;
    wait_until("the description is stored", || world.records.stored(salon(11)).unwrap().company.address.is_some()).await;
    let stored = world.records.stored(salon(11)).unwrap().company;
    assert_eq!((stored.timezone.as_str(), stored.title.as_deref()), ("Asia/Yekaterinburg", Some("Студия")));
    fleet.drain(GRACE).await;
}
