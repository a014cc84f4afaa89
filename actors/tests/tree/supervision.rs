//! Crashes: one company's trouble is its own, restarts are budgeted, parked ones wait for a person.

use std::time::Duration;

use frontdesk_actors::company::QrError;
use frontdesk_actors::events::{Fact, FunnelStep};
use frontdesk_actors::fleet::CallError;
use frontdesk_actors::ids::CompanyId;
use frontdesk_actors::ports::{LinkEnd, LossKind};
use frontdesk_actors::settings::FleetSettings;
use frontdesk_actors::testing::{World, salon, until, until_state, wait_until};
use frontdesk_actors::view::{NextStep, SessionState, StateReason};

use crate::faults::active_salon;

const GRACE: Duration = Duration::from_secs(10);

fn ended_link_of(id: CompanyId) -> impl Fn(&Fact) -> bool + Send + 'static {
    move |fact| matches!(fact, Fact::LinkEnded { company, .. } if *company == id)
}

fn restarts(world: &World) -> usize {
    world.sink.count(|fact| matches!(fact, Fact::SessionRestarted { .. } | Fact::CompanyRestarted { .. }))
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_one_session_restores_that_one_and_nobody_else_notices() {
    let world = World::new();
    let fleet = world.start().await;
    let struck = active_salon(&world, &fleet, 10).await;
    let other = active_salon(&world, &fleet, 11).await;
    let untouched = other.view();
    let before = struck.view().session.generation;
    world.sink.panic_on(1, ended_link_of(struck.company_id()));
    world.connector.link(struck.company_id()).await.end(LinkEnd::Lost(LossKind::Disconnected));
    until(&struck, |view| !view.connected()).await;
    let view = until(&struck, |view| view.connected()).await;
    assert!(view.session.generation > before, "generations never go back");
    assert_eq!(world.sink.count(|fact| matches!(fact, Fact::SessionRestarted { .. })), 1);
    assert_eq!(other.view(), untouched);
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_session_that_keeps_crashing_is_parked_and_an_operator_brings_it_back() {
    let world = World::new();
    let fleet = world.start().await;
    let company = active_salon(&world, &fleet, 10).await;
    let other = active_salon(&world, &fleet, 11).await;
    let id = company.company_id();
    world.sink.panic_on(usize::MAX, move |fact| matches!(fact, Fact::LinkDialled { company, .. } if *company == id));
    world.connector.link(id).await.end(LinkEnd::Lost(LossKind::Disconnected));
    let view = until_state(&company, SessionState::Parked).await;
    assert_eq!(view.session.reason, Some(StateReason::CrashedTooOften));
    assert_eq!(view.session.action, Some(NextStep::ContactSupport));
    let left = (view.restarts.session.left(view.session.since), view.restarts.session.parked, view.restarts.company.parked);
    assert_eq!((restarts(&world), left), (5, (0, true, false)));
    assert_eq!(world.sink.count(|fact| matches!(fact, Fact::Parked { .. })), 1);
    assert_eq!(company.request_qr().await, Err(QrError::NotAllowed));
    tokio::time::advance(Duration::from_secs(3600)).await;
    assert_eq!(company.view().session.state, SessionState::Parked, "it does not come back by itself");
    assert!(other.view().connected());

    world.sink.panic_on(0, |_| false);
    company.reconnect().await.unwrap();
    let view = until_state(&company, SessionState::Online).await;
    assert_eq!(view.restarts.session.left(view.session.since), 5, "a person's word fills the budget");
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_crashed_company_is_never_shown_online_and_comes_back_with_its_handle() {
    let world = World::new();
    let fleet = world.start().await;
    let company = active_salon(&world, &fleet, 10).await;
    let before = company.view().session.generation;
    world.sink.panic_on(1, |fact| matches!(fact, Fact::FunnelStep { step: FunnelStep::Redirected, .. }));
    let registration = frontdesk_actors::fleet::Registration { salon_id: salon(10), user_data: None, user_data_sign: None };
    assert!(fleet.register(registration).await.is_err());
    let view = until(&company, |view| !view.connected()).await;
    assert_eq!(view.session.state, SessionState::Backoff);
    let view = until_state(&company, SessionState::Online).await;
    assert!(view.session.generation > before);
    assert_eq!(world.sink.count(|fact| matches!(fact, Fact::CompanyRestarted { .. })), 1);
    let now = view.session.since;
    assert_eq!((view.restarts.company.left(now), view.restarts.session.left(now)), (4, 5), "its own word on the fleet's count");
    let _viewer = company.attach().await.unwrap();
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_company_that_keeps_crashing_is_parked_and_the_others_live_on() {
    let world = World::new();
    let fleet = world.start().await;
    let company = active_salon(&world, &fleet, 10).await;
    let other = active_salon(&world, &fleet, 11).await;
    let id = company.company_id();
    let moved = move |fact: &Fact| matches!(fact, Fact::SessionMoved { company, to, .. } if *company == id && *to != SessionState::Parked);
    world.sink.panic_on(usize::MAX, moved);
    world.connector.link(id).await.end(LinkEnd::Lost(LossKind::Disconnected));
    let view = until_state(&company, SessionState::Parked).await;
    assert_eq!(view.session.reason, Some(StateReason::CrashedTooOften));
    assert!(view.restarts.company.parked && !view.restarts.session.parked);
    assert_eq!(company.attach().await.err(), Some(CallError::Unavailable));
    assert!(other.view().connected());
    world.sink.panic_on(0, |_| false);
    company.reconnect().await.unwrap();
    until_state(&company, SessionState::Online).await;
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn viewers_are_remembered_across_a_crash() {
    let world = World::new();
    let fleet = world.start().await;
    let company = world.register(&fleet, 10).await;
    let _viewer = company.attach().await.unwrap();
    until_state(&company, SessionState::AwaitingScan).await;
    world.sink.panic_on(1, ended_link_of(company.company_id()));
    let link = world.connector.link(company.company_id()).await;
    link.end(LinkEnd::Lost(LossKind::Disconnected));
    until(&company, |view| view.session.generation > link.generation() && view.session.qr.is_some()).await;
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn overload_of_one_company_is_answered_and_does_not_pile_up() {
    let world = World::new();
    let settings = FleetSettings { company_queue: 2, ..FleetSettings::default() };
    let fleet = world.start_with(settings).await;
    let company = world.register(&fleet, 10).await;
    let asked: Vec<_> = (0..5)
        .map(|_| {
            tokio::spawn({
                let company = company.clone();
                async move { company.cancel_pairing().await }
            })
        })
        .collect();
    let mut busy = 0;
    for task in asked {
        busy += usize::from(task.await.unwrap() == Err(CallError::Busy));
    }
    assert_eq!(busy, 3);
    assert_eq!(company.cancel_pairing().await, Ok(()), "room again");
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_dead_session_gives_its_dial_permit_back() {
    let world = World::new();
    let settings = FleetSettings { dials_at_once: 1, ..FleetSettings::default() };
    let fleet = world.start_with(settings).await;
    let first = world.register(&fleet, 10).await;
    let id = first.company_id();
    world.sink.panic_on(1, move |fact| matches!(fact, Fact::LinkDialled { company, .. } if *company == id));
    let _viewer = first.attach().await.unwrap();
    wait_until("it crashed", || world.sink.count(|fact| matches!(fact, Fact::SessionRestarted { .. })) == 1).await;
    let second = world.register(&fleet, 11).await;
    let _other_viewer = second.attach().await.unwrap();
    until_state(&second, SessionState::AwaitingScan).await;
    until_state(&first, SessionState::AwaitingScan).await;
    fleet.drain(GRACE).await;
}
