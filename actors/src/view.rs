//! What the outside sees of a company: one consistent picture, published by the company's actor after every change.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::{CompanyId, Generation, OwnIdentity, Phone, SalonId, Secret, SessionId};
use crate::records::IntegrationStatus;

mod egress;
mod limits;
mod link;
mod passkey;
mod restarts;

pub use egress::{EgressKind, EgressView};
pub use limits::{CapLevel, LimitKind, Limits, NewChatCap, Timelock};
pub use link::{LinkNumbers, LinkView};
pub use passkey::{PasskeyStage, PasskeyView};
pub use restarts::{RestartsLeft, RestartsView};

/// States of a session (spec §5). The machine that moves between them is `session/machine.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the specification's own and documented on the machine")]
pub enum SessionState {
    Idle,
    Connecting,
    AwaitingScan,
    AwaitingCode,
    AwaitingPasskey,
    Pairing,
    Online,
    Backoff,
    Deaf,
    Replaced,
    LoggedOut,
    Banned,
    Outdated,
    Parked,
}

impl SessionState {
    /// Every state, for metrics and tests.
    pub const ALL: [Self; 14] = [
        Self::Idle,
        Self::Connecting,
        Self::AwaitingScan,
        Self::AwaitingCode,
        Self::AwaitingPasskey,
        Self::Pairing,
        Self::Online,
        Self::Backoff,
        Self::Deaf,
        Self::Replaced,
        Self::LoggedOut,
        Self::Banned,
        Self::Outdated,
        Self::Parked,
    ];

    /// The name as in JSON, logs and metric labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Idle => "Idle",
            Self::Connecting => "Connecting",
            Self::AwaitingScan => "AwaitingScan",
            Self::AwaitingCode => "AwaitingCode",
            Self::AwaitingPasskey => "AwaitingPasskey",
            Self::Pairing => "Pairing",
            Self::Online => "Online",
            Self::Backoff => "Backoff",
            Self::Deaf => "Deaf",
            Self::Replaced => "Replaced",
            Self::LoggedOut => "LoggedOut",
            Self::Banned => "Banned",
            Self::Outdated => "Outdated",
            Self::Parked => "Parked",
        }
    }

    /// Left only by the owner, an operator or a moment named in advance; never dialled through by itself.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Replaced | Self::LoggedOut | Self::Banned | Self::Outdated | Self::Parked)
    }
}

/// Why a session is in its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateReason {
    /// The connection broke or could not be made.
    NetworkLost,
    /// WhatsApp answered with an error that passes (408, 428, 500, 503, 429).
    ServiceUnavailable,
    /// WhatsApp asked for a fresh connection (515), as it does after every pairing.
    RestartRequired,
    /// The link said it was connected and nothing came of it in time.
    ConnectTimeout,
    /// All codes of a round were shown and none was scanned.
    QrExhausted,
    /// Nobody looks at the page any more.
    OwnerLeft,
    /// Another client took over this device's link.
    StreamReplaced,
    /// The phone removed the device, or WhatsApp no longer knows it.
    DeviceRemoved,
    /// WhatsApp banned the number for a while.
    TemporaryBan,
    /// WhatsApp locked the account.
    AccountLocked,
    /// WhatsApp refuses this version of the client.
    ClientOutdated,
    /// Connected, but our probes are not answered.
    NotAnswering,
    /// A write failed: nothing may be shown that is not stored.
    StoreFailed,
    /// The session's actor crashed too often.
    CrashedTooOften,
    /// YClients froze the installation.
    Frozen,
    /// YClients removed the installation.
    Uninstalled,
    /// An operator or the owner stopped it.
    Stopped,
    /// The company's proxy is out of order or does not let us out.
    ProxyFailed,
    /// The phone scanned or took the code, and no link came of it.
    PairingRefused,
    /// WhatsApp or the phone's owner did not accept the passkey.
    PasskeyRefused,
    /// What WhatsApp or the phone said in the passkey step can't be used.
    PasskeyBroken,
    /// The passkey step took too long.
    PasskeyTimedOut,
}

impl StateReason {
    /// Every reason, for words and tests.
    pub const ALL: [Self; 22] = [
        Self::NetworkLost,
        Self::ServiceUnavailable,
        Self::RestartRequired,
        Self::ConnectTimeout,
        Self::QrExhausted,
        Self::OwnerLeft,
        Self::StreamReplaced,
        Self::DeviceRemoved,
        Self::TemporaryBan,
        Self::AccountLocked,
        Self::ClientOutdated,
        Self::NotAnswering,
        Self::StoreFailed,
        Self::CrashedTooOften,
        Self::Frozen,
        Self::Uninstalled,
        Self::Stopped,
        Self::ProxyFailed,
        Self::PairingRefused,
        Self::PasskeyRefused,
        Self::PasskeyBroken,
        Self::PasskeyTimedOut,
    ];
}

