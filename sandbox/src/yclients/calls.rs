//! What the server asked YClients, kept for scripts and the page. Secrets are taken out before anything is kept.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::signing::fingerprint;

/// The oldest calls give way.
const MAX_CALLS: usize = 10_000;
/// Larger bodies are described, not kept.
const MAX_KEPT_BODY: usize = 8 * 1024;
const HIDDEN: &str = "[hidden]";

/// One call.
#[derive(Clone, Debug, Serialize)]
pub struct Call {
    /// Number in the order of arrival; grows for ever.
    pub id: u64,
    /// When it arrived.
    pub at: DateTime<Utc>,
    /// `GET`, `POST`.
    pub method: String,
    /// With the query, without secrets.
    pub path: String,
    /// The salon it is about, when it says so.
    pub salon_id: Option<u64>,
    /// What YClients decided; `null` while undecided, or when a fault kept it from deciding.
    pub status: Option<u16>,
    /// Whether the answer was given to the connection.
    pub answered: bool,
    /// The fault that changed the answer.
    pub fault: Option<&'static str>,
    /// JSON as sent, without secrets; `null` when there was none.
    pub body: Value,
}

/// The last calls.
#[derive(Debug, Default)]
pub struct CallLog {
    calls: VecDeque<Call>,
    total: u64,
}

impl CallLog {
    /// Keeps a call that just arrived and gives it its number.
    pub fn arrived(&mut self, method: &str, path: &str, salon_id: Option<u64>, body: &[u8]) -> u64 {
        if self.calls.len() >= MAX_CALLS {
            self.calls.pop_front();
        }
        self.total += 1;
        self.calls.push_back(Call {
            id: self.total,
            at: Utc::now(),
            method: method.into(),
            path: hide_in_path(path),
            salon_id,
            status: None,
            answered: false,
            fault: None,
            body: kept_body(body),
        });
        self.total
    }

    /// Changes a call that is still kept.
    pub fn update(&mut self, id: u64, change: impl FnOnce(&mut Call)) {
        // Numbers are consecutive, so the place follows from the oldest one.
        let oldest = self.calls.front().map_or(0, |call| call.id);
        let place = id.checked_sub(oldest).and_then(|place| usize::try_from(place).ok());
        if let Some(call) = place.and_then(|place| self.calls.get_mut(place)) {
            change(call);
        }
    }

    /// The calls about one salon, or all, oldest first; `after` skips what was seen already.
    pub fn list(&self, salon_id: Option<u64>, after: u64) -> Vec<Call> {
        let wanted = |call: &&Call| call.id > after && (salon_id.is_none() || call.salon_id == salon_id);
        self.calls.iter().filter(wanted).cloned().collect()
    }

    /// How many there ever were.
    pub fn total(&self) -> u64 {
        self.total
    }
}

fn kept_body(body: &[u8]) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    if body.len() > MAX_KEPT_BODY {
        return json!(format!("[{} bytes]", body.len()));
    }
    match serde_json::from_slice(body) {
        Ok(value) => hide_in_value(value),
        Err(_) => json!(format!("[{} bytes, not JSON]", body.len())),
    }
}

/// Takes secrets out of a body; of the api key a fingerprint stays, so that a test can compare two.
fn hide_in_value(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(fields.into_iter().map(hide_in_field).collect::<Map<_, _>>()),
        Value::Array(items) => Value::Array(items.into_iter().map(hide_in_value).collect()),
        other => other,
    }
}

fn hide_in_field((name, value): (String, Value)) -> (String, Value) {
    match (name.as_str(), &value) {
        ("api_key", Value::String(key)) => ("api_key_sha256".into(), json!(fingerprint(key))),
        ("webhook_urls", Value::Array(urls)) => {
            let hidden = urls.iter().map(|url| url.as_str().map_or(json!(HIDDEN), |url| json!(hide_in_url(url))));
            (name, hidden.collect())
        }
        ("webhook_urls", _) => (name, json!(HIDDEN)),
        _ if is_secret(&name) => (name, json!(HIDDEN)),
        _ => (name, hide_in_value(value)),
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["token", "secret", "password", "api_key", "sign", "authorization"].iter().any(|part| name.contains(part))
}

/// A webhook URL carries its secret in the last segment.
pub fn hide_in_url(url: &str) -> String {
    let bare = url.split(['?', '#']).next().unwrap_or_default();
    match bare.rsplit_once('/') {
        Some((head, last)) if !last.is_empty() && !head.ends_with('/') => {
            format!("{head}/{HIDDEN}")
        }
        _ => HIDDEN.into(),
    }
}

fn hide_in_path(path: &str) -> String {
    let path: String = path.chars().take(2_000).collect();
    let Some((bare, query)) = path.split_once('?') else {
        return path;
    };
    let fields = query.split('&').map(|field| match field.split_once('=') {
        Some((name, _)) if is_secret(name) => format!("{name}={HIDDEN}"),
        _ => field.to_owned(),
    });
    format!("{bare}?{}", fields.collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_never_enter_the_log() {
        let mut log = CallLog::default();
        let body = json!({
            "salon_id": 7,
            "api_key": "very-secret-key",
            "webhook_urls": ["http://127.0.0.1:3000/webhook/yclients/data/7/very-secret-part"],
            "nested": [{"partner_token": "very-secret-token"}],
        });
        log.arrived("POST", "/x?sign=very-secret-sign&id=7", Some(7), body.to_string().as_bytes());
        let kept = serde_json::to_string(&log.list(None, 0)).unwrap();
        assert!(!kept.contains("very-secret"), "{kept}");
        assert!(kept.contains(&fingerprint("very-secret-key")));
        assert!(kept.contains("/webhook/yclients/data/7/[hidden]") && kept.contains("id=7"));
    }

    #[test]
    fn the_log_is_bounded_and_updates_find_their_call() {
        let mut log = CallLog::default();
        for _ in 0..MAX_CALLS + 5 {
            log.arrived("GET", "/", None, b"");
        }
        log.update(3, |_| panic!("gone already"));
        log.update(log.total(), |call| call.status = Some(200));
        let kept = log.list(None, 0);
        assert_eq!((kept.len(), kept.last().unwrap().status), (MAX_CALLS, Some(200)));
        assert_eq!(log.list(None, log.total() - 1).len(), 1);
    }
}
