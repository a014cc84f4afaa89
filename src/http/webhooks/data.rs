//! Data webhooks of YClients: the address is the credential. Nothing of it is logged: the route's pattern stands for it everywhere.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use frontdesk_actors::ids::{CompanyId, SalonId};
use frontdesk_actors::records::{Appended, DataEvent, DataResource, DataStatus, WebhookDoor};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::body::{objects, storable, text};
use super::sameness::sameness;
use crate::auth::TokenError;
use crate::http::error::ApiError;
use crate::http::extract::{ClientIp, malformed_json, read_body};
use crate::http::{HttpState, MAX_WEBHOOK};

/// Larger bodies are stored without their content: the store's values are small, and an event is only a hint to read the thing itself.
const MAX_STORED_BYTES: usize = 40 * 1024;

/// Our secrets have 64 characters; longer texts are not even hashed.
const MAX_SECRET_BYTES: usize = 256;

/// Stands for the hash of a secret where there is none: no text has it.
const NO_HASH: &str = "";

/// Who sends, when the secret is right.
struct Sender {
    company: CompanyId,
    salon: SalonId,
    /// Names the secret in what is stored.
    mark: String,
}

/// `POST /webhook/yclients/data/{salon_id}/{secret}`. A 2xx means that every event is stored, or was before.
pub async fn data(
    State(state): State<HttpState>,
    ClientIp(client): ClientIp,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    let sender = match sender(&state, path.ok()).await? {
        Some(sender) => sender,
        None => {
            // Only guessing costs: YClients sends for all salons from a few addresses.
            state.limits.public(client)?;
            return Err(wrong_address());
        }
    };
    let body = read_body(request, MAX_WEBHOOK, &state).await?;
    let events = objects(serde_json::from_slice(&body).map_err(|_| malformed_json())?)?;
    let events = events.into_iter().map(|event| read(event, &sender)).collect::<Result<Vec<_>, _>>()?;
    state.limits.salon_webhooks(sender.salon, events.len())?;
    let received = events.len();
    let mut repeated = 0;
    for (event, body) in events {
        match state.fleet.accept_data(sender.company, sender.salon, event, body).await? {
            Appended::Stored(_) => {}
            Appended::Repeated => repeated += 1,
        }
    }
    Ok(Json(json!({"success": true, "received": true, "events": received, "repeated": repeated})))
}

/// `None` for whatever is not an address of ours, without telling what is wrong with it.
async fn sender(state: &HttpState, path: Option<Path<(String, String)>>) -> Result<Option<Sender>, ApiError> {
    let Some(Path((salon, secret))) = path else { return Ok(None) };
    let Ok(salon) = salon.parse::<SalonId>() else { return Ok(None) };
    if secret.len() > MAX_SECRET_BYTES {
        return Ok(None);
    }
    let door = state.fleet.webhook_door(salon).await?;
    let presented = hex::encode(Sha256::digest(secret.as_bytes()));
    let good = opens(door.as_ref(), &presented);
    let sender = |door: WebhookDoor| Sender { company: door.company_id, salon, mark: presented[..16].to_owned() };
    Ok(door.filter(|_| good).map(sender))
}

/// Takes the same time whether there is a door or not.
fn opens(door: Option<&WebhookDoor>, presented: &str) -> bool {
    let secrets = door.map(|door| [&door.newest, &door.previous]);
    let hashes = secrets.map_or([NO_HASH; 2], |secrets| secrets.map(|hash| hash.as_deref().unwrap_or(NO_HASH)));
    let matches = hashes.map(|hash| bool::from(hash.as_bytes().ct_eq(presented.as_bytes())));
    matches[0] | matches[1]
}

fn wrong_address() -> ApiError {
    let message = "This webhook address is not, or no longer, valid. Take the present one from the integration and enter it at YClients.";
    ApiError::from(TokenError::Invalid).reworded("AUTH_INVALID", message)
}

fn read(event: Map<String, Value>, sender: &Sender) -> Result<(DataEvent, Value), ApiError> {
    let company = event.get("company_id").and_then(text).and_then(|company| company.parse::<SalonId>().ok());
    if company != Some(sender.salon) {
        let message = "company_id must be the salon of this webhook address. Nothing was stored.";
        return Err(ApiError::new(StatusCode::FORBIDDEN, "COMPANY_MISMATCH", message));
    }
    let word = |name| event.get(name).and_then(text).unwrap_or_default();
    let (resource, status) = (DataResource::parse(&word("resource")), DataStatus::parse(&word("status")));
    let resource_id = event.get("resource_id").and_then(text).and_then(|id| id.parse().ok());
    let data = event.get("data").unwrap_or(&Value::Null);
    let sameness = sameness(sender.salon, &resource, resource_id, &status, data);
    let event_read = DataEvent { resource, resource_id, status, sameness, secret_mark: sender.mark.clone() };
    Ok((event_read, storable(Value::Object(event), MAX_STORED_BYTES)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender() -> Sender {
        Sender { company: CompanyId::try_from(1).unwrap(), salon: SalonId::try_from(77).unwrap(), mark: "m".to_owned() }
    }

    fn event(value: Value) -> Result<DataEvent, ApiError> {
        let mut events = objects(value)?;
        read(events.remove(0), &sender()).map(|(event, _)| event)
    }

    #[test]
    fn loose_types_old_words_and_unknown_ones_are_read() {
        for (body, resource, id, status) in [
            (
                json!({"company_id": 77, "resource": "record", "resource_id": 5, "status": "update"}),
                DataResource::Record,
                Some(5),
                DataStatus::Update,
            ),
            (
                json!({"company_id": "77", "resource": "Record", "resource_id": "5", "status": "EDIT"}),
                DataResource::Record,
                Some(5),
                DataStatus::Update,
            ),
            (
                json!([{"company_id": 77, "resource": "master", "resource_id": 5, "status": "delete"}]),
                DataResource::Staff,
                Some(5),
                DataStatus::Delete,
            ),
            (
                json!({"company_id": 77, "resource": "goods_operations_sale"}),
                DataResource::GoodsOperation,
                None,
                DataStatus::Other(String::new()),
            ),
            (
                json!({"company_id": 77, "resource": {"a": 1}, "resource_id": -1}),
                DataResource::Other(String::new()),
                None,
                DataStatus::Other(String::new()),
            ),
        ] {
            let read = event(body.clone()).unwrap();
            assert_eq!((read.resource, read.resource_id, read.status), (resource, id, status), "{body}");
        }
    }

    #[test]
    fn an_event_of_another_salon_or_of_none_is_refused() {
        for company in [json!(78), json!(null), json!(""), json!([77]), json!(77.5), json!(-77)] {
            assert!(event(json!({"company_id": company, "resource": "record"})).is_err(), "{company}");
        }
        assert!(event(json!({"salon_id": 77})).is_err());
    }

    #[test]
    fn a_door_opens_for_its_two_secrets_and_for_nothing_else() {
        let door = |newest: Option<&str>, previous: Option<&str>| {
            let company_id = CompanyId::try_from(1).unwrap();
            WebhookDoor { company_id, newest: newest.map(str::to_owned), previous: previous.map(str::to_owned) }
        };
        let (a, b) = ("a".repeat(64), "b".repeat(64));
        assert!(opens(Some(&door(Some(&a), None)), &a) && opens(Some(&door(Some(&b), Some(&a))), &a));
        assert!(!opens(Some(&door(Some(&a), None)), &b) && !opens(Some(&door(None, None)), &a) && !opens(None, &a));
        assert!(!opens(Some(&door(Some(&a), None)), &a[..63]));
    }
}
