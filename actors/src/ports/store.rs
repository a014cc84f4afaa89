//! What the store must provide: records, and sealed rooms for the protocol library.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use thiserror::Error;

use crate::ids::{CompanyId, SalonId};
use crate::ports::InboxRecords;
use crate::records::{Change, CompanyRecord, EventRecord, IntegrationStatus, NewCompany, Standing, StoredCompany};

/// The durable store. Every `Ok` of a write means: survives kill -9 and power loss.
#[async_trait]
pub trait Records: InboxRecords {
    /// Every company that is not dormant: linked or to be online (`Desired::Online`), or with an activation to resume, or with unprocessed inbox entries.
    /// One that can't be read is left out and told to whoever watches the store.
    async fn load_active(&self) -> Result<Vec<StoredCompany>, RecordsError>;

    /// One company.
    async fn company(&self, id: CompanyId) -> Result<Option<StoredCompany>, RecordsError>;

    /// One company by its salon.
    async fn company_by_salon(&self, salon: SalonId) -> Result<Option<StoredCompany>, RecordsError>;

    /// Creates a company with the next id and appends `registration_started`, in one commit. If the salon exists, returns the stored one unchanged.
    async fn create_company(&self, new: NewCompany) -> Result<CompanyRecord, RecordsError>;

    /// Applies all changes together, durably.
    async fn commit(&self, changes: Vec<Change>) -> Result<(), RecordsError>;

    /// Latest events of a company, newest first.
    async fn events(&self, company: CompanyId, limit: usize) -> Result<Vec<EventRecord>, RecordsError>;

    /// Notes that signed data was used for a salon until `until`; tells if it was used for another one before.
    async fn claim_signature(&self, fingerprint: [u8; 32], salon: SalonId, until: DateTime<Utc>) -> Result<SignatureClaim, RecordsError>;

    /// Where every company stands, in the order of their numbers. Walks over all of them: for the reconciliation, not for a request.
    async fn standings(&self) -> Result<Vec<Standing>, RecordsError>;

    /// Number of companies by integration status.
    async fn count_by_status(&self) -> Result<Vec<(IntegrationStatus, u64)>, RecordsError>;

    /// Connections made and lost in the 24 h before `now`, over all companies, to the hour.
    async fn last_day(&self, now: DateTime<Utc>) -> Result<DayTraffic, RecordsError>;
}

/// Answer to [`Records::last_day`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DayTraffic {
    /// Sessions that came online after a pairing.
    pub connected: u64,
    /// Sessions that ended for good: logged out, replaced, banned, outdated, or removed at YClients.
    pub disconnected: u64,
}

/// Answer to [`Records::claim_signature`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureClaim {
    /// First use, or a reload for the same salon.
    Granted,
    /// Used for another salon within the time.
    UsedForAnotherSalon,
}

/// Why the store could not do it. All mean: nothing of the commit is visible.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RecordsError {
    /// Too many writes are waiting; try again.
    #[error("the store is overloaded")]
    Overloaded,
    /// The store is shutting down or its writer is gone.
    #[error("the store is closed")]
    Closed,
    /// Disk, corruption, sealing: an operator must act. The text names the failed step, never data.
    #[error("the store failed: {0}")]
    Failed(String),
    /// This write can't be stored: against a rule, too large, or beside something unreadable. The store goes on, and the same write will be refused
    /// again. The text names the rule, never data.
    #[error("the store refuses it: {0}")]
    Refused(String),
}

/// Sealed key-value rooms for the protocol library's own state, one room per company. Kept apart from [`Records`] so that the WhatsApp adapter
/// knows nothing of the store.
#[async_trait]
pub trait Vault: Send + Sync + 'static {
    /// One value, or `None`. Short and in memory most of the time: called inline.
    fn get(&self, company: CompanyId, table: u8, key: &[u8]) -> Result<Option<Vec<u8>>, RecordsError>;

    /// All pairs of a table whose key starts with `prefix`, in key order.
    fn scan(&self, company: CompanyId, table: u8, prefix: &[u8]) -> Result<Vec<VaultPair>, RecordsError>;

    /// Applies all operations together; `Ok` means durable. Values are at most 60 KiB.
    async fn write(&self, company: CompanyId, operations: Vec<VaultOp>) -> Result<(), RecordsError>;

    /// Removes everything of the company.
    async fn erase(&self, company: CompanyId) -> Result<(), RecordsError>;
}

/// Table and key that a restored store holds in each vault that is not empty. The vault is then older than what was sent: before the first link,
/// whoever uses it renews what must never be used twice, and removes the mark in the same write. No table of its own may have this number.
pub const VAULT_RESTORED: (u8, &[u8]) = (u8::MAX, b"restored");

/// A key of a [`Vault`] and its value.
pub type VaultPair = (Vec<u8>, Vec<u8>);

/// One change in a [`Vault`].
#[derive(Clone, PartialEq, Eq)]
pub enum VaultOp {
    /// Insert or replace.
    Put {
        /// Which table of the company.
        table: u8,
        /// Key within it.
        key: Vec<u8>,
        /// Value, sealed by the store.
        value: Vec<u8>,
    },
    /// Remove; harmless when absent.
    Delete {
        /// Which table of the company.
        table: u8,
        /// Key within it.
        key: Vec<u8>,
    },
}
