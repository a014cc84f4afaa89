//! One company's trouble is its own: a panic in its actors, on the real store and real links, leaves every other link as it was.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use frontdesk::store::{SealKey, Store, StoreOptions};
use frontdesk::whatsapp::{WhatsappConnector, WhatsappSettings};
use frontdesk_actors::company::ViewerGuard;
use frontdesk_actors::events::Fact;
use frontdesk_actors::ids::SalonId;
use frontdesk_actors::ports::{EventSink, Ports, SystemClock};
use frontdesk_actors::settings::FleetSettings;
use frontdesk_actors::testing::FakeMarketplace;
use frontdesk_actors::{CompanyHandle, FleetHandle};
use frontdesk_sandbox::whatsapp::{FaultTarget, WhatsappFault};
use frontdesk_sandbox::{Sandbox, SandboxConfig};

use crate::support::stage::PATIENCE;

const COMPANIES: u64 = 6;

/// Panics inside the actor that publishes a fact about the armed company; counts ended links of all others.
#[derive(Default)]
struct Tripwire {
    armed: AtomicU64,
    sprung: AtomicUsize,
    others_ended: AtomicUsize,
}

impl EventSink for Tripwire {
    fn publish(&self, fact: &Fact) {
        let Fact::LinkEnded { company, .. } = fact else { return };
        let armed = self.armed.load(Ordering::SeqCst);
        if company.get() == armed {
            self.armed.store(0, Ordering::SeqCst);
            self.sprung.fetch_add(1, Ordering::SeqCst);
            panic!("tripwire: the panic this test is about");
        }
        if armed != 0 || self.sprung.load(Ordering::SeqCst) > 0 {
            self.others_ended.fetch_add(1, Ordering::SeqCst);
        }
    }
}

async fn sandbox() -> Sandbox {
    let any = "127.0.0.1:0".parse().expect("an address");
    Sandbox::start(SandboxConfig { whatsapp: any, yclients: any, control: any, ..SandboxConfig::default() }).await.expect("services start")
}

fn phone_of(index: u64) -> String {
    format!("7900555000{index}")
}

/// Links one company by QR. The guard keeps its page "open".
async fn link(fleet: &FleetHandle, sandbox: &Sandbox, index: u64) -> (CompanyHandle, ViewerGuard) {
    let salon = SalonId::try_from(20_000 + index).expect("an id");
    fleet.enroll(salon, None, None).await.expect("enrolled");
    let company = fleet.company_by_salon(salon).await.expect("an answer").expect("it exists");
    let viewer = company.attach().await.expect("attached");
    let mut views = company.watch();
    let shown = tokio::time::timeout(PATIENCE, views.wait_for(|view| view.session.qr.is_some())).await;
    let qr = shown.expect("in time").expect("the company lives").session.qr.clone().expect("a code");
    sandbox.whatsapp().add_phone(&phone_of(index)).expect("a phone");
    sandbox.whatsapp().scan(&phone_of(index), qr.text.expose()).await.expect("scanned");
    let online = tokio::time::timeout(PATIENCE, views.wait_for(|view| view.connected())).await;
    online.expect("in time").expect("the company lives");
    (company, viewer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_in_one_companys_actor_leaves_all_other_links_untouched() {
    frontdesk::app::install_crypto_provider();
    let sandbox = sandbox().await;
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(StoreOptions::new(folder.path().join("data"), SealKey::new([7; 32]))).expect("a store");
    let endpoint = sandbox.addresses().whatsapp_ws.parse().expect("an address");
    let settings =
        WhatsappSettings { endpoint: Some(endpoint), client_version: Some((2, 3000, 1_030_000_000)), ..WhatsappSettings::default() };
    let connector = WhatsappConnector::new(settings, Arc::new(store.clone())).expect("a connector");
    let tripwire = Arc::new(Tripwire::default());
    let marketplace = Arc::new(FakeMarketplace::default());
    let ports = Ports {
        care: Arc::new(frontdesk_actors::ports::NoCare),
        connector: Arc::new(connector),
        marketplace: marketplace.clone(),
        partner: marketplace,
        records: Arc::new(store.clone()),
        events: tripwire.clone(),
        clock: Arc::new(SystemClock),
    };
    let fleet = FleetHandle::start(ports, FleetSettings::default()).await.expect("the tree starts");
    let mut companies = Vec::new();
    for index in 0..COMPANIES {
        companies.push(link(&fleet, &sandbox, index).await);
    }
    let generations: Vec<_> = companies.iter().map(|(company, _)| company.view().session.generation).collect();

    let (victim, _) = &companies[0];
    tripwire.armed.store(victim.company_id().get(), Ordering::SeqCst);
    sandbox.whatsapp().set_fault(FaultTarget::Number(phone_of(0)), WhatsappFault::Drop).expect("the link is dropped");
    let mut views = victim.watch();
    let back = |view: &frontdesk_actors::view::CompanyView| view.connected() && view.session.generation != generations[0];
    tokio::time::timeout(PATIENCE, views.wait_for(back)).await.expect("in time").expect("the victim is restarted");

    assert_eq!(tripwire.sprung.load(Ordering::SeqCst), 1, "the actor did panic");
    assert_eq!(tripwire.others_ended.load(Ordering::SeqCst), 0, "nobody else lost a link");
    for ((company, _), generation) in companies.iter().zip(&generations).skip(1) {
        let view = company.view();
        assert!(view.connected() && view.session.generation == *generation, "company {} kept its link", company.company_id());
    }
    let report = fleet.drain(PATIENCE).await;
    assert_eq!(report.orphaned, 0);
    store.close().await;
}
