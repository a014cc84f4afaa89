//! From the configuration to what each part takes.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn;
use axum::routing::any;
use frontdesk_actors::FleetHandle;
use frontdesk_actors::ports::{Ports, WaysOut};
use frontdesk_actors::reconcile::Reconciliations;
use secrecy::ExposeSecret as _;
use socketioxide::SocketIo;
use socketioxide::layer::SocketIoLayer;
use tokio_util::task::TaskTracker;

use super::StartError;
use super::observers::{HttpMetrics, SocketMetrics, StoreMetrics};
use crate::app::secrets;
use crate::auth::{Operators, Sessions, Tokens};
use crate::config::{Config, Mode};
use crate::http::{AdminState, HttpSettings, HttpState, Readiness};
use crate::pulse::Pulse;
use crate::realtime::console::ConsoleState;
use crate::realtime::{self, RealtimeSettings, RealtimeState};
use crate::store::{SealKey, Store, StoreOptions};

/// Opens the data folder on a blocking thread: the engine reads while it opens.
pub(super) async fn open_store(config: &Config, readiness: &Readiness) -> Result<Store, StartError> {
    let (config, readiness) = (config.clone(), readiness.clone());
    let opened = tokio::task::spawn_blocking(move || {
        let key = match &config.seal_key {
            Some(text) => SealKey::parse(text.expose_secret()).expect("the configuration checked its form"),
            None => SealKey::in_folder(&config.data_dir).map_err(StartError::SealKey)?,
        };
        let mut options = StoreOptions::new(&config.data_dir, key);
        options.cache_bytes = config.cache_bytes;
        options.audit_entries = config.audit_entries;
        options.observer = Arc::new(StoreMetrics::new(readiness));
        if config.store_without_sync {
            options = options.without_sync();
        }
        Store::open(options).map_err(StartError::Store)
    });
    opened.await.expect("opening the store catches its own panics")
}

/// Whoever may come in, and how they show it.
pub(super) struct Auth {
    pub(super) tokens: Tokens,
    pub(super) operators: Operators,
}

/// What operators' routes need. `pulse` hears the actors already.
pub(super) fn admin_state(
    store: &Store,
    (ports, ways_out): (&Ports, Arc<dyn WaysOut>),
    auth: &Auth,
    (pulse, reconciler): (Pulse, Reconciliations),
) -> AdminState {
    AdminState {
        operators: auth.operators.clone(),
        records: Arc::new(store.clone()),
        directory: Arc::new(store.clone()),
        partner: ports.partner.clone(),
        ways_out,
        reconciler,
        pulse,
        sessions: Sessions::new(auth.operators.clone()),
        changes: TaskTracker::new(),
        life: rand::random(),
    }
}

/// Secrets are given, or kept in the data folder; the store has made it by now.
pub(super) async fn auth(config: &Config, store: &Store) -> Result<Auth, StartError> {
    let tokens = Tokens::new(&secrets::page_token_secret(config).map_err(StartError::Secret)?);
    let admin_key = secrets::admin_key(config).map_err(StartError::Secret)?;
    let operators = Operators::open(Arc::new(store.clone()), admin_key.as_ref()).await.map_err(StartError::Operators)?;
    Ok(Auth { tokens, operators })
}

pub(super) fn http_state(
    config: &Config,
    fleet: &FleetHandle,
    ports: &Ports,
    (auth, admin): (&Auth, &AdminState),
    readiness: &Readiness,
) -> HttpState {
    let production = config.mode == Mode::Production;
    let settings = HttpSettings {
        base_url: config.base_url.clone(),
        production,
        allowed_origins: config.allowed_origins.clone(),
        trusted_proxies: config.trusted_proxies.clone(),
        per_ip_limits: config.rate_limits,
        per_company_limits: config.rate_limits,
        secure_cookies: production && config.base_url.scheme() == "https",
        open_registration: config.mode == Mode::Sandbox,
        application_id: config.yclients.application_id,
        ..HttpSettings::default()
    };
    HttpState {
        fleet: fleet.clone(),
        marketplace: ports.marketplace.clone(),
        tokens: auth.tokens.clone(),
        operators: auth.operators.clone(),
        admin: admin.clone(),
        limits: settings.admission(),
        settings: Arc::new(settings),
        readiness: readiness.clone(),
        observer: Arc::new(HttpMetrics),
    }
}

/// Both namespaces of Socket.IO: the engine as a route, and the handle that closes it.
pub(super) fn sockets(config: &Config, http: &HttpState) -> (Router, SocketIo) {
    let (layer, sockets) = realtime::layer(realtime_state(config, http));
    realtime::console::open(&sockets, console_state(http));
    (engine(layer, http), sockets)
}

/// The Socket.IO engine as a route, with its own guard against bare handshakes.
fn engine(layer: SocketIoLayer, http: &HttpState) -> Router {
    let admission = http.limits.clone();
    let guard = from_fn(move |request, next| realtime::guard_handshakes(admission.clone(), realtime::EXCHANGE_WITHIN, request, next));
    Router::new().route(realtime::PATH, any(|| async { StatusCode::NOT_FOUND })).layer(layer).layer(guard)
}

/// The console's live connection: what it tells is made by the same code as the admin API's answers.
fn console_state(http: &HttpState) -> ConsoleState {
    let state = http.clone();
    ConsoleState {
        fleet: http.fleet.clone(),
        operators: http.operators.clone(),
        sessions: http.admin.sessions.clone(),
        cookie: http.settings.session_cookie(),
        pulse: http.admin.pulse.clone(),
        admission: http.limits.clone(),
        origins: http.settings.origins(),
        glance: Arc::new(move || {
            let state = state.clone();
            Box::pin(async move { crate::http::glance(&state).await })
        }),
        observer: Arc::new(SocketMetrics),
    }
}

fn realtime_state(config: &Config, http: &HttpState) -> RealtimeState {
    RealtimeState {
        fleet: http.fleet.clone(),
        tokens: http.tokens.clone(),
        admission: http.limits.clone(),
        origins: http.settings.origins(),
        settings: RealtimeSettings { max_sockets: config.max_sockets, ..RealtimeSettings::default() },
        observer: Arc::new(SocketMetrics),
    }
}
