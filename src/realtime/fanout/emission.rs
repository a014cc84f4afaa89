//! The events of the namespace as types, and the pure step from one view to the next.

use chrono::{DateTime, Utc};
use frontdesk_actors::ids::{CompanyId, SessionId};
use frontdesk_actors::view::{
    ActivationView, CompanyView, NextStep, PairingView, PasskeyStage, PasskeyView, QrView, SessionState, StateReason,
};
use serde::Serialize;

use crate::web::{self, LimitsWire, PasskeyWire, seconds_left};

/// One event to a client. Serialises as its payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Emission {
    /// `session-state`: the one truth the page renders.
    SessionState(SessionStatePayload),
    /// `qr-update`: a code to scan.
    Qr(QrPayload),
    /// `pairing-code`: a code to type.
    PairingCode(PairingCodePayload),
    /// `passkey-request`: WhatsApp wants the owner's passkey.
    PasskeyRequest(PasskeyWire),
    /// `passkey-confirmation`: a code to compare with the phone's.
    PasskeyConfirmation(PasskeyWire),
    /// `passkey-error`: nothing came of it.
    PasskeyError(PasskeyErrorPayload),
    /// `whatsapp-connected`: the session is really open.
    Connected(ConnectedPayload),
    /// `activation`: where the activation at YClients stands.
    Activation(ActivationPayload),
}

/// See [`Emission::SessionState`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionStatePayload {
    pub state: SessionState,
    pub since: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<StateReason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<NextStep>,
    /// While WhatsApp limits the account towards new people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<LimitsWire>,
}

/// See [`Emission::Qr`].
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QrPayload {
    pub qr: String,
    pub image: String,
    /// Whole seconds left by the server's clock.
    pub expires_in: u64,
    pub attempt: u32,
}

/// See [`Emission::PairingCode`].
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PairingCodePayload {
    pub code: String,
    pub phone_number: String,
    /// Whole seconds left by the server's clock.
    pub expires_in: u64,
}

/// See [`Emission::PasskeyError`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PasskeyErrorPayload {
    pub message: &'static str,
    pub code: &'static str,
}

/// See [`Emission::Connected`].
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectedPayload {
    pub success: bool,
    pub phone: String,
    pub company_id: CompanyId,
    pub session_id: SessionId,
    pub message: &'static str,
}

/// See [`Emission::Activation`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivationPayload {
    pub status: &'static str,
    pub message: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// With `expired`: minutes since the window closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expired_minutes_ago: Option<u64>,
}

/// Hides what may be in no log.
macro_rules! redacted_debug {
    ($($name:ident),*) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}
redacted_debug!(QrPayload, PairingCodePayload, ConnectedPayload);

impl Emission {
    /// The event's name on the wire.
    pub fn event(&self) -> &'static str {
        match self {
            Self::SessionState(_) => "session-state",
            Self::Qr(_) => "qr-update",
            Self::PairingCode(_) => "pairing-code",
            Self::PasskeyRequest(_) => "passkey-request",
            Self::PasskeyConfirmation(_) => "passkey-confirmation",
            Self::PasskeyError(_) => "passkey-error",
            Self::Connected(_) => "whatsapp-connected",
            Self::Activation(_) => "activation",
        }
    }
}

/// What a client that has heard `old` must hear to know `new`, in order: the state, then what belongs to it. `None` = it has
/// heard nothing yet.
pub fn diff(old: Option<&CompanyView>, new: &CompanyView, now: DateTime<Utc>) -> Vec<Emission> {
    let mut emissions = Vec::new();
    let state = state_payload(new);
    if old.map(state_payload).as_ref() != Some(&state) {
        emissions.push(Emission::SessionState(state));
    }
    if new.session.qr != old.and_then(|old| old.session.qr.clone()) {
        emissions.extend(new.session.qr.as_ref().and_then(|qr| qr_payload(qr, now)));
    }
    if new.session.pairing != old.and_then(|old| old.session.pairing.clone()) {
        emissions.extend(new.session.pairing.as_ref().and_then(|pairing| pairing_payload(pairing, now)));
    }
    if new.session.passkey != old.and_then(|old| old.session.passkey.clone()) {
        emissions.extend(new.session.passkey.as_ref().and_then(|passkey| passkey_payload(passkey, now)));
    }
    if old.is_some_and(|old| old.session.reason != new.session.reason) {
        emissions.extend(new.session.reason.and_then(passkey_error));
    }
    let connected = connected_payload(new);
    if connected != old.and_then(connected_payload) {
        emissions.extend(connected.map(Emission::Connected));
    }
    if old.map(|old| old.activation) != Some(new.activation) {
        emissions.push(Emission::Activation(activation_payload(new.activation)));
    }
    emissions
}

