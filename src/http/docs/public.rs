//! The description of the routes for owners' pages, YClients and integrators. Their handlers answer with the predecessor's field names, made by
//! hand; here stands what those answers are. A test asks the server for each of them.

#![expect(dead_code, reason = "only described, never called or made: the handlers are elsewhere")]

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{OpenApi, ToSchema};

use super::Refusals;

/// All of them, for the description.
#[derive(OpenApi)]
#[openapi(
    paths(
        qr,
        status,
        activate,
        old_qr,
        company_status,
        callback,
        lifecycle_webhook,
        lifecycle_callback,
        data_webhook,
        company_webhook,
        test,
        health,
        marketplace_health
    ),
    components(schemas(super::ErrorEnvelope))
)]
pub struct Public;

/// A code to scan.
#[derive(Serialize, ToSchema)]
struct Qr {
    success: bool,
    /// What the code says.
    qr: String,
    /// `data:image/svg+xml;…`
    image: String,
    /// `company_{salon_id}`
    session_id: String,
    /// Seconds until WhatsApp takes it no more.
    expires_in: i64,
    /// 1 for the first code of a round.
    attempt: u32,
}

/// Starts the session when needed and waits up to 15 s for a code.
#[utoipa::path(post, path = "/marketplace/api/qr", tag = "onboarding", responses((status = 200, body = Qr), Refusals), security(("page_token" = [])))]
fn qr() {}

/// How a session is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Status {
    success: bool,
    /// For old clients: `connected`, `disconnected` or `not_initialized`.
    status: String,
    connected: bool,
    #[serde(rename = "session_id")]
    session_id: String,
    phone_number: Option<String>,
    #[serde(rename = "hasQR")]
    has_qr: bool,
    has_pairing_code: bool,
    /// Such as `Online`.
    state: String,
    since: DateTime<Utc>,
    reason: Option<String>,
    retry_at: Option<DateTime<Utc>>,
    action: Option<String>,
    #[serde(rename = "integration_status")]
    integration_status: String,
    /// `{"status": "active"}` and the like.
    activation: Value,
}

/// How the salon's own session is.
#[utoipa::path(get, path = "/marketplace/api/status/{session_id}", tag = "onboarding",
    params(("session_id" = String, Path, description = "`company_{salon_id}` of the token's own salon.")),
    responses((status = 200, body = Status), Refusals), security(("page_token" = [])))]
fn status() {}

/// Who asks for the activation.
#[derive(Deserialize, ToSchema)]
struct ActivateWish {
    /// The page's token.
    token: String,
}

/// Where the activation stands.
#[derive(Serialize, ToSchema)]
struct Activated {
    success: bool,
    message: String,
    company_id: u64,
    salon_id: u64,
    yclients_response: Option<String>,
    activation: Value,
}

/// Asks for the activation at YClients; it happens once, however often it is asked for.
#[utoipa::path(post, path = "/marketplace/activate", tag = "onboarding", request_body = ActivateWish, responses((status = 200, body = Activated), Refusals))]
fn activate() {}

/// A code as a picture.
#[derive(Serialize, ToSchema)]
struct OldQr {
    success: bool,
    /// `data:image/png;base64,…`
    qr: String,
    expires_in: i64,
}

/// A code as a picture, for the predecessor's clients. The token stands in the path; it is never logged.
#[utoipa::path(get, path = "/marketplace/qr/{token}", tag = "predecessor", params(("token" = String, Path, description = "A page token.")),
    responses((status = 200, body = OldQr), Refusals))]
fn old_qr() {}

/// A company for the predecessor's clients.
#[derive(Serialize, ToSchema)]
struct CompanyStatus {
    success: bool,
    company_id: u64,
    whatsapp_connected: bool,
    whatsapp_phone: Option<String>,
    integration_status: String,
    connected_at: Option<DateTime<Utc>>,
}

/// A company's status, for who holds its page token or its key, or an operator's key.
#[utoipa::path(get, path = "/marketplace/status/{company_id}", tag = "predecessor", params(("company_id" = u64, Path, description = "Our number of the company.")),
    responses((status = 200, body = CompanyStatus), Refusals), security(("page_token" = []), ("company_key" = []), ("operator_key" = ["viewer"])))]
fn company_status() {}

/// The scan is done.
#[derive(Deserialize, ToSchema)]
struct CallbackBody {
    salon_id: u64,
    company_id: u64,
    /// The key that `register` answered.
    api_key: String,
}

/// Activation after a callback.
#[derive(Serialize, ToSchema)]
struct CalledBack {
    success: bool,
    message: String,
    data: CallbackData,
}

/// When YClients was told.
#[derive(Serialize, ToSchema)]
struct CallbackData {
    callback_sent_at: Option<DateTime<Utc>>,
}

/// The scan is done: runs or repeats the same activation.
#[utoipa::path(post, path = "/marketplace/callback", tag = "predecessor", request_body = CallbackBody, responses((status = 200, body = CalledBack), Refusals))]
fn callback() {}

/// It is stored.
#[derive(Serialize, ToSchema)]
struct Stored {
    success: bool,
}

/// YClients' lifecycle events (`uninstall`, `freeze`), one or a list of them. A 2xx means: durably stored.
#[utoipa::path(post, path = "/webhook/yclients", tag = "webhooks", request_body = Value, responses((status = 200, body = Stored), Refusals))]
fn lifecycle_webhook() {}

/// The same under its older name.
#[utoipa::path(post, path = "/callback/yclients", tag = "webhooks", request_body = Value, responses((status = 200, body = Stored), Refusals))]
fn lifecycle_callback() {}

/// YClients' events about a salon's data, one or a list of them. A 2xx means: durably stored, now or before.
#[utoipa::path(post, path = "/webhook/yclients/data/{salon_id}/{secret}", tag = "webhooks", request_body = Value,
    params(("salon_id" = u64, Path, description = "YClients' number of the salon."), ("secret" = String, Path, description = "The salon's own secret.")),
    responses((status = 200, body = Stored), Refusals))]
fn data_webhook() {}

/// Whatever a company's old address gets. Acted on only with the company's key.
#[utoipa::path(post, path = "/marketplace/webhook/{company_id}", tag = "predecessor", request_body = Value,
    params(("company_id" = String, Path, description = "Our number of the company.")), responses((status = 200, body = Stored), Refusals))]
fn company_webhook() {}

/// What is configured.
#[derive(Serialize, ToSchema)]
struct TestAnswer {
    success: bool,
    status: String,
    ready: bool,
    /// Names of settings, never values.
    missing: Vec<String>,
    endpoints: std::collections::BTreeMap<String, String>,
    message: String,
}

/// Names what is not configured.
#[utoipa::path(get, path = "/marketplace/test", tag = "health", responses((status = 200, body = TestAnswer), Refusals))]
fn test() {}

/// The server serves.
#[derive(Serialize, ToSchema)]
struct Health {
    success: bool,
    status: String,
    timestamp: DateTime<Utc>,
    /// With an operator's key: the overview of `/admin/api/v1/overview`.
    details: Option<Value>,
}

/// Does the server serve? 503 while it starts, stops, or can't store anything.
#[utoipa::path(get, path = "/health", tag = "health", responses((status = 200, body = Health), Refusals))]
fn health() {}

/// The same under its older name.
#[utoipa::path(get, path = "/marketplace/health", tag = "health", responses((status = 200, body = Health), Refusals))]
fn marketplace_health() {}
