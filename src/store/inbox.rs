//! The inbox: what each request means as changes to a [`Draft`]. Runs on the writer's thread only.
//!
//! Entries move between shelves (see `frontdesk_actors::records::InboxShelf`), always within one commit: an entry is on exactly one of them.

mod port;
mod prune;
mod records;
mod shelves;

use chrono::{DateTime, TimeDelta, Utc};
use frontdesk_actors::ids::CompanyId;
use frontdesk_actors::records::{
    Appended, DeadReason, Erasure, EventRecord, InboxEntry, InboxEvent, InboxId, InboxShelf, NewInboxEntry, Sameness,
};
use serde_json::{Value, json};

use crate::store::apply::{seconds, shorten};
use crate::store::counters::Counters;
use crate::store::draft::Draft;
use crate::store::fault::Fault;
use crate::store::keys::{self, Key};
use crate::store::records::Mark;

pub(super) use records::{DeadLetter, InboxDone, Letter};

/// Ended marks removed with each new one: they go faster than they come.
const MARKS_PRUNED_AT_ONCE: usize = 4;

/// Unverified webhooks kept of each company: the latest.
const UNVERIFIED_AT_MOST: usize = 20;

/// Bytes kept of the body of an unverified webhook: anybody can send them.
const UNVERIFIED_BYTES: usize = 4 * 1024;

/// Stores a webhook that waits to be acted on, unless it repeats one.
pub(super) fn append(draft: &mut Draft<'_>, mut entry: NewInboxEntry) -> Result<Appended, Fault> {
    if let (Some(company), InboxEvent::Data(event)) = (entry.company_id, &entry.event)
        && !mark(draft, company, &event.sameness, entry.received_at)?
    {
        return Ok(Appended::Repeated);
    }
    shorten(&mut entry.body);
    let id = InboxId(Counters::next(&mut draft.counters.last_inbox)?);
    put_pending(draft, &InboxEntry { id, entry, attempts: 0 })?;
    Ok(Appended::Stored(id))
}

fn put_pending(draft: &mut Draft<'_>, entry: &InboxEntry) -> Result<(), Fault> {
    let company = entry.entry.company_id;
    if let Some(company) = company {
        draft.put_marker(keys::active_inbox(company, entry.id))?;
    }
    draft.put_record(keys::inbox(company, entry.id), entry)
}

/// Marks a content as taken; `false` when it was within the time.
fn mark(draft: &mut Draft<'_>, company: CompanyId, sameness: &Sameness, received_at: DateTime<Utc>) -> Result<bool, Fault> {
    prune_marks(draft)?;
    let content = hex::decode(&sameness.key).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let content = content.ok_or(Fault::Refused { rule: "a content key is 32 bytes in hex" })?;
    let key = keys::mark(company, &content);
    if draft.record::<Mark>(&key)?.is_some_and(|mark| mark.until > draft.now) {
        return Ok(false);
    }
    let until = draft.now + TimeDelta::seconds(sameness.seconds.into());
    draft.put_marker(keys::mark_by_time(seconds(until), company, &content))?;
    draft.put_record(key, &Mark { until, since: Some(received_at) })?;
    Ok(true)
}

/// Removes a few marks that have ended. One that was set anew has a later marker too and stays until that one.
fn prune_marks(draft: &mut Draft<'_>) -> Result<(), Fault> {
    for marker in draft.first_keys(keys::MARKS_BY_TIME, MARKS_PRUNED_AT_ONCE)? {
        let (until, mark) = keys::parse_mark_by_time(&marker).ok_or(Fault::Incomplete { what: "content marker" })?;
        if until >= seconds(draft.now) {
            break;
        }
        if draft.record::<Mark>(&mark)?.is_some_and(|mark| seconds(mark.until) <= until) {
            draft.remove(mark)?;
        }
        draft.remove(marker)?;
    }
    Ok(())
}

