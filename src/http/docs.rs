//! The description of every JSON route, made from the code that serves it: `/docs/openapi.json`, and a page that shows it without asking anybody else.

mod public;

use axum::http::header;
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Serialize;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{InfoBuilder, LicenseBuilder, OpenApi};
use utoipa::{IntoResponses, OpenApi as _, ToSchema};
use utoipa_axum::router::OpenApiRouter;

use super::HttpState;
use crate::web;

/// What the description begins with.
const ABOUT: &str = "Every JSON route of Frontdesk. Success has `\"success\": true`; every error is one envelope with a text for people, a code for programs \
and the request's id. Examples in four languages are in docs/api.md.";

/// A router whose routes describe themselves.
pub fn router() -> OpenApiRouter<HttpState> {
    OpenApiRouter::with_openapi(frame())
}

/// Everything but the routes.
fn frame() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Frontdesk")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .license(Some(LicenseBuilder::new().name("MIT").identifier(Some("MIT")).build()))
        .build();
    let mut api = public::Public::openapi();
    api.info = info;
    let key = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("An operator's key: sk_…")).build();
    let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("A page token of one salon.")).build();
    let company =
        HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("A company's key, as register answered it: sk_…")).build();
    let components = api.components.get_or_insert_default();
    components.add_security_scheme("operator_key", SecurityScheme::Http(key));
    components.add_security_scheme("page_token", SecurityScheme::Http(token));
    components.add_security_scheme("company_key", SecurityScheme::Http(company));
    api
}

/// The description as text: the same for the same program, so that a copy can be kept and compared.
pub fn text(api: &OpenApi) -> String {
    let mut text = api.to_pretty_json().expect("plain data becomes JSON");
    text.push('\n');
    text
}

/// Routes of `/docs/`.
pub fn routes(api: &OpenApi) -> axum::Router<HttpState> {
    let text: std::sync::Arc<str> = text(api).into();
    axum::Router::new()
        .route("/docs", axum::routing::get(async || Redirect::permanent("/docs/")))
        .route("/docs/", axum::routing::get(async || Html(web::docs())))
        .route("/docs/openapi.json", axum::routing::get(async move || json(&text)))
}

fn json(text: &str) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text.to_owned()).into_response()
}

/// Every error of every JSON route. Some have further fields.
#[derive(Serialize, ToSchema)]
pub struct ErrorEnvelope {
    /// Always false.
    success: bool,
    /// For a person: what is wrong and what to do next.
    error: String,
    /// For a program.
    code: String,
    /// Names this request in the server's log.
    request_id: String,
}

/// How any route of operators may refuse.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only described, never made")]
pub enum Refusals {
    /// Something in the request is not as described; `code` tells what.
    #[response(status = 400)]
    Malformed(ErrorEnvelope),
    /// No key, or one that opens nothing.
    #[response(status = 401)]
    Unauthorized(ErrorEnvelope),
    /// The key's role may not do this.
    #[response(status = 403)]
    Forbidden(ErrorEnvelope),
    /// There is no such thing.
    #[response(status = 404)]
    NotFound(ErrorEnvelope),
    /// Not possible as things stand.
    #[response(status = 409)]
    Conflict(ErrorEnvelope),
    /// The body is too large.
    #[response(status = 413)]
    TooLarge(ErrorEnvelope),
    /// The body is not declared as JSON.
    #[response(status = 415)]
    UnsupportedMediaType(ErrorEnvelope),
    /// YClients refused, or the once-only name was used for something else.
    #[response(status = 422)]
    Refused(ErrorEnvelope),
    /// Too many requests, or too many wrong keys; `Retry-After` tells when.
    #[response(status = 429)]
    TooMany(ErrorEnvelope),
    /// A bug of ours.
    #[response(status = 500)]
    Internal(ErrorEnvelope),
    /// YClients did not answer: whether it happened is not known.
    #[response(status = 502)]
    Unclear(ErrorEnvelope),
    /// Passes by itself; `Retry-After` tells when.
    #[response(status = 503)]
    Unavailable(ErrorEnvelope),
}
