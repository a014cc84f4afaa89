//! The whole router on the actors' fakes, one request at a time.

mod admin;
mod credentials;
mod data_webhooks;
mod doors;
mod envelope;
mod hostile;
mod journey;
mod legacy;
mod limits;
mod logs;
mod webhooks;
mod wire;

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use chrono::{DateTime, Utc};
use frontdesk_actors::CompanyHandle;
use frontdesk_actors::Reconciler;
use frontdesk_actors::ids::{CompanyId, SalonId};
use frontdesk_actors::ports::{Ports, SystemClock, WaysOut};
use frontdesk_actors::reconcile::ReconcileSettings;
use frontdesk_actors::settings::FleetSettings;
use frontdesk_actors::testing::{MemoryOperators, World, account, until_state};
use frontdesk_actors::view::{EgressKind, EgressView, SessionState};
use secrecy::SecretString;
use serde_json::Value;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::*;
use crate::auth::{Audience, Sessions};
use crate::pulse::Pulse;

/// The fakes' partner token.
const PARTNER_TOKEN: &str = "test_partner_token";

/// The key from the configuration.
const ADMIN_KEY: &str = "sk_configured_0123456789abcdef0123456789";

/// The server under test.
struct Desk {
    world: World,
    state: HttpState,
    router: Router,
    records: Arc<MemoryOperators>,
    reconciler: Reconciler,
}

/// What came back.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

struct NobodyCounts;

impl HttpObserver for NobodyCounts {
    fn answered(&self, _: &str, _: &'static str, _: u16, _: Duration) {}
}

/// Everybody goes out by one proxy.
struct OneWayOut;

impl WaysOut for OneWayOut {
    fn way_out(&self, _: CompanyId, _: SalonId) -> EgressView {
        EgressView { kind: EgressKind::Default, proxy: Some("socks5://192.0.2.7:1080".to_owned()) }
    }
}

/// What operators' routes need, on the fakes.
fn admin_state(
    world: &World,
    records: &Arc<MemoryOperators>,
    operators: &Operators,
    (pulse, reconciler): (Pulse, &Reconciler),
) -> AdminState {
    AdminState {
        operators: operators.clone(),
        records: records.clone(),
        directory: world.records.clone(),
        partner: world.marketplace.clone(),
        ways_out: Arc::new(OneWayOut),
        reconciler: reconciler.weak(),
        pulse,
        sessions: Sessions::new(operators.clone()),
        changes: TaskTracker::new(),
        life: 1,
    }
}

impl Desk {
    async fn open() -> Self {
        Self::with(HttpSettings { per_ip_limits: false, qr_wait: Duration::from_secs(5), ..HttpSettings::default() }).await
    }

    async fn with(settings: HttpSettings) -> Self {
        let world = World::new();
        let records = Arc::new(MemoryOperators::new());
        let pulse = Pulse::open(&*records).await.unwrap();
        let ports = Ports { clock: Arc::new(SystemClock), events: Arc::new(pulse.clone()), ..world.ports() };
        let fleet_settings = FleetSettings { webhook_base: Some("https://desk.example.com".to_owned()), ..FleetSettings::default() };
        let fleet = FleetHandle::start(ports.clone(), fleet_settings).await.unwrap();
        let never = ReconcileSettings { every: None, frozen_every: None, ..ReconcileSettings::default() };
        let reconciler = Reconciler::start(fleet.clone(), ports, never);
        let readiness = Readiness::starting();
        readiness.enter(Phase::Ready);
        let operators = Operators::open(records.clone(), Some(&SecretString::from(ADMIN_KEY))).await.unwrap();
        let state = HttpState {
            fleet,
            marketplace: world.marketplace.clone(),
            tokens: tokens("s"),
            operators: operators.clone(),
            admin: admin_state(&world, &records, &operators, (pulse, &reconciler)),
            limits: settings.admission(),
            settings: Arc::new(settings),
            readiness,
            observer: Arc::new(NobodyCounts),
        };
        Self { world, router: router(state.clone(), Router::new()), state, records, reconciler }
    }

