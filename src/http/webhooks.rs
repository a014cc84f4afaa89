//! Webhooks: authenticated, stored durably, answered. What they mean is the company's business.
//!
//! Here: the lifecycle webhooks of YClients, authenticated by the partner token in the body. [`data`]: changes of a salon's data, authenticated by the
//! secret in the address. [`legacy`]: whatever comes to a company's old address.

mod body;
mod data;
mod legacy;
mod sameness;

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Request, State};
use frontdesk_actors::ids::SalonId;
use frontdesk_actors::records::LifecycleEvent;
use serde_json::{Map, Value, json};

pub use data::data;
pub use legacy::legacy;

use body::{objects, storable, text};

use super::error::ApiError;
use super::extract::{ClientIp, malformed_json, read_body};
use super::{HttpState, MAX_WEBHOOK};
use crate::auth::TokenError;

/// Names of unknown events are cut to this many characters.
const MAX_EVENT_NAME: usize = 64;

/// Larger bodies are stored without their content: a lifecycle event has a handful of fields, and the store's values are small.
const MAX_STORED_BYTES: usize = 16 * 1024;

/// One event of a body, authenticated and read.
#[derive(Debug, PartialEq)]
struct Lifecycle {
    salon: SalonId,
    event: LifecycleEvent,
    body: Value,
}

/// `POST /webhook/yclients` and `/callback/yclients`. A 2xx means that every event which names a salon is stored; one that names none is good for
/// nothing and doesn't hold up the others.
pub async fn lifecycle(State(state): State<HttpState>, ClientIp(client): ClientIp, request: Request) -> Result<Json<Value>, ApiError> {
    state.limits.webhook(client)?;
    let body = read_body(request, MAX_WEBHOOK, &state).await?;
    let events = objects(serde_json::from_slice(&body).map_err(|_| malformed_json())?)?;
    for event in &events {
        authenticate(&state, event)?;
    }
    let ours = |event: &Map<String, Value>| is_ours(event, state.settings.application_id);
    let (ours, foreign): (Vec<_>, Vec<_>) = events.into_iter().partition(ours);
    if ours.is_empty() {
        return Ok(Json(json!({"success": true, "skipped": "different_application"})));
    }
    let sent = ours.len();
    let (accepted, unreadable) = readable(ours)?;
    let mut per_salon: BTreeMap<SalonId, usize> = BTreeMap::new();
    for event in &accepted {
        *per_salon.entry(event.salon).or_default() += 1;
    }
    for (salon, count) in per_salon {
        state.limits.salon_webhooks(salon, count)?;
    }
    for event in accepted {
        state.fleet.accept_webhook(event.salon, event.event, event.body).await?;
    }
    let mut answer = json!({"success": true, "received": true, "events": sent - unreadable, "skipped_events": foreign.len()});
    if unreadable > 0 {
        answer["unreadable_events"] = unreadable.into();
    }
    Ok(Json(answer))
}

/// The events that can be read, and how many can't. An error when none can.
fn readable(events: Vec<Map<String, Value>>) -> Result<(Vec<Lifecycle>, usize), ApiError> {
    let mut first_error = None;
    let sent = events.len();
    let mut keep = |read: Result<Lifecycle, ApiError>| read.map_err(|error| first_error.get_or_insert(error).code()).ok();
    let readable: Vec<Lifecycle> = events.into_iter().filter_map(|event| keep(read(event))).collect();
    match first_error {
        Some(error) if readable.is_empty() => Err(error),
        Some(_) | None => {
            let unreadable = sent - readable.len();
            Ok((readable, unreadable))
        }
    }
}

fn authenticate(state: &HttpState, event: &Map<String, Value>) -> Result<(), ApiError> {
    let message = "The partner token is missing or wrong. Send it in the body as partner_token.";
    let refused = |code| ApiError::from(TokenError::Invalid).reworded(code, message);
    match event.get("partner_token").and_then(text) {
        None => Err(refused("AUTH_REQUIRED")),
        Some(token) if state.marketplace.is_partner_token(&token) => Ok(()),
        Some(_) => Err(refused("AUTH_INVALID")),
    }
}

