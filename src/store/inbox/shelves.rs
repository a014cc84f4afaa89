//! Reads of the shelves.

use chrono::{DateTime, Utc};
use frontdesk_actors::ids::{CompanyId, SalonId};
use frontdesk_actors::ports::RecordsError;
use frontdesk_actors::records::{
    CompanyRecord, Contents, Erasure, InboxEntry, InboxId, InboxPage, InboxPlace, InboxQuery, InboxRow, InboxShelf, WebhookDoor,
};

use super::{DeadLetter, InboxDone, Letter};
use crate::store::apply::{parse_company, seconds};
use crate::store::disk::Walk;
use crate::store::fault::Fault;
use crate::store::keys;
use crate::store::reader::Reader;

/// Most rows of one page: each may hold a body of some tens of kilobytes.
const ROWS_AT_ONCE: usize = 200;

/// Most waiting webhooks read at once.
const PENDING_AT_ONCE: usize = 10_000;

impl Reader {
    /// What the salon's webhooks are checked against. Most salons have no door of their own until they are activated.
    pub(in crate::store) fn webhook_door(&self, salon: SalonId) -> Result<Option<WebhookDoor>, RecordsError> {
        self.read(|| {
            if let Some(door) = self.record(&keys::webhook_door(salon))? {
                return Ok(Some(door));
            }
            let company = self.value(&keys::salon(salon))?.map(|bytes| parse_company(&bytes)).transpose()?;
            Ok(company.map(|company_id| WebhookDoor { company_id, newest: None, previous: None }))
        })
    }

    /// Waiting webhooks, oldest first, and the numbers of those that can't be read.
    pub(in crate::store) fn pending_inbox(
        &self,
        company: CompanyId,
        limit: usize,
    ) -> Result<(Vec<InboxEntry>, Vec<InboxId>), RecordsError> {
        let (mut entries, mut unreadable) = (Vec::new(), Vec::new());
        let limit = limit.min(PENDING_AT_ONCE);
        self.read(|| {
            self.disk.each(&keys::shelf_of(InboxShelf::Pending, Some(company)), |key, head| {
                match self.opened(key, head) {
                    Ok(entry) => entries.push(entry),
                    Err(_) => unreadable.extend(keys::parse_shelved(key).map(|place| place.id)),
                }
                Ok(if entries.len() + unreadable.len() < limit { Walk::On } else { Walk::Stop })
            })
        })?;
        entries.truncate(limit);
        Ok((entries, unreadable))
    }

    /// Companies whose webhooks wait.
    pub(in crate::store) fn companies_with_mail(&self, limit: usize) -> Result<Vec<CompanyId>, RecordsError> {
        let mut ids: Vec<CompanyId> = Vec::new();
        self.read(|| {
            self.disk.each(keys::ACTIVE, |key, _| {
                let id = keys::parse_active(key).ok_or(Fault::Incomplete { what: "activity marker" })?;
                if keys::marks_inbox(key) && ids.last() != Some(&id) {
                    ids.push(id);
                }
                Ok(if ids.len() < limit { Walk::On } else { Walk::Stop })
            })
        })?;
        Ok(ids)
    }

    /// Plans that are due, from behind `after` on.
    pub(in crate::store) fn due_erasures(
        &self,
        now: DateTime<Utc>,
        after: Option<&Erasure>,
        limit: usize,
    ) -> Result<Vec<Erasure>, RecordsError> {
        let after = after.map(|plan| keys::erasure_by_time(seconds(plan.due_at), plan.company_id));
        let mut plans = Vec::new();
        self.read(|| {
            self.disk.each_after(keys::ERASURES_BY_TIME, after, |key, _| {
                let (due, company) = keys::parse_erasure_by_time(key).ok_or(Fault::Incomplete { what: "erasure marker" })?;
                if due > seconds(now) || plans.len() >= limit {
                    return Ok(Walk::Stop);
                }
                match self.record::<Erasure>(&keys::erasure(company)) {
                    Ok(plan) => plans.extend(plan),
                    Err(fault) if fault.is_of_one_record() => {
                        tracing::error!(company.id = %company, reason = %fault.describe(), "store.plan_unreadable: this salon is not erased");
                    }
                    Err(fault) => return Err(fault),
                }
                Ok(Walk::On)
            })
        })?;
        Ok(plans)
    }

