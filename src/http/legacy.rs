//! Routes that the predecessor's clients know, with their field names: a code as a picture, a company's status, the callback after the scan.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::request::Parts;
use chrono::Utc;
use frontdesk_actors::ids::{CompanyId, SalonId};
use frontdesk_actors::view::ActivationView;
use serde_json::{Value, json};

use super::HttpState;
use super::error::ApiError;
use super::extract::{ClientIp, Holder, JsonBody, presented_key};
use super::marketplace::{fresh_qr, rfc3339, seconds_left, words_of};
use crate::auth::TokenError;
use crate::web;

/// `GET /marketplace/qr/{token}`. Kept for old clients; the token is never logged, as no path is.
pub async fn qr(
    State(state): State<HttpState>,
    ClientIp(client): ClientIp,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, ApiError> {
    let token = path.as_ref().map(|Path(token)| token.as_str()).map_err(|_| TokenError::Invalid);
    let holder = Holder::of(token, client, &state).await?;
    let (qr, _) = fresh_qr(&state, &holder.company).await?;
    Ok(Json(json!({"success": true, "qr": web::qr_png_data_url(qr.text.expose()), "expires_in": seconds_left(&qr)})))
}

/// `GET /marketplace/status/{company_id}`: for who holds a page token or the key of this company, or an operator's key.
pub async fn status(
    State(state): State<HttpState>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    let company: Option<CompanyId> = path.ok().and_then(|Path(company)| company.parse().ok());
    let company = company.ok_or_else(|| {
        ApiError::bad_request(
            "INVALID_COMPANY_ID",
            "The company id is a whole number, as register answered it. It is not the salon's number.",
        )
    })?;
    let (parts, _) = request.into_parts();
    may_read(&state, &parts, company).await?;
    let Some(handle) = state.fleet.company(company).await? else { return Err(ApiError::no_company()) };
    let view = handle.view();
    Ok(Json(json!({
        "success": true,
        "company_id": view.company_id,
        "whatsapp_connected": view.connected(),
        "whatsapp_phone": view.session.own.as_ref().map(|own| own.phone.e164()),
        "integration_status": view.integration,
        "connected_at": view.connected_at.map(rfc3339),
    })))
}

async fn may_read(state: &HttpState, parts: &Parts, company: CompanyId) -> Result<(), ApiError> {
    let ClientIp(client) = ClientIp::of(parts);
    let Some(key) = presented_key(&parts.headers) else {
        state.limits.public(client)?;
        return Err(TokenError::Missing.into());
    };
    if is_client_key(state, company, &key).await? {
        return Ok(state.limits.keyed(company)?);
    }
    // What never was a token of ours can only be an operator's key. An old key of a company, asked with again and again, is no guess at one.
    if matches!(state.tokens.verify(&key), Err(TokenError::Invalid)) {
        let Some(operator) = state.operators.principal(&key).await else {
            state.limits.public(client)?;
            return Err(TokenError::Invalid.into());
        };
        return Ok(state.limits.operator(operator.key)?);
    }
    let holder = Holder::of(Ok(&key), client, state).await?;
    if holder.principal.company == company { Ok(()) } else { Err(ApiError::foreign_company()) }
}

async fn is_client_key(state: &HttpState, company: CompanyId, key: &str) -> Result<bool, ApiError> {
    let stored = state.fleet.stored(company).await?;
    Ok(stored.is_some_and(|record| record.is_client_key(key)))
}

/// `POST /marketplace/callback` `{salon_id, company_id, api_key, …}`: the scan is done, so activate. Repeats the same activation.
pub async fn callback(
    State(state): State<HttpState>,
    ClientIp(client): ClientIp,
    JsonBody(body): JsonBody<Value>,
) -> Result<Json<Value>, ApiError> {
    let company = number(&body, "company_id").and_then(|id| CompanyId::try_from(id).ok());
    let salon = number(&body, "salon_id").and_then(|id| SalonId::try_from(id).ok());
    let key = body.get("api_key").and_then(Value::as_str).map(str::trim).unwrap_or_default();
    let (Some(company), Some(salon)) = (company, salon) else {
        state.limits.public(client)?;
        let message = "Send salon_id and company_id as whole numbers, as register answered them, and api_key.";
        return Err(ApiError::bad_request("INVALID_BODY", message));
    };
    let stored = state.fleet.stored(company).await?;
    if !stored.is_some_and(|record| record.salon_id == salon && record.is_client_key(key)) {
        state.limits.public(client)?;
        let message = "The api_key is missing, or is not the key of this company and salon. Send the one register answered.";
        return Err(ApiError::from(TokenError::Invalid).reworded("AUTH_INVALID", message));
    }
    state.limits.keyed(company)?;
    let Some(handle) = state.fleet.company(company).await? else { return Err(ApiError::no_company()) };
    let activation = handle.activate().await?;
    let message = words_of(activation)?;
    let sent_at = (activation == ActivationView::Active).then(|| rfc3339(handle.view().connected_at.unwrap_or_else(Utc::now)));
    Ok(Json(json!({"success": true, "message": message, "data": {"callback_sent_at": sent_at}})))
}

/// A number, also one that came as a text.
pub(super) fn number(body: &Value, name: &str) -> Option<u64> {
    match body.get(name)? {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
