//! People and programs that run the product: their keys and roles, what they changed, and what they asked for once only.
//!
//! The actors don't use these records; they stand here because the store keeps them and the server's adapters share them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::CompanyId;

/// What a key may do. Each role may do what the one before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperatorRole {
    /// Reads everything that is no secret.
    Viewer,
    /// Acts on sessions and the inbox.
    Operator,
    /// Keys, money, removal.
    Admin,
}

impl OperatorRole {
    /// Every role, weakest first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// The word in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

/// Number of a key; never given out twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KeyId(pub u64);

/// A key as stored: what it may do and how it is recognised, never the key itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorKey {
    /// Its number.
    pub id: KeyId,
    /// Who or what holds it.
    pub name: String,
    /// What it may do.
    pub role: OperatorRole,
    /// SHA-256 (hex) of the key.
    pub hash: String,
    /// Its first characters, so that a person recognises it.
    pub hint: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Opens nothing from this moment on.
    pub expires_at: Option<DateTime<Utc>>,
    /// Opens nothing any more.
    pub revoked_at: Option<DateTime<Utc>>,
    /// About when it was last used; written now and then.
    pub last_used_at: Option<DateTime<Utc>>,
}

impl OperatorKey {
    /// Does it open anything at this moment?
    pub fn is_good(&self, now: DateTime<Utc>) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// What a new key starts with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOperatorKey {
    /// Who or what holds it.
    pub name: String,
    /// What it may do.
    pub role: OperatorRole,
    /// SHA-256 (hex) of the key.
    pub hash: String,
    /// Its first characters.
    pub hint: String,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Who did something, as the audit log keeps it: readable when the key is long gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The key; `None` is the one from the configuration.
    pub key: Option<KeyId>,
    /// Its name then.
    pub name: String,
    /// Its role then.
    pub role: OperatorRole,
}

/// Number of an audit entry, in the order in which they were stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AuditId(pub u64);

/// A change about to be made. Stored before it is made. Holds no secrets, phone numbers or texts of messages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewAuditEntry {
    /// Who.
    pub actor: Actor,
    /// From which address.
    pub address: String,
    /// The request, as answers and logs name it.
    pub request_id: String,
    /// What, such as `session.restart`.
    pub action: String,
    /// Whose company, when it is about one.
    pub company: Option<CompanyId>,
    /// What else it is about: a key's number, a payment's.
    pub target: Option<String>,
    /// How it was.
    pub before: serde_json::Value,
}

/// How a change ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "result", content = "code")]
pub enum AuditOutcome {
    /// Begun; if this stays, the server ended in between, and what became of it is not known.
    Pending,
    /// Done.
    Done,
    /// Nothing was changed, for this reason.
    Failed(String),
}

/// One line of the audit log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Its number.
    pub id: AuditId,
    /// When it was stored.
    pub at: DateTime<Utc>,
    /// What was to be changed.
    #[serde(flatten)]
    pub change: NewAuditEntry,
    /// How it ended.
    pub outcome: AuditOutcome,
    /// How it is now.
    pub after: serde_json::Value,
}

/// A request that must not happen twice: named by its caller, known by what it asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnceRequest {
    /// SHA-256 of the caller and the name it gave the request.
    pub name: [u8; 32],
    /// SHA-256 (hex) of what it asks: method, route and body.
    pub fingerprint: String,
    /// Which life of the server carries it out: one of an earlier life that has no answer will never get one.
    pub life: u64,
}

/// What was answered to a request that must not happen twice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OnceAnswer {
    /// HTTP status.
    pub status: u16,
    /// JSON body.
    pub body: serde_json::Value,
}

/// What is known of a request that must not happen twice.
#[derive(Debug, Clone, PartialEq)]
pub enum OnceClaim {
    /// It is new: carry it out, then store its answer.
    Yours,
    /// It is being carried out.
    Running,
    /// The server ended while it was carried out: nobody knows whether it happened.
    Unknown,
    /// It happened; this was the answer.
    Answered(OnceAnswer),
    /// The same name was used for something else.
    Mismatch,
}

/// What happened within one step of the last day, over all companies. Sums only: nothing here names a salon.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PulseSlot {
    /// When the step begins.
    pub at: DateTime<Utc>,
    /// Sessions online when something last happened in it.
    pub online_now: u32,
    /// Owners who came through the redirect.
    pub redirected: u32,
    /// Onboarding pages opened.
    pub page_opened: u32,
    /// First codes shown.
    pub qr_shown: u32,
    /// Phones that accepted.
    pub paired: u32,
    /// Sessions online after a pairing.
    pub online: u32,
    /// Integrations activated.
    pub active: u32,
    /// Activations that failed for good.
    pub activations_failed: u32,
    /// Links lost, each followed by a reconnect.
    pub links_lost: u32,
    /// Sessions logged out, replaced, banned, outdated or parked.
    pub sessions_ended: u32,
    /// Times a first code took, summed, in milliseconds.
    pub first_qr_ms: u64,
    /// First codes whose time is in the sum.
    pub first_qrs: u32,
    /// Webhooks acted on.
    pub webhooks: u32,
    /// Webhooks on which acting failed.
    pub webhooks_failed: u32,
    /// Actors that crashed and were started again.
    pub restarts: u32,
}
