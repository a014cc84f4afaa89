//! The store in memory.

#![expect(clippy::disallowed_types, reason = "a fake is shared with the test that breaks it; the lock is never held across an await")]

mod inbox;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::ids::{CompanyId, SalonId};
use crate::ports::{CompanyDirectory, CompanyRow, DayTraffic, Records, RecordsError, SignatureClaim, Vault, VaultOp, VaultPair};
use crate::records::{
    ActivationRecord, Change, CompanyFlags, CompanyRecord, DeadReason, Desired, Erasure, EventKind, EventRecord, InboxEntry, InboxId,
    IntegrationStatus, NewCompany, SessionRecord, Standing, StoredCompany,
};

type VaultKey = (CompanyId, u8, Vec<u8>);

/// What survives a crash.
#[derive(Debug, Clone, Default)]
struct Disk {
    companies: BTreeMap<CompanyId, CompanyRecord>,
    sessions: HashMap<CompanyId, SessionRecord>,
    activations: HashMap<CompanyId, ActivationRecord>,
    events: Vec<EventRecord>,
    inbox: BTreeMap<InboxId, InboxEntry>,
    done: BTreeMap<InboxId, (InboxEntry, DateTime<Utc>)>,
    dead: BTreeMap<InboxId, (InboxEntry, DeadReason)>,
    unverified: BTreeMap<InboxId, InboxEntry>,
    /// Since when and until when a content is known.
    marks: HashMap<(CompanyId, String), (DateTime<Utc>, DateTime<Utc>)>,
    erasures: BTreeMap<CompanyId, Erasure>,
    traffic: DayTraffic,
    vault: BTreeMap<VaultKey, Vec<u8>>,
    claims: HashMap<[u8; 32], (SalonId, DateTime<Utc>)>,
    last_inbox: u64,
    claimed_at: DateTime<Utc>,
}

#[derive(Debug, Default)]
struct Store {
    disk: Disk,
    commits: u64,
    failing: u64,
    failing_for: HashSet<CompanyId>,
    refusing: HashSet<CompanyId>,
    crash_in: Option<u64>,
    closed: bool,
}

/// [`Records`] and [`Vault`] with the real store's promises: a commit is all or nothing, and what was answered `Ok` survives
/// [`MemoryRecords::crash`].
#[derive(Debug, Default)]
pub struct MemoryRecords {
    store: Mutex<Store>,
}

impl MemoryRecords {
    /// Empty.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next `n` writes fail with [`RecordsError::Failed`] and change nothing.
    pub fn fail_next_commits(&self, n: u64) {
        self.lock().failing = n;
    }

    /// Every commit about this company fails, until [`MemoryRecords::mend`].
    pub fn fail_commits_of(&self, company: CompanyId) {
        self.lock().failing_for.insert(company);
    }

    /// Every commit about this company is refused, until [`MemoryRecords::mend`].
    pub fn refuse_commits_of(&self, company: CompanyId) {
        self.lock().refusing.insert(company);
    }

    /// Commits work again.
    pub fn mend(&self) {
        let mut store = self.lock();
        store.failing_for.clear();
        store.refusing.clear();
        store.failing = 0;
    }

    /// After `n` more writes every operation fails with [`RecordsError::Closed`], as in a process that just died.
    pub fn crash_after(&self, n: u64) {
        self.lock().crash_in = Some(n);
    }

    /// Ends this store and gives a new one with exactly what was committed.
    pub fn crash(&self) -> Self {
        let mut store = self.lock();
        store.closed = true;
        let survivor = Store { disk: store.disk.clone(), ..Store::default() };
        Self { store: Mutex::new(survivor) }
    }

    /// Writes that succeeded.
    pub fn commits(&self) -> u64 {
        self.lock().commits
    }

    /// The stored company of a salon, without the port.
    pub fn stored(&self, salon: SalonId) -> Option<StoredCompany> {
        let store = self.lock();
        let id = store.disk.by_salon(salon)?;
        store.disk.stored(id)
    }

    /// The timeline of a company, oldest first.
    pub fn timeline(&self, company: CompanyId) -> Vec<EventKind> {
        self.lock().disk.events.iter().filter(|event| event.company_id == company).map(|event| event.kind).collect()
    }

    /// Webhooks nobody acted on yet, of known and unknown salons.
    pub fn waiting_inbox(&self) -> Vec<InboxEntry> {
        self.lock().disk.inbox.values().cloned().collect()
    }

    /// Does the company have anything in its vault?
    pub fn has_vault(&self, company: CompanyId) -> bool {
        self.lock().disk.vault.keys().any(|(whose, _, _)| *whose == company)
    }

    fn lock(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> Result<MutexGuard<'_, Store>, RecordsError> {
        let store = self.lock();
        if store.closed { Err(RecordsError::Closed) } else { Ok(store) }
    }

