//! One salon's data: settings, catalogue, schedule, records, clients, bookings, webhooks.
//!
//! Nothing of it is kept here: a record or a free time that is a minute old may be wrong.

mod bookings;
mod clients;
mod records;

use std::sync::Arc;

use chrono::NaiveDate;
use frontdesk_actors::ids::SalonId;
use reqwest::Method;
use serde_json::Value;

use super::Urgency;
use super::answer::Answer;
use super::call::{Call, Who};
use super::client::Client;
use super::failure::CallError;
use super::types::catalogue::{Category, Service, Staff};
use super::types::company::{Company, OnlineSettings};
use super::types::hooks::HookSettings;
use super::types::loose::Listed;
use super::types::schedule::WorkingDay;

pub use records::RecordFilter;

/// The way to one salon's data. A 403 after an uninstall is final: stop asking.
#[derive(Clone)]
pub struct SalonApi {
    client: Arc<Client>,
    salon: SalonId,
    urgency: Urgency,
}

impl SalonApi {
    pub(super) fn new(client: Arc<Client>, salon: SalonId, urgency: Urgency) -> Self {
        Self { client, salon, urgency }
    }

    fn ask(&self, endpoint: &'static str, path: String) -> Call {
        Call::ask(endpoint, path).at_api(Who::User).about(self.salon).urgent(self.urgency)
    }

    /// A question that the partner alone may ask.
    fn ask_openly(&self, endpoint: &'static str, path: String) -> Call {
        self.ask(endpoint, path).at_api(Who::Partner)
    }

    fn tell(&self, endpoint: &'static str, method: Method, path: String, body: Option<Value>) -> Call {
        let call = Call::tell(endpoint, path, body).at_api(Who::User).about(self.salon).urgent(self.urgency);
        Call { method, ..call }
    }

    async fn send(&self, call: Call) -> Result<Answer, CallError> {
        self.client.call(&call).await
    }

    /// The salon: address, zone, what an online booking must bring. From the list call, which alone has phone and rules for changes.
    pub async fn company(&self) -> Result<Company, CallError> {
        self.send(self.ask_openly("companies", "companies".into()).with("id", self.salon)).await?.one("the salon")
    }

    /// The salon's own page: `phone_confirmation` and `booking_*_required`.
    pub async fn company_page(&self) -> Result<Company, CallError> {
        let call = self.ask("company", format!("company/{}/", self.salon)).with("my", 1).with("forBooking", 1);
        self.send(call).await?.one("the salon")
    }

    /// Settings of the online booking.
    pub async fn online_settings(&self) -> Result<OnlineSettings, CallError> {
        self.send(self.ask("settings_online", format!("company/{}/settings/online", self.salon))).await?.one("the settings")
    }

    /// The services, all or of one master or group.
    pub async fn services(&self, staff: Option<u64>, category: Option<u64>) -> Result<Listed<Service>, CallError> {
        let call = self.ask("services", format!("company/{}/services", self.salon));
        self.send(call.with_some("staff_id", staff).with_some("category_id", category)).await?.list("the services")
    }

    /// Groups of services.
    pub async fn categories(&self) -> Result<Listed<Category>, CallError> {
        self.send(self.ask("service_categories", format!("company/{}/service_categories", self.salon))).await?.list("the categories")
    }

    /// All staff, those who left among them: see [`Staff::is_shown`].
    pub async fn staff(&self) -> Result<Listed<Staff>, CallError> {
        self.send(self.ask("staff", format!("company/{}/staff", self.salon))).await?.list("the staff")
    }

    /// Who works when, and what is taken: one call for all masters and weeks.
    pub async fn schedule(&self, from: NaiveDate, to: NaiveDate, staff: &[u64]) -> Result<Listed<WorkingDay>, CallError> {
        let call = self.ask("schedule", format!("company/{}/staff/schedule", self.salon)).with("start_date", from).with("end_date", to);
        let call = staff.iter().fold(call, |call, id| call.with("staff_ids[]", id));
        self.send(call.with("include[]", "busy_intervals").with("include[]", "off_day_type")).await?.list("the schedule")
    }

    /// Where data webhooks go.
    pub async fn hooks(&self) -> Result<HookSettings, CallError> {
        let what = "the webhook settings";
        let content = self.send(self.ask("hooks", format!("hooks_settings/{}", self.salon))).await?.content(what)?;
        HookSettings::read(content.data).ok_or(CallError::Unreadable { what })
    }

    /// Replaces the salon's webhook settings with these, which should be fresh ones from [`Self::hooks`] with our address added.
    pub async fn set_hooks(&self, settings: &HookSettings) -> Result<(), CallError> {
        self.send(self.tell("set_hooks", Method::POST, format!("hooks_settings/{}", self.salon), Some(settings.body()))).await?.done()
    }
}
