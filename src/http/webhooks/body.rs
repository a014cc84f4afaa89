//! Bodies of webhooks: one event or several, in YClients' loose types, and what of them may be stored.

use serde_json::{Map, Value, json};

use crate::http::error::ApiError;

/// Events in one body.
const MAX_EVENTS: usize = 100;

/// Fields whose name contains one of these are never stored.
const SECRET_NAMES: [&str; 7] = ["token", "secret", "key", "password", "passwd", "sign", "authorization"];

/// One object, or an array of them.
pub(super) fn objects(body: Value) -> Result<Vec<Map<String, Value>>, ApiError> {
    let not_objects = || ApiError::bad_request("INVALID_BODY", "Send one event as a JSON object, or an array of at most 100.");
    let values = match body {
        Value::Array(values) if (1..=MAX_EVENTS).contains(&values.len()) => values,
        Value::Object(_) => vec![body],
        Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return Err(not_objects()),
    };
    let object = |value| match value {
        Value::Object(object) => Ok(object),
        Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Err(not_objects()),
    };
    values.into_iter().map(object).collect()
}

/// A text or number as YClients mixes them; anything else, and an empty text, is as good as absent.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The body as it may be stored: without secrets, and without its content when that is longer than `limit` bytes.
pub(super) fn storable(body: Value, limit: usize) -> Value {
    let body = without_secrets(body);
    let bytes = body.to_string().len();
    if bytes <= limit { body } else { json!({"omitted": "too large", "bytes": bytes}) }
}

/// Recursion ends: the JSON parser refuses nesting beyond 128.
fn without_secrets(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            fields.into_iter().filter(|(name, _)| !is_secret(name)).map(|(name, value)| (name, without_secrets(value))).collect()
        }
        Value::Array(values) => values.into_iter().map(without_secrets).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    SECRET_NAMES.iter().any(|secret| name.contains(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_objects_are_events() {
        for body in [json!([]), json!(null), json!("x"), json!(1), json!([1]), json!([[{}]]), json!(vec![json!({}); 101])] {
            assert!(objects(body.clone()).is_err(), "{body}");
        }
        assert_eq!(objects(json!(vec![json!({}); 100])).unwrap().len(), 100);
    }

    #[test]
    fn secrets_are_removed_at_every_depth() {
        let body = json!({
            "salon_id": 77, "partner_token": "T1", "Api_Key": "T2", "user_password": "T3",
            "list": [{"client_secret": "T4", "kept": 1}], "deep": {"deeper": {"SIGN": "T5", "webhookToken": {"x": "T6"}}},
        });
        let stored = storable(body, 16 * 1024).to_string();
        for secret in ["T1", "T2", "T3", "T4", "T5", "T6"] {
            assert!(!stored.contains(secret), "{secret} in {stored}");
        }
        assert!(stored.contains("kept") && stored.contains("salon_id"));
    }

    #[test]
    fn a_huge_body_is_stored_without_its_content() {
        let stored = storable(json!({"note": "x".repeat(500_000)}), 16 * 1024);
        assert_eq!(stored["omitted"], "too large");
    }
}
