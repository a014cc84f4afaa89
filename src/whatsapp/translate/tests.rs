use wacore::types::events as e;
use whatsapp_rust::pair_code::PairCodeRejection;

use super::*;

const SOON: Progress = Progress::Answered { silent_for: Duration::from_millis(40), hung_up: false };
const LATE: Progress = Progress::Answered { silent_for: Duration::from_secs(25), hung_up: false };

fn jid(text: &str) -> Jid {
    text.parse().unwrap()
}

fn refused(code: i32) -> Option<Heard> {
    translate(&Event::ConnectFailure(e::ConnectFailure::builder().reason(ConnectFailureReason::from(code)).build()))
}

fn logged_out(code: i32) -> Option<Heard> {
    let reason = ConnectFailureReason::from(code);
    translate(&Event::LoggedOut(e::LoggedOut::builder().on_connect(true).reason(reason).build()))
}

#[test]
fn every_refusal_at_login_has_its_own_end() {
    let service = LinkEnd::Lost(LossKind::Service);
    for (code, end) in [
        (400, service),
        (401, LinkEnd::LoggedOut),
        (402, LinkEnd::Locked),
        (403, LinkEnd::Locked),
        (405, LinkEnd::Outdated),
        (406, LinkEnd::LoggedOut),
        (409, LinkEnd::Outdated),
        (413, service),
        (414, service),
        (415, service),
        (418, service),
        (500, service),
        (501, service),
        (503, service),
        (777, service),
    ] {
        assert_eq!(refused(code), Some(Heard::End(end)), "{code}");
    }
    assert_eq!(logged_out(401), Some(Heard::End(LinkEnd::LoggedOut)));
    assert_eq!(logged_out(403), Some(Heard::End(LinkEnd::Locked)));
}

#[test]
fn a_ban_keeps_its_length() {
    let ban = |seconds| {
        let builder = e::TemporaryBan::builder().code(e::TempBanReason::BlockedByUsers);
        translate(&Event::TemporaryBan(builder.expire(whatsapp_rust::chrono::Duration::seconds(seconds)).build()))
    };
    let hour = Some(Duration::from_secs(3600));
    assert_eq!(ban(3600), Some(Heard::End(LinkEnd::Banned { expires_in: hour })));
    assert_eq!(ban(-1), Some(Heard::End(LinkEnd::Banned { expires_in: None })));
}

#[test]
fn ends_of_a_running_connection_are_told_apart() {
    let reason = wacore::net::DisconnectReason::StreamEnded;
    for (event, heard) in [
        (Event::StreamReplaced(e::StreamReplaced::builder().build()), Heard::End(LinkEnd::Replaced)),
        (Event::ClientOutdated(e::ClientOutdated::builder().build()), Heard::End(LinkEnd::Outdated)),
        (Event::Disconnected(e::Disconnected::builder().reason(reason).build()), Heard::End(LinkEnd::Lost(LossKind::Disconnected))),
        (Event::StreamError(e::StreamError::builder().code("500".to_owned()).build()), Heard::Complaint),
        (Event::Connected(e::Connected::builder().build()), Heard::Connected),
    ] {
        assert_eq!(translate(&event), Some(heard), "{event:?}");
    }
}

#[test]
fn pairing_events_become_facts() {
    let minute = Duration::from_secs(60);
    let qr = e::PairingQrCode::builder().code("2@ref".to_owned()).timeout(minute).build();
    let exhausted = |disconnected| Event::PairingQrCodesExhausted(e::PairingQrCodesExhausted::builder().disconnected(disconnected).build());
    let refresh = |force_manual| Event::PairingCodeRefresh(e::PairingCodeRefresh::builder().force_manual(force_manual).build());
    let code_error = |rejection: Option<PairCodeRejection>| {
        let builder = e::PairingCodeError::builder().maybe_rejection(rejection).error(String::new());
        Event::PairingCodeError(builder.build())
    };
    for (event, heard) in [
        (Event::PairingQrCode(qr), Heard::Qr { text: Secret::new("2@ref"), valid_for: minute }),
        (exhausted(true), Heard::End(LinkEnd::QrExhausted)),
        (exhausted(false), Heard::QrUsedUp),
        (refresh(false), Heard::CodeVoid { ask_again: true }),
        (refresh(true), Heard::CodeVoid { ask_again: false }),
        (code_error(None), Heard::CodeFailed { throttled: false }),
        (code_error(Some(PairCodeRejection::RateOverlimit)), Heard::CodeFailed { throttled: true }),
        (code_error(Some(PairCodeRejection::BadRequest)), Heard::CodeFailed { throttled: true }),
        (code_error(Some(PairCodeRejection::FeatureNotAvailable)), Heard::CodeFailed { throttled: false }),
        (Event::QrScannedWithoutMultidevice(e::QrScannedWithoutMultidevice::builder().build()), Heard::PairingRefused),
    ] {
        assert_eq!(translate(&event), Some(heard), "{event:?}");
    }
}

