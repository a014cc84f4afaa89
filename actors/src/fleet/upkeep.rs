//! What has to be done now and then, on the app's clock: erase what removed salons left behind, wake companies whose webhooks wait, forget the past.

use chrono::{DateTime, Utc};

use super::{CallError, FleetHandle};
use crate::records::{Erasure, Pruned};

/// Erasures carried out in one sweep, and companies woken.
const AT_ONCE: usize = 256;

/// Erasures that fail in one sweep before it goes on to other work: each may take as long as a call.
const LEFT_AT_MOST: usize = 4096;

/// What a sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Removed salons whose data was erased.
    pub erased: usize,
    /// Removed salons whose data is due and could not be erased.
    pub left: usize,
    /// Companies whose webhooks waited without anybody knowing.
    pub woken: usize,
    /// What was forgotten.
    pub pruned: Pruned,
}

/// What became of the plans that are due.
#[derive(Default)]
struct Erasures {
    done: usize,
    left: usize,
}

impl FleetHandle {
    /// One round. Every part of it is tried and may be repeated; what one round leaves, the next one does.
    pub async fn sweep(&self) -> Result<Swept, CallError> {
        let now = self.inner.ports.clock.now();
        let woken = self.wake_waiting().await;
        let erasures = self.erase_due(now).await;
        let pruned = self.inner.ports.records.prune(self.inner.settings.retention, now).await;
        let Erasures { done, left } = erasures?;
        Ok(Swept { erased: done, left, woken: woken?, pruned: pruned? })
    }

    /// Carries out what is due, each plan by itself: a company that can't answer, parked or busy or with a record that can't be read, must not keep
    /// another salon's data for longer than was promised.
    async fn erase_due(&self, now: DateTime<Utc>) -> Result<Erasures, CallError> {
        let (mut erasures, mut last) = (Erasures::default(), None::<Erasure>);
        while erasures.done < AT_ONCE && erasures.left < LEFT_AT_MOST {
            let plans = self.inner.ports.records.due_erasures(now, last.as_ref(), AT_ONCE - erasures.done).await?;
            let Some(furthest) = plans.last().cloned() else { break };
            last = Some(furthest);
            for plan in plans {
                self.open()?;
                let company = plan.company_id;
                match self.carry_out(plan).await {
                    Ok(()) => erasures.done += 1,
                    Err(error) => {
                        erasures.left += 1;
                        tracing::warn!(company.id = %company, %error, "a removed salon is not erased yet; the next sweep tries again");
                    }
                }
            }
        }
        Ok(erasures)
    }

    async fn carry_out(&self, plan: Erasure) -> Result<(), CallError> {
        let company = self.company(plan.company_id).await?.ok_or(CallError::Unavailable)?;
        company.erase(plan).await
    }

    async fn wake_waiting(&self) -> Result<usize, CallError> {
        let waiting = self.inner.ports.records.companies_with_mail(AT_ONCE).await?;
        waiting.iter().for_each(|company| self.announce(*company));
        Ok(waiting.len())
    }
}
