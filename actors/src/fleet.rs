//! The root of the tree: companies by id, admission of dials.
//!
//! Questions that need the store or YClients are answered in the caller's own task; the actor itself only keeps the map of what runs, the dial
//! permits and the restarts, so that no salon's slow call delays another.

mod actor;
mod admission;
mod mail;
mod overview;
mod registration;
mod restore;
mod statistics;
mod supervision;
mod upkeep;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use ractor::{Actor, ActorRef};
use thiserror::Error;
use tokio::sync::{Semaphore, oneshot, watch};

use crate::company::{CompanyHandle, Enrolment};
use crate::fleet::actor::{Ask, Fleet, RootArgs};
use crate::ids::{CompanyId, Phone, SalonId, Secret};
use crate::ports::{MarketplaceError, Ports, RecordsError, SignatureError};
use crate::records::StoredCompany;
use crate::settings::FleetSettings;

pub(crate) use actor::{Ask as FleetAsk, DialPermit, FleetMsg, answered};
pub(crate) use admission::Lane;
pub use statistics::Statistics;
pub use upkeep::Swept;

/// Questions that may wait for the fleet before callers get `Busy`. Each takes microseconds.
const QUEUE: usize = 4096;
/// A drain answers by itself; this much later it is given up.
const DRAIN_ANSWER: Duration = Duration::from_secs(2);

/// The way to the fleet for everyone outside. Cheap to clone; every call has a timeout.
#[derive(Clone)]
pub struct FleetHandle {
    inner: Arc<Inner>,
}

struct Inner {
    actor: ActorRef<FleetMsg>,
    ports: Ports,
    settings: Arc<FleetSettings>,
    admission: Arc<Semaphore>,
    /// True from the beginning of the drain.
    draining: watch::Sender<bool>,
    /// Ends with the actor.
    alive: watch::Receiver<()>,
}

/// What came with YClients' redirect, parsed but not yet trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Which salon. Not covered by the signature.
    pub salon_id: SalonId,
    /// `user_data` as received.
    pub user_data: Option<String>,
    /// `user_data_sign` as received.
    pub user_data_sign: Option<String>,
}

/// A registration that was accepted and stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Registered {
    /// The company.
    pub company_id: CompanyId,
    /// Its salon.
    pub salon_id: SalonId,
    /// The moment the window and the token count from.
    pub registered_at: DateTime<Utc>,
}

/// A salon that an integrator registered.
#[derive(Debug, Clone, PartialEq)]
pub struct Enrolled {
    /// The company.
    pub company_id: CompanyId,
    /// Its salon.
    pub salon_id: SalonId,
    /// The integrator's key; shown once, kept as a hash.
    pub api_key: Secret,
    /// When the key was given out.
    pub registered_at: DateTime<Utc>,
}

/// Why a registration is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RegisterError {
    /// Partner token or application id not configured.
    #[error("the integration is not configured")]
    NotConfigured,
    /// The signature does not hold.
    #[error(transparent)]
    Signature(SignatureError),
    /// The same signed data came with another salon before.
    #[error("this link was already used for another salon")]
    Replayed,
    /// YClients says the app is not being installed there.
    #[error("the app is not being installed in this salon")]
    NotInstalled,
    /// The salon is connected already, by another owner.
    #[error("the salon was connected by another owner")]
    OtherOwner,
    /// YClients can't be asked.
    #[error(transparent)]
    Marketplace(MarketplaceError),
    /// Our side.
    #[error(transparent)]
    Unavailable(#[from] CallError),
}

/// Why a call to an actor brought no answer. All are worth a retry.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CallError {
    /// Too much is waiting for this company.
    #[error("too many requests are waiting for this company")]
    Busy,
    /// No answer in time; the work may still happen.
    #[error("no answer in time")]
    Timeout,
    /// Starting, draining, or being restarted.
    #[error("temporarily unavailable")]
    Unavailable,
    /// The store could not do it.
    #[error(transparent)]
    Records(#[from] RecordsError),
}

/// Numbers over all companies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FleetOverview {
    /// Companies with a running actor.
    pub running: usize,
    /// Sessions that are online.
    pub online: usize,
    /// Sessions that should be online and are not yet.
    pub waiting: usize,
    /// All sessions that should be online have been started once.
    pub restored: bool,
    /// Companies that are parked until an operator acts.
    pub parked: usize,
    /// Who waits to dial.
    pub dials: DialQueue,
    /// Requests that wait for answers.
    pub requests: WaitingRequests,
}

/// The dial queue at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DialQueue {
    /// Sessions whose owner waits.
    pub owners: usize,
    /// Linked sessions that come back by themselves.
    pub restores: usize,
    /// Permits given out and not back.
    pub out: usize,
}

/// Requests that wait for actors at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WaitingRequests {
    /// For the fleet.
    pub fleet: usize,
    /// For all companies together.
    pub companies: usize,
    /// For the busiest company.
    pub fullest: usize,
}

