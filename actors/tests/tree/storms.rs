//! A whole fleet at once: who comes back first, how fast, and what one restless salon costs the others.

use std::time::Duration;

use chrono::TimeDelta;
use frontdesk_actors::events::Fact;
use frontdesk_actors::ids::{CompanyId, Generation};
use frontdesk_actors::ports::{LinkEnd, LossKind, Records};
use frontdesk_actors::records::Change;
use frontdesk_actors::settings::FleetSettings;
use frontdesk_actors::testing::{LinkScript, Step, World, account, salon, until_state, wait_until};
use frontdesk_actors::view::SessionState;
use tokio::time::Instant;

use crate::boot::linked_salons;

const GRACE: Duration = Duration::from_secs(10);

fn id(n: u64) -> CompanyId {
    CompanyId::try_from(n).unwrap()
}

/// Waits until so many links run. Looks rarely: these waits are long, and every look goes over the whole fleet.
async fn until_running(world: &World, links: usize) {
    while world.connector.running_links() != links {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// No second saw more dials than the pace of 20 allows.
fn assert_pace(dials: &[(CompanyId, Generation, Instant)]) {
    for window in dials.windows(21) {
        let apart = window[20].2 - window[0].2;
        assert!(apart >= Duration::from_millis(990), "21 dials within {apart:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_most_recently_active_salons_come_back_first() {
    let world = World::new();
    linked_salons(&world, 60).await;
    // Salon 60 was active an hour ago, salon 59 two hours ago, and so on.
    for n in 1..=60_u64 {
        let stored = world.records.stored(salon(n)).unwrap();
        let (mut company, mut session) = (stored.company, stored.session.unwrap());
        company.updated_at -= TimeDelta::hours(61 - i64::try_from(n).unwrap());
        session.since = company.updated_at;
        world.records.commit(vec![Change::PutCompany(Box::new(company)), Change::PutSession(session)]).await.unwrap();
    }
    let fleet = world.start().await;
    until_running(&world, 60).await;
    let order: Vec<u64> = world.connector.dials().iter().map(|(company, _, _)| company.get()).collect();
    assert_eq!(order, (1..=60).rev().collect::<Vec<_>>());
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_away_for_an_hour_is_not_stormed_when_it_goes_nor_when_it_returns() {
    const SALONS: u32 = 150;
    let world = World::new();
    linked_salons(&world, SALONS).await;
    let fleet = world.start().await;
    until_running(&world, SALONS as usize).await;
    let before = world.connector.dials().len();
    world.connector.script_all(LinkScript::ends(LinkEnd::Lost(LossKind::Dial)));
    for n in 1..=u64::from(SALONS) {
        world.connector.link(id(n)).await.end(LinkEnd::Lost(LossKind::Disconnected));
    }
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let during = world.connector.dials().len() - before;
    assert!(during < 60 * SALONS as usize, "{during} dials in an hour: fewer than one a minute for each");
    world.connector.unscript_all();
    let back = Instant::now();
    until_running(&world, SALONS as usize).await;
    assert!(back.elapsed() <= Duration::from_secs(330), "the longest wait, and the pace: {:?}", back.elapsed());
    assert_pace(&world.connector.dials());
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn one_salon_that_flaps_for_ever_costs_its_999_neighbours_nothing() {
    const QUIET: u32 = 999;
    let world = World::new();
    linked_salons(&world, QUIET + 1).await;
    let restless = id(u64::from(QUIET) + 1);
    for _ in 0..500 {
        let five_seconds = LinkScript::online(account(QUIET + 1)).then(Step::Wait(Duration::from_secs(5)));
        world.connector.script(restless, five_seconds.then(Step::End(LinkEnd::Lost(LossKind::Disconnected))));
    }
    // Probes of quiet links are not what is looked at, and make the hour long.
    let settings = FleetSettings { probe_every: Duration::from_secs(3600), ..FleetSettings::default() };
    let fleet = world.start_with(settings).await;
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert!(world.connector.dials().len() > QUIET as usize, "all have dialled");
    let commits = world.records.commits();
    tokio::time::sleep(Duration::from_secs(3600)).await;

    assert!(world.connector.opened(restless) < 60, "its waits grow: {} dials", world.connector.opened(restless));
    assert!(world.connector.opened(restless) > 10, "and it is never given up");
    assert_eq!(world.records.commits(), commits, "its hiccups are no writes");
    let others_lost = |fact: &Fact| matches!(fact, Fact::LinkEnded { company, .. } if *company != restless);
    assert_eq!(world.sink.count(others_lost), 0);
    for n in 1..=u64::from(QUIET) {
        assert_eq!(world.connector.opened(id(n)), 1, "salon {n} kept its first link");
    }
    let newcomer = world.register(&fleet, 5000).await;
    let asked = Instant::now();
    let _viewer = newcomer.attach().await.unwrap();
    until_state(&newcomer, SessionState::AwaitingScan).await;
    assert!(asked.elapsed() < Duration::from_secs(1));
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn an_owner_gets_a_code_at_once_in_the_middle_of_a_restore() {
    let world = World::new();
    linked_salons(&world, 400).await;
    let fleet = world.start().await;
    wait_until("the restore has begun", || world.connector.running_links() > 20).await;
    let newcomer = world.register(&fleet, 5000).await;
    let asked = Instant::now();
    let _viewer = newcomer.attach().await.unwrap();
    until_state(&newcomer, SessionState::AwaitingScan).await;
    assert!(asked.elapsed() < Duration::from_millis(200), "{:?}", asked.elapsed());
    assert!(world.connector.running_links() < 400, "the others are still coming back");
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn salons_banned_until_the_same_moment_come_back_spread_out() {
    const SALONS: u32 = 100;
    let world = World::new();
    linked_salons(&world, SALONS).await;
    let settings = FleetSettings { dials_per_second: None, ..FleetSettings::default() };
    let fleet = world.start_with(settings).await;
    until_running(&world, SALONS as usize).await;
    let hour = Duration::from_secs(3600);
    let banned = Instant::now();
    for n in 1..=u64::from(SALONS) {
        world.connector.link(id(n)).await.end(LinkEnd::Banned { expires_in: Some(hour) });
    }
    until_running(&world, SALONS as usize).await;
    let returns: Vec<Duration> = world.connector.dials()[SALONS as usize..].iter().map(|(_, _, at)| *at - banned).collect();
    assert!(returns.iter().all(|after| *after >= hour), "nobody before the end");
    let most = returns.iter().map(|after| returns.iter().filter(|other| other.abs_diff(*after) < Duration::from_millis(500)).count()).max();
    assert!(most < Some(20), "{most:?} of {SALONS} came back within one second");
    fleet.drain(GRACE).await;
}
