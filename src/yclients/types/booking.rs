//! What can be booked online, with whom and when.

use chrono::{Datelike as _, NaiveDate, TimeDelta};
use serde::Deserialize;
use serde_json::Value;

use super::loose::{self, Known};
use super::times::When;

/// Services that can be booked; the groups come under either of two names.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Bookable {
    /// Services.
    #[serde(deserialize_with = "loose::list")]
    pub services: Vec<BookableService>,
    /// Their groups.
    #[serde(alias = "categories", deserialize_with = "loose::list")]
    pub category: Vec<super::catalogue::Category>,
}

/// A service that can be booked.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct BookableService {
    /// YClients' number.
    #[serde(deserialize_with = "loose::id")]
    pub id: Option<u64>,
    /// Name.
    #[serde(deserialize_with = "loose::text")]
    pub title: Option<String>,
    /// Its group.
    #[serde(deserialize_with = "loose::id")]
    pub category_id: Option<u64>,
    /// Cheapest.
    #[serde(deserialize_with = "loose::decimal")]
    pub price_min: Option<f64>,
    /// Dearest.
    #[serde(deserialize_with = "loose::decimal")]
    pub price_max: Option<f64>,
    /// Seconds; only when asked for one master.
    #[serde(deserialize_with = "loose::integer")]
    pub seance_length: Option<i64>,
    /// Made of others: book those, in their order, not this one.
    #[serde(deserialize_with = "loose::flag")]
    pub is_composite: Option<bool>,
    #[serde(deserialize_with = "loose::object")]
    composite_details: Option<Composite>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Composite {
    #[serde(deserialize_with = "loose::list")]
    links: Vec<Part>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Part {
    #[serde(deserialize_with = "loose::id")]
    service_id: Option<u64>,
    #[serde(deserialize_with = "loose::integer")]
    position: Option<i64>,
}

impl BookableService {
    /// The services to book for it: itself, or its parts in their order (booking a composite one itself is answered with 404).
    pub fn to_book(&self) -> Vec<u64> {
        let mut parts: Vec<&Part> = self.composite_details.iter().flat_map(|details| &details.links).collect();
        parts.sort_by_key(|part| part.position);
        let parts: Vec<u64> = parts.into_iter().filter_map(|part| part.service_id).collect();
        if self.is_composite == Some(true) && !parts.is_empty() { parts } else { self.id.into_iter().collect() }
    }
}

/// A master clients can book.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct BookableStaff {
    /// YClients' number.
    #[serde(deserialize_with = "loose::id")]
    pub id: Option<u64>,
    /// Name.
    #[serde(deserialize_with = "loose::text")]
    pub name: Option<String>,
    /// Has free time at all.
    #[serde(deserialize_with = "loose::flag")]
    pub bookable: Option<bool>,
    /// What they do.
    #[serde(deserialize_with = "loose::text")]
    pub specialization: Option<String>,
    /// Stars.
    #[serde(deserialize_with = "loose::decimal")]
    pub rating: Option<f64>,
    /// The nearest free times.
    #[serde(deserialize_with = "loose::list")]
    pub seances: Vec<Slot>,
}

impl Known for BookableStaff {
    fn is_known(&self) -> bool {
        self.id.is_some()
    }
}

/// A free time. Nothing in it is checked again here: YClients decides (`book_check`).
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Slot {
    /// `HH:MM`, the salon's time.
    #[serde(deserialize_with = "loose::text")]
    pub time: Option<String>,
    /// Seconds of one service.
    #[serde(deserialize_with = "loose::integer")]
    pub seance_length: Option<i64>,
    /// Seconds of all.
    #[serde(deserialize_with = "loose::integer")]
    pub sum_length: Option<i64>,
    /// To be sent back word for word when booking.
    #[serde(deserialize_with = "loose::text")]
    pub datetime: Option<String>,
}

impl Known for Slot {
    fn is_known(&self) -> bool {
        self.datetime.is_some()
    }
}

/// Days on which something is free. Says nothing about working hours.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct BookableDays {
    booking_dates: Value,
    working_dates: Value,
}

impl BookableDays {
    /// Is this the answer that was asked for? A list must be there, be it empty.
    pub(crate) fn is_told(&self) -> bool {
        self.booking_dates.is_array() && self.booking().len() == self.booking_dates.as_array().map_or(0, Vec::len)
    }

    /// Days with a free time.
    pub fn booking(&self) -> Vec<NaiveDate> {
        days(&self.booking_dates)
    }