    /// Lets one write through, or refuses it whole.
    fn write<T>(&self, apply: impl FnOnce(&mut Disk) -> T) -> Result<T, RecordsError> {
        let mut store = self.read()?;
        if store.failing > 0 {
            store.failing -= 1;
            return Err(RecordsError::Failed("scripted failure".into()));
        }
        match store.crash_in {
            Some(0) => {
                store.closed = true;
                return Err(RecordsError::Closed);
            }
            Some(left) => store.crash_in = Some(left - 1),
            None => {}
        }
        store.commits += 1;
        Ok(apply(&mut store.disk))
    }
}

impl Disk {
    fn by_salon(&self, salon: SalonId) -> Option<CompanyId> {
        self.companies.values().find(|company| company.salon_id == salon).map(|company| company.company_id)
    }

    fn stored(&self, id: CompanyId) -> Option<StoredCompany> {
        let company = self.companies.get(&id)?.clone();
        Some(StoredCompany { company, session: self.sessions.get(&id).cloned(), activation: self.activations.get(&id).cloned() })
    }

    fn is_active(&self, stored: &StoredCompany) -> bool {
        let id = stored.company.company_id;
        let linked = stored.session.as_ref().is_some_and(|session| session.desired == Desired::Online || session.own.is_some());
        let credentials = self.vault.keys().any(|(whose, _, _)| *whose == id);
        let waiting = self.inbox.values().any(|entry| entry.entry.company_id == Some(id));
        linked || credentials || stored.activation.is_some() || waiting
    }

    fn create(&mut self, new: NewCompany) -> CompanyRecord {
        if let Some(existing) = self.by_salon(new.salon_id).and_then(|id| self.companies.get(&id)) {
            return existing.clone();
        }
        let next = self.companies.keys().next_back().map_or(1, |last| last.get() + 1);
        let company_id = CompanyId::try_from(next).expect("far from 2^53 companies");
        let company = new_record(company_id, new);
        self.events.push(EventRecord {
            company_id,
            salon_id: company.salon_id,
            kind: EventKind::RegistrationStarted,
            data: serde_json::Value::Null,
            at: company.registered_at,
        });
        self.companies.insert(company_id, company.clone());
        company
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::PutCompany(company) => {
                let before = self.companies.get(&company.company_id).is_some_and(|before| before.whatsapp_connected);
                match (before, company.whatsapp_connected) {
                    (false, true) => self.traffic.connected += 1,
                    (true, false) => self.traffic.disconnected += 1,
                    (true, true) | (false, false) => {}
                }
                self.companies.insert(company.company_id, *company);
            }
            Change::PutSession(session) => {
                self.sessions.insert(session.company_id, session);
            }
            Change::PutActivation(activation) => {
                self.activations.insert(activation.company_id, activation);
            }
            Change::ClearActivation(id) => {
                self.activations.remove(&id);
            }
            Change::AppendEvent(event) => self.events.push(event),
            Change::EraseSession(id) => {
                self.sessions.remove(&id);
                self.vault.retain(|(whose, _, _), _| *whose != id);
            }
            Change::InboxDone(..)
            | Change::InboxFailed(..)
            | Change::InboxDead(..)
            | Change::PlanErasure(_)
            | Change::EraseSalonData(..) => self.apply_to_inbox(change),
        }
    }
}

fn whose(change: &Change) -> CompanyId {
    match change {
        Change::PutCompany(company) => company.company_id,
        Change::PutSession(session) => session.company_id,
        Change::PutActivation(activation) => activation.company_id,
        Change::AppendEvent(event) => event.company_id,
        Change::PlanErasure(erasure) => erasure.company_id,
        Change::ClearActivation(id)
        | Change::EraseSession(id)
        | Change::InboxDone(id, _)
        | Change::InboxFailed(id, _)
        | Change::InboxDead(id, _, _)
        | Change::EraseSalonData(id, _) => *id,
    }
}

fn new_record(company_id: CompanyId, new: NewCompany) -> CompanyRecord {
    CompanyRecord {
        company_id,
        salon_id: new.salon_id,
        title: new.title,
        phone: new.marketplace_user.phone.clone(),
        email: new.marketplace_user.email.clone(),
        address: None,
        timezone: new.timezone.unwrap_or_else(|| "Europe/Moscow".into()),
        integration_status: IntegrationStatus::Pending,
        whatsapp_connected: false,
        whatsapp_phone: None,
        whatsapp_connected_at: None,
        connected_at: None,
        registered_at: new.registered_at,
        flags: CompanyFlags::default(),
        marketplace_user: new.marketplace_user,
        api_key_hash: None,
        client_key_hash: None,
        webhook_secret_hash: None,
        webhook_previous_hash: None,
        raw_salon: serde_json::Value::Null,
        created_at: new.registered_at,
        updated_at: new.registered_at,
    }
}

