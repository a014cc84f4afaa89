//! `/loglevel` on the ops listener: how much is logged, changed for a while. Only for people on the machine itself: whoever can log in there may
//! turn it up, a scraper of the network may not, and neither may a page in a browser.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Json;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::health::OpsState;

/// When nothing else is said.
const LASTING: Duration = Duration::from_secs(30 * 60);

/// Who can tell and change how much is logged.
pub trait LogLevel: Send + Sync + 'static {
    /// The filter that applies, and how much longer; `None` for the configured one.
    fn present(&self) -> (String, Option<Duration>);
    /// Applies another filter for a while, or says why not.
    fn change(&self, filter: &str, lasting: Duration) -> Result<(), String>;
    /// Back to the configured filter.
    fn reset(&self) -> Result<(), String>;
}

/// The query of a change.
#[derive(Debug, Deserialize)]
pub struct For {
    /// Like `15m`.
    r#for: Option<String>,
}

/// `GET /loglevel`.
pub async fn show(State(state): State<OpsState>) -> Json<Value> {
    shown(&*state.levels)
}

/// `PUT /loglevel?for=15m` with the filter as its body.
pub async fn change(
    State(state): State<OpsState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Query(query): Query<For>,
    headers: HeaderMap,
    filter: String,
) -> Response {
    if !from_here(peer, &headers) {
        return elsewhere();
    }
    let lasting = match query.r#for.as_deref().map(humantime::parse_duration).transpose() {
        Ok(given) => given.unwrap_or(LASTING),
        Err(_) => return refused(StatusCode::BAD_REQUEST, "BAD_TIME", "Write the time like for=15m or for=2h."),
    };
    answer(&*state.levels, state.levels.change(&filter, lasting))
}

/// `DELETE /loglevel`: back to the configured one.
pub async fn reset(State(state): State<OpsState>, ConnectInfo(peer): ConnectInfo<SocketAddr>, headers: HeaderMap) -> Response {
    if from_here(peer, &headers) { answer(&*state.levels, state.levels.reset()) } else { elsewhere() }
}

fn from_here(peer: SocketAddr, headers: &HeaderMap) -> bool {
    peer.ip().to_canonical().is_loopback() && !headers.contains_key(header::ORIGIN)
}

fn elsewhere() -> Response {
    let text = "The log level can be changed from this machine only, and not from a page in a browser.";
    refused(StatusCode::FORBIDDEN, "FORBIDDEN", text)
}

fn answer(levels: &dyn LogLevel, outcome: Result<(), String>) -> Response {
    match outcome {
        Ok(()) => {
            let (filter, left) = levels.present();
            tracing::info!(log.level = filter, log.level_seconds = left.map(|left| left.as_secs()), "the log level was changed");
            shown(levels).into_response()
        }
        Err(why) => refused(StatusCode::BAD_REQUEST, "BAD_LEVEL", &why),
    }
}

fn shown(levels: &dyn LogLevel) -> Json<Value> {
    let (filter, left) = levels.present();
    Json(json!({"success": true, "level": filter, "seconds_left": left.map(|left| left.as_secs())}))
}

fn refused(status: StatusCode, code: &str, text: &str) -> Response {
    (status, Json(json!({"success": false, "code": code, "error": text}))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_and_no_browser_may_change_it() {
        let (here, there) = (SocketAddr::from(([127, 0, 0, 1], 9)), SocketAddr::from(([192, 0, 2, 1], 9)));
        let mut headers = HeaderMap::new();
        assert!(from_here(here, &headers));
        assert!(from_here("[::ffff:127.0.0.1]:9".parse().unwrap(), &headers));
        assert!(!from_here(there, &headers));
        headers.insert(header::ORIGIN, "http://127.0.0.1:9464".parse().unwrap());
        assert!(!from_here(here, &headers));
    }
}
