//! The one place that turns errors into answers.
//!
//! Handlers return [`ApiError`] (JSON) or [`PageFailure`] (HTML). Both travel as a response extension until a layer knows the request id and the
//! language and renders them: [`ApiError::render`] for the envelope, [`PageFailure::render`] for pages. What is our fault is logged
//! here once, with its causes, and says nothing of them to the client.

use std::borrow::Cow;
use std::error::Error;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::{Extension, Json};
use frontdesk_actors::company::{ActivateRequestError, QrError};
use frontdesk_actors::fleet::{CallError, RegisterError};
use frontdesk_actors::ports::{MarketplaceError, RecordsError, SignatureError};
use serde_json::{Map, Value, json};

use crate::admission::Limited;
use crate::auth::TokenError;
use crate::web::{self, Language, PageError};

/// Clients told "later" without a better time come back after this.
pub(super) const RETRY_LATER: Duration = Duration::from_secs(5);

/// Limit per minute, what is left of it (nothing: only refusals carry these), seconds until all of it is back.
pub(super) const RATE_HEADERS: [&str; 3] = ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"];

/// An error of a JSON route: status, code for programs, text for people that says what to do next.
#[derive(Debug, Clone)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: Cow<'static, str>,
    details: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

impl ApiError {
    /// Any status; prefer the constructors named after the situation.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, message: message.into(), details: Map::new(), headers: Vec::new(), cause: None }
    }

    /// 400.
    pub fn bad_request(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// 409.
    pub fn conflict(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONFLICT, code, message)
    }

    /// 404 for a thing that is not there.
    pub fn not_found(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    /// For programs.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// 403: the credential is good, and for something else.
    pub fn foreign_session() -> Self {
        Self::new(StatusCode::FORBIDDEN, "FORBIDDEN", "This token opens another salon's session. Use the token of this salon.")
    }

    /// 403: the credential is good, and for another company.
    pub fn foreign_company() -> Self {
        Self::new(StatusCode::FORBIDDEN, "FORBIDDEN", "This credential opens another company. Use the token or key of this one.")
    }

    /// 404: the number is nobody's.
    pub fn no_company() -> Self {
        Self::new(StatusCode::NOT_FOUND, "COMPANY_NOT_FOUND", "There is no company with this number. Register the salon first.")
    }

    /// 404 for a path nobody serves.
    pub fn unknown_path() -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", "There is nothing at this address. See docs/api.md for the routes.")
    }

    /// 405; the router adds `Allow`.
    pub fn unknown_method() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "METHOD_NOT_ALLOWED",
            "This address does not take this method. The Allow header names those it takes.",
        )
    }

    /// 413.
    pub fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "BODY_TOO_LARGE", "The body is too large. Send at most 64 KiB (webhooks: 1 MiB).")
    }

    /// 500: a bug of ours.
    pub fn internal(cause: impl Error + Send + Sync + 'static) -> Self {
        let message = "Something went wrong on our side. Try again; if it persists, give support the request id.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", message).caused_by(cause)
    }

    /// 503: passes by itself.
    pub fn unavailable(code: &'static str, message: impl Into<Cow<'static, str>>, retry_after: Duration) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message).retry_after(retry_after)
    }

    /// Adds `Retry-After` and the field `retry_after`, in whole seconds.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        let seconds = whole_seconds(after);
        self.headers.push((header::RETRY_AFTER, seconds.into()));
        self.detail("retry_after", seconds)
    }

    /// The same status with words for another situation.
    #[must_use]
    pub fn reworded(mut self, code: &'static str, message: &'static str) -> Self {
        self.code = code;
        self.message = message.into();
        self
    }

    /// The same status and code with words for another reader.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.message = message.into();
        self
    }

    /// 429: too many wrong keys came from this address.
    pub fn locked_out(limited: Limited) -> Self {
        let message = "Too many wrong keys came from your address. Wait for the seconds given in Retry-After, then send the right one.";
        Self { code: "LOCKED_OUT", ..Self::from(limited).with_message(message) }
    }

    /// Adds a field to the envelope.
    #[must_use]
    pub fn detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    /// Adds what is logged and never shown.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Error + Send + Sync + 'static) -> Self {
        self.cause = Some(Arc::new(cause));
        self
    }

    /// The envelope.
    pub fn render(self, request_id: &str) -> Response {
        self.log(request_id);
        let body = self.body(request_id);
        (self.status, HeaderMap::from_iter(self.headers), Json(body)).into_response()
    }

    /// The envelope's fields.
    pub fn body(&self, request_id: &str) -> Value {
        let mut body = json!({
            "success": false,
            "error": self.message,
            "code": self.code,
            "request_id": request_id,
        });
        if let Some(fields) = body.as_object_mut() {
            fields.extend(self.details.clone());
        }
        body
    }

    /// Does it leave open whether what was asked happened? A bug of ours may have struck before or after it did.
    pub fn is_unclear(&self) -> bool {
        self.status == StatusCode::BAD_GATEWAY || self.status == StatusCode::INTERNAL_SERVER_ERROR
    }

    /// Does it pass by itself?
    pub fn is_passing(&self) -> bool {
        self.status == StatusCode::SERVICE_UNAVAILABLE || self.status == StatusCode::TOO_MANY_REQUESTS
    }

    /// The same error where a person expects a page.
    pub fn into_page(self) -> PageFailure {
        let error = if self.status == StatusCode::TOO_MANY_REQUESTS { PageError::TooMany } else { PageError::Unavailable };
        PageFailure { status: self.status, error, headers: self.headers, cause: self.cause }
    }

    fn log(&self, request_id: &str) {
        log_failure(self.status, self.code, self.cause.as_deref(), request_id);
    }
}

