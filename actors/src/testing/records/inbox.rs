//! The inbox in memory.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::{Disk, MemoryRecords};
use crate::ids::{CompanyId, SalonId};
use crate::ports::{InboxRecords, RecordsError};
use crate::records::{
    Appended, Change, Contents, DeadReason, Erasure, InboxEntry, InboxEvent, InboxId, InboxPage, InboxPlace, InboxQuery, InboxRow,
    InboxShelf, NewInboxEntry, Pruned, Retention, WebhookDoor,
};

/// Unverified webhooks kept of each company.
const UNVERIFIED_AT_MOST: usize = 20;

impl MemoryRecords {
    /// Webhooks that were acted on, oldest first.
    pub fn done_inbox(&self) -> Vec<InboxEntry> {
        self.lock().disk.done.values().map(|(entry, _)| entry.clone()).collect()
    }

    /// Dead letters, oldest first.
    pub fn dead_inbox(&self) -> Vec<(InboxEntry, DeadReason)> {
        self.lock().disk.dead.values().cloned().collect()
    }

    /// Webhooks that came without a credential.
    pub fn unverified_inbox(&self) -> Vec<InboxEntry> {
        self.lock().disk.unverified.values().cloned().collect()
    }

    /// What is to be erased and when.
    pub fn erasures(&self) -> Vec<Erasure> {
        self.lock().disk.erasures.values().cloned().collect()
    }
}

impl Disk {
    pub(super) fn apply_to_inbox(&mut self, change: Change) {
        match change {
            Change::InboxDone(_, id) => {
                if let Some(entry) = self.inbox.remove(&id) {
                    self.done.insert(id, (entry, Utc::now()));
                }
            }
            Change::InboxFailed(_, id) => {
                if let Some(entry) = self.inbox.get_mut(&id) {
                    entry.attempts += 1;
                }
            }
            Change::InboxDead(_, id, reason) => {
                if let Some(mut entry) = self.inbox.remove(&id) {
                    entry.attempts += 1;
                    self.dead.insert(id, (entry, reason));
                }
            }
            Change::PlanErasure(mut plan) => {
                if let Some(before) = self.erasures.get(&plan.company_id) {
                    plan.due_at = plan.due_at.min(before.due_at);
                }
                self.erasures.insert(plan.company_id, plan);
            }
            Change::EraseSalonData(company, before) => self.erase(company, before),
            other => unreachable!("{other:?} is no change of an inbox"),
        }
    }

    fn erase(&mut self, company: CompanyId, before: DateTime<Utc>) {
        let stays = |entry: &InboxEntry| entry.entry.company_id != Some(company) || entry.entry.received_at > before;
        self.inbox.retain(|_, entry| stays(entry));
        self.done.retain(|_, (entry, _)| stays(entry));
        self.dead.retain(|_, (entry, _)| stays(entry));
        self.unverified.retain(|_, entry| stays(entry));
        self.marks.retain(|(whose, _), (since, _)| *whose != company || *since > before);
        let old = self.events.iter_mut().filter(|event| event.company_id == company && event.at <= before);
        old.for_each(|event| event.data = serde_json::Value::Null);
        self.erasures.retain(|whose, plan| *whose != company || plan.removed_at > before);
    }

    fn append(&mut self, entry: NewInboxEntry) -> Appended {
        if let (Some(company), InboxEvent::Data(event)) = (entry.company_id, &entry.event) {
            let until = entry.received_at + TimeDelta::seconds(event.sameness.seconds.into());
            let key = (company, event.sameness.key.clone());
            if self.marks.get(&key).is_some_and(|(_, until)| *until > entry.received_at) {
                return Appended::Repeated;
            }
            self.marks.insert(key, (entry.received_at, until));
        }
        let id = self.next_inbox();
        self.inbox.insert(id, InboxEntry { id, entry, attempts: 0 });
        Appended::Stored(id)
    }

    fn next_inbox(&mut self) -> InboxId {
        self.last_inbox += 1;
        InboxId(self.last_inbox)
    }

    fn keep_unverified(&mut self, company: CompanyId, entry: NewInboxEntry) {
        let id = self.next_inbox();
        self.unverified.insert(id, InboxEntry { id, entry, attempts: 0 });
        let own = self.unverified.values().filter(|entry| entry.entry.company_id == Some(company));
        let own: Vec<InboxId> = own.map(|entry| entry.id).collect();
        for old in own.iter().take(own.len().saturating_sub(UNVERIFIED_AT_MOST)) {
            self.unverified.remove(old);
        }
    }

