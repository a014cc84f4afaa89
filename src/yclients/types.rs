//! What YClients sends, read tolerantly: numbers as strings, `[]` for objects, absent keys, unknown words.

use frontdesk_actors::ids::Phone;
use frontdesk_actors::ports::{Installation, SalonInfo};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Salon descriptions with HTML can be long; the store keeps at most this much of one.
const MAX_RAW_SALON_BYTES: usize = 32 * 1024;

/// A salon's or owner's name, e-mail or address is cut to this many characters: nobody's real one is longer, and a record must stay small.
const MAX_TEXT_CHARS: usize = 300;

/// The text without blanks around it, cut to a sane length. `None` when nothing is left.
pub(super) fn sane(text: &str) -> Option<String> {
    let text: String = text.trim().chars().take(MAX_TEXT_CHARS).collect();
    (!text.is_empty()).then_some(text)
}

/// `user_data` of the redirect.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct OwnerData {
    #[serde(deserialize_with = "lenient_u64")]
    pub id: Option<u64>,
    #[serde(deserialize_with = "lenient_u64")]
    pub user_id: Option<u64>,
    #[serde(deserialize_with = "lenient_text")]
    pub name: Option<String>,
    #[serde(deserialize_with = "lenient_text")]
    pub phone: Option<String>,
    #[serde(deserialize_with = "lenient_text")]
    pub email: Option<String>,
    #[serde(deserialize_with = "lenient_text")]
    pub salon_name: Option<String>,
}

fn lenient_u64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    })
}

fn lenient_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(text_of(&Value::deserialize(deserializer)?))
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// `data.connection_status.status` of the status endpoint; anything unreadable is `Unknown`, never active.
pub(super) fn installation(body: &Value) -> Installation {
    let status = body.pointer("/data/connection_status/status").or_else(|| body.pointer("/connection_status/status"));
    match status.and_then(Value::as_str) {
        Some("pending") => Installation::Pending,
        Some("active") => Installation::Active,
        Some("freezed" | "frozen") => Installation::Frozen,
        Some("uninstalled") => Installation::NotInstalled,
        Some(_) | None => Installation::Unknown,
    }
}

/// A salon from `companies?id=` (a list, or one object, or wrapped in `data`).
pub(super) fn salon(body: Value) -> Option<SalonInfo> {
    let data = match body {
        Value::Object(mut object) if object.contains_key("data") => object.remove("data").unwrap_or(Value::Null),
        other => other,
    };
    let salon = match data {
        Value::Array(list) => list.into_iter().next()?,
        other => other,
    };
    if !salon.is_object() {
        return None;
    }
    let field = |name: &str| salon.get(name).and_then(text_of).and_then(|text| sane(&text));
    Some(SalonInfo {
        title: field("title"),
        timezone: field("timezone_name"),
        phone: field("phone").and_then(|phone| phone.parse::<Phone>().ok()),
        address: field("address"),
        raw: bounded(&salon),
    })
}

/// The salon untouched, unless it is too long to keep: then without the long texts.
fn bounded(salon: &Value) -> Value {
    if salon.to_string().len() <= MAX_RAW_SALON_BYTES {
        return salon.clone();
    }
    let short = |value: &Value| value.to_string().len() <= 512;
    let kept = salon.as_object().into_iter().flatten().filter(|(_, value)| short(value));
    Value::Object(kept.take(40).map(|(key, value)| (key.clone(), value.clone())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn every_spelling_of_a_status_is_understood_and_the_unknown_is_never_active() {
        let read = |status: Value| installation(&json!({"success": true, "data": {"connection_status": {"status": status}}}));
        assert_eq!(read(json!("pending")), Installation::Pending);
        assert_eq!(read(json!("active")), Installation::Active);
        assert_eq!(read(json!("freezed")), Installation::Frozen);
        assert_eq!(read(json!("frozen")), Installation::Frozen);
        assert_eq!(read(json!("uninstalled")), Installation::NotInstalled);
        for odd in [json!("Active!"), json!(1), json!(null), json!([])] {
            assert_eq!(read(odd), Installation::Unknown);
        }
        assert_eq!(installation(&json!({"data": {"connection_status": []}})), Installation::Unknown);
    }

    #[test]
    fn a_salon_is_read_from_a_list_an_object_or_a_wrapped_one() {
        let salon_json = json!({"id": "16", "title": "Ромашка", "timezone_name": "Asia/Omsk", "phone": 79161234567_u64, "address": ""});
        for body in [json!([salon_json]), json!({"success": true, "data": [salon_json]}), json!({"data": salon_json}), salon_json.clone()] {
            let info = salon(body).expect("a salon");
            assert_eq!(info.title.as_deref(), Some("Ромашка"));
            assert_eq!(info.timezone.as_deref(), Some("Asia/Omsk"));
            assert_eq!(info.phone.map(|phone| phone.e164()).as_deref(), Some("+79161234567"));
            assert_eq!(info.address, None);
        }
        assert_eq!(salon(json!({"data": []})), None);
        assert_eq!(salon(json!(null)), None);
    }

    #[test]
    fn an_endless_description_is_cut_before_it_is_kept() {
        let info = salon(json!({"title": "x", "description": "я".repeat(100_000)})).expect("a salon");
        assert!(info.raw.to_string().len() < 2_000);
    }

    proptest! {
        #[test]
        fn no_body_makes_the_readers_panic(text in "\\PC{0,400}") {
            if let Ok(value) = serde_json::from_str::<Value>(&text) {
                let _ = installation(&value);
                let _ = salon(value);
            }
            let _ = serde_json::from_str::<OwnerData>(&text);
        }
    }
}
