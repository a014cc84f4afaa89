//! YClients' answers as they are passed on.

use chrono::{DateTime, Utc};
use frontdesk_actors::ids::PaymentId;
use frontdesk_actors::ports::{InstallationDetail, SalonsPage, Tariff};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::admin::companies::word;

/// It is done.
#[derive(Serialize, ToSchema)]
pub struct Done {
    success: bool,
}

impl Done {
    pub(super) fn yes() -> Self {
        Self { success: true }
    }
}

/// A link to YClients' payment page.
#[derive(Serialize, ToSchema)]
pub struct PaymentLink {
    success: bool,
    url: String,
}

impl PaymentLink {
    pub(super) fn new(url: String) -> Self {
        Self { success: true, url }
    }
}

/// The number YClients gave a payment.
#[derive(Serialize, ToSchema)]
pub struct PaymentReported {
    success: bool,
    payment_id: u64,
}

impl PaymentReported {
    pub(super) fn new(id: PaymentId) -> Self {
        Self { success: true, payment_id: id.get() }
    }
}

/// A page of the salons that have the app.
#[derive(Serialize, ToSchema)]
pub struct SalonList {
    success: bool,
    salons: Vec<Salon>,
    /// Entries without a usable number.
    unreadable: u32,
    /// No page follows.
    is_last: bool,
}

/// A salon as YClients lists it.
#[derive(Serialize, ToSchema)]
pub struct Salon {
    salon_id: u64,
    title: Option<String>,
    phone: Option<String>,
    city: Option<String>,
    address: Option<String>,
    timezone: Option<String>,
}

impl From<SalonsPage> for SalonList {
    fn from(page: SalonsPage) -> Self {
        let salons = page.salons.into_iter().map(|salon| Salon {
            salon_id: salon.salon_id.get(),
            title: salon.title,
            phone: salon.phone.map(|phone| phone.e164()),
            city: salon.city,
            address: salon.address,
            timezone: salon.timezone,
        });
        Self { success: true, salons: salons.collect(), unreadable: page.unreadable, is_last: page.is_last }
    }
}

/// How YClients sees an installation.
#[derive(Serialize, ToSchema)]
pub struct Installations {
    success: bool,
    /// What it means to us, such as `active`.
    status: String,
    /// YClients' own word.
    status_word: Option<String>,
    since: Option<DateTime<Utc>>,
    logs: Vec<StatusChange>,
    payments: Vec<Payment>,
}

/// One change of an installation.
#[derive(Serialize, ToSchema)]
pub struct StatusChange {
    changed_at: Option<DateTime<Utc>>,
    status_from: Option<String>,
    status_to: Option<String>,
    source: Option<String>,
}

/// A payment YClients knows of.
#[derive(Serialize, ToSchema)]
pub struct Payment {
    payment_id: Option<u64>,
    sum: Option<f64>,
    currency: Option<String>,
    payment_date: Option<DateTime<Utc>>,
    is_refunded: bool,
    period_from: Option<DateTime<Utc>>,
    period_to: Option<DateTime<Utc>>,
}

impl From<InstallationDetail> for Installations {
    fn from(detail: InstallationDetail) -> Self {
        let logs = detail.logs.into_iter().map(|change| StatusChange {
            changed_at: change.changed_at,
            status_from: change.status_from,
            status_to: change.status_to,
            source: change.source,
        });
        let payments = detail.payments.into_iter().map(|payment| Payment {
            payment_id: payment.id.map(|id| id.get()),
            sum: payment.sum.as_ref().map(|sum| sum.sum()),
            currency: payment.sum.as_ref().map(|sum| sum.currency().to_owned()),
            payment_date: payment.payment_date,
            is_refunded: payment.is_refunded,
            period_from: payment.period_from,
            period_to: payment.period_to,
        });
        Self {
            success: true,
            status: word(&detail.status),
            status_word: detail.status_word,
            since: detail.since,
            logs: logs.collect(),
            payments: payments.collect(),
        }
    }
}

/// The app's tariffs.
#[derive(Serialize, ToSchema)]
pub struct TariffList {
    success: bool,
    tariffs: Vec<TariffEntry>,
}

/// A tariff.
#[derive(Serialize, ToSchema)]
pub struct TariffEntry {
    id: Option<u64>,
    title: Option<String>,
    options: Vec<TariffPrice>,
}

/// One price of a tariff.
#[derive(Serialize, ToSchema)]
pub struct TariffPrice {
    id: Option<u64>,
    title: Option<String>,
    overall_price: Option<f64>,
    currency: Option<String>,
    duration_in_months: Option<i64>,
    staff_amount: Option<i64>,
    free_period_in_months: Option<i64>,
}

impl From<Vec<Tariff>> for TariffList {
    fn from(tariffs: Vec<Tariff>) -> Self {
        let entry = |tariff: Tariff| TariffEntry {
            id: tariff.id,
            title: tariff.title,
            options: tariff
                .options
                .into_iter()
                .map(|option| TariffPrice {
                    id: option.id,
                    title: option.title,
                    overall_price: option.overall_price,
                    currency: option.currency,
                    duration_in_months: option.duration_in_months,
                    staff_amount: option.staff_amount,
                    free_period_in_months: option.free_period_in_months,
                })
                .collect(),
        };
        Self { success: true, tariffs: tariffs.into_iter().map(entry).collect() }
    }
}