/// What a drain left behind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DrainReport {
    /// Companies stopped in good order.
    pub stopped: usize,
    /// Companies that did not stop within the grace period.
    pub orphaned: usize,
}

impl FleetHandle {
    /// Starts the tree: loads what is active, restores sessions (paced), resumes sagas and inboxes.
    pub async fn start(ports: Ports, settings: FleetSettings) -> Result<Self, CallError> {
        let stored = ports.records.load_active().await?;
        tracing::info!(companies = stored.len(), "restoring companies");
        let settings = Arc::new(settings);
        let (alive_sender, alive) = watch::channel(());
        let args = RootArgs { ports: ports.clone(), settings: settings.clone(), stored, alive: alive_sender };
        let (actor, _) = Actor::spawn(None, Fleet, args).await.map_err(|error| {
            tracing::error!(error = %error, "the fleet's actor does not start");
            CallError::Unavailable
        })?;
        let admission = Arc::new(Semaphore::new(QUEUE));
        let inner = Inner { actor, ports, settings, admission, draining: watch::Sender::new(false), alive };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Checks and stores YClients' redirect (spec §2.1). Asks YClients over the network: takes up to its timeout.
    pub async fn register(&self, registration: Registration) -> Result<Registered, RegisterError> {
        self.open()?;
        self.checked_registration(&registration).await
    }

    /// The company, its actor started when needed. `None` when it does not exist.
    pub async fn company(&self, id: CompanyId) -> Result<Option<CompanyHandle>, CallError> {
        if let Some(running) = self.ask(|ask| FleetMsg::Find(id, ask)).await? {
            return Ok(Some(running));
        }
        let stored = self.inner.ports.records.company(id).await?;
        self.awakened(stored).await
    }

    /// The company of a salon. `None` when it does not exist.
    pub async fn company_by_salon(&self, salon: SalonId) -> Result<Option<CompanyHandle>, CallError> {
        if let Some(running) = self.ask(|ask| FleetMsg::FindBySalon(salon, ask)).await? {
            return Ok(Some(running));
        }
        let stored = self.inner.ports.records.company_by_salon(salon).await?;
        self.awakened(stored).await
    }

    /// Creates or finds a company without YClients (operators, integrators, the sandbox) and gives out a key for it, in place of an earlier one.
    pub async fn enroll(&self, salon: SalonId, phone: Option<Phone>, email: Option<String>) -> Result<Enrolled, CallError> {
        self.open()?;
        self.enrolled(salon, Enrolment { registered_at: self.inner.ports.clock.now(), phone, email }).await
    }

    /// Numbers for health and readiness.
    pub async fn overview(&self) -> Result<FleetOverview, CallError> {
        // Counted before we wait ourselves.
        let fleet = QUEUE - self.inner.admission.available_permits();
        let overview = self.ask(FleetMsg::Overview).await?;
        Ok(FleetOverview { requests: WaitingRequests { fleet, ..overview.requests }, ..overview })
    }

    /// Stops every company in good order (links closed, nothing lost), bottom-up, within `grace`. Later calls answer `Unavailable`.
    pub async fn drain(&self, grace: Duration) -> DrainReport {
        self.inner.draining.send_replace(true);
        let (reply, report) = oneshot::channel();
        if self.inner.actor.send_message(FleetMsg::Drain(grace, reply)).is_err() {
            return DrainReport::default();
        }
        let report = tokio::time::timeout(grace.saturating_add(DRAIN_ANSWER), report).await;
        if let Ok(Ok(report)) = report {
            self.ended().await;
            return report;
        }
        tracing::error!("the fleet does not drain; it is killed");
        self.inner.actor.kill();
        DrainReport::default()
    }

    /// Ends when the fleet's actor ended, in good order or not: the process must not outlive it.
    pub async fn ended(&self) {
        let mut alive = self.inner.alive.clone();
        while alive.changed().await.is_ok() {}
    }

    async fn awakened(&self, stored: Option<StoredCompany>) -> Result<Option<CompanyHandle>, CallError> {
        match stored {
            Some(stored) => self.ensure(stored).await.map(Some),
            None => Ok(None),
        }
    }

    async fn ensure(&self, stored: StoredCompany) -> Result<CompanyHandle, CallError> {
        self.ask(|ask| FleetMsg::Ensure(Box::new(stored), ask)).await
    }

    fn open(&self) -> Result<(), CallError> {
        if *self.inner.draining.borrow() { Err(CallError::Unavailable) } else { Ok(()) }
    }

    async fn ask<T>(&self, question: impl FnOnce(Ask<T>) -> FleetMsg) -> Result<T, CallError> {
        self.open()?;
        let admitted = self.inner.admission.clone().try_acquire_owned().map_err(|_| CallError::Busy)?;
        let (reply, answer) = oneshot::channel();
        self.inner.actor.send_message(question(Ask::new(reply, admitted))).map_err(|_| CallError::Unavailable)?;
        answered(self.inner.settings.call_timeout, answer).await
    }
}