    /// One page of a shelf.
    pub(in crate::store) fn list_inbox(&self, query: InboxQuery) -> Result<InboxPage, RecordsError> {
        let limit = query.limit.clamp(1, ROWS_AT_ONCE);
        let prefix = match query.company {
            Some(company) => keys::shelf_of(query.shelf, Some(company)),
            None => keys::shelf_of_all(query.shelf),
        };
        let after = query.after.map(|place| keys::shelved(query.shelf, place.company, place.id));
        let mut places: Vec<InboxPlace> = Vec::new();
        let mut rows = Vec::new();
        let mut more = false;
        self.read(|| {
            self.disk.each_after(&prefix, after, |key, head| {
                let place = keys::parse_shelved(key).ok_or(Fault::Incomplete { what: "inbox key" })?;
                more = rows.len() == limit;
                if more {
                    return Ok(Walk::Stop);
                }
                rows.extend(self.row(query.shelf, place, key, head)?);
                places.push(place);
                Ok(Walk::On)
            })
        })?;
        let next = places.last().copied().filter(|_| more);
        Ok(InboxPage { rows, next })
    }

    fn row(&self, shelf: InboxShelf, place: InboxPlace, key: &[u8], head: &[u8]) -> Result<Option<InboxRow>, Fault> {
        let row = match shelf {
            InboxShelf::Pending | InboxShelf::Unverified => self.opened::<InboxEntry>(key, head).map(|entry| of_entry(place, entry)),
            InboxShelf::Done => self.opened::<InboxDone>(key, head).map(|done| of_done(place, done)),
            InboxShelf::Dead => return self.of_dead(place, self.opened::<DeadLetter>(key, head)?),
        };
        match row {
            Ok(row) => Ok(Some(row)),
            Err(Fault::Engine { step, source }) => Err(Fault::Engine { step, source }),
            // It goes to the dead letters as soon as its company reads it.
            Err(_) => Ok(None),
        }
    }

    fn of_dead(&self, place: InboxPlace, letter: DeadLetter) -> Result<Option<InboxRow>, Fault> {
        let row = match letter.letter {
            Letter::Entry(entry) => of_entry(place, entry),
            Letter::Text(_) => {
                let company = place.company.map(keys::company);
                let Some(company) = company.map(|key| self.record::<CompanyRecord>(&key)).transpose()?.flatten() else {
                    return Ok(None);
                };
                InboxRow {
                    id: place.id,
                    company_id: place.company,
                    salon_id: company.salon_id,
                    contents: Contents::Unreadable,
                    received_at: letter.died_at,
                    attempts: 0,
                    ended_at: None,
                    dead: None,
                }
            }
        };
        Ok(Some(InboxRow { ended_at: Some(letter.died_at), dead: Some(letter.reason), ..row }))
    }
}

fn of_entry(place: InboxPlace, entry: InboxEntry) -> InboxRow {
    let InboxEntry { entry, attempts, .. } = entry;
    InboxRow {
        id: place.id,
        company_id: place.company,
        salon_id: entry.salon_id,
        contents: Contents::Known { event: entry.event, body: Some(entry.body) },
        received_at: entry.received_at,
        attempts,
        ended_at: None,
        dead: None,
    }
}

fn of_done(place: InboxPlace, done: InboxDone) -> InboxRow {
    InboxRow {
        id: place.id,
        company_id: place.company,
        salon_id: done.salon_id,
        contents: Contents::Known { event: done.event, body: None },
        received_at: done.received_at,
        attempts: done.attempts,
        ended_at: Some(done.done_at),
        dead: None,
    }
}
