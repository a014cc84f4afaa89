//! One company in detail.

mod facts;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use frontdesk_actors::records::IntegrationStatus;
use frontdesk_actors::view::{CompanyView, SessionState};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use self::facts::{EgressFacts, LimitsFacts, LinkFacts, PasskeyFacts, RestartsFacts};
use super::caller::Viewer;
use super::companies::word;
use super::sessions::company;
use crate::http::HttpState;
use crate::http::docs::Refusals;
use crate::http::error::ApiError;
use crate::http::extract::PathSegments;

/// A company in detail.
#[derive(Serialize, ToSchema)]
pub struct CompanyDetail {
    success: bool,
    company: CompanyFacts,
    session: SessionFacts,
    /// Where the activation at YClients stands: `{"status":"active"}`, `{"status":"retrying","next_attempt_at":…}`.
    activation: Value,
    egress: EgressFacts,
    restarts: RestartsFacts,
}

/// What is stored of a company.
#[derive(Serialize, ToSchema)]
pub struct CompanyFacts {
    company_id: u64,
    salon_id: u64,
    session_id: String,
    title: Option<String>,
    phone: Option<String>,
    email: Option<String>,
    address: Option<String>,
    timezone: String,
    #[schema(value_type = String)]
    integration_status: IntegrationStatus,
    whatsapp_phone: Option<String>,
    whatsapp_connected_at: Option<DateTime<Utc>>,
    connected_at: Option<DateTime<Utc>>,
    registered_at: DateTime<Utc>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// How its session is.
#[derive(Serialize, ToSchema)]
pub struct SessionFacts {
    #[schema(value_type = String)]
    state: SessionState,
    since: DateTime<Utc>,
    reason: Option<String>,
    /// When it is tried again by itself.
    retry_at: Option<DateTime<Utc>>,
    /// What a person can do next.
    action: Option<String>,
    /// QR rounds used up without a scan.
    rounds_used: u32,
    /// Number of the present or last link since the server started.
    generation: u64,
    /// A code is being shown.
    has_qr: bool,
    /// A pairing code is being shown.
    has_pairing_code: bool,
    /// The passkey step, while it is under way.
    passkey: Option<PasskeyFacts>,
    limits: LimitsFacts,
    link: LinkFacts,
}

impl From<&CompanyView> for SessionFacts {
    fn from(view: &CompanyView) -> Self {
        let session = &view.session;
        Self {
            state: session.state,
            since: session.since,
            reason: session.reason.as_ref().map(word),
            retry_at: session.retry_at,
            action: session.action.as_ref().map(word),
            rounds_used: session.rounds_used,
            generation: session.generation.get(),
            has_qr: session.qr.is_some(),
            has_pairing_code: session.pairing.is_some(),
            passkey: session.passkey.as_ref().map(PasskeyFacts::from),
            limits: LimitsFacts::from(&session.limits),
            link: LinkFacts::from(&session.link),
        }
    }
}

/// One company: its session, what WhatsApp and its client tell of it, its activation.
#[utoipa::path(get, path = "/companies/{company_id}", tag = "companies", operation_id = "get_company",
    params(("company_id" = u64, Path, description = "Our number of the company.")),
    responses((status = 200, body = CompanyDetail), Refusals), security(("operator_key" = ["viewer"])))]
pub async fn detail(
    Viewer(_): Viewer,
    State(state): State<HttpState>,
    PathSegments(id): PathSegments<u64>,
) -> Result<Json<CompanyDetail>, ApiError> {
    let handle = company(&state, id).await?;
    let record = state.fleet.stored(handle.company_id()).await?;
    let record = record.ok_or_else(|| ApiError::not_found("COMPANY_NOT_FOUND", "There is no company with this number."))?;
    let view = handle.view();
    Ok(Json(CompanyDetail {
        success: true,
        company: CompanyFacts {
            company_id: record.company_id.get(),
            salon_id: record.salon_id.get(),
            session_id: view.session_id().to_string(),
            title: record.title,
            phone: record.phone.map(|phone| phone.e164()),
            email: record.email,
            address: record.address,
            timezone: record.timezone,
            integration_status: view.integration,
            whatsapp_phone: record.whatsapp_phone.map(|phone| phone.e164()),
            whatsapp_connected_at: record.whatsapp_connected_at,
            connected_at: record.connected_at,
            registered_at: record.registered_at,
            created_at: record.created_at,
            updated_at: record.updated_at,
        },
        session: SessionFacts::from(&view),
        activation: json!(view.activation),
        egress: EgressFacts::from(state.admin.ways_out.way_out(view.company_id, view.salon_id)),
        restarts: RestartsFacts::of(&view.restarts, Utc::now()),
    }))
}
