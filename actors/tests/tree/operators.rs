//! What an operator can do to a salon's session, in every condition it may be in.

use std::time::Duration;

use frontdesk_actors::events::Fact;
use frontdesk_actors::fleet::CallError;
use frontdesk_actors::ports::{LinkCommand, LinkEnd, LossKind};
use frontdesk_actors::records::Desired;
use frontdesk_actors::settings::FleetSettings;
use frontdesk_actors::testing::{World, salon, until, until_state};
use frontdesk_actors::view::{SessionState, StateReason};

use crate::faults::active_salon;

const GRACE: Duration = Duration::from_secs(10);

#[tokio::test(start_paused = true)]
async fn a_restart_gives_an_online_session_another_link_and_its_owner_no_alarm() {
    let world = World::new();
    let fleet = world.start().await;
    let company = active_salon(&world, &fleet, 10).await;
    let before = company.view().session.generation;
    let mut pictures = company.watch();
    company.restart().await.unwrap();
    while !(company.view().connected() && company.view().session.generation > before) {
        pictures.changed().await.unwrap();
        assert_eq!(pictures.borrow().for_people().session.state, SessionState::Online);
    }
    assert!(world.connector.commands(company.company_id()).contains(&LinkCommand::Close), "the old link was closed in good order");
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_stopped_session_stays_stopped_across_a_start_and_a_restart_brings_it_back() {
    let world = World::new();
    let fleet = world.start().await;
    let company = active_salon(&world, &fleet, 10).await;
    company.stop().await.unwrap();
    let view = until_state(&company, SessionState::Idle).await;
    assert_eq!(view.session.reason, Some(StateReason::Stopped));
    fleet.drain(GRACE).await;
    let fleet = world.start().await;
    let company = fleet.company_by_salon(salon(10)).await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(company.view().session.state, SessionState::Idle);
    company.restart().await.unwrap();
    until_state(&company, SessionState::Online).await;
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_log_out_forgets_the_credentials() {
    let world = World::new();
    let fleet = world.start().await;
    let company = active_salon(&world, &fleet, 10).await;
    company.log_out().await.unwrap();
    until(&company, |view| view.session.state == SessionState::LoggedOut && view.session.own.is_none()).await;
    assert!(!world.records.has_vault(company.company_id()));
    assert_eq!(world.records.stored(salon(10)).unwrap().session.unwrap().desired, Desired::Stopped);
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_parked_company_is_taken_back_by_one_of_many_who_ask() {
    let world = World::new();
    let settings = FleetSettings { restarts: 0, company_queue: 4, ..FleetSettings::default() };
    let fleet = world.start_with(settings).await;
    let company = active_salon(&world, &fleet, 10).await;
    let id = company.company_id();
    world.sink.panic_on(1, move |fact| matches!(fact, Fact::SessionMoved { company, to: SessionState::Backoff, .. } if *company == id));
    world.connector.link(id).await.end(LinkEnd::Lost(LossKind::Disconnected));
    until_state(&company, SessionState::Parked).await;
    assert_eq!(company.stop().await, Err(CallError::Unavailable), "nobody is there to obey");
    let asked: Vec<_> = (0..10)
        .map(|_| {
            let company = company.clone();
            tokio::spawn(async move { company.restart().await })
        })
        .collect();
    let mut busy = 0;
    for call in asked {
        busy += usize::from(call.await.unwrap() == Err(CallError::Busy));
    }
    assert_eq!(busy, 6, "what waits is bounded here too");
    until_state(&company, SessionState::Online).await;
    fleet.drain(GRACE).await;
}
