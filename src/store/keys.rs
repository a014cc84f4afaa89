//! Every key of the tree, built here and nowhere else: one byte says what it is, then big-endian parts, so that a prefix is a range.
//!
//! ```text
//! m name                      meta: schema version, seal check, counters         the only values that are not sealed
//! c company                   CompanyRecord
//! s salon                     company id (index; salons are unique)
//! l company                   SessionRecord
//! a company                   ActivationRecord
//! e company seq               EventRecord, append-only
//! i company inbox             InboxEntry not acted on yet (company 0: the salon is not known here)
//! d company inbox             InboxDone, what is left of an entry
//! f company inbox             DeadLetter: an entry that was given up
//! j company inbox             InboxEntry that came without a credential
//! q company key               Mark: a data event with this content was taken
//! r until company key         the same by time, for pruning
//! w salon                     WebhookDoor: what the salon's data webhook is checked against
//! y company                   Erasure: what a removed salon left behind goes
//! n due company               the same by time
//! g fingerprint               Claim of signed owner data
//! h until fingerprint         the same by time, for pruning
//! k number                    OperatorKey
//! u number                    AuditEntry, the newest some thousand
//! o name                      Once: a request that must not happen twice
//! p until name                the same by time, for pruning
//! b second                    PulseSlot: sums of five minutes of the last day
//! v company table key         the protocol library's own state
//! x company reason [inbox]    why the company is active: load_active reads only these
//! z key part                  further parts of a value too long for one
//! ```

use frontdesk_actors::ids::{CompanyId, SalonId};
use frontdesk_actors::operators::{AuditId, KeyId};
use frontdesk_actors::records::{InboxId, InboxPlace, InboxShelf};

/// A key as bytes.
pub(super) type Key = Vec<u8>;

/// Longest key of a [`Vault`](frontdesk_actors::ports::Vault) entry. Index pages of the engine hold up to 256 keys and must stay far below
/// the 128 KiB at which it moves them to files it never syncs.
pub(super) const VAULT_KEY_BYTES: usize = 400;

/// Version of the layout; big-endian u32.
pub(super) const SCHEMA: &[u8] = b"mschema";
/// A sealed constant that only the right seal key opens.
pub(super) const SEAL_CHECK: &[u8] = b"mseal";
/// Next ids and counts.
pub(super) const COUNTERS: &[u8] = b"mcounters";
/// Start of all companies' records.
pub(super) const COMPANIES: &[u8] = b"c";
/// Start of all activity markers.
pub(super) const ACTIVE: &[u8] = b"x";
/// Start of all vaults.
pub(super) const VAULTS: &[u8] = b"v";
/// Start of all claims by time.
pub(super) const CLAIMS_BY_TIME: &[u8] = b"h";
/// Start of all content marks by time.
pub(super) const MARKS_BY_TIME: &[u8] = b"r";
/// Start of all erasures by time.
pub(super) const ERASURES_BY_TIME: &[u8] = b"n";

/// Stands for "salon unknown here" among inbox keys; no company has the id 0.
const NO_COMPANY: u64 = 0;

/// Why a company is active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// Its session is linked or to be held online.
    Session = 1,
    /// An activation has begun and not ended.
    Activation = 2,
    /// A webhook waits.
    Inbox = 3,
    /// Its vault is not empty.
    Vault = 4,
}

fn numbered(prefix: u8, number: u64) -> Key {
    let mut key = Vec::with_capacity(32);
    key.push(prefix);
    key.extend_from_slice(&number.to_be_bytes());
    key
}

fn numbered_twice(prefix: u8, first: u64, second: u64) -> Key {
    let mut key = numbered(prefix, first);
    key.extend_from_slice(&second.to_be_bytes());
    key
}

/// The company's record.
pub(super) fn company(id: CompanyId) -> Key {
    numbered(b'c', id.get())
}

/// The company of a record's key.
pub(super) fn parse_company(key: &[u8]) -> Option<CompanyId> {
    parse_active(key)
}

/// The salon's company.
pub(super) fn salon(id: SalonId) -> Key {
    numbered(b's', id.get())
}

/// The company's session.
pub(super) fn session(id: CompanyId) -> Key {
    numbered(b'l', id.get())
}

/// The company's activation.
pub(super) fn activation(id: CompanyId) -> Key {
    numbered(b'a', id.get())
}

/// One event.
pub(super) fn event(id: CompanyId, sequence: u64) -> Key {
    numbered_twice(b'e', id.get(), sequence)
}

/// All events of a company.
pub(super) fn events(id: CompanyId) -> Key {
    numbered(b'e', id.get())
}

fn shelf(shelf: InboxShelf) -> u8 {
    match shelf {
        InboxShelf::Pending => b'i',
        InboxShelf::Done => b'd',
        InboxShelf::Dead => b'f',
        InboxShelf::Unverified => b'j',
    }
}

