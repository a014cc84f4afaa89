//! What is stored: the records of the product, as the store's adapter keeps them (versioned and sealed there).

mod inbox;
mod retention;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::{CompanyId, OwnIdentity, Phone, SalonId, Secret};
use crate::view::{SessionState, StateReason};

pub(crate) use inbox::short_name;
pub use inbox::{
    Appended, Contents, DataEvent, DataResource, DataStatus, DeadReason, InboxEntry, InboxEvent, InboxId, InboxPage, InboxPlace,
    InboxQuery, InboxRow, InboxShelf, LifecycleEvent, NewInboxEntry, Sameness, WebhookDoor,
};
pub use retention::{Erasure, Pruned, Retention};

/// Where a company stands between installation and removal. One writer: the company's actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntegrationStatus {
    /// Registered by the redirect; nothing linked yet.
    Pending,
    /// The onboarding page was opened and WhatsApp is being linked.
    PendingWhatsapp,
    /// The api key is stored; YClients is being called.
    Activating,
    /// Installed at YClients and linked here.
    Active,
    /// The window passed or YClients refused for good.
    ActivationFailed,
    /// YClients froze the installation (unpaid): session stopped, credentials kept.
    Frozen,
    /// Removed at YClients: session, credentials and key erased.
    Uninstalled,
}

impl IntegrationStatus {
    /// Every status, in the order of the onboarding.
    pub const ALL: [Self; 7] =
        [Self::Pending, Self::PendingWhatsapp, Self::Activating, Self::Active, Self::ActivationFailed, Self::Frozen, Self::Uninstalled];
}

/// Who pressed *Connect*, as YClients signed it. Everything is optional there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketplaceUser {
    /// YClients' number of the user.
    pub id: Option<u64>,
    /// Name for greeting; hostile until escaped.
    pub name: Option<String>,
    /// Phone as given there, if it parses.
    pub phone: Option<Phone>,
    /// E-mail as given there.
    pub email: Option<String>,
}

/// Switches of a company.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompanyFlags {
    /// Answers by the assistant (later).
    pub ai_enabled: bool,
    /// Sync of schedule, services and staff (later).
    pub sync_enabled: bool,
    /// The WhatsApp session may run at all.
    pub whatsapp_enabled: bool,
}

impl Default for CompanyFlags {
    fn default() -> Self {
        Self { ai_enabled: false, sync_enabled: false, whatsapp_enabled: true }
    }
}

/// One salon that installed the app.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CompanyRecord {
    /// Ours.
    pub company_id: CompanyId,
    /// YClients'; unique.
    pub salon_id: SalonId,
    /// Salon's name; hostile until escaped.
    pub title: Option<String>,
    /// Salon's phone.
    pub phone: Option<Phone>,
    /// Salon's e-mail.
    pub email: Option<String>,
    /// Salon's address.
    pub address: Option<String>,
    /// IANA zone from YClients; `Europe/Moscow` only when unknown.
    pub timezone: String,
    /// See [`IntegrationStatus`].
    pub integration_status: IntegrationStatus,
    /// The session was online when last written.
    pub whatsapp_connected: bool,
    /// The linked number.
    pub whatsapp_phone: Option<Phone>,
    /// When the session last came online.
    pub whatsapp_connected_at: Option<DateTime<Utc>>,
    /// When the integration became active.
    pub connected_at: Option<DateTime<Utc>>,
    /// Latest `registration_started`: the activation window counts from here.
    pub registered_at: DateTime<Utc>,
    /// See [`CompanyFlags`].
    pub flags: CompanyFlags,
    /// Who connected it.
    pub marketplace_user: MarketplaceUser,
    /// SHA-256 (hex) of the api key, once the saga no longer needs the key itself.
    pub api_key_hash: Option<String>,
    /// SHA-256 (hex) of the key given out by `register`, for old clients. Not the one YClients holds.
    #[serde(default)]
    pub client_key_hash: Option<String>,
    /// SHA-256 (hex) of the secret in the data webhook's URL: the newest one.
    pub webhook_secret_hash: Option<String>,
    /// The one before it. Stays good until the newest one is used: only then YClients has it for certain.
    #[serde(default)]
    pub webhook_previous_hash: Option<String>,
    /// The salon as YClients describes it, untouched.
    pub raw_salon: serde_json::Value,
    /// First registration.
    pub created_at: DateTime<Utc>,
    /// Last write.
    pub updated_at: DateTime<Utc>,
}

/// What a new company starts with.
#[derive(Debug, Clone, PartialEq)]
pub struct NewCompany {
    /// YClients' salon.
    pub salon_id: SalonId,
    /// Salon's name, if told.
    pub title: Option<String>,
    /// IANA zone, if told.
    pub timezone: Option<String>,
    /// Who connected it.
    pub marketplace_user: MarketplaceUser,
    /// Now.
    pub registered_at: DateTime<Utc>,
}

/// Whether the session should be held open across restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Desired {
    /// Linked: hold it open, always.
    Online,
    /// Not linked, stopped or removed.
    Stopped,
}

