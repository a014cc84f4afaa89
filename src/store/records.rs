//! Records as JSON with a version: `{"version":1,…}`. Every version is read, the newest is written.
//!
//! Version 1 of each record is the domain's own type as it stands. Whoever changes one of those types in a way that old JSON doesn't fit
//! freezes the old shape here, converts it in [`Stored::read`], raises [`Stored::VERSION`] and adds fixtures to `tests/fixtures/store/`.

use chrono::{DateTime, Utc};
use frontdesk_actors::ids::SalonId;
use frontdesk_actors::operators::{AuditEntry, OnceAnswer, OperatorKey, PulseSlot};
use frontdesk_actors::records::{ActivationRecord, CompanyRecord, Erasure, EventRecord, SessionRecord, WebhookDoor};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::store::fault::Fault;
use crate::store::inbox::DeadLetter;

/// Signed owner data was used for this salon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claim {
    pub(super) salon_id: SalonId,
    pub(super) until: DateTime<Utc>,
}

/// A data event with this content is a repetition until then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    pub(super) until: DateTime<Utc>,
    /// When the first of them came. Marks of an older program have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) since: Option<DateTime<Utc>>,
}

/// A request that must not happen twice, and what was answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Once {
    /// SHA-256 (hex) of what it asks.
    pub(super) fingerprint: String,
    /// Which life of the server carries it out.
    pub(super) life: u64,
    pub(super) until: DateTime<Utc>,
    pub(super) answer: Option<OnceAnswer>,
}

/// A record with versions.
pub(super) trait Stored: Serialize + DeserializeOwned {
    /// For error texts.
    const WHAT: &'static str;
    /// The version written.
    const VERSION: u32 = 1;

    /// Reads the fields of `version`, which is at most [`Stored::VERSION`].
    fn read(version: u32, json: &[u8]) -> Result<Self, Fault> {
        match version {
            1 => serde_json::from_slice(json).map_err(|source| Fault::Unreadable { what: Self::WHAT, source }),
            version => Err(Fault::NewerRecord { what: Self::WHAT, version }),
        }
    }
}

macro_rules! stored {
    ($($record:ty => $what:literal),* $(,)?) => {
        $(impl Stored for $record {
            const WHAT: &'static str = $what;
        })*
    };
}

stored! {
    CompanyRecord => "company",
    SessionRecord => "session",
    ActivationRecord => "activation",
    EventRecord => "event",
    DeadLetter => "dead letter",
    WebhookDoor => "webhook door",
    Mark => "content mark",
    Erasure => "plan to erase",
    Claim => "signature claim",
    OperatorKey => "operator key",
    AuditEntry => "audit entry",
    Once => "once-only request",
    PulseSlot => "step of the last day",
}

#[derive(Serialize)]
struct Written<'a, T> {
    version: u32,
    #[serde(flatten)]
    record: &'a T,
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

/// How our own version 1 begins; found without a second pass over the text.
const VERSION_1: &[u8] = br#"{"version":1,"#;

/// The newest version of the record as JSON.
pub(super) fn encode<T: Stored>(record: &T) -> Result<Vec<u8>, Fault> {
    let written = Written { version: T::VERSION, record };
    serde_json::to_vec(&written).map_err(|source| Fault::Unreadable { what: T::WHAT, source })
}

/// Reads any version of the record.
pub(super) fn decode<T: Stored>(json: &[u8]) -> Result<T, Fault> {
    let version = if json.starts_with(VERSION_1) {
        1
    } else {
        let unreadable = |source| Fault::Unreadable { what: T::WHAT, source };
        serde_json::from_slice::<Version>(json).map_err(unreadable)?.version
    };
    if version > T::VERSION {
        return Err(Fault::NewerRecord { what: T::WHAT, version });
    }
    T::read(version, json)
}
