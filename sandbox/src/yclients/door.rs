//! The HTTP side: reads a request, keeps it in the log, lets faults act, checks the headers, answers.

use std::time::Duration;

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{ConnectInfo, Request, State as Shared},
    http::{HeaderMap, Response, StatusCode, header, request::Parts},
};
use tokio::time::Instant;

use super::{
    Service, answers,
    envelope::Answer,
    faults::{Endpoint, Kind},
    installation::Refusal,
    routes::{Asked, Route},
};
use crate::wire::Peer;

/// Largest body of any partner call.
const MAX_BODY: usize = 256 * 1024;
/// Silence ends some day, so that a forgotten test frees its connection.
const LONGEST_SILENCE: Duration = Duration::from_secs(600);
/// The token of a user whose password was changed.
const REVOKED: &str = "revoked";
const V2: &str = "application/vnd.yclients.v2+json";

/// One request, as far as it could be read.
struct Incoming {
    route: Result<Route, StatusCode>,
    asked: Asked,
    headers: HeaderMap,
    has_body: bool,
    salon: Option<u64>,
    id: u64,
}

/// How a request ends.
enum Outcome {
    Answer(Answer),
    /// The connection drops.
    Cut,
    /// Nothing happens any more.
    Silence,
}

/// Handles every request of the service.
pub async fn handle(Shared(service): Shared<Service>, ConnectInfo(peer): ConnectInfo<Peer>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        return Answer::failure(StatusCode::PAYLOAD_TOO_LARGE, "Слишком большой запрос").into_response();
    };
    let incoming = arrive(&service, parts, &body);
    let id = incoming.id;
    let admitted = service.lock().limiter.admit(peer.address.ip(), Instant::now());
    if let Err(again) = admitted {
        let seconds = again.as_secs() + u64::from(again.subsec_nanos() > 0);
        let refused = Answer::on_demand(StatusCode::TOO_MANY_REQUESTS, None, Some(seconds.max(1)));
        service.lock().calls.update(id, |call| call.status = Some(429));
        return send(&service, id, refused);
    }
    // A task of its own: what was asked takes effect even when the caller gives up waiting.
    let work = service.shared.tasks.spawn(decide(service.clone(), incoming));
    match work.await {
        Ok(Outcome::Answer(answer)) => send(&service, id, answer),
        Ok(Outcome::Silence) => {
            let stop = service.shared.stop.cancelled();
            let _ended = tokio::time::timeout(LONGEST_SILENCE, stop).await;
            cut(&peer)
        }
        Ok(Outcome::Cut) | Err(_) => cut(&peer),
    }
}

fn arrive(service: &Service, parts: Parts, body: &Bytes) -> Incoming {
    let route = Route::find(&parts.method, parts.uri.path());
    let asked = Asked::read(&parts.uri, body);
    let salon = route.as_ref().ok().and_then(|route| route.salon(&asked));
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let id = service.lock().calls.arrived(parts.method.as_str(), path, salon, body);
    Incoming { route, asked, headers: parts.headers, has_body: !body.is_empty(), salon, id }
}

fn send(service: &Service, id: u64, answer: Answer) -> Response<Body> {
    service.lock().calls.update(id, |call| call.answered = true);
    answer.into_response()
}

fn cut(peer: &Peer) -> Response<Body> {
    peer.cut();
    Response::new(Body::empty())
}

async fn decide(service: Service, incoming: Incoming) -> Outcome {
    let endpoint = incoming.route.as_ref().map_or(Endpoint::Other, Route::endpoint);
    let hits = service.lock().faults.hit(endpoint, incoming.salon);
    for hit in hits {
        service.lock().calls.update(incoming.id, |call| call.fault = Some(hit.name()));
        match hit {
            Kind::Delay { ms } => {
                let stop = service.shared.stop.cancelled();
                let _ended = tokio::time::timeout(Duration::from_millis(ms), stop).await;
            }
            other => return spoil(&service, &incoming, other),
        }
    }
    Outcome::Answer(process(&service, &incoming))
}

