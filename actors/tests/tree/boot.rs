//! Starting with what is stored, and stopping in good order.

use std::time::Duration;

use frontdesk_actors::fleet::CallError;
use frontdesk_actors::ids::CompanyId;
use frontdesk_actors::ports::{Installation, LinkCommand, Records};
use frontdesk_actors::records::{ActivationRecord, Change, Desired, IntegrationStatus, MarketplaceUser, NewCompany, SessionRecord};
use frontdesk_actors::settings::FleetSettings;
use frontdesk_actors::testing::{LinkScript, World, account, salon, until, until_state, wait_until};
use frontdesk_actors::view::{ActivationView, SessionState};

use crate::faults::{active_salon, stubborn};

const GRACE: Duration = Duration::from_secs(10);

/// A store with this many linked salons.
pub async fn linked_salons(world: &World, n: u32) {
    for id in 1..=n {
        let now = frontdesk_actors::ports::Clock::now(&*world.clock);
        let new = NewCompany {
            salon_id: salon(u64::from(id)),
            title: None,
            timezone: None,
            marketplace_user: MarketplaceUser::default(),
            registered_at: now,
        };
        let mut company = world.records.create_company(new).await.unwrap();
        company.integration_status = IntegrationStatus::Active;
        company.connected_at = Some(now);
        let session = SessionRecord {
            company_id: company.company_id,
            desired: Desired::Online,
            state: SessionState::Online,
            reason: None,
            since: now,
            not_before: None,
            own: Some(account(id)),
            probed_at: None,
        };
        world.connector.store_credentials(company.company_id, &account(id)).await.unwrap();
        let changes = vec![Change::PutCompany(Box::new(company)), Change::PutSession(session)];
        world.records.commit(changes).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn five_hundred_salons_come_back_in_order_at_the_pace_and_not_faster() {
    let world = World::new();
    linked_salons(&world, 500).await;
    let fleet = world.start().await;
    assert!(!fleet.overview().await.unwrap().restored);
    wait_until("all are online", || world.connector.running_links() == 500).await;
    let dials = world.connector.dials();
    for window in dials.windows(21) {
        let apart = window[20].2 - window[0].2;
        assert!(apart >= Duration::from_millis(990), "21 dials within {apart:?}");
    }
    let took = dials[499].2 - dials[0].2;
    assert!(took <= Duration::from_secs(30), "500 at 20/s took {took:?}");
    let last = fleet.company(CompanyId::try_from(500).unwrap()).await.unwrap().unwrap();
    until_state(&last, SessionState::Online).await;
    let overview = fleet.overview().await.unwrap();
    assert_eq!((overview.running, overview.waiting, overview.restored), (500, 0, true));
    let report = fleet.drain(GRACE).await;
    assert_eq!((report.stopped, report.orphaned), (500, 0));
}

#[tokio::test(start_paused = true)]
async fn no_more_links_than_allowed_are_between_dial_and_login() {
    let world = World::new();
    linked_salons(&world, 20).await;
    world.connector.script_all(LinkScript::silent());
    let settings = FleetSettings { dials_per_second: None, dials_at_once: 4, ..FleetSettings::default() };
    let fleet = world.start_with(settings).await;
    wait_until("four dial", || world.connector.running_links() == 4).await;
    tokio::time::advance(Duration::from_secs(5)).await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert_eq!(world.connector.running_links(), 4);
    world.connector.unscript_all();
    wait_until("the others follow when these time out", || world.connector.dials().len() >= 24).await;
    wait_until("all are online", || world.connector.running_links() == 20).await;
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_restores_the_session_without_a_scan_or_an_activation() {
    let world = World::new();
    let fleet = world.start().await;
    let before = active_salon(&world, &fleet, 10).await;
    fleet.drain(GRACE).await;
    assert_eq!(before.request_qr().await.unwrap_err().to_string(), CallError::Unavailable.to_string());
    let fleet = world.start().await;
    let company = fleet.company_by_salon(salon(10)).await.unwrap().unwrap();
    let view = until_state(&company, SessionState::Online).await;
    assert_eq!((view.integration, view.activation), (IntegrationStatus::Active, ActivationView::Active));
    assert_eq!(world.marketplace.activations(salon(10)), 1);
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_between_pairing_and_our_record_of_it_loses_nothing() {
    let world = World::new();
    let fleet = world.start().await;
    let company = world.register(&fleet, 10).await;
    fleet.drain(GRACE).await;
    world.connector.store_credentials(company.company_id(), &account(1)).await.unwrap();
    let after = World::on(world.records.crash());
    let fleet = after.start().await;
    let company = fleet.company_by_salon(salon(10)).await.unwrap().unwrap();
    until(&company, |view| view.connected() && view.activation == ActivationView::Active).await;
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn an_activation_that_may_have_happened_is_asked_about_and_not_repeated() {
    let world = World::new();
    let fleet = world.start().await;
    let company = world.register(&fleet, 10).await;
    let id = company.company_id();
    fleet.drain(GRACE).await;
    let mut record = world.records.stored(salon(10)).unwrap().company;
    record.integration_status = IntegrationStatus::Activating;
    let activation = ActivationRecord {
        company_id: id,
        api_key: frontdesk_actors::ids::Secret::new("11".repeat(32)),
        webhook_secret: None,
        attempts: 1,
        started_at: record.registered_at,
        window_ends_at: record.registered_at + chrono::TimeDelta::minutes(60),
    };
    let changes = vec![Change::PutCompany(Box::new(record)), Change::PutActivation(activation)];
    world.records.commit(changes).await.unwrap();
    world.marketplace.set_installation(salon(10), Installation::Active);
    let fleet = world.start().await;
    let company = fleet.company(id).await.unwrap().unwrap();
    until(&company, |view| view.integration == IntegrationStatus::Active).await;
    assert_eq!(world.marketplace.activations(salon(10)), 0);
    assert!(world.records.stored(salon(10)).unwrap().company.api_key_hash.is_some());
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_drain_closes_links_in_good_order_keeps_what_is_stored_and_ends_the_fleet() {
    let world = World::new();
    let fleet = world.start().await;
    let company = active_salon(&world, &fleet, 10).await;
    let before = world.records.stored(salon(10));
    let report = fleet.drain(GRACE).await;
    assert_eq!((report.stopped, report.orphaned), (1, 0));
    assert!(world.connector.commands(company.company_id()).contains(&LinkCommand::Close));
    assert_eq!(world.connector.running_links(), 0);
    assert_eq!(world.records.stored(salon(10)), before);
    fleet.ended().await;
    assert_eq!(fleet.overview().await, Err(CallError::Unavailable));
    let mut pictures = company.watch();
    while pictures.changed().await.is_ok() {} // and they end with the company
}

#[tokio::test(start_paused = true)]
async fn a_drain_does_not_wait_longer_than_its_grace_for_stubborn_links() {
    let world = World::new();
    world.connector.script_all(LinkScript::qr().stubborn());
    let fleet = world.start().await;
    let company = world.register(&fleet, 10).await;
    let _viewer = company.attach().await.unwrap();
    until_state(&company, SessionState::AwaitingScan).await;
    let began = tokio::time::Instant::now();
    let report = fleet.drain(Duration::from_secs(2)).await;
    assert_eq!((report.stopped, report.orphaned), (0, 1));
    assert!(began.elapsed() <= Duration::from_secs(3));
    wait_until("the link is cut all the same", || world.connector.running_links() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn who_does_not_exist_is_an_answer() {
    let world = World::new();
    let fleet = world.start().await;
    assert!(fleet.company(CompanyId::try_from(7).unwrap()).await.unwrap().is_none());
    assert!(fleet.company_by_salon(salon(7)).await.unwrap().is_none());
    let enrolled = fleet.enroll(salon(7), None, None).await.unwrap();
    let again = fleet.enroll(salon(7), None, None).await.unwrap();
    assert_eq!(enrolled.company_id, again.company_id);
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_dormant_company_wakes_when_somebody_asks_for_it() {
    let world = World::new();
    let fleet = world.start().await;
    let company = world.register(&fleet, 10).await;
    fleet.drain(GRACE).await;
    let fleet = world.start().await;
    assert_eq!(fleet.overview().await.unwrap().running, 0);
    let company = fleet.company(company.company_id()).await.unwrap().unwrap();
    let _viewer = company.attach().await.unwrap();
    until_state(&company, SessionState::AwaitingScan).await;
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn a_log_out_that_was_cut_off_forgets_the_credentials_at_the_next_start() {
    for drained in [false, true] {
        let world = World::new();
        let fleet = world.start().await;
        let company = active_salon(&world, &fleet, 10).await;
        let id = company.company_id();
        stubborn(&world, &company).await;
        company.log_out().await.unwrap();
        until_state(&company, SessionState::LoggedOut).await;
        assert!(world.records.has_vault(id), "the link has not let go yet");
        if drained {
            fleet.drain(Duration::from_secs(1)).await;
        }
        let world = World::on(world.records.crash());
        let fleet = world.start().await;
        let company = fleet.company(id).await.unwrap().unwrap();
        wait_until("the credentials are gone", || !world.records.has_vault(id)).await;
        until_state(&company, SessionState::LoggedOut).await;
        company.request_qr().await.unwrap();
        until_state(&company, SessionState::AwaitingScan).await;
        fleet.drain(GRACE).await;
    }
}
