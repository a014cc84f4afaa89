//! The YClients adapter: the only user of that API.
//!
//! ```text
//! Yclients ─┬─ Marketplace  (port)   redirects, installations, activation      ─┐
//!           ├─ PartnerApi   (port)   what operators ask: partner.rs             ├─▶ client.rs ─▶ gate.rs ─▶ the wire
//!           └─ SalonApi              one salon's data: salon.rs                ─┘      ▲
//!                                                                    call.rs ──────────┘ answer.rs, types/ read what comes back
//! ```
//!
//! All calls of the process go through one gate, because YClients counts per address. Only questions are repeated here; what does something is
//! repeated by those who know what it means (the saga in `actors/`, an operator). An upstream error is an error, never an empty answer.

mod answer;
mod call;
mod client;
mod failure;
mod gate;
mod partner;
mod salon;
mod signature;
mod types;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use frontdesk_actors::ids::{SalonId, Secret};
use frontdesk_actors::ports::{
    ActivateError, Callback, Installation, Marketplace, MarketplaceError, SalonInfo, SignatureError, SignedOwner,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use subtle::ConstantTimeEq;
use url::Url;

use call::{Call, Who};
use client::Client;

pub use client::BuildError;
pub use failure::{BookingProblem, CallError, Refusal};
pub use salon::{RecordFilter, SalonApi};
pub use types::booking::{Appointment, Bookable, BookableDays, BookableService, BookableStaff, Booked, NewBooking, Slot};
pub use types::catalogue::{Category, Position, Service, ServiceStaff, Staff};
pub use types::clients::{Client as SalonClient, ClientCategory, NewClient};
pub use types::company::{Company, OnlineSettings};
pub use types::hooks::{HookSettings, NoRoom};
pub use types::loose::Listed;
pub use types::records::{Attendance, BookedService, Record, RecordClient, RecordFields};
pub use types::schedule::{Busy, Span, WorkingDay};
pub use types::times::When;

/// How to reach YClients and who we are there.
#[derive(Debug, Clone)]
pub struct YclientsSettings {
    /// Bearer token of all calls, key of the redirect's signature and secret of the lifecycle webhook.
    pub partner_token: Option<SecretString>,
    /// Token of the app's own user in the salons; where it is set, calls about a salon's data carry it.
    pub user_token: Option<SecretString>,
    /// Sent as `X-Partner-Id`, which some calls were seen to need.
    pub partner_id: Option<u64>,
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

/// Who waits for a call's answer. The first is served first, and the last leaves room for all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// A client of a salon, in a chat.
    Interactive,
    /// An owner in front of the page; a webhook.
    Onboarding,
    /// An operator.
    Operator,
    /// Nobody.
    Background,
}

impl Urgency {
    pub(crate) const ALL: [Self; 4] = [Self::Interactive, Self::Onboarding, Self::Operator, Self::Background];

    fn name(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Onboarding => "onboarding",
            Self::Operator => "operator",
            Self::Background => "background",
        }
    }

    /// How long the answer is worth waiting for, all repetitions included.
    fn patience(self) -> Duration {
        Duration::from_secs(match self {
            Self::Interactive => 10,
            Self::Onboarding | Self::Operator => 30,
            Self::Background => 300,
        })
    }

    /// How often a question is asked at most.
    fn tries(self) -> u32 {
        match self {
            Self::Interactive | Self::Onboarding => 2,
            Self::Operator => 3,
            Self::Background => 4,
        }
    }
}

/// YClients, as the actors and the salons' assistants see it.
pub struct Yclients {
    settings: YclientsSettings,
    client: Arc<Client>,
    /// How operators' calls are queued.
    partner_urgency: Urgency,
}

impl Yclients {
    /// Builds the one client of the process. Must be called inside a runtime.
    pub fn new(settings: YclientsSettings) -> Result<Self, BuildError> {
        let client = Arc::new(Client::new(&settings)?);
        Ok(Self { settings, client, partner_urgency: Urgency::Operator })
    }

    /// One salon's data, asked for with this urgency.
    pub fn salon_api(&self, salon: SalonId, urgency: Urgency) -> SalonApi {
        SalonApi::new(self.client.clone(), salon, urgency)
    }

    /// The application's number, or the typed refusal.
    fn application(&self) -> Result<u64, CallError> {
        match (&self.settings.partner_token, self.settings.application_id) {
            (Some(_), Some(application)) => Ok(application),
            _ => Err(CallError::NotConfigured),
        }
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
        let detail = self.detail(salon, Urgency::Onboarding).await?;
        Ok(detail.map_or(Installation::NotInstalled, |detail| detail.status))
    }

    async fn salon(&self, salon: SalonId) -> Result<Option<SalonInfo>, MarketplaceError> {
        self.application()?;
        let call = Call::ask("salon", "companies".into()).at_api(Who::Partner).with("id", salon).about(salon).urgent(Urgency::Onboarding);
        match self.client.call(&call).await?.content("the salon") {
            Ok(content) => Ok(types::company::salon(content.data)),
            Err(CallError::Refused(refusal)) if matches!(refusal.status, 401 | 403 | 404) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn activate(&self, salon: SalonId, callback: &Callback) -> Result<(), ActivateError> {
        let webhook_urls: Vec<&str> = callback.webhook_urls.iter().map(Secret::expose).collect();
        let body = json!({
            "salon_id": salon.get(),
            "application_id": self.application()?,
            "api_key": callback.api_key.expose(),
            "webhook_urls": webhook_urls,
        });
        let call = Call::tell("activate", "partner/callback", Some(body)).about(salon).urgent(Urgency::Onboarding);
        Ok(self.client.call(&call).await?.done_by_status()?)
    }
}
