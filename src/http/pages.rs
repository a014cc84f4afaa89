//! The landing page, embedded assets and the small files browsers ask for.

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::HttpState;
use super::error::{ApiError, PageFailure};
use super::extract::{Query, Visitor};
use super::layers::RequestId;
use crate::web::{self, PageError};

/// `GET /` and `/marketplace/`.
pub async fn landing(State(state): State<HttpState>, visitor: Visitor, query: Query) -> Response {
    with_language_cookie(&state, &query, Html(web::landing(visitor.language)))
}

/// Remembers a language chosen on the page for a year. Readable by the page: its script sets the same cookie.
pub(super) fn with_language_cookie(state: &HttpState, query: &Query, page: impl IntoResponse) -> Response {
    let mut response = page.into_response();
    let chosen = query.all("lang").next().filter(|language| matches!(*language, "ru" | "en"));
    if let Some(language) = chosen {
        let secure = if state.settings.secure_cookies { "; Secure" } else { "" };
        let cookie = format!("lang={language}; Path=/; Max-Age=31536000; SameSite=Lax{secure}");
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }
    response
}

/// `GET /assets/{*path}`. With the present version in it an address names its content for ever; without it the browser asks again.
pub async fn asset(path: Result<Path<String>, axum::extract::rejection::PathRejection>, headers: HeaderMap) -> Response {
    let path = path.map(|Path(path)| path).unwrap_or_default();
    let (name, versioned) = web::unversioned(&path);
    let Some(web::Asset { content_type, bytes, .. }) = web::asset(name).filter(|_| is_plain(&path)) else {
        return ApiError::unknown_path().into_response();
    };
    let tag = format!("\"{}\"", hex::encode(&Sha256::digest(bytes)[..12]));
    let cache = if versioned { "public, max-age=31536000, immutable" } else { "public, no-cache" };
    let known = headers.get_all(header::IF_NONE_MATCH).iter().any(|given| given.to_str().is_ok_and(|given| given.contains(&tag)));
    let caching = [(header::CACHE_CONTROL, cache.to_owned()), (header::ETAG, tag)];
    if known {
        (StatusCode::NOT_MODIFIED, caching).into_response()
    } else {
        (caching, [(header::CONTENT_TYPE, *content_type)], *bytes).into_response()
    }
}

/// File names of ours; nothing that could leave the folder.
fn is_plain(path: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'/');
    path.bytes().all(letters) && !path.split('/').any(|part| part.is_empty() || part.starts_with('.'))
}

/// An address that nothing serves: a page for a person's browser, the envelope for a program.
pub async fn unknown(visitor: Visitor, id: Option<Extension<RequestId>>, headers: HeaderMap) -> Response {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !accepted.contains("text/html") {
        return ApiError::unknown_path().into_response();
    }
    let id = id.map(|Extension(id)| id.0).unwrap_or_default();
    PageFailure::from(PageError::NotFound).render(visitor.language, &id)
}

/// `GET /favicon.ico`: pages name their own icon.
pub async fn favicon() -> Response {
    (StatusCode::NO_CONTENT, [(header::CACHE_CONTROL, "public, max-age=86400")]).into_response()
}

/// `GET /robots.txt`: nothing here is for search engines.
pub async fn robots() -> &'static str {
    "User-agent: *\nDisallow: /\n"
}
