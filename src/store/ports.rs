//! The domain's ports on the store.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use frontdesk_actors::ids::{CompanyId, SalonId};
use frontdesk_actors::ports::{DayTraffic, Records, RecordsError, SignatureClaim, Vault, VaultOp, VaultPair};
use frontdesk_actors::records::{Change, CompanyRecord, EventRecord, IntegrationStatus, NewCompany, Standing, StoredCompany};

use crate::store::Store;
use crate::store::apply::{self, SealedOp};
use crate::store::counters::STATUSES;
use crate::store::fault::Fault;
use crate::store::keys::{self, VAULT_KEY_BYTES};
use crate::store::pieces::Pieces;
use crate::store::seal::Seal;

/// What a record with free-form JSON is counted with among the bytes that wait.
pub(super) const HEAVY_BYTES: usize = 32 * 1024;
/// What any other record is counted with.
pub(super) const LIGHT_BYTES: usize = 1024;
/// Bytes of one write to a vault: a quarter of what one commit gathers from many.
const VAULT_WRITE_BYTES: usize = 16 * 1024 * 1024;

#[async_trait]
impl Records for Store {
    async fn load_active(&self) -> Result<Vec<StoredCompany>, RecordsError> {
        let reader = self.0.reader.clone();
        let reading = tokio::task::spawn_blocking(move || reader.active());
        let found = reading.await.map_err(|_| RecordsError::Failed("reading the active companies was interrupted".to_owned()))??;
        self.0.observer.loaded(found.unreadable);
        Ok(found.active)
    }

    async fn company(&self, id: CompanyId) -> Result<Option<StoredCompany>, RecordsError> {
        self.0.reader.company(id)
    }

    async fn company_by_salon(&self, salon: SalonId) -> Result<Option<StoredCompany>, RecordsError> {
        self.0.reader.company_by_salon(salon)
    }

    async fn create_company(&self, new: NewCompany) -> Result<CompanyRecord, RecordsError> {
        self.submit(2 * LIGHT_BYTES, |draft| apply::create_company(draft, new)).await
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<(), RecordsError> {
        let weight = changes.iter().map(weight).sum();
        self.submit(weight, |draft| apply::commit(draft, changes)).await
    }

    async fn events(&self, company: CompanyId, limit: usize) -> Result<Vec<EventRecord>, RecordsError> {
        self.0.reader.events(company, limit)
    }

    async fn claim_signature(&self, fingerprint: [u8; 32], salon: SalonId, until: DateTime<Utc>) -> Result<SignatureClaim, RecordsError> {
        self.submit(LIGHT_BYTES, move |draft| apply::claim_signature(draft, fingerprint, salon, until)).await
    }

    async fn standings(&self) -> Result<Vec<Standing>, RecordsError> {
        let reader = self.0.reader.clone();
        let reading = tokio::task::spawn_blocking(move || reader.standings());
        reading.await.map_err(|_| RecordsError::Failed("reading the companies was interrupted".to_owned()))?
    }

    async fn count_by_status(&self) -> Result<Vec<(IntegrationStatus, u64)>, RecordsError> {
        self.0.health.check()?;
        let counts = self.0.counters.borrow().by_status;
        Ok(STATUSES.into_iter().zip(counts).collect())
    }

    async fn last_day(&self, now: DateTime<Utc>) -> Result<DayTraffic, RecordsError> {
        self.0.health.check()?;
        Ok(self.0.counters.borrow().last_day(now))
    }
}

fn weight(change: &Change) -> usize {
    match change {
        Change::PutCompany(_) | Change::AppendEvent(_) | Change::InboxDead(..) => HEAVY_BYTES,
        Change::PutSession(_)
        | Change::PutActivation(_)
        | Change::ClearActivation(_)
        | Change::EraseSession(_)
        | Change::InboxDone(..)
        | Change::InboxFailed(..)
        | Change::PlanErasure(_)
        | Change::EraseSalonData(..) => LIGHT_BYTES,
    }
}

#[async_trait]
impl Vault for Store {
    fn get(&self, company: CompanyId, table: u8, key: &[u8]) -> Result<Option<Vec<u8>>, RecordsError> {
        self.0.reader.vault_value(company, table, key)
    }

    fn scan(&self, company: CompanyId, table: u8, prefix: &[u8]) -> Result<Vec<VaultPair>, RecordsError> {
        self.0.reader.vault_pairs(company, table, prefix)
    }

    async fn write(&self, company: CompanyId, operations: Vec<VaultOp>) -> Result<(), RecordsError> {
        let seal = &self.0.reader.seal;
        let sealed = operations.into_iter().map(|operation| sealed(seal, company, operation));
        let sealed = sealed.collect::<Result<Vec<_>, Fault>>()?;
        let weight = sealed.iter().map(sealed_weight).sum();
        if weight > VAULT_WRITE_BYTES {
            return Err(Fault::TooLarge { what: "a write to a vault", limit_bytes: VAULT_WRITE_BYTES }.into());
        }
        self.submit(weight, move |draft| apply::write_vault(draft, company, sealed)).await
    }

    async fn erase(&self, company: CompanyId) -> Result<(), RecordsError> {
        self.submit(LIGHT_BYTES, move |draft| apply::erase_vault(draft, company)).await
    }
}

/// Seals on the caller's thread: the writer's is everyone's.
fn sealed(seal: &Seal, company: CompanyId, operation: VaultOp) -> Result<SealedOp, Fault> {
    let place = |table: u8, key: &[u8]| {
        if key.len() > VAULT_KEY_BYTES {
            return Err(Fault::TooLarge { what: "a vault key", limit_bytes: VAULT_KEY_BYTES });
        }
        Ok(keys::vault(company, table, key))
    };
    match operation {
        VaultOp::Put { table, key, value } => {
            let key = place(table, &key)?;
            let pieces = Pieces::of(seal, &key, &value, "a vault value")?;
            Ok(SealedOp::Put(key, pieces))
        }
        VaultOp::Delete { table, key } => place(table, &key).map(SealedOp::Delete),
    }
}

fn sealed_weight(operation: &SealedOp) -> usize {
    match operation {
        SealedOp::Put(key, pieces) => key.len() + pieces.len(),
        SealedOp::Delete(key) => key.len(),
    }
}
