//! Services, their categories, and staff.

use serde::Deserialize;

use super::loose::{self, Known};

/// A service of the salon. `active` is not kept: whole catalogues come with 0 and can be booked all the same; ask `book_services` what can.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Service {
    /// YClients' number.
    #[serde(deserialize_with = "loose::id")]
    pub id: Option<u64>,
    /// Name.
    #[serde(deserialize_with = "loose::text")]
    pub title: Option<String>,
    /// Name for clients, where it differs.
    #[serde(deserialize_with = "loose::text")]
    pub booking_title: Option<String>,
    /// See [`Category`].
    #[serde(deserialize_with = "loose::id")]
    pub category_id: Option<u64>,
    /// Cheapest.
    #[serde(deserialize_with = "loose::decimal")]
    pub price_min: Option<f64>,
    /// Dearest.
    #[serde(deserialize_with = "loose::decimal")]
    pub price_max: Option<f64>,
    /// Percent.
    #[serde(deserialize_with = "loose::decimal")]
    pub discount: Option<f64>,
    /// Description; may be HTML.
    #[serde(deserialize_with = "loose::words")]
    pub comment: Option<String>,
    /// Order in the list.
    #[serde(deserialize_with = "loose::integer")]
    pub weight: Option<i64>,
    /// Seconds, for masters that are not in `staff`.
    #[serde(deserialize_with = "loose::integer")]
    pub duration: Option<i64>,
    /// Who does it, and in how many seconds.
    #[serde(deserialize_with = "loose::list")]
    pub staff: Vec<ServiceStaff>,
    /// Offered from this second of the day on.
    #[serde(deserialize_with = "loose::integer")]
    pub seance_search_start: Option<i64>,
    /// Offered until this second of the day.
    #[serde(deserialize_with = "loose::integer")]
    pub seance_search_finish: Option<i64>,
    /// Days on which it is offered; empty = any.
    #[serde(deserialize_with = "loose::texts")]
    pub dates: Vec<String>,
}

/// A master who does a service.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct ServiceStaff {
    /// See [`Staff`].
    #[serde(deserialize_with = "loose::id")]
    pub id: Option<u64>,
    /// Seconds.
    #[serde(deserialize_with = "loose::integer")]
    pub seance_length: Option<i64>,
}

impl Service {
    /// Seconds it takes with this master.
    pub fn seconds_with(&self, staff: u64) -> Option<i64> {
        let own = self.staff.iter().find(|one| one.id == Some(staff)).and_then(|one| one.seance_length);
        own.or(self.duration)
    }
}

impl Known for Service {
    fn is_known(&self) -> bool {
        self.id.is_some()
    }
}

/// A group of services.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Category {
    /// YClients' number.
    #[serde(deserialize_with = "loose::id")]
    pub id: Option<u64>,
    /// Name.
    #[serde(deserialize_with = "loose::text")]
    pub title: Option<String>,
    /// Order in the list.
    #[serde(deserialize_with = "loose::integer")]
    pub weight: Option<i64>,
    /// Who does something of it.
    #[serde(deserialize_with = "loose::ids")]
    pub staff: Vec<u64>,
}

impl Known for Category {
    fn is_known(&self) -> bool {
        self.id.is_some()
    }
}

/// A master; sometimes a room or a waiting list. Those who left stay in lists.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Staff {
    /// YClients' number.
    #[serde(deserialize_with = "loose::id")]
    pub id: Option<u64>,
    /// Name.
    #[serde(deserialize_with = "loose::text")]
    pub name: Option<String>,
    /// What they do.
    #[serde(deserialize_with = "loose::text")]
    pub specialization: Option<String>,
    /// Their position; `[]` when none.
    #[serde(deserialize_with = "loose::object")]
    pub position: Option<Position>,
    /// Left.
    #[serde(deserialize_with = "loose::flag")]
    pub fired: Option<bool>,
    /// 1 = deleted.
    #[serde(deserialize_with = "loose::flag")]
    pub status: Option<bool>,
    /// Not for clients.
    #[serde(deserialize_with = "loose::flag")]
    pub hidden: Option<bool>,
}

/// What a master is.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Position {
    /// YClients' number.
    #[serde(deserialize_with = "loose::id")]
    pub id: Option<u64>,
    /// Name.
    #[serde(deserialize_with = "loose::text")]
    pub title: Option<String>,
}

impl Staff {
    /// May clients see them? Neither fired, nor deleted, nor hidden.
    pub fn is_shown(&self) -> bool {
        ![self.fired, self.status, self.hidden].contains(&Some(true))
    }
}

impl Known for Staff {
    fn is_known(&self) -> bool {
        self.id.is_some()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_service_is_read_as_loosely_as_it_is_sent() {
        let service: Service = serde_json::from_value(json!({"id": "9001", "title": "Стрижка", "category_id": "5", "price_min": "1300.00", "price_max": 0,
            "weight": "6", "active": 0, "comment": 0, "image_group": [], "staff": [{"id": 501, "seance_length": "2700"}], "duration": 3600, "dates": []}))
        .expect("readable");
        assert_eq!((service.id, service.price_min, service.comment.as_deref()), (Some(9001), Some(1300.0), None));
        assert_eq!((service.seconds_with(501), service.seconds_with(7)), (Some(2700), Some(3600)));
    }

    #[test]
    fn those_who_left_are_not_shown() {
        let staff = |value| serde_json::from_value::<Staff>(value).expect("readable");
        assert!(staff(json!({"id": 1, "position": [], "fired": 0, "status": "0", "hidden": false})).is_shown());
        assert_eq!(staff(json!({"id": 1, "position": {"id": 2, "title": "Барбер"}})).position.and_then(|position| position.id), Some(2));
        for gone in [json!({"id": 1, "fired": 1}), json!({"id": 1, "status": "1"}), json!({"id": 1, "hidden": true})] {
            assert!(!staff(gone.clone()).is_shown(), "{gone}");
        }
    }
}