#[async_trait]
impl Records for MemoryRecords {
    async fn load_active(&self) -> Result<Vec<StoredCompany>, RecordsError> {
        let store = self.read()?;
        let all = store.disk.companies.keys().filter_map(|id| store.disk.stored(*id));
        Ok(all.filter(|stored| store.disk.is_active(stored)).collect())
    }

    async fn company(&self, id: CompanyId) -> Result<Option<StoredCompany>, RecordsError> {
        Ok(self.read()?.disk.stored(id))
    }

    async fn company_by_salon(&self, salon: SalonId) -> Result<Option<StoredCompany>, RecordsError> {
        let store = self.read()?;
        Ok(store.disk.by_salon(salon).and_then(|id| store.disk.stored(id)))
    }

    async fn create_company(&self, new: NewCompany) -> Result<CompanyRecord, RecordsError> {
        self.write(|disk| disk.create(new))
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<(), RecordsError> {
        for company in changes.iter().map(whose) {
            if self.lock().failing_for.contains(&company) {
                return Err(RecordsError::Failed("scripted failure of one company".into()));
            }
            if self.lock().refusing.contains(&company) {
                return Err(RecordsError::Refused("scripted refusal of one company".into()));
            }
        }
        self.write(|disk| changes.into_iter().for_each(|change| disk.apply(change)))
    }

    async fn events(&self, company: CompanyId, limit: usize) -> Result<Vec<EventRecord>, RecordsError> {
        let store = self.read()?;
        let own = store.disk.events.iter().rev().filter(|event| event.company_id == company);
        Ok(own.take(limit).cloned().collect())
    }

    async fn claim_signature(&self, fingerprint: [u8; 32], salon: SalonId, until: DateTime<Utc>) -> Result<SignatureClaim, RecordsError> {
        self.write(|disk| {
            // `until` is always the same span ahead of now, so an older claim's `until` minus this one's tells its age.
            disk.claimed_at = disk.claimed_at.max(until - chrono::TimeDelta::hours(24));
            let now = disk.claimed_at;
            match disk.claims.get(&fingerprint) {
                Some((other, valid_until)) if *other != salon && *valid_until > now => SignatureClaim::UsedForAnotherSalon,
                Some(_) | None => {
                    disk.claims.insert(fingerprint, (salon, until));
                    SignatureClaim::Granted
                }
            }
        })
    }

    async fn standings(&self) -> Result<Vec<Standing>, RecordsError> {
        let store = self.read()?;
        let mut all: Vec<Standing> = store.disk.companies.values().map(Standing::from).collect();
        all.sort_unstable_by_key(|one| one.company_id);
        Ok(all)
    }

    async fn count_by_status(&self) -> Result<Vec<(IntegrationStatus, u64)>, RecordsError> {
        let store = self.read()?;
        let mut counts: HashMap<IntegrationStatus, u64> = HashMap::new();
        for company in store.disk.companies.values() {
            *counts.entry(company.integration_status).or_default() += 1;
        }
        Ok(counts.into_iter().collect())
    }

    async fn last_day(&self, _now: DateTime<Utc>) -> Result<DayTraffic, RecordsError> {
        Ok(self.read()?.disk.traffic)
    }
}

#[async_trait]
impl CompanyDirectory for MemoryRecords {
    async fn rows(&self) -> Result<Vec<Arc<CompanyRow>>, RecordsError> {
        Ok(self.read()?.disk.companies.values().map(|company| Arc::new(CompanyRow::from(company))).collect())
    }
}

#[async_trait]
impl Vault for MemoryRecords {
    fn get(&self, company: CompanyId, table: u8, key: &[u8]) -> Result<Option<Vec<u8>>, RecordsError> {
        Ok(self.read()?.disk.vault.get(&(company, table, key.to_vec())).cloned())
    }

    fn scan(&self, company: CompanyId, table: u8, prefix: &[u8]) -> Result<Vec<VaultPair>, RecordsError> {
        let store = self.read()?;
        let from = store.disk.vault.range((company, table, prefix.to_vec())..);
        let own = from.take_while(|((whose, which, key), _)| *whose == company && *which == table && key.starts_with(prefix));
        Ok(own.map(|((_, _, key), value)| (key.clone(), value.clone())).collect())
    }

    async fn write(&self, company: CompanyId, operations: Vec<VaultOp>) -> Result<(), RecordsError> {
        MemoryRecords::write(self, |disk| {
            for operation in operations {
                match operation {
                    VaultOp::Put { table, key, value } => disk.vault.insert((company, table, key), value),
                    VaultOp::Delete { table, key } => disk.vault.remove(&(company, table, key)),
                };
            }
        })
    }

    async fn erase(&self, company: CompanyId) -> Result<(), RecordsError> {
        MemoryRecords::write(self, |disk| disk.vault.retain(|(whose, _, _), _| *whose != company))
    }
}
