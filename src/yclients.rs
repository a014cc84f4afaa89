//! The YClients adapter: the only user of that API. Implements [`Marketplace`] for the actors.
//!
//! `signature` reads the redirect, `types` reads answers tolerantly, `limiter` keeps the budget of the one address all salons share,
//! `client` sends. Nothing here retries an activation: the saga in `actors/` decides.

mod client;
mod limiter;
mod partner;
mod signature;
mod types;

use std::num::NonZeroU32;
use std::time::Duration;

use async_trait::async_trait;
use frontdesk_actors::ids::SalonId;
use frontdesk_actors::ports::{
    ActivateError, Callback, Installation, Marketplace, MarketplaceError, SalonInfo, SignatureError, SignedOwner,
};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
use url::Url;

pub use client::BuildError;
use client::Client;

/// How to reach YClients and who we are there.
#[derive(Debug, Clone)]
pub struct YclientsSettings {
    /// Bearer token of all calls, key of the redirect's signature and secret of the lifecycle webhook.
    pub partner_token: Option<SecretString>,
    /// Number of our app in the marketplace.
    pub application_id: Option<u64>,
    /// `https://api.yclients.com/marketplace`.
    pub marketplace_url: Url,
    /// `https://api.yclients.com/api/v1`.
    pub api_url: Url,
    /// Refuse a redirect without signed owner data.
    pub signature_required: bool,
    /// Calls per second over all salons; `None` = unlimited (sandbox only).
    pub calls_per_second: Option<NonZeroU32>,
    /// Calls per minute over all salons; `None` = unlimited (sandbox only).
    pub calls_per_minute: Option<NonZeroU32>,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest wait for a whole answer.
    pub request_timeout: Duration,
}

/// The marketplace as the actors see it.
pub struct Yclients {
    settings: YclientsSettings,
    client: Client,
}

impl Yclients {
    /// Builds the one client of the process.
    pub fn new(settings: YclientsSettings) -> Result<Self, BuildError> {
        let client = Client::new(&settings)?;
        Ok(Self { settings, client })
    }

    /// Token and application, or the typed refusal.
    fn identity(&self) -> Option<(&SecretString, u64)> {
        Some((self.settings.partner_token.as_ref()?, self.settings.application_id?))
    }
}

#[async_trait]
impl Marketplace for Yclients {
    fn missing_settings(&self) -> Vec<&'static str> {
        let mut missing = Vec::new();
        if self.settings.partner_token.is_none() {
            missing.push("partner_token");
        }
        if self.settings.application_id.is_none() {
            missing.push("application_id");
        }
        missing
    }

    fn verify_owner(&self, user_data: Option<&str>, sign: Option<&str>) -> Result<SignedOwner, SignatureError> {
        let token = self.settings.partner_token.as_ref().ok_or(SignatureError::NotConfigured)?;
        signature::verify(token, user_data, sign, self.settings.signature_required)
    }

    fn is_partner_token(&self, token: &str) -> bool {
        self.settings.partner_token.as_ref().is_some_and(|ours| bool::from(ours.expose_secret().as_bytes().ct_eq(token.as_bytes())))
    }

    async fn installation(&self, salon: SalonId) -> Result<Installation, MarketplaceError> {
        let (token, application) = self.identity().ok_or(MarketplaceError::NotConfigured)?;
        self.client.installation(token, application, salon).await
    }

    async fn salon(&self, salon: SalonId) -> Result<Option<SalonInfo>, MarketplaceError> {
        let (token, _) = self.identity().ok_or(MarketplaceError::NotConfigured)?;
        self.client.salon(token, salon).await
    }

    async fn activate(&self, salon: SalonId, callback: &Callback) -> Result<(), ActivateError> {
        let (token, application) = self.identity().ok_or(ActivateError::NotConfigured)?;
        self.client.activate(token, application, salon, callback).await
    }
}
