//! Linking with accounts that want their owner's passkey, and what goes wrong on the way to a link.

use super::*;
use crate::events::PasskeyStep;
use crate::view::PasskeyStage;

/// A session whose phone scanned and whose account wants its passkey.
fn asked() -> Rig {
    let mut rig = Rig::scanning();
    rig.say(passkey_request(100));
    rig
}

fn stage(rig: &Rig) -> Option<PasskeyStage> {
    rig.machine.snapshot().view.passkey.map(|passkey| passkey.stage)
}

fn shown_reason(rig: &Rig) -> Option<StateReason> {
    rig.machine.snapshot().view.reason
}

fn noted(rig: &Rig, step: PasskeyStep) -> bool {
    rig.did(|effect| *effect == Effect::Note(Note::Passkey(step)))
}

#[test]
fn a_passkey_is_handed_in_the_codes_are_compared_and_then_it_is_paired() {
    let mut rig = asked();
    rig.is(SessionState::AwaitingPasskey, None);
    assert!(noted(&rig, PasskeyStep::Requested));
    let view = rig.machine.snapshot().view;
    assert_eq!((view.action, stage(&rig)), (Some(NextStep::UsePasskey), Some(PasskeyStage::Requested)));
    assert_eq!(view.passkey.unwrap().expires_at, start() + TimeDelta::seconds(100));

    rig.wish(Wish::PasskeyResponse(assertion()));
    assert!(rig.did(|effect| *effect == Effect::Command(LinkCommand::PasskeyResponse(assertion()))));
    assert_eq!(stage(&rig), Some(PasskeyStage::Checking));
    rig.say(LinkFact::PasskeyCode(Secret::new("WXYZ-1234")));
    let view = rig.machine.snapshot().view;
    assert_eq!((view.action, view.passkey.unwrap().code), (Some(NextStep::CompareCodes), Some(Secret::new("WXYZ-1234"))));
    rig.wish(Wish::PasskeyConfirm);
    assert!(rig.did(|effect| *effect == Effect::Command(LinkCommand::PasskeyConfirm)));
    assert_eq!(stage(&rig), Some(PasskeyStage::Confirming));
    rig.say(LinkFact::Paired(own()));
    rig.is(SessionState::Pairing, None);
    assert_eq!(stage(&rig), None);
}

#[test]
fn each_step_is_taken_once_and_in_order() {
    let mut rig = asked();
    let commands = |rig: &Rig| rig.did(|effect| matches!(effect, Effect::Command(_)));
    rig.wish(Wish::PasskeyConfirm);
    assert!(!commands(&rig), "nothing to confirm yet");
    rig.say(LinkFact::PasskeyCode(Secret::new("WXYZ-1234")));
    assert_eq!(stage(&rig), Some(PasskeyStage::Requested), "no code without an answer");
    rig.wish(Wish::PasskeyResponse(assertion())).wish(Wish::PasskeyResponse(assertion()));
    assert!(!commands(&rig), "one answer per request");
    rig.say(LinkFact::PasskeyCode(Secret::new("WXYZ-1234"))).wish(Wish::PasskeyConfirm).wish(Wish::PasskeyConfirm);
    assert!(!commands(&rig));
    let mut rig = Rig::scanning();
    rig.wish(Wish::PasskeyResponse(assertion())).wish(Wish::PasskeyConfirm);
    assert!(!commands(&rig), "nobody asked");
}

#[test]
fn a_qr_refresh_does_not_end_the_passkey_step() {
    let mut rig = asked();
    rig.say(qr(2)).say(qr(3));
    rig.is(SessionState::AwaitingPasskey, None);
    assert_eq!(rig.machine.snapshot().view.qr, None, "one thing to do at a time");
}

#[test]
fn what_fails_in_the_passkey_step_is_said_and_a_fresh_link_offers_another_try() {
    for (failure, reason) in [(PasskeyFailure::Refused, StateReason::PasskeyRefused), (PasskeyFailure::Broken, StateReason::PasskeyBroken)]
    {
        let mut rig = asked();
        rig.wish(Wish::PasskeyResponse(assertion())).say(LinkFact::PasskeyFailed(failure));
        assert!(noted(&rig, PasskeyStep::Failed(failure)));
        assert!(rig.did(|effect| *effect == Effect::Command(LinkCommand::Close)));
        rig.end(LinkEnd::Closed);
        assert!(rig.dials());
        rig.give(Input::DialGranted).say(qr(1));
        rig.is(SessionState::AwaitingScan, None);
        assert_eq!(shown_reason(&rig), Some(reason), "until the next try gets further");
        rig.say(passkey_request(100));
        assert_eq!(shown_reason(&rig), None);
    }
}

