//! What YClients must provide: signed owners, installations, the activation.

use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use thiserror::Error;

use crate::ids::{Phone, SalonId, Secret};
use crate::records::MarketplaceUser;

/// YClients' marketplace.
#[async_trait]
pub trait Marketplace: Send + Sync + 'static {
    /// Settings that are missing, by name (never values): empty means ready.
    fn missing_settings(&self) -> Vec<&'static str>;

    /// Checks the owner's signed data (HMAC over the decoded bytes) and reads it. `None` = parameter absent.
    fn verify_owner(&self, user_data: Option<&str>, sign: Option<&str>) -> Result<SignedOwner, SignatureError>;

    /// Is this the partner token? Constant time.
    fn is_partner_token(&self, token: &str) -> bool;

    /// How YClients sees the installation of our app in this salon.
    async fn installation(&self, salon: SalonId) -> Result<Installation, MarketplaceError>;

    /// The salon's name, zone and the rest. `Ok(None)` when we may not see it.
    async fn salon(&self, salon: SalonId) -> Result<Option<SalonInfo>, MarketplaceError>;

    /// Tells YClients that the integration is ready. One call, no retry inside, redirects not followed.
    async fn activate(&self, salon: SalonId, callback: &Callback) -> Result<(), ActivateError>;
}

/// What YClients is told with the activation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callback {
    /// The key it presents when it sends through us.
    pub api_key: Secret,
    /// Where it sends changes of the salon's data. Each holds a secret.
    pub webhook_urls: Vec<Secret>,
}

/// The owner as signed by YClients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedOwner {
    /// Who.
    pub user: MarketplaceUser,
    /// Salon's name as given there.
    pub salon_title: Option<String>,
    /// SHA-256 of the signed data: the same data with another salon is a replay. `None` when nothing was signed (and that is allowed).
    pub fingerprint: Option<[u8; 32]>,
}

/// Why the signed data is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// One of the pair, or both where required, is absent.
    #[error("the signed owner data is missing")]
    Missing,
    /// Not base64, not JSON, or too long.
    #[error("the signed owner data cannot be read")]
    Unreadable,
    /// HMAC does not match.
    #[error("the signature of the owner data does not match")]
    Mismatch,
    /// No partner token configured.
    #[error("the partner token is not configured")]
    NotConfigured,
}

/// YClients' view of an installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Installation {
    /// 404: not installed, or removed.
    NotInstalled,
    /// Connect was pressed; waits for our callback (about an hour).
    Pending,
    /// Done.
    Active,
    /// Unpaid.
    Frozen,
    /// A word we don't know; never treated as active.
    Unknown,
}

/// A salon as YClients describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct SalonInfo {
    /// Name; hostile until escaped.
    pub title: Option<String>,
    /// IANA zone.
    pub timezone: Option<String>,
    /// Phone.
    pub phone: Option<Phone>,
    /// Address.
    pub address: Option<String>,
    /// All of it.
    pub raw: serde_json::Value,
}

/// Why a question to YClients has no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MarketplaceError {
    /// Timeout, network, 429, 5xx, open breaker: ask again later.
    #[error("YClients can't be asked right now")]
    Retryable {
        /// Not before, when told.
        after: Option<Duration>,
    },
    /// 4xx that a repeat won't change.
    #[error("YClients refused with status {status}")]
    Final {
        /// HTTP status.
        status: u16,
    },
    /// Partner token or application id missing here.
    #[error("the YClients settings are incomplete")]
    NotConfigured,
}

/// Why an activation call did not clearly succeed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ActivateError {
    /// It may or may not have happened (timeout, lost answer, 5xx) or is refused as "already installed" (403): the status decides.
    #[error("YClients' answer leaves open whether the installation is active")]
    AskStatus {
        /// HTTP status, when there was one.
        status: Option<u16>,
    },
    /// It certainly did not happen; try later.
    #[error("YClients can't be reached right now")]
    Retryable {
        /// Not before, when told.
        after: Option<Duration>,
    },
    /// It certainly did not happen and a repeat won't change that (400, 401, 422).
    #[error("YClients refused the activation with status {status}")]
    Final {
        /// HTTP status.
        status: u16,
    },
    /// Settings missing here.
    #[error("the YClients settings are incomplete")]
    NotConfigured,
}
