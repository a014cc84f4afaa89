//! What has to be done now and then, on the app's clock: erase what removed salons left behind, wake companies whose webhooks wait, forget the past.

use super::{CallError, FleetHandle};
use crate::records::Pruned;

/// Erasures carried out in one sweep, and companies woken.
const AT_ONCE: usize = 256;

/// What a sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Removed salons whose data was erased.
    pub erased: usize,
    /// Companies whose webhooks waited without anybody knowing.
    pub woken: usize,
    /// What was forgotten.
    pub pruned: Pruned,
}

impl FleetHandle {
    /// One round. Every part of it may be repeated; what one round leaves, the next one does.
    pub async fn sweep(&self) -> Result<Swept, CallError> {
        let (records, now) = (&self.inner.ports.records, self.inner.ports.clock.now());
        let mut swept = Swept::default();
        for plan in records.due_erasures(now, AT_ONCE).await? {
            if let Some(company) = self.company(plan.company_id).await? {
                company.erase(plan).await?;
                swept.erased += 1;
            }
        }
        for company in records.companies_with_mail(AT_ONCE).await? {
            self.announce(company);
            swept.woken += 1;
        }
        swept.pruned = records.prune(self.inner.settings.retention, now).await?;
        Ok(swept)
    }
}