/// The next step a person can take; the page renders it as words and a button.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NextStep {
    /// Scan the code on the page.
    ScanQr,
    /// Type the shown code into the phone.
    EnterCode,
    /// Ask for a fresh QR code.
    RequestQr,
    /// Rounds are used up: use a pairing code instead.
    UsePairingCode,
    /// WhatsApp wants the owner's passkey: have it handed in.
    UsePasskey,
    /// Compare the code on the page with the phone's.
    CompareCodes,
    /// Nothing to do: it goes on by itself.
    Wait,
    /// Take the link back here.
    Reconnect,
    /// Go back to YClients and press Connect again.
    StartOver,
    /// Ask support.
    ContactSupport,
}

/// A QR code as WhatsApp gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QrView {
    /// Raw text to encode; never stored or logged.
    pub text: Secret,
    /// 1 for the first code of a round.
    pub attempt: u32,
    /// When WhatsApp stops accepting it.
    pub expires_at: DateTime<Utc>,
}

/// A pairing code as WhatsApp gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairingView {
    /// `XXXX-XXXX`; never stored or logged.
    pub code: Secret,
    /// For which phone.
    pub phone: Phone,
    /// When WhatsApp stops accepting it.
    pub expires_at: DateTime<Utc>,
}

/// An online session lost its link a moment ago and is expected back: no news for people yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calm {
    /// Since when it had been online.
    pub online_since: DateTime<Utc>,
    /// From then on people are told.
    pub until: DateTime<Utc>,
}

/// The session's part of the picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionView {
    /// See [`SessionState`].
    pub state: SessionState,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Why.
    pub reason: Option<StateReason>,
    /// When it will be tried again by itself.
    pub retry_at: Option<DateTime<Utc>>,
    /// What a person can do.
    pub action: Option<NextStep>,
    /// The code to scan, in `AwaitingScan`.
    pub qr: Option<QrView>,
    /// The code to type, in `AwaitingCode`.
    pub pairing: Option<PairingView>,
    /// The passkey step, in `AwaitingPasskey`.
    pub passkey: Option<PasskeyView>,
    /// QR rounds used up without a scan.
    pub rounds_used: u32,
    /// The linked account.
    pub own: Option<OwnIdentity>,
    /// What WhatsApp allows that account.
    pub limits: Limits,
    /// Numbers of the links.
    pub link: LinkView,
    /// Number of the present or last link.
    pub generation: Generation,
    /// See [`Calm`] and [`SessionView::for_people`].
    pub calm: Option<Calm>,
}

impl SessionView {
    /// As people see it: a link that is back within seconds was never lost to them. Machines read the fields themselves.
    #[must_use]
    pub fn for_people(&self) -> Self {
        match self.calm {
            Some(calm) => {
                Self { state: SessionState::Online, since: calm.online_since, reason: None, retry_at: None, action: None, ..self.clone() }
            }
            None => self.clone(),
        }
    }

    /// A session that nothing is known of.
    pub fn at_rest(now: DateTime<Utc>) -> Self {
        Self {
            state: SessionState::Idle,
            since: now,
            reason: None,
            retry_at: None,
            action: None,
            qr: None,
            pairing: None,
            passkey: None,
            rounds_used: 0,
            own: None,
            limits: Limits::default(),
            link: LinkView::default(),
            generation: Generation::default(),
            calm: None,
        }
    }
}

/// Where the activation at YClients stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "status")]
pub enum ActivationView {
    /// Not begun: WhatsApp is not connected yet.
    Waiting,
    /// The call is under way.
    Activating,
    /// A call failed and will be repeated.
    Retrying {
        /// When.
        next_attempt_at: DateTime<Utc>,
    },
    /// Done.
    Active,
    /// The registration is older than the window.
    Expired {
        /// How long ago the window closed, in minutes.
        minutes_ago: u64,
    },
    /// YClients refused for good, or the window passed while retrying.
    Failed,
}

/// One company as the outside may see it. Published through a `watch` channel; compare by value.
#[derive(Debug, Clone, PartialEq)]
pub struct CompanyView {
    /// Ours.
    pub company_id: CompanyId,
    /// YClients'.
    pub salon_id: SalonId,
    /// Salon's name; hostile until escaped.
    pub title: Option<String>,
    /// The integration's state.
    pub integration: IntegrationStatus,
    /// The session's state.
    pub session: SessionView,
    /// The activation's state.
    pub activation: ActivationView,
    /// When the integration became active.
    pub connected_at: Option<DateTime<Utc>>,
    /// What is left of its actors' restarts.
    pub restarts: RestartsView,
}

impl CompanyView {
    /// The public id of the session.
    pub fn session_id(&self) -> SessionId {
        SessionId::of(self.salon_id)
    }

    /// The picture with the session as people see it.
    #[must_use]
    pub fn for_people(&self) -> Self {
        Self { session: self.session.for_people(), ..self.clone() }
    }

    /// True only while WhatsApp answers.
    pub fn connected(&self) -> bool {
        self.session.state == SessionState::Online
    }
}
