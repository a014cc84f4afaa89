//! What lies on the shelves, and how older versions of us wrote it.

use chrono::{DateTime, Utc};
use frontdesk_actors::ids::{CompanyId, SalonId};
use frontdesk_actors::records::{DeadReason, InboxEntry, InboxEvent, InboxId, LifecycleEvent, NewInboxEntry};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::store::fault::Fault;
use crate::store::records::Stored;

/// What is left of a webhook that was acted on, for questions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::store) struct InboxDone {
    pub(in crate::store) salon_id: SalonId,
    pub(in crate::store) event: InboxEvent,
    pub(in crate::store) received_at: DateTime<Utc>,
    pub(in crate::store) done_at: DateTime<Utc>,
    /// Failed tries before the one that worked.
    pub(in crate::store) attempts: u32,
}

/// A webhook that was given up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::store) struct DeadLetter {
    pub(in crate::store) letter: Letter,
    pub(in crate::store) reason: DeadReason,
    pub(in crate::store) died_at: DateTime<Utc>,
}

/// What is kept of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::store) enum Letter {
    /// All of it.
    Entry(InboxEntry),
    /// Its text, which this version can't read; `None`: the seal does not hold.
    Text(Option<String>),
}

/// Version 1 knew lifecycle events only.
#[derive(Deserialize)]
struct EntryV1 {
    id: InboxId,
    entry: NewEntryV1,
    attempts: u32,
}

#[derive(Deserialize)]
struct NewEntryV1 {
    company_id: Option<CompanyId>,
    salon_id: SalonId,
    event: LifecycleEvent,
    received_at: DateTime<Utc>,
    body: Value,
}

#[derive(Deserialize)]
struct DoneV1 {
    salon_id: SalonId,
    event: LifecycleEvent,
    received_at: DateTime<Utc>,
    done_at: DateTime<Utc>,
    attempts: u32,
}

impl From<EntryV1> for InboxEntry {
    fn from(old: EntryV1) -> Self {
        let NewEntryV1 { company_id, salon_id, event, received_at, body } = old.entry;
        let entry = NewInboxEntry { company_id, salon_id, event: InboxEvent::Lifecycle(event), received_at, body };
        Self { id: old.id, entry, attempts: old.attempts }
    }
}

impl From<DoneV1> for InboxDone {
    fn from(old: DoneV1) -> Self {
        let DoneV1 { salon_id, event, received_at, done_at, attempts } = old;
        Self { salon_id, event: InboxEvent::Lifecycle(event), received_at, done_at, attempts }
    }
}

fn parsed<T: DeserializeOwned>(json: &[u8], what: &'static str) -> Result<T, Fault> {
    serde_json::from_slice(json).map_err(|source| Fault::Unreadable { what, source })
}

impl Stored for InboxEntry {
    const WHAT: &'static str = "inbox entry";
    const VERSION: u32 = 2;

    fn read(version: u32, json: &[u8]) -> Result<Self, Fault> {
        match version {
            1 => parsed::<EntryV1>(json, Self::WHAT).map(Self::from),
            2 => parsed(json, Self::WHAT),
            version => Err(Fault::NewerRecord { what: Self::WHAT, version }),
        }
    }
}

impl Stored for InboxDone {
    const WHAT: &'static str = "inbox marker";
    const VERSION: u32 = 2;

    fn read(version: u32, json: &[u8]) -> Result<Self, Fault> {
        match version {
            1 => parsed::<DoneV1>(json, Self::WHAT).map(Self::from),
            2 => parsed(json, Self::WHAT),
            version => Err(Fault::NewerRecord { what: Self::WHAT, version }),
        }
    }
}
