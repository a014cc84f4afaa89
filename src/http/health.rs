//! Health for load balancers and people; the ops listener's probes and metrics.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{FromRequestParts as _, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{SecondsFormat, Utc};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::HttpState;
use super::admin::{Viewer, is_anonymous};
use super::control::ControlState;
use super::error::ApiError;
use super::liveness::Liveness;
use super::loglevel::LogLevel;
use super::readiness::{Phase, Readiness};

/// What the ops listener shows.
#[derive(Clone)]
pub struct OpsState {
    /// Renders all metrics in Prometheus' text format.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// Should this process get traffic?
    pub readiness: Readiness,
    /// Does its inside still answer?
    pub liveness: Liveness,
    /// How much is logged.
    pub levels: Arc<dyn LogLevel>,
    /// For the command line; `None` until the store is open.
    pub control: watch::Receiver<Option<ControlState>>,
}

/// `GET /health` and `/marketplace/health`. With an operator's key the overview is in it; a wrong key changes nothing.
pub async fn health(State(state): State<HttpState>, mut parts: Parts) -> Result<Json<Value>, ApiError> {
    let phase = state.readiness.phase();
    let (code, message) = match phase {
        Phase::Ready => {
            let now = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
            let mut answer = json!({"success": true, "status": phase.name(), "timestamp": now});
            if let Some(details) = details(&state, &mut parts).await {
                answer["details"] = details;
            }
            return Ok(Json(answer));
        }
        Phase::Starting => ("STARTING", "The server is starting. Try again in a few seconds."),
        Phase::Draining => ("DRAINING", "The server is stopping. Another one takes over, or it comes back."),
        Phase::StoreFailed => ("STORE_UNAVAILABLE", "Nothing can be stored. An operator must look at the disk and the log."),
    };
    Err(ApiError::unavailable(code, message, Duration::from_secs(5)).detail("status", phase.name()))
}

/// The fleet at a glance, for operators.
async fn details(state: &HttpState, parts: &mut Parts) -> Option<Value> {
    if is_anonymous(&parts.headers, state) {
        return None; // probes come often, and count against nobody
    }
    Viewer::from_request_parts(parts, state).await.ok()?;
    super::glance(state).await
}

/// `GET /metrics`.
pub async fn metrics(State(state): State<OpsState>) -> Response {
    let text = (state.metrics)();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

/// `GET /livez`: the process answers, and so does its inside. A supervisor restarts it when it does not.
pub async fn livez(State(state): State<OpsState>) -> Response {
    match state.liveness.stuck() {
        None => "ok\n".into_response(),
        Some(silent) => {
            let words = format!("stuck: the inside has not answered for {} s; restart the server\n", silent.as_secs());
            (StatusCode::SERVICE_UNAVAILABLE, words).into_response()
        }
    }
}

/// `GET /readyz`.
pub async fn readyz(State(state): State<OpsState>) -> Response {
    let phase = state.readiness.phase();
    let status = if phase == Phase::Ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, format!("{}\n", phase.name())).into_response()
}
