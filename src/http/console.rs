//! The console: its page, log-in and log-out. Everything it shows and does goes through the admin API, with the session's cookie for a key.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::HttpState;
use super::admin::{Caller, Role};
use super::docs::Refusals;
use super::error::ApiError;
use super::extract::{ClientIp, JsonBody, Query, Visitor};
use super::pages::with_language_cookie;
use crate::auth::{SESSION_LIFETIME, session_cookie};
use crate::web;

/// A log-in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// An operator's key.
    #[schema(max_length = 512)]
    key: String,
}

/// Who is logged in.
#[derive(Serialize, ToSchema)]
pub struct LoggedIn {
    success: bool,
    operator: LoggedInOperator,
}

/// An operator with a session.
#[derive(Serialize, ToSchema)]
pub struct LoggedInOperator {
    name: String,
    role: Role,
    /// Send it as `X-CSRF-Token` with every change.
    csrf_token: String,
}

/// Whether somebody is logged in.
#[derive(Serialize, ToSchema)]
pub struct Present {
    success: bool,
    /// Absent: nobody.
    operator: Option<LoggedInOperator>,
}

/// Logged out.
#[derive(Serialize, ToSchema)]
pub struct LoggedOut {
    success: bool,
}

/// `GET /console/`: the page. What it shows comes later, to who may see it.
pub async fn page(State(state): State<HttpState>, visitor: Visitor, query: Query) -> Response {
    with_language_cookie(&state, &query, Html(web::console(visitor.language)))
}

/// `GET /console`.
pub async fn to_page() -> Redirect {
    Redirect::permanent("/console/")
}

/// Opens a session with an operator's key: sets a cookie that scripts can't read.
#[utoipa::path(post, path = "/console/login", tag = "console", request_body = Login, responses((status = 200, body = LoggedIn), Refusals))]
pub async fn login(
    State(state): State<HttpState>,
    _: SameOrigin,
    parts: axum::http::request::Parts,
    JsonBody(login): JsonBody<Login>,
) -> Result<Response, ApiError> {
    let caller = Caller::of(Ok(login.key.trim()), &parts, &state).await?;
    let operator = caller.operator;
    let opened = state.admin.sessions.open(operator.clone());
    let csrf_token = opened.csrf.expose_secret().to_owned();
    let operator = LoggedInOperator { name: operator.name, role: operator.role.into(), csrf_token };
    let answer = LoggedIn { success: true, operator };
    let cookie = cookie(&state, opened.id.expose_secret(), SESSION_LIFETIME.as_secs());
    Ok(([(header::SET_COOKIE, cookie)], Json(answer)).into_response())
}

/// Who is logged in here? Nobody is an answer, too.
#[utoipa::path(get, path = "/console/session", tag = "console", responses((status = 200, body = Present), Refusals))]
pub async fn session(State(state): State<HttpState>, ClientIp(client): ClientIp, headers: HeaderMap) -> Result<Json<Present>, ApiError> {
    state.limits.public(client)?;
    let session = session_cookie(&headers, state.settings.session_cookie()).and_then(|id| state.admin.sessions.find(id));
    let operator = session.map(|session| LoggedInOperator {
        csrf_token: session.csrf().to_owned(),
        name: session.operator.name,
        role: session.operator.role.into(),
    });
    Ok(Json(Present { success: true, operator }))
}

/// Ends the session.
#[utoipa::path(post, path = "/console/logout", tag = "console", responses((status = 200, body = LoggedOut), Refusals))]
pub async fn logout(State(state): State<HttpState>, _: SameOrigin, headers: HeaderMap) -> Response {
    if let Some(id) = session_cookie(&headers, state.settings.session_cookie()) {
        state.admin.sessions.close(id);
    }
    ([(header::SET_COOKIE, cookie(&state, "", 0))], Json(LoggedOut { success: true })).into_response()
}

fn cookie(state: &HttpState, id: &str, seconds: u64) -> HeaderValue {
    let (name, secure) = (state.settings.session_cookie(), if state.settings.secure_cookies { "; Secure" } else { "" });
    let text = format!("{name}={id}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::from_str(&text).expect("base64 and numbers are fit for a header")
}

/// Refuses a request that a browser says another site made.
pub struct SameOrigin;

impl axum::extract::FromRequestParts<HttpState> for SameOrigin {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut axum::http::request::Parts, state: &HttpState) -> Result<Self, ApiError> {
        if !state.settings.origins().is_own(&parts.headers) {
            let message = "Another site may not do this. Open the console at its own address.";
            return Err(ApiError::new(StatusCode::FORBIDDEN, "ORIGIN_REFUSED", message));
        }
        Ok(Self)
    }
}
