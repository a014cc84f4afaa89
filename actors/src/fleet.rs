//! The root of the tree: companies by id, admission of dials.

use std::time::Duration;

use chrono::{DateTime, Utc};
use thiserror::Error;

use crate::company::CompanyHandle;
use crate::ids::{CompanyId, SalonId};
use crate::ports::{MarketplaceError, Ports, RecordsError, SignatureError};
use crate::records::{CompanyRecord, LifecycleEvent, MarketplaceUser};
use crate::settings::FleetSettings;

/// The way to the fleet for everyone outside. Cheap to clone; every call has a timeout.
#[derive(Clone)]
pub struct FleetHandle {}

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
    /// Sessions that should be online and are not yet.
    pub waiting: usize,
    /// All sessions that should be online have been started once.
    pub restored: bool,
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
        let _ = (ports, settings);
        unimplemented!("written by the actors work")
    }

    /// Checks and stores YClients' redirect (spec §2.1). Asks YClients over the network: takes up to its timeout.
    pub async fn register(&self, registration: Registration) -> Result<Registered, RegisterError> {
        let _ = registration;
        unimplemented!("written by the actors work")
    }

    /// The company, its actor started when needed. `None` when it does not exist.
    pub async fn company(&self, id: CompanyId) -> Result<Option<CompanyHandle>, CallError> {
        let _ = id;
        unimplemented!("written by the actors work")
    }

    /// The company of a salon. `None` when it does not exist.
    pub async fn company_by_salon(&self, salon: SalonId) -> Result<Option<CompanyHandle>, CallError> {
        let _ = salon;
        unimplemented!("written by the actors work")
    }

    /// Stores a lifecycle webhook durably, then hands it to the company. The caller has checked the partner token.
    /// `body` must be without secrets. An unknown salon is stored too.
    pub async fn accept_webhook(&self, salon: SalonId, event: LifecycleEvent, body: serde_json::Value) -> Result<(), CallError> {
        let _ = (salon, event, body);
        unimplemented!("written by the actors work")
    }

    /// Creates or finds a company without YClients (operators, sandbox).
    pub async fn enroll(&self, salon: SalonId, user: MarketplaceUser) -> Result<CompanyRecord, CallError> {
        let _ = (salon, user);
        unimplemented!("written by the actors work")
    }

    /// Numbers for health and readiness.
    pub async fn overview(&self) -> Result<FleetOverview, CallError> {
        unimplemented!("written by the actors work")
    }

    /// Stops every company in good order (links closed, nothing lost), bottom-up, within `grace`. Later calls answer `Unavailable`.
    pub async fn drain(&self, grace: Duration) -> DrainReport {
        let _ = grace;
        unimplemented!("written by the actors work")
    }

    /// Ends when the fleet's actor ended, in good order or not: the process must not outlive it.
    pub async fn ended(&self) {
        unimplemented!("written by the actors work")
    }
}