    async fn register(&self, salon: u64) -> CompanyHandle {
        self.world.register(&self.state.fleet, salon).await
    }

    /// A salon whose session is online.
    async fn online(&self, salon: u64) -> CompanyHandle {
        let company = self.register(salon).await;
        let viewer = company.attach().await.unwrap();
        company.request_qr().await.unwrap();
        let link = self.world.connector.link(company.company_id()).await;
        link.scan(account(1));
        until_state(&company, SessionState::Online).await;
        drop(viewer);
        company
    }

    fn token(&self, company: &CompanyHandle) -> String {
        self.token_from(company, Utc::now())
    }

    fn token_from(&self, company: &CompanyHandle, from: DateTime<Utc>) -> String {
        self.state.tokens.mint(Audience::Onboarding, company.company_id(), company.salon_id(), from)
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Answer { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(request(Method::GET, path, Body::empty())).await
    }

    async fn get_as(&self, path: &str, token: &str) -> Answer {
        self.send(with_bearer(request(Method::GET, path, Body::empty()), token)).await
    }

    async fn post_as(&self, path: &str, token: &str) -> Answer {
        self.send(with_bearer(request(Method::POST, path, Body::empty()), token)).await
    }

    async fn post_json(&self, path: &str, body: &Value) -> Answer {
        self.send(json_request(path, body.to_string())).await
    }
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {:?}", self.text))
    }

    fn header(&self, name: impl header::AsHeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The error envelope with this code, complete and without extras but `allowed`.
    #[track_caller]
    fn is_error(&self, status: u16, code: &str, allowed: &[&str]) {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert!(self.header(header::CONTENT_TYPE).starts_with("application/json"), "{:?}", self.headers);
        let body = self.json();
        assert_eq!(body["success"], Value::Bool(false));
        assert_eq!(body["code"], code, "{body}");
        assert_eq!(body["request_id"], self.header("x-request-id"));
        assert!(body["error"].as_str().is_some_and(|text| text.len() > 10), "{body}");
        let known = ["success", "error", "code", "request_id"];
        let extra = |name: &&String| !known.contains(&name.as_str()) && !allowed.contains(&name.as_str());
        let extras: Vec<_> = body.as_object().unwrap().keys().filter(extra).collect();
        assert!(extras.is_empty(), "{extras:?}");
    }

    /// A page with this status, for people.
    #[track_caller]
    fn is_page(&self, status: u16) {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert!(self.header(header::CONTENT_TYPE).starts_with("text/html"), "{:?}", self.headers);
        assert!(self.text.contains("<html"), "{}", self.text);
        assert!(self.header(header::CONTENT_SECURITY_POLICY).starts_with("default-src 'none'"));
        assert_eq!(self.header(header::CACHE_CONTROL), "no-store");
        assert_eq!(self.header(header::REFERRER_POLICY), "no-referrer");
        assert_eq!(self.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
    }
}

fn tokens(letter: &str) -> Tokens {
    Tokens::new(&SecretString::from(letter.repeat(32)))
}

fn request(method: Method, path: &str, body: Body) -> Request<Body> {
    request_from("192.0.2.1:4711", method, path, body)
}

fn request_from(peer: &str, method: Method, path: &str, body: Body) -> Request<Body> {
    let peer: SocketAddr = peer.parse().unwrap();
    Request::builder().method(method).uri(path).extension(ConnectInfo(peer)).body(body).unwrap()
}

fn json_request(path: &str, body: impl Into<Body>) -> Request<Body> {
    with_header(request(Method::POST, path, body.into()), "content-type", "application/json")
}

fn with_bearer(request: Request<Body>, token: &str) -> Request<Body> {
    with_header(request, "authorization", &format!("Bearer {token}"))
}

fn with_header(mut request: Request<Body>, name: &'static str, value: &str) -> Request<Body> {
    request.headers_mut().append(name, value.parse().unwrap());
    request
}
