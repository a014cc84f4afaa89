//! What the library's events mean to us, and what a link's end was. Pure; the only place that judges either.

use std::time::Duration;

use frontdesk_actors::ids::{OwnIdentity, Secret};
use frontdesk_actors::ports::{LinkEnd, LossKind};
use wacore::types::events::{ConnectFailureReason, Event, EventInterest, EventKind};
use whatsapp_rust::Jid;
use whatsapp_rust::passkey::parse_request_options;

use super::egress::Progress;
use super::limits::{self, Limit};

/// A connection that was heard this recently did not die of silence. The library gives up after 20 s without an answer.
const RECENTLY: Duration = Duration::from_secs(10);

/// What an event means to a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Heard {
    /// A code to scan.
    Qr { text: Secret, valid_for: Duration },
    /// No more codes to scan on this connection; it stays open for the pairing code that is out.
    QrUsedUp,
    /// The pairing code that is out is void. `ask_again`: without asking the owner.
    CodeVoid { ask_again: bool },
    /// No pairing code will come, or its second step was refused.
    CodeFailed { throttled: bool },
    /// The phone accepted. `None`: as an account whose number we can't read.
    Paired(Option<OwnIdentity>),
    /// The phone scanned, but it will not be.
    PairingRefused,
    /// An assertion of the owner's passkey is wanted, by these options.
    PasskeyRequested(Secret),
    /// Phone and page must show the same code. `agreed`: WhatsApp knows this device, nobody needs to compare.
    PasskeyCode { code: Secret, agreed: bool },
    /// What came in the passkey step can't be used.
    PasskeyBroken,
    /// A limit on first messages.
    Limit(Limit),
    /// A first message was refused by a limit.
    FirstMessageRefused,
    /// Logged in and answering.
    Connected,
    /// The service complained; the connection may live on.
    Complaint,
    /// A message could not be decrypted.
    Unreadable,
    /// This link is over.
    End(LinkEnd),
}

/// The events that [`translate`] knows. The library doesn't build the others for us.
pub(super) fn interest() -> EventInterest {
    EventInterest::of(&[
        EventKind::PairingQrCode,
        EventKind::PairingQrCodesExhausted,
        EventKind::PairingCodeRefresh,
        EventKind::PairingCodeError,
        EventKind::PairSuccess,
        EventKind::PairError,
        EventKind::QrScannedWithoutMultidevice,
        EventKind::PairPasskeyRequest,
        EventKind::PairPasskeyConfirmation,
        EventKind::PairPasskeyError,
        EventKind::MexNotification,
        EventKind::ServerAck,
        EventKind::Connected,
        EventKind::Disconnected,
        EventKind::LoggedOut,
        EventKind::StreamReplaced,
        EventKind::StreamError,
        EventKind::UndecryptableMessage,
        EventKind::TemporaryBan,
        EventKind::ClientOutdated,
        EventKind::ConnectFailure,
    ])
}

/// What this event means, if anything.
pub(super) fn translate(event: &Event) -> Option<Heard> {
    Some(match event {
        Event::PairingQrCode(qr) => Heard::Qr { text: Secret::new(qr.code.clone()), valid_for: qr.timeout },
        Event::PairingQrCodesExhausted(codes) if codes.disconnected => Heard::End(LinkEnd::QrExhausted),
        Event::PairingQrCodesExhausted(_) => Heard::QrUsedUp,
        Event::PairingCodeRefresh(refresh) => Heard::CodeVoid { ask_again: !refresh.force_manual },
        Event::PairingCodeError(failure) => {
            let throttled = failure.rejection.as_ref().is_some_and(|rejection| rejection.is_throttled());
            Heard::CodeFailed { throttled }
        }
        Event::PairSuccess(paired) => Heard::Paired(identity(Some(&paired.id), Some(&paired.lid))),
        Event::PairError(_) | Event::QrScannedWithoutMultidevice(_) => Heard::PairingRefused,
        Event::PairPasskeyRequest(request) => passkey_request(&request.request_options_json),
        Event::PairPasskeyConfirmation(code) => Heard::PasskeyCode { code: Secret::new(code.code.clone()), agreed: code.skip_handoff_ux },
        Event::PairPasskeyError(_) => Heard::PasskeyBroken,
        Event::MexNotification(news) => Heard::Limit(limits::told(&news.op_name, &news.payload)?),
        Event::ServerAck(ack) if ack.error.as_deref() == Some(limits::REFUSED) => Heard::FirstMessageRefused,
        Event::Connected(_) => Heard::Connected,
        Event::Disconnected(_) => Heard::End(LinkEnd::Lost(LossKind::Disconnected)),
        Event::LoggedOut(logout) => Heard::End(failure(&logout.reason)),
        Event::StreamReplaced(_) => Heard::End(LinkEnd::Replaced),
        Event::StreamError(_) => Heard::Complaint,
        Event::UndecryptableMessage(_) => Heard::Unreadable,
        Event::TemporaryBan(ban) => Heard::End(LinkEnd::Banned { expires_in: ban.expire.to_std().ok() }),
        Event::ClientOutdated(_) => Heard::End(LinkEnd::Outdated),
        Event::ConnectFailure(refusal) => Heard::End(failure(&refusal.reason)),
        // The library's enum grows; what isn't in `interest` doesn't concern a link.
        _ => return None,
    })
}

