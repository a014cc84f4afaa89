//! What can be booked online, and booking it.

use chrono::NaiveDate;
use reqwest::Method;
use serde_json::{Value, json};

use super::SalonApi;
use crate::yclients::call::{Call, Who};
use crate::yclients::failure::CallError;
use crate::yclients::types::booking::{Appointment, Bookable, BookableDays, BookableStaff, Booked, NewBooking, Slot};
use crate::yclients::types::loose::{Listed, object_of};

fn for_services(call: Call, services: &[u64]) -> Call {
    // Without them the times are for a service of usual length.
    services.iter().fold(call, |call, id| call.with("service_ids[]", id))
}

impl SalonApi {
    /// Services that can be booked, with this master if one is named.
    pub async fn bookable_services(&self, staff: Option<u64>) -> Result<Bookable, CallError> {
        let what = "the bookable services";
        let call = self.ask_openly("book_services", format!("book_services/{}", self.salon)).with_some("staff_id", staff);
        let data = self.send(call).await?.content(what)?.data;
        let told = data["services"].is_array();
        let wanted = data["services"].as_array().map_or(0, Vec::len);
        let bookable: Bookable = object_of(data).filter(|_| told).ok_or(CallError::Unreadable { what })?;
        if bookable.services.is_empty() && wanted > 0 { Err(CallError::Unreadable { what }) } else { Ok(bookable) }
    }

    /// Masters who can do all of these.
    pub async fn bookable_staff(&self, services: &[u64]) -> Result<Listed<BookableStaff>, CallError> {
        let call = self.ask_openly("book_staff", format!("book_staff/{}", self.salon));
        self.send(for_services(call, services)).await?.list("the bookable staff")
    }

    /// Days with a free time for these; `staff` 0 = any master.
    pub async fn bookable_days(&self, staff: u64, services: &[u64], from: NaiveDate, to: NaiveDate) -> Result<BookableDays, CallError> {
        let what = "the bookable days";
        let call = self.ask_openly("book_dates", format!("book_dates/{}", self.salon)).with("staff_id", staff);
        let call = for_services(call, services).with("date_from", from).with("date_to", to);
        let data = self.send(call).await?.content(what)?.data;
        object_of::<BookableDays>(data).filter(BookableDays::is_told).ok_or(CallError::Unreadable { what })
    }

    /// Free times of a day; empty when there is none.
    pub async fn bookable_times(&self, staff: u64, services: &[u64], day: NaiveDate) -> Result<Listed<Slot>, CallError> {
        let call = self.ask_openly("book_times", format!("book_times/{}/{staff}/{day}", self.salon));
        self.send(for_services(call, services)).await?.list("the free times")
    }

    /// Could this be booked now? A refusal says why not, see `Refusal::booking`. Books nothing.
    pub async fn check_booking(&self, appointment: &Appointment) -> Result<(), CallError> {
        let body = json!({"appointments": [appointment_body(appointment)]});
        let call = self.tell("book_check", Method::POST, format!("book_check/{}", self.salon), Some(body)).only_asks();
        self.send(call.at_api(Who::Partner)).await?.done()
    }

    /// Books. Never repeated: after `Unclear` look for `api_id` ([`SalonApi::record_by_api_id`]) before trying again.
    pub async fn book(&self, booking: &NewBooking) -> Result<Booked, CallError> {
        let body = json!({
            "phone": booking.phone.digits(),
            "fullname": booking.name,
            "email": booking.email,
            "comment": booking.comment,
            "type": "mobile",
            "notify_by_sms": 0,
            "notify_by_email": 0,
            "api_id": booking.api_id,
            "appointments": [appointment_body(&booking.appointment)],
        });
        let call = self.tell("book_record", Method::POST, format!("book_record/{}", self.salon), Some(body)).at_api(Who::Partner);
        self.send(call).await?.one("the booking").map_err(super::records::made)
    }
}

fn appointment_body(appointment: &Appointment) -> Value {
    json!({"id": 1, "services": appointment.services, "staff_id": appointment.staff, "datetime": appointment.datetime})
}
