//! Composition root: the one place that knows every type. Starts the parts in order, runs until a signal, stops them in reverse.
//!
//! ```text
//! start:  ops listener (not ready) → store → connector, marketplace → fleet (restores sessions) → HTTP + Socket.IO → ready
//! stop:   not ready → HTTP and sockets take nothing new → fleet drains bottom-up → store flushes and closes
//! ```

mod backups;
mod caretakers;
pub(crate) mod control;
mod housekeeping;
mod listen;
mod observers;
mod secrets;
#[cfg(feature = "sandbox")]
mod services;
mod signals;
#[cfg(test)]
mod tests;
mod upkeep;
mod watchdog;
mod wiring;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use frontdesk_actors::fleet::CallError;
use frontdesk_actors::ports::{NoCare, Ports, RecordsError, SystemClock};
use frontdesk_actors::{FleetHandle, Reconciler};
use metrics_exporter_prometheus::PrometheusHandle;
use socketioxide::SocketIo;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::runtime::RuntimeMetrics;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::{BackupSettings, Config};
use crate::http::{self, AdminState, Liveness, OpsState, Phase, Readiness};
use crate::pulse::Pulse;
use crate::realtime;
use crate::store::{OpenError, SealKeyError, Store};
use crate::telemetry::{LogLevels, Traces};
use crate::whatsapp::{WhatsappConnector, WhatsappSettings};
use crate::yclients::Yclients;
use control::Doorway;
use listen::ListenLimits;
use observers::ProcessLogLevel;
use upkeep::Upkeep;

#[cfg(feature = "sandbox")]
pub(crate) use services::run_sandbox;

/// Connections of one address at once: a large office behind one router still fits.
const CONNECTIONS_PER_ADDRESS: usize = 256;

/// Connections to the ops listener at once: a few scrapers.
const OPS_CONNECTIONS: usize = 256;

