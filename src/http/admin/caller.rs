//! Who calls a route for operators: the key, the address it comes from, and the request it made.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use frontdesk_actors::operators::OperatorRole;

use crate::auth::{KeyRefused, Operator, TokenError, presented, session_cookie};
use crate::http::HttpState;
use crate::http::error::ApiError;
use crate::http::extract::ClientIp;
use crate::http::layers::RequestId;

const CSRF: HeaderName = HeaderName::from_static("x-csrf-token");

/// An operator, known by their key. Counted against the key; a wrong key against the address, which is locked out in the end.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who.
    pub operator: Operator,
    /// From where.
    pub address: IpAddr,
    /// The request's name in answers, logs and the audit log.
    pub request_id: String,
    /// What the console's page must send with changes, when this is a session of it.
    pub csrf: Option<String>,
}

impl Caller {
    /// The caller of this key, wherever in the request it was.
    pub async fn of(key: Result<&str, TokenError>, parts: &Parts, state: &HttpState) -> Result<Self, ApiError> {
        let ClientIp(address) = ClientIp::of(parts);
        let key = match key {
            Ok(key) => key,
            Err(error) => {
                state.limits.public(address)?;
                return Err(refused(error));
            }
        };
        let operator = state.operators.try_key(key, address, &state.limits).await.map_err(|error| match error {
            KeyRefused::Wrong => refused(TokenError::Invalid),
            KeyRefused::LockedOut(limited) => ApiError::locked_out(limited),
        })?;
        state.limits.operator(operator.key)?;
        Ok(Self { operator, address, request_id: request_id(parts), csrf: None })
    }

    /// The caller of a console session. A browser sends its cookie whoever asks it to: a change needs the page's own word too.
    fn logged_in(cookie: &str, parts: &Parts, state: &HttpState) -> Result<Self, ApiError> {
        let ClientIp(address) = ClientIp::of(parts);
        let Some(session) = state.admin.sessions.find(cookie) else {
            state.limits.public(address)?;
            return Err(ApiError::from(TokenError::Expired).with_message("You are logged out. Log in with your key again."));
        };
        let reads = parts.method == Method::GET || parts.method == Method::HEAD;
        let word = parts.headers.get(CSRF).and_then(|value| value.to_str().ok()).unwrap_or("");
        if !reads && !session.is_csrf(word) {
            let message = "The page's own word is missing (X-CSRF-Token). Reload the console and try again.";
            return Err(ApiError::new(StatusCode::FORBIDDEN, "CSRF_REQUIRED", message));
        }
        state.limits.operator(session.operator.key)?;
        let csrf = Some(session.csrf().to_owned());
        Ok(Self { operator: session.operator, address, request_id: request_id(parts), csrf })
    }

    fn with_role(self, role: OperatorRole) -> Result<Self, ApiError> {
        self.require(role)?;
        Ok(self)
    }

    /// `Ok` when the caller may do what takes this role.
    pub fn require(&self, role: OperatorRole) -> Result<(), ApiError> {
        if self.operator.role >= role { Ok(()) } else { Err(ApiError::role_required(role)) }
    }
}

impl FromRequestParts<HttpState> for Caller {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, state: &HttpState) -> Result<Self, ApiError> {
        match (presented::key(&parts.headers), session_cookie(&parts.headers, state.settings.session_cookie())) {
            (Err(TokenError::Missing), Some(cookie)) => Self::logged_in(cookie, parts, state),
            (key, _) => Self::of(key, parts, state).await,
        }
    }
}

/// A caller who may read.
pub struct Viewer(pub Caller);

/// A caller who may act on sessions and the inbox.
pub struct OperatorOnly(pub Caller);

/// A caller who may do everything.
pub struct AdminOnly(pub Caller);

impl FromRequestParts<HttpState> for Viewer {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, state: &HttpState) -> Result<Self, ApiError> {
        Caller::from_request_parts(parts, state).await?.with_role(OperatorRole::Viewer).map(Self)
    }
}

impl FromRequestParts<HttpState> for OperatorOnly {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, state: &HttpState) -> Result<Self, ApiError> {
        Caller::from_request_parts(parts, state).await?.with_role(OperatorRole::Operator).map(Self)
    }
}

impl FromRequestParts<HttpState> for AdminOnly {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, state: &HttpState) -> Result<Self, ApiError> {
        Caller::from_request_parts(parts, state).await?.with_role(OperatorRole::Admin).map(Self)
    }
}

fn request_id(parts: &Parts) -> String {
    parts.extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default()
}

/// Shows the request no key at all?
pub fn is_anonymous(headers: &HeaderMap, state: &HttpState) -> bool {
    matches!(presented::key(headers), Err(TokenError::Missing)) && session_cookie(headers, state.settings.session_cookie()).is_none()
}

fn refused(error: TokenError) -> ApiError {
    let message = match error {
        TokenError::Missing => "An operator's key is required. Send it as Authorization: Bearer <key> or X-API-Key: <key>.",
        TokenError::Invalid | TokenError::Expired => "This key opens nothing: it is wrong, expired or revoked. Ask an admin for a new one.",
    };
    ApiError::from(error).with_message(message)
}

impl ApiError {
    /// 403: the key is good, and may do less.
    pub fn role_required(role: OperatorRole) -> Self {
        let message = format!("This takes a key with the role {} or above. Ask an admin for one.", role.name());
        Self::new(StatusCode::FORBIDDEN, "ROLE_REQUIRED", message).detail("role", role.name())
    }
}
