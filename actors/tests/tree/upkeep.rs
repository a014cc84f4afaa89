//! Sweeps: one company's trouble keeps nobody else's data.

use std::time::Duration;

use chrono::TimeDelta;
use frontdesk_actors::fleet::FleetHandle;
use frontdesk_actors::ids::CompanyId;
use frontdesk_actors::ports::{Clock, Installation, Records};
use frontdesk_actors::records::{Change, Erasure, IntegrationStatus, LifecycleEvent, MarketplaceUser, NewCompany};
use frontdesk_actors::testing::{World, salon, until};
use serde_json::json;

use crate::faults::active_salon;

const GRACE: Duration = Duration::from_secs(10);

async fn removed_salon(world: &World, fleet: &FleetHandle, id: u64) -> CompanyId {
    let company = active_salon(world, fleet, id).await;
    world.marketplace.set_installation(salon(id), Installation::NotInstalled);
    fleet.accept_webhook(salon(id), LifecycleEvent::Uninstall, json!({})).await.unwrap();
    until(&company, |view| view.integration == IntegrationStatus::Uninstalled).await;
    company.company_id()
}

fn planned(world: &World) -> Vec<CompanyId> {
    world.records.erasures().iter().map(|plan| plan.company_id).collect()
}

#[tokio::test(start_paused = true)]
async fn a_removed_salon_that_cannot_be_erased_keeps_no_other_salons_data() {
    let world = World::new();
    let fleet = world.start().await;
    let stuck = removed_salon(&world, &fleet, 10).await;
    world.clock.advance(TimeDelta::minutes(1));
    removed_salon(&world, &fleet, 11).await;
    world.records.fail_commits_of(stuck);
    world.clock.advance(TimeDelta::hours(24));
    let swept = fleet.sweep().await.unwrap();
    assert_eq!((swept.erased, swept.left), (1, 1));
    assert_eq!(planned(&world), [stuck]);
    world.records.mend();
    let swept = fleet.sweep().await.unwrap();
    assert_eq!((swept.erased, swept.left), (1, 0));
    fleet.drain(GRACE).await;
}

#[tokio::test(start_paused = true)]
async fn hundreds_of_erasures_that_fail_hide_none_that_would_not() {
    const STUCK: u64 = 300;
    let world = World::new();
    let fleet = world.start().await;
    let now = world.clock.now();
    for number in 0..=STUCK {
        let (salon_id, marketplace_user) = (salon(1_000 + number), MarketplaceUser::default());
        let new = NewCompany { salon_id, title: None, timezone: None, marketplace_user, registered_at: now };
        let company_id = world.records.create_company(new).await.unwrap().company_id;
        let due_at = now + TimeDelta::seconds(i64::try_from(number).unwrap());
        world.records.commit(vec![Change::PlanErasure(Erasure { company_id, removed_at: now, due_at })]).await.unwrap();
        if number < STUCK {
            world.records.fail_commits_of(company_id);
        }
    }
    world.clock.advance(TimeDelta::hours(1));
    let swept = fleet.sweep().await.unwrap();
    assert_eq!((swept.erased, swept.left), (1, 300));
    assert_eq!(planned(&world).len(), 300);
    fleet.drain(GRACE).await;
}
