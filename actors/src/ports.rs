//! What the outside must provide. Adapters live in the server (`whatsapp`, `yclients`, `store`); fakes in `testing` (feature of that name).

mod care;
mod directory;
mod inbox;
mod marketplace;
mod operators;
mod partner;
mod store;
mod whatsapp;

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::events::Fact;

pub use care::{CareError, DataCare, NoCare};
pub use directory::{CompanyDirectory, CompanyRow};
pub use inbox::InboxRecords;
pub use marketplace::{ActivateError, Callback, Installation, Marketplace, MarketplaceError, SalonInfo, SignatureError, SignedOwner};
pub use operators::{KeyError, MAX_OPERATOR_KEYS, OperatorRecords};
pub use partner::{
    AmountError, Channel, InstallationDetail, ListedSalon, Money, NewPayment, PartnerApi, PartnerError, Payment, Percent, SalonsPage,
    StatusChange, Tariff, TariffOption,
};
pub use store::{DayTraffic, Records, RecordsError, SignatureClaim, VAULT_RESTORED, Vault, VaultOp, VaultPair};
pub use whatsapp::{
    Connector, LinkCommand, LinkEnd, LinkFact, LinkReports, LinkRequest, LossKind, PasskeyAssertion, PasskeyFailure, WaysOut,
};

/// All ports, shared by every actor.
#[derive(Clone)]
pub struct Ports {
    /// WhatsApp.
    pub connector: Arc<dyn Connector>,
    /// YClients.
    pub marketplace: Arc<dyn Marketplace>,
    /// YClients, for operators.
    pub partner: Arc<dyn PartnerApi>,
    /// The store.
    pub records: Arc<dyn Records>,
    /// Whoever looks after the salons' data.
    pub care: Arc<dyn DataCare>,
    /// Observers.
    pub events: Arc<dyn EventSink>,
    /// Wall-clock time.
    pub clock: Arc<dyn Clock>,
}

/// Wall-clock time for what is stored and shown; waiting uses tokio's clock.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> DateTime<Utc>;
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// Takes facts for metrics and logs. Must return at once and never panic; may drop under overload.
pub trait EventSink: Send + Sync + 'static {
    /// Something happened.
    fn publish(&self, fact: &Fact);
}
