//! What WhatsApp must provide: links, and the words that pass over them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::ids::{CompanyId, Generation, OwnIdentity, Phone, SalonId, Secret};
use crate::ports::RecordsError;
use crate::view::{EgressView, LinkNumbers, NewChatCap, Timelock};

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
    /// Hand in what the owner's passkey answered.
    PasskeyResponse(PasskeyAssertion),
    /// The owner says that page and phone show the same code.
    PasskeyConfirm,
    /// Send an IQ of our own and report whether it was answered; then ask for the account's limits and take a sample of the client's numbers.
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
    /// WhatsApp wants an assertion of the owner's passkey, which only a page of its own can produce.
    PasskeyRequested {
        /// What to ask the passkey for, as JSON.
        options: Secret,
        /// How long WhatsApp waits.
        valid_for: Duration,
    },
    /// WhatsApp accepted the assertion; the owner must compare this code with the phone's.
    PasskeyCode(Secret),
    /// Nothing came of the passkey step. A fresh link can try again.
    PasskeyFailed(PasskeyFailure),
    /// The phone accepted, and the credentials are durable. Not yet online.
    Paired(OwnIdentity),
    /// The phone scanned but WhatsApp refused (for instance no free device slot).
    PairingRefused,
    /// Logged in and answering.
    Online(OwnIdentity),
    /// First messages are refused, or (`None`) they are not.
    Timelock(Option<Timelock>),
    /// The quota of new chats, or (`None`) there is none.
    NewChatCap(Option<NewChatCap>),
    /// A sample of the client's numbers since the link began.
    Measured(LinkNumbers),
    /// Something suggests that the link no longer hears WhatsApp: it should be probed now.
    Doubtful,
    /// WhatsApp answered our probe.
    ProbeAnswered,
    /// It did not.
    ProbeUnanswered,
}

/// What the owner's passkey answered, checked for its form only: whether it is genuine, WhatsApp says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasskeyAssertion {
    /// Which passkey.
    pub credential_id: Vec<u8>,
    /// The `PublicKeyCredential` as JSON.
    pub json: Secret,
}

/// Why the passkey step failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PasskeyFailure {
    /// WhatsApp or the phone's owner said no.
    Refused,
    /// What WhatsApp or the phone said can't be used.
    Broken,
    /// It took too long.
    TimedOut,
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

impl LinkEnd {
    /// The name in metric labels and in the status.
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Lost(LossKind::Dial) => "dial_failed",
            Self::Lost(LossKind::Disconnected) => "disconnected",
            Self::Lost(LossKind::Service) => "service_error",
            Self::Lost(LossKind::Silent) => "silent",
            Self::Lost(LossKind::Proxy) => "proxy_failed",
            Self::RestartRequired => "restart_required",
            Self::QrExhausted => "qr_exhausted",
            Self::Replaced => "replaced",
            Self::LoggedOut => "logged_out",
            Self::Banned { .. } => "banned",
            Self::Locked => "locked",
            Self::Outdated => "outdated",
            Self::StorageFailed => "storage_failed",
            Self::Crashed => "crashed",
        }
    }
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
    /// The company's proxy is out of order or does not let us out.
    Proxy,
}

/// Which way each company goes out to WhatsApp.
pub trait WaysOut: Send + Sync + 'static {
    /// This company's.
    fn way_out(&self, company: CompanyId, salon: SalonId) -> EgressView;
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
