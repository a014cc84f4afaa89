//! JSON for the onboarding page and for old clients: QR code, status, activation, and what is configured.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use chrono::{DateTime, SecondsFormat, Utc};
use frontdesk_actors::company::CompanyHandle;
use frontdesk_actors::ids::SessionId;
use frontdesk_actors::view::{ActivationView, CompanyView, QrView, SessionState, SessionView};
use serde::Serialize;
use serde_json::{Value, json};

use super::HttpState;
use super::error::ApiError;
use super::extract::{ClientIp, Holder, JsonBody};
use crate::web;

/// When to ask again for a code that is not there yet.
const QR_RETRY: Duration = Duration::from_secs(5);

/// A code about to end is not worth showing.
const QR_MIN_LEFT: chrono::Duration = chrono::Duration::seconds(1);

/// Answer of `POST /marketplace/api/qr`.
#[derive(Serialize)]
pub struct QrAnswer {
    success: bool,
    qr: String,
    image: String,
    session_id: SessionId,
    expires_in: i64,
    attempt: u32,
}

/// `POST /marketplace/api/qr`: starts the session when needed and waits for a code.
pub async fn qr(State(state): State<HttpState>, holder: Holder) -> Result<Json<QrAnswer>, ApiError> {
    let (qr, session_id) = fresh_qr(&state, &holder.company).await?;
    Ok(Json(QrAnswer {
        success: true,
        image: web::qr_svg_data_url(qr.text.expose()),
        qr: qr.text.expose().to_owned(),
        session_id,
        expires_in: seconds_left(&qr),
        attempt: qr.attempt,
    }))
}

/// A code that can be scanned now. While it waits, the caller counts as a viewer.
pub(super) async fn fresh_qr(state: &HttpState, company: &CompanyHandle) -> Result<(QrView, SessionId), ApiError> {
    let _viewer = company.attach().await?;
    company.request_qr().await?;
    next_qr(company, state.settings.qr_wait).await
}

async fn next_qr(company: &CompanyHandle, patience: Duration) -> Result<(QrView, SessionId), ApiError> {
    let mut views = company.watch();
    let settled = tokio::time::timeout(patience, views.wait_for(|view| outcome(view).is_some())).await;
    let view = match settled {
        Ok(Ok(view)) => view.clone(),
        Ok(Err(_gone)) => return Err(ApiError::unavailable("UNAVAILABLE", "The server is stopping. Try again.", QR_RETRY)),
        Err(_elapsed) => {
            let message = "WhatsApp has not given a code yet. Try again in a few seconds.";
            return Err(ApiError::unavailable("QR_NOT_READY", message, QR_RETRY));
        }
    };
    let qr = outcome(&view).expect("the wait ended with an outcome")?;
    Ok((qr, view.session_id()))
}

/// How long the code can still be scanned.
pub(super) fn seconds_left(qr: &QrView) -> i64 {
    (qr.expires_at - Utc::now()).num_seconds().max(1)
}

/// `None` while a code may still come.
fn outcome(view: &CompanyView) -> Option<Result<QrView, ApiError>> {
    let fresh = |qr: &QrView| qr.expires_at - Utc::now() >= QR_MIN_LEFT;
    if let Some(qr) = view.session.qr.clone().filter(fresh) {
        return Some(Ok(qr));
    }
    match view.session.state {
        SessionState::Online => Some(Err(frontdesk_actors::company::QrError::AlreadyConnected.into())),
        SessionState::Banned | SessionState::Outdated | SessionState::Parked => {
            Some(Err(frontdesk_actors::company::QrError::NotAllowed.into()))
        }
        SessionState::Idle
        | SessionState::Connecting
        | SessionState::AwaitingScan
        | SessionState::AwaitingCode
        | SessionState::AwaitingPasskey
        | SessionState::Pairing
        | SessionState::Backoff
        | SessionState::Deaf
        | SessionState::Replaced
        | SessionState::LoggedOut => None,
    }
}

/// `GET /marketplace/api/status/{session_id}`.
pub async fn status(holder: Holder, path: Result<Path<String>, PathRejection>) -> Result<Json<Value>, ApiError> {
    let session: Option<SessionId> = path.ok().and_then(|Path(text)| text.parse().ok());
    let session = session
        .ok_or_else(|| ApiError::bad_request("INVALID_SESSION_ID", "The session id looks like company_123, with the salon's number."))?;
    if session.salon() != holder.principal.salon {
        return Err(ApiError::foreign_session());
    }
    Ok(Json(status_body(&holder.company.view())))
}

fn status_body(view: &CompanyView) -> Value {
    let session = &view.session;
    json!({
        "success": true,
        "status": old_status(session),
        "connected": view.connected(),
        "session_id": view.session_id(),
        "phoneNumber": session.own.as_ref().map(|own| own.phone.e164()),
        "hasQR": session.qr.is_some(),
        "hasPairingCode": session.pairing.is_some(),
        "state": session.state,
        "since": rfc3339(session.since),
        "reason": session.reason,
        "retryAt": session.retry_at.map(rfc3339),
        "action": session.action,
        "shown": shown_body(session),
        "passkey": session.passkey.as_ref().and_then(|passkey| web::PasskeyWire::of(passkey, Utc::now())),
        "limits": web::LimitsWire::from(&session.limits),
        "link": web::LinkWire::from(session),
        "integration_status": view.integration,
        "activation": activation_body(view.activation),
    })
}

