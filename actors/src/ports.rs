//! What the outside must provide. Adapters live in the server (`whatsapp`, `yclients`, `store`); fakes in [`crate::testing`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use thiserror::Error;
use tokio::sync::mpsc;

use crate::events::Fact;
use crate::ids::{CompanyId, Generation, OwnIdentity, Phone, SalonId, Secret};
use crate::records::{Change, CompanyRecord, EventRecord, InboxEntry, InboxId, MarketplaceUser, NewCompany, NewInboxEntry, StoredCompany};

/// All ports, shared by every actor.
#[derive(Clone)]
pub struct Ports {
    /// WhatsApp.
    pub connector: Arc<dyn Connector>,
    /// YClients.
    pub marketplace: Arc<dyn Marketplace>,
    /// The store.
    pub records: Arc<dyn Records>,
    /// Observers.
    pub events: Arc<dyn EventSink>,
    /// Wall-clock time.
    pub clock: Arc<dyn Clock>,
}

/// Wall-clock time for what is stored and shown; waiting uses tokio's clock.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> DateTime<Utc>;
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// Takes facts for metrics and logs. Must return at once and never panic; may drop under overload.
pub trait EventSink: Send + Sync + 'static {
    /// Something happened.
    fn publish(&self, fact: &Fact);
}

// ---------------------------------------------------------------------------------------------- WhatsApp

/// Opens links to WhatsApp. One implementation speaks the protocol, another is a fake for tests.
#[async_trait]
pub trait Connector: Send + Sync + 'static {
    /// Runs one link from dial to end and says why it ended.
    ///
    /// Owned by the session's actor as a task; dropping the future must close the connection. A second `run` for the same company
    /// waits inside until the first has really let go of the connection, so that two links never exist. Facts go to `reports` while it runs, in order;
    /// [`LinkFact::Paired`] only after the credentials are durable.
    async fn run(&self, request: LinkRequest, reports: LinkReports, commands: mpsc::Receiver<LinkCommand>) -> LinkEnd;

    /// Whose credentials are stored for this company, if any.
    async fn credentials(&self, company: CompanyId) -> Result<Option<OwnIdentity>, RecordsError>;
}

/// What a link needs to know before it dials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRequest {
    /// Whose.
    pub company: CompanyId,
    /// For spans.
    pub salon: SalonId,
    /// Which link of this company.
    pub generation: Generation,
}

/// Wishes to a running link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkCommand {
    /// Ask WhatsApp for a pairing code for this phone (replaces an outstanding one).
    RequestPairingCode(Phone),
    /// Forget the pairing code; go back to QR.
    CancelPairing,
    /// Send an IQ of our own and report whether it was answered.
    Probe,
    /// Close in good order (flush what is pending) and end with [`LinkEnd::Closed`].
    Close,
    /// Remove this device at WhatsApp, then close.
    LogOut,
}

/// What a link says while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkFact {
    /// A code to scan.
    Qr {
        /// Raw text.
        text: Secret,
        /// How long WhatsApp accepts it.
        valid_for: Duration,
        /// 1 for the first of this link.
        attempt: u32,
    },
    /// A code to type.
    PairingCode {
        /// `XXXX-XXXX`.
        code: Secret,
        /// For which phone.
        phone: Phone,
        /// How long WhatsApp accepts it.
        valid_for: Duration,
    },
    /// The wish for a pairing code failed; the link goes on with QR.
    PairingCodeFailed {
        /// WhatsApp says "too often".
        throttled: bool,
    },
    /// The owner must confirm with a passkey, which this page cannot produce.
    PasskeyNeeded,
    /// The phone accepted, and the credentials are durable. Not yet online.
    Paired(OwnIdentity),
    /// The phone scanned but WhatsApp refused (for instance no free device slot).
    PairingRefused,
    /// Logged in and answering.
    Online(OwnIdentity),
    /// WhatsApp answered our probe.
    ProbeAnswered,
    /// It did not.
    ProbeUnanswered,
}

/// Why a link ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkEnd {
    /// We asked for it.
    Closed,
    /// Connect failed, connection broke, stream error that passes.
    Lost(LossKind),
    /// 515: connect again at once.
    RestartRequired,
    /// All QR codes of this link are used up.
    QrExhausted,
    /// Another client took over.
    Replaced,
    /// Credentials are void.
    LoggedOut,
    /// Banned for a while.
    Banned {
        /// How long, if told.
        expires_in: Option<Duration>,
    },
    /// Account locked (402/403 without an end).
    Locked,
    /// Client version refused.
    Outdated,
    /// The storage under the link failed: a fault of ours, not of the network.
    StorageFailed,
    /// The link's own code panicked.
    Crashed,
}

