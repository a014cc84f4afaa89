//! Fakes for the ports, for tests here and in the server. They keep the contracts of [`crate::ports`]: commits are all or
//! nothing, a second link of a company waits for the first, facts come in order.
//!
//! ```text
//! World                    everything a test of the tree needs, wired together
//! ├─ MemoryRecords         Records + Vault; fails on demand; `crash()` keeps exactly what was committed
//! ├─ FakeConnector         links that follow a script or the test's hand; credentials live in the vault above
//! ├─ FakeMarketplace       scripted answers; remembers calls
//! ├─ FakeCare              acts on data events, or fails as told
//! ├─ RecordingSink         facts, in order
//! └─ ManualClock           wall clock that follows tokio's (paused) clock
//! MemoryOperators          OperatorRecords, which the tree itself does not use
//! ```

mod care;
mod clock;
mod connector;
mod marketplace;
mod operators;
mod partner;
mod records;
mod sink;

pub use care::FakeCare;
pub use clock::ManualClock;
pub use connector::{FakeConnector, FakeLink, LinkScript, PAIRING_CODE, Step, qr_fact};
pub use marketplace::{Call, FakeMarketplace};
pub use operators::MemoryOperators;
pub use records::MemoryRecords;
pub use sink::RecordingSink;

use std::sync::Arc;
use std::time::Duration;

use crate::company::CompanyHandle;
use crate::fleet::{FleetHandle, Registration};
use crate::ids::{OwnIdentity, Phone, SalonId};
use crate::ports::Ports;
use crate::settings::FleetSettings;
use crate::view::{CompanyView, SessionState};

/// Longest wait of the helpers here, in tokio's time. A day, because a paused clock jumps; with a running one nextest is faster.
const WAIT: Duration = Duration::from_secs(86_400);

/// All fakes, wired together. The fields are the test's hands.
#[derive(Clone)]
pub struct World {
    /// WhatsApp.
    pub connector: Arc<FakeConnector>,
    /// YClients.
    pub marketplace: Arc<FakeMarketplace>,
    /// The store.
    pub records: Arc<MemoryRecords>,
    /// Salon care.
    pub care: Arc<FakeCare>,
    /// Observers.
    pub sink: Arc<RecordingSink>,
    /// Time.
    pub clock: Arc<ManualClock>,
}

impl World {
    /// An empty world. Must be made inside a tokio runtime.
    pub fn new() -> Self {
        Self::on(MemoryRecords::new())
    }

    /// A world on these records, for instance what a crash left.
    pub fn on(records: MemoryRecords) -> Self {
        let records = Arc::new(records);
        Self {
            connector: Arc::new(FakeConnector::new(records.clone())),
            marketplace: Arc::new(FakeMarketplace::new()),
            records,
            care: Arc::new(FakeCare::default()),
            sink: Arc::new(RecordingSink::new()),
            clock: Arc::new(ManualClock::new()),
        }
    }

    /// The ports as the tree wants them.
    pub fn ports(&self) -> Ports {
        Ports {
            connector: self.connector.clone(),
            marketplace: self.marketplace.clone(),
            partner: self.marketplace.clone(),
            records: self.records.clone(),
            care: self.care.clone(),
            events: self.sink.clone(),
            clock: self.clock.clone(),
        }
    }

    /// A running tree with default settings.
    pub async fn start(&self) -> FleetHandle {
        self.start_with(FleetSettings::default()).await
    }

    /// A running tree.
    pub async fn start_with(&self, settings: FleetSettings) -> FleetHandle {
        FleetHandle::start(self.ports(), settings).await.expect("the fleet starts on fakes")
    }

    /// Registers a salon the way the redirect does and gives its company.
    pub async fn register(&self, fleet: &FleetHandle, salon_id: u64) -> CompanyHandle {
        let registration = Registration { salon_id: salon(salon_id), user_data: None, user_data_sign: None };
        let registered = fleet.register(registration).await.expect("the registration is accepted");
        let company = fleet.company(registered.company_id).await.expect("the fleet answers");
        company.expect("a registered company exists")
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

/// A salon id.
pub fn salon(id: u64) -> SalonId {
    SalonId::try_from(id).expect("a valid salon id")
}

/// An account; `n` makes it distinct.
pub fn account(n: u32) -> OwnIdentity {
    let phone: Phone = format!("+7916{n:07}").parse().expect("a valid number");
    OwnIdentity { phone, lid: Some(format!("{n}@lid")) }
}

/// Waits until the company's picture fulfils `wanted`, and gives that picture. Panics with the last one when it never does.
pub async fn until(company: &CompanyHandle, wanted: impl Fn(&CompanyView) -> bool) -> CompanyView {
    let mut pictures = company.watch();
    let outcome = tokio::time::timeout(WAIT, pictures.wait_for(|view| wanted(view))).await;
    match outcome {
        Ok(Ok(view)) => view.clone(),
        Ok(Err(_)) => panic!("the company's actor is gone; last picture: {:?}", company.view()),
        Err(_) => panic!("the wanted picture never came; last one: {:?}", company.view()),
    }
}

/// Waits until the session is in `state`.
pub async fn until_state(company: &CompanyHandle, state: SessionState) -> CompanyView {
    until(company, |view| view.session.state == state).await
}

/// Waits until `condition` holds, looking again every millisecond of tokio's time. Panics after a day of it.
pub async fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let give_up = tokio::time::Instant::now() + WAIT;
    while !condition() {
        assert!(tokio::time::Instant::now() < give_up, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