/// Keeps what came without a credential.
fn keep_unverified(draft: &mut Draft<'_>, company: CompanyId, mut entry: NewInboxEntry) -> Result<(), Fault> {
    let bytes = entry.body.to_string().len();
    if bytes > UNVERIFIED_BYTES {
        entry.body = json!({ "left_out_bytes": bytes });
    }
    let id = InboxId(Counters::next(&mut draft.counters.last_inbox)?);
    let kept = draft.keys_under(&keys::shelf_of(InboxShelf::Unverified, Some(company)))?;
    let over = (kept.len() + 1).saturating_sub(UNVERIFIED_AT_MOST);
    kept.into_iter().take(over).try_for_each(|oldest| draft.remove(oldest))?;
    draft.put_record(keys::shelved(InboxShelf::Unverified, Some(company), id), &InboxEntry { id, entry, attempts: 0 })
}

/// It was acted on: what is left has no body.
pub(super) fn done(draft: &mut Draft<'_>, company: CompanyId, id: InboxId) -> Result<(), Fault> {
    let key = keys::inbox(Some(company), id);
    let Some(waiting) = draft.record::<InboxEntry>(&key)? else {
        return Ok(()); // acted on before a crash, and again after it
    };
    let done = InboxDone {
        salon_id: waiting.entry.salon_id,
        event: waiting.entry.event,
        received_at: waiting.entry.received_at,
        done_at: draft.now,
        attempts: waiting.attempts,
    };
    draft.put_record(keys::shelved(InboxShelf::Done, Some(company), id), &done)?;
    remove_pending(draft, company, id)
}

fn remove_pending(draft: &mut Draft<'_>, company: CompanyId, id: InboxId) -> Result<(), Fault> {
    draft.remove(keys::active_inbox(company, id))?;
    draft.remove(keys::inbox(Some(company), id))
}

/// A try failed.
pub(super) fn failed(draft: &mut Draft<'_>, company: CompanyId, id: InboxId) -> Result<(), Fault> {
    let key = keys::inbox(Some(company), id);
    let Some(mut waiting) = draft.record::<InboxEntry>(&key)? else {
        return Ok(());
    };
    waiting.attempts = waiting.attempts.saturating_add(1);
    draft.put_record(key, &waiting)
}

/// It is given up. The last try counts too.
pub(super) fn dead(draft: &mut Draft<'_>, company: CompanyId, id: InboxId, reason: DeadReason) -> Result<(), Fault> {
    let Some(mut entry) = draft.record::<InboxEntry>(&keys::inbox(Some(company), id))? else {
        return Ok(());
    };
    entry.attempts = entry.attempts.saturating_add(1);
    bury(draft, company, id, Letter::Entry(entry), reason)
}

fn bury(draft: &mut Draft<'_>, company: CompanyId, id: InboxId, letter: Letter, reason: DeadReason) -> Result<(), Fault> {
    let letter = DeadLetter { letter, reason, died_at: draft.now };
    draft.put_record(keys::shelved(InboxShelf::Dead, Some(company), id), &letter)?;
    remove_pending(draft, company, id)
}

/// Its record can't be read: nothing behind it may wait for it.
fn bury_unreadable(draft: &mut Draft<'_>, company: CompanyId, id: InboxId) -> Result<(), Fault> {
    let text = match draft.value(&keys::inbox(Some(company), id)) {
        Ok(None) => return Ok(()),
        Ok(Some(text)) => String::from_utf8(text).ok(),
        Err(Fault::Sealed { .. } | Fault::Incomplete { .. }) => None,
        Err(fault) => return Err(fault),
    };
    bury(draft, company, id, Letter::Text(text), DeadReason::Unreadable)
}

/// Back among the pending ones; `false` when there is no such dead letter, or nothing of it to act on.
fn replay(draft: &mut Draft<'_>, company: CompanyId, id: InboxId) -> Result<bool, Fault> {
    let key = keys::shelved(InboxShelf::Dead, Some(company), id);
    match draft.record::<DeadLetter>(&key)?.map(|letter| letter.letter) {
        None | Some(Letter::Text(None)) => return Ok(false),
        Some(Letter::Entry(entry)) => put_pending(draft, &InboxEntry { attempts: 0, ..entry })?,
        Some(Letter::Text(Some(text))) => {
            draft.put_marker(keys::active_inbox(company, id))?;
            draft.put(keys::inbox(Some(company), id), text.as_bytes(), "inbox entry")?;
        }
    }
    draft.remove(key)?;
    Ok(true)
}