/// Options that no authenticator could read are not shown to anybody.
fn passkey_request(options: &str) -> Heard {
    match parse_request_options(options) {
        Ok(_) => Heard::PasskeyRequested(Secret::new(options)),
        Err(_) => Heard::PasskeyBroken,
    }
}

/// What a refused login means for the credentials.
fn failure(reason: &ConnectFailureReason) -> LinkEnd {
    match reason {
        ConnectFailureReason::LoggedOut | ConnectFailureReason::UnknownLogout => LinkEnd::LoggedOut,
        ConnectFailureReason::TempBanned | ConnectFailureReason::AccountLocked => LinkEnd::Locked,
        ConnectFailureReason::ClientOutdated | ConnectFailureReason::BadUserAgent => LinkEnd::Outdated,
        ConnectFailureReason::Generic
        | ConnectFailureReason::CatExpired
        | ConnectFailureReason::CatInvalid
        | ConnectFailureReason::NotFound
        | ConnectFailureReason::ClientUnknown
        | ConnectFailureReason::InternalServerError
        | ConnectFailureReason::Experimental
        | ConnectFailureReason::ServiceUnavailable
        | ConnectFailureReason::Unknown(_) => LinkEnd::Lost(LossKind::Service),
    }
}

/// The account behind these ids, without the device. `None` without a number that is one.
pub(super) fn identity(number: Option<&Jid>, lid: Option<&Jid>) -> Option<OwnIdentity> {
    let phone = format!("+{}", number?.user).parse().ok()?;
    let lid = lid.filter(|lid| !lid.user.is_empty()).map(Jid::to_non_ad_string);
    Some(OwnIdentity { phone, lid })
}

/// What is known when the library's client has ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ending {
    /// The client panicked.
    pub(super) panicked: bool,
    /// State could not be kept.
    pub(super) storage_failed: bool,
    /// The phone accepted on this link.
    pub(super) paired: bool,
    /// The Noise handshake was done.
    pub(super) connected: bool,
    /// The service complained before.
    pub(super) complaint: bool,
    /// How far the connection came.
    pub(super) progress: Progress,
}

/// Names an end for which no event spoke, or only "disconnected".
///
/// The library is silent about a failed dial, about its own watchdog, and about 515: what tells them apart is how far the
/// connection came and how long ago it was last heard.
pub(super) fn unspoken(ending: Ending, disconnected: bool) -> LinkEnd {
    let silent = match ending.progress {
        Progress::Answered { silent_for, .. } => silent_for >= RECENTLY,
        Progress::NoWayOut | Progress::Unconnected | Progress::Unanswered => true,
    };
    match ending {
        Ending { panicked: true, .. } => LinkEnd::Crashed,
        Ending { storage_failed: true, .. } => LinkEnd::StorageFailed,
        // After pairing the service ends the connection in its own way; the credentials are good, so open the next one.
        Ending { paired: true, .. } => LinkEnd::RestartRequired,
        Ending { complaint: true, .. } => LinkEnd::Lost(LossKind::Service),
        Ending { connected: false, progress: Progress::NoWayOut, .. } => LinkEnd::Lost(LossKind::Proxy),
        Ending { connected: false, .. } => LinkEnd::Lost(LossKind::Dial),
        _ if disconnected => LinkEnd::Lost(LossKind::Disconnected),
        _ if silent => LinkEnd::Lost(LossKind::Silent),
        _ => LinkEnd::RestartRequired,
    }
}

#[cfg(test)]
#[path = "translate/tests.rs"]
mod tests;
