//! Who may join the namespace. Every refusal is a `connect_error` whose message is the code: the one thing a browser's client sees.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderName, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use frontdesk_actors::CompanyHandle;
use serde_json::Value;
use socketioxide::extract::{SocketRef, State, TryData};
use tokio::sync::OwnedSemaphorePermit;

use super::Realtime;
use crate::admission::Admission;
use crate::auth::{TokenError, presented};

const AUTH_TOKEN: HeaderName = HeaderName::from_static("x-auth-token");

/// Why a socket is refused, as the client reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalCode {
    /// No token in any of the four places.
    AuthRequired,
    /// The token isn't ours, or opens a company that doesn't exist.
    AuthInvalid,
    /// The token was valid once.
    AuthExpired,
    /// The page that opens the socket is not one of ours.
    OriginRefused,
    /// Too many sockets from this address, for this company, or at all.
    RateLimited,
    /// Our side: starting, draining or overloaded. Worth a retry.
    Unavailable,
}

impl RefusalCode {
    /// Every code, for metrics and tests.
    pub const ALL: [Self; 6] =
        [Self::AuthRequired, Self::AuthInvalid, Self::AuthExpired, Self::OriginRefused, Self::RateLimited, Self::Unavailable];

    /// The code on the wire and as a metric label.
    pub fn name(self) -> &'static str {
        match self {
            Self::AuthRequired => "AUTH_REQUIRED",
            Self::AuthInvalid => "AUTH_INVALID",
            Self::AuthExpired => "AUTH_EXPIRED",
            Self::OriginRefused => "ORIGIN_REFUSED",
            Self::RateLimited => "RATE_LIMITED",
            Self::Unavailable => "UNAVAILABLE",
        }
    }
}

impl fmt::Display for RefusalCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<TokenError> for RefusalCode {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Missing => Self::AuthRequired,
            TokenError::Invalid => Self::AuthInvalid,
            TokenError::Expired => Self::AuthExpired,
        }
    }
}

/// A socket that passed: what it may see, until when, and the seat it takes.
#[derive(Clone)]
pub(super) struct Admitted {
    pub(super) company: CompanyHandle,
    pub(super) expires_at: DateTime<Utc>,
    pub(super) seat: Arc<OwnedSemaphorePermit>,
}

/// Runs before a socket joins the namespace, on both transports.
pub(super) async fn admit(socket: SocketRef, State(realtime): State<Realtime>, TryData(auth): TryData<Value>) -> Result<(), RefusalCode> {
    match check(&socket, &realtime, auth.ok().as_ref()).await {
        Ok(admitted) => {
            socket.extensions.insert(admitted);
            Ok(())
        }
        Err(code) => {
            realtime.given.observer.refused(code);
            tracing::debug!(code = code.name(), "realtime: socket refused");
            Err(code)
        }
    }
}

async fn check(socket: &SocketRef, realtime: &Realtime, auth: Option<&Value>) -> Result<Admitted, RefusalCode> {
    let given = &realtime.given;
    let parts = socket.req_parts();
    if !given.origins.allows(&parts.headers) {
        return Err(RefusalCode::OriginRefused);
    }
    let client = client_ip(&given.admission, &parts.headers, &parts.extensions);
    given.admission.socket(client).map_err(|_| RefusalCode::RateLimited)?;
    let principal = given.tokens.verify(&token(parts, auth)?)?;
    let company = principal.company(&given.fleet).await.map_err(|_| RefusalCode::Unavailable)?.ok_or(RefusalCode::AuthInvalid)?;
    let tabs = socket.within(super::room(principal.salon)).sockets().len();
    if tabs >= given.settings.max_sockets_per_company {
        return Err(RefusalCode::RateLimited);
    }
    let seat = Arc::clone(&realtime.seats).try_acquire_owned().map_err(|_| RefusalCode::RateLimited)?;
    Ok(Admitted { company, expires_at: principal.expires_at, seat: Arc::new(seat) })
}

/// Without a peer (a test's transport) all share one address: limited, never free.
pub(super) fn client_ip(admission: &Admission, headers: &HeaderMap, extensions: &Extensions) -> IpAddr {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| info.0.ip());
    admission.client_ip(peer, headers)
}