/// Why the server did not start, or ended by itself.
#[derive(Debug, Error)]
pub enum StartError {
    /// An address is taken or not ours.
    #[error("{address} can't be bound: is another server running there? Choose another with {setting}")]
    Bind {
        /// Which.
        address: SocketAddr,
        /// Setting that names it.
        setting: &'static str,
        /// Cause.
        #[source]
        source: std::io::Error,
    },
    /// The data folder.
    #[error("the data folder can't be used")]
    Store(#[source] OpenError),
    /// The key that seals the store.
    #[error("the seal key can't be used")]
    SealKey(#[source] SealKeyError),
    /// The file that lets the command line in can't be written.
    #[error("the file control.json can't be kept in the data folder")]
    Control(#[source] std::io::Error),
    /// A generated secret can't be kept.
    #[error("a generated secret can't be kept in the data folder")]
    Secret(#[source] std::io::Error),
    /// The operators' keys can't be read.
    #[error("the operators' keys can't be read")]
    Operators(#[source] RecordsError),
    /// A setting that only the adapter can judge.
    #[error("a setting is wrong")]
    Settings(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The tree did not start.
    #[error("the supervision tree did not start")]
    Fleet(#[source] CallError),
    /// The root of the tree ended by itself: nothing supervises the sessions any more.
    #[error("the supervision tree ended by itself")]
    FleetEnded,
    /// A listener failed while running.
    #[error("a listener failed")]
    Serve(#[source] std::io::Error),
    /// The simulated services did not start.
    #[cfg(feature = "sandbox")]
    #[error("the simulated services did not start")]
    Sandbox(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// An error with all its causes, for the last line of a failed start.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

/// The backups that the server made in this folder, oldest first.
pub(crate) fn backups_in(folder: &Path) -> Vec<PathBuf> {
    backups::found(folder).into_iter().map(|(_, file)| file).collect()
}

/// One TLS provider for the whole process; harmless when called again.
pub fn install_crypto_provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// What the process has once, installed before anything else.
#[derive(Clone)]
pub struct Instruments {
    /// All metrics.
    pub recorder: PrometheusHandle,
    /// How much is logged.
    pub levels: LogLevels,
    /// What is sent to a collector.
    pub traces: Traces,
}

/// Runs the server until a signal, then drains. A second signal cuts it short.
pub async fn serve(config: Config, instruments: Instruments) -> Result<(), StartError> {
    let grace = config.shutdown_grace;
    let mut app = App::start(config, instruments).await?;
    let reason = app.run_until_signal().await;
    signals::forced_by_second_signal(app.stop(grace)).await;
    reason
}

/// A running server.
pub struct App {
    tree: Tree,
    connector: Arc<WhatsappConnector>,
    store: Store,
    doorway: Doorway,
    admin: AdminState,
    readiness: Readiness,
    sockets: SocketIo,
    stopping: CancellationToken,
    listeners: Vec<JoinHandle<std::io::Result<()>>>,
    upkeep: Vec<JoinHandle<()>>,
    traces: Traces,
    /// Where browsers and YClients reach it.
    pub address: SocketAddr,
    /// Where Prometheus reaches it.
    pub ops_address: SocketAddr,
}

impl App {
    /// Starts all parts in order. On `Err` nothing is left running once the runtime ends.
    pub async fn start(config: Config, instruments: Instruments) -> Result<Self, StartError> {
        let stopping = CancellationToken::new();
        let readiness = Readiness::starting();
        let listener = bind(config.listen, "--port or PORT").await?;
        let ops_listener = bind(config.ops_listen, "--ops-listen or FRONTDESK_SERVER_OPS_LISTEN").await?;
        let (address, ops_address) = (local(&listener)?, local(&ops_listener)?);
        let doorway = Doorway::shut(&config.data_dir);
        let liveness = Liveness::new(watchdog::LIMIT);
        let link_threads = Arc::new(OnceLock::new());
        let ops = http::ops_router(ops_state(&instruments, &readiness, &liveness, &doorway, link_threads.clone()));
        let ops_task = spawn_listener(ops_listener, ops, ListenLimits::new("ops", OPS_CONNECTIONS, None), stopping.clone());

        let store = wiring::open_store(&config, &readiness).await?;
        doorway.open(ops_address, &store).map_err(StartError::Control)?;
        let auth = wiring::auth(&config, &store).await?;
        let connector = Arc::new(connector(&config, &store)?);
        let pulse = Pulse::open(&store).await.map_err(StartError::Operators)?;
        let _ = connector.runtime().map(|threads| link_threads.set(threads));
        let ports = ports(&config, &store, connector.clone(), &pulse)?;
        let tree = Tree::start(&config, &ports).await?;
        let admin = wiring::admin_state(&store, (&ports, connector.clone()), &auth, (pulse, tree.reconciler.weak()));

        let http_state = wiring::http_state(&config, &tree.fleet, &ports, (&auth, &admin), &readiness);
        let admission = http_state.limits.clone();
        let (engine, sockets) = wiring::sockets(&config, &http_state);
        let main_task = spawn_listener(listener, http::router(http_state, engine), public_limits(&config), stopping.clone());
        let traces = instruments.traces.clone();
        let upkeep = Upkeep::new(instruments, admission, (&tree.fleet, &store, &admin), &readiness, config.data_dir);
        let upkeep = caretakers(upkeep, (config.backup, config.sweep_every), liveness, &stopping);
        readiness.enter(Phase::Ready);
        watchdog::ready();
        tracing::info!(%address, ops.address = %ops_address, base_url = %config.base_url, "ready");
        let listeners = vec![ops_task, main_task];
        Ok(Self { tree, connector, store, doorway, admin, readiness, sockets, stopping, listeners, upkeep, traces, address, ops_address })
    }

    /// Ends with `Ok` after SIGTERM or SIGINT, with an error when a part ended by itself.
    pub async fn run_until_signal(&mut self) -> Result<(), StartError> {
        tokio::select! {
            () = signals::first() => Ok(()),
            () = self.tree.fleet.ended() => Err(StartError::FleetEnded),
            ended = futures_util::future::select_all(&mut self.listeners) => {
                let failure = ended.0.map_err(std::io::Error::other).and_then(|result| result);
                Err(StartError::Serve(failure.err().unwrap_or_else(|| std::io::Error::other("a listener ended by itself"))))
            }
        }
    }

    /// Stops all parts in reverse order within `grace` and logs what was left.
    pub async fn stop(self, grace: Duration) {
        tracing::info!("stopping: no new requests, closing sessions");
        self.readiness.enter(Phase::Draining);
        watchdog::stopping();
        self.doorway.close();
        self.stopping.cancel();
        drop(self.tree.reconciler);
        realtime::close(&self.sockets, grace / 4).await;
        let report = self.tree.fleet.drain(grace / 2).await;
        if tokio::time::timeout(grace / 8, self.connector.closed()).await.is_err() {
            tracing::warn!("some links did not close in time");
        }
        // One that ended by itself was waited for already, and must not be again.
        for listener in self.listeners.into_iter().filter(|listener| !listener.is_finished()) {
            let abort = listener.abort_handle();
            if tokio::time::timeout(grace / 8, listener).await.is_err() {
                abort.abort();
            }
        }
        for task in self.upkeep {
            let _ = task.await; // it catches its own panics
        }
        self.admin.finish(grace / 8).await;
        self.store.close().await;
        tracing::info!(sessions.stopped = report.stopped, sessions.orphaned = report.orphaned, "stopped");
        let traces = self.traces;
        let _ = tokio::task::spawn_blocking(move || traces.finish()).await;
    }
}

/// The tasks that run beside the listeners until `stopping`.
fn caretakers(
    upkeep: Upkeep,
    (backup, sweep_every): (BackupSettings, Duration),
    liveness: Liveness,
    stopping: &CancellationToken,
) -> Vec<JoinHandle<()>> {
    let (fleet, store) = (upkeep.fleet.clone(), upkeep.store.clone());
    let (stop, of_backups, of_sweeps) = (stopping.clone(), store.clone(), fleet.clone());
    let backups = move || backups::run(of_backups.clone(), backup.clone(), stop.clone());
    let stop = stopping.clone();
    let sweeps = move || housekeeping::housekeep(of_sweeps.clone(), sweep_every, stop.clone());
    let stop = stopping.clone();
    let watchdog = move || watchdog::run(fleet.clone(), store.clone(), liveness.clone(), stop.clone());
    let stop = stopping.clone();
    let upkeep = move || upkeep.clone().run(stop.clone());
    vec![
        caretakers::keep("backups", stopping, backups),
        caretakers::keep("sweeps", stopping, sweeps),
        caretakers::keep("watchdog", stopping, watchdog),
        caretakers::keep("upkeep", stopping, upkeep),
    ]
}

fn connector(config: &Config, store: &Store) -> Result<WhatsappConnector, StartError> {
    let settings = WhatsappSettings {
        endpoint: config.whatsapp_endpoint.clone(),
        client_version: config.whatsapp_version,
        egress: config.egress.clone(),
        probe_timeout: config.probe_timeout,
        threads: config.whatsapp_threads,
    };
    WhatsappConnector::new(settings, Arc::new(store.clone())).map_err(|error| StartError::Settings(Box::new(error)))
}

/// The tree, and what compares it with YClients.
struct Tree {
    fleet: FleetHandle,
    reconciler: Reconciler,
}

impl Tree {
    async fn start(config: &Config, ports: &Ports) -> Result<Self, StartError> {
        let fleet = FleetHandle::start(ports.clone(), config.fleet.clone()).await.map_err(StartError::Fleet)?;
        let reconciler = Reconciler::start(fleet.clone(), ports.clone(), config.reconcile);
        Ok(Self { fleet, reconciler })
    }
}

fn ports(config: &Config, store: &Store, connector: Arc<WhatsappConnector>, pulse: &Pulse) -> Result<Ports, StartError> {
    let yclients = Yclients::new(config.yclients.clone()).map_err(|error| StartError::Settings(Box::new(error)))?;
    let yclients = Arc::new(yclients);
    Ok(Ports {
        connector,
        marketplace: yclients.clone(),
        partner: yclients,
        records: Arc::new(store.clone()),
        care: Arc::new(NoCare),
        events: Arc::new(observers::Facts::to([crate::metrics::sink(), Arc::new(pulse.clone())])),
        clock: Arc::new(SystemClock),
    })
}

/// `links`: the runtime of the links, once it is there.
fn ops_state(
    instruments: &Instruments,
    readiness: &Readiness,
    liveness: &Liveness,
    doorway: &Doorway,
    links: Arc<OnceLock<RuntimeMetrics>>,
) -> OpsState {
    let recorder = instruments.recorder.clone();
    let process = metrics_process::Collector::default();
    process.describe();
    let own = tokio::runtime::Handle::current().metrics();
    let metrics = move || {
        process.collect();
        let runtimes: Vec<_> = std::iter::once(&own).chain(links.get()).collect();
        crate::metrics::read_runtimes(&runtimes);
        recorder.render()
    };
    let levels = Arc::new(ProcessLogLevel(instruments.levels.clone()));
    let (readiness, liveness, control) = (readiness.clone(), liveness.clone(), doorway.watch());
    OpsState { metrics: Arc::new(metrics), readiness, liveness, levels, control }
}

async fn bind(address: SocketAddr, setting: &'static str) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| StartError::Bind { address, setting, source })
}

fn local(listener: &TcpListener) -> Result<SocketAddr, StartError> {
    listener.local_addr().map_err(StartError::Serve)
}

fn spawn_listener(
    listener: TcpListener,
    router: Router,
    limits: ListenLimits,
    stopping: CancellationToken,
) -> JoinHandle<std::io::Result<()>> {
    tokio::spawn(listen::serve(listener, router, limits, stopping))
}

/// Who comes through a proxy shares its address; limits per address are the proxy's business then. The sandbox has none, so that load can be tried.
fn public_limits(config: &Config) -> ListenLimits {
    let counted = config.rate_limits && config.trusted_proxies.is_empty();
    ListenLimits::new("public", listen::places_for(config.max_sockets), counted.then_some(CONNECTIONS_PER_ADDRESS))
}
