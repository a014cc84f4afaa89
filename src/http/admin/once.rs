//! What must not happen twice: the caller names the request (`Idempotency-Key`), and a repeat with the same name gets the first answer.
//!
//! ```text
//! claim, durable ─┬─ yours ────▶ do it ─┬─ done, or unclear ─▶ answer stored, durable ─▶ answer
//!                 │                     └─ certainly not ────▶ claim given back ───────▶ answer
//!                 ├─ answered ─▶ the same answer again
//!                 ├─ running ──▶ 409 IN_PROGRESS
//!                 ├─ unknown ──▶ 409 OUTCOME_UNKNOWN: the server ended in between
//!                 └─ mismatch ─▶ 422 IDEMPOTENCY_MISMATCH
//! ```

use std::future::Future;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{TimeDelta, Utc};
use frontdesk_actors::operators::{OnceAnswer, OnceClaim, OnceRequest};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::AdminState;
use super::caller::Caller;
use super::change::{Change, stored};
use crate::http::HttpState;
use crate::http::error::ApiError;

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");

/// Longest name.
const MAX_NAME: usize = 128;

/// A name is remembered this long.
const REMEMBERED: TimeDelta = TimeDelta::hours(24);

/// The name its caller gave a request.
pub struct OnceName(String);

impl FromRequestParts<HttpState> for OnceName {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, _: &HttpState) -> Result<Self, ApiError> {
        let mut values = parts.headers.get_all(HEADER).iter();
        let name = match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok().map(str::trim).filter(|name| (1..=MAX_NAME).contains(&name.len())),
            _ => None,
        };
        name.map(|name| Self(name.to_owned())).ok_or_else(|| {
            let message = "This must not happen twice: send a header Idempotency-Key of 1 to 128 characters, new for each new wish and the same for a repeat.";
            ApiError::bad_request("IDEMPOTENCY_KEY_REQUIRED", message)
        })
    }
}

/// An answer, new or repeated.
pub struct OnceReply(OnceAnswer);

impl IntoResponse for OnceReply {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::OK);
        (status, [(header::CONTENT_TYPE, "application/json")], self.0.body.to_string()).into_response()
    }
}

impl AdminState {
    /// Makes a change that must not happen twice. `asked` is everything the request says, so that a different wish under the same name is noticed.
    pub async fn once<T: Serialize + Send + 'static>(
        &self,
        caller: &Caller,
        name: OnceName,
        asked: &impl Serialize,
        change: Change,
        work: impl Future<Output = Result<(T, Value), ApiError>> + Send + 'static,
    ) -> Result<OnceReply, ApiError> {
        let request = self.request(caller, &name, asked, &change);
        let (records, caller, admin) = (self.records.clone(), caller.clone(), self.clone());
        self.to_the_end(async move {
            let id = request.name;
            match records.claim_once(request, Utc::now() + REMEMBERED).await.map_err(stored)? {
                OnceClaim::Yours => {}
                OnceClaim::Answered(answer) => return Ok(OnceReply(answer)),
                other => return Err(refusal(&other)),
            }
            let result = admin.change(&caller, change, work).await;
            let answer = match &result {
                Ok(answer) => Some(OnceAnswer { status: 200, body: json!(answer) }),
                Err(error) if error.is_unclear() => {
                    Some(OnceAnswer { status: error.status().as_u16(), body: error.body(&caller.request_id) })
                }
                Err(_) => None,
            };
            if let Err(error) = records.answer_once(id, answer.clone()).await {
                tracing::error!(%error, "the answer to a once-only request could not be stored: a repeat is refused until tomorrow");
            }
            match (result, answer) {
                (Ok(_), Some(answer)) => Ok(OnceReply(answer)),
                (Err(error), _) => Err(error),
                (Ok(_), None) => unreachable!("what worked has an answer"),
            }
        })
        .await
    }

    fn request(&self, caller: &Caller, name: &OnceName, asked: &impl Serialize, change: &Change) -> OnceRequest {
        let who = caller.operator.key.map_or(0, |key| key.0);
        let asked = json!([change.action(), asked]).to_string();
        OnceRequest {
            name: Sha256::digest(format!("{who}\n{}", name.0)).into(),
            fingerprint: hex::encode(Sha256::digest(asked)),
            life: self.life,
        }
    }
}

fn refusal(claim: &OnceClaim) -> ApiError {
    match claim {
        OnceClaim::Running => {
            ApiError::conflict("IN_PROGRESS", "This request is being carried out. Repeat it in a few seconds to see its answer.")
        }
        OnceClaim::Mismatch => {
            let message = "This Idempotency-Key was used for another request. Take a new one for a new wish.";
            ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "IDEMPOTENCY_MISMATCH", message)
        }
        OnceClaim::Unknown | OnceClaim::Yours | OnceClaim::Answered(_) => {
            let message = "The server ended while it carried this out: look at YClients whether it happened, then send it with a new Idempotency-Key if it did not.";
            ApiError::conflict("OUTCOME_UNKNOWN", message)
        }
    }
}