/// Stands before the engine: whoever only opens engine connections, which never reach the namespace and its limit, gets 429, and an exchange
/// that is not over after `within` (a body that drips) is ended. A poll is answered within a ping interval, an upgrade at once.
pub async fn guard_handshakes(admission: Arc<Admission>, within: Duration, request: Request, next: Next) -> Response {
    let query = request.uri().query().unwrap_or("");
    let handshake = request.uri().path().starts_with(super::PATH) && !query.split('&').any(|pair| pair.starts_with("sid="));
    if handshake && let Err(limited) = admission.public(client_ip(&admission, request.headers(), request.extensions())) {
        let seconds = limited.retry_after.as_secs().max(1);
        return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", seconds.to_string())], RefusalCode::RateLimited.name()).into_response();
    }
    match tokio::time::timeout(within, next.run(request)).await {
        Ok(response) => response,
        Err(_elapsed) => (StatusCode::REQUEST_TIMEOUT, "").into_response(),
    }
}

/// The token from the first place that has one: `Authorization: Bearer`, `x-auth-token`, `auth.token`, `?token=`.
/// The last is for clients that can do no better; it is read here and never logged.
pub(super) fn token(parts: &Parts, auth: Option<&Value>) -> Result<String, TokenError> {
    let [header, other, auth] = hidden_places(parts, auth);
    first_of([header, other, auth, token_in_query(parts)])
}

/// The same without the query, which proxies and browsers write down: an operator's key does not expire within the hour.
pub(super) fn hidden_token(parts: &Parts, auth: Option<&Value>) -> Result<String, TokenError> {
    first_of(hidden_places(parts, auth))
}

type Place = Result<String, TokenError>;

fn hidden_places(parts: &Parts, auth: Option<&Value>) -> [Place; 3] {
    let bearer = presented::bearer(&parts.headers).map(str::to_owned);
    [bearer, presented::header_once(&parts.headers, AUTH_TOKEN).map(str::to_owned), token_in_auth(auth)]
}

fn first_of(places: impl IntoIterator<Item = Place>) -> Place {
    let first = places.into_iter().find(|place| *place != Err(TokenError::Missing)).unwrap_or(Err(TokenError::Missing))?;
    if first.is_empty() { Err(TokenError::Missing) } else { Ok(first) }
}

fn token_in_auth(auth: Option<&Value>) -> Result<String, TokenError> {
    let token = auth.and_then(|auth| auth.get("token")).ok_or(TokenError::Missing)?;
    token.as_str().map(str::to_owned).ok_or(TokenError::Invalid)
}

fn token_in_query(parts: &Parts) -> Result<String, TokenError> {
    let pairs = url::form_urlencoded::parse(parts.uri.query().unwrap_or("").as_bytes());
    presented::once(pairs.filter(|(name, _)| name == "token").map(|(_, value)| value.into_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parts(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = axum::http::Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn the_token_is_found_in_each_of_the_four_places_in_their_order() {
        let uri = "/socket.io/?EIO=4&token=query";
        let all = [("authorization", "bearer header"), ("x-auth-token", "x")];
        let auth = json!({"token": "auth"});
        assert_eq!(token(&parts(uri, &all), Some(&auth)), Ok("header".to_owned()));
        assert_eq!(token(&parts(uri, &all[1..]), Some(&auth)), Ok("x".to_owned()));
        assert_eq!(token(&parts(uri, &[]), Some(&auth)), Ok("auth".to_owned()));
        assert_eq!(token(&parts(uri, &[]), Some(&json!({}))), Ok("query".to_owned()));
        assert_eq!(token(&parts(uri, &[("authorization", "Basic abc")]), None), Ok("query".to_owned()));
    }

    #[test]
    fn without_a_token_one_is_required_and_a_wrong_type_is_not_one() {
        let bare = parts("/socket.io/?EIO=4&token=", &[]);
        for auth in [None, Some(json!({})), Some(json!("text")), Some(json!({"token": ""}))] {
            assert_eq!(token(&bare, auth.as_ref()), Err(TokenError::Missing), "{auth:?}");
        }
        assert_eq!(token(&bare, Some(&json!({"token": 5}))), Err(TokenError::Invalid));
    }

    #[test]
    fn of_two_tokens_in_one_place_none_is_taken() {
        let (bearer, other) = (("authorization", "Bearer a"), ("x-auth-token", "a"));
        for (uri, headers) in [("/", &[bearer, bearer][..]), ("/", &[other, other]), ("/?token=a&token=a", &[]), ("/?token=a&token=b", &[])]
        {
            assert_eq!(token(&parts(uri, headers), None), Err(TokenError::Invalid), "{uri} {headers:?}");
        }
        assert_eq!(token(&parts("/?token=a&token=b", &[bearer]), None), Ok("a".to_owned()), "the first place that has one counts");
    }
}