/// What outlives a restart of a session, beside the credentials (which the link's own storage keeps).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRecord {
    /// Whose.
    pub company_id: CompanyId,
    /// Should it be open?
    pub desired: Desired,
    /// The last state worth remembering: a final one is shown again after a restart instead of dialled through.
    pub state: SessionState,
    /// Why it was entered.
    pub reason: Option<StateReason>,
    /// When it was entered.
    pub since: DateTime<Utc>,
    /// No dial before this (bans).
    pub not_before: Option<DateTime<Utc>>,
    /// The linked account.
    pub own: Option<OwnIdentity>,
    /// When the one probe after `Replaced` was made, or its moment passed. Absent in what an older program wrote.
    #[serde(default)]
    pub probed_at: Option<DateTime<Utc>>,
}

/// How far an activation got. Stored sealed: it holds the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivationRecord {
    /// Whose.
    pub company_id: CompanyId,
    /// The key YClients will present; kept only while the saga may need it.
    pub api_key: Secret,
    /// The secret of the data webhook's URL, told with the same call. Absent in what was begun by an older version, and where no address of ours
    /// can be told.
    #[serde(default)]
    pub webhook_secret: Option<Secret>,
    /// Calls begun so far. Written before each call: more than zero after a crash means "ask the status first".
    pub attempts: u32,
    /// When the first attempt was stored.
    pub started_at: DateTime<Utc>,
    /// No attempt after this.
    pub window_ends_at: DateTime<Utc>,
}

/// One line of a company's timeline. `data` never holds secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventRecord {
    /// Whose.
    pub company_id: CompanyId,
    /// YClients' salon.
    pub salon_id: SalonId,
    /// What happened.
    pub kind: EventKind,
    /// Details without secrets.
    pub data: serde_json::Value,
    /// When.
    pub at: DateTime<Utc>,
}

/// Kinds of `marketplace_events`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// The owner came through the redirect.
    RegistrationStarted,
    /// The onboarding page opened its first socket of this registration.
    PageOpened,
    /// The first QR code of a round was shown.
    QrShown,
    /// A pairing code was shown.
    PairingCodeShown,
    /// The phone accepted the link.
    WhatsappPaired,
    /// The session came online after a pairing.
    WhatsappConnected,
    /// YClients knows the integration as active.
    IntegrationActivated,
    /// Activation ended without success.
    ActivationFailed,
    /// The session was logged out, replaced, banned or outdated.
    SessionEnded,
    /// YClients froze the installation.
    Frozen,
    /// YClients says that the frozen installation is active again.
    Unfrozen,
    /// YClients removed the installation.
    Uninstalled,
    /// A webhook with an event we don't know.
    UnknownWebhook,
    /// A webhook that YClients' own status contradicts: not acted on.
    WebhookContradicted,
    /// A webhook could not be acted on and went to the dead letters.
    WebhookDead,
    /// The address of the data webhook got a new secret.
    WebhookSecretRotated,
    /// An integrator registered the salon and got a key for it.
    ClientKeyIssued,
    /// What was kept of a removed salon is erased.
    SalonErased,
}

/// Where a company stands, for those who look at all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Ours.
    pub company_id: CompanyId,
    /// YClients'.
    pub salon_id: SalonId,
    /// See [`IntegrationStatus`].
    pub status: IntegrationStatus,
}

impl From<&CompanyRecord> for Standing {
    fn from(record: &CompanyRecord) -> Self {
        Self { company_id: record.company_id, salon_id: record.salon_id, status: record.integration_status }
    }
}

/// Everything the fleet needs of one company at start.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredCompany {
    /// The company.
    pub company: CompanyRecord,
    /// Its session, if it ever had one.
    pub session: Option<SessionRecord>,
    /// An activation that had begun and not ended.
    pub activation: Option<ActivationRecord>,
}

/// One durable change; several in one commit become visible together or not at all.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Insert or replace a company (never changes its ids).
    PutCompany(Box<CompanyRecord>),
    /// Insert or replace a session's record.
    PutSession(SessionRecord),
    /// Begin or advance an activation.
    PutActivation(ActivationRecord),
    /// The saga ended: forget the sealed key.
    ClearActivation(CompanyId),
    /// Append to the timeline.
    AppendEvent(EventRecord),
    /// Session record, credentials and all Signal state of the company.
    EraseSession(CompanyId),
    /// The webhook was acted on.
    InboxDone(CompanyId, InboxId),
    /// Acting on the webhook failed; keep it and count.
    InboxFailed(CompanyId, InboxId),
    /// Acting on the webhook failed too often, or will always: it waits among the dead letters until somebody replays it.
    InboxDead(CompanyId, InboxId, DeadReason),
    /// What a removed salon left behind goes at this time.
    PlanErasure(Erasure),
    /// Erases what a removed salon left behind before this moment: webhooks, what the timeline's lines hold, and the plan itself. Not the record.
    EraseSalonData(CompanyId, DateTime<Utc>),
}
