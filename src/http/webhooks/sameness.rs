//! When two data events are one: a key made of what the event says, so that a repeated delivery is known, whatever order its lists are in.
//! Pure.

use frontdesk_actors::ids::SalonId;
use frontdesk_actors::records::{DataResource, DataStatus, Sameness};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::body::text;

/// A change that says when it was made is the same one for a week.
const DATED_SECONDS: u32 = 7 * 24 * 3600;

/// One that doesn't may be a change back to what was before: YClients repeats itself within seconds.
const UNDATED_SECONDS: u32 = 300;

/// What makes a booking another one. YClients repeats an event with other values in fields that nobody set.
const RECORD_FIELDS: [&str; 12] = [
    "date",
    "datetime",
    "staff_id",
    "deleted",
    "attendance",
    "visit_attendance",
    "confirmed",
    "seance_length",
    "length",
    "comment",
    "activity_id",
    "paid_full",
];
/// The same, of each of its services.
const SERVICE_FIELDS: [&str; 6] = ["id", "cost", "cost_to_pay", "discount", "amount", "title"];
/// The same, of its client.
const CLIENT_FIELDS: [&str; 3] = ["id", "phone", "name"];

/// Of an event about a thing of this salon.
pub(super) fn sameness(salon: SalonId, resource: &DataResource, id: Option<u64>, status: &DataStatus, data: &Value) -> Sameness {
    let changed = data.get("last_change_date").and_then(text).unwrap_or_default();
    let mut hash = Sha256::new();
    let meant = match resource {
        DataResource::Record => booking(data),
        DataResource::Client
        | DataResource::Staff
        | DataResource::Service
        | DataResource::ServiceCategory
        | DataResource::Salon
        | DataResource::Good
        | DataResource::GoodsOperation
        | DataResource::FinancesOperation
        | DataResource::Other(_) => canonical(data),
    };
    let id = id.map(|id| id.to_string()).unwrap_or_default();
    for part in [&salon.to_string(), resource.name(), &id, status.name(), &changed, &meant] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let seconds = if changed.is_empty() { UNDATED_SECONDS } else { DATED_SECONDS };
    Sameness { key: hex::encode(hash.finalize()), seconds }
}

fn booking(data: &Value) -> String {
    let Value::Object(fields) = data else { return canonical(data) };
    let mut meant = only(fields, &RECORD_FIELDS);
    if let Some(Value::Array(services)) = fields.get("services") {
        let services =
            services.iter().map(|service| service.as_object().map_or(Value::Null, |fields| only(fields, &SERVICE_FIELDS).into()));
        meant.insert("services".to_owned(), services.collect());
    }
    if let Some(Value::Object(client)) = fields.get("client") {
        meant.insert("client".to_owned(), only(client, &CLIENT_FIELDS).into());
    }
    canonical(&meant.into())
}

fn only(fields: &Map<String, Value>, names: &[&str]) -> Map<String, Value> {
    fields.iter().filter(|(name, _)| names.contains(&name.as_str())).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// A text that is the same whatever the order of fields and lists, and whether a number came as a text. Recursion ends: the parser refuses
/// nesting beyond 128.
fn canonical(value: &Value) -> String {
    match value {
        Value::Null => "~".to_owned(),
        Value::Bool(yes) => u8::from(*yes).to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().to_owned(),
        Value::Array(values) => {
            let mut values: Vec<String> = values.iter().map(canonical).collect();
            values.sort_unstable();
            format!("[{}]", values.join("\u{1f}"))
        }
        Value::Object(fields) => {
            let mut fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}\u{1e}{}", canonical(value))).collect();
            fields.sort_unstable();
            format!("{{{}}}", fields.join("\u{1f}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(data: &Value) -> Sameness {
        let salon = SalonId::try_from(77).unwrap();
        sameness(salon, &DataResource::Record, Some(1), &DataStatus::Update, data)
    }

    fn record() -> Value {
        json!({
            "id": 1, "staff_id": 501, "attendance": 0, "date": "2026-12-01 14:00:00", "last_change_date": "2026-11-25T10:00:05+0300",
            "services": [{"id": 1, "cost": 100}, {"id": 2, "cost": 200}], "client": {"id": 5, "phone": "79000000001"}, "sms_now": 0,
        })
    }

    fn with(name: &str, value: Value) -> Value {
        let mut record = record();
        record[name] = value;
        record
    }

    #[test]
    fn a_repetition_is_known_whatever_its_order_types_and_unset_fields() {
        let key = of(&record()).key;
        let services = json!([{"cost": 200, "id": "2"}, {"cost": "100", "id": 1}]);
        for same in [record(), with("services", services), with("sms_now", json!(1)), with("staff_id", json!("501"))] {
            assert_eq!(of(&same).key, key, "{same}");
        }
    }

    #[test]
    fn a_change_is_another_event() {
        let key = of(&record()).key;
        for (name, value) in [
            ("attendance", json!(1)),
            ("date", json!("2026-12-01 15:00:00")),
            ("services", json!([{"id": 1, "cost": 100}])),
            ("client", json!(null)),
            ("deleted", json!(true)),
            ("last_change_date", json!("2026-11-25T10:00:06+0300")),
        ] {
            assert_ne!(of(&with(name, value.clone())).key, key, "{name}: {value}");
        }
        let salon = SalonId::try_from(78).unwrap();
        assert_ne!(sameness(salon, &DataResource::Record, Some(1), &DataStatus::Update, &record()).key, key);
        let salon = SalonId::try_from(77).unwrap();
        assert_ne!(sameness(salon, &DataResource::Record, Some(2), &DataStatus::Update, &record()).key, key);
        assert_ne!(sameness(salon, &DataResource::Client, Some(1), &DataStatus::Update, &record()).key, key);
        assert_ne!(sameness(salon, &DataResource::Record, Some(1), &DataStatus::Delete, &record()).key, key);
    }

    #[test]
    fn without_a_date_the_same_values_count_as_a_repetition_for_minutes_only() {
        assert_eq!(of(&record()).seconds, DATED_SECONDS);
        for undated in [with("last_change_date", json!("")), with("last_change_date", json!(null)), json!(null), json!([])] {
            assert_eq!(of(&undated).seconds, UNDATED_SECONDS, "{undated}");
        }
    }
}
