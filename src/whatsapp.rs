//! The WhatsApp connector: the only user of the protocol library.
//!
//! ```text
//! WhatsappConnector          shared by all companies: endpoint, TLS roots, ways out, version, permits, the tasks that close links
//! └─ link (per run)          holds the company's permit; one client, one connection; facts out, commands in, one end
//!    ├─ backend              the library's storage traits on the vault
//!    ├─ egress               TCP, TLS, WebSocket; can be cut from below
//!    └─ translate            events and ends, judged by pure functions
//! ```
//!
//! The library logs through the `log` crate, with phone numbers and pairing codes in some lines. Nothing here may bridge `log` into
//! `tracing`: what matters about a link is said by this module, without either.

mod backend;
mod egress;
mod gate;
mod limits;
mod link;
#[cfg(test)]
#[cfg(feature = "sandbox")]
mod sandbox_tests;
mod threads;
mod translate;
mod version;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use async_trait::async_trait;
use frontdesk_actors::ids::{CompanyId, OwnIdentity, SalonId, SessionId};
use frontdesk_actors::ports::{Connector, LinkCommand, LinkEnd, LinkReports, LinkRequest, RecordsError, Vault, WaysOut};
use frontdesk_actors::view::EgressView;
use tokio::runtime::RuntimeMetrics;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use url::Url;
use wacore::store::traits::DeviceStore;
use whatsapp_rust::transport::default_tls_connector;

use self::backend::Backend;
pub use self::egress::{Egress, EgressPlan, EgressSettings, Login, Proxy, ProxyError, Reached, SettingsError, reach};
use self::egress::{Endpoint, Ways};
use self::gate::Gate;
use self::threads::LinkThreads;
use self::version::Versions;

/// How WhatsApp is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhatsappSettings {
    /// Where the service is; `None` is WhatsApp itself.
    pub endpoint: Option<Url>,
    /// The version to name instead of asking WhatsApp for its current one.
    pub client_version: Option<(u32, u32, u32)>,
    /// Which way out each company takes.
    pub egress: EgressSettings,
    /// How long WhatsApp may take to answer a probe.
    pub probe_timeout: Duration,
    /// Threads for all links, so that code of a link that never waits holds up neither the server nor the supervision of the others. 0: links run on
    /// the caller's threads.
    pub threads: usize,
}

impl Default for WhatsappSettings {
    fn default() -> Self {
        Self {
            endpoint: None,
            client_version: None,
            egress: EgressSettings::default(),
            probe_timeout: Duration::from_secs(if cfg!(test) { 2 } else { 20 }),
            threads: 0,
        }
    }
}

/// Opens links to WhatsApp.
pub struct WhatsappConnector {
    shared: Arc<Shared>,
    threads: LinkThreads,
}

/// What all links share.
struct Shared {
    vault: Arc<dyn Vault>,
    endpoint: Arc<Endpoint>,
    tls: Arc<tokio_websockets::Connector>,
    ways: Ways,
    versions: Versions,
    gate: Gate,
    /// Tasks that close links; at most one per company, because the company's permit is in it.
    closing: TaskTracker,
    probe_timeout: Duration,
    /// Whether the log has said that the service's certificate chain is refused. It would say so at every dial.
    chain_refusal_told: AtomicBool,
}

impl WhatsappConnector {
    /// Checks the settings against what this build may talk to.
    pub fn new(settings: WhatsappSettings, vault: Arc<dyn Vault>) -> Result<Self, SettingsError> {
        let endpoint = Arc::new(Endpoint::of(settings.endpoint.as_ref())?);
        endpoint.admit(&settings.egress)?;
        let threads = LinkThreads::start(settings.threads).map_err(|error| SettingsError::Threads(error.kind()))?;
        let shared = Shared {
            vault,
            ways: Ways::new(EgressPlan::new(settings.egress), Arc::clone(&endpoint)),
            endpoint,
            tls: Arc::new(default_tls_connector()),
            versions: Versions::new(settings.client_version),
            gate: Gate::default(),
            closing: TaskTracker::new(),
            probe_timeout: settings.probe_timeout,
            chain_refusal_told: AtomicBool::new(false),
        };
        Ok(Self { shared: Arc::new(shared), threads })
    }

    /// The threads' own figures, when links have threads of their own.
    pub fn runtime(&self) -> Option<RuntimeMetrics> {
        self.threads.metrics()
    }

    /// Waits until every link that has ended or was dropped is closed and its state written. For the end of the process, after
    /// the sessions have stopped and before the store closes.
    pub async fn closed(&self) {
        self.shared.closing.close();
        self.shared.closing.wait().await;
    }
}

#[async_trait]
impl Connector for WhatsappConnector {
    async fn run(&self, request: LinkRequest, reports: LinkReports, commands: mpsc::Receiver<LinkCommand>) -> LinkEnd {
        let span = tracing::info_span!(
            "link",
            company.id = %request.company,
            session.id = %SessionId::of(request.salon),
            generation = request.generation.get(),
        );
        let shared = Arc::clone(&self.shared);
        let run = async move { link::run(&shared, request, reports, commands).await };
        self.threads.run(run.instrument(span)).await
    }

    async fn credentials(&self, company: CompanyId) -> Result<Option<OwnIdentity>, RecordsError> {
        let backend = Backend::new(company, Arc::clone(&self.shared.vault));
        let device = backend.load().await.map_err(|error| {
            tracing::error!(company.id = %company, error = %error, "the stored WhatsApp device can't be read");
            RecordsError::Failed("reading the WhatsApp device".to_owned())
        })?;
        Ok(device.and_then(|device| translate::identity(device.pn.as_ref(), device.lid.as_ref())))
    }
}

impl WaysOut for WhatsappConnector {
    fn way_out(&self, company: CompanyId, salon: SalonId) -> EgressView {
        self.shared.ways.plan().of(company, salon).shown()
    }
}
