//! From the configuration to what each part takes.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn;
use axum::routing::any;
use frontdesk_actors::FleetHandle;
use frontdesk_actors::ports::Ports;
use secrecy::ExposeSecret as _;
use socketioxide::layer::SocketIoLayer;

use super::StartError;
use super::observers::{HttpMetrics, SocketMetrics, StoreMetrics};
use crate::auth::Tokens;
use crate::config::{Config, Mode};
use crate::http::{HttpSettings, HttpState, Readiness};
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
        options.observer = Arc::new(StoreMetrics::new(readiness));
        if config.store_without_sync {
            options = options.without_sync();
        }
        Store::open(options).map_err(StartError::Store)
    });
    opened.await.expect("opening the store catches its own panics")
}

pub(super) fn http_state(config: &Config, fleet: &FleetHandle, ports: &Ports, tokens: &Tokens, readiness: &Readiness) -> HttpState {
    let production = config.mode == Mode::Production;
    let settings = HttpSettings {
        base_url: config.base_url.clone(),
        production,
        allowed_origins: config.allowed_origins.clone(),
        trusted_proxies: config.trusted_proxies.clone(),
        per_ip_limits: config.rate_limits,
        per_company_limits: config.rate_limits,
        secure_cookies: production && config.base_url.scheme() == "https",
        application_id: config.yclients.application_id,
        ..HttpSettings::default()
    };
    HttpState {
        fleet: fleet.clone(),
        marketplace: ports.marketplace.clone(),
        tokens: tokens.clone(),
        limits: settings.admission(),
        settings: Arc::new(settings),
        readiness: readiness.clone(),
        observer: Arc::new(HttpMetrics),
    }
}

/// The Socket.IO engine as a route, with its own guard against bare handshakes.
pub(super) fn engine(layer: SocketIoLayer, http: &HttpState) -> Router {
    let admission = http.limits.clone();
    let guard = from_fn(move |request, next| realtime::guard_handshakes(admission.clone(), realtime::EXCHANGE_WITHIN, request, next));
    Router::new().route(realtime::PATH, any(|| async { StatusCode::NOT_FOUND })).layer(layer).layer(guard)
}

pub(super) fn realtime_state(config: &Config, http: &HttpState) -> RealtimeState {
    RealtimeState {
        fleet: http.fleet.clone(),
        tokens: http.tokens.clone(),
        admission: http.limits.clone(),
        origins: http.settings.origins(),
        settings: RealtimeSettings { max_sockets: config.max_sockets, ..RealtimeSettings::default() },
        observer: Arc::new(SocketMetrics),
    }
}