/// One webhook on its shelf.
pub(super) fn shelved(on: InboxShelf, company: Option<CompanyId>, id: InboxId) -> Key {
    numbered_twice(shelf(on), company.map_or(NO_COMPANY, CompanyId::get), id.0)
}

/// All webhooks of a shelf.
pub(super) fn shelf_of_all(on: InboxShelf) -> Key {
    vec![shelf(on)]
}

/// All webhooks of a company on a shelf; `None`: of salons that are not known here.
pub(super) fn shelf_of(on: InboxShelf, company: Option<CompanyId>) -> Key {
    numbered(shelf(on), company.map_or(NO_COMPANY, CompanyId::get))
}

/// Takes the key of a webhook apart.
pub(super) fn parse_shelved(key: &[u8]) -> Option<InboxPlace> {
    let company = u64::from_be_bytes(key.get(1..9)?.try_into().ok()?);
    let id = InboxId(u64::from_be_bytes(key.get(9..)?.try_into().ok()?));
    let company = if company == NO_COMPANY { None } else { Some(CompanyId::try_from(company).ok()?) };
    Some(InboxPlace { company, id })
}

/// One waiting webhook.
pub(super) fn inbox(company: Option<CompanyId>, id: InboxId) -> Key {
    shelved(InboxShelf::Pending, company, id)
}

/// What the salon's data webhook is checked against.
pub(super) fn webhook_door(salon: SalonId) -> Key {
    numbered(b'w', salon.get())
}

/// A data event of the company was taken.
pub(super) fn mark(company: CompanyId, content: &[u8; 32]) -> Key {
    let mut key = marks_of(company);
    key.extend_from_slice(content);
    key
}

/// All data events of the company that were taken.
pub(super) fn marks_of(company: CompanyId) -> Key {
    numbered(b'q', company.get())
}

/// The same mark, by the second it ends.
pub(super) fn mark_by_time(until_seconds: u64, company: CompanyId, content: &[u8; 32]) -> Key {
    let mut key = numbered_twice(b'r', until_seconds, company.get());
    key.extend_from_slice(content);
    key
}

/// Takes a [`mark_by_time`] key apart: its second and the mark's own key.
pub(super) fn parse_mark_by_time(key: &[u8]) -> Option<(u64, Key)> {
    let until = u64::from_be_bytes(key.get(1..9)?.try_into().ok()?);
    let mut mark = vec![b'q'];
    mark.extend_from_slice(key.get(9..)?);
    Some((until, mark))
}

/// The company's plan to erase.
pub(super) fn erasure(company: CompanyId) -> Key {
    numbered(b'y', company.get())
}

/// The same plan, by the second it is due.
pub(super) fn erasure_by_time(due_seconds: u64, company: CompanyId) -> Key {
    numbered_twice(b'n', due_seconds, company.get())
}

/// Takes an [`erasure_by_time`] key apart.
pub(super) fn parse_erasure_by_time(key: &[u8]) -> Option<(u64, CompanyId)> {
    let due = u64::from_be_bytes(key.get(1..9)?.try_into().ok()?);
    let company = u64::from_be_bytes(key.get(9..)?.try_into().ok()?);
    Some((due, CompanyId::try_from(company).ok()?))
}

/// The claim of signed data.
pub(super) fn claim(fingerprint: &[u8; 32]) -> Key {
    let mut key = vec![b'g'];
    key.extend_from_slice(fingerprint);
    key
}

/// The same claim, by the second it ends.
pub(super) fn claim_by_time(until_seconds: u64, fingerprint: &[u8; 32]) -> Key {
    let mut key = numbered(b'h', until_seconds);
    key.extend_from_slice(fingerprint);
    key
}

/// Takes a [`claim_by_time`] key apart, and a [`once_by_time`] key, which is built alike.
pub(super) fn parse_claim_by_time(key: &[u8]) -> Option<(u64, [u8; 32])> {
    let until = key.get(1..9)?.try_into().ok()?;
    let fingerprint = key.get(9..)?.try_into().ok()?;
    Some((u64::from_be_bytes(until), fingerprint))
}

/// All keys of operators.
pub(super) const OPERATOR_KEYS: &[u8] = b"k";
/// The whole audit log.
pub(super) const AUDIT: &[u8] = b"u";
/// Start of all once-only requests by time.
pub(super) const ONCE_BY_TIME: &[u8] = b"p";

/// One operator's key.
pub(super) fn operator_key(id: KeyId) -> Key {
    numbered(b'k', id.0)
}

/// One audit entry.
pub(super) fn audit(id: AuditId) -> Key {
    numbered(b'u', id.0)
}

/// Takes an [`audit`] key apart.
pub(super) fn parse_audit(key: &[u8]) -> Option<AuditId> {
    let number = key.get(1..9)?.try_into().ok()?;
    Some(AuditId(u64::from_be_bytes(number)))
}

/// All steps of the last day.
pub(super) const PULSE: &[u8] = b"b";

