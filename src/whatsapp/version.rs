//! Which version the client says it is: pinned by the configuration, or asked once a day for the whole process.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use wacore::net::HttpClient;
use wacore::store::Device;
use whatsapp_rust::anyhow;

use super::egress::{Endpoint, Http, TunnelError, Way};

/// As WhatsApp numbers it, like 2.3000.1023456789.
pub(super) type Version = (u32, u32, u32);

/// WhatsApp refuses a version only weeks later; a day is what its own client keeps.
const FRESH: Duration = Duration::from_secs(24 * 3600);

/// A look-up that takes longer has failed.
const LOOK_UP_LIMIT: Duration = Duration::from_secs(20);

/// Why there is no version to name.
#[derive(Debug, Error)]
pub(super) enum VersionError {
    #[error("WhatsApp's current version could not be fetched")]
    Fetch(#[source] anyhow::Error),
    #[error("WhatsApp's current version was not told in time")]
    Timeout,
    #[error("WhatsApp's current version could not be asked through the company's proxy")]
    Proxy(#[source] TunnelError),
}

/// The version for every link of this process.
pub(super) struct Versions {
    pinned: Option<Version>,
    known: watch::Sender<Option<(Version, Instant)>>,
}

impl Versions {
    pub(super) fn new(pinned: Option<Version>) -> Self {
        Self { pinned, known: watch::Sender::new(None) }
    }

    /// The version to name, asked by this way out if need be. When it can't be asked: the last one known here, or the one this
    /// device used before.
    pub(super) async fn current(&self, way: &Way, endpoint: &Endpoint, device: Option<&Device>) -> Result<Version, VersionError> {
        if let Some(version) = self.pinned.or_else(|| self.fresh()) {
            return Ok(version);
        }
        let _one = way.look_up.acquire().await;
        if let Some(version) = self.fresh() {
            return Ok(version);
        }
        match fetch(&way.http).await {
            Ok(version) => {
                self.known.send_replace(Some((version, Instant::now())));
                Ok(version)
            }
            Err(error) => {
                let older = (*self.known.borrow()).map(|(version, _)| version).or_else(|| used_before(device?));
                let Some(version) = older else {
                    return Err(way.trouble(endpoint).await.map_or(error, VersionError::Proxy));
                };
                tracing::warn!("WhatsApp's current version can't be asked; an older one is used");
                Ok(version)
            }
        }
    }

    fn fresh(&self) -> Option<Version> {
        let (version, since) = (*self.known.borrow())?;
        (since.elapsed() < FRESH).then_some(version)
    }
}

async fn fetch(http: &Http) -> Result<Version, VersionError> {
    let http: Arc<dyn HttpClient> = Arc::new(http.clone());
    timeout(LOOK_UP_LIMIT, whatsapp_rust::version::fetch_latest_app_version(&http))
        .await
        .map_err(|_| VersionError::Timeout)?
        .map_err(VersionError::Fetch)
}

fn used_before(device: &Device) -> Option<Version> {
    device.pn.as_ref()?;
    Some((device.app_version_primary, device.app_version_secondary, device.app_version_tertiary))
}