#[test]
fn options_nobody_can_read_are_told_although_the_step_never_began() {
    let mut rig = Rig::scanning();
    rig.say(LinkFact::PasskeyFailed(PasskeyFailure::Broken));
    rig.is(SessionState::Connecting, None);
    assert_eq!(shown_reason(&rig), Some(StateReason::PasskeyBroken));
}

#[test]
fn the_passkey_step_ends_with_whatsapps_patience() {
    let mut rig = asked();
    assert_eq!(rig.wait(TimerKind::Connect), seconds(100));
    rig.due(TimerKind::Connect);
    assert_eq!(shown_reason(&rig), Some(StateReason::PasskeyTimedOut));
    rig.end(LinkEnd::Closed);
    assert!(rig.dials());

    let mut rig = asked();
    rig.end(LinkEnd::QrExhausted);
    assert_eq!(shown_reason(&rig), Some(StateReason::PasskeyTimedOut), "the codes ran out under it");
    assert!(rig.dials() && rig.machine.rounds_used == 0);
}

#[test]
fn the_owner_can_leave_the_passkey_step_for_a_qr_or_for_another_number() {
    let mut rig = asked();
    rig.wish(Wish::CancelPairing).end(LinkEnd::Closed).give(Input::DialGranted).say(qr(1));
    rig.is(SessionState::AwaitingScan, None);
    assert_eq!(shown_reason(&rig), None, "the owner knows");

    let mut rig = asked();
    rig.wish(Wish::PairingCode(phone())).end(LinkEnd::Closed).give(Input::DialGranted).say(qr(1));
    assert!(rig.did(|effect| *effect == Effect::Command(LinkCommand::RequestPairingCode(phone()))));
}

#[test]
fn the_passkey_step_waits_for_the_owner_as_long_as_other_codes_do() {
    let mut rig = asked();
    rig.wish(Wish::Viewers(false)).due(TimerKind::Linger);
    rig.is(SessionState::Idle, Some(StateReason::OwnerLeft));
}

#[test]
fn a_refused_pairing_is_told_until_the_next_try() {
    let mut rig = Rig::scanning();
    rig.say(LinkFact::PairingRefused).end(LinkEnd::Lost(LossKind::Disconnected));
    rig.is(SessionState::Backoff, Some(StateReason::NetworkLost));
    assert_eq!(shown_reason(&rig), Some(StateReason::PairingRefused));
    rig.due(TimerKind::Backoff).give(Input::DialGranted).say(qr(1));
    assert_eq!(shown_reason(&rig), Some(StateReason::PairingRefused));
    rig.say(LinkFact::Paired(own()));
    assert_eq!(shown_reason(&rig), None);
}

#[test]
fn a_code_for_another_phone_is_asked_for_by_a_device_whatsapp_has_never_seen() {
    let mut rig = Rig::scanning();
    rig.wish(Wish::PairingCode(phone())).say(code());
    let other: Phone = "+79160000003".parse().unwrap();
    rig.wish(Wish::PairingCode(other.clone()));
    rig.is(SessionState::Connecting, None);
    assert!(rig.did(|effect| *effect == Effect::Command(LinkCommand::Close)));
    rig.end(LinkEnd::Closed);
    assert!(matches!(rig.effects[0], Effect::EraseCredentials(_)), "{:?}", rig.effects);
    assert!(rig.dials());
    rig.give(Input::DialGranted).say(qr(1));
    assert!(rig.did(|effect| *effect == Effect::Command(LinkCommand::RequestPairingCode(other.clone()))));
    rig.wish(Wish::CancelPairing).wish(Wish::PairingCode(other));
    assert!(!rig.did(|effect| *effect == Effect::Command(LinkCommand::Close)), "the same phone keeps its device");
}

#[test]
fn a_code_for_another_phone_after_the_link_was_given_up_erases_at_once() {
    let mut rig = Rig::scanning();
    rig.wish(Wish::PairingCode(phone())).say(code());
    rig.wish(Wish::Viewers(false)).due(TimerKind::Linger).end(LinkEnd::Closed);
    rig.wish(Wish::PairingCode("+79160000003".parse().unwrap()));
    assert!(matches!(rig.effects[0], Effect::EraseCredentials(_)) && rig.dials());
}