    fn shelf(&self, shelf: InboxShelf) -> Vec<InboxRow> {
        let mut rows: Vec<InboxRow> = match shelf {
            InboxShelf::Pending => self.inbox.values().map(row).collect(),
            InboxShelf::Unverified => self.unverified.values().map(row).collect(),
            InboxShelf::Done => self.done.values().map(|(entry, at)| done_row(entry, *at)).collect(),
            InboxShelf::Dead => self.dead.values().map(|(entry, reason)| InboxRow { dead: Some(*reason), ..row(entry) }).collect(),
        };
        rows.sort_by_key(place);
        rows
    }
}

fn place(row: &InboxRow) -> InboxPlace {
    InboxPlace { company: row.company_id, id: row.id }
}

fn row(entry: &InboxEntry) -> InboxRow {
    InboxRow {
        id: entry.id,
        company_id: entry.entry.company_id,
        salon_id: entry.entry.salon_id,
        contents: Contents::Known { event: entry.entry.event.clone(), body: Some(entry.entry.body.clone()) },
        received_at: entry.entry.received_at,
        attempts: entry.attempts,
        ended_at: None,
        dead: None,
    }
}

fn done_row(entry: &InboxEntry, at: DateTime<Utc>) -> InboxRow {
    let contents = Contents::Known { event: entry.entry.event.clone(), body: None };
    InboxRow { contents, ended_at: Some(at), ..row(entry) }
}

#[async_trait]
impl InboxRecords for MemoryRecords {
    async fn webhook_door(&self, salon: SalonId) -> Result<Option<WebhookDoor>, RecordsError> {
        let store = self.read()?;
        let company = store.disk.by_salon(salon).and_then(|id| store.disk.companies.get(&id));
        Ok(company.map(|company| WebhookDoor {
            company_id: company.company_id,
            newest: company.webhook_secret_hash.clone(),
            previous: company.webhook_previous_hash.clone(),
        }))
    }

    async fn append_inbox(&self, entry: NewInboxEntry) -> Result<Appended, RecordsError> {
        MemoryRecords::write(self, |disk| disk.append(entry))
    }

    async fn keep_unverified(&self, company: CompanyId, entry: NewInboxEntry) -> Result<(), RecordsError> {
        MemoryRecords::write(self, |disk| disk.keep_unverified(company, entry))
    }

    async fn pending_inbox(&self, company: CompanyId, limit: usize) -> Result<Vec<InboxEntry>, RecordsError> {
        let store = self.read()?;
        let own = store.disk.inbox.values().filter(|entry| entry.entry.company_id == Some(company));
        Ok(own.take(limit).cloned().collect())
    }

    async fn companies_with_mail(&self, limit: usize) -> Result<Vec<CompanyId>, RecordsError> {
        let store = self.read()?;
        let mut ids: Vec<CompanyId> = store.disk.inbox.values().filter_map(|entry| entry.entry.company_id).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.truncate(limit);
        Ok(ids)
    }

    async fn list_inbox(&self, query: InboxQuery) -> Result<InboxPage, RecordsError> {
        let rows = self.read()?.disk.shelf(query.shelf);
        let wanted = |row: &InboxRow| query.company.is_none_or(|company| row.company_id == Some(company));
        let after = |row: &InboxRow| query.after.is_none_or(|after| place(row) > after);
        let mut rows: Vec<InboxRow> = rows.into_iter().filter(|row| wanted(row) && after(row)).collect();
        let limit = query.limit.clamp(1, 200);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().map(place).filter(|_| more);
        Ok(InboxPage { rows, next })
    }

    async fn replay_inbox(&self, company: CompanyId, id: InboxId) -> Result<bool, RecordsError> {
        MemoryRecords::write(self, |disk| {
            if disk.dead.get(&id).is_none_or(|(entry, _)| entry.entry.company_id != Some(company)) {
                return false;
            }
            if let Some((entry, _)) = disk.dead.remove(&id) {
                disk.inbox.insert(id, InboxEntry { attempts: 0, ..entry });
            }
            true
        })
    }

    async fn due_erasures(&self, now: DateTime<Utc>, after: Option<&Erasure>, limit: usize) -> Result<Vec<Erasure>, RecordsError> {
        let place = |plan: &Erasure| (plan.due_at, plan.company_id);
        let mut due: Vec<Erasure> = self.read()?.disk.erasures.values().filter(|plan| plan.due_at <= now).cloned().collect();
        due.sort_by_key(place);
        Ok(due.into_iter().filter(|plan| after.is_none_or(|after| place(plan) > place(after))).take(limit).collect())
    }

    async fn prune(&self, _retention: Retention, _now: DateTime<Utc>) -> Result<Pruned, RecordsError> {
        Ok(Pruned::default())
    }
}