#[test]
fn the_passkey_step_becomes_facts_and_options_nobody_could_read_are_told_as_broken() {
    let request = |options: &str| {
        let request = e::PairPasskeyRequest::builder().request_options_json(options.to_owned()).build();
        translate(&Event::PairPasskeyRequest(request))
    };
    let good = r#"{"challenge":"AAAA","rpId":"web.whatsapp.com","allowCredentials":[{"id":"AAAA","type":"public-key"}]}"#;
    assert_eq!(request(good), Some(Heard::PasskeyRequested(Secret::new(good))));
    for bad in ["", "{}", r#"{"challenge":17}"#, r#"{"challenge":""}"#, r#"{"challenge":"AAAA","rpId":1}"#] {
        assert_eq!(request(bad), Some(Heard::PasskeyBroken), "{bad}");
    }
    for agreed in [false, true] {
        let code = e::PairPasskeyConfirmation::builder().code("ABCD-1234".to_owned()).skip_handoff_ux(agreed).build();
        let heard = Heard::PasskeyCode { code: Secret::new("ABCD-1234"), agreed };
        assert_eq!(translate(&Event::PairPasskeyConfirmation(code)), Some(heard));
    }
    let error = e::PairPasskeyError::builder().error(String::new()).continuation(true).build();
    assert_eq!(translate(&Event::PairPasskeyError(error)), Some(Heard::PasskeyBroken));
}

#[test]
fn a_refused_first_message_is_heard_and_other_acks_are_not() {
    let ack = |error: Option<&str>| {
        let builder = e::ServerAck::builder().id("1".to_owned()).class("message".to_owned());
        translate(&Event::ServerAck(builder.maybe_error(error.map(str::to_owned)).build()))
    };
    assert_eq!(ack(Some("463")), Some(Heard::FirstMessageRefused));
    assert_eq!((ack(Some("479")), ack(None)), (None, None));
}

#[test]
fn the_own_identity_has_no_device_suffix() {
    let paired = e::PairSuccess::builder()
        .id(jid("79161234567:12@s.whatsapp.net"))
        .lid(jid("123456789012345:12@lid"))
        .business_name(String::new())
        .platform("android".to_owned())
        .build();
    let expected = OwnIdentity { phone: "+79161234567".parse().unwrap(), lid: Some("123456789012345@lid".to_owned()) };
    assert_eq!(translate(&Event::PairSuccess(paired)), Some(Heard::Paired(Some(expected))));
    assert_eq!(identity(Some(&jid("status@broadcast")), None), None);
    assert_eq!(identity(None, None), None);
}

#[test]
fn an_end_without_words_is_judged_by_how_far_the_connection_came() {
    let plain = Ending { panicked: false, storage_failed: false, paired: false, connected: true, complaint: false, progress: SOON };
    let lost = LinkEnd::Lost;
    for (ending, disconnected, expected) in [
        (plain, false, LinkEnd::RestartRequired),
        (plain, true, lost(LossKind::Disconnected)),
        (Ending { progress: LATE, ..plain }, false, lost(LossKind::Silent)),
        (Ending { progress: LATE, ..plain }, true, lost(LossKind::Disconnected)),
        (Ending { connected: false, progress: Progress::Unconnected, ..plain }, false, lost(LossKind::Dial)),
        (Ending { connected: false, progress: Progress::Unanswered, ..plain }, false, lost(LossKind::Dial)),
        (Ending { connected: false, ..plain }, false, lost(LossKind::Dial)),
        (Ending { complaint: true, ..plain }, true, lost(LossKind::Service)),
        (Ending { complaint: true, ..plain }, false, lost(LossKind::Service)),
        (Ending { paired: true, ..plain }, false, LinkEnd::RestartRequired),
        (Ending { paired: true, ..plain }, true, LinkEnd::RestartRequired),
        (Ending { storage_failed: true, paired: true, ..plain }, false, LinkEnd::StorageFailed),
        (Ending { panicked: true, storage_failed: true, ..plain }, true, LinkEnd::Crashed),
    ] {
        assert_eq!(unspoken(ending, disconnected), expected, "{ending:?} {disconnected}");
    }
}
