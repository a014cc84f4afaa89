//! What surrounds every handler, outermost first: [`observe`] (request id, address, span, envelope), headers, and per group [`guard`] (time limit,
//! panics) and [`limit_public`]. Pages add [`errors_as_pages`].

use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use thiserror::Error;
use tokio::time::Instant;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tracing::Instrument;
use tracing::field::Empty;

use super::error::{ApiError, PageFailure, RATE_HEADERS};
use super::extract::{ClientIp, Visitor};
use super::{HttpSettings, HttpState};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MAX_REQUEST_ID: usize = 64;

/// The request's name in logs, answers and support cases.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

impl RequestId {
    /// The caller's, when it is harmless; else a new one.
    fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(|id| is_sane(id));
        Self(given.map_or_else(|| format!("{:032x}", rand::random::<u128>()), str::to_owned))
    }
}

fn is_sane(id: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=MAX_REQUEST_ID).contains(&id.len()) && id.bytes().all(letters)
}

/// Outermost: names the request, finds the client's address, renders errors that are still errors, and writes one line. Never the raw path or
/// query: tokens ride there.
pub async fn observe(State(state): State<HttpState>, mut request: Request, next: Next) -> Response {
    let id = RequestId::of(request.headers());
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map_or(IpAddr::from([0, 0, 0, 0]), |info| info.0.ip());
    let client = ClientIp(state.limits.client_ip(peer, request.headers()));
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let method = known_method(request.method());
    request.extensions_mut().insert(id.clone());
    request.extensions_mut().insert(client);

    let span = tracing::info_span!(
        "http.request",
        request.id = id.0,
        http.route = route.as_str(),
        http.method = method,
        http.status = Empty,
        latency_ms = Empty
    );
    let started = Instant::now();
    async move {
        let mut response = next.run(request).await;
        if let Some(error) = response.extensions_mut().remove::<ApiError>() {
            response = merge_headers(error.render(&id.0), response.headers());
        }
        let span = tracing::Span::current();
        span.record("http.status", response.status().as_u16());
        let took = started.elapsed();
        span.record("latency_ms", u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        state.observer.answered(&route, method, response.status().as_u16(), took);
        tracing::debug!("request answered");
        if let Ok(value) = HeaderValue::from_str(&id.0) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        response
    }
    .instrument(span)
    .await
}

/// Keeps what inner layers put on the placeholder (`Allow`, security headers) and the rendered answer does not set itself.
fn merge_headers(mut rendered: Response, placeholder: &HeaderMap) -> Response {
    let own = rendered.headers().clone();
    for (name, value) in placeholder {
        if *name != header::CONTENT_LENGTH && !own.contains_key(name) {
            rendered.headers_mut().append(name, value.clone());
        }
    }
    rendered
}

/// Methods come from the client: only known ones become a field.
fn known_method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "OTHER",
    }
}

#[derive(Debug, Error)]
#[error("the handler panicked")]
struct Panicked;

/// Ends handlers that take too long, and turns a panic into an answer; the panic itself is reported by the panic hook.
pub async fn guard(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    let handled = AssertUnwindSafe(next.run(request)).catch_unwind();
    match tokio::time::timeout(limit, handled).await {
        Ok(Ok(response)) => response,
        Ok(Err(_panic)) => ApiError::internal(Panicked).into_response(),
        Err(_elapsed) => {
            let message = "The request took too long. Look at the status before you repeat it.";
            ApiError::unavailable("TIMEOUT", message, Duration::from_secs(5)).into_response()
        }
    }
}

/// Counts requests that need no credential against the address.
pub async fn limit_public(State(state): State<HttpState>, ClientIp(client): ClientIp, request: Request, next: Next) -> Response {
    match state.limits.public(client) {
        Ok(()) => next.run(request).await,
        Err(limited) => ApiError::from(limited).into_response(),
    }
}

/// Around routes that people open in a browser: every error is a page in their language.
pub async fn errors_as_pages(visitor: Visitor, request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    let mut response = next.run(request).await;
    let failure = response.extensions_mut().remove::<PageFailure>();
    let failure = failure.or_else(|| response.extensions_mut().remove::<ApiError>().map(ApiError::into_page));
    match failure {
        Some(failure) => failure.render(visitor.language, &id),
        None => response,
    }
}

/// Headers that harden every answer. Built once.
#[derive(Debug, Clone)]
pub struct SecurityHeaders(HeaderMap);

impl SecurityHeaders {
    /// From the configuration.
    pub fn new(settings: &HttpSettings) -> Self {
        let mut headers = HeaderMap::new();
        let policy = HeaderValue::from_str(&content_security_policy(settings)).expect("origins are ASCII");
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin"));
        if settings.frame_ancestors.is_empty() {
            headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        }
        if settings.production {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
        }
        Self(headers)
    }
}

/// Browsers differ in whether `'self'` covers WebSockets of the own origin, so that is named too.
fn content_security_policy(settings: &HttpSettings) -> String {
    let origin = settings.base_url.origin().ascii_serialization();
    let socket = origin.replacen("http", "ws", 1);
    let ancestors = if settings.frame_ancestors.is_empty() { "'none'".to_owned() } else { settings.frame_ancestors.join(" ") };
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' {socket}; \
         frame-ancestors {ancestors}; base-uri 'none'; form-action 'self'"
    )
}

/// Adds what the handler did not set itself.
pub async fn security_headers(State(fixed): State<SecurityHeaders>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in &fixed.0 {
        response.headers_mut().entry(name).or_insert_with(|| value.clone());
    }
    response
}

/// CORS for the configured origins. No credentials: tokens travel in headers, never in cookies.
pub fn cors(settings: &HttpSettings) -> CorsLayer {
    let origins = settings.origins();
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |origin, _| origins.allows_origin(origin)))
        .allow_methods([Method::GET, Method::HEAD, Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, REQUEST_ID, HeaderName::from_static("x-api-key")])
        .expose_headers([REQUEST_ID, header::RETRY_AFTER].into_iter().chain(RATE_HEADERS.map(HeaderName::from_static)).collect::<Vec<_>>())
        .max_age(Duration::from_secs(600))
}
