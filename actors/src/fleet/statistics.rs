//! Numbers over all companies, for people.

use super::{CallError, FleetHandle};
use crate::ports::DayTraffic;
use crate::records::IntegrationStatus;

/// How all companies stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Companies by status; those without any may be absent.
    pub by_status: Vec<(IntegrationStatus, u64)>,
    /// Whose WhatsApp is connected right now.
    pub connected: u64,
    /// Connections made and lost lately.
    pub last_day: DayTraffic,
}

impl FleetHandle {
    /// Counts; cheap.
    pub async fn statistics(&self) -> Result<Statistics, CallError> {
        let records = &self.inner.ports.records;
        Ok(Statistics {
            by_status: records.count_by_status().await?,
            connected: self.overview().await?.online as u64,
            last_day: records.last_day(self.inner.ports.clock.now()).await?,
        })
    }
}