/// Plans an erasure. One that was planned before is due no later for it.
pub(super) fn plan_erasure(draft: &mut Draft<'_>, mut plan: Erasure) -> Result<(), Fault> {
    let company = plan.company_id;
    if let Some(before) = draft.record::<Erasure>(&keys::erasure(company))? {
        draft.remove(keys::erasure_by_time(seconds(before.due_at), company))?;
        plan.due_at = plan.due_at.min(before.due_at);
    }
    draft.put_marker(keys::erasure_by_time(seconds(plan.due_at), company))?;
    draft.put_record(keys::erasure(company), &plan)
}

/// Erases webhooks and what the timeline's lines hold, up to `before`, and the plan to do so. A plan for a later removal stays.
pub(super) fn erase_salon_data(draft: &mut Draft<'_>, company: CompanyId, before: DateTime<Utc>) -> Result<(), Fault> {
    for shelf in [InboxShelf::Pending, InboxShelf::Done, InboxShelf::Dead, InboxShelf::Unverified] {
        for key in draft.keys_under(&keys::shelf_of(shelf, Some(company)))? {
            if arrived(draft, shelf, &key)?.is_none_or(|at| at <= before) {
                if let Some(place) = keys::parse_shelved(&key) {
                    draft.remove(keys::active_inbox(company, place.id))?;
                }
                draft.remove(key)?;
            }
        }
    }
    for key in draft.keys_under(&keys::marks_of(company))? {
        if marked_since(draft, &key)?.is_none_or(|at| at <= before) {
            draft.remove(key)?;
        }
    }
    for key in draft.keys_under(&keys::events(company))? {
        let Some(mut event) = draft.record::<EventRecord>(&key)? else { continue };
        if event.at <= before && !event.data.is_null() {
            event.data = Value::Null;
            draft.put_record(key, &event)?;
        }
    }
    forget_plan(draft, company, before)
}

fn forget_plan(draft: &mut Draft<'_>, company: CompanyId, before: DateTime<Utc>) -> Result<(), Fault> {
    let plan = draft.record::<Erasure>(&keys::erasure(company))?;
    let Some(plan) = plan.filter(|plan| plan.removed_at <= before) else { return Ok(()) };
    draft.remove(keys::erasure_by_time(seconds(plan.due_at), company))?;
    draft.remove(keys::erasure(company))
}

/// When the content at `key` first came; `None` when that is not known.
fn marked_since(draft: &Draft<'_>, key: &Key) -> Result<Option<DateTime<Utc>>, Fault> {
    match draft.record::<Mark>(key) {
        Ok(mark) => Ok(mark.and_then(|mark| mark.since)),
        Err(fault) if fault.is_of_one_record() => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// When the webhook at `key` came; `None` when that can't be read.
fn arrived(draft: &Draft<'_>, shelf: InboxShelf, key: &Key) -> Result<Option<DateTime<Utc>>, Fault> {
    let at = match shelf {
        InboxShelf::Pending | InboxShelf::Unverified => {
            draft.record::<InboxEntry>(key).map(|entry| entry.map(|entry| entry.entry.received_at))
        }
        InboxShelf::Done => draft.record::<InboxDone>(key).map(|done| done.map(|done| done.received_at)),
        InboxShelf::Dead => draft.record::<DeadLetter>(key).map(|letter| {
            letter.map(|letter| match letter.letter {
                Letter::Entry(entry) => entry.entry.received_at,
                Letter::Text(_) => letter.died_at,
            })
        }),
    };
    match at {
        Ok(at) => Ok(at),
        Err(fault) if fault.is_of_one_record() => Ok(None),
        Err(fault) => Err(fault),
    }
}
