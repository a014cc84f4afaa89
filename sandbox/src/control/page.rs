//! The control page: one document, its script, its words, one style sheet, nothing from elsewhere.

use axum::{
    extract::{Path, State},
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{World, error::ControlError, salons::salon_id};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The document.
pub async fn index() -> Response {
    asset("text/html; charset=utf-8", include_str!("page/index.html"))
}

/// Its script.
pub async fn script() -> Response {
    asset("text/javascript; charset=utf-8", include_str!("page/page.js"))
}

/// Its words.
pub async fn texts() -> Response {
    asset("text/javascript; charset=utf-8", include_str!("page/texts.js"))
}

/// Its style sheet.
pub async fn style() -> Response {
    asset("text/css; charset=utf-8", include_str!("page/page.css"))
}

/// *Connect* of the page: presses the button at YClients and sends the browser along the signed redirect.
pub async fn open(State(world): State<World>, Path(id): Path<String>) -> Result<Response, ControlError> {
    let redirect = world.yclients.connect(salon_id(&id)?)?;
    let headers = [(header::LOCATION, redirect.as_str()), (header::CACHE_CONTROL, "no-store")];
    Ok((StatusCode::FOUND, headers).into_response())
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    let headers: [(HeaderName, &str); 5] = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, text).into_response()
}
