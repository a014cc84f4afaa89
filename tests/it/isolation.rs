//! One company's trouble is its own: a panic in its actors, on the real store and real links, leaves every other link as it was; code of a link that
//! never waits keeps one thread and nothing else. More of it, on fakes: `actors/tests/tree/isolation.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use frontdesk::store::{SealKey, Store, StoreOptions};
use frontdesk::whatsapp::{WhatsappConnector, WhatsappSettings};
use frontdesk_actors::company::ViewerGuard;
use frontdesk_actors::events::Fact;
use frontdesk_actors::ids::{CompanyId, Generation, SalonId};
use frontdesk_actors::ports::{Connector as _, EventSink, LinkCommand, LinkEnd, LinkFact, LinkReports, LinkRequest, Ports, SystemClock};
use frontdesk_actors::settings::FleetSettings;
use frontdesk_actors::testing::{FakeMarketplace, MemoryRecords};
use frontdesk_actors::{CompanyHandle, FleetHandle};
use frontdesk_sandbox::whatsapp::{FaultTarget, WhatsappFault};
use frontdesk_sandbox::{Sandbox, SandboxConfig};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

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

/// A link of this company whose words go to `hear`, on the link's own thread.
fn open_link(
    connector: &Arc<WhatsappConnector>,
    company: u64,
    hear: impl Fn(LinkFact) + Send + Sync + 'static,
) -> (mpsc::Sender<LinkCommand>, JoinHandle<LinkEnd>) {
    let (commands, wishes) = mpsc::channel(8);
    let reports = LinkReports::new(Generation::default(), Arc::new(move |_, fact| hear(fact)));
    let (id, salon) = (CompanyId::try_from(company).expect("an id"), SalonId::try_from(company).expect("an id"));
    let request = LinkRequest { company: id, salon, generation: Generation::default() };
    let connector = connector.clone();
    (commands, tokio::spawn(async move { connector.run(request, reports, wishes).await }))
}

/// On one thread: what runs in circles on it would stop this test too.
#[tokio::test]
async fn a_link_that_runs_in_circles_keeps_one_thread_of_its_own_and_no_other() {
    frontdesk::app::install_crypto_provider();
    let sandbox = sandbox().await;
    let endpoint = sandbox.addresses().whatsapp_ws.parse().expect("an address");
    let version = Some((2, 3000, 1_030_000_000));
    let settings = WhatsappSettings { endpoint: Some(endpoint), client_version: version, threads: 2, ..WhatsappSettings::default() };
    let connector = Arc::new(WhatsappConnector::new(settings, Arc::new(MemoryRecords::new())).expect("a connector"));

    let circles = Arc::new(());
    let (began, mut begun) = mpsc::unbounded_channel();
    let held = Arc::downgrade(&circles);
    let (commands, struck) = open_link(&connector, 1, move |_| {
        let _ = began.send(());
        while held.strong_count() > 0 {
            std::hint::spin_loop();
        }
    });
    tokio::time::timeout(PATIENCE, begun.recv()).await.expect("in time").expect("it runs in circles");

    let (said, mut codes) = mpsc::unbounded_channel();
    let (_others_commands, _other) = open_link(&connector, 2, move |fact| drop(said.send(fact)));
    let code = tokio::time::timeout(PATIENCE, codes.recv()).await.expect("another company is served");
    assert!(matches!(code, Some(LinkFact::Qr { .. })));
    let (again, mut second) = mpsc::unbounded_channel();
    let (_second_commands, _second) = open_link(&connector, 1, move |fact| drop(again.send(fact)));
    assert!(tokio::time::timeout(Duration::from_millis(300), second.recv()).await.is_err(), "no second link while the first holds on");

    drop(circles);
    commands.send(LinkCommand::Close).await.expect("it listens again");
    assert_eq!(tokio::time::timeout(PATIENCE, struck).await.expect("in time").expect("no panic"), LinkEnd::Closed);
    let code = tokio::time::timeout(PATIENCE, second.recv()).await.expect("the next link has its turn");
    assert!(matches!(code, Some(LinkFact::Qr { .. })));
}
