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

/// All companies are refused at once when a version goes out of use; the first one's look-up is enough.
const ASKED_LATELY: Duration = Duration::from_secs(600);

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
    /// The last one told, and when; without a moment it is to be asked again.
    known: watch::Sender<Option<(Version, Option<Instant>)>>,
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
                self.known.send_replace(Some((version, Some(Instant::now()))));
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
        (since?.elapsed() < FRESH).then_some(version)
    }

    /// WhatsApp refused the client as outdated: the version is asked anew, unless that was done a moment ago.
    pub(super) fn refused(&self) {
        self.known.send_if_modified(|known| match known {
            Some((_, since)) if since.is_some_and(|since| since.elapsed() >= ASKED_LATELY) => {
                *since = None;
                true
            }
            Some(_) | None => false,
        });
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_refused_version_is_asked_anew_and_not_by_everyone_at_once() {
        let versions = Versions::new(None);
        versions.known.send_replace(Some(((2, 3000, 1), Some(Instant::now()))));
        versions.refused();
        assert_eq!(versions.fresh(), Some((2, 3000, 1)), "told a moment ago: another look-up would tell the same");
        tokio::time::advance(ASKED_LATELY).await;
        versions.refused();
        assert_eq!(versions.fresh(), None);
    }
}