/// As people see it: what the page shows when it has no socket.
fn shown_body(session: &SessionView) -> Value {
    let shown = session.for_people();
    json!({
        "state": shown.state,
        "since": rfc3339(shown.since),
        "reason": shown.reason,
        "retryAt": shown.retry_at.map(rfc3339),
        "action": shown.action,
    })
}

/// The three words the predecessor's clients know.
fn old_status(session: &SessionView) -> &'static str {
    match session.state {
        SessionState::Online => "connected",
        SessionState::Idle if session.own.is_none() => "not_initialized",
        SessionState::Idle
        | SessionState::Connecting
        | SessionState::AwaitingScan
        | SessionState::AwaitingCode
        | SessionState::AwaitingPasskey
        | SessionState::Pairing
        | SessionState::Backoff
        | SessionState::Deaf
        | SessionState::Replaced
        | SessionState::LoggedOut
        | SessionState::Banned
        | SessionState::Outdated
        | SessionState::Parked => "disconnected",
    }
}

fn activation_body(activation: ActivationView) -> Value {
    match activation {
        ActivationView::Waiting => json!({"status": "waiting"}),
        ActivationView::Activating => json!({"status": "activating"}),
        ActivationView::Retrying { next_attempt_at } => {
            json!({"status": "retrying", "nextAttemptAt": rfc3339(next_attempt_at)})
        }
        ActivationView::Active => json!({"status": "active"}),
        ActivationView::Expired { minutes_ago } => json!({"status": "expired", "expired_minutes_ago": minutes_ago}),
        ActivationView::Failed => json!({"status": "failed"}),
    }
}

pub(super) fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// `POST /marketplace/activate` `{token}`.
pub async fn activate(
    State(state): State<HttpState>,
    ClientIp(client): ClientIp,
    JsonBody(body): JsonBody<Value>,
) -> Result<Json<Value>, ApiError> {
    let token = body.get("token").and_then(Value::as_str).map(str::trim).filter(|token| !token.is_empty());
    let Some(token) = token else {
        state.limits.public(client)?;
        return Err(ApiError::bad_request("TOKEN_REQUIRED", "Token required. Send {\"token\": \"…\"} with the onboarding token."));
    };
    let holder = Holder::of(Ok(token), client, &state).await?;
    let activation = holder.company.activate().await?;
    let message = words_of(activation)?;
    let response = (activation == ActivationView::Active).then_some("active");
    Ok(Json(json!({
        "success": true,
        "message": message,
        "company_id": holder.principal.company,
        "salon_id": holder.principal.salon,
        "yclients_response": response,
        "activation": activation_body(activation),
    })))
}

/// Where an activation that was asked for stands, for a person; an error when it can't go on.
pub(super) fn words_of(activation: ActivationView) -> Result<&'static str, ApiError> {
    match activation {
        ActivationView::Activating => Ok("Activation is under way."),
        ActivationView::Retrying { .. } => Ok("YClients did not answer; the activation is repeated by itself."),
        ActivationView::Active => Ok("The integration is active."),
        ActivationView::Waiting => Err(frontdesk_actors::company::ActivateRequestError::NotConnected.into()),
        ActivationView::Expired { minutes_ago } => Err(ApiError::registration_expired(minutes_ago)),
        ActivationView::Failed => {
            let message = "YClients refused the activation. Go back to YClients and press Connect again.";
            Err(ApiError::conflict("ACTIVATION_FAILED", message))
        }
    }
}

/// `GET /marketplace/test`: names what is not configured, never values.
pub async fn test(State(state): State<HttpState>) -> Json<Value> {
    let missing = state.marketplace.missing_settings();
    let ready = missing.is_empty();
    let message = if ready { "The integration is configured." } else { "Set what is missing and restart: see config/default.toml." };
    Json(json!({
        "success": true,
        "status": if ready { "ok" } else { "incomplete" },
        "ready": ready,
        "missing": missing,
        "endpoints": {
            "redirect": "/auth/yclients/redirect",
            "onboarding": "/marketplace/onboarding",
            "activate": "/marketplace/activate",
            "webhook": "/webhook/yclients",
            "socket": "/socket.io/",
            "health": "/health",
        },
        "message": message,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_clients_get_their_three_words() {
        let mut view = SessionView::at_rest(Utc::now());
        assert_eq!(old_status(&view), "not_initialized");
        for state in SessionState::ALL {
            view.state = state;
            let word = old_status(&view);
            assert_eq!(word == "connected", state == SessionState::Online, "{state:?}");
            assert_eq!(word == "not_initialized", state == SessionState::Idle, "{state:?}");
        }
    }
}
