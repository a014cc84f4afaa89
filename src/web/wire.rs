//! Parts of a session's picture as they go over the wire: the same in events, in the status over HTTP, and in the page.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use frontdesk_actors::ids::Generation;
use frontdesk_actors::view::{CapLevel, Limits, PasskeyStage, PasskeyView, SessionView};
use serde::Serialize;
use serde_json::Value;

/// Passkeys of WhatsApp work only on pages of this origin.
pub const PASSKEY_ORIGIN: &str = "https://web.whatsapp.com";

/// What WhatsApp allows the account towards people who never wrote to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LimitsWire {
    /// WhatsApp was asked on the present link.
    pub known: bool,
    /// First messages are refused now.
    pub cold_sends_stopped: bool,
    /// Until when, if WhatsApp said so.
    pub unlock_at: Option<DateTime<Utc>>,
    /// WhatsApp's lock on first messages is among the reasons.
    pub timelock: bool,
    /// The quota of new chats, if there is one.
    pub cap: Option<CapWire>,
}

/// The quota of new chats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CapWire {
    /// How close it is.
    pub level: CapLevel,
    /// New chats of this period.
    pub used: Option<u64>,
    /// Allowed in this period.
    pub total: Option<u64>,
    /// When the next period begins.
    pub renews_at: Option<DateTime<Utc>>,
}

impl From<&Limits> for LimitsWire {
    fn from(limits: &Limits) -> Self {
        let cap = limits.cap.map(|cap| CapWire { level: cap.level, used: cap.used, total: cap.total, renews_at: cap.renews_at });
        Self {
            known: limits.known,
            cold_sends_stopped: limits.cold_sends_stopped(),
            unlock_at: limits.unlock_at(),
            timelock: limits.timelock.is_some(),
            cap,
        }
    }
}

/// The passkey step: payload of `passkey-request` and `passkey-confirmation`.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PasskeyWire {
    /// How far it has come.
    pub stage: PasskeyStage,
    /// `publicKey` for `navigator.credentials.get`, until an answer was handed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<Value>,
    /// Where the passkey works.
    pub origin: &'static str,
    /// The code to compare with the phone's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Whole seconds left by the server's clock.
    pub expires_in: u64,
}

impl PasskeyWire {
    /// `None` when its time is over.
    pub fn of(passkey: &PasskeyView, now: DateTime<Utc>) -> Option<Self> {
        let asked = passkey.stage == PasskeyStage::Requested;
        Some(Self {
            stage: passkey.stage,
            options: asked.then(|| serde_json::from_str(passkey.options.expose()).ok()).flatten(),
            origin: PASSKEY_ORIGIN,
            code: passkey.code.as_ref().map(|code| code.expose().to_owned()),
            expires_in: seconds_left(passkey.expires_at, now)?,
        })
    }
}

impl fmt::Debug for PasskeyWire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasskeyWire").field("stage", &self.stage).finish_non_exhaustive()
    }
}

/// Numbers of the session's links since its actor started, sampled with the probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkWire {
    generation: Generation,
    dialled: u64,
    ended: BTreeMap<&'static str, u64>,
    last_end: Option<&'static str>,
    bytes_received: u64,
    bytes_sent: u64,
    frames_received: u64,
    frames_sent: u64,
    messages_received: u64,
    messages_sent: u64,
    events_dropped: u64,
}

impl From<&SessionView> for LinkWire {
    fn from(session: &SessionView) -> Self {
        let (link, numbers) = (&session.link, session.link.numbers);
        Self {
            generation: session.generation,
            dialled: link.dialled,
            ended: link.ended.clone(),
            last_end: link.last_end,
            bytes_received: numbers.bytes_received,
            bytes_sent: numbers.bytes_sent,
            frames_received: numbers.frames_received,
            frames_sent: numbers.frames_sent,
            messages_received: numbers.messages_received,
            messages_sent: numbers.messages_sent,
            events_dropped: numbers.events_dropped,
        }
    }
}

/// Whole seconds until `moment`, rounded up; `None` when it has passed, because such a code may not be shown.
pub fn seconds_left(moment: DateTime<Utc>, now: DateTime<Utc>) -> Option<u64> {
    let milliseconds = u64::try_from((moment - now).num_milliseconds()).ok().filter(|&left| left > 0)?;
    Some(milliseconds.div_ceil(1000))
}
