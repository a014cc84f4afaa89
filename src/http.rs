//! HTTP: the route table and its layers.

mod admin;
mod console;
mod control;
mod docs;
mod error;
mod extract;
mod health;
mod layers;
mod legacy;
mod liveness;
mod loglevel;
mod marketplace;
mod onboarding;
mod pages;
mod readiness;
#[cfg(test)]
mod tests;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use frontdesk_actors::FleetHandle;
use frontdesk_actors::ports::Marketplace;
use ipnet::IpNet;
use url::Url;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::admission::{Admission, AdmissionSettings, OriginPolicy, OriginRule};
use crate::auth::{Operators, PLAIN_COOKIE, SECURE_COOKIE, Tokens};

pub use admin::AdminState;
pub use control::{Control, ControlError, ControlState, MadeBackup, RECORDS_HEADER, SHA256_HEADER};
pub use health::OpsState;
pub use liveness::Liveness;
pub use loglevel::LogLevel;
pub use readiness::{Phase, Readiness};

/// Largest body, but for webhooks.
const MAX_BODY: usize = 64 * 1024;
/// Largest webhook.
const MAX_WEBHOOK: usize = 1024 * 1024;

/// Longest time from the last header byte to the answer. Longer than the longest wait of a handler (15 s for a QR code).
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Settings of the HTTP side.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Where browsers reach us, such as `https://desk.example.com`; a path in it is a prefix of every link we make.
    pub base_url: Url,
    /// HSTS on, loopback origins refused.
    pub production: bool,
    /// Origins besides our own that may call the API and open sockets.
    pub allowed_origins: Vec<OriginRule>,
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Limits per address apply.
    pub per_ip_limits: bool,
    /// Limits per company and salon apply.
    pub per_company_limits: bool,
    /// Cookies only over HTTPS.
    pub secure_cookies: bool,
    /// Everybody may register a salon: only in the sandbox.
    pub open_registration: bool,
    /// Sites that may show our pages in a frame, as CSP sources (`https://*.yclients.com`). Empty: none.
    pub frame_ancestors: Vec<String>,
    /// Our number at YClients' marketplace; webhooks for another one are skipped.
    pub application_id: Option<u64>,
    /// How long a caller of `api/qr` waits for WhatsApp's first code; shorter than the time limit of a request (30 s).
    pub qr_wait: Duration,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            base_url: Url::parse("http://127.0.0.1:3000").expect("a constant URL"),
            production: false,
            allowed_origins: OriginPolicy::yclients(),
            trusted_proxies: Vec::new(),
            per_ip_limits: true,
            per_company_limits: true,
            secure_cookies: false,
            open_registration: false,
            frame_ancestors: Vec::new(),
            application_id: None,
            qr_wait: Duration::from_secs(15),
        }
    }
}

impl HttpSettings {
    /// The limits these settings ask for; one for the process, shared with the sockets.
    pub fn admission(&self) -> Arc<Admission> {
        Arc::new(Admission::new(AdmissionSettings {
            per_ip_limits: self.per_ip_limits,
            per_company_limits: self.per_company_limits,
            trusted_proxies: self.trusted_proxies.clone(),
        }))
    }

    /// Name of the console's cookie.
    pub fn session_cookie(&self) -> &'static str {
        if self.secure_cookies { SECURE_COOKIE } else { PLAIN_COOKIE }
    }

    /// Which origins may talk to us.
    pub fn origins(&self) -> OriginPolicy {
        OriginPolicy::new(&self.base_url, self.allowed_origins.clone(), self.production)
    }

    /// The path of `base_url` without its last slash.
    fn path_prefix(&self) -> &str {
        self.base_url.path().trim_end_matches('/')
    }
}

/// What handlers need. Cheap to clone.
#[derive(Clone)]
pub struct HttpState {
    /// The way to the companies.
    pub fleet: FleetHandle,
    /// YClients: what is configured, and its partner token.
    pub marketplace: Arc<dyn Marketplace>,
    /// Mints and verifies page tokens.
    pub tokens: Tokens,
    /// Operators' keys.
    pub operators: Operators,
    /// What operators' routes need beside.
    pub admin: AdminState,
    /// See [`HttpSettings`].
    pub settings: Arc<HttpSettings>,
    /// Limits, shared with the sockets.
    pub limits: Arc<Admission>,
    /// Should this process get traffic?
    pub readiness: Readiness,
    /// Who counts.
    pub observer: Arc<dyn HttpObserver>,
}