/// Kinds of loss, for metrics and words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LossKind {
    /// Could not connect or handshake.
    Dial,
    /// The connection broke.
    Disconnected,
    /// WhatsApp sent an error that passes (408, 428, 429, 500, 503…).
    Service,
    /// Connected but never logged in, or no sign of life.
    Silent,
}

/// Where a link puts its facts: tagged with the link's generation and sent to the session's actor. Never blocks.
#[derive(Clone)]
pub struct LinkReports {
    generation: Generation,
    sink: Arc<dyn Fn(Generation, LinkFact) + Send + Sync>,
}

impl LinkReports {
    /// Facts of link `generation` go to `sink`.
    pub fn new(generation: Generation, sink: Arc<dyn Fn(Generation, LinkFact) + Send + Sync>) -> Self {
        Self { generation, sink }
    }

    /// Says one fact.
    pub fn report(&self, fact: LinkFact) {
        (self.sink)(self.generation, fact);
    }
}

impl fmt::Debug for LinkReports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LinkReports({})", self.generation.get())
    }
}

// ---------------------------------------------------------------------------------------------- YClients

/// YClients' marketplace.
#[async_trait]
pub trait Marketplace: Send + Sync + 'static {
    /// Settings that are missing, by name (never values): empty means ready.
    fn missing_settings(&self) -> Vec<&'static str>;

    /// Checks the owner's signed data (HMAC over the decoded bytes) and reads it. `None` = parameter absent.
    fn verify_owner(&self, user_data: Option<&str>, sign: Option<&str>) -> Result<SignedOwner, SignatureError>;

    /// Is this the partner token? Constant time.
    fn is_partner_token(&self, token: &str) -> bool;

    /// How YClients sees the installation of our app in this salon.
    async fn installation(&self, salon: SalonId) -> Result<Installation, MarketplaceError>;

    /// The salon's name, zone and the rest. `Ok(None)` when we may not see it.
    async fn salon(&self, salon: SalonId) -> Result<Option<SalonInfo>, MarketplaceError>;

    /// Tells YClients that the integration is ready. One call, no retry inside, redirects not followed.
    async fn activate(&self, salon: SalonId, api_key: &Secret) -> Result<(), ActivateError>;
}

/// The owner as signed by YClients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedOwner {
    /// Who.
    pub user: MarketplaceUser,
    /// Salon's name as given there.
    pub salon_title: Option<String>,
    /// SHA-256 of the signed data: the same data with another salon is a replay. `None` when nothing was signed (and that is allowed).
    pub fingerprint: Option<[u8; 32]>,
}

/// Why the signed data is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// One of the pair, or both where required, is absent.
    #[error("the signed owner data is missing")]
    Missing,
    /// Not base64, not JSON, or too long.
    #[error("the signed owner data cannot be read")]
    Unreadable,
    /// HMAC does not match.
    #[error("the signature of the owner data does not match")]
    Mismatch,
    /// No partner token configured.
    #[error("the partner token is not configured")]
    NotConfigured,
}

/// YClients' view of an installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Installation {
    /// 404: not installed, or removed.
    NotInstalled,
    /// Connect was pressed; waits for our callback (about an hour).
    Pending,
    /// Done.
    Active,
    /// Unpaid.
    Frozen,
    /// A word we don't know; never treated as active.
    Unknown,
}

/// A salon as YClients describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct SalonInfo {
    /// Name; hostile until escaped.
    pub title: Option<String>,
    /// IANA zone.
    pub timezone: Option<String>,
    /// Phone.
    pub phone: Option<Phone>,
    /// Address.
    pub address: Option<String>,
    /// All of it.
    pub raw: serde_json::Value,
}

/// Why a question to YClients has no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MarketplaceError {
    /// Timeout, network, 429, 5xx, open breaker: ask again later.
    #[error("YClients can't be asked right now")]
    Retryable {
        /// Not before, when told.
        after: Option<Duration>,
    },
    /// 4xx that a repeat won't change.
    #[error("YClients refused with status {status}")]
    Final {
        /// HTTP status.
        status: u16,
    },
    /// Partner token or application id missing here.
    #[error("the YClients settings are incomplete")]
    NotConfigured,
}

