//! Webhooks as they are stored: what came, where it lies, and how it is asked for.
//!
//! ```text
//! accepted ─▶ Pending ─ acted on ─▶ Done (without its body)
//!                │ ▲
//!  failed too    ▼ │ replayed
//!  often        Dead
//! not authenticated ─▶ Unverified: kept for questions, never acted on
//! ```

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::{CompanyId, SalonId};

/// Number of an inbox entry; entries of one company are processed in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InboxId(pub u64);

/// A webhook as accepted: without secrets, not yet acted on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewInboxEntry {
    /// Company, when the salon is known here.
    pub company_id: Option<CompanyId>,
    /// YClients' salon.
    pub salon_id: SalonId,
    /// What it says.
    pub event: InboxEvent,
    /// When it arrived.
    pub received_at: DateTime<Utc>,
    /// Body without `partner_token` and other secrets.
    pub body: Value,
}

/// A stored webhook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InboxEntry {
    /// Its number.
    pub id: InboxId,
    /// What was accepted.
    pub entry: NewInboxEntry,
    /// How often processing was tried.
    pub attempts: u32,
}

/// What a webhook says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InboxEvent {
    /// YClients, about the installation.
    Lifecycle(LifecycleEvent),
    /// YClients, about the salon's data.
    Data(DataEvent),
    /// Whoever knows the old address of a company. Holds the name of the event, cut to 64 characters.
    Legacy(String),
}

impl InboxEvent {
    /// Where it came from, as in JSON and metric labels.
    pub fn source(&self) -> &'static str {
        match self {
            Self::Lifecycle(_) => "lifecycle",
            Self::Data(_) => "data",
            Self::Legacy(_) => "legacy",
        }
    }
}

/// For people: `uninstall`, `record.update`.
impl fmt::Display for InboxEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lifecycle(LifecycleEvent::Uninstall) => f.write_str("uninstall"),
            Self::Lifecycle(LifecycleEvent::Freeze) => f.write_str("freeze"),
            Self::Lifecycle(LifecycleEvent::Unfreeze) => f.write_str("unfreeze"),
            Self::Lifecycle(LifecycleEvent::Unknown(name)) | Self::Legacy(name) => f.write_str(name),
            Self::Data(event) => write!(f, "{}.{}", event.resource.name(), event.status.name()),
        }
    }
}

/// Lifecycle events of YClients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LifecycleEvent {
    /// The salon disconnected the app.
    Uninstall,
    /// The paid period ended.
    Freeze,
    /// Paid again. YClients sends no such event: the reconciliation finds it out.
    Unfreeze,
    /// Anything else: kept, answered 200, never acted on. Holds the name, cut to 64 characters.
    Unknown(String),
}

/// A change of a salon's data. A hint: before it matters, the thing itself is read from YClients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataEvent {
    /// What kind of thing changed.
    pub resource: DataResource,
    /// Its number at YClients; `None` when the body has none.
    pub resource_id: Option<u64>,
    /// How it changed.
    pub status: DataStatus,
    /// What makes two deliveries the same event.
    pub sameness: Sameness,
    /// Which secret it came with, as the first 16 hex digits of its hash.
    pub secret_mark: String,
}

/// Two deliveries with the same key within the time are one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sameness {
    /// SHA-256 (hex) of what the event is about.
    pub key: String,
    /// For how many seconds a second delivery is a repetition. Short when the body doesn't say when the change was made: the same values may then be
    /// a change back.
    pub seconds: u32,
}

/// Kinds of things YClients tells about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are YClients' own")]
pub enum DataResource {
    Record,
    Client,
    Staff,
    Service,
    ServiceCategory,
    Salon,
    Good,
    GoodsOperation,
    FinancesOperation,
    /// Anything else: kept, never acted on. Cut to 64 characters.
    Other(String),
}

impl DataResource {
    /// From the word in a body; the older words mean the same.
    pub fn parse(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "record" => Self::Record,
            "client" => Self::Client,
            "staff" | "master" => Self::Staff,
            "service" => Self::Service,
            "service_category" => Self::ServiceCategory,
            "salon" | "company" => Self::Salon,
            "good" => Self::Good,
            "finances_operation" => Self::FinancesOperation,
            word if word.starts_with("goods_operations_") => Self::GoodsOperation,
            _ => Self::Other(short_name(word)),
        }
    }

    /// The name for people and in JSON.
    pub fn name(&self) -> &str {
        match self {
            Self::Other(word) => word,
            known => known.label(),
        }
    }

    /// The name as a metric label: of a closed set.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Client => "client",
            Self::Staff => "staff",
            Self::Service => "service",
            Self::ServiceCategory => "service_category",
            Self::Salon => "salon",
            Self::Good => "good",
            Self::GoodsOperation => "goods_operation",
            Self::FinancesOperation => "finances_operation",
            Self::Other(_) => "other",
        }
    }
}

