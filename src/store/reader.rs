//! Typed reads. Has no way to write.
//!
//! A read may see a commit in the moment between its application and its sync: then its author has no answer yet either. Nothing is
//! published on the strength of a read alone; whoever wrote publishes after `Ok`.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use frontdesk_actors::ids::{CompanyId, SalonId};
use frontdesk_actors::operators::{AuditEntry, AuditId, OperatorKey, PulseSlot};
use frontdesk_actors::ports::{CompanyRow, RecordsError, VaultPair};
use frontdesk_actors::records::{CompanyRecord, EventRecord, Standing, StoredCompany};

use crate::store::apply::parse_company;
use crate::store::disk::{Disk, Walk};
use crate::store::fault::Fault;
use crate::store::health::Health;
use crate::store::keys::{self, Key};
use crate::store::pieces::{self, further_parts};
use crate::store::records::{Stored, decode};
use crate::store::seal::Seal;

/// Most rows of one answer, whatever the caller asks for.
const ROWS_AT_ONCE: usize = 10_000;

/// What a start finds.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Everything that is not dormant.
    pub(super) active: Vec<StoredCompany>,
    /// How many of those can't be read and are left out.
    pub(super) unreadable: usize,
}

/// Reads; cheap to clone.
#[derive(Clone)]
pub(super) struct Reader {
    pub(super) disk: Arc<Disk>,
    pub(super) seal: Seal,
    pub(super) health: Arc<Health>,
}

impl Reader {
    /// Everything that is not dormant. A company that can't be read keeps no other from its start.
    pub(super) fn active(&self) -> Result<Found, RecordsError> {
        let mut ids: Vec<CompanyId> = Vec::new();
        self.read(|| {
            self.disk.each(keys::ACTIVE, |key, _| {
                let id = keys::parse_active(key).ok_or(Fault::Incomplete { what: "activity marker" })?;
                if ids.last() != Some(&id) {
                    ids.push(id);
                }
                Ok(Walk::On)
            })
        })?;
        let mut found = Found::default();
        for id in ids {
            match self.read(|| self.readable(id))? {
                Ok(stored) => found.active.extend(stored),
                Err(Unreadable) => found.unreadable += 1,
            }
        }
        Ok(found)
    }

    fn readable(&self, id: CompanyId) -> Result<Result<Option<StoredCompany>, Unreadable>, Fault> {
        match self.stored(id) {
            Ok(stored) => Ok(Ok(stored)),
            Err(fault) if fault.is_of_one_record() => {
                left_out(Some(id), &fault);
                Ok(Err(Unreadable))
            }
            Err(fault) => Err(fault),
        }
    }

    /// Where every company stands that can be read.
    pub(super) fn standings(&self) -> Result<Vec<Standing>, RecordsError> {
        self.each_company()
    }

    /// Something of every company's record. One that can't be read is left out here too, and told each time: the start has looked at no dormant one.
    fn each_company<T: for<'a> From<&'a CompanyRecord>>(&self) -> Result<Vec<T>, RecordsError> {
        let mut made = Vec::new();
        self.read(|| {
            self.disk.each(keys::COMPANIES, |key, head| {
                match self.opened::<CompanyRecord>(key, head) {
                    Ok(company) => made.push(T::from(&company)),
                    Err(fault) if fault.is_of_one_record() => left_out(keys::parse_company(key), &fault),
                    Err(fault) => return Err(fault),
                }
                Ok(Walk::On)
            })
        })?;
        Ok(made)
    }

    /// One company with all that belongs to it.
    pub(super) fn company(&self, id: CompanyId) -> Result<Option<StoredCompany>, RecordsError> {
        self.read(|| self.stored(id))
    }

    /// One company by its salon.
    pub(super) fn company_by_salon(&self, salon: SalonId) -> Result<Option<StoredCompany>, RecordsError> {
        self.read(|| match self.value(&keys::salon(salon))? {
            Some(bytes) => self.stored(parse_company(&bytes)?),
            None => Ok(None),
        })
    }

    /// Latest events, newest first.
    pub(super) fn events(&self, company: CompanyId, limit: usize) -> Result<Vec<EventRecord>, RecordsError> {
        let mut rows = Rows::new(limit);
        self.read(|| {
            self.disk.each_backwards(&keys::events(company), |key, head| rows.take(|| self.opened(key, head)))?;
            Ok(rows.found)
        })
    }

    /// Every key of an operator, oldest first.
    pub(super) fn operator_keys(&self) -> Result<Vec<OperatorKey>, RecordsError> {
        let mut rows = Rows::new(ROWS_AT_ONCE);
        self.read(|| {
            self.disk.each(keys::OPERATOR_KEYS, |key, head| rows.take(|| self.opened(key, head)))?;
            Ok(rows.found)
        })
    }