/// Why an activation call did not clearly succeed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ActivateError {
    /// It may or may not have happened (timeout, lost answer, 5xx) or is refused as "already installed" (403): the status decides.
    #[error("YClients' answer leaves open whether the installation is active")]
    AskStatus {
        /// HTTP status, when there was one.
        status: Option<u16>,
    },
    /// It certainly did not happen; try later.
    #[error("YClients can't be reached right now")]
    Retryable {
        /// Not before, when told.
        after: Option<Duration>,
    },
    /// It certainly did not happen and a repeat won't change that (400, 401, 422).
    #[error("YClients refused the activation with status {status}")]
    Final {
        /// HTTP status.
        status: u16,
    },
    /// Settings missing here.
    #[error("the YClients settings are incomplete")]
    NotConfigured,
}

// ---------------------------------------------------------------------------------------------- store

/// The durable store. Every `Ok` of a write means: survives kill -9 and power loss.
#[async_trait]
pub trait Records: Send + Sync + 'static {
    /// Every company that is not dormant: linked or to be online (`Desired::Online`), or with an activation to resume, or with unprocessed inbox entries.
    async fn load_active(&self) -> Result<Vec<StoredCompany>, RecordsError>;

    /// One company.
    async fn company(&self, id: CompanyId) -> Result<Option<StoredCompany>, RecordsError>;

    /// One company by its salon.
    async fn company_by_salon(&self, salon: SalonId) -> Result<Option<StoredCompany>, RecordsError>;

    /// Creates a company with the next id and appends `registration_started`, in one commit. If the salon exists, returns the stored one unchanged.
    async fn create_company(&self, new: NewCompany) -> Result<CompanyRecord, RecordsError>;

    /// Applies all changes together, durably.
    async fn commit(&self, changes: Vec<Change>) -> Result<(), RecordsError>;

    /// Latest events of a company, newest first.
    async fn events(&self, company: CompanyId, limit: usize) -> Result<Vec<EventRecord>, RecordsError>;

    /// Stores a webhook before it is answered.
    async fn append_inbox(&self, entry: NewInboxEntry) -> Result<InboxId, RecordsError>;

    /// Webhooks of a company not acted on yet, oldest first, at most `limit`.
    async fn pending_inbox(&self, company: CompanyId, limit: usize) -> Result<Vec<InboxEntry>, RecordsError>;

    /// Notes that signed data was used for a salon until `until`; tells if it was used for another one before.
    async fn claim_signature(&self, fingerprint: [u8; 32], salon: SalonId, until: DateTime<Utc>) -> Result<SignatureClaim, RecordsError>;

    /// Number of companies by integration status.
    async fn count_by_status(&self) -> Result<Vec<(crate::records::IntegrationStatus, u64)>, RecordsError>;
}

/// Answer to [`Records::claim_signature`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureClaim {
    /// First use, or a reload for the same salon.
    Granted,
    /// Used for another salon within the time.
    UsedForAnotherSalon,
}

/// Why the store could not do it. All mean: nothing of the commit is visible.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RecordsError {
    /// Too many writes are waiting; try again.
    #[error("the store is overloaded")]
    Overloaded,
    /// The store is shutting down or its writer is gone.
    #[error("the store is closed")]
    Closed,
    /// Disk, corruption, sealing: an operator must act. The text names the failed step, never data.
    #[error("the store failed: {0}")]
    Failed(String),
}

/// Sealed key-value rooms for the protocol library's own state, one room per company. Kept apart from [`Records`] so that the WhatsApp adapter
/// knows nothing of the store.
#[async_trait]
pub trait Vault: Send + Sync + 'static {
    /// One value, or `None`. Short and in memory most of the time: called inline.
    fn get(&self, company: CompanyId, table: u8, key: &[u8]) -> Result<Option<Vec<u8>>, RecordsError>;

    /// All pairs of a table whose key starts with `prefix`, in key order.
    fn scan(&self, company: CompanyId, table: u8, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>, RecordsError>;

    /// Applies all operations together; `Ok` means durable. Values are at most 60 KiB.
    async fn write(&self, company: CompanyId, operations: Vec<VaultOp>) -> Result<(), RecordsError>;

    /// Removes everything of the company.
    async fn erase(&self, company: CompanyId) -> Result<(), RecordsError>;
}

/// One change in a [`Vault`].
#[derive(Clone, PartialEq, Eq)]
pub enum VaultOp {
    /// Insert or replace.
    Put {
        /// Which table of the company.
        table: u8,
        /// Key within it.
        key: Vec<u8>,
        /// Value, sealed by the store.
        value: Vec<u8>,
    },
    /// Remove; harmless when absent.
    Delete {
        /// Which table of the company.
        table: u8,
        /// Key within it.
        key: Vec<u8>,
    },
}