/// What happened to the thing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are YClients' own")]
pub enum DataStatus {
    Create,
    Update,
    Delete,
    /// Anything else: kept, never acted on. Cut to 64 characters.
    Other(String),
}

impl DataStatus {
    /// From the word in a body.
    pub fn parse(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "create" => Self::Create,
            "update" | "edit" => Self::Update,
            "delete" => Self::Delete,
            _ => Self::Other(short_name(word)),
        }
    }

    /// The name for people and in JSON.
    pub fn name(&self) -> &str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Other(word) => word,
        }
    }
}

/// The name of something we don't know: harmless and at most 64 characters.
pub(crate) fn short_name(name: &str) -> String {
    name.chars().filter(|letter| !letter.is_control()).take(64).collect()
}

/// Answer to an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// It is stored under this number.
    Stored(InboxId),
    /// The same event is stored or was acted on already: nothing changed.
    Repeated,
}

impl Appended {
    /// Its number, when it was stored.
    pub fn stored(self) -> Option<InboxId> {
        match self {
            Self::Stored(id) => Some(id),
            Self::Repeated => None,
        }
    }
}

/// Why a webhook is among the dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadReason {
    /// Acting on it failed at every try.
    Failed,
    /// Acting on it crashed at every try.
    Crashed,
    /// It does not say what it must; a repetition changes nothing, a newer version of ours may.
    Unreadable,
}

impl DeadReason {
    /// The name as in JSON and metric labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Crashed => "crashed",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Where an inbox entry lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InboxShelf {
    /// Not acted on yet.
    Pending,
    /// Given up; waits for a replay.
    Dead,
    /// Acted on; the body is gone.
    Done,
    /// Not authenticated; never acted on.
    Unverified,
}

/// Place of an entry on its shelf. Places have an order: by company, then by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InboxPlace {
    /// Whose; `None`: of a salon that is not known here.
    pub company: Option<CompanyId>,
    /// Its number.
    pub id: InboxId,
}

/// A question for entries of a shelf, in the order of their places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InboxQuery {
    /// Which shelf.
    pub shelf: InboxShelf,
    /// Only this company's; `None`: all, those of unknown salons included.
    pub company: Option<CompanyId>,
    /// Only those after this place: the last one of the page before.
    pub after: Option<InboxPlace>,
    /// At most this many; the store has its own limit too.
    pub limit: usize,
}

/// Entries of a shelf.
#[derive(Debug, Clone, PartialEq)]
pub struct InboxPage {
    /// In the order of their places.
    pub rows: Vec<InboxRow>,
    /// Ask for more after this place; `None`: that was all.
    pub next: Option<InboxPlace>,
}

/// One entry for people.
#[derive(Debug, Clone, PartialEq)]
pub struct InboxRow {
    /// Its number.
    pub id: InboxId,
    /// Whose, when the salon is known here.
    pub company_id: Option<CompanyId>,
    /// YClients' salon.
    pub salon_id: SalonId,
    /// What it says, and what it said.
    pub contents: Contents,
    /// When it arrived.
    pub received_at: DateTime<Utc>,
    /// Tries that failed.
    pub attempts: u32,
    /// When it was acted on or given up.
    pub ended_at: Option<DateTime<Utc>>,
    /// Why it was given up.
    pub dead: Option<DeadReason>,
}

/// What is known of a webhook.
#[derive(Debug, Clone, PartialEq)]
pub enum Contents {
    /// Everything.
    Known {
        /// What it says.
        event: InboxEvent,
        /// Without secrets. `None` once it was acted on.
        body: Option<Value>,
    },
    /// Its record can't be read.
    Unreadable,
}

/// What a webhook for a salon is checked against, without reading the whole company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookDoor {
    /// Whose.
    pub company_id: CompanyId,
    /// SHA-256 (hex) of the newest secret.
    pub newest: Option<String>,
    /// SHA-256 (hex) of the one before it.
    pub previous: Option<String>,
}