/// Lets one fault decide the outcome.
fn spoil(service: &Service, incoming: &Incoming, kind: Kind) -> Outcome {
    let process = || process(service, incoming);
    let answer = match kind {
        Kind::Status { code, body, retry_after } => Answer::on_demand(status(code), body.as_ref(), retry_after),
        // A delay is over before this is asked.
        Kind::Delay { .. } => process(),
        Kind::CloseBefore => return Outcome::Cut,
        Kind::Close => {
            process();
            return Outcome::Cut;
        }
        Kind::Silence { processed } => {
            processed.then(process);
            return Outcome::Silence;
        }
        Kind::Redirect => redirected(service, incoming, process()),
        Kind::AlreadyInstalled { processed } => {
            processed.then(process);
            Answer::failure(StatusCode::FORBIDDEN, &Refusal::AlreadyInstalled.to_string())
        }
        Kind::Html { code: Some(code) } => Answer::html(status(code)),
        Kind::Html { code: None } => Answer::html(process().status),
    };
    let status = answer.status.as_u16();
    service.lock().calls.update(incoming.id, |call| call.status = Some(status));
    Outcome::Answer(answer)
}

fn redirected(service: &Service, incoming: &Incoming, answer: Answer) -> Answer {
    let callback = matches!(incoming.route, Ok(Route::Callback { .. }));
    if callback && answer.status == StatusCode::CREATED { Answer::moved(service.shared.terms.installed_page.clone()) } else { answer }
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// What happens without a fault; the log learns the status.
fn process(service: &Service, incoming: &Incoming) -> Answer {
    let answer = match (&incoming.route, refuse_headers(service, incoming)) {
        (_, Some(refused)) => refused,
        (Err(status), None) => Answer::on_demand(*status, None, None),
        (Ok(route), None) => {
            let answer = answers::answer(&mut service.lock(), &service.shared.terms, route, &incoming.asked);
            if let (Route::Uninstall { salon, .. }, true) = (route, answer.status.is_success()) {
                service.announce_uninstall(*salon);
            }
            answer
        }
    };
    let status = answer.status.as_u16();
    service.lock().calls.update(incoming.id, |call| call.status = Some(status));
    let accepts_v2 = header(incoming, header::ACCEPT).is_some_and(|accept| accept.contains(V2));
    if accepts_v2 { answer } else { answer.in_old_format() }
}

/// 401 without the partner's bearer, 400 for a body that isn't JSON.
fn refuse_headers(service: &Service, incoming: &Incoming) -> Option<Answer> {
    if incoming.route == Ok(Route::InstalledPage) {
        return None;
    }
    // `Bearer <partner>` or `Bearer <partner>, User <user>`.
    let bearer =
        header(incoming, header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer ")).and_then(|value| value.split(',').next());
    let user = header(incoming, header::AUTHORIZATION).and_then(|value| value.split_once(',')).map(|(_, user)| user.trim());
    if user.is_some_and(|user| user.strip_prefix("User ").is_none_or(|token| token.is_empty() || token == REVOKED)) {
        return Some(Answer::on_demand(StatusCode::UNAUTHORIZED, None, None));
    }
    if bearer.map(str::trim) != Some(service.shared.options.partner_token.as_str()) {
        return Some(Answer::on_demand(StatusCode::UNAUTHORIZED, None, None));
    }
    let is_json = header(incoming, header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with("application/json"));
    let broken = incoming.has_body && (!is_json || incoming.asked.body.is_null());
    broken.then(|| Answer::failure(StatusCode::BAD_REQUEST, "Неверный формат запроса"))
}

fn header(incoming: &Incoming, name: header::HeaderName) -> Option<&str> {
    incoming.headers.get(name)?.to_str().ok()
}
