//! The simulated YClients: salons, the marketplace with its installation states, the calls a partner makes and the
//! webhooks it receives. The quirks are the point: 301 as success, 403 for what is installed already, ids that are
//! text in lists, `[]` where an object is missing, silence.

#![expect(clippy::disallowed_types, reason = "the sandbox has no actors: its world is one map, locked for moments only")]

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::Router;
use chrono::TimeDelta;
use serde::Serialize;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{SandboxConfig, wire};

mod answers;
mod calls;
mod door;
mod envelope;
mod faults;
mod installation;
mod limiter;
mod owner;
mod payments;
mod rest;
mod routes;
mod signing;
mod webhooks;
mod world;

pub use calls::Call;
pub use faults::{Endpoint, Fault, Kind, Target};
pub use installation::Status;
pub use owner::SalonView;
pub use signing::sign;
pub use webhooks::Delivery;
pub(crate) use world::Kept;
pub use world::{NewSalon, as_number};

/// How long a webhook may take, as YClients' sibling documents it.
const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(15);
/// How long open connections may hold up the end.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(3);

/// What an owner or a script can't do, in words.
#[derive(Debug, thiserror::Error)]
pub enum YclientsError {
    /// No such salon.
    #[error("there is no salon {0} at YClients; create it with POST /control/salons")]
    UnknownSalon(u64),
    /// A salon that can't be.
    #[error("{0}")]
    BadSalon(String),
    /// The application isn't there.
    #[error("the application is not connected in salon {0}; press Connect first")]
    NotConnected(u64),
    /// The callback registered nothing, or never came.
    #[error("salon {0} has no webhook_urls: the callback registered none, or has not come yet")]
    NoWebhooks(u64),
    /// Not an object.
    #[error("a record must be a JSON object")]
    BadRecord,
    /// A fault that can't be.
    #[error("{0}")]
    BadFault(String),
    /// An address outside loopback.
    #[error(transparent)]
    BadUrl(#[from] wire::WireError),
}

/// The partner's side of the contract.
#[derive(Clone)]
pub struct Options {
    /// Bearer, signature key, and secret in lifecycle webhooks.
    pub partner_token: String,
    /// The application's number.
    pub application_id: u64,
    /// Base of the server under test.
    pub server_url: String,
    /// Path of the lifecycle webhook there.
    pub webhook_path: String,
    /// How long an installation stays `pending`.
    pub pending_ttl: Duration,
}

impl From<&SandboxConfig> for Options {
    fn from(config: &SandboxConfig) -> Self {
        Self {
            partner_token: config.partner_token.clone(),
            application_id: config.application_id,
            server_url: config.server_url.clone(),
            webhook_path: config.webhook_path.clone(),
            pending_ttl: Duration::from_secs(3600),
        }
    }
}

/// Handle of the running service; clones are the same service.
#[derive(Clone)]
pub struct Service {
    shared: Arc<Shared>,
}

struct Shared {
    options: Options,
    terms: answers::Terms,
    address: SocketAddr,
    /// Held for moments only, never across an await.
    state: Mutex<State>,
    client: reqwest::Client,
    stop: CancellationToken,
    /// Owns the listener, calls in progress and background webhooks.
    tasks: TaskTracker,
}

struct State {
    world: world::World,
    calls: calls::CallLog,
    faults: faults::Faults,
    limiter: limiter::Limiter,
    server_url: String,
    nonces: u64,
    tallies: Tallies,
}

impl State {
    fn new(options: &Options) -> anyhow::Result<Self> {
        Ok(Self {
            world: world::World::new(TimeDelta::from_std(options.pending_ttl)?),
            calls: calls::CallLog::default(),
            faults: faults::Faults::default(),
            limiter: limiter::Limiter::default(),
            server_url: options.server_url.clone(),
            nonces: 0,
            tallies: Tallies::default(),
        })
    }
}

#[derive(Clone, Default, Serialize)]
struct Tallies {
    connects: u64,
    webhooks_delivered: u64,
    webhooks_failed: u64,
}

/// What happened so far.
#[derive(Clone, Serialize)]
pub struct YclientsStats {
    /// Calls of the partner.
    pub calls: u64,
    /// Salons that exist.
    pub salons: usize,
    /// Salons with an active installation.
    pub active: usize,
    #[serde(flatten)]
    tallies: Tallies,
    /// Whether the limits per IP apply.
    pub limits: bool,
    /// Calls refused with 429 because of them.
    pub limited: u64,
    /// The most calls that ever arrived from one address within a second, whether the limits apply or not.
    pub most_in_a_second: usize,
    /// The most within a minute.
    pub most_in_a_minute: usize,
    /// Hits per kind of fault.
    pub faults_injected: std::collections::BTreeMap<&'static str, u64>,
}

impl Service {
    /// Listens on a loopback address and serves until [`Service::shutdown`].
    pub async fn start(listen: SocketAddr, options: Options) -> anyhow::Result<Self> {
        Self::resume(listen, options, Kept::default()).await
    }

