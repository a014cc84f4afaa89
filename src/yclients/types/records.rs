//! Records of the journal: who comes when, to whom, for what.

use frontdesk_actors::ids::Phone;
use serde::Deserialize;
use serde_json::Value;

use super::loose::{self, Known};
use super::times::When;

/// A record, and the whole of it as sent: a change sends everything back.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(from = "Value")]
pub struct Record {
    /// What we understand.
    pub fields: RecordFields,
    /// As sent.
    pub raw: Value,
}

impl From<Value> for Record {
    fn from(raw: Value) -> Self {
        let mut fields: RecordFields = loose::object_of(raw.clone()).unwrap_or_default();
        // Their order changes between two reads of the same record.
        fields.services.sort_by_key(|service| service.id);
        Self { fields, raw }
    }
}

impl Known for Record {
    fn is_known(&self) -> bool {
        self.fields.id.is_some()
    }
}

/// What we understand of a record.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct RecordFields {
    /// YClients' number.
    #[serde(deserialize_with = "loose::id")]
    pub id: Option<u64>,
    /// See `Staff`.
    #[serde(deserialize_with = "loose::id")]
    pub staff_id: Option<u64>,
    /// Sorted by number.
    #[serde(deserialize_with = "loose::list")]
    pub services: Vec<BookedService>,
    /// Who comes; none for walk-ins and blocked time.
    #[serde(deserialize_with = "loose::object")]
    pub client: Option<RecordClient>,
    /// With an offset: preferred.
    #[serde(deserialize_with = "loose::when")]
    datetime: Option<When>,
    /// The salon's local time.
    #[serde(deserialize_with = "loose::when")]
    date: Option<When>,
    /// When it was changed.
    #[serde(deserialize_with = "loose::text")]
    pub last_change_date: Option<String>,
    /// Seconds.
    #[serde(deserialize_with = "loose::integer")]
    pub seance_length: Option<i64>,
    #[serde(deserialize_with = "loose::integer")]
    attendance: Option<i64>,
    #[serde(deserialize_with = "loose::integer")]
    visit_attendance: Option<i64>,
    /// Removed from the journal.
    #[serde(deserialize_with = "loose::flag")]
    pub deleted: Option<bool>,
    /// Made by the client online.
    #[serde(deserialize_with = "loose::flag")]
    pub online: Option<bool>,
    /// Remark.
    #[serde(deserialize_with = "loose::words")]
    pub comment: Option<String>,
    /// The maker's own number: ours begin with our mark.
    #[serde(deserialize_with = "loose::text")]
    pub api_id: Option<String>,
    /// Several records of one client on one day are one visit.
    #[serde(deserialize_with = "loose::id")]
    pub visit_id: Option<u64>,
    /// A group event, when not 0.
    #[serde(deserialize_with = "loose::id")]
    pub activity_id: Option<u64>,
    /// YClients itself reminds so many hours before.
    #[serde(deserialize_with = "loose::integer")]
    pub sms_remain_hours: Option<i64>,
    /// Page of this visit.
    #[serde(deserialize_with = "loose::text")]
    pub short_link: Option<String>,
}

/// A service in a record.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct BookedService {
    /// See `Service`.
    #[serde(deserialize_with = "loose::id")]
    pub id: Option<u64>,
    /// Name.
    #[serde(deserialize_with = "loose::text")]
    pub title: Option<String>,
    /// What it costs.
    #[serde(deserialize_with = "loose::decimal")]
    pub cost: Option<f64>,
    /// How many times.
    #[serde(deserialize_with = "loose::integer")]
    pub amount: Option<i64>,
}

/// Who comes.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct RecordClient {
    /// See `Client`.
    #[serde(deserialize_with = "loose::id")]
    pub id: Option<u64>,
    /// Name.
    #[serde(deserialize_with = "loose::text")]
    pub name: Option<String>,
    /// Phone.
    #[serde(deserialize_with = "loose::phone")]
    pub phone: Option<Phone>,
}

/// Whether the client came, and what they said before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attendance {
    /// Not yet.
    Waiting,
    /// The client said that they come.
    Confirmed,
    /// Was there.
    Came,
    /// Was not; salons also use it for "cancelled".
    Missed,
}

impl Attendance {
    /// As it stands on the wire.
    pub fn number(self) -> i8 {
        match self {
            Self::Waiting => 0,
            Self::Confirmed => 2,
            Self::Came => 1,
            Self::Missed => -1,
        }
    }

    fn of(number: i64) -> Option<Self> {
        [Self::Waiting, Self::Confirmed, Self::Came, Self::Missed].into_iter().find(|one| i64::from(one.number()) == number)
    }
}

impl RecordFields {
    /// When it begins.
    pub fn begins(&self) -> Option<When> {
        self.datetime.or(self.date)
    }

    /// The record's own attendance, else its visit's.
    pub fn attendance(&self) -> Option<Attendance> {
        self.attendance.or(self.visit_attendance).and_then(Attendance::of)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn record(value: Value) -> Record {
        serde_json::from_value(value).expect("readable")
    }

    #[test]
    fn a_record_is_read_as_loosely_as_it_is_sent() {
        let read = record(
            json!({"id": "700001", "staff_id": 501, "services": [{"id": 2, "cost": "1500.00"}, {"id": "1"}], "client": [], "comer": null,
            "date": "2026-12-01 14:00:00", "datetime": "2026-12-01T14:00:00+0300", "attendance": "2", "visit_attendance": 0, "deleted": 0,
            "online": "1", "comment": 0, "api_id": "", "visit_id": "600001", "activity_id": 0, "seance_length": "3600", "custom_fields": []}),
        );
        let fields = &read.fields;
        assert_eq!(
            (fields.id, fields.visit_id, fields.activity_id, fields.seance_length),
            (Some(700_001), Some(600_001), None, Some(3600))
        );
        assert!(fields.client.is_none() && fields.comment.is_none() && fields.api_id.is_none());
        assert_eq!(fields.services.iter().map(|service| service.id).collect::<Vec<_>>(), [Some(1), Some(2)], "sorted");
        assert!(matches!(fields.begins(), Some(When::Instant(_))), "the time with an offset is preferred");
        assert_eq!((fields.attendance(), fields.deleted, fields.online), (Some(Attendance::Confirmed), Some(false), Some(true)));
        assert_eq!(read.raw["custom_fields"], json!([]), "all of it is kept");
    }

    #[test]
    fn without_an_attendance_the_visits_counts() {
        assert_eq!(record(json!({"id": 1, "visit_attendance": -1})).fields.attendance(), Some(Attendance::Missed));
        assert_eq!(record(json!({"id": 1, "attendance": 9})).fields.attendance(), None);
        assert_eq!(record(json!({"id": 1})).fields.attendance(), None);
    }

    proptest! {
        #[test]
        fn no_value_makes_the_reader_panic(value in loose::tests::any_json()) {
            let _ = serde_json::from_value::<Record>(value);
        }
    }
}
