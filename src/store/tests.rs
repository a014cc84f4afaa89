//! The store as its users see it: the ports, over real files.

/// What every implementation of the ports owes its users, as tests on the real store and on the fake that the domain's tests use.
macro_rules! on_each_implementation {
    ($($behaviour:ident,)*) => {
        mod on_disk {
            $(#[tokio::test]
            async fn $behaviour() {
                let (_folder, store) = crate::store::tests::with_store();
                super::$behaviour(&store).await;
            })*
        }

        mod in_memory {
            $(#[tokio::test]
            async fn $behaviour() {
                super::$behaviour(&frontdesk_actors::testing::MemoryRecords::new()).await;
            })*
        }
    };
}

mod backup;
mod contract;
mod crash;
mod damage;
mod group_commit;
mod inbox;
mod limits;
mod model;
mod opening;
mod operators;
mod roster;
mod rotation;
mod versions;

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, TimeZone, Utc};
use frontdesk_actors::ids::{CompanyId, Phone, SalonId, Secret};
use frontdesk_actors::ports::{Clock, Records};
use frontdesk_actors::records::{
    ActivationRecord, CompanyRecord, Desired, EventKind, EventRecord, InboxEvent, InboxId, LifecycleEvent, MarketplaceUser, NewCompany,
    NewInboxEntry, SessionRecord,
};
use frontdesk_actors::view::SessionState;
use serde_json::json;

use crate::store::{SealKey, Store, StoreOptions};

/// A moment as good as any; the clock of these tests stands at it.
fn moment() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 4, 5, 6, 7).unwrap()
}

struct StandingClock;

impl Clock for StandingClock {
    fn now(&self) -> DateTime<Utc> {
        moment()
    }
}

fn options(folder: &Path) -> StoreOptions {
    let mut options = StoreOptions::new(folder, SealKey::new([3; 32]));
    options.clock = Arc::new(StandingClock);
    options
}

fn open(folder: &Path) -> Store {
    Store::open(options(folder)).unwrap()
}

fn company_id(number: u64) -> CompanyId {
    CompanyId::try_from(number).unwrap()
}

fn salon_id(number: u64) -> SalonId {
    SalonId::try_from(number).unwrap()
}

fn new_company(salon: u64) -> NewCompany {
    NewCompany {
        salon_id: salon_id(salon),
        title: Some("Салон «Ромашка»".to_owned()),
        timezone: None,
        marketplace_user: MarketplaceUser { id: Some(7), ..MarketplaceUser::default() },
        registered_at: moment(),
    }
}

async fn created(records: &dyn Records, salon: u64) -> CompanyRecord {
    records.create_company(new_company(salon)).await.unwrap()
}

fn session(company: CompanyId, desired: Desired) -> SessionRecord {
    SessionRecord {
        company_id: company,
        desired,
        state: SessionState::Online,
        reason: None,
        since: moment(),
        not_before: None,
        own: None,
        probed_at: None,
    }
}

fn activation(company: CompanyId) -> ActivationRecord {
    ActivationRecord {
        company_id: company,
        api_key: Secret::new("sk_of_this_test"),
        webhook_secret: None,
        attempts: 1,
        started_at: moment(),
        window_ends_at: moment(),
    }
}

fn event(company: &CompanyRecord, kind: EventKind) -> EventRecord {
    EventRecord { company_id: company.company_id, salon_id: company.salon_id, kind, data: json!({ "n": 1 }), at: moment() }
}

fn webhook(company: Option<CompanyId>, salon: u64, event: LifecycleEvent) -> NewInboxEntry {
    NewInboxEntry {
        company_id: company,
        salon_id: salon_id(salon),
        event: InboxEvent::Lifecycle(event),
        received_at: moment(),
        body: json!({ "salon_id": salon }),
    }
}

async fn arrived(records: &dyn Records, entry: NewInboxEntry) -> InboxId {
    records.append_inbox(entry).await.unwrap().stored().unwrap()
}

fn with_store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    (folder, store)
}

fn phone() -> Phone {
    "+79161234567".parse().unwrap()
}
