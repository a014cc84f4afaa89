//! Webhooks at a company's old address. Always answered 200: old senders stop for good otherwise. Only with the company's key they count.

use std::net::IpAddr;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::HeaderMap;
use frontdesk_actors::ids::CompanyId;
use serde_json::{Value, json};

use super::body::{storable, text};
use crate::http::error::ApiError;
use crate::http::extract::{ClientIp, presented_key, read_body};
use crate::http::{HttpState, MAX_WEBHOOK};

/// Larger bodies are stored without their content.
const MAX_STORED_BYTES: usize = 16 * 1024;

/// `POST /marketplace/webhook/{company_id}`. With the company's key a 200 means stored: a store that can't do it, no room for the body and too many
/// requests say otherwise.
pub async fn legacy(
    State(state): State<HttpState>,
    ClientIp(client): ClientIp,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    state.limits.webhook(client)?;
    let company = path.ok().and_then(|Path(company)| company.parse().ok());
    let headers = request.headers().clone();
    let body = match read_body(request, MAX_WEBHOOK, &state).await {
        Ok(body) => serde_json::from_slice(&body).ok(),
        Err(error) if error.is_passing() => return Err(error),
        Err(_) => None,
    };
    // What is too large, unreadable or for nobody was never an event.
    if let (Some(company), Some(body)) = (company, body) {
        keep(&state, client, company, &headers, body).await?;
    }
    Ok(Json(json!({"success": true})))
}

async fn keep(state: &HttpState, client: IpAddr, company: CompanyId, headers: &HeaderMap, body: Value) -> Result<(), ApiError> {
    let Some(record) = state.fleet.stored(company).await? else { return Ok(()) };
    let key = presented_key(headers).or_else(|| body.get("api_key").and_then(text));
    let (name, body) = (name(&body), storable(body, MAX_STORED_BYTES));
    if key.is_some_and(|key| record.is_client_key(&key)) {
        state.limits.salon_webhooks(record.salon_id, 1)?;
        state.fleet.accept_legacy(company, record.salon_id, &name, body).await?;
        return Ok(());
    }
    if state.limits.public(client).is_ok() && state.limits.unverified(company).is_ok() {
        let kept = state.fleet.keep_unverified(company, record.salon_id, &name, body).await;
        if let Err(error) = kept {
            tracing::debug!(error = %error, "an unverified webhook is not kept");
        }
    }
    Ok(())
}

fn name(body: &Value) -> String {
    let word = |name: &str| body.get(name).and_then(text);
    match (word("type").or_else(|| word("event")).or_else(|| word("event_type")), word("resource"), word("status")) {
        (Some(name), _, _) => name,
        (None, Some(resource), Some(status)) => format!("{resource}.{status}"),
        (None, resource, _) => resource.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_have_a_name_in_every_dialect() {
        for (body, expected) in [
            (json!({"type": "booking_created", "data": {}}), "booking_created"),
            (json!({"event": "record_updated"}), "record_updated"),
            (json!({"resource": "record", "status": "delete"}), "record.delete"),
            (json!({}), ""),
            (json!([1]), ""),
            (json!(null), ""),
        ] {
            assert_eq!(name(&body), expected, "{body}");
        }
    }
}