    /// Steps of the last day from `oldest` on.
    pub(super) fn pulse(&self, oldest: DateTime<Utc>) -> Result<Vec<PulseSlot>, RecordsError> {
        let mut found: Vec<PulseSlot> = Vec::new();
        self.read(|| {
            self.disk.each(keys::PULSE, |key, head| {
                found.push(self.opened(key, head)?);
                Ok(Walk::On)
            })
        })?;
        found.retain(|slot| slot.at >= oldest);
        Ok(found)
    }

    /// Every company that can be read, as a line of a list. Takes some hundred milliseconds for ten thousand.
    pub(super) fn company_rows(&self) -> Result<Vec<CompanyRow>, RecordsError> {
        self.each_company()
    }

    /// Audit entries older than `before`, newest first.
    pub(super) fn audit(&self, before: Option<AuditId>, limit: usize) -> Result<Vec<AuditEntry>, RecordsError> {
        let mut rows = Rows::new(limit);
        self.read(|| {
            self.disk.each_backwards_before(keys::AUDIT, before.map(keys::audit), |key, head| rows.take(|| self.opened(key, head)))?;
            Ok(rows.found)
        })
    }

    /// One value of a vault.
    pub(super) fn vault_value(&self, company: CompanyId, table: u8, key: &[u8]) -> Result<Option<Vec<u8>>, RecordsError> {
        let key = keys::vault(company, table, key);
        self.health.check()?;
        // One entry is consistent by itself; only a value in parts needs the commits to pause.
        let entry = self.entry(&key)?;
        match entry {
            Some(head) if further_parts(&head) == 0 => {
                pieces::join(&*self.disk, &self.seal, &key, &head, "reading a vault").map(Some).map_err(logged)
            }
            Some(_) => self.read(|| self.value(&key)),
            None => Ok(None),
        }
    }

    /// Pairs of a vault's table.
    pub(super) fn vault_pairs(&self, company: CompanyId, table: u8, prefix: &[u8]) -> Result<Vec<VaultPair>, RecordsError> {
        let mut pairs = Vec::new();
        self.read(|| {
            self.disk.each(&keys::vault(company, table, prefix), |key, head| {
                let value = pieces::join(&*self.disk, &self.seal, key, head, "reading a vault")?;
                pairs.push((key[keys::VAULT_PREFIX_BYTES..].to_vec(), value));
                Ok(Walk::On)
            })?;
            Ok(pairs)
        })
    }

    /// Opens every value of the database: tells whether all of it can still be read. Returns the number of keys. Takes seconds per gigabyte.
    pub(super) fn verify(&self) -> Result<u64, RecordsError> {
        self.read(|| pieces::verify(&self.disk, &self.seal))
    }

    pub(super) fn read<T>(&self, work: impl FnOnce() -> Result<T, Fault>) -> Result<T, RecordsError> {
        self.health.check()?;
        let _steady = self.disk.steady();
        work().map_err(logged)
    }

    fn entry(&self, key: &[u8]) -> Result<Option<Vec<u8>>, RecordsError> {
        pieces::Entries::entry(&*self.disk, key).map_err(logged)
    }

    pub(super) fn value(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        pieces::value(&*self.disk, &self.seal, key, "reading a record")
    }

    pub(super) fn record<T: Stored>(&self, key: &Key) -> Result<Option<T>, Fault> {
        self.value(key)?.map(|json| decode(&json)).transpose()
    }

    pub(super) fn opened<T: Stored>(&self, key: &[u8], head: &[u8]) -> Result<T, Fault> {
        decode(&pieces::join(&*self.disk, &self.seal, key, head, "reading a record")?)
    }

    fn stored(&self, id: CompanyId) -> Result<Option<StoredCompany>, Fault> {
        let Some(company) = self.record(&keys::company(id))? else {
            return Ok(None);
        };
        let session = self.record(&keys::session(id))?;
        let activation = self.record(&keys::activation(id))?;
        Ok(Some(StoredCompany { company, session, activation }))
    }
}

/// A company whose record can't be read.
struct Unreadable;

/// One company that can't be read keeps no other from anything.
fn left_out(company: Option<CompanyId>, fault: &Fault) {
    let number = company.map_or(0, CompanyId::get);
    tracing::error!(company.id = number, reason = %fault.describe(), "store.company_unreadable: it is left out; the others go on");
}

/// A fault seen by a reader is logged here, once; the caller gets the same words.
fn logged(fault: Fault) -> RecordsError {
    tracing::error!(reason = %fault.describe(), "store.read_failed");
    fault.into()
}

/// Rows of a bounded answer.
struct Rows<T> {
    found: Vec<T>,
    limit: usize,
}

impl<T> Rows<T> {
    fn new(limit: usize) -> Self {
        Self { found: Vec::new(), limit: limit.min(ROWS_AT_ONCE) }
    }

    fn take(&mut self, row: impl FnOnce() -> Result<T, Fault>) -> Result<Walk, Fault> {
        if self.found.len() == self.limit {
            return Ok(Walk::Stop);
        }
        self.found.push(row()?);
        Ok(Walk::On)
    }
}
