//! Salon care as a script.

#![expect(clippy::disallowed_types, reason = "a fake is shared with the test that scripts it; the lock is never held across an await")]

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use crate::ids::{CompanyId, SalonId};
use crate::ports::{CareError, DataCare, NoCare};
use crate::records::DataEvent;

/// What happens to the events about one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// So many times yet.
    Fails(u32),
    /// So many times yet.
    Panics(u32),
}

#[derive(Debug, Default)]
struct Script {
    troubles: HashMap<u64, Trouble>,
    latency: Duration,
    seen: Vec<(CompanyId, u64)>,
}

/// [`DataCare`] that remembers what it acted on, and fails as told. Otherwise as [`NoCare`].
#[derive(Debug, Default)]
pub struct FakeCare {
    script: Mutex<Script>,
}

impl FakeCare {
    /// The next `times` events about this thing fail.
    pub fn fail(&self, resource_id: u64, times: u32) {
        self.lock().troubles.insert(resource_id, Trouble::Fails(times));
    }

    /// The next `times` events about this thing crash whoever acts on them.
    pub fn panic(&self, resource_id: u64, times: u32) {
        self.lock().troubles.insert(resource_id, Trouble::Panics(times));
    }

    /// Every event takes this long.
    pub fn set_latency(&self, latency: Duration) {
        self.lock().latency = latency;
    }

    /// Things whose events were acted on, in order.
    pub fn handled(&self, company: CompanyId) -> Vec<u64> {
        self.lock().seen.iter().filter(|(whose, _)| *whose == company).map(|(_, id)| *id).collect()
    }

    /// Takes the trouble that the next event about this thing has.
    fn trouble(&self, resource_id: u64) -> Option<Trouble> {
        let mut script = self.lock();
        let trouble = script.troubles.get_mut(&resource_id)?;
        let now = *trouble;
        match trouble {
            Trouble::Fails(0) | Trouble::Panics(0) => return None,
            Trouble::Fails(times) | Trouble::Panics(times) => *times -= 1,
        }
        Some(now)
    }

    fn lock(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl DataCare for FakeCare {
    async fn handle(&self, company: CompanyId, salon: SalonId, event: &DataEvent, body: &Value) -> Result<(), CareError> {
        NoCare.handle(company, salon, event, body).await?;
        let id = event.resource_id.unwrap_or_default();
        let latency = self.lock().latency;
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        match self.trouble(id) {
            Some(Trouble::Panics(_)) => panic!("scripted panic in salon care"),
            Some(Trouble::Fails(_)) => return Err(CareError::Passing),
            None => {}
        }
        self.lock().seen.push((company, id));
        Ok(())
    }
}