/// Without a number there, or without one configured here, it is for us.
fn is_ours(event: &Map<String, Value>, application_id: Option<u64>) -> bool {
    match (event.get("application_id").and_then(text), application_id) {
        (Some(given), Some(ours)) => given.parse() == Ok(ours),
        (_, None) | (None, _) => true,
    }
}

fn read(event: Map<String, Value>) -> Result<Lifecycle, ApiError> {
    let salon = event
        .get("salon_id")
        .and_then(text)
        .and_then(|salon| salon.parse().ok())
        .ok_or_else(|| ApiError::bad_request("INVALID_SALON_ID", "salon_id must be a whole number from 1 to 9007199254740991."))?;
    let name = ["event", "event_type"].iter().find_map(|name| event.get(*name).and_then(text));
    Ok(Lifecycle { salon, event: kind(name.as_deref().unwrap_or("")), body: storable(Value::Object(event), MAX_STORED_BYTES) })
}

fn kind(name: &str) -> LifecycleEvent {
    match name.to_ascii_lowercase().as_str() {
        "uninstall" => LifecycleEvent::Uninstall,
        "freeze" => LifecycleEvent::Freeze,
        _ => LifecycleEvent::Unknown(name.chars().filter(|letter| !letter.is_control()).take(MAX_EVENT_NAME).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(value: Value) -> Result<Lifecycle, ApiError> {
        let mut objects = objects(value)?;
        read(objects.remove(0))
    }

    #[test]
    fn loose_types_are_read() {
        for body in [
            json!({"salon_id": 77, "event": "uninstall"}),
            json!({"salon_id": "77", "event": "uninstall"}),
            json!({"salon_id": " 77 ", "event": null, "event_type": "Uninstall"}),
            json!([{"salon_id": 77, "event": "UNINSTALL", "application_id": "1"}]),
        ] {
            let read = event(body.clone()).unwrap();
            assert_eq!((read.salon.get(), read.event), (77, LifecycleEvent::Uninstall), "{body}");
        }
        assert_eq!(event(json!({"salon_id": 77, "event": "freeze"})).unwrap().event, LifecycleEvent::Freeze);
    }

    #[test]
    fn unknown_events_keep_a_short_harmless_name() {
        let name = |event: Value| match super::tests::event(json!({"salon_id": 1, "event": event})).unwrap().event {
            LifecycleEvent::Unknown(name) => name,
            other => panic!("{other:?}"),
        };
        assert_eq!(name(json!("payment")), "payment");
        assert_eq!(name(json!(null)), "");
        assert_eq!(name(json!({"a": 1})), "");
        assert_eq!(name(json!("a\nb\u{0}c")), "abc");
        assert_eq!(name(json!("ж".repeat(10_000))), "ж".repeat(64));
    }

    #[test]
    fn wild_salons_are_refused() {
        for salon in
            [json!(null), json!(0), json!(-1), json!(1.5), json!("1; drop"), json!([77]), json!({"id": 77}), json!(1e30), json!(true)]
        {
            assert!(event(json!({"salon_id": salon, "event": "freeze"})).is_err(), "{salon}");
        }
        assert!(event(json!({"event": "freeze"})).is_err());
    }

    #[test]
    fn another_application_is_not_ours() {
        let ours = |value: Value| is_ours(value.as_object().unwrap(), Some(9));
        assert!(ours(json!({"application_id": 9})));
        assert!(ours(json!({"application_id": "9"})));
        assert!(ours(json!({})));
        assert!(!ours(json!({"application_id": 10})));
        assert!(!ours(json!({"application_id": "nine"})));
        assert!(is_ours(json!({"application_id": 10}).as_object().unwrap(), None));
    }
}