/// The step that begins at this second.
pub(super) fn pulse(second: u64) -> Key {
    numbered(b'b', second)
}

/// A request that must not happen twice.
pub(super) fn once(name: &[u8; 32]) -> Key {
    let mut key = vec![b'o'];
    key.extend_from_slice(name);
    key
}

/// The same request, by the second it is forgotten.
pub(super) fn once_by_time(until_seconds: u64, name: &[u8; 32]) -> Key {
    let mut key = numbered(b'p', until_seconds);
    key.extend_from_slice(name);
    key
}

/// One pair of a vault.
pub(super) fn vault(company: CompanyId, table: u8, key: &[u8]) -> Key {
    let mut full = vault_room(company);
    full.push(table);
    full.extend_from_slice(key);
    full
}

/// Bytes of a vault key before the caller's own.
pub(super) const VAULT_PREFIX_BYTES: usize = 10;

/// All of a company's vault.
pub(super) fn vault_room(company: CompanyId) -> Key {
    numbered(b'v', company.get())
}

/// Marks a company active because of its session, its activation or its vault.
pub(super) fn active(company: CompanyId, reason: Reason) -> Key {
    let mut key = numbered(b'x', company.get());
    key.push(reason as u8);
    key
}

/// Marks a company active because of a waiting webhook.
pub(super) fn active_inbox(company: CompanyId, id: InboxId) -> Key {
    let mut key = active(company, Reason::Inbox);
    key.extend_from_slice(&id.0.to_be_bytes());
    key
}

/// Is this the marker of a waiting webhook?
pub(super) fn marks_inbox(active: &[u8]) -> bool {
    active.get(9) == Some(&(Reason::Inbox as u8))
}

/// Whose vault this is.
pub(super) fn parse_vault(key: &[u8]) -> Option<CompanyId> {
    parse_active(key)
}

/// Whose activity marker this is.
pub(super) fn parse_active(key: &[u8]) -> Option<CompanyId> {
    let number = key.get(1..9)?.try_into().ok()?;
    CompanyId::try_from(u64::from_be_bytes(number)).ok()
}

/// Part `index` (from 1) of the value at `key`.
pub(super) fn part(key: &[u8], index: u16) -> Key {
    let mut full = parts_under(key);
    full.extend_from_slice(&index.to_be_bytes());
    full
}

/// Is it the key of a further part?
pub(super) fn is_part(key: &[u8]) -> bool {
    key.starts_with(&parts_under(b""))
}

/// The key of the value that a part belongs to.
pub(super) fn of_part(part: &[u8]) -> Option<&[u8]> {
    part.get(1..part.len().checked_sub(2)?)
}

/// All further parts of values whose key starts with `prefix`.
pub(super) fn parts_under(prefix: &[u8]) -> Key {
    let mut full = Vec::with_capacity(prefix.len() + 3);
    full.push(b'z');
    full.extend_from_slice(prefix);
    full
}

#[cfg(test)]
mod tests {
    use super::*;

    fn company_id(number: u64) -> CompanyId {
        CompanyId::try_from(number).unwrap()
    }

    #[test]
    fn keys_of_one_company_sort_by_number_and_never_overlap_another_company() {
        assert!(event(company_id(1), 9) < event(company_id(1), 10));
        assert!(event(company_id(1), u64::MAX) < event(company_id(2), 0));
        assert!(!vault(company_id(256), 0, b"").starts_with(&vault_room(company_id(1))));
        assert_eq!(vault(company_id(7), 3, b"k").len(), VAULT_PREFIX_BYTES + 1);
    }

    #[test]
    fn a_part_knows_its_value() {
        let key = session(company_id(9));
        assert_eq!(of_part(&part(&key, 3)), Some(key.as_slice()));
        assert_eq!(of_part(b"z"), None);
    }

    #[test]
    fn parsed_keys_give_back_what_built_them() {
        let fingerprint = [7; 32];
        assert_eq!(parse_claim_by_time(&claim_by_time(99, &fingerprint)), Some((99, fingerprint)));
        assert_eq!(parse_active(&active_inbox(company_id(5), InboxId(3))), Some(company_id(5)));
        assert_eq!(parse_active(b"x"), None);
        assert_eq!(parse_company(&company(company_id(5))), Some(company_id(5)));
        assert!(marks_inbox(&active_inbox(company_id(5), InboxId(3))) && !marks_inbox(&active(company_id(5), Reason::Vault)));
        for company in [None, Some(company_id(8))] {
            let place = InboxPlace { company, id: InboxId(3) };
            assert_eq!(parse_shelved(&shelved(InboxShelf::Dead, company, place.id)), Some(place));
        }
        let content = [5; 32];
        assert_eq!(parse_mark_by_time(&mark_by_time(7, company_id(2), &content)), Some((7, mark(company_id(2), &content))));
        assert_eq!(parse_erasure_by_time(&erasure_by_time(7, company_id(2))), Some((7, company_id(2))));
    }
}
