//! What has outlived its time: found here, removed by the writer.

use chrono::{DateTime, TimeDelta, Utc};
use frontdesk_actors::ids::CompanyId;
use frontdesk_actors::ports::RecordsError;
use frontdesk_actors::records::{EventRecord, InboxEntry, InboxShelf, Retention};

use super::{DeadLetter, InboxDone};
use crate::store::disk::Walk;
use crate::store::fault::Fault;
use crate::store::keys::{self, Key};
use crate::store::reader::Reader;

/// Entries of one company and kind removed in one commit; the rest goes with the next one.
const AT_ONCE: usize = 512;

/// Keys to remove.
#[derive(Default)]
pub(in crate::store) struct Outlived {
    pub(in crate::store) inbox: Vec<Key>,
    pub(in crate::store) events: Vec<Key>,
}

impl Outlived {
    pub(in crate::store) fn is_empty(&self) -> bool {
        self.inbox.is_empty() && self.events.is_empty()
    }
}

/// How much of one kind is kept.
struct Kept {
    at_most: usize,
    from: DateTime<Utc>,
}

impl Kept {
    fn new(at_most: usize, span: TimeDelta, now: DateTime<Utc>) -> Self {
        Self { at_most, from: now.checked_sub_signed(span).unwrap_or(DateTime::<Utc>::MIN_UTC) }
    }
}

impl Reader {
    /// What of a company (`None`: of unknown salons) is too much or too old, the first [`AT_ONCE`] of each kind. Pending webhooks of a company are never.
    pub(in crate::store) fn outlived(
        &self,
        company: Option<CompanyId>,
        retention: &Retention,
        now: DateTime<Utc>,
    ) -> Result<Outlived, RecordsError> {
        let mut outlived = Outlived::default();
        let dead = Kept::new(retention.dead_at_most, retention.dead_for, now);
        let Some(company) = company else {
            let unknown = keys::shelf_of(InboxShelf::Pending, None);
            outlived.inbox =
                self.old_ones(&unknown, &dead, |key, head| self.opened::<InboxEntry>(key, head).map(|entry| entry.entry.received_at))?;
            return Ok(outlived);
        };
        let done = Kept::new(retention.done_at_most, retention.done_for, now);
        let shelf = |shelf| keys::shelf_of(shelf, Some(company));
        outlived.inbox =
            self.old_ones(&shelf(InboxShelf::Done), &done, |key, head| self.opened::<InboxDone>(key, head).map(|done| done.done_at))?;
        outlived.inbox.extend(
            self.old_ones(&shelf(InboxShelf::Dead), &dead, |key, head| self.opened::<DeadLetter>(key, head).map(|letter| letter.died_at))?,
        );
        outlived.inbox.extend(self.old_ones(&shelf(InboxShelf::Unverified), &dead, |key, head| {
            self.opened::<InboxEntry>(key, head).map(|entry| entry.entry.received_at)
        })?);
        let events = Kept::new(retention.events_at_most, retention.events_for, now);
        outlived.events =
            self.old_ones(&keys::events(company), &events, |key, head| self.opened::<EventRecord>(key, head).map(|event| event.at))?;
        Ok(outlived)
    }

    /// Keys are in the order of their time: the oldest go until one is young and the rest is few enough.
    fn old_ones(
        &self,
        prefix: &[u8],
        kept: &Kept,
        at: impl Fn(&[u8], &[u8]) -> Result<DateTime<Utc>, Fault>,
    ) -> Result<Vec<Key>, RecordsError> {
        self.read(|| {
            let count = self.disk.keys(prefix)?.len();
            let over = count.saturating_sub(kept.at_most);
            let mut old = Vec::new();
            self.disk.each(prefix, |key, head| {
                let goes = old.len() < over || at(key, head).is_ok_and(|at| at < kept.from);
                if goes {
                    old.push(key.to_vec());
                }
                Ok(if goes && old.len() < AT_ONCE { Walk::On } else { Walk::Stop })
            })?;
            Ok(old)
        })
    }
}
