//! What ends a link, and what the tree makes of it.

use std::time::Duration;

use frontdesk_actors::company::CompanyHandle;
use frontdesk_actors::events::Fact;
use frontdesk_actors::fleet::FleetHandle;
use frontdesk_actors::ports::{LinkEnd, LinkFact, LossKind};
use frontdesk_actors::records::{Desired, EventKind};
use frontdesk_actors::testing::{LinkScript, World, account, salon, until, until_state, wait_until};
use frontdesk_actors::view::{ActivationView, NextStep, SessionState, StateReason};

const GRACE: Duration = Duration::from_secs(10);

/// A salon that is online and active.
pub async fn active_salon(world: &World, fleet: &FleetHandle, id: u64) -> CompanyHandle {
    let company = world.register(fleet, id).await;
    let viewer = company.attach().await.unwrap();
    until_state(&company, SessionState::AwaitingScan).await;
    world.connector.link(company.company_id()).await.scan(account(u32::try_from(id).unwrap()));
    until(&company, |view| view.connected() && view.activation == ActivationView::Active).await;
    drop(viewer);
    company
}

/// Gives the salon a link that is online and does not close when it is told to.
pub async fn stubborn(world: &World, company: &CompanyHandle) {
    let id = company.company_id();
    let own = company.view().session.own.expect("a linked salon");
    let link = world.connector.link(id).await;
    world.connector.script(id, LinkScript::online(own).stubborn());
    link.end(LinkEnd::RestartRequired);
    until(company, |view| view.connected() && view.session.generation > link.generation()).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_comes_back_by_itself() {
    let world = World::new();
    let fleet = world.start().await;
    let company = active_salon(&world, &fleet, 10).await;
    let link = world.connector.link(company.company_id()).await;
    link.end(LinkEnd::Lost(LossKind::Disconnected));
    let view = until_state(&company, SessionState::Backoff).await;
    assert_eq!(view.session.reason, Some(StateReason::NetworkLost));
    assert!(view.session.retry_at.is_some());
    until_state(&company, SessionState::Online).await;
    assert!(world.sink.count(|fact| matches!(fact, Fact::LinkEnded { .. })) > 0);
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_link_is_a_loss_and_nothing_else() {
    let world = World::new();
    let fleet = world.start().await;
    let company = active_salon(&world, &fleet, 10).await;
    let link = world.connector.link(company.company_id()).await;
    link.panic();
    world.sink.until(|fact| matches!(fact, Fact::LinkEnded { end: LinkEnd::Crashed, .. })).await;
    until(&company, |view| view.connected() && view.session.generation > link.generation()).await;
    assert_eq!(world.sink.count(|fact| matches!(fact, Fact::SessionRestarted { .. })), 0);
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_deaf_link_is_dropped_and_replaced() {
    let world = World::new();
    let fleet = world.start().await;
    let company = active_salon(&world, &fleet, 10).await;
    let deaf = world.connector.link(company.company_id()).await;
    world.connector.script(company.company_id(), LinkScript::online(account(10)).deaf());
    deaf.end(LinkEnd::Lost(LossKind::Disconnected));
    until(&company, |view| view.connected() && view.session.generation > deaf.generation()).await;
    let began = tokio::time::Instant::now();
    until_state(&company, SessionState::Deaf).await;
    assert!(began.elapsed() < Duration::from_secs(200), "noticed with the next probe");
    until_state(&company, SessionState::Online).await;
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_replaced_session_waits_ten_minutes_and_the_owner_can_take_it_back_at_once() {
    let world = World::new();
    let fleet = world.start().await;
    let company = active_salon(&world, &fleet, 10).await;
    world.connector.link(company.company_id()).await.end(LinkEnd::Replaced);
    let view = until_state(&company, SessionState::Replaced).await;
    assert_eq!(view.session.action, Some(NextStep::Reconnect));
    let before = world.connector.opened(company.company_id());
    tokio::time::advance(Duration::from_secs(590)).await;
    assert_eq!(world.connector.opened(company.company_id()), before);
    company.reconnect().await.unwrap();
    until_state(&company, SessionState::Online).await;
    assert!(world.records.timeline(company.company_id()).contains(&EventKind::SessionEnded));
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_device_removed_on_the_phone_loses_its_credentials_and_can_be_linked_again() {
    let world = World::new();
    let fleet = world.start().await;
    let company = active_salon(&world, &fleet, 10).await;
    world.connector.link(company.company_id()).await.end(LinkEnd::LoggedOut);
    let view = until_state(&company, SessionState::LoggedOut).await;
    assert_eq!(view.session.action, Some(NextStep::RequestQr));
    assert!(!world.records.has_vault(company.company_id()));
    let stored = world.records.stored(salon(10)).unwrap();
    assert_eq!(stored.session.unwrap().desired, Desired::Stopped);
    wait_until("the record follows", || !world.records.stored(salon(10)).unwrap().company.whatsapp_connected).await;
    company.request_qr().await.unwrap();
    until_state(&company, SessionState::AwaitingScan).await;
    world.connector.link(company.company_id()).await.scan(account(99));
    let view = until_state(&company, SessionState::Online).await;
    assert_eq!(view.session.own, Some(account(99)));
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_ban_is_sat_out() {
    let world = World::new();
    let fleet = world.start().await;
    let company = active_salon(&world, &fleet, 10).await;
    let ban = LinkEnd::Banned { expires_in: Some(Duration::from_secs(3600)) };
    world.connector.link(company.company_id()).await.end(ban);
    let view = until_state(&company, SessionState::Banned).await;
    assert!(view.session.retry_at.is_some());
    company.reconnect().await.unwrap();
    let banned_at = tokio::time::Instant::now();
    until_state(&company, SessionState::Online).await;
    assert!(banned_at.elapsed() >= Duration::from_secs(3600));
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_failing_store_holds_the_news_back_and_the_link_lives_on() {
    let world = World::new();
    let fleet = world.start().await;
    let company = world.register(&fleet, 10).await;
    let _viewer = company.attach().await.unwrap();
    until_state(&company, SessionState::AwaitingScan).await;
    let link = world.connector.link(company.company_id()).await;
    world.connector.store_credentials(company.company_id(), &account(1)).await.unwrap();
    world.records.fail_next_commits(5);
    link.say(LinkFact::Online(account(1)));
    world.sink.until(|fact| matches!(fact, Fact::CommitFailed { .. })).await;
    assert_eq!(company.view().session.state, SessionState::AwaitingScan, "not shown before it is stored");
    until(&company, |view| view.connected() && view.activation == ActivationView::Active).await;
    assert_eq!(world.connector.opened(company.company_id()), 1, "the link was not touched");
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_link_that_never_says_anything_is_given_up_and_dialled_again() {
    let world = World::new();
    let fleet = world.start().await;
    let company = active_salon(&world, &fleet, 10).await;
    let link = world.connector.link(company.company_id()).await;
    world.connector.script(company.company_id(), LinkScript::silent().stubborn());
    link.end(LinkEnd::Lost(LossKind::Disconnected));
    until(&company, |view| view.session.reason == Some(StateReason::ConnectTimeout)).await;
    until_state(&company, SessionState::Online).await;
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_registration_that_cannot_be_stored_is_refused_and_changes_nothing() {
    let world = World::new();
    let fleet = world.start().await;
    let company = active_salon(&world, &fleet, 10).await;
    world.marketplace.set_installation(salon(10), frontdesk_actors::ports::Installation::Pending);
    let before = company.view();
    let registration = frontdesk_actors::fleet::Registration { salon_id: salon(10), user_data: None, user_data_sign: None };
    world.records.fail_next_commits(1);
    assert!(fleet.register(registration.clone()).await.is_err());
    assert_eq!(company.view(), before);
    assert!(fleet.register(registration).await.is_ok());
    until(&company, |view| view.activation == ActivationView::Active).await;
    assert_eq!(world.marketplace.activations(salon(10)), 2);
    fleet.drain(GRACE).await;
}