fn state_payload(view: &CompanyView) -> SessionStatePayload {
    let session = &view.session;
    SessionStatePayload {
        state: session.state,
        since: session.since,
        reason: session.reason,
        retry_at: session.retry_at,
        action: session.action,
        limits: session.limits.any().then(|| LimitsWire::from(&session.limits)),
    }
}

fn qr_payload(qr: &QrView, now: DateTime<Utc>) -> Option<Emission> {
    let expires_in = seconds_left(qr.expires_at, now)?;
    let text = qr.text.expose();
    Some(Emission::Qr(QrPayload { qr: text.to_owned(), image: web::qr_svg_data_url(text), expires_in, attempt: qr.attempt }))
}

fn pairing_payload(pairing: &PairingView, now: DateTime<Utc>) -> Option<Emission> {
    let expires_in = seconds_left(pairing.expires_at, now)?;
    Some(Emission::PairingCode(PairingCodePayload {
        code: pairing.code.expose().to_owned(),
        phone_number: pairing.phone.e164(),
        expires_in,
    }))
}

fn passkey_payload(passkey: &PasskeyView, now: DateTime<Utc>) -> Option<Emission> {
    let payload = PasskeyWire::of(passkey, now)?;
    Some(match passkey.stage {
        PasskeyStage::Requested | PasskeyStage::Checking => Emission::PasskeyRequest(payload),
        PasskeyStage::Comparing | PasskeyStage::Confirming => Emission::PasskeyConfirmation(payload),
    })
}

/// What went wrong with a passkey; other reasons have no event of their own.
fn passkey_error(reason: StateReason) -> Option<Emission> {
    let (code, message) = match reason {
        StateReason::PasskeyRefused => ("PASSKEY_REFUSED", "WhatsApp or the phone did not accept; scan the new code to try again"),
        StateReason::PasskeyBroken => ("PASSKEY_BROKEN", "WhatsApp's passkey step can't be followed; scan the new code to try again"),
        StateReason::PasskeyTimedOut => ("PASSKEY_TIMED_OUT", "the passkey step took too long; scan the new code to try again"),
        _ => return None,
    };
    Some(Emission::PasskeyError(PasskeyErrorPayload { message, code }))
}

fn connected_payload(view: &CompanyView) -> Option<ConnectedPayload> {
    let own = view.session.own.as_ref().filter(|_| view.connected())?;
    Some(ConnectedPayload {
        success: true,
        phone: own.phone.e164(),
        company_id: view.company_id,
        session_id: view.session_id(),
        message: "WhatsApp is connected",
    })
}

fn activation_payload(activation: ActivationView) -> ActivationPayload {
    let plain = |status, message| ActivationPayload { status, message, next_attempt_at: None, expired_minutes_ago: None };
    match activation {
        ActivationView::Waiting => plain("waiting", "waiting for WhatsApp"),
        ActivationView::Activating => plain("activating", "activating the integration at YClients"),
        ActivationView::Retrying { next_attempt_at } => ActivationPayload {
            next_attempt_at: Some(next_attempt_at),
            ..plain("retrying", "YClients did not accept yet; it will be tried again")
        },
        ActivationView::Active => plain("active", "the integration is active"),
        ActivationView::Expired { minutes_ago } => ActivationPayload {
            expired_minutes_ago: Some(minutes_ago),
            ..plain("expired", "the registration expired; connect again from YClients")
        },
        ActivationView::Failed => plain("failed", "YClients refused the activation"),
    }
}

#[cfg(test)]
mod tests;
