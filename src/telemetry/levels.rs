//! How much is logged, changeable while the server runs, for a while: who forgets a level at `debug` fills the disk.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing_subscriber::{EnvFilter, Registry, reload};

use crate::config::is_log_filter;

/// Longest filter that is taken.
const LONGEST: usize = 256;

/// Longest time for which a level can be asked for.
const MAX_FOR: Duration = Duration::from_secs(24 * 3600);

/// The level that applies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresentLevel {
    /// The filter, such as `info,frontdesk_actors=debug`.
    pub filter: String,
    /// It falls back to the configured one then. `None`: it is the configured one.
    pub until: Option<Instant>,
}

/// Not a level or filter that can be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadLevel {
    /// Not understood.
    #[error("use error, warn, info, debug or trace, or a filter like info,frontdesk_actors=debug")]
    Unknown,
    /// Not a sensible time.
    #[error("a level can be changed for at most 24 hours")]
    TooLong,
    /// The subscriber is gone; only while the process ends.
    #[error("logging has ended")]
    Ended,
}

/// The way to the filter of the process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LogLevels {
    filter: reload::Handle<EnvFilter, Registry>,
    configured: Arc<str>,
    present: Arc<watch::Sender<PresentLevel>>,
}

impl LogLevels {
    /// The filter as a layer, and the way to it.
    pub(super) fn new(configured: &str) -> Result<(reload::Layer<EnvFilter, Registry>, Self), BadLevel> {
        let (layer, filter) = reload::Layer::new(parsed(configured)?);
        let present = watch::Sender::new(PresentLevel { filter: configured.to_owned(), until: None });
        Ok((layer, Self { filter, configured: configured.into(), present: Arc::new(present) }))
    }

    /// The level that applies.
    pub fn present(&self) -> PresentLevel {
        self.present.borrow().clone()
    }

    /// Applies another level for a while.
    pub fn change(&self, filter: &str, lasting: Duration) -> Result<PresentLevel, BadLevel> {
        if lasting > MAX_FOR {
            return Err(BadLevel::TooLong);
        }
        self.apply(filter, Some(Instant::now() + lasting))
    }

    /// Back to the configured level.
    pub fn reset(&self) -> Result<PresentLevel, BadLevel> {
        self.apply(&self.configured, None)
    }

    /// Falls back when the time is over. The app calls it every second.
    pub fn tick(&self) {
        let over = self.present.borrow().until.is_some_and(|until| until <= Instant::now());
        if over && self.reset().is_ok() {
            tracing::info!(log.level = &*self.configured, "the log level is the configured one again");
        }
    }

    fn apply(&self, filter: &str, until: Option<Instant>) -> Result<PresentLevel, BadLevel> {
        let filter = filter.trim();
        self.filter.reload(parsed(filter)?).map_err(|_| BadLevel::Ended)?;
        let present = PresentLevel { filter: filter.to_owned(), until };
        self.present.send_replace(present.clone());
        Ok(present)
    }
}

fn parsed(filter: &str) -> Result<EnvFilter, BadLevel> {
    if filter.len() > LONGEST || !is_log_filter(filter) {
        return Err(BadLevel::Unknown);
    }
    EnvFilter::builder().with_regex(false).parse(filter).map_err(|_| BadLevel::Unknown)
}