    /// As [`Service::start`], with the salons of an earlier run.
    pub(crate) async fn resume(listen: SocketAddr, options: Options, kept: Kept) -> anyhow::Result<Self> {
        wire::loopback_url(&options.server_url)?;
        let listener = wire::CuttableListener::bind(listen).await?;
        let address = listener.address()?;
        let terms =
            answers::Terms { application_id: options.application_id, installed_page: format!("http://{address}/appstore/installed") };
        let mut state = State::new(&options)?;
        state.world.revive(kept);
        let state = Mutex::new(state);
        let client = wire::client(WEBHOOK_TIMEOUT)?;
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let service = Self { shared: Arc::new(Shared { options, terms, address, state, client, stop, tasks }) };
        let app = Router::new().fallback(door::handle).with_state(service.clone());
        let app = app.into_make_service_with_connect_info::<wire::Peer>();
        let stopped = service.shared.stop.clone().cancelled_owned();
        service.shared.tasks.spawn(async move {
            if let Err(error) = axum::serve(listener, app).with_graceful_shutdown(stopped).await {
                tracing::error!(%error, "simulated YClients stopped serving");
            }
        });
        Ok(service)
    }

    /// The address really bound.
    pub fn local_addr(&self) -> SocketAddr {
        self.shared.address
    }

    /// Stops listening, ends silent calls, waits for the rest.
    pub async fn shutdown(&self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        if tokio::time::timeout(SHUTDOWN_GRACE, self.shared.tasks.wait()).await.is_err() {
            tracing::warn!("simulated YClients left calls unfinished");
        }
    }

    /// Describes the salons for a later run.
    pub(crate) fn keep(&self) -> Kept {
        self.lock().world.keep()
    }

    /// What the server asked, oldest first.
    pub fn calls(&self, salon_id: Option<u64>, after: u64) -> Vec<Call> {
        self.lock().calls.list(salon_id, after)
    }

    /// Puts a fault in force.
    pub fn set_fault(&self, target: Target, fault: Fault) -> Result<(), YclientsError> {
        self.lock().faults.add(target, fault).map_err(YclientsError::BadFault)
    }

    /// Everything works again.
    pub fn clear_faults(&self) {
        self.lock().faults.clear();
    }

    /// The faults in force.
    pub fn faults(&self) -> Vec<(Target, Fault)> {
        self.lock().faults.list().to_vec()
    }

    /// Switches the limits per IP (5/s, 200/min) on or off.
    pub fn limit_rates(&self, on: bool) {
        self.lock().limiter.switch(on);
    }

    /// Where redirects and webhooks go.
    pub fn server_url(&self) -> String {
        self.lock().server_url.clone()
    }

    /// Sends redirects and webhooks elsewhere from now on.
    pub fn set_server_url(&self, url: &str) -> Result<(), YclientsError> {
        wire::loopback_url(url)?;
        self.lock().server_url = url.to_owned();
        Ok(())
    }

    /// Counts since the start.
    pub fn stats(&self) -> YclientsStats {
        let mut state = self.lock();
        let (mut salons, mut active) = (0, 0);
        for (_, status) in state.world.salons() {
            salons += 1;
            active += usize::from(status == Status::Active);
        }
        YclientsStats {
            calls: state.calls.total(),
            salons,
            active,
            tallies: state.tallies.clone(),
            limits: state.limiter.is_on(),
            limited: state.limiter.refused(),
            most_in_a_second: state.limiter.peaks().0,
            most_in_a_minute: state.limiter.peaks().1,
            faults_injected: state.faults.injected().clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
