//! What handlers ask of a request: who calls, what they send, which language they read. Refusals are [`ApiError`]s.

use std::convert::Infallible;
use std::net::IpAddr;
use std::time::Duration;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use frontdesk_actors::CompanyHandle;
use futures_util::StreamExt as _;
use serde::de::DeserializeOwned;

use super::error::ApiError;
use super::{HttpState, MAX_BODY};
use crate::auth::{Principal, TokenError, presented};
use crate::web::Language;

/// When to send a large body again that found no room.
const BODY_RETRY: Duration = Duration::from_secs(5);

/// The client's address, found once by the outermost layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientIp(pub IpAddr);

impl<S: Sync> FromRequestParts<S> for ClientIp {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts))
    }
}

impl ClientIp {
    /// As the outermost layer found it.
    pub fn of(parts: &Parts) -> Self {
        parts.extensions.get().copied().unwrap_or(Self(IpAddr::from([0, 0, 0, 0])))
    }
}

/// The holder of the Bearer token, with the company it opens. Counted against that company; a refused token against the address.
pub struct Holder {
    /// Who.
    pub principal: Principal,
    /// Their company.
    pub company: CompanyHandle,
}

impl FromRequestParts<HttpState> for Holder {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, state: &HttpState) -> Result<Self, ApiError> {
        let ClientIp(client) = ClientIp::of(parts);
        Self::of(presented::bearer(&parts.headers), client, state).await
    }
}

impl Holder {
    /// The holder of a token found anywhere in a request.
    pub async fn of(token: Result<&str, TokenError>, client: IpAddr, state: &HttpState) -> Result<Self, ApiError> {
        let principal = match token.and_then(|token| state.tokens.verify(token)) {
            Ok(principal) => principal,
            Err(error) => {
                state.limits.public(client)?;
                return Err(error.into());
            }
        };
        state.limits.keyed(principal.company)?;
        let company = principal.company(&state.fleet).await?.ok_or(TokenError::Invalid)?;
        Ok(Self { principal, company })
    }
}

/// A key as old clients send it: in `X-API-Key` or as a Bearer. Two of them are none.
pub fn presented_key(headers: &HeaderMap) -> Option<String> {
    presented::key(headers).ok().map(str::to_owned)
}

/// A JSON body. An empty one reads as `null`, so that a missing field is named instead of a missing header. A refused one is counted against the
/// address: reading it is work.
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned> FromRequest<HttpState> for JsonBody<T> {
    type Rejection = ApiError;
    async fn from_request(request: Request, state: &HttpState) -> Result<Self, ApiError> {
        let client = request.extensions().get().copied().map(|ClientIp(client)| client);
        let read = read_json(request, state).await;
        if let (Err(_), Some(client)) = (&read, client) {
            state.limits.public(client)?;
        }
        read.map(Self)
    }
}

async fn read_json<T: DeserializeOwned>(request: Request, state: &HttpState) -> Result<T, ApiError> {
    let json = is_json(request.headers());
    let body = read_body(request, MAX_BODY, state).await?;
    if body.is_empty() {
        return parse(b"null");
    }
    if !json {
        let message = "Send the body as JSON, with Content-Type: application/json.";
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", message));
    }
    parse(&body)
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let essence = value.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| {
        if error.is_data() {
            ApiError::bad_request("INVALID_BODY", "A field of the body is missing or of the wrong type. See docs/api.md.")
        } else {
            malformed_json()
        }
    })
}

/// The body is not JSON at all.
pub fn malformed_json() -> ApiError {
    ApiError::bad_request("MALFORMED_JSON", "The body is not valid JSON. Check it with a JSON validator and send it again.")
}

/// The whole body, of at most `limit` bytes. Copied as it comes: the pieces of a body hold the connection's read buffers, so that a client that
/// sends single bytes would pin kilobytes with each.
pub async fn read_body(request: Request, limit: usize, state: &HttpState) -> Result<Vec<u8>, ApiError> {
    let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(ApiError::too_large());
    }
    let mut pieces = request.into_body().into_data_stream();
    let mut room = state.limits.body_room();
    let mut body = Vec::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| ApiError::bad_request("BODY_UNREADABLE", "The body ended too early. Send it again."))?;
        let length = body.len() + piece.len();
        if length > limit {
            return Err(ApiError::too_large());
        }
        if !room.holds(length) {
            return Err(ApiError::unavailable("BUSY", "Too many large requests at once. Send it again in a few seconds.", BODY_RETRY));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// Typed segments of the path.
pub struct PathSegments<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<HttpState> for PathSegments<T> {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, state: &HttpState) -> Result<Self, ApiError> {
        let found = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        found.map(|path| Self(path.0)).map_err(|_| ApiError::bad_request("INVALID_PATH", "A number in the address is not one. See /docs/."))
    }
}

/// Typed parameters of the query: each known, each once.
pub struct QueryParams<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<HttpState> for QueryParams<T> {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, state: &HttpState) -> Result<Self, ApiError> {
        let found = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        let message = "A parameter in the address is unknown, twice there or not of its type. See /docs/.";
        found.map(|query| Self(query.0)).map_err(|_| ApiError::bad_request("INVALID_QUERY", message))
    }
}

/// The visitor's language: `?lang=`, then the cookie, then `Accept-Language`.
#[derive(Debug, Clone, Copy)]
pub struct Visitor {
    /// The language to answer in.
    pub language: Language,
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts.uri.query(), &parts.headers))
    }
}

impl Visitor {
    /// From the parts of any request.
    pub fn of(query: Option<&str>, headers: &HeaderMap) -> Self {
        let query = query.and_then(|query| Query::new(Some(query)).first("lang"));
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let cookie = text(header::COOKIE).and_then(|cookies| cookies.split(';').find_map(|cookie| cookie.trim().strip_prefix("lang=")));
        Self { language: Language::choose(query.as_deref(), cookie, text(header::ACCEPT_LANGUAGE)) }
    }
}

/// Decoded pairs of a query, in order, with duplicates: hidden second values are a way to cheat.
#[derive(Debug, Default)]
pub struct Query(Vec<(String, String)>);

/// Pairs looked at; no client of ours sends more.
const MAX_PAIRS: usize = 100;

impl Query {
    /// Decodes; bytes that are no UTF-8 become U+FFFD, which no id, token or signature contains.
    pub fn new(query: Option<&str>) -> Self {
        let pairs = url::form_urlencoded::parse(query.unwrap_or("").as_bytes());
        Self(pairs.take(MAX_PAIRS).map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// Every value of a name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs().filter(move |pair| pair.0 == name).map(|pair| pair.1)
    }

    /// Every pair.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The only value: `Ok(None)` when absent, `Err` when there are several.
    pub fn only<'a>(&'a self, name: &'a str) -> Result<Option<&'a str>, DuplicateParameter> {
        let mut values = self.all(name);
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            (_, Some(_)) => Err(DuplicateParameter),
        }
    }

    fn first(mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|pair| pair.0 == name)?;
        Some(self.0.swap_remove(at).1)
    }
}

/// A parameter that may come once came several times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DuplicateParameter;

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::new(parts.uri.query()))
    }
}
