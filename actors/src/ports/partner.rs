//! What operators may ask YClients as its partner: who has the app, how an installation stands, payments, removal.
//!
//! Every call goes through the one limiter that all salons share. Nothing here is repeated by itself unless a repeat is harmless; what may not
//! happen twice (payment, refund, removal) ends in [`PartnerError::Unclear`] when its answer was lost, and the detail of the installation tells.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Installation;
use crate::ids::{PaymentId, Phone, SalonId};

mod amounts;

pub use amounts::{AmountError, Money, Percent};

/// YClients' calls for partners.
#[async_trait]
pub trait PartnerApi: Send + Sync + 'static {
    /// One page of the salons that have the app (active or frozen). Pages count from 1, `count` is 1 to 1000.
    async fn installed_salons(&self, page: u32, count: u32) -> Result<SalonsPage, PartnerError>;

    /// How the installation stands and came to be so. `Ok(None)` when the app is not installed there.
    async fn installation_detail(&self, salon: SalonId) -> Result<Option<InstallationDetail>, PartnerError>;

    /// Removes the app from the salon. Access to its data is gone at once; YClients sends its `uninstall` as for an owner.
    async fn uninstall(&self, salon: SalonId) -> Result<(), PartnerError>;

    /// A link to YClients' payment page for this salon. [`PartnerError::NotInstalled`] also when the app has no tariffs.
    async fn payment_link(&self, salon: SalonId, discount: Option<Percent>) -> Result<String, PartnerError>;

    /// Tells of a payment taken on our side. Keep the id: a refund needs it. Never send the same payment twice.
    async fn report_payment(&self, payment: &NewPayment) -> Result<PaymentId, PartnerError>;

    /// Takes a reported payment back.
    async fn refund(&self, payment: PaymentId) -> Result<(), PartnerError>;

    /// The app's tariffs; empty when it has none.
    async fn tariffs(&self) -> Result<Vec<Tariff>, PartnerError>;

    /// Gives these salons a discount.
    async fn add_discount(&self, salons: &[SalonId], discount: Percent) -> Result<(), PartnerError>;

    /// Says if the app can send through this channel for the salon (apps for messages only).
    async fn set_channel(&self, salon: SalonId, channel: Channel, available: bool) -> Result<(), PartnerError>;

    /// Tells which sender names the salon may use.
    async fn set_short_names(&self, salon: SalonId, names: &[String]) -> Result<(), PartnerError>;

    /// The same calls, behind everybody else's in the limiter's queue.
    fn unhurried(self: Arc<Self>) -> Arc<dyn PartnerApi>;
}

/// One page of the list of installed salons.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SalonsPage {
    /// Those that could be read.
    pub salons: Vec<ListedSalon>,
    /// Entries without a usable number. With any of them, a salon missing here proves nothing.
    pub unreadable: u32,
    /// No page follows.
    pub is_last: bool,
}

/// A salon as YClients lists it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ListedSalon {
    /// YClients' number.
    pub salon_id: SalonId,
    /// Name; hostile until escaped.
    pub title: Option<String>,
    /// Phone.
    pub phone: Option<Phone>,
    /// City.
    pub city: Option<String>,
    /// Address.
    pub address: Option<String>,
    /// IANA zone.
    pub timezone: Option<String>,
}

/// An installation with its history. YClients gives times without a zone; they are read as Moscow's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InstallationDetail {
    /// What it means to us.
    pub status: Installation,
    /// YClients' own word.
    pub status_word: Option<String>,
    /// Since when.
    pub since: Option<DateTime<Utc>>,
    /// Changes, as listed.
    pub logs: Vec<StatusChange>,
    /// Payments, as listed.
    pub payments: Vec<Payment>,
}

/// One change of an installation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatusChange {
    /// When.
    pub changed_at: Option<DateTime<Utc>>,
    /// YClients' word before.
    pub status_from: Option<String>,
    /// YClients' word after.
    pub status_to: Option<String>,
    /// `marketplace` or `partner_api`.
    pub source: Option<String>,
}

/// A payment YClients knows of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Payment {
    /// For a refund.
    pub id: Option<PaymentId>,
    /// How much.
    pub sum: Option<Money>,
    /// When it was paid.
    pub payment_date: Option<DateTime<Utc>>,
    /// Taken back?
    pub is_refunded: bool,
    /// First moment paid for.
    pub period_from: Option<DateTime<Utc>>,
    /// Last moment paid for.
    pub period_to: Option<DateTime<Utc>>,
}

/// A payment to tell YClients of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPayment {
    /// Who paid.
    pub salon: SalonId,
    /// How much.
    pub sum: Money,
    /// When.
    pub paid_at: DateTime<Utc>,
    /// First moment paid for.
    pub period_from: DateTime<Utc>,
    /// Last moment paid for.
    pub period_to: DateTime<Utc>,
}

/// A tariff of the app.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tariff {
    /// YClients' number.
    pub id: Option<u64>,
    /// Name.
    pub title: Option<String>,
    /// What can be bought.
    pub options: Vec<TariffOption>,
}

/// One price of a tariff.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TariffOption {
    /// YClients' number.
    pub id: Option<u64>,
    /// Name.
    pub title: Option<String>,
    /// Price of the whole term.
    pub overall_price: Option<f64>,
    /// ISO 4217.
    pub currency: Option<String>,
    /// Term.
    pub duration_in_months: Option<i64>,
    /// Staff covered.
    pub staff_amount: Option<i64>,
    /// Months for free.
    pub free_period_in_months: Option<i64>,
}

/// A way of sending that YClients can offer to a salon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Channel {
    Sms,
    Whatsapp,
}

/// Why a call for an operator brought nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PartnerError {
    /// It certainly did not happen: no place in the limiter in time, no connection, 429, a broken service that only was asked. Try later.
    #[error("YClients can't be asked right now")]
    Retryable {
        /// Not before, when told.
        after: Option<Duration>,
    },
    /// It may have happened: the answer was lost, or broken (5xx). Look at the installation before repeating it.
    #[error("YClients did not answer; it may have happened")]
    Unclear,
    /// 404: the app is not installed in this salon (or has no tariffs).
    #[error("the app is not installed in this salon")]
    NotInstalled,
    /// YClients refused, and a repeat won't change that.
    #[error("YClients refused with status {status}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// YClients' own words (Russian), for the operator; hostile until escaped.
        message: Option<String>,
    },
    /// An answer that is not what was asked for. Never read as "nothing".
    #[error("YClients' answer can't be read")]
    Unreadable,
    /// Partner token or application id missing here.
    #[error("the YClients settings are incomplete")]
    NotConfigured,
}
