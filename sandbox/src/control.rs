//! The control API for scripts and the control page for people. JSON over HTTP; errors are `{"error": "…"}`.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderMap, StatusCode, header},
    middleware,
    routing::{get, post},
};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{whatsapp, wire, yclients};

mod error;
mod faults;
mod page;
mod phones;
mod salons;
mod scan_page;

/// Largest body of a control call.
const MAX_BODY: usize = 256 * 1024;
/// How long open connections may hold up the end.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(2);
/// How long the server may take to answer what a scanning phone's owner asks of it.
const SERVER_TIMEOUT: Duration = Duration::from_secs(10);

/// Handle of the running control service.
#[derive(Clone)]
pub struct Service {
    address: SocketAddr,
    stop: CancellationToken,
    /// Owns the listener.
    tasks: TaskTracker,
}

/// What the handlers act on.
#[derive(Clone)]
struct World {
    whatsapp: whatsapp::Service,
    yclients: yclients::Service,
    client: reqwest::Client,
    faults_set: Arc<AtomicU64>,
}

impl World {
    fn count_fault(&self) {
        self.faults_set.fetch_add(1, Ordering::Relaxed);
    }
}

impl Service {
    /// Listens on a loopback address and serves until [`Service::shutdown`].
    pub async fn start(listen: SocketAddr, whatsapp: whatsapp::Service, yclients: yclients::Service) -> anyhow::Result<Self> {
        wire::require_loopback(listen)?;
        let listener = TcpListener::bind(listen).await.map_err(|error| anyhow::anyhow!("can't listen on {listen}: {error}"))?;
        let address = listener.local_addr()?;
        let client = wire::client(SERVER_TIMEOUT)?;
        let world = World { whatsapp, yclients, client, faults_set: Arc::default() };
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let (app, stopped) = (router(world), stop.clone().cancelled_owned());
        tasks.spawn(async move {
            if let Err(error) = axum::serve(listener, app).with_graceful_shutdown(stopped).await {
                tracing::error!(%error, "the control service stopped serving");
            }
        });
        Ok(Self { address, stop, tasks })
    }

    /// The address really bound.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Stops listening and waits for calls in progress.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(SHUTDOWN_GRACE, self.tasks.wait()).await.is_err() {
            tracing::warn!("the control service left calls unfinished");
        }
    }
}

fn router(world: World) -> Router {
    Router::new()
        .route("/control/salons", get(salons::list).post(salons::add))
        .route("/control/salons/{salon_id}", get(salons::one))
        .route("/control/salons/{salon_id}/{action}", post(salons::act))
        .route("/control/yclients/calls", get(salons::calls))
        .route("/control/yclients/limits", post(salons::limits))
        .route("/control/server", get(salons::server).post(salons::set_server))
        .route("/control/phones", get(phones::list).post(phones::add))
        .route("/control/phones/{number}/scan", post(phones::scan))
        .route("/control/phones/{number}/scan-page", post(scan_page::scan))
        .route("/control/phones/{number}/enter-code", post(phones::enter_code))
        .route("/control/phones/{number}/devices", post(phones::add_devices))
        .route("/control/phones/{number}/passkey", get(phones::passkey).post(phones::set_passkey))
        .route("/control/phones/{number}/passkey/assert", post(phones::assert_passkey))
        .route("/control/phones/{number}/unlink", post(phones::unlink))
        .route("/control/phones/{number}/send", post(phones::send))
        .route("/control/phones/{number}/messages", get(phones::messages))
        .route("/control/faults", get(faults::list).post(faults::set).delete(faults::clear))
        .route("/control/stats", get(faults::stats))
        .route("/control-page/salons/{salon_id}/open", get(page::open))
        .route("/", get(page::index))
        .route("/page.js", get(page::script))
        .route("/texts.js", get(page::texts))
        .route("/page.css", get(page::style))
        .route("/favicon.ico", get(|| async { StatusCode::NO_CONTENT }))
        .fallback(error::unknown_path)
        .method_not_allowed_fallback(error::unknown_method)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn(only_this_machine))
        .with_state(world)
}

/// A page of the wide web that is open in the same browser must not steer the sandbox: neither through a name that
/// resolves to loopback nor by a form that posts here.
async fn only_this_machine(
    request: axum::extract::Request,
    next: middleware::Next,
) -> Result<axum::response::Response, error::ControlError> {
    let host = header_text(request.headers(), header::HOST);
    let origin = header_text(request.headers(), header::ORIGIN);
    let known = |authority: &str| wire::loopback_url(&format!("http://{authority}")).is_ok();
    if host.is_some_and(|host| !known(host)) || origin.is_some_and(|origin| wire::loopback_url(origin).is_err()) {
        return Err(error::ControlError::forbidden("this service answers to loopback addresses only"));
    }
    Ok(next.run(request).await)
}

fn header_text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    // A value that isn't text can't be a loopback address either.
    headers.get(name).map(|value| value.to_str().unwrap_or("?"))
}