/// Sees every answer; counts, never decides.
pub trait HttpObserver: Send + Sync + 'static {
    /// A request was answered. `route` is the pattern that matched, never the raw path.
    fn answered(&self, route: &str, method: &'static str, status: u16, took: Duration);
}

/// Every route of the public listener, `engine` (the realtime side's) among them, so that all share headers, CORS and request ids.
pub fn router(state: HttpState, engine: Router) -> Router {
    let guard = from_fn_with_state(REQUEST_TIMEOUT, layers::guard);
    let limit_public = from_fn_with_state(state.clone(), layers::limit_public);
    let pages = Router::new()
        .route("/", get(pages::landing))
        .route("/marketplace", get(pages::landing))
        .route("/marketplace/", get(pages::landing))
        .route("/auth/yclients/redirect", get(onboarding::redirect))
        .route("/marketplace/onboarding", get(onboarding::page))
        .route("/marketplace/connect", get(onboarding::connect))
        .layer(guard.clone())
        .layer(limit_public.clone())
        .layer(from_fn(layers::errors_as_pages));

    let public = Router::new().route("/marketplace/test", get(marketplace::test)).layer(limit_public);

    // Counted per company, or against the address when the token is refused.
    let keyed = Router::new()
        .route("/marketplace/api/qr", post(marketplace::qr))
        .route("/marketplace/api/status/{session_id}", get(marketplace::status))
        .route("/marketplace/activate", post(marketplace::activate))
        .route("/marketplace/qr/{token}", get(legacy::qr))
        .route("/marketplace/status/{company_id}", get(legacy::status))
        .route("/marketplace/callback", post(legacy::callback))
        .layer(guard.clone());

    let webhooks = Router::new()
        .route("/webhook/yclients", post(webhooks::lifecycle))
        .route("/callback/yclients", post(webhooks::lifecycle))
        .route("/webhook/yclients/data/{salon_id}/{secret}", post(webhooks::data))
        .route("/marketplace/webhook/{company_id}", post(webhooks::legacy))
        .layer(guard.clone());

    let operators = operators().layer(guard.clone());

    let unlimited = Router::new()
        .route("/health", get(health::health))
        .route("/marketplace/health", get(health::health))
        .route("/assets/{*path}", get(pages::asset))
        .route("/favicon.ico", get(pages::favicon))
        .route("/robots.txt", get(pages::robots))
        .layer(guard);

    surround(pages.merge(public).merge(keyed).merge(webhooks).merge(operators).merge(unlimited).merge(engine.with_state(())), state)
}

/// What operators use: the admin API, its description, the console. Counted per key, by whoever asks for one.
fn operators() -> Router<HttpState> {
    let (described, api) = described().split_for_parts();
    let console = Router::new().route("/console", get(console::to_page)).route("/console/", get(console::page));
    described.merge(console).merge(docs::routes(&api))
}

/// Routes that describe themselves.
fn described() -> OpenApiRouter<HttpState> {
    docs::router()
        .nest(admin::PREFIX, admin::api())
        .routes(routes!(admin::registration::register))
        .routes(routes!(admin::registration::companies))
        .routes(routes!(console::session))
        .routes(routes!(console::login))
        .routes(routes!(console::logout))
}

/// The description of every JSON route, as it is served at `/docs/openapi.json`.
pub fn openapi() -> String {
    docs::text(described().get_openapi())
}

/// The fleet at a glance, as the console's live connection tells it. `None`: not right now.
pub async fn glance(state: &HttpState) -> Option<serde_json::Value> {
    serde_json::to_value(admin::overview::now(state).await.ok()?).ok()
}

/// What every answer of every route passes through, those for unknown paths and methods included.
fn surround(routes: Router<HttpState>, state: HttpState) -> Router {
    routes
        .method_not_allowed_fallback(async || error::ApiError::unknown_method())
        .fallback(pages::unknown)
        .layer(from_fn_with_state(layers::SecurityHeaders::new(&state.settings), layers::security_headers))
        .layer(layers::cors(&state.settings))
        .layer(from_fn_with_state(state.clone(), layers::observe))
        .with_state(state)
}

/// The ops listener: loopback by default, never public.
pub fn ops_router(state: OpsState) -> Router {
    Router::new()
        .route("/metrics", get(health::metrics))
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/loglevel", get(loglevel::show).put(loglevel::change).delete(loglevel::reset))
        .route("/control/backup", post(control::back_up))
        .with_state(state)
}
