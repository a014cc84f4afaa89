//! One company's trouble is its own: code that never waits, a store that refuses one company, floods from a link and from callers. Panics are in
//! `supervision.rs`.

use std::time::Duration;

use frontdesk_actors::company::CompanyHandle;
use frontdesk_actors::events::Fact;
use frontdesk_actors::fleet::CallError;
use frontdesk_actors::ports::{LinkEnd, LossKind};
use frontdesk_actors::settings::FleetSettings;
use frontdesk_actors::testing::{World, account, until, until_state, wait_until};
use frontdesk_actors::view::{NextStep, SessionState, StateReason};
use tokio::time::Instant;

use crate::faults::active_salon;

const GRACE: Duration = Duration::from_secs(10);

/// The other salon does everything a salon does, now.
async fn lives(world: &World, other: &CompanyHandle) {
    let link = world.connector.link(other.company_id()).await;
    link.end(LinkEnd::Lost(LossKind::Disconnected));
    until(other, |view| view.connected() && view.session.generation > link.generation()).await;
    other.stop().await.unwrap();
    until_state(other, SessionState::Idle).await;
    other.reconnect().await.unwrap();
    until_state(other, SessionState::Online).await;
}

/// On real threads and the real clock: a paused clock can't run while a thread is busy.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_link_that_runs_in_circles_is_found_out_and_stops_nobody_else() {
    let world = World::new();
    let quick = Duration::from_millis(100);
    let settings = FleetSettings { probe_every: quick, answer_within: quick, backoff_max: quick, ..FleetSettings::default() };
    let fleet = world.start_with(settings).await;
    let struck = active_salon(&world, &fleet, 10).await;
    let other = active_salon(&world, &fleet, 11).await;
    let link = world.connector.link(struck.company_id()).await;
    let began = Instant::now();
    let circles = link.spin();

    let view = until_state(&struck, SessionState::Deaf).await;
    assert_eq!(view.session.reason, Some(StateReason::NotAnswering));
    assert!(began.elapsed() < Duration::from_secs(5), "two probes of 100 ms");
    lives(&world, &other).await;
    let newcomer = active_salon(&world, &fleet, 12).await;
    assert!(newcomer.view().connected());
    let opened = world.connector.opened(struck.company_id());
    until(&struck, |view| view.session.generation > link.generation()).await;
    assert_eq!(world.connector.opened(struck.company_id()), opened, "no second link while the first holds on: one thread at most");

    drop(circles);
    until_state(&struck, SessionState::Online).await;
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_store_that_refuses_one_company_leaves_the_others_alone_and_that_one_honest() {
    let world = World::new();
    let fleet = world.start().await;
    let struck = active_salon(&world, &fleet, 10).await;
    let other = active_salon(&world, &fleet, 11).await;
    world.records.fail_commits_of(struck.company_id());
    world.connector.link(struck.company_id()).await.end(LinkEnd::Replaced);
    let view = until(&struck, |view| !view.connected()).await;
    assert_eq!((view.session.state, view.session.reason), (SessionState::Backoff, Some(StateReason::StoreFailed)));
    lives(&world, &other).await;
    let failed_elsewhere = |fact: &Fact| matches!(fact, Fact::CommitFailed { company } if *company != struck.company_id());
    assert_eq!(world.sink.count(failed_elsewhere), 0);

    world.records.mend();
    until_state(&struck, SessionState::Replaced).await;
    struck.reconnect().await.unwrap();
    until_state(&struck, SessionState::Online).await;
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_session_whose_record_is_refused_three_times_is_parked_at_once_and_comes_back_when_a_person_acts() {
    let world = World::new();
    let fleet = world.start().await;
    let struck = active_salon(&world, &fleet, 10).await;
    let other = active_salon(&world, &fleet, 11).await;
    let began = Instant::now();
    world.records.refuse_commits_of(struck.company_id());
    world.connector.link(struck.company_id()).await.end(LinkEnd::Replaced);
    let view = until_state(&struck, SessionState::Parked).await;
    assert_eq!((view.session.reason, view.session.action), (Some(StateReason::StoreFailed), Some(NextStep::ContactSupport)));
    assert!(view.restarts.session.parked && !view.restarts.company.parked);
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(world.sink.count(|fact| matches!(fact, Fact::SessionRestarted { .. })), 0);
    assert_eq!(world.sink.count(|fact| matches!(fact, Fact::Parked { .. })), 1);
    lives(&world, &other).await;

    world.records.mend();
    struck.restart().await.unwrap();
    until_state(&struck, SessionState::Online).await;
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_store_that_refuses_one_company_for_good_ends_in_parked_and_an_alert() {
    let world = World::new();
    let settings = FleetSettings { restarts: 0, ..FleetSettings::default() };
    let fleet = world.start_with(settings).await;
    let struck = active_salon(&world, &fleet, 10).await;
    let id = struck.company_id();
    world.records.fail_commits_of(id);
    world.connector.link(id).await.end(LinkEnd::Replaced);
    until(&struck, |view| !view.connected()).await;
    // Each wish adds to what waits behind the failing commit, up to its limit.
    wait_until("it is given up", || {
        let (company, wish) = (struck.clone(), struck.clone());
        tokio::spawn(async move { company.reconnect().await });
        tokio::spawn(async move { wish.stop().await });
        world.sink.count(|fact| matches!(fact, Fact::Parked { company } if *company == id)) == 1
    })
    .await;
    until_state(&struck, SessionState::Parked).await;
    world.records.mend();
    struck.restart().await.unwrap();
    until(&struck, |view| view.session.state != SessionState::Parked).await;
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_link_that_floods_its_session_is_cut_off_and_made_again() {
    let world = World::new();
    let fleet = world.start().await;
    let struck = active_salon(&world, &fleet, 10).await;
    let other = active_salon(&world, &fleet, 11).await;
    let untouched = other.view();
    let link = world.connector.link(struck.company_id()).await;
    link.flood(100_000);
    let cut = |fact: &Fact| matches!(fact, Fact::LinkEnded { end: LinkEnd::Lost(LossKind::Service), .. });
    world.sink.until(cut).await;
    until(&struck, |view| view.connected() && view.session.generation > link.generation()).await;
    assert_eq!(struck.view().session.own, Some(account(10)));
    assert_eq!(other.view(), untouched);
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn callers_who_flood_one_company_are_told_so_and_the_others_are_answered() {
    let world = World::new();
    let settings = FleetSettings { company_queue: 8, ..FleetSettings::default() };
    let fleet = world.start_with(settings).await;
    let flooded = active_salon(&world, &fleet, 10).await;
    let other = active_salon(&world, &fleet, 11).await;
    let calls: Vec<_> = (0..1000)
        .map(|_| {
            let company = flooded.clone();
            tokio::spawn(async move { company.reconnect().await })
        })
        .collect();
    assert_eq!(other.cancel_pairing().await, Ok(()), "the flood is not its business");
    let mut busy = 0;
    for call in calls {
        busy += usize::from(call.await.unwrap() == Err(CallError::Busy));
    }
    assert_eq!(busy, 992);
    assert!(flooded.view().connected() && other.view().connected());
    lives(&world, &other).await;
    fleet.drain(GRACE).await;
}
