//! One link per company: who wants to dial waits until the company's last connection is closed.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use frontdesk_actors::ids::CompanyId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Companies that are not in use are forgotten when the map has grown to this and has doubled since the last time.
const TIDY_FROM: usize = 64;

/// Permits by company. A registry of the process, not an actor's state: locked for one look-up, never across an await.
#[derive(Default)]
pub(super) struct Gate {
    permits: RwLock<Permits>,
}

#[derive(Default)]
struct Permits {
    by_company: HashMap<CompanyId, Arc<Semaphore>>,
    tidy_at: usize,
}

impl Gate {
    /// Waits for the company's permit. First come, first served.
    pub(super) async fn enter(&self, company: CompanyId) -> Arc<OwnedSemaphorePermit> {
        let semaphore = self.semaphore(company);
        Arc::new(semaphore.acquire_owned().await.expect("the semaphore is never closed"))
    }

    fn semaphore(&self, company: CompanyId) -> Arc<Semaphore> {
        let mut permits = self.permits.write().unwrap_or_else(PoisonError::into_inner);
        if permits.by_company.len() >= permits.tidy_at.max(TIDY_FROM) {
            // A permit or a waiting entry holds a second reference.
            permits.by_company.retain(|_, semaphore| Arc::strong_count(semaphore) > 1);
            permits.tidy_at = permits.by_company.len() * 2;
        }
        Arc::clone(permits.by_company.entry(company).or_insert_with(|| Arc::new(Semaphore::new(1))))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn company(id: u64) -> CompanyId {
        CompanyId::try_from(id).unwrap()
    }

    #[tokio::test]
    async fn a_second_link_waits_and_other_companies_do_not() {
        let gate = Gate::default();
        let first = gate.enter(company(1)).await;
        assert!(gate.enter(company(1)).now_or_never().is_none());
        assert!(gate.enter(company(2)).now_or_never().is_some());
        drop(first);
        assert!(gate.enter(company(1)).now_or_never().is_some());
    }

    #[tokio::test]
    async fn unused_companies_are_forgotten_and_used_ones_are_not() {
        let gate = Gate::default();
        let held = gate.enter(company(1)).await;
        for id in 2..1000 {
            drop(gate.enter(company(id)).await);
        }
        assert!(gate.permits.read().unwrap().by_company.len() <= 2 * TIDY_FROM);
        assert!(gate.enter(company(1)).now_or_never().is_none());
        drop(held);
    }
}
