//! What operators do to a company's session. Each is one word to the company's actor, which decides what it means in the present state.

use axum::Json;
use axum::extract::State;
use frontdesk_actors::company::CompanyHandle;
use frontdesk_actors::ids::CompanyId;
use frontdesk_actors::view::CompanyView;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::caller::{Caller, OperatorOnly};
use super::change::Change;
use crate::http::HttpState;
use crate::http::docs::Refusals;
use crate::http::error::ApiError;
use crate::http::extract::PathSegments;
use crate::http::marketplace::{fresh_qr, seconds_left};
use crate::web;

/// How a session is after what was done to it.
#[derive(Serialize, ToSchema)]
pub struct SessionAnswer {
    success: bool,
    company_id: u64,
    session_id: String,
    /// State of the session, such as `Online`.
    #[schema(value_type = String)]
    state: frontdesk_actors::view::SessionState,
    /// State of the integration, such as `active`.
    #[schema(value_type = String)]
    integration_status: frontdesk_actors::records::IntegrationStatus,
}

impl SessionAnswer {
    fn of(view: &CompanyView) -> Self {
        Self {
            success: true,
            company_id: view.company_id.get(),
            session_id: view.session_id().to_string(),
            state: view.session.state,
            integration_status: view.integration,
        }
    }
}

/// A code for a phone.
#[derive(Serialize, ToSchema)]
pub struct QrForHelp {
    success: bool,
    session_id: String,
    /// `data:image/svg+xml;base64,…`
    image: String,
    /// Seconds until WhatsApp takes it no more.
    expires_in: i64,
    /// 1 for the first code of a round.
    attempt: u32,
}

/// The company of this number, its actor started when needed.
pub async fn company(state: &HttpState, id: u64) -> Result<CompanyHandle, ApiError> {
    let id = CompanyId::try_from(id).ok();
    let found = match id {
        Some(id) => state.fleet.company(id).await?,
        None => None,
    };
    found.ok_or_else(|| ApiError::not_found("COMPANY_NOT_FOUND", "There is no company with this number. The list of companies shows them."))
}

/// What the audit log says of a session.
fn shown(view: &CompanyView) -> Value {
    json!({"state": view.session.state, "integration_status": view.integration})
}

/// Does something to a session and answers with how it is then.
async fn act<F>(
    state: &HttpState,
    caller: &Caller,
    id: u64,
    action: &'static str,
    work: impl FnOnce(CompanyHandle) -> F,
) -> Result<Json<SessionAnswer>, ApiError>
where
    F: Future<Output = Result<(), ApiError>> + Send + 'static,
{
    let company = company(state, id).await?;
    let change = Change::of(action).company(company.company_id()).before(shown(&company.view()));
    let work = work(company.clone());
    let view = state.admin.change(caller, change, async move {
        work.await?;
        let view = company.view();
        Ok((view.clone(), shown(&view)))
    });
    Ok(Json(SessionAnswer::of(&view.await?)))
}

macro_rules! session_action {
    ($name:ident, $path:literal, $action:literal, $doc:literal, $company:ident => $work:expr) => {
        #[doc = $doc]
        #[utoipa::path(post, path = $path, tag = "sessions",
                                    params(("company_id" = u64, Path, description = "Our number of the company.")),
                                    responses((status = 200, body = SessionAnswer), Refusals), security(("operator_key" = ["operator"])))]
        pub async fn $name(
            OperatorOnly(caller): OperatorOnly,
            State(state): State<HttpState>,
            PathSegments(id): PathSegments<u64>,
        ) -> Result<Json<SessionAnswer>, ApiError> {
            act(&state, &caller, id, $action, |$company| async move { $work }).await
        }
    };
}

session_action!(
    restart, "/companies/{company_id}/restart", "session.restart",
    "Closes a link in good order and opens it anew; takes the link back, or starts anew what waits, is parked, replaced or outdated.",
    company => Ok(company.restart().await?)
);
session_action!(
    unpark, "/companies/{company_id}/unpark", "session.unpark",
    "Starts a company again whose restarts were used up. Harmless otherwise.",
    company => Ok(company.reconnect().await?)
);
session_action!(
    stop, "/companies/{company_id}/stop", "session.stop",
    "Stops the session; credentials are kept, a restart needs no new code.",
    company => Ok(company.stop().await?)
);
session_action!(
    log_out, "/companies/{company_id}/logout", "session.logout",
    "Removes our device at WhatsApp and forgets the credentials: the owner has to scan again.",
    company => Ok(company.log_out().await?)
);
session_action!(
    activate, "/companies/{company_id}/activate", "integration.activate",
    "Begins the activation at YClients, or hurries the next attempt.",
    company => {
        company.activate().await?;
        Ok(())
    }
);

/// Starts the session when needed and gives the present code, to help an owner on the phone.
#[utoipa::path(post, path = "/companies/{company_id}/qr", tag = "sessions",
    params(("company_id" = u64, Path, description = "Our number of the company.")),
    responses((status = 200, body = QrForHelp), Refusals), security(("operator_key" = ["operator"])))]
pub async fn qr(
    OperatorOnly(caller): OperatorOnly,
    State(state): State<HttpState>,
    PathSegments(id): PathSegments<u64>,
) -> Result<Json<QrForHelp>, ApiError> {
    let company = company(&state, id).await?;
    let change = Change::of("session.qr").company(company.company_id()).before(shown(&company.view()));
    let (http, admin) = (state.clone(), state.admin.clone());
    let shown = admin.change(&caller, change, async move {
        let found = fresh_qr(&http, &company).await?;
        Ok((found, shown(&company.view())))
    });
    let (qr, session_id) = shown.await?;
    Ok(Json(QrForHelp {
        success: true,
        session_id: session_id.to_string(),
        image: web::qr_svg_data_url(qr.text.expose()),
        expires_in: seconds_left(&qr),
        attempt: qr.attempt,
    }))
}