/// `error` means that a person must act: only what is a bug or a broken part of ours. Overload and neighbours' trouble are warnings.
fn log_failure(status: StatusCode, code: &str, cause: Option<&(dyn Error + Send + Sync + 'static)>, request_id: &str) {
    let causes = cause.map(|cause| chain(cause)).unwrap_or_default();
    if status == StatusCode::INTERNAL_SERVER_ERROR {
        tracing::error!(request.id = request_id, http.status = status.as_u16(), code, causes, "request failed");
    } else if status.is_server_error() {
        tracing::warn!(request.id = request_id, http.status = status.as_u16(), code, causes, "request could not be served");
    }
}

fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let _ = write!(text, ": {cause}");
        next = cause.source();
    }
    text
}

fn whole_seconds(duration: Duration) -> u64 {
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    seconds.max(1)
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Extension(self)).into_response()
    }
}

impl From<TokenError> for ApiError {
    fn from(error: TokenError) -> Self {
        let (code, message) = match error {
            TokenError::Missing => ("AUTH_REQUIRED", "A token is required. Send it as Authorization: Bearer <token>."),
            TokenError::Invalid => ("AUTH_INVALID", "The token is not valid. Open the app from YClients again to get a new one."),
            TokenError::Expired => ("AUTH_EXPIRED", "The token has expired. Open the app from YClients again to get a new one."),
        };
        let mut error = Self::new(StatusCode::UNAUTHORIZED, code, message);
        error.headers.push((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
        error
    }
}

impl From<Limited> for ApiError {
    fn from(limited: Limited) -> Self {
        let message = "Too many requests. Wait for the seconds given in Retry-After.";
        let mut error = Self::new(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED", message).retry_after(limited.retry_after);
        let figures = [limited.limit.into(), 0, whole_seconds(limited.reset_after)];
        for (name, value) in RATE_HEADERS.into_iter().zip(figures) {
            error.headers.push((HeaderName::from_static(name), value.into()));
        }
        error
    }
}

impl From<CallError> for ApiError {
    fn from(error: CallError) -> Self {
        let (code, message) = match &error {
            CallError::Busy => ("BUSY", "Too much is waiting for this salon. Try again in a few seconds."),
            CallError::Timeout => ("TIMEOUT", "No answer in time. Look at the status before you repeat the request."),
            CallError::Unavailable => ("UNAVAILABLE", "The server is starting or stopping. Try again in a few seconds."),
            CallError::Records(RecordsError::Overloaded) => ("BUSY", "The store is busy. Try again in a few seconds."),
            CallError::Records(RecordsError::Closed | RecordsError::Failed(_) | RecordsError::Refused(_)) => {
                ("STORE_UNAVAILABLE", "Nothing can be stored right now. Try again later; nothing was changed.")
            }
        };
        Self::unavailable(code, message, RETRY_LATER).caused_by(error)
    }
}

impl From<QrError> for ApiError {
    fn from(error: QrError) -> Self {
        match error {
            QrError::AlreadyConnected => Self::conflict(
                "ALREADY_CONNECTED",
                "WhatsApp is already connected. Unlink the device on the phone to connect another number.",
            ),
            QrError::NotAllowed => {
                Self::conflict("SESSION_NOT_ALLOWED", "This salon's session may not be started now. The status tells why and what to do.")
            }
            QrError::Unavailable(error) => error.into(),
        }
    }
}

impl From<ActivateRequestError> for ApiError {
    fn from(error: ActivateRequestError) -> Self {
        match error {
            ActivateRequestError::NotConnected => {
                Self::conflict("NOT_CONNECTED", "WhatsApp is not connected yet. Scan the QR code first, then activate.")
            }
            ActivateRequestError::Expired { minutes_ago } => Self::registration_expired(minutes_ago),
            ActivateRequestError::NotAllowed => {
                Self::conflict("INTEGRATION_STOPPED", "The integration was frozen or removed at YClients. Connect it there again.")
            }
            ActivateRequestError::Unavailable(error) => error.into(),
        }
    }
}

impl ApiError {
    /// 400: the window of the registration is over.
    pub fn registration_expired(minutes_ago: u64) -> Self {
        Self::bad_request("REGISTRATION_EXPIRED", "Registration expired. Go back to YClients and press Connect again.")
            .detail("expired_minutes_ago", minutes_ago)
    }
}

/// An error of a page: rendered in the visitor's language with a way back.
#[derive(Debug, Clone)]
pub struct PageFailure {
    status: StatusCode,
    error: PageError,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

impl PageFailure {
    /// The page; its status follows from what it is about.
    pub fn render(self, language: Language, request_id: &str) -> Response {
        log_failure(self.status, "PAGE", self.cause.as_deref(), request_id);
        let page = Html(web::error_page(language, self.error, request_id));
        (self.status, HeaderMap::from_iter(self.headers), page).into_response()
    }

    fn later(mut self, after: Duration) -> Self {
        self.headers.push((header::RETRY_AFTER, whole_seconds(after).into()));
        self
    }

    fn caused_by(mut self, cause: impl Error + Send + Sync + 'static) -> Self {
        self.cause = Some(Arc::new(cause));
        self
    }
}

impl From<PageError> for PageFailure {
    fn from(error: PageError) -> Self {
        let status = match error {
            PageError::BadSalon | PageError::TokenMissing => StatusCode::BAD_REQUEST,
            PageError::TokenInvalid | PageError::TokenExpired => StatusCode::UNAUTHORIZED,
            PageError::BadSignature | PageError::LinkReplayed | PageError::NotInstalled | PageError::OtherOwner => StatusCode::FORBIDDEN,
            PageError::NotFound => StatusCode::NOT_FOUND,
            PageError::TooMany => StatusCode::TOO_MANY_REQUESTS,
            PageError::MarketplaceDown => StatusCode::BAD_GATEWAY,
            PageError::NotConfigured | PageError::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self { status, error, headers: Vec::new(), cause: None }
    }
}

impl From<TokenError> for PageFailure {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Missing => PageError::TokenMissing,
            TokenError::Invalid => PageError::TokenInvalid,
            TokenError::Expired => PageError::TokenExpired,
        }
        .into()
    }
}

impl From<CallError> for PageFailure {
    fn from(error: CallError) -> Self {
        Self::from(PageError::Unavailable).later(RETRY_LATER).caused_by(error)
    }
}

impl From<RegisterError> for PageFailure {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::NotConfigured
            | RegisterError::Signature(SignatureError::NotConfigured)
            | RegisterError::Marketplace(MarketplaceError::NotConfigured) => PageError::NotConfigured.into(),
            RegisterError::Signature(SignatureError::Missing | SignatureError::Unreadable | SignatureError::Mismatch) => {
                PageError::BadSignature.into()
            }
            RegisterError::Replayed => PageError::LinkReplayed.into(),
            RegisterError::NotInstalled => PageError::NotInstalled.into(),
            RegisterError::OtherOwner => PageError::OtherOwner.into(),
            RegisterError::Marketplace(error) => {
                let after = match error {
                    MarketplaceError::Retryable { after } => after,
                    MarketplaceError::Final { .. } | MarketplaceError::NotConfigured => None,
                };
                Self::from(PageError::MarketplaceDown).later(after.unwrap_or(RETRY_LATER)).caused_by(error)
            }
            RegisterError::Unavailable(error) => error.into(),
        }
    }
}

impl IntoResponse for PageFailure {
    fn into_response(self) -> Response {
        (self.status, Extension(self)).into_response()
    }
}