    /// Days on which somebody works.
    pub fn working(&self) -> Vec<NaiveDate> {
        days(&self.working_dates)
    }
}

/// Days as text, or as epoch seconds of the salon's midnight. Half a day later it is the same day everywhere on earth, so no zone is needed.
fn days(value: &Value) -> Vec<NaiveDate> {
    let day = |value: &Value| match When::of(value)? {
        When::Instant(midnight) if value.as_str().is_none_or(|text| text.bytes().all(|byte| byte.is_ascii_digit())) => {
            midnight.checked_add_signed(TimeDelta::hours(12)).map(|noon| noon.date_naive())
        }
        other => Some(other.day()),
    };
    let days = value.as_array().into_iter().flatten().filter_map(day);
    days.filter(|day| (2000..2200).contains(&day.year())).collect()
}

/// One visit to book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appointment {
    /// Services, in their order.
    pub services: Vec<u64>,
    /// The master; 0 = any, where the salon allows that.
    pub staff: u64,
    /// The slot's own text.
    pub datetime: String,
}

/// A booking to be.
#[derive(Debug, Clone, PartialEq)]
pub struct NewBooking {
    /// The client's phone.
    pub phone: frontdesk_actors::ids::Phone,
    /// The client's name.
    pub name: String,
    /// E-mail; some salons want one.
    pub email: String,
    /// Remark; some salons want one.
    pub comment: String,
    /// Our own number for it: how it is found again when the answer is lost.
    pub api_id: String,
    /// What to book.
    pub appointment: Appointment,
}

/// A booking made.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Booked {
    /// See `Record`.
    #[serde(deserialize_with = "loose::id")]
    pub record_id: Option<u64>,
    /// Opens the record without a login.
    #[serde(deserialize_with = "loose::text")]
    pub record_hash: Option<String>,
}

impl Known for Booked {
    fn is_known(&self) -> bool {
        self.record_id.is_some()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn days_come_as_text_or_as_the_salons_midnight() {
        let december: NaiveDate = "2026-12-01".parse().expect("a day");
        // Midnight in Moscow, Vladivostok, Kaliningrad, and west of Greenwich.
        for value in [
            json!("2026-12-01"),
            json!(1_796_072_400_i64),
            json!("1796072400"),
            json!(1_796_072_400_i64 - 7 * 3600),
            json!(1_796_072_400_i64 + 3600),
            json!(1_796_072_400_i64 + 8 * 3600),
        ] {
            let days: BookableDays =
                serde_json::from_value(json!({"booking_dates": [value], "booking_days": {"12": ["1"]}})).expect("readable");
            assert_eq!(days.booking(), [december], "{value}");
            assert!(days.is_told());
        }
        for odd in [json!({}), json!({"booking_dates": null}), json!({"booking_dates": ["soon"]}), json!({"booking_dates": {}})] {
            assert!(!serde_json::from_value::<BookableDays>(odd.clone()).expect("readable").is_told(), "{odd}");
        }
    }

    #[test]
    fn a_composite_service_is_booked_by_its_parts_in_their_order() {
        let service: BookableService = serde_json::from_value(json!({"id": 9, "is_composite": true, "composite_details": {"links": [
            {"service_id": 2, "position": 1}, {"service_id": "1", "position": "0"}]}}))
        .expect("readable");
        assert_eq!(service.to_book(), [1, 2]);
        let plain: BookableService =
            serde_json::from_value(json!({"id": 9, "is_composite": false, "composite_details": []})).expect("readable");
        assert_eq!(plain.to_book(), [9]);
    }

    #[test]
    fn groups_come_under_two_names() {
        for name in ["category", "categories"] {
            let read: Bookable = serde_json::from_value(json!({"services": [{"id": 1}], name: [{"id": "5"}]})).expect("readable");
            assert_eq!((read.services.len(), read.category.len()), (1, 1), "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_value_makes_the_readers_panic(value in loose::tests::any_json()) {
            if let Ok(days) = serde_json::from_value::<BookableDays>(json!({"booking_dates": value, "working_dates": value})) {
                let _ = (days.is_told(), days.booking(), days.working());
            }
            let _ = serde_json::from_value::<Bookable>(value.clone());
            let _ = serde_json::from_value::<BookableStaff>(value.clone());
            let _ = serde_json::from_value::<BookableService>(value).map(|service| service.to_book());
        }
    }
}
